"""alpaca-trade-api: the old Python SDK, pointed at the simulator by its base address and its environment."""

import threading
from datetime import timedelta

from alpaca_trade_api.rest import REST, APIError, TimeFrame
from alpaca_trade_api.stream import Stream
from steps import LARGE, SMALL, URL, Inbox, drop_connections, step, until

# APCA_API_DATA_URL and APCA_API_STREAM_URL are set by the runner: the SDK takes them from the environment alone.
client, paper = REST(*SMALL, base_url=URL), REST(*LARGE, base_url=URL)
updates, paper_updates = Inbox(), Inbox()
bars, trades, quotes = Inbox(), Inbox(), Inbox()


def is_about(order: object, *events: str) -> "object":
    """Whether an update tells one of these events of this order."""
    return lambda update: update.order["id"] == order.id and update.event in events


def hears(trader: REST, inbox: Inbox) -> bool:
    """Whether the stream tells of an order sent now: what happens while nobody listens is never told."""
    order = trader.submit_order("MSFT", 1, "buy", "limit", "day", limit_price=1)
    heard = inbox.is_there(is_about(order, "new"), seconds=2)
    trader.cancel_order(order.id)
    return heard


stream, paper_stream = Stream(*SMALL, base_url=URL), Stream(*LARGE, base_url=URL)
stream.subscribe_trade_updates(updates.aput)
paper_stream.subscribe_trade_updates(paper_updates.aput)
stream.subscribe_bars(bars.aput, "AAPL", "MSFT")
stream.subscribe_trades(trades.aput, "AAPL")
stream.subscribe_quotes(quotes.aput, "AAPL")
for each in (stream, paper_stream):
    threading.Thread(target=each.run, daemon=True).start()

with step("account"):
    account = client.get_account()
    assert (account.cash, account.multiplier) == ("467", "1"), account
    assert paper.get_account().cash == "100000"
    until("the open", lambda: client.get_clock().is_open)
    assert client.get_asset("AAPL").fractionable
    assert "AAPL" in {asset.symbol for asset in client.list_assets(status="active")}
    until("the live stream listening", lambda: hears(client, updates))
    until("the paper stream listening", lambda: hears(paper, paper_updates))

with step("fraction"):
    order = client.submit_order("AAPL", qty=0.5, side="buy", type="market", time_in_force="day")
    fill = updates.wait("the fill of 0.5 AAPL", is_about(order, "fill"))
    assert (fill.position_qty, fill.order["filled_qty"]) == ("0.5", "0.5"), fill

with step("stop"):
    price = float(fill.price)
    stop = client.submit_order("AAPL", 0.5, "sell", "stop", "day", stop_price=round(price * 0.95, 2))
    updates.wait("the stop at work", is_about(stop, "new"))
    raised = client.replace_order(stop.id, stop_price=round(price * 0.96, 2))
    assert updates.wait("the replacement", is_about(stop, "replaced")).order["replaced_by"] == raised.id
    client.cancel_order(raised.id)
    updates.wait("the cancel", is_about(raised, "canceled"))
    assert client.list_orders() == []

with step("close"):
    closing = client.close_position("AAPL")
    updates.wait("the position sold", is_about(closing, "fill"))
    assert client.list_positions() == []

with step("bracket"):
    price = client.get_latest_quote("AAPL").ap
    bracket = paper.submit_order(
        "AAPL",
        qty=5,
        side="buy",
        type="market",
        time_in_force="gtc",
        order_class="bracket",
        take_profit={"limit_price": round(price * 1.0015, 2)},
        stop_loss={"stop_price": round(price * 0.9985, 2)},
    )
    assert len(bracket.legs) == 2
    ids = {leg.id for leg in bracket.legs}
    exit_fill = paper_updates.wait("an exit", lambda u: u.order["id"] in ids and u.event == "fill", seconds=60)
    [other] = ids - {exit_fill.order["id"]}
    until("the other exit's cancel", lambda: paper.get_order(other).status == "canceled")
    assert paper.list_positions() == []

with step("history"):
    start = client.get_clock().timestamp - timedelta(days=3)
    one = client.get_bars("AAPL", TimeFrame.Minute, start=start.isoformat()).df
    both = client.get_bars(["AAPL", "MSFT"], TimeFrame.Hour, start=start.isoformat()).df
    assert len(one) > 200, len(one)
    assert set(both["symbol"]) == {"AAPL", "MSFT"}
    assert client.get_snapshot("AAPL").latest_trade.price > 0

with step("live"):
    assert bars.wait("a bar").volume > 0
    assert trades.wait("a trade").price > 0
    quote = quotes.wait("a quote")
    assert quote.bid_price < quote.ask_price

with step("reconnect"):
    drop_connections()
    bars.clear()
    bars.wait("a bar after the line was dropped", seconds=60)
    assert not hears(paper, paper_updates), "the line was not dropped"
    until("an update after the line was dropped", lambda: hears(paper, paper_updates))

with step("special"):
    today = client.get_clock().timestamp.date()
    history = paper.get_portfolio_history(date_end=today.isoformat(), period="1W", timeframe="1D")
    assert len(history.equity) == len(history.timestamp)
    watched = client.create_watchlist("matrix", ["AAPL"])
    assert [asset["symbol"] for asset in client.add_to_watchlist(watched.id, "MSFT").assets] == ["AAPL", "MSFT"]
    client.delete_watchlist(watched.id)
    paper.submit_order("MSFT", qty=1)
    until("a share of MSFT", paper.list_positions)
    paper.close_all_positions()
    until("an empty account", lambda: paper.list_positions() == [])
    refusal = None
    try:
        client.submit_order("AAPL", qty=100, side="buy", type="market", time_in_force="day")
    except APIError as error:
        refusal = error
    assert refusal, "an order beyond the buying power was taken"
    assert (refusal.status_code, refusal.code) == (403, 40310000), refusal
