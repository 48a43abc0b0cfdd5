"""The real alpaca-py 0.44 trades on the simulator: what it sends is understood, what it gets it can parse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from queue import Queue
from typing import Any, cast

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.models import (
    AccountConfiguration,
    Asset,
    Calendar,
    Clock,
    ClosePositionResponse,
    Order,
    Position,
    TradeAccount,
    TradeUpdate,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopOrderRequest,
)
from alpaca.trading.stream import TradingStream

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from tests.simulator.tiny import CALM, CLOSE, OPEN, TinyMarket, before, run_to, tape

PRICES = (*("100.00",) * 6, "98.00", "97.00", "97.00", *("99.00",) * 15)
PATIENCE_S = 10


class Client:
    """The SDK's trading client, narrowed to models."""

    def __init__(self, running: RunningSimulator) -> None:
        self.sim = running.sim
        self.sdk = TradingClient(running.key, running.secret, url_override=running.url)

    def submit(self, request: Any) -> Order:
        """Place an order."""
        return cast(Order, self.sdk.submit_order(request))

    def order(self, placed: Order) -> Order:
        """Look an order up."""
        return cast(Order, self.sdk.get_order_by_id(placed.id))

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        run_to(self.sim, self.sim.now + timedelta(seconds=seconds))

    def bought(self, qty: float) -> Order:
        """A filled market buy."""
        placed = self.submit(market("buy", qty))
        self.wait(1)
        return self.order(placed)


def market(side: str, qty: float) -> MarketOrderRequest:
    """A DAY market order in XYZ."""
    return MarketOrderRequest(symbol="XYZ", qty=qty, side=OrderSide(side), time_in_force=TimeInForce.DAY)


def stop(qty: float, price: float) -> StopOrderRequest:
    """A DAY sell stop in XYZ."""
    return StopOrderRequest(symbol="XYZ", qty=qty, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, stop_price=price)


def limit(side: str, qty: float, price: float, client_order_id: str | None = None) -> LimitOrderRequest:
    """A DAY limit order in XYZ."""
    return LimitOrderRequest(
        symbol="XYZ",
        qty=qty,
        side=OrderSide(side),
        time_in_force=TimeInForce.DAY,
        limit_price=price,
        client_order_id=client_order_id,
    )


def make(**changes: Any) -> Simulator:
    """A simulator on XYZ whose price falls from 100 to 97 half a minute after the open."""
    market_ = TinyMarket({"XYZ": [*before("XYZ", "99"), *tape("XYZ", *PRICES)]})
    return Simulator(market_, seed=9, start=OPEN + timedelta(seconds=1), switches=replace(CALM, **changes))


@pytest.fixture
def client() -> Iterator[Client]:
    """The SDK on a served simulator."""
    with running_simulator(make()) as running:
        yield Client(running)


def refusal(error: pytest.ExceptionInfo[APIError]) -> tuple[int | None, int]:
    """HTTP status and broker code, as the SDK reports them."""
    return error.value.status_code, int(error.value.code)


def test_account_clock_calendar_assets_and_configuration_parse(client: Client) -> None:
    """Every model of the SDK accepts our bodies."""
    account = cast(TradeAccount, client.sdk.get_account())
    assert (account.cash, account.multiplier, account.status) == ("467", "1", "ACTIVE")
    clock = cast(Clock, client.sdk.get_clock())
    assert clock.is_open
    assert clock.timestamp == client.sim.now
    days = cast(
        list[Calendar],
        client.sdk.get_calendar(GetCalendarRequest(start=date(2026, 11, 20), end=date(2026, 11, 27))),
    )
    assert [day.date.day for day in days] == [20, 23, 24, 25, 27]
    assert [asset.symbol for asset in cast(list[Asset], client.sdk.get_all_assets(GetAssetsRequest()))] == ["XYZ"]
    assert cast(Asset, client.sdk.get_asset("XYZ")).fractionable
    configuration = cast(AccountConfiguration, client.sdk.get_account_configurations())
    configuration.suspend_trade = True
    assert cast(AccountConfiguration, client.sdk.set_account_configurations(configuration)).suspend_trade


