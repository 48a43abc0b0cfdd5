"""The money: cash, positions at weighted average cost, accrued fees, and the snapshot of the last close.

Cash is exact inside and whole cents on the wire, so that rounding never adds up over a day of fills.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from alpaca_trader.simulator.exchange.fees import FeeAccrual
from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.profiles import Profile

MARGIN_MINIMUM = Decimal(2000)
"""Below this equity the broker grants no margin and no shorting (alpaca-contract 2.2)."""
_INITIAL_MARGIN = Decimal("0.5")
_MAINTENANCE_MARGIN = Decimal("0.3")
_DAY_TRADING_MULTIPLIER = 4

Prices = Callable[[str], Decimal | None]
"""Current price of a symbol; None when it never traded."""


@dataclass(slots=True)
class Lot:
    """What is left of one day's purchases, taken together."""

    day: date
    qty: Decimal
    cost: Decimal


@dataclass(slots=True)
class Position:
    """Shares held long. `cost` is what they cost at weighted average; `day_cost` values those held overnight at the last close.

    `lots` holds the same shares by the day they were bought, sold first in first out. During the day the broker shows the
    weighted average; at the end of the day it restates the cost from the lots (domain 7.1).
    """

    symbol: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    day_cost: Decimal = ZERO
    lots: list[Lot] = field(default_factory=list)

    def buy(self, day: date, qty: Decimal, value: Decimal) -> None:
        """Add shares bought for `value` dollars."""
        self.qty += qty
        self.cost += value
        self.day_cost += value
        if not self.lots or self.lots[-1].day != day:
            self.lots.append(Lot(day, ZERO, ZERO))
        self.lots[-1].qty += qty
        self.lots[-1].cost += value

    def sell(self, qty: Decimal) -> None:
        """Take shares away, at weighted average from the cost and oldest first from the lots."""
        remaining = self.qty - qty
        self.cost = self.cost * remaining / self.qty
        self.day_cost = self.day_cost * remaining / self.qty
        self.qty = remaining
        while qty > ZERO:
            lot = self.lots[0]
            if lot.qty <= qty:
                qty -= lot.qty
                del self.lots[0]
            else:
                lot.cost = lot.cost * (lot.qty - qty) / lot.qty
                lot.qty -= qty
                qty = ZERO

    def end_day(self, close_value: Decimal) -> None:
        """Restate the cost from the lots, and value the shares at the close for the next day's gain."""
        self.cost = sum((lot.cost for lot in self.lots), ZERO)
        self.day_cost = close_value

    @property
    def average(self) -> Decimal:
        """Average entry price in dollars per share."""
        return self.cost / self.qty


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account at one instant, unrounded dollars."""

    cash: Decimal
    market_value: Decimal
    equity: Decimal
    last_equity: Decimal
    balance_asof: date
    multiplier: int
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable_buying_power: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    last_maintenance_margin: Decimal
    accrued_fees: Decimal
    pending_taf_fees: Decimal


@dataclass(slots=True)
class Close:
    """The account as it stood at a session's close."""

    day: date
    equity: Decimal
    market_value: Decimal
    maintenance_margin: Decimal


