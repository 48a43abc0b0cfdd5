"""Bars as the data API serves them: any timeframe from minute bars, and only what is over at the moment of asking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Literal

from alpaca_trader.simulator.feeds.company import CompanyView
from alpaca_trader.simulator.feeds.view import FeedView, Told
from alpaca_trader.simulator.market.calendar import NEW_YORK, new_york_date, new_york_midnight
from alpaca_trader.simulator.market.model import MINUTE, BarRow

Unit = Literal["M", "H", "D", "W", "Mo"]
_SPELLINGS: dict[str, Unit] = {
    "Min": "M",
    "T": "M",
    "Hour": "H",
    "H": "H",
    "Day": "D",
    "D": "D",
    "Week": "W",
    "W": "W",
    "Month": "Mo",
    "M": "Mo",
}
_ALLOWED: dict[Unit, Sequence[int]] = {
    "M": range(1, 60),
    "H": range(1, 24),
    "D": (1,),
    "W": (1,),
    "Mo": (1, 2, 3, 4, 6, 12),
}
_LONGEST: dict[Unit, timedelta] = {
    "M": timedelta(minutes=1),
    "H": timedelta(hours=1),
    "D": timedelta(hours=25),
    "W": timedelta(days=7, hours=1),
    "Mo": timedelta(days=31, hours=1),
}
_CHUNK = timedelta(days=4)
_TICK_CHUNK = timedelta(minutes=30)
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Timeframe:
    """Bar length: `count` minutes (M), hours (H), or 1 day (D), 1 week (W), `count` months (Mo)."""

    count: int
    unit: Unit

    @property
    def is_minute(self) -> bool:
        """True for the market's own one-minute bars."""
        return self.unit == "M" and self.count == 1

    @property
    def is_daily(self) -> bool:
        """True for days and longer: these are made of regular-hours minutes alone."""
        return self.unit in ("D", "W", "Mo")

    @property
    def longest(self) -> timedelta:
        """No bar of this timeframe covers more time than this."""
        return self.count * _LONGEST[self.unit]

    def stamp(self, moment: datetime) -> datetime:
        """Left edge (UTC) of the bar that contains `moment`.

        Minutes are aligned to the clock hour, hours to New York's midnight, days begin at New York's midnight,
        weeks on Monday, months on the first (alpaca-contract 4.1).
        """
        if self.unit == "M":
            minute = moment.minute - moment.minute % self.count
            return moment.replace(minute=minute, second=0, microsecond=0)
        local = moment.astimezone(NEW_YORK)
        if self.unit == "H":
            hour = local.hour - local.hour % self.count
            return local.replace(hour=hour, minute=0, second=0, microsecond=0).astimezone(UTC)
        return new_york_midnight(self._first_day(local.date()))

    def _first_day(self, day: date) -> date:
        if self.unit == "D":
            return day
        if self.unit == "W":
            return day - timedelta(days=day.weekday())
        return day.replace(month=day.month - (day.month - 1) % self.count, day=1)


def parse_timeframe(text: str) -> Timeframe | None:
    """Read `1Min`, `15T`, `1Hour`, `1Day`, `1Week`, `3Month` ...; None when the broker has no such timeframe."""
    found = re.fullmatch(r"(\d{1,2})(Min|T|Hour|H|Day|D|Week|W|Month|M)", text, re.ASCII)
    if found is None:
        return None
    unit = _SPELLINGS[found[2]]
    count = int(found[1])
    return Timeframe(count, unit) if count in _ALLOWED[unit] else None


def bars_between(
    view: FeedView | CompanyView,
    symbol: str,
    timeframe: Timeframe,
    start: datetime,
    end: datetime,
    *,
    now: datetime,
    descending: bool = False,
) -> Iterator[BarRow]:
    """Bars stamped within [start, end] that had begun and hold a closed minute at `now`, in time order or reversed.

    A minute is seen once it is over (start + 60 s <= now), so a longer bar that is still running holds the closed
    minutes only. Lazy: stop reading and nothing further is built.
    """
    until = min(now - MINUTE + _MICROSECOND, end + _MICROSECOND)
    if not timeframe.is_minute:
        until = min(now - MINUTE + _MICROSECOND, timeframe.stamp(end) + timeframe.longest)
    minutes = _minutes(view, symbol, start, until, now, descending=descending)
    if timeframe.is_minute:
        yield from minutes
        return
    if timeframe.is_daily:
        minutes = _regular_hours(view, minutes)
    for stamp, group in groupby(minutes, lambda row: timeframe.stamp(row.start)):
        if start <= stamp <= end:
            yield merged(sorted(group, key=_start), stamp)


