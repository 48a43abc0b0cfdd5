"""The simulator behind a socket: trading and data API and both streams on one loopback port, served from a thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from alpaca_trader.simulator.doors.loopback import PING_S, LoopbackServer
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.faults.connections import Connections, protocol_with
from alpaca_trader.simulator.faults.http import HttpFaults
from alpaca_trader.simulator.faults.streams import StreamFaults
from alpaca_trader.simulator.rest import data, events, others, trading
from alpaca_trader.simulator.rest.gate import Gate
from alpaca_trader.simulator.rest.router import Counter
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.streams import market_data, trade_updates


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


class _Stage:
    """The application that is being played."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on to it."""
        await self.app(scope, receive, send)


class SimulatorServer(LoopbackServer):
    """Serves one simulator at a time on 127.0.0.1 from a daemon thread."""

    def __init__(self, sim: Simulator, port: int = 0, *, ping_s: float = PING_S) -> None:
        """`port` 0 takes a free one. The address is known at once, requests are answered after `start`.

        A stream's client is pinged every `ping_s` real seconds and has as long to answer.
        """
        self._sim = sim
        self._connections = Connections(sim)
        self._stage = _Stage(build_app(sim, self._connections))
        super().__init__(self._stage, port, "simulator", protocol_with(self._connections), ping_s)

    @property
    def ws_url(self) -> str:
        """Base address of the streams: add `/stream` or `/v2/iex`."""
        return self.url.replace("http", "ws", 1)

    def backlog(self) -> int:
        """Frames that stream clients have not taken yet; asked on the server's own loop, behind what was just handed to it."""
        return self._connections.call(self._sim.hub.backlog) or 0

    def show(self, sim: Simulator) -> None:
        """Serve another simulator from the next request on; stream clients are closed (1012, service restart)."""
        self._sim = sim
        self._stage.app = build_app(sim, self._connections)
        self._connections.serve(sim)
        self._connections.call(self.close_clients)

    def stop(self) -> None:
        """Close all connections and end the thread."""
        self._connections.end()
        super().stop()
