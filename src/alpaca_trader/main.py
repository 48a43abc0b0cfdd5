"""The composition root: builds one of the wirings from its parts and runs it. Decides nothing.

=============  ==============================  ===============================================
wiring         clock and feed                  broker
=============  ==============================  ===============================================
simulated      the embedded Alpaca's time      ``AlpacaClient`` on it, over HTTP and WebSocket
paper, live    system clock, queue of threads  ``AlpacaClient`` on Alpaca
=============  ==============================  ===============================================
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.engine import Engine, run
from alpaca_trader.core.errors import AuthRefused, BadInput, Fatal
from alpaca_trader.core.models import Mode, Session
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.ports import Broker, Clock, Feed
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge import arming
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.alpaca_streams import AlpacaStreams
from alpaca_trader.edge.attended import AttendedFeed, Before
from alpaca_trader.edge.calendar import SessionCalendar, agree_on_sessions
from alpaca_trader.edge.clock import Pacer, SystemClock
from alpaca_trader.edge.config_store import STRATEGY_FILE, ConfigStore
from alpaca_trader.edge.config_watch import ConfigWatcher
from alpaca_trader.edge.credentials import Credentials, load_credentials
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.endpoints import Endpoints, check_environment
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.home import EngineLock, Home
from alpaca_trader.edge.inbox import InboxWatcher
from alpaca_trader.edge.journal.lost import open_journal, what_is_lost
from alpaca_trader.edge.last_words import censor
from alpaca_trader.edge.live_feed import LiveClock, LiveFeed
from alpaca_trader.edge.logger import TradingLogger
from alpaca_trader.edge.patience import patiently
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.scheduler import HEARTBEAT_S, TradingScheduler
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_begins, watch_ends
from alpaca_trader.edge.signals import hear_orders, stop_on_signals
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.edge.starts import note_start
from alpaca_trader.edge.stream_link import LIVE_PATIENCE, VIRTUAL_PATIENCE, StreamPatience
from alpaca_trader.edge.transport import TIMEOUTS, Timeouts
from alpaca_trader.edge.watchdog import Watchdog
from alpaca_trader.research.recorded import read_recording
from alpaca_trader.research.simulated_home import RunIdentity, SimulatedHome
from alpaca_trader.simulator import GeneratedMarket, Simulator, SimulatorServer, Switches
from alpaca_trader.simulator.market.model import Market

Made = TypeVar("Made")

SIMULATED_SYMBOLS = ("AAPL", "AMZN", "KO", "MSFT", "NVDA", "QQQ", "SPY", "TSLA")
"""What the generated market always has, beside what is watched: room for an edit that adds a symbol."""
SIMULATED_LEAD = timedelta(minutes=1)
WHOLE_TAPE = Switches(iex_volume="full")
"""A simulated run trades on the whole tape: thresholds on volume mean what they mean on recorded consolidated bars."""
DEFAULT_SIMULATED_DAY = date(2026, 11, 20)
CONNECT_WITHIN_S = 15.0
RESERVE_BYTES = 50 * 2**20
EXIT_HUNG = 70
JOURNAL_LOST = (
    "What is held was found at the broker and is guarded; nothing is bought. Compare `alpaca-trader positions` with the"
    " broker's own page, then say `alpaca-trader resume`"
)

Watch = Callable[[ev.Action], None]
Begin = Callable[[Sequence[Session], bool], None]
"""Hears which sessions a simulated run plays, and whether it goes on with an interrupted one."""


@dataclass(frozen=True, slots=True)
class SimOptions:
    """What ``run --sim`` was asked for. ``speed`` is virtual seconds per real second, None: as fast as it goes.

    ``extended``: the market trades before the open and after the close too (the engine does not).
    """

    home: Path
    seed: int = 7
    bars: Path | None = None
    day: date | None = None
    days: int = 1
    speed: float | None = None
    profile: str = "live467"
    fresh: bool = False
    extended: bool = False


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended: where its journal lies, its digest, and whether it was stopped before its time."""

    home: Home
    mode: Mode
    journal_sha256: str
    is_interrupted: bool
    seed: int | None = None


