"""The door of the REST API: request ids, authentication, rate limit, in that order, before any route is asked.

A plain ASGI layer, because it runs on every request. Faults of the transport (lost, late, broken or refused answers)
belong here too: between this layer and the routes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from email.utils import formatdate
from functools import lru_cache
from typing import Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.rest.limits import DATA, Headers, RateLimits
from alpaca_trader.simulator.simulator import Simulator

_DATA_PREFIXES: Final = ("/v2/stocks", "/v1beta", "/v1/corporate-actions")
_HTML_PREFIXES: Final = ("/v2/clock", "/v2/calendar", "/v3/clock", "/v3/calendar")
_CHALLENGE: Final = (b"www-authenticate", b'Bearer, Basic realm="alpaca.markets"')
_HTML_401: Final = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

_Answer = tuple[int, bytes, Headers]


class Gate:
    """Wraps the routes. Streams pass untouched: they authenticate by message."""

    def __init__(self, app: ASGIApp, sim: Simulator) -> None:
        self._app = app
        self._sim = sim
        self._requests = 0
        self._limits = RateLimits(sim.switches)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request here when it may not pass, else hand it on and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._requests += 1
        headers: Headers = [(b"x-request-id", self._request_id()), (b"date", self._date())]
        desk, refusal = self._account(scope["path"], dict(scope["headers"]))
        if desk is not None:
            scope["desk"] = desk
            host = DATA if scope["path"].startswith(_DATA_PREFIXES) else "trading"
            is_within, limits = self._limits.admit((desk.number, host), self._sim.now)
            if is_within or self._sim.switches.headers_on_429:
                headers += limits
            if not is_within:
                refusal = _json(BrokerError("too_many_requests"))
        if refusal is not None:
            await _answer(send, refusal, headers)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _date(self) -> bytes:
        """The broker's time, as HTTP writes it."""
        with self._sim.lock:
            return http_date(int(self._sim.shown_now.timestamp()))

    def _request_id(self) -> bytes:
        return hashlib.sha256(f"{self._sim.seed}:request:{self._requests}".encode()).hexdigest()[:32].encode()

    def _account(self, path: str, headers: dict[bytes, bytes]) -> tuple[Desk | None, _Answer | None]:
        """The account whose keys these are, or the 401 answer (alpaca-contract 1)."""
        given = _credentials(headers)
        if given is None:
            if path.startswith(_HTML_PREFIXES):
                return None, (401, _HTML_401, [(b"content-type", b"text/html"), _CHALLENGE])
            body = orjson.dumps({"message": "unauthorized."})
            return None, (401, body, [(b"content-type", b"application/json"), _CHALLENGE])
        desk = self._sim.desk_of(*given)
        if desk is not None:
            return desk, None
        status, body, kinds = _json(BrokerError("wrong_key"))
        return None, (status, body, [*kinds, _CHALLENGE])


@lru_cache(maxsize=1)
def http_date(seconds: int) -> bytes:
    """A whole second since 1970 as a `Date` header."""
    return formatdate(seconds, usegmt=True).encode()


def _credentials(headers: dict[bytes, bytes]) -> tuple[bytes, bytes] | None:
    """Key and secret from the APCA headers or from HTTP Basic; a Bearer token is never a valid key here; None when absent."""
    key, secret = headers.get(b"apca-api-key-id"), headers.get(b"apca-api-secret-key")
    if key is not None and secret is not None:
        return key, secret
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            key, _, secret = base64.b64decode(value, validate=True).partition(b":")
        except binascii.Error:
            return b"", b""
        return key, secret
    return (b"", b"") if scheme.lower() == b"bearer" else None


def _json(refusal: BrokerError) -> _Answer:
    return refusal.status, orjson.dumps(refusal.body()), [(b"content-type", b"application/json")]


async def _answer(send: Send, refusal: _Answer, headers: Headers) -> None:
    status, body, kinds = refusal
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*kinds, length, *headers]})
    await send({"type": "http.response.body", "body": body})
