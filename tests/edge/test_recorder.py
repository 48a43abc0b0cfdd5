"""What people read of a trade: each execution once, the day's fees as what they are."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.models import Mode
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.clock import SystemClock, VirtualClock
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from tests.edge.journal_entries import START, summary, trade
from tests.edge.test_notify import Wall


@contextmanager
def recorder(folder: Path, notifier: OutOfBand | None = None) -> Iterator[PeopleRecorder]:
    """A recorder on an engine that does nothing."""
    strategies = StrategyManager(lambda path: (_ for _ in ()).throw(OSError(path)), lambda name: object)
    engine = Engine(strategies, Belief())
    with closing(TradingLogger(folder, VirtualClock(START), Redactor())) as logger:
        notifier = OutOfBand([], SystemClock(), "test") if notifier is None else notifier
        yield PeopleRecorder(
            engine, logger, folder / "status.json", Mode.SIM, {"version": "1"}, notifier, lambda: "abc"
        )


def lines(folder: Path) -> list[dict[str, object]]:
    """The log, line by line."""
    (log,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_trade_is_told_once_for_each_execution(tmp_path: Path) -> None:
    """Spreading the day's fees over closed trades is no second sale."""
    closed = replace(trade(1), status="closed", exit_price=Decimal("190.00"), pnl=Decimal("1.00"))
    with recorder(tmp_path) as tells:
        tells.tell(ev.TradeChanged(START, closed))
        tells.tell(ev.TradeChanged(START, replace(closed, fees=Decimal("0.01"), pnl=Decimal("0.99"))))
    assert [line["event"] for line in lines(tmp_path)] == ["trade_executed", "trade_fees"]


def test_the_status_file_says_which_mode_and_whether_the_log_works(tmp_path: Path) -> None:
    """What the agent reads begins with the mode."""
    with recorder(tmp_path) as tells:
        tells.tell(ev.PublishStatus(START))
    page = json.loads((tmp_path / "status.json").read_text())
    assert next(iter(page)) == "mode"
    assert (page["mode"], page["engine"], page["health"]["log"]) == ("SIM", {"version": "1"}, "ok")


FLAT_DAY = "equity 467.00 USD, day +0.00 USD (+0.00 %), 1 trades, 0 won, halt none, unprotected 0 s, journal sha256 abc"
TOLD: dict[str, tuple[ev.Action, str]] = {
    "an error": (
        ev.Alarm(START, "unprotected", "error", "AAPL", {"seconds": 5.0, "qty": None}, "stop refused"),
        "unprotected: AAPL seconds=5.0 stop refused",
    ),
    "a warning": (ev.Alarm(START, "stream_lost", "warning"), ""),
    "what a halt says itself": (ev.Alarm(START, "halt_daily_loss", "error"), ""),
    "a halt": (
        ev.HaltLatched(START, "daily_loss", "day -9.34 USD", "session"),
        "halted: daily_loss, until session: day -9.34 USD",
    ),
    "its end": (ev.HaltReleased(START, "operator", "ray"), "halt_released: operator by ray"),
    "the day": (
        ev.DayDone(START, summary(START.date())),
        f"day: {START.date()} {FLAT_DAY}",
    ),
    "an order": (ev.CancelOrder(START, "a", "b", "c"), ""),
}


@pytest.mark.parametrize(("action", "line"), TOLD.values(), ids=TOLD.keys())
def test_what_leaves_the_house(tmp_path: Path, action: ev.Action, line: str) -> None:
    """Errors, halts and the day, each once; the day carries the journal's digest."""
    wall = Wall("wall", lambda _: True)
    notifier = OutOfBand([wall], SystemClock(), "heading")
    with recorder(tmp_path, notifier) as tells:
        tells.tell(action)
    notifier.close(20)
    assert [text.partition("Z ")[2] for text in wall.taken] == ([line] if line else [])


def test_the_status_page_shows_what_reached_nobody(tmp_path: Path) -> None:
    """Alarms that no channel takes are seen where the agent looks."""
    notifier = OutOfBand([Wall("wall", lambda _: False)], SystemClock(), "heading", [])
    with recorder(tmp_path, notifier) as tells:
        tells.tell(ev.HaltReleased(START, "operator", "ray"))
        notifier.close(20)
        tells.tell(ev.PublishStatus(START))
    page = json.loads((tmp_path / "status.json").read_text())
    assert page["health"]["alarms"] == {
        "channels": ["wall"],
        "waiting": 0,
        "undelivered": 1,
        "trouble": "wall: closed",
    }
