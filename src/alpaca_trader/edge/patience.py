"""Asks until it is answered: where keys or broker are not there at the start, positions wait behind their own stops."""

from collections.abc import Callable
from typing import TypeVar

from alpaca_trader.core.errors import Retryable, TraderError
from alpaca_trader.edge.clock import RealTime

Made = TypeVar("Made")

AGAIN_S = 60.0
"""Also what refused keys and a locked password store are owed: one try a minute (safety F9, F48)."""


def patiently(
    read: Callable[[], Made],
    clock: RealTime,
    tell: Callable[[str], None],
    alarm: Callable[[str], None],
    also: tuple[type[TraderError], ...] = (),
) -> Made:
    """``read()``, again every minute while it raises Retryable or one of ``also``.

    ``tell`` hears of each failure, ``alarm`` of the first.
    """
    failures: tuple[type[TraderError], ...] = (Retryable, *also)
    is_told = False
    while True:
        try:
            return read()
        except failures as failure:
            note = f"{failure}; asking again every {AGAIN_S:.0f} s"
            tell(note)
            if not is_told:
                alarm(note)
            is_told = True
            clock.sleep(AGAIN_S)
