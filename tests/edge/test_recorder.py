"""What people read of a trade: each execution once, the day's fees as what they are."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.models import Mode
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from tests.edge.journal_entries import START, trade


@contextmanager
def recorder(folder: Path) -> Iterator[PeopleRecorder]:
    """A recorder on an engine that does nothing."""
    strategies = StrategyManager(lambda path: (_ for _ in ()).throw(OSError(path)), lambda name: object)
    engine = Engine(strategies, Belief())
    with closing(TradingLogger(folder, VirtualClock(START), Redactor())) as logger:
        yield PeopleRecorder(engine, logger, folder / "status.json", Mode.SIM, {"version": "1"})


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
