"""Orders: place, list, look up, replace, cancel (alpaca-contract 2.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.parse import SIDES
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, choice, count, csv, flag, moment, wrong
from alpaca_trader.simulator.simulator import Simulator

_MAX_ORDERS: Final = 500
_DEFAULT_ORDERS: Final = 50
ASSET_CLASSES: Final = frozenset(
    {
        *("us_equity", "us_option", "crypto", "crypto_perp", "treasury", "corporate", "global_equity", "us_index"),
        *("us_equity_chain", "ipo"),
    }
)
"""The broker's asset classes; all that is traded here is `us_equity`."""
_STATUSES: Final = frozenset({"open", "closed", "all"})
_DIRECTIONS: Final = frozenset({"asc", "desc"})


def _submit(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.order_body(call.desk.exchange.submit(call.fields), nested=True)


def _orders(_sim: Simulator, call: Call) -> Answer:
    query = call.query
    if not query:
        return 200, [bodies.order_body(order) for order in call.desk.exchange.book.find(OrderFilter())]
    nested = _nested(call)
    wanted = OrderFilter(
        status=choice(call, "status", _STATUSES, "open"),
        limit=count(call, "limit", _DEFAULT_ORDERS, _MAX_ORDERS),
        after=moment(call, "after"),
        until=moment(call, "until"),
        is_ascending=choice(call, "direction", _DIRECTIONS, "desc") == "asc",
        symbols=frozenset(symbol.upper() for symbol in csv(query.get("symbols"))) or None,
        side=choice(call, "side", SIDES, "") or None,
        after_order_id=query.get("after_order_id"),
        before_order_id=query.get("before_order_id"),
        nested=nested,
    )
    by_id = [name for name in ("after_order_id", "before_order_id") if query.get(name)]
    by_time = [name for name in ("after", "until") if query.get(name)]
    if len(by_id) > 1 or (by_id and by_time):
        raise BrokerError("excludes", field=by_id[-1], other=[*by_id[:-1], *by_time][0])
    for name in by_id:
        if not call.desk.exchange.book.has(query[name]):
            raise wrong(name, query[name])
    classes = csv(query.get("asset_class"))
    if unknown := classes - ASSET_CLASSES - {"all"}:
        raise wrong("asset_class", min(unknown))
    if classes and not classes & {"us_equity", "all"}:
        return 200, []
    return 200, [bodies.order_body(order, nested=nested) for order in call.desk.exchange.book.find(wanted)]


def _order(_sim: Simulator, call: Call) -> Answer:
    nested = _nested(call)
    return 200, bodies.order_body(call.desk.exchange.book.get(call.path["order_id"]), nested=nested)


def _order_by_client_id(_sim: Simulator, call: Call) -> Answer:
    client_order_id = call.query.get("client_order_id")
    if not client_order_id:
        raise BrokerError("missing_field", field="client_order_id")
    return 200, bodies.order_body(call.desk.exchange.book.get_by_client_id(client_order_id))


def _replace(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.order_body(call.desk.exchange.replace(call.path["order_id"], call.fields))


def _cancel(_sim: Simulator, call: Call) -> Answer:
    call.desk.exchange.cancel(call.path["order_id"])
    return 204, None


def _cancel_all(_sim: Simulator, call: Call) -> Answer:
    return 207, [{"id": order.id, "status": 200} for order in call.desk.exchange.cancel_all()]


def _nested(call: Call) -> bool:
    """Whether the members of a linked order are wanted under its first one."""
    return flag(call, "nested")


TABLE: Final[Sequence[Entry]] = (
    ("POST", "/v2/orders", _submit),
    ("GET", "/v2/orders", _orders),
    ("DELETE", "/v2/orders", _cancel_all),
    ("GET", "/v2/orders:by_client_order_id", _order_by_client_id),
    ("GET", "/v2/orders/{order_id}", _order),
    ("PATCH", "/v2/orders/{order_id}", _replace),
    ("DELETE", "/v2/orders/{order_id}", _cancel),
)
