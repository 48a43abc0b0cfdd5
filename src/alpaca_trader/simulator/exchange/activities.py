"""What happened to the account's money and shares: one FILL per execution, one other entry per fee, transfer, dividend, split ..."""

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
    """One entry. `id` starts with the New York local time in milliseconds and sorts by time; `type` is the broker's, e.g. FILL."""

    id: str
    type: str
    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class FillActivity(Activity):
    """One execution of an order, with the order's totals after it."""

    order_id: str
    client_order_id: str
    execution_id: str
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    order_status: str


@dataclass(frozen=True, slots=True)
class NonTradeActivity(Activity):
    """Anything but an execution: `net_amount` dollars came (went when negative), `qty` shares came or went.

    Types: FEE (`sub_type` REG, TAF, CAT), CSD and CSW (deposit, withdrawal), DIV, INT, SPLIT, NC (name change), CIL (cash
    in lieu of a fraction of a share), REORG.
    """

    sub_type: str
    net_amount: Decimal
    symbol: str | None = None
    qty: Decimal | None = None
    per_share_amount: Decimal | None = None
    description: str = ""


class Activities:
    """All entries, oldest first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._entries: list[Activity] = []

    def all(self) -> Sequence[Activity]:
        """Every entry so far, oldest first."""
        return self._entries

    def add_fill(
        self,
        at: datetime,
        order: SimOrder,
        execution_id: str,
        price: Decimal,
        qty: Decimal,
        leaves: Decimal,
        status: str,
    ) -> None:
        """Enter one execution; `status` is the order's after it."""
        self._entries.append(
            FillActivity(
                id=self._id(at),
                type="FILL",
                at=at,
                day=new_york_date(at),
                order_id=order.id,
                client_order_id=order.client_order_id,
                execution_id=execution_id,
                symbol=order.symbol,
                side=order.side,
                price=price,
                qty=qty,
                cum_qty=order.filled_qty,
                leaves_qty=leaves,
                order_status=status,
            )
        )

    def add(
        self,
        kind: str,
        at: datetime,
        day: date,
        net_amount: Decimal,
        *,
        sub_type: str = "",
        symbol: str | None = None,
        qty: Decimal | None = None,
        per_share: Decimal | None = None,
        description: str = "",
    ) -> None:
        """Enter anything else, booked for `day`."""
        self._entries.append(
            NonTradeActivity(
                self._id(at), kind, at, day, sub_type, net_amount, symbol, qty, per_share, description or kind
            )
        )

    def _id(self, at: datetime) -> str:
        local = at.astimezone(NEW_YORK)
        stamp = f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"
        return f"{stamp}::{uuid_for(self._seed, 'activity', len(self._entries))}"
