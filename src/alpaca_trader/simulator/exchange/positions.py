"""What is held of one symbol: signed shares at weighted average cost, and the same shares by the day they were opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, Decimal

from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.wire import NANO


@dataclass(slots=True)
class Lot:
    """What is left of the shares opened on one day, taken together: shares and dollars, both positive."""

    day: date
    qty: Decimal
    cost: Decimal


@dataclass(slots=True)
class Position:
    """Shares held: `qty` is negative for a short position, and so are `cost` and `day_cost`.

    `cost` is what the shares cost at weighted average; `day_cost` values those held overnight at the last close. `lots`
    holds the same shares by the day they were opened, closed first in first out. During the day the broker shows the
    weighted average; at the end of the day it restates the cost from the lots (domain 7.1, alpaca-contract 2.7).
    """

    symbol: str
    qty: Decimal = ZERO
    cost: Decimal = ZERO
    day_cost: Decimal = ZERO
    lots: list[Lot] = field(default_factory=list)

    def trade(self, day: date, signed_qty: Decimal, value: Decimal) -> None:
        """Book an execution of `signed_qty` shares (sells negative) for `value` dollars, positive. Never turns the position round."""
        if self.qty * signed_qty < ZERO:
            assert abs(signed_qty) <= abs(self.qty), f"{signed_qty} {self.symbol} would turn {self.qty} round"
            self.give_up(abs(signed_qty))
        else:
            self._open(day, signed_qty, value)

    def _open(self, day: date, signed_qty: Decimal, value: Decimal) -> None:
        signed_value = value.copy_sign(signed_qty)
        self.qty += signed_qty
        self.cost += signed_value
        self.day_cost += signed_value
        if not self.lots or self.lots[-1].day != day:
            self.lots.append(Lot(day, ZERO, ZERO))
        self.lots[-1].qty += abs(signed_qty)
        self.lots[-1].cost += value

    def give_up(self, qty: Decimal) -> None:
        """Take shares away, at weighted average from the cost and oldest first from the lots."""
        held = abs(self.qty)
        self.cost = self.cost * (held - qty) / held
        self.day_cost = self.day_cost * (held - qty) / held
        self.qty = (held - qty).copy_sign(self.qty)
        while qty > ZERO:
            lot = self.lots[0]
            if lot.qty <= qty:
                qty -= lot.qty
                del self.lots[0]
            else:
                lot.cost = lot.cost * (lot.qty - qty) / lot.qty
                lot.qty -= qty
                qty = ZERO

    def scale(self, shares: Decimal) -> None:
        """Turn the position into `shares` shares (same sign) without a change of its cost, as a split does."""
        factor = shares / self.qty
        for lot in self.lots:
            # To nine decimals, so that what the lots hold together stays exactly what is held.
            lot.qty = (lot.qty * factor).quantize(NANO, ROUND_DOWN)
        self.lots[-1].qty += abs(shares) - sum((lot.qty for lot in self.lots), ZERO)
        self.qty = shares

    def end_day(self, close_value: Decimal) -> None:
        """Restate the cost from the lots, and value the shares at the close (signed) for the next day's gain."""
        self.cost = sum((lot.cost for lot in self.lots), ZERO).copy_sign(self.qty)
        self.day_cost = close_value

    @property
    def average(self) -> Decimal:
        """Average entry price in dollars per share."""
        return self.cost / self.qty
