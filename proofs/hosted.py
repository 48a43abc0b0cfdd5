"""An engine in a process of its own: the live wiring, real SDK, real sockets, on a simulator that another process serves.

Processes come from a fork server that has imported everything once, so that a start costs what the engine's start costs.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing.process import BaseProcess
from pathlib import Path

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.home import PRIVATE_FILE, EngineLock, Home
from alpaca_trader.edge.live_feed import LiveFeed
from alpaca_trader.edge.secret import Secret
from alpaca_trader.main.hosted import trade_hosted
from proofs.paced import PacedClock, SharedNumber, SharedTime

HEARTBEAT_S = 0.02
_WARM = date(2026, 1, 2)
OUTPUT = "output.txt"
"""What an engine's process wrote to its standard output and error, in the home."""


@dataclass(frozen=True)
class Engine:
    """What a process needs to trade: its home, the broker's addresses and keys, and where the time is."""

    home: Path
    url: str
    ws_url: str
    key: str
    secret: str
    time: Path
    speed: float
    """Virtual seconds per real second at which its waits are shortened."""
    before: Sequence[Callable[[], None]] = ()
    """Called first in the new process, to look on from inside or to plant a bug; pickled, so functions of modules."""

    def start(self) -> BaseProcess:
        """A new process that trades until it is stopped, and ends with this one at the latest."""
        context = multiprocessing.get_context("forkserver")
        # Every new process runs the program's main module once more: what that imports has to be there already.
        spec = getattr(sys.modules["__main__"], "__spec__", None)
        context.set_forkserver_preload([__name__, "proofs.restless", *([spec.name] if spec else [])])
        process = context.Process(target=_trade, args=(self,), daemon=True)
        process.start()
        return process


# The library behind the calendar keeps what it made: made here, once, it is there in every process of the fork server.
SessionCalendar().session_on(_WARM)


def _trade(engine: Engine) -> None:
    output = os.open(engine.home / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for prepare in engine.before:
        prepare()
    home = Home(engine.home)
    lock = EngineLock(home)
    # Without the count of starts, which would bar entries after the fifth kill in ten minutes.
    trade_hosted(
        home,
        Mode.SIM,
        Credentials(Secret(engine.key), Secret(engine.secret), "simulator"),
        Endpoints.simulated(engine.url, engine.ws_url),
        PacedClock(SharedTime(engine.time).now, engine.speed),
        _unwatched,
        HEARTBEAT_S,
    )
    lock.release()


def note_rest(path: Path) -> None:
    """In an engine's process: keep 1 in ``path`` while the loop has nothing to do, 0 while it has an event in hand."""
    rests, take = SharedNumber(path), LiveFeed._next

    def noted(self: LiveFeed) -> ev.Event | None:
        rests.write(1)
        event = take(self)
        rests.write(0)
        return event

    rests.write(0)
    LiveFeed._next = noted  # type: ignore[method-assign]  # looks on; the real one does the work


def _unwatched(_action: ev.Action) -> None:
    """Nobody looks on from inside: the process is judged by what the exchange and the files show."""
