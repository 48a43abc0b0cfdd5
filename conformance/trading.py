"""Scenes on the trading host: account, reference data, orders of every kind, positions, watchlists, reports."""

from __future__ import annotations

from conformance.client import CHEAP, CONTRACT, HARD, NOBODY, Session


def account(session: Session) -> None:
    """The account, its configuration, and what a suspended account may not do."""
    session.ask("GET", "/v2/account")
    before = session.ask("GET", "/v2/account/configurations")
    path = "/v2/account/configurations"
    session.ask("PATCH", path, fields={"suspend_trade": True, "trade_confirm_email": "none"})
    session.ask("GET", "/v2/account")
    session.order(403)
    session.ask("PATCH", path, fields=before)
    session.ask("PATCH", path, 422, fields={"suspend_trade": "perhaps"})
    session.ask("PATCH", path, 400, content=b"{")


def reference(session: Session) -> None:
    """Clock, calendar, assets, announcements."""
    session.ask("GET", "/v2/clock")
    session.ask("GET", "/v2/calendar", query={"start": "2026-11-20", "end": "2026-12-31"})
    session.ask("GET", "/v2/calendar", query={"start": "2026-11-20T00:00:00Z", "date_type": "SETTLEMENT"})
    session.ask("GET", "/v2/calendar", 400, query={"start": "soon"})
    session.ask("GET", "/v2/calendar", 400, query={"date_type": "LUNAR"})
    session.ask("GET", "/v3/clock")
    session.ask("GET", "/v3/clock", query={"markets": "NYSE,NASDAQ", "time": "2026-11-27T19:00:00Z"})
    session.ask("GET", "/v3/clock", 400, query={"time": "soon"})
    session.ask("GET", "/v3/clock", 400, query={"markets": "MARS"})
    for market_name in ("NYSE", "NASDAQ", "XNYS"):
        session.ask("GET", f"/v3/calendar/{market_name}", query={"start": "2026-11-23", "end": "2026-11-30"})
    session.ask("GET", "/v3/calendar/NYSE", query={"start": "2026-11-23", "end": "2026-11-27", "timezone": "UTC"})
    session.ask("GET", "/v3/calendar/NYSE", 400, query={"start": "soon"})
    session.ask("GET", "/v3/calendar/MARS", 400)
    assets = session.ask("GET", "/v2/assets")
    for query in ({"status": "active"}, {"asset_class": "crypto"}, {"exchange": "NYSE"}, {"attributes": "has_options"}):
        session.ask("GET", "/v2/assets", query=query)
    session.ask("GET", "/v2/assets", 422, query={"status": "perhaps"})
    session.ask("GET", "/v2/assets/AAPL")
    session.ask("GET", f"/v2/assets/{HARD}")
    session.ask("GET", f"/v2/assets/{assets[0]['id']}")
    session.ask("GET", "/v2/assets/NOSUCH", 404)
    span = {"ca_types": "Dividend", "since": "2026-11-01", "until": "2026-11-30"}
    session.ask("GET", "/v2/corporate_actions/announcements", query=span)
    session.ask("GET", "/v2/corporate_actions/announcements", 422)
    session.ask("GET", "/v2/corporate_actions/announcements/0", 404)


