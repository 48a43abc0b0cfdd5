"""One symbol's minutes in columns, read by time, and the inside of a minute when somebody looks.

Nothing is copied out of the columns: numbers are read where they lie and Decimals made only when asked for, so that
thousands of symbols cost what their columns cost.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date, new_york_midnight, session_on
from alpaca_trader.simulator.market.model import Auction, BarRow, Cross, MarketBar, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.market.path import (
    DEFAULT_SPREAD_BP,
    EXTENDED_SPREAD_BP,
    INSTANT_S,
    INSTANTS,
    UNITS_PER_DOLLAR,
    MinutePath,
    minute_path,
    price_of,
)

Ints = NDArray[np.int64]
PATHS_KEPT = 8
"""Insides of minutes that a tape remembers at least: those that are asked about again and again while it is now."""
_NOTHING = Decimal(0)
_MICRO = Decimal("0.000001")
_MICROS_PER_DOLLAR = 1_000_000
PRE, REGULAR, POST, OTHER = 1, 2, 3, 0
"""Phases of a session; OTHER is outside all of them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """One symbol's minutes, oldest first, as equally long int64 columns.

    `start` in epoch seconds UTC; open, high, low, close in 1/10000 dollar; `vwap` in 1/1000000 dollar;
    `phase` (int8) tells the minutes of the regular session from those before and after it.
    """

    start: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    trade_count: Ints
    vwap: Ints
    phase: NDArray[np.int8]

    def digest(self) -> bytes:
        """A hash of every value, for telling one tape from another."""
        joined = hashlib.sha256()
        for name in self.__slots__:
            joined.update(np.ascontiguousarray(getattr(self, name)).data)
        return joined.digest()

    def rows(self, first: int, last: int) -> Columns:
        """A view of some rows, without copying."""
        return Columns(*(getattr(self, name)[first:last] for name in self.__slots__))


def joined(parts: Sequence[Columns]) -> Columns:
    """The rows of all parts, one part after the other."""
    return Columns(*(np.concatenate([getattr(part, name) for part in parts]) for name in Columns.__slots__))


@dataclass(frozen=True, slots=True)
class HaltSpan:
    """No trading in [start, end), epoch seconds UTC. The quote is withdrawn at `start`; code and reason as in TradingStatus."""

    start: int
    end: int
    code: str = "H"
    reason: str = "T1"


