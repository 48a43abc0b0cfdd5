"""Replace and cancel: what is refused, in which words, and who wins a race (alpaca-contract 3.11, 3.12)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.tiny import CLOSE, OPEN, Ear, bought, order, run_to, simulator

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
Prepare = Callable[[Simulator], SimOrder]


def paper(**changes: Any) -> Simulator:
    """A paper account; the price is 100 and stays there."""
    return simulator(*("100.00",) * 24, profile="paper100k", **changes)


def pending_new(sim: Simulator) -> SimOrder:
    """A limit order on its way."""
    return sim.exchange.submit(order("buy", "limit", "10", limit_price="90"))


def new(sim: Simulator) -> SimOrder:
    """A limit order that rests."""
    placed = pending_new(sim)
    run_to(sim, sim.now + SECOND)
    return placed


def accepted(sim: Simulator) -> SimOrder:
    """A limit order that waits for the next open."""
    run_to(sim, CLOSE + SECOND)
    return pending_new(sim)


def pending_cancel(sim: Simulator) -> SimOrder:
    """A limit order that is being canceled."""
    placed = new(sim)
    sim.exchange.cancel(placed.id)
    return placed


def canceled(sim: Simulator) -> SimOrder:
    """A limit order that was canceled."""
    placed = pending_cancel(sim)
    run_to(sim, sim.now + SECOND)
    return placed


def pending_replace(sim: Simulator) -> SimOrder:
    """A limit order that is being replaced."""
    placed = new(sim)
    sim.exchange.replace(placed.id, {"limit_price": "91"})
    return placed


def successor(sim: Simulator) -> SimOrder:
    """The order that is to take its place."""
    return sim.exchange.replace(new(sim).id, {"limit_price": "91"})


def replaced(sim: Simulator) -> SimOrder:
    """A limit order that was replaced."""
    placed = pending_replace(sim)
    run_to(sim, sim.now + SECOND)
    return placed


def filled(sim: Simulator) -> SimOrder:
    """A market order that filled."""
    return bought(sim, "10")


def expired(sim: Simulator) -> SimOrder:
    """A limit order whose day is over."""
    placed = new(sim)
    run_to(sim, CLOSE + SECOND)
    return placed


def notional(sim: Simulator) -> SimOrder:
    """A market order for dollars, at the venue and not yet filled."""
    placed = sim.exchange.submit(order("buy", "market", None, notional="50"))
    run_to(sim, sim.now + 4 * MS)
    return placed


def fractional(sim: Simulator) -> SimOrder:
    """A limit order for half a share."""
    placed = sim.exchange.submit(order("buy", "limit", "0.5", limit_price="90"))
    run_to(sim, sim.now + SECOND)
    return placed


def partly_filled(sim: Simulator) -> SimOrder:
    """A limit order of 110, of which 100 have filled."""
    placed = sim.exchange.submit(order("buy", "limit", "110", limit_price="100.01"))
    run_to(sim, sim.now + SECOND)
    assert placed.filled_qty == 100
    return placed


STATES: list[tuple[Prepare, str | None, str | None]] = [
    # an order, the answer to its replacement, the answer to its cancel (None: taken)
    (pending_new, "cannot replace order in pending_new status", None),
    (accepted, "cannot replace order in accepted status", None),
    (new, None, None),
    (partly_filled, None, None),
    (pending_cancel, "cannot replace order in pending_cancel status", "order pending cancel"),
    (canceled, "cannot replace order in canceled status", 'order is already in "canceled" state'),
    (pending_replace, "cannot replace order in pending_replace status", "order pending replace"),
    (successor, "order chain not fully replaced", "order pending replace"),
    (replaced, "order already replaced", 'order is already in "replaced" state'),
    (filled, "cannot replace order in filled status", 'order is already in "filled" state'),
    (expired, "cannot replace order in expired status", 'order is already in "expired" state'),
    (notional, "notional orders cannot be replaced", None),
]


@pytest.mark.parametrize(("prepare", "to_replace", "to_cancel"), STATES)
def test_what_can_be_changed_in_which_state(prepare: Prepare, to_replace: str | None, to_cancel: str | None) -> None:
    """422 42210000 in the broker's words, and nothing happens."""
    sim = paper()
    placed = prepare(sim)
    calls: list[tuple[Callable[[], object], str | None]] = [
        (lambda: sim.exchange.replace(placed.id, {"qty": "120"}), to_replace),
        (lambda: sim.exchange.cancel(placed.id), to_cancel),
    ]
    for call, words in calls:
        if words is None:
            continue
        status, known = placed.status, len(sim.exchange.book)
        with pytest.raises(BrokerError) as caught:
            call()
        assert (caught.value.status, caught.value.code, caught.value.text) == (422, 42210000, words)
        assert (placed.status, len(sim.exchange.book)) == (status, known)
    for call, words in calls:
        if words is None:
            call()
            assert placed.status == ("pending_replace" if call is calls[0][0] else "pending_cancel")
            break


