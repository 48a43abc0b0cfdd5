"""The shared memory of both markets: one symbol's minutes in columns, read by time. Decimals are made only when asked for."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import (
    SessionHours,
    new_york_date,
    new_york_midnight,
    session_on,
    sessions_between,
)
from alpaca_trader.simulator.market.model import AssetInfo, Market, MarketBar, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.market.path import INSTANT_S, INSTANTS, MinutePath, minute_path, price_of

Ints = NDArray[np.int64]
_PATHS_KEPT = 8
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Columns:
    """One symbol's minutes, oldest first, as equally long int64 columns.

    `start` in epoch seconds UTC; open, high, low, close in 1/10000 dollar; `vwap` in 1/1000000 dollar;
    `regular` marks the minutes inside the regular session.
    """

    start: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    trade_count: Ints
    vwap: Ints
    regular: NDArray[np.bool_]

    def digest(self) -> bytes:
        """A hash of every value, for telling one tape from another."""
        joined = hashlib.sha256()
        for name in self.__slots__:
            joined.update(getattr(self, name).tobytes())
        return joined.digest()


@dataclass(frozen=True, slots=True)
class HaltSpan:
    """No trading in [start, end), epoch seconds UTC. The quote is withdrawn at `start`."""

    start: int
    end: int


class Tape:
    """One symbol's minutes by time, and the inside of each regular minute when somebody looks."""

    def __init__(self, symbol: str, columns: Columns, seed: int, halt: HaltSpan | None = None) -> None:
        self.symbol = symbol
        self.columns = columns
        self.halt = halt
        self.seed = seed
        self._regular_rows: list[int] = np.flatnonzero(columns.regular).tolist()
        self._regular_start: list[int] = columns.start[columns.regular].tolist()
        c = columns
        table = (c.start, c.open, c.high, c.low, c.close, c.volume, c.trade_count, c.vwap)
        # Plain integers: reading single numbers out of an array costs more than the rest of making a bar.
        self._rows: list[tuple[int, ...]] = list(zip(*(column.tolist() for column in table), strict=True))
        self._path = lru_cache(maxsize=_PATHS_KEPT)(self._build_path)

    def bars(self, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """Bars with start <= bar.start < end, regular and extended, oldest first."""
        first, last = np.searchsorted(self.columns.start, (_ceil_s(start), _ceil_s(end)))
        return [self._bar(row) for row in range(int(first), int(last))]

    def quote(self, at: datetime) -> MarketQuote | None:
        """The quote standing at `at` inside the session that contains it; None before the session's first."""
        moment = at.timestamp()
        hours = session_on(new_york_date(at))
        if hours is None or not hours.open <= at <= hours.close:
            return None
        index = self._regular_at(moment)
        if index < 0 or self._regular_start[index] < hours.open.timestamp():
            return None
        past = int(moment - self._regular_start[index]) // INSTANT_S
        stood_at = self._regular_start[index] + INSTANT_S * min(past, INSTANTS - 1)
        if self.halt and stood_at < self.halt.start <= moment:
            return self._withdrawn()
        return self._path(index).quotes[min(past, INSTANTS - 1)]

    def last_trade(self, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`, however long ago; None when there was none."""
        index = self._regular_at(at.timestamp())
        if index < 0:
            return None
        return next(trade for trade in reversed(self._path(index).trades) if trade.at <= at)

    def ticks(self, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until, in time order, the quote first where both share an instant."""
        index = max(self._regular_at(after.timestamp()), 0)
        stop = self._regular_at(until.timestamp()) + 1
        found: list[Tick] = []
        for at_index in range(index, stop):
            path = self._path(at_index)
            found += [quote for quote in path.quotes if after < quote.at <= until]
            found += [trade for trade in path.trades if after < trade.at <= until]
        withdrawn = self._withdrawn() if self.halt else None
        if withdrawn and after < withdrawn.at <= until:
            found.append(withdrawn)
        # A stable sort: quotes were put in before the trades of their minute.
        found.sort(key=_tick_order)
        return found

    def is_halted(self, at: datetime) -> bool:
        """True inside the halt, if this tape has one."""
        return self.halt is not None and self.halt.start <= at.timestamp() < self.halt.end

    def previous_close(self, day: date) -> Decimal | None:
        """Close of the last regular minute before New York date `day`."""
        index = bisect_left(self._regular_start, new_york_midnight(day).timestamp()) - 1
        return None if index < 0 else price_of(int(self.columns.close[self._regular_rows[index]]))

    def _regular_at(self, moment: float) -> int:
        """Index of the last regular minute that began at or before `moment`; -1 when there is none."""
        return bisect_right(self._regular_start, moment) - 1

    def _build_path(self, index: int) -> MinutePath:
        return minute_path(self._bar(self._regular_rows[index]), self.seed)

    def _withdrawn(self) -> MarketQuote:
        assert self.halt is not None
        at = datetime.fromtimestamp(self.halt.start, UTC)
        return MarketQuote(self.symbol, at, _NOTHING, _NOTHING, 0, 0)

    def _bar(self, row: int) -> MarketBar:
        start, opened, high, low, close, volume, trade_count, vwap = self._rows[row]
        return MarketBar(
            self.symbol,
            datetime.fromtimestamp(start, UTC),
            price_of(opened),
            price_of(high),
            price_of(low),
            price_of(close),
            volume,
            trade_count,
            Decimal(vwap).scaleb(-6),
        )


class TapeMarket(Market):
    """A Market made of tapes. `day` is the first session to trade, `last_day` the last; sessions before `day` are history."""

    def __init__(self, tapes: Mapping[str, Tape], assets: Mapping[str, AssetInfo], day: date, last_day: date) -> None:
        self.day = day
        self.last_day = last_day
        self._tapes = dict(sorted(tapes.items()))
        self._assets = [assets[symbol] for symbol in self._tapes]

    @property
    def symbols(self) -> Sequence[str]:
        """Symbols on the tape, sorted."""
        return list(self._tapes)

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that was or will be traded: equal exactly when two markets are the same."""
        joined = hashlib.sha256(f"{self.day}|{self.last_day}".encode())
        for symbol, tape in self._tapes.items():
            joined.update(f"|{symbol}|{tape.seed}|{tape.halt}|".encode())
            joined.update(tape.columns.digest())
        return joined.hexdigest()

    def assets(self) -> Sequence[AssetInfo]:
        """All assets, sorted by symbol."""
        return self._assets

    def session(self, day: date) -> SessionHours | None:
        """Regular hours of New York date `day`; None when the exchange is closed."""
        return session_on(day)

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """Sessions with first <= date <= last, oldest first."""
        return sessions_between(first, last)

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """One-minute bars with start <= bar.start < end, oldest first; extended hours included where the tape has them."""
        tape = self._tapes.get(symbol)
        return tape.bars(start, end) if tape else []

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The quote standing at `at`; None outside sessions, before a session's first quote and for unknown symbols.

        During a halt it is a quote without prices (0 on both sides).
        """
        tape = self._tapes.get(symbol)
        return tape.quote(at) if tape else None

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last regular-hours print at or before `at`, of this or an earlier session."""
        tape = self._tapes.get(symbol)
        return tape.last_trade(at) if tape else None

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades of regular minutes with after < at <= until; quote before trade at equal times."""
        tape = self._tapes.get(symbol)
        return tape.ticks(after, until) if tape else []

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """True while trading in the symbol is halted."""
        tape = self._tapes.get(symbol)
        return tape is not None and tape.is_halted(at)

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """Close of the last regular minute before New York date `day`; None without history."""
        tape = self._tapes.get(symbol)
        return tape.previous_close(day) if tape else None


def session_flags(start: Ints, sessions: Sequence[SessionHours]) -> NDArray[np.bool_]:
    """Which minutes (epoch seconds, ascending) lie inside one of the sessions' regular hours."""
    opens = np.array([int(hours.open.timestamp()) for hours in sessions], dtype=np.int64)
    closes = np.array([int(hours.close.timestamp()) for hours in sessions], dtype=np.int64)
    index = np.searchsorted(opens, start, side="right") - 1
    inside: NDArray[np.bool_] = (index >= 0) & (start < closes[np.maximum(index, 0)])
    return inside


def _ceil_s(moment: datetime) -> int:
    """Epoch seconds, rounded up: bars begin on whole seconds, so this keeps `start <= bar.start` exact."""
    whole = moment.replace(microsecond=0)
    return int((whole if whole == moment else whole + timedelta(seconds=1)).timestamp())


def _tick_order(tick: Tick) -> datetime:
    return tick.at
