"""The life of an order, as a table, and the book of all orders we ever intended.

What the broker says of an order arrives in any sequence, twice, or not at all: a reply, a stream update and a poll are
the same kind of news. ``TrackedOrder.take`` applies one only where it advances: cumulative quantity never falls, a
terminal state is final except that a fill may still win the race against a cancel (alpaca-contract 3.12, 3.13).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import Field

from alpaca_trader.core.events import ExecutionReport
from alpaca_trader.core.models import ZERO, Order, OrderIntent, OrderRole, OrderStatus, Side

S = OrderStatus

REPORTED: dict[str, OrderStatus] = {
    "accepted": S.WORKING,
    "accepted_for_bidding": S.WORKING,
    "calculated": S.WORKING,
    "done_for_day": S.WORKING,
    "held": S.WORKING,
    "new": S.WORKING,
    "partially_filled": S.PARTIALLY_FILLED,
    "pending_cancel": S.WORKING,
    "pending_new": S.WORKING,
    "pending_replace": S.WORKING,
    "pending_review": S.WORKING,
    "stopped": S.WORKING,
    "suspended": S.WORKING,
    "filled": S.FILLED,
    "canceled": S.CANCELED,
    "expired": S.EXPIRED,
    "rejected": S.REJECTED,
    "replaced": S.REPLACED,
}
"""The broker's word for a state, in ours. A word we do not know leaves an order as it was."""

OPEN = frozenset({S.INTENDED, S.UNKNOWN, S.WORKING, S.PARTIALLY_FILLED})
UNSETTLED = frozenset({S.INTENDED, S.UNKNOWN})
GUARDING_WORDS = frozenset({"new", "accepted", "held", "partially_filled"})
"""A stop in one of these states really guards (safety F21); ``pending_*`` does not yet, or no longer surely."""

_ENDS = (S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.REPLACED)

NEXT: dict[tuple[OrderStatus, OrderStatus], OrderStatus] = {
    **{(now, said): said for now in OPEN for said in (S.WORKING, S.PARTIALLY_FILLED, *_ENDS)},
    (S.PARTIALLY_FILLED, S.WORKING): S.PARTIALLY_FILLED,  # older news, or a word such as pending_cancel
    **{(ended, S.FILLED): S.FILLED for ended in _ENDS},  # the cancel, expiry or replacement lost the race
    **{(S.ABANDONED, said): said for said in (S.WORKING, S.PARTIALLY_FILLED, *_ENDS)},  # it was there after all
}
"""(believed, reported) to believed. A pair that is absent changes nothing."""


class Fill(NamedTuple):
    """A quantity at a price, signed by ``side``: shares and USD per share."""

    client_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    at: datetime


