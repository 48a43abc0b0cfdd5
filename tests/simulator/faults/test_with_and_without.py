"""What a client reads over REST before a fault is ordered, and after: the effect of each, and that it has no other cause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import pytest
import requests

from alpaca_trader.simulator import RunningSimulator, Simulator, Switches, running_simulator
from tests.simulator.tiny import order, run_to, simulator

CALM = Switches(partial_fills="never", rate_limit=None, data_entitlement="paid", iex_volume="full")
DAY_S = 86_400


class Broker:
    """A served simulator and the person who asks it."""

    def __init__(self, sim: Simulator, running: RunningSimulator) -> None:
        self.sim = sim
        self._running = running

    def ask(self, path: str, method: str = "GET", body: object = None) -> requests.Response:
        """The broker's answer."""
        headers = {"APCA-API-KEY-ID": self._running.key, "APCA-API-SECRET-KEY": self._running.secret}
        return requests.request(method, self._running.url + path, json=body, headers=headers, timeout=5)

    def get(self, path: str) -> Any:
        """Its body."""
        return self.ask(path).json()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        run_to(self.sim, self.sim.now + timedelta(seconds=seconds))


def positions(broker: Broker) -> Any:
    """Symbols and quantities held."""
    return [(each["symbol"], each["qty"]) for each in broker.get("/v2/positions")]


def dividends(broker: Broker) -> Any:
    """What was paid on shares, and the cash."""
    paid = [(each["symbol"], each["net_amount"]) for each in broker.get("/v2/account/activities/DIV")]
    return paid, broker.get("/v2/account")["cash"]


def quote(broker: Broker) -> Any:
    """Bid and ask of the latest quote, and the last print."""
    found = broker.get("/v2/stocks/XYZ/snapshot?feed=sip")
    return found["latestQuote"]["bp"], found["latestQuote"]["ap"], found["latestTrade"]["p"]


def clock(broker: Broker) -> Any:
    """How far the broker's clock and its `Date` are from the time that is driven."""
    answer = broker.ask("/v2/clock")
    shown = parsedate_to_datetime(answer.headers["date"])
    told = answer.json()["timestamp"][:19]
    truth = broker.sim.now.replace(microsecond=0)
    local = truth - timedelta(hours=5)
    return [round((shown - truth).total_seconds()), told == f"{local:%Y-%m-%dT%H:%M:%S}"]


def session(broker: Broker) -> Any:
    """The coming sessions."""
    days = broker.get("/v2/calendar?start=2026-11-20&end=2026-11-25")
    return [(day["date"][-2:], day["close"]) for day in days]


def order_taken(broker: Broker) -> Any:
    """Whether an order is taken, and what the account says."""
    taken = broker.ask("/v2/orders", "POST", order("buy", "limit", limit_price="9.00")).status_code
    return taken, broker.get("/v2/account")["trading_blocked"]


def buying_power(broker: Broker) -> Any:
    """What a young order leaves of it."""
    placed = broker.ask("/v2/orders", "POST", order("buy", "limit", "100", limit_price="9.00")).json()
    left = float(broker.get("/v2/account")["buying_power"])
    broker.ask(f"/v2/orders/{placed['id']}", "DELETE")
    broker.wait(1)
    return float(broker.get("/v2/account")["buying_power"]) - left


def account_fields(broker: Broker) -> Any:
    """Two fields of the account."""
    account = broker.get("/v2/account")
    return "equity" in account, account.get("novelty")


def elapsed(broker: Broker) -> Any:
    """The time on the broker's clock."""
    return broker.get("/v2/clock")["timestamp"][11:16]


class Case(NamedTuple):
    """A fault, what is read, how long one waits for it, and what is read without and with it."""

    name: str
    given: dict[str, object]
    read: Callable[[Broker], Any]
    wait_s: float
    without: Any
    with_fault: Any


HELD = ("XYZ", "2")
SESSIONS = [("20", "16:00"), ("23", "16:00"), ("24", "16:00"), ("25", "16:00")]
CASES = [
    Case("broker.manual_order", {"symbol": "XYZ", "side": "buy", "qty": 3}, positions, 5, [HELD], [("XYZ", "5")]),
    Case("broker.manual_order", {"symbol": "XYZ", "qty": 2}, positions, 5, [HELD], []),
    Case("broker.liquidate", {}, positions, 5, [HELD], []),
    Case("corp.split", {"symbol": "XYZ", "ratio": 3}, positions, 5, [HELD], [("XYZ", "6")]),
    Case("corp.rename", {"symbol": "XYZ", "new_symbol": "ABC"}, positions, 5, [HELD], [("ABC", "2")]),
    Case(
        "corp.dividend",
        {"symbol": "XYZ", "cash": "0.25"},
        dividends,
        4 * DAY_S,
        ([], "99979.98"),
        ([("XYZ", "0.5")], "99980.48"),
    ),
    Case("market.halt", {"symbol": "XYZ"}, quote, 6, (9.99, 10.01, 10), (0, 0, 10)),
    Case("market.gap", {"symbol": "XYZ", "pct": 10}, quote, 6, (9.99, 10.01, 10), (10.99, 11.01, 11)),
    Case("quote.spike", {"symbol": "XYZ", "pct": 10, "seconds": 60}, quote, 6, (9.99, 10.01, 10), (10.99, 11.01, 10)),
    Case("clock.skew", {"seconds": 40}, clock, 1, [0, True], [40, False]),
    Case("clock.jump", {"seconds": 3600}, elapsed, 1, "09:30", "10:30"),
    Case("clock.sleep", {"seconds": 3600}, elapsed, 1, "09:30", "10:30"),
    Case("calendar.half_day", {}, session, 1, SESSIONS, [SESSIONS[0], ("23", "13:00"), *SESSIONS[2:]]),
    Case("calendar.holiday", {"date": "2026-11-24"}, session, 1, SESSIONS, [*SESSIONS[:2], SESSIONS[3]]),
    Case("calendar.missing", {}, session, 1, SESSIONS, []),
    Case("account.blocked", {}, order_taken, 1, (200, False), (403, True)),
    Case("account.bp_lag", {}, buying_power, 1, 900, 0),
    Case("account.fields", {"drop": "equity", "add": '{"novelty": 1}'}, account_fields, 1, (True, None), (False, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.name}" for number, case in enumerate(CASES)])
def test_nothing_happens_without_the_fault_and_it_does_with_it(case: Case) -> None:
    """An account that holds two shares, at a steady ten dollars: read, order the fault, read again."""
    sim = simulator(*["10.00"] * 120, profile="paper100k", switches=CALM)
    with running_simulator(sim) as running:
        broker = Broker(sim, running)
        sim.exchange.submit(order("buy", "market", "2"))
        broker.wait(case.wait_s)
        assert case.read(broker) == case.without
        sim.order_fault(case.name, **case.given)
        broker.wait(case.wait_s)
        assert case.read(broker) == case.with_fault
