"""What we hold and what it earned, from fills alone.

The broker's figures are for comparison: its quantity must match ours to nine decimals, its average entry price need not
(domain 7.1). Lots are first in, first out per symbol; cash moves with every fill; fees accrue per day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from alpaca_trader.core.fees import FeeAccrual
from alpaca_trader.core.models import ZERO
from alpaca_trader.core.orders import Fill


@dataclass(slots=True)
class Lot:
    """Shares still held of one buy, and what each cost in USD."""

    qty: Decimal
    price: Decimal


@dataclass(slots=True)
class Portfolio:
    """Lots per symbol, the day's cash movement, realized P&L and accrued fees (USD)."""

    lots: dict[str, list[Lot]] = field(default_factory=dict)
    cash_moved: Decimal = ZERO
    bought_today: Decimal = ZERO
    sold_today: Decimal = ZERO
    realized_today: Decimal = ZERO
    fills_today: int = 0
    fees: FeeAccrual = field(default_factory=FeeAccrual)

    def open_day(self) -> None:
        """Start a new day: what is held stays, the day's counters begin at zero."""
        self.cash_moved = self.bought_today = self.sold_today = self.realized_today = ZERO
        self.fills_today = 0
        self.fees = FeeAccrual()

    def apply(self, fill: Fill, day: date) -> Decimal:
        """Take in one fill; returns the gross P&L it realized. Raises AssertionError where it sells more than is held."""
        assert fill.qty > 0, "a fill has a quantity"
        notional = fill.qty * fill.price
        self.fills_today += 1
        self.fees.add(day, fill.side, fill.qty, fill.price)
        if fill.side == "buy":
            self.lots.setdefault(fill.symbol, []).append(Lot(fill.qty, fill.price))
            self.cash_moved -= notional
            self.bought_today += notional
            return ZERO
        realized = notional - self._consume(fill.symbol, fill.qty)
        self.cash_moved += notional
        self.sold_today += notional
        self.realized_today += realized
        return realized

    def _consume(self, symbol: str, qty: Decimal) -> Decimal:
        """Take ``qty`` shares from the oldest lots; returns what they cost."""
        assert qty <= self.qty(symbol), f"{symbol}: sold {qty} but hold {self.qty(symbol)}"
        cost = ZERO
        lots = self.lots[symbol]
        while qty > 0:
            taken = min(qty, lots[0].qty)
            cost += taken * lots[0].price
            qty -= taken
            lots[0].qty -= taken
            if not lots[0].qty:
                lots.pop(0)
        if not lots:
            del self.lots[symbol]
        return cost

    def rescale(self, symbol: str, new: int, old: int, qty: Decimal) -> None:
        """Every ``old`` shares of ``symbol`` became ``new``, which leaves ``qty``: what they cost stays."""
        lots = self.lots[symbol]
        for lot in lots:
            lot.qty, lot.price = lot.qty * new / old, lot.price * old / new
        lots[-1].qty += qty - self.qty(symbol)

    def qty(self, symbol: str) -> Decimal:
        """Shares held of ``symbol``; never negative."""
        return sum((lot.qty for lot in self.lots.get(symbol, ())), ZERO)

    def cost(self, symbol: str) -> Decimal:
        """What the shares still held of ``symbol`` cost, in USD."""
        return sum((lot.qty * lot.price for lot in self.lots.get(symbol, ())), ZERO)

    def market_value(self, prices: Mapping[str, Decimal]) -> Decimal:
        """Value of everything held at ``prices``; a symbol without a price counts at cost."""
        total = ZERO
        for symbol in self.lots:
            price = prices.get(symbol)
            total += self.cost(symbol) if price is None else self.qty(symbol) * price
        return total