@dataclass(slots=True)
class Account:
    """Cash and positions of the one account. `max_multiplier` follows the account configuration."""

    profile: Profile
    cash: Decimal
    last_close: Close
    max_multiplier: int
    positions: dict[str, Position] = field(default_factory=dict)
    accrual: FeeAccrual = field(default_factory=FeeAccrual)
    pending_close: Close | None = None

    @classmethod
    def opened(cls, profile: Profile, balance_asof: date) -> Account:
        """A fresh account that holds only its profile's cash since the session `balance_asof`."""
        close = Close(balance_asof, profile.cash, ZERO, ZERO)
        return cls(profile, profile.cash, close, profile.multiplier)

    def apply(self, day: date, symbol: str, side: str, qty: Decimal, price: Decimal) -> Decimal:
        """Book one execution of `qty` shares at `price`; returns the shares held afterwards."""
        value = qty * price
        position = self.positions.setdefault(symbol, Position(symbol))
        if side == "buy":
            position.buy(day, qty, value)
            self.cash -= value
        else:
            assert qty <= position.qty, f"selling {qty} {symbol} of {position.qty} held"
            position.sell(qty)
            self.cash += value
        if self.profile.has_fees:
            self.accrual.add(day, side, qty, price)
        if position.qty == ZERO:
            del self.positions[symbol]
        return position.qty

    def held(self, symbol: str) -> Decimal:
        """Shares held of a symbol."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.qty

    def market_value(self, prices: Prices) -> Decimal:
        """Dollars all positions are worth; one that never traded counts at cost."""
        return sum((value_of(position, prices) for position in self.positions.values()), ZERO)

    def charge_fees(self) -> Mapping[str, Decimal]:
        """Take the day's accrued fees out of cash and start a new day; returns dollars by fee type."""
        due = self.accrual.due()
        self.cash -= sum(due.values(), ZERO)
        self.accrual = FeeAccrual()
        return due

    def snapshot_close(self, day: date, prices: Prices) -> None:
        """Remember the account at the close of `day` and end the day of every position; it shows when the account rolls."""
        value = self.market_value(prices)
        multiplier = self._multiplier(self.cash + value)
        self.pending_close = Close(day, self.cash + value, value, _maintenance(multiplier, value))
        for position in self.positions.values():
            position.end_day(value_of(position, prices))

    def roll(self) -> None:
        """Show the last close's snapshot as the previous day's balance."""
        if self.pending_close is not None:
            self.last_close, self.pending_close = self.pending_close, None

    def view(self, prices: Prices, reserved: Decimal) -> AccountView:
        """The account at current prices, with `reserved` dollars kept by open buys."""
        value = self.market_value(prices)
        equity = self.cash + value
        multiplier = self._multiplier(equity)
        initial = value if multiplier == 1 else value * _INITIAL_MARGIN
        regt = max(equity - value * _INITIAL_MARGIN, ZERO) * min(multiplier, 2) if multiplier > 1 else self.cash
        power = self._buying_power(multiplier, value, regt)
        dues = self.accrual.due()
        return AccountView(
            cash=self.cash,
            market_value=value,
            equity=equity,
            last_equity=self.last_close.equity,
            balance_asof=self.last_close.day,
            multiplier=multiplier,
            buying_power=max(power - reserved, ZERO),
            regt_buying_power=max(regt - reserved, ZERO),
            non_marginable_buying_power=max(self.cash - reserved, ZERO),
            initial_margin=initial,
            maintenance_margin=_maintenance(multiplier, value),
            last_maintenance_margin=self.last_close.maintenance_margin,
            accrued_fees=sum(dues.values(), ZERO),
            pending_taf_fees=dues.get("TAF", ZERO),
        )

    def _buying_power(self, multiplier: int, value: Decimal, regt: Decimal) -> Decimal:
        """Source: alpaca-contract 2.2. At multiplier 4 the day starts with 4 x the excess of the last close, less what was added since."""
        if multiplier == 1:
            return self.cash
        if multiplier < _DAY_TRADING_MULTIPLIER:
            return regt
        close = self.last_close
        return (close.equity - close.maintenance_margin) * multiplier - max(value - close.market_value, ZERO)

    def _multiplier(self, equity: Decimal) -> int:
        return self.max_multiplier if equity >= MARGIN_MINIMUM else 1


def _maintenance(multiplier: int, value: Decimal) -> Decimal:
    return value if multiplier == 1 else value * _MAINTENANCE_MARGIN


def value_of(position: Position, prices: Prices) -> Decimal:
    """Market value of a position in dollars; at cost when the symbol never traded."""
    price = prices(position.symbol)
    return position.cost if price is None else position.qty * price
