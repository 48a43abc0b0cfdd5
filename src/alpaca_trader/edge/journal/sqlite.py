"""The journal on disk: one writer, one transaction per ``commit``, nothing promised that is not on the platter."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Self

from alpaca_trader.core.errors import BadInput, Fatal
from alpaca_trader.core.events import Action, Approved, Event, PublishStatus
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.chain import GENESIS, link
from alpaca_trader.edge.journal.codec import decode, encode
from alpaca_trader.edge.journal.database import (
    BUSY,
    BUSY_TIMEOUT_MS,
    damaged,
    explain,
    migrations,
    open_for_reading,
    open_for_writing,
    result_code,
)
from alpaca_trader.edge.journal.errors import JournalUnwritable
from alpaca_trader.edge.journal.reserve import Reserve
from alpaca_trader.edge.journal.rows import Statement, derived_rows, entry_row

PENDING_LIMIT = 100_000
"""Rows held in memory while the disk refuses them; beyond it the journal gives up for good."""


class Journal:
    """Implements ``core.ports.Journal`` on SQLite. One thread, one process: the home's engine lock sees to that.

    After a failed ``commit`` because of a lock or a full disk, the rows are kept and the next ``commit`` tries them
    again, without waiting for the lock a second time: exits must not queue behind a disk. After any other failure what
    the disk holds is not known; every later ``commit`` raises and only opening anew can tell.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, reserve: Reserve) -> None:
        self._connection = connection
        self._path = path
        self._reserve = reserve
        self._pending: list[Statement] = []
        self._new_intents: set[str] = set()
        self._seq, self._head = _end_of_chain(connection)
        self._is_waiting = True
        self._given_up: Fatal | None = None
        self.version_before: str | None = None
        """The code version that wrote last, where it is another one than now."""
        self._places: tuple[int, ...] | None = None

    @classmethod
    def open(cls, path: Path, mode: Mode, account_id: str | None, code_version: str, *, reserve_bytes: int = 0) -> Self:
        """The journal at ``path``, made if there is none; writing to it is tried before this returns.

        ``account_id`` is None until the broker has named it (``bind_account``). ``reserve_bytes`` of disk are kept back
        and freed when it is full. Raises JournalUnreadable, JournalUnwritable, or BadInput for another mode or account.
        """
        connection = open_for_writing(path, migrations())
        try:
            journal = cls(connection, path, Reserve(path, reserve_bytes))
            journal._bind("mode", mode.value, mode.value)
            if account_id is not None:
                journal.bind_account(account_id)
            journal._note_start(code_version)
            journal._places = _places(path)
            journal._reserve.fill()
        except sqlite3.Error as error:
            connection.close()
            raise explain(error, path) from error
        except BaseException:
            connection.close()
            raise
        return journal

    @classmethod
    def open_unwritable(cls, path: Path, reason: Fatal) -> Self:
        """The journal at ``path`` for reading alone: nothing is recorded and every ``commit`` raises ``reason``.

        Raises JournalUnreadable, or JournalUnwritable or BadInput where not even that is possible.
        """
        journal = cls(open_for_reading(path, migrations()), path, Reserve(path, 0))
        journal._given_up = reason
        return journal

    def bind_account(self, account_id: str) -> None:
        """Tie the journal to the broker's account. Raises BadInput where it belongs to another one."""
        self._bind("account_id", account_id, f"...{account_id[-4:]}")

    def record(self, entry: Event | Action) -> None:
        """Append; durable at the next ``commit``, the only place where a disk that fails is reported.

        Raises JournalUnwritable for an entry that cannot be encoded, Fatal for a second intent under one id.
        """
        if isinstance(entry, PublishStatus) or self._given_up is not None:
            return
        payload, kind, seq = encode(entry), type(entry).__name__, self._seq + 1
        head = link(self._head, kind, payload)
        rows = [entry_row(seq, entry, payload, head), *derived_rows(seq, entry)]
        if isinstance(entry, Approved):
            self._claim(entry.intent.client_order_id)
        self._pending += rows
        self._seq, self._head = seq, head

    def commit(self) -> None:
        """Make everything recorded so far durable, all of it or nothing. Raises JournalUnwritable or JournalUnreadable."""
        if self._given_up is not None:
            raise self._given_up
        if self._pending and _places(self._path) != self._places:
            self._pending.clear()
            self._given_up = JournalUnwritable(
                f"{self._path} or its -wal was moved, deleted or replaced while it was in use; what the disk holds now is"
                " read at the next start"
            )
            raise self._given_up
        try:
            self._write_pending()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._pending.clear()
        self._new_intents.clear()
        if not self._is_waiting:
            self._wait_for_locks(True)

    def since_checkpoint(self) -> Iterator[Event | Action]:
        """Every committed entry from the last ``Checkpoint`` on, the chain checked on the way.

        Raises JournalUnreadable where an entry was altered or cannot be read.
        """
        cursor = self._connection.cursor()
        try:
            (start,) = cursor.execute("SELECT coalesce(max(seq), 1) FROM entries WHERE kind = 'Checkpoint'").fetchone()
            before = cursor.execute("SELECT chain FROM entries WHERE seq = ?", (start - 1,)).fetchone()
            head: bytes = before[0] if before else GENESIS
            cursor.execute("SELECT seq, kind, payload, chain FROM entries WHERE seq >= ? ORDER BY seq", (start,))
            last = 0
            for last, (seq, kind, payload, chain) in enumerate(cursor, start):
                head = link(head, kind, payload.encode())
                if seq != last or chain != head:
                    raise damaged(self._path, f"entry {last} is missing or was altered")
                if seq == start > 1 and kind != "Checkpoint":
                    raise damaged(self._path, f"its index says that entry {seq} is a checkpoint")
                yield decode(kind, payload)
            if last != _end_of_chain(self._connection)[0]:
                raise damaged(self._path, f"its index says that entry {start} is a checkpoint")
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        finally:
            cursor.close()  # an open statement would keep the file open behind ``close``

    def last_at(self) -> datetime | None:
        """The instant of the last committed entry; None where there is none. Raises JournalUnreadable."""
        row = self._ask("SELECT at FROM entries ORDER BY seq DESC LIMIT 1")
        return datetime.fromisoformat(row[0]) if row else None

    def without_intent(self, client_order_ids: Iterable[str]) -> list[str]:
        """Those of the ids under which no intent was ever committed. Raises JournalUnreadable."""
        asked = "SELECT 1 FROM intents WHERE client_order_id = ?"
        return [key for key in client_order_ids if self._ask(asked, key) is None]

    def head(self) -> str:
        """The chain's digest after everything recorded, as hex: equal for equal runs."""
        return self._head.hex()

    def close(self) -> None:
        """Let go of the file. What was not committed is gone, as after a crash."""
        self._connection.close()

    def _write_pending(self) -> None:
        if not self._pending:
            return
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        for sql, values in self._pending:
            execute(sql, values)
        execute("COMMIT")

    def _failed(self, error: sqlite3.Error) -> Fatal:
        """Leave no half transaction behind, and decide whether the next commit may try again."""
        if self._connection.in_transaction:
            self._connection.rollback()
        reason = explain(error, self._path)
        code = result_code(error)
        if code == sqlite3.SQLITE_FULL:
            self._reserve.free()
        if code not in {*BUSY, sqlite3.SQLITE_FULL} or len(self._pending) > PENDING_LIMIT:
            self._given_up = reason
            self._pending.clear()
        else:
            self._wait_for_locks(False)
        return reason

    def _wait_for_locks(self, is_waiting: bool) -> None:
        self._is_waiting = is_waiting
        self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS if is_waiting else 0}")

    def _claim(self, client_order_id: str) -> None:
        if client_order_id in self._new_intents or not self.without_intent([client_order_id]):
            raise Fatal(f"a second intent under the client order id {client_order_id}: one intent, one id, for ever")
        self._new_intents.add(client_order_id)

    def _ask(self, sql: str, *values: str) -> tuple[str, ...] | None:
        try:
            row: tuple[str, ...] | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
        return row

    def _bind(self, key: str, value: str, shown: str) -> None:
        """Write once whose journal this is, and refuse it to anybody else."""
        if self._given_up is None:
            self._connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO NOTHING", (key, value))
        row = self._ask("SELECT value FROM meta WHERE key = ?", key)
        found = value if row is None else row[0]
        if found != value:
            what = {"mode": f"mode {found}", "account_id": f"account ...{found[-4:]}"}[key]
            raise BadInput(f"{self._path} belongs to {what}, this run is for {shown}; name another --home")

    def _note_start(self, code_version: str) -> None:
        """Count the start, which proves that the file can be written, and the version that writes from here on."""
        connection = self._connection
        connection.execute("INSERT INTO meta VALUES ('opened', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1")
        last = connection.execute("SELECT code_version FROM versions ORDER BY first_seq DESC LIMIT 1").fetchone()
        if last != (code_version,):
            self.version_before = last[0] if last else None
            connection.execute(
                "INSERT INTO versions VALUES (?, ?) ON CONFLICT (first_seq) DO UPDATE SET"
                " code_version = excluded.code_version",
                (self._seq + 1, code_version),
            )


def _places(path: Path) -> tuple[int, ...] | None:
    """Which files stand at the journal's and its log's paths; None where one is missing."""
    try:
        found = (os.stat(path), os.stat(f"{path}-wal"))
    except OSError:
        return None
    return tuple(number for each in found for number in (each.st_dev, each.st_ino))


def _end_of_chain(connection: sqlite3.Connection) -> tuple[int, bytes]:
    row: tuple[int, bytes] | None = connection.execute(
        "SELECT seq, chain FROM entries ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return row or (0, GENESIS)
