"""Faults of orders, fills and accounts at the wire, and that a run with faults repeats from its command log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from alpaca_trader.simulator import BrokerError, RunningSimulator, Simulator, running_simulator
from tests.simulator.tiny import CALM, OPEN, Ear, TinyMarket, before, order, run_to, tape

RESTING = order("buy", "limit", limit_price="9.00")
STOP = order("buy", "stop", stop_price="10.50")


def simulator(state: Path | None = None) -> Simulator:
    """A steady ten dollars for five minutes."""
    market = TinyMarket({"XYZ": [*before("XYZ", "10.00"), *tape("XYZ", *["10.00"] * 60)]})
    start = OPEN + timedelta(seconds=1)
    return Simulator(market, seed=7, start=start, profile="paper100k", switches=CALM, state_dir=state)


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator, Ear]]:
    """The broker, and somebody who hears its trade updates."""
    sim = simulator()
    ear = Ear(sim)
    with running_simulator(sim) as running:
        yield sim, running, ear


def ask(running: RunningSimulator, method: str, path: str, body: object = None) -> requests.Response:
    """The broker's answer."""
    headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
    return requests.request(method, running.url + path, json=body, headers=headers, timeout=5)


def place(running: RunningSimulator, body: object) -> str:
    """Send an order; returns its path."""
    return f"/v2/orders/{ask(running, 'POST', '/v2/orders', body).json()['id']}"


def wait(sim: Simulator, seconds: float) -> None:
    """Let time pass."""
    run_to(sim, sim.now + timedelta(seconds=seconds))


ORDERS: list[tuple[str | None, dict[str, object], Sequence[str], str]] = [
    (None, {}, ["new", "fill"], "filled"),
    ("fill.partial", {"times": 1, "share": 0.5}, ["new", "partial_fill", "fill"], "filled"),
    ("fill.before_ack", {}, ["fill", "new"], "filled"),
    ("order.stuck", {}, [], "pending_new"),
    ("order.stuck", {"symbol": "ABC"}, ["new", "fill"], "filled"),
]


@pytest.mark.parametrize(("name", "given", "events", "status"), ORDERS)
def test_what_becomes_of_a_market_order(
    name: str | None, given: dict[str, object], events: Sequence[str], status: str
) -> None:
    """Events in the order they were told, and the state that REST shows."""
    with served() as (sim, running, ear):
        if name:
            sim.order_fault(name, **given)
        path = place(running, order("buy", "market", "10"))
        wait(sim, 20)
        assert ear.events == events
        assert ask(running, "GET", path).json()["status"] == status


def test_an_order_reaches_the_market_late() -> None:
    """Acknowledged as ever, filled half a minute later, at the price of then."""
    with served() as (sim, running, ear):
        sim.order_fault("fill.late", seconds=30)
        sim.order_fault("market.gap", symbol="XYZ", pct=-10, after=20)
        path = place(running, order("buy", "market"))
        wait(sim, 20)
        assert (ear.events, ask(running, "GET", path).json()["status"]) == (["new"], "new")
        wait(sim, 20)
        assert (ear.events, ask(running, "GET", path).json()["filled_avg_price"]) == (["new", "fill"], "9.01")


RESTING_ORDERS: list[tuple[str, dict[str, object], Sequence[str], str]] = [
    ("order.reject_later", {"seconds": 5}, ["new", "rejected"], "rejected"),
    ("order.expire_early", {"seconds": 5}, ["new", "expired"], "expired"),
]


@pytest.mark.parametrize(("name", "given", "events", "status"), RESTING_ORDERS)
def test_a_working_order_ends_by_itself(
    name: str, given: dict[str, object], events: Sequence[str], status: str
) -> None:
    """Accepted, acknowledged, and seconds later rejected or expired."""
    with served() as (sim, running, ear):
        sim.order_fault(name, **given)
        path = place(running, RESTING)
        wait(sim, 2)
        assert ask(running, "GET", path).json()["status"] == "new"
        wait(sim, 10)
        assert ear.events == events
        assert ask(running, "GET", path).json()["status"] == status


def test_a_cancel_is_ignored_or_loses() -> None:
    """Both are answered 204: once the order stays, once it is filled, and the third is canceled."""
    with served() as (sim, running, _):
        path = place(running, STOP)
        wait(sim, 1)
        sim.order_fault("cancel.ignored", times=1)
        assert ask(running, "DELETE", path).status_code == 204
        wait(sim, 10)
        assert ask(running, "GET", path).json()["status"] == "new"
        sim.order_fault("cancel.loses_race", times=1)
        assert ask(running, "DELETE", path).status_code == 204
        wait(sim, 10)
        assert ask(running, "GET", path).json()["status"] == "filled"
        path = place(running, RESTING)
        wait(sim, 1)
        assert ask(running, "DELETE", path).status_code == 204
        wait(sim, 1)
        assert ask(running, "GET", path).json()["status"] == "canceled"


