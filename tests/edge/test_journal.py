"""The journal's promises on a good day: order, durability at commit, one digest on disk and in memory, one owner."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import BadInput, Fatal
from alpaca_trader.core.models import Mode
from alpaca_trader.core.ports import Journal as JournalPort
from alpaca_trader.edge.journal.errors import JournalUnwritable
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.journal.verify import verify
from tests.edge.journal_entries import SESSION, START, Entry, decided, intent, numbered, trade


def opened(path: Path, mode: Mode = Mode.SIM, account_id: str | None = None, version: str = "1") -> Journal:
    """The journal at ``path``."""
    return Journal.open(path, mode, account_id, version)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal may be made."""
    return tmp_path / "trades.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """A fresh journal."""
    with closing(opened(path)) as fresh:
        yield fresh


def on_disk(path: Path) -> list[Entry]:
    """What another connection sees, which is what a crash would leave."""
    with closing(JournalReader(path)) as reader:
        return [found.entry for found in reader.entries()]


def test_nothing_is_there_before_commit_and_everything_after(journal: Journal, path: Path) -> None:
    """``commit`` is the one promise: before it returns the entries are in the file."""
    entries = [numbered(n) for n in range(20)]
    for entry in entries:
        journal.record(entry)
    assert on_disk(path) == []
    journal.commit()
    assert on_disk(path) == entries


def test_an_intent_is_on_disk_before_commit_returns(journal: Journal, path: Path) -> None:
    """Whoever speaks to the broker after ``commit`` speaks of an order that recovery will find (INV-1)."""
    journal.record(ev.Approved(START, intent(1)))
    journal.commit()
    with closing(JournalReader(path)) as reader:
        assert reader.intents() == [intent(1)]


def test_settings_are_durable(journal: Journal) -> None:
    """WAL with synchronous=FULL and, for macOS, fullfsync: a power cut loses nothing that was answered."""
    pragmas = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "busy_timeout")
    found = [journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert found == ["wal", 2, 1, 1, 5000]


def test_every_file_is_private(journal: Journal, path: Path) -> None:
    """The journal and what SQLite lays beside it are readable by their owner alone."""
    journal.record(numbered(1))
    journal.commit()
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["trades.db", "trades.db-shm", "trades.db-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("count", [0, 5, 12, 50, 130])
def test_memory_and_disk_agree(journal: Journal, path: Path, count: int) -> None:
    """Both journals give the same entries since the last checkpoint and the same digest, committed or reopened."""
    memory = MemoryJournal()
    both: Sequence[JournalPort] = (journal, memory)
    for n in range(count):
        for each in both:
            each.record(numbered(n))
            if n % 3 == 0 or n == count - 1:
                each.commit()
    assert journal.head() == memory.head()
    recovered = list(journal.since_checkpoint())
    assert recovered == list(memory.since_checkpoint())
    journal.close()
    with closing(opened(path)) as again:
        assert again.head() == memory.head()
        assert list(again.since_checkpoint()) == recovered


def test_recovery_starts_at_the_last_committed_checkpoint(journal: Journal) -> None:
    """The checkpoint itself comes first; one that was not committed does not count."""
    for entry in (numbered(1), ev.Checkpoint(START, "a"), numbered(2)):
        journal.record(entry)
    journal.commit()
    journal.record(ev.Checkpoint(START, "b"))
    assert list(journal.since_checkpoint()) == [ev.Checkpoint(START, "a"), numbered(2)]


def test_what_was_not_committed_is_gone(path: Path) -> None:
    """Closing is like crashing: there is one way to recover, and it starts from what was promised."""
    first = opened(path)
    first.record(numbered(1))
    first.commit()
    head = first.head()
    first.record(numbered(2))
    first.close()
    with closing(opened(path)) as again:
        assert list(again.since_checkpoint()) == [numbered(1)]
        assert again.head() == head


def test_a_crash_in_memory_leaves_what_was_committed() -> None:
    """Fault runs restart from the committed prefix."""
    crashed = MemoryJournal()
    crashed.record(numbered(1))
    crashed.commit()
    crashed.record(numbered(2))
    assert list(crashed.entries) == [numbered(1), numbered(2)]
    again = MemoryJournal(crashed.committed)
    assert list(again.since_checkpoint()) == [numbered(1)]


def test_publishing_the_status_leaves_no_trace(journal: Journal) -> None:
    """What is derived from belief is not recorded, on disk or in memory."""
    memory = MemoryJournal()
    for each in (journal, memory):
        before = each.head()
        each.record(ev.PublishStatus(START))
        each.commit()
        assert each.head() == before
        assert list(each.since_checkpoint()) == []


@pytest.mark.parametrize("when", ["same transaction", "committed", "reopened"])
def test_an_id_has_one_intent_for_ever(path: Path, when: str) -> None:
    """A second intent under the same client order id is refused, however long ago the first one was (INV-2)."""
    journal = opened(path)
    journal.record(ev.Approved(START, intent(1)))
    if when != "same transaction":
        journal.commit()
    if when == "reopened":
        journal.close()
        journal = opened(path)
    head = journal.head()
    with closing(journal), pytest.raises(Fatal, match="a second intent under the client order id"):
        journal.record(ev.Approved(START, replace(intent(1), reason="again")))
    assert journal.head() == head


def test_an_id_has_one_intent_in_memory_too() -> None:
    """The rule is the same where nothing is written."""
    journal = MemoryJournal([ev.Approved(START, intent(1))])
    with pytest.raises(Fatal, match="one intent, one id, for ever"):
        journal.record(ev.Approved(START, intent(1)))


def test_an_entry_that_cannot_be_written_changes_nothing(journal: Journal) -> None:
    """A trade without any price has no row; it is refused whole and the journal goes on."""
    head = journal.head()
    with pytest.raises(JournalUnwritable, match="neither an entry price nor a signal price"):
        journal.record(ev.TradeChanged(START, trade(1, entry_price=None, signal_price=None)))
    assert journal.head() == head
    journal.record(numbered(1))
    journal.commit()
    assert list(journal.since_checkpoint()) == [numbered(1)]


def test_a_broker_text_with_half_a_character_is_taken(journal: Journal, path: Path) -> None:
    """Foreign orders carry ids of anybody's making; none may stop the journal."""
    report = numbered(4)
    assert isinstance(report, ev.ExecutionReport)
    journal.record(replace(report, order=replace(report.order, client_order_id="hand\ud800made")))
    journal.commit()
    with closing(JournalReader(path)) as reader:
        assert len(reader.reports_of("hand?made")) == 1
    assert verify(path) == []


