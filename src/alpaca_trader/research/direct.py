"""The direct wiring: engine, executor and journal as shipped, on the simulated exchange by direct calls.

Sessions come from the same trigger as in every wiring; only sockets and threads are missing: what the exchange
publishes becomes an event in the same call, and time moves when everything was dealt with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from alpaca_trader.core.errors import Fatal
from alpaca_trader.core.events import BarClosed, Event, ExecutionReport, StreamChanged, Timer
from alpaca_trader.edge.broker_json import read_order
from alpaca_trader.edge.session_trigger import SessionTrigger, SessionWatch
from alpaca_trader.research.sim_broker import bar_of
from alpaca_trader.simulator.hub import ALL, DataMoment
from alpaca_trader.simulator.market.model import MarketBar
from alpaca_trader.simulator.simulator import Simulator

Put = Callable[[Event], None]
_MOST_ROUNDS = 10_000
"""Turns at one instant; more is a loop and a bug."""


class Driver(Protocol):
    """Moves virtual time."""

    @property
    def now(self) -> datetime:
        """Virtual time."""

    def advance(self, limit: datetime) -> datetime:
        """Move time towards ``limit`` and stop after the first instant with news; returns the time reached."""


class DirectFeed:
    """What was put, then what the session brings, then the engine's timer; when nothing is left, time moves on."""

    def __init__(
        self, driver: Driver, trigger: SessionTrigger, wakeup: Callable[[], datetime | None], until: datetime
    ) -> None:
        """``wakeup`` is the engine's ``next_wakeup``; the feed ends at ``until``."""
        self._driver, self._trigger, self._wakeup, self._until = driver, trigger, wakeup, until
        self._watch = SessionWatch(trigger.calendar)
        self._waiting: list[Event] = []
        self._answered: tuple[datetime, datetime] | None = None
        self._next: datetime | None = None

    def put(self, event: Event) -> None:
        """Add an event."""
        self._waiting.append(event)

    def __iter__(self) -> Iterator[Event]:
        """Plays until ``until``. Raises Fatal where time stands still."""
        rounds, stands_at = 0, self._driver.now
        while True:
            now = self._driver.now
            rounds, stands_at = (rounds + 1, stands_at) if now == stands_at else (0, now)
            if rounds > _MOST_ROUNDS:
                raise Fatal(f"time stands still at {now}: the engine asks for timer after timer")
            if self._waiting:
                batch, self._waiting = self._waiting, []
                yield from batch
            elif due := self._due(now):
                yield from due
            elif now >= self._until:
                return
            else:
                self._move(now)

    def _due(self, now: datetime) -> Sequence[Event]:
        if self._next is None or now >= self._next:
            self._next = self._trigger.next_event(now).at
            if events := self._watch.events(now):
                return events
        wanted = self._wakeup()
        if wanted is None or wanted > now or self._answered == (wanted, now):
            return ()
        self._answered = (wanted, now)
        return (Timer(now),)

    def _move(self, now: datetime) -> None:
        assert self._next is not None, "what is due was asked for before time moves"
        limit, wanted = min(self._next, self._until), self._wakeup()
        if wanted is not None and now < wanted < limit:
            limit = wanted
        self._driver.advance(limit)


class DirectStreams:
    """Both streams of the exchange as direct calls: every message is put as an event and counted as received."""

    def __init__(self, sim: Simulator) -> None:
        """Connects on ``start``."""
        self._sim = sim
        self._updates: _Updates | None = None
        self._bars: _Bars | None = None

    def received(self) -> Mapping[str, int]:
        """Messages handed over so far, by stream."""
        return {
            "trade_updates": self._updates.received if self._updates is not None else 0,
            "market_data": self._bars.received if self._bars is not None else 0,
        }

    def start(self, put: Put) -> None:
        """Listen from now on."""
        self._updates, self._bars = _Updates(self._sim, put), _Bars(self._sim, put)
        self._sim.hub.trade_updates.join(self._updates)
        self._sim.hub.market_data.join(self._bars)
        put(StreamChanged(self._sim.now, "trade_updates", True))
        put(StreamChanged(self._sim.now, "market_data", True))

    def stop(self) -> None:
        """Listen no more."""
        if self._updates is not None and self._bars is not None:
            self._sim.hub.trade_updates.leave(self._updates)
            self._sim.hub.market_data.leave(self._bars)


class _Updates:
    is_listening = True

    def __init__(self, sim: Simulator, put: Put) -> None:
        self._sim, self._put, self.received = sim, put, 0

    def wants(self, message: Mapping[str, Any]) -> int:
        return 1

    def offer(self, message: Mapping[str, Any]) -> None:
        qty, price = message.get("qty"), message.get("price")
        report = ExecutionReport(
            at=self._sim.now,
            order=read_order(message["order"]),
            source="stream",
            event=message["event"],
            execution_id=message.get("execution_id"),
            last_qty=Decimal(qty) if qty is not None else None,
            last_price=Decimal(price) if price is not None else None,
        )
        self._put(report)
        self.received += 1

    def end(self, _code: int) -> None:
        self._put(StreamChanged(self._sim.now, "trade_updates", False))


class _Bars:
    is_listening = True
    subscriptions: Mapping[str, frozenset[str]] = {"bars": frozenset({ALL})}

    def __init__(self, sim: Simulator, put: Put) -> None:
        self._sim, self._put, self.received = sim, put, 0
        self._minute: tuple[datetime, Sequence[MarketBar]] | None = None

    def wants(self, message: DataMoment) -> int:
        return len(self._bars(message))

    def offer(self, message: DataMoment) -> None:
        for bar in self._bars(message):
            self._put(BarClosed(message.at, bar_of(bar)))
            self.received += 1

    def end(self, _code: int) -> None:
        self._put(StreamChanged(self._sim.now, "market_data", False))

    def _bars(self, message: DataMoment) -> Sequence[MarketBar]:
        """The minute's bars with exact prices, read once for `wants` and `offer`."""
        if message.minute is None:
            return ()
        if self._minute is None or self._minute[0] != message.minute:
            self._minute = message.minute, self._sim.market.minute(message.minute)
        return self._minute[1]
