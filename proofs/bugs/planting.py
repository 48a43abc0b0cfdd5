"""How a bug gets into the engine, and out again."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

ENGINE = ("alpaca_trader.core.", "alpaca_trader.edge.")
WIRING = "alpaca_trader.trials.world"


@dataclass(frozen=True, slots=True)
class Swap:
    """``name`` of a class or a module, and what to put there instead, made from what stands there."""

    owner: type | ModuleType
    name: str
    make: Callable[[Any], Any]
    is_wired: bool = False
    """Whether the trials' own wiring uses it by name too, as ``main`` does."""

    def places(self) -> list[type | ModuleType]:
        """Where it stands: a function of a module also in every module that imported it."""
        if isinstance(self.owner, type):
            return [self.owner]
        original = vars(self.owner)[self.name]
        names = [name for name in sys.modules if name.startswith(ENGINE) or (self.is_wired and name == WIRING)]
        modules = [sys.modules[name] for name in sorted(names)]
        return [module for module in modules if vars(module).get(self.name) is original]


@dataclass(frozen=True, slots=True)
class Bug:
    """A small change of the shipped engine that must not go unnoticed."""

    name: str
    does: str
    rules: tuple[str, ...]
    """The invariants it offends."""
    swaps: tuple[Swap, ...]
    needs: tuple[str, ...] = ()
    """Only days on which one of these faults may strike can show it; none: any day."""


@contextmanager
def planted(*bugs: Bug) -> Iterator[None]:
    """The engine with these bugs in it. Raises LookupError where what a bug replaces is no longer there."""
    stood: list[tuple[type | ModuleType, str, Any]] = []
    try:
        for bug in bugs:
            for swap in bug.swaps:
                if swap.name not in vars(swap.owner):
                    raise LookupError(f'"{bug.name}" is not planted: {swap.owner.__name__} has no {swap.name}')
                original = vars(swap.owner)[swap.name]
                places, new = swap.places(), swap.make(original)
                for place in places:
                    stood.append((place, swap.name, original))
                    setattr(place, swap.name, new)
        yield
    finally:
        for place, name, original in reversed(stood):
            setattr(place, name, original)
