"""A world to live through: sessions on one simulated exchange, everything that goes wrong on them, and the engines
that run there one after the other.

A process that dies (``Crash``) is followed by another on the same exchange, which knows what was committed and nothing
else. After every instant the judge looks. Everything follows from the arguments: the same seed is the same run.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.models import Session
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_begins, watch_ends
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.research.direct import DirectFeed, DirectStreams
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.trials.acts import Act, acts_of
from alpaca_trader.trials.believed import believed
from alpaca_trader.trials.disk import Crash, CrashPoints, TrialJournal
from alpaca_trader.trials.judge import Judge
from alpaca_trader.trials.line import BadLine, BadStream, shown_bar
from alpaca_trader.trials.plan import EXCHANGE, Plan
from alpaca_trader.trials.strikes import Strikes
from alpaca_trader.trials.terms import Believed, Broken, Hours, Limits

CALM_FOR = timedelta(minutes=40)
"""Before each close nothing fails any more: what was disturbed has to come right."""
_EARLY = timedelta(minutes=1)
PUZZLING = frozenset({"http.slow", "http.stale_read", "clock.sleep", "corp.split", "broker.manual_order"})
PUZZLING |= {"broker.liquidate"}
"""Faults after which an engine does well to wait before it sends a stop."""
CALENDAR = SessionCalendar()
UNLIMITED = Switches(rate_limit=None)
"""Direct calls pass no gate that counts requests."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and when a world plays: the market, its sessions, and what the strategies resolve to."""

    market: Market
    sessions: Sequence[Session]
    start: datetime | None = None
    """None: shortly before the first session is announced."""
    until: datetime | None = None
    """None: the end of the last session."""
    ends_flat: bool = True
    """Whether everything is sold and told when it ends."""
    strategies: Mapping[str, type] = field(default_factory=dict)
    """Plug-in classes by the path the settings name them with."""
    switches: Switches = UNLIMITED


def sessions_from(first: date, days: int) -> list[Session]:
    """``days`` sessions from ``first`` on, which is one."""
    return CALENDAR.sessions(first, first + timedelta(days=2 * days + 14))[:days]


