"""Stops, trailing stops, and the place of a limit in the queue (alpaca-contract 3.7, 3.14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.matching import collar
from alpaca_trader.simulator.exchange.slippage import BasisPoints, SquareRootImpact
from alpaca_trader.simulator.market.model import MarketQuote, MarketTrade, Tick
from tests.simulator.tiny import CALM, OPEN, Ear, TinyMarket, bought, order, run_to, simulator, tape

SECOND = timedelta(seconds=1)


def prints(*rows: tuple[str, str, str] | tuple[str, str, str, int]) -> list[Tick]:
    """Quotes and prints every five seconds: bid, ask, print, and the size quoted on both sides (100)."""
    found: list[Tick] = []
    for number, (bid, ask, price, *size) in enumerate(rows):
        at, quoted = OPEN + 5 * number * SECOND, size[0] if size else 100
        found.append(MarketQuote("XYZ", at, Decimal(bid), Decimal(ask), quoted, quoted))
        if price:
            found.append(MarketTrade("XYZ", at, Decimal(price), 100, number + 1))
    return found


def quoted(*rows: Any, profile: str = "paper100k", **changes: Any) -> Simulator:
    """A simulator on written quotes and prints, one second after the first."""
    return Simulator(
        TinyMarket({"XYZ": prints(*rows)}), seed=7, start=OPEN + SECOND, profile=profile, switches=CALM, **changes
    )


CALM_ROW = ("99.99", "100.01", "100.00")

ELECTIONS = [
    # side, stop, the print and the quote it meets, whether it elects
    ("sell", "98", ("97.99", "98.01", "98.00"), True),
    ("sell", "98", ("97.99", "98.01", "98.01"), False),
    ("sell", "98", ("96.99", "97.01", "97.00"), True),
    ("sell", "98", ("99.99", "100.01", "98.00"), False),  # a print below the bid
    ("sell", "98", ("97.99", "100.01", "97.99"), True),  # at the bid
    ("sell", "98", ("97.00", "98.00", ""), False),  # a quote alone
    ("sell", "98", ("0", "0", "97.00"), True),  # nobody quotes: nothing to be outside of
    ("buy", "102", ("101.99", "102.01", "102.00"), True),
    ("buy", "102", ("101.98", "102.00", "101.99"), False),
    ("buy", "102", ("99.99", "100.01", "102.00"), False),  # a print above the ask
    ("buy", "102", ("101.00", "102.00", "102.00"), True),  # at the ask
]


@pytest.mark.parametrize(("side", "stop", "row", "elects"), ELECTIONS)
def test_a_stop_is_elected_by_a_print_at_or_through_it_and_inside_the_quote(
    side: str, stop: str, row: tuple[str, str, str], elects: bool
) -> None:
    """Prints outside the quote and quotes alone elect nothing."""
    sim = quoted(CALM_ROW, CALM_ROW, row, CALM_ROW)
    if side == "sell":
        bought(sim, "1")
    placed = sim.exchange.submit(order(side, "stop", stop_price=stop))
    run_to(sim, OPEN + 14 * SECOND)
    assert (placed.is_elected, placed.filled_qty) == (elects, Decimal(0))


@pytest.mark.parametrize(
    ("price", "expected"), [("49.99", "51.99"), ("50", "51.25"), ("100", "102.50"), ("0.50", "0.52")]
)
def test_the_collar(price: str, expected: str) -> None:
    """4 % below $50, 2.5 % from $50 on."""
    assert collar(Decimal(price)) == Decimal(expected)


def test_an_elected_buy_stop_rests_at_its_collar_and_a_sell_stop_takes_any_price() -> None:
    """A gap to 110 does not fill the buy stop at 101, which waits at 103.53; a gap to 50 fills the sell stop."""
    rows = [CALM_ROW, CALM_ROW, ("100.99", "101.01", "101.00"), ("109.99", "110.01", "110"), ("49.99", "50.01", "50"), ("49.99", "50.01", "50")]  # fmt: skip
    sim = quoted(*rows)
    bought(sim, "2")
    buy = sim.exchange.submit(order("buy", "stop", stop_price="101"))
    run_to(sim, OPEN + 19 * SECOND)
    assert (buy.is_elected, buy.status) == (True, "new")
    run_to(sim, OPEN + 20 * SECOND)
    assert (buy.status, buy.filled_avg_price) == ("filled", Decimal("103.53"))
    sim = quoted(*rows)
    bought(sim, "2")
    sell = sim.exchange.submit(order("sell", "stop", stop_price="99.98"))
    run_to(sim, OPEN + 26 * SECOND)
    assert (sell.status, sell.filled_avg_price) == ("filled", Decimal("49.99"))


@pytest.mark.parametrize(
    ("side", "stop", "limit", "after", "expected"),
    [
        ("sell", "98", "97", "97.50", "97.49"),
        ("sell", "98", "97", "96.00", None),
        ("buy", "102", "103", "102.50", "102.51"),
        ("buy", "102", "103", "104.00", None),
    ],
)
def test_a_stop_limit_becomes_a_limit(side: str, stop: str, limit: str, after: str, expected: str | None) -> None:
    """Elected by its stop, bound by its limit."""
    sim = simulator(*("100.00",) * 2, stop, *(after,) * 3, profile="paper100k")
    if side == "sell":
        bought(sim, "1")
    placed = sim.exchange.submit(order(side, "stop_limit", stop_price=stop, limit_price=limit))
    run_to(sim, OPEN + 20 * SECOND)
    assert placed.is_elected
    assert placed.filled_avg_price == (None if expected is None else Decimal(expected))


# ------------------------------------------------------------------ trailing stops

Mark = tuple[str, str]
"""High-water mark and stop."""
TRAILS = [
    # side, trail, prices one after the other, mark and stop after each
    ("sell", {"trail_price": "2"}, ["101", "100", "103"], [("101", "99"), ("101", "99"), ("103", "101")]),
    ("sell", {"trail_percent": "3"}, ["101", "101.5"], [("101", "97.97"), ("101.5", "98.45")]),  # 98.455 rounds down
    ("sell", {"trail_percent": "0.5"}, ["101.11"], [("101.11", "100.6")]),  # 100.60445
    ("buy", {"trail_price": "2"}, ["99", "100", "97"], [("99", "101"), ("99", "101"), ("97", "99")]),
    ("buy", {"trail_percent": "3"}, ["99.5", "98.5"], [("99.5", "102.49"), ("98.5", "101.46")]),  # 102.485 rounds up
]


@pytest.mark.parametrize(("side", "trail", "prices", "marks"), TRAILS)
def test_a_trailing_stop_follows_the_best_print(
    side: str, trail: dict[str, object], prices: Sequence[str], marks: Sequence[Mark]
) -> None:
    """The mark only improves; the stop is rounded to the cent away from the market; moving is no event."""
    sim = simulator("100.00", *prices, prices[-1], profile="paper100k")
    if side == "sell":
        bought(sim, "1")
    ear = Ear(sim)
    placed = sim.exchange.submit(order(side, "trailing_stop", **trail))
    assert (placed.status, placed.stop_price, placed.hwm) == ("pending_new", None, None)
    run_to(sim, OPEN + 4 * SECOND)
    assert (placed.hwm, placed.status) == (Decimal(100), "new")
    told = len(ear.events)
    for number, (mark, stop) in enumerate(marks, start=1):
        run_to(sim, OPEN + 5 * number * SECOND)
        assert (placed.hwm, placed.stop_price) == (Decimal(mark), Decimal(stop)), number
    assert len(ear.events) == told


@pytest.mark.parametrize(
    ("side", "prices", "expected"),
    [("sell", ["104", "102", "101.50"], "101.49"), ("buy", ["96", "98", "98.50"], "98.51")],
)
def test_a_trailing_stop_triggers_a_market_order(side: str, prices: Sequence[str], expected: str) -> None:
    """A print at the stop elects, the next quote fills; the mark stays where it was."""
    sim = simulator("100.00", *prices, profile="paper100k")
    if side == "sell":
        bought(sim, "1")
    ear = Ear(sim)
    placed = sim.exchange.submit(order(side, "trailing_stop", trail_price="2"))
    run_to(sim, OPEN + 14 * SECOND)
    assert (placed.is_elected, placed.status) == (True, "new")
    with pytest.raises(BrokerError, match="cannot replace order in triggered status"):
        sim.exchange.replace(placed.id, {"trail": "3"})
    run_to(sim, OPEN + 15 * SECOND)
    assert (placed.status, placed.filled_avg_price, placed.hwm) == ("filled", Decimal(expected), Decimal(prices[0]))
    assert ear.events == ["new", "fill"]


@pytest.mark.parametrize(
    ("trail", "change", "expected"),
    [
        ({"trail_price": "2"}, "3", ("3", None, "101")),
        ({"trail_percent": "2"}, "1", (None, "1", "102.96")),
    ],
)
def test_the_trail_can_be_replaced_until_it_triggers(
    trail: dict[str, object], change: str, expected: tuple[str | None, str | None, str]
) -> None:
    """Its kind stays, and so does the mark; the successor works with the new distance."""
    sim = simulator("100.00", "104.00", "104.00", "104.00", "90.00", "90.00", profile="paper100k")
    bought(sim, "1")
    placed = sim.exchange.submit(order("sell", "trailing_stop", **trail))
    run_to(sim, OPEN + 6 * SECOND)
    successor = sim.exchange.replace(placed.id, {"trail": change})
    run_to(sim, OPEN + 7 * SECOND)
    price, percent, stop = (None if part is None else Decimal(part) for part in expected)
    assert (placed.status, successor.status, successor.hwm) == ("replaced", "new", Decimal(104))
    assert (successor.trail_price, successor.trail_percent, successor.stop_price) == (price, percent, stop)
    with pytest.raises(BrokerError, match="order parameters are not changed"):
        sim.exchange.replace(successor.id, {"trail": change})
    run_to(sim, OPEN + 26 * SECOND)
    assert successor.filled_avg_price == Decimal("89.99")


def test_a_triggered_trailing_stop_stays_triggered_when_its_quantity_is_replaced() -> None:
    """2 shares become 1 between election and fill: it sells at once, and does not wait for another trigger."""
    sim = simulator("100.00", "100.00", "97.00", "100.00", "100.00", profile="paper100k")
    bought(sim, "2")
    placed = sim.exchange.submit(order("sell", "trailing_stop", "2", trail_price="2"))
    run_to(sim, OPEN + 11 * SECOND)
    successor = sim.exchange.replace(placed.id, {"qty": "1"})
    run_to(sim, OPEN + 12 * SECOND)
    assert (successor.status, successor.filled_avg_price) == ("filled", Decimal("96.99"))


@pytest.mark.parametrize("trail", ["100", "150", "0", "-1", "far"])
def test_a_trail_in_percent_stays_below_all_of_the_price(trail: str) -> None:
    """In a replacement as in an order."""
    sim = simulator(*("100.00",) * 4, profile="paper100k")
    placed = sim.exchange.submit(order("buy", "trailing_stop", trail_percent="99.9"))
    run_to(sim, OPEN + 2 * SECOND)
    with pytest.raises(BrokerError, match=r"invalid trail|trail must be > 0"):
        sim.exchange.replace(placed.id, {"trail": trail})
    with pytest.raises(BrokerError, match=r"invalid trail_percent|trail_percent must be > 0"):
        sim.exchange.submit(order("buy", "trailing_stop", trail_percent=trail))


@pytest.mark.parametrize("field", ["stop_price", "limit_price"])
def test_a_trailing_stop_takes_no_price_in_a_replacement(field: str) -> None:
    """Only `trail` moves it."""
    sim = simulator(*("100.00",) * 4, profile="paper100k")
    placed = sim.exchange.submit(order("buy", "trailing_stop", trail_price="2"))
    run_to(sim, OPEN + 2 * SECOND)
    with pytest.raises(BrokerError) as caught:
        sim.exchange.replace(placed.id, {field: "105"})
    assert caught.value.status == 422


# ------------------------------------------------------------------ limits, sizes, slippage


def test_a_limit_at_the_quote_waits_for_those_before_it() -> None:
    """60 shares stand at its price: the next 60 that trade there are theirs, then it gets its own."""
    rows = [CALM_ROW, ("99.90", "99.92", "99.91", 60), *[("99.88", "99.90", "99.89", 40)] * 3]
    sim = quoted(*rows)
    run_to(sim, OPEN + 6 * SECOND)
    placed = sim.exchange.submit(order("buy", "limit", "30", limit_price="99.90"))
    run_to(sim, OPEN + 14 * SECOND)
    assert (placed.queue_ahead, placed.filled_qty) == (Decimal(20), Decimal(0))
    run_to(sim, OPEN + 16 * SECOND)
    assert (placed.queue_ahead, placed.filled_qty, placed.filled_avg_price) == (
        Decimal(0),
        Decimal(20),
        Decimal("99.90"),
    )
    run_to(sim, OPEN + 20 * SECOND)
    assert placed.status == "filled"


@pytest.mark.parametrize(
    ("limit", "then", "filled"),
    [
        ("99.90", ("99.87", "99.89", "99.88"), 30),  # the offer comes below it: all before it have traded
        ("99.91", ("99.89", "99.91", "99.90"), 30),  # it improves the bid: nobody stands before it
        ("99.90", ("99.88", "99.90", "99.89"), 0),
        ("99.80", ("99.78", "99.80", "99.79"), 0),  # away from the quote it finds a queue too
    ],
)
def test_who_stands_before_a_limit(limit: str, then: tuple[str, str, str], filled: int) -> None:
    """60 shares at or beyond its price, none when it betters the quote or the quote goes through it."""
    sim = quoted(CALM_ROW, ("99.90", "99.92", "99.91", 60), (*then, 50), (*CALM_ROW, 50))
    run_to(sim, OPEN + 6 * SECOND)
    placed = sim.exchange.submit(order("buy", "limit", "30", limit_price=limit))
    run_to(sim, OPEN + 11 * SECOND)
    assert placed.filled_qty == filled


def test_a_replaced_limit_goes_to_the_end_of_the_queue() -> None:
    """A new price at the same quote finds all of it before it."""
    sim = quoted(
        CALM_ROW, ("99.90", "99.92", "99.91", 60), ("99.88", "99.90", "99.89", 40), ("99.89", "99.91", "99.9", 70)
    )
    run_to(sim, OPEN + 6 * SECOND)
    placed = sim.exchange.submit(order("buy", "limit", "30", limit_price="99.90"))
    run_to(sim, OPEN + 16 * SECOND)
    assert placed.queue_ahead == 20
    successor = sim.exchange.replace(placed.id, {"limit_price": "99.89"})
    run_to(sim, OPEN + 17 * SECOND)
    assert successor.queue_ahead == 70


def test_orders_share_what_is_quoted() -> None:
    """Three buys of 60 at one quote of 100: 60, 40, 0; buys and sells do not share."""
    sim = simulator("10.00", "10.00", "10.00", profile="paper100k", latency_ms=(4, 4))
    bought(sim, "100")
    run_to(sim, OPEN + 6 * SECOND)
    first, second, third = (sim.exchange.submit(order("buy", "limit", "60", limit_price="10.01")) for _ in range(3))
    sold = sim.exchange.submit(order("sell", "limit", "100", limit_price="9.99", order_class="oco", stop_loss={"stop_price": "5"}))  # fmt: skip
    run_to(sim, OPEN + 7 * SECOND)
    assert [found.filled_qty for found in (first, second, third, sold)] == [60, 40, 0, 100]


@pytest.mark.parametrize(
    ("slippage", "side", "limit", "expected"),
    [
        (BasisPoints(Decimal(10)), "buy", None, "100.1101"),  # 100.01 x 1.001 = 100.11001
        (BasisPoints(Decimal(10)), "sell", None, "99.89"),
        (BasisPoints(Decimal(10)), "buy", "100.05", "100.05"),
        (BasisPoints(Decimal(10)), "sell", "99.95", "99.95"),
        (SquareRootImpact(Decimal(10)), "buy", None, "100.0601"),  # 25 of 100 shares: half of it
        (BasisPoints(Decimal(0)), "buy", None, "100.01"),
    ],
)
def test_slippage_makes_a_marketable_order_worse_but_never_beyond_its_limit(
    slippage: Any, side: str, limit: str | None, expected: str
) -> None:
    """Rounded against the order to a hundredth of a cent."""
    market = TinyMarket({"XYZ": tape("XYZ", *("100.00",) * 4)})
    sim = Simulator(market, seed=7, start=OPEN + SECOND, profile="paper100k", switches=CALM, slippage=slippage)
    if side == "sell":
        bought(sim, "25")
        run_to(sim, OPEN + 6 * SECOND)
    fields = {} if limit is None else {"limit_price": limit}
    placed = sim.exchange.submit(order(side, "market" if limit is None else "limit", "25", **fields))
    run_to(sim, sim.now + SECOND)
    assert placed.filled_avg_price == Decimal(expected)


def test_a_limit_that_rested_has_no_slippage() -> None:
    """It provides the liquidity."""
    market = TinyMarket({"XYZ": tape("XYZ", "100.00", "98.00", "98.00")})
    sim = Simulator(market, seed=7, start=OPEN + SECOND, switches=CALM, slippage=BasisPoints(Decimal(50)))
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="99"))
    run_to(sim, OPEN + 6 * SECOND)
    assert placed.filled_avg_price == 99


def test_a_replacement_cannot_outrun_its_own_latency() -> None:
    """Replaced 3 ms after it was sent, an order still reaches the market no sooner than the first one would have."""
    sim = simulator(*("100.00",) * 4, latency_ms=(150, 150))
    posted = sim.now
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    run_to(sim, posted + timedelta(milliseconds=3))
    successor = sim.exchange.replace(placed.id, {"limit_price": "101"})
    run_to(sim, posted + timedelta(milliseconds=149))
    assert (placed.status, successor.status) == ("replaced", "new")
    run_to(sim, posted + timedelta(milliseconds=150))
    assert successor.status == "filled"
