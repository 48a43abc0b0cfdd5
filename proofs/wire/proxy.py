"""A TCP proxy that fails on purpose, between a client and a server that know nothing of it. ``trouble`` says how."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import Random

from proofs.wire.trouble import Kind, Trouble

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HOST, PIECE, LINGER_NOT = "127.0.0.1", 65_536, struct.pack("ii", 1, 0)


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
        self.lines: set[_Line] = set()
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

    def open_lines(self) -> list["_Line"]:
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted_s.append(asyncio.get_running_loop().time())
        try:
            server = await asyncio.open_connection(HOST, self.target)
        except OSError:
            return writer.close()
        line = _Line(self, len(self.accepted_s) - 1, {True: (reader, server[1]), False: (server[0], writer)})
        self.lines.add(line)
        await line.carry()
        self.lines.discard(line)


class _Line:
    """One connection: what is read and written in each direction (True: towards the server)."""

    def __init__(self, proxy: Proxy, number: int, ways: dict[bool, Ends]) -> None:
        self._proxy, self._number, self._ways = proxy, number, ways
        self.is_left = False
        """Whether the client has ended."""
        self._seen = {True: 0, False: 0}
        self._silent: set[bool] = set()
        self._manner: dict[bool, Trouble] = {}
        self._to_come = list(proxy.draw(number))

    @property
    def is_silenced(self) -> bool:
        """Whether a trouble swallows what is said."""
        return bool(self._silent)

    async def carry(self) -> None:
        """Both directions to their ends."""
        timed = [(each.life_s, each) for each in self._to_come if each.life_s is not None]
        self._to_come = [each for each in self._to_come if each.life_s is None]
        timers = [asyncio.get_running_loop().call_later(life_s, self._strike, each) for life_s, each in timed]
        try:
            await asyncio.gather(self._pump(True), self._pump(False))
        except OSError:
            self.reset()
        for timer in timers:
            timer.cancel()
        self._close()

    async def _pump(self, up: bool) -> None:
        reader, writer = self._ways[up]
        while data := await reader.read(PIECE):
            if up:
                self._proxy.hear(self._number, data)
                self._to_come = [self._awake(each, data) for each in self._to_come]
            while data:
                coming = [each for each in self._to_come if each.up is up and not each.on]
                next_one = min(coming, key=lambda each: each.after, default=None)
                room = len(data) if next_one is None else max(0, next_one.after - self._seen[up])
                await self._let_through(up, data[:room])
                if next_one is not None and room < len(data):
                    self._to_come.remove(next_one)
                    self._strike(next_one)
                data = data[room:]
        self.is_left |= up
        if self._silent:  # the other end may never end by itself
            self._close()
        else:
            writer.write_eof()

    def _awake(self, trouble: Trouble, data: bytes) -> Trouble:
        is_heard = trouble.on and data.startswith(trouble.on)
        return replace(trouble, on=b"", after=self._seen[trouble.up] + trouble.after) if is_heard else trouble

    async def _let_through(self, up: bool, data: bytes) -> None:
        self._seen[up] += len(data)
        manner, writer, size = self._manner.get(up), self._ways[up][1], len(data)
        if manner is not None and manner.kind == "latency":
            await asyncio.sleep(self._proxy.rng.uniform(*manner.latency_s))
        while data and up not in self._silent:
            if manner is not None and manner.kind == "slice":
                size = self._proxy.rng.randint(1, manner.size)
            writer.write(data[:size])
            await writer.drain()
            await asyncio.sleep(0)  # else the pieces would leave as one
            data = data[size:]

    def _strike(self, trouble: Trouble) -> None:
        if self._proxy.is_calm:
            return
        self._proxy.struck[trouble.kind] += 1
        if trouble.kind in ("latency", "slice"):
            self._manner[trouble.up] = trouble
            return
        self._silent |= {trouble.up} if trouble.kind in ("mute", "half_close") else {True, False}
        if trouble.kind == "half_close":
            self._ways[trouble.up][1].write_eof()
        elif trouble.kind == "truncate":
            self._close()
        elif trouble.kind == "reset":
            self.reset()

    def _close(self) -> None:
        for _, writer in self._ways.values():
            writer.close()

    def reset(self) -> None:
        """Both ends see a TCP reset."""
        self._silent |= {True, False}
        for _, writer in self._ways.values():
            with suppress(OSError):  # gone already
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            writer.transport.abort()


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