def orders(session: Session) -> None:
    """Every simple kind of order, its life, and its refusals."""
    price = session.price()
    bought = session.order(qty="0.5", client_order_id="first")
    session.wait(1)
    session.order(qty=None, notional="25.5")
    cheap = session.price(CHEAP)
    session.order(symbol=CHEAP, qty="2", type="limit", limit_price=f"{cheap * 1.01:.2f}", time_in_force="ioc")
    session.wait(60)
    resting = session.order(symbol=CHEAP, type="limit", limit_price=f"{cheap * 0.8:.2f}", time_in_force="gtc")
    session.wait(1)
    replaced = session.ask("PATCH", f"/v2/orders/{resting['id']}", fields={"limit_price": f"{cheap * 0.81:.2f}"})
    session.wait(1)
    stop = session.order(qty="0.25", side="sell", type="stop", stop_price=f"{price * 0.9:.2f}")
    session.order(
        qty="0.1", side="sell", type="stop_limit", stop_price=f"{price * 0.9:.2f}", limit_price=f"{price * 0.89:.2f}"
    )
    session.wait(1)
    for query in (
        {"status": "all", "limit": 500, "nested": "true"},
        {"status": "closed", "direction": "asc", "symbols": "AAPL,VZ"},
        {"status": "open", "side": "sell", "asset_class": "us_equity"},
        {"after": "2026-11-20T14:00:00Z", "until": "2026-11-20T15:00:00-05:00", "nested": "True"},
        {"after_order_id": bought["id"], "status": "all", "limit": 1},
        {"before_order_id": stop["id"], "status": "all"},
    ):
        session.ask("GET", "/v2/orders", query=query)
    for bad in ({"status": "perhaps"}, {"limit": 501}, {"after": "soon"}, {"nested": "perhaps"}):
        session.ask("GET", "/v2/orders", 422, query=bad)
    session.ask("GET", f"/v2/orders/{replaced['id']}", query={"nested": "1"})
    session.ask("GET", f"/v2/orders/{NOBODY}", 404)
    session.ask("GET", "/v2/orders:by_client_order_id", query={"client_order_id": "first"})
    session.ask("GET", "/v2/orders:by_client_order_id", 404, query={"client_order_id": "nobody's"})
    session.ask("GET", "/v2/orders:by_client_order_id", 422)
    _refused_orders(session, price)
    session.ask("PATCH", f"/v2/orders/{replaced['id']}", 422, fields={"limit_price": f"{cheap * 0.81:.2f}"})
    session.ask("PATCH", f"/v2/orders/{replaced['id']}", 403, fields={"qty": "1000000000"})
    session.ask("PATCH", f"/v2/orders/{NOBODY}", 404, fields={"qty": "2"})
    session.ask("PATCH", f"/v2/orders/{NOBODY}", 400, content=b"{")
    session.ask("DELETE", f"/v2/orders/{stop['id']}", 204)
    session.wait(1)
    session.ask("DELETE", f"/v2/orders/{stop['id']}", 422)
    session.ask("DELETE", f"/v2/orders/{bought['id']}", 422)
    session.ask("DELETE", f"/v2/orders/{NOBODY}", 404)
    session.ask("DELETE", "/v2/orders", 207)
    session.wait(1)
    session.ask("DELETE", "/v2/orders", 207)


def _refused_orders(session: Session, price: float) -> None:
    session.order(422, client_order_id="first")
    session.order(422, qty=None)
    session.order(422, notional="5")
    session.order(422, type="limit")
    session.order(422, type="limit", limit_price="100.123")
    session.order(422, qty="0.5", time_in_force="gtc")
    session.order(422, symbol="NOSUCH")
    session.order(422, qty="-1")
    session.order(422, type="sideways")
    session.order(403, qty="1000000")
    session.order(403, symbol="SPY", side="sell", qty="1" if session.sim.profile.multiplier == 1 else "1000000000")
    session.order(403, side="buy", qty="0.1")
    session.order(403, side="sell", qty="1000", type="limit", limit_price=f"{price * 1.2:.2f}")
    session.ask("POST", "/v2/orders", 400, content=b"[")
    session.ask("POST", "/v2/orders", 422, fields={})


def linked_orders(session: Session) -> None:
    """Bracket, OTO, OCO and trailing stops in whole shares of a cheap name, filled and canceled."""
    price = session.price(CHEAP)
    up, down = {"limit_price": f"{price * 1.05:.2f}"}, {"stop_price": f"{price * 0.95:.2f}"}
    stop_limit = {**down, "limit_price": f"{price * 0.94:.2f}"}
    bracket = session.order(symbol=CHEAP, order_class="bracket", take_profit=up, stop_loss=down)
    session.wait(60)
    session.ask("GET", f"/v2/orders/{bracket['id']}", query={"nested": "true"})
    session.ask("GET", "/v2/orders", query={"status": "all", "nested": "true"})
    session.ask("DELETE", "/v2/orders", 207)
    session.wait(1)
    session.order(
        symbol=CHEAP,
        order_class="oco",
        side="sell",
        type="limit",
        take_profit=up,
        stop_loss=stop_limit,
        time_in_force="gtc",
    )
    session.wait(1)
    session.ask("GET", "/v2/orders", query={"nested": "true"})
    session.ask("DELETE", "/v2/orders", 207)
    session.wait(1)
    session.order(symbol=CHEAP, order_class="oto", stop_loss=down)
    session.wait(60)
    session.ask("DELETE", "/v2/orders", 207)
    session.wait(1)
    for trail in ({"trail_percent": "2"}, {"trail_price": "1.5"}):
        trailing = session.order(symbol=CHEAP, side="sell", type="trailing_stop", **trail)
        session.wait(60)
        session.ask("GET", f"/v2/orders/{trailing['id']}")
        session.ask("PATCH", f"/v2/orders/{trailing['id']}", fields={"trail": "3"})
        session.wait(1)
        session.ask("DELETE", "/v2/orders", 207)
        session.wait(1)
    session.order(symbol=CHEAP, type="limit", limit_price=f"{price * 0.9:.2f}", extended_hours=True)
    session.order(symbol=CHEAP, type="limit", limit_price=f"{price * 0.9:.2f}", time_in_force="cls")
    session.order(422, symbol=CHEAP, order_class="bracket", take_profit=down, stop_loss=up)
    session.order(422, symbol=CHEAP, order_class="oto", take_profit=up, stop_loss=down)
    session.order(422, symbol=CHEAP, side="sell", type="trailing_stop")
    session.order(422, order_class="mleg", legs=[{"symbol": CONTRACT, "ratio_qty": "1", "side": "buy"}])


