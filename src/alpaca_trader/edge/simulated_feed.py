"""The simulated feed: drives virtual time, and only when the engine is idle and every message has arrived.

So the order of events does not depend on how fast threads and sockets are: at each instant first what came over the
trade stream, then the bars, then what the session brings, then the engine's own timer.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from alpaca_trader.core.errors import Fatal, Retryable
from alpaca_trader.core.events import BarClosed, BarRevised, Event, ExecutionReport, StreamChanged, Timer
from alpaca_trader.edge.clock import Pacer, RealTime
from alpaca_trader.edge.session_trigger import SessionTrigger, SessionWatch

_BEFORE_STREAMS = ""
_STREAM_ORDER = (_BEFORE_STREAMS, "trade_updates", "market_data")
_SETTLE_WITHIN_S = 10.0
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.02
_MOST_ROUNDS = 1000


class SimDriver(Protocol):
    """What the feed uses of the simulated broker."""

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""

    def advance(self, limit: datetime) -> datetime:
        """Move time towards ``limit``; stop after the first instant that sent a stream message. Returns the new now."""

    def sent(self) -> Mapping[str, int]:
        """Messages handed to stream clients so far, by stream (trade_updates, market_data)."""

    def connected(self) -> Mapping[str, int]:
        """Clients that are authenticated and subscribed, by stream."""


class DriverClock:
    """``core.ports.Clock`` on the simulator's virtual time."""

    def __init__(self, driver: SimDriver) -> None:
        self._driver = driver

    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self._driver.now


class SimulatedFeed:
    """Yields the simulated streams' events, the session's, and ``Timer``s, in an order that the seed alone decides."""

    def __init__(
        self,
        driver: SimDriver,
        trigger: SessionTrigger,
        wakeup: Callable[[], datetime | None],
        received: Callable[[], Mapping[str, int]],
        *,
        until: datetime,
        real: RealTime,
        pacer: Pacer | None = None,
    ) -> None:
        """To be made before the streams are started, which then ``put`` their events here.

        ``trigger`` is for all kinds of session events; ``wakeup`` is the engine's ``next_wakeup``. ``received`` counts
        per stream the messages handed over; a message may be counted only after its events have been put. ``until`` is
        the last instant to play (``watch_ends`` of the last session). Without a pacer time is as fast as the machine;
        with one, sessions are paced and the nights between them are not.
        """
        self._driver = driver
        self._trigger = trigger
        self._watch = SessionWatch(trigger.calendar)
        self._wakeup = wakeup
        self._received = received
        self._until = until
        self._real = real
        self._pacer = pacer
        already = received()
        self._sent_before = {stream: n - already.get(stream, 0) for stream, n in driver.sent().items()}
        # Its lock is re-entrant: a signal handler may put while the loop's thread holds it.
        self._changed = threading.Condition()
        self._waiting: list[Event] = []
        self._is_up: dict[str, bool] = {}
        self._is_stopped = False
        self._answered: tuple[datetime, datetime] | None = None
        self._rounds_at = driver.now
        self._rounds = 0

    def put(self, event: Event) -> None:
        """Add an event; from any thread."""
        with self._changed:
            if isinstance(event, StreamChanged):
                self._is_up[event.stream] = event.connected
            self._waiting.append(event)
            self._changed.notify()

    def stop(self) -> None:
        """End the iteration before time moves again; from any thread or a signal handler."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def __iter__(self) -> Iterator[Event]:
        """Plays until ``until`` or ``stop``. For one thread, once.

        Raises ``Retryable`` when a stream stays disconnected or a message does not arrive within 10 s of real time, and
        ``Fatal`` when time no longer moves.
        """
        while True:
            batch = self._settled_batch() or self._due_now()
            if batch:
                yield from batch
            elif self._is_stopped or self._driver.now >= self._until:
                return
            else:
                self._move_time()

    def _due_now(self) -> list[Event]:
        """What the session brings at this instant; else the engine's timer, where it is due."""
        now = self._driver.now
        wanted = self._wakeup()
        if events := self._watch.events(now):
            return events
        if wanted is None or wanted > now or self._answered == (wanted, now):
            return []
        self._answered = (wanted, now)
        self._count_round(now, "the engine asks for timer after timer")
        return [Timer(now)]

    def _move_time(self) -> None:
        now = self._driver.now
        limit = min(self._trigger.next_event(now).at, self._until)
        wanted = self._wakeup()
        if wanted is not None and wanted > now:
            limit = min(limit, wanted)
        is_paced = self._pacer is not None and self._watch.is_watching
        if self._pacer is not None and is_paced:
            limit = min(limit, now + self._pacer.step)
        reached = self._driver.advance(limit)
        if not now <= reached <= limit:
            raise Fatal(f"the simulator moved time from {now} to {reached} when asked for {limit} at most")
        if self._pacer is not None:
            (self._pacer.wait_for if is_paced else self._pacer.skip_to)(reached)
        self._count_round(reached, f"the simulator did not move it towards {limit}")

    def _count_round(self, now: datetime, why: str) -> None:
        if now != self._rounds_at:
            self._rounds_at, self._rounds = now, 0
        self._rounds += 1
        if self._rounds > _MOST_ROUNDS:
            raise Fatal(f"time stands still at {now}: {why}")

    def _settled_batch(self) -> list[Event]:
        """Everything that was put, once every message the simulator sent has arrived.

        Sorted by stream, each stream in the order it spoke: that is all that threads can mix up at one instant.
        """
        with self._changed:
            if missing := self._missing():
                self._await(missing)
            batch, self._waiting = self._waiting, []
        return sorted(batch, key=_stream_rank) if len(batch) > 1 else batch

    def _await(self, missing: str) -> None:
        deadline_s = self._real.monotonic() + _SETTLE_WITHIN_S
        pause_s = _SHORTEST_PAUSE_S
        while missing and not self._is_stopped:
            if self._real.monotonic() > deadline_s:
                raise Retryable(f"simulated streams did not settle within {_SETTLE_WITHIN_S:.0f} s: {missing}")
            # A message may be counted a moment after its event's put woke us: look again soon, then less often.
            self._real.wait(self._changed, pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            missing = self._missing()

    def _missing(self) -> str:
        """What has not arrived yet, in words; empty when everything has."""
        received, connected = self._received(), self._driver.connected()
        for stream, sent in self._driver.sent().items():
            if not self._is_up.get(stream) or not connected.get(stream):
                return f"{stream} is not connected"
            due = sent - self._sent_before[stream]
            if received.get(stream, 0) != due:
                return f"{stream} received {received.get(stream, 0)} of {due} messages"
        return ""


def _stream_rank(event: Event) -> int:
    match event:
        case StreamChanged(stream=stream):
            return _STREAM_ORDER.index(stream)
        case ExecutionReport():
            return _STREAM_ORDER.index("trade_updates")
        case BarClosed() | BarRevised():
            return _STREAM_ORDER.index("market_data")
        case _:
            return _STREAM_ORDER.index(_BEFORE_STREAMS)
