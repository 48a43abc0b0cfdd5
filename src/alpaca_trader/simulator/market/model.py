"""What a market is to the simulated exchange: bars, quotes, trades, assets, and the Protocol that serves them.

Prices are Decimal dollars, sizes whole shares, times aware UTC. Nothing here knows about orders.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import SessionHours

MINUTE = timedelta(minutes=1)
_BEGIN_OF_TIME = datetime(1971, 1, 1, tzinfo=UTC)


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


class BarRow(NamedTuple):
    """A bar in plain numbers, for those who only show it: floats are the nearest to the market's decimals."""

    symbol: str
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    trade_count: int
    vwap: float


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
Cross = Literal["open", "close"]


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What the broker says about a symbol. `id` is a UUID derived from the symbol alone, margin requirements are percent.

    `attributes` are the broker's own words (alpaca-contract 2.8): has_options, fractional_eh_enabled, overnight_tradable ...
    """

    symbol: str
    id: str
    name: str
    exchange: str
    fractionable: bool
    tradable: bool
    marginable: bool
    shortable: bool
    status: Literal["active", "inactive"] = "active"
    easy_to_borrow: bool = True
    maintenance_margin_pct: int = 30
    margin_long_pct: int = 30
    margin_short_pct: int = 30
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TradingStatus:
    """A symbol stops or starts trading at an instant, in the words of tape C.

    `code` is H (halted), P (paused: the price ran into its bands) or T (trading again); `reason` is that of the stop:
    T1 (news pending), T12, LUDP ...
    """

    symbol: str
    at: datetime
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class PriceBands:
    """Limit-up/limit-down bands in force from an instant on: no trade outside [lower, upper]."""

    symbol: str
    at: datetime
    lower: Decimal
    upper: Decimal


@dataclass(frozen=True, slots=True)
class Auction:
    """An opening or closing cross: everything that takes part trades at `price`; `size` shares changed hands in it."""

    symbol: str
    at: datetime
    price: Decimal
    size: int


ActionKind = Literal["split", "cash_dividend", "stock_dividend", "rename", "delisting"]


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """What a company does to its shares before the open of `ex_date`.

    A split or stock dividend turns `old_rate` shares into `new_rate`; a cash dividend pays `cash` dollars a share on
    `payable_date`; a rename gives the shares the symbol `new_symbol`; a delisting pays `cash` dollars a share (perhaps 0)
    and takes them away.
    """

    id: str
    kind: ActionKind
    symbol: str
    ex_date: date
    payable_date: date
    old_rate: Decimal = Decimal(1)
    new_rate: Decimal = Decimal(1)
    cash: Decimal = Decimal(0)
    new_symbol: str | None = None


@dataclass(frozen=True, slots=True)
class MinuteColumns:
    """One minute of many symbols as equally long columns, sorted by symbol; prices in dollars as the nearest float."""

    symbols: Sequence[str]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.int64]
    trade_count: NDArray[np.int64]
    vwap: NDArray[np.float64]


class Totals(NamedTuple):
    """A symbol's minutes taken together: shares, trades, and the last price in dollars."""

    volume: int
    trade_count: int
    last: float


