"""What happened to the account's money: one FILL per execution, one FEE per fee type and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.market.calendar import NEW_YORK, new_york_date


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry. `id` starts with the New York local time in milliseconds and sorts by time."""

    id: str
    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class FillActivity(Activity):
    """One execution of an order, with the order's totals after it."""

    order_id: str
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str


@dataclass(frozen=True, slots=True)
class FeeActivity(Activity):
    """A regulatory fee of one day, dollars taken from cash."""

    kind: str
    amount: Decimal


class Activities:
    """All entries, oldest first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._entries: list[Activity] = []

    def all(self) -> Sequence[Activity]:
        """Every entry so far, oldest first."""
        return self._entries

    def add_fill(self, at: datetime, order: SimOrder, price: Decimal, qty: Decimal, leaves: Decimal) -> None:
        """Enter one execution."""
        self._entries.append(
            FillActivity(
                self._id(at),
                at,
                new_york_date(at),
                order.id,
                order.symbol,
                order.side,
                price,
                qty,
                order.filled_qty,
                leaves,
                order.status,
            )
        )

    def add_fee(self, at: datetime, day: date, kind: str, amount: Decimal) -> None:
        """Enter one day's fee of one type."""
        self._entries.append(FeeActivity(self._id(at), at, day, kind, amount))

    def _id(self, at: datetime) -> str:
        local = at.astimezone(NEW_YORK)
        stamp = f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
        return f"{stamp}::{uuid_for(self._seed, 'activity', len(self._entries))}"
