"""alpaca-py: the official SDK, pointed at the simulator by its own `url_override`."""

import threading
from datetime import timedelta

from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import StockBarsRequest, StockLatestQuoteRequest, StockSnapshotRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
)
from alpaca.trading.stream import TradingStream
from steps import LARGE, SMALL, URL, WS_URL, Inbox, drop_connections, step, until

client = TradingClient(*SMALL, paper=False, url_override=URL)
paper = TradingClient(*LARGE, url_override=URL)
data = StockHistoricalDataClient(*SMALL, url_override=URL)

updates, paper_updates = Inbox(), Inbox()
bars, trades, quotes = Inbox(), Inbox(), Inbox()


def listen(keys: tuple[str, str], inbox: Inbox) -> None:
    """Run a stream of trade updates in the background."""
    stream = TradingStream(*keys, url_override=f"{WS_URL}/stream")
    stream.subscribe_trade_updates(inbox.aput)
    threading.Thread(target=stream.run, daemon=True).start()


def is_about(order: object, *events: str) -> "object":
    """Whether an update tells one of these events of this order."""
    return lambda update: update.order.id == order.id and update.event in events


def hears(trader: TradingClient, inbox: Inbox) -> bool:
    """Whether the stream tells of an order sent now: what happens while nobody listens is never told."""
    order = trader.submit_order(
        LimitOrderRequest(symbol="MSFT", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=1)
    )
    heard = inbox.is_there(is_about(order, "new"), seconds=2)
    trader.cancel_order_by_id(order.id)
    return heard


listen(SMALL, updates)
listen(LARGE, paper_updates)

with step("account"):
    account = client.get_account()
    assert (account.cash, account.multiplier) == ("467", "1"), account
    assert paper.get_account().cash == "100000"
    until("the open", lambda: client.get_clock().is_open)
    asset = client.get_asset("AAPL")
    assert asset.fractionable
    assert asset.tradable
    until("the live stream listening", lambda: hears(client, updates))
    until("the paper stream listening", lambda: hears(paper, paper_updates))

with step("fraction"):
    order = client.submit_order(
        MarketOrderRequest(symbol="AAPL", qty=0.5, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
    )
    fill = updates.wait("the fill of 0.5 AAPL", is_about(order, "fill"))
    assert (fill.position_qty, fill.order.filled_qty) == (0.5, "0.5"), fill

with step("stop"):
    price = fill.price
    stop = client.submit_order(
        StopOrderRequest(
            symbol="AAPL", qty=0.5, side="sell", time_in_force=TimeInForce.DAY, stop_price=round(price * 0.95, 2)
        )
    )
    updates.wait("the stop at work", is_about(stop, "new"))
    raised = client.replace_order_by_id(stop.id, ReplaceOrderRequest(stop_price=round(price * 0.96, 2)))
    assert raised.id != stop.id
    assert updates.wait("the replacement", is_about(stop, "replaced")).order.replaced_by == raised.id
    client.cancel_order_by_id(raised.id)
    updates.wait("the cancel", is_about(raised, "canceled"))
    assert client.get_orders() == []

with step("close"):
    closing = client.close_position("AAPL")
    updates.wait("the position sold", is_about(closing, "fill"))
    assert client.get_all_positions() == []

with step("bracket"):
    price = data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))["AAPL"].ask_price
    bracket = paper.submit_order(
        MarketOrderRequest(
            symbol="AAPL",
            qty=5,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfitRequest(limit_price=round(price * 1.0015, 2)),
            stop_loss=StopLossRequest(stop_price=round(price * 0.9985, 2)),
        )
    )
    assert len(bracket.legs) == 2
    paper_updates.wait("the entry's fill", is_about(bracket, "fill"))
    ids = {leg.id for leg in bracket.legs}
    exit_fill = paper_updates.wait("an exit", lambda u: u.order.id in ids and u.event == "fill", seconds=60)
    [other] = ids - {exit_fill.order.id}
    until("the other exit's cancel", lambda: paper.get_order_by_id(other).status == "canceled")
    assert paper.get_all_positions() == []

with step("history"):
    now = client.get_clock().timestamp
    request = StockBarsRequest(symbol_or_symbols=["AAPL", "MSFT"], timeframe=TimeFrame.Minute, start=now - timedelta(3))
    frame = data.get_stock_bars(request).df
    assert {"AAPL", "MSFT"} <= set(frame.index.get_level_values("symbol"))
    assert len(frame) > 400, len(frame)
    snapshot = data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAPL"))["AAPL"]
    assert snapshot.latest_trade.price > 0
    assert snapshot.daily_bar.volume > 0

with step("live"):
    stream = StockDataStream(*SMALL, url_override=f"{WS_URL}/v2/iex")
    stream.subscribe_bars(bars.aput, "AAPL", "MSFT")
    stream.subscribe_trades(trades.aput, "AAPL")
    stream.subscribe_quotes(quotes.aput, "AAPL")
    threading.Thread(target=stream.run, daemon=True).start()
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
    paper.submit_order(MarketOrderRequest(symbol="MSFT", notional=500, side="buy", time_in_force=TimeInForce.DAY))
    until("a position in MSFT", paper.get_all_positions)
    paper.close_all_positions(cancel_orders=True)
    until("an empty account", lambda: paper.get_all_positions() == [])
    closed = paper.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED, nested=True, limit=500))
    assert any(order.legs for order in closed)
    refusal = None
    try:
        client.submit_order(
            LimitOrderRequest(symbol="AAPL", qty=100, side="buy", time_in_force=TimeInForce.DAY, limit_price=price)
        )
    except APIError as error:
        refusal = error
    assert refusal, "an order beyond the buying power was taken"
    assert (refusal.status_code, refusal.code) == (403, 40310000), refusal
    assert "insufficient buying power" in refusal.message
