"""Faults of stream connections: `ws.mute`, `ws.close`, `ws.refuse`, `ws.406`. Those of what is published: `courier`.

What a stream may say is asked before it is queued, so that nothing counts as sent that no client could get.
"""

from __future__ import annotations

from typing import Final

import msgpack
import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpaca_trader.simulator.faults.board import Fault
from alpaca_trader.simulator.faults.connections import Connections
from alpaca_trader.simulator.faults.fate import FATE, Fate
from alpaca_trader.simulator.simulator import Simulator

_LIMIT: Final = [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]
_DATA: Final = "/v2"


class StreamFaults:
    """Wraps the stream routes; without a `ws.*` fault in force a frame passes after one look."""

    def __init__(self, app: ASGIApp, sim: Simulator, connections: Connections) -> None:
        self._app = app
        self._sim = sim
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the faults in force strike this connection."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        refused = self._struck("ws.refuse", scope)
        if refused is not None:
            status = int(refused.get("status", "503"))
            await send({"type": "websocket.http.response.start", "status": status, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        muted = self._struck("ws.mute", scope)
        if muted is not None and muted.get("when", "at_once") == "at_once":
            await receive()
            await send({"type": "websocket.accept"})
            await _until_gone(receive)
            return
        if scope["path"].startswith(_DATA):
            receive = self._limited(scope, receive, send)
        scope[FATE] = Fate(
            lambda: self._struck("ws.close", scope),
            lambda: self._connections.reset(scope),
            falls_silent=muted is not None,
        )
        await self._app(scope, receive, send)

    def _struck(self, name: str, scope: Scope) -> Fault | None:
        if self._sim.faults.is_quiet:
            return None
        with self._sim.lock:
            return self._sim.faults.strikes(name, route=scope["path"])

    def _limited(self, scope: Scope, receive: Receive, send: Send) -> Receive:
        """Answer an attempt to sign on with error 406; the socket stays open and may try again (alpaca-contract 5.1)."""
        speaks_msgpack = dict(scope["headers"]).get(b"content-type") == b"application/msgpack"

        async def receive_or_strike() -> Message:
            while True:
                message = await receive()
                content = message.get("bytes") or (message.get("text") or "").encode()
                if b"auth" not in content or not self._struck("ws.406", scope):
                    return message
                if speaks_msgpack:
                    await send({"type": "websocket.send", "bytes": msgpack.packb(_LIMIT)})
                else:
                    await send({"type": "websocket.send", "text": orjson.dumps(_LIMIT).decode()})

        return receive_or_strike


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        continue
