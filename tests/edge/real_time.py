"""Real time for tests: it passes when it is slept through, waited for or told to, and costs none."""

import threading
from datetime import UTC, datetime, timedelta


class StandInRealTime:
    """``RealTime`` and ``Clock`` in one: elapsed seconds, and a wall clock that they move."""

    def __init__(self, wall: datetime = datetime(2026, 2, 2, 14, 30, tzinfo=UTC)) -> None:
        self._elapsed_s = 0.0
        self.wall = wall
        self.waits: list[float] = []

    def now(self) -> datetime:
        """The wall clock."""
        return self.wall

    def monotonic(self) -> float:
        """Seconds elapsed."""
        return self._elapsed_s

    def elapse(self, seconds: float) -> None:
        """Let time pass, on both clocks."""
        self._elapsed_s += seconds
        self.wall += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Time passes; nobody sleeps."""
        self.elapse(seconds)

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Nobody notifies: the whole time passes."""
        self.waits.append(seconds)
        self.elapse(seconds)
