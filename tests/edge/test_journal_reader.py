"""Everybody but the engine reads: beside the writer, after a crash, from one consistent state, with exact values."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import BadInput, RefusalKind
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.journal.reader import PAGE, JournalReader, Recorded
from alpaca_trader.edge.journal.sqlite import Journal
from tests.edge.journal_entries import START, UNCOVERED, decided, intent, numbered, order, summary, trade


def journal_with(path: Path, *entries: ev.Event | ev.Action) -> Journal:
    """A journal that holds these, committed and still open for writing."""
    journal = Journal.open(path, Mode.PAPER, "account-0001", "1")
    for entry in entries:
        journal.record(entry)
    journal.commit()
    return journal


def test_no_journal_is_the_users_to_know(tmp_path: Path) -> None:
    """Asking a home in which nothing has run is told as such."""
    with pytest.raises(BadInput, match=r"trades\.db does not exist: nothing has run in this home yet"):
        JournalReader(tmp_path / "trades.db")


def test_reading_while_writing(tmp_path: Path) -> None:
    """A reader never sees half a transaction, never blocks the writer, and sees the next state when it asks again."""
    path = tmp_path / "trades.db"
    with closing(journal_with(path)) as journal, closing(JournalReader(path)) as reader:
        assert reader.head() == journal.head()
        for n in range(0, 60, 4):
            for each in range(n, n + 4):
                journal.record(numbered(each))
            assert len(list(reader.entries())) == n
            journal.commit()
            assert len(list(reader.entries())) == n + 4
            assert reader.head() == journal.head()


def test_a_reader_that_dawdles_misses_nothing(tmp_path: Path) -> None:
    """Pages are statements of their own: entries written meanwhile come too, each once and in order."""
    path = tmp_path / "trades.db"
    first = [ev.Timer(START)] * (PAGE + 5)
    with closing(journal_with(path, *first)) as journal, closing(JournalReader(path)) as reader:
        entries = reader.entries()
        seen = [next(entries).seq for _ in range(PAGE)]
        journal.record(numbered(1))
        journal.commit()
        seen += [found.seq for found in entries]
    assert seen == list(range(1, PAGE + 7))


def test_reading_after_a_crash(tmp_path: Path) -> None:
    """The write-ahead log of a killed engine is read, though nobody may repair it."""
    path = tmp_path / "trades.db"
    program = (
        "import os, signal, sys; from pathlib import Path; from tests.edge.test_journal_reader import *;"
        " journal = journal_with(Path(sys.argv[1]), *(numbered(n) for n in range(10)));"
        " os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], env=UNCOVERED, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "trades.db-wal").stat().st_size > 0
    with closing(JournalReader(path)) as reader:
        assert [found.entry for found in reader.entries()] == [numbered(n) for n in range(10)]


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Dashboards and commands hold a connection that has no way to change the record."""
    path = tmp_path / "trades.db"
    journal_with(path).close()
    with closing(JournalReader(path)) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM meta")


def test_entries_are_chosen_by_kind_time_and_number(tmp_path: Path) -> None:
    """A report reads one kind of one day; a live view asks for what is new."""
    path = tmp_path / "trades.db"
    journal_with(path, *(numbered(n) for n in range(30))).close()
    with closing(JournalReader(path)) as reader:
        assert [found.seq for found in reader.entries(("Tick", "Checkpoint"))] == [1, 10, 11, 21]
        since, until = START + timedelta(seconds=10), START + timedelta(seconds=12)
        assert list(reader.entries(since=since, until=until)) == [
            Recorded(11, numbered(10)),
            Recorded(12, numbered(11)),
        ]
        assert [found.seq for found in reader.entries(after=28)] == [29, 30]


