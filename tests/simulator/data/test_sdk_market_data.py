"""The contract with the real client: unmodified alpaca-py reads bars, quotes and the stream over loopback sockets."""

import json
import socket as socket_module
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from alpaca.data.enums import DataFeed
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.models import Bar, BarSet, Quote, QuoteSet, Snapshot, TradeSet
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestQuoteRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError
from websockets.protocol import State
from websockets.sync.client import connect
from websockets.uri import parse_uri

from alpaca_trader.simulator import GeneratedMarket, RunningSimulator, Simulator, Switches, running_simulator
from alpaca_trader.simulator.market.scenarios import scenario

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SYMBOLS = ("AAPL", "MSFT", "NVDA", "QQQ", "SPY")
MARKET = GeneratedMarket(7, SYMBOLS, DAY)


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    """The broker on a free port, ten minutes into the session."""
    sim = Simulator(MARKET, seed=1, start=OPEN + 10 * MINUTE, switches=Switches(rate_limit=None, iex_volume="full"))
    with running_simulator(sim) as served:
        yield served


@pytest.fixture
def client(running: RunningSimulator) -> StockHistoricalDataClient:
    """alpaca-py's data client, pointed at it."""
    return StockHistoricalDataClient(running.key, running.secret, url_override=running.url)


def test_history_pages_through_the_sdk(client: StockHistoricalDataClient) -> None:
    """Five symbols and twenty-six days of minutes, more than one page, all parsed."""
    request = StockBarsRequest(
        symbol_or_symbols=list(SYMBOLS), timeframe=TimeFrame.Minute, start=OPEN - timedelta(days=5), feed=DataFeed.IEX
    )
    bars = client.get_stock_bars(request)
    assert isinstance(bars, BarSet)
    for symbol in SYMBOLS:
        expected = MARKET.bars(symbol, OPEN - timedelta(days=5), OPEN + 10 * MINUTE)
        assert [bar.timestamp for bar in bars[symbol]] == [bar.start for bar in expected]
        assert [bar.close for bar in bars[symbol]] == [float(bar.close) for bar in expected]
        assert [bar.vwap for bar in bars[symbol]] == [float(bar.vwap) for bar in expected]


@pytest.mark.parametrize(
    ("timeframe", "count"), [(TimeFrame.Day, 26), (TimeFrame(5, TimeFrameUnit.Minute), 2), (TimeFrame.Hour, 1)]
)
def test_other_timeframes_parse(client: StockHistoricalDataClient, timeframe: TimeFrame, count: int) -> None:
    """Days since the start of history, and the bars of today so far."""
    start = datetime(2025, 11, 20, tzinfo=UTC) if timeframe.unit == TimeFrameUnit.Day else OPEN - 30 * MINUTE
    bars = client.get_stock_bars(StockBarsRequest(symbol_or_symbols="SPY", timeframe=timeframe, start=start))
    assert isinstance(bars, BarSet)
    assert len(bars["SPY"]) == count


def test_quotes_trades_and_snapshots_parse(client: StockHistoricalDataClient) -> None:
    """Latest quote with both sides, the session's quotes and trades so far, a snapshot with all five parts."""
    latest = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=["SPY", "AAPL"]))
    quote = latest["SPY"]
    assert isinstance(quote, Quote)
    assert 0 < quote.bid_price < quote.ask_price
    quotes = client.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="SPY", start=OPEN))
    trades = client.get_stock_trades(StockTradesRequest(symbol_or_symbols="SPY", start=OPEN))
    assert isinstance(quotes, QuoteSet)
    assert isinstance(trades, TradeSet)
    assert len(quotes["SPY"]) == 10 * 12 + 1
    assert len(trades["SPY"]) == 10 * 12 + 1
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))["SPY"]
    assert isinstance(snapshot, Snapshot)
    assert snapshot.daily_bar is not None
    assert snapshot.latest_trade is not None


class Listener:
    """An unmodified StockDataStream in a thread, and what it heard."""

    def __init__(self, running: RunningSimulator, count: int) -> None:
        self.heard: list[Any] = []
        self.complete = threading.Event()
        self.stream = StockDataStream(running.key, running.secret, url_override=f"{running.ws_url}/v2/iex")
        self._sim = running.sim
        self._count = count
        self._thread = threading.Thread(target=self.stream.run, daemon=True)

    async def on_message(self, message: Any) -> None:
        """Keep it; say when all are there."""
        self.heard.append(message)
        if len(self.heard) == self._count:
            self.complete.set()

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self.stream.stop()
        # The client looks up from its socket when something arrives, or every five seconds: let bars arrive.
        while self._thread.is_alive():
            self._sim.advance(self._sim.now + MINUTE)
            self._thread.join(timeout=0.02)


def wait_for_listeners(sim: Simulator, count: int) -> None:
    """Give the client's thread the processor until the broker counts this many listeners."""
    pause = threading.Event()
    for _attempt in range(1000):
        if sim.connected()["market_data"] == count:
            return
        pause.wait(0.01)
    raise AssertionError(f"the broker never counted {count} listeners")


def test_the_stream_client_hears_every_bar_of_half_an_hour(running: RunningSimulator) -> None:
    """Thirty minutes of five symbols arrive complete and in order, as fast as time is moved."""
    listener = Listener(running, 30 * len(SYMBOLS))
    listener.stream.subscribe_bars(listener.on_message, *SYMBOLS)
    with listener:
        wait_for_listeners(running.sim, 1)
        end = OPEN + 39 * MINUTE + timedelta(seconds=1)
        while running.sim.advance(end) < end:
            pass
        assert running.sim.sent()["market_data"] == 30 * len(SYMBOLS)
        assert listener.complete.wait(20)
        heard = list(listener.heard)
    assert all(isinstance(bar, Bar) for bar in heard)
    expected = [(symbol, OPEN + minute * MINUTE) for minute in range(9, 39) for symbol in SYMBOLS]
    assert [(bar.symbol, bar.timestamp) for bar in heard] == expected


