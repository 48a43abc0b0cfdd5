"""The simulated wiring: the embedded Alpaca, the real SDK, virtual time."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TypeVar

from alpaca_trader.core.errors import BadInput, Fatal
from alpaca_trader.core.models import Mode, Session
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.alpaca_streams import AlpacaStreams
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import Pacer, SystemClock
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.home import EngineLock, Home
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_begins, watch_ends
from alpaca_trader.edge.signals import hear_orders, stop_on_signals
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.edge.stream_link import VIRTUAL_PATIENCE
from alpaca_trader.main.trader import RunEnd, Trader, Watch
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
        notifier = OutOfBand((), real, "")  # nobody is woken for a simulation
        trader = Trader(home, Mode.SIM, clock, credentials, watch, notifier, stack)
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
        hear_orders(feed.put, clock, stack)
        trader.trade(feed, broker, streams)
        if not is_stopped():
            place.finish()
        return RunEnd(home, Mode.SIM, trader.journal.head(), is_stopped(), options.seed)


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
