"""The life of orders: every change of a state, the news of it, and what a change of one member means for the others of its group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.orders import ENTRY, STOP_LOSS, ZERO, SimOrder
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline

_ASKED: Final = frozenset({"pending_cancel", "pending_replace"})


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill: `position_qty` are the shares held after it, negative when short; it settles on `settles`."""

    id: str
    price: Decimal
    qty: Decimal
    position_qty: Decimal
    settles: date


class OrderEvent(NamedTuple):
    """News of an order, as trade_updates tells it. `number` counts all events of the exchange."""

    event: str
    at: datetime
    number: int
    order: SimOrder
    execution: Execution | None = None


Publish = Callable[[OrderEvent], None]
"""Tells the stream clients."""


class Floor(Protocol):
    """Where orders work."""

    def begin(self, order: SimOrder) -> None:
        """Send an order to the market: acknowledged and at work after a moment."""

    def stop_work(self, order: SimOrder) -> None:
        """Take an order that is done off the market."""

    def free_shares(self, symbol: str) -> Decimal:
        """Shares held, long or short, that no open order keeps; negative when more is kept than held."""
        ...


class OrderLife:
    """Changes orders and tells of it. The floor is where they work."""

    def __init__(
        self,
        book: OrderBook,
        timeline: Timeline,
        switches: Switches,
        publish: Publish,
        floor: Floor,
    ) -> None:
        self._book = book
        self._timeline = timeline
        self._switches = switches
        self._publish = publish
        self._floor = floor
        self._events = 0

    def emit(self, event: str, order: SimOrder, execution: Execution | None = None) -> None:
        """Tell of an order."""
        self._events += 1
        self._publish(OrderEvent(event, self._timeline.now, self._events, order, execution))

    def acknowledge(self, order: SimOrder) -> None:
        """The venue has the order: it is `new`; told once. A cancel or replacement asked for meanwhile stays pending."""
        if order.status in {"accepted", "pending_new", "new", *_ASKED} and not order.is_acknowledged:
            status_after = order.status if order.status in _ASKED else "new"
            order.status, order.is_acknowledged = "new", True
            order.updated_at = self._timeline.now
            self.emit("new", order)
            order.status = status_after

    def acknowledge_late(self, order: SimOrder) -> None:
        """The venue tells that it has the order after it may have filled: `new` is told all the same."""
        if order.is_acknowledged or order.status in {"accepted", "pending_new", "new"}:
            self.acknowledge(order)
        else:
            order.is_acknowledged = True
            self.emit("new", order)

    def cancel(self, order: SimOrder, *, is_told: bool = True) -> None:
        """End an order as canceled; `is_told` false: the stream stays silent about it."""
        order.canceled_at = self._timeline.now
        self._end(order, "canceled", is_told=is_told)

    def expire(self, order: SimOrder) -> None:
        """End an order whose time is over."""
        order.expired_at = self._timeline.now
        self._end(order, "expired")

    def reject(self, order: SimOrder) -> None:
        """End an order that the venue will not have."""
        order.failed_at = self._timeline.now
        self._end(order, "rejected")

    def replace(self, order: SimOrder, successor: SimOrder) -> None:
        """`successor` takes the place of `order`, fills, group and all, and is at the venue."""
        order.replaced_by, order.replaced_at = successor.id, self._timeline.now
        self._close(order, "replaced")
        self.emit("replaced", order)
        successor.filled_qty, successor.filled_value = order.filled_qty, order.filled_value
        successor.executions, successor.filled_at = order.executions, order.filled_at
        successor.is_elected = order.is_elected and _stop_of(successor) == _stop_of(order)
        successor.works_from = order.works_from
        successor.hwm = order.hwm
        _take_place(order, successor)
        if successor.status != "held":
            self.acknowledge(successor)

    def reject_replacement(self, order: SimOrder, successor: SimOrder) -> None:
        """The old order was done before: the new one ends rejected, outside every group."""
        successor.failed_at = self._timeline.now
        self._close(successor, "rejected")
        if order.status == "pending_replace":
            order.status = "partially_filled" if order.filled_qty > ZERO else "new"
        self.emit("order_replace_rejected", order)
        self.emit("rejected", successor)

    def filled(self, order: SimOrder, execution: Execution, *, is_last: bool) -> None:
        """An order has traded; its totals are up to date."""
        if is_last:
            self._close(order, "filled")
        elif order.status not in {"pending_cancel", "pending_replace"}:
            order.status = "partially_filled"
        order.updated_at = self._timeline.now
        self.emit("fill" if is_last else "partial_fill", order, execution)
        self._group_traded(order, is_last=is_last)

    def _end(self, order: SimOrder, status: str, *, is_told: bool = True) -> None:
        self._close(order, status)
        if is_told:
            self.emit(status, order)
        self._group_ended(order, status)

    def _close(self, order: SimOrder, status: str) -> None:
        order.status = status
        order.updated_at = self._timeline.now
        self._book.close(order)
        self._floor.stop_work(order)

    # Linked orders (alpaca-contract 3.6)

    def _group_traded(self, order: SimOrder, *, is_last: bool) -> None:
        if order.group_role == ENTRY and is_last:
            self._activate(order)
        elif order.is_exit_member:
            for other in order.members():
                if other is order or not other.is_open or not other.is_exit_member:
                    continue
                if is_last:
                    is_told = self._switches.sl_cancel_event == "sent" or other.group_role != STOP_LOSS
                    self.cancel(other, is_told=is_told)
                elif other.qty is not None and order.qty is not None:
                    other.qty = other.filled_qty + (order.qty - order.filled_qty)

    def _group_ended(self, order: SimOrder, status: str) -> None:
        """One member ended without a fill: the others that are open end too, expired with it or canceled."""
        if order.group_role is None:
            return
        if order.group_role == ENTRY and order.filled_qty > ZERO and self._switches.legs_after_partial == "activated":
            for leg in order.legs:
                leg.qty = order.filled_qty
            self._activate(order)
            return
        for other in order.members():
            if other is not order and other.is_open:
                (self.expire if status == "expired" else self.cancel)(other)

    def _activate(self, entry: SimOrder) -> None:
        """Send the legs to the market; rejected when the shares they are for were sold, or promised to others, meanwhile."""
        waiting = [leg for leg in entry.legs if leg.status == "held"]
        # From the end of the entry on its legs keep their shares.
        if self._floor.free_shares(entry.symbol) < ZERO:
            for leg in waiting[:1]:  # the others end with it
                self.reject(leg)
            return
        for leg in waiting:
            leg.status = "pending_new"
            self._floor.begin(leg)


def _stop_of(order: SimOrder) -> tuple[Decimal | None, ...]:
    """What says where the order's stop stands."""
    return (order.trail_price, order.trail_percent) if order.is_trailing else (order.stop_price,)


def _take_place(order: SimOrder, successor: SimOrder) -> None:
    """Put the successor where the order stood in its group."""
    successor.legs, order.legs = order.legs, []
    for leg in successor.legs:
        leg.parent = successor
    if order.parent is not None:
        successor.parent = order.parent
        order.parent.legs[order.parent.legs.index(order)] = successor
        order.parent = None