class Market(Protocol):
    """A tape that has already happened: every method answers for any time asked, callers decide what is visible `now`.

    The methods with a body are what a plain market says; a market with halts, bands or corporate actions overrides them.
    """

    @property
    def fingerprint(self) -> str | None:
        """Hex digest of everything that was or will be traded; None where the market does not tell markets apart itself."""
        return None

    def assets(self) -> Sequence[AssetInfo]:
        """All assets, sorted by symbol: every name that ever trades here, as if no corporate action had ended it."""
        ...

    def assets_on(self, day: date) -> Sequence[AssetInfo]:
        """All assets as they stand on New York date `day`: renamed and delisted names, and names to come, are inactive."""
        return self.assets()

    def session(self, day: date) -> SessionHours | None:
        """Hours of New York date `day`; None when the market is closed all day."""
        ...

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """Sessions with first <= date <= last, oldest first."""
        ...

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """One-minute bars with start <= bar.start < end, oldest first, extended hours included; empty for an unknown symbol."""
        ...

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The last quote at or before `at` in the phase (pre-market, regular, after hours) that contains `at`; None before its first."""
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
        """Closing price of the last session before `day` that has bars, as it was printed then; None when there is none."""
        ...

    def minute(self, start: datetime) -> Sequence[MarketBar]:
        """The bars of every symbol that traded in the minute beginning at `start`, sorted by symbol."""
        return [bar for asset in self.assets() for bar in self.bars(asset.symbol, start, start + MINUTE)]

    def minute_columns(self, start: datetime) -> MinuteColumns:
        """What `minute` answers, in columns: for whoever sends thousands of symbols at once."""
        bars = self.minute(start)
        opened, high, low, close, vwap = (
            np.array([float(getattr(bar, name)) for bar in bars]) for name in ("open", "high", "low", "close", "vwap")
        )
        volume = np.array([bar.volume for bar in bars], dtype=np.int64)
        trade_count = np.array([bar.trade_count for bar in bars], dtype=np.int64)
        return MinuteColumns([bar.symbol for bar in bars], opened, high, low, close, volume, trade_count, vwap)

    def bars_hold_ticks(self) -> bool:
        """True when every tick lies in a minute with a bar, trades within it, bids below and asks above: quiet bars may be skipped."""
        return True

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """The bars of `bars`, in plain numbers."""
        return [bar_row(bar) for bar in self.bars(symbol, start, end)]

    def minute_rows(self, start: datetime) -> Sequence[BarRow]:
        """The bars of `minute`, in plain numbers: what the data stream sends of a minute of the whole market."""
        c = self.minute_columns(start)
        prices = (c.open.tolist(), c.high.tolist(), c.low.tolist(), c.close.tolist())
        counts = (c.volume.tolist(), c.trade_count.tolist(), c.vwap.tolist())
        return list(map(BarRow, c.symbols, repeat(start), *prices, *counts))

    def begins(self) -> datetime:
        """The first minute that anything traded in; the begin of 1971 where a market does not say."""
        return _BEGIN_OF_TIME

    def totals(self, start: datetime, end: datetime) -> Mapping[str, Totals]:
        """What each symbol with a bar traded in the minutes from `start` on and before `end`."""
        found: dict[str, Totals] = {}
        while start < end:
            for row in self.minute_rows(start):
                volume, trades, _ = found.get(row.symbol, (0, 0, 0.0))
                found[row.symbol] = Totals(volume + row.volume, trades + row.trade_count, row.close)
            start += MINUTE
        return found

    def auction(self, symbol: str, day: date, cross: Cross) -> Auction | None:
        """The opening or closing cross of a session: the first regular print, the last regular print; None without a bar."""
        hours = self.session(day)
        bars = self.bars(symbol, hours.open, hours.close) if hours else ()
        if not hours or not bars:
            return None
        bar = bars[0] if cross == "open" else bars[-1]
        price = bar.open if cross == "open" else bar.close
        return Auction(symbol, hours.open if cross == "open" else hours.close, price, bar.volume)

    def statuses(self, after: datetime, until: datetime) -> Sequence[TradingStatus]:
        """Halts and resumptions of all symbols with after < at <= until, in time order."""
        return ()

    def bands(self, symbol: str, at: datetime) -> PriceBands | None:
        """The limit-up/limit-down bands in force at `at`; None outside regular hours or where the market has none."""
        return None

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """Actions with first <= ex_date <= last, by ex-date, then symbol."""
        return ()


def bar_row(bar: MarketBar) -> BarRow:
    """A bar in plain numbers."""
    return BarRow(
        bar.symbol,
        bar.start,
        float(bar.open),
        float(bar.high),
        float(bar.low),
        float(bar.close),
        bar.volume,
        bar.trade_count,
        float(bar.vwap),
    )


def asset_id(symbol: str) -> str:
    """A version-4 shaped UUID derived from the symbol, the same in every run."""
    return str(uuid.UUID(bytes=hashlib.sha256(f"asset:{symbol}".encode()).digest()[:16], version=4))