@dataclass(slots=True)
class TrackedOrder:
    """One intent and everything we have heard of it."""

    intent: OrderIntent
    status: OrderStatus = S.INTENDED
    broker_word: str = ""
    broker_order_id: str | None = None
    cum_qty: Decimal = ZERO
    filled_notional: Decimal = ZERO
    spoken_at: datetime | None = None
    heard_at: datetime | None = None
    terminal_at: datetime | None = None
    terminal_seq: int = 0
    cancel_asked_at: datetime | None = None
    asked_at: datetime | None = None
    resends: int = 0
    misses: int = 0
    first_miss_at: datetime | None = None
    last_miss_at: datetime | None = None
    refusal: str | None = None
    executions: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it may still rest or fill at the broker, as far as we know."""
        return self.status in OPEN

    @property
    def is_settled(self) -> bool:
        """Whether the broker has shown us the order (or its end); false while the outcome of the submit is open."""
        return self.status not in UNSETTLED

    @property
    def guards(self) -> bool:
        """Whether, as a stop, it protects right now."""
        return self.is_open and self.broker_word in GUARDING_WORDS

    @property
    def leaves_qty(self) -> Decimal:
        """Quantity that may still fill, in shares; 0 once it has ended."""
        return self.intent.qty - self.cum_qty if self.is_open else ZERO

    @property
    def avg_price(self) -> Decimal | None:
        """Average price of what filled, USD per share."""
        return self.filled_notional / self.cum_qty if self.cum_qty else None

    def wait_from(self, at: datetime) -> None:
        """Nothing was said or heard later than ``at``: a clock that has been put right says so."""
        for name in ("spoken_at", "heard_at", "cancel_asked_at"):
            said_at = getattr(self, name)
            setattr(self, name, None if said_at is None else min(said_at, at))

    def forget_misses(self) -> None:
        """Whatever was not found before says nothing any more."""
        self.misses, self.first_miss_at, self.last_miss_at = 0, None, None

    def inherit(self, predecessor: "TrackedOrder", report: ExecutionReport) -> None:
        """Begin where the order this one replaces stood, if the broker carries its fills over (contract 3.11).

        The replacement's own answer can only show carried shares; any later first news may hold fills of its own.
        """
        carried = report.order.filled_qty
        if report.source != "reply":
            carried = min(carried, predecessor.cum_qty)
        if carried > 0:
            self.cum_qty = carried
            average = predecessor.avg_price or report.order.filled_avg_price
            self.filled_notional = carried * average if average is not None else ZERO

    def take(self, report: ExecutionReport, seq: int) -> Fill | None:
        """Apply one piece of news; returns the fill it adds, if any.

        The broker's cumulative quantity decides how much is new, so duplicates, gaps and reordering are harmless.
        A single missed execution takes its own price from the stream; several at once take the average of them all.
        """
        said = report.order
        before = self.status
        if before is S.REJECTED and self.broker_order_id is None:
            before = S.UNKNOWN  # refused in words, and there all the same (safety F5)
        self.broker_order_id = self.broker_order_id or said.broker_order_id
        self.heard_at = report.at
        self.forget_misses()
        fill = self._new_fill(report)
        word = REPORTED.get(said.status)
        if word is not None and (before, word) in NEXT:
            self.status = NEXT[before, word]
            self.broker_word = said.status
        elif word is None and self.status is S.INTENDED:
            self.status = S.UNKNOWN  # it is there, in a state we have no word for: keep asking (safety F6)
        if self.is_open:
            self.terminal_at = None
        elif self.status is not before or fill is not None or self.terminal_at is None:
            self.terminal_at, self.terminal_seq = report.at, seq
        return fill

    def _new_fill(self, report: ExecutionReport) -> Fill | None:
        said = report.order
        if report.execution_id is not None:
            if report.execution_id in self.executions:
                return None
            self.executions.append(report.execution_id)
        qty = said.filled_qty - self.cum_qty
        if qty <= 0:
            return None
        if report.last_price is not None and report.last_qty == qty:
            price = report.last_price
        else:
            average = said.filled_avg_price
            assert average is not None, f"{self.intent.client_order_id} filled without a price"
            price = (average * said.filled_qty - self.filled_notional) / qty
        self.cum_qty = said.filled_qty
        self.filled_notional += qty * price
        intent = self.intent
        return Fill(intent.client_order_id, intent.symbol, intent.side, qty, price, report.at)


@dataclass(slots=True)
class OrderBook:
    """Every order we intended since the checkpoint, by client order id, and the open orders of others."""

    orders: dict[str, TrackedOrder] = field(default_factory=dict)
    foreign: list[Order] = field(default_factory=list)
    _listed: Annotated[list[TrackedOrder], Field(exclude=True)] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """Every open order, oldest first, and some that ended since: what is asked for all day need not pass all of them."""
    news: Annotated[int, Field(exclude=True)] = field(default=0, init=False, repr=False, compare=False)
    """How often something was heard of an order of ours that was not known before."""

    def __post_init__(self) -> None:
        """List what is open."""
        self._list_open()

    def _list_open(self) -> None:
        self._listed = [order for order in self.orders.values() if order.status in OPEN]

    def add(self, intent: OrderIntent) -> TrackedOrder:
        """Take note of an intent. One id, one intent, for ever."""
        assert intent.client_order_id not in self.orders, f"{intent.client_order_id} intended twice"
        tracked = TrackedOrder(intent)
        self.orders[intent.client_order_id] = tracked
        self._listed.append(tracked)
        return tracked

    def hear(self, order: TrackedOrder, report: ExecutionReport, seq: int) -> Fill | None:
        """Have one of our orders take its news; returns the fill that adds, if any."""
        was_open = order.is_open
        known = (order.status, order.broker_word, order.broker_order_id, order.cum_qty)
        fill = order.take(report, seq)
        self.news += known != (order.status, order.broker_word, order.broker_order_id, order.cum_qty)
        if order.is_open is not was_open:  # it has ended; or it was there after all
            self._list_open()
        return fill

    def get(self, client_order_id: str | None) -> TrackedOrder | None:
        """The order with this client order id, or None."""
        return self.orders.get(client_order_id) if client_order_id is not None else None

    def open(self, symbol: str | None = None, role: OrderRole | None = None) -> list[TrackedOrder]:
        """Orders that may still rest or fill, oldest first."""
        # Asked several times an event, so nothing here is a call.
        return [
            order
            for order in self._listed
            if order.status in OPEN
            and (symbol is None or order.intent.symbol == symbol)
            and (role is None or order.intent.role is role)
        ]

    def claimed(self, symbol: str, besides: str | None = None) -> Decimal:
        """Shares of ``symbol`` that our open sells may still sell, in all; ``besides`` is one that is being replaced."""
        sells = (o for o in self.open(symbol) if o.intent.side == "sell" and o.intent.client_order_id != besides)
        return sum((order.leaves_qty for order in sells), ZERO)

    def covers(self, symbol: str) -> bool:
        """Whether a stop guards the symbol's shares right now, or an exit is under way."""
        # Asked of every position at every event: a loop without a call.
        for order in self._listed:
            intent = order.intent
            if intent.symbol == symbol and order.status in OPEN:
                if intent.role is OrderRole.EXIT:
                    return True
                if intent.role is OrderRole.STOP and order.broker_word in GUARDING_WORDS:
                    return True
        return False

    def foreign_open(self, symbol: str | None = None, side: Side | None = None) -> Iterator[Order]:
        """Open orders in the account that are not ours, as of the last reading."""
        for order in self.foreign:
            if symbol in (None, order.symbol) and side in (None, order.side):
                yield order

    def forget_ended(self) -> None:
        """Drop orders that ended; their ids live on in the journal."""
        self.orders = {key: order for key, order in self.orders.items() if order.is_open}
        self._list_open()
