"""Reading an order request: its shape, its enums, which fields its type needs or forbids, and what may be combined.

These are checks 3, 4, 8 and 9 of alpaca-contract 3.1, as far as the request alone decides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import ONE, ZERO, ExitPrices, OrderRequest
from alpaca_trader.simulator.wire import decimals, parse_bool, parse_number

SIDES: Final = frozenset({"buy", "sell"})
_TYPES: Final = frozenset({"market", "limit", "stop", "stop_limit", "trailing_stop"})
_TIMES_IN_FORCE: Final = frozenset({"day", "gtc", "opg", "cls", "ioc", "fok"})
_CLASSES: Final = frozenset({"", "simple", "bracket", "oto", "oco", "mleg"})
_INTENTS: Final = {
    "buy_to_open": "buy",
    "buy_to_close": "buy",
    "sell_to_open": "sell",
    "sell_to_close": "sell",
}
_RESTING: Final = frozenset({"day", "gtc"})
_ALL_PERCENT: Final = Decimal(100)
_MAX_CLIENT_ID: Final = 128
_MAX_DECIMALS: Final = 9
_MIN_NOTIONAL: Final = ONE
_NO_EXITS: Final = ExitPrices()

Fields = Mapping[str, object]


def parse_order(fields: Fields) -> OrderRequest:
    """A well-formed request from the body of a POST; raises BrokerError with the broker's text for the first fault."""
    symbol = _text(fields, "symbol")
    if not symbol:
        raise BrokerError("missing_field", field="symbol")
    side = _choice(fields, "side", SIDES)
    kind = _choice(fields, "type", _TYPES, label="order type")
    tif = _choice(fields, "time_in_force", _TIMES_IN_FORCE)
    order_class = _choice(fields, "order_class", _CLASSES, default="")
    extended = _flag(fields, "extended_hours")
    request = OrderRequest(
        symbol=symbol.upper(),
        side=side,
        type=kind,
        time_in_force=tif,
        qty=quantity(fields, "qty"),
        notional=quantity(fields, "notional"),
        limit_price=price(fields, "limit_price"),
        stop_price=price(fields, "stop_price"),
        trail_price=price(fields, "trail_price"),
        trail_percent=price(fields, "trail_percent"),
        extended_hours=extended,
        order_class="" if order_class == "simple" else order_class,
        exits=_exits(fields),
        client_order_id=client_order_id(fields),
        position_intent=_intent(fields, side),
    )
    _check_quantities(request)
    _check_fractional(request)
    _check_prices(request)
    _check_combination(request)
    _check_linked(request)
    return request


def _exits(fields: Fields) -> ExitPrices:
    """The prices inside `take_profit` and `stop_loss`; absent parts are None."""
    profit, loss = _part(fields, "take_profit"), _part(fields, "stop_loss")
    if not profit and not loss:
        return _NO_EXITS
    if loss and not _given(loss, "stop_price"):
        raise BrokerError("missing_field", field="stop_loss.stop_price")
    if profit and not _given(profit, "limit_price"):
        raise BrokerError("missing_field", field="take_profit.limit_price")
    found = ExitPrices(price(profit, "limit_price"), price(loss, "stop_price"), price(loss, "limit_price"))
    check_increment("take_profit.limit_price", found.take_profit)
    check_increment("stop_loss.stop_price", found.stop)
    check_increment("stop_loss.limit_price", found.stop_limit)
    return found


def _part(fields: Fields, name: str) -> Fields:
    part = fields.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise BrokerError("invalid_field", field=name)
    return part


def _given(fields: Fields, name: str) -> bool:
    return fields.get(name) not in (None, "")


def _check_quantities(request: OrderRequest) -> None:
    if request.qty is None and request.notional is None:
        raise BrokerError("no_quantity")
    if request.qty is not None and request.notional is not None:
        raise BrokerError("two_quantities")
    if request.notional is not None and request.notional < _MIN_NOTIONAL:
        raise BrokerError("notional_too_small")


def _check_fractional(request: OrderRequest) -> None:
    """Source: alpaca-contract 3.2 and 3.4, domain 5.1."""
    if not request.is_fractional:
        return
    if request.order_class:
        raise BrokerError("fractional_not_simple")
    if request.time_in_force != "day":
        raise BrokerError("fractional_not_day")
    if request.type == "trailing_stop":
        raise BrokerError("fractional_type")
    if request.notional is not None and request.type != "market":
        raise BrokerError("notional_not_market")


