"""Recorded trades and quotes as columns: checked, cut by day and hour, and turned into minute bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import NEW_YORK, new_york_midnight
from alpaca_trader.simulator.market.draws import stream
from alpaca_trader.simulator.market.path import DEFAULT_SPREAD_BP, UNITS_PER_DOLLAR
from alpaca_trader.simulator.market.recorded import phases_of
from alpaca_trader.simulator.market.tape import REGULAR, Columns, Ints, joined

Flags = NDArray[np.bool_]
SECOND_US = 1_000_000
_MINUTE_US = 60 * SECOND_US
_CENT = 100
_TRADE_NAMES = ("at", "price", "size", "trade_id", "sets_price")
_QUOTE_NAMES = ("at", "bid", "ask", "bid_size", "ask_size")

TickFrame = Mapping[str, NDArray[np.generic]]
"""Equally long arrays in order of time.

Of trades: `at` (int64 epoch microseconds UTC), `price` (dollars, kept to 4 decimals), `size` (shares), `trade_id` (-1:
unknown) and `sets_price` (False for prints that count for volume alone, as odd lots do). Of quotes: `at`, `bid`, `ask`
(dollars, 0: no quote on that side), `bid_size`, `ask_size` (shares).
"""


@dataclass(frozen=True, slots=True)
class Trades:
    """Prints in order of time; prices in 1/10000 dollar."""

    at: Ints
    price: Ints
    size: Ints
    trade_id: Ints
    sets_price: Flags

    def taken(self, which: slice | Flags) -> Trades:
        """Some of them."""
        return Trades(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Quotes:
    """Quotes in order of time; prices in 1/10000 dollar."""

    at: Ints
    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints

    def taken(self, which: slice | Flags) -> Quotes:
        """Some of them."""
        return Quotes(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Ticks:
    """What was recorded of one symbol, and the New York days (as ordinals) it was recorded on."""

    trades: Trades
    quotes: Quotes
    days: frozenset[int] = field(default_factory=frozenset)

    def within(self, begin: date | None, end: date | None) -> Ticks:
        """Those from New York date `begin` on and before `end`; None leaves that side open."""
        edges = [None if day is None else int(new_york_midnight(day).timestamp()) * SECOND_US for day in (begin, end)]

        def rows(at: Ints) -> slice:
            first = 0 if edges[0] is None else int(at.searchsorted(edges[0]))
            return slice(first, len(at) if edges[1] is None else int(at.searchsorted(edges[1])))

        return Ticks(self.trades.taken(rows(self.trades.at)), self.quotes.taken(rows(self.quotes.at)), self.days)

    def in_regular_hours(self) -> Ticks:
        """Those of regular hours alone."""
        regular = [phases_of(part.at // SECOND_US) == REGULAR for part in (self.trades, self.quotes)]
        return Ticks(self.trades.taken(regular[0]), self.quotes.taken(regular[1]), self.days)


def ticks_of(symbol: str, trades: TickFrame | None, quotes: TickFrame | None, end: int, seed: int) -> Ticks:
    """Recorded arrays as ticks, up to `end` (epoch seconds). Without quotes there is one around each print.

    Raises ValueError for a missing column, unequal lengths or times out of order.
    """
    t = _checked(symbol, "trades", trades, _TRADE_NAMES, end)
    q = _checked(symbol, "quotes", quotes, _QUOTE_NAMES, end)
    ids = t["trade_id"].astype(np.int64)
    found = Trades(
        t["at"].astype(np.int64),
        _units(t["price"]),
        t["size"].astype(np.int64),
        # Where the record has no id, the place on the tape is one.
        np.where(ids < 0, np.arange(1, len(ids) + 1), ids),
        t["sets_price"].astype(np.bool_),
    )
    if quotes is None:
        quoted = _quotes_around(symbol, found, seed)
    else:
        sizes = (q[name].astype(np.int64) for name in ("bid_size", "ask_size"))
        quoted = Quotes(q["at"].astype(np.int64), _units(q["bid"]), _units(q["ask"]), *sizes)
    days = {*days_of(found.at // SECOND_US).tolist(), *days_of(quoted.at // SECOND_US).tolist()}
    return Ticks(found, quoted, frozenset(days))


def days_of(seconds: Ints) -> Ints:
    """The New York date of each time (epoch seconds, ascending), as ordinals."""
    found = np.zeros(len(seconds), dtype=np.int64)
    row = 0
    while row < len(seconds):
        day = datetime.fromtimestamp(int(seconds[row]), UTC).astimezone(NEW_YORK).date()
        following = int(new_york_midnight(date.fromordinal(day.toordinal() + 1)).timestamp())
        last = int(seconds.searchsorted(following))
        found[row:last] = day.toordinal()
        row = last
    return found


def bars_of(trades: Trades) -> Columns:
    """Minute bars: prices of the trades that set the price, volume and vwap of all; no bar for a minute without a price."""
    minute = trades.at // _MINUTE_US
    start = np.unique(minute[trades.sets_price])
    if not len(start):
        empty = np.zeros(0, dtype=np.int64)
        return Columns(*(empty,) * 8, phase=np.zeros(0, dtype=np.int8))
    price, all_in = trades.price[trades.sets_price], trades.taken(np.isin(minute, start))
    first = minute[trades.sets_price].searchsorted(start)
    high, low = np.maximum.reduceat(price, first), np.minimum.reduceat(price, first)
    every = (all_in.at // _MINUTE_US).searchsorted(start)
    volume = np.add.reduceat(all_in.size, every)
    worth = np.add.reduceat(all_in.price * all_in.size, every)
    mean = np.where(volume > 0, np.rint(worth * 100 / np.maximum(volume, 1)), (high + low) * 50).astype(np.int64)
    return Columns(
        start=start * 60,
        open=price[first],
        high=high,
        low=low,
        close=price[np.append(first[1:], len(price)) - 1],
        volume=volume,
        trade_count=np.diff(np.append(every, len(all_in.at))),
        vwap=np.clip(mean, low * 100, high * 100),
        phase=phases_of(start * 60),
    )


def with_history(made: Columns, recorded: Columns) -> Columns:
    """The bars made of trades, and recorded ones on the days without trades."""
    others = ~np.isin(days_of(recorded.start), np.unique(days_of(made.start)))
    both = joined([made, Columns(*(getattr(recorded, name)[others] for name in Columns.__slots__))])
    order = np.argsort(both.start, kind="stable")
    return Columns(*(getattr(both, name)[order] for name in Columns.__slots__))


def _checked(
    symbol: str, what: str, frame: TickFrame | None, names: Sequence[str], end: int
) -> Mapping[str, NDArray[np.generic]]:
    """The columns up to `end`."""
    if frame is None:
        return {name: np.zeros(0) for name in names}
    missing = [name for name in names if name not in frame]
    if missing:
        raise ValueError(f"{symbol}: column {missing[0]!r} of {what} is missing; needed are {', '.join(names)}")
    at = np.asarray(frame["at"]).astype(np.int64)
    if any(len(frame[name]) != len(at) for name in names):
        raise ValueError(f"{symbol}: columns of {what} differ in length")
    if np.any(np.diff(at) < 0):
        raise ValueError(f"{symbol}: column 'at' of {what} must be in order of time")
    kept = int(at.searchsorted(end * SECOND_US))
    return {name: np.asarray(frame[name])[:kept] for name in names}


def _units(prices: NDArray[np.generic]) -> Ints:
    return np.rint(prices.astype(np.float64) * UNITS_PER_DOLLAR).astype(np.int64)


def _quotes_around(symbol: str, trades: Trades, seed: int) -> Quotes:
    """A quote at the instant of each print, two basis points wide, at least an increment, of one to eight round lots."""
    rng = stream(seed, "quotes", symbol)
    tick = np.where(trades.price >= UNITS_PER_DOLLAR, _CENT, 1)
    width = np.maximum(np.rint(trades.price * DEFAULT_SPREAD_BP / 10_000 / tick), 1).astype(np.int64)
    below = (width + rng.integers(0, 2, len(width))) // 2
    bid = np.maximum((trades.price // tick - below) * tick, 0)
    ask = np.maximum(bid + width * tick, -(-trades.price // tick) * tick)
    sizes = 100 * rng.integers(1, 9, (2, len(width)))
    return Quotes(trades.at, bid, ask, sizes[0], sizes[1])
