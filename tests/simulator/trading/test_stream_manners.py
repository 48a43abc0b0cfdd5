"""Both streams over real sockets among clients of every manner: slow, compressing, pinging, chattering, and very many."""

from __future__ import annotations

import contextlib
import resource
import socket as sockets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import RunningSimulator, Simulator, SimulatorServer, running_simulator
from alpaca_trader.simulator.streams.outlet import MOST_WAITING
from tests.simulator.tiny import order, run_to, simulator

PATIENCE_S = 20


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator]]:
    """A steady ten dollars, and as many connections as one likes."""
    sim = simulator(*["10.00"] * 60, stream_connections=None)
    with running_simulator(sim) as running:
        yield sim, running


def hear(socket: ClientConnection) -> Any:
    """The next message."""
    return orjson.loads(socket.recv(timeout=PATIENCE_S))


def say(socket: ClientConnection, message: object) -> Any:
    """Send a message; the answer."""
    socket.send(orjson.dumps(message))
    return hear(socket)


@contextmanager
def updates(running: RunningSimulator, **how: Any) -> Iterator[ClientConnection]:
    """A client that hears trade updates."""
    with connect(running.ws_url + "/stream", **how) as socket:
        say(socket, {"action": "auth", "key": running.key, "secret": running.secret})
        say(socket, {"action": "listen", "data": {"streams": ["trade_updates"]}})
        yield socket


@contextmanager
def bars(running: RunningSimulator, **how: Any) -> Iterator[ClientConnection]:
    """A client that hears bars."""
    with connect(running.ws_url + "/v2/test", **how) as socket:
        hear(socket)
        say(socket, {"action": "auth", "key": running.key, "secret": running.secret})
        say(socket, {"action": "subscribe", "bars": ["XYZ"]})
        yield socket


def read_to_the_end(socket: ClientConnection) -> None:
    """Everything that still comes."""
    while True:
        socket.recv(timeout=PATIENCE_S)


