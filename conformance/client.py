"""A client of the server under judgement: every answer it gets is judged, and must have the status the script expects."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from alpaca_trader.simulator import Simulator
from conformance.amendments import ABSENT
from conformance.judge import Judge, Operation, Reply

DAY: Final = date(2026, 11, 20)
MORNING: Final = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)
EVENING: Final = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
LATER_NOON: Final = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
CHEAP: Final = "VZ"
"""A name of about $30, of which a small account can hold several shares."""
HARD: Final = "HARD"
"""A listed name that cannot be borrowed and is not traded."""
NOBODY: Final = "8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21"
"""A well-formed id that nothing has."""
CONTRACT: Final = "AAPL261218C00200000"

Fields = Mapping[str, Any]


@dataclass
class Session:
    """One client of one account: sends, has the answer judged, and checks that it had the status the script expects."""

    sim: Simulator
    judge: Judge
    connection: http.client.HTTPConnection
    keys: Mapping[str, str]
    surprises: list[str] = field(default_factory=list)
    missing: set[Operation] = field(default_factory=set)

    def ask(
        self,
        method: str,
        path: str,
        *expected: int,
        query: Mapping[str, object] | None = None,
        fields: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON of the answer (None when it has none). `expected` are the statuses that are right here: 200 by default.

        A route that is not served is noted as missing; nothing else of its answer is judged.
        """
        body = content if fields is None else json.dumps(fields).encode()
        target = quote(path, safe="/:") + (f"?{urlencode(query)}" if query else "")
        sent = {**(self.keys if headers is None else headers), "Content-Type": "application/json"}
        self.connection.request(method, target, body=body, headers=sent)
        answer = self.connection.getresponse()
        content_of = {name.lower(): value for name, value in answer.getheaders()}
        reply = Reply(answer.status, content_of, answer.read())
        operation = self.judge.operation_of(method, path)
        is_served = reply.status != 404 or b"endpoint not found" not in reply.body or path.startswith(ABSENT)
        if operation and not is_served:
            self.missing.add(operation)
            return None
        self.judge.see(method, path, reply)
        if reply.status not in (expected or (200,)):
            self.surprises.append(
                f"{method} {target} {fields or ''}: {reply.status} {reply.body[:200]!r}, not {expected or 200}"
            )
        return json.loads(reply.body) if reply.kind == "application/json" else None

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.until(self.sim.now + timedelta(seconds=seconds))

    def until(self, moment: datetime) -> None:
        """Let virtual time pass until then."""
        while self.sim.now < moment:
            self.sim.advance(moment)

    def order(self, *expected: int, **fields: object) -> Fields:
        """Place an order: a DAY market buy of one AAPL but for `fields`."""
        given = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day", **fields}
        answer: Fields = self.ask("POST", "/v2/orders", *expected, fields=given)
        return answer

    def play(self, scene: Callable[[Session], None]) -> None:
        """Play a scene; one that cannot go on, because an answer lacks what the next request needs, is a surprise."""
        try:
            scene(self)
        except (LookupError, TypeError) as error:
            self.surprises.append(f"scene {scene.__name__.strip('_')} broke off: {type(error).__name__} {error}")

    def price(self, symbol: str = "AAPL") -> float:
        """The last trade."""
        found = self.ask("GET", f"/v2/stocks/{symbol}/trades/latest")
        return float(found["trade"]["p"])


_EXAMPLES: Final = {
    "symbol": "AAPL",
    "symbol_or_asset_id": "AAPL",
    "symbol_or_id": CONTRACT,
    "symbol_or_contract_id": CONTRACT,
    "underlying_symbol": "AAPL",
    "activity_type": "FILL",
    "market": "NYSE",
    "market_type": "stocks",
    "loc": "us",
    "ticktype": "trade",
}


def example(path: str) -> str:
    """A path with its parameters filled in: by name, or with an id nothing has."""
    pieces = path.replace("}", "{").split("{")
    return "".join(_EXAMPLES.get(piece, NOBODY) if number % 2 else piece for number, piece in enumerate(pieces))
