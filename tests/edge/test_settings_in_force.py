"""A start with broken settings: refused where nothing is held, the last good ones where something is."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core.events import ConfigAccepted, TradeChanged
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.strict_json import BadSettings
from alpaca_trader.edge.config_store import ConfigRefused, ConfigStore
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.settings_in_force import Settings, load_settings
from tests.edge.journal_entries import CONFIG, START, trade

POLICIES = (Policy(max_open_orders=3), Policy(max_open_orders=4))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose settings are torn."""
    home = Home(tmp_path / "home")
    home.create()
    write_defaults(home)
    home.strategy_file.write_text('{"risk": ')
    return home


def write(home: Home, status: Any) -> Path:
    """A journal that accepted settings twice, and tells of a trade with this status."""
    database = home.database(Mode.SIM)
    with closing(Journal.open(database, Mode.SIM, None, "1")) as journal:
        for number, policy in enumerate(POLICIES):
            journal.record(ConfigAccepted(START, f"rev{number}", CONFIG, policy))
        if status is not None:
            journal.record(TradeChanged(START, replace(trade(1), status=status)))
        journal.commit()
    return database


@pytest.mark.parametrize("status", ["pending", "open", "closing"])
def test_while_something_is_held_the_last_good_ones_stay(home: Home, status: str) -> None:
    """Settings and policy of the last acceptance; the file is judged as any edit is, and mended it is in force."""
    store, database = ConfigStore(home.config), write(home, status)
    found = load_settings(store, database)
    assert found[:3] == (CONFIG, POLICIES[1], "rev1")
    assert "config/strategy.json ends too early" in str(found.broken)
    assert [type(store.check()) for _ in range(3)] == [type(None), ConfigRefused, type(None)]
    write_defaults(home)
    home.strategy_file.unlink()
    write_defaults(home)
    assert store.check() is None
    assert store.check() is not None


@pytest.mark.parametrize("status", [None, "closed", "canceled", "rejected"])
def test_where_nothing_is_held_a_start_is_refused(home: Home, status: str | None) -> None:
    """A human mends the file; nobody waits for the engine."""
    with pytest.raises(BadSettings):
        load_settings(ConfigStore(home.config), write(home, status))


@pytest.mark.parametrize("journal", [None, b"", b"no journal" * 1000])
def test_a_journal_that_cannot_say_refuses_too(home: Home, journal: bytes | None) -> None:
    """Missing, empty or damaged: there is nothing to go on with."""
    if journal is not None:
        home.database(Mode.SIM).write_bytes(journal)
    with pytest.raises(BadSettings):
        load_settings(ConfigStore(home.config), home.database(Mode.SIM))


def test_good_settings_are_what_lies_there(home: Home) -> None:
    """The journal is not asked."""
    home.strategy_file.unlink()
    write_defaults(home)
    config, policy, revision = ConfigStore(home.config).load()
    found = load_settings(ConfigStore(home.config), write(home, "open"))
    assert found == Settings(config, policy, revision.config_rev)
