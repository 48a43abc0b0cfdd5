"""What every Python script of the matrix needs: steps that are reported, a box for what streams say, a dropped line."""

import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

URL, WS_URL = os.environ.get("SIM_URL", ""), os.environ.get("SIM_WS_URL", "")
SMALL = (os.environ["SMALL_KEY"], os.environ["SMALL_SECRET"])
"""The keys of the live account with $467."""
LARGE = (os.environ["LARGE_KEY"], os.environ["LARGE_SECRET"])
"""The keys of the paper account with $100,000."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Report the block as passed, or as failed with its error; the script goes on either way."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- it is reported, and fails the run
        report(name, f"{type(error).__name__} {error}".partition("\n")[0][:300])
    else:
        report(name, "")


def report(name: str, error: str) -> None:
    """One line for the runner."""
    print(json.dumps({"step": name, "error": error}), flush=True)  # noqa: T201 -- the runner reads it


class Inbox:
    """What a stream has delivered, in order; filled by its handlers, read by the script."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._changed = threading.Condition()

    def put(self, item: object) -> None:
        """Keep one message."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    async def aput(self, item: object) -> None:
        """The same, for a stream whose handlers are coroutines."""
        self.put(item)

    def clear(self) -> None:
        """Forget what was delivered so far."""
        with self._changed:
            self._items.clear()

    def wait(self, what: str, is_it: Callable[[Any], bool] = lambda item: True, seconds: float = 20) -> Any:
        """The first message that is the one; fails with `what` when it does not come within real `seconds`."""
        if not self.is_there(is_it, seconds):
            raise AssertionError(f"{what} did not come within {seconds} s")
        with self._changed:
            return next(item for item in self._items if is_it(item))

    def is_there(self, is_it: Callable[[Any], bool], seconds: float) -> bool:
        """Whether such a message has come, or comes within real `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: any(map(is_it, self._items)), seconds)


def poll(ask: Callable[[], Any], seconds: float) -> Any:
    """Ask again every tenth of a second until the answer is true, for real `seconds`; returns the last answer."""
    for _ in range(int(seconds * 10)):
        answer = ask()
        if answer:
            return answer
        threading.Event().wait(0.1)
    return ask()


def until(what: str, ask: Callable[[], Any], seconds: float = 20) -> Any:
    """The same, but fails with `what` when the answer never was true."""
    answer = poll(ask, seconds)
    assert answer, f"{what} did not happen within {seconds} s"
    return answer


def drop_connections() -> None:
    """Have the simulator close every stream connection, as a broker's restart would."""
    control = http.client.HTTPConnection(os.environ["CONTROL_URL"].removeprefix("http://"), timeout=10)
    for route in ("/stream", "/v2/iex"):
        control.request("POST", "/faults", json.dumps({"name": "ws.close", "route": route, "times": 1}))
        answer = control.getresponse()
        assert answer.status < 300, answer.read()
        answer.read()
    control.close()