def test_a_replacement_loses_or_is_answered_wrong() -> None:
    """Filled before it could be replaced; replaced although the answer says no."""
    with served() as (sim, running, _):
        change = {"limit_price": "8.50"}
        path = place(running, STOP)
        wait(sim, 1)
        sim.order_fault("replace.loses_race", times=1)
        assert ask(running, "PATCH", path, {"stop_price": "10.60"}).status_code == 200
        wait(sim, 5)
        assert ask(running, "GET", path).json()["status"] == "filled"
        path = place(running, RESTING)
        wait(sim, 1)
        sim.order_fault("replace.error_but_applied", times=1)
        assert ask(running, "PATCH", path, change).status_code == 500
        wait(sim, 5)
        old = ask(running, "GET", path).json()
        assert old["status"] == "replaced"
        assert ask(running, "GET", f"/v2/orders/{old['replaced_by']}").json()["limit_price"] == "8.5"


def test_an_account_is_blocked_behind_and_of_another_shape() -> None:
    """No orders while blocked; buying power forgets a young order; fields come and go; afterwards all is well."""
    with served() as (sim, running, _):
        usual = ask(running, "GET", "/v2/account").json()
        sim.order_fault("account.blocked", **{"for": 10})
        assert ask(running, "GET", "/v2/account").json()["trading_blocked"] is True
        assert ask(running, "POST", "/v2/orders", RESTING).status_code == 403
        wait(sim, 11)
        sim.order_fault("account.bp_lag", seconds=5)
        place(running, order("buy", "limit", "100", limit_price="9.00"))
        lagging = ask(running, "GET", "/v2/account").json()["buying_power"]
        assert lagging == usual["buying_power"]
        wait(sim, 6)
        assert ask(running, "GET", "/v2/account").json()["buying_power"] != lagging
        sim.lift_faults()
        sim.order_fault("account.fields", drop="multiplier,equity", add='{"daytrade_count": 3}', **{"for": 10})
        odd = ask(running, "GET", "/v2/account").json()
        assert (odd["daytrade_count"], odd.keys() & {"multiplier", "equity"}) == (3, set())
        wait(sim, 11)
        assert ask(running, "GET", "/v2/account").json().keys() == usual.keys()


def session(sim: Simulator) -> list[Any]:
    """Orders among faults of every kind that touches the exchange; returns everything that was told and is left."""
    ear = Ear(sim)
    sim.order_fault("fill.partial", probability=0.5, share=0.4)
    sim.order_fault("order.stuck", probability=0.3)
    sim.order_fault("cancel.ignored", probability=0.5)
    for number in range(12):
        placed = sim.exchange.submit(order("buy", "market", "10") if number % 2 else RESTING)
        wait(sim, 3)
        if placed.is_open and number % 3 == 0:
            sim.exchange.cancel(placed.id)
        wait(sim, 3)
        if number == 4:
            sim.order_fault("market.gap", symbol="XYZ", pct=-10)
            sim.order_fault("broker.manual_order", symbol="XYZ", side="buy", qty="7")
        if number == 6:
            sim.order_fault("clock.jump", seconds=30)
            sim.order_fault("corp.split", symbol="XYZ", ratio=3)
        if number == 9:
            sim.lift_faults(2)
            with pytest.raises(ValueError, match="the market has this symbol already"):
                sim.order_fault("corp.rename", symbol="XYZ", new_symbol="XYZ")
            with pytest.raises(BrokerError):
                sim.order_fault("broker.manual_order", symbol="XYZ", side="buy", qty="100000000")
    return [*ear.heard, left(sim)]


def left(sim: Simulator) -> Any:
    """What stands in the books."""
    return [
        sim.now,
        sim.exchange.account().cash,
        [(view.asset.symbol, view.qty, view.price) for view in sim.exchange.positions()],
        [(each.id, each.status, each.filled_qty) for each in sim.exchange.book.open_orders()],
        [(fault.number, fault.order.name, fault.asked, fault.struck) for fault in sim.faults.in_force()],
    ]


def test_a_run_with_faults_repeats(tmp_path: Path) -> None:
    """Twice the same to the letter; and whoever replays the command log stands where the run stood."""
    first, second = session(simulator()), session(simulator())
    assert first == second
    kept = simulator(tmp_path)
    assert session(kept) == first
    kept.close()
    again = simulator(tmp_path)
    assert left(again) == first[-1]
    again.close()
