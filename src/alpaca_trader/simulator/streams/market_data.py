"""The data streams /v2/{feed} and /v1beta1/{feed}: authentication, subscriptions, messages (alpaca-contract 5.1).

A handshake with `Content-Type: application/msgpack` gets binary MessagePack with Timestamp extensions, any other JSON
text. Trades, quotes and statuses go out at their own instants, bars 0.4 s after their minute, what was late or wrong
half a minute later. `/v1beta1/news` speaks the protocol and has no news to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgpack
import orjson
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.hub import ALL, DataChannel, DataMoment
from alpaca_trader.simulator.rest.data_wire import tapes_of
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.streams.messages import CHANNELS, Codec, Frame, Message, encoded, frames_for
from alpaca_trader.simulator.streams.outlet import MOST_WAITING, Outlet

_FEEDS: Final[Mapping[str, Sequence[str]]] = {
    "v2": ("iex", "sip", "delayed_sip", "test"),
    "v1beta1": ("boats", "overnight", "news"),
}
_PAID_FEEDS: Final = ("sip", "boats")
_NEWS: Final = ("news",)
_FOLLOW_TRADES: Final = ("corrections", "cancelErrors")
_FREE_TICK_SYMBOLS: Final = 30
"""Trades and quotes subscriptions together on the free plan; bars are unlimited."""
_MOST_SYMBOLS: Final = 50_000
"""Symbols in all subscriptions of one connection: several times what is listed in the United States."""
_LONGEST_SYMBOL: Final = 32
_HEARTBEAT: Final = b"\x01"
_ERRORS: Final = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
}


def routes(sim: Simulator, *, auth_timeout_s: float = 10.0, most_waiting: int = MOST_WAITING) -> list[BaseRoute]:
    """The streams' routes. A client has `auth_timeout_s` real seconds to authenticate; `most_waiting` bytes may wait for it."""
    places = _Places(sim)

    def serving(version: str) -> WebSocketRoute:
        async def serve(socket: WebSocket) -> None:
            if socket.path_params["feed"] not in _FEEDS[version]:
                await socket.close()
                return
            await socket.accept()
            await _Session(socket, sim, places, most_waiting).run(auth_timeout_s)

        return WebSocketRoute(f"/{version}/{{feed}}", serve)

    return [serving(version) for version in _FEEDS]


class _Refused(Exception):
    """A client message answered with an error; the connection stays open."""

    def __init__(self, code: int) -> None:
        super().__init__(_ERRORS[code])
        self.code = code


class _Places:
    """Who holds a connection to which feed. A client lost without a word may hold its place a while longer."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._held: dict[tuple[int, str], list[_Session]] = {}
        self._lost: dict[tuple[int, str], list[datetime]] = {}

    def take(self, desk: Desk, feed: str, session: _Session) -> bool:
        """Give the session a place; False when the account has as many as it may."""
        key, limit, now = (desk.number, feed), self._sim.switches.stream_connections, self._sim.now
        held = self._held.setdefault(key, [])
        lost = self._lost[key] = [until for until in self._lost.get(key, ()) if until > now]
        if limit is not None and len(held) + len(lost) >= limit:
            return False
        held.append(session)
        return True

    def give_back(self, desk: Desk, feed: str, session: _Session, *, is_lost: bool) -> None:
        """Free the place now, or after the time the switch gives to dead clients."""
        key = (desk.number, feed)
        self._held[key].remove(session)
        if is_lost and self._sim.switches.dead_client_s:
            until = self._sim.now + timedelta(seconds=self._sim.switches.dead_client_s)
            self._lost.setdefault(key, []).append(until)


class _Listener:
    """One client as the hub sees it: its subscriptions, and the frames each moment means for it."""

    def __init__(self, sim: Simulator, outlet: Outlet, codec: Codec) -> None:
        self.subscriptions: Mapping[str, frozenset[str]] = dict.fromkeys(CHANNELS, frozenset())
        self._wanted = tuple(self.subscriptions[channel] for channel in CHANNELS)
        self._outlet = outlet
        self._codec = codec
        self._tapes = tapes_of(sim.market)
        self._is_anything_wanted = False

    @property
    def is_listening(self) -> bool:
        """True while anything is subscribed and the client keeps up."""
        return self._is_anything_wanted and self._outlet.is_open

    def subscribe(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Replace the subscriptions."""
        self.subscriptions = wanted
        self._wanted = tuple(wanted[channel] for channel in CHANNELS)
        self._is_anything_wanted = any(self._wanted)

    def wants(self, moment: DataMoment) -> int:
        """How many messages the moment means for this client."""
        return frames_for(moment, self._wanted, self._codec, self._tapes)[0]

    def offer(self, moment: DataMoment) -> None:
        """Hand the frames over."""
        self._outlet.offer(frames_for(moment, self._wanted, self._codec, self._tapes)[1])

    def end(self, code: int) -> None:
        """Be put out."""
        self._outlet.end(code)