class Tape:
    """One symbol's minutes by time, and the inside of each minute that has ticks: regular ones, with `extended` all.

    `unfolded` marks the rows whose inside is made up from the bar; all of them unless given. `paths_kept` insides are
    remembered.
    """

    def __init__(
        self,
        symbol: str,
        columns: Columns,
        seed: int,
        halts: Sequence[HaltSpan] = (),
        *,
        extended: bool = False,
        unfolded: NDArray[np.bool_] | None = None,
        paths_kept: int = PATHS_KEPT,
    ) -> None:
        self.symbol = symbol
        self.columns = columns
        self.halts = tuple(sorted(halts, key=lambda halt: halt.start))
        self.seed = seed
        self.extended = extended
        c = columns
        # Reading a number through a memoryview costs a fraction of reading it out of the array.
        self._cells = tuple(
            np.ascontiguousarray(column).data
            for column in (c.start, c.open, c.high, c.low, c.close, c.volume, c.trade_count, c.vwap)
        )
        self._start, self._close = self._cells[0], self._cells[4]
        self._regular_start, self._regular_rows = _chosen(c.start, c.phase == REGULAR)
        ticking = c.phase != OTHER if extended else c.phase == REGULAR
        self._tick_start, self._tick_rows = _chosen(c.start, ticking if unfolded is None else ticking & unfolded)
        self._halt_starts = [halt.start for halt in self.halts]
        self._path = lru_cache(maxsize=paths_kept)(self._build_path)

    def bars(self, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """Bars with start <= bar.start < end, regular and extended, oldest first."""
        first = bisect_left(self._start, start.timestamp())
        last = bisect_left(self._start, end.timestamp(), lo=first)
        return [self.bar(row) for row in range(first, last)]

    def bar_rows(self, start: datetime, end: datetime) -> Sequence[BarRow]:
        """What `bars` answers, in plain numbers."""
        first = bisect_left(self._start, start.timestamp())
        last = bisect_left(self._start, end.timestamp(), lo=first)
        begun, opened, high, low, close, volume, count, vwap = self._cells
        return [
            BarRow(
                self.symbol,
                datetime.fromtimestamp(begun[row], UTC),
                opened[row] / UNITS_PER_DOLLAR,
                high[row] / UNITS_PER_DOLLAR,
                low[row] / UNITS_PER_DOLLAR,
                close[row] / UNITS_PER_DOLLAR,
                volume[row],
                count[row],
                vwap[row] / _MICROS_PER_DOLLAR,
            )
            for row in range(first, last)
        ]

    def quote(self, at: datetime) -> MarketQuote | None:
        """The quote standing at `at` inside the phase that contains it; None before the phase's first.

        The instant of the close belongs to the regular session unless a quote of after hours stands there.
        """
        hours = session_on(new_york_date(at))
        if hours is None:
            return None
        if hours.open <= at < hours.close:
            return self.standing(at, hours.open)
        if not self.extended:
            return self.standing(at, hours.open) if at == hours.close else None
        if hours.pre_open <= at < hours.open:
            return self.standing(at, hours.pre_open)
        if not hours.close <= at <= hours.post_close:
            return None
        late = self.standing(at, hours.close)
        return self.standing(at, hours.open) if late is None and at == hours.close else late

    def standing(self, at: datetime, begin: datetime) -> MarketQuote | None:
        """The last quote in [begin, at]: one of a minute, or the withdrawal by a halt."""
        moment, begins = at.timestamp(), begin.timestamp()
        index = bisect_right(self._tick_start, moment) - 1
        minute = self._tick_start[index] if index >= 0 else -1
        instant = min(int(moment - minute) // INSTANT_S, INSTANTS - 1)
        halt = self._last_halt(moment)
        if halt is not None and halt.start >= max(begins, minute + INSTANT_S * instant + 1):
            return self._withdrawn(halt)
        return self._path(index).quotes[instant] if minute >= begins else None

    def last_trade(self, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`, however long ago; None when there was none."""
        index = bisect_right(self._tick_start, at.timestamp()) - 1
        if index < 0:
            return None
        return next(trade for trade in reversed(self._path(index).trades) if trade.at <= at)

    def ticks(self, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until, in time order, the quote first where both share an instant."""
        index = max(bisect_right(self._tick_start, after.timestamp()) - 1, 0)
        stop = bisect_right(self._tick_start, until.timestamp())
        found: list[Tick] = []
        for at_index in range(index, stop):
            found += [tick for tick in self._path(at_index).ticks if after < tick.at <= until]
        withdrawn = [quote for quote in map(self._withdrawn, self.halts) if after < quote.at <= until]
        if withdrawn:
            found = sorted([*found, *withdrawn], key=_tick_order)
        return found

    def halt_at(self, at: datetime) -> HaltSpan | None:
        """The halt in force at `at`."""
        halt = self._last_halt(at.timestamp())
        return halt if halt is not None and at.timestamp() < halt.end else None

    def previous_close(self, day: date) -> Decimal | None:
        """Close of the last regular minute before New York date `day`."""
        index = bisect_left(self._regular_start, new_york_midnight(day).timestamp()) - 1
        return None if index < 0 else price_of(self._close[self._regular_rows[index]])

    def auction(self, hours: SessionHours, cross: Cross, *, has_closing_rows: bool) -> Auction | None:
        """The session's cross: first or last regular print; with `has_closing_rows` the bar at the close, where there is one.

        None for a session without a regular bar, and where the symbol is halted at that instant.
        """
        opened, closed = hours.open.timestamp(), hours.close.timestamp()
        first, last = bisect_left(self._regular_start, opened), bisect_left(self._regular_start, closed) - 1
        at = hours.open if cross == "open" else hours.close
        if first > last or self.halt_at(at):
            return None
        if cross == "open":
            bar = self.bar(self._regular_rows[first])
            return Auction(self.symbol, at, bar.open, bar.volume)
        row = bisect_left(self._start, closed)
        if has_closing_rows and row < len(self._start) and self._start[row] == closed:
            bar = self.bar(row)
            return Auction(self.symbol, at, bar.open, bar.volume)
        bar = self.bar(self._regular_rows[last])
        return Auction(self.symbol, at, bar.close, bar.volume)

    def bar(self, row: int) -> MarketBar:
        """The bar in a row of the columns."""
        begun, opened, high, low, close, volume, count, vwap = self._cells
        return MarketBar(
            self.symbol,
            datetime.fromtimestamp(begun[row], UTC),
            price_of(opened[row]),
            price_of(high[row]),
            price_of(low[row]),
            price_of(close[row]),
            volume[row],
            count[row],
            vwap[row] * _MICRO,
        )

    def _last_halt(self, moment: float) -> HaltSpan | None:
        index = bisect_right(self._halt_starts, moment) - 1
        return self.halts[index] if index >= 0 else None

    def _build_path(self, index: int) -> MinutePath:
        row = self._tick_rows[index]
        is_regular = self.columns.phase[row] == REGULAR
        return minute_path(self.bar(row), self.seed, DEFAULT_SPREAD_BP if is_regular else EXTENDED_SPREAD_BP)

    def _withdrawn(self, halt: HaltSpan) -> MarketQuote:
        return MarketQuote(self.symbol, datetime.fromtimestamp(halt.start, UTC), _NOTHING, _NOTHING, 0, 0)


def phases(start: Ints, sessions: Sequence[SessionHours]) -> NDArray[np.int8]:
    """The phase of each minute (epoch seconds, ascending) in one of `sessions` (oldest first)."""
    if not sessions:
        return np.zeros(len(start), dtype=np.int8)
    edges = np.array(
        [
            [int(moment.timestamp()) for moment in (hours.pre_open, hours.open, hours.close, hours.post_close)]
            for hours in sessions
        ],
        dtype=np.int64,
    )
    own = edges[np.maximum(np.searchsorted(edges[:, 0], start, side="right") - 1, 0)]
    passed = (start[:, None] >= own).sum(axis=1)
    found: NDArray[np.int8] = np.array([OTHER, PRE, REGULAR, POST, OTHER], dtype=np.int8)[passed]
    return found


def _chosen(start: Ints, mask: NDArray[np.bool_]) -> tuple[Sequence[int], Sequence[int]]:
    """Start and row of the chosen minutes; the columns themselves where all are chosen."""
    if mask.all():
        return np.ascontiguousarray(start).data, range(len(start))
    return start[mask].data, np.flatnonzero(mask).astype(np.int64).data


def _tick_order(tick: Tick) -> tuple[datetime, bool]:
    return tick.at, isinstance(tick, MarketTrade)
