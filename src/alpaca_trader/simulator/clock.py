"""The simulator's only clock: virtual time that moves forward when it is told to, never by itself."""

from __future__ import annotations

from datetime import UTC, datetime


class SimClock:
    """Aware UTC time with microseconds. Only the simulator and its exchange move it."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start {start.isoformat()} has no time zone; give an aware time, e.g. 13:25+00:00")
        self._now = start.astimezone(UTC)

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self._now

    def advance_to(self, moment: datetime) -> None:
        """Set the time to `moment` (aware UTC); raises ValueError when that would go back."""
        if moment < self._now:
            raise ValueError(f"time never goes back: {moment.isoformat()} is before {self._now.isoformat()}")
        self._now = moment
