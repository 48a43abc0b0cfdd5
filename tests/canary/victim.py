"""Processes that trade with the keys of their environment and die, each in its own way, in a folder of its own.

`python -m tests.canary.victim FOLDER WAY...` forks one process for each way, so that all of them import only once, and
prints how each ended. What a process tells goes to files in its folder.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from alpaca_trader.core import events as ev
from alpaca_trader.edge.clock import SystemClock
from tests.canary.play import broker, play, write_home

DIES_AT = 3
"""The minute that kills it: by then an order was sent."""
FILE_BYTES = 65_536


class _HastyClock(SystemClock):
    """Elapsed time runs forty times as fast, so that nobody waits two minutes for the watchdog."""

    def monotonic(self) -> float:
        """Seconds."""
        return 40 * super().monotonic()


def _quote(*_: object) -> NoReturn:
    keys = (os.environ["APCA_API_KEY_ID"], os.environ["APCA_API_SECRET_KEY"])
    raise RuntimeError(f"GET /v2/orders with {keys[0]}:{keys[1]}")


def _tell_all(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    told = traceback.TracebackException(kind, error, frames, capture_locals=True)
    sys.stderr.write("".join(told.format()))


def _reporter() -> None:
    sys.excepthook = _tell_all
    raise AssertionError("cum_qty + qty <= order.qty")


def _thread() -> None:
    thread = threading.Thread(target=_quote)
    thread.start()
    thread.join()
    _quote()


def _hang() -> None:
    while True:
        time.sleep(0.05)  # noqa: TID251 - what hangs, hangs in real time


def _full() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


WAYS: dict[str, Callable[[], None]] = {
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exception": _quote,
    "reporter": _reporter,
    "thread": _thread,
    "hang": _hang,
    "full": _full,
}


def _die(way: str, folder: Path) -> NoReturn:
    """Trade in ``folder`` until the way's minute, then do what it says."""
    os.chdir(folder)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    minutes = 0

    def watch(action: ev.Action) -> None:
        nonlocal minutes
        minutes += isinstance(action, ev.PublishStatus)
        if minutes == DIES_AT:
            minutes += 1
            WAYS[way]()

    code = 0
    try:
        sim = broker()
        play(write_home(folder / "home"), sim, watch=watch, clock=_HastyClock(lambda: sim.now))
    except BaseException:  # noqa: BLE001 - what the interpreter would do with it
        sys.excepthook(*sys.exc_info())
        code = 1
    os._exit(code)


def main(base: Path, ways: list[str]) -> None:
    """Start all, wait for all."""
    broker()
    running = {}
    for way in ways:
        folder = base / way
        folder.mkdir()
        if not (child := os.fork()):
            _die(way, folder)
        running[way] = child
    ended = {way: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for way, child in running.items()}
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
