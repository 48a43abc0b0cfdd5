"""Corporate actions as the data API lists them: grouped by kind, sorted by process date (here the ex-date)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from starlette.requests import Request

from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import CorporateAction
from alpaca_trader.simulator.rest.data_query import Refused, date_of, decoded_token, is_descending, limit_of, symbols_of
from alpaca_trader.simulator.rest.data_wire import plain
from alpaca_trader.simulator.simulator import Simulator

_DEFAULT_LIMIT: Final = 100
_MOST: Final = 1_000
_FIRST, _LAST = date(1971, 1, 1), date(2099, 12, 31)
_TYPES: Final = (
    "reverse_split",
    "forward_split",
    "unit_split",
    "cash_dividend",
    "stock_dividend",
    "spin_off",
    "cash_merger",
    "stock_merger",
    "stock_and_cash_merger",
    "redemption",
    "name_change",
    "worthless_removal",
    "rights_distribution",
    "partial_call",
    "reorganization",
    "capital_gains_distribution",
)


def corporate_actions(sim: Simulator, request: Request) -> Mapping[str, Any]:
    """One page of the market's corporate actions; what is to come is announced from the first day on."""
    query = request.query_params
    limit = limit_of(query.get("limit"), _DEFAULT_LIMIT, _MOST)
    types = _names(query.get("types"))
    for name in types:
        if name not in _TYPES:
            raise Refused(400, f"invalid types: {name[:100]}")
    for name, allowed in (("region", ("us", "non_us", "all")), ("data_quality", ("complete", "all"))):
        if query.get(name) and query[name] not in allowed:
            raise Refused(400, f"invalid {name}: {query[name][:100]}")
    ids, cusips = _names(query.get("ids")), _names(query.get("cusips"))
    if ids and any(query.get(name) for name in ("symbols", "types", "start", "end", "region", "data_quality")):
        raise Refused(400, "ids cannot be combined with other filters")
    symbols = symbols_of(request) if query.get("symbols") else ()
    today = new_york_date(sim.now)
    start, end = date_of(query.get("start"), "start") or today, date_of(query.get("end"), "end") or today
    if start > end and not query.get("end"):
        end = start
    if start > end:
        raise Refused(400, "end should not be before start")
    first, last = (_FIRST, _LAST) if ids else (start, end)
    found = [] if query.get("region") == "non_us" else list(sim.market.corporate_actions(first, last))
    kept = [
        (kind, body)
        for action in found
        for kind, body in (_body(action),)
        if (not types or kind in types)
        and (not ids or action.id in ids)
        and (not symbols or action.symbol in symbols or action.new_symbol in symbols)
        and (not cusips or cusip_of(action.symbol) in cusips)
    ]
    if is_descending(request, "asc"):
        kept.reverse()
    skipped = _skipped(query.get("page_token"))
    page = kept[skipped : skipped + limit]
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for kind, body in page:
        grouped.setdefault(f"{kind}s", []).append(body)
    token = base64.b64encode(f"CA|{skipped + limit}".encode()).decode() if len(kept) > skipped + limit else None
    return {"corporate_actions": grouped, "next_page_token": token}


def cusip_of(symbol: str) -> str:
    """A made-up CUSIP with a right check digit: no real one is known here."""
    base = hashlib.sha256(f"cusip:{symbol}".encode()).hexdigest()[:8].upper()
    total = 0
    for position, character in enumerate(base):
        value = int(character, 36) * (2 if position % 2 else 1)
        total += value // 10 + value % 10
    return f"{base}{-total % 10}"


def _body(action: CorporateAction) -> tuple[str, dict[str, Any]]:
    """The kind by the broker's name, and the fields it has."""
    old, new = plain(float(action.old_rate)), plain(float(action.new_rate))
    day, payable = action.ex_date.isoformat(), action.payable_date.isoformat()
    common = {"id": action.id, "process_date": day}
    held = {**common, "symbol": action.symbol, "cusip": cusip_of(action.symbol)}
    dated = {**held, "ex_date": day, "payable_date": payable, "record_date": day}
    match action.kind:
        case "split" if action.new_rate >= action.old_rate:
            return "forward_split", {**dated, "old_rate": old, "new_rate": new}
        case "split":
            del dated["cusip"]
            cusips = {"old_cusip": cusip_of(action.symbol), "new_cusip": cusip_of(f"{action.symbol}|{action.id}")}
            return "reverse_split", {**dated, **cusips, "old_rate": old, "new_rate": new}
        case "stock_dividend":
            return "stock_dividend", {**dated, "rate": plain(float(action.new_rate / action.old_rate - 1))}
        case "cash_dividend":
            return "cash_dividend", {**dated, "rate": plain(float(action.cash)), "special": False, "foreign": False}
        case "rename":
            new_symbol = action.new_symbol or action.symbol
            names = {
                "old_symbol": action.symbol,
                "old_cusip": cusip_of(action.symbol),
                "new_symbol": new_symbol,
                "new_cusip": cusip_of(new_symbol),
            }
            return "name_change", {**common, **names}
        case _ if action.cash:
            acquired = {"acquiree_symbol": action.symbol, "acquiree_cusip": cusip_of(action.symbol)}
            paid = {"rate": plain(float(action.cash)), "effective_date": day, "payable_date": payable}
            return "cash_merger", {**common, **acquired, **paid}
        case _:
            return "worthless_removal", held


def _names(text: str | None) -> frozenset[str]:
    return frozenset(part.strip() for part in (text or "").split(",") if part.strip())


def _skipped(token: str | None) -> int:
    if not token:
        return 0
    parts = decoded_token(token)
    if len(parts) != 2 or parts[0] != "CA" or not parts[1].isdecimal() or len(parts[1]) > 9:
        raise Refused(400, f"invalid page_token: {token[:100]}")
    return int(parts[1])
