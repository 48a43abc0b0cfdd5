"""What a PATCH may change on an open order (alpaca-contract 3.11)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from alpaca_trader.simulator.exchange import parse
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import ExitPrices, OrderRequest, SimOrder

_REPLACEABLE = frozenset({"new", "partially_filled", "held"})


def changed_terms(order: SimOrder, fields: Mapping[str, object]) -> OrderRequest:
    """The order's terms with the fields of a PATCH applied; raises BrokerError when the broker refuses the change."""
    _check_replaceable(order)
    if order.is_notional or _given(fields, "notional"):
        raise BrokerError("notional_replace")
    if order.order_class == "oto":
        raise BrokerError("oto_replace")
    assert order.qty is not None, "not a notional order"
    qty = _quantity(order, fields)
    limit_price = _price(order, fields, "limit_price", order.limit_price)
    stop_price = _stop_price(order, fields)
    trail_price, trail_percent = _trail(order, fields)
    tif = parse.time_in_force(fields, order.time_in_force)
    before = (order.qty, order.limit_price, order.stop_price, order.trail_price, order.trail_percent)
    if (qty, limit_price, stop_price, trail_price, trail_percent) == before and tif == order.time_in_force:
        raise BrokerError("nothing_changed")
    if order.order_class and (qty != order.qty or tif != order.time_in_force):
        raise BrokerError("linked_replace")
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
        stop_price=None if order.is_trailing else stop_price,
        trail_price=trail_price,
        trail_percent=trail_percent,
        extended_hours=order.extended_hours,
        order_class=order.order_class,
        exits=ExitPrices(),
        client_order_id=None,
        position_intent=order.position_intent,
    )


def _given(fields: Mapping[str, object], name: str) -> bool:
    return fields.get(name) not in (None, "")


def _check_replaceable(order: SimOrder) -> None:
    if order.status == "replaced" or order.replaced_by is not None:
        raise BrokerError("already_replaced")
    if order.predecessor is not None and order.is_open:
        raise BrokerError("chain_open")
    if order.status not in _REPLACEABLE:
        raise BrokerError("cannot_replace", status=order.status)


def _quantity(order: SimOrder, fields: Mapping[str, object]) -> Decimal:
    """The new quantity: fractional orders keep theirs, others take whole shares only."""
    assert order.qty is not None, "not a notional order"
    qty = parse.quantity(fields, "qty")
    if qty is None or qty == order.qty:
        return order.qty
    if order.is_fractional:
        raise BrokerError("fractional_replace")
    if qty != qty.to_integral_value():
        raise BrokerError("whole_replace")
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


def _stop_price(order: SimOrder, fields: Mapping[str, object]) -> Decimal | None:
    if order.is_trailing and _given(fields, "stop_price"):
        raise BrokerError("trailing_with_price")
    return order.stop_price if order.is_trailing else _price(order, fields, "stop_price", order.stop_price)


def _trail(order: SimOrder, fields: Mapping[str, object]) -> tuple[Decimal | None, Decimal | None]:
    """Price and percentage after a change of `trail`: its kind stays, and only an order that has not triggered changes."""
    trail = parse.price(fields, "trail")
    if trail is None:
        return order.trail_price, order.trail_percent
    if not order.is_trailing:
        raise BrokerError("trail_not_for_type")
    if order.is_elected:
        raise BrokerError("cannot_replace", status="triggered")
    if order.trail_percent is not None:
        parse.check_trail_percent("trail", trail)
    return (trail, None) if order.trail_price is not None else (None, trail)


def _check_time_in_force(order: SimOrder, tif: str) -> None:
    if tif == order.time_in_force:
        return
    if order.is_fractional:
        raise BrokerError("fractional_not_day")
    if tif not in {"day", "gtc"} or order.time_in_force not in {"day", "gtc"}:
        raise BrokerError("tif_not_for_type", tif=tif, type="replaced")
