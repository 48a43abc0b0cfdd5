"""Faults of the exchange do what the catalogue says: to the order, to the books, and on the stream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.simulator import AccountOrder, BrokerError, Simulator
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.golden import World
from tests.simulator.tiny import CALM, CLOSE, OPEN, Ear, TinyMarket, before, bought, order, run_to, simulator, tape

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
FLAT = ("100.00",) * 24
BUY = order("buy", "market", "10")
REST = order("buy", "limit", "10", limit_price="90")


def paper(fault: str, **given: object) -> tuple[Simulator, Ear]:
    """A paper account at 100, in which this fault is in force."""
    sim = simulator(*FLAT, profile="paper100k")
    sim.order_fault(fault, **given)
    return sim, Ear(sim)


def wait(sim: Simulator, seconds: float = 1) -> None:
    """Let time pass."""
    run_to(sim, sim.now + timedelta(seconds=seconds))


LIVES: list[tuple[str, dict[str, object], dict[str, object], float, list[str], str]] = [
    # fault, its parameters, an order, seconds later: events, status
    ("fill.partial", {"share": "0.3", "times": 1}, BUY, 1, ["new", "partial_fill"], "partially_filled"),
    ("fill.partial", {"share": "0.3", "times": 1}, BUY, 9, ["new", "partial_fill", "fill"], "filled"),
    ("fill.before_ack", {}, BUY, 1, ["fill", "new"], "filled"),
    ("fill.before_ack", {}, REST, 1, ["new"], "new"),
    ("fill.late", {"seconds": "5"}, BUY, 4, ["new"], "new"),
    ("fill.late", {"seconds": "5"}, BUY, 6, ["new", "fill"], "filled"),
    ("order.stuck", {}, BUY, 20000, [], "pending_new"),
    ("order.stuck", {}, BUY, 24000, ["expired"], "expired"),
    ("order.reject_later", {"seconds": "2"}, BUY, 1, ["new"], "new"),
    ("order.reject_later", {"seconds": "2"}, BUY, 3, ["new", "rejected"], "rejected"),
    ("order.expire_early", {"seconds": "20"}, REST, 19, ["new"], "new"),
    ("order.expire_early", {"seconds": "20"}, REST, 21, ["new", "expired"], "expired"),
    ("order.expire_early", {"seconds": "20"}, BUY, 21, ["new", "fill"], "filled"),
]


@pytest.mark.parametrize(("fault", "given", "fields", "seconds", "events", "status"), LIVES)
def test_faults_of_new_orders_and_executions(
    fault: str, given: dict[str, object], fields: dict[str, object], seconds: float, events: list[str], status: str
) -> None:
    """What the stream tells, and what REST shows, before and after."""
    sim, ear = paper(fault, **given)
    placed = sim.exchange.submit(fields)
    wait(sim, seconds)
    assert (ear.events, placed.status) == (events, status)
    assert sum((position.qty for position in sim.exchange.positions()), Decimal(0)) == placed.filled_qty


def test_a_late_fill_has_the_price_of_its_time() -> None:
    """The market has moved when the order arrives."""
    sim = simulator("100.00", "100.00", "104.00", "104.00", profile="paper100k")
    sim.order_fault("fill.late", seconds="10")
    placed = sim.exchange.submit(BUY)
    wait(sim, 12)
    assert placed.filled_avg_price == Decimal("104.01")


def test_a_stuck_order_ends_when_it_is_canceled() -> None:
    """It never worked, and gives its buying power back."""
    sim, ear = paper("order.stuck")
    placed = sim.exchange.submit(BUY)
    wait(sim, 60)
    sim.exchange.cancel(placed.id)
    wait(sim)
    assert (placed.status, ear.events) == ("canceled", ["canceled"])
    assert sim.exchange.account().buying_power == 400_000


def test_an_order_told_late_that_it_is_new_can_be_replaced() -> None:
    """fill.before_ack does not leave a resting order pending for ever."""
    sim, _ = paper("fill.before_ack")
    placed = sim.exchange.submit(REST)
    wait(sim)
    assert sim.exchange.replace(placed.id, {"limit_price": "91"}).is_open


def _resting(sim: Simulator, fields: dict[str, object] = REST) -> SimOrder:
    placed = sim.exchange.submit(fields)
    wait(sim)
    return placed


NEAR = order("buy", "limit", "10", limit_price="100.01")
CANCELS: list[tuple[str, dict[str, object], float, list[str], str]] = [
    # fault, order, milliseconds from its POST to the DELETE: events, status
    ("cancel.ignored", REST, 1000, ["new"], "new"),
    ("cancel.loses_race", REST, 1000, ["new", "canceled"], "canceled"),  # its limit does not allow it
    ("cancel.loses_race", NEAR, 10, ["new", "fill", "order_cancel_rejected"], "filled"),
    ("cancel.loses_race", BUY, 10, ["new", "fill", "order_cancel_rejected"], "filled"),
]


@pytest.mark.parametrize(("fault", "fields", "after_ms", "events", "status"), CANCELS)
def test_faults_of_cancels(
    fault: str, fields: dict[str, object], after_ms: float, events: list[str], status: str
) -> None:
    """Answered with success every time."""
    sim, ear = paper(fault)
    placed = sim.exchange.submit(fields)
    wait(sim, after_ms / 1000)
    sim.exchange.cancel(placed.id)
    wait(sim)
    assert (ear.events, placed.status) == (events, status)


def test_a_stop_may_fill_in_a_race_it_did_not_run() -> None:
    """cancel.loses_race treats a stop as elected: protection that is taken back sells all the same."""
    sim = simulator(*FLAT, profile="paper100k")
    bought(sim, "10")
    sim.order_fault("cancel.loses_race")
    stop = _resting(sim, order("sell", "stop", "10", stop_price="90"))
    sim.exchange.cancel(stop.id)
    wait(sim)
    assert (stop.status, sim.exchange.positions()) == ("filled", [])


@pytest.mark.parametrize("where", ["closed", "halted", "held", "auction"])
def test_a_lost_race_needs_a_market(where: str) -> None:
    """Nothing fills while the market is closed or halted; neither a held leg nor an order for a cross does."""
    halts = {"XYZ": (OPEN + 2 * SECOND, CLOSE)} if where == "halted" else None
    late = tape("XYZ", "100", start=CLOSE + SECOND)
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *FLAT), *late]}, halts=halts)
    sim = Simulator(market, seed=7, start=OPEN + SECOND, profile="paper100k", switches=CALM)
    bought(sim, "10")
    sim.order_fault("cancel.loses_race")
    if where == "closed":
        run_to(sim, CLOSE + 5 * SECOND)
    elif where == "halted":
        run_to(sim, OPEN + 6 * SECOND)
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
    fields = {
        "held": order("buy", "limit", "10", limit_price="95", order_class="bracket", **exits),
        "auction": order("sell", "market", "10", time_in_force="cls"),
    }.get(where, order("sell", "market", "10"))
    placed = sim.exchange.submit(fields)
    target = placed.legs[1] if where == "held" else placed
    sim.exchange.cancel(target.id)
    wait(sim)
    assert (target.status, target.filled_qty) == ("canceled", Decimal(0))
    assert sim.exchange.position("XYZ").qty == 10


def test_a_replacement_that_loses_its_race() -> None:
    """The order fills before the replacement takes effect; the new one is rejected."""
    sim, ear = paper("replace.loses_race")
    placed = sim.exchange.submit(BUY)
    wait(sim, 0.004)
    made = sim.exchange.replace(placed.id, {"qty": "5"})
    wait(sim)
    assert (placed.status, placed.filled_qty, made.status) == ("filled", Decimal(10), "rejected")
    assert ear.events == ["new", "fill", "order_replace_rejected", "rejected"]


def test_a_replacement_that_is_carried_out_though_it_was_refused() -> None:
    """500 as the answer, and the new order at work."""
    sim, ear = paper("replace.error_but_applied")
    placed = _resting(sim)
    with pytest.raises(BrokerError) as caught:
        sim.exchange.replace(placed.id, {"limit_price": "91"})
    assert (caught.value.status, caught.value.code) == (500, 50010000)
    wait(sim)
    assert (placed.status, ear.events) == ("replaced", ["new", "replaced", "new"])
    assert placed.replaced_by is not None
    assert sim.exchange.book.get(placed.replaced_by).limit_price == 91


def test_a_blocked_account_takes_no_orders() -> None:
    """403 for orders, replacements and closings while it lasts; cancels go through, and so does the broker's own liquidation."""
    sim = simulator(*FLAT, profile="paper100k")
    bought(sim, "10")
    placed = _resting(sim)
    fault = sim.order_fault("account.blocked")
    assert sim.exchange.is_blocked
    commands: list[Callable[[], object]] = [
        lambda: sim.exchange.submit(BUY),
        lambda: sim.exchange.replace(placed.id, {"limit_price": "91"}),
        lambda: sim.exchange.close_position("XYZ", "1"),
    ]
    for command in commands:
        with pytest.raises(BrokerError) as caught:
            command()
        assert (caught.value.status, caught.value.text) == (403, "account is not authorized to trade")
    sim.exchange.cancel(placed.id)
    assert [found.qty for found in sim.exchange.liquidate("XYZ")] == [10]
    sim.lift_faults(fault.number)
    assert not sim.exchange.is_blocked


