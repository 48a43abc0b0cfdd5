"""The values everything else speaks in: bars, quotes, signals, orders, positions, trades.

Frozen, without behaviour beyond a derived property. Prices, quantities and cash are ``Decimal``; what feeds
an indicator is ``float``; times are aware UTC. The words are those of ``docs/glossary.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import inf
from typing import Literal, NamedTuple

Side = Literal["buy", "sell"]
Scalar = float | int | str | bool | None
MINUTE = timedelta(minutes=1)
ZERO = Decimal(0)


def dec(value: float | int | str | Decimal) -> Decimal:
    """The one crossing from float to Decimal: the shortest decimal that reads back as the same float."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


class Mode(StrEnum):
    """Which wiring runs; shown in every header, status and page."""

    SIM = "SIM"
    PAPER = "PAPER"
    LIVE = "LIVE"


class Session(NamedTuple):
    """One trading session: its New York date, open and close as aware UTC instants."""

    day: date
    open: datetime
    close: datetime


@dataclass(frozen=True, slots=True)
class Bar:
    """One minute of trading in ``symbol``; covers ``[start, start + 60 s)`` and is known only at ``closed_at``."""

    symbol: str
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None = None
    trade_count: int | None = None

    @property
    def closed_at(self) -> datetime:
        """The first instant at which this bar is knowable."""
        return self.start + MINUTE


def is_sound(bar: Bar) -> bool:
    """Whether prices are finite, positive and consistent and volume is finite and not negative (domain 1)."""
    # Every comparison with NaN is false, so NaN anywhere fails.
    return 0.0 < bar.low <= bar.open <= bar.high < inf and bar.low <= bar.close <= bar.high and 0.0 <= bar.volume < inf


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask in USD at ``at``; None on a side without a quote."""

    symbol: str
    at: datetime
    bid: Decimal | None
    ask: Decimal | None


@dataclass(frozen=True, slots=True)
class TradeSignal:
    """A strategy's wish. It has no quantity; ``confidence`` ranks competing wishes and is no probability."""

    symbol: str
    side: Side
    strategy_name: str
    confidence: float
    entry_price: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    reason: str = ""
    bar_start: datetime | None = None
    numbers: Mapping[str, Scalar] = field(default_factory=dict)


class Gate(NamedTuple):
    """One condition a decision passed or failed: the measured value beside the limit it was held against."""

    name: str
    passed: bool
    value: Scalar
    limit: Scalar


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one strategy made of one bar: its gates in order, the code of the first that failed, perhaps a signal."""

    symbol: str
    strategy_name: str
    bar_start: datetime
    code: str
    gates: tuple[Gate, ...]
    signal: TradeSignal | None = None


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """Risk's answer to a signal. ``adjusted_size`` (shares) is None where the requested size stands or on refusal."""

    approved: bool
    reason: str | None = None
    adjusted_size: float | None = None


class OrderRole(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


class OrderType(StrEnum):
    """The order types the engine sends (all DAY, whole account long only)."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What we decided to send. Journalled before anyone hears of it; its client order id is minted once."""

    client_order_id: str
    episode_id: str
    role: OrderRole
    symbol: str
    side: Side
    qty: Decimal
    type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    strategy: str
    reason: str
    decided_at: datetime
    config_rev: str
    replaces: str | None = None
    """Client order id of the working order this one replaces in place (PATCH), else None."""


class OrderStatus(StrEnum):
    """An order's state as we believe it. UNKNOWN is a state: only broker evidence or a guarded expiry ends it."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    ABANDONED = "abandoned"
    """Never seen at the broker: not found by id often and long enough, through a healthy connection."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the broker says of an order. ``status`` is the broker's own word; quantities and prices are Decimal."""

    broker_order_id: str
    client_order_id: str
    symbol: str
    side: Side
    type: str
    time_in_force: str
    status: str
    qty: Decimal | None
    filled_qty: Decimal
    filled_avg_price: Decimal | None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    replaces: str | None = None
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """What the broker says we hold in a symbol. Long: qty > 0. ``qty_available`` excludes shares held by open sells."""

    symbol: str
    qty: Decimal
    qty_available: Decimal
    avg_entry_price: Decimal
    market_value: Decimal | None = None
    current_price: Decimal | None = None
    unrealized_pl: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """The broker's account in USD. Day-trade fields are None where the broker does not send them (since 2026-07)."""

    account_id: str
    account_number: str
    status: str
    equity: Decimal
    last_equity: Decimal
    cash: Decimal
    buying_power: Decimal
    multiplier: str = "1"
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False
    balance_asof: date | None = None
    intraday_adjustments: Decimal = ZERO
    net_flows: Decimal = ZERO
    flows_on: date | None = None
    """The New York date ``net_flows`` belongs to."""
    daytrade_count: int | None = None
    pattern_day_trader: bool | None = None


@dataclass(frozen=True, slots=True)
class BrokerClock:
    """The broker's own clock: its time, whether the market is open, and the next open and close."""

    timestamp: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True)
class Asset:
    """What may be done with a symbol at the broker."""

    symbol: str
    tradable: bool
    fractionable: bool
    active: bool = True


@dataclass(frozen=True, slots=True)
class Trade:
    """One position episode, entry to exit: one row of ``trades``. USD, shares, UTC; percentages in percent."""

    episode_id: str
    symbol: str
    strategy: str
    status: Literal["pending", "open", "closing", "closed", "rejected", "canceled"]
    timestamp: datetime
    qty: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    pnl: Decimal | None
    fees: Decimal
    exit_reason: str | None
    signal_price: Decimal | None
    entry_slip_bps: float | None
    exit_slip_bps: float | None
    mae_pct: float | None
    mfe_pct: float | None
    initial_stop: Decimal | None
    r_multiple: float | None
    config_rev: str
    order_id: str
    opened_at: datetime | None
    closed_at: datetime | None
    side: Side = "buy"


@dataclass(frozen=True, slots=True)
class DailySummary:
    """A session's result in USD and percent."""

    day: date
    equity_start: Decimal
    equity_end: Decimal
    pnl: Decimal
    pnl_pct: Decimal
    net_flows: Decimal
    trades: int
    wins: int
    losses: int
    fees: Decimal
    orders_sent: int
    signals: int
    refusals: Mapping[str, int]
    seconds_unprotected: float
    halted: str | None
