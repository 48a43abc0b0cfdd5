"""The broker's two WebSockets: news of orders, and minute bars. Both run in threads of their own and only ``put`` events.

The SDK's streams do the protocol and reconnect for ever with growing pauses. What they lack is added here: a deadline
for the handshake (a server that never answers would hold them for ever), news of every connect and loss, keys that are
lent to them for the moment of authentication only, a check that no redirect led elsewhere, and reading that no message
can break. Nothing that was missed while disconnected is sent again: ``StreamChanged`` tells the engine to ask by REST.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack
from alpaca.data.live.stock import StockDataStream
from alpaca.trading.stream import TradingStream

from alpaca_trader.core.events import BarClosed, BarRevised, Event, ExecutionReport
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge import broker_json as wire
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.silence import silent_logger
from alpaca_trader.edge.stream_link import (
    LIVE_PATIENCE,
    SDK_LOGS,
    VIRTUAL_PATIENCE,
    Put,
    SdkNotes,
    StreamLink,
    StreamPatience,
    StreamRunner,
    Tell,
)
from alpaca_trader.edge.transport import KEYLESS

__all__ = ["LIVE_PATIENCE", "VIRTUAL_PATIENCE", "AlpacaStreams", "StreamPatience"]

FRAME_BYTES = 32_768
"""The broker reads messages in fragments of at most this size."""


class _TradeUpdates(TradingStream):
    """alpaca-contract 5.2."""

    def __init__(self, link: StreamLink) -> None:
        super().__init__(KEYLESS, KEYLESS, raw_data=True, url_override=link.url, websocket_params=link.socket_params())
        self._link = link
        self.subscribe_trade_updates(_unused)

    async def _auth(self) -> None:
        await self._link.authenticate(self, super()._auth)

    async def _start_ws(self) -> None:
        async with asyncio.timeout(self._link.patience.handshake_s):
            await super()._start_ws()  # type: ignore[no-untyped-call]
            while True:
                message = json.loads(await _socket(self).recv())
                if message.get("stream") == "listening":
                    break
                await self._dispatch(message)
        self._link.changed(True)

    async def close(self) -> None:
        self._link.changed(False)
        await super().close()

    def _reconnect_delay(self, retries: int) -> float:
        return self._link.pause_s(super()._reconnect_delay(retries))

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        if msg.get("stream") == "trade_updates":
            self._link.take(self._read, msg)
        elif msg.get("action") == "error":
            self._link.tell(f"the broker says {msg.get('data')}")

    def _read(self, message: Any) -> Event:
        news = wire.fields_of(message.get("data"), "data")
        return ExecutionReport(
            at=self._link.clock.now(),
            order=wire.read_order(news.get("order")),
            source="stream",
            event=wire.text(news, "event"),
            execution_id=wire.optional_text(news, "execution_id"),
            last_qty=wire.optional_number(news, "qty"),
            last_price=wire.optional_number(news, "price"),
        )


class _MarketData(StockDataStream):
    """alpaca-contract 5.1: minute bars and their revisions of the symbols watched."""

    def __init__(self, link: StreamLink, symbols: Sequence[str], expects_data: Callable[[], bool]) -> None:
        self._expects_data = expects_data
        self._silence_s: float | None = None
        self._due_since_s: float | None = None
        self._heard_at_s = 0.0
        super().__init__(
            KEYLESS,
            KEYLESS,
            raw_data=True,
            url_override=link.url,
            websocket_params=link.socket_params(),
            data_timeout=link.patience.silence_s,
        )
        self._link = link
        self._symbols = frozenset(symbols)
        self._answered = asyncio.Event()
        # The SDK connects once something is subscribed; what is asked for is _send_subscribe_msg's business.
        self.subscribe_bars(_unused, "*")

    @property
    def _data_timeout(self) -> float | None:
        """The SDK asks before every wait how long after the last data to give up: silence counts from when data was due."""
        if self._silence_s is None or not self._expects_data():
            self._due_since_s = None
            return None
        if self._due_since_s is None:
            self._due_since_s = asyncio.get_running_loop().time()
        return self._silence_s + max(0.0, self._due_since_s - self._heard_at_s)

    @_data_timeout.setter
    def _data_timeout(self, seconds: float | None) -> None:
        self._silence_s = seconds

    async def _auth(self) -> None:
        await self._link.authenticate(self, super()._auth)

    async def _start_ws(self) -> None:
        async with asyncio.timeout(self._link.patience.handshake_s):
            await super()._start_ws()

    async def _send_subscribe_msg(self) -> None:
        """The end of the handshake: subscribe, and wait for the broker to say so."""
        async with asyncio.timeout(self._link.patience.handshake_s):
            await self._ask("subscribe", self._symbols)
            while not self._answered.is_set():
                for message in msgpack.unpackb(await _socket(self).recv()):
                    await self._dispatch(message)
        self._heard_at_s = asyncio.get_running_loop().time()
        self._link.changed(True)

    async def close(self) -> None:
        self._link.changed(False)
        await super().close()

    def _reconnect_delay(self, retries: int) -> float:
        return self._link.pause_s(super()._reconnect_delay(retries))

    async def watch(self, symbols: Sequence[str]) -> None:
        """Change what is subscribed; returns when the broker has confirmed it. Raises ``TimeoutError``.

        Without a connection the next handshake asks for it.
        """
        before, self._symbols = self._symbols, frozenset(symbols)
        if not self._link.is_up.is_set() or before == self._symbols:
            return
        async with asyncio.timeout(self._link.patience.handshake_s):
            for action, changed in (("unsubscribe", before - self._symbols), ("subscribe", self._symbols - before)):
                if changed:
                    await self._ask(action, changed)
            await self._answered.wait()

    async def _ask(self, action: str, symbols: frozenset[str]) -> None:
        self._answered.clear()
        names = sorted(symbols)
        message: bytes = msgpack.packb({"action": action, "bars": names, "updatedBars": names})
        await _socket(self).send([message[at : at + FRAME_BYTES] for at in range(0, len(message), FRAME_BYTES)])

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        match msg.get("T"):
            case "subscription":
                if set(msg.get("bars") or ()) == self._symbols:
                    self._answered.set()
            case "error":
                self._link.tell(f"the broker says {msg.get('code')} {msg.get('msg')}")
            case "success":
                pass
            case _:
                self._link.take(self._read, msg)
                self._heard_at_s = asyncio.get_running_loop().time()

    def _read(self, message: Any) -> Event | None:
        kind = message.get("T")
        if kind not in ("b", "u"):
            return None
        starts = message.get("t")
        if isinstance(starts, msgpack.Timestamp):
            message = {**message, "t": starts.to_datetime()}
        bar = wire.read_bar(wire.text(message, "S"), message)
        now = self._link.clock.now()
        return BarClosed(now, bar) if kind == "b" else BarRevised(now, bar)


class AlpacaStreams:
    """Both streams. Events come through ``put``, called from the streams' threads; it must return at once.

    ``at`` of every event is the clock's time when the message came. ``on_bad`` hears, in words, of trouble and of
    messages that were left out. ``expects_data`` says whether the market is open, so that silence on the market-data
    stream is suspicious; it is asked from the stream's thread.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoints: Endpoints,
        symbols: Sequence[str],
        clock: Clock,
        put: Put,
        on_bad: Tell = lambda note: None,
        patience: StreamPatience = LIVE_PATIENCE,
        expects_data: Callable[[], bool] = lambda: True,
    ) -> None:
        news = StreamLink("trade_updates", endpoints.trading_stream_url, credentials, clock, put, on_bad, patience)
        market = StreamLink("market_data", endpoints.data_stream_url, credentials, clock, put, on_bad, patience)
        self._links = (news, market)
        self._market = _MarketData(market, symbols, expects_data)
        self._runners = (StreamRunner(_TradeUpdates(news), news), StreamRunner(self._market, market))
        self._handlers = [SdkNotes(link) for link in self._links]

    def start(self) -> None:
        """Begin to connect; returns at once. To be called once."""
        for link, handler in zip(self._links, self._handlers, strict=True):
            silent_logger(SDK_LOGS[link.name]).addHandler(handler)
        for runner in self._runners:
            runner.start()

    def stop(self) -> None:
        """Close both sockets and end both threads; no event comes afterwards."""
        for runner in self._runners:
            runner.stop()
        for link, handler in zip(self._links, self._handlers, strict=True):
            logging.getLogger(SDK_LOGS[link.name]).removeHandler(handler)

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until both streams are connected, authenticated and subscribed, each at most ``timeout_s`` real seconds."""
        return all(link.is_up.wait(timeout_s) for link in self._links)

    def watch(self, symbols: Sequence[str]) -> bool:
        """Watch these symbols instead; waits for the broker's confirmation. False: not confirmed, try again."""
        try:
            self._runners[1].call(lambda: self._market.watch(symbols), self._links[1].patience.handshake_s + 1)
        except Exception as error:  # noqa: BLE001 - a socket that breaks just now reconnects with the new symbols
            self._links[1].tell(f"the symbols watched were not confirmed ({type(error).__name__})")
            return False
        return True

    def received(self) -> Mapping[str, int]:
        """Messages handed over so far per stream, the useless ones included; counted after their event was put."""
        return {link.name: link.received for link in self._links}


async def _unused(message: object) -> None:
    """The SDK wants a handler; ``_dispatch`` takes the messages before it is asked."""


def _socket(stream: TradingStream | StockDataStream) -> Any:
    """The stream's WebSocket, which the SDK types as None."""
    return stream._ws
