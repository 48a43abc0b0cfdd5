"""A world to run whole days in: the direct wiring on the simulated exchange, with a broker that fails on purpose.

``World(...).run()`` plays one session. Faults are drawn from the seed alone. A process that dies (``Crash``) is followed
by another on the same exchange, which knows what was committed and nothing else.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, TypeVar

from pandas import DataFrame

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import PluginParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.errors import OrderRefused, OutcomeUnknown, RefusalKind, Retryable
from alpaca_trader.core.models import Account, Asset, Bar, BrokerClock, Order, Position, Quote, Session, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_ends
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.simulator import Simulator
from tests.simulation.judge import Judge

Answer = TypeVar("Answer")
HALF_DAY = date(2026, 11, 27)
SYMBOLS = ("NVDA", "QQQ", "SPY")
LATEST_S = 90.0
STALEST = timedelta(seconds=5)
CALENDAR = SessionCalendar()


class Crash(BaseException):
    """The process dies here. No handler of ours catches it."""


class Restless:
    """A strategy that buys and sells by the roll of a die that shows the same for the same seed, symbol and minute."""

    name = "restless"
    enabled = True

    def __init__(self, watchlist: list[str], params: Mapping[str, Any]) -> None:
        self._watchlist = watchlist
        self._seed = params["seed"]

    def get_watchlist(self) -> list[str]:
        """All of them."""
        return self._watchlist

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """A buy in one minute of ten, a sale in one of twenty."""
        die = zlib.crc32(f"{self._seed}|{symbol}|{bars.index[-1]}".encode()) % 100
        if die < 10:
            return TradeSignal(symbol, "buy", self.name, die / 10)
        return TradeSignal(symbol, "sell", self.name, 0.5, reason="restless") if die < 15 else None


class Planned:
    """A strategy with a plan: ``AAA 15:40 buy; AAA 15:44 sell``, by the New York minute (November) a bar began in."""

    name = "planned"
    enabled = True

    def __init__(self, watchlist: list[str], params: Mapping[str, Any]) -> None:
        self._watchlist = watchlist
        steps = [step.split() for step in params["plan"].split("; ")]
        self._plan: dict[tuple[str, str], Any] = {(symbol, minute): side for symbol, minute, side in steps}

    def get_watchlist(self) -> list[str]:
        """All of them."""
        return self._watchlist

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """What the plan says for this minute."""
        minute = (bars.index[-1] - timedelta(hours=5)).strftime("%H:%M")
        side = self._plan.get((symbol, minute))
        return TradeSignal(symbol, side, self.name, 0.5, reason="planned") if side else None


STRATEGIES: Mapping[str, type] = {
    "tests.simulation.world:Restless": Restless,
    "tests.simulation.world:Planned": Planned,
}


def planned(plan: str, symbols: Sequence[str], **own: Any) -> StrategyConfig:
    """One strategy that follows ``plan``; stops and trails a few ticks away."""
    params = {"plan": plan, "no_entry_close_min": 6, "cooldown_min": 0, "cooldown_after_stop_min": 0} | own
    raw = {
        "enabled": True,
        "watchlist": tuple(symbols),
        "params": PluginParams.model_validate(params),
        "class": "tests.simulation.world:Planned",
    }
    risk = RiskConfig(stop_loss_pct=0.01, take_profit_pct=0.01, trailing_stop_activation=0.01, trail_distance_pct=0.005)
    return StrategyConfig(risk=risk, strategies={"planned": StrategySettings.model_validate(raw)})


def restless(seed: int, symbols: Sequence[str] = SYMBOLS) -> StrategyConfig:
    """Limits that bind: two of three symbols at a time, stops and targets a few ticks away."""
    own: dict[str, Any] = {"seed": seed, "no_entry_open_min": 1, "cooldown_min": 0, "cooldown_after_stop_min": 1}
    own |= {"max_entries_per_symbol_day": 20, "on_target": "close" if seed % 3 == 0 else "trail"}
    raw = {
        "enabled": True,
        "watchlist": tuple(symbols),
        "params": PluginParams.model_validate(own),
        "class": "tests.simulation.world:Restless",
    }
    risk = RiskConfig(
        max_positions=2,
        stop_loss_pct=0.003,
        take_profit_pct=0.004,
        trailing_stop_activation=0.003,
        trail_distance_pct=0.002,
        max_daily_loss_pct=0.05,
        max_consecutive_losses=20,
    )
    return StrategyConfig(risk=risk, strategies={"restless": StrategySettings.model_validate(raw)})


@lru_cache(maxsize=4)
def generated(seed: int, day: date, symbols: tuple[str, ...] = SYMBOLS, history_days: int = 1) -> GeneratedMarket:
    """The market of a seed; it is the same tape for everybody, so it is made once."""
    return GeneratedMarket(seed, symbols, day, history_days=history_days)


@dataclass(frozen=True)
class Rates:
    """How often each fault happens, as a share of its occasions. Most are zero in any one day."""

    submit_lost: float = 0.0
    submit_dropped: float = 0.0
    submit_late: float = 0.0
    cancel_lost: float = 0.0
    cancel_refused: float = 0.0
    cancel_ignored: float = 0.0
    look_up_404: float = 0.0
    read_failed: float = 0.0
    read_stale: float = 0.0
    outage: float = 0.0
    news_lost: float = 0.0
    news_twice: float = 0.0
    news_reordered: float = 0.0

    @classmethod
    def drawn(cls, rng: Random) -> "Rates":
        """A third of the kinds, each as often as one time in three."""
        return cls(**{kind.name: rng.uniform(0.02, 0.3) if rng.random() < 0.35 else 0.0 for kind in fields(cls)})


class FaultyBroker:
    """The broker port on the simulated exchange, behind a bad line. ``fired`` counts what went wrong, by kind."""

    def __init__(self, sim: Simulator, rates: Rates, rng: Random, until: datetime, judge: Judge) -> None:
        self._sim, self._real = sim, SimBroker(sim)
        self._rates, self._rng, self._until, self._judge = rates, rng, until, judge
        self._late: list[tuple[datetime, ev.Approved | ev.Resend]] = []
        self._submitted: dict[str, datetime] = {}
        self._out_until: datetime | None = None
        self._seen: deque[tuple[datetime, Sequence[Position], Sequence[Order]]] = deque(maxlen=64)
        self.fired: dict[str, int] = {}
        self.calls = 0
        self.deaths: list[float] = []
        """The calls at which the process dies: n before its n-th call, n + 0.5 after it."""

    def _happens(self, kind: str) -> bool:
        rate: float = getattr(self._rates, kind)
        if not rate or self._sim.now >= self._until or self._rng.random() >= rate:
            return False
        self.fired[kind] = self.fired.get(kind, 0) + 1
        return True

    def pass_time(self) -> None:
        """What arrives late arrives, and the present is remembered for stale answers."""
        now = self._sim.now
        due = [request for at, request in self._late if at <= now]
        self._late = [(at, request) for at, request in self._late if at > now]
        for request in due:
            self._arrive(request)
        if self._rates.read_stale:
            self._seen.append((now, self._real.get_positions(), self._real.get_open_orders()))

    def _arrive(self, request: ev.Approved | ev.Resend) -> Order | None:
        try:
            return self._real.submit_order(request)
        except OrderRefused:
            return None

    def _call(self, do: Callable[[], Answer]) -> Answer:
        """One word with the broker: the process may die just before it is said or just after."""
        self.pass_time()
        self.calls += 1
        if self.calls in self.deaths:
            raise Crash
        answer = do()
        if self.calls + 0.5 in self.deaths:
            raise Crash
        return answer

    def _is_out(self) -> bool:
        """An outage begins in one read of a thousand (times the rate), and lasts up to a minute."""
        if self._out_until is not None and self._sim.now < min(self._out_until, self._until):
            return True
        if self._rng.random() < 0.01 and self._happens("outage"):
            self._out_until = self._sim.now + timedelta(seconds=self._rng.uniform(5, 60))
            return True
        return False

    def _read(self, read: Callable[[], Answer]) -> Answer:
        def answer() -> Answer:
            if self._is_out() or self._happens("read_failed"):
                raise Retryable("5xx")
            return read()

        return self._call(answer)

    # ------------------------------------------------------------ writes

    def submit_order(self, request: ev.Approved | ev.Resend) -> Order:
        """Accepted, refused, lost, late or never heard of."""
        return self._call(lambda: self._submit(request))

    def _submit(self, request: ev.Approved | ev.Resend) -> Order:
        key = request.intent.client_order_id
        self._judge.hear_submit(key, is_resend=isinstance(request, ev.Resend))
        if self._is_out() or self._happens("submit_dropped"):
            raise OutcomeUnknown("dropped")
        if self._happens("submit_late"):
            self._late.append((self._sim.now + timedelta(seconds=self._rng.uniform(1, LATEST_S)), request))
            raise OutcomeUnknown("late")
        if self._happens("submit_lost"):
            self._submitted[key] = self._sim.now
            self._arrive(request)
            raise OutcomeUnknown("lost")
        order = self._real.submit_order(request)
        self._submitted[key] = self._sim.now
        return order

    def cancel_order(self, broker_order_id: str) -> None:
        """Taken, refused, ignored or unknown."""
        self._call(lambda: self._cancel(broker_order_id))

    def _cancel(self, broker_order_id: str) -> None:
        if self._is_out():
            raise OutcomeUnknown("5xx")
        if self._happens("cancel_refused"):
            raise OrderRefused(RefusalKind.OTHER, 422, 42210000, "not now")
        if self._happens("cancel_ignored"):
            return
        self._real.cancel_order(broker_order_id)
        if self._happens("cancel_lost"):
            raise OutcomeUnknown("reply lost")

    # ------------------------------------------------------------ reads

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order; shortly after its submission sometimes not yet."""
        return self._read(lambda: self._look_up(client_order_id))

    def _look_up(self, key: str) -> Order | None:
        since = self._submitted.get(key)
        is_young = since is not None and self._sim.now < since + STALEST
        if is_young and self._happens("look_up_404"):
            return None
        return self._real.get_order_by_client_id(key)

    def _stale(self) -> tuple[Sequence[Position], Sequence[Order]] | None:
        """What the broker would have said up to five seconds ago."""
        if not self._seen or not self._happens("read_stale"):
            return None
        young = [entry for entry in self._seen if entry[0] >= self._sim.now - STALEST]
        return young[0][1:] if young else None

    def get_open_orders(self) -> Sequence[Order]:
        """Open orders, perhaps those of a moment ago."""
        return self._read(lambda: (self._stale() or (None, self._real.get_open_orders()))[1])

    def get_positions(self) -> Sequence[Position]:
        """Positions, perhaps those of a moment ago."""
        return self._read(lambda: (self._stale() or (self._real.get_positions(), None))[0])

    def get_account(self) -> Account:
        """The account."""
        return self._read(self._real.get_account)

    def get_clock(self) -> BrokerClock:
        """The clock."""
        return self._read(self._real.get_clock)

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """Quotes."""
        return self._read(lambda: self._real.get_latest_quotes(symbols))

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """Bars."""
        return self._read(lambda: self._real.get_minute_bars(symbols, start, end))

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """Sessions."""
        return self._read(lambda: self._real.get_calendar(first, last))

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """Assets."""
        return self._read(lambda: self._real.get_assets(symbols))

    # ------------------------------------------------------------ the stream

    def through_the_line(self, put: Callable[[ev.Event], None]) -> Callable[[ev.Event], None]:
        """``put`` behind a trade stream that loses, repeats and reorders news."""
        held: list[ev.Event] = []

        def deliver(event: ev.Event) -> None:
            if not isinstance(event, ev.ExecutionReport):
                put(event)
                return
            if self._happens("news_lost"):
                return
            if not held and self._happens("news_reordered"):
                held.append(event)
                return
            for each in (event, *held):
                put(each)
                if self._happens("news_twice"):
                    put(each)
            held.clear()

        return deliver


