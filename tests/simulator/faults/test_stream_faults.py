"""Faults of both streams at the wire, with the `websockets` client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgpack
import orjson
import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from alpaca_trader.simulator.faults.catalogue import kind_of
from tests.simulator.tiny import order, run_to, simulator

PATIENCE_S = 5
SILENCE_S = 0.2


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator]]:
    """A simulator at a steady ten dollars, behind a socket."""
    sim = simulator(*["10.00"] * 60)
    with running_simulator(sim) as running:
        yield sim, running


def hear(socket: ClientConnection) -> Any:
    """The next message."""
    return orjson.loads(socket.recv(timeout=PATIENCE_S))


@contextmanager
def bars(running: RunningSimulator, *, is_heard: bool = True) -> Iterator[ClientConnection]:
    """A client that asked for bars."""
    with connect(running.ws_url + "/v2/test") as socket:
        assert hear(socket)[0]["msg"] == "connected"
        assert sign_on(socket, running)[0]["msg"] == "authenticated"
        socket.send(orjson.dumps({"action": "subscribe", "bars": ["XYZ"]}))
        if is_heard:
            assert hear(socket)[0]["T"] == "subscription"
        yield socket


@contextmanager
def updates(running: RunningSimulator, *, is_heard: bool = True) -> Iterator[ClientConnection]:
    """A client that hears trade updates."""
    with connect(running.ws_url + "/stream") as socket:
        keys = {"key_id": running.key, "secret_key": running.secret}
        socket.send(orjson.dumps({"action": "authenticate", "data": keys}))
        assert hear(socket)["data"]["status"] == "authorized"
        socket.send(orjson.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        if is_heard:
            assert hear(socket)["stream"] == "listening"
        yield socket


def sign_on(socket: ClientConnection, running: RunningSimulator) -> Any:
    """Send the keys to the data stream."""
    socket.send(orjson.dumps({"action": "auth", "key": running.key, "secret": running.secret}))
    return hear(socket)


def buy(sim: Simulator) -> None:
    """A market order, and time until it is filled."""
    sim.exchange.submit(order("buy", "market"))
    run_to(sim, sim.now + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("name", "given", "events"),
    [
        (None, {}, ["new", "fill", "new", "fill"]),
        ("ws.drop", {"times": 1}, ["fill", "new", "fill"]),
        ("ws.drop", {"times": 3, "symbol": "XYZ"}, ["fill"]),
        ("ws.drop", {"symbol": "ABC"}, ["new", "fill", "new", "fill"]),
        ("ws.drop", {"route": "/v2"}, ["new", "fill", "new", "fill"]),
        ("ws.dup", {"times": 2}, ["new", "new", "fill", "fill", "new", "fill"]),
        ("ws.reorder", {"times": 1}, ["fill", "new", "new", "fill"]),
        ("ws.delay", {"times": 1, "seconds": 1.05}, ["fill", "new", "new", "fill"]),
    ],
)
def test_trade_updates_are_lost_doubled_swapped_and_late(
    name: str | None, given: dict[str, object], events: list[str]
) -> None:
    """Two orders, four updates: what arrives is what was ordered, and what was handed out is counted."""
    with served() as (sim, running), updates(running) as socket:
        if name:
            sim.order_fault(name, **given)
        buy(sim)
        buy(sim)
        assert [hear(socket)["data"]["event"] for _ in events] == events
        assert sim.sent()["trade_updates"] == len(events)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=SILENCE_S)


def test_bars_are_lost_and_doubled_too() -> None:
    """The first minute never comes, the second comes twice."""
    with served() as (sim, running), connect(running.ws_url + "/v2/test") as socket:
        assert hear(socket)[0]["msg"] == "connected"
        assert sign_on(socket, running)[0]["msg"] == "authenticated"
        socket.send(orjson.dumps({"action": "subscribe", "bars": ["XYZ"]}))
        assert hear(socket)[0]["T"] == "subscription"
        sim.order_fault("ws.drop", route="/v2", times=1)
        sim.order_fault("ws.dup", times=1)
        run_to(sim, sim.now + timedelta(minutes=3))
        minutes = [hear(socket)[0]["t"][14:16] for _ in range(3)]
        assert minutes == ["31", "31", "32"]


def test_a_mute_connection_never_greets() -> None:
    """It opens, takes what it is told and says nothing; the next connection is greeted."""
    with served() as (sim, running):
        sim.order_fault("ws.mute", times=1)
        with connect(running.ws_url + "/v2/iex") as socket:
            socket.send(b"{}")
            with pytest.raises(TimeoutError):
                socket.recv(timeout=SILENCE_S)
        with connect(running.ws_url + "/v2/iex") as socket:
            assert hear(socket)[0]["msg"] == "connected"


def test_a_connection_may_greet_and_then_fall_silent() -> None:
    """The client is signed on; after that nothing comes, not even the answer to its subscription."""
    with served() as (sim, running):
        sim.order_fault("ws.mute", when="after_auth", route="/v2", times=1)
        with connect(running.ws_url + "/v2/iex") as socket:
            assert hear(socket)[0]["msg"] == "connected"
            assert sign_on(socket, running)[0]["msg"] == "authenticated"
            socket.send(orjson.dumps({"action": "subscribe", "bars": ["XYZ"]}))
            with pytest.raises(TimeoutError):
                socket.recv(timeout=SILENCE_S)


CODES = [({"code": code}, None if code == "1006" else int(code)) for code in kind_of("ws.close").parameters[0].choices]


@pytest.mark.parametrize(("given", "code"), [({}, None), *CODES])
def test_a_connection_is_closed_in_the_middle(given: dict[str, str], code: int | None) -> None:
    """With a close code, or cut without one, instead of the next message; a new connection works."""
    with served() as (sim, running):
        with updates(running) as socket:
            sim.order_fault("ws.close", times=1, **given)
            buy(sim)
            with pytest.raises(ConnectionClosed) as closed:
                hear(socket)
        assert (closed.value.rcvd.code if closed.value.rcvd else None) == code
        with updates(running) as socket:
            buy(sim)
            assert hear(socket)["data"]["event"] == "new"


@pytest.mark.parametrize("code", ["1006", "1011"])
def test_what_a_closed_connection_never_got_is_not_counted(code: str) -> None:
    """Whoever waits until as much was received as was sent waits for nothing, on both streams; what went before arrives."""
    with served() as (sim, running), bars(running) as data, updates(running) as trading:
        sim.order_fault("ws.close", code=code, route="/v2", times=1)
        sim.order_fault("ws.close", code=code, route="/stream", times=1, after=1)
        buy(sim)
        buy(sim)
        run_to(sim, sim.now + timedelta(minutes=2))
        assert sim.sent() == {"trade_updates": 2, "market_data": 0}
        assert [hear(trading)["data"]["event"] for _ in range(2)] == ["new", "fill"]
        for socket in (trading, data):
            with pytest.raises(ConnectionClosed):
                hear(socket)
        assert sim.connected() == {"trade_updates": 0, "market_data": 0}
        with bars(running) as again:
            run_to(sim, sim.now + timedelta(minutes=1))
            assert len(hear(again)) == sim.sent()["market_data"] == 1


@pytest.mark.parametrize("message", ["greeting", "subscription"])
def test_an_answer_too_may_be_what_the_connection_is_closed_instead_of(message: str) -> None:
    """The first word to a client, or the answer to its subscription."""
    with served() as (sim, running):
        if message == "greeting":
            sim.order_fault("ws.close", code="1011", times=1)
        with connect(running.ws_url + "/v2/test") as socket:
            if message == "subscription":
                assert hear(socket)[0]["msg"] == "connected"
                assert sign_on(socket, running)[0]["msg"] == "authenticated"
                sim.order_fault("ws.close", code="1011", times=1)
                socket.send(orjson.dumps({"action": "subscribe", "bars": ["XYZ"]}))
            with pytest.raises(ConnectionClosed):
                hear(socket)


def test_what_a_silent_connection_never_got_is_not_counted() -> None:
    """Nor is its client among the connected; another one hears and counts."""
    with served() as (sim, running):
        sim.order_fault("ws.mute", when="after_auth", times=2)
        with bars(running, is_heard=False) as data, updates(running, is_heard=False) as trading:
            for socket in (data, trading):
                with pytest.raises(TimeoutError):
                    socket.recv(timeout=SILENCE_S)
            buy(sim)
            run_to(sim, sim.now + timedelta(minutes=2))
            assert sim.sent() == sim.connected() == {"trade_updates": 0, "market_data": 0}
        with updates(running) as socket:
            buy(sim)
            assert [hear(socket)["data"]["event"] for _ in range(sim.sent()["trade_updates"])] == ["new", "fill"]


def test_a_late_message_is_not_counted_for_a_client_that_has_gone() -> None:
    """It was delayed, and its time comes when nobody is there."""
    with served() as (sim, running):
        with updates(running):
            sim.order_fault("ws.delay", seconds=5)
            buy(sim)
            sim.cut_connections()
            for _ in range(1000):
                if not sim.connected()["trade_updates"]:
                    break
                requests.get(running.url + "/v2/clock", timeout=PATIENCE_S)
        run_to(sim, sim.now + timedelta(seconds=10))
        assert sim.sent()["trade_updates"] == 0


def test_a_connection_that_was_reset_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """Breaking it once more, or ending the server, meets no closed socket: nothing is logged as a failure."""
    with served() as (sim, running):
        for _ in range(2):
            with updates(running) as socket:
                sim.order_fault("ws.close", times=1)
                buy(sim)
                with pytest.raises(ConnectionClosed):
                    hear(socket)
            assert sim.cut_connections is not None
            sim.cut_connections()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("status", [int(status) for status in kind_of("ws.refuse").parameters[0].choices])
def test_a_handshake_is_refused(status: int) -> None:
    """With the HTTP status that was ordered, on the streams that were named."""
    with served() as (sim, running):
        sim.order_fault("ws.refuse", status=status, route="/stream", times=1)
        with connect(running.ws_url + "/v2/iex") as socket:
            assert hear(socket)[0]["msg"] == "connected"
        with pytest.raises(InvalidStatus) as refused:
            connect(running.ws_url + "/stream")
        assert refused.value.response.status_code == status
        with updates(running):
            assert sim.connected()["trade_updates"] == 1


@pytest.mark.parametrize("speaks_msgpack", [False, True])
def test_the_connection_limit_holds_until_it_is_over(speaks_msgpack: bool) -> None:
    """Error 406 for as long as ordered; the socket stays open and its next attempt is heard (alpaca-contract 5.1)."""
    headers = {"Content-Type": "application/msgpack"} if speaks_msgpack else {}
    pack, unpack = (msgpack.packb, msgpack.unpackb) if speaks_msgpack else (orjson.dumps, orjson.loads)
    with served() as (sim, running), connect(running.ws_url + "/v2/iex", additional_headers=headers) as socket:
        socket.recv(timeout=PATIENCE_S)
        sim.order_fault("ws.406", **{"for": 90})
        auth = pack({"action": "auth", "key": running.key, "secret": running.secret})
        socket.send(auth)
        assert unpack(socket.recv(timeout=PATIENCE_S)) == [
            {"T": "error", "code": 406, "msg": "connection limit exceeded"}
        ]
        run_to(sim, sim.now + timedelta(seconds=90))
        socket.send(auth)
        assert unpack(socket.recv(timeout=PATIENCE_S))[0]["msg"] == "authenticated"
