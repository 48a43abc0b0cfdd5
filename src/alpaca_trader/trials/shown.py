"""What the broker has shown the engine, and which entries that forbids (rule 7; INV-9, 11, 13).

A witness on the line: it hears every answer that arrives, true or false, and remembers what an entry may rest on. Nobody
may be blamed for what was never shown, so a new process begins with nothing shown.
"""

from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf
from typing import NamedTuple

COLLAR = Decimal("0.021")
"""Farthest a limit may be from a bar, as a fraction: the policy's 2 % and its rounding to a cent."""
READ_LIVES = timedelta(minutes=3)
"""Two minutes by the rule, and one in which answers may be slow."""
MOST_EARLY = timedelta(minutes=2)
MOST_SKEW = timedelta(seconds=30, milliseconds=500)
_KEPT = 3


class ShownBar(NamedTuple):
    """One minute of a symbol as the engine was told it. USD, shares."""

    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float

    def is_sound(self) -> bool:
        """Whether such a minute can have been; every comparison with NaN is false."""
        fits = 0 < self.low <= self.open <= self.high < inf and self.low <= self.close <= self.high
        return fits and 0 <= self.volume < inf


class Shown:
    """Answers of the broker since the process began."""

    def __init__(self) -> None:
        """Nothing was shown."""
        self._bars: dict[str, deque[ShownBar]] = {}
        self._skew = timedelta(0)
        self._read: dict[str, datetime] = {}
        self._listed: set[str] = set()

    def bar(self, symbol: str, bar: ShownBar, now: datetime) -> None:
        """A closed minute; one that cannot be, that is too early, or not newer than the last, says nothing."""
        shown = self._bars.setdefault(symbol, deque(maxlen=_KEPT))
        if bar.is_sound() and bar.end <= now + MOST_EARLY and (not shown or bar.end > shown[-1].end):
            shown.append(bar)

    def clock(self, skew: timedelta) -> None:
        """How far the broker's clock is ahead."""
        self._skew = skew

    def reading(self, what: str, now: datetime) -> None:
        """The account or the positions."""
        self._read[what] = now

    def listing(self, client_order_ids: Collection[str]) -> None:
        """Open orders of the account."""
        self._listed.update(client_order_ids)

    def forget(self, symbol: str) -> None:
        """A split: its bars say nothing any more."""
        self._bars.pop(symbol, None)

    def forbids(
        self, symbol: str, limit: Decimal | None, strangers: Collection[str], minute: datetime, now: datetime
    ) -> tuple[str, str] | None:
        """The rule that an entry in ``symbol`` breaks now and how, or None. ``strangers``: ids nobody has accepted.

        It was decided in ``minute``, some seconds after its beginning: on a bar that ended then, or not at all.
        """
        if seen := self._listed & set(strangers):
            return "INV-9", f"another engine's {min(seen)} was shown"
        if abs(self._skew) > MOST_SKEW:
            return "INV-13", f"the clocks are {self._skew.total_seconds():.1f} s apart"
        for what in ("account", "positions"):
            at = self._read.get(what)
            if at is None or now - at > READ_LIVES:
                return "INV-13", f"the last reading of the {what} is of {at}"
        bars = self._bars.get(symbol)
        if not bars:
            return None
        if bars[-1].end < minute:
            return "INV-13", f"the last bar ended at {bars[-1].end:%H:%M:%S}"
        if limit is not None and all(abs(limit / Decimal(bar.close) - 1) > COLLAR for bar in bars):
            return "INV-11", f"the limit {limit} is far from every bar, the last {bars[-1].close}"
        return None