CHANGES: list[tuple[Prepare, dict[str, object], str]] = [
    (new, {}, "order parameters are not changed"),
    (new, {"qty": "10", "limit_price": "90.00", "time_in_force": "day"}, "order parameters are not changed"),
    (new, {"client_order_id": "other"}, "order parameters are not changed"),
    (new, {"qty": "10.5"}, "qty of a replaced order must be whole shares"),
    (new, {"qty": "0"}, "qty must be > 0"),
    (new, {"limit_price": "90.001"}, "invalid limit_price 90.001. sub-penny increment does not fulfill"),
    (new, {"stop_price": "95"}, "limit orders require no stop price"),
    (new, {"trail": "1"}, "trail is only valid for trailing stop orders"),
    (new, {"notional": "100"}, "notional orders cannot be replaced"),
    (new, {"time_in_force": "opg"}, "time_in_force opg is not accepted for replaced orders"),
    (new, {"time_in_force": "week"}, "invalid time_in_force"),
    (new, {"qty": "100000"}, "insufficient buying power"),
    (partly_filled, {"qty": "100"}, "qty must be > filled_qty"),
    (partly_filled, {"qty": "99"}, "qty must be > filled_qty"),
    (fractional, {"qty": "1"}, "qty of fractional orders cannot be replaced"),
    (fractional, {"time_in_force": "gtc"}, "fractional orders must be DAY orders"),
]


@pytest.mark.parametrize(("prepare", "fields", "words"), CHANGES)
def test_what_a_replacement_may_change(prepare: Prepare, fields: dict[str, object], words: str) -> None:
    """A refusal leaves the order at work."""
    sim = paper()
    placed = prepare(sim)
    status = placed.status
    with pytest.raises(BrokerError) as caught:
        sim.exchange.replace(placed.id, fields)
    assert caught.value.text.startswith(words)
    assert placed.status == status


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        (("sell", "stop", {"stop_price": "90"}), {"stop_price": "100"}, "stop price must be less than current price"),
        (("buy", "stop", {"stop_price": "110"}), {"stop_price": "100"}, "stop price must be greater than current"),
        (("sell", "limit", {"limit_price": "110"}), {"qty": "11"}, "insufficient qty available for order"),
    ],
)
def test_a_replacement_is_held_to_the_market_and_the_position(
    first: tuple[str, str, dict[str, object]], then: dict[str, object], words: str
) -> None:
    """Stops stay on their side, closing orders within what is held."""
    sim = paper()
    bought(sim, "10")
    placed = sim.exchange.submit(order(first[0], first[1], "10", **first[2]))
    run_to(sim, sim.now + SECOND)
    with pytest.raises(BrokerError, match=words):
        sim.exchange.replace(placed.id, then)


def test_a_replacement_that_would_trade_with_oneself_is_a_wash_trade() -> None:
    """A buy at 90 beside an offer at 95 may not become a buy at 95."""
    sim = paper()
    bought(sim, "10")
    offer = sim.exchange.submit(order("sell", "limit", "1", limit_price="105"))
    bid = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    run_to(sim, sim.now + SECOND)
    with pytest.raises(BrokerError) as caught:
        sim.exchange.replace(bid.id, {"limit_price": "105"})
    assert caught.value.extra["existing_order_id"] == offer.id
    assert sim.exchange.replace(bid.id, {"limit_price": "99"}).is_open


# ------------------------------------------------------------------ races


