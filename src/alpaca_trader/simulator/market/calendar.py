"""Session hours of the New York Stock Exchange, from the XNYS calendar of `exchange_calendars` (offline, early closes included)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import exchange_calendars
import pandas as pd

NEW_YORK = ZoneInfo("America/New_York")
_REGULAR_CLOSE = time(16, 0)
_PRE_OPEN, _POST_CLOSE, _POST_CLOSE_HALF_DAY = time(4, 0), time(20, 0), time(17, 0)
_DAY = timedelta(days=1)
_FIRST_YEAR, _RECENT_YEAR, _LAST_YEAR = 1971, 2020, 2029
"""The years the calendar answers for: the broker lists 1970-2029, and the library's rules for XNYS need one year of run-up."""


@dataclass(frozen=True, slots=True)
class SessionHours:
    """One trading day: `date` is the New York date, `open` and `close` the regular hours as aware UTC times."""

    date: date
    open: datetime
    close: datetime

    @property
    def is_half_day(self) -> bool:
        """True when the session closes before 16:00 New York time."""
        return _is_early(self.close)

    @property
    def pre_open(self) -> datetime:
        """Begin of the pre-market: 04:00 New York time."""
        return _in_new_york(self.date, _PRE_OPEN)

    @property
    def post_close(self) -> datetime:
        """End of the after-hours session: 20:00 New York time, 17:00 on a half day."""
        return _in_new_york(self.date, _POST_CLOSE_HALF_DAY if _is_early(self.close) else _POST_CLOSE)

    @property
    def minutes(self) -> int:
        """Length of the regular session in minutes: 390, or 210 on an ordinary half day."""
        return int((self.close - self.open) / timedelta(minutes=1))


@lru_cache(maxsize=64)
def _in_new_york(day: date, wall: time) -> datetime:
    """A time of day in New York as UTC. Remembered: the edges of a day are held against every instant of it."""
    return datetime.combine(day, wall, NEW_YORK).astimezone(UTC)


@lru_cache(maxsize=64)
def _is_early(close: datetime) -> bool:
    """Whether a session that closes then is a half day."""
    return close.astimezone(NEW_YORK).time() < _REGULAR_CLOSE


@lru_cache(maxsize=2)
def _years(first: int, last: int) -> Mapping[date, SessionHours]:
    """Sessions of the years first..last, oldest first; the library needs 0.15 s for one year as for fifty."""
    with warnings.catch_warnings():
        # exchange_calendars 4.13 reads the schedule in a way that pandas 3.1 announces to change.
        warnings.filterwarnings("ignore", message=r"Series\.values returning", category=DeprecationWarning)
        calendar = exchange_calendars.get_calendar("XNYS", start=f"{first}-01-01", end=f"{last}-12-31")
    schedule: pd.DataFrame = calendar.schedule
    rows = zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    return {label.date(): SessionHours(label.date(), _utc(opened), _utc(closed)) for label, opened, closed in rows}


def _utc(stamp: pd.Timestamp) -> datetime:
    moment: datetime = stamp.to_pydatetime()
    return moment.astimezone(UTC)


def _years_of(day: date) -> Mapping[date, SessionHours]:
    """The sessions around a day: of the years that are traded in mostly, or of all the years before."""
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"year {day.year} is outside the market calendar; use {_FIRST_YEAR}..{_LAST_YEAR}")
    return _years(_RECENT_YEAR, _LAST_YEAR) if day.year >= _RECENT_YEAR else _years(_FIRST_YEAR, _RECENT_YEAR - 1)


def session_on(day: date) -> SessionHours | None:
    """Hours of the session on New York date `day`; None on weekends and holidays.

    Raises ValueError for a year outside 1971..2029.
    """
    return _years_of(day).get(day)


def sessions_between(first: date, last: date) -> Sequence[SessionHours]:
    """All sessions with first <= date <= last, oldest first; empty when `first` is after `last`."""
    found = []
    while first <= last:
        hours = _years_of(first).get(first)
        if hours is not None:
            found.append(hours)
        first += _DAY
    return found


def sessions_before(day: date, count: int) -> Sequence[SessionHours]:
    """The `count` sessions before `day`, oldest first."""
    found: Sequence[SessionHours] = ()
    span = 2 * count + 10
    while len(found) < count:
        found = sessions_between(day - timedelta(days=span), day - timedelta(days=1))
        span *= 2
    return found[len(found) - count :]


def sessions_from(day: date, count: int) -> Sequence[SessionHours]:
    """`count` sessions of which the first is `day` itself or the next trading day after it, oldest first."""
    found: Sequence[SessionHours] = ()
    span = 2 * count + 10
    while len(found) < count:
        found = sessions_between(day, day + timedelta(days=span))
        span *= 2
    return found[:count]


@lru_cache(maxsize=4096)
def new_york_date(moment: datetime) -> date:
    """The New York calendar date of an aware time. Remembered: one instant is asked about again and again."""
    return moment.astimezone(NEW_YORK).date()


def new_york_midnight(day: date) -> datetime:
    """Midnight in New York at the start of `day`, as UTC (the stamp of a daily bar)."""
    return datetime.combine(day, time(0), NEW_YORK).astimezone(UTC)
