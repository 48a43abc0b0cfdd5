"""A fault that names an account strikes that one alone, whichever of its names was used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.desk import AccountOrder
from tests.simulator.tiny import CALM, OPEN, STEP, TinyMarket, before, order, tape

SECOND = ("PKSECOND", "second-secret")


def two_accounts() -> Simulator:
    """Two accounts on one quiet market."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *("100.00",) * 12)]})
    accounts = [AccountOrder(SECOND)]
    return Simulator(market, seed=7, start=OPEN + STEP, switches=replace(CALM), accounts=accounts)


@pytest.mark.parametrize("name", ["id", "key", "number"])
def test_a_blocked_account_is_the_one_that_was_named(name: str) -> None:
    """By id, by key id or by number: the second account takes no orders, the first does."""
    sim = two_accounts()
    second = sim.desks[1]
    named = {"id": second.id, "key": second.keys[0], "number": str(second.number)}[name]
    sim.order_fault("account.blocked", account=named)
    with pytest.raises(BrokerError, match="not authorized to trade"):
        second.exchange.submit(order("buy", "market"))
    assert sim.exchange.submit(order("buy", "market")).is_open


def test_a_stuck_order_is_the_one_of_the_named_account() -> None:
    """The same order in both accounts: one is filled, the other waits as it was answered."""
    sim = two_accounts()
    sim.order_fault("order.stuck", account="1")
    placed = [desk.exchange.submit(order("buy", "market")) for desk in sim.desks]
    sim.advance(sim.now + STEP)
    assert [each.status for each in placed] == ["filled", "pending_new"]
