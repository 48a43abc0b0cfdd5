"""A loopback HTTP server that says exactly what a test tells it to, and keeps what it was asked."""

import gc
import json
import os
import socket
import stat
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from alpaca_trader.core.events import Approved
from alpaca_trader.core.models import OrderIntent, OrderRole, OrderType
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import Timeouts

NOW = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)
KEY, SECRET = "PK7Q2X9CANARYKEY44ZW", "wJ8qZ3vT5nR7kY2mXb6cLd9fHs4gPa1eQuVtNi0o"
CREDENTIALS = Credentials(Secret(KEY), Secret(SECRET), "test")
ORDER_ID = "8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21"


class Trick(Enum):
    """What a server can do instead of answering."""

    MUTE = "reads the request and says nothing"
    RESET = "resets the connection"
    HANG_UP = "closes the connection without a word"


class Cut(bytes):
    """Says this much and closes the connection."""


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class CannedServer:
    """Gives ``answers`` in order, whatever is asked; an unscripted request is answered with 599."""

    answers: deque[bytes | Trick] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def say(self, *answers: bytes | Trick) -> None:
        """Script further answers."""
        self.answers.extend(answers)

    def converse(self, connection: socket.socket) -> None:
        """Serve one connection until it ends."""
        self._open.append(connection)
        with connection, connection.makefile("rb") as stream:
            while (asked := _request(stream.readline, stream.read)) is not None:
                self.asked.append(asked)
                answer = self.answers.popleft() if self.answers else reply(599, "not scripted")
                if answer is Trick.MUTE:
                    self._ended.wait()
                elif answer is Trick.RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if isinstance(answer, Trick):
                    return
                connection.sendall(answer)
                if isinstance(answer, Cut):
                    return

    def end(self) -> None:
        """Let every conversation end, whether the client has closed its side or not."""
        self._ended.set()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _request(readline: object, read: object) -> Asked | None:
    assert callable(readline)
    assert callable(read)
    try:
        first = readline().decode().split(" ")
        if len(first) < 3:
            return None
        headers = {}
        while line := readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return Asked(first[0], first[1], headers, read(int(headers.get("content-length", 0))))
    except OSError:
        return None


@contextmanager
def canned_server(*answers: bytes | Trick) -> Iterator[CannedServer]:
    """A server on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = CannedServer(deque(answers), port=listener.getsockname()[1])
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=server.converse, args=(connection,)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.end()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
    for thread in threads:
        thread.join()


def reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP answer; a body that is neither text nor bytes goes as JSON."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, str | bytes) else "application/json; charset=UTF-8"
    fields = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Canned\r\n{head}\r\n".encode() + content


def error(status: int, code: int, message: str, **extra: object) -> bytes:
    """The broker's error envelope."""
    return reply(status, {"code": code, "message": message, **extra})


@contextmanager
def client_of(
    server: CannedServer,
    clock: Clock | None = None,
    sleep: Callable[[float], None] | None = None,
    timeouts: Timeouts | None = None,
    notes: list[str] | None = None,
) -> Iterator[AlpacaClient]:
    """The client, pointed at a canned server for both hosts."""
    client = AlpacaClient(
        CREDENTIALS,
        endpoints=Endpoints.simulated(server.url, server.url.replace("http", "ws")),
        clock=clock or VirtualClock(NOW),
        sleep=sleep,
        timeouts=timeouts or Timeouts(1.0, 5.0),
        on_bad=(notes if notes is not None else []).append,
    )
    try:
        yield client
    finally:
        client.close()


def sockets() -> int:
    """How many sockets this process has open and does not merely wait to forget."""
    gc.collect()
    found = 0
    for descriptor in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):  # the listing's own
            found += stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    return found


def order_body(**changes: object) -> dict[str, object]:
    """An Order as the broker sends it (alpaca-contract 2.6.3), with some fields changed."""
    body: dict[str, object] = {
        "id": ORDER_ID,
        "client_order_id": "m-AAPL-1",
        "created_at": "2026-11-20T15:15:03.120551871Z",
        "updated_at": "2026-11-20T15:15:03.12188203Z",
        "submitted_at": "2026-11-20T15:15:03.120551871Z",
        "symbol": "AAPL",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "0.251752021",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "time_in_force": "day",
        "limit_price": "185.6",
        "stop_price": None,
        "status": "pending_new",
        "replaces": None,
        "replaced_by": None,
        "legs": None,
    }
    return {**body, **changes}


def intent(**changes: object) -> OrderIntent:
    """An entry as the engine decides it, with some fields changed."""
    fields: dict[str, object] = {
        "client_order_id": "m-AAPL-1",
        "episode_id": "m-AAPL",
        "role": OrderRole.ENTRY,
        "symbol": "AAPL",
        "side": "buy",
        "qty": Decimal("0.251752021"),
        "type": OrderType.LIMIT,
        "limit_price": Decimal("185.60"),
        "stop_price": None,
        "strategy": "momentum_breakout",
        "reason": "cross",
        "decided_at": NOW,
        "config_rev": "abc",
    }
    return OrderIntent(**{**fields, **changes})  # type: ignore[arg-type]


def approved(**changes: object) -> Approved:
    """An approved intent."""
    return Approved(NOW, intent(**changes))


def stop_of(entry: str = "m-AAPL-1", **changes: object) -> Approved:
    """The protective stop of an entry."""
    fields: dict[str, object] = {
        "client_order_id": f"{entry}-stop",
        "role": OrderRole.STOP,
        "side": "sell",
        "type": OrderType.STOP,
        "limit_price": None,
        "stop_price": Decimal("182.72"),
    }
    return approved(**{**fields, **changes})


def targets(asked: Sequence[Asked]) -> list[str]:
    """Method and path of each request, without the query."""
    return [f"{one.method} {one.target.partition('?')[0]}" for one in asked]