class World:
    """One run. ``run`` plays it to the end and raises ``Broken`` where a rule is broken."""

    def __init__(
        self,
        stage: Stage,
        config: StrategyConfig,
        seed: int,
        plan: Plan | None = None,
        calm_for: timedelta = CALM_FOR,
    ) -> None:
        """``plan`` None: nothing goes wrong. Faults end ``calm_for`` before each close."""
        self._calm_for = calm_for
        self.stage, self.config, self.seed, self.plan = stage, config, seed, plan or Plan()
        self.edit = 0
        first = stage.sessions[0]
        ends = watch_ends(stage.sessions[-1])
        self._until = min(stage.until or ends, ends)
        begin = stage.start or watch_begins(first) - _EARLY
        self.sim = Simulator(stage.market, seed=seed, start=begin, switches=stage.switches)
        self.sim.log_every = timedelta(days=3650)
        self._day = 0
        self.hours = self._hours_of(first)
        self.strikes = Strikes(self.plan, seed, lambda: self.sim.now, self.hours.calm_from)
        self.io = CrashPoints(self.strikes)
        self.downtime: timedelta | None = None
        """How long nobody is there after a crash; None: drawn."""
        risk = config.risk
        params = [settings.params for settings in config.strategies.values()]
        limits = Limits(
            Decimal(str(risk.max_position_pct)),
            risk.max_positions,
            risk.order_style == "limit",
            config.watchlist(),
            Decimal(str(risk.max_daily_loss_pct)),
            max(each.max_entries_per_symbol_day for each in params),
            timedelta(minutes=min(each.cooldown_after_stop_min for each in params)),
            timedelta(minutes=risk.flatten_before_close_min),
        )
        faults = self.plan.rates.keys() | self.plan.exactly.keys()
        self.judge = Judge(
            self.sim, limits, self.hours, is_calm=not faults, is_prompt=not faults & PUZZLING, is_direct=True
        )
        self.line = BadLine(self.sim, self.strikes, self.io, self.judge, self._take_time)
        self.seen: Counter[str] = Counter()
        """What was told, by kind and code: what a batch of trials must have seen sometimes."""
        self.lives = 0
        self._pending: list[ev.Event] = []
        self._acts: list[Act] = []
        self._resumed = False
        self._begin_day()
        self._open_engine(())

    # ------------------------------------------------------------ days

    def _hours_of(self, session: Session) -> Hours:
        params = [settings.params for settings in self.config.strategies.values()]
        entries_from = session.open + timedelta(minutes=min(each.no_entry_open_min for each in params))
        entries_until = session.close - timedelta(minutes=min(each.no_entry_close_min for each in params))
        return Hours(session.open, session.close, entries_from, entries_until, session.close - self._calm_for)

    def _begin_day(self) -> None:
        self._cash_at_open = self.sim.exchange.account().cash
        self.strikes.until = self.hours.calm_from
        self._acts = acts_of(self.plan, self.seed, self.hours.open, self.hours.calm_from)
        for name in EXCHANGE:
            if self.plan.rates.get(name):
                seconds = (self.hours.calm_from - self.now).total_seconds()
                self.sim.order_fault(name, probability=self.plan.rates[name], **{"for": seconds})

    def _turn_page(self) -> None:
        """The next session begins to matter a while before its open; between two of them nothing fails."""
        following = self._day + 1
        if following < len(self.stage.sessions):
            session = self.stage.sessions[following]
            if self.now >= watch_begins(session) - _EARLY:
                self._day, self.hours = following, self._hours_of(session)
                self.judge.begin_day(self.hours)
                self._begin_day()

    # ------------------------------------------------------------ lives

    def _open_engine(self, committed: Sequence[ev.Event | ev.Action]) -> None:
        self.lives += 1
        self.journal = TrialJournal(committed, self.strikes, self.io)
        manager = StrategyManager(lambda path: self.config, self.stage.strategies.__getitem__)
        manager.configure(self.config)
        entries = list(self.journal.since_checkpoint())
        self.engine = Engine(manager, rebuild(entries) if entries else Belief())
        self.feed = DirectFeed(self, SessionTrigger(CALENDAR), self.engine.next_wakeup, self._until)
        self.stream = BadStream(self.strikes, lambda: self.sim.now, self._hand_over, self.feed.put)
        self.streams = DirectStreams(self.sim)
        self.streams.start(self.stream.deliver)
        self.executor = OrderExecutor(self.engine, self.line, self.journal, DriverClock(self.sim), self)
        self._intents: set[str] = set()
        self._intents_read = 0
        self.judge.is_committed = self._is_committed
        self.judge.is_disk_bad = lambda: self.journal.has_failed

    def _hand_over(self, event: ev.Event) -> None:
        """What the streams tell reaches the engine, and the judge knows it."""
        if isinstance(event, ev.BarClosed):
            self.judge.shown.bar(event.bar.symbol, shown_bar(event.bar), self.now)
        self.feed.put(event)

    def _is_committed(self, key: str) -> bool:
        committed = self.journal.committed_from(self._intents_read)
        self._intents.update(entry.intent.client_order_id for entry in committed if isinstance(entry, ev.Approved))
        self._intents_read += len(committed)
        return key in self._intents

    def tell(self, action: ev.Action) -> None:
        """Hear every action (``Recorder``)."""
        match action:
            case ev.Decided(verdict=verdict):
                self.seen[f"verdict {verdict}"] += 1
            case ev.HaltLatched(code="invariant", detail=detail) if not self.judge.has_unwritten:
                raise Broken(f"E {detail.partition(' ')[0]}", self.now, detail.partition(" ")[2] or "the account")
            case ev.HaltLatched(code=code, until=until):
                self.seen[f"halt {code}"] += 1
                self.judge.halt(code, until)
            case ev.HaltReleased(code=code, actor=actor):
                self.judge.release(code, by_human=actor != "engine")
            case ev.Abandoned(client_order_id=key):
                self.seen["abandoned"] += 1
                self.judge.hear_abandoned(key)
            case ev.ExitDecided(reason=reason, episode_id=episode):
                self.seen[f"exit {reason}"] += 1
                self.judge.hear_leaving(episode)
            case ev.Alarm(code=code, symbol=symbol):
                self.seen[f"alarm {code}"] += 1
                if code == "unprotected" and symbol is not None:
                    self.judge.hear_unprotected(symbol)
            case ev.Approved(intent=intent):
                if intent.side == "sell":
                    self.judge.hear_tried(intent.symbol)
                self.seen[f"order {intent.role.value}{' replacing' if intent.replaces else ''}"] += 1
            case _:
                self.seen[type(action).__name__] += 1

    # ------------------------------------------------------------ time, with the judge looking on

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self.sim.now

    def advance(self, limit: datetime) -> datetime:
        """Move time; acts take place, what is late arrives, and the judge sees every instant with news."""
        for at in (self._acts[0].at if self._acts else None, self.line.next_arrival, self.stream.next_arrival):
            if at is not None and at < limit:
                limit = max(at, self.now)
        reached = self.sim.advance(limit)
        self.line.pass_time()
        self.stream.pass_time()
        while self._acts and self._acts[0].at <= self.sim.now:
            self._act(self._acts.pop(0))
        self._turn_page()
        self.judge.look()
        return reached

    def _act(self, act: Act) -> None:
        if act.is_certain or self.strikes.act(act.name):
            if not act.is_certain:
                self.strikes.note(act.name)
            act.do(self, self.strikes.amounts(act.name))

    def plan_act(self, act: Act) -> None:
        """Something will happen later in the day."""
        self._acts = sorted([*self._acts, act], key=lambda each: (each.at, each.name))

    def say(self, event: ev.Event) -> None:
        """A word to the engine that outlives a crash: a command's file, an edited config."""
        self._pending.append(event)
        self.feed.put(event)

    def _take_time(self, span: timedelta) -> None:
        """An answer takes its time; the market goes on."""
        until = min(self.now + span, self._until)
        while self.now < until:
            self.sim.advance(until)
            self.judge.look()

    def sleep(self, span: timedelta) -> None:
        """The machine sleeps: connections are gone when it wakes, and the clock has jumped."""
        self.streams.stop()
        self._pass_alone(span)
        self.streams.start(self.stream.deliver)
        self.feed.put(ev.Command(self.now, "started", "clock", f"asleep for {span}"))

    def _pass_alone(self, span: timedelta) -> None:
        """Time in which nobody is there; what the exchange does meanwhile nobody hears."""
        until = min(self.now + span, self._until)
        while self.now < until:
            self.sim.advance(until)
        self.judge.excuse()

    # ------------------------------------------------------------ running

    def _events(self) -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(self.now, f"rev{self.edit}", self.config, Policy())
        yield ev.Command(self.now, "started", "engine", "")
        for event in self._pending:
            self.feed.put(replace(event, at=self.now))
        self._pending.clear()
        for event in self.feed:
            if isinstance(event, ev.Tick):
                self.judge.compare(self._believed())
            yield event
            if isinstance(event, ev.Command):
                self._obeyed(event)

    def _obeyed(self, command: ev.Command) -> None:
        """The engine has dealt with a command: from here on it counts."""
        codes = {"halt": "operator", "flatten": "operator_flatten"}
        if command.verb in codes:
            self.judge.halt(codes[command.verb])
        elif command.verb == "resume":
            self.judge.release_all()

    def _believed(self) -> Believed:
        return believed(self.engine.belief, self.now, self._cash_at_open)

    def run(self) -> "World":
        """Play to the end; a process that dies is followed by the next."""
        while True:
            try:
                for event in self._events():
                    drain(self.engine, event, self.executor, self.journal)
                    self.judge.end_step()
                    self.judge.look()
                break
            except Crash:
                self._die()
        if self.stage.ends_flat:
            self.judge.close(self._believed())
        return self

    def _die(self) -> None:
        self.seen["crash"] += 1
        self.seen["crash while a position is held"] += bool(self.judge.holds)
        self.streams.stop()
        committed = self.journal.committed
        latched: set[str] = set()
        for entry in committed:
            if isinstance(entry, ev.HaltLatched):
                latched.add(entry.code)
            elif isinstance(entry, ev.HaltReleased):
                latched.discard(entry.code)
        self.judge.restart(latched)
        gone = self.downtime
        if gone is None:
            draw = Random(f"{self.seed} downtime {self.lives}")
            gone = timedelta(seconds=draw.choice((0, 0, 1, 20, 90, 600)))
            gone = min(gone, max(timedelta(0), self.hours.calm_from - self.now))
        self._pass_alone(gone)
        self._open_engine(committed)
