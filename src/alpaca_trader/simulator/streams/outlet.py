"""The way out of one socket: a bounded queue of frames and the one writer that empties it.

Whoever publishes never waits for a client. One that lets too much pile up is told so, where the stream has a word for
it, and put out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from alpaca_trader.simulator.faults.fate import CUT, FATE, Fate

Frame = bytes | str
MOST_WAITING: Final = 32 * 2**20
"""Bytes that may wait for one client (frames are shared between clients, so many slow ones cost little more than one)."""
_FAREWELL_S: Final = 5.0
"""Real seconds a slow client has to take its last frame."""


class Outlet:
    """Frames in the order they were put. `put` belongs to the socket's loop, `offer` to any thread under the simulator's lock."""

    def __init__(self, socket: WebSocket, farewell: Frame | None, most_waiting: int = MOST_WAITING) -> None:
        """`farewell` is the last frame for a client that is too slow."""
        self._socket = socket
        self._farewell = farewell
        self._most_waiting = most_waiting
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Frame | int | None] = asyncio.Queue()
        self._fate: Fate | None = socket.scope.get(FATE)
        self._is_ended = False
        self._writer: asyncio.Task[None] | None = None
        self._put = self._offered = self._sent = 0
        self.is_slow = False
        """True once the client let too much pile up: nothing more is taken for it."""

    @property
    def is_open(self) -> bool:
        """Whether anything can still be said to the client: it keeps up, and no fault has ended or silenced the line."""
        is_silent = self._fate is not None and self._fate.is_silent
        return not self.is_slow and not self._is_ended and not is_silent

    def put(self, frame: Frame) -> None:
        """Queue one frame."""
        if not self.is_open:
            return
        if self._fate is not None and (code := self._fate.ends()) is not None:
            self.end(code)
            return
        self._put += len(frame)
        self._queue.put_nowait(frame)
        self._check()

    def signed_on(self) -> None:
        """Note that the client was just told so: a fault may let the line fall silent now."""
        if self._fate is not None:
            self._fate.signed_on()

    def end(self, code: int) -> None:
        """Close with this code (1006: cut the line) after what is queued; from any thread."""
        self._is_ended = True
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, code)

    def offer(self, frames: Sequence[Frame]) -> None:
        """Queue frames from another thread; returns at once."""
        if not self.is_open or self._loop.is_closed():
            return
        self._offered += sum(map(len, frames))
        self._check()
        if not self.is_slow:
            for frame in frames:
                self._loop.call_soon_threadsafe(self._queue.put_nowait, frame)

    def waiting(self) -> int:
        """Bytes that the socket has not taken yet."""
        return 0 if not self.is_open else self._put + self._offered - self._sent

    def finish(self) -> None:
        """Close the socket once everything queued is sent."""
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Send until `finish`, or until the client is gone or too slow; to be awaited in a task of its own."""
        self._writer = asyncio.current_task()
        await self._write()

    async def _write(self) -> None:
        try:
            while (frame := await self._queue.get()) is not None:
                if isinstance(frame, int):
                    await self._end(frame)
                    continue
                if isinstance(frame, bytes):
                    await self._socket.send_bytes(frame)
                else:
                    await self._socket.send_text(frame)
                self._sent += len(frame)
            await self._socket.close()
        except (WebSocketDisconnect, RuntimeError):
            return  # the client is gone; the reader hears of it too and ends the session

    async def _end(self, code: int) -> None:
        """Close; of a line that was cut the reader hears, as of a client that is gone."""
        if code != CUT:
            await self._socket.close(code)
        elif self._fate is not None:
            self._fate.cut()

    def _check(self) -> None:
        if not self.is_slow and self._put + self._offered - self._sent > self._most_waiting:
            self.is_slow = True
            self._loop.call_soon_threadsafe(self._put_out)

    def _put_out(self) -> None:
        """Forget what waits, say why, and close; a client that does not even read that is cut off."""
        while not self._queue.empty():
            self._queue.get_nowait()
        if self._farewell is not None:
            self._queue.put_nowait(self._farewell)
        self._queue.put_nowait(None)
        if self._writer is not None:
            self._loop.call_later(_FAREWELL_S, self._cut_off, self._writer)

    def _cut_off(self, writer: asyncio.Task[None]) -> None:
        """End the line of a client that has not even read why; one that has is gone already."""
        if not writer.done() and self._fate is not None:
            self._fate.cut()
        writer.cancel()
