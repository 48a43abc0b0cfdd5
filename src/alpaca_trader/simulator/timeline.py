"""Virtual time and everything that is due in it, in one order.

At one instant first the ticks of the market reach every account (in the order the accounts were opened), then the
timers are due in the order they were set, then what the instant means is published. Nothing happens between instants,
so how far a single `run` goes never changes what happens, only when the caller hears of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Source(Protocol):
    """Something that has instants of its own: an account's working orders, the data stream."""

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The source's next instant in (after, until]; None when it has none there."""
        ...

    def process(self, moment: datetime) -> None:
        """Do what this instant means; called at every instant of the timeline, whoever's it is."""
        ...


class Timeline:
    """Aware UTC time with microseconds that moves forward when it is told to, never by itself."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"start {start.isoformat()} has no time zone; give an aware time, e.g. 13:25+00:00")
        self._now = start.astimezone(UTC)
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._timers_set = 0
        self._venues: list[Source] = []
        self._publishers: list[Source] = []
        self._told = 0
        self.turns = 0
        """How often time went on: while it stays the same, nothing happened but commands."""

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self._now

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Have `action` called when time reaches `moment`; one that lies in the past is due at the next instant."""
        self._timers_set += 1
        heapq.heappush(self._timers, (max(moment, self._now), self._timers_set, action))

    def add_venue(self, source: Source) -> None:
        """Let an account's working orders see every instant, before the timers."""
        self._venues.append(source)

    def add_publisher(self, source: Source) -> None:
        """Let a stream publish what an instant meant, after the timers."""
        self._publishers.append(source)

    def tell(self, count: int) -> None:
        """Note that stream clients were told `count` things at this instant."""
        self._told += count

    def run(self, limit: datetime) -> bool:
        """Make time pass to `limit`, or to the end of the first instant at which a stream client was told something.

        Returns True when it stopped for that reason.
        """
        while (moment := self._next_instant(limit)) is not None:
            self._now = moment
            self.turns += 1
            self._told = 0
            self._process(moment)
            if self._told:
                return True
        self._now = max(self._now, limit)
        self.turns += 1
        return False

    def _next_instant(self, limit: datetime) -> datetime | None:
        found = min(self._timers[0][0], limit) if self._timers else limit
        is_due = bool(self._timers) and self._timers[0][0] <= limit
        for source in (*self._venues, *self._publishers):
            moment = source.next_at(self._now, found)
            if moment is not None:
                found, is_due = moment, True
        return found if is_due else None

    def _process(self, moment: datetime) -> None:
        for venue in self._venues:
            venue.process(moment)
        while self._timers and self._timers[0][0] <= moment:
            heapq.heappop(self._timers)[2]()
        for publisher in self._publishers:
            publisher.process(moment)
