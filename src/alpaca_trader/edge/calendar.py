"""The sessions of the New York Stock Exchange, offline. New York's wall clock appears in this file and nowhere else.

The calendar is a forecast: it knows the rules and every closure up to the release of `exchange_calendars`. The broker's
calendar knows better what is coming; where the two differ, only the hours in both are a session (``narrow``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import exchange_calendars

from alpaca_trader.core.errors import BadInput, TraderError
from alpaca_trader.core.models import Session
from alpaca_trader.core.ports import Broker, Clock

NEW_YORK = ZoneInfo("America/New_York")
FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2099, 12, 31)
_DAY = timedelta(days=1)
_LONGEST_CLOSURE = timedelta(days=14)
"""The longest closure in range was 2001-09-11 to 09-14; a stretch this long without a session is a broken calendar."""


@lru_cache(maxsize=256)
def new_york_date(at: datetime) -> date:
    """The date on a New York wall calendar at ``at`` (aware). Remembered: an instant is asked about several times."""
    return at.astimezone(NEW_YORK).date()


class SessionDifference(NamedTuple):
    """A day on which the broker and we do not agree; None: closed."""

    day: date
    ours: Session | None
    brokers: Session | None

    @property
    def overlap(self) -> Session | None:
        """The hours that both hold to be a session."""
        if self.ours is None or self.brokers is None:
            return None
        opens, closes = max(self.ours.open, self.brokers.open), min(self.ours.close, self.brokers.close)
        return Session(self.day, opens, closes) if opens < closes else None


class SessionCalendar:
    """Regular hours by day (XNYS: half-days, holidays, ad-hoc closures, DST), for days from 1990 to 2099.

    Every method raises ``BadInput`` for a day outside. Safe to ask from any thread.
    """

    def __init__(self) -> None:
        self._decades: dict[int, Mapping[date, Session]] = {}
        self._narrowed: Mapping[date, Session | None] = MappingProxyType({})

    def session_on(self, day: date) -> Session | None:
        """The session of New York date ``day``; None when the exchange is closed."""
        if not FIRST_DAY <= day <= LAST_DAY:
            raise BadInput(f"day {day} is outside the exchange calendar; use a day from {FIRST_DAY} to {LAST_DAY}")
        if day in self._narrowed:
            return self._narrowed[day]
        return self._decade(day.year // 10).get(day)

    def sessions(self, first: date, last: date) -> list[Session]:
        """The sessions from ``first`` to ``last``, both inclusive, oldest first."""
        days = (first + n * _DAY for n in range((last - first).days + 1))
        return [session for day in days if (session := self.session_on(day)) is not None]

    def next_session(self, after: datetime) -> Session:
        """The first session that opens later than ``after`` (aware)."""
        first = new_york_date(after)
        for session in self.sessions(first, first + _LONGEST_CLOSURE):
            if session.open > after:
                return session
        raise BadInput(f"the exchange calendar has no session within {_LONGEST_CLOSURE.days} days after {after}")

    def is_open(self, at: datetime) -> bool:
        """True inside regular hours: from the open, until before the close."""
        session = self.session_on(new_york_date(at))
        return session is not None and session.open <= at < session.close

    def differences(self, brokers: Iterable[Session], first: date, last: date) -> list[SessionDifference]:
        """The days from ``first`` to ``last`` on which the broker's sessions are not ours; empty when both agree.

        The range says what the broker was asked: a day missing in its answer is a day it holds to be closed.
        """
        theirs = {session.day: session for session in brokers}
        days = (first + n * _DAY for n in range((last - first).days + 1))
        pairs = (SessionDifference(day, self.session_on(day), theirs.get(day)) for day in days)
        return [pair for pair in pairs if pair.ours != pair.brokers]

    def narrow(self, differences: Sequence[SessionDifference]) -> None:
        """From now on only the hours both sides know are a session on these days (safety F30)."""
        self._narrowed = MappingProxyType(dict(self._narrowed) | {each.day: each.overlap for each in differences})

    def _decade(self, decade: int) -> Mapping[date, Session]:
        # Setting up the library's calendar takes 0.3 s for a year as for ten.
        if decade not in self._decades:
            calendar = exchange_calendars.get_calendar("XNYS", start=f"{decade}0-01-01", end=f"{decade}9-12-31")
            table = calendar.schedule
            hours = zip(table.index, table["open"], table["close"], strict=True)
            self._decades[decade] = {
                # pandas' own times would spread into everything that is computed from them.
                day.date(): Session(
                    day.date(), opens.to_pydatetime().astimezone(UTC), closes.to_pydatetime().astimezone(UTC)
                )
                for day, opens, closes in hours
            }
        return self._decades[decade]


def agree_on_sessions(calendar: SessionCalendar, broker: Broker, clock: Clock, tell: Callable[[str], None]) -> None:
    """Only hours that the broker's calendar and ours both hold to be a session are one (F30).

    Asked at the start and before each session. Where the broker cannot be asked our own calendar stands: its next
    answer to anything else decides whether there is trading at all.
    """
    first = clock.now().date()
    last = first + timedelta(days=30)
    try:
        sessions = broker.get_calendar(first, last)
    except TraderError as failure:
        tell(f"the broker's calendar could not be read: {failure}")
        return
    differences = calendar.differences(sessions, first, last)
    for each in differences:
        tell(f"the calendars differ on {each.day}: only {each.overlap} counts as a session")
    calendar.narrow(differences)
