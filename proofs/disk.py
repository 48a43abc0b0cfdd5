"""What a disk may hold after a power cut: synced bytes for certain, anything since then in whole, in part or not at all.

``Disk`` is told every operation in order and can be asked at any instant for the images that a power cut could leave.
A file's content is certain once it was synced, its name once its folder was; SQLite syncs the folder itself when it first
syncs a log it has made. What was not synced may be lost, kept, or torn into sectors of 512 bytes of which any may be there.
"""

import os
import random
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from proofs.vfs import Operation

SECTOR = 512
LOGS = ("-wal", "-journal")
Image = Mapping[Path, bytes]
"""Content by path."""


class _File:
    """One file's content: the part that is certain, what was done since, and what a reader sees."""

    def __init__(self) -> None:
        self.certain = b""
        self.seen = bytearray()
        self.pending: list[Operation] = []

    def take(self, operation: Operation) -> None:
        self.pending.append(operation)
        _apply(self.seen, operation)

    def sync(self) -> None:
        self.certain = bytes(self.seen)
        self.pending.clear()

    def torn(self, chance: random.Random) -> bytes:
        """Each sector of what was not synced there or not, whatever came before or after it."""
        content = bytearray(self.certain)
        for operation in self.pending:
            if operation.kind == "truncate":
                if chance.random() < 0.5:
                    _apply(content, operation)
                continue
            first = operation.at
            while first < operation.at + len(operation.data):
                last = min((first // SECTOR + 1) * SECTOR, operation.at + len(operation.data))
                if chance.random() < 0.5:
                    part = operation.data[first - operation.at : last - operation.at]
                    _apply(content, Operation("write", operation.path, first, part))
                first = last
        return bytes(content)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "truncate":
        del content[operation.at :]
        return
    content.extend(bytes(max(0, operation.at - len(content))))
    content[operation.at : operation.at + len(operation.data)] = operation.data


class Disk:
    """Files and names after the operations told so far. Begins with what ``image`` holds, all of it certain."""

    def __init__(self, image: Image) -> None:
        self._seen: dict[Path, _File] = {}
        for path, content in image.items():
            file = self._seen[path] = _File()
            file.seen[:] = content
            file.sync()
        self._certain = dict(self._seen)
        self._renames: list[dict[Path, _File]] = []

    def take(self, operation: Operation) -> None:
        """Go on by one operation."""
        path = operation.path
        match operation.kind:
            case "write" | "truncate":
                if path not in self._seen:
                    self._seen[path] = _File()
                    self._renames.append(dict(self._seen))
                self._seen[path].take(operation)
            case "sync":
                self._seen[path].sync()
                if path.name.endswith(LOGS) and self._certain.get(path) is not self._seen[path]:
                    self._sync_names()
            case "delete":
                self._seen.pop(path, None)
                self._renames.append(dict(self._seen))
                if operation.at:
                    self._sync_names()
            case "rename":
                assert operation.to is not None, "a rename has a target"
                self._seen[operation.to] = self._seen.pop(path)
                self._renames.append(dict(self._seen))
            case "sync_folder":
                self._sync_names()

    def _sync_names(self) -> None:
        self._certain = dict(self._seen)
        self._renames.clear()

    def images(self, chance: random.Random) -> Iterator[tuple[str, Image]]:
        """What a power cut here may leave: model and content."""
        yield "lost", {path: file.certain for path, file in self._certain.items()}
        yield "kept", {path: bytes(file.seen) for path, file in self._seen.items()}
        yield "names kept", {path: file.certain for path, file in self._seen.items()}
        names = chance.choice([self._certain, *self._renames, self._seen])
        yield "torn", {path: file.torn(chance) for path, file in names.items()}


def lay(image: Image, folder: Path) -> None:
    """Write the image into the empty folder."""
    for path, content in image.items():
        (folder / path.name).write_bytes(content)


def empty(folder: Path) -> None:
    """Remove everything in the folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def fast_folder() -> Path | None:
    """Memory, where the system has a folder for that: proofs sync often, and nobody needs their files afterwards."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return memory if os.access(memory, os.W_OK) else None