class _Session:
    """One socket: its reader, its outlet, and the listener that the hub offers moments to."""

    def __init__(self, socket: WebSocket, sim: Simulator, places: _Places, most_waiting: int) -> None:
        self._socket = socket
        self._sim = sim
        self._places = places
        self._feed: str = socket.path_params["feed"]
        self._codec: Codec = "msgpack" if socket.headers.get("content-type", "") == "application/msgpack" else "json"
        self._outlet = Outlet(socket, self._error(407), most_waiting)
        self._listener = _Listener(sim, self._outlet, self._codec)
        self._channels = _NEWS if self._feed == "news" else CHANNELS
        self._news: frozenset[str] = frozenset()
        self._desk: Desk | None = None
        self._is_lost = False

    async def run(self, auth_timeout_s: float) -> None:
        """Greet, then answer until the client goes; every frame leaves through one writer, so their order is kept."""
        self._send([{"T": "success", "msg": "connected"}])
        writer = asyncio.create_task(self._outlet.run())
        reader = asyncio.create_task(self._read(auth_timeout_s))
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and reader.result():
                await asyncio.wait({writer})
        finally:
            self._end()
            for task in (reader, writer):
                task.cancel()

    async def _read(self, auth_timeout_s: float) -> bool:
        """Answer the client until it is gone (False), or until it is to be put out once it has been told why (True)."""
        try:
            self._authenticate_by_headers()
            async with asyncio.timeout(auth_timeout_s):
                while self._desk is None:
                    await self._answer()
        except TimeoutError:
            self._outlet.put(self._error(404))
            self._outlet.finish()
            return True
        except WebSocketDisconnect:
            return False
        try:
            while True:
                await self._answer()
        except WebSocketDisconnect:
            return False

    def _end(self) -> None:
        """Leave the hub and give the connection's place back."""
        with self._sim.lock:
            if self._desk is not None:
                self._places.give_back(self._desk, self._feed, self, is_lost=self._is_lost)
            if (channel := self._channel()) is not None:
                channel.leave(self._listener)

    def _channel(self) -> DataChannel | None:
        """The feed's channel; None for news, which has none."""
        return self._sim.hub.feeds.get(self._feed)

    async def _answer(self) -> None:
        """Receive one frame and answer it."""
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            # The server passes on what a close frame says; a connection that just broke has nothing to say.
            self._is_lost = "reason" not in received and received.get("code") in (1005, 1006)
            raise WebSocketDisconnect(received.get("code", 1005))
        content = received.get("bytes") or received.get("text") or b""
        if content == _HEARTBEAT:
            return
        try:
            self._handle(self._decoded(content))
        except _Refused as refused:
            self._outlet.put(self._error(refused.code))
        await asyncio.sleep(0)  # a client with much to ask does not keep the others waiting

    def _decoded(self, content: bytes | str) -> Mapping[str, Any]:
        try:
            is_packed = self._codec == "msgpack" and isinstance(content, bytes)
            message = msgpack.unpackb(content) if is_packed else orjson.loads(content)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
            raise _Refused(400) from None
        if not isinstance(message, dict):
            raise _Refused(400)
        return message

    def _handle(self, message: Mapping[str, Any]) -> None:
        action = message.get("action")
        if action == "auth":
            self._authenticate(message.get("key"), message.get("secret"))
        elif action not in ("subscribe", "unsubscribe"):
            raise _Refused(400)
        elif self._desk is None:
            raise _Refused(401)
        else:
            changes = {key: value for key, value in message.items() if key != "action"}
            if any(key not in self._channels for key in changes):
                raise _Refused(410)
            if not all(_is_symbol_list(value) for value in changes.values()):
                raise _Refused(400)
            self._subscribe(changes, adds=action == "subscribe")

    # Authentication

    def _authenticate_by_headers(self) -> None:
        """The documented alternative to a message; headers of another kind are not looked at."""
        headers = self._socket.headers
        key, secret = headers.get("apca-api-key-id"), headers.get("apca-api-secret-key")
        if not self._sim.switches.stream_header_auth or key is None or secret is None:
            return
        try:
            self._authenticate(key, secret)
        except _Refused as refused:
            self._outlet.put(self._error(refused.code))

    def _authenticate(self, key: object, secret: object) -> None:
        if self._desk is not None:
            raise _Refused(403)
        if not isinstance(key, str) or not isinstance(secret, str):
            raise _Refused(402)
        desk = self._sim.desk_of(key, secret)
        if desk is None:
            raise _Refused(402)
        if self._feed in _PAID_FEEDS and self._sim.switches.data_entitlement == "free":
            raise _Refused(409)
        with self._sim.lock:
            if not self._places.take(desk, self._feed, self):
                raise _Refused(406)
            if (channel := self._channel()) is not None:
                channel.join(self._listener, self._outlet.waiting)
        self._desk = desk
        self._send([{"T": "success", "msg": "authenticated"}])
        self._outlet.signed_on()

    # Subscriptions

    def _subscribe(self, changes: Mapping[str, Sequence[str]], *, adds: bool) -> None:
        if self._feed == "news":
            named = set(changes.get("news", ()))
            self._news = self._news | named if adds else self._news - named
            self._send([{"T": "subscription", "news": sorted(self._news)}])
            return
        wanted = dict(self._listener.subscriptions)
        for channel, symbols in changes.items():
            wanted[channel] = wanted[channel] | set(symbols) if adds else wanted[channel] - set(symbols)
        for channel in _FOLLOW_TRADES:
            wanted[channel] = wanted["trades"]
        self._check_limits(wanted)
        # The answer is queued first: no bar overtakes the confirmation of its subscription.
        self._send([{"T": "subscription", **{channel: sorted(wanted[channel]) for channel in CHANNELS}}])
        with self._sim.lock:
            self._listener.subscribe(wanted)
            self._sim.hub.feeds[self._feed].changed()

    def _check_limits(self, wanted: Mapping[str, frozenset[str]]) -> None:
        ticks = len(wanted["trades"]) + len(wanted["quotes"])
        is_all = ALL in wanted["trades"] or ALL in wanted["quotes"]
        is_free = self._sim.switches.data_entitlement == "free"
        if (is_free and (is_all or ticks > _FREE_TICK_SYMBOLS)) or sum(map(len, wanted.values())) > _MOST_SYMBOLS:
            raise _Refused(405)

    # Frames

    def _error(self, code: int) -> Frame:
        return encoded([{"T": "error", "code": code, "msg": _ERRORS[code]}], self._codec)

    def _send(self, messages: Sequence[Message]) -> None:
        self._outlet.put(encoded(messages, self._codec))


def _is_symbol_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and len(item) <= _LONGEST_SYMBOL for item in value)
