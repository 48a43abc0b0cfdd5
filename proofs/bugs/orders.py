"""Bugs in the books: what is heard of orders, fills and cash."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.fees import FeeAccrual
from alpaca_trader.core.inquiry import Inquiry
from alpaca_trader.core.models import OrderStatus
from alpaca_trader.core.orders import Fill, TrackedOrder
from alpaca_trader.core.portfolio import Portfolio
from alpaca_trader.core.reconciliation import Reconciliation
from proofs.bugs.planting import Bug, Swap

NewFill = Callable[[TrackedOrder, ev.ExecutionReport], Fill | None]


def _booked(order: TrackedOrder, report: ev.ExecutionReport) -> Fill:
    """Add the execution, whatever was counted before."""
    qty, price, intent = report.last_qty, report.last_price, order.intent
    assert qty is not None
    assert price is not None
    order.cum_qty += qty
    order.filled_notional += qty * price
    return Fill(intent.client_order_id, intent.symbol, intent.side, qty, price, report.at)


def _summed(new_fill: NewFill) -> NewFill:
    def take(self: TrackedOrder, report: ev.ExecutionReport) -> Fill | None:
        if report.last_qty is None or report.execution_id is None:
            return new_fill(self, report)
        if report.execution_id in self.executions:
            return None
        self.executions.append(report.execution_id)
        return _booked(self, report)

    return take


def _told_again(new_fill: NewFill) -> NewFill:
    def take(self: TrackedOrder, report: ev.ExecutionReport) -> Fill | None:
        return _booked(self, report) if report.execution_id in self.executions else new_fill(self, report)

    return take


def _at_the_average(new_fill: NewFill) -> NewFill:
    def take(self: TrackedOrder, report: ev.ExecutionReport) -> Fill | None:
        fill, average = new_fill(self, report), report.order.filled_avg_price
        return fill if fill is None or average is None else fill._replace(price=average)

    return take


def _falls(new_fill: NewFill) -> NewFill:
    def take(self: TrackedOrder, report: ev.ExecutionReport) -> Fill | None:
        self.cum_qty = min(self.cum_qty, report.order.filled_qty)
        return new_fill(self, report)

    return take


def _stream_alone(_: Any) -> Any:
    def missing(self: Engine, listed: set[str], at: datetime) -> None:
        """The stream will tell."""

    return missing


def _never_polled(ask: Any) -> Any:
    def look(self: Inquiry, order: TrackedOrder, at: datetime, every: Any) -> None:
        if order.status is OrderStatus.UNKNOWN:
            ask(self, order, at, every)

    return look


def _believed(_: Any) -> Any:
    def settle(self: Reconciliation, episode: Any, at: datetime) -> None:
        """We know what we hold."""

    return settle


def _at_once(settle: Any) -> Any:
    def conclude(self: Reconciliation, episode: Any, at: datetime) -> None:
        symbol = episode.plan.symbol
        if symbol in self._belief.mismatch and episode.qty:
            self._conclude(episode, self._belief.positions.get(symbol), at)
        else:
            settle(self, episode, at)

    return conclude


def _free(_: Any) -> Any:
    def charged(self: FeeAccrual) -> Decimal:
        return Decimal(0)

    return charged


def _gross(apply: Any) -> Any:
    def sell_dearer(self: Portfolio, fill: Fill, day: Any) -> Decimal:
        realized: Decimal = apply(self, fill, day)
        self.cash_moved += Decimal("0.01") if fill.side == "sell" else Decimal(0)
        return realized

    return sell_dearer


def _all_mine(positions: Any) -> Any:
    def take(self: Belief, seen: Any, at: datetime) -> None:
        positions(self, seen, at)
        self.mismatch.clear()
        self.mismatch_qty.clear()

    return take


BUGS = (
    Bug(
        "double-counted fills",
        "an execution on the stream is added to what a poll had shown",
        ("INV-4", "INV-6", "INV-17", "INV-23"),
        (Swap(TrackedOrder, "_new_fill", _summed),),
    ),
    Bug(
        "duplicate execution counted",
        "an execution that is told twice counts twice",
        ("INV-4", "INV-6", "INV-17"),
        (Swap(TrackedOrder, "_new_fill", _told_again),),
    ),
    Bug(
        "cumulative quantity falls",
        "older news takes shares away again",
        ("INV-4", "INV-6"),
        (Swap(TrackedOrder, "_new_fill", _falls),),
    ),
    Bug(
        "late part at the average price",
        "each part of an order is booked at the average of all",
        ("INV-23",),
        (Swap(TrackedOrder, "_new_fill", _at_the_average),),
    ),
    Bug(
        "stream alone",
        "orders are neither polled nor missed in a listing, and positions not compared",
        ("INV-7", "INV-17"),
        (
            Swap(Engine, "_ask_for_missing", _stream_alone),
            Swap(Inquiry, "ask", _never_polled),
            Swap(Belief, "_take_positions", _all_mine),
        ),
    ),
    Bug(
        "difference never settled",
        "a position that is not what we believe stays so",
        ("INV-17", "INV-31"),
        (Swap(Reconciliation, "settle", _believed),),
        needs=("broker.manual_order", "broker.liquidate"),
    ),
    Bug(
        "difference settled at first sight",
        "one reading of the positions is believed",
        ("INV-9", "INV-17", "INV-23"),
        (Swap(Reconciliation, "settle", _at_once),),
    ),
    Bug("fees ignored", "the broker's fees are not in our cash", ("INV-23",), (Swap(FeeAccrual, "charged", _free),)),
    Bug(
        "a cent too much",
        "every sale is booked a cent dearer than it was",
        ("INV-23",),
        (Swap(Portfolio, "apply", _gross),),
    ),
)
