"""The control API behind its socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import ASGIApp

from alpaca_trader.simulator.control.api import control_app
from alpaca_trader.simulator.control.running import Build, RunningSimulator
from alpaca_trader.simulator.doors.loopback import LoopbackServer

DEFAULT_PORT: Final = 8766
_NAME: Final = "simulator control"


def _server(app: ASGIApp, port: int | None) -> LoopbackServer:
    if port is not None:
        return LoopbackServer(app, port, _NAME)
    try:
        return LoopbackServer(app, DEFAULT_PORT, _NAME)
    except OSError:
        return LoopbackServer(app, 0, _NAME)


@contextmanager
def controlled(running: RunningSimulator, port: int | None = None, build: Build | None = None) -> Iterator[str]:
    """Offer the controls of `running` while the block runs; yields the address.

    `port` 0 takes a free one, None the usual one or, where that is taken, a free one. Raises OSError for a port that is taken.
    """
    server = _server(control_app(running, build), port)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