def test_the_stream_client_hears_quotes_and_trades(running: RunningSimulator) -> None:
    """A minute's quotes and trades reach the handlers as the SDK's own models."""
    listener = Listener(running, 24)
    listener.stream.subscribe_quotes(listener.on_message, "NVDA")
    listener.stream.subscribe_trades(listener.on_message, "NVDA")
    with listener:
        wait_for_listeners(running.sim, 1)
        while running.sim.now < OPEN + 12 * MINUTE:
            running.sim.advance(OPEN + 12 * MINUTE)
        assert listener.complete.wait(20)
    assert {type(message).__name__ for message in listener.heard} == {"Quote", "Trade"}


def test_clients_that_come_and_go_leave_no_listener_behind(running: RunningSimulator) -> None:
    """Three clients after each other hear their bar, and each is forgotten when it leaves."""
    for _round in range(3):
        listener = Listener(running, 1)
        listener.stream.subscribe_bars(listener.on_message, "SPY")
        with listener:
            wait_for_listeners(running.sim, 1)
            running.sim.advance(running.sim.now + 2 * MINUTE)
            assert listener.complete.wait(20)
        wait_for_listeners(running.sim, 0)


def test_the_stream_client_reads_every_kind_of_message() -> None:
    """Trades, quotes, bars, updated and daily bars, statuses, corrections and cancels, each as the SDK's own model."""
    market = scenario("halt_and_gap", 7)
    first_halt = market.statuses(datetime(2025, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))[0]
    start = first_halt.at.replace(second=0) - 4 * MINUTE
    switches = Switches(iex_volume="full", data_entitlement="paid")
    sim = Simulator(market, seed=1, start=start, switches=switches)
    symbols = [asset.symbol for asset in market.assets() if asset.symbol != first_halt.symbol]
    incidents = sim.feeds["iex"].incidents
    incidents.order(symbols[0], start + MINUTE, "corrected")
    incidents.order(first_halt.symbol, start + MINUTE, "canceled")
    with running_simulator(sim) as running:
        listener = Listener(running, 10**9)
        stream = listener.stream
        for subscribe in (
            stream.subscribe_trades,
            stream.subscribe_quotes,
            stream.subscribe_bars,
            stream.subscribe_updated_bars,
            stream.subscribe_daily_bars,
            stream.subscribe_trading_statuses,
        ):
            subscribe(listener.on_message, "*")
        stream.register_trade_corrections(listener.on_message)
        stream.register_trade_cancels(listener.on_message)
        with listener:
            wait_for_listeners(sim, 1)
            while sim.now < first_halt.at + MINUTE:
                sim.advance(first_halt.at + MINUTE)
            pause = threading.Event()
            for _attempt in range(1000):
                if len(listener.heard) == sim.sent()["market_data"]:
                    break
                pause.wait(0.01)
            kinds = {type(message).__name__ for message in listener.heard}
    assert kinds == {"Trade", "Quote", "Bar", "TradingStatus", "TradeCorrection", "TradeCancel"}


def test_a_client_that_never_reads_costs_nobody_else_anything() -> None:
    """It is forgotten once 32 MiB wait for it; the other client hears every bar meanwhile."""
    sim = Simulator(MARKET, seed=1, start=OPEN, switches=Switches(iex_volume="full", stream_connections=None))
    with running_simulator(sim) as running:
        mute = SansClient(running)
        mute.say(action="auth", key=running.key, secret=running.secret)
        mute.say(action="subscribe", bars=["SPY", *(f"S{number}" for number in range(20_000))])
        wait_for_listeners(sim, 1)
        for _request in range(400):
            mute.say(action="subscribe")
        wait_for_listeners(sim, 0)
        listener = Listener(running, 10 * len(SYMBOLS))
        listener.stream.subscribe_bars(listener.on_message, *SYMBOLS)
        with listener:
            wait_for_listeners(sim, 1)
            end = OPEN + 10 * MINUTE + timedelta(seconds=1)
            while sim.advance(end) < end:
                pass
            assert listener.complete.wait(20)
        mute.close()


def test_a_frame_of_more_than_a_megabyte_ends_the_connection() -> None:
    """Nobody has that much to subscribe to: close code 1009, message too big."""
    sim = Simulator(MARKET, seed=1, start=OPEN, switches=Switches())
    with running_simulator(sim) as running, connect(f"{running.ws_url}/v2/iex") as socket:
        socket.recv()
        socket.send('{"action":"subscribe","bars":["' + "A" * 2**20 + '"]}')
        with pytest.raises(ConnectionClosedError, match="1009"):
            socket.recv(timeout=20)


class SansClient:
    """A WebSocket client that sends and never reads."""

    def __init__(self, running: RunningSimulator) -> None:
        self._protocol = ClientProtocol(parse_uri(f"{running.ws_url}/v2/iex"))
        host, port = running.url.removeprefix("http://").split(":")
        self._socket = socket_module.create_connection((host, int(port)), timeout=20)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self._protocol.state is not State.OPEN:
            self._protocol.receive_data(self._socket.recv(65536))
            self._protocol.events_received()

    def say(self, **message: Any) -> None:
        """Send one message; a server that hung up is no reason to complain."""
        self._protocol.send_text(json.dumps(message).encode())
        with suppress(ConnectionError, TimeoutError):
            self._flush()

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)
