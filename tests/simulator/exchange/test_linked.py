"""Brackets, OTO and OCO, member by member (alpaca-contract 3.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.tiny import CLOSE, OPEN, Ear, bought, order, run_to, simulator

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
FLAT = ("100.00",) * 4
EXITS: dict[str, object] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
"""Sane for a market at 100."""


def bracket(side: str = "buy", kind: str = "market", qty: str = "10", **fields: object) -> dict[str, object]:
    """The fields of a bracket around 100."""
    return order(side, kind, qty, order_class="bracket", **{**EXITS, **fields})


def paper(*prices: str, **changes: Any) -> Simulator:
    """A paper account; the price stays where the last one is."""
    return simulator(*prices, *((prices[-1],) * 8), profile="paper100k", **changes)


def wait(sim: Simulator, span: timedelta = 200 * MS) -> None:
    """Let time pass."""
    run_to(sim, sim.now + span)


def states(placed: SimOrder) -> list[str]:
    """Status of every member, the first one first."""
    return [member.status for member in placed.members()]


def refused(sim: Simulator, fields: Mapping[str, object]) -> BrokerError:
    """The refusal of an order."""
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(fields)
    return caught.value


# ------------------------------------------------------------------ exits and their base price

LONG, SHORT = "buy", "sell"
SANITY = [
    # entry side, entry limit (None: market at 100.00), take profit, stop, words of the refusal, base_price of its body
    (LONG, None, "110", "90", None, None),
    (LONG, None, "100.01", "99.99", None, None),
    (LONG, None, "90", "90", "take_profit.limit_price must be > stop_loss.stop_price", None),
    (LONG, None, "89", "90", "take_profit.limit_price must be > stop_loss.stop_price", None),
    (LONG, None, "110", "100", "stop_loss.stop_price must be <= base_price - 0.01", "100"),
    (LONG, None, "100", "90", "take_profit.limit_price must be >= base_price + 0.01", "100"),
    (LONG, "95", "95.01", "94.99", None, None),
    (LONG, "95", "110", "95", "stop_loss.stop_price must be <= base_price - 0.01", "95"),
    (LONG, "95", "95", "90", "take_profit.limit_price must be >= base_price + 0.01", "95"),
    (LONG, "105", "110", "100", "stop_loss.stop_price must be <= base_price - 0.01", "100"),
    (LONG, "105", "105", "99.99", "take_profit.limit_price must be >= base_price + 0.01", "105"),
    (SHORT, None, "90", "110", None, None),
    (SHORT, None, "99.99", "100.01", None, None),
    (SHORT, None, "110", "110", "take_profit.limit_price must be < stop_loss.stop_price", None),
    (SHORT, None, "90", "100", "stop_loss.stop_price must be >= base_price + 0.01", "100"),
    (SHORT, None, "100", "110", "take_profit.limit_price must be <= base_price - 0.01", "100"),
    (SHORT, "105", "104.99", "105.01", None, None),
    (SHORT, "105", "90", "105", "stop_loss.stop_price must be >= base_price + 0.01", "105"),
    (SHORT, "95", "90", "100", "stop_loss.stop_price must be >= base_price + 0.01", "100"),
]


@pytest.mark.parametrize(("side", "limit", "profit", "stop", "words", "base"), SANITY)
def test_exits_lie_on_the_right_side_of_each_other_and_of_their_base(
    side: str, limit: str | None, profit: str, stop: str, words: str | None, base: str | None
) -> None:
    """422 with the base price in the body; a cent away is enough."""
    sim = paper(*FLAT)
    price = {} if limit is None else {"limit_price": limit}
    fields = bracket(
        side,
        "market" if limit is None else "limit",
        take_profit={"limit_price": profit},
        stop_loss={"stop_price": stop},
        **price,
    )
    if words is None:
        assert states(sim.exchange.submit(fields)) == ["pending_new", "held", "held"]
        return
    found = refused(sim, fields)
    assert (found.status, found.body()) == (
        422,
        {"code": 42210000, "message": words, **({} if base is None else {"base_price": base})},
    )


@pytest.mark.parametrize(
    ("side", "profit", "stop", "words"),
    [
        ("sell", "110", "90", None),
        ("sell", "95", "90", None),
        ("sell", "90", "95", "take_profit.limit_price must be > stop_loss.stop_price"),
        ("sell", "110", "100", "stop_loss.stop_price must be <= base_price - 0.01"),
        ("buy", "90", "110", None),
        ("buy", "110", "105", "take_profit.limit_price must be < stop_loss.stop_price"),
        ("buy", "90", "100", "stop_loss.stop_price must be >= base_price + 0.01"),
    ],
)
def test_the_exits_of_an_oco(side: str, profit: str, stop: str, words: str | None) -> None:
    """The take-profit is the parent, the stop its one leg, both at work at once and for the same shares."""
    sim = paper(*FLAT)
    opening = "buy" if side == "sell" else "sell"
    sim.exchange.submit(order(opening, "market", "10"))
    wait(sim)
    fields = order(
        side, "limit", "10", order_class="oco", take_profit={"limit_price": profit}, stop_loss={"stop_price": stop}
    )
    if words is not None:
        assert refused(sim, fields).text == words
        return
    placed = sim.exchange.submit(fields)
    (leg,) = placed.legs
    assert (placed.limit_price, leg.stop_price, leg.type) == (Decimal(profit), Decimal(stop), "stop")
    assert [member.group_role for member in placed.members()] == ["take_profit", "stop_loss"]
    assert {member.group_id for member in placed.members()} == {placed.group_id} != {None}
    assert states(placed) == ["pending_new", "pending_new"]
    assert sim.exchange.position("XYZ").qty_available == 0


@pytest.mark.parametrize(
    ("held", "fields", "code", "words"),
    [
        ("10", bracket("sell", take_profit={"limit_price": "90"}, stop_loss={"stop_price": "110"}), 403, "bracket orders"),
        ("10", order("sell", "market", "10", order_class="oto", stop_loss={"stop_price": "110"}), 403, "bracket orders"),
        ("0", order("sell", "limit", "1", order_class="oco", **EXITS), 403, "oco orders must be exit orders"),
        ("10", order("buy", "limit", "1", order_class="oco", take_profit={"limit_price": "90"}, stop_loss={"stop_price": "110"}), 403, "oco orders must be exit orders"),
        ("10", order("sell", "limit", "11", order_class="oco", **EXITS), 403, "insufficient qty available"),
        ("0", order("buy", "market", "1", order_class="oto", **EXITS), 422, "oto orders require exactly one of"),
        ("0", order("buy", "market", "1", order_class="oto"), 422, "oto orders require exactly one of"),
        ("0", bracket(stop_loss={"stop_price": "90.001"}), 422, "invalid stop_loss.stop_price 90.001. sub-penny"),
        ("0", bracket(take_profit={"limit_price": "110.001"}), 422, "invalid take_profit.limit_price 110.001. sub-"),
        ("0", bracket(stop_loss={"stop_price": "90", "limit_price": "89.999"}), 422, "invalid stop_loss.limit_price 89"),
        ("0", bracket(kind="trailing_stop", trail_price="1"), 422, "trailing stop orders must be simple orders"),
    ],
)  # fmt: skip
def test_what_a_class_needs(held: str, fields: dict[str, object], code: int, words: str) -> None:
    """Brackets and OTOs enter, OCOs leave; each has its parts."""
    sim = paper(*FLAT)
    if held != "0":
        bought(sim, held)
    found = refused(sim, fields)
    assert found.status == code
    assert found.text.startswith(words)


# ------------------------------------------------------------------ the lives of a bracket


def test_legs_wait_for_the_last_share_of_the_entry() -> None:
    """Held while the entry fills in parts, holding no shares; new 3 ms after the last part; then for all shares once."""
    sim = paper(*FLAT, size=4)
    ear = Ear(sim)
    placed = sim.exchange.submit(bracket())
    wait(sim, 8 * SECOND)
    assert (placed.status, placed.filled_qty, states(placed)[1:]) == ("partially_filled", Decimal(8), ["held", "held"])
    assert sim.exchange.position("XYZ").qty_available == 8
    run_to(sim, OPEN + 10 * SECOND)
    assert states(placed) == ["filled", "pending_new", "pending_new"]
    assert sim.exchange.position("XYZ").qty_available == 0
    assert refused(sim, order("sell", "market", "1")).text.startswith("insufficient qty available")
    run_to(sim, OPEN + 10 * SECOND + 3 * MS)
    assert states(placed) == ["filled", "new", "new"]
    assert sim.exchange.position("XYZ").qty_available == 0
    assert ear.events == ["new", "partial_fill", "partial_fill", "fill", "new", "new"]
    assert [leg.qty for leg in placed.legs] == [10, 10]


@pytest.mark.parametrize("stop_loss", [{"stop_price": "90"}, {"stop_price": "90", "limit_price": "89"}])
@pytest.mark.parametrize(("way", "role"), [("111", "take_profit"), ("89.50", "stop_loss")])
def test_the_exit_that_fills_cancels_the_other(way: str, role: str, stop_loss: dict[str, str]) -> None:
    """Up: the target, down: the stop (or stop-limit); flat afterwards, one fill and one canceled."""
    sim = paper(*FLAT, way)
    ear = Ear(sim)
    placed = sim.exchange.submit(bracket(stop_loss=stop_loss))
    wait(sim, 40 * SECOND)
    winner = next(leg for leg in placed.legs if leg.group_role == role)
    loser = next(leg for leg in placed.legs if leg is not winner)
    assert (winner.status, winner.filled_qty, loser.status, loser.filled_qty) == (
        "filled",
        Decimal(10),
        "canceled",
        Decimal(0),
    )
    assert [(update["event"], update["order"]["id"]) for update in ear.heard[-2:]] == [
        ("fill", winner.id),
        ("canceled", loser.id),
    ]
    assert not sim.exchange.positions()


@pytest.mark.parametrize(("way", "expected"), [("111", []), ("89.50", ["canceled"])])
def test_the_stream_may_keep_silent_about_the_stop(way: str, expected: list[str]) -> None:
    """sl_cancel_event=suppressed: nothing is heard of a stop canceled by its target, REST tells; the reverse is told."""
    sim = paper(*FLAT, way, sl_cancel_event="suppressed")
    ear = Ear(sim)
    placed = sim.exchange.submit(bracket())
    wait(sim, 40 * SECOND)
    assert [event for event in ear.events if event == "canceled"] == expected
    assert sorted(states(placed)) == ["canceled", "filled", "filled"]


def test_a_target_that_fills_in_part_makes_the_stop_smaller() -> None:
    """4 of 10 at the target: the stop stands for 6, elected it sells 6; and the target ends with its 4."""
    sim = simulator(*FLAT, *("110.00", "110.02"), *("109.00",) * 2, *("89.00",) * 8, profile="paper100k", size=4)
    sim.exchange.submit(order("buy", "market", "10"))
    wait(sim, 12 * SECOND)
    oco = sim.exchange.submit(order("sell", "limit", "10", order_class="oco", **EXITS))
    stop = oco.legs[0]
    run_to(sim, OPEN + 29 * SECOND)
    assert (oco.status, oco.filled_qty, stop.qty) == ("partially_filled", Decimal(4), Decimal(6))
    assert sim.exchange.position("XYZ").qty_available == 0
    run_to(sim, OPEN + 49 * SECOND)
    assert (stop.status, stop.filled_qty, oco.qty) == ("partially_filled", Decimal(4), Decimal(6))
    wait(sim, 10 * SECOND)
    assert (oco.status, oco.filled_qty, stop.status, stop.filled_qty) == ("canceled", Decimal(4), "filled", Decimal(6))
    assert not sim.exchange.positions()


def test_the_protection_of_an_oto() -> None:
    """An entry with one leg, which is a stop or a target; it cannot be replaced."""
    sim = paper(*FLAT, "89.50")
    placed = sim.exchange.submit(order("buy", "market", "10", order_class="oto", stop_loss={"stop_price": "90"}))
    assert [member.group_role for member in placed.members()] == ["entry", "stop_loss"]
    wait(sim, SECOND)
    with pytest.raises(BrokerError, match="oto orders cannot be replaced"):
        sim.exchange.replace(placed.legs[0].id, {"stop_price": "91"})
    wait(sim, 40 * SECOND)
    assert states(placed) == ["filled", "filled"]
    assert not sim.exchange.positions()
    target = sim.exchange.submit(order("buy", "market", "1", order_class="oto", take_profit={"limit_price": "110"}))
    assert [member.group_role for member in target.members()] == ["entry", "take_profit"]


def test_a_short_bracket_is_the_mirror_image() -> None:
    """Sell to open, buy back below or above."""
    sim = paper(*FLAT, "111")
    placed = sim.exchange.submit(bracket("sell", take_profit={"limit_price": "90"}, stop_loss={"stop_price": "110"}))
    assert [leg.position_intent for leg in placed.legs] == ["buy_to_close", "buy_to_close"]
    wait(sim, SECOND)
    assert sim.exchange.position("XYZ").qty == -10
    wait(sim, 40 * SECOND)
    assert states(placed) == ["filled", "canceled", "filled"]
    assert not sim.exchange.positions()


# ------------------------------------------------------------------ canceling and ending


def _entry(sim: Simulator) -> SimOrder:
    return sim.exchange.submit(bracket(kind="limit", limit_price="95"))


def _filled(sim: Simulator) -> SimOrder:
    placed = sim.exchange.submit(bracket())
    wait(sim, SECOND)
    return placed


def _oco(sim: Simulator) -> SimOrder:
    bought(sim, "10")
    return sim.exchange.submit(order("sell", "limit", "10", order_class="oco", **EXITS))


@pytest.mark.parametrize(
    ("prepare", "member"), [(_entry, 0), (_entry, 1), (_entry, 2), (_filled, 0), (_filled, 1), (_oco, 0), (_oco, 1)]
)
def test_a_member_that_is_canceled_takes_the_open_ones_along(
    prepare: Callable[[Simulator], SimOrder], member: int
) -> None:
    """Whichever open member is canceled, no other stays open; the shares are free when it is done, not before."""
    sim = paper(*FLAT)
    placed = prepare(sim)
    wait(sim, SECOND)
    members = [found for found in placed.members() if found.is_open]
    sim.exchange.cancel(members[member].id)
    assert [found.qty_available for found in sim.exchange.positions()] == [0] * (prepare is not _entry)
    wait(sim)
    assert {found.status for found in members} == {"canceled"}
    assert [found.qty_available for found in sim.exchange.positions()] == [10] * (prepare is not _entry)


def test_a_held_leg_that_is_being_canceled_keeps_no_shares() -> None:
    """Beside a position of 5: the target of an entry that has not filled is canceled, the 5 shares stay free."""
    sim = paper(*FLAT)
    bought(sim, "5")
    placed = _entry(sim)
    wait(sim)
    sim.exchange.cancel(placed.legs[0].id)
    assert placed.legs[0].status == "pending_cancel"
    assert sim.exchange.position("XYZ").qty_available == 5


def test_a_day_bracket_ends_with_the_day() -> None:
    """An entry that did not fill expires with its legs; exits that did not fill expire both, the position is naked."""
    sim = paper(*FLAT)
    ear = Ear(sim)
    waiting, filled = _entry(sim), _filled(sim)
    run_to(sim, CLOSE + SECOND)
    assert states(waiting) == ["expired"] * 3
    assert states(filled) == ["filled", "expired", "expired"]
    assert ear.events[-5:] == ["expired"] * 5
    position = sim.exchange.position("XYZ")
    assert position.qty == position.qty_available == 10


def test_a_gtc_bracket_protects_over_night() -> None:
    """Legs inherit the time in force."""
    sim = paper(*FLAT)
    placed = sim.exchange.submit(bracket(time_in_force="gtc"))
    run_to(sim, CLOSE + SECOND)
    assert states(placed) == ["filled", "new", "new"]
    assert {leg.time_in_force for leg in placed.legs} == {"gtc"}


@pytest.mark.parametrize(
    ("switch", "expected", "free"), [("canceled", ["canceled"] * 3, 4), ("activated", ["canceled", "new", "new"], 0)]
)
@pytest.mark.parametrize("how", ["canceled", "expired"])
def test_an_entry_that_ends_after_a_part(how: str, switch: Any, expected: list[str], free: int) -> None:
    """Switch legs_after_partial: the 4 shares are naked, or protected by legs for 4; at the close there is nothing to protect with."""
    sim = paper("100.00", "105.00", size=4, legs_after_partial=switch)
    placed = sim.exchange.submit(bracket(kind="limit", limit_price="101"))
    wait(sim)
    if how == "canceled":
        sim.exchange.cancel(placed.id)
        wait(sim)
        assert states(placed) == expected
        assert all(leg.qty == 4 for leg in placed.legs if leg.is_open)
        assert sim.exchange.position("XYZ").qty_available == free
    else:
        run_to(sim, CLOSE + SECOND)
        assert states(placed) == ["expired"] * 3


# ------------------------------------------------------------------ replacing


@pytest.mark.parametrize(
    ("prepare", "member", "change"),
    [
        (_entry, 0, {"limit_price": "96"}),
        (_entry, 1, {"limit_price": "111"}),
        (_entry, 2, {"stop_price": "91"}),
        (_filled, 1, {"limit_price": "111"}),
        (_filled, 2, {"stop_price": "91"}),
        (_oco, 0, {"limit_price": "111"}),
        (_oco, 1, {"stop_price": "91"}),
    ],
)
def test_the_price_of_every_member_can_be_replaced(
    prepare: Callable[[Simulator], SimOrder], member: int, change: dict[str, str]
) -> None:
    """The group keeps its id, its roles and its other members; the successor does what the old one would have done."""
    sim = paper(*FLAT, "100.00", "94.50", "112.00")
    placed = prepare(sim)
    wait(sim, SECOND)
    old = placed.members()[member]
    was, roles, at_once = old.status, [found.group_role for found in placed.members()], old.status == "held"
    successor = sim.exchange.replace(old.id, change)
    assert successor.group_id == old.group_id == placed.group_id
    assert (old.status, successor.status) == (("replaced", "held") if at_once else ("pending_replace", "pending_new"))
    wait(sim)
    assert (old.status, successor.status, old.replaced_by, successor.replaces) == (
        "replaced",
        was,
        successor.id,
        old.id,
    )
    members = successor.members()
    assert [found.group_role for found in members] == roles
    assert members[member] is successor
    if prepare is not _entry:
        assert sim.exchange.position("XYZ").qty_available == 0
    wait(sim, 40 * SECOND)
    final = {found.group_role: found.status for found in members}
    assert final["take_profit"] == "filled"
    assert final["stop_loss"] == "canceled"
    assert not sim.exchange.positions()


@pytest.mark.parametrize("prepare", [_entry, _filled, _oco])
@pytest.mark.parametrize("change", [{"qty": "5"}, {"time_in_force": "gtc"}])
def test_only_prices_of_members_can_be_replaced(
    prepare: Callable[[Simulator], SimOrder], change: dict[str, str]
) -> None:
    """Neither quantity nor time in force."""
    sim = paper(*FLAT)
    placed = prepare(sim)
    wait(sim, SECOND)
    for member in [found for found in placed.members() if found.is_open]:
        with pytest.raises(BrokerError, match="only limit_price and stop_price of linked orders"):
            sim.exchange.replace(member.id, change)


def test_a_leg_is_not_lost_between_its_entry_s_fill_and_its_own_acknowledgement() -> None:
    """In the 3 ms in which a leg is on its way it cannot be replaced; afterwards it can, and works."""
    sim = paper(*FLAT, "89.50")
    placed = sim.exchange.submit(bracket())
    while placed.is_open:
        sim.advance(sim.now + MS)
    stop = placed.legs[1]
    with pytest.raises(BrokerError, match="cannot replace order in pending_new status"):
        sim.exchange.replace(stop.id, {"stop_price": "91"})
    wait(sim)
    successor = sim.exchange.replace(stop.id, {"stop_price": "91"})
    wait(sim, 40 * SECOND)
    assert successor.status == "filled"


def test_a_stop_replaced_while_its_target_fills_is_rejected() -> None:
    """The target fills during the replacement of the stop: the stop is canceled, the new one rejected, the position closed once."""
    sim = paper(*("100.00",) * 3, "111.00")
    placed = _filled(sim)
    target, stop = placed.legs
    run_to(sim, OPEN + 15 * SECOND - 3 * MS)
    successor = sim.exchange.replace(stop.id, {"stop_price": "91"})
    wait(sim)
    assert (target.status, stop.status, successor.status) == ("filled", "canceled", "rejected")
    assert not sim.exchange.positions()
    assert not sim.exchange.book.open_orders()


def test_a_stop_replaced_while_its_target_fills_in_part_stands_for_the_rest() -> None:
    """4 of 10 are sold at the target between the request and the replacement: the new stop is for 6."""
    sim = simulator(*FLAT, *("110.02",) * 2, *("100.00",) * 4, profile="paper100k", size=4)
    sim.exchange.submit(order("buy", "market", "10"))
    wait(sim, 12 * SECOND)
    oco = sim.exchange.submit(order("sell", "limit", "10", order_class="oco", **EXITS))
    run_to(sim, OPEN + 20 * SECOND - 3 * MS)
    successor = sim.exchange.replace(oco.legs[0].id, {"stop_price": "91"})
    run_to(sim, OPEN + 21 * SECOND)
    assert (oco.filled_qty, successor.status, successor.qty) == (Decimal(4), "new", Decimal(6))
    assert sim.exchange.position("XYZ").qty_available == 0


# ------------------------------------------------------------------ listings


def test_flat_and_nested_listings() -> None:
    """Flat: every member is a row; nested: one row, listed as open while any member is."""
    sim = paper(*FLAT)
    placed = _filled(sim)
    assert [found.id for found in sim.exchange.book.find(OrderFilter())] == [leg.id for leg in reversed(placed.legs)]
    assert [found.id for found in sim.exchange.book.find(OrderFilter("closed"))] == [placed.id]
    for status in ("open", "closed", "all"):
        assert [found.id for found in sim.exchange.book.find(OrderFilter(status, nested=True))] == [placed.id]


def test_exits_for_more_than_is_left_are_rejected() -> None:
    """A share sold by hand before the entry was complete: exits for 10 of 9 shares never reach the market, the position is naked."""
    sim = simulator("100.00", "100.00", *("112.00",) * 6, profile="paper100k", size=6)
    ear = Ear(sim)
    placed = sim.exchange.submit(bracket())
    run_to(sim, OPEN + 2 * SECOND)
    assert placed.filled_qty == 6
    sim.exchange.submit(
        order("sell", "limit", "1", limit_price="99", order_class="oco", stop_loss={"stop_price": "80"})
    )
    run_to(sim, OPEN + 30 * SECOND)
    assert (placed.status, [leg.status for leg in placed.legs]) == ("filled", ["rejected", "canceled"])
    assert ear.events[-2:] == ["rejected", "canceled"]
    assert (sim.exchange.position("XYZ").qty, sim.exchange.position("XYZ").qty_available) == (Decimal(9), Decimal(9))
