"""The simulator behind a socket: trading and data API and both streams on one loopback port, served from a thread."""

from __future__ import annotations

import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.faults.connections import Connections, protocol_with
from alpaca_trader.simulator.faults.http import HttpFaults
from alpaca_trader.simulator.faults.streams import StreamFaults
from alpaca_trader.simulator.rest import data, events, others, trading
from alpaca_trader.simulator.rest.gate import Gate
from alpaca_trader.simulator.rest.router import Counter
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.streams import market_data, trade_updates

_HOST = "127.0.0.1"
_BACKLOG = 128
_KEEP_ALIVE_S = 3600
_PACE_S = 0.02
"""How often the wall-clock driver moves virtual time (seconds)."""


def build_app(sim: Simulator, connections: Connections | None = None) -> ASGIApp:
    """The ASGI application: routes of both hosts behind the gate, and between the two the faults somebody ordered.

    `connections` are those of the server, where there is one.
    """
    lines = connections or Connections(sim)
    rest = Starlette(
        routes=[
            *(_under_lock(sim, route) for route in data.routes(sim)),
            *others.routes(sim),
            *events.routes(sim),
            *trade_updates.routes(sim),
            *market_data.routes(sim),
        ],
        exception_handlers={HTTPException: _unknown, Exception: _broken},
    )
    rest.router.redirect_slashes = False
    doors = ServerErrorMiddleware(Counter(sim, trading.TABLE, rest), handler=_broken)
    return Gate(HttpFaults(doors, StreamFaults(doors, sim, lines), sim, lines), sim)


def _under_lock(sim: Simulator, route: BaseRoute) -> BaseRoute:
    """Answer a synchronous data request on the event loop, at one instant of virtual time, instead of in a thread pool."""
    if not isinstance(route, Route) or inspect.iscoroutinefunction(route.endpoint):
        return route
    answer: Callable[[Request], Response] = route.endpoint

    async def endpoint(request: Request) -> Response:
        with sim.lock:
            return answer(request)

    return Route(route.path, endpoint, methods=sorted(route.methods or ()))


async def _unknown(_request: Request, error: Exception) -> Response:
    """The broker's envelope for a path or method that does not exist."""
    assert isinstance(error, HTTPException), "registered for that class alone"
    refusal = BrokerError("no_method" if error.status_code == 405 else "no_endpoint")
    return JSONResponse(refusal.body(), refusal.status, error.headers)


async def _broken(_request: Request, _error: Exception) -> Response:
    """The broker's envelope for a fault of our own; the error itself goes on to the server's log."""
    refusal = BrokerError("internal")
    return JSONResponse(refusal.body(), refusal.status)


class _Uvicorn(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then report."""
        await super().startup(sockets)
        self.ready.set()


class SimulatorServer:
    """Serves one simulator on 127.0.0.1 from a daemon thread."""

    def __init__(self, sim: Simulator, port: int = 0) -> None:
        """`port` 0 takes a free one. The address is known at once, requests are answered after `start`."""
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
        self._connections = Connections(sim)
        config = uvicorn.Config(
            build_app(sim, self._connections),
            http=protocol_with(self._connections),
            ws="websockets-sansio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = _Uvicorn(config)
        self._thread = threading.Thread(target=self._serve, name="simulator", daemon=True)

    @property
    def url(self) -> str:
        """Base address of both REST APIs, without a path."""
        return f"http://{_HOST}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base address of the streams: add `/stream` or `/v2/iex`."""
        return f"ws://{_HOST}:{self.port}"

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

    def stop(self) -> None:
        """Close all connections and end the thread."""
        self._connections.end()
        self._uvicorn.should_exit = True
        self._thread.join()
        self._socket.close()


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that is being served, and what a client needs to reach it."""

    sim: Simulator
    url: str
    ws_url: str
    key: str
    secret: str

    @property
    def port(self) -> int:
        """The loopback port all of it is on."""
        return int(self.url.rpartition(":")[2])


@contextmanager
def running_simulator(sim: Simulator, port: int = 0) -> Iterator[RunningSimulator]:
    """Serve `sim` while the block runs; yields its addresses and keys. Virtual time stays the caller's."""
    server = SimulatorServer(sim, port)
    server.start()
    try:
        yield RunningSimulator(sim, server.url, server.ws_url, *sim.keys)
    finally:
        server.stop()


def serve(
    sim: Simulator,
    port: int,
    speed: float,
    now: Callable[[], float],
    sleep: Callable[[float], object],
    is_done: Callable[[], bool],
    announce: Callable[[RunningSimulator], object] = lambda running: None,
) -> None:
    """Serve `sim` and let its time run `speed` times as fast as `now` (seconds of any steady clock), until `is_done`.

    `sleep` waits the given seconds; `announce` hears the address once requests are answered. Ends cleanly on
    KeyboardInterrupt too.
    """
    if not speed > 0:
        raise ValueError(f"speed {speed} must be above 0")
    with running_simulator(sim, port) as running:
        announce(running)
        started, origin = now(), sim.now
        try:
            while not is_done():
                target = origin + timedelta(seconds=(now() - started) * speed)
                while sim.now < target:
                    sim.advance(target)
                sleep(_PACE_S)
        except KeyboardInterrupt:
            return