def positions(session: Session) -> None:
    """Looking at positions and closing them: one, a part, all, with shares that are held."""
    held = session.ask("GET", "/v2/positions")
    session.ask("GET", f"/v2/positions/{held[0]['symbol']}")
    session.ask("GET", f"/v2/positions/{held[0]['asset_id']}")
    session.ask("GET", "/v2/positions/SPY", 404)
    session.ask("DELETE", "/v2/positions/SPY", 404)
    session.ask("DELETE", "/v2/positions/AAPL", 422, query={"qty": "1", "percentage": "50"})
    session.ask("DELETE", "/v2/positions/AAPL", 403, query={"qty": "1000"})
    session.ask("DELETE", "/v2/positions/AAPL", query={"percentage": "50"})
    session.wait(60)
    session.ask("DELETE", "/v2/positions", 422, query={"cancel_orders": "perhaps"})
    held = session.ask("GET", "/v2/positions/AAPL")
    session.order(side="sell", qty=held["qty"], type="limit", limit_price=f"{float(held['current_price']) * 1.2:.2f}")
    session.wait(1)
    failed = session.ask("DELETE", "/v2/positions", 207)
    if not any(item["status"] == 403 for item in failed):
        session.surprises.append(f"DELETE /v2/positions: nothing failed although every share was held: {failed}")
    session.wait(60)
    session.ask("DELETE", "/v2/positions", 207, query={"cancel_orders": "true"})
    session.wait(60)
    session.ask("DELETE", "/v2/positions", 207)


def watchlists(session: Session) -> None:
    """A list's life by id and by name."""
    made = session.ask("POST", "/v2/watchlists", fields={"name": "tech & more", "symbols": ["AAPL"]})
    session.ask("POST", "/v2/watchlists", 422, fields={"name": "tech & more"})
    session.ask("POST", "/v2/watchlists", 422, fields={"symbols": ["AAPL"]})
    session.ask("POST", "/v2/watchlists", 400, content=b"{")
    session.ask("GET", "/v2/watchlists")
    path = f"/v2/watchlists/{made['id'] if made else NOBODY}"
    session.ask("GET", path)
    session.ask("POST", path, fields={"symbol": CHEAP})
    session.ask("POST", path, 422, fields={"symbol": "NOSUCH"})
    session.ask("PUT", path, fields={"name": "second", "symbols": ["SPY", "AAPL"]})
    session.ask("DELETE", f"{path}/AAPL")
    session.ask("DELETE", f"{path}/AAPL", 404)
    by_name = "/v2/watchlists:by_name"
    session.ask("GET", by_name, query={"name": "second"})
    session.ask("POST", by_name, query={"name": "second"}, fields={"symbol": "AAPL"})
    session.ask("PUT", by_name, query={"name": "second"}, fields={"name": "third", "symbols": []})
    for method, given in (("GET", None), ("POST", {"symbol": "AAPL"}), ("PUT", {"name": "x"}), ("DELETE", None)):
        session.ask(method, f"/v2/watchlists/{NOBODY}", 404, fields=given)
        session.ask(method, by_name, 404, query={"name": "nobody's"}, fields=given)
    for method in ("POST", "PUT"):
        session.ask(method, path, 400, content=b"{")
        session.ask(method, by_name, 400, query={"name": "third"}, content=b"{")
    for method in ("GET", "DELETE"):
        session.ask(method, by_name, 422)
    session.ask("PUT", path, 422, fields={"symbols": ["NOSUCH"]})
    session.ask("PUT", by_name, 422, query={"name": "third"}, fields={"symbols": ["NOSUCH"]})
    session.ask("POST", by_name, 422, query={"name": "third"}, fields={})
    session.ask("DELETE", path, 204)
    session.ask("POST", "/v2/watchlists", fields={"name": "brief"})
    session.ask("DELETE", by_name, 204, query={"name": "brief"})


