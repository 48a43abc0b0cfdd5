"""Who moves virtual time: a thread that goes at a multiple of real time, or as fast as the stream clients take it.

At `MAX` time waits until a stream client has subscribed or somebody says `run`: else the day would be over before anyone
could look. It then waits after every instant with news until the news has left for the clients' sockets, and pauses by
itself at the end of the market.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from alpaca_trader.simulator.simulator import Simulator

MAX: Final = math.inf
"""The speed that has no clock."""
_TURN_S: Final = 0.02
"""Real time between two looks at the clock."""
_BREATH_S: Final = 0.001
"""Real time between two looks at clients that have not taken everything."""
_STRIDE: Final = timedelta(minutes=1)
"""At most so much virtual time passes while the simulator's lock is held."""
_JOIN_S: Final = 30
FASTEST: Final = 1_000_000
"""Times real time: beyond it no machine keeps up, and MAX is what is meant."""
LAST: Final = datetime(2029, 12, 1, tzinfo=UTC)
"""Where time ends: the calendar of sessions does a month later, and orders look weeks ahead."""


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the clock does: `speed` times real time (MAX: as fast as it goes); `until` is where it will pause."""

    now: datetime
    is_running: bool
    speed: float
    until: datetime | None
    waits_for_client: bool


class Pace:
    """The clock of a served simulator. Its methods may be called from any thread."""

    def __init__(
        self, sim: Simulator, backlog: Callable[[], int], speed: float | None = None, end: datetime | None = None
    ) -> None:
        """`backlog` counts what clients have not taken yet. With a speed time runs from `start` on, without one it stands.

        `end` is where time pauses by itself at MAX; at every speed it does at LAST.
        """
        self._sim = sim
        self._end = end
        self._backlog = backlog
        self._state = threading.Condition()
        self._moving = threading.Lock()
        self._speed = MAX if speed is None else _checked(speed)
        self._is_running = speed is not None
        self._is_awaited = speed == MAX
        self._until: datetime | None = None
        self._target = sim.now
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="simulator clock", daemon=True)

    # What people ask for

    def status(self) -> ClockState:
        """The clock now."""
        with self._state:
            return ClockState(self._sim.now, self._is_running, self._speed, self._until, self._is_awaited)

    def pause(self) -> datetime:
        """Let time stand; returns the time it stands at."""
        with self._state:
            self._halt()
        with self._moving:
            return self._sim.now

    def run(self, until: datetime | None = None) -> None:
        """Let time run at the speed that is set, and pause at `until` (aware).

        Raises ValueError for a time that is past or after LAST.
        """
        if until is not None:
            until = _aware(until)
            _check_in_calendar(until)
            if until < self._sim.now:
                raise ValueError(f"it is {self._sim.now.isoformat()} already; time never goes back")
        with self._state:
            self._until, self._is_running, self._is_awaited = until, True, False
            self._target = self._sim.now

    def run_until(self, until: datetime) -> datetime:
        """Let time run to `until`, and return when it has got there. Raises as `run`."""
        self.run(until)
        with self._state:
            while self._is_running and self._until is not None:
                self._state.wait(_TURN_S)
                self.check()
        return self._sim.now

    def step(self, delta: timedelta) -> datetime:
        """Let exactly `delta` pass now, whatever the speed, and pause; returns the time reached.

        Raises ValueError for less than nothing, or beyond LAST.
        """
        if delta < timedelta(0):
            raise ValueError("time never goes back")
        self.pause()
        limit = self._sim.now + min(delta, LAST - self._sim.now + timedelta(days=1))
        _check_in_calendar(limit)
        while self._sim.now < limit:
            self._sim.advance(min(limit, self._sim.now + _STRIDE))
        return self._sim.now

    def set_speed(self, speed: float) -> None:
        """Go on at `speed` times real time, or MAX. Raises ValueError for one that is not above 0 or beyond a million."""
        with self._state:
            self._speed, self._target = _checked(speed), self._sim.now

    # The thread

    def drive(self, sim: Simulator, end: datetime | None = None) -> None:
        """Move the time of another simulator from now on; it stands still until somebody says `run`."""
        self.pause()
        with self._moving, self._state:
            self._sim, self._end, self._target = sim, end, sim.now

    def start(self) -> None:
        """Begin to keep time."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Raises what broke it."""
        self._is_over.set()
        self._thread.join(_JOIN_S)
        self.check()
        if self._thread.is_alive():
            raise RuntimeError(f"the simulator's clock did not stop within {_JOIN_S} s")

    def _live(self) -> None:
        try:
            asyncio.run(self._keep_time())
        except BaseException as failure:
            with self._state:
                self._failure = failure
                self._halt()
            raise

    def check(self) -> None:
        """Raises RuntimeError when the simulator broke while time ran."""
        if self._failure is not None:
            raise RuntimeError("the simulator broke while time ran") from self._failure

    async def _keep_time(self) -> None:
        clock = asyncio.get_running_loop().time
        last, rest_s = clock(), 0.0
        while not self._is_over.wait(rest_s):  # nothing else runs on this loop
            now = clock()
            rest_s = self.turn(now - last)
            last = now

    def turn(self, elapsed_s: float) -> float:
        """Move time by what `elapsed_s` real seconds mean; returns how long to rest until the next turn."""
        with self._moving:
            with self._state:
                if self._is_awaited and any(self._sim.connected().values()):
                    self._is_awaited = False
                if not self._is_running or self._is_awaited:
                    return _TURN_S
                is_max = self._speed == MAX
            if is_max and self._backlog():
                return _BREATH_S
            with self._state:
                limit = self._limit(elapsed_s)
            self._sim.advance(min(limit, self._sim.now + _STRIDE))
        with self._state:
            end = self._until if self._until is not None else self._end if is_max else None
            if self._sim.now >= (LAST if end is None else end):
                self._halt()
        return 0 if is_max or self._sim.now < limit else _TURN_S

    def _limit(self, elapsed_s: float) -> datetime:
        """Where time may go to in this turn."""
        if self._speed == MAX:
            self._target = self._sim.now + _STRIDE
        else:
            self._target += timedelta(seconds=elapsed_s * self._speed)
        bounds = [bound for bound in (self._until, self._end if self._speed == MAX else None) if bound is not None]
        self._target = max(self._sim.now, min([self._target, LAST, *bounds]))
        return self._target

    def _halt(self) -> None:
        self._is_running, self._is_awaited, self._until = False, False, None
        self._state.notify_all()


def _checked(speed: float) -> float:
    if not speed > 0:
        raise ValueError(f"speed {speed} must be above 0")
    if FASTEST < speed < MAX:
        raise ValueError(f"speed {speed:g} is beyond {FASTEST:,} times real time; use max")
    return speed


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give an aware time")
    return moment.astimezone(UTC)


def _check_in_calendar(moment: datetime) -> None:
    if moment > LAST:
        raise ValueError(f"the simulator's calendar ends: time cannot go beyond {LAST:%Y-%m-%d}")