def test_a_client_of_the_trading_stream_that_does_not_read_is_put_out() -> None:
    """What waits for it is bounded, then it is closed; whoever reads misses nothing, and a new connection is served."""
    with served() as (sim, running), updates(running, compression=None) as quick:
        with updates(running, compression=None, max_queue=1) as slow:
            big = {"event": "new", "order": {"symbol": "XYZ", "note": "x" * 1_000_000}}
            most = 0
            for _ in range(2 * MOST_WAITING // 1_000_000):
                with sim.lock:
                    sim.hub.trade_updates.publish(big)
                assert hear(quick)["data"]["event"] == "new"
                most = max(most, sim.hub.backlog())
                if sim.connected()["trade_updates"] == 1:
                    break
            assert sim.connected()["trade_updates"] == 1
            # The backlog is that of both clients; the quick one's last frame may not have been counted as sent yet.
            assert most <= MOST_WAITING + len(orjson.dumps({"stream": "trade_updates", "data": big}))
            with pytest.raises(ConnectionClosed):
                read_to_the_end(slow)
        with updates(running):
            sim.exchange.submit(order("buy", "market"))
            run_to(sim, sim.now + timedelta(seconds=1))
            assert [hear(quick)["data"]["event"] for _ in range(2)] == ["new", "fill"]


@pytest.mark.parametrize("compression", ["deflate", None])
def test_compression_is_agreed_on_where_it_is_offered(compression: str | None) -> None:
    """permessage-deflate in the handshake, and the same messages with and without."""
    how = {"compression": compression}
    with served() as (sim, running), bars(running, **how) as data, updates(running, **how) as trading:
        for socket in (data, trading):
            assert socket.response is not None
            agreed = socket.response.headers.get("Sec-WebSocket-Extensions", "")
            assert agreed.startswith("permessage-deflate") == (compression is not None)
        sim.exchange.submit(order("buy", "market"))
        run_to(sim, sim.now + timedelta(minutes=1, seconds=1))
        assert [hear(trading)["data"]["event"] for _ in range(2)] == ["new", "fill"]
        assert hear(data)[0]["T"] == "b"


@pytest.mark.parametrize("path", ["/stream", "/v2/test"])
def test_a_ping_is_answered_at_once_with_its_own_words(path: str) -> None:
    """Before the client has signed on, too."""
    with served() as (_, running), connect(running.ws_url + path) as socket:
        assert socket.ping(b"are you there").wait(PATIENCE_S)


def upgraded(port: int, path: str) -> tuple[sockets.socket, bytes]:
    """A bare socket after the handshake, and what came behind it."""
    line = sockets.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    line.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += line.recv(65_536)
    return line, heard.partition(b"\r\n\r\n")[2]


def pings(heard: bytes) -> list[bytes]:
    """The payloads of the pings among unmasked frames."""
    found = []
    while heard:
        length = heard[1] & 127
        if heard[0] & 15 == Opcode.PING:
            found.append(heard[2 : 2 + length])
        heard = heard[2 + length :]
    return found


@pytest.mark.parametrize("path", ["/stream", "/v2/test"])
def test_who_does_not_answer_a_ping_is_put_out(path: str) -> None:
    """A bare socket hears a ping and is closed; a client that answers pings stays through many of them."""
    server = SimulatorServer(simulator("10.00"), ping_s=0.1)
    server.start()
    try:
        with connect(server.ws_url + path) as alive:
            line, heard = upgraded(server.port, path)
            with line:
                while part := line.recv(65_536):
                    heard += part
            assert pings(heard)
            assert all(len(payload) == 4 for payload in pings(heard))
            assert alive.ping().wait(PATIENCE_S)
    finally:
        server.stop()


def test_the_heartbeat_of_the_javascript_client_is_no_message() -> None:
    """A binary frame of one byte has no answer; the next message has its own."""
    with served() as (_, running), bars(running) as socket:
        for _ in range(3):
            socket.send(b"\x01")
        assert say(socket, {"action": "subscribe", "bars": ["ABC"]})[0]["bars"] == ["ABC", "XYZ"]


def memory_bytes() -> int:
    """The most memory this process has ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_ten_thousand_subscribe_frames_at_once_are_all_answered() -> None:
    """Sent in one go without reading; memory stays bounded, and meanwhile another client hears its bars."""
    frames = 10_000
    with served() as (sim, running), bars(running) as calm, bars(running) as chatty:
        before = memory_bytes()
        words = [orjson.dumps({"action": "subscribe", "quotes": [f"S{number % 20}"]}) for number in range(frames)]

        def speak() -> None:
            for word in words:
                chatty.send(word)

        speaking = threading.Thread(target=speak)
        speaking.start()
        answers = [hear(chatty)[0] for _ in range(frames // 2)]
        run_to(sim, sim.now + timedelta(minutes=1, seconds=1))
        assert hear(calm)[0]["T"] == "b"
        rest: list[dict[str, Any]] = []
        while len(rest) < frames // 2:
            rest += [message for message in hear(chatty) if message["T"] == "subscription"]
        speaking.join()
        assert {message["T"] for message in answers} == {"subscription"}
        assert len(rest[-1]["quotes"]) == 20
        assert memory_bytes() - before < 100 * 2**20


def frame_of(message: object) -> bytes:
    """A text frame of a client, whose mask is zeros."""
    words = orjson.dumps(message)
    head = bytes([0x81, 0xFE]) + len(words).to_bytes(2, "big") if len(words) > 125 else bytes([0x81, 0x80 | len(words)])
    return head + bytes(4) + words


def test_who_asks_ten_thousand_times_and_never_reads_is_put_out() -> None:
    """Its answers pile up to the bound and no further; meanwhile and afterwards another client is served."""
    names = [f"S{number:031}" for number in range(1000)]
    with served() as (sim, running), bars(running) as calm:
        before = memory_bytes()
        greedy, _ = upgraded(running.port, "/v2/test")
        with greedy:
            greedy.sendall(frame_of({"action": "auth", "key": running.key, "secret": running.secret}))
            for first in range(0, len(names), 500):
                greedy.sendall(frame_of({"action": "subscribe", "bars": names[first : first + 500]}))
            with contextlib.suppress(ConnectionError):
                for _ in range(10_000):
                    greedy.sendall(frame_of({"action": "subscribe"}))
            for _ in range(100_000):
                assert say(calm, {"action": "subscribe"})[0]["bars"] == ["XYZ"]
                if sim.connected()["market_data"] == 1:
                    break
            heard = 0
            with contextlib.suppress(ConnectionError):
                last = b""
                while b"slow client" not in last and (part := greedy.recv(2**20)):
                    heard, last = heard + len(part), last[-20:] + part
        assert heard < MOST_WAITING
        assert memory_bytes() - before < 4 * MOST_WAITING
        run_to(sim, sim.now + timedelta(minutes=1, seconds=1))
        assert hear(calm)[0]["T"] == "b"


def test_two_hundred_connections_and_one_more() -> None:
    """Most never sign on, some subscribe; each that asked hears its bar, and all are forgotten when they go."""
    with served() as (sim, running):
        with ExitStack() as lines:
            for _ in range(150):
                line, _ = upgraded(running.port, "/v2/test")
                lines.callback(line.close)
            listening = [lines.enter_context(bars(running)) for _ in range(50)]
            with bars(running) as one:
                run_to(sim, sim.now + timedelta(minutes=1, seconds=1))
                assert [hear(socket)[0]["T"] for socket in (*listening, one)] == ["b"] * 51
                assert sim.sent()["market_data"] == 51
        with contextlib.suppress(ConnectionClosed), bars(running) as socket:
            for _ in range(1000):
                if sim.connected()["market_data"] == 1:
                    break
                say(socket, {"action": "subscribe", "bars": []})
        assert sim.hub.backlog() == 0
