"""The broker's two WebSockets: news of orders, and minute bars. Both run in threads of their own and only ``put`` events.

The SDK's streams do the protocol and reconnect for ever with growing pauses. What they lack is added here: a deadline
for the handshake (a server that never answers would hold them for ever), news of every connect and loss, keys that are
lent to them for the moment of authentication only, a check that no redirect led elsewhere, and reading that no message
can break. Nothing that was missed while disconnected is sent again: ``StreamChanged`` tells the engine to ask by REST.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import msgpack
from alpaca.data.live.stock import StockDataStream
from alpaca.trading.stream import TradingStream

from alpaca_trader.core.events import BarClosed, BarRevised, Event, ExecutionReport, StreamChanged
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge import broker_json as wire
from alpaca_trader.edge.broker_errors import tame
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints, Origin
from alpaca_trader.edge.transport import KEYLESS, ForeignHost

StreamName = Literal["trade_updates", "market_data"]
Put = Callable[[Event], None]
Tell = Callable[[str], None]

AUTH_PAUSE_S = 60.0
"""Refused keys are tried once a minute, no more (safety F9)."""
CLOSE_WITHIN_S = 2.0
FRAME_BYTES = 32_768
SDK_LOGS: Mapping[StreamName, str] = {
    "trade_updates": "alpaca.trading.stream",
    "market_data": "alpaca.data.live.websocket",
}


class StreamPatience(NamedTuple):
    """How long a stream may be silent, in real seconds.

    ``ping_s``: between pings, and for each answer; ``silence_s``: without market data while some is expected. None: for
    ever, which virtual time needs, where the broker speaks only when time moves.
    """

    ping_s: float | None = 5.0
    silence_s: float | None = 180.0
    handshake_s: float = 10.0


LIVE_PATIENCE = StreamPatience()
VIRTUAL_PATIENCE = StreamPatience(ping_s=None, silence_s=None)


class _Link:
    """What one stream has in common with the other, and what other threads may ask of it."""

    def __init__(
        self,
        name: StreamName,
        url: str,
        credentials: Credentials,
        clock: Clock,
        put: Put,
        tell: Tell,
        patience: StreamPatience,
    ) -> None:
        self.name = name
        self.url = url
        self.clock = clock
        self.put = put
        self.patience = patience
        self.is_up = threading.Event()
        self.received = 0
        self.is_stopping = False
        self._credentials = credentials
        self._tell = tell
        self._is_auth_refused = False

    def socket_params(self) -> dict[str, Any]:
        """All parameters together, since ours replace the SDK's. The library's log would quote the keys it sends."""
        return {
            "ping_interval": self.patience.ping_s,
            "ping_timeout": self.patience.ping_s,
            "max_queue": 1024,
            "max_size": 2**24,
            "close_timeout": 1,
            "logger": _silent_logger("alpaca_trader.websocket"),
        }

    def tell(self, note: str) -> None:
        """Report trouble in words that hold no key, even where the other side sent one back."""
        for secret in (self._credentials.key, self._credentials.secret):
            note = note.replace(secret.reveal(), "(hidden)")
        self._tell(f"{self.name}: {tame(note)}")

    def changed(self, connected: bool) -> None:
        """The stream is up or was lost; said once each, and not when we close it ourselves."""
        if connected == self.is_up.is_set() or self.is_stopping:
            return
        (self.is_up.set if connected else self.is_up.clear)()
        self.put(StreamChanged(self.clock.now(), self.name, connected))

    def take(self, read: Callable[[Any], Event | None], message: Any) -> None:
        """Turn one message into an event and hand it over; count it afterwards, whatever became of it."""
        try:
            event = read(message)
            if event is not None:
                self.put(event)
        except wire.Unusable as error:
            self.tell(f"a message was left out: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream must go on listening
            self.tell(f"a message was left out: {type(error).__name__}")
        finally:
            self.received += 1

    async def authenticate(self, stream: TradingStream | StockDataStream, speak: Callable[[], Awaitable[None]]) -> None:
        """Let the stream authenticate: check whom it is connected to, lend it the keys, take them back."""
        socket = _socket(stream)
        # What was dialled last; the public names of these are deprecated in favour of the peer's numeric address.
        reached = Origin("wss" if socket._secure else "ws", socket._host, socket._port)
        if reached != Origin.of(self.url):
            raise ForeignHost(f"redirected to {reached.host}: the keys were not sent")
        stream._api_key = self._credentials.key.reveal()
        stream._secret_key = self._credentials.secret.reveal()
        try:
            await speak()
        except ValueError as error:
            self._is_auth_refused = str(error) in ("failed to authenticate", "auth failed")
            raise
        finally:
            stream._api_key = stream._secret_key = KEYLESS
        self._is_auth_refused = False

    def pause_s(self, usual_s: float) -> float:
        """Seconds until the next attempt to connect."""
        return AUTH_PAUSE_S if self._is_auth_refused else usual_s


class _TradeUpdates(TradingStream):
    """alpaca-contract 5.2."""

    def __init__(self, link: _Link) -> None:
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

    def __init__(self, link: _Link, symbols: Sequence[str], expects_data: Callable[[], bool]) -> None:
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


class _Runner:
    """Runs one SDK stream in a thread of its own until it is stopped."""

    def __init__(self, stream: TradingStream | StockDataStream, link: _Link) -> None:
        self._stream = stream
        self._link = link
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name=link.name, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._has_begun.wait()

    def stop(self) -> None:
        """End the thread; it closes the socket properly, so that the broker frees the connection at once."""
        self._link.is_stopping = True
        if self._loop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop ended in between
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def call(self, work: Callable[[], Any], timeout_s: float) -> None:
        """Run a coroutine function on the stream's loop and wait for it; raises what it raises, or ``TimeoutError``."""
        if self._loop is not None and self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(work(), self._loop).result(timeout_s)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_begun.set()
        stopping = asyncio.create_task(self._stop.wait())
        while not self._stop.is_set():
            running = asyncio.create_task(self._stream._run_forever())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            has_ended = running.done()
            while not running.done():  # a cancel that meets an arriving message can get lost in Python 3.11's wait_for
                running.cancel()
                await asyncio.wait({running}, timeout=0.1)
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await self._stream.close()
            if has_ended and not self._stop.is_set():
                # The SDK gives up for good on some answers; but a subscription can be bought meanwhile.
                problem = None if running.cancelled() else running.exception()
                self._link.tell(f"ended by itself ({type(problem).__name__}); begun anew in {AUTH_PAUSE_S:.0f} s")
                await asyncio.wait({stopping}, timeout=AUTH_PAUSE_S)


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
        news = _Link("trade_updates", endpoints.trading_stream_url, credentials, clock, put, on_bad, patience)
        market = _Link("market_data", endpoints.data_stream_url, credentials, clock, put, on_bad, patience)
        self._links = (news, market)
        self._market = _MarketData(market, symbols, expects_data)
        self._runners = (_Runner(_TradeUpdates(news), news), _Runner(self._market, market))
        self._handlers = [_Notes(link) for link in self._links]

    def start(self) -> None:
        """Begin to connect; returns at once. To be called once."""
        for link, handler in zip(self._links, self._handlers, strict=True):
            _silent_logger(SDK_LOGS[link.name]).addHandler(handler)
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


class _Notes(logging.Handler):
    """Passes the SDK's warnings on in one line each; its tracebacks stay away."""

    def __init__(self, link: _Link) -> None:
        super().__init__(logging.WARNING)
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        if not self._link.is_stopping:
            self._link.tell(record.getMessage())


def _silent_logger(name: str) -> logging.Logger:
    """A logger that writes nowhere by itself, whatever the process's log settings are."""
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def _socket(stream: TradingStream | StockDataStream) -> Any:
    """The stream's WebSocket, which the SDK types as None."""
    return stream._ws


async def _unused(message: object) -> None:
    """The SDK wants a handler; ``_dispatch`` takes the messages before it is asked."""
