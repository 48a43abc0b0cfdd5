"""Faults that happen once, at the moment they are ordered: time that leaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from alpaca_trader.simulator.faults.board import FaultOrder


class Broker(Protocol):
    """What an act needs of the simulator."""

    @property
    def now(self) -> datetime:
        """Virtual time."""
        ...

    def advance(self, limit: datetime) -> datetime:
        """Move time towards `limit`; returns the time reached."""
        ...

    def cut_connections(self) -> None:
        """Break every connection of a client."""
        ...


def act(sim: Broker, wanted: FaultOrder) -> None:
    """Carry out a fault of kind `act`."""
    _ACTS[wanted.name](sim, wanted)


def _jump(sim: Broker, wanted: FaultOrder) -> None:
    limit = sim.now + timedelta(seconds=float(wanted.parameters["seconds"]))
    while sim.now < limit:
        sim.advance(limit)


def _sleep(sim: Broker, wanted: FaultOrder) -> None:
    sim.cut_connections()
    _jump(sim, wanted)


_ACTS: Final[Mapping[str, Callable[[Broker, FaultOrder], None]]] = {"clock.jump": _jump, "clock.sleep": _sleep}
TIME_ACTS: Final = frozenset(_ACTS)
"""Acts that a replay leaves out: the advances they made are in the command log themselves."""
