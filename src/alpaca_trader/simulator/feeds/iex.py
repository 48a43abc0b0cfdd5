"""The IEX share of the tape: about 2.5 % of the shares, in the minutes in which somebody traded there.

A minute of the whole tape becomes a minute of IEX by a hash of (seed, symbol, minute): the number of trades is drawn
around 2.5 % of the tape's, so that thin symbols have many minutes without one; the open and the close agree with the
tape's in about half of the minutes; no price lies outside the tape's. The prints are unfolded from the IEX bar as the
market's are from its own, so that bars and prints of the feed agree with each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.market.model import BarRow, Market, MarketBar, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.market.path import minute_path

SHARE: Final = 0.025
_SHARES_PER_TRADE: Final = 90
"""Used where the tape does not know how many trades a minute had."""
_MICROSECOND: Final = timedelta(microseconds=1)


def thinned(row: BarRow, seed: int) -> BarRow | None:
    """The minute as IEX saw it; None when nothing was traded there."""
    text = f"{seed}|iex|{row.symbol}|{row.start.timestamp():.0f}"
    digest = hashlib.blake2b(text.encode(), digest_size=10).digest()
    tape_trades = row.trade_count or row.volume / _SHARES_PER_TRADE
    trades = int(tape_trades * SHARE + digest[0] / 256)
    if trades == 0:
        return None
    decimals = 2 if row.low >= 1 else 4
    span = row.high - row.low
    opened = _near(row.open, row, digest[1], decimals)
    closed = opened if trades == 1 else _near(row.close, row, digest[2], decimals)
    high, low = max(opened, closed), min(opened, closed)
    if trades > 2:
        reach = min(trades / 30, 1.0)
        high = min(max(round(high + (row.high - high) * reach * _part(digest[3]), decimals), high), row.high)
        low = max(min(round(low - (low - row.low) * reach * _part(digest[4]), decimals), low), row.low)
    volume = max(round(row.volume * SHARE * (0.5 + digest[5] / 256)), trades)
    vwap = min(max(row.vwap + (digest[6] / 256 - 0.5) * 0.1 * span, low), high)
    return BarRow(row.symbol, row.start, opened, high, low, closed, volume, trades, round(vwap, 6))


def _near(price: float, row: BarRow, byte: int, decimals: int) -> float:
    """The tape's price, or in over half of the draws one up to a third of the minute's range away, inside that range.

    Some of those end where they began: between the two, about half of the prices are the tape's.
    """
    if byte < 104:
        return price
    away = max((row.high - row.low) * (byte - 104) / 456, 10.0**-decimals)
    moved = price - away if byte & 1 else price + away
    return min(max(round(moved, decimals), row.low), row.high)


def _part(byte: int) -> float:
    """How much of the way to the tape's extreme IEX saw: all of it in a third of the cases."""
    return 1.0 if byte < 85 else (byte - 85) / 171


class IexSource:
    """The market as IEX shows it: a source of rows and ticks like the market itself."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market = market
        self._seed = seed

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """Minutes with start <= row.start < end, oldest first."""
        return self._thinned(self._market.rows(symbol, start, end))

    def minute_rows(self, start: datetime) -> Sequence[BarRow]:
        """One minute of every symbol that traded on IEX, sorted by symbol."""
        return self._thinned(self._market.minute_rows(start))

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """The market's quotes, and the prints on IEX, in time order."""
        found: list[Tick] = [tick for tick in self._market.ticks(symbol, after, until) if isinstance(tick, MarketQuote)]
        first = (after + _MICROSECOND).replace(second=0, microsecond=0)
        for row in self.rows(symbol, first, until + _MICROSECOND):
            found += [trade for trade in self._prints(row) if after < trade.at <= until]
        # A stable sort: quotes were put in first, and come first at equal times.
        found.sort(key=lambda tick: tick.at)
        return found

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last print on IEX at or before `at`; looked for a month back."""
        for hours in (1, 24, 24 * 31):
            for row in reversed(self.rows(symbol, at - timedelta(hours=hours), at + _MICROSECOND)):
                for trade in reversed(self._prints(row)):
                    if trade.at <= at and trade.size:
                        return trade
        return None

    def _thinned(self, rows: Sequence[BarRow]) -> Sequence[BarRow]:
        seed = self._seed
        return [thin for row in rows if (thin := thinned(row, seed)) is not None]

    def _prints(self, row: BarRow) -> Sequence[MarketTrade]:
        opened, high, low, close, vwap = (
            Decimal(str(price)) for price in (row.open, row.high, row.low, row.close, row.vwap)
        )
        bar = MarketBar(row.symbol, row.start, opened, high, low, close, row.volume, row.trade_count, vwap)
        return minute_path(bar, self._seed).trades
