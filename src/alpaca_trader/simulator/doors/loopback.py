"""An ASGI application on a loopback port, served from a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

_HOST = "127.0.0.1"
_BACKLOG = 128
_KEEP_ALIVE_S = 3600
PING_S = 20.0
_MOST_MESSAGE_BYTES = 2**20
"""Of one message to a stream: several times what a subscription to every listed symbol takes."""


class _Uvicorn(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then report."""
        await super().startup(sockets)
        self.ready.set()


class LoopbackServer:
    """Serves one application on 127.0.0.1 from a daemon thread."""

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        name: str,
        protocol: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
        ping_s: float = PING_S,
    ) -> None:
        """`port` 0 takes a free one. The address is known at once, requests are answered after `start`.

        Streams are pinged every `ping_s` real seconds, and closed when a ping is not answered for as long.

        Raises OSError for a port that is taken.
        """
        # Made by hand with IPPROTO_TCP: without it the event loop leaves Nagle's algorithm on, 40 ms per call.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((_HOST, port))
        except OSError as error:
            self._socket.close()
            raise OSError(
                error.errno, f"cannot listen on {_HOST}:{port}: {error.strerror}; choose another port"
            ) from error
        self._socket.listen(_BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="websockets-sansio",
            ws_max_size=_MOST_MESSAGE_BYTES,
            ws_ping_interval=ping_s,
            ws_ping_timeout=ping_s,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",  # not a line for every malformed request of a stranger
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = _Uvicorn(config)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    @property
    def url(self) -> str:
        """Base address, without a path."""
        return f"http://{_HOST}:{self.port}"

    def start(self) -> None:
        """Serve from now on; returns when requests are answered. Raises RuntimeError when the server cannot start."""
        self._thread.start()
        self._uvicorn.ready.wait()
        if not self._uvicorn.started:
            raise RuntimeError("the simulator's server did not start; the log tells why")

    def _serve(self) -> None:
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._uvicorn.ready.set()

    def close_clients(self) -> None:
        """Close every connection, streams with code 1012 (service restart); for the server's own thread."""
        for connection in list(self._uvicorn.server_state.connections):
            connection.shutdown()

    def stop(self) -> None:
        """Close all connections and end the thread."""
        self._uvicorn.should_exit = True
        self._thread.join()
        self._socket.close()
