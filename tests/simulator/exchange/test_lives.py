"""Every life of an order as the trade stream tells it: the events, whose they are, and all ids (alpaca-contract 3.13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import Simulator, Switches
from alpaca_trader.simulator.exchange.activities import FillActivity
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.tiny import CALM, CLOSE, NEXT_OPEN, OPEN, Ear, TinyMarket, before, order, run_to, tape

SECOND = timedelta(seconds=1)
EXITS: dict[str, object] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
FINAL = {"filled", "canceled", "expired", "replaced", "rejected"}
STATUS = {
    "partial_fill": "partially_filled",
    "fill": "filled",
    **{event: event for event in ("accepted", "new", "canceled", "expired", "replaced", "rejected")},
}
"""The status that comes with an event; order_cancel_rejected and order_replace_rejected leave it as it is."""


@dataclass
class Life:
    """A simulation, its listener, and the orders by the names a story gives them."""

    sim: Simulator
    ear: Ear
    names: dict[str, str] = field(default_factory=dict)

    def place(self, name: str, fields: dict[str, object]) -> SimOrder:
        """Place an order; its legs are called after their roles."""
        placed = self.sim.exchange.submit(fields)
        self.names[placed.id] = name
        for leg in placed.legs:
            self.names[leg.id] = str(leg.group_role)
        return placed

    def wait(self, seconds: float = 1) -> None:
        """Let time pass."""
        run_to(self.sim, self.sim.now + timedelta(seconds=seconds))

    def told(self) -> list[str]:
        """Name of the order and event, in the order they were heard."""
        return [f"{self.names[update['order']['id']]} {update['event']}" for update in self.ear.heard]


def live(*prices: str, start: datetime = OPEN + SECOND, switches: Switches = CALM, size: int = 100) -> Life:
    """A paper account with a listener; the last price stays, and is that of the next day."""
    ticks = [*before("XYZ", prices[0]), *tape("XYZ", *prices, *(prices[-1],) * 12, size=size)]
    market = TinyMarket({"XYZ": [*ticks, *tape("XYZ", *(prices[-1],) * 3, start=NEXT_OPEN, size=size)]})
    sim = Simulator(market, seed=7, start=start, profile="paper100k", switches=switches)
    return Life(sim, Ear(sim))


def small() -> Life:
    """A market order."""
    life = live("100")
    life.place("a", order("buy", "market", "0.5"))
    life.wait()
    return life


def parts() -> Life:
    """A market order in three parts."""
    life = live("100", "100", "100", size=4)
    life.place("a", order("buy", "market", "10"))
    life.wait(12)
    return life


def queued() -> Life:
    """Sent in the evening."""
    life = live("100", start=CLOSE + SECOND)
    life.place("a", order("buy", "market", "10"))
    run_to(life.sim, NEXT_OPEN + SECOND)
    return life


def queued_and_canceled() -> Life:
    """Sent in the evening and taken back."""
    life = live("100", start=CLOSE + SECOND)
    life.sim.exchange.cancel(life.place("a", order("buy", "market", "10")).id)
    run_to(life.sim, NEXT_OPEN + SECOND)
    return life


def canceled_after_a_part() -> Life:
    """4 of 10, and no more."""
    life = live("100", size=4)
    placed = life.place("a", order("buy", "limit", "10", limit_price="100.01"))
    life.wait()
    life.sim.exchange.cancel(placed.id)
    life.wait()
    return life


def expired() -> Life:
    """A day that ends."""
    life = live("100", size=4)
    life.place("a", order("buy", "limit", "10", limit_price="90"))
    run_to(life.sim, CLOSE + SECOND)
    return life


def replaced_twice() -> Life:
    """A chain, of which the last one fills."""
    life = live("100")
    placed = life.place("a", order("buy", "limit", "10", limit_price="90"))
    for name, price in (("b", "91"), ("c", "101")):
        life.wait()
        placed = life.sim.exchange.replace(placed.id, {"limit_price": price})
        life.names[placed.id] = name
    life.wait()
    return life


def immediate() -> Life:
    """What is there at once, and nothing after it."""
    life = live("100", size=4)
    life.place("a", order("buy", "market", "10", time_in_force="ioc"))
    life.wait()
    return life


def killed() -> Life:
    """All or nothing: nothing."""
    life = live("100", size=4)
    life.place("a", order("buy", "market", "10", time_in_force="fok"))
    life.wait()
    return life


def stopped() -> Life:
    """A stop that the price reaches: no event for its election."""
    life = live("100", "100", "95")
    life.place("a", order("buy", "market", "10"))
    life.wait()
    life.place("b", order("sell", "stop", "10", stop_price="96"))
    life.wait(20)
    return life


def target() -> Life:
    """A bracket that reaches its target."""
    life = live("100", "100", "111")
    life.place("entry", order("buy", "market", "10", order_class="bracket", **EXITS))
    life.wait(20)
    return life


def stop_of_a_bracket() -> Life:
    """A bracket that reaches its stop."""
    life = live("100", "100", "89")
    life.place("entry", order("buy", "market", "10", order_class="bracket", **EXITS))
    life.wait(20)
    return life


def bracket_taken_back() -> Life:
    """An entry that is canceled before it fills."""
    life = live("100")
    placed = life.place("entry", order("buy", "limit", "10", limit_price="95", order_class="bracket", **EXITS))
    life.wait()
    life.sim.exchange.cancel(placed.id)
    life.wait()
    return life


def queued_oco() -> Life:
    """Exits sent in the evening for what is held."""
    life = live("100")
    life.place("a", order("buy", "market", "10"))
    run_to(life.sim, CLOSE + SECOND)
    life.place("take_profit", order("sell", "limit", "10", order_class="oco", **EXITS))
    run_to(life.sim, NEXT_OPEN + SECOND)
    return life


def in_the_cross() -> Life:
    """An order for the close."""
    life = live("100", start=CLOSE - timedelta(minutes=20))
    life.place("a", order("buy", "market", "10", time_in_force="cls"))
    run_to(life.sim, CLOSE + SECOND)
    return life


def liquidated() -> Life:
    """The broker takes over: the stop ends, the position is sold."""
    life = live("100")
    life.place("a", order("buy", "market", "10"))
    life.wait()
    life.place("b", order("sell", "stop", "10", stop_price="90"))
    life.wait()
    (sale,) = life.sim.exchange.liquidate("XYZ")
    life.names[sale.id] = "c"
    life.wait()
    return life


LIVES: list[tuple[Callable[[], Life], Sequence[str]]] = [
    (small, ["a new", "a fill"]),
    (parts, ["a new", "a partial_fill", "a partial_fill", "a fill"]),
    (queued, ["a accepted", "a new", "a fill"]),
    (queued_and_canceled, ["a accepted", "a canceled"]),
    (canceled_after_a_part, ["a new", "a partial_fill", "a canceled"]),
    (expired, ["a new", "a expired"]),
    (replaced_twice, ["a new", "a replaced", "b new", "b replaced", "c new", "c fill"]),
    (immediate, ["a new", "a partial_fill", "a canceled"]),
    (killed, ["a new", "a canceled"]),
    (stopped, ["a new", "a fill", "b new", "b fill"]),
    (
        target,
        ["entry new", "entry fill", "take_profit new", "stop_loss new", "take_profit fill", "stop_loss canceled"],
    ),
    (
        stop_of_a_bracket,
        ["entry new", "entry fill", "take_profit new", "stop_loss new", "stop_loss fill", "take_profit canceled"],
    ),
    (bracket_taken_back, ["entry new", "entry canceled", "take_profit canceled", "stop_loss canceled"]),
    (
        queued_oco,
        ["a new", "a fill", "take_profit accepted", "stop_loss accepted", "take_profit new", "stop_loss new"],
    ),
    (in_the_cross, ["a accepted", "a new", "a fill"]),
    (liquidated, ["a new", "a fill", "b new", "b canceled", "c new", "c fill"]),
]


@pytest.mark.parametrize(("play", "told"), LIVES)
def test_what_the_stream_tells(play: Callable[[], Life], told: Sequence[str]) -> None:
    """Every event once, in this order, each with the status it means."""
    life = play()
    assert life.told() == list(told)
    for update in life.ear.heard:
        assert update["order"]["status"] == STATUS[update["event"]]


@pytest.mark.parametrize("play", [play for play, _ in LIVES])
def test_ids_times_and_totals_of_all_updates(play: Callable[[], Life]) -> None:
    """Event ids rise, executions have ids of their own that the activities know, totals only grow, a final state is final."""
    life = play()
    heard = life.ear.heard
    event_ids = [update["event_id"] for update in heard]
    assert event_ids == sorted(set(event_ids))
    times = [datetime.fromisoformat(update["at"]) for update in heard]
    assert times == sorted(times) == [datetime.fromisoformat(update["timestamp"]) for update in heard]
    executions = [update for update in heard if "execution_id" in update]
    assert [update["event"] in {"fill", "partial_fill"} for update in heard] == ["price" in update for update in heard]
    fills = [entry for entry in life.sim.exchange.activities() if isinstance(entry, FillActivity)]
    assert [fill.execution_id for fill in fills] == [update["execution_id"] for update in executions]
    assert len({update["execution_id"] for update in executions}) == len(executions)
    position = Decimal(0)
    seen: dict[str, dict[str, Any]] = {}
    for update in heard:
        body = update["order"]
        if "execution_id" in update:
            position += Decimal(update["qty"]) * (1 if body["side"] == "buy" else -1)
            assert Decimal(update["position_qty"]) == position
        earlier = seen.get(body["id"])
        if earlier is not None:
            assert earlier["status"] not in FINAL
            assert Decimal(earlier["filled_qty"]) <= Decimal(body["filled_qty"])
            kept = (
                "client_order_id",
                "created_at",
                "submitted_at",
                "symbol",
                "side",
                "replaces",
                "group_id",
                "group_role",
            )
            assert [earlier.get(key) for key in kept] == [body.get(key) for key in kept]
        seen[body["id"]] = dict(body)
    for body in seen.values():
        stamped = {state for state in ("filled", "canceled", "expired", "replaced") if body[f"{state}_at"] is not None}
        assert stamped == {body["status"]} & FINAL
        assert (body["replaced_by"] is not None) == (body["status"] == "replaced")
        if body["replaced_by"] is not None:
            assert seen[body["replaced_by"]]["replaces"] == body["id"]
    assert len({body["client_order_id"] for body in seen.values()}) == len(seen)
    groups = {body["group_id"] for body in seen.values() if "group_id" in body}
    assert len(groups) <= 1
