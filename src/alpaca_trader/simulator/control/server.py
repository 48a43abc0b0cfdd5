"""The control API behind its socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alpaca_trader.simulator.control.api import control_app
from alpaca_trader.simulator.control.running import Build, RunningSimulator
from alpaca_trader.simulator.loopback import LoopbackServer


@contextmanager
def controlled(running: RunningSimulator, port: int, build: Build | None = None) -> Iterator[str]:
    """Offer the controls of `running` on `port` (0: a free one) while the block runs; yields the address."""
    server = LoopbackServer(control_app(running, build), port, "simulator control")
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
