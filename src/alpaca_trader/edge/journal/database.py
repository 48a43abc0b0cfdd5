"""The journal's file: making it, checking it, bringing an old one up to date, and naming what is wrong with it.

A new database is built aside and renamed, so that a file of zero bytes or without its tables is never our own doing
and counts as damage. Settings are asserted after they are set: SQLite ignores what it does not understand.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from alpaca_trader.core.errors import BadInput, Fatal
from alpaca_trader.edge.home import PRIVATE_FILE, sync_folder
from alpaca_trader.edge.journal.errors import JournalUnreadable, JournalUnwritable

APPLICATION_ID = 0x414C5054
"""``ALPT``: marks a SQLite file as ours."""
OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""
BUSY_TIMEOUT_MS = 5_000
WAL_KEPT_BYTES = 64 * 1024 * 1024
DURABLE = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "checkpoint_fullfsync": 1}
"""synchronous=FULL (2): with NORMAL a power cut loses commits that were answered; fullfsync is what macOS needs."""

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT})
"""Result codes that speak of the file's content. SQLITE_ERROR: a table or column that must be there is not."""


def migrations() -> list[str]:
    """The schema's steps in order; a database that has taken the first n of them has ``user_version`` n."""
    folder = resources.files("alpaca_trader.edge.journal").joinpath("migrations")
    steps = sorted((step for step in folder.iterdir() if step.name.endswith(".sql")), key=lambda step: step.name)
    return [step.read_text(encoding="utf-8") for step in steps]


def open_for_writing(path: Path, steps: Sequence[str]) -> sqlite3.Connection:
    """A durable connection to the journal at ``path``, made or migrated as needed.

    Raises JournalUnreadable for a file that is damaged, foreign or newer, JournalUnwritable where it cannot be written.
    """
    require_sqlite(sqlite3.sqlite_version_info)
    try:
        if not path.exists():
            _create(path, steps)
        _refuse_empty(path)
        return _connect(path, steps)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except OSError as error:
        raise JournalUnwritable(f"{path} cannot be made: {error.strerror}; make its folder writable") from error


def open_for_reading(path: Path, steps: Sequence[str]) -> sqlite3.Connection:
    """A connection that can only read, beside a running engine or after its crash.

    Raises BadInput where there is no journal or an old one, JournalUnreadable for a damaged, foreign or newer file.
    """
    if not path.exists():
        raise BadInput(f"{path} does not exist: nothing has run in this home yet; start a run, or name another --home")
    _refuse_empty(path)
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        version = schema_version(connection, path, len(steps))
    except sqlite3.Error as error:
        raise explain(error, path) from error
    if version < len(steps):
        connection.close()
        raise BadInput(f"{path} has schema {version}, this program reads {len(steps)}; a run upgrades it")
    return connection


def require_sqlite(version: tuple[int, ...]) -> None:
    """Raises BadInput where this Python's SQLite is too old for the journal."""
    if version < OLDEST_SQLITE:
        shown, least = (".".join(map(str, each)) for each in (version, OLDEST_SQLITE))
        raise BadInput(f"this Python carries SQLite {shown}; the journal needs {least} or newer: use a newer Python")


def result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; SQLITE_ERROR for errors that Python's own layer raises (text that is not UTF-8)."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def explain(error: sqlite3.Error, path: Path) -> Fatal:
    """``error`` in the words of somebody who has to do something about it."""
    code = result_code(error)
    if code in BUSY:
        return JournalUnwritable(
            f"{path} is locked by another program ({error}); close whatever has it open for writing, then start again"
        )
    if code in DAMAGED:
        return damaged(path, str(error))
    return JournalUnwritable(f"{path} cannot be written ({error}); check free space, permissions and the disk")


def damaged(path: Path, what: str) -> JournalUnreadable:
    """The error for a file whose content cannot be trusted."""
    return JournalUnreadable(
        f"{path} is damaged ({what})",
        " and was left as it is; a start sets it aside, reads orders and positions from the broker, guards what is held"
        " and buys nothing until a human resumes",
    )


def schema_version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    """The schema version of a database of ours. Raises JournalUnreadable for a foreign or a newer one."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise JournalUnreadable(
            f"{path} is a SQLite file of another program", "; it was left as it is: name another --home"
        )
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > known:
        raise JournalUnreadable(
            f"{path} was written by a newer version (schema {version}, this one knows {known})",
            "; start that version again",
        )
    return version


def assert_durable(connection: sqlite3.Connection, path: Path) -> None:
    """Raises JournalUnwritable where SQLite did not take a setting that durability rests on."""
    for name, wanted in DURABLE.items():
        (found,) = connection.execute(f"PRAGMA {name}").fetchone()
        if found != wanted:
            raise JournalUnwritable(
                f"{path} cannot be made durable here ({name} is {found}, not {wanted}); put the home on a local disk"
            )


def migrate(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    """Take the steps that are missing, each whole or not at all."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, step in enumerate(steps[version:], version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{step}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            connection.rollback()
            raise


def _create(path: Path, steps: Sequence[str]) -> None:
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and wal.stat().st_size > 0:
        raise JournalUnreadable(
            f"{path} is gone while {wal.name} is still there",
            f"; put the file back, or start again: {wal.name} is then kept aside and orders are read from the broker",
        )
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    # SQLite gives -wal and -shm the permissions of the database.
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrate(connection, steps)
        connection.execute("PRAGMA journal_mode = WAL")
    fresh.rename(path)
    sync_folder(path.parent)


def _refuse_empty(path: Path) -> None:
    if path.stat().st_size == 0:
        raise damaged(path, "it is empty")


def _connect(path: Path, steps: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        schema_version(connection, path, len(steps))
        for name, value in DURABLE.items():
            connection.execute(f"PRAGMA {name} = {value}")
        assert_durable(connection, path)
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")
        connection.execute("PRAGMA cell_size_check = ON")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise damaged(path, verdict)
        migrate(connection, steps)
    except BaseException:
        connection.close()
        raise
    return connection
