"""Hears every word to the broker before the broker does, and has it judged by what the journal file holds by then."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alpaca_trader.edge.clock import RealTime
from alpaca_trader.edge.journal.database import migrations, open_for_reading
from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.doors.server import SimulatorServer
from alpaca_trader.trials.judge import Judge
from alpaca_trader.trials.terms import Broken, Said

ORDERS = "/v2/orders"
_INTENT = "SELECT 1 FROM intents WHERE client_order_id = ?"
_CANCEL = "SELECT 1 FROM entries WHERE kind = 'CancelOrder' AND instr(payload, ?)"


class Witness:
    """What was said, and what was wrong with it. Hears on the server's thread, may be read from any."""

    def __init__(self, sim: Simulator, judge: Judge, journal: Path, real: RealTime) -> None:
        """``journal`` is the file in which everything must stand before it is said."""
        self._sim, self._judge, self._journal, self._real = sim, judge, journal, real
        judge.is_committed = lambda key: self._stands(_INTENT, key)
        self.problems: list[str] = []
        self.said: set[str] = set()
        """Client order ids."""
        self.requests: Counter[str] = Counter()
        """Requests by method and path."""
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
        order_id = path.removeprefix(f"{ORDERS}/")
        if method == "DELETE":
            if not self._stands(_CANCEL, order_id):
                self.problems.append(f"INV-1: a cancel of {order_id} was said before it was committed")
            return
        fields = json.loads(body)
        key = fields["client_order_id"]
        limit, stop = (Decimal(fields[name]) if name in fields else None for name in ("limit_price", "stop_price"))
        with self._sim.lock:
            symbol, side, qty, over = fields.get("symbol"), fields.get("side"), fields.get("qty"), None
            if method == "PATCH":
                old = self._sim.exchange.book.get(order_id)
                symbol, side, qty, over = old.symbol, old.side, old.qty, old.client_order_id
            said = Said(key, symbol, side, Decimal(qty), limit, stop, over, is_resend=key in self.said)
            try:
                self._judge.hear(said)
            except Broken as broken:
                self.problems.append(str(broken))
        self.said.add(key)

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
