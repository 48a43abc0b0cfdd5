"""One engine's process, and the moment at which it is killed."""

import os
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from random import Random
from typing import Literal

from alpaca_trader.edge.clock import RealTime
from alpaca_trader.simulator import Simulator
from proofs.kills.witness import Witness
from proofs.paced import SharedNumber, share

SETTLE_S = 0.02
"""Real seconds for which the loop must have rested, without a word or news, for nothing to be under way: enough for news
to come through a socket and a thread, on a machine of which the engine has a whole core."""
READ_CLOCK = "GET /v2/clock"

Moment = Literal["any", "start", "before_word", "after_word"]


@dataclass(frozen=True)
class Death:
    """When a life ends: so long ``after`` its start (``start``, real time) or its recovery (all others, virtual time), or
    at its next word to the broker if that is sooner."""

    moment: Moment
    after: timedelta
    downtime: timedelta

    @classmethod
    def drawn(cls, rng: Random) -> "Death":
        """Anywhere in a life, or in its first moments, or at a word; sometimes nobody comes for a while."""
        kinds: tuple[Moment, ...] = ("any", "start", "before_word", "after_word")
        moment = rng.choices(kinds, (4, 2, 2, 2))[0]
        after_s = {"any": rng.uniform(0, 60), "start": rng.uniform(0, 0.4)}.get(moment, 75.0)
        downtime_s = rng.choices((0.0, rng.uniform(1, 60), rng.uniform(60, 240)), (16, 3, 1))[0]
        return cls(moment, timedelta(seconds=after_s), timedelta(seconds=downtime_s))


class Life:
    """One engine's process, from its start."""

    def __init__(
        self, process: BaseProcess, sim: Simulator, witness: Witness, rests: SharedNumber, real: RealTime
    ) -> None:
        self.process = process
        self.is_killed = False
        self.recovered: datetime | None = None
        """When it had asked the broker everything that a start has to ask; the clock is the last of it."""
        self._sim, self._witness, self._rests, self._real = sim, witness, rests, real
        self._began_s = self._touched_s = real.monotonic()
        self._share = share()
        self._clock_reads = witness.requests[READ_CLOCK]

    def age_s(self) -> float:
        """Real seconds since its start."""
        return self._real.monotonic() - self._began_s

    def is_due(self, death: Death) -> bool:
        """Whether it has lived long enough."""
        if death.moment == "start":
            return self.age_s() >= death.after.total_seconds()
        return self.recovered is not None and self._sim.now >= self.recovered + death.after

    def is_alive(self) -> bool:
        """Whether the process exists."""
        return self.process.is_alive()

    @property
    def real_time(self) -> float:
        """The speed at which an engine with a whole core would see the time of day."""
        return self._share

    def touched(self) -> None:
        """It was told something."""
        self._touched_s = self._real.monotonic()

    def is_calm(self) -> bool:
        """Whether nothing is under way; to be asked often."""
        now_s = self._real.monotonic()
        if self.recovered is None and self._witness.requests[READ_CLOCK] > self._clock_reads:
            self.recovered = self._sim.now
        if not self._rests.read() or self.recovered is None:
            self._touched_s = now_s
        return now_s - max(self._touched_s, self._witness.heard_s) > SETTLE_S / self._share

    def kill(self) -> None:
        """``kill -9``; from any thread."""
        if not self.is_killed:
            self.is_killed = True
            os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop."""
        os.kill(self._pid, signal.SIGTERM)

    @property
    def _pid(self) -> int:
        assert self.process.pid is not None, "it was started"
        return self.process.pid
