"""What the server-sent event streams of one account tell: what happened, kept for those who ask later, and what happens.

Nothing here is lost on the way to a client, unlike on the trading stream: no fault of the streams is asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from alpaca_trader.simulator.exchange.activities import Activity
from alpaca_trader.simulator.exchange.life import OrderEvent
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.hub import Channel
from alpaca_trader.simulator.rest.bodies import activity_event_body, update_body

MAX_EVENTS: Final = 10_000
"""How many trade events are kept per account; activities are all kept, as the account keeps them."""
_MICROSECOND: Final = timedelta(microseconds=1)
_state: Final = attrgetter(*(item.name for item in fields(SimOrder)))

Event = Mapping[str, Any]
"""The `data` object of one event; `event_id` is a ULID that sorts by time, `at` its time."""


@dataclass(frozen=True, slots=True)
class Past:
    """Which events a client missed: from a time or from an event id on, both included; none when neither is given."""

    since: datetime | None = None
    since_id: str | None = None
    until: datetime | None = None
    until_id: str | None = None

    @property
    def is_asked(self) -> bool:
        """Whether any past event is wanted."""
        return self.since is not None or self.since_id is not None

    def holds(self, at: datetime, event_id: str) -> bool:
        """Whether an event is not after the end that was asked for."""
        return (self.until is None or at <= self.until) and (self.until_id is None or event_id <= self.until_id)

    def begins(self, at: datetime, event_id: str) -> bool:
        """Whether an event is not before the begin that was asked for."""
        return (self.since is None or at >= self.since) and (self.since_id is None or event_id >= self.since_id)


class TradeEvents:
    """The order events of one account, the last `MAX_EVENTS` of them as they were told at the time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._kept: deque[tuple[OrderEvent, tuple[Any, ...]]] = deque(maxlen=MAX_EVENTS)
        self.channel: Channel[Event] = Channel()

    def keep(self, news: OrderEvent) -> int:
        """Remember an event and tell it to who listens; returns how many do. The order as it is now is kept with it."""
        self._kept.append((news, _state(news.order)))
        return self.channel.publish(update_body(self._seed, news)) if self.channel.listeners() else 0

    def past(self, asked: Past) -> Sequence[Event]:
        """The events asked for that are still kept, oldest first."""
        if not asked.is_asked:
            return []
        kept = [
            (news, state)
            for news, state in self._kept
            if (asked.since is None or news.at >= asked.since) and (asked.until is None or news.at <= asked.until)
        ]
        told = [
            update_body(self._seed, OrderEvent(news.event, news.at, news.number, SimOrder(*state), news.execution))
            for news, state in kept
        ]
        return [
            body
            for (news, _), body in zip(kept, told, strict=True)
            if asked.begins(news.at, body["event_id"]) and asked.holds(news.at, body["event_id"])
        ]


class ActivityEvents:
    """The activities of one account, told at the instant after which they exist. A publisher of the timeline."""

    def __init__(
        self,
        seed: int,
        activities: Callable[[], Sequence[Activity]],
        settles: Callable[[date], date],
        tell: Callable[[int], None],
    ) -> None:
        """`activities` are all so far, `settles` says when a trading date settles; `tell` counts listeners told."""
        self._seed = seed
        self._activities = activities
        self._settles = settles
        self._tell = tell
        self._told = 0
        self.channel: Channel[Event] = Channel()

    def past(self, asked: Past) -> Sequence[Event]:
        """The events asked for that were told already, oldest first."""
        if not asked.is_asked:
            return []
        wanted = [
            (number, activity)
            for number, activity in enumerate(self._activities()[: self._told])
            if (asked.since is None or activity.at >= asked.since)
            and (asked.until is None or activity.at <= asked.until)
        ]
        bodies = [(activity.at, self._body(number, activity)) for number, activity in wanted]
        return [body for at, body in bodies if asked.begins(at, body["event_id"]) and asked.holds(at, body["event_id"])]

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """At once, when a command made an activity that was not told yet."""
        is_due = self._told < len(self._activities()) and after + _MICROSECOND <= until
        return after + _MICROSECOND if is_due else None

    def process(self, _moment: datetime) -> None:
        """Tell what is new."""
        activities = self._activities()
        first, self._told = self._told, len(activities)
        if first == self._told or not self.channel.listeners():
            return
        for number in range(first, self._told):
            self._tell(self.channel.publish(self._body(number, activities[number])))

    def _body(self, number: int, activity: Activity) -> dict[str, Any]:
        return activity_event_body(self._seed, number, activity, self._settles)