def test_everything_about_one_order(tmp_path: Path) -> None:
    """What was decided, said and heard about an order stands together, in order, and nothing else."""
    path, key = tmp_path / "trades.db", intent(1).client_order_id
    about: list[ev.Event | ev.Action] = [
        replace(decided(1), client_order_id=key),
        ev.Approved(START, intent(1)),
        ev.OutcomeNotKnown(START, key, "submit", "timeout"),
        ev.LookUp(START, key),
        ev.LookUpMissed(START, key),
        ev.Resend(START, intent(1)),
        ev.ExecutionReport(START, order(1), "reply"),
        ev.CancelOrder(START, key, "b1", "exit"),
        ev.BrokerRefused(START, key, "cancel", RefusalKind.ALREADY_DONE, 422, None, "gone"),
        ev.Abandoned(START, key),
    ]
    other = [ev.Approved(START, intent(2)), numbered(0)]
    journal_with(path, *about, *other).close()
    with closing(JournalReader(path)) as reader:
        assert [found.entry for found in reader.reports_of(key)] == about
        assert reader.intents() == [intent(1), intent(2)]
        assert reader.reports_of("nobody") == []


def test_trades_are_numbered_without_gaps(tmp_path: Path) -> None:
    """A trade that changes often does not use up the numbers of the next ones."""
    changes = [ev.TradeChanged(START, replace(trade(n), fees=Decimal(k))) for n in range(3) for k in range(5)]
    with (
        closing(journal_with(tmp_path / "trades.db", *changes)),
        closing(JournalReader(tmp_path / "trades.db")) as reader,
    ):
        assert [row.id for row in reader.trades()] == [1, 2, 3]


def test_trades_have_exact_decimals(tmp_path: Path) -> None:
    """The table shows plain numbers; whoever computes gets the digits that were recorded, and None where unknown."""
    path = tmp_path / "trades.db"
    pending = trade(2, status="pending", entry_price=None)
    closed = trade(1, status="closed", exit_price=Decimal("187.979443000000000001"), pnl=Decimal("0.59"))
    rows = (ev.TradeChanged(START, each) for each in (trade(1), pending, closed))
    journal_with(path, *rows).close()
    with closing(JournalReader(path)) as reader:
        assert reader.trades() == [(1, 3, closed), (2, 2, pending)]
        assert reader.trade(2) == (2, 2, pending)
        assert reader.trade(3) is None


def test_decisions_answer_why_and_why_not(tmp_path: Path) -> None:
    """By symbol and minute for "why not", by the order they led to for "why"."""
    path = tmp_path / "trades.db"
    taken = replace(decided(2), verdict="approved", client_order_id="o-1")
    journal_with(path, decided(1), taken, replace(decided(2), verdict="x"), numbered(0)).close()
    with closing(JournalReader(path)) as reader:
        bar = START + timedelta(minutes=2)
        assert reader.decisions("AAPL", bar) == [taken, replace(decided(2), verdict="x")]
        assert reader.decisions(client_order_id="o-1") == [taken]
        assert reader.decisions("SPY") == []
        assert len(reader.decisions()) == 3


def test_days_and_whose_journal_it_is(tmp_path: Path) -> None:
    """One summary per session, the last one told; and the header of every view."""
    path, day = tmp_path / "paper.db", START.date()
    first, corrected = summary(day), replace(summary(day), trades=2)
    later = summary(day + timedelta(days=1))
    journal_with(path, *(ev.DayDone(START, each) for each in (later, first, corrected))).close()
    with closing(JournalReader(path)) as reader:
        assert reader.days() == [corrected, later]
        assert reader.meta() == {"account_id": "account-0001", "mode": "PAPER", "opened": "1"}


def test_an_empty_journal_answers_everything(tmp_path: Path) -> None:
    """Right after the first start there is nothing to tell, and that is no error."""
    path = tmp_path / "trades.db"
    journal_with(path).close()
    with closing(JournalReader(path)) as reader:
        answers = [reader.trades(), reader.days(), reader.equity(), reader.intents(), reader.config_history()]
        assert answers == [[]] * 5
        assert reader.head() == MemoryJournal().head()
