"""What a running engine hears from the operating system: stop, halt, flatten. None of it needs a disk."""

import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import FrameType
from typing import Literal

from alpaca_trader.core.events import Command
from alpaca_trader.core.ports import Clock

ORDERS: dict[signal.Signals, Literal["halt", "flatten"]] = {signal.SIGUSR1: "halt", signal.SIGUSR2: "flatten"}


def hear_orders(put: Callable[[Command], None], clock: Clock, stack: ExitStack) -> None:
    """SIGUSR1 halts, SIGUSR2 flattens; the handlers that were there come back with the stack."""

    def handle(number: int, _: FrameType | None) -> None:
        heard = signal.Signals(number)
        put(Command(clock.now(), ORDERS[heard], "signal", heard.name))

    _handle(ORDERS, handle, stack)


def stop_on_signals(stop: Callable[[], None], stack: ExitStack) -> Callable[[], bool]:
    """Ctrl-C and SIGTERM end the feed between two events; the handlers that were there come back with the stack.

    Answers whether one came.
    """
    asked = threading.Event()

    def handle(*_: object) -> None:
        asked.set()
        stop()

    _handle((signal.SIGINT, signal.SIGTERM), handle, stack)
    return asked.is_set


def _handle(
    numbers: Iterable[signal.Signals], handle: Callable[[int, FrameType | None], None], stack: ExitStack
) -> None:
    for number in numbers:
        stack.callback(signal.signal, number, signal.signal(number, handle))
