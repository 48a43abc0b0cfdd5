"""From a path to who answers it: a tree of path segments, walked once per request, and the ASGI layer around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.rest.call import MAX_BODY, Answer, Call, Entry, Handler, read_fields, read_query
from alpaca_trader.simulator.simulator import Simulator

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_JSON: Final = (b"content-type", b"application/json")


@dataclass(slots=True)
class _Node:
    """The segments that may follow, and who answers when none does."""

    named: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    """What follows a segment that is a parameter."""
    parameters: tuple[str, ...] = ()
    handlers: dict[str, Handler] = field(default_factory=dict)


class Router:
    """Finds handlers by path. A segment written out goes before a parameter; parameters are never empty."""

    def __init__(self, table: Iterable[Entry]) -> None:
        self._root = _Node()
        for method, path, handler in table:
            node, names = self._root, []
            for part in path.split("/")[1:]:
                if part.startswith("{"):
                    names.append(part[1:-1])
                    node.any = node.any or _Node()
                    node = node.any
                else:
                    node = node.named.setdefault(part, _Node())
            node.parameters = tuple(names)
            node.handlers[method] = handler

    def find(self, path: str) -> tuple[Mapping[str, Handler], Mapping[str, str]] | None:
        """Handlers by method, and the path's parameters; None for a path nobody answers. `path` is percent-encoded."""
        parts = path.split("/")
        if "%" in path:
            parts = [unquote(part) for part in parts]
        node, values = self._root, []
        for part in parts[1:]:
            following = node.named.get(part)
            if following is None:
                if node.any is None or not part:
                    return None
                following = node.any
                values.append(part)
            node = following
        if not node.handlers:
            return None
        return node.handlers, dict(zip(node.parameters, values, strict=True)) if values else {}


class Counter:
    """Answers the table's requests under the simulator's lock, hands every other one on to `otherwise`."""

    def __init__(self, sim: Simulator, table: Iterable[Entry], otherwise: ASGIApp) -> None:
        self._sim = sim
        self._router = Router(table)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; `scope["desk"]` is the account it is for."""
        found = self._router.find(scope["raw_path"].decode("latin-1")) if scope["type"] == "http" else None
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        handlers, parameters = found
        method: str = scope["method"]
        handler = handlers.get("GET" if method == "HEAD" else method)
        allowed: list[tuple[bytes, bytes]] = []
        if handler is None:
            allowed.append((b"allow", _allowed(handlers)))
            status, body = (204, None) if method == "OPTIONS" else _refused(BrokerError("no_method"))
        else:
            try:
                fields = read_fields(await read_content(receive)) if method in _WITH_BODY else {}
                call = Call(scope["desk"], parameters, read_query(scope["query_string"]), fields)
                with self._sim.lock:
                    status, body = handler(self._sim, call)
            except BrokerError as refusal:
                status, body = _refused(refusal)
        content = b"" if body is None else orjson.dumps(body)
        headers = [*allowed] if body is None else [_JSON, *allowed]
        if status != 204:
            headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def _refused(refusal: BrokerError) -> Answer:
    return refusal.status, refusal.body()


def _allowed(handlers: Mapping[str, Handler]) -> bytes:
    methods = {*handlers, "OPTIONS"} | ({"HEAD"} if "GET" in handlers else set())
    return ", ".join(sorted(methods)).encode()


async def read_content(receive: Receive) -> bytes:
    """The whole body; raises BrokerError 413 as soon as it is longer than `MAX_BODY`, and keeps none of it."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise BrokerError("too_large", most=MAX_BODY)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
