"""One simulated day of five symbols, played with everything as shipped but the sockets, and timed tick by tick."""

import json
import resource
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import parse_policy
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_ends
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.market.model import bar_row
from alpaca_trader.simulator.rest.bodies import account_body
from alpaca_trader.simulator.rest.data_wire import bar_json, quote_json
from benchmarks.measure import REAL

CONFIG = Path(__file__).resolve().parent.parent / "config"
SYMBOLS = ("AAPL", "MSFT", "NVDA", "QQQ", "SPY")
DAY = date(2026, 11, 20)
SEED = 7
LEAD = timedelta(minutes=6)


class TimedBroker(SimBroker):
    """The simulated broker; ``spent_s`` is the time inside it, ``submits`` the instants orders were handed over, less that."""

    def __init__(self, sim: Simulator) -> None:
        super().__init__(sim)
        self.spent_s = 0.0
        self.submits: list[float] = []

    def __getattribute__(self, name: str) -> Any:
        """Every public method, timed."""
        found = super().__getattribute__(name)
        return partial(self._timed, name, found) if name[0] != "_" and callable(found) else found

    def _timed(self, name: str, call: Any, *args: Any) -> Any:
        began = REAL.monotonic()
        if name == "submit_order":
            self.submits.append(began - self.spent_s)
        try:
            return call(*args)
        finally:
            self.spent_s += REAL.monotonic() - began


@dataclass
class PlayedDay:
    """What a day left behind, and how long our own part of it took (seconds)."""

    home: Home
    answers: str = ""
    """What the broker says in one tick, as JSON: an account, five quotes, five bars."""
    took_s: float = 0.0
    processor_s: float = 0.0
    minutes_s: list[float] = field(default_factory=list)
    """Everything of a minute: its bars, its tick, and what came in between."""
    handed_s: list[float] = field(default_factory=list)
    """From a tick to the first order it led to."""

    @cached_property
    def database(self) -> Path:
        """The day's journal."""
        return self.home.database(Mode.SIM)


def play(folder: Path) -> PlayedDay:
    """Play the day in ``folder``: journal, logs and status file on disk, the broker by direct calls."""
    home = Home(folder)
    home.create()
    session = SessionCalendar().session_on(DAY)
    assert session is not None
    sim = Simulator(
        GeneratedMarket(SEED, SYMBOLS, DAY), seed=SEED, start=session.open - LEAD, switches=Switches(iex_volume="full")
    )
    config = parse_config((CONFIG / "strategy.json").read_bytes(), "config/strategy.json")
    policy = parse_policy((CONFIG / "policy.json").read_bytes(), "config/policy.json")
    engine = Engine(StrategyManager(lambda path: config, lambda name: type(None)), Belief())
    broker, clock, streams = TimedBroker(sim), DriverClock(sim), DirectStreams(sim)
    feed = SimulatedFeed(
        sim,
        SessionTrigger(SessionCalendar()),
        engine.next_wakeup,
        streams.received,
        until=watch_ends(session),
        real=REAL,
    )
    streams.start(feed.put)
    day = PlayedDay(home)

    def events() -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(sim.now, config_hash(config), config, policy)
        yield ev.Command(sim.now, "started", "engine", "")
        yield from feed

    with (
        closing(Journal.open(day.database, Mode.SIM, None, "benchmark")) as journal,
        closing(TradingLogger(home.logs, clock, Redactor())) as logger,
    ):
        recorder = PeopleRecorder(engine, logger, home.status_file, Mode.SIM, {})
        executor = OrderExecutor(engine, broker, journal, clock, recorder)

        ours, began, worked = 0.0, REAL.monotonic(), _processor_s()
        for event in events():
            broker.submits.clear()
            own_began = REAL.monotonic() - broker.spent_s
            drain(engine, event, executor, journal)
            ours += REAL.monotonic() - broker.spent_s - own_began
            if isinstance(event, ev.Tick):
                day.minutes_s.append(ours)
                ours = 0.0
                if broker.submits:
                    day.handed_s.append(broker.submits[0] - own_began)
                    day.answers = _answers(sim)
        day.took_s, day.processor_s = REAL.monotonic() - began, _processor_s() - worked
    return day


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _answers(sim: Simulator) -> str:
    quotes = {symbol: sim.market.quote(symbol, sim.now) for symbol in SYMBOLS}
    minute = timedelta(minutes=1)
    bars = {symbol: sim.market.bars(symbol, sim.now - 2 * minute, sim.now - minute) for symbol in SYMBOLS}
    account = account_body(sim.exchange.account(), sim.profile, sim.account_id, sim.start, False)
    return json.dumps(
        {
            "account": account,
            "quotes": {symbol: quote_json(quote, "C") for symbol, quote in quotes.items() if quote is not None},
            "bars": {symbol: [bar_json(bar_row(bar)) for bar in found] for symbol, found in bars.items()},
        }
    )
