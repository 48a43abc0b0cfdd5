"""Time, real and virtual. The only file of the package that asks the machine what time it is, or sleeps."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol


class RealTime(Protocol):
    """Elapsed real time, and waiting for it: what time-outs, pacing and watchdogs need beside the present."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never runs back and ignores changes of the wall clock."""

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of real time."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Return when the held ``condition`` is notified, at the latest after ``seconds``."""


_WALL = partial(datetime.now, UTC)


class SystemClock:
    """The machine's clock. Safe to ask from any thread."""

    def __init__(self, wall: Callable[[], datetime] = _WALL) -> None:
        """``wall`` reads the machine's clock, aware UTC."""
        self._wall = wall
        # Re-entrant: a signal handler may ask for the time while its own thread is being told.
        self._lock = threading.RLock()
        self._latest = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """The wall clock, aware UTC. Holds still while the wall clock has been set back: it never runs back itself."""
        with self._lock:
            self._latest = max(self._latest, self._wall())
            return self._latest

    def monotonic(self) -> float:
        """Seconds since an arbitrary point (``RealTime``)."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of real time (``RealTime``)."""
        time.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Return when the held ``condition`` is notified, at the latest after ``seconds`` (``RealTime``)."""
        condition.wait(seconds)


def processor_s() -> float:
    """Seconds of processor time this process has used."""
    return time.process_time()


class VirtualClock:
    """A clock that is told the time."""

    def __init__(self, start: datetime) -> None:
        """``start`` must be aware; it is kept in UTC."""
        assert start.tzinfo is not None, "a time without a zone is no instant"
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was last told, aware UTC."""
        return self._now

    def advance_to(self, when: datetime) -> None:
        """Move to ``when`` (aware). Raises AssertionError when that would go back."""
        assert when >= self._now, "time never goes back"
        self._now = when.astimezone(UTC)


class Pacer:
    """Makes virtual time run at ``speed`` times real time, by sleeping when virtual time is ahead."""

    _STEP_S = 0.2
    """Real seconds between two looks at what other threads have put: a human's halt waits no longer than this."""
    _FORGIVEN_S = 1.0
    """Real seconds of delay that are caught up; what is beyond is let go, else a pause would end in a sprint."""

    def __init__(self, speed: float, real: RealTime, start: datetime) -> None:
        """``speed``: virtual seconds per real second, above 0; ``start``: virtual time now."""
        assert speed > 0, f"speed {speed} would stop time"
        self._speed = speed
        self._real = real
        self.skip_to(start)

    @property
    def step(self) -> timedelta:
        """The most virtual time to pass between two waits."""
        return timedelta(seconds=self._STEP_S * self._speed)

    def skip_to(self, virtual: datetime) -> None:
        """Let the virtual time up to ``virtual`` pass in no real time."""
        self._from = virtual
        self._from_s = self._real.monotonic()

    def wait_for(self, virtual: datetime) -> None:
        """Return when real time has caught up with ``virtual``."""
        due_s = self._from_s + (virtual - self._from).total_seconds() / self._speed
        ahead_s = due_s - self._real.monotonic()
        if ahead_s > 0:
            self._real.sleep(ahead_s)
        elif ahead_s < -self._FORGIVEN_S:
            self.skip_to(virtual)
