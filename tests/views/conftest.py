"""One simulated run, played once, that every test of the pages may read; and copies for those that add to it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from tests.views.play import play

Entries = list[ev.Event | ev.Action]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which the run was played."""
    home = Home(tmp_path_factory.mktemp("played"))
    home.create()
    play(home.database(Mode.SIM))
    return home


@pytest.fixture(scope="session")
def reader(home: Home) -> Iterator[JournalReader]:
    """The run's journal; reading changes nothing, so all tests share it."""
    reader = JournalReader(home.database(Mode.SIM))
    yield reader
    reader.close()


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., JournalReader]]:
    """Makes a journal of these entries, at the end of a copy of ``after`` where it is given."""
    opened: list[JournalReader] = []

    def write(entries: Entries, after: Home | None = None) -> JournalReader:
        path = tmp_path / "trades.db"
        if after is not None:
            shutil.copy(after.database(Mode.SIM), path)
        journal = Journal.open(path, Mode.SIM, None, "test")
        for entry in entries:
            journal.record(entry)
        journal.commit()
        journal.close()
        opened.append(JournalReader(path))
        return opened[-1]

    yield write
    for each in opened:
        each.close()
