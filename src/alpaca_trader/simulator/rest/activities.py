"""The account's activities: fills, fees and everything else that moved money or shares (alpaca-contract 2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.exchange.activities import Activity
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, choice, count, csv, day, moment, wrong
from alpaca_trader.simulator.simulator import Simulator

ACTIVITY_TYPES: Final = frozenset(
    {
        *("FILL", "TRANS", "MISC", "ACATC", "ACATS", "CFEE", "CGD", "CSD", "CSW", "DIV"),
        *("DIVCGL", "DIVCGS", "DIVFEE", "DIVFT", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX", "FEE", "INT"),
        *("INTNRA", "INTTW", "JNL", "JNLC", "JNLS", "MA", "NC", "OPASN", "OPCA", "OPCSH"),
        *("OPEXC", "OPEXP", "OPTRD", "PTC", "PTR", "REO", "REORG", "SPIN", "SPLIT", "FOPT"),
        *("OCT", "CIL", "DIVWH", "EXTRD", "FXTRD", "INTPNL", "MEM", "SWP", "VOF", "WH"),
    }
)
"""Every activity type the broker or its SDK knows (alpaca-contract 2.5)."""
_MAX_PAGE: Final = 100
_CATEGORIES: Final = frozenset({"trade_activity", "non_trade_activity"})


def _activities(_sim: Simulator, call: Call) -> Answer:
    query = call.query
    types = csv(call.path.get("activity_type")) or csv(query.get("activity_types"))
    if unknown := types - ACTIVITY_TYPES:
        raise wrong("activity_types", min(unknown))
    category = choice(call, "category", _CATEGORIES, "")
    if category and types:
        raise BrokerError("excludes", field="category", other="activity_types")
    found = [
        activity
        for activity in _in_span(call.desk.exchange.activities(), call)
        if (not types or activity.type in types)
        and (not category or (activity.type == "FILL") == (category == "trade_activity"))
    ]
    if choice(call, "direction", {"asc", "desc"}, "desc") == "desc":
        found.reverse()
    token = query.get("page_token")
    if token:
        ids = [activity.id for activity in found]
        if token not in ids:
            raise wrong("page_token", token)
        found = found[ids.index(token) + 1 :]
    whole_day = bool(query.get("date")) and not query.get("page_size")
    size = len(found) if whole_day else count(call, "page_size", _MAX_PAGE, _MAX_PAGE)
    return 200, [bodies.activity_body(activity) for activity in found[:size]]


def _in_span(activities: Sequence[Activity], call: Call) -> Sequence[Activity]:
    """Those of the asked date, time and order."""
    on, after, until = day(call, "date"), moment(call, "after"), moment(call, "until")
    order_id = call.query.get("order_id")
    return [
        activity
        for activity in activities
        if (on is None or new_york_date(activity.at) == on)
        and (after is None or activity.at > after)
        and (until is None or activity.at <= until)
        and (not order_id or getattr(activity, "order_id", None) == order_id)
    ]


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/account/activities", _activities),
    ("GET", "/v2/account/activities/{activity_type}", _activities),
)