def run_simulated(
    options: SimOptions,
    watch: Watch = lambda action: None,
    begin: Begin = lambda sessions, is_continued: None,
) -> RunEnd:
    """Play sessions on the embedded Alpaca through the real SDK, over real HTTP and WebSocket, in virtual time.

    Raises BadInput for what the user can mend, Fatal or Retryable where the run cannot go on.
    """
    home = Home(options.home)
    home.create()
    with ExitStack() as stack:
        stack.callback(EngineLock(home).release)
        write_defaults(home)
        config = ConfigStore(home.config).load()[0]
        calendar = SessionCalendar()
        market, identity = simulated_market(options, config.watchlist(), calendar)
        place = SimulatedHome(home)
        is_continued = place.prepare(identity, options.fresh)
        sessions = sessions_from(calendar, date.fromisoformat(identity.date), options.days)
        begin(sessions, is_continued)
        start = watch_begins(sessions[0]) - SIMULATED_LEAD
        sim = _or_bad_input(
            lambda: Simulator(
                market,
                seed=options.seed,
                start=start,
                profile=options.profile,
                state_dir=place.state_dir,
                switches=WHOLE_TAPE,
            )
        )
        stack.callback(sim.close)
        server = SimulatorServer(sim)
        server.start()
        stack.callback(server.stop)
        clock, real = DriverClock(sim), SystemClock()
        credentials = Credentials(Secret(sim.keys[0]), Secret(sim.keys[1]), "simulator")
        endpoints = Endpoints.simulated(server.url, server.ws_url)
        trader = _Trader(home, Mode.SIM, clock, credentials, watch, stack)
        broker = AlpacaClient(credentials, endpoints=endpoints, clock=clock, on_bad=trader.on_bad)
        stack.callback(broker.close)
        trader.compare(broker)
        streams = AlpacaStreams(
            credentials,
            endpoints=endpoints,
            symbols=trader.symbols(config),
            clock=clock,
            put=lambda event: feed.put(event),  # noqa: PLW0108 - the feed is made after the streams it counts
            on_bad=trader.on_bad,
            patience=VIRTUAL_PATIENCE,
        )
        feed = SimulatedFeed(
            sim,
            SessionTrigger(calendar),
            trader.engine.next_wakeup,
            streams.received,
            until=watch_ends(sessions[-1]),
            real=real,
            pacer=Pacer(options.speed, real, sim.now) if options.speed is not None else None,
        )
        streams.start()
        stack.callback(streams.stop)
        if not streams.wait_connected(CONNECT_WITHIN_S):
            raise Fatal("the embedded Alpaca's streams did not connect; is something blocking loopback sockets?")
        is_stopped = stop_on_signals(feed.stop, stack)
        trader.trade(feed, broker, streams)
        if not is_stopped():
            place.finish()
        return RunEnd(home, Mode.SIM, trader.journal.head(), is_stopped(), options.seed)


def run_hosted(mode: Mode, home_path: Path, watch: Watch = lambda action: None) -> RunEnd:
    """Trade on Alpaca, paper or live, until stopped by a signal. Raises as ``run_simulated``, and NotArmed."""
    home = Home(home_path)
    home.create()
    clock = SystemClock()
    check_environment(mode, os.environ)
    with ExitStack() as stack:
        stack.callback(EngineLock(home).release)
        bar = note_start(home.data / "starts.json", clock.now())
        policy = ConfigStore(home.config).load()[1]  # what is wrong here is said before anybody is asked for keys
        if mode is Mode.LIVE:
            arming.check_mode(policy)
        credentials = patiently(lambda: load_credentials(os.environ), clock, _say)
        endpoints = Endpoints.live() if mode is Mode.LIVE else Endpoints.paper()
        return trade_hosted(home, mode, credentials, endpoints, clock, watch, bar=bar)


