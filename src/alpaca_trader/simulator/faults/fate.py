"""What the faults have in store for one stream connection; the stream asks before it says anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from alpaca_trader.simulator.faults.board import Fault

CUT: Final = 1006
"""The close code of a line that is cut without one."""
FATE: Final = "alpaca_trader.fate"
"""Where a stream finds its fate in the connection's scope."""


class Fate:
    """What is in store for one stream connection. `cut` breaks it with a TCP reset."""

    def __init__(
        self, strike: Callable[[], Fault | None], cut: Callable[[], None], *, falls_silent: bool = False
    ) -> None:
        self._strike = strike
        self.cut = cut
        self._falls_silent = falls_silent
        self.is_silent = False
        """True when nothing more may be said on it."""

    def signed_on(self) -> None:
        """Note that the client was told so."""
        self.is_silent = self._falls_silent

    def ends(self) -> int | None:
        """The close code with which the connection ends instead of the next answer; None: it goes on."""
        fault = self._strike()
        return None if fault is None else code_of(fault)


def code_of(fault: Fault) -> int:
    """The close code of a `ws.close`."""
    return int(fault.get("code", CUT))
