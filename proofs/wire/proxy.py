"""A TCP proxy that fails on purpose, between a client and a server that know nothing of it. ``trouble`` says how."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random

from proofs.wire.line import Line
from proofs.wire.trouble import Kind, Trouble

HOST = "127.0.0.1"


class Proxy:
    """Passes on what comes to ``port`` to ``target`` while ``running``."""

    def __init__(
        self, target: int, draw: Callable[[int], Sequence[Trouble]], rng: Random, hear: Callable[[int, bytes], None]
    ) -> None:
        """``draw``: the troubles of the n-th connection, from 0 on. ``hear``: told n and each piece of its client at once."""
        self.target, self.draw, self.rng, self.hear = target, draw, rng, hear
        self.port = 0
        self.struck: Counter[Kind] = Counter()
        self.accepted_s: list[float] = []
        """When each connection came, in real seconds."""
        self.is_calm = True
        """Nothing begins to go wrong; what has begun goes on. Set from any thread."""
        self.lines: set[Line] = set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, is_open: bool = True) -> None:
        """Accept connections, or refuse them, from now on."""
        self.loop = asyncio.get_running_loop()
        if is_open and self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        elif self._server is not None and not is_open:
            self._server.close()
            self._server = None

    def refuse(self, is_refused: bool) -> None:
        """Refuse new connections, or accept them again; from another thread."""
        assert self.loop is not None, "not running"
        asyncio.run_coroutine_threadsafe(self.listen(not is_refused), self.loop).result()

    def open_lines(self) -> list[Line]:
        """Connections that their client has not ended; from any thread."""
        return [line for line in list(self.lines) if not line.is_left]

    def cut(self) -> None:
        """Break every connection with a TCP reset; from another thread."""

        def reset() -> None:
            for line in self.lines:
                self.struck["reset"] += 1
                line.reset()

        assert self.loop is not None, "not running"
        self.loop.call_soon_threadsafe(reset)

    def _begins(self, trouble: Trouble) -> bool:
        if not self.is_calm:
            self.struck[trouble.kind] += 1
        return not self.is_calm

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.accepted_s)
        self.accepted_s.append(asyncio.get_running_loop().time())
        try:
            server = await asyncio.open_connection(HOST, self.target)
        except OSError:
            return writer.close()
        ways = {True: (reader, server[1]), False: (server[0], writer)}
        line = Line(ways, self.draw(number), self.rng, partial(self.hear, number), self._begins)
        self.lines.add(line)
        await line.carry()
        self.lines.discard(line)


@contextmanager
def running(*proxies: Proxy) -> Iterator[None]:
    """The proxies serve from a thread while the block runs; then every connection is broken."""
    ready, ended = threading.Event(), asyncio.Event()

    async def serve() -> None:
        for proxy in proxies:
            await proxy.listen()
        ready.set()
        await ended.wait()
        for proxy in proxies:
            await proxy.listen(False)
            while proxy.lines:
                for line in proxy.lines:
                    line.reset()
                await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="proxy")
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop = proxies[0].loop
        assert loop is not None, "it listened"
        loop.call_soon_threadsafe(ended.set)
        thread.join()