class World:
    """One session on one exchange, and the engines that live through it."""

    def __init__(
        self,
        market: Market,
        config: StrategyConfig,
        *,
        seed: int = 7,
        day: date = HALF_DAY,
        start: datetime | None = None,
        until: datetime | None = None,
        rates: Rates | None = None,
        faults_end: timedelta = timedelta(minutes=40),
        **switches: Any,
    ) -> None:
        """Faults end ``faults_end`` before the close. ``start`` and ``until`` cut the day short."""
        self._calendar = CALENDAR
        session = self._calendar.session_on(day)
        assert session is not None
        self.session = session
        self.config = config
        begin = start or session.open - timedelta(minutes=6)
        self.sim = Simulator(market, seed=seed, start=begin, switches=Switches(rate_limit=None, **switches))
        self.calm_from = session.close - faults_end
        self.journal = MemoryJournal()
        cap = config.risk.max_position_pct
        self.judge = Judge(self.sim, session, cap, config.risk.max_positions, self.calm_from if rates else None)
        self.broker = FaultyBroker(self.sim, rates or Rates(), Random(seed), self.calm_from, self.judge)
        self.told: list[ev.Action] = []
        self.lives = 0
        self.downtime = timedelta(0)
        self._until = until or watch_ends(session)
        self._open_engine()

    def _open_engine(self) -> None:
        self.lives += 1
        manager = StrategyManager(lambda path: self.config, STRATEGIES.__getitem__)
        manager.configure(self.config)
        entries = list(self.journal.since_checkpoint())
        self.engine = Engine(manager, rebuild(entries) if entries else Belief())
        self.streams = DirectStreams(self.sim)
        self.feed = SimulatedFeed(
            self,
            SessionTrigger(self._calendar),
            self.engine.next_wakeup,
            self.streams.received,
            until=self._until,
            real=SystemClock(),
        )
        self.streams.start(self.broker.through_the_line(self.feed.put))
        clock = DriverClock(self.sim)
        self.executor = OrderExecutor(self.engine, self.broker, self.journal, clock, self)
        self.judge.follow(self.journal, self.engine)

    def tell(self, action: ev.Action) -> None:
        """Hear every action (``Recorder``)."""
        self.told.append(action)

    # ------------------------------------------------------------ the driver, with the judge looking on

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self.sim.now

    def advance(self, limit: datetime) -> datetime:
        """Move time; the judge sees every instant at which the exchange told something."""
        reached = self.sim.advance(limit)
        self.broker.pass_time()
        self.judge.look()
        return reached

    def sent(self) -> Mapping[str, int]:
        """Messages sent."""
        return self.sim.sent()

    def connected(self) -> Mapping[str, int]:
        """Clients."""
        return self.sim.connected()

    # ------------------------------------------------------------ running

    def _events(self) -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(self.now, "rev", self.config, Policy())
        yield ev.Command(self.now, "started", "engine", "")
        for event in self.feed:
            if isinstance(event, ev.Tick):
                self.judge.compare()
            yield event

    def _sleep(self) -> None:
        """Nobody is there; what the exchange does meanwhile nobody hears."""
        wakes = self.now + self.downtime
        while self.now < min(wakes, self._until):
            self.sim.advance(min(wakes, self._until))
        self.judge.excuse(self.now)

    def run(self) -> "World":
        """Play to the end of the session; a process that dies is followed by the next."""
        while True:
            try:
                for event in self._events():
                    drain(self.engine, event, self.executor, self.journal)
                    self.judge.look()
                break
            except Crash:
                self.streams.stop()
                self._sleep()
                self.journal = MemoryJournal(self.journal.committed)
                self._open_engine()
        self.judge.close()
        return self
