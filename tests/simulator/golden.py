"""A paper account as a client sees it, for the replay of what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.testclient import TestClient

from alpaca_trader.simulator import Simulator, Switches
from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.market.model import Tick
from tests.simulator.tiny import CALM, CLOSE, NEXT_OPEN, OPEN, Ear, TinyMarket, before, run_to, tape

Body = dict[str, Any]
MINUTE = timedelta(minutes=1)
EVENING = CLOSE + timedelta(hours=1)


class World:
    """A paper account on XYZ (fractional, prices of three decimals) and OLD (whole shares only), seen as a client sees it."""

    def __init__(
        self,
        prices: Sequence[str] = ("100.005",) * 60,
        start: datetime = OPEN + timedelta(seconds=1),
        switches: Switches = CALM,
    ) -> None:
        ticks: list[Tick] = [*before("XYZ", prices[0]), *tape("XYZ", *prices)]
        later = tape("XYZ", prices[-1], start=NEXT_OPEN)
        market = TinyMarket(
            {"XYZ": [*ticks, *later], "OLD": [*before("OLD", "50"), *tape("OLD", "50", "50")]}, whole_only=("OLD",)
        )
        self.sim = Simulator(market, seed=7, start=start, profile="paper100k", switches=switches)
        self.ear = Ear(self.sim)
        self.client = TestClient(build_app(self.sim))
        self.client.headers.update({"APCA-API-KEY-ID": self.sim.keys[0], "APCA-API-SECRET-KEY": self.sim.keys[1]})

    def ask(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> tuple[int, Any]:
        """Status and JSON of an answer; None when it has no body."""
        answer = self.client.request(method, path, content=None if fields is None else orjson.dumps(fields))
        return answer.status_code, answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        """The body of what has to succeed."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def order(self, side: str = "buy", type_: str = "market", qty: str | None = "1", **fields: object) -> Body:
        """Place a DAY order in XYZ that is accepted."""
        status, body = self.ask("POST", "/v2/orders", ticket(side, type_, qty, **fields))
        assert status == 200, body
        found: Body = body
        return found

    def wait(self, span: timedelta = timedelta(milliseconds=200)) -> None:
        """Let time pass: long enough for an order to be acknowledged and to fill."""
        run_to(self.sim, self.sim.now + span)

    def held(self, qty: str) -> Body:
        """Buy at the market; the filled order."""
        placed = self.order(qty=qty)
        self.wait()
        found: Body = self.get(f"/v2/orders/{placed['id']}")
        assert found["status"] == "filled"
        return found

    def news(self) -> list[tuple[str, str]]:
        """Event and order status of every trade update so far."""
        return [(update["event"], update["order"]["status"]) for update in self.ear.heard]


def ticket(side: str, type_: str, qty: str | None, **fields: object) -> Body:
    """The fields of a DAY order in XYZ."""
    given = {"symbol": "XYZ", "side": side, "type": type_, "time_in_force": "day", "qty": qty, **fields}
    return {name: value for name, value in given.items() if value is not None}
