"""Daily bars that grow minute by minute, so that a client who follows them costs the minute and not the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from alpaca_trader.simulator.feeds.view import FeedView
from alpaca_trader.simulator.market.calendar import new_york_date, new_york_midnight
from alpaca_trader.simulator.market.model import MINUTE, BarRow

_ALL = "*"


@dataclass(slots=True)
class _Day:
    """A day so far; `dollars` is the sum of vwap times volume."""

    row: BarRow
    dollars: float


class RunningDays:
    """The days so far of the symbols somebody follows; regular hours only."""

    def __init__(self, view: FeedView) -> None:
        self._view = view
        self._day: date | None = None
        self._days: dict[str, _Day] = {}
        self._minute: datetime | None = None
        self._symbols: frozenset[str] = frozenset()

    def after(self, minute: Sequence[BarRow], symbols: frozenset[str], now: datetime) -> Sequence[BarRow]:
        """The running daily bars of the symbols in `symbols` that have a bar in this minute, by symbol."""
        rows = [row for row in minute if _ALL in symbols or row.symbol in symbols]
        if not rows:
            return ()
        start = rows[0].start
        hours = self._view.market.session(new_york_date(start))
        if hours is None or not hours.open <= start < hours.close:
            return ()
        # Minutes told again change the sums, and minutes nobody followed are missing from them: begin afresh then.
        is_next = self._minute is not None and start - self._minute <= MINUTE and not self._view.incidents.may_happen
        if self._day != hours.date or not is_next or self._symbols != symbols:
            self._day, self._days, self._symbols = hours.date, {}, symbols
        self._minute = start
        found = []
        for row in rows:
            day = self._days.get(row.symbol)
            if day is None:
                day = self._begun(self._view.rows(row.symbol, hours.open, start + MINUTE, now), hours.date)
                self._days[row.symbol] = day
            else:
                _grow(day, row)
            found.append(day.row)
        return found

    def _begun(self, rows: Sequence[BarRow], day: date) -> _Day:
        first = rows[0]._replace(start=new_york_midnight(day))
        begun = _Day(first, first.vwap * first.volume)
        for row in rows[1:]:
            _grow(begun, row)
        return begun


def _grow(day: _Day, row: BarRow) -> None:
    so_far = day.row
    volume = so_far.volume + row.volume
    day.dollars += row.vwap * row.volume
    day.row = BarRow(
        so_far.symbol,
        so_far.start,
        so_far.open,
        max(so_far.high, row.high),
        min(so_far.low, row.low),
        row.close,
        volume,
        so_far.trade_count + row.trade_count,
        round(day.dollars / volume, 6) if volume else so_far.vwap,
    )
