"""Scenes on the data host, and what both hosts say of everything that is not US equities."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.amendments import ABSENT
from conformance.client import CONTRACT, HARD, MORNING, NOBODY, Session, example


def stocks(session: Session) -> None:
    """History, latest values, codes, screener, news and corporate actions."""
    _history(session)
    _latest(session)
    for tape in ("A", "B", "C"):
        session.ask("GET", "/v2/stocks/meta/conditions/trade", query={"tape": tape})
        session.ask("GET", "/v2/stocks/meta/conditions/quote", query={"tape": tape})
    session.ask("GET", "/v2/stocks/meta/conditions/bar", 400, query={"tape": "A"})
    session.ask("GET", "/v2/stocks/meta/conditions/trade", 400)
    session.ask("GET", "/v2/stocks/meta/exchanges")
    for by in ("volume", "trades"):
        session.ask("GET", "/v1beta1/screener/stocks/most-actives", query={"by": by, "top": 2})
    session.ask("GET", "/v1beta1/screener/stocks/most-actives", 400, query={"top": 101})
    for kind in ("stocks", "crypto"):
        session.ask("GET", f"/v1beta1/screener/{kind}/movers", query={"top": 2})
    session.ask("GET", "/v1beta1/screener/bonds/movers", 400)
    session.ask("GET", "/v1beta1/news", query={"symbols": "AAPL", "limit": 5, "sort": "asc"})
    session.ask("GET", "/v1beta1/news", 400, query={"limit": 51})
    session.ask("GET", "/v1/corporate-actions", query={"symbols": "AAPL", "start": "2026-11-01", "end": "2026-11-30"})
    session.ask("GET", "/v1/corporate-actions", 400, query={"limit": 1001})


def _history(session: Session) -> None:
    span = {"start": "2026-11-19", "end": "2026-11-20T14:29:00Z", "limit": 5}
    for kind, more in (("bars", {"timeframe": "1Min"}), ("quotes", {}), ("trades", {}), ("auctions", {})):
        feed = {} if kind == "auctions" else {"feed": "iex"}
        asked = {**span, **more, **feed}
        page = session.ask("GET", f"/v2/stocks/{kind}", query={"symbols": "AAPL,VZ", **asked})
        if page and page["next_page_token"]:
            token = {"page_token": page["next_page_token"]}
            session.ask("GET", f"/v2/stocks/{kind}", query={"symbols": "AAPL,VZ", **asked, **token})
        session.ask("GET", f"/v2/stocks/AAPL/{kind}", query={**asked, "sort": "desc"})
        session.ask("GET", f"/v2/stocks/NOSUCH/{kind}", query=asked)
        session.ask("GET", f"/v2/stocks/{kind}", 400, query=more)
        for bad in ({"limit": 10_001}, {"start": "soon"}, {"page_token": "x"}, {"sort": "up"}):
            session.ask("GET", f"/v2/stocks/{kind}", 400, query={"symbols": "AAPL", **more, **bad})
            session.ask("GET", f"/v2/stocks/AAPL/{kind}", 400, query={**more, **bad})
    for timeframe in ("5Min", "1Hour", "1Day", "1Week", "1Month"):
        asked = {"symbols": "AAPL,SPY", "timeframe": timeframe, "start": "2026-10-20", "adjustment": "all"}
        session.ask("GET", "/v2/stocks/bars", query=asked)
    session.ask("GET", "/v2/stocks/bars", 400, query={"symbols": "AAPL", "timeframe": "1Year"})
    recent = {"timeframe": "1Min", "feed": "sip", "end": MORNING.isoformat()}
    for kind in ("bars", "quotes", "trades"):
        session.ask("GET", f"/v2/stocks/{kind}", 403, query={"symbols": "AAPL", **recent})
        session.ask("GET", f"/v2/stocks/AAPL/{kind}", 403, query=recent)


def _latest(session: Session) -> None:
    for kind in ("bars", "quotes", "trades"):
        session.ask("GET", f"/v2/stocks/{kind}/latest", query={"symbols": "AAPL,NOSUCH", "feed": "iex"})
        session.ask("GET", f"/v2/stocks/{kind}/latest", query={"symbols": "AAPL", "feed": "delayed_sip"})
        session.ask("GET", f"/v2/stocks/{kind}/latest", 400)
        session.ask("GET", f"/v2/stocks/{kind}/latest", 403, query={"symbols": "AAPL", "feed": "sip"})
        session.ask("GET", f"/v2/stocks/VZ/{kind}/latest")
        session.ask("GET", f"/v2/stocks/VZ/{kind}/latest", 403, query={"feed": "sip"})
        session.ask("GET", f"/v2/stocks/VZ/{kind}/latest", 400, query={"feed": "tv"})
        session.ask("GET", f"/v2/stocks/NOSUCH/{kind}/latest", 404)
    session.ask("GET", "/v2/stocks/snapshots", query={"symbols": "AAPL,VZ,NOSUCH"})
    session.ask("GET", "/v2/stocks/snapshots", 400, query={"symbols": "XX!"})
    session.ask("GET", "/v2/stocks/snapshots", 403, query={"symbols": "AAPL", "feed": "sip"})
    session.ask("GET", "/v2/stocks/VZ/snapshot")
    session.ask("GET", "/v2/stocks/VZ/snapshot", 400, query={"feed": "tv"})
    session.ask("GET", "/v2/stocks/VZ/snapshot", 403, query={"feed": "sip"})
    session.ask("GET", "/v2/stocks/NOSUCH/snapshot", 404)


def others(session: Session) -> None:
    """What is not US equities."""
    session.ask("GET", "/v2/options/contracts", query={"underlying_symbols": "AAPL", "limit": 10})
    session.ask("GET", "/v2/options/contracts", 422, query={"limit": 0})
    session.ask("GET", f"/v2/options/contracts/{CONTRACT}", 404)
    for verb in ("exercise", "do-not-exercise"):
        session.ask("POST", f"/v2/positions/{CONTRACT}/{verb}", 403)
        session.ask("POST", f"/v2/positions/AAPL/{verb}", 422)
    session.ask("GET", "/v1/locates", query={"status": "active"})
    session.ask("GET", "/v1/locates", 400, query={"limit": 0})
    session.ask("POST", "/v1/locates", 422, fields={"symbol": "AAPL", "qty": 100})
    session.ask("POST", "/v1/locates", 400, fields={"symbol": "AAPL", "qty": 150})
    session.ask("POST", "/v1/locates", 403, fields={"symbol": HARD, "qty": 100})
    session.ask("GET", "/v1/locates/quotes", query={"symbols": f"AAPL,NOSUCH,{HARD}"})
    session.ask("GET", "/v1/locates/quotes", 400)
    session.ask("GET", f"/v1/locates/{NOBODY}", 404)
    session.ask("GET", "/v1/locates/x", 400)
    for _, method, path in session.judge.operations():
        if path.startswith(ABSENT):
            session.ask(method, example(path), 404, fields={} if method != "GET" else None)
    _empty_data(session)


def _empty_data(session: Session) -> None:
    contract, coin = {"symbols": CONTRACT}, {"symbols": "BTC/USD"}
    options, crypto = "/v1beta1/options", "/v1beta3/crypto/us"
    pair, bond = {"currency_pairs": "USDJPY"}, {"isins": "US912797KJ59"}
    asked: list[tuple[str, Mapping[str, object]]] = [
        (f"{options}/bars", {**contract, "timeframe": "1Day", "start": "2026-11-01"}),
        (f"{options}/trades", contract),
        *((f"{options}/{kind}/latest", contract) for kind in ("trades", "quotes")),
        (f"{options}/snapshots", contract),
        (f"{crypto}/bars", {**coin, "timeframe": "1Min"}),
        *((f"{crypto}/{kind}", coin) for kind in ("quotes", "trades", "snapshots")),
        *((f"{crypto}/latest/{kind}", coin) for kind in ("bars", "quotes", "trades", "orderbooks")),
        ("/v1beta1/forex/latest/rates", pair),
        ("/v1beta1/forex/rates", {**pair, "timeframe": "1Min"}),
        ("/v1beta1/fixed_income/latest/prices", bond),
        ("/v1beta1/fixed_income/latest/quotes", bond),
    ]
    for path, query in asked:
        session.ask("GET", path, query=query)
        session.ask("GET", path, 400)
    session.ask("GET", f"{options}/snapshots/AAPL", query={"type": "call", "limit": 10})
    session.ask("GET", f"{options}/snapshots/AAPL", 400, query={"limit": 1001})
    session.ask("GET", f"{options}/quotes/latest", 403, query={**contract, "feed": "opra"})
    session.ask("GET", f"{options}/meta/exchanges")
    session.ask("GET", f"{options}/meta/conditions/trade")
    session.ask("GET", f"{options}/meta/conditions/bar", 400)
    session.ask("GET", "/v1beta1/logos/AAPL")
    session.ask("GET", "/v1beta1/logos/AAPL", 400, query={"placeholder": "perhaps"})
    session.ask("GET", "/v1beta1/logos/AAPL", 404, query={"placeholder": "false"})
    span = {"since": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z"}
    session.ask("GET", "/v1beta1/events/corporate-actions", query=span)
    session.ask("GET", "/v1beta1/events/corporate-actions", 400, query={"until": span["until"]})