def test_a_fractional_buy_becomes_a_position(client: Client) -> None:
    """pending_new, filled at the ask; position, account and looked-up order agree."""
    placed = client.submit(market("buy", 0.3))
    assert placed.status == OrderStatus.PENDING_NEW
    client.wait(1)
    filled = client.order(placed)
    assert (filled.status, filled.filled_qty, filled.filled_avg_price) == (OrderStatus.FILLED, "0.3", "100.01")
    assert cast(Order, client.sdk.get_order_by_client_id(placed.client_order_id)).id == placed.id
    position = cast(Position, client.sdk.get_open_position("XYZ"))
    assert (position.qty, position.avg_entry_price, position.current_price) == ("0.3", "100.01", "100")
    account = cast(TradeAccount, client.sdk.get_account())
    assert account.cash is not None
    assert Decimal(account.cash) == (467 - Decimal("0.3") * Decimal("100.01")).quantize(Decimal("0.01"))


def test_a_stop_protects_and_is_elected(client: Client) -> None:
    """Resting, it holds the shares and blocks a buy; the fall to 98 elects it and the next bid fills it."""
    client.bought(0.5)
    placed = client.submit(stop(0.5, 98.5))
    client.wait(1)
    with pytest.raises(APIError) as wash:
        client.submit(market("buy", 0.1))
    assert refusal(wash) == (403, 40310000)
    assert "potential wash trade detected" in str(wash.value)
    with pytest.raises(APIError) as held:
        client.submit(market("sell", 0.5))
    assert refusal(held) == (403, 40310000)
    assert "insufficient qty available for order (requested: 0.5, available: 0)" in str(held.value)
    assert cast(Position, client.sdk.get_open_position("XYZ")).qty_available == "0"
    client.wait(60)
    filled = client.order(placed)
    assert (filled.status, filled.filled_avg_price) == (OrderStatus.FILLED, "96.99")
    with pytest.raises(APIError) as gone:
        client.sdk.get_open_position("XYZ")
    assert refusal(gone) == (404, 40410000)


def test_a_stop_is_replaced_and_canceled(client: Client) -> None:
    """PATCH gives a new order; DELETE takes effect; a second DELETE is 422."""
    client.bought(0.5)
    first = client.submit(stop(0.5, 90))
    client.wait(1)
    second = cast(Order, client.sdk.replace_order_by_id(first.id, ReplaceOrderRequest(stop_price=91)))
    assert second.replaces == first.id
    client.wait(1)
    assert client.order(first).status == OrderStatus.REPLACED
    client.sdk.cancel_order_by_id(second.id)
    client.wait(1)
    assert client.order(second).status == OrderStatus.CANCELED
    with pytest.raises(APIError) as again:
        client.sdk.cancel_order_by_id(second.id)
    assert refusal(again) == (422, 42210000)


def test_orders_are_listed_as_the_sdk_asks(client: Client) -> None:
    """Status, symbols, side, times and limit as alpaca-py spells them."""
    first = client.submit(limit("buy", 1, 90))
    client.wait(1)
    second = client.submit(limit("buy", 1, 91))
    client.wait(1)
    asked = GetOrdersRequest(
        status=QueryOrderStatus.ALL, symbols=["XYZ", "ABC"], side=OrderSide.BUY, nested=True, limit=10
    )
    assert [found.id for found in cast(list[Order], client.sdk.get_orders(asked))] == [second.id, first.id]
    late = GetOrdersRequest(after=first.submitted_at)
    assert [found.id for found in cast(list[Order], client.sdk.get_orders(late))] == [second.id]
    assert {answer.status for answer in client.sdk.cancel_orders()} == {200}  # type: ignore[union-attr]  # models, not raw


def test_positions_are_closed_by_the_sdk(client: Client) -> None:
    """A part by percentage, the rest with close_all_positions."""
    client.bought(1)
    part = cast(Order, client.sdk.close_position("XYZ", ClosePositionRequest(percentage="25")))
    assert part.qty == "0.25"
    client.wait(1)
    answers = cast(list[ClosePositionResponse], client.sdk.close_all_positions(cancel_orders=True))
    assert [(answer.symbol, answer.status) for answer in answers] == [("XYZ", 200)]
    client.wait(1)
    assert client.sdk.get_all_positions() == []


