"""What an account may do: buying power, short sales, held shares, wash trades, day trades (alpaca-contract 3.8 to 3.10, 3.16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.market.calendar import sessions_from
from alpaca_trader.simulator.market.model import Tick
from tests.simulator.tiny import CALM, CLOSE, DAY, OPEN, TinyMarket, before, bought, order, run_to, simulator, tape

SECOND = timedelta(seconds=1)
FLAT = ("100.00",) * 24


def paper(*prices: str, **changes: Any) -> Simulator:
    """A paper account at 100."""
    return simulator(*(prices or FLAT), profile="paper100k", **changes)


def market(**asset: Any) -> Simulator:
    """A paper account in an asset of another kind."""
    found = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *FLAT)]}, assets={"XYZ": asset})
    return Simulator(found, seed=7, start=OPEN + SECOND, profile="paper100k", switches=CALM)


def refused(sim: Simulator, fields: dict[str, object]) -> tuple[int, int, str]:
    """Status, code and words; nothing is left behind."""
    known = len(sim.exchange.book)
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(fields)
    assert len(sim.exchange.book) == known
    return caught.value.status, caught.value.code, caught.value.text


# ------------------------------------------------------------------ buying power

RESERVES = [
    # an opening order, what it takes of buying power with bp_price nbbo and with collar
    (order("buy", "limit", "10", limit_price="95"), "950", "950"),
    (order("buy", "limit", "10", limit_price="105"), "1050", "1050"),
    (order("buy", "market", "10"), "1000.10", "1025.10"),
    (order("buy", "market", None, notional="500"), "500", "500"),
    (order("buy", "stop", "10", stop_price="110"), "1127.50", "1127.50"),
    (order("buy", "stop_limit", "10", stop_price="110", limit_price="111"), "1110", "1110"),
    (order("buy", "trailing_stop", "10", trail_price="1"), "1000.10", "1025.10"),
    (order("sell", "market", "10"), "1030.103", "1030.103"),
    (order("sell", "limit", "10", limit_price="104"), "1040", "1040"),
    (order("sell", "limit", "10", limit_price="101"), "1030.103", "1030.103"),
    (order("buy", "market", "10", order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}), "1000.10", "1025.10"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "nbbo", "collar"), RESERVES)
def test_what_an_opening_order_takes_of_buying_power(fields: dict[str, object], nbbo: str, collar: str) -> None:
    """Its limit, the ask, the collar of a stop, 103 % of the ask for a short; and all of it back when it is canceled."""
    for switch, expected in (("nbbo", nbbo), ("collar", collar)):
        sim = paper(switches=replace(CALM, bp_price=switch))  # type: ignore[arg-type]  # one of its two words
        placed = sim.exchange.submit(fields)
        assert 400_000 - sim.exchange.account().buying_power == Decimal(expected)
        sim.exchange.cancel(placed.id)
        run_to(sim, sim.now + timedelta(milliseconds=30))
        assert sim.exchange.account().buying_power == 400_000


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_too_little_buying_power_names_both_numbers(kind: str) -> None:
    """403 with buying_power and cost_basis; a cent more would have done."""
    sim = simulator(*FLAT)
    price = {"limit_price": "93.41"} if kind == "limit" else {}
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(order("buy", kind, "5", **price))
    assert caught.value.body() == {
        "code": 40310000,
        "message": "insufficient buying power",
        "buying_power": "467",
        "cost_basis": "467.05" if kind == "limit" else "500.05",
    }
    assert sim.exchange.submit(order("buy", "limit", "5", limit_price="93.40")).is_open


def test_closing_orders_give_nothing_back_until_they_execute() -> None:
    """A resting sale does not raise buying power."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    power = sim.exchange.account().buying_power
    sim.exchange.submit(order("sell", "limit", "1", limit_price="110"))
    assert sim.exchange.account().buying_power == power == 467 - Decimal("100.01")


def test_above_six_times_the_equity_an_account_may_only_close() -> None:
    """A short that doubles and doubles again: 403 for opening orders, closing ones are taken."""
    sim = paper("10.00", "10.00", *("52.00",) * 6, size=5000)
    sim.exchange.submit(order("sell", "market", "2000"))
    run_to(sim, OPEN + 11 * SECOND)
    account = sim.exchange.account()
    assert -account.short_market_value > 6 * account.equity > 0
    expected = (403, 40310000, "account is restricted to liquidation only")
    assert refused(sim, order("sell", "market", "1")) == expected
    assert sim.exchange.submit(order("buy", "market", "1")).position_intent == "buy_to_close"


