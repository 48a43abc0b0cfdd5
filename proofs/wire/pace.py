"""Virtual time of a day on the wire: fast while the engine waits for something to happen, slow while it works or talks.

Slow is ``BUSY``: the client's time-outs are real seconds, a fortieth of what they are in life, so that at this speed they last
as long. A machine that is busy makes the day longer and nothing else.
"""

import threading
from datetime import timedelta

from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.stream_link import StreamPatience
from alpaca_trader.edge.transport import Timeouts
from alpaca_trader.simulator import Simulator
from proofs.paced import TURN_S, PacedClock

IDLE, BUSY = 900.0, 40.0
"""Virtual seconds per real second."""
TIMEOUTS = Timeouts(connect_s=3 / BUSY, read_s=10 / BUSY)
PATIENCE = StreamPatience(
    ping_s=5 / BUSY, silence_s=180 / BUSY, handshake_s=10 / BUSY, pauses=1 / 200, close_s=1 / BUSY
)
"""Streams connect again while time runs fast: their pauses of 1 to 30 s are shortened more."""
SHORTEST_PAUSE_S = 0.5 * PATIENCE.pauses
HEARTBEAT_S = 0.02


class DayClock(PacedClock):
    """The engine's clock; it knows whether the engine's own thread, the one that makes it, has nothing to do."""

    def __init__(self, sim: Simulator) -> None:
        """The present is the simulator's."""
        super().__init__(lambda: sim.now, IDLE)
        self._engine, self._elapsed = threading.get_ident(), SystemClock()
        self.is_idle = False

    def monotonic(self) -> float:
        """Elapsed seconds at a tenth of virtual speed: the watchdog ends the process, and a busy machine is no hung loop."""
        return self._elapsed.monotonic() * BUSY / 10

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """As ``PacedClock.wait``, but not for less than a turn of time lasts."""
        is_engine = threading.get_ident() == self._engine
        self.is_idle |= is_engine
        super().wait(condition, max(seconds, TURN_S * IDLE))
        self.is_idle &= not is_engine

    def sleep(self, seconds: float) -> None:
        """Return when so much virtual time has passed: what the budget of requests waits for has then happened."""
        until = self.now() + timedelta(seconds=seconds)
        self.is_idle = True
        while self.now() < until:
            super().sleep(1.0)
        self.is_idle = False
