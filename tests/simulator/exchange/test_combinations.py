"""What may be combined, at which prices: every cell of alpaca-contract 3.2, and the increments of 3.3."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from tests.simulator.tiny import CALM, OPEN, TinyMarket, before, bought, order, simulator, tape

KINDS: dict[str, dict[str, object]] = {
    "market": {},
    "limit": {"limit_price": "101"},
    "stop": {"stop_price": "105"},
    "stop_limit": {"stop_price": "105", "limit_price": "106"},
    "trailing_stop": {"trail_price": "1"},
}
CLASSES: dict[str, dict[str, object]] = {
    "bracket": {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}},
    "oto": {"stop_loss": {"stop_price": "90"}},
}
TIMES = ("day", "gtc", "ioc", "fok", "opg", "cls")
REST = {"day", "gtc"}
EARLY = OPEN - timedelta(hours=1)
"""Before the cutoffs of both crosses; `ioc` and `fok` need the session, where `opg` has had its."""

ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    # times in force by themselves, times in force with extended_hours
    "market": (set(TIMES), set()),
    "limit": (set(TIMES), REST),
    "stop": (REST, set()),
    "stop_limit": (REST, set()),
    "trailing_stop": (REST, set()),
    "fractional market": ({"day"}, set()),
    "fractional limit": ({"day"}, {"day"}),
    "fractional stop": ({"day"}, set()),
    "fractional stop_limit": ({"day"}, set()),
    "fractional trailing_stop": (set(), set()),
    "notional market": ({"day"}, set()),
    "notional limit": (set(), set()),
    "notional stop": (set(), set()),
    "notional stop_limit": (set(), set()),
    "notional trailing_stop": (set(), set()),
    "bracket": (REST, set()),
    "oto": (REST, set()),
    "oco": (REST, set()),
}
"""The table; fractions in extended hours are for assets with `fractional_eh_enabled`, which XYZ is here."""


def _world(tif: str, **asset: Any) -> Simulator:
    """A flat paper account, at an hour at which the time in force is taken."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *("100.00",) * 12)]}, assets={"XYZ": asset})
    start = OPEN + timedelta(seconds=1) if tif in {"ioc", "fok"} else EARLY
    return Simulator(market, seed=7, start=start, profile="paper100k", switches=CALM)


def _ticket(row: str, tif: str, *, extended: bool) -> dict[str, object]:
    quantity, _, kind = row.rpartition(" ")
    fields: dict[str, object] = {"time_in_force": tif}
    if extended:
        fields["extended_hours"] = True
    if row == "oco":
        exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
        return order("sell", "limit", "1", order_class="oco", **exits, **fields)
    if row in CLASSES:
        return order("buy", "market", "1", order_class=row, **CLASSES[row], **fields)
    qty = {"": "2", "fractional": "1.5", "notional": None}[quantity]
    notional = {"notional": "150"} if quantity == "notional" else {}
    return order("buy", kind, qty, **KINDS[kind], **notional, **fields)


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("row", ALLOWED)
def test_the_combination_table(row: str, extended: bool) -> None:
    """Every cell: what is allowed is taken as it was asked for, everything else is refused with 422."""
    for tif in TIMES:
        sim = _holding() if row == "oco" else _world(tif, attributes=("fractional_eh_enabled",))
        fields, known = _ticket(row, tif, extended=extended), len(sim.exchange.book)
        if tif in ALLOWED[row][extended]:
            placed = sim.exchange.submit(fields)
            assert (placed.time_in_force, placed.extended_hours, placed.is_open) == (tif, extended, True)
        else:
            with pytest.raises(BrokerError) as caught:
                sim.exchange.submit(fields)
            assert (caught.value.status, len(sim.exchange.book)) == (422, known), (row, tif)


def _holding() -> Simulator:
    """A paper account that holds two shares in the session."""
    sim = simulator(*("100.00",) * 12, profile="paper100k")
    bought(sim, "2")
    return sim


def test_fractions_stay_out_of_extended_hours_where_the_asset_says_nothing() -> None:
    """The one cell that depends on the asset."""
    with pytest.raises(BrokerError, match="not accepted in extended hours"):
        _world("day").exchange.submit(_ticket("fractional limit", "day", extended=True))


@pytest.mark.parametrize("kind", ["limit", "stop", "stop_limit"])
def test_under_the_old_rule_fractions_are_market_orders(kind: str) -> None:
    """Switch `fractional_types` = market."""
    sim = simulator(*("100.00",) * 12, switches=replace(CALM, fractional_types="market"))
    with pytest.raises(BrokerError, match="fractional orders must be market orders"):
        sim.exchange.submit(order("buy", kind, "0.5", **KINDS[kind]))
    assert sim.exchange.submit(order("buy", "market", "0.5")).is_open


INCREMENTS = [
    # price, and whether it is one: cents from a dollar on, hundredths of a cent below
    ("99.01", True),
    ("99.010", True),
    ("99.011", False),
    ("1.00", True),
    ("1.0001", False),
    ("0.9999", True),
    ("0.99990", True),
    ("0.99999", False),
    ("9.9e1", True),
]


@pytest.mark.parametrize("price", [price for price, _ in INCREMENTS])
def test_prices_come_in_increments(price: str) -> None:
    """422 with the field and the price as it was sent; nothing is rounded."""
    words = "sub-penny increment does not fulfill minimum pricing criteria"
    for kind, field in (("limit", "limit_price"), ("stop", "stop_price")):
        sim = _holding()
        fields = order("buy" if kind == "limit" else "sell", kind, "1", **{field: price})
        if dict(INCREMENTS)[price]:
            assert sim.exchange.submit(fields).is_open
            continue
        with pytest.raises(BrokerError) as caught:
            sim.exchange.submit(fields)
        found = caught.value
        assert (found.status, found.code, found.text) == (422, 42210000, f"invalid {field} {price}. {words}")


@pytest.mark.parametrize(
    ("side", "qty", "notional", "text"),
    [
        ("buy", "0.009", None, "notional must be >= 1.00"),
        ("buy", "0.0099990001", None, "qty must have at most 9 decimal places"),
        ("buy", "0.0099991", None, None),
        ("buy", None, "0.999999999", "notional must be >= 1.00"),
        ("buy", None, "1", None),
        ("buy", None, "1.123456789", None),
        ("buy", None, "1.1234567891", "notional must have at most 9 decimal places"),
        ("sell", "0.000000001", None, None),
        ("sell", None, "0.5", "notional must be >= 1.00"),
    ],
)
def test_the_smallest_orders(side: str, qty: str | None, notional: str | None, text: str | None) -> None:
    """A dollar is the least a buy is worth; shares held may be sold down to the last fraction (alpaca-contract 3.4)."""
    sim = _holding()
    fields = order(side, "market", qty, **({} if notional is None else {"notional": notional}))
    if text is None:
        assert sim.exchange.submit(fields).is_open
    else:
        with pytest.raises(BrokerError, match=text):
            sim.exchange.submit(fields)