def trade_hosted(
    home: Home,
    mode: Mode,
    credentials: Credentials,
    endpoints: Endpoints,
    clock: LiveClock,
    watch: Watch,
    heartbeat_s: float = HEARTBEAT_S,
    bar: ev.EntriesBarred | None = None,
    timeouts: Timeouts = TIMEOUTS,
    patience: StreamPatience = LIVE_PATIENCE,
) -> RunEnd:
    """The live wiring on whatever broker the endpoints name; the clock and the broker must agree on the time.

    The caller holds the home's lock. ``heartbeat_s``: real seconds between two looks at whether a session event is due,
    whatever the timers say. ``bar``: why nothing may be bought, where that is known at the start. ``timeouts`` and
    ``patience`` are real seconds.
    """
    with ExitStack() as stack:
        trader = _Trader(home, mode, clock, credentials, watch, stack)
        feed = LiveFeed(clock, trader.engine.next_wakeup)
        hear_orders(feed.put, clock, stack)
        broker = AlpacaClient(
            credentials, endpoints=endpoints, clock=clock, sleep=clock.sleep, timeouts=timeouts, on_bad=trader.on_bad
        )
        stack.callback(broker.close)
        # Somebody at a terminal with wrong keys wants to know; where nobody is, a restart would only hammer (F9).
        account = patiently(broker.get_account, clock, trader.on_bad, () if sys.stdin.isatty() else (AuthRefused,))
        patiently(lambda: trader.compare(broker), clock, trader.on_bad)
        arms = _arms(home, mode, trader.start[1], account.account_number, clock, bool(trader.held()))
        trader.journal.bind_account(account.account_id)
        calendar = SessionCalendar()
        scheduler = TradingScheduler(
            calendar,
            feed.put,
            clock,
            report=lambda code, text: trader.on_bad(f"{code}: {text}"),
            on_jump=lambda gap: feed.put(ev.Command(clock.now(), "started", "clock", f"asleep for {gap}")),
            heartbeat_s=heartbeat_s,
        )
        streams = AlpacaStreams(
            credentials,
            endpoints=endpoints,
            symbols=trader.symbols(trader.start[0]),
            clock=clock,
            put=feed.put,
            on_bad=trader.on_bad,
            patience=patience,
            expects_data=scheduler.is_market_open,
        )
        watcher = ConfigWatcher(home.config, STRATEGY_FILE, lambda: feed.put(ev.Timer(clock.now())))
        inbox = InboxWatcher(home.path, home.inbox, trader.is_halted, lambda: feed.put(ev.Timer(clock.now())))
        watchdog = Watchdog(feed, SessionTrigger(calendar), clock, _give_up)
        is_stopped = stop_on_signals(feed.stop, stack)

        def agree() -> None:
            agree_on_sessions(calendar, broker, clock, trader.on_bad)

        def arms_news() -> Iterable[ev.Event]:
            return arms.news(clock.now(), arming.CODE in trader.engine.belief.risk.latched) if arms else ()

        def before(event: ev.SessionOpened | ev.Tick) -> Iterable[ev.Event]:
            if isinstance(event, ev.SessionOpened):
                agree()
            return arms_news()

        agree()
        if bar is not None:
            feed.put(bar)
        for news in arms_news():
            feed.put(news)
        for part in (scheduler, streams, watcher, inbox, watchdog):
            part.start()
            stack.callback(part.stop)
        trader.trade(feed, broker, streams, before)
        return RunEnd(home, mode, trader.journal.head(), is_stopped())


class _Trader:
    """Engine, journal and logs on one home: the part that is the same in every wiring."""

    def __init__(
        self, home: Home, mode: Mode, clock: Clock, credentials: Credentials, watch: Watch, stack: ExitStack
    ) -> None:
        self._home, self._mode, self._clock, self._watch = home, mode, clock, watch
        self._store = ConfigStore(home.config)
        config, policy, revision = self._store.load()
        self.start = (config, policy, revision.config_rev)
        redactor = Redactor(credentials.key, credentials.secret)
        stack.callback(censor(redactor))
        self.logger = TradingLogger(home.logs, clock, redactor)
        stack.callback(self.logger.close)
        reserve = 0 if mode is Mode.SIM else RESERVE_BYTES
        self._opened = open_journal(home.database(mode), mode, version("alpaca-trader"), clock.now(), reserve)
        self.journal = self._opened.journal
        stack.callback(self.journal.close)
        strategies = StrategyManager(lambda path: ConfigStore(path.parent).load()[0], _resolver(policy))
        strategies.configure(config)
        self.engine = Engine(strategies, self._opened.belief)
        self._lost: ev.JournalLost | None = None

    def compare(self, broker: AlpacaClient) -> None:
        """Hold the journal against the broker; where it lacks something of ours, say so to whoever started us."""
        self._lost = what_is_lost(self._opened, broker, self._clock.now())
        if self._lost is not None:
            _say(f"{self._lost.detail}. {JOURNAL_LOST}")

    def held(self) -> set[str]:
        """Symbols that may be ours: held as far as we know, and where the journal was lost whatever is in the account."""
        there = self._lost.positions if self._lost is not None else ()
        return {*self.engine.belief.episodes, *(position.symbol for position in there)}

    def symbols(self, config: StrategyConfig) -> tuple[str, ...]:
        """What the data stream has to bring: the watchlists and what is held."""
        return tuple(sorted({*config.watchlist(), *self.held()}))

    def is_halted(self) -> bool:
        """Whether somebody's halt is in force."""
        return "operator" in self.engine.belief.risk.latched

    def on_bad(self, note: str) -> None:
        """Trouble at the edge, in words without secrets."""
        self.logger.log_event("edge_trouble", "warning", {"untrusted_text": note})

    def trade(self, feed: Feed, broker: Broker, streams: AlpacaStreams, before: Before = lambda event: ()) -> None:
        """Run the engine until the feed ends. Whatever breaks it is logged before it is passed on."""
        facts = {"version": version("alpaca-trader"), "pid": os.getpid(), "home": str(self._home.path)}
        status_file = self._home.status_file
        recorder = PeopleRecorder(self.engine, self.logger, status_file, self._mode, facts, self._watch)
        executor = OrderExecutor(self.engine, broker, self.journal, self._clock, recorder)
        attended = AttendedFeed(
            feed,
            self._store,
            self.start,
            self._lost,
            self._clock,
            self._home,
            self.is_halted,
            lambda config: streams.watch(self.symbols(config)),
            before,
        )
        self.logger.log_event("started", "info", {"mode": self._mode.value, **facts})
        try:
            run(self.engine, attended, executor, self.journal)
        except BaseException as failure:
            self.logger.log_error(failure, {"in": "engine loop"})
            raise
        self.logger.log_event("stopped", "info", {"journal_sha256": self.journal.head()})


