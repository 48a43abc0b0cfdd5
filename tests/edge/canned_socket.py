"""A loopback WebSocket server that follows a script, for what the simulator never does."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Script = Callable[[ServerConnection], Awaitable[None]]


@contextmanager
def canned_socket(script: Script) -> Iterator[str]:
    """A server that runs ``script`` for each connection and then waits for it to close; yields ``ws://host:port``."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    ports: list[int] = []

    async def converse(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await script(connection)
            await connection.wait_closed()

    async def run(ended: asyncio.Event) -> None:
        async with serve(converse, "127.0.0.1", 0, close_timeout=0.1, logger=silent) as server:
            ports.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            await ended.wait()

    ended = asyncio.Event()
    # At DEBUG the library quotes every frame, and a test may look whether anybody does.
    silent = logging.getLogger("tests.canned_socket")
    silent.setLevel(logging.CRITICAL)

    def work() -> None:
        loop.run_until_complete(run(ended))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield f"ws://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
