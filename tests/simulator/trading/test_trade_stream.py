"""The trading stream's protocol over a real socket, message by message (alpaca-contract 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgpack
import orjson
import pytest
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import RunningSimulator, running_simulator
from tests.simulator.tiny import CALM, OPEN, order, run_to
from tests.simulator.trading.test_rest import make_sim

PATIENCE_S = 10


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    """A served simulator."""
    with running_simulator(make_sim()) as found:
        yield found


def say(socket: ClientConnection, message: object) -> dict[str, Any]:
    """Send a message and return the answer."""
    socket.send(orjson.dumps(message))
    return hear(socket)


def hear(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    answer: dict[str, Any] = orjson.loads(socket.recv(timeout=PATIENCE_S))
    return answer


def credentials(running: RunningSimulator) -> dict[str, Any]:
    """The authenticate message of the SDKs."""
    return {"action": "authenticate", "data": {"key_id": running.key, "secret_key": running.secret}}


LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}


def test_authenticate_listen_and_hear_every_update_in_order(running: RunningSimulator) -> None:
    """Binary frames; advance stops at each instant with news; sent() counts what was handed out."""
    sim = running.sim
    with connect(f"{running.ws_url}/stream") as socket:
        assert say(socket, credentials(running)) == {
            "stream": "authorization",
            "data": {"status": "authorized", "action": "authenticate"},
        }
        assert sim.connected()["trade_updates"] == 0
        assert say(socket, LISTEN) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        assert sim.connected()["trade_updates"] == 1
        sim.exchange.submit(order("buy", "market", "0.5", client_order_id="mine"))
        stops = [sim.advance(OPEN + timedelta(minutes=1)) for _ in range(3)]
        assert stops[0] == OPEN + timedelta(seconds=1, milliseconds=3)
        assert stops[0] < stops[1] < stops[2] == OPEN + timedelta(minutes=1)
        assert sim.sent() == {"trade_updates": 2, "market_data": 0}
        raw = socket.recv(timeout=PATIENCE_S)
        assert isinstance(raw, bytes)
        news, fill = orjson.loads(raw)["data"], hear(socket)["data"]
        assert (news["event"], news["order"]["status"]) == ("new", "new")
        assert fill["event"] == "fill"
        assert {
            "event",
            "event_id",
            "at",
            "timestamp",
            "execution_id",
            "price",
            "qty",
            "position_qty",
            "settle_date",
            "order",
        } == fill.keys()
        assert (fill["price"], fill["qty"], fill["position_qty"]) == ("100.01", "0.5", "0.5")
        assert fill["order"]["client_order_id"] == "mine"
        assert fill["order"]["cancel_requested_at"] is None
        assert news["event_id"] < fill["event_id"]
        assert say(socket, {"action": "listen", "data": {"streams": []}})["data"] == {"streams": []}
        assert sim.connected()["trade_updates"] == 0


def test_nothing_is_sent_or_counted_without_the_key(running: RunningSimulator) -> None:
    """listen before authenticate, and a wrong secret, are unauthorized; the right key still works afterwards."""
    with connect(f"{running.ws_url}/stream/") as socket:
        refused = {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
        assert say(socket, LISTEN) == refused
        wrong = {"action": "auth", "key": running.key, "secret": "no"}
        assert say(socket, wrong)["data"] == {"status": "unauthorized", "action": "authenticate"}
        assert say(socket, LISTEN) == refused
        assert say(socket, wrong | {"secret": running.secret})["data"]["status"] == "authorized"
    assert running.sim.sent()["trade_updates"] == 0


@pytest.mark.parametrize("frame", ["{", "[]", '{"action":"dance"}', "{}", '{"action":"listen","data":{"streams":"x"}}'])
def test_a_frame_that_makes_no_sense_is_answered_with_an_error(running: RunningSimulator, frame: str) -> None:
    """The connection stays open."""
    with connect(f"{running.ws_url}/stream") as socket:
        say(socket, credentials(running))
        socket.send(frame)
        assert hear(socket)["action"] == "error"
        assert say(socket, LISTEN)["stream"] == "listening"


def test_a_client_that_left_is_no_longer_told(running: RunningSimulator) -> None:
    """Events while nobody listens are lost: there is no replay."""
    sim = running.sim
    with connect(f"{running.ws_url}/stream") as socket:
        say(socket, credentials(running))
        say(socket, LISTEN)
    with connect(f"{running.ws_url}/stream") as socket:
        say(socket, credentials(running))
        sim.exchange.submit(order("buy", "market", "0.5"))
        run_to(sim, OPEN + timedelta(seconds=3))
        say(socket, LISTEN)
        late = sim.exchange.submit(order("buy", "market", "0.1"))
        run_to(sim, OPEN + timedelta(seconds=4))
        assert hear(socket)["data"]["order"]["id"] == late.id


def test_text_frames_and_messagepack_on_demand() -> None:
    """Live sends text; a MessagePack handshake gets MessagePack both ways."""
    with running_simulator(make_sim(switches=replace(CALM, trading_frames="text"))) as running:
        with connect(f"{running.ws_url}/stream") as socket:
            socket.send(orjson.dumps(credentials(running)))
            assert isinstance(socket.recv(timeout=PATIENCE_S), str)
        headers = {"Content-Type": "application/msgpack"}
        with connect(f"{running.ws_url}/stream", additional_headers=headers) as socket:
            packed: bytes = msgpack.packb(credentials(running))
            socket.send(packed)
            assert msgpack.unpackb(socket.recv(timeout=PATIENCE_S))["data"]["status"] == "authorized"
