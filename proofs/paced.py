"""Paced time: one virtual time for a simulator here and engines in processes of their own, with real sockets between.

Whoever owns the simulator moves it in short turns and writes the instant it reached into eight shared bytes; the clock of
every engine reads them. So both agree however slow the machine is. A turn that comes late is not made up for: a busy
machine makes the day longer, never the engine look late.
"""

import mmap
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alpaca_trader.edge.clock import RealTime, SystemClock
from alpaca_trader.simulator import Simulator

TURN_S = 0.005
"""Real seconds of rest between two turns."""
LONGEST_TURN_S = 0.02
"""More real time than this is never made up for in one turn."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def share() -> float:
    """The part of a core that the machine has for each who wants one now, at most 1."""
    return min(1.0, (os.cpu_count() or 1) / max(os.getloadavg()[0], 0.01))


class SharedNumber:
    """A whole number in a file that several processes map; it outlives all of them. A read is never half a write."""

    def __init__(self, path: Path) -> None:
        """``path`` is made when missing, with 0 in it."""
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._cell = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")  # one aligned word: stored at once

    def write(self, number: int) -> None:
        """Store it for everybody."""
        self._cell[0] = number

    def read(self) -> int:
        """What was stored last."""
        return self._cell[0]


class SharedTime:
    """The present, told by one process to all others."""

    def __init__(self, path: Path) -> None:
        """As ``SharedNumber``; a new one stands at 1970."""
        self._microseconds = SharedNumber(path)

    def tell(self, now: datetime) -> None:
        """Write the present, aware."""
        self._microseconds.write((now - _EPOCH) // _MICROSECOND)

    def now(self) -> datetime:
        """The instant written last, aware UTC."""
        return _EPOCH + self._microseconds.read() * _MICROSECOND


class PacedClock:
    """An engine's clock in paced time (``edge.live_feed.LiveClock``): the present is read, waits are shortened.

    All seconds are virtual: a wait of 60 s lasts a second of real time at a ``speed`` of 60, and ``monotonic`` counts what
    the day has moved.
    """

    def __init__(self, read: Callable[[], datetime], speed: float) -> None:
        """``read`` gives the present, aware UTC, and never runs back; ``speed`` is virtual seconds per real second."""
        self._read = read
        self._speed = speed
        self._real = SystemClock()

    def now(self) -> datetime:
        """The present (``core.ports.Clock``)."""
        return self._read()

    def monotonic(self) -> float:
        """Virtual seconds since an arbitrary point (``RealTime``)."""
        return (self._read() - _EPOCH).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Rest for as long as ``seconds`` last at this speed (``RealTime``)."""
        self._real.sleep(seconds / self._speed)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Return when the held ``condition`` is notified, at the latest after so long at this speed (``RealTime``)."""
        self._real.wait(condition, seconds / self._speed)


class Pace:
    """Moves a simulator's time from the thread that calls it, and tells everybody what time it is."""

    def __init__(
        self, sim: Simulator, tell: Callable[[datetime], None], look: Callable[[], None], real: RealTime | None = None
    ) -> None:
        """``tell`` hears each instant reached (``SharedTime.tell``); ``look`` is called at each that a turn reaches."""
        self._sim, self._tell, self._look = sim, tell, look
        self._real = real or SystemClock()
        self._last_s = self._real.monotonic()
        tell(sim.now)

    def turn(self, speed: float, until: datetime | None = None) -> bool:
        """Rest a moment, then let as much time pass as that was at ``speed``, to ``until`` at most.

        True when the exchange told a stream client something; time stands at that instant then.
        """
        self._real.sleep(TURN_S)
        now_s = self._real.monotonic()
        elapsed_s, self._last_s = min(now_s - self._last_s, LONGEST_TURN_S), now_s
        target = self._sim.now + timedelta(seconds=elapsed_s * speed)
        target = max(self._sim.now, target if until is None else min(target, until))
        reached = self._sim.advance(target)
        self._tell(reached)
        self._look()
        return reached < target

    def leap(self, until: datetime) -> None:
        """Let time pass to ``until`` in no real time: nobody is there, and nobody looks."""
        while self._sim.now < until:
            self._tell(self._sim.advance(until))