def test_refusals_reach_the_sdk_with_status_and_code(client: Client) -> None:
    """Duplicate id, missing order, sub-penny price, buying power, stop-limit beyond the market."""
    client.submit(limit("buy", 1, 90, "once"))
    with pytest.raises(APIError, match="client_order_id must be unique") as error:
        client.submit(limit("buy", 1, 90, "once"))
    assert refusal(error) == (422, 40010001)
    with pytest.raises(APIError, match="order not found") as error:
        client.sdk.get_order_by_client_id("never")
    assert refusal(error) == (404, 40410000)
    with pytest.raises(APIError, match="sub-penny") as error:
        client.submit(limit("buy", 1, 90.001))
    assert refusal(error) == (422, 42210000)
    with pytest.raises(APIError, match="insufficient buying power") as error:
        client.submit(market("buy", 4))
    assert refusal(error) == (403, 40310000)
    beyond = StopLimitOrderRequest(
        symbol="XYZ", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, stop_price=99, limit_price=99
    )
    with pytest.raises(APIError, match="stop price must be greater than current price") as error:
        client.submit(beyond)
    assert refusal(error) == (422, 42210000)


def test_a_wrong_key_is_refused(client: Client) -> None:
    """401 with its code."""
    stranger = TradingClient("PK0", "nothing", url_override=str(client.sdk._base_url))
    with pytest.raises(APIError) as error:
        stranger.get_account()
    assert refusal(error) == (401, 40110000)


class Listener:
    """The SDK's trading stream in a thread of its own."""

    def __init__(self, running: RunningSimulator) -> None:
        self.updates: Queue[TradeUpdate] = Queue()
        self.stream = TradingStream(running.key, running.secret, url_override=f"{running.ws_url}/stream")
        self.stream.subscribe_trade_updates(self._heard)
        self.thread = threading.Thread(target=self.stream.run, daemon=True)
        self.thread.start()
        pause = threading.Event()
        for _ in range(PATIENCE_S * 100):
            if running.sim.connected()["trade_updates"] == 1:
                return
            pause.wait(0.01)
        raise AssertionError("the SDK's stream did not connect")

    async def _heard(self, update: TradeUpdate) -> None:
        self.updates.put(update)

    def heard(self, count: int) -> list[TradeUpdate]:
        """The next updates."""
        return [self.updates.get(timeout=PATIENCE_S) for _ in range(count)]

    def join(self) -> None:
        """Wait for the thread; it ends at once when the server is gone (the SDK looks at `stop` every five seconds)."""
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()


def test_the_sdk_s_stream_hears_the_whole_life_of_orders() -> None:
    """new, partial_fill, fill, replaced, canceled, expired: in order, parsed, as many as sent() says."""
    with running_simulator(make(partial_fills="always")) as running:
        client, listener = Client(running), Listener(running)
        client.bought(0.5)
        client.wait(5)
        resting = client.submit(limit("buy", 1, 90))
        client.wait(1)
        replacement = cast(Order, client.sdk.replace_order_by_id(resting.id, ReplaceOrderRequest(limit_price=91)))
        client.wait(1)
        client.sdk.cancel_order_by_id(replacement.id)
        client.wait(1)
        expiring = client.submit(limit("buy", 1, 80))
        run_to(running.sim, CLOSE + timedelta(seconds=2))
        updates = listener.heard(running.sim.sent()["trade_updates"])
        listener.stream.stop()
    listener.join()
    events = [update.event for update in updates]
    assert events == ["new", "partial_fill", "fill", "new", "replaced", "new", "canceled", "new", "expired"]
    part, fill = updates[1:3]
    assert cast(float, part.qty) + cast(float, fill.qty) == pytest.approx(0.5)
    assert fill.position_qty == 0.5
    assert [update.timestamp for update in updates] == sorted(update.timestamp for update in updates)
    assert updates[-1].order.id == expiring.id