def merged(rows: Sequence[BarRow], stamp: datetime) -> BarRow:
    """One bar out of several in time order; vwap is weighted by volume (plain mean when there was none)."""
    volume = sum(row.volume for row in rows)
    weighted = sum(row.vwap * row.volume for row in rows)
    vwap = weighted / volume if volume else sum(row.vwap for row in rows) / len(rows)
    return BarRow(
        rows[0].symbol,
        stamp,
        rows[0].open,
        max(row.high for row in rows),
        min(row.low for row in rows),
        rows[-1].close,
        volume,
        sum(row.trade_count for row in rows),
        round(vwap, 6),
    )


def latest_minute(view: FeedView, symbol: str, now: datetime) -> BarRow | None:
    """The newest closed minute bar at `now`, at most a month old; None when there is none."""
    month_ago = now - timedelta(days=31)
    return next(bars_between(view, symbol, Timeframe(1, "M"), month_ago, now, now=now, descending=True), None)


def latest_days(view: FeedView, symbol: str, now: datetime, count: int) -> Sequence[BarRow]:
    """Up to `count` daily bars, newest first; the first may be the running one. Looks back a month."""
    month_ago = now - timedelta(days=31)
    days = bars_between(view, symbol, Timeframe(1, "D"), month_ago, now, now=now, descending=True)
    return [row for _, row in zip(range(count), days, strict=False)]


def ticks_between(
    view: CompanyView, symbol: str, start: datetime, end: datetime, *, now: datetime, descending: bool = False
) -> Iterator[Told]:
    """Quotes and prints with start <= at <= end, in time order or reversed, built half an hour at a time."""
    after = start - _MICROSECOND
    for first, last in _spans(after, end, _CHUNK, descending=descending):
        # Most of a long range has no trading in it: look for bars before looking for ticks.
        if not view.market.bars_hold_ticks() or view.trades_between(symbol, first - MINUTE, last + _MICROSECOND):
            for opened, closed in _spans(first, last, _TICK_CHUNK, descending=descending):
                told = view.history(symbol, opened, closed, now)
                yield from reversed(list(told)) if descending else told


def _minutes(
    view: FeedView | CompanyView, symbol: str, start: datetime, until: datetime, now: datetime, *, descending: bool
) -> Iterator[BarRow]:
    """Minutes with start <= row.start < until, read a few days at a time so that a page costs a page."""
    for first, last in _spans(start, until, _CHUNK, descending=descending):
        rows = view.rows(symbol, first, last, now)
        yield from reversed(rows) if descending else rows


def _start(row: BarRow) -> datetime:
    return row.start


def _spans(
    start: datetime, end: datetime, length: timedelta, *, descending: bool
) -> Iterator[tuple[datetime, datetime]]:
    """Cut [start, end) into spans of at most `length`, in time order or reversed; nothing lies before 1971."""
    start = max(start, _EARLIEST)
    if descending:
        while end > start:
            yield max(end - length, start), end
            end -= length
    else:
        while start < end:
            yield start, min(start + length, end)
            start += length


def _regular_hours(view: FeedView | CompanyView, minutes: Iterable[BarRow]) -> Iterator[BarRow]:
    for day, bars in groupby(minutes, lambda row: new_york_date(row.start)):
        hours = view.market.session(day)
        if hours is not None:
            yield from (bar for bar in bars if hours.open <= bar.start < hours.close)


def day_end(day: date) -> datetime:
    """The last instant of a New York day, UTC."""
    return datetime.combine(day, time.max, NEW_YORK).astimezone(UTC)
