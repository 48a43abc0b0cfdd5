"""The proxy itself, between a plain socket and a server that echoes."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random

import pytest

from proofs.wire.proxy import HOST, Proxy, running
from proofs.wire.trouble import Trouble

WORDS = b"0123456789" * 100


@contextmanager
def echo_server() -> Iterator[int]:
    """Sends back what comes, connection after connection, until its client ends; yields its port."""
    with socket.create_server((HOST, 0)) as listener:

        def converse(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(4096):
                        connection.sendall(data)
                except OSError:
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=converse, args=(connection,)))
                threads[-1].start()

        threads: list[threading.Thread] = []
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for thread in threads:
        thread.join()


@contextmanager
def proxied(*troubles: Trouble, heard: list[bytes] | None = None) -> Iterator[tuple[Proxy, socket.socket]]:
    """A socket to the echo through a proxy whose first connection has these troubles."""

    def draw(number: int) -> Sequence[Trouble]:
        return troubles if number == 0 else ()

    with echo_server() as port:
        proxy = Proxy(port, draw, Random(7), lambda number, data: (heard if heard is not None else []).append(data))
        proxy.is_calm = False
        with running(proxy), socket.create_connection((HOST, proxy.port)) as client:
            client.settimeout(0.2)
            yield proxy, client


def ask(client: socket.socket, words: bytes = WORDS) -> bytes | str:
    """What comes back of the words, and how it ended if not by all of them: silence, an end, a reset."""
    client.sendall(words)
    answer = b""
    while len(answer) < len(words):
        try:
            piece = client.recv(4096)
        except (TimeoutError, ConnectionResetError) as failure:
            return f"{len(answer)} {type(failure).__name__}"
        if not piece:
            return f"{len(answer)} end"
        answer += piece
    return answer


ENDINGS = [
    ((), WORDS),
    ((Trouble("latency", latency_s=(0.0, 0.01)),), WORDS),
    ((Trouble("slice", size=3), Trouble("slice", up=True, size=50)), WORDS),
    ((Trouble("reset"),), "0 ConnectionResetError"),
    ((Trouble("truncate", after=321),), "321 end"),
    ((Trouble("half_close", after=10),), "10 end"),
    ((Trouble("half_close", up=True, after=10),), "10 end"),
    ((Trouble("mute"),), "0 TimeoutError"),
    ((Trouble("mute", up=True, after=30),), "30 TimeoutError"),
    ((Trouble("black_hole", after=100),), "100 TimeoutError"),
    ((Trouble("mute", after=5, life_s=0.0),), "0 TimeoutError"),
    ((Trouble("slice", size=2), Trouble("truncate", after=7)), "7 end"),
    ((Trouble("reset", on=b"another"),), WORDS),
]


@pytest.mark.parametrize(("troubles", "ending"), ENDINGS, ids=lambda value: str(value)[:50])
def test_each_trouble_does_what_it_says(troubles: Sequence[Trouble], ending: bytes | str) -> None:
    """Byte for byte: what comes through, and how it ends; each is counted."""
    with proxied(*troubles) as (proxy, client):
        assert ask(client) == ending
        assert sum(proxy.struck.values()) == sum(not trouble.on for trouble in troubles)


def test_a_reset_is_one() -> None:
    """Linger off: the client gets ECONNRESET and not an end, and the next connection is fine."""
    with proxied(Trouble("reset", after=4)) as (proxy, client):
        assert str(ask(client)).endswith("ConnectionResetError")
        with socket.create_connection((HOST, proxy.port)) as following:
            following.settimeout(5)
            assert ask(following) == WORDS
        assert len(proxy.accepted_s) == 2


def test_a_trouble_waits_for_its_words() -> None:
    """What is said before them passes; its bytes are counted from them on."""
    with proxied(Trouble("mute", on=b"POST", after=2)) as (_, client):
        assert ask(client, b"GET all") == b"GET all"
        assert ask(client, b"POST it") == "2 TimeoutError"


def test_a_refused_connection_is_refused() -> None:
    """The port is closed for a while; what is connected stays."""
    with proxied() as (proxy, client):
        assert ask(client) == WORDS
        proxy.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, proxy.port))
        assert ask(client) == WORDS
        proxy.refuse(False)
        with socket.create_connection((HOST, proxy.port)) as following:
            assert ask(following) == WORDS


def test_the_witness_hears_what_is_swallowed() -> None:
    """What a client said is heard, whatever becomes of it."""
    heard: list[bytes] = []
    with proxied(Trouble("black_hole", up=True), heard=heard) as (_, client):
        assert ask(client, b"lost") == "0 TimeoutError"
    assert heard == [b"lost"]


def test_a_server_that_is_gone_ends_the_connection() -> None:
    """No upstream: accepted, and closed without a word."""
    with echo_server() as port:
        pass
    proxy = Proxy(port, lambda number: (), Random(7), lambda number, data: None)
    with running(proxy), socket.create_connection((HOST, proxy.port)) as client:
        assert ask(client, b"") == b""
        assert client.recv(1) == b""


def test_when_all_is_calm_nothing_begins() -> None:
    """What has begun goes on: a mute connection is for its client to notice."""
    with proxied(Trouble("mute", after=5), Trouble("reset", after=50)) as (proxy, client):
        proxy.is_calm = True
        assert ask(client, b"0123456789") == b"0123456789"
        proxy.is_calm = False
    with proxied(Trouble("mute")) as (proxy, client):
        assert ask(client) == "0 TimeoutError"
        proxy.is_calm = True
        assert ask(client) == "0 TimeoutError"
