"""What a market is to the simulated exchange: bars, quotes, trades, assets, and the Protocol that serves them.

Prices are Decimal dollars, sizes whole shares, times aware UTC. Nothing here knows about orders.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from alpaca_trader.simulator.market.calendar import SessionHours

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MarketBar:
    """One minute of trading: covers [start, start + 60 s). `volume` in shares, `vwap` within [low, high]."""

    symbol: str
    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    trade_count: int
    vwap: Decimal


@dataclass(frozen=True, slots=True)
class MarketQuote:
    """Best bid and offer at an instant. A price of 0 means no quote on that side; sizes are shares."""

    symbol: str
    at: datetime
    bid: Decimal
    ask: Decimal
    bid_size: int
    ask_size: int


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """One print on the tape. `trade_id` is unique within symbol and New York date."""

    symbol: str
    at: datetime
    price: Decimal
    size: int
    trade_id: int


Tick = MarketQuote | MarketTrade


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What the broker says about a symbol. `id` is a UUID derived from the symbol alone."""

    symbol: str
    id: str
    name: str
    exchange: str
    fractionable: bool
    tradable: bool
    marginable: bool
    shortable: bool


class Market(Protocol):
    """A tape that has already happened: every method answers for any time asked, callers decide what is visible `now`."""

    def assets(self) -> Sequence[AssetInfo]:
        """All assets, sorted by symbol."""
        ...

    def session(self, day: date) -> SessionHours | None:
        """Regular hours of New York date `day`; None when the market is closed all day."""
        ...

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """Sessions with first <= date <= last, oldest first."""
        ...

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """One-minute bars with start <= bar.start < end, oldest first; empty for an unknown symbol."""
        ...

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The last quote at or before `at` in the session that contains `at`; None before the first and outside sessions."""
        ...

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last trade at or before `at`, of this or an earlier session; None when there is none."""
        ...

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until in time order; at equal times the quote comes first."""
        ...

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """True while trading in the symbol is halted."""
        ...

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """Closing price of the last session before `day` that has bars; None when there is none."""
        ...


def asset_id(symbol: str) -> str:
    """A version-4 shaped UUID derived from the symbol, the same in every run."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"asset:{symbol}".encode()).digest()[:16], version=4))