def shorts(session: Session) -> None:
    """A share sold short and bought back, where the account may."""
    if session.sim.profile.multiplier == 1:
        session.order(403, symbol="SPY", side="sell")
        return
    session.order(symbol="SPY", side="sell")
    session.wait(60)
    session.ask("GET", "/v2/positions/SPY")
    session.ask("GET", "/v2/account")
    session.ask("DELETE", "/v2/positions/SPY")
    session.wait(60)


def holdings(session: Session) -> None:
    """Something of every name, for the night, and an order beyond it."""
    for symbol, qty in (("AAPL", "0.5"), ("SPY", "0.2"), (CHEAP, "1")):
        session.order(symbol=symbol, qty=qty)
    session.order(symbol=CHEAP, type="limit", limit_price="5", time_in_force="gtc")
    session.wait(60)


def evening(session: Session) -> None:
    """Orders while the market is closed, and what the closed market answers."""
    queued = session.order(symbol=CHEAP, qty="2")
    session.ask("PATCH", f"/v2/orders/{queued['id']}", 422, fields={"qty": "3"})
    session.ask("GET", "/v2/clock")
    session.ask("GET", "/v3/clock")
    session.ask("GET", "/v2/account")
    session.ask("GET", "/v2/positions")


def reports(session: Session) -> None:
    """Activities, history and event streams, after a night."""
    path = "/v2/account/activities"
    newest = session.ask("GET", path)
    for query in (
        {"activity_types": "FILL,FEE", "direction": "asc", "page_size": 2},
        {"category": "trade_activity"},
        {"category": "non_trade_activity"},
        {"date": "2026-11-20"},
        {"after": "2026-11-20T15:00:00Z", "until": "2026-11-23"},
        {"page_token": newest[0]["id"], "page_size": 1},
    ):
        session.ask("GET", path, query=query)
    session.ask("GET", path, 422, query={"page_size": 101})
    session.ask("GET", path, 422, query={"category": "trade_activity", "activity_types": "FILL"})
    for kind in ("FILL", "DIV", "SPLIT", "CSD"):
        if not session.ask("GET", f"{path}/{kind}", query={"direction": "asc"}):
            session.surprises.append(f"GET {path}/{kind}: nothing, although it happened")
    session.ask("GET", f"{path}/FEE")
    session.ask("GET", f"{path}/FILL", 422, query={"direction": "sideways"})
    history = "/v2/account/portfolio/history"
    session.ask("GET", history)
    for query in (
        {"period": "1D", "timeframe": "5Min"},
        {"period": "1W", "timeframe": "1H", "intraday_reporting": "continuous", "pnl_reset": "no_reset"},
        {"start": "2026-11-20T14:30:00Z", "end": "2026-11-23T16:00:00Z", "timeframe": "15Min"},
        {"period": "1A", "timeframe": "1D", "cashflow_types": "ALL"},
    ):
        session.ask("GET", history, query=query)
    session.ask("GET", history, 422, query={"period": "1A", "timeframe": "1Min"})
    session.ask("GET", history, 422, query={"period": "1D", "start": "2026-11-20", "end": "2026-11-21"})
    session.ask("GET", "/v2/account")
    session.ask("GET", "/v1/corporate-actions", query={"symbols": f"AAPL,SPY,{CHEAP}", "start": "2026-11-01"})
    announced = {"ca_types": "Dividend,Split", "since": "2026-11-20", "until": "2026-11-30"}
    for announcement in session.ask("GET", "/v2/corporate_actions/announcements", query=announced)[:1]:
        session.ask("GET", f"/v2/corporate_actions/announcements/{announcement['id']}")
    span = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-23T00:00:00Z"}
    session.ask("GET", "/v2beta1/events/activities", query=span)
    session.ask("GET", "/v2beta1/events/activities", 400, 422, query={"until": span["until"]})
