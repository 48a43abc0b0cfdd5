"""How orders live: acknowledged, filled, elected, canceled, replaced, expired, in virtual time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from tests.simulator.tiny import (
    CALM,
    CLOSE,
    NEXT_OPEN,
    OPEN,
    Ear,
    TinyMarket,
    before,
    bought,
    order,
    run_to,
    simulator,
    tape,
)

MS = timedelta(milliseconds=1)
FLAT = ("100.00",) * 12


def test_a_market_buy_is_acknowledged_after_3_ms_and_pays_the_ask_after_its_latency() -> None:
    """pending_new at the POST, new at T+3 ms, filled at the ask between 80 and 150 ms."""
    sim = simulator(*FLAT)
    ear, posted = Ear(sim), sim.now
    placed = sim.exchange.submit(order("buy", "market", "0.5"))
    assert placed.status == "pending_new"
    assert sim.advance(posted + timedelta(seconds=1)) == posted + 3 * MS
    assert placed.status == "new"
    filled = sim.advance(posted + timedelta(seconds=1))
    assert posted + 80 * MS <= filled <= posted + 150 * MS
    assert (placed.status, placed.filled_avg_price) == ("filled", Decimal("100.01"))
    assert ear.events == ["new", "fill"]
    assert ear.heard[1]["position_qty"] == "0.5"
    assert ear.heard[0]["event_id"] < ear.heard[1]["event_id"]


def test_a_market_sell_gets_the_bid() -> None:
    """Never better than the far side of the quote."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    placed = sim.exchange.submit(order("sell", "market"))
    run_to(sim, sim.now + timedelta(seconds=1))
    assert placed.filled_avg_price == Decimal("99.99")


def test_whole_shares_take_no_more_than_the_quoted_size_at_one_quote() -> None:
    """250 shares against 100 on offer fill as 100, 100, 50 at following quotes."""
    sim = simulator("10.00", "10.10", "10.20", "10.30", profile="paper100k")
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market", "250"))
    run_to(sim, OPEN + timedelta(seconds=30))
    assert ear.events == ["new", "partial_fill", "partial_fill", "fill"]
    assert [update["qty"] for update in ear.heard[1:]] == ["100", "100", "50"]
    assert [update["price"] for update in ear.heard[1:]] == ["10.01", "10.11", "10.21"]
    assert placed.filled_value == Decimal("1001") + Decimal("1011") + Decimal("510.5")


