"""Which faults are in force, and whether one strikes now: drawn by seed, fault and strike number, so that a run repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alpaca_trader.simulator.exchange.ids import draw


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """A fault as it was ordered. It strikes with `probability` (0..1), at most `times` often (None: without end),
    from `since` on and before `until`, only for `symbol`, `route` (a path prefix) and `account` where these are given.
    """

    name: str
    probability: float = 1.0
    times: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    symbol: str | None = None
    route: str | None = None
    account: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Fault:
    """A fault in force: its number, what was ordered, how often it was asked for and how often it struck."""

    number: int
    order: FaultOrder
    asked: int = 0
    struck: int = 0

    def get(self, name: str, default: Any) -> Any:
        """A parameter of the fault, or its default."""
        return self.order.parameters.get(name, default)


class FaultBoard:
    """All faults of one simulation. Ask under the simulator's lock; `has`, `named` and `is_quiet` need none."""

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self._seed = seed
        self._now = now
        self._ordered = 0
        self.changes = 0
        """How often faults were ordered or lifted: what was read before may read otherwise now."""
        self._faults: dict[str, list[Fault]] = {}
        self.is_quiet = True
        """While no fault is in force: nobody needs to ask further."""

    def has(self, family: str) -> bool:
        """Whether a fault whose name begins with `family`, e.g. `tcp.`, is in force."""
        return bool(self._faults) and any(name.startswith(family) for name in self._faults)

    def named(self, name: str) -> Sequence[Fault]:
        """The faults of one name that were ordered and not lifted."""
        return self._faults.get(name, ())

    def order(self, wanted: FaultOrder) -> Fault:
        """Put a fault in force."""
        self._ordered += 1
        self.changes += 1
        fault = Fault(self._ordered, wanted)
        # A new table: `has` is asked without the lock, and may be going through the old one.
        self._faults = {**self._faults, wanted.name: [*self._faults.get(wanted.name, ()), fault]}
        self.is_quiet = False
        return fault

    def lift(self, number: int | None = None) -> int:
        """End one fault, or all of them; returns how many were ended."""
        self.changes += 1
        before = sum(map(len, self._faults.values()))
        kept = {
            name: [fault for fault in faults if number is not None and fault.number != number]
            for name, faults in self._faults.items()
        }
        self._faults = {name: faults for name, faults in kept.items() if faults}
        self.is_quiet = not self._faults
        return before - sum(map(len, self._faults.values()))

    def in_force(self) -> Sequence[Fault]:
        """Every fault that was ordered and not lifted, in the order of their numbers."""
        return sorted((fault for faults in self._faults.values() for fault in faults), key=lambda fault: fault.number)

    def strikes(
        self, name: str, *, symbol: str | None = None, route: str | None = None, account: str | None = None
    ) -> Fault | None:
        """The fault of this name that strikes here and now; None for the usual case that nothing goes wrong."""
        for fault in self._faults.get(name, ()):
            if self._concerns(fault.order, symbol, route, account) and self._draws(fault):
                fault.struck += 1
                return fault
        return None

    def _concerns(self, order: FaultOrder, symbol: str | None, route: str | None, account: str | None) -> bool:
        now = self._now()
        return (
            (order.since is None or order.since <= now)
            and (order.until is None or now < order.until)
            and (order.symbol is None or order.symbol == symbol)
            and (order.route is None or (route or "").startswith(order.route))
            and (order.account is None or order.account == account)
        )

    def _draws(self, fault: Fault) -> bool:
        if fault.order.times is not None and fault.struck >= fault.order.times:
            return False
        fault.asked += 1
        return fault.order.probability >= 1 or (
            draw(self._seed, "fault", fault.number, fault.asked) < fault.order.probability
        )


class AccountFaults:
    """The faults that can strike one account, by its key id: what an order of a fault is normalised to."""

    def __init__(self, board: FaultBoard, key: str) -> None:
        self._board = board
        self._key = key

    @property
    def is_quiet(self) -> bool:
        """True while no fault is in force at all."""
        return self._board.is_quiet

    def strikes(self, name: str, *, symbol: str | None = None) -> Fault | None:
        """The fault of this name that strikes the account here and now."""
        return None if self._board.is_quiet else self._board.strikes(name, symbol=symbol, account=self._key)
