"""An order: what was asked for, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

from alpaca_trader.simulator.wire import NANO

OPEN_STATUSES: Final = frozenset(
    {"accepted", "pending_new", "new", "partially_filled", "pending_cancel", "pending_replace", "held"}
)
"""States from which an order can still change; every other state is final."""

_CLOSING: Final = frozenset({"sell_to_close", "buy_to_close"})

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
ENTRY, TAKE_PROFIT, STOP_LOSS = "entry", "take_profit", "stop_loss"
"""What a member of a bracket, OTO or OCO is for (`group_role`)."""


@dataclass(frozen=True, slots=True)
class ExitPrices:
    """The exits of a linked order, dollars per share; a stop with a limit is a stop-limit order."""

    take_profit: Decimal | None = None
    stop: Decimal | None = None
    stop_limit: Decimal | None = None


class OrderRequest(NamedTuple):
    """A well-formed order request; exactly one of `qty` (shares) and `notional` (dollars) is set."""

    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_price: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool
    order_class: str
    exits: ExitPrices
    client_order_id: str | None
    position_intent: str | None

    @property
    def is_fractional(self) -> bool:
        """True for a notional order and for a quantity with a fraction."""
        return self.qty is None or self.qty != self.qty.to_integral_value()


@dataclass(slots=True, eq=False)
class SimOrder:
    """An order on the books of the broker. `seq` numbers orders in the sequence of their arrival."""

    id: str
    seq: int
    client_order_id: str
    asset_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    qty: Decimal | None
    notional: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    """For a trailing stop: where it stands now, None until it is acknowledged."""
    position_intent: str
    status: str
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime
    expires_at: datetime
    reserve_price: Decimal
    """Dollars per share an open buy or short sale takes from buying power (expected per share, for a notional sell)."""
    trail_price: Decimal | None = None
    trail_percent: Decimal | None = None
    extended_hours: bool = False
    order_class: str = ""
    group_id: str | None = None
    group_role: str | None = None
    parent: SimOrder | None = None
    legs: list[SimOrder] = field(default_factory=list)
    """The exits of a bracket or OTO entry, or the stop of an OCO; the first member of the group holds them."""
    filled_qty: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Sum of price x quantity over all executions."""
    executions: int = 0
    hwm: Decimal | None = None
    """Best price since a trailing stop was acknowledged: highest for a sell, lowest for a buy."""
    filled_at: datetime | None = None
    expired_at: datetime | None = None
    canceled_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    successor: SimOrder | None = None
    """The replacement on its way while a replace is pending."""
    predecessor: SimOrder | None = None
    works_from: datetime | None = None
    """When the order reaches the market for the first time, a replacement no sooner than what it replaces."""
    is_acknowledged: bool = False
    """True once the stream has told that the order is `new`."""
    is_elected: bool = False
    """True once a trade has touched the stop price."""
    rested_on: date | None = None
    """The session in which the order was looked at and found not marketable."""
    queue_ahead: Decimal = ZERO
    """Shares that were quoted at a resting limit's price before it came: they trade first."""

    @property
    def is_open(self) -> bool:
        """True while the order can still change."""
        return self.status in OPEN_STATUSES

    @property
    def is_notional(self) -> bool:
        """True when the order is for dollars instead of shares."""
        return self.qty is None

    @property
    def is_fractional(self) -> bool:
        """True when the order may execute in fractions of a share."""
        return self.qty is None or self.qty != self.qty.to_integral_value()

    @property
    def is_closing(self) -> bool:
        """True when the order reduces a position."""
        return self.position_intent in _CLOSING

    @property
    def is_trailing(self) -> bool:
        """True for a trailing stop."""
        return self.type == "trailing_stop"

    @property
    def is_stop(self) -> bool:
        """True for a stop, stop-limit or trailing stop order that no trade has elected yet."""
        return not self.is_elected and (self.stop_price is not None or self.type == "trailing_stop")

    @property
    def is_held(self) -> bool:
        """True for a leg whose entry is still open: it is not at the market, and keeps no shares from others."""
        return self.parent is not None and self.parent.group_role == ENTRY and self.parent.is_open

    @property
    def is_exit_member(self) -> bool:
        """True for the take-profit or stop-loss of a bracket, OTO or OCO."""
        return self.group_role in {TAKE_PROFIT, STOP_LOSS}

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Average price of all executions; None before the first."""
        return self.filled_value / self.filled_qty if self.filled_qty else None

    def leaves(self, price: Decimal) -> Decimal:
        """Shares still to fill; for a notional order, what its remaining dollars buy at `price`, cut to 9 decimals."""
        if self.qty is not None:
            return self.qty - self.filled_qty
        assert self.notional is not None, "an order has a quantity or a notional"
        return ((self.notional - self.filled_value) / price).quantize(NANO, ROUND_DOWN)

    @property
    def held_shares(self) -> Decimal:
        """Shares an open closing order keeps from others (the larger of old and new while a replace is pending)."""
        if self.position_intent not in _CLOSING or not self.is_open or self.predecessor is not None or self.is_held:
            return ZERO
        own = max(ZERO, self.leaves(self.reserve_price))
        return own if self.successor is None else max(own, self.successor.leaves(self.successor.reserve_price))

    @property
    def reserved_cash(self) -> Decimal:
        """Dollars an open opening order keeps from others (the larger of old and new while a replace is pending)."""
        if self.position_intent in _CLOSING or self.predecessor is not None or self.status not in OPEN_STATUSES:
            return ZERO
        own = self.cost()
        return own if self.successor is None else max(own, self.successor.cost())

    def cost(self) -> Decimal:
        """Dollars the rest of the order is expected to take."""
        if self.qty is None:
            assert self.notional is not None, "an order has a quantity or a notional"
            return max(ZERO, self.notional - self.filled_value)
        return (self.qty - self.filled_qty) * self.reserve_price

    def members(self) -> list[SimOrder]:
        """The orders linked with this one, the first member of the group first; itself alone when it is simple."""
        first = self.parent or self
        return [first, *first.legs]
