"""Hears every word to the broker before the broker does, and knows what has to be in the journal by then (INV-1, 2, 5)."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpaca_trader.edge.clock import RealTime
from alpaca_trader.edge.journal.database import migrations, open_for_reading
from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.doors.server import SimulatorServer

ORDERS = "/v2/orders"
_INTENT = "SELECT 1 FROM intents WHERE client_order_id = ?"
_CANCEL = "SELECT 1 FROM entries WHERE kind = 'CancelOrder' AND instr(payload, ?)"


class Witness:
    """What was said, and what was wrong with it. Hears on the server's thread, may be read from any."""

    def __init__(self, journal: Path, real: RealTime) -> None:
        """``journal`` is the file in which everything must stand before it is said."""
        self._journal = journal
        self._real = real
        self.problems: list[str] = []
        self.said: dict[str, Mapping[str, Any]] = {}
        """What was said first under each client order id."""
        self.requests: Counter[str] = Counter()
        """Requests by method and path."""
        self.words = 0
        """Words that create, replace or cancel an order."""
        self.heard_s = real.monotonic()
        """When anything was heard last, in elapsed real seconds."""
        self.before_word: Callable[[], None] | None = None
        """Called, once, when the next word that changes an order has been heard and the broker has not got it yet."""
        self.after_word: Callable[[], None] | None = None
        """Called, once, when the broker has acted on the next such word and has not answered yet."""

    def hear(self, method: str, path: str, body: bytes) -> None:
        """One request, complete, before it goes to the broker."""
        self.heard_s = self._real.monotonic()
        self.requests[f"{method} {path}"] += 1
        if is_word(method, path):
            self._judge_word(method, path, body)
            act, self.before_word = self.before_word, None
            if act is not None:
                act()

    def answered(self, method: str, path: str) -> None:
        """The broker has acted on a request, and its answer is about to leave."""
        act, self.after_word = (self.after_word, None) if is_word(method, path) else (None, self.after_word)
        if act is not None:
            act()

    def _judge_word(self, method: str, path: str, body: bytes) -> None:
        self.words += 1
        if method == "DELETE":
            if not self._stands(_CANCEL, path.removeprefix(f"{ORDERS}/")):
                self.problems.append(f"{method} {path} was said before it was committed")
            return
        fields = json.loads(body)
        key = fields["client_order_id"]
        if not self._stands(_INTENT, key):
            self.problems.append(f"{key} was said before its intent was committed")
        earlier = self.said.setdefault(key, fields)
        if earlier is not fields and key.endswith("-entry"):
            self.problems.append(f"{key}: an entry was said twice")
        if earlier != fields:
            self.problems.append(f"{key} stands for two orders: {earlier} and {fields}")

    def _stands(self, sql: str, value: str) -> bool:
        try:
            # Opened for this one question: after a kill the next engine must find the journal with nobody else on it.
            with closing(open_for_reading(self._journal, migrations())) as journal:
                return journal.execute(sql, (value,)).fetchone() is not None
        except sqlite3.Error as error:
            self.problems.append(f"the journal could not be asked for {value}: {error}")
            return True


def is_word(method: str, path: str) -> bool:
    """Whether a request creates, replaces or cancels an order."""
    return path.startswith(ORDERS) and method != "GET"


class _Ear:
    """The ASGI layer through which a witness hears."""

    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._app, self._witness = app, witness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the whole request in, have it heard, hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self._witness.hear(scope["method"], scope["path"], body)
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._witness.answered(scope["method"], scope["path"])
            await send(message)

        await self._app(scope, again, answer)


class WitnessedServer(SimulatorServer):
    """A simulator's server with a witness behind its socket."""

    def __init__(self, sim: Simulator, witness: Witness) -> None:
        super().__init__(sim)
        self._stage.app = _Ear(self._stage.app, witness)
