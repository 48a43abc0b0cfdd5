"""The trading stream `/stream`: authenticate, listen, trade_updates (alpaca-contract 5.2).

JSON in binary frames (text by switch), MessagePack when the handshake asks for it. Nothing is sent before the client
has authenticated, and nothing that happened while it was away is sent later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgpack
import orjson
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.hub import TradeUpdate
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.streams.outlet import Frame, Outlet

_STREAM = "trade_updates"


def routes(sim: Simulator) -> list[BaseRoute]:
    """`/stream` and, for the old Python SDK, `/stream/`."""

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        connection = _Connection(sim, socket)
        try:
            await connection.run()
        finally:
            connection.leave()

    return [WebSocketRoute(path, serve) for path in ("/stream", "/stream/")]


class _Connection:
    """One socket. Answers and updates leave through one queue, so that their order is the order they were made in."""

    def __init__(self, sim: Simulator, socket: WebSocket) -> None:
        self._sim = sim
        self._socket = socket
        self._outlet = Outlet(socket, None)
        self._desk: Desk | None = None
        self._speaks_msgpack = socket.headers.get("content-type", "") == "application/msgpack"
        self._is_subscribed = False

    @property
    def is_listening(self) -> bool:
        """True while trade updates are asked for and the client keeps up."""
        return self._is_subscribed and self._outlet.is_open

    def wants(self, _update: TradeUpdate) -> int:
        """Every update is one message."""
        return 1

    def offer(self, update: TradeUpdate) -> None:
        """Queue an update; called from whatever thread moves time."""
        self._outlet.offer([self._encoded({"stream": _STREAM, "data": update})])

    def end(self, code: int) -> None:
        """Be put out."""
        self._outlet.end(code)

    async def run(self) -> None:
        """Answer the client until it goes, or until it lets too much pile up."""
        writer, reader = asyncio.create_task(self._outlet.run()), asyncio.create_task(self._read())
        try:
            await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
        finally:
            for task in (reader, writer):
                task.cancel()

    async def _read(self) -> None:
        while True:
            frame = await self._socket.receive()
            if frame["type"] == "websocket.disconnect":
                return
            self._outlet.put(self._encoded(self._answer(frame.get("bytes") or frame.get("text") or b"")))
            if self._desk is not None:
                self._outlet.signed_on()
            await asyncio.sleep(0)  # a client with much to ask does not keep the others waiting

    def _encoded(self, message: Mapping[str, Any]) -> Frame:
        if self._speaks_msgpack:
            packed: bytes = msgpack.packb(message)
            return packed
        content = orjson.dumps(message)
        return content if self._sim.switches.trading_frames == "binary" else content.decode()

    def _answer(self, content: bytes | str) -> Mapping[str, Any]:
        message = self._decoded(content)
        if message is None:
            return _error("invalid syntax")
        match message.get("action"):
            case "authenticate" | "auth":
                return self._authenticate(message)
            case "listen":
                return self._listen(message)
            case action:
                return _error(f"unknown action {str(action)[:40]}")

    def _decoded(self, content: bytes | str) -> Mapping[str, Any] | None:
        try:
            speaks_msgpack = self._speaks_msgpack and isinstance(content, bytes)
            message = msgpack.unpackb(content) if speaks_msgpack else orjson.loads(content)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
            return None
        return message if isinstance(message, dict) else None

    def _authenticate(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        data = message.get("data")
        named = data if isinstance(data, dict) else {}
        key = str(named.get("key_id", message.get("key", "")))
        secret = str(named.get("secret_key", message.get("secret", "")))
        self.leave()
        desk = self._sim.desk_of(key, secret)
        if desk is not None:
            with self._sim.lock:
                desk.updates.join(self, self._outlet.waiting)
        self._desk = desk
        return _authorization("authenticate", is_authorized=desk is not None)

    def leave(self) -> None:
        """Be offered nothing more."""
        self._is_subscribed = False
        if self._desk is not None:
            with self._sim.lock:
                self._desk.updates.leave(self)

    def _listen(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._desk is None:
            return _authorization("listen", is_authorized=False)
        data = message.get("data")
        streams = data.get("streams") if isinstance(data, dict) else None
        if not isinstance(streams, list) or not all(isinstance(name, str) for name in streams):
            return _error("streams must be a list of names")
        accepted = [_STREAM] if _STREAM in streams else []
        # Only from here on is the client counted; the answer is queued before any update can be.
        with self._sim.lock:
            self._is_subscribed = bool(accepted)
        return {"stream": "listening", "data": {"streams": accepted}}


def _authorization(action: str, *, is_authorized: bool) -> Mapping[str, Any]:
    status = "authorized" if is_authorized else "unauthorized"
    return {"stream": "authorization", "data": {"status": status, "action": action}}


def _error(text: str) -> Mapping[str, Any]:
    return {"action": "error", "data": {"error_message": text}}
