"""The TCP connections of the server, so that faults can break them: a thin layer over asyncio's transport.

A fault of `tcp.*` strikes when the server is about to write. A black connection stays open: it neither reads nor writes,
and is told of nothing, until the server ends.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Final, TypeVar, cast
from weakref import WeakValueDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from alpaca_trader.simulator.faults.board import Fault
from alpaca_trader.simulator.rest.http import BoundedHttp
from alpaca_trader.simulator.simulator import Simulator

_LINGER_NOT: Final = struct.pack("ii", 1, 0)
_SLICE: Final = 1
_FAREWELL_S: Final = 0.3
"""Real seconds that clients have to take their last words when the server ends, before the server loses patience."""

Result = TypeVar("Result")


class Connections:
    """Every open connection by the client's address. For the event loop's thread, except `reset_all`."""

    def __init__(self, sim: Simulator) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        # Weak, because nobody tells of the end of a connection that has become a stream.
        self._open: WeakValueDictionary[object, Line] = WeakValueDictionary()
        self.serve(sim)

    def serve(self, sim: Simulator) -> None:
        """Heed the faults of this simulator from now on."""
        self._sim = sim
        sim.cut_connections = self.reset_all

    @property
    def is_asked(self) -> bool:
        """Whether any `tcp.*` fault is in force."""
        return self._sim.faults.has("tcp.")

    def ask(self, name: str, path: str) -> Fault | None:
        """The fault that strikes a connection on this path now."""
        with self._sim.lock:
            return self._sim.faults.strikes(name, route=path)

    def opened(self, transport: asyncio.Transport) -> Line:
        """A new connection."""
        self._loop = asyncio.get_running_loop()
        line = Line(transport, self)
        self._open[transport.get_extra_info("peername")] = line
        return line

    def closed(self, line: Line) -> None:
        """The connection is no more."""
        self._open.pop(line.peer, None)

    def reset(self, scope: MutableMapping[str, Any]) -> None:
        """Break the connection of a request or stream with a TCP reset."""
        self._line(scope).reset()

    def hang_up(self, scope: MutableMapping[str, Any], last_words: bytes) -> None:
        """Write raw bytes and close."""
        line = self._line(scope)
        line.write(last_words)
        line.close()

    def _line(self, scope: MutableMapping[str, Any]) -> Line:
        line = self._open.get(tuple(scope["client"]))
        if line is None:
            raise ConnectionResetError("a fault has broken this connection")
        return line

    def call(self, action: Callable[[], Result]) -> Result | None:
        """Run `action` on the server's loop and return what it says; None while no client has ever come."""
        if self._loop is None or self._loop.is_closed():
            return None

        async def run() -> Result:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def end(self) -> None:
        """Give up the black connections at once, and after a moment what has not ended by itself; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._give_up)

    def _give_up(self) -> None:
        for line in [line for line in self._open.values() if line.is_lost]:
            line.reset()
        asyncio.get_running_loop().call_later(_FAREWELL_S, self._reset_open)

    def reset_all(self) -> None:
        """Break every connection; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._reset_open)

    def _reset_open(self) -> None:
        for line in list(self._open.values()):
            line.reset()


class Line:
    """One connection, in the place of its asyncio transport."""

    def __init__(self, transport: asyncio.Transport, connections: Connections) -> None:
        self._transport = transport
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[bytes] = deque()
        self._is_black = self._is_mute = self._is_closing = False
        self.peer = transport.get_extra_info("peername")
        self.path = ""
        """Path of the last request that came in."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def is_lost(self) -> bool:
        """Whether a fault has swallowed it."""
        return self._is_black or self._is_mute

    @property
    def transport(self) -> asyncio.Transport:
        """This line, as what it stands in for."""
        return cast(asyncio.Transport, self)

    def heard(self, data: bytes) -> bool:
        """Note what came in; False when nobody may hear it."""
        words = data[:2048].split(b" ", 2)
        if len(words) == 3 and words[1].startswith(b"/"):
            self.path = words[1].partition(b"?")[0].decode("latin-1")
        return not self._is_black

    def write(self, data: bytes) -> None:
        """Send, unless a fault strikes."""
        if self._is_black or self._is_mute:
            return
        if self._pieces:
            self._pieces.append(data)
        elif self._connections.is_asked:
            self._strike(data)
        else:
            self._transport.write(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send all of it."""
        self.write(b"".join(parts))

    def _strike(self, data: bytes) -> None:
        ask, path = self._connections.ask, self.path
        if ask("tcp.blackhole", path):
            self._is_black = True
            self._transport.pause_reading()
        elif ask("tcp.rst", path):
            self.reset()
        elif fault := ask("tcp.slice", path):
            size = int(fault.get("bytes", _SLICE))
            self._pieces.extend(data[start : start + size] for start in range(0, len(data), size))
            self._send_piece()
        elif ask("tcp.half_close", path):
            self._transport.write(data)
            self._is_mute = True
            self._transport.write_eof()
        else:
            self._transport.write(data)

    def _send_piece(self) -> None:
        self._transport.write(self._pieces.popleft())
        if self._pieces:
            self._loop.call_soon(self._send_piece)
        elif self._is_closing:
            self._transport.close()

    def resume_reading(self) -> None:
        """Read on, unless the connection is black."""
        if not self._is_black:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close when everything is sent; a black connection stays."""
        self._is_closing = True
        if not self._pieces and not self._is_black:
            self._transport.close()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self._pieces.clear()
        self._is_mute = True
        sock = self._transport.get_extra_info("socket")
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()


def protocol_with(connections: Connections) -> type[HttpToolsProtocol]:
    """Uvicorn's HTTP protocol on lines of these connections."""

    class Protocol(BoundedHttp):
        """Speaks through a line; streams that begin here inherit it."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
            self.line = connections.opened(transport)
            super().connection_made(self.line.transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.closed(self.line)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.line.heard(data):
                super().data_received(data)

    return Protocol
