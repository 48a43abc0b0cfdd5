"""Every write of SQLite, seen and stopped at will: the interpreter's own SQLite with a VFS of ours in front of its default.

Only what changes a disk is intercepted (write, truncate, sync, delete); locks, reads and the shared memory of the
write-ahead log go straight to the system's VFS, so the code under test is SQLite as shipped. The library is found
through the module ``_sqlite3`` itself, so it is the very one that ``sqlite3`` uses.
"""

import _sqlite3
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_int64, c_void_p, cast, sizeof
from pathlib import Path
from typing import Any, NamedTuple

OK, FULL, IOERR_WRITE = 0, 13, 10 | 3 << 8
OPEN_READWRITE = 0x2


class Operation(NamedTuple):
    """One step that changes what a disk holds. ``kind``: write, truncate, sync, delete, rename, sync_folder, or a mark.

    ``data`` is what was written; ``at`` the offset, the new size, or a mark's number; ``to`` a rename's target.
    """

    kind: str
    path: Path
    at: int = 0
    data: bytes = b""
    to: Path | None = None


Witness = Callable[[Operation], int]
"""Hears of an operation before it happens; what it returns instead of ``OK`` is SQLite's answer, and nothing happens."""


class _Methods(Structure):
    _fields_ = (
        ("version", c_int),
        *((name, c_void_p) for name in ("close", "read", "write", "truncate", "sync", "size", "lock", "unlock")),
        *((name, c_void_p) for name in ("reserved", "control", "sector", "characteristics")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch")),
    )


class _File(Structure):
    _fields_ = (("methods", POINTER(_Methods)),)


class _Vfs(Structure):
    _fields_ = (
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        *((name, c_void_p) for name in ("open", "delete", "access", "full_path", "dl_open", "dl_error", "dl_sym")),
        *((name, c_void_p) for name in ("dl_close", "random", "sleep", "time", "last_error", "time64")),
        *((name, c_void_p) for name in ("set_call", "get_call", "next_call")),
    )


_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class Unavailable(Exception):
    """This interpreter's SQLite does not show its symbols."""


def _library() -> Any:
    file = getattr(_sqlite3, "__file__", None)
    library = ctypes.CDLL(file)  # None: the interpreter itself, into which it was built
    try:
        library.sqlite3_vfs_find.restype = POINTER(_Vfs)
        library.sqlite3_vfs_register.argtypes = (POINTER(_Vfs), c_int)
        library.sqlite3_vfs_unregister.argtypes = (POINTER(_Vfs),)
    except AttributeError as missing:
        raise Unavailable(f"SQLite's symbols cannot be found ({missing})") from None
    return library


class _Front:
    """The VFS in front. Everything ctypes hands to SQLite has to stay alive, so there is one per process."""

    def __init__(self) -> None:
        self.library = _library()
        self.system = self.library.sqlite3_vfs_find(None)
        if not self.system or not self.system.contents.file_size:
            raise Unavailable("SQLite has no VFS here")
        self.witness: Witness = lambda operation: OK
        self._paths: dict[int, Path] = {}
        self._fronts: dict[int, _Methods] = {}
        self._callbacks: list[object] = []
        self._open = _OPEN(self.system.contents.open)
        self._delete = _DELETE(self.system.contents.delete)
        self.vfs = _Vfs()
        ctypes.memmove(byref(self.vfs), self.system, sizeof(_Vfs))
        self.vfs.name = b"alpaca-trader-proofs"
        self.vfs.open = self._kept(_OPEN(self._on_open))
        self.vfs.delete = self._kept(_DELETE(self._on_delete))

    def _kept(self, callback: Any) -> int | None:
        self._callbacks.append(callback)
        return cast(callback, c_void_p).value

    def _on_open(self, _vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        code: int = self._open(cast(self.system, c_void_p), name, file, flags, out)
        if code == OK and name and flags & OPEN_READWRITE:
            self._paths[file] = Path(os.fsdecode(ctypes.string_at(name)))
            opened = cast(file, POINTER(_File)).contents
            own = cast(opened.methods, c_void_p).value
            assert own is not None, "an open file has methods"
            if own not in self._fronts:
                self._fronts[own] = self._front(opened.methods.contents)
            opened.methods = POINTER(_Methods)(self._fronts[own])
        return code

    def _on_delete(self, _vfs: int, name: bytes, sync_folder: int) -> int:
        code = self.witness(Operation("delete", Path(os.fsdecode(name)), sync_folder))
        answer: int = code or self._delete(cast(self.system, c_void_p), name, sync_folder)
        return answer

    def _front(self, system: _Methods) -> _Methods:
        front = _Methods()
        ctypes.memmove(byref(front), byref(system), sizeof(_Methods))
        front.version = 2  # no memory-mapped reads, which version 3 brings
        write, truncate, sync = _WRITE(system.write), _TRUNCATE(system.truncate), _SYNC(system.sync)

        def on_write(file: int, data: int, length: int, at: int) -> int:
            code = self.witness(Operation("write", self._paths[file], at, ctypes.string_at(data, length)))
            answer: int = code or write(file, data, length, at)
            return answer

        def on_truncate(file: int, size: int) -> int:
            answer: int = self.witness(Operation("truncate", self._paths[file], size)) or truncate(file, size)
            return answer

        def on_sync(file: int, flags: int) -> int:
            answer: int = self.witness(Operation("sync", self._paths[file])) or sync(file, flags)
            return answer

        front.write = self._kept(_WRITE(on_write))
        front.truncate = self._kept(_TRUNCATE(on_truncate))
        front.sync = self._kept(_SYNC(on_sync))
        return front


_fronts: list[_Front] = []


@contextmanager
def witnessed(witness: Witness) -> Iterator[None]:
    """Every connection opened meanwhile tells ``witness`` what it does to its files; all of them end before this does.

    Raises Unavailable where the interpreter's SQLite cannot be reached. One at a time.
    """
    if not _fronts:
        _fronts.append(_Front())
    front = _fronts[0]
    front.witness = witness
    front.library.sqlite3_vfs_register(byref(front.vfs), 1)
    try:
        yield
    finally:
        front.library.sqlite3_vfs_unregister(byref(front.vfs))
        front.library.sqlite3_vfs_register(front.system, 1)
        front.witness = lambda operation: OK
