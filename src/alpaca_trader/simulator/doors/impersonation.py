"""Two more doors to a served simulator, for clients that insist on the broker's own hosts: TLS, and a proxy that knows them.

Both carry bytes and nothing else: what is behind them is the one server on its plain port. The proxy answers CONNECT
for the broker's host names alone, so a client pointed at it can reach nothing but the simulator.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alpaca_trader.simulator.doors.tls import HOSTS, Identity

_HOST: Final = "127.0.0.1"
_HTTPS_PORT: Final = "443"
_CHUNK_BYTES: Final = 65536
_HEAD_LIMIT_BYTES: Final = 8192
_PATIENCE_S: Final = 10
"""How long a client may take for its TLS handshake or for saying where it wants to go (seconds)."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the doors are: the port that speaks TLS, the port of the proxy, the authority clients have to trust."""

    tls_port: int
    proxy_port: int
    authority: Path

    @property
    def tls_url(self) -> str:
        """Base address of both REST APIs over TLS; the streams are there too, with `wss`."""
        return f"https://localhost:{self.tls_port}"

    @property
    def proxy_url(self) -> str:
        """What belongs into HTTPS_PROXY."""
        return f"http://{_HOST}:{self.proxy_port}"


@contextmanager
def impersonating(port: int, identity: Identity, tls_port: int = 0, proxy_port: int = 0) -> Iterator[Doors]:
    """Open both doors to the server on loopback `port` while the block runs; port 0 takes a free one.

    Raises OSError, naming the port, when one cannot be had.
    """
    with ExitStack() as opened:
        tls, proxy = (opened.enter_context(_listening(number)) for number in (tls_port, proxy_port))
        doors = Doors(tls.getsockname()[1], proxy.getsockname()[1], identity.authority)
        loop = asyncio.new_event_loop()
        work = loop.create_task(_keep(tls, identity.context, port, proxy, doors.tls_port))
        thread = threading.Thread(target=_run, args=(loop, work), name="impersonation", daemon=True)
        thread.start()
        try:
            yield doors
        finally:
            loop.call_soon_threadsafe(work.cancel)
            thread.join()


def _listening(port: int) -> socket.socket:
    """A listening loopback socket. With IPPROTO_TCP, else the event loop leaves Nagle's algorithm on."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((_HOST, port))
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen on {_HOST}:{port}: {error.strerror}; choose another port") from error
    made.listen()
    return made


def _run(loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
    """Run the loop until the work is cancelled, with all the connections it has."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_until_cancelled(work))


async def _until_cancelled(work: asyncio.Task[None]) -> None:
    await asyncio.wait([work])


async def _keep(
    tls: socket.socket, context: ssl.SSLContext, plain_port: int, proxy: socket.socket, tls_port: int
) -> None:
    """Answer at both doors until cancelled."""
    visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def to_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await _is_admitted(reader, writer):
            await _through(reader, writer, tls_port)

    # Tasks of our own: those that asyncio makes of a coroutine report their cancellation as an error (Python 3.11).
    def begin(visit: Coroutine[Any, Any, None], writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(visit)
        visits[task] = writer
        task.add_done_callback(visits.pop)

    def at_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begin(_through(reader, writer, plain_port), writer)

    def at_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begin(to_proxy(reader, writer), writer)

    servers = (
        await asyncio.start_server(at_tls, sock=tls, ssl=context, ssl_handshake_timeout=_PATIENCE_S),
        await asyncio.start_server(at_proxy, sock=proxy, limit=_HEAD_LIMIT_BYTES),
    )
    try:
        await asyncio.Event().wait()
    finally:
        for server in servers:
            server.close()
        await _end(visits)


async def _end(visits: Mapping[asyncio.Task[None], asyncio.StreamWriter]) -> None:
    """End every connection at once: who closes the doors does not wait for what is said through them."""
    going = list(visits.items())
    for task, writer in going:
        task.cancel()
        writer.transport.abort()
    await asyncio.gather(*(task for task, _ in going), return_exceptions=True)
    await asyncio.sleep(0)  # the loop tells the transports that they have ended


async def _is_admitted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether the request is CONNECT for one of the broker's hosts; answers it either way."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError):
        writer.close()
        return False
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    host, _, port = target.rpartition(":")
    if method == "CONNECT" and host.lower() in HOSTS and port == _HTTPS_PORT:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return True
    body = f"This proxy leads to the simulator: CONNECT to {', '.join(HOSTS)} on port {_HTTPS_PORT}, nothing else.\n"
    writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode())
    )
    writer.close()
    return False


async def _through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes both ways between the client and a loopback port until either side ends."""
    try:
        far_reader, far_writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        writer.close()
        return
    ways = [asyncio.create_task(_carry(reader, far_writer)), asyncio.create_task(_carry(far_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # TLS cannot be half closed: when one side has ended, so has the connection.
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for side in (writer, far_writer):
            side.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Everything the source says, no faster than the target takes it; a broken connection is an end like another."""
    try:
        while chunk := await source.read(_CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
    except (ConnectionError, ssl.SSLError):
        return