def test_below_two_thousand_dollars_cash_alone_pays_at_the_price_of_the_fill() -> None:
    """$1,500 left of a paper account: 10 shares accepted at 100 that open at 200 are rejected, no debt is made."""
    ticks = [*before("XYZ", "100"), *tape("XYZ", *("200.00",) * 4)]
    sim = Simulator(
        TinyMarket({"XYZ": ticks}), seed=7, start=OPEN - timedelta(minutes=1), profile="paper100k", switches=CALM
    )
    sim.exchange.transfer("-98500")
    assert sim.exchange.account().multiplier == 1
    placed = sim.exchange.submit(order("buy", "market", "10"))
    run_to(sim, OPEN + 5 * SECOND)
    assert (placed.status, placed.filled_qty) == ("rejected", Decimal(0))
    assert sim.exchange.account().cash == 1500


# ------------------------------------------------------------------ short sales

SHORTS: list[tuple[dict[str, Any], dict[str, object], str | None]] = [
    # the asset, the order, words of the refusal
    ({}, order("sell", "market", "10"), None),
    ({}, order("sell", "limit", "10", limit_price="101", time_in_force="gtc"), None),
    ({}, order("sell", "stop", "10", stop_price="95"), None),
    ({}, order("sell", "market", "10.5"), "fractional orders cannot be sold short"),
    ({}, order("sell", "market", None, notional="100"), "fractional orders cannot be sold short"),
    ({"shortable": False}, order("sell", "market", "10"), 'asset "XYZ" cannot be sold short'),
    ({"easy_to_borrow": False}, order("sell", "market", "10"), 'asset "XYZ" cannot be sold short'),
    (
        {"easy_to_borrow": False},
        order("sell", "limit", "10", limit_price="101", time_in_force="gtc"),
        "only day orders allowed for hard-to-borrow asset",
    ),
    ({}, order("sell", "market", "10", position_intent="sell_to_open"), None),
    ({}, order("sell", "market", "10", position_intent="sell_to_close"), "insufficient qty available for order (requ"),
    ({}, order("buy", "market", "10", position_intent="buy_to_close"), "no short position to close"),
    ({"tradable": False}, order("sell", "market", "10"), 'asset "XYZ" is not tradable'),
    ({"status": "inactive"}, order("sell", "market", "10"), 'asset "XYZ" is not active'),
]


@pytest.mark.parametrize(("asset", "fields", "words"), SHORTS)
def test_what_may_be_sold_short(asset: dict[str, Any], fields: dict[str, object], words: str | None) -> None:
    """Whole shares of assets that can be borrowed easily."""
    sim = market(**asset)
    if words is None:
        placed = sim.exchange.submit(fields)
        assert placed.position_intent == "sell_to_open"
    else:
        assert refused(sim, fields)[2].startswith(words)


@pytest.mark.parametrize("reason", ["profile", "no_shorting", "equity"])
def test_who_may_sell_short(reason: str) -> None:
    """Neither a live account of $467, nor one whose owner forbids it, nor one below $2,000."""
    sim = simulator(*FLAT) if reason == "profile" else paper()
    if reason == "no_shorting":
        sim.exchange.configure({"no_shorting": True})
    if reason == "equity":
        sim.exchange.transfer("-98000.01")
    assert refused(sim, order("sell", "market", "1")) == (403, 40310000, "account is not allowed to short")
    if reason == "no_shorting":
        sim.exchange.configure({"no_shorting": False})
        assert sim.exchange.submit(order("sell", "market", "1")).is_open


def test_a_short_position_is_covered_and_never_turned_round() -> None:
    """Signs of the position, available shares, a cover that is too large, and the money at the end."""
    sim = paper()
    sim.exchange.submit(order("sell", "market", "10"))
    run_to(sim, sim.now + SECOND)
    position = sim.exchange.position("XYZ")
    assert position.qty == position.qty_available == -10
    assert position.cost == -Decimal("999.90")
    assert refused(sim, order("buy", "market", "11"))[2] == "insufficient qty available for order (requested: 11, available: 10)"  # fmt: skip
    cover = sim.exchange.submit(order("buy", "limit", "4", limit_price="90"))
    assert cover.position_intent == "buy_to_close"
    assert sim.exchange.position("XYZ").qty_available == -6
    assert refused(sim, order("buy", "limit", "7", limit_price="90"))[2].startswith("insufficient qty available")
    sim.exchange.cancel(cover.id)
    run_to(sim, sim.now + SECOND)
    closing = sim.exchange.close_position("XYZ")
    assert (closing.side, closing.qty) == ("buy", Decimal(10))
    run_to(sim, sim.now + SECOND)
    assert not sim.exchange.positions()
    assert sim.exchange.account().cash == 100_000 - Decimal("0.20")


