"""What an account looked like a moment ago (`http.stale_read`): the exchange is copied whenever its orders changed.

Copies are made only while such a fault is in force; before the first of them there is nothing older than the present.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.exchange.exchange import Exchange
from alpaca_trader.simulator.simulator import Simulator

_NAME: Final = "http.stale_read"
_KEPT: Final = timedelta(seconds=60)


class StaleReads:
    """A publisher of the timeline that has no instants of its own: it looks at the accounts after every instant."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._past: dict[int, list[tuple[datetime, Exchange]]] = {}
        sim.watch_instants(self._look)

    def desk(self, desk: Desk, ago: timedelta) -> Desk:
        """The account as it was `ago` before now; as far back as copies go."""
        wanted = self._sim.now - ago
        found = [exchange for at, exchange in self._past.get(desk.number, ()) if at <= wanted]
        oldest = [exchange for _, exchange in self._past.get(desk.number, ())][:1]
        return replace(desk, exchange=(found or oldest or [desk.exchange])[-1])

    def _look(self, moment: datetime) -> None:
        if not self._sim.faults.named(_NAME):
            self._past.clear()
            return
        for desk in self._sim.desks:
            kept = self._past.setdefault(desk.number, [])
            kept.append((moment, self._copy(desk.exchange)))
            while len(kept) > 1 and kept[1][0] <= moment - _KEPT:
                del kept[0]

    def _copy(self, exchange: Exchange) -> Exchange:
        shared = self._sim.shared_parts()
        return copy.deepcopy(exchange, {id(part): part for part in shared})
