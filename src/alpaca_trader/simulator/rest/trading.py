"""The trading REST API: reads a request, asks the exchange, writes the answer. Nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.exchange.activities import Activity, FeeActivity
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.exchange.parse import SIDES
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest import calendar as trading_calendar
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_bool, parse_date, parse_time

_MAX_ORDERS = 500
_DEFAULT_ORDERS = 50
_MAX_PAGE = 100
_CATEGORIES = {"trade_activity": True, "non_trade_activity": False}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, decoded: whose it is, path parameters, query, and the fields of a JSON body (empty when there is none)."""

    desk: Desk
    path: Mapping[str, str]
    query: QueryParams
    fields: Mapping[str, object]


Answer = tuple[int, object]
"""HTTP status and JSON body; a body of None is an empty answer."""
Handler = Callable[[Simulator, Call], Answer]


def routes(sim: Simulator) -> list[BaseRoute]:
    """The routes of the trading host."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/v2/account", _account),
        ("GET", "/v2/account/configurations", _configurations),
        ("PATCH", "/v2/account/configurations", _configure),
        ("GET", "/v2/account/activities", _activities),
        ("GET", "/v2/account/activities/{type}", _activities),
        ("GET", "/v2/clock", _clock),
        ("GET", "/v2/calendar", _calendar),
        ("GET", "/v2/assets", _assets),
        ("GET", "/v2/assets/{symbol_or_id}", _asset),
        ("POST", "/v2/orders", _submit),
        ("GET", "/v2/orders", _orders),
        ("DELETE", "/v2/orders", _cancel_all),
        ("GET", "/v2/orders:by_client_order_id", _order_by_client_id),
        ("GET", "/v2/orders/{id}", _order),
        ("PATCH", "/v2/orders/{id}", _replace),
        ("DELETE", "/v2/orders/{id}", _cancel),
        ("GET", "/v2/positions", _positions),
        ("DELETE", "/v2/positions", _close_all),
        ("GET", "/v2/positions/{symbol_or_id}", _position),
        ("DELETE", "/v2/positions/{symbol_or_id}", _close_position),
        ("GET", "/v2/corporate_actions/announcements", lambda _sim, _call: (200, [])),
    ]
    return [Route(path, _endpoint(sim, handler), methods=[method]) for method, path, handler in table]


def json_response(status: int, body: object) -> Response:
    """An answer as the broker sends it; None is an empty body."""
    if body is None:
        return Response(status_code=status)
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def _endpoint(sim: Simulator, handler: Handler) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            fields = _decode(await request.body()) if request.method in {"POST", "PATCH"} else {}
            with sim.lock:
                status, body = handler(
                    sim, Call(request.scope["desk"], request.path_params, request.query_params, fields)
                )
        except BrokerError as refusal:
            status, body = refusal.status, refusal.body()
        return json_response(status, body)

    return endpoint


def _decode(content: bytes) -> Mapping[str, object]:
    """The fields of a JSON object, its numbers read as exact decimals; raises BrokerError 400 for anything else."""
    try:
        fields = json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BrokerError("undecodable") from error
    if not isinstance(fields, dict):
        raise BrokerError("undecodable")
    return fields


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Account, clock, calendar, assets


def _account(_sim: Simulator, call: Call) -> Answer:
    desk = call.desk
    view, suspended = desk.exchange.account(), desk.exchange.configuration.suspend_trade
    created = bodies.account_created(desk.opened_at)
    return 200, bodies.account_body(view, desk.profile, desk.id, created, suspended)


def _configurations(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.configuration_body(call.desk.exchange.configuration)


def _configure(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.configuration_body(call.desk.exchange.configure(call.fields))


def _clock(sim: Simulator, _call: Call) -> Answer:
    return 200, trading_calendar.clock_body(sim.market, sim.now)


def _calendar(sim: Simulator, call: Call) -> Answer:
    if call.query.get("date_type", "TRADING").upper() != "TRADING":
        raise BrokerError("unsupported", what="date_type other than TRADING")
    first = _query_date(call, "start") or trading_calendar.FIRST_DAY
    last = _query_date(call, "end") or trading_calendar.LAST_DAY
    return 200, trading_calendar.calendar_body(sim.market, first, last)


def _assets(sim: Simulator, call: Call) -> Answer:
    query = call.query
    if query.get("asset_class", "us_equity") != "us_equity" or query.get("status", "active") != "active":
        return 200, []
    exchange, attributes = query.get("exchange"), _csv(query.get("attributes"))
    assets = sorted(sim.market.assets(), key=lambda asset: (asset.exchange, asset.symbol))
    found = [bodies.asset_body(asset, sim.switches) for asset in assets if exchange in {None, asset.exchange}]
    return 200, [asset for asset in found if not attributes or attributes & set(asset["attributes"])]


def _asset(sim: Simulator, call: Call) -> Answer:
    return 200, bodies.asset_body(call.desk.exchange.asset(call.path["symbol_or_id"]), sim.switches)


# Orders


def _submit(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.order_body(call.desk.exchange.submit(call.fields))


def _orders(_sim: Simulator, call: Call) -> Answer:
    query = call.query
    classes = _csv(query.get("asset_class"))
    if classes and "us_equity" not in classes:
        return 200, []
    _nested(call)
    wanted = OrderFilter(
        status=_choice(query.get("status"), "status", {"open", "closed", "all"}, "open"),
        limit=_count(query.get("limit"), "limit", _DEFAULT_ORDERS, _MAX_ORDERS),
        after=_query_time(call, "after"),
        until=_query_time(call, "until"),
        is_ascending=_choice(query.get("direction"), "direction", {"asc", "desc"}, "desc") == "asc",
        symbols=frozenset(symbol.upper() for symbol in _csv(query.get("symbols"))) or None,
        side=_choice(query.get("side"), "side", SIDES, "") or None,
        after_order_id=query.get("after_order_id"),
        before_order_id=query.get("before_order_id"),
    )
    by_id = [name for name in ("after_order_id", "before_order_id") if query.get(name)]
    by_time = [name for name in ("after", "until") if query.get(name)]
    if len(by_id) > 1 or (by_id and by_time):
        raise BrokerError("invalid_parameter", field=by_id[-1], value=f"excludes {[*by_id[:-1], *by_time][0]}")
    return 200, [bodies.order_body(order) for order in call.desk.exchange.book.find(wanted)]


def _order(_sim: Simulator, call: Call) -> Answer:
    _nested(call)
    return 200, bodies.order_body(call.desk.exchange.book.get(call.path["id"]))


def _order_by_client_id(_sim: Simulator, call: Call) -> Answer:
    client_order_id = call.query.get("client_order_id")
    if not client_order_id:
        raise BrokerError("missing_field", field="client_order_id")
    return 200, bodies.order_body(call.desk.exchange.book.get_by_client_id(client_order_id))


def _replace(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.order_body(call.desk.exchange.replace(call.path["id"], call.fields))


def _cancel(_sim: Simulator, call: Call) -> Answer:
    call.desk.exchange.cancel(call.path["id"])
    return 204, None


def _cancel_all(_sim: Simulator, call: Call) -> Answer:
    return 207, [{"id": order.id, "status": 200} for order in call.desk.exchange.cancel_all()]


# Positions


def _positions(_sim: Simulator, call: Call) -> Answer:
    return 200, [bodies.position_body(view) for view in call.desk.exchange.positions()]


def _position(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.position_body(call.desk.exchange.position(call.path["symbol_or_id"]))


def _close_position(_sim: Simulator, call: Call) -> Answer:
    order = call.desk.exchange.close_position(
        call.path["symbol_or_id"], qty=call.query.get("qty"), percentage=call.query.get("percentage")
    )
    return 200, bodies.order_body(order)


def _close_all(_sim: Simulator, call: Call) -> Answer:
    cancel_orders = _flag(call, "cancel_orders")
    items = []
    for symbol, result in call.desk.exchange.close_all(cancel_orders=cancel_orders):
        if isinstance(result, SimOrder):
            items.append({"symbol": symbol, "status": 200, "body": bodies.order_body(result)})
        else:
            items.append({"symbol": symbol, "status": result.status, "body": result.body()})
    return 207, items


# Activities


def _activities(_sim: Simulator, call: Call) -> Answer:
    query = call.query
    types = _csv(call.path.get("type")) or _csv(query.get("activity_types"))
    category = query.get("category")
    if category and (types or category not in _CATEGORIES):
        raise BrokerError("invalid_parameter", field="category", value=category)
    found = [
        activity
        for activity in call.desk.exchange.activities()
        if (not types or _type_of(activity) in types)
        and (not category or (_type_of(activity) == "FILL") == _CATEGORIES[category])
        and _in_span(activity, call)
    ]
    if _choice(query.get("direction"), "direction", {"asc", "desc"}, "desc") == "desc":
        found.reverse()
    token = query.get("page_token")
    if token:
        ids = [activity.id for activity in found]
        if token not in ids:
            raise BrokerError("invalid_parameter", field="page_token", value=token)
        found = found[ids.index(token) + 1 :]
    whole_day = bool(query.get("date")) and not query.get("page_size")
    size = len(found) if whole_day else _count(query.get("page_size"), "page_size", _MAX_PAGE, _MAX_PAGE)
    return 200, [bodies.activity_body(activity) for activity in found[:size]]


def _type_of(activity: Activity) -> str:
    return "FEE" if isinstance(activity, FeeActivity) else "FILL"


def _in_span(activity: Activity, call: Call) -> bool:
    day, after, until = _query_date(call, "date"), _query_time(call, "after"), _query_time(call, "until")
    order_id = call.query.get("order_id")
    return (
        (day is None or new_york_date(activity.at) == day)
        and (after is None or activity.at > after)
        and (until is None or activity.at <= until)
        and (not order_id or getattr(activity, "order_id", None) == order_id)
    )


# Reading parameters


def _csv(text: str | None) -> set[str]:
    return {part.strip() for part in (text or "").split(",") if part.strip()}


def _choice(text: str | None, field: str, allowed: set[str] | frozenset[str], default: str) -> str:
    if not text:
        return default
    if text.lower() not in allowed:
        raise BrokerError("invalid_parameter", field=field, value=text)
    return text.lower()


def _count(text: str | None, field: str, default: int, most: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise BrokerError("invalid_parameter", field=field, value=text)
    return int(text)


def _flag(call: Call, field: str) -> bool:
    text = call.query.get(field)
    value = False if not text else parse_bool(text)
    if value is None:
        raise BrokerError("invalid_parameter", field=field, value=text)
    return value


def _nested(call: Call) -> bool:
    """Legs do not exist here, so that both forms of the answer are the same; a wrong value is refused all the same."""
    return _flag(call, "nested")


def _query_time(call: Call, field: str) -> datetime | None:
    text = call.query.get(field)
    if not text:
        return None
    moment = parse_time(text)
    if moment is None:
        raise BrokerError("invalid_parameter", field=field, value=text)
    return moment


def _query_date(call: Call, field: str) -> date | None:
    text = call.query.get(field)
    if not text:
        return None
    day = parse_date(text)
    if day is None:
        raise BrokerError("invalid_parameter", field=field, value=text)
    return day