def test_an_account_without_numbers_makes_no_point_of_equity(journal: Journal, path: Path) -> None:
    """NaN money is recorded as it was seen, and drawn nowhere."""
    seen = numbered(6)
    assert isinstance(seen, ev.AccountSeen)
    nan = seen.account.equity * 0 + seen.account.equity.__class__("NaN")
    journal.record(replace(seen, account=replace(seen.account, equity=nan)))
    journal.commit()
    with closing(JournalReader(path)) as reader:
        assert reader.equity() == []
        assert len(list(reader.entries(("AccountSeen",)))) == 1


def test_a_mode_does_not_open_the_journal_of_another(path: Path) -> None:
    """Live money never goes on from a simulated belief."""
    opened(path, Mode.SIM).close()
    with pytest.raises(BadInput, match=r"trades\.db belongs to mode SIM, this run is for LIVE"):
        opened(path, Mode.LIVE)


def test_an_account_does_not_open_the_journal_of_another(path: Path) -> None:
    """A journal belongs to one account, told at the start or when the broker names it; ids are not shown whole."""
    journal = opened(path, Mode.LIVE, None)
    journal.bind_account("11112222")
    journal.bind_account("11112222")
    with pytest.raises(BadInput, match=r"belongs to account \.\.\.2222, this run is for \.\.\.4444"):
        journal.bind_account("33334444")
    journal.close()
    with pytest.raises(BadInput, match=r"name another --home"):
        opened(path, Mode.LIVE, "33334444")
    opened(path, Mode.LIVE, "11112222").close()


def test_every_entry_has_its_code_version(path: Path) -> None:
    """An order can be traced to the code that decided it, across upgrades; a start without entries leaves no gap."""
    for version, count in (("1.0", 2), ("1.0", 1), ("1.1", 0), ("2.0", 1)):
        journal = opened(path, version=version)
        for _ in range(count):
            journal.record(ev.Timer(START))
        journal.commit()
        journal.close()
    with closing(JournalReader(path)) as reader:
        assert reader.versions() == [(1, "1.0"), (4, "2.0")]
        assert reader.meta() == {"mode": "SIM", "opened": "4"}