@pytest.mark.parametrize(
    ("command", "before_ms", "expected"),
    [
        ("cancel", 50, ["new", "canceled"]),
        ("cancel", 4, ["new", "fill", "order_cancel_rejected"]),
        ("replace", 50, ["new", "replaced", "new"]),
        ("replace", 4, ["new", "fill", "order_replace_rejected", "rejected"]),
    ],
)
def test_who_is_first(command: str, before_ms: int, expected: list[str]) -> None:
    """50 ms before the quote that fills it the command wins, 4 ms before it loses: both take 5 to 25 ms."""
    sim = simulator("100.00", "100.00", "90.00", "90.00", profile="paper100k")
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "10", limit_price="95"))
    run_to(sim, OPEN + 10 * SECOND - before_ms * MS)
    made = None
    if command == "cancel":
        sim.exchange.cancel(placed.id)
    else:
        made = sim.exchange.replace(placed.id, {"limit_price": "80"})
    run_to(sim, OPEN + 11 * SECOND)
    assert ear.events == expected
    final = {"cancel": "canceled", "replace": "replaced"}[command] if "fill" not in expected else "filled"
    assert placed.status == final
    if made is not None:
        assert made.status == ("new" if final == "replaced" else "rejected")
        assert (placed.replaced_by == made.id) == (final == "replaced")
    assert [position.qty for position in sim.exchange.positions()] == ([10] if final == "filled" else [])


def test_a_chain_of_replacements_keeps_every_link_and_every_share() -> None:
    """Three links; fills before and between them count once; ids lead both ways; filled_qty only grows."""
    sim = simulator(*("100.00",) * 40, profile="paper100k", size=10)
    first = sim.exchange.submit(order("buy", "limit", "100", limit_price="100.01"))
    run_to(sim, OPEN + 6 * SECOND)
    second = sim.exchange.replace(first.id, {"qty": "80"})
    run_to(sim, OPEN + 16 * SECOND)
    third = sim.exchange.replace(second.id, {"qty": "60", "client_order_id": "third"})
    run_to(sim, OPEN + 90 * SECOND)
    assert [found.status for found in (first, second, third)] == ["replaced", "replaced", "filled"]
    assert (first.replaced_by, second.replaced_by, third.replaces, second.replaces) == (second.id, third.id, second.id, first.id)  # fmt: skip
    assert first.filled_qty <= second.filled_qty <= third.filled_qty == 60
    assert sim.exchange.position("XYZ").qty == 60
    assert sim.exchange.book.get_by_client_id("third") is third
    with pytest.raises(BrokerError, match="order already replaced"):
        sim.exchange.replace(first.id, {"qty": "50"})


def test_a_part_that_fills_during_the_replacement_may_leave_nothing_to_replace() -> None:
    """To 100 shares, but 100 fill before it takes effect: the new order is rejected, the old one goes on as it was."""
    sim = simulator(*("100.00",) * 4, profile="paper100k", latency_ms=(4, 4))
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "150", limit_price="100.01"))
    run_to(sim, sim.now + 3 * MS)
    made = sim.exchange.replace(placed.id, {"qty": "90"})
    run_to(sim, sim.now + 30 * MS)
    assert (placed.status, placed.filled_qty, made.status) == ("partially_filled", Decimal(100), "rejected")
    assert ear.events == ["new", "partial_fill", "order_replace_rejected", "rejected"]
    run_to(sim, OPEN + 6 * SECOND)
    assert placed.status == "filled"


def test_an_order_that_is_canceled_before_it_is_acknowledged() -> None:
    """A cancel right after the POST ends it unfilled."""
    sim = paper()
    placed = sim.exchange.submit(order("buy", "market", "10"))
    sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + SECOND)
    assert (placed.status, placed.filled_qty) == ("canceled", Decimal(0))
    assert sim.exchange.account().buying_power == 400_000


def test_cancel_all_leaves_out_what_is_on_its_way_already() -> None:
    """Orders being canceled or replaced are not asked twice; a queued order is."""
    sim = paper()
    resting, leaving, changing = new(sim), new(sim), new(sim)
    sim.exchange.cancel(leaving.id)
    sim.exchange.replace(changing.id, {"limit_price": "91"})
    assert sim.exchange.cancel_all() == [resting]
    run_to(sim, sim.now + SECOND)
    assert [resting.status, leaving.status, changing.status] == ["canceled", "canceled", "replaced"]
    assert len(sim.exchange.cancel_all()) == 1


def test_a_blocked_account_replaces_nothing() -> None:
    """No orders are taken, new ones in the place of old ones neither; canceling stays possible."""
    sim = paper()
    placed = new(sim)
    sim.exchange.configure({"suspend_trade": True})
    with pytest.raises(BrokerError, match="account is not authorized to trade"):
        sim.exchange.replace(placed.id, {"limit_price": "91"})
    sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + SECOND)
    assert placed.status == "canceled"
