"""What a PATCH may change on an open order (alpaca-contract 3.11)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from alpaca_trader.simulator.exchange import parse
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import OrderRequest, SimOrder

_REPLACEABLE = frozenset({"new", "partially_filled"})


def changed_terms(order: SimOrder, fields: Mapping[str, object]) -> OrderRequest:
    """The order's terms with the fields of a PATCH applied; raises BrokerError when the broker refuses the change."""
    _check_replaceable(order)
    if fields.get("trail") not in (None, ""):
        raise BrokerError("unsupported", what="trail")
    if order.is_notional or fields.get("notional") not in (None, ""):
        raise BrokerError("notional_replace")
    assert order.qty is not None, "not a notional order"
    qty = _quantity(order, fields)
    limit_price = _price(order, fields, "limit_price", order.limit_price)
    stop_price = _price(order, fields, "stop_price", order.stop_price)
    tif = parse.time_in_force(fields, order.time_in_force)
    if (qty, limit_price, stop_price, tif) == (
        order.qty,
        order.limit_price,
        order.stop_price,
        order.time_in_force,
    ):
        raise BrokerError("nothing_changed")
    if qty <= order.filled_qty:
        raise BrokerError("qty_below_filled")
    _check_time_in_force(order, tif)
    if order.is_elected and stop_price != order.stop_price:
        raise BrokerError("cannot_replace", status="triggered")
    return OrderRequest(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        time_in_force=tif,
        qty=qty,
        notional=None,
        limit_price=limit_price,
        stop_price=stop_price,
        extended_hours=False,
        order_class="",
        client_order_id=None,
        position_intent=None,
    )


def _check_replaceable(order: SimOrder) -> None:
    if order.status == "replaced" or order.replaced_by is not None:
        raise BrokerError("already_replaced")
    if order.status not in _REPLACEABLE:
        raise BrokerError("cannot_replace", status=order.status)
    if order.cancel_requested_at is not None:
        raise BrokerError("cannot_replace", status="pending_cancel")
    if order.successor is not None or order.predecessor is not None:
        raise BrokerError("cannot_replace", status="pending_replace")


def _quantity(order: SimOrder, fields: Mapping[str, object]) -> Decimal:
    """The new quantity: fractional orders keep theirs, others take whole shares only."""
    assert order.qty is not None, "not a notional order"
    qty = parse.quantity(fields, "qty")
    if qty is None or qty == order.qty:
        return order.qty
    if order.is_fractional or qty != qty.to_integral_value():
        raise BrokerError("fractional_replace")
    return qty


def _price(order: SimOrder, fields: Mapping[str, object], name: str, old: Decimal | None) -> Decimal | None:
    new = parse.price(fields, name)
    if new is None:
        return old
    if old is None:
        kind = {"market": "market_with_price", "limit": "limit_with_stop"}.get(order.type, "stop_with_limit")
        raise BrokerError(kind)
    parse.check_increment(name, new)
    return new


def _check_time_in_force(order: SimOrder, tif: str) -> None:
    if tif == order.time_in_force:
        return
    if order.is_fractional:
        raise BrokerError("fractional_not_day")
    if tif in {"opg", "cls"}:
        raise BrokerError("unsupported", what=f"time_in_force {tif}")
    if tif in {"ioc", "fok"}:
        raise BrokerError("tif_not_for_type", tif=tif, type="replaced")
