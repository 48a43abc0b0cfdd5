"""The wirings for Alpaca itself, paper and live: threads, the machine's clock, and patience where nobody answers."""

import faulthandler
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import AuthRefused, BadInput
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge import arming
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.alpaca_streams import AlpacaStreams
from alpaca_trader.edge.calendar import SessionCalendar, agree_on_sessions
from alpaca_trader.edge.channels import channels
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.config_store import STRATEGY_FILE, ConfigStore
from alpaca_trader.edge.config_watch import ConfigWatcher
from alpaca_trader.edge.credentials import Credentials, load_credentials
from alpaca_trader.edge.endpoints import Endpoints, check_environment
from alpaca_trader.edge.home import EngineLock, Home
from alpaca_trader.edge.inbox import InboxWatcher
from alpaca_trader.edge.live_feed import LiveClock, LiveFeed
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.patience import patiently
from alpaca_trader.edge.scheduler import HEARTBEAT_S, TradingScheduler
from alpaca_trader.edge.service_logs import turn_over
from alpaca_trader.edge.session_trigger import SessionTrigger
from alpaca_trader.edge.settings_in_force import load_settings
from alpaca_trader.edge.signals import hear_orders, stop_on_signals
from alpaca_trader.edge.starts import note_start
from alpaca_trader.edge.stream_link import LIVE_PATIENCE, StreamPatience
from alpaca_trader.edge.transport import TIMEOUTS, Timeouts
from alpaca_trader.edge.watchdog import Watchdog
from alpaca_trader.main.trader import RunEnd, Trader, Watch, say

EXIT_HUNG = 70
FAREWELL_S = 5.0
"""Real seconds in which the last alarms may still be delivered when the process ends."""
WAITING = "waiting"


def run_hosted(mode: Mode, home_path: Path, watch: Watch = lambda action: None) -> RunEnd:
    """Trade on Alpaca, paper or live, until stopped by a signal. Raises as ``run_simulated``, and NotArmed."""
    home = Home(home_path)
    home.create()
    clock = SystemClock()
    check_environment(mode, os.environ)
    with ExitStack() as stack:
        stack.callback(EngineLock(home).release)
        start = note_start(home.data / "starts.json", clock.now())
        store, database = ConfigStore(home.config), home.database(mode)
        notifier = OutOfBand(
            channels(_alarm_policy(store, database), os.environ), clock, f"alpaca-trader {mode} {home.path}"
        )
        stack.callback(notifier.close, FAREWELL_S)
        try:
            policy = load_settings(
                store, database
            ).policy  # what is wrong here is said before anybody is asked for keys
            if mode is Mode.LIVE:
                arming.check_mode(policy)
            endpoints = Endpoints.live() if mode is Mode.LIVE else Endpoints.paper()
            credentials = patiently(lambda: load_credentials(os.environ), clock, say, partial(notifier.notify, WAITING))
            if start.is_told:
                notifier.notify("started", f"version {version('alpaca-trader')}, process {os.getpid()}")
            return trade_hosted(home, mode, credentials, endpoints, clock, watch, bar=start.bar, notifier=notifier)
        except Exception as failure:
            if start.is_told:
                notifier.notify("ended", f"{type(failure).__name__}: {failure}")
            raise


def _alarm_policy(store: ConfigStore, database: Path) -> Policy:
    """What the policy says of alarms; where the settings are broken that has to be told too, by whatever else there is."""
    try:
        return load_settings(store, database).policy
    except BadInput:
        return Policy()


def trade_hosted(
    home: Home,
    mode: Mode,
    credentials: Credentials,
    endpoints: Endpoints,
    clock: LiveClock,
    watch: Watch,
    heartbeat_s: float = HEARTBEAT_S,
    bar: ev.EntriesBarred | None = None,
    notifier: OutOfBand | None = None,
    timeouts: Timeouts = TIMEOUTS,
    patience: StreamPatience = LIVE_PATIENCE,
) -> RunEnd:
    """The live wiring on whatever broker the endpoints name; the clock and the broker must agree on the time.

    The caller holds the home's lock. ``heartbeat_s``: real seconds between two looks at whether a session event is due,
    whatever the timers say. ``bar``: why nothing may be bought, where that is known at the start. ``notifier``: how a
    human is told; None: nobody is. ``timeouts`` and ``patience`` are real seconds.
    """
    notifier = notifier or OutOfBand((), clock, "")
    with ExitStack() as stack:
        trader = Trader(home, mode, clock, credentials, watch, notifier, stack)
        feed = LiveFeed(clock, trader.engine.next_wakeup)
        hear_orders(feed.put, clock, stack)
        broker = AlpacaClient(
            credentials, endpoints=endpoints, clock=clock, sleep=clock.sleep, timeouts=timeouts, on_bad=trader.on_bad
        )
        stack.callback(broker.close)
        # Somebody at a terminal with wrong keys wants to know; where nobody is, a restart would only hammer (F9).
        also = () if sys.stdin.isatty() else (AuthRefused,)
        alarm = partial(notifier.notify, WAITING)
        account = patiently(broker.get_account, clock, trader.on_bad, alarm, also)
        patiently(lambda: trader.compare(broker), clock, trader.on_bad, alarm)
        arms = _arms(home, mode, trader.settings.policy, account.account_number, clock, bool(trader.held()))
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
            symbols=trader.symbols(trader.settings.config),
            clock=clock,
            put=feed.put,
            on_bad=trader.on_bad,
            patience=patience,
            expects_data=scheduler.is_market_open,
        )
        watcher = ConfigWatcher(home.config, STRATEGY_FILE, lambda: feed.put(ev.Timer(clock.now())))
        inbox = InboxWatcher(trader.inbox, lambda: feed.put(ev.Timer(clock.now())))
        watchdog = Watchdog(feed, broker.exchanges, SessionTrigger(calendar), clock, partial(_give_up, notifier))
        is_stopped = stop_on_signals(feed.stop, stack)

        def agree() -> None:
            agree_on_sessions(calendar, broker, clock, trader.on_bad)

        def arms_news() -> Iterable[ev.Event]:
            return arms.news(clock.now(), arming.CODE in trader.engine.belief.risk.latched) if arms else ()

        def before(event: ev.SessionOpened | ev.Tick) -> Iterable[ev.Event]:
            turn_over(home.logs)
            if isinstance(event, ev.SessionOpened):
                agree()
            return arms_news()

        agree()
        turn_over(home.logs)
        if bar is not None:
            feed.put(bar)
        for news in arms_news():
            feed.put(news)
        for part in (scheduler, streams, watcher, inbox, watchdog):
            part.start()
            stack.callback(part.stop)
        trader.trade(feed, broker, streams, before)
        return RunEnd(home, mode, trader.journal.head(), is_stopped())


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
        say("live trading is not armed: positions are guarded and sold, nothing is bought")
    else:
        raise arming.NotArmed("live trading is not armed: a human says `alpaca-trader arm` on a terminal")
    return arms


def _give_up(notifier: OutOfBand, reason: str) -> None:
    """The loop hangs: end the process, hard, so that the supervisor starts it again into recovery (F46)."""
    try:
        say(f"{reason}; ending with {EXIT_HUNG}")
        faulthandler.dump_traceback()  # where it hangs; shows no values
        notifier.notify("hung", reason)
        notifier.close(FAREWELL_S)
    finally:  # nobody may be there to hear it
        os._exit(EXIT_HUNG)