def test_a_short_position_is_covered_in_whole_shares() -> None:
    """Neither a fraction nor dollars cover it; half of seven shares are three, ten percent are none."""
    sim = paper()
    sim.exchange.submit(order("sell", "market", "7"))
    run_to(sim, sim.now + SECOND)
    words = "fractional orders cannot cover a short position"
    assert refused(sim, order("buy", "market", "0.5"))[2] == words
    assert refused(sim, order("buy", "market", None, notional="50"))[2] == words
    with pytest.raises(BrokerError, match="qty must be > 0"):
        sim.exchange.close_position("XYZ", percentage="10")
    assert sim.exchange.close_position("XYZ", percentage="50").qty == 3
    run_to(sim, sim.now + SECOND)
    assert sim.exchange.position("XYZ").qty == -4


def test_a_long_position_is_not_turned_round() -> None:
    """Selling more than is held is refused, never a short sale."""
    sim = paper()
    bought(sim, "10")
    expected = "insufficient qty available for order (requested: 15, available: 10)"
    assert refused(sim, order("sell", "market", "15")) == (403, 40310000, expected)
    assert refused(sim, order("sell", "market", "1", position_intent="sell_to_open"))[0] == 422


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (("sell", "110"), ("buy", "90"), "cannot open a long buy while a short sell order is open"),
        (("buy", "90"), ("sell", "110"), "cannot open a short sell while a long buy order is open"),
    ],
)
def test_no_opening_both_ways(first: tuple[str, str], second: tuple[str, str], words: str) -> None:
    """The second of two opening orders in opposite directions is refused, until the first has ended."""
    sim = paper()
    placed = sim.exchange.submit(order(first[0], "limit", "1", limit_price=first[1]))
    again = order(second[0], "limit", "1", limit_price=second[1])
    assert refused(sim, again) == (403, 40310000, words)
    sim.exchange.cancel(placed.id)
    assert refused(sim, again)[2] == words
    run_to(sim, sim.now + SECOND)
    assert sim.exchange.submit(again).is_open


# ------------------------------------------------------------------ wash trades

EXEMPT = [
    # a resting order, a new one of the other side that is taken all the same
    (order("sell", "trailing_stop", "1", trail_price="5"), order("buy", "market", "1")),
    (order("sell", "stop", "1", stop_price="90"), order("buy", "trailing_stop", "1", trail_price="5")),
    (order("sell", "stop", "1", stop_price="90"), order("buy", "market", "1", order_class="oto", stop_loss={"stop_price": "80"})),
    (order("sell", "limit", "1", limit_price="110", order_class="oco", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}), order("buy", "market", "1")),
]  # fmt: skip


@pytest.mark.parametrize(("resting", "new"), EXEMPT)
def test_linked_orders_and_trailing_stops_are_no_wash_trades(
    resting: dict[str, object], new: dict[str, object]
) -> None:
    """Neither as the resting order nor as the new one."""
    sim = paper()
    bought(sim, "10")
    sim.exchange.submit(resting)
    assert sim.exchange.submit(new).is_open


def test_a_stop_that_is_being_canceled_still_makes_a_wash_trade() -> None:
    """Cancel, wait for the canceled state, then send (alpaca-contract 3.9)."""
    sim = paper()
    bought(sim, "10")
    stop = sim.exchange.submit(order("sell", "stop", "10", stop_price="90"))
    run_to(sim, sim.now + SECOND)
    sim.exchange.cancel(stop.id)
    assert refused(sim, order("buy", "market", "1"))[2] == "potential wash trade detected. use complex orders"
    run_to(sim, sim.now + SECOND)
    assert sim.exchange.submit(order("buy", "market", "1")).is_open


# ------------------------------------------------------------------ day trades (legacy mode)


def _round_trip(sim: Simulator) -> None:
    """Buy and sell a share."""
    bought(sim, "1")
    sim.exchange.submit(order("sell", "market", "1"))
    run_to(sim, sim.now + SECOND)


