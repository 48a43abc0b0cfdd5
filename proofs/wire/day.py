"""A trading day of the live wiring through the proxy: real SDK, real sockets, a network that breaks, and a judge."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.session_trigger import watch_ends
from alpaca_trader.main.hosted import trade_hosted
from alpaca_trader.simulator import GeneratedMarket, Simulator, SimulatorServer, Switches
from alpaca_trader.trials.judge import RECONCILED_WITHIN, Judge
from alpaca_trader.trials.terms import Hours, Limits
from proofs.paced import Pace
from proofs.restless import SYMBOLS, restless_home
from proofs.wire.bounds import Resources, check_pauses, threads_by_name
from proofs.wire.pace import BUSY, HEARTBEAT_S, IDLE, PATIENCE, SHORTEST_PAUSE_S, TIMEOUTS, DayClock
from proofs.wire.proxy import HOST, Proxy, running
from proofs.wire.trouble import STREAMS, Mix, Port
from proofs.wire.witness import Follower, Requests, Witness

HALF_DAY = date(2026, 11, 27)
TICK_AT, TICK_WITHIN = timedelta(seconds=2), timedelta(seconds=30)
AGREE_WITHIN = timedelta(seconds=15)
QUIET_FIRST = timedelta(minutes=4)
PORTS: tuple[Port, ...] = ("trading", "data", *STREAMS)
MOST_LOG_BYTES = 2_000_000
POOLED = 2
"""Connections that the client keeps to one host (``edge.transport``)."""


class Spell(NamedTuple):
    """A time of troubles: ``lasting`` so long, with one of the simulator's own faults in force or none.

    With a fault it lasts until that has struck, three times as long at most.
    """

    lasting: timedelta
    fault: str | None = None
    given: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Outcome:
    """What a day was like, in figures."""

    struck: Mapping[str, int]
    connections: Mapping[Port, int]
    orders: int
    requests: int
    busiest: int
    """Most requests to one host in a minute."""
    log_bytes: int
    longest_naked_s: float
    slowest_settled_s: float
    """The longest from the end of a spell until all was known, protected and connected."""


class WireDay:
    """The last ``minutes`` of a session: quiet at first, then one spell of troubles after the other, then calm to the close."""

    def __init__(self, path: Path, seed: int, mix: Mix, spells: Sequence[Spell], minutes: int = 210) -> None:
        """``path`` is where the engine's home is made; ``mix`` is in force in every spell."""
        session = SessionCalendar().session_on(HALF_DAY)
        assert session is not None, "a half day is a session"
        start = session.close - timedelta(minutes=minutes)
        self._mix, self._seed, self._spells = mix, seed, spells
        self._home = _home(path, seed, minutes)
        self._end, self._troubles_from = watch_ends(session), start + QUIET_FIRST
        entries = (session.open + timedelta(minutes=1), session.close - timedelta(minutes=6))
        self._hours = Hours(session.open, session.close, *entries, calm_from=session.close)
        self._sim = Simulator(
            GeneratedMarket(seed, SYMBOLS, HALF_DAY, history_days=1),
            seed=seed,
            start=start - timedelta(minutes=2),
            switches=Switches(iex_volume="full"),
        )
        self._judge = Judge(self._sim, Limits(Decimal("0.10"), 2, True, SYMBOLS), self._hours, is_calm=False)
        journal = self._home.database(Mode.SIM)
        self._witness = Witness(self._sim, self._judge, journal)
        self._follower = Follower(journal, self._sim.exchange.account().cash)
        self._clock = DayClock(self._sim)
        self._heard_at = self._compared_at = self._sim.now
        self._wrong_since: datetime | None = None
        self._is_settling = False
        self._slowest_settled = timedelta(0)
        self._struck: Counter[str] = Counter()
        self._before: Counter[str] | None = None
        self._ended = threading.Event()
        self._failure: BaseException | None = None

    # ------------------------------------------------------------ the engine's thread

    def play(self) -> Outcome:
        """Trade to the close. Raises AssertionError for a broken rule, and whatever ended the engine."""
        at_first = Resources.now()
        server = SimulatorServer(self._sim)
        heard = {"trading": Requests(self._witness.hear).hear}
        self._proxies = {
            port: Proxy(
                server.port,
                partial(self._mix.draw, port, self._seed),
                Random(f"{self._seed}|{port}"),
                heard.get(port, _unheard),
            )
            for port in PORTS
        }
        with ExitStack() as stack:
            stack.callback(self._sim.close)
            server.start()
            stack.callback(server.stop)
            stack.enter_context(running(*self._proxies.values()))
            driver = threading.Thread(target=self._drive, name="time", daemon=True)
            driver.start()
            try:
                self._trade()
            finally:
                self._ended.set()
                driver.join()
        if self._failure is not None:
            raise self._failure
        self._judge.close(self._follower.believed(self._sim.now))
        Resources.now().check_since(at_first)
        return self._outcome()

    def _trade(self) -> None:
        rest = {port: f"http://{HOST}:{self._proxies[port].port}" for port in PORTS}
        updates, bars = (rest[port].replace("http", "ws") for port in STREAMS)
        trade_hosted(
            self._home,
            Mode.SIM,
            Credentials(Secret(self._sim.keys[0]), Secret(self._sim.keys[1]), "simulator"),
            Endpoints(Mode.SIM, rest["trading"], rest["data"], f"{updates}/stream", f"{bars}/v2/iex"),
            self._clock,
            self._hear,
            HEARTBEAT_S,
            timeouts=TIMEOUTS,
            patience=PATIENCE,
        )

    def _hear(self, action: ev.Action) -> None:
        """What the engine does, told on its own thread."""
        match action:
            case ev.PublishStatus():
                self._heard_at = self._sim.now
            case ev.HaltLatched(code=code):
                self._judge.halt(code)
            case ev.HaltReleased(code=code):
                self._judge.release(code, by_human=False)
            case _:
                pass

    # ------------------------------------------------------------ the thread that moves time

    def _drive(self) -> None:
        pace = Pace(self._sim, lambda now: None, self._look)
        has_news = False
        try:
            for _ in self._script():
                if self._ended.is_set():
                    break
                has_news = pace.turn(self._speed(has_news))
        except BaseException as failure:  # noqa: BLE001 - told to whoever plays the day
            self._failure = failure
        if not self._ended.is_set():
            signal.raise_signal(signal.SIGTERM)
        afterwards = Pace(self._sim, lambda now: None, lambda: None)
        while not self._ended.is_set():  # what the engine still has to do waits for time
            afterwards.turn(BUSY)

    def _script(self) -> Iterator[None]:
        """The day; time takes a turn at every ``yield``."""
        while self._sim.now < self._troubles_from - timedelta(minutes=1) or not self._clock.is_idle:
            yield
        self._before = threads_by_name()
        while self._sim.now < self._troubles_from:
            yield
        for spell in self._spells:
            yield from self._suffer(spell)
            yield from self._settle()
        self._judge.begin_day(self._hours._replace(calm_from=self._sim.now - RECONCILED_WITHIN))
        while self._sim.now < self._end:
            yield

    def _suffer(self, spell: Spell) -> Iterator[None]:
        began = self._sim.now
        ordered = self._sim.order_fault(spell.fault, **spell.given) if spell.fault is not None else None
        for proxy in self._proxies.values():
            proxy.is_calm = False
            proxy.cut()
        while (now := self._sim.now) < began + spell.lasting or (ordered is not None and not ordered.struck):
            assert now < began + 3 * spell.lasting, f"{spell.fault} did not strike"
            minute = int(now.timestamp()) // 60
            is_refused = Random(f"{self._seed}|{minute}").random() < self._mix.refused_share
            for port in STREAMS:
                self._proxies[port].refuse(is_refused)
            self._judge.note_trouble()
            yield
        self._sim.lift_faults()
        for proxy in self._proxies.values():
            proxy.refuse(False)
            proxy.is_calm = True
        if ordered is not None:
            self._struck[ordered.order.name] += ordered.struck

    def _settle(self) -> Iterator[None]:
        """Troubles have ended: in two minutes at most all is known, protected, connected, and no more is used than before."""
        began, self._is_settling = self._sim.now, True
        while not self._clock.is_idle or (doubt := self._doubt()) is not None:
            late = self._sim.now - began - RECONCILED_WITHIN
            assert late < timedelta(0), f"{late + RECONCILED_WITHIN} after the troubles: {doubt}"
            yield
        self._is_settling = False
        self._slowest_settled = max(self._slowest_settled, self._sim.now - began)

    def _doubt(self) -> str | None:
        """What is not as it should be when nothing goes wrong; None when all is."""
        assert self._before is not None, "it was quiet at first"
        with self._sim.lock:
            believed, exchange = self._follower.believed(self._sim.now), self._sim.exchange
            shares = {view.asset.symbol: view.qty for view in exchange.positions()}
            orders = exchange.book.open_orders()
            naked = [
                symbol
                for symbol, qty in shares.items()
                if exchange.book.held_shares(symbol) != qty and not any(order.side == "buy" for order in orders)
            ]
            connected = self._sim.connected()
        open_ids = {order.client_order_id for order in orders}
        if believed.shares != shares or set(believed.open_ids) - set(believed.watched) != open_ids:
            return f"believed {believed.shares} and {sorted(believed.open_ids)}, held {shares}, open {sorted(open_ids)}"
        if believed.doubt is not None and believed.doubt not in believed.latched:
            return f"entries wait for {believed.doubt}"
        if naked:
            return f"{naked} without a stop"
        lines = {port: proxy.open_lines() for port, proxy in self._proxies.items()}
        if max(map(len, lines.values())) > POOLED or any(len(lines[port]) != 1 for port in STREAMS):
            return f"open connections: {dict(zip(lines, map(len, lines.values()), strict=True))}"
        if min(connected.values()) < 1 or any(line.is_silenced for port in STREAMS for line in lines[port]):
            return f"connected {connected}, and perhaps to a line that is mute"
        more = threads_by_name() - self._before
        return f"more threads than before: {dict(more)}" if more else None

    def _speed(self, has_news: bool) -> float:
        """Fast only where nothing is going on: no work, no news on its way, no tick outstanding, no settling down."""
        now = self._sim.now
        minute = now.replace(second=0, microsecond=0)
        awaits_tick = self._sim.exchange.is_open and self._heard_at < minute and TICK_AT <= now - minute < TICK_WITHIN
        is_busy = has_news or awaits_tick or self._is_settling or not self._clock.is_idle
        return BUSY if is_busy else IDLE

    def _look(self) -> None:
        """The rules that hold at every instant, and once a minute belief against truth."""
        with self._sim.lock:
            self._judge.look()
        assert not self._witness.problems, self._witness.problems
        if self._heard_at <= self._compared_at or not self._clock.is_idle:
            return
        now = self._sim.now
        try:
            with self._sim.lock:
                self._judge.compare(self._follower.believed(now))
        except AssertionError:  # news may still be on its way
            self._wrong_since = self._wrong_since or now
            if now > self._wrong_since + AGREE_WITHIN:
                raise
        else:
            self._wrong_since, self._compared_at = None, now

    def _outcome(self) -> Outcome:
        log_bytes = sum(file.stat().st_size for file in self._home.logs.iterdir())
        assert log_bytes <= MOST_LOG_BYTES, f"{log_bytes} bytes of log"
        assert self._judge.own_fills, "nothing was traded"
        for port in STREAMS:
            check_pauses(self._proxies[port].accepted_s, SHORTEST_PAUSE_S)
        for proxy in self._proxies.values():
            self._struck.update(proxy.struck)
        return Outcome(
            dict(sorted(self._struck.items())),
            {port: len(proxy.accepted_s) for port, proxy in self._proxies.items()},
            len(self._witness.said),
            self._witness.requests,
            self._witness.busiest,
            log_bytes,
            self._judge.longest_naked.total_seconds(),
            self._slowest_settled.total_seconds(),
        )


def _home(path: Path, seed: int, minutes: int) -> Home:
    """A home whose strategy spreads what one day allows it to buy over the minutes it has."""
    home = restless_home(path, seed, buys_pct=min(40, 1500 // minutes))
    policy = orjson.loads(home.policy_file.read_bytes())
    home.policy_file.write_bytes(orjson.dumps(policy | {"max_entries_per_day": 30}))
    return home


def _unheard(number: int, data: bytes) -> None:
    """Nobody listens at this port."""
