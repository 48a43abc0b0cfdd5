"""The market-data stream /v2/{feed}: authentication, subscriptions, and bars as each minute ends (alpaca-contract 5.1).

A handshake with `Content-Type: application/msgpack` gets binary MessagePack with Timestamp extensions, any other JSON text.
Bars go out when the exchange publishes them (minute end + 0.4 s of virtual time). Trades and quotes of the clients that
asked for them travel in the same frame, ahead of the bars and with their own times: one burst a minute, in time order.
`updatedBars`, `statuses`, `lulds`, `corrections` and `cancelErrors` can be subscribed and stay silent: this tape is never
corrected, and a halt shows as a quote without prices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import orjson
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.streams.subscriber import CHANNELS, Message, Subscriber

_FEEDS = ("iex", "sip", "delayed_sip", "test")
_FOLLOW_TRADES = ("corrections", "cancelErrors")
_FREE_TICK_SYMBOLS = 30
"""Trades and quotes subscriptions together on the free plan; bars are unlimited."""
_ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
}


def routes(sim: Simulator, *, connection_limit: int | None = None, auth_timeout_s: float = 10.0) -> list[BaseRoute]:
    """The stream's route. `connection_limit` authenticated clients at once (None: any number); others get error 406."""
    sessions: list[_Session] = []

    async def serve(socket: WebSocket) -> None:
        if socket.path_params["feed"] not in _FEEDS:
            await socket.close()
            return
        await socket.accept()
        session = _Session(socket, sim, sessions, connection_limit)
        try:
            await session.run(auth_timeout_s)
        finally:
            session.end()

    return [WebSocketRoute("/v2/{feed}", serve)]


def _is_string_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


class _Refused(Exception):
    """A client message answered with an error; the connection stays open."""

    def __init__(self, code: int) -> None:
        super().__init__(_ERRORS[code])
        self.code = code


class _Session:
    """One socket: its reader, its writer, and the listener that the hub offers bars to."""

    def __init__(
        self, socket: WebSocket, sim: Simulator, sessions: list[_Session], connection_limit: int | None
    ) -> None:
        self._socket = socket
        self._sim = sim
        self._sessions = sessions
        self._connection_limit = connection_limit
        self._speaks_msgpack = socket.headers.get("content-type", "") == "application/msgpack"
        self._loop = asyncio.get_running_loop()
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listener = Subscriber(sim.market, self._offer)

    async def run(self, auth_timeout_s: float) -> None:
        """Greet, then answer until the client goes; every frame leaves through one writer, so their order is kept."""
        writer = asyncio.create_task(self._write())
        try:
            self._send([{"T": "success", "msg": "connected"}])
            try:
                async with asyncio.timeout(auth_timeout_s):
                    while self not in self._sessions:
                        await self._answer()
            except TimeoutError:
                self._send_error(404)
                self._outgoing.put_nowait(None)
                await writer
                await self._socket.close()
                return
            while True:
                await self._answer()
        except WebSocketDisconnect:
            pass
        finally:
            writer.cancel()

    def end(self) -> None:
        """Leave the hub and give the connection's place back."""
        with self._sim.lock:
            self._sim.hub.market_data.leave(self._listener)
        if self in self._sessions:
            self._sessions.remove(self)

    async def _write(self) -> None:
        while (frame := await self._outgoing.get()) is not None:
            try:
                if self._speaks_msgpack:
                    await self._socket.send_bytes(frame)
                else:
                    await self._socket.send_text(frame.decode())
            except (WebSocketDisconnect, RuntimeError):
                return  # the client is gone; the reader hears of it too and ends the session

    async def _answer(self) -> None:
        """Receive one frame and answer it."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        try:
            self._handle(self._decoded(received.get("bytes"), received.get("text")))
        except _Refused as refused:
            self._send_error(refused.code)

    def _decoded(self, data: bytes | None, text: str | None) -> Mapping[str, Any]:
        try:
            message = orjson.loads(text or data or b"") if text or not self._speaks_msgpack else msgpack.unpackb(data)
        except (ValueError, TypeError, msgpack.UnpackException):
            raise _Refused(400) from None
        if not isinstance(message, dict):
            raise _Refused(400)
        return message

    def _handle(self, message: Mapping[str, Any]) -> None:
        action = message.get("action")
        if action == "auth":
            self._authenticate(message)
        elif action not in ("subscribe", "unsubscribe"):
            raise _Refused(400)
        elif self not in self._sessions:
            raise _Refused(401)
        else:
            changes = {key: value for key, value in message.items() if key != "action"}
            if any(key not in CHANNELS for key in changes):
                raise _Refused(410)
            if not all(_is_string_list(value) for value in changes.values()):
                raise _Refused(400)
            self._subscribe(changes, adds=action == "subscribe")

    def _authenticate(self, message: Mapping[str, Any]) -> None:
        if self in self._sessions:
            raise _Refused(403)
        if self._sim.desk_of(str(message.get("key", "")), str(message.get("secret", ""))) is None:
            raise _Refused(402)
        feed = self._socket.path_params["feed"]
        # The delayed stream is not on offer here: what it would show, REST shows with feed=delayed_sip.
        if feed == "delayed_sip" or (feed == "sip" and self._sim.switches.data_entitlement == "free"):
            raise _Refused(409)
        if self._connection_limit is not None and len(self._sessions) >= self._connection_limit:
            raise _Refused(406)
        self._sessions.append(self)
        with self._sim.lock:
            self._sim.hub.market_data.join(self._listener)
        self._send([{"T": "success", "msg": "authenticated"}])

    def _subscribe(self, changes: Mapping[str, Sequence[str]], *, adds: bool) -> None:
        wanted = dict(self._listener.subscriptions)
        for channel, symbols in changes.items():
            wanted[channel] = wanted[channel] | set(symbols) if adds else wanted[channel] - set(symbols)
        for channel in _FOLLOW_TRADES:
            wanted[channel] = wanted["trades"]
        ticks = [*wanted["trades"], *wanted["quotes"]]
        if self._sim.switches.data_entitlement == "free" and ("*" in ticks or len(ticks) > _FREE_TICK_SYMBOLS):
            raise _Refused(405)
        # The answer is queued first: no bar overtakes the confirmation of its subscription.
        self._send([{"T": "subscription", **{channel: sorted(wanted[channel]) for channel in CHANNELS}}])
        with self._sim.lock:
            self._listener.subscribe(wanted, self._sim.now)

    def _send_error(self, code: int) -> None:
        self._send([{"T": "error", "code": code, "msg": _ERRORS[code]}])

    def _send(self, messages: Sequence[Message]) -> None:
        self._outgoing.put_nowait(self._encoded(messages))

    def _offer(self, messages: Sequence[Message]) -> None:
        """Pass a frame to the socket's own loop; called from the thread that moves time."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._outgoing.put_nowait, self._encoded(messages))

    def _encoded(self, messages: Sequence[Message]) -> bytes:
        if self._speaks_msgpack:
            packed: bytes = msgpack.packb(messages, datetime=True)
            return packed
        return orjson.dumps(messages, option=orjson.OPT_UTC_Z)
