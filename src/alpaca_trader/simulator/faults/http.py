"""Faults of REST requests and answers (`http.*`): a layer between the gate and the routes.

Whether one strikes is asked before the routes are, in a fixed order, so that the n-th request of a run meets the same
faults every time. Answers are held back whole while a fault may change them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.faults.board import Fault
from alpaca_trader.simulator.faults.connections import Connections
from alpaca_trader.simulator.faults.stale import StaleReads
from alpaca_trader.simulator.rest.call import MAX_BODY
from alpaca_trader.simulator.simulator import Simulator

_JSON: Final = (b"content-type", b"application/json")
_HTML: Final = (b"content-type", b"text/html")
_REASONS: Final = {
    "400": "Bad Request",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Temporarily Unavailable",
    "504": "Gateway Time-out",
}
_CALENDARS: Final = ("/v2/calendar", "/v3/calendar")
_EVENTS: Final = ("/v2/events/", "/v2beta1/events/", "/v1beta1/events/")
"""Answers without an end, which nobody can hold back whole: they are refused or never reach the broker, and that is all."""
_UNKNOWN_WORD: Final = "quantum_superposed"
_EXTRA: Final = {"x_unannounced_field": {"since": "tomorrow"}}


@dataclass(slots=True)
class Answer:
    """A whole HTTP answer. `length` None: that of the body."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    length: int | None = None

    async def hear(self, message: Message) -> None:
        """Take what an application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"content-length"]
        else:
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        """Say it to the client."""
        length = str(len(self.body) if self.length is None else self.length).encode()
        headers = [*self.headers, *([] if self.status == 204 else [(b"content-length", length)])]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class HttpFaults:
    """Wraps the routes; without an `http.*` fault in force a request passes untouched."""

    def __init__(self, app: ASGIApp, streams: ASGIApp, sim: Simulator, connections: Connections) -> None:
        """`app` answers requests, `streams` everything else."""
        self._app = app
        self._streams = streams
        self._sim = sim
        self._connections = connections
        self._stale = StaleReads(sim)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the faults in force strike this request, in the order of the catalogue."""
        if scope["type"] != "http":
            await self._streams(scope, receive, send)
            return
        if not (self._sim.faults.has("http.") or self._sim.faults.named("calendar.missing")):
            await self._app(scope, receive, send)
            return
        with self._sim.lock:
            refused = self._refusal(scope)
            lost = None if refused else self._struck("http.drop", scope)
            is_endless = scope["path"].startswith(_EVENTS)
            late = None if refused or lost or is_endless else self._struck("http.delay_apply", scope)
        if is_endless and not refused and not lost:
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        if refused is not None:
            await refused.send(send)
        elif lost is not None:
            await self._lose(lost, scope, receive, send)
        elif late is not None:
            self._apply_later(late, scope, body)
            await self._lose(late, scope, receive, send)
        else:
            await self._answer(scope, body, receive, send)

    def _struck(self, name: str, scope: Scope) -> Fault | None:
        account = scope["desk"].keys[0] if "desk" in scope else None
        return self._sim.faults.strikes(name, route=scope["path"], account=account)

    def _refusal(self, scope: Scope) -> Answer | None:
        if self._struck("http.401", scope):
            return Answer(401, [_JSON], orjson.dumps(BrokerError("wrong_key").body()))
        if fault := self._struck("http.429", scope):
            after = fault.get("retry_after", None)
            headers = [] if after is None else [(b"retry-after", str(after).encode())]
            return Answer(429, [_JSON, *headers], orjson.dumps(BrokerError("too_many_requests").body()))
        if fault := self._struck("http.5xx", scope):
            return _broken(fault.get("status", "503"), fault.get("body", "json"))
        if scope["path"].startswith(_CALENDARS) and (fault := self._struck("calendar.missing", scope)):
            is_list = scope["path"].startswith("/v2") and fault.get("answer", "empty") == "empty"
            return Answer(200, [_JSON], b"[]") if is_list else _broken("503", "json")
        return None

    async def _lose(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the fault says instead of in earnest."""
        match fault.get("answer", "504"):
            case "reset":
                self._connections.reset(scope)
                await _until_gone(receive)
            case "timeout":
                await _until_gone(receive)
            case status:
                await _broken(status, "html" if status == "504" else "json").send(send)

    def _apply_later(self, fault: Fault, scope: Scope, body: bytes) -> None:
        """Have the routes see the request when its time has come; what they answer then, nobody hears."""
        late = {**scope, "headers": list(scope["headers"])}

        def carry_out() -> None:
            _run_at_once(self._app, late, body)

        with self._sim.lock:
            self._sim.call_later(timedelta(seconds=float(fault.get("seconds", 5))), carry_out)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        with self._sim.lock:
            lost = self._struck("http.accept_then", scope)
            cut = self._struck("http.truncate", scope)
            changed = self._struck("http.mutate_json", scope)
            slow = self._struck("http.slow", scope)
            stale = self._struck("http.stale_read", scope) if scope["method"] == "GET" else None
            if stale is not None and "desk" in scope:
                scope["desk"] = self._stale.desk(scope["desk"], timedelta(seconds=float(stale.get("seconds", 2))))
        answer = Answer()
        await self._app(scope, _replayed(body), answer.hear)
        if slow is not None:
            await asyncio.sleep(float(slow.get("seconds", 1)))
        if lost is not None:
            await self._lose(lost, scope, receive, send)
            return
        if changed is not None and answer.status < 300:
            answer = _changed(answer, changed.get("change", "unknown_enum"), changed.get("field", None))
        if cut is not None:
            part = answer.body[: int(len(answer.body) * float(cut.get("share", 0.5)))]
            is_full = cut.get("length", "cut") == "full"
            answer = replace(answer, body=part, length=len(answer.body) if is_full else None)
            if is_full:
                await self._break_off(answer, scope, receive)
                return
        await answer.send(send)

    async def _break_off(self, answer: Answer, scope: Scope, receive: Receive) -> None:
        """Announce the whole length, send a part, and hang up: uvicorn would not let an application do that."""
        head = [f"HTTP/1.1 {answer.status} OK".encode(), *(b": ".join(pair) for pair in answer.headers)]
        head.append(b"content-length: " + str(answer.length).encode())
        self._connections.hang_up(scope, b"\r\n".join(head) + b"\r\n\r\n" + answer.body)
        await _until_gone(receive)


def _broken(status: str, kind: str) -> Answer:
    """The answer of a server or a proxy that is not well."""
    reason = _REASONS[status]
    if kind == "empty":
        return Answer(int(status), [_HTML])
    if kind == "html":
        page = f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        return Answer(int(status), [_HTML], page.encode())
    code = int(status) * 100_000 + 10_000
    return Answer(int(status), [_JSON], orjson.dumps({"code": code, "message": reason.lower()}))


def _changed(answer: Answer, change: str, name: str | None) -> Answer:
    """The same answer with something in it that no client knows. Lists change in their first object."""
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return answer
    target = content[0] if isinstance(content, list) and content else content
    if not isinstance(target, dict):
        return answer
    if change == "extra_key":
        target |= _EXTRA
    else:
        _spoil(target, name, None if change == "null_field" else _UNKNOWN_WORD)
    return replace(answer, body=orjson.dumps(content))


def _spoil(target: dict[str, Any], name: str | None, value: str | None) -> None:
    texts = [key for key, each in target.items() if isinstance(each, str)]
    found = name if name is not None else "status" if "status" in target else next(iter(texts), None)
    if found is not None:
        target[found] = value


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _whole_body(receive: Receive) -> bytes:
    """The request's body; of one that is longer than routes take, as much as makes them refuse it."""
    parts: list[bytes] = []
    while (message := await receive())["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False) or sum(map(len, parts)) > MAX_BODY:
            break
    return b"".join(parts)


def _replayed(body: bytes) -> Callable[[], Any]:
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Mapping[str, object]:
        return next(messages, {"type": "http.disconnect"})

    return receive


def _run_at_once(app: ASGIApp, scope: Scope, body: bytes) -> None:
    """Run a request to its end without an event loop: our routes wait for nothing but the body, which is here."""
    answering = app(scope, _replayed(body), Answer().hear)
    try:
        answering.__await__().send(None)
    except StopIteration:
        return
    raise AssertionError("a route waits for something other than its request")
