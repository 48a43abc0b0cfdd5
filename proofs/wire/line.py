"""One connection through the proxy, and what becomes of it."""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import Random

from proofs.wire.trouble import Trouble

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PIECE, LINGER_NOT = 65_536, struct.pack("ii", 1, 0)


class Line:
    """One connection: what is read and written in each direction (True: towards the server)."""

    def __init__(
        self,
        ways: Mapping[bool, Ends],
        troubles: Sequence[Trouble],
        rng: Random,
        hear: Callable[[bytes], None],
        begins: Callable[[Trouble], bool],
    ) -> None:
        """``hear`` is told every piece of the client's at once; ``begins``: asked, and told, when a trouble's time has come."""
        self._ways, self._rng, self._hear, self._begins = ways, rng, hear, begins
        self.is_left = False
        """Whether the client has ended."""
        self._seen = {True: 0, False: 0}
        self._silent: set[bool] = set()
        self._manner: dict[bool, Trouble] = {}
        self._to_come = list(troubles)

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
                self._hear(data)
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
            await asyncio.sleep(self._rng.uniform(*manner.latency_s))
        while data and up not in self._silent:
            if manner is not None and manner.kind == "slice":
                size = self._rng.randint(1, manner.size)
            writer.write(data[:size])
            await writer.drain()
            await asyncio.sleep(0)  # else the pieces would leave as one
            data = data[size:]

    def _strike(self, trouble: Trouble) -> None:
        if not self._begins(trouble):
            return
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