def _check_prices(request: OrderRequest) -> None:
    has_limit, has_stop = request.limit_price is not None, request.stop_price is not None
    trails = [request.trail_price, request.trail_percent]
    if request.type != "trailing_stop" and trails != [None, None]:
        raise BrokerError("trail_for_type", type=request.type)
    match request.type:
        case "market" if has_limit or has_stop:
            raise BrokerError("market_with_price")
        case "limit" if not has_limit and not (request.order_class == "oco" and request.exits.take_profit):
            raise BrokerError("no_limit_price")
        case "limit" if has_stop:
            raise BrokerError("limit_with_stop")
        case "stop" if not has_stop:
            raise BrokerError("no_stop_price")
        case "stop" if has_limit:
            raise BrokerError("stop_with_limit")
        case "stop_limit" if not (has_limit and has_stop):
            raise BrokerError("stop_limit_prices")
        case "trailing_stop" if has_limit or has_stop:
            raise BrokerError("trailing_with_price")
        case "trailing_stop" if trails.count(None) != 1:
            raise BrokerError("one_trail")
        case _:
            pass
    check_trail_percent("trail_percent", request.trail_percent)
    check_increment("limit_price", request.limit_price)
    check_increment("stop_price", request.stop_price)


def _check_combination(request: OrderRequest) -> None:
    """The table of alpaca-contract 3.2, for whole shares."""
    tif, kind = request.time_in_force, request.type
    if request.extended_hours and (kind != "limit" or tif not in _RESTING or request.order_class):
        raise BrokerError("extended_hours_type")
    if tif not in _RESTING and (kind not in {"market", "limit"} or request.order_class):
        raise BrokerError("tif_not_for_type", tif=tif, type=request.order_class or kind)


def _check_linked(request: OrderRequest) -> None:
    """What each order class needs and forbids (alpaca-contract 3.6)."""
    exits, kind = request.exits, request.order_class
    has_profit, has_loss = exits.take_profit is not None, exits.stop is not None
    match kind:
        case "mleg":
            raise BrokerError("no_options")
        case "" if has_profit or has_loss:
            raise BrokerError("exits_of_simple")
        case "bracket" if not (has_profit and has_loss):
            raise BrokerError("class_needs", order_class=kind, what="take_profit.limit_price and stop_loss.stop_price")
        case "oto" if has_profit == has_loss:
            raise BrokerError("class_needs", order_class=kind, what="exactly one of take_profit and stop_loss")
        case "oco" if request.type != "limit":
            raise BrokerError("oco_limit")
        case "oco" if not has_loss or (request.limit_price is None and not has_profit):
            raise BrokerError("class_needs", order_class=kind, what="take_profit.limit_price and stop_loss.stop_price")
        case _:
            pass
    if kind and request.type == "trailing_stop":
        raise BrokerError("trailing_simple")


def check_trail_percent(field: str, value: Decimal | None) -> None:
    """Refuse to trail by all of the price or more."""
    if value is not None and value >= _ALL_PERCENT:
        raise BrokerError("invalid_field", field=field)


def check_increment(field: str, value: Decimal | None) -> None:
    """Refuse a price finer than a cent (a hundredth of a cent below $1); alpaca-contract 3.3."""
    if value is not None and decimals(value) > (2 if value >= ONE else 4):
        raise BrokerError("sub_penny", field=field, price=format(value, "f"))


def quantity(fields: Fields, name: str) -> Decimal | None:
    """A positive number with at most 9 decimals; None when absent."""
    value = price(fields, name)
    if value is not None and decimals(value) > _MAX_DECIMALS:
        raise BrokerError("too_many_decimals", field=name)
    return value


def price(fields: Fields, name: str) -> Decimal | None:
    """A positive number; None when absent."""
    raw = fields.get(name)
    if raw is None or raw == "":
        return None
    value = parse_number(raw)
    if value is None:
        raise BrokerError("invalid_field", field=name)
    if value <= ZERO:
        raise BrokerError("quantity_not_positive", field=name)
    return value


def client_order_id(fields: Fields) -> str | None:
    """The client's own id, at most 128 characters; None when absent or empty."""
    value = fields.get("client_order_id")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _MAX_CLIENT_ID:
        raise BrokerError("invalid_field", field="client_order_id")
    return value


def time_in_force(fields: Fields, default: str) -> str:
    """The time in force, or the given one when absent."""
    return _choice(fields, "time_in_force", _TIMES_IN_FORCE, default=default)


def _text(fields: Fields, name: str) -> str:
    raw = fields.get(name)
    if raw is None:
        return ""
    if not isinstance(raw, str):
        raise BrokerError("invalid_field", field=name)
    return raw.strip()


def _choice(fields: Fields, name: str, allowed: frozenset[str], *, label: str = "", default: str | None = None) -> str:
    value = _text(fields, name)
    if not value and default is not None:
        return default
    if not value:
        raise BrokerError("missing_field", field=name)
    if value not in allowed:
        raise BrokerError("invalid_field", field=label or name)
    return value


def _flag(fields: Fields, name: str) -> bool:
    raw = fields.get(name)
    if raw is None:
        return False
    value = parse_bool(raw)
    if value is None:
        raise BrokerError("invalid_field", field=name)
    return value


def _intent(fields: Fields, side: str) -> str | None:
    intent = _text(fields, "position_intent")
    if not intent:
        return None
    if intent not in _INTENTS:
        raise BrokerError("invalid_field", field="position_intent")
    if _INTENTS[intent] != side:
        raise BrokerError("intent_mismatch", intent=intent, side=side)
    return intent
