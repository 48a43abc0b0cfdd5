"""All orders the broker has ever seen, findable by id, by client order id, and by symbol while open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import STOP_LOSS, TAKE_PROFIT, ZERO, SimOrder


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list (alpaca-contract 2.6.1); `after` and `until` are exclusive submission times."""

    status: str = "open"
    limit: int = 50
    after: datetime | None = None
    until: datetime | None = None
    is_ascending: bool = False
    symbols: frozenset[str] | None = None
    side: str | None = None
    after_order_id: str | None = None
    before_order_id: str | None = None
    nested: bool = False
    """List the first member of each group only; it passes the status when any member does."""

    @property
    def is_plain(self) -> bool:
        """True when it asks for the newest open orders, and for nothing beyond."""
        is_open = self.status == "open" and self.symbols is None and not (self.side or self.after or self.until)
        return is_open and not (self.after_order_id or self.before_order_id or self.is_ascending or self.nested)


class OrderBook:
    """Orders in the sequence of their arrival; nothing is ever forgotten, client order ids stay taken for ever."""

    def __init__(self) -> None:
        self._orders: list[SimOrder] = []
        self._by_id: dict[str, SimOrder] = {}
        self._by_client_id: dict[str, SimOrder] = {}
        self._open: dict[int, SimOrder] = {}
        self._open_by_symbol: dict[str, dict[int, SimOrder]] = {}
        self.changes = 0
        """How many orders were entered and closed."""
        self.hold_changes = 0
        """How many of them may keep shares, or had legs that may."""

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, order: SimOrder) -> None:
        """Enter a new order; its client order id must be free."""
        assert order.client_order_id not in self._by_client_id, "client order ids are checked before"
        self._orders.append(order)
        self._by_id[order.id] = order
        self._by_client_id[order.client_order_id] = order
        self._note(order)
        if order.is_open:
            self._open[order.seq] = order
            self._open_by_symbol.setdefault(order.symbol, {})[order.seq] = order

    def close(self, order: SimOrder) -> None:
        """Take an order that reached a final state off the open list."""
        self._note(order)
        self._open.pop(order.seq, None)
        self._open_by_symbol.get(order.symbol, {}).pop(order.seq, None)

    def _note(self, order: SimOrder) -> None:
        self.changes += 1
        if order.is_closing or order.legs:
            self.hold_changes += 1

    def get(self, order_id: str) -> SimOrder:
        """The order with this id; raises BrokerError 404 when there is none."""
        order = self._by_id.get(order_id)
        if order is None:
            raise BrokerError("no_order", id=order_id)
        return order

    def has(self, order_id: str) -> bool:
        """True when there is an order with this id, open or closed."""
        return order_id in self._by_id

    def get_by_client_id(self, client_order_id: str) -> SimOrder:
        """The order with this client order id; raises BrokerError 404 when there is none."""
        order = self._by_client_id.get(client_order_id)
        if order is None:
            raise BrokerError("no_order", id=client_order_id)
        return order

    def has_client_id(self, client_order_id: str) -> bool:
        """True when any order, open or closed, carries this client order id."""
        return client_order_id in self._by_client_id

    def since(self, number: int) -> Sequence[SimOrder]:
        """The orders that arrived after the first `number` of all, in sequence."""
        return self._orders[number:]

    def open_orders(self, symbol: str | None = None) -> list[SimOrder]:
        """Open orders in sequence of arrival, of one symbol or of all."""
        return list((self._open if symbol is None else self._open_by_symbol.get(symbol, {})).values())

    def held_shares(self, symbol: str) -> Decimal:
        """Shares of a symbol that open closing orders keep from others."""
        kept = ZERO
        for order in self._open_by_symbol.get(symbol, {}).values():
            shares = order.held_shares
            if shares and not _shares_the_hold(order):
                kept += shares
        return kept

    def reserved_cash(self) -> Decimal:
        """Dollars that open opening orders keep from others."""
        reserved = ZERO
        for order in self._open.values():
            reserved += order.reserved_cash
        return reserved

    def find(self, wanted: OrderFilter) -> Sequence[SimOrder]:
        """Orders passing the filter, by submission, newest first unless ascending, at most `limit` of them.

        Raises BrokerError 404 when an order id named as a page boundary is unknown.
        """
        if wanted.is_plain:
            return list(islice(reversed(self._open.values()), wanted.limit))
        after_seq = self.get(wanted.after_order_id).seq if wanted.after_order_id else -1
        before_seq = self.get(wanted.before_order_id).seq if wanted.before_order_id else len(self._orders)
        candidates = self.open_orders() if wanted.status == "open" and not wanted.nested else self._orders
        found: list[SimOrder] = []
        for order in candidates if wanted.is_ascending else reversed(candidates):
            if len(found) == wanted.limit:
                break
            if after_seq < order.seq < before_seq and _passes(order, wanted):
                found.append(order)
        return found


def _shares_the_hold(order: SimOrder) -> bool:
    """True for a stop-loss whose take-profit is at work: both stand for the same shares."""
    return order.group_role == STOP_LOSS and any(
        other.group_role == TAKE_PROFIT and other.is_open and not other.is_held for other in order.members()
    )


def _passes(order: SimOrder, wanted: OrderFilter) -> bool:
    if wanted.nested and order.parent is not None:
        return False
    is_wanted_open = wanted.status == "open"
    if wanted.status == "all":
        is_wanted = True
    elif wanted.nested:
        is_wanted = any(member.is_open == is_wanted_open for member in order.members())
    else:
        is_wanted = order.is_open == is_wanted_open
    return (
        is_wanted
        and (wanted.symbols is None or order.symbol in wanted.symbols)
        and (wanted.side is None or order.side == wanted.side)
        and (wanted.after is None or order.submitted_at > wanted.after)
        and (wanted.until is None or order.submitted_at < wanted.until)
    )
