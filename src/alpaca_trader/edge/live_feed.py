"""The live feed: streams, scheduler, file watcher and signals put events from their threads, the loop takes them."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol

from alpaca_trader.core.events import BarClosed, BarRevised, Event, SessionClosed, SessionOpened, Tick, Timer
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.clock import RealTime


class LiveClock(Clock, RealTime, Protocol):
    """The present, and waiting for it."""


class LiveFeed:
    """Events in the order they were put, and a ``Timer`` whenever the instant the engine asked for has come.

    Bounded: beyond ``most_bars`` waiting bars the oldest is dropped (a bar can be read again by REST), and of several
    waiting ticks only the newest is kept. News of orders, sessions and commands is never dropped.
    """

    _LONGEST_WAIT_S = 1.0
    """A machine that was suspended goes on with the rest of its wait, so no wait is long."""
    _REPEAT_AFTER_S = 1.0

    def __init__(self, clock: LiveClock, wakeup: Callable[[], datetime | None], most_bars: int = 10_000) -> None:
        """``wakeup`` is the engine's ``next_wakeup``; it is called from the thread that iterates."""
        self._clock = clock
        self._wakeup = wakeup
        self._most_bars = most_bars
        # Its lock is re-entrant: a signal handler may put while the loop's thread holds it.
        self._changed = threading.Condition()
        self._number = 0
        self._bars: deque[tuple[int, Event]] = deque()
        self._tick: deque[tuple[int, Event]] = deque(maxlen=1)
        self._others: deque[tuple[int, Event]] = deque()
        self._is_stopped = False
        self._in_hand = 0
        self._was_timer = False
        self._answered: tuple[datetime, float] | None = None
        self.dropped = 0
        """Bars dropped because too many were waiting."""
        self.finished = 0
        """Events the loop has dealt with."""
        self.scheduled = 0
        """Session events that were put: opened, tick, closed."""

    @property
    def unfinished(self) -> int:
        """Events waiting, and the one in hand."""
        return len(self._bars) + len(self._tick) + len(self._others) + self._in_hand

    def put(self, event: Event) -> None:
        """Add an event; from any thread. After ``stop`` nothing is taken."""
        with self._changed:
            if self._is_stopped:
                return
            self._number += 1
            self.scheduled += isinstance(event, SessionOpened | Tick | SessionClosed)
            numbered = (self._number, event)
            match event:
                case BarClosed() | BarRevised():
                    if len(self._bars) == self._most_bars:
                        self._bars.popleft()
                        self.dropped += 1
                    self._bars.append(numbered)
                case Tick():
                    self._tick.append(numbered)
                case _:
                    self._others.append(numbered)
            self._changed.notify()

    def stop(self) -> None:
        """End the iteration once everything put before has been yielded; from any thread or a signal handler."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def __iter__(self) -> Iterator[Event]:
        """Blocks for the next event. For one thread, once."""
        while (event := self._next()) is not None:
            self._in_hand = 1
            yield event
            self._in_hand = 0
            self.finished += 1

    def _next(self) -> Event | None:
        with self._changed:
            while True:
                wanted = self._wakeup()
                due_s = self._until_s(wanted)
                lanes = [lane for lane in (self._others, self._tick, self._bars) if lane]
                # In turns: neither a flood of bars nor an engine with much to do starves the other.
                is_timers_turn = not (lanes and self._was_timer)
                if wanted is not None and due_s <= 0 and is_timers_turn and not self._is_stopped:
                    self._answered = (wanted, self._clock.monotonic())
                    self._was_timer = True
                    return Timer(self._clock.now())
                if lanes:
                    self._was_timer = False
                    return min(lanes, key=lambda lane: lane[0][0]).popleft()[1]
                if self._is_stopped:
                    return None
                self._clock.wait(self._changed, min(due_s, self._LONGEST_WAIT_S))

    def _until_s(self, wanted: datetime | None) -> float:
        """Seconds until ``wanted`` is due. Asked for again after it was answered, it is answered once a second."""
        if wanted is None:
            return self._LONGEST_WAIT_S
        due_s = (wanted - self._clock.now()).total_seconds()
        if self._answered is None or self._answered[0] != wanted:
            return due_s
        return max(due_s, self._answered[1] + self._REPEAT_AFTER_S - self._clock.monotonic())
