"""Day trades as the pattern-day-trading rule of before 2026-06 counts them (domain 6.4); shown and enforced in legacy mode only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import date
from typing import Final

WINDOW_DAYS: Final = 5
"""Trading days, today included, over which day trades are counted."""
MOST: Final = 3
"""Day trades in that time that an account may make; one more makes it a pattern day trader."""


class DayTrades:
    """A day trade is an opening of a symbol followed by a closing on the same day; closings in a row count once."""

    def __init__(self) -> None:
        self._days: deque[tuple[date, int]] = deque(maxlen=WINDOW_DAYS)
        self._opened: set[str] = set()

    def begin_day(self, day: date) -> None:
        """Count a new trading day; what was opened before is no longer today's."""
        self._opened.clear()
        self._days.append((day, 0))

    def note(self, day: date, symbol: str, *, is_opening: bool) -> None:
        """Count one execution."""
        if not self._days or self._days[-1][0] != day:
            self.begin_day(day)
        if is_opening:
            self._opened.add(symbol)
        elif symbol in self._opened:
            self._opened.remove(symbol)
            self._days[-1] = (day, self._days[-1][1] + 1)

    def would_count(self, symbols: Sequence[str]) -> int:
        """How many more day trades closing these symbols today would make."""
        return len(self._opened.intersection(symbols))

    @property
    def recent(self) -> int:
        """Day trades of the last five trading days."""
        return sum(count for _, count in self._days)