@pytest.mark.parametrize(("mode", "profile"), [("legacy", "live467"), ("off", "live467"), ("legacy", "paper100k")])
def test_the_fourth_day_trade_is_refused_to_small_accounts_of_the_old_rule(mode: Any, profile: str) -> None:
    """403 40310100 for the order that would close it; not with $25,000, not without the rule."""
    sim = simulator(*FLAT, profile=profile, pdt_mode=mode)
    for _ in range(3):
        _round_trip(sim)
    bought(sim, "1")
    fields = order("sell", "market", "1")
    if mode == "legacy" and profile == "live467":
        expected = (403, 40310100, "trade denied due to pattern day trading protection")
        assert refused(sim, fields) == expected
        assert sim.exchange.account().day_trades == 3
    else:
        assert sim.exchange.submit(fields).is_open


def test_pending_orders_count_as_day_trades() -> None:
    """Two done, a third pending in another symbol: the fourth is refused; over night it is none any more."""
    ticks: dict[str, list[Tick]] = {
        name: [*before(name, "10"), *tape(name, *("10.00",) * 24), *_tomorrow(name)] for name in ("ABC", "XYZ")
    }
    switches = replace(CALM, pdt_mode="legacy")
    sim = Simulator(TinyMarket(ticks), seed=7, start=OPEN + SECOND, switches=switches)
    for _ in range(2):
        _round_trip(sim)
    for name in ("ABC", "XYZ"):
        sim.exchange.submit(order("buy", "market", "1", symbol=name))
        run_to(sim, sim.now + SECOND)
    sim.exchange.submit(order("sell", "limit", "1", symbol="ABC", limit_price="20"))
    assert refused(sim, order("sell", "market", "1"))[1] == 40310100
    run_to(sim, CLOSE + timedelta(days=3))
    assert sim.exchange.submit(order("sell", "market", "1")).is_open


def _tomorrow(name: str) -> list[Tick]:
    hours = sessions_from(DAY + timedelta(days=1), 1)[0]
    return tape(name, "10.00", start=hours.open)


# ------------------------------------------------------------------ closing


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "10"),
        ({"qty": "4"}, "4"),
        ({"qty": 2.5}, "2.5"),
        ({"percentage": "50"}, "5"),
        ({"percentage": "33.3333333"}, "3.33333333"),
        ({"percentage": 100}, "10"),
    ],
)
def test_closing_a_part_of_a_position(given: dict[str, Any], expected: str) -> None:
    """Shares, percent, or all; a market DAY order."""
    sim = paper()
    bought(sim, "10")
    placed = sim.exchange.close_position("XYZ", **given)
    assert (placed.qty, placed.side, placed.type, placed.time_in_force) == (Decimal(expected), "sell", "market", "day")


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"qty": "4", "percentage": "10"}, 422, "percentage cannot be combined with qty"),
        ({"percentage": "101"}, 422, "invalid percentage"),
        ({"percentage": "0"}, 422, "percentage must be > 0"),
        ({"qty": "-1"}, 422, "qty must be > 0"),
        ({"qty": "x"}, 422, "invalid qty"),
        ({"qty": "1.1234567891"}, 422, "qty must have at most 9"),
        ({"qty": "11"}, 403, "insufficient qty available for order (requested: 11, available: 10)"),
    ],
)
def test_what_cannot_be_closed(given: dict[str, Any], status: int, words: str) -> None:
    """One clear refusal each."""
    sim = paper()
    bought(sim, "10")
    with pytest.raises(BrokerError) as caught:
        sim.exchange.close_position("XYZ", **given)
    assert caught.value.status == status
    assert caught.value.text.startswith(words)


def test_closing_everything_with_orders_in_the_way() -> None:
    """Held shares refuse the closing order of their symbol; cancel_orders frees them at once."""
    sim = paper()
    bought(sim, "10")
    sim.exchange.submit(order("sell", "stop", "10", stop_price="90"))
    ((symbol, refusal),) = sim.exchange.close_all()
    assert isinstance(refusal, BrokerError)
    assert (symbol, refusal.extra["held_for_orders"]) == ("XYZ", "10")
    ((_, placed),) = sim.exchange.close_all(cancel_orders=True)
    assert not isinstance(placed, BrokerError)
    run_to(sim, sim.now + SECOND)
    assert (placed.status, sim.exchange.positions()) == ("filled", [])
