"""A short run for the pages to read: a half day, then a morning cut short with positions open. Same seed, same journal."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.engine import Engine, run
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import parse_policy
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_begins
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.simulator import Simulator

CONFIG = Path(__file__).resolve().parents[2] / "config"
SEED = 13
HALF_DAY, NEXT_DAY = date(2026, 11, 27), date(2026, 11, 30)
CUT_SHORT = datetime(2026, 11, 30, 15, 45, tzinfo=UTC)
SYMBOLS = ("AAPL", "NVDA", "SPY")


class _Deaf:
    def tell(self, action: ev.Action) -> None:
        """Nobody listens."""


def _settings() -> bytes:
    """The shipped settings with three symbols instead of five, which is a third less to play."""
    raw = json.loads((CONFIG / "strategy.json").read_bytes())
    raw["strategies"]["momentum_breakout"]["watchlist"] = ["AAPL", "NVDA"]
    raw["strategies"]["mean_reversion"]["watchlist"] = ["SPY"]
    return json.dumps(raw).encode()


def play(database: Path) -> None:
    """Trade the half day and the morning after it into a new journal at ``database``."""
    calendar = SessionCalendar()
    first = calendar.session_on(HALF_DAY)
    assert first is not None
    config = parse_config(_settings(), "strategy.json")
    policy = parse_policy((CONFIG / "policy.json").read_bytes(), "policy.json")
    market = GeneratedMarket(SEED, SYMBOLS, HALF_DAY, days=2)
    sim = Simulator(market, seed=SEED, start=watch_begins(first) - timedelta(minutes=1))
    journal = Journal.open(database, Mode.SIM, None, "test")
    engine = Engine(StrategyManager(lambda path: config, lambda name: object), Belief())
    streams = DirectStreams(sim)
    trigger, real = SessionTrigger(calendar), SystemClock()
    feed = SimulatedFeed(sim, trigger, engine.next_wakeup, streams.received, until=CUT_SHORT, real=real)
    streams.start(feed.put)

    def events() -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(sim.now, config_hash(config), config, policy)
        yield ev.Command(sim.now, "started", "engine", "")
        yield from feed

    run(engine, events(), OrderExecutor(engine, SimBroker(sim), journal, DriverClock(sim), _Deaf()), journal)
    journal.close()
    sim.close()
