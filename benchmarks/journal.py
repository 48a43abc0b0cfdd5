"""The journal: one entry made durable, and a whole day's belief rebuilt from it."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.edge.journal.codec import encode
from alpaca_trader.edge.journal.sqlite import Journal
from benchmarks.day import PlayedDay
from benchmarks.measure import Result, median_s

COMMITS = 400
RECOVERIES = 5
START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def run(day: PlayedDay, folder: Path) -> Iterator[Result]:
    """Record and commit; then recovery of the played day."""
    yield _commit(folder)
    yield _recovery(day)


def _commit(folder: Path) -> Result:
    entries = (ev.Command(START + timedelta(seconds=number), "started", "engine", "") for number in count())
    with closing(Journal.open(folder / "commits.db", Mode.SIM, None, "benchmark")) as journal:

        def commit() -> None:
            journal.record(next(entries))
            journal.commit()

        figure = median_s(commit, COMMITS)
    line = encode(next(entries))
    with (folder / "plain").open("ab") as file:

        def append() -> None:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

        against = median_s(append, COMMITS)
    return Result("journal: record and commit one entry", figure, "append it to a file and fsync", against)


def _recovery(day: PlayedDay) -> Result:
    def recover() -> None:
        with closing(Journal.open(day.database, Mode.SIM, None, "benchmark")) as journal:
            rebuild(journal.since_checkpoint())

    def read() -> list[object]:
        with closing(sqlite3.connect(day.database)) as plain:
            return [json.loads(payload) for (payload,) in plain.execute("SELECT payload FROM entries ORDER BY seq")]

    entries = len(read())
    figure, against = median_s(recover, RECOVERIES), median_s(read, RECOVERIES)
    return Result(f"recovery of a day's {entries:,} entries", figure, "read and parse them", against)