def test_the_trades_table_is_the_design_documents(journal: Journal) -> None:
    """The owner's columns come first, with the owner's names, types and constraints."""
    columns = journal._connection.execute("PRAGMA table_info(trades)").fetchall()
    assert [(name, kind, bool(notnull or key)) for _, name, kind, notnull, _, key in columns[:11]] == [
        ("id", "INTEGER", True),
        ("timestamp", "TEXT", True),
        ("symbol", "TEXT", True),
        ("side", "TEXT", True),
        ("qty", "REAL", True),
        ("entry_price", "REAL", True),
        ("exit_price", "REAL", False),
        ("pnl", "REAL", False),
        ("strategy", "TEXT", True),
        ("status", "TEXT", True),
        ("order_id", "TEXT", False),
    ]


def test_a_trade_keeps_its_row(journal: Journal, path: Path) -> None:
    """A position episode is one row from pending to closed, in plain numbers anyone can query."""
    journal.record(ev.TradeChanged(START, trade(1, status="pending", entry_price=None, opened_at=None)))
    journal.record(ev.TradeChanged(START, trade(2)))
    journal.commit()
    journal.record(ev.TradeChanged(START, trade(1, status="closed", exit_price=trade(1).entry_price)))
    journal.commit()
    with closing(sqlite3.connect(path)) as anybody:
        rows = anybody.execute("SELECT id, status, qty, entry_price, exit_price, episode_id FROM trades").fetchall()
    assert rows == [
        (1, "closed", 0.251752021, 185.53123456789013, 185.53123456789013, "episode-1"),
        (2, "open", 0.251752021, 185.53123456789013, None, "episode-2"),
    ]


def test_a_pending_trade_shows_the_price_of_its_signal(journal: Journal) -> None:
    """Nothing was bought yet, and the owner's column must hold a price: the one the signal was decided at."""
    journal.record(ev.TradeChanged(START, trade(1, status="pending", entry_price=None)))
    journal.commit()
    assert journal._connection.execute("SELECT entry_price FROM trades").fetchall() == [(185.5,)]


def test_a_config_that_is_in_force_already_makes_no_history(journal: Journal, path: Path) -> None:
    """Each start accepts the config anew; history tells changes, of the policy too."""
    first, second = numbered(7), numbered(27)
    assert isinstance(first, ev.ConfigAccepted)
    assert isinstance(second, ev.ConfigAccepted)
    for entry in (first, first, second, replace(first, rev="back")):
        journal.record(entry)
    journal.commit()
    with closing(JournalReader(path)) as reader:
        history = reader.config_history()
    assert [(change.seq, change.rev, change.parent) for change in history] == [
        (1, "rev0", None),
        (3, "rev1", "rev0"),
        (4, "back", "rev1"),
    ]
    assert [change.policy for change in history] == [first.policy, second.policy, first.policy]
    assert history[0].config == first.config


def test_equity_is_the_last_reading_of_each_minute(journal: Journal, path: Path) -> None:
    """The account is read often; the day's picture needs one point a minute. Long only: the rest is exposure."""
    for n in (6, 16, 66):
        journal.record(numbered(n))
    journal.commit()
    with closing(JournalReader(path)) as reader:
        points = reader.equity()
        assert [(point.equity, point.cash) for point in points] == [(483.0, 420.3), (533.0, 420.3)]
        assert points[0].exposure == pytest.approx(62.7)
        assert reader.equity(since=points[1].at) == points[1:]
        assert reader.equity(until=points[1].at) == points[:1]


def test_any_moment_of_a_long_run_verifies(journal: Journal, path: Path) -> None:
    """What the program writes is what ``verify`` demands."""
    for n in range(150):
        journal.record(numbered(n))
        if n % 10 == 0:
            journal.commit()
            assert verify(path) == []


def test_ticks_of_many_symbols_fit_one_transaction(journal: Journal) -> None:
    """A whole market's minute is one commit."""
    for n in range(2_500):
        journal.record(decided(n % 390))
        journal.record(ev.Tick(START, SESSION))
    journal.commit()
    assert len(list(journal.since_checkpoint())) == 5_000
