"""lumibot: its Alpaca broker, which knows no other address than the broker's own, so those are mapped to the simulator."""

from datetime import UTC, datetime, timedelta

from alpaca.trading.requests import GetOrderByIdRequest
from lumibot.brokers import Alpaca
from lumibot.entities import Asset, Order
from lumibot.strategies import Strategy
from lumibot.traders import Trader
from steps import LARGE, SMALL, Inbox, drop_connections, poll, step, until


def connect(keys: tuple[str, str], is_paper: bool) -> Alpaca:
    """A broker as lumibot's documentation sets it up, its stream running."""
    return Alpaca({"API_KEY": keys[0], "API_SECRET": keys[1], "PAPER": is_paper})


client, paper = connect(SMALL, is_paper=False), connect(LARGE, is_paper=True)
apple, microsoft = Asset("AAPL"), Asset("MSFT")


def positions(broker: Alpaca) -> dict[str, float]:
    """What the account holds, as the broker object reads it."""
    return {position.asset.symbol: float(position.quantity) for position in broker._pull_positions(None)}


def order_of(asset: Asset, quantity: float, side: str, **more: object) -> Order:
    """An order of the strategy called "matrix"."""
    return Order("matrix", asset, quantity, side, **more)


def hears(broker: Alpaca) -> bool:
    """Whether the stream tells of an order sent now: what happens while nobody listens is never told."""
    order = broker.submit_order(order_of(microsoft, 1, "buy", limit_price=1))
    heard = poll(lambda: order in broker._new_orders.get_list(), seconds=2)
    broker.cancel_order(order)
    return heard


with step("account"):
    assert client._get_balances_at_broker(None, None) == (467.0, 0.0, 467.0)
    assert paper._get_balances_at_broker(None, None)[0] == 100_000
    until("the open", lambda: client.api.get_clock().is_open)
    assert client.get_time_to_close() > 0
    until("the live stream listening", lambda: hears(client))
    until("the paper stream listening", lambda: hears(paper))

with step("fraction"):
    bought = client.submit_order(order_of(apple, 0.5, "buy"))
    until("the fill of 0.5 AAPL, told by the stream", bought.is_filled)
    assert positions(client) == {"AAPL": 0.5}

with step("stop"):
    price = client.get_last_price(apple)
    stop = client.submit_order(order_of(apple, 0.5, "sell", stop_price=round(price * 0.95, 2)))
    until("the stop at work", lambda: client._pull_broker_order(stop.identifier).status == "new")
    first = stop.identifier
    client.modify_order(stop, stop_price=round(price * 0.96, 2))
    assert stop.identifier != first
    until("the replacement", lambda: client._pull_broker_order(first).status == "replaced")
    client.cancel_order(stop)
    until("the cancel", lambda: client._pull_broker_order(stop.identifier).status == "canceled")

with step("close"):
    sold = client.submit_order(order_of(apple, 0.5, "sell"))
    until("the position sold", sold.is_filled)
    assert positions(client) == {}

with step("bracket"):
    price = paper.get_last_price(apple)
    limit, stop_price = round(price * 1.0015, 2), round(price * 0.9985, 2)
    bracket = paper.submit_order(
        order_of(
            apple,
            5,
            "buy",
            time_in_force="gtc",
            order_class=Order.OrderClass.BRACKET,
            secondary_limit_price=limit,
            secondary_stop_price=stop_price,
        )
    )
    until("the entry's fill, told by the stream", bracket.is_filled)

    def exits() -> list[str]:
        """How the two exits stand."""
        found = paper.api.get_order_by_id(bracket.identifier, GetOrderByIdRequest(nested=True))
        return sorted(leg.status.value for leg in found.legs)

    until("one exit filled and the other cancelled", lambda: exits() == ["canceled", "filled"], seconds=60)
    assert positions(paper) == {}

with step("history"):
    # lumibot asks for bars up to the machine's own clock; the simulated day is another one.
    machine = datetime.now(UTC)  # noqa: TID251 -- the client reads it, so the script has to
    behind = machine - client.api.get_clock().timestamp
    bars = client.data_source.get_historical_prices(apple, 100, "minute", timeshift=behind + timedelta(days=1))
    assert len(bars.df) == 100, len(bars.df)
    assert client.get_quote(apple).bid > 0

with step("reconnect"):
    drop_connections()
    assert not hears(paper), "the line was not dropped"
    until("an update after the line was dropped", lambda: hears(paper))


class HalfAShare(Strategy):
    """A strategy as lumibot runs it: buys half a share at its first iteration, and notes what it is told."""

    def initialize(self) -> None:
        """Not bound to the machine's own calendar."""
        self.set_market("24/7")
        self.sleeptime = "1S"

    def on_trading_iteration(self) -> None:
        """Buy once."""
        if self.first_iteration:
            self.submit_order(self.create_order(apple, 0.5, "buy", time_in_force="day"))

    def on_filled_order(self, position: object, order: Order, price: float, quantity: float, multiplier: int) -> None:
        """Told by the stream."""
        told.put((order.asset.symbol, float(order.quantity), self.get_cash() < 467))


with step("special"):
    kept = {str(order.identifier): order.status for order in client._pull_all_orders("matrix", None)}
    assert kept[str(bought.identifier)] == kept[str(sold.identifier)] == "fill", kept
    refused = client.submit_order(order_of(apple, 100, "buy"))
    assert "insufficient buying power" in str(refused.error_message)
    told = Inbox()
    trader = Trader(logfile="")
    trader.add_strategy(HalfAShare(broker=client))
    trader.run_all(async_=True)
    assert told.wait("the strategy's fill", seconds=40) == ("AAPL", 0.5, True)
