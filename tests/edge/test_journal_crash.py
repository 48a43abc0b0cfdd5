"""Kill the writer at any instant: what is left is whole, without a gap, and holds everything that was promised."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.journal.verify import verify
from tests.edge.journal_entries import UNCOVERED, Entry, numbered

KILLS = 20


@pytest.fixture
def writers() -> Iterator[tuple[IO[str], IO[str]]]:
    """Standard input and output of the process that makes writers."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.edge.journal_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=UNCOVERED,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdin, process.stdout
        process.stdin.close()


def kill_after(writers: tuple[IO[str], IO[str]], path: Path, acknowledged: int) -> int:
    """Start a writer on ``path``, kill it after so many commits; the last entry it said was durable, 0 for none."""
    orders, answers = writers
    orders.write(f"{path}\n")
    orders.flush()
    pid, last = int(answers.readline()), 0
    for _ in range(acknowledged):
        last = int(answers.readline())
    os.kill(pid, signal.SIGKILL)
    while (line := answers.readline()) not in ("killed\n", "died\n"):
        last = int(line)
    assert line == "killed\n"
    return last


def test_killed_at_any_instant_the_journal_is_a_prefix(writers: tuple[IO[str], IO[str]], tmp_path: Path) -> None:
    """INV-15: after each of many kills the file is whole, gap-free and holds every acknowledged entry; then it goes on."""
    path, chance = tmp_path / "trades.db", random.Random(15)
    found: list[Entry] = []
    for _ in range(KILLS):
        acknowledged = kill_after(writers, path, chance.choice((0, 1, chance.randrange(40))))
        if not path.exists():
            assert acknowledged == 0
            continue
        # Read it as a human would after a crash, before anything repaired it.
        with closing(JournalReader(path)) as reader:
            grown = [recorded.entry for recorded in reader.entries()]
            assert reader.head() == MemoryJournal(grown).head()
        assert len(grown) >= max(acknowledged, len(found))
        found = grown
        assert found == [numbered(n) for n in range(len(found))]
        assert verify(path) == []
    assert len(found) > KILLS
    with closing(Journal.open(path, Mode.SIM, None, "1")) as journal:
        assert journal.head() == MemoryJournal(found).head()
        assert list(journal.since_checkpoint()) == list(MemoryJournal(found).since_checkpoint())


def test_killed_while_it_is_being_made_the_journal_is_made_again(
    writers: tuple[IO[str], IO[str]], tmp_path: Path
) -> None:
    """A kill during the very first start leaves no journal or a whole one, never half of one."""
    for n in range(KILLS // 2):
        path = tmp_path / f"{n}.db"
        kill_after(writers, path, 0)
        with closing(Journal.open(path, Mode.SIM, None, "1")) as journal:
            journal.record(numbered(0))
            journal.commit()
        assert verify(path) == []
