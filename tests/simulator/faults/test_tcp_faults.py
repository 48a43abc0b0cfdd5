"""Faults of TCP at the wire, with a bare socket that sees every piece."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from tests.simulator.tiny import simulator

SILENCE_S = 0.2


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator, socket.socket]]:
    """A simulator behind a socket, and a client's connection to it."""
    sim = simulator("10.00")
    with running_simulator(sim) as running:
        port = int(running.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            yield sim, running, line


def ask(line: socket.socket, running: RunningSimulator, path: str = "/v2/clock") -> None:
    """Send one request."""
    line.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAPCA-API-KEY-ID: {running.key}\r\n"
        f"APCA-API-SECRET-KEY: {running.secret}\r\n\r\n".encode()
    )


def read_all(line: socket.socket) -> bytes:
    """Everything until the answer's closing brace."""
    heard = b""
    while not heard.endswith(b"}"):
        heard += line.recv(65_536)
    return heard


def test_a_black_connection_stays_open_and_says_nothing() -> None:
    """No answer, no end, to this request and the next; another connection is served, and the server still stops at once."""
    with served() as (sim, running, line):
        fault = sim.order_fault("tcp.blackhole", times=1)
        line.settimeout(SILENCE_S)
        for _ in range(2):
            ask(line, running)
            with pytest.raises(TimeoutError):
                line.recv(1)
        assert fault.struck == 1
        with socket.create_connection(line.getpeername(), timeout=5) as other:
            ask(other, running)
            assert read_all(other).startswith(b"HTTP/1.1 200")


def test_a_connection_is_reset() -> None:
    """The client hears of it as an error, not as an end."""
    with served() as (sim, running, line):
        sim.order_fault("tcp.rst", times=1)
        ask(line, running)
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_an_answer_comes_in_slices() -> None:
    """Byte by byte, and whole in the end; the next answer on the same connection is in order."""
    with served() as (sim, running, line):
        sim.order_fault("tcp.slice", times=1)
        ask(line, running)
        assert len(line.recv(65_536)) < 100
        assert read_all(line).endswith(b"}")
        ask(line, running)
        assert read_all(line).startswith(b"HTTP/1.1 200")


def test_the_servers_side_is_closed() -> None:
    """The answer arrives, then the end of the stream, while the client may still write."""
    with served() as (sim, running, line):
        sim.order_fault("tcp.half_close", times=1)
        ask(line, running)
        heard = b""
        while part := line.recv(65_536):
            heard += part
        assert heard.startswith(b"HTTP/1.1 200")
        ask(line, running)


def test_only_connections_on_the_named_path_are_struck() -> None:
    """A fault of the streams leaves REST alone."""
    with served() as (sim, running, line):
        fault = sim.order_fault("tcp.rst", route="/stream")
        ask(line, running)
        assert read_all(line).startswith(b"HTTP/1.1 200")
        assert fault.asked == 0
