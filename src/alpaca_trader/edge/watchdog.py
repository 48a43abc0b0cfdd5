"""Notices that the loop hangs (safety F46): then only ending the process, and a supervisor starting it again, helps."""

import threading
from collections.abc import Callable
from typing import Protocol

from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.clock import RealTime
from alpaca_trader.edge.session_trigger import SessionTrigger


class Progress(Protocol):
    """What the loop has done and has to do, and what came due (``LiveFeed``)."""

    @property
    def finished(self) -> int:
        """Events the loop has dealt with; only grows."""

    @property
    def unfinished(self) -> int:
        """Events waiting, and the one in hand."""

    @property
    def scheduled(self) -> int:
        """Session events that were handed to the loop; only grows."""


class LoopClock(Clock, RealTime, Protocol):
    """The present, and elapsed real time."""


class Watchdog:
    """Calls ``give_up(reason)``, once, when for ``limit_s`` seconds of real time the loop has neither finished an event,
    although one waits or is in hand, nor got a request to the broker over with; or when a session event (open, tick,
    close) is due that long and was not handed to it."""

    def __init__(
        self,
        progress: Progress,
        exchanges: Callable[[], int],
        trigger: SessionTrigger,
        clock: LoopClock,
        give_up: Callable[[str], None],
        limit_s: float = 120.0,
        every_s: float = 1.0,
    ) -> None:
        """``exchanges``: requests to the broker that have come to an end. One event may lead to many of them, each of
        which may take its full time-out; a loop that is at the next one does not hang.

        ``give_up`` is called from the watchdog's thread and should end the process (exit code 70);
        after that it checks no more. ``every_s``: seconds of ``clock`` between two checks."""
        self._progress = progress
        self._exchanges = exchanges
        self._trigger = trigger
        self._clock = clock
        self._give_up = give_up
        self._limit_s = limit_s
        self._every_s = every_s
        self._ending = threading.Condition()
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._checked_s = self._moved_s = clock.monotonic()
        self._moves = self._count_moves()
        self._expect_next(self._checked_s)

    def start(self) -> None:
        """Check regularly, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._ending:
            self._is_ended = True
            self._ending.notify()
        self._thread.join()

    def check(self) -> bool:
        """Look once. True when it gave up."""
        now_s = self._clock.monotonic()
        progress = self._progress
        # Where elapsed time goes on while the machine is suspended, the loop has not hung: it slept as we did.
        has_slept = now_s - self._checked_s > self._limit_s / 2
        self._checked_s = now_s
        moves = self._count_moves()
        if has_slept or not progress.unfinished or moves != self._moves:
            self._moved_s, self._moves = now_s, moves
        if has_slept or progress.scheduled != self._scheduled:
            self._expect_next(now_s)
        if now_s - self._moved_s > self._limit_s:
            self._give_up(f"no event finished for {now_s - self._moved_s:.0f} s, {progress.unfinished} unfinished")
        elif now_s - self._due_s > self._limit_s:
            self._give_up(f"{self._due} is overdue by {now_s - self._due_s:.0f} s")
        else:
            return False
        return True

    def _count_moves(self) -> int:
        return self._progress.finished + self._exchanges()

    def _expect_next(self, now_s: float) -> None:
        now = self._clock.now()
        event = self._trigger.next_event(now)
        self._scheduled = self._progress.scheduled
        # In elapsed time: a wall clock that is set back cannot postpone it.
        self._due_s = now_s + (event.at - now).total_seconds()
        self._due = f"the {event.kind} of session {event.session.day}"

    def _run(self) -> None:
        with self._ending:
            while not self._is_ended and not self.check():
                self._clock.wait(self._ending, self._every_s)