def test_buying_power_that_lags_behind() -> None:
    """A young order is not counted yet: an account of $467 takes two orders of $450, and trades the second only with its cash."""
    sim = simulator(*FLAT)
    fault = sim.order_fault("account.bp_lag", seconds="5")
    sim.exchange.submit(order("buy", "limit", "5", limit_price="90"))
    assert sim.exchange.account().buying_power == 467
    assert sim.exchange.submit(order("buy", "limit", "5", limit_price="91")).is_open
    wait(sim, 6)
    assert sim.exchange.account().buying_power == 0
    sim.lift_faults(fault.number)
    assert sim.exchange.account().cash == 467


def test_a_fault_strikes_the_account_and_the_symbol_it_was_ordered_for() -> None:
    """By account number, key id or account id; others trade as always."""
    ticks = {name: [*before(name, "10"), *tape(name, *("10.00",) * 24)] for name in ("ABC", "XYZ")}
    accounts = [AccountOrder(("ONE", "secret-1")), AccountOrder(("TWO", "secret-2"))]
    sim = Simulator(TinyMarket(ticks), seed=7, start=OPEN + SECOND, switches=CALM, accounts=accounts)
    sim.order_fault("order.stuck", account="TWO", symbol="ABC")
    found = {
        (desk.keys[0], name): desk.exchange.submit(order("buy", "market", symbol=name))
        for desk in sim.desks
        for name in ("ABC", "XYZ")
    }
    wait(sim)
    stuck = [which for which, placed in found.items() if placed.status == "pending_new"]
    assert stuck == [("TWO", "ABC")]


def test_the_account_may_change_its_shape() -> None:
    """account.fields takes fields away and adds others; the blocked account says so."""
    world = World()
    usual = world.get("/v2/account")
    fault = world.sim.order_fault("account.fields", drop="sma,multiplier", add='{"sma": null, "novelty": 1}')
    changed = world.get("/v2/account")
    assert {key: value for key, value in changed.items() if key not in {"sma", "novelty"}} == {
        key: value for key, value in usual.items() if key not in {"sma", "multiplier"}
    }
    assert (changed["sma"], changed["novelty"]) == (None, 1)
    world.sim.lift_faults(fault.number)
    world.sim.order_fault("account.blocked")
    assert {key for key, value in world.get("/v2/account").items() if value != usual[key]} == {"trading_blocked"}
