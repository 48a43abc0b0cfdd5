"""Faults of stream messages (`ws.drop`, `ws.dup`, `ws.reorder`, `ws.delay`, `ws.close`), where the hub hands them to a listener.

Decided under the simulator's lock by whoever moves time, so that a run repeats, and what is lost is not counted as sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from alpaca_trader.simulator.faults.board import Fault, FaultBoard
from alpaca_trader.simulator.faults.fate import code_of
from alpaca_trader.simulator.hub import Channel, Listener


class Teller(Protocol):
    """What the courier needs of the simulator."""

    faults: FaultBoard

    def tell_later(self, delay: timedelta, hand: Callable[[], int]) -> None:
        """Hand out a message when `delay` has passed."""
        ...


class Courier:
    """Carries the messages of one channel to its listeners, and loses, doubles, delays or swaps them when ordered to.

    `route` is the path that orders name: `/stream` or `/v2`.
    """

    def __init__(self, sim: Teller, channel: Channel[Any], route: str, account: str | None = None) -> None:
        self._sim = sim
        self._channel = channel
        self._route = route
        self._account = account
        self._held: dict[object, Callable[[], int]] = {}

    def carry(self, listener: Listener[Any], message: object, hand: Callable[[], int]) -> int:
        """Have the message handed over by `hand`, now, later, twice or never; returns how many were handed over now."""
        if self._sim.faults.is_quiet and not self._held:
            return hand()
        if not listener.wants(message):
            return 0
        if fault := self._struck("ws.close", message):
            self._channel.end(listener, code_of(fault))
            self._held.pop(listener, None)
            return 0
        if self._struck("ws.drop", message):
            return 0
        if fault := self._struck("ws.delay", message):
            self._sim.tell_later(timedelta(seconds=float(fault.get("seconds", 5))), hand)
            return 0
        if listener not in self._held and self._struck("ws.reorder", message):
            self._held[listener] = hand
            return 0
        handed = hand()
        if self._struck("ws.dup", message):
            handed += hand()
        late = self._held.pop(listener, None)
        return handed + (late() if late else 0)

    def _struck(self, name: str, message: object) -> Fault | None:
        return self._sim.faults.strikes(name, symbol=_symbol_of(message), route=self._route, account=self._account)


def _symbol_of(message: object) -> str | None:
    """The symbol a trade update is about; None for a batch of market data, which is about many."""
    order = message.get("order") if isinstance(message, Mapping) else None
    return order.get("symbol") if isinstance(order, Mapping) else None
