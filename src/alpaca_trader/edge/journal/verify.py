"""Whether a journal is whole: file, numbering, hash chain, and every table that must follow from the entries."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from alpaca_trader.edge.journal.chain import GENESIS, link
from alpaca_trader.edge.journal.codec import decode
from alpaca_trader.edge.journal.database import migrate, migrations, open_for_reading
from alpaca_trader.edge.journal.errors import JournalUnreadable
from alpaca_trader.edge.journal.rows import DERIVED, derived_rows, entry_row


@dataclass(slots=True)
class Inspection:
    """What was looked at and what is wrong with it, in words; ``entries`` are whole up to the first problem."""

    entries: int = 0
    file: list[str] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


def verify(path: Path) -> list[str]:
    """What is wrong with the journal at ``path``, in words; empty where nothing is (INV-15, INV-21).

    Raises as ``JournalReader`` does where the file cannot even be opened. Reads all of it.
    """
    found = inspect(path)
    return [*found.file, *found.chain, *found.tables]


def inspect(path: Path) -> Inspection:
    """Look at all of the journal at ``path``. Raises as ``verify``."""
    found = Inspection()
    with (
        closing(open_for_reading(path, migrations())) as journal,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as again,
    ):
        try:
            journal.execute("BEGIN")  # one state throughout, though the engine goes on writing
            found.file += [text for (text,) in journal.execute("PRAGMA integrity_check") if text != "ok"]
            migrate(again, migrations())
            found.chain += _broken_entries(journal, again, found)
            if not found.file and not found.chain:
                found.tables += _altered_tables(journal, again)
        except sqlite3.DatabaseError as error:
            found.file.append(f"the file is damaged: {error}")
    return found


def _broken_entries(journal: sqlite3.Connection, again: sqlite3.Connection, found: Inspection) -> list[str]:
    """The first entry that breaks the chain, if any; on the way the derived rows are made once more in ``again``."""
    head = GENESIS
    rows = journal.execute("SELECT seq, at, kind, client_order_id, payload, chain FROM entries ORDER BY seq")
    for expected, (seq, at, kind, order, payload, chain) in enumerate(rows, 1):
        head = link(head, kind, payload.encode())
        if seq != expected:
            return [f"entry {expected} is missing"]
        if chain != head:
            return [f"entry {seq} ({kind}) or its digest was altered"]
        try:
            entry = decode(kind, payload)
        except JournalUnreadable as error:
            return [f"entry {seq}: {error}"]
        if entry_row(seq, entry, payload.encode(), chain)[1] != (seq, at, kind, order, payload, chain):
            return [f"entry {seq} ({kind}): its time or order id beside the payload was altered"]
        for sql, values in derived_rows(seq, entry):
            again.execute(sql, values)
        found.entries = seq
    return []


def _altered_tables(journal: sqlite3.Connection, again: sqlite3.Connection) -> Iterator[str]:
    for table in DERIVED:
        sql = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - our own table names
        if journal.execute(sql).fetchall() != again.execute(sql).fetchall():
            yield f"table {table} does not follow from the entries: it was altered"
