"""What both streams have in common: their state and keys, the thread they run in, and what is told of trouble."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Protocol

from alpaca_trader.core.events import Event, StreamChanged
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge import broker_json as wire
from alpaca_trader.edge.broker_errors import tame
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Origin
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.silence import silent_logger
from alpaca_trader.edge.transport import KEYLESS, ForeignHost

StreamName = Literal["trade_updates", "market_data"]
Put = Callable[[Event], None]
Tell = Callable[[str], None]

AUTH_PAUSE_S = 60.0
"""Refused keys are tried once a minute, no more (safety F9)."""
CLOSE_WITHIN_S = 2.0
SDK_LOGS: Mapping[StreamName, str] = {
    "trade_updates": "alpaca.trading.stream",
    "market_data": "alpaca.data.live.websocket",
}


class StreamPatience(NamedTuple):
    """How long a stream may be silent, in real seconds.

    ``ping_s``: between pings, and for each answer; ``silence_s``: without market data while some is expected. None: for
    ever, which virtual time needs, where the broker speaks only when time moves. ``pauses``: what the pauses between two
    attempts to connect are multiplied with, for a broker whose time runs faster than ours. ``close_s``: for the other
    side's part in closing.
    """

    ping_s: float | None = 5.0
    silence_s: float | None = 180.0
    handshake_s: float = 10.0
    pauses: float = 1.0
    close_s: float = 1.0


LIVE_PATIENCE = StreamPatience()
VIRTUAL_PATIENCE = StreamPatience(ping_s=None, silence_s=None)


class SdkStream(Protocol):
    """What is used of the SDK's streams beside their own protocol."""

    _ws: Any
    _api_key: str
    _secret_key: str

    async def _run_forever(self) -> None:
        """Connect, listen, reconnect, until cancelled."""

    async def close(self) -> None:
        """Close the socket."""


class StreamLink:
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
        self._redactor = Redactor(credentials.key, credentials.secret)
        self._tell = tell
        self._is_auth_refused = False

    def socket_params(self) -> dict[str, Any]:
        """All parameters together, since ours replace the SDK's. The library's log would quote the keys it sends."""
        return {
            "ping_interval": self.patience.ping_s,
            "ping_timeout": self.patience.ping_s,
            "max_queue": 1024,
            "max_size": 2**24,
            "close_timeout": self.patience.close_s,
            "logger": silent_logger("alpaca_trader.websocket"),
        }

    def tell(self, note: str) -> None:
        """Report trouble in words that hold no key nor a piece of one, even where the other side sent it back."""
        self._tell(f"{self.name}: {tame(self._redactor.hide(note))}")

    def changed(self, connected: bool) -> None:
        """The stream is up or was lost; said once each, and not when we close it ourselves."""
        if connected == self.is_up.is_set() or self.is_stopping:
            return
        self.put(StreamChanged(self.clock.now(), self.name, connected))
        (self.is_up.set if connected else self.is_up.clear)()

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

    async def authenticate(self, stream: SdkStream, speak: Callable[[], Awaitable[None]]) -> None:
        """Let the stream authenticate: check whom it is connected to, lend it the keys, take them back."""
        socket = stream._ws
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
        return (AUTH_PAUSE_S if self._is_auth_refused else usual_s) * self.patience.pauses


class StreamRunner:
    """Runs one SDK stream in a thread of its own until it is stopped."""

    def __init__(self, stream: SdkStream, link: StreamLink) -> None:
        self._stream = stream
        self._link = link
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name=link.name, daemon=True)

    def start(self) -> None:
        """Start the thread; returns when its loop runs."""
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
                self._link.tell(f"ended by itself; begun anew in {AUTH_PAUSE_S:.0f} s")
                await asyncio.gather(running, return_exceptions=True)
                await asyncio.wait({stopping}, timeout=AUTH_PAUSE_S)


class SdkNotes(logging.Handler):
    """Passes the SDK's warnings on in one line each; its tracebacks stay away."""

    def __init__(self, link: StreamLink) -> None:
        super().__init__(logging.WARNING)
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        if not self._link.is_stopping:
            self._link.tell(record.getMessage())