def test_two_orders_share_the_size_of_one_quote() -> None:
    """What one order took of a quote is gone for the other."""
    sim = simulator("10.00", "10.10", "10.20", profile="paper100k")
    first = sim.exchange.submit(order("buy", "market", "80"))
    second = sim.exchange.submit(order("buy", "market", "80"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert first.filled_qty + second.filled_qty == 100


def test_the_fraction_fills_with_the_last_whole_share() -> None:
    """1.5 shares against a quote of one share fill at once; the broker supplies the fraction."""
    sim = simulator(*FLAT, size=1)
    placed = sim.exchange.submit(order("buy", "market", "1.5"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert placed.status == "filled"


def test_random_partial_fills_leave_the_rest_to_the_next_quote() -> None:
    """With partial_fills=always a splittable order fills in two parts that add up."""
    sim = simulator(*FLAT, partial_fills="always")
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market", "0.5"))
    run_to(sim, OPEN + timedelta(seconds=10))
    assert ear.events == ["new", "partial_fill", "fill"]
    assert Decimal(ear.heard[1]["qty"]) + Decimal(ear.heard[2]["qty"]) == placed.filled_qty == Decimal("0.5")
    assert ear.heard[1]["order"]["status"] == "partially_filled"


def test_a_notional_buy_fills_the_truncated_quantity() -> None:
    """$5 at 100.01 buys 0.049995000 shares; qty stays null, notional stays 5 (alpaca-contract 3.4)."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "market", None, notional="5"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert (placed.status, placed.qty, placed.notional) == ("filled", None, Decimal(5))
    assert placed.filled_qty == Decimal("0.049995000")


def test_a_limit_buy_waits_for_its_price_and_gets_no_better_after_resting() -> None:
    """Resting at 99.50, the order trades at 99.50 though the quote falls to 99.00."""
    sim = simulator("100.00", "100.00", "99.00", "99.00")
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="99.50"))
    run_to(sim, OPEN + timedelta(seconds=9))
    assert placed.status == "new"
    run_to(sim, OPEN + timedelta(seconds=11))
    assert (placed.status, placed.filled_avg_price) == ("filled", Decimal("99.50"))


def test_a_marketable_limit_gets_the_quote() -> None:
    """A buy limit above the ask pays the ask."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="101"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert placed.filled_avg_price == Decimal("100.01")


def test_a_sell_stop_is_elected_by_a_trade_and_takes_the_next_quote() -> None:
    """The trade at 98.00 elects the stop at 98.50; the next quote's bid, 96.99, fills it: gaps go through."""
    sim = simulator("100.00", "100.00", "98.00", "97.00", "97.00")
    bought(sim, "1")
    stop = sim.exchange.submit(order("sell", "stop", "1", stop_price="98.50"))
    run_to(sim, OPEN + timedelta(seconds=14))
    assert (stop.status, stop.is_elected) == ("new", True)
    run_to(sim, OPEN + timedelta(seconds=15))
    assert (stop.status, stop.filled_avg_price) == ("filled", Decimal("96.99"))


def test_a_trade_exactly_at_the_stop_elects_it() -> None:
    """At or through the stop (alpaca-contract 3.7)."""
    sim = simulator("100.00", "100.00", "98.50", "99.00", "99.00")
    bought(sim, "1")
    stop = sim.exchange.submit(order("sell", "stop", "1", stop_price="98.50"))
    run_to(sim, OPEN + timedelta(seconds=20))
    assert stop.filled_avg_price == Decimal("98.99")


def test_a_quote_through_the_stop_without_a_trade_elects_nothing() -> None:
    """Election needs a trade."""
    ticks = [
        tick
        for tick in tape("XYZ", "100.00", "100.00", "95.00", "100.00")
        if not (tick.at == OPEN + 2 * timedelta(seconds=5) and hasattr(tick, "price"))
    ]
    sim = Simulator(TinyMarket({"XYZ": ticks}), seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    bought(sim, "1")
    stop = sim.exchange.submit(order("sell", "stop", "1", stop_price="98.50"))
    run_to(sim, OPEN + timedelta(seconds=20))
    assert (stop.status, stop.is_elected) == ("new", False)


def test_a_stop_limit_stays_open_when_the_market_is_beyond_its_limit() -> None:
    """Elected, but the bid is below its limit: it rests until the price returns, then trades at its limit."""
    sim = simulator("100.00", "100.00", "98.00", "97.00", "99.00", "99.00")
    bought(sim, "1")
    stop = sim.exchange.submit(order("sell", "stop_limit", "1", stop_price="98.50", limit_price="98.20"))
    run_to(sim, OPEN + timedelta(seconds=19))
    assert (stop.status, stop.is_elected) == ("new", True)
    run_to(sim, OPEN + timedelta(seconds=20))
    assert stop.filled_avg_price == Decimal("98.20")


def test_a_buy_stop_never_pays_more_than_its_collar() -> None:
    """Elected at 101, it pays at most 101 x 1.025 = 103.53: a quote at 110 does not fill it."""
    sim = simulator("100.00", "100.00", "101.00", "110.00", "103.00", "103.00")
    stop = sim.exchange.submit(order("buy", "stop", "1", stop_price="101"))
    run_to(sim, OPEN + timedelta(seconds=19))
    assert stop.is_open
    run_to(sim, OPEN + timedelta(seconds=20))
    assert stop.status == "filled"
    assert stop.filled_value <= Decimal("103.53")


def test_nothing_fills_during_a_halt() -> None:
    """A market order waits for the end of the halt."""
    halt = {"XYZ": (OPEN, OPEN + timedelta(seconds=12))}
    market = TinyMarket({"XYZ": tape("XYZ", *FLAT)}, halts=halt)
    sim = Simulator(market, seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    placed = sim.exchange.submit(order("buy", "market"))
    run_to(sim, OPEN + timedelta(seconds=14))
    assert placed.status == "new"
    run_to(sim, OPEN + timedelta(seconds=15))
    assert placed.status == "filled"


def test_cancel_takes_a_moment_and_then_is_final() -> None:
    """204, pending_cancel, canceled within 25 ms; a second cancel is refused both times."""
    sim = simulator(*FLAT)
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    run_to(sim, OPEN + timedelta(seconds=3))
    sim.exchange.cancel(placed.id)
    assert placed.status == "pending_cancel"
    with pytest.raises(BrokerError, match="order pending cancel"):
        sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + 25 * MS)
    assert (placed.status, ear.events) == ("canceled", ["new", "canceled"])
    with pytest.raises(BrokerError, match='already in "canceled" state'):
        sim.exchange.cancel(placed.id)


def test_a_fill_wins_the_race_against_a_cancel() -> None:
    """A marketable order canceled just before it executes ends filled, and the cancel is rejected by event."""
    sim = simulator(*FLAT, latency_ms=(4, 5))
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market"))
    sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + timedelta(seconds=1))
    assert placed.status == "filled"
    assert ear.events == ["new", "fill", "order_cancel_rejected"]


def test_a_partly_filled_order_keeps_its_fill_when_canceled() -> None:
    """canceled with filled_qty above 0."""
    sim = simulator("100.00", "100.00", profile="paper100k", size=40)
    placed = sim.exchange.submit(order("buy", "limit", "100", limit_price="100.05"))
    run_to(sim, OPEN + timedelta(seconds=2))
    sim.exchange.cancel(placed.id)
    run_to(sim, OPEN + timedelta(seconds=3))
    assert (placed.status, placed.filled_qty) == ("canceled", Decimal(40))


def test_replace_makes_a_new_order_and_links_the_chain() -> None:
    """pending_replace, then replaced + new; ids link both ways; the old client order id stays taken."""
    sim = simulator(*FLAT)
    ear = Ear(sim)
    first = sim.exchange.submit(order("buy", "limit", "1", limit_price="90", client_order_id="a"))
    run_to(sim, OPEN + timedelta(seconds=2))
    second = sim.exchange.replace(first.id, {"limit_price": "91", "client_order_id": "b"})
    assert (first.status, second.status, second.replaces) == ("pending_replace", "pending_new", first.id)
    with pytest.raises(BrokerError, match="cannot replace order in pending_replace status"):
        sim.exchange.replace(first.id, {"limit_price": "92"})
    run_to(sim, OPEN + timedelta(seconds=3))
    assert (first.status, first.replaced_by, second.status) == ("replaced", second.id, "new")
    assert ear.events == ["new", "replaced", "new"]
    with pytest.raises(BrokerError, match="order already replaced"):
        sim.exchange.replace(first.id, {"limit_price": "93"})
    with pytest.raises(BrokerError, match="client_order_id must be unique"):
        sim.exchange.replace(second.id, {"limit_price": "93", "client_order_id": "a"})
    third = sim.exchange.replace(second.id, {"limit_price": "100.50"})
    run_to(sim, OPEN + timedelta(seconds=6))
    assert (third.status, third.replaces, third.filled_avg_price) == ("filled", second.id, Decimal("100.01"))


def test_a_replace_that_loses_against_the_fill_is_rejected() -> None:
    """The old order fills first: the new one ends rejected and order_replace_rejected is sent."""
    sim = simulator(*FLAT, latency_ms=(4, 5), partial_fills="never")
    ear = Ear(sim)
    first = sim.exchange.submit(order("buy", "limit", "1", limit_price="100.50"))
    run_to(sim, sim.now + 3 * MS)
    second = sim.exchange.replace(first.id, {"limit_price": "101"})
    run_to(sim, sim.now + timedelta(seconds=1))
    assert (first.status, second.status) == ("filled", "rejected")
    assert ear.events == ["new", "fill", "order_replace_rejected", "rejected"]
    assert sim.exchange.positions()[0].qty == 1


def test_a_replaced_order_carries_its_fills_on() -> None:
    """The new order's quantity is the total: 100 with 40 filled leaves 60."""
    sim = simulator("100.00", "100.00", "99.00", "99.00", profile="paper100k", size=40)
    first = sim.exchange.submit(order("buy", "limit", "100", limit_price="100.05"))
    run_to(sim, OPEN + timedelta(seconds=2))
    with pytest.raises(BrokerError, match="qty must be > filled_qty"):
        sim.exchange.replace(first.id, {"qty": "40"})
    second = sim.exchange.replace(first.id, {"qty": "50", "limit_price": "99.50"})
    run_to(sim, OPEN + timedelta(seconds=12))
    assert (second.status, second.filled_qty) == ("filled", Decimal(50))
    assert sim.exchange.positions()[0].qty == 50


def test_day_orders_expire_half_a_second_after_the_close() -> None:
    """expired at 16:00:00.5, filled or partly filled quantity kept, expires_at still the close."""
    sim = simulator(*FLAT)
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    gtc = sim.exchange.submit(order("buy", "limit", "1", limit_price="91", time_in_force="gtc"))
    run_to(sim, CLOSE + 499 * MS)
    assert placed.status == "new"
    run_to(sim, CLOSE + timedelta(seconds=2))
    assert (placed.status, placed.expired_at, placed.expires_at) == ("expired", CLOSE + 500 * MS, CLOSE)
    assert gtc.status == "new"
    assert ear.events == ["new", "new", "expired"]


def test_an_order_sent_while_closed_waits_accepted_for_the_open() -> None:
    """accepted, cannot be replaced, works at the next open and expires at that session's close."""
    market = TinyMarket({"XYZ": [*tape("XYZ", *FLAT), *tape("XYZ", *FLAT, start=NEXT_OPEN)]})
    sim = Simulator(market, seed=7, start=CLOSE + timedelta(hours=1), switches=CALM)
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="101"))
    assert (placed.status, placed.expires_at) == ("accepted", NEXT_OPEN + timedelta(hours=6, minutes=30))
    with pytest.raises(BrokerError, match="cannot replace order in accepted status"):
        sim.exchange.replace(placed.id, {"limit_price": "102"})
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    assert (placed.status, ear.events) == ("filled", ["accepted", "new", "fill"])


def test_a_good_till_canceled_order_ends_after_ninety_days() -> None:
    """Canceled at 16:15 New York time on the day of expires_at."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90", time_in_force="gtc"))
    run_to(sim, placed.expires_at + timedelta(minutes=14))
    assert placed.status == "new"
    run_to(sim, placed.expires_at + timedelta(minutes=15))
    assert placed.status == "canceled"
    assert (placed.expires_at - placed.created_at).days == 90


def test_immediate_or_cancel_takes_what_is_there() -> None:
    """40 of 100 fill, the rest is canceled at once."""
    sim = simulator(*FLAT, profile="paper100k", size=40)
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "limit", "100", limit_price="101", time_in_force="ioc"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert (placed.status, placed.filled_qty, ear.events) == (
        "canceled",
        Decimal(40),
        ["new", "partial_fill", "canceled"],
    )


@pytest.mark.parametrize(("size", "status", "filled"), [(40, "canceled", 0), (100, "filled", 100)])
def test_fill_or_kill_is_all_or_nothing(size: int, status: str, filled: int) -> None:
    """100 shares against 40 on offer are canceled whole, against 100 filled whole."""
    sim = simulator(*FLAT, profile="paper100k", size=size)
    placed = sim.exchange.submit(order("buy", "market", "100", time_in_force="fok"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert (placed.status, placed.filled_qty) == (status, Decimal(filled))


def test_an_order_that_cash_cannot_pay_at_the_price_found_is_rejected() -> None:
    """Accepted against yesterday's 100, the open at 140 costs more than the cash: rejected, no debt."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *("140.00",) * 5)]})
    sim = Simulator(market, seed=7, start=OPEN - timedelta(minutes=5), switches=CALM)
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market", "4"))
    run_to(sim, OPEN + timedelta(seconds=5))
    assert (placed.status, ear.events) == ("rejected", ["accepted", "new", "rejected"])
    assert sim.exchange.account().cash == 467


def test_time_passes_alike_in_one_step_or_in_many() -> None:
    """However advance is cut, the same orders fill at the same instants."""

    def events(step: timedelta) -> list[tuple[str, str]]:
        sim = simulator("100.00", "99.00", "98.00", "101.00", "97.00", "100.00", partial_fills="ten_percent")
        ear = Ear(sim)
        sim.exchange.submit(order("buy", "limit", "1", limit_price="98.50"))
        sim.exchange.submit(order("buy", "limit", "0.7", limit_price="97.50"))
        while sim.now < OPEN + timedelta(minutes=2):
            run_to(sim, min(sim.now + step, OPEN + timedelta(minutes=2)))
        return [(update["event"], update["at"]) for update in ear.heard]

    assert events(timedelta(minutes=5)) == events(timedelta(milliseconds=37)) != []


@pytest.mark.parametrize(
    ("side", "type_", "prices", "gap", "expected"),
    [
        ("sell", "stop", {"stop_price": "98.50"}, "95.00", "94.99"),
        ("sell", "limit", {"limit_price": "103"}, "110.00", "103"),
        ("buy", "limit", {"limit_price": "97"}, "90.00", "97"),
        ("buy", "stop", {"stop_price": "101"}, "102.00", "102.01"),
    ],
)
def test_a_minute_that_gaps_past_the_price_is_not_skipped(
    side: str, type_: str, prices: dict[str, object], gap: str, expected: str
) -> None:
    """The next minute opens beyond the order's price: stops take the quote, rested limits their own price."""
    sim = simulator(*FLAT, *FLAT, *((gap,) * 12))
    bought(sim, "1")
    placed = sim.exchange.submit(order(side, type_, "1", **prices))
    run_to(sim, OPEN + timedelta(seconds=119))
    assert placed.status == "new"
    run_to(sim, OPEN + timedelta(seconds=125))
    assert (placed.status, placed.filled_avg_price) == ("filled", Decimal(expected))


def test_a_pending_replace_holds_the_larger_quantity() -> None:
    """While 1 share becomes 2, a third of two held cannot be sold (alpaca-contract 3.11)."""
    sim = simulator(*FLAT)
    bought(sim, "2")
    first = sim.exchange.submit(order("sell", "limit", "1", limit_price="110"))
    run_to(sim, sim.now + timedelta(seconds=1))
    sim.exchange.replace(first.id, {"qty": "2"})
    with pytest.raises(BrokerError, match="available: 0"):
        sim.exchange.submit(order("sell", "limit", "1", limit_price="110"))
    run_to(sim, sim.now + timedelta(seconds=1))
    assert sim.exchange.positions()[0].qty_available == 0


def test_an_order_that_expires_takes_its_pending_replacement_along() -> None:
    """Replaced a moment before it expires: the old one is expired, the new one rejected, each told once."""
    sim = simulator(*FLAT)
    ear = Ear(sim)
    first = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    run_to(sim, CLOSE + 499 * MS)
    second = sim.exchange.replace(first.id, {"limit_price": "91"})
    run_to(sim, CLOSE + timedelta(seconds=1))
    assert (first.status, second.status) == ("expired", "rejected")
    assert ear.events == ["new", "expired", "order_replace_rejected", "rejected"]


def test_a_notional_sell_never_sells_more_than_is_held() -> None:
    """$49.90 of 0.5 shares at 100, but the price is 90 when it trades: 0.5 are sold, not 0.554."""
    sim = simulator("100.00", *("90.00",) * 4)
    bought(sim, "0.5")
    run_to(sim, OPEN + timedelta(seconds=4, milliseconds=960))
    placed = sim.exchange.submit(order("sell", "market", None, notional="49.90"))
    run_to(sim, OPEN + timedelta(seconds=6))
    assert (placed.status, placed.filled_qty) == ("filled", Decimal("0.5"))
    assert not sim.exchange.positions()


def test_immediate_or_cancel_does_not_wait_out_a_halt() -> None:
    """During a halt there is nothing to take: the order is canceled at once."""
    market = TinyMarket({"XYZ": tape("XYZ", *FLAT)}, halts={"XYZ": (OPEN, OPEN + timedelta(seconds=30))})
    sim = Simulator(market, seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    placed = sim.exchange.submit(order("buy", "market", time_in_force="ioc"))
    run_to(sim, OPEN + timedelta(seconds=2))
    assert placed.status == "canceled"


def test_an_order_sent_into_a_minute_that_was_skipped_still_trades_in_it() -> None:
    """A far stop lets the minute be skipped; a limit sent at second 20 is filled by the quote at second 40."""
    sim = simulator(*FLAT[:8], *("99.00",) * 4)
    bought(sim, "1")
    sim.exchange.submit(order("sell", "limit", "1", limit_price="120"))
    run_to(sim, OPEN + timedelta(seconds=20))
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="99.50"))
    run_to(sim, OPEN + timedelta(seconds=40))
    assert placed.status == "filled"


def test_a_fill_while_the_replace_is_pending_counts_for_the_new_order() -> None:
    """40 of 100 fill between PATCH and replacement: the new order of 50 has 10 left, not 50."""
    sim = simulator(*("100.00",) * 12, profile="paper100k", size=40, latency_ms=(4, 4))
    placed = sim.exchange.submit(order("buy", "limit", "100", limit_price="100.05"))
    run_to(sim, sim.now + 3 * MS)
    replacement = sim.exchange.replace(placed.id, {"qty": "50"})
    run_to(sim, sim.now + 30 * MS)
    assert (placed.status, placed.filled_qty, replacement.filled_qty) == ("replaced", Decimal(40), Decimal(40))
    run_to(sim, OPEN + timedelta(seconds=30))
    assert (replacement.status, sim.exchange.positions()[0].qty) == ("filled", Decimal(50))


def test_a_pending_replace_reserves_the_larger_cost_and_may_use_its_own_money() -> None:
    """$450 of $467 bid for; a replace to $460 needs only the difference, and counts at once."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "limit", "5", limit_price="90"))
    run_to(sim, sim.now + timedelta(seconds=1))
    sim.exchange.replace(placed.id, {"limit_price": "92"})
    assert sim.exchange.account().buying_power == 7
    run_to(sim, sim.now + timedelta(seconds=1))
    assert sim.exchange.account().buying_power == 7


def test_nothing_trades_before_the_open() -> None:
    """A pre-market print through the stop elects nothing, a pre-market quote fills nothing."""
    early = tape("XYZ", "50.00", "50.00", start=NEXT_OPEN - timedelta(hours=1))
    market = TinyMarket({"XYZ": [*tape("XYZ", *FLAT), *early, *tape("XYZ", *FLAT, start=NEXT_OPEN)]})
    sim = Simulator(market, seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    bought(sim, "2")
    stop = sim.exchange.submit(order("sell", "stop", "1", stop_price="90", time_in_force="gtc"))
    run_to(sim, NEXT_OPEN + timedelta(seconds=30))
    assert (stop.status, stop.is_elected) == ("new", False)