def simulated_market(
    options: SimOptions, watchlist: tuple[str, ...], calendar: SessionCalendar
) -> tuple[Market, RunIdentity]:
    """The market of a simulated run and what fixes the run. Raises BadInput for a day without a session."""
    if options.bars is None:
        day = options.day or DEFAULT_SIMULATED_DAY
        symbols = tuple(sorted({*SIMULATED_SYMBOLS, *watchlist}))
        sessions_from(calendar, day, options.days)
        identity = RunIdentity(options.seed, day.isoformat(), options.days, options.profile, symbols, None)
        days, extended = options.days, options.extended
        return _or_bad_input(
            lambda: GeneratedMarket(options.seed, symbols, day, days=days, extended=extended)
        ), identity
    recorded = read_recording(options.bars)
    day = options.day or recorded.days[0]
    sessions_from(calendar, day, options.days)
    symbols, bars = recorded.symbols, recorded.fingerprint
    identity = RunIdentity(options.seed, day.isoformat(), options.days, options.profile, symbols, bars)
    extended = options.extended
    return _or_bad_input(lambda: recorded.market(day, options.days, options.seed, extended=extended)), identity


def sessions_from(calendar: SessionCalendar, first: date, days: int) -> list[Session]:
    """``days`` sessions from ``first`` on. Raises BadInput where ``first`` is none."""
    if calendar.session_on(first) is None:
        following = calendar.next_session(datetime.combine(first, time(), UTC)).day
        raise BadInput(f"--date {first}: the exchange is closed; the next session is {following}")
    return calendar.sessions(first, first + timedelta(days=2 * days + 14))[:days]


def _or_bad_input(make: Callable[[], Made]) -> Made:
    """The simulator says in a ValueError what is wrong with what it was given."""
    try:
        return make()
    except ValueError as error:
        raise BadInput(str(error)) from error


def _resolver(policy: Policy) -> Callable[[str], type]:
    """Loads the plug-in classes that the human's policy names, and no others."""

    def resolve(class_path: str) -> type:
        if class_path not in policy.plugin_classes:
            raise BadInput(f'config/policy.json: plugin_classes does not allow "{class_path}"')
        module, _, name = class_path.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, type):
            raise BadInput(f'"{class_path}" is no class')
        return found

    return resolve


def _arms(
    home: Home, mode: Mode, policy: Policy, account_number: str, clock: Clock, holds: bool
) -> arming.Arming | None:
    """What allows live entries; None on paper. Raises NotArmed, unless positions are held: those are guarded and sold
    (safety 6)."""
    if mode is not Mode.LIVE:
        return None
    arming.check_account(policy, account_number)
    arms = arming.Arming(home.data / "armed.json", policy, account_number, version("alpaca-trader"))
    if arms.holds(clock.now()):
        return arms
    if sys.stdin.isatty():
        arms.arm(clock.now(), input)
    elif holds:
        _say("live trading is not armed: positions are guarded and sold, nothing is bought")
    else:
        raise arming.NotArmed("live trading is not armed: a human runs `alpaca-trader run --live` once on a terminal")
    return arms


def _say(note: str) -> None:
    """To whoever started us, before there is a log."""
    os.write(2, f"alpaca-trader: {note}\n".encode())


def _give_up(reason: str) -> None:
    """The loop hangs: end the process, hard, so that the supervisor starts it again into recovery (F46)."""
    _say(f"{reason}; ending with {EXIT_HUNG}")
    os._exit(EXIT_HUNG)
