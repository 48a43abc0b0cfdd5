"""Server-sent events: `/v2/events/trades` and `/v2beta1/events/activities` (alpaca-contract 5.3).

A stream first tells the past that was asked for, then follows what happens until the end that was asked for, if any. A
client that reads too slowly loses messages and is told how many, in a comment line.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.event_history import Event, Past
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.hub import Channel
from alpaca_trader.simulator.rest.call import Call, moment, read_query, wrong
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_time

MAX_WAITING: Final = 10_000
"""Events that wait for a client at most; further ones are dropped and counted."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID: Final = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""No end that lies beyond it is waited for."""


class Source(Protocol):
    """Where the events come from."""

    @property
    def channel(self) -> Channel[Event]:
        """Where they are told as they happen."""
        ...

    def past(self, asked: Past) -> Sequence[Event]:
        """The events asked for, oldest first."""
        ...


class _Listener:
    """One client: what it is still to be sent."""

    is_listening = True

    def __init__(self, asked: Past) -> None:
        self._asked = asked
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._dropped = 0

    def wants(self, _event: Event) -> int:
        """Every event is one message."""
        return 1

    def offer(self, event: Event) -> None:
        """Queue an event; called from whatever thread moves time."""
        at = parse_time(event["at"])
        assert at is not None, "our own time"
        if not self._asked.holds(at, event["event_id"]):
            self.end()
        else:
            self._call(self._queue, _line(event))

    def end(self, _code: int = 1000) -> None:
        """Send nothing more after what waits; called from any thread."""
        self._call(self._waiting.put_nowait, None)

    def _call(self, action: Callable[..., object], *values: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(action, *values)

    def _queue(self, line: bytes) -> None:
        if self._waiting.qsize() >= MAX_WAITING:
            self._dropped += 1
            return
        if self._dropped:
            note = f": you are reading too slowly, dropped {self._dropped} messages\n\n"
            line, self._dropped = note.encode() + line, 0
        self._waiting.put_nowait(line)

    async def lines(self) -> AsyncIterator[bytes]:
        """What is queued, as it comes, until the end."""
        while (line := await self._waiting.get()) is not None:
            yield line


def routes(sim: Simulator) -> list[BaseRoute]:
    """The two streams."""
    return [
        Route("/v2/events/trades", _endpoint(sim, lambda desk: desk.trade_events)),
        Route("/v2beta1/events/activities", _endpoint(sim, lambda desk: desk.activity_events)),
    ]


def _endpoint(sim: Simulator, source_of: Callable[[Desk], Source]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        desk: Desk = request.scope["desk"]
        try:
            asked = _asked(Call(desk, {}, read_query(request.scope["query_string"]), {}))
        except BrokerError as refusal:
            return JSONResponse(refusal.body(), refusal.status)
        return event_stream(request, _stream(sim, source_of(desk), asked))

    return endpoint


def event_stream(request: Request, lines: AsyncIterator[bytes]) -> Response:
    """The answer that tells these lines as they come; to HEAD its head alone, at once."""
    told: AsyncIterator[bytes] | Sequence[bytes] = () if request.method == "HEAD" else lines
    return StreamingResponse(told, media_type="text/event-stream", headers={"cache-control": "no-cache"})


async def _stream(sim: Simulator, source: Source, asked: Past) -> AsyncIterator[bytes]:
    """Past and present without a gap: the client joins in the same breath in which the past is read."""
    listener = _Listener(asked)
    with sim.lock:
        past, end = source.past(asked), _end_of(asked)
        is_over = end is not None and end <= sim.now
        if not is_over:
            source.channel.join(listener)
        if end is not None and not is_over and end < _NEVER:
            sim.call_later(end - sim.now + timedelta(microseconds=1), listener.end)
    try:
        yield b": welcome\n\n"
        for event in past:
            yield _line(event)
        if not is_over:
            async for line in listener.lines():
                yield line
    finally:
        with sim.lock:
            source.channel.leave(listener)


def _line(event: Event) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


def _asked(call: Call) -> Past:
    """The parameters; an end needs the begin of its kind, and times and ids exclude each other."""
    given = {name for name in ("since", "since_id", "until", "until_id") if call.query.get(name)}
    for end, begin in (("until", "since"), ("until_id", "since_id")):
        if end in given and begin not in given:
            raise BrokerError("missing_field", field=begin)
    if {"since", "since_id"} <= given:
        raise BrokerError("excludes", field="since_id", other="since")
    return Past(moment(call, "since"), _ulid(call, "since_id"), moment(call, "until"), _ulid(call, "until_id"))


def _ulid(call: Call, name: str) -> str | None:
    text = call.query.get(name)
    if not text:
        return None
    if not _ULID.fullmatch(text.upper()):
        raise wrong(name, text)
    return text.upper()


def _end_of(asked: Past) -> datetime | None:
    """When the stream is over: the time asked for, or the last microsecond of the millisecond an event id begins with."""
    if asked.until_id is None:
        return asked.until
    millis = 0
    for letter in asked.until_id[:10]:
        millis = millis * 32 + _CROCKFORD.index(letter)
    try:
        return _EPOCH + timedelta(milliseconds=millis, microseconds=999)
    except OverflowError:
        return None
