"""Orders and the hours of the day: queues, crosses, extended hours, expiry, half days, ageing (alpaca-contract 3.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.market.calendar import session_on
from alpaca_trader.simulator.market.model import Auction, Tick
from tests.simulator.tiny import CALM, CLOSE, DAY, NEXT_OPEN, OPEN, Ear, TinyMarket, before, order, run_to, tape

MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)
HALF_DAY = date(2026, 11, 27)
MONDAY = date(2026, 11, 23)


def at(day: date, clock: str) -> datetime:
    """A New York wall time in November (UTC-5)."""
    hour, minute, *second = (int(part) for part in clock.split(":"))
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=hour + 5, minutes=minute, seconds=second[0] if second else 0
    )


def world(start: datetime, *ticks: Tick, profile: str = "paper100k", **market: Any) -> Simulator:
    """XYZ at 100 since the day before, and what is written besides."""
    found = TinyMarket({"XYZ": sorted([*before("XYZ", "100"), *ticks], key=lambda tick: tick.at)}, **market)
    return Simulator(found, seed=7, start=start, profile=profile, switches=CALM)


# ------------------------------------------------------------------ where an order sent now goes

STARTS = [
    # sent on, at, extended_hours: status of the answer, expires_at
    (DAY, "3:59", False, "accepted", at(DAY, "16:00")),
    (DAY, "3:59", True, "accepted", at(DAY, "20:00")),
    (DAY, "4:00", False, "accepted", at(DAY, "16:00")),
    (DAY, "4:00", True, "pending_new", at(DAY, "20:00")),
    (DAY, "9:29:59", False, "accepted", at(DAY, "16:00")),
    (DAY, "9:30", False, "pending_new", at(DAY, "16:00")),
    (DAY, "9:30", True, "pending_new", at(DAY, "20:00")),
    (DAY, "15:59:59", False, "pending_new", at(DAY, "16:00")),
    (DAY, "16:00", False, "accepted", at(MONDAY, "16:00")),
    (DAY, "16:00", True, "pending_new", at(DAY, "20:00")),
    (DAY, "19:59:59", True, "pending_new", at(DAY, "20:00")),
    (DAY, "20:00", True, "accepted", at(MONDAY, "20:00")),
    (date(2026, 11, 21), "12:00", False, "accepted", at(MONDAY, "16:00")),
    (date(2026, 11, 26), "12:00", False, "accepted", at(HALF_DAY, "13:00")),
    (HALF_DAY, "12:59:59", False, "pending_new", at(HALF_DAY, "13:00")),
    (HALF_DAY, "13:00", False, "accepted", at(date(2026, 11, 30), "16:00")),
    (HALF_DAY, "13:00", True, "pending_new", at(HALF_DAY, "17:00")),
    (HALF_DAY, "17:00", True, "accepted", at(date(2026, 11, 30), "20:00")),
]


@pytest.mark.parametrize(("day", "clock", "extended", "status", "expires"), STARTS)
def test_where_an_order_goes_that_is_sent_now(
    day: date, clock: str, extended: bool, status: str, expires: datetime
) -> None:
    """To the market in its hours, else to the queue of its next session; it ends with that session's hours."""
    sim = world(at(day, clock))
    placed = sim.exchange.submit(order("buy", "limit", limit_price="90", extended_hours=extended))
    assert (placed.status, placed.expires_at) == (status, expires)


@pytest.mark.parametrize(("day", "clock", "extended", "status", "expires"), STARTS)
def test_a_day_order_lives_until_half_a_second_after_its_end(
    day: date, clock: str, extended: bool, status: str, expires: datetime
) -> None:
    """At work in its hours, then expired: at the close, on half days too, or at the end of the extended hours."""
    sim = world(at(day, clock))
    placed = sim.exchange.submit(order("buy", "limit", limit_price="90", extended_hours=extended))
    run_to(sim, expires)
    assert placed.status in ({"new"} if expires - at(day, clock) > SECOND else {"new", "pending_new"})
    run_to(sim, expires + 500 * MS)
    assert (placed.status, placed.expired_at, placed.expires_at) == ("expired", expires + 500 * MS, expires)


def test_orders_queued_for_extended_hours_begin_at_four() -> None:
    """Released at 04:00 of the next session, they fill in the pre-market; the others wait for 09:30."""
    early = tape("XYZ", *("101.00",) * 5, start=at(MONDAY, "4:00"))
    sim = world(at(DAY, "21:00"), *early, *tape("XYZ", "102.00", start=NEXT_OPEN))
    ear = Ear(sim)
    extended = sim.exchange.submit(order("buy", "limit", limit_price="105", extended_hours=True))
    regular = sim.exchange.submit(order("buy", "limit", limit_price="105"))
    run_to(sim, at(MONDAY, "4:01"))
    assert (extended.status, extended.filled_avg_price, regular.status) == ("filled", Decimal("101.01"), "accepted")
    run_to(sim, NEXT_OPEN)
    assert (regular.status, regular.filled_avg_price) == ("filled", Decimal(102))
    assert ear.events == ["accepted", "accepted", "new", "fill", "new", "fill"]


def test_an_extended_order_works_from_the_pre_market_to_the_evening() -> None:
    """Not filled in the session, it fills after hours; an ordinary one beside it expires at the close."""
    late = tape("XYZ", *("94.00",) * 5, start=at(DAY, "18:00"))
    sim = world(at(DAY, "9:00"), *tape("XYZ", *("100.00",) * 3), *late)
    extended = sim.exchange.submit(order("buy", "limit", limit_price="95", extended_hours=True))
    ordinary = sim.exchange.submit(order("buy", "limit", limit_price="95"))
    run_to(sim, at(DAY, "19:00"))
    assert (extended.status, extended.filled_avg_price, ordinary.status) == ("filled", Decimal(95), "expired")


def test_stops_sleep_outside_regular_hours() -> None:
    """After-hours prints through a GTC stop elect nothing; the first print of the next session does, at its gap."""
    late = tape("XYZ", *("80.00",) * 5, start=at(DAY, "17:00"))
    sim = world(OPEN + SECOND, *tape("XYZ", *("100.00",) * 3), *late, *tape("XYZ", *("85.00",) * 3, start=NEXT_OPEN))
    sim.exchange.submit(order("buy", "market"))
    run_to(sim, OPEN + 2 * SECOND)
    stop = sim.exchange.submit(order("sell", "stop", stop_price="90", time_in_force="gtc"))
    trailing = sim.exchange.submit(order("buy", "trailing_stop", trail_price="50", time_in_force="gtc"))
    run_to(sim, NEXT_OPEN - SECOND)
    assert (stop.is_elected, trailing.hwm) == (False, Decimal(100))
    run_to(sim, NEXT_OPEN + 6 * SECOND)
    assert (stop.status, stop.filled_avg_price, trailing.hwm) == ("filled", Decimal("84.99"), Decimal(85))


# ------------------------------------------------------------------ crosses

WINDOWS = [
    # time in force, sent on, at, whether it is taken
    ("opg", DAY, "9:27:59", True),
    ("opg", DAY, "9:28", False),
    ("opg", DAY, "12:00", False),
    ("opg", DAY, "18:59:59", False),
    ("opg", DAY, "19:00", True),
    ("opg", date(2026, 11, 21), "12:00", True),
    ("opg", HALF_DAY, "14:00", False),
    ("cls", DAY, "0:30", True),
    ("cls", DAY, "15:49:59", True),
    ("cls", DAY, "15:50", False),
    ("cls", DAY, "18:59:59", False),
    ("cls", DAY, "19:00", True),
    ("cls", date(2026, 11, 22), "12:00", True),
    ("cls", HALF_DAY, "12:49:59", True),
    ("cls", HALF_DAY, "12:50", False),
]


@pytest.mark.parametrize(("tif", "day", "clock", "is_taken"), WINDOWS)
def test_when_orders_for_a_cross_are_taken(tif: str, day: date, clock: str, is_taken: bool) -> None:
    """Not between the cutoff and 19:00 of a trading day; any time at the weekend; accepted, not yet new."""
    sim = world(at(day, clock))
    if is_taken:
        assert sim.exchange.submit(order("buy", "market", time_in_force=tif)).status == "accepted"
    else:
        hours = {"opg": "9:28am and 7:00pm ET", "cls": "3:50pm and 7:00pm ET"}[tif]
        with pytest.raises(BrokerError, match=f"{tif} orders are not accepted between {hours}"):
            sim.exchange.submit(order("buy", "market", time_in_force=tif))


def _cross(cross: str, price: str, size: int, day: date = DAY) -> dict[str, Any]:
    hours = session_on(day)
    assert hours is not None
    moment = hours.open if cross == "open" else hours.close
    return {"crosses": {(day, cross): Auction("XYZ", moment, Decimal(price), size)}}


@pytest.mark.parametrize(("tif", "cross"), [("opg", "open"), ("cls", "close")])
@pytest.mark.parametrize(
    ("fields", "filled", "expected"),
    [
        ({"type": "market"}, 10, "filled"),
        ({"type": "limit", "limit_price": "105"}, 10, "filled"),
        ({"type": "limit", "limit_price": "104.99"}, 0, "canceled"),
        ({"type": "market", "qty": "60"}, 50, "canceled"),
    ],
)
def test_the_crosses(tif: str, cross: str, fields: dict[str, object], filled: int, expected: str) -> None:
    """One price for all, no more than its size; what is left ends 52 s after the open, 2 min after the close."""
    start = at(DAY, "9:00") if tif == "opg" else at(DAY, "15:00")
    sim = world(start, *tape("XYZ", *("100.00",) * 3), **_cross(cross, "105", 50))
    ear = Ear(sim)
    placed = sim.exchange.submit({**order("buy", "market", "10", time_in_force=tif), **fields})
    moment = OPEN if tif == "opg" else CLOSE
    run_to(sim, moment)
    assert (placed.filled_qty, placed.filled_avg_price) == (Decimal(filled), Decimal(105) if filled else None)
    assert placed.expires_at == moment
    rest = moment + (timedelta(seconds=52) if tif == "opg" else timedelta(minutes=2))
    run_to(sim, rest - MS)
    assert placed.is_open == (expected == "canceled")
    run_to(sim, rest)
    assert placed.status == expected
    fills = {0: [], 10: ["fill"], 50: ["partial_fill"]}[filled]
    assert ear.events == ["accepted", "new", *fills, *(["canceled"] if expected == "canceled" else [])]


def test_what_replaces_the_rest_of_a_cross_ends_with_it() -> None:
    """An `opg` order left by the cross gets a limit that the market would meet: it does not trade on, and ends after 52 s."""
    sim = world(at(DAY, "9:00"), *tape("XYZ", *("100.00",) * 30), **_cross("open", "105", 50))
    placed = sim.exchange.submit(order("buy", "limit", "10", limit_price="90", time_in_force="opg"))
    run_to(sim, OPEN + SECOND)
    successor = sim.exchange.replace(placed.id, {"limit_price": "110"})
    run_to(sim, OPEN + 52 * SECOND)
    assert (placed.status, successor.status, successor.filled_qty) == ("replaced", "canceled", Decimal(0))


def test_the_cross_serves_first_who_came_first() -> None:
    """30 and 30 shares in a cross of 50: 30 and 20; switch auction_rest=expired ends the rest as expired."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", "100")]}, **_cross("open", "100", 50))
    switches = replace(CALM, auction_rest="expired")
    sim = Simulator(market, seed=7, start=at(DAY, "9:00"), profile="paper100k", switches=switches)
    first, second = (sim.exchange.submit(order("buy", "market", "30", time_in_force="opg")) for _ in range(2))
    run_to(sim, OPEN + timedelta(minutes=1))
    assert [(first.status, first.filled_qty), (second.status, second.filled_qty)] == [
        ("filled", Decimal(30)),
        ("expired", Decimal(20)),
    ]


def test_a_fraction_leaves_whole_shares_to_whole_orders() -> None:
    """In the cross and at a quote: after 0.5 of 100 shares an order for 200 gets 99, not 99.5."""
    sim = world(at(DAY, "9:00"), *tape("XYZ", *("100.00",) * 3), **_cross("open", "100", 100))
    sim.exchange.submit(order("buy", "market", "0.5"))
    crossed = sim.exchange.submit(order("buy", "market", "200"))
    run_to(sim, OPEN)
    assert crossed.filled_qty == 99
    sim = world(OPEN + SECOND, *tape("XYZ", *("100.00",) * 3))
    sim.exchange.submit(order("buy", "market", "0.5"))
    run_to(sim, OPEN + 2 * SECOND)
    quoted = sim.exchange.submit(order("buy", "market", "200"))
    run_to(sim, OPEN + 4 * SECOND)
    assert quoted.filled_qty == 99


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("9:27:59", Decimal("105")), ("9:28", Decimal("100.01"))],
)
def test_market_orders_sent_before_the_cutoff_are_in_the_opening_cross(clock: str, expected: Decimal) -> None:
    """Later ones start at the open, after their latency, at the quote."""
    sim = world(at(DAY, clock), *tape("XYZ", *("100.00",) * 3), **_cross("open", "105", 500))
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market", "10"))
    run_to(sim, OPEN + SECOND)
    assert placed.filled_avg_price == expected
    assert ear.events == ["accepted", "new", "fill"]


def test_what_the_cross_leaves_of_a_day_order_trades_on_and_is_new_once() -> None:
    """A limit beyond the cross rests; it is told new once, not again after its latency."""
    sim = world(at(DAY, "9:00"), *tape("XYZ", *("100.00",) * 3), **_cross("open", "105", 20))
    ear = Ear(sim)
    rests = sim.exchange.submit(order("buy", "limit", "10", limit_price="95"))
    larger = sim.exchange.submit(order("buy", "market", "30"))
    run_to(sim, OPEN + SECOND)
    assert (rests.status, larger.status, larger.filled_value) == ("new", "filled", 20 * 105 + 10 * Decimal("100.01"))
    assert ear.events == ["accepted", "accepted", "new", "new", "partial_fill", "fill"]


def test_nothing_crosses_during_a_halt() -> None:
    """A symbol halted at the open has no cross: opg ends unfilled, a market order waits for the end of the halt."""
    sim = world(
        at(DAY, "9:00"),
        *tape("XYZ", *("100.00",) * 30),
        halts={"XYZ": (OPEN - SECOND, OPEN + timedelta(minutes=2))},
        **_cross("open", "105", 500),
    )
    opg = sim.exchange.submit(order("buy", "market", "10", time_in_force="opg"))
    market = sim.exchange.submit(order("buy", "market", "10"))
    run_to(sim, OPEN + timedelta(minutes=1))
    assert (opg.status, opg.filled_qty, market.status) == ("canceled", Decimal(0), "new")
    run_to(sim, OPEN + timedelta(minutes=2, seconds=5))
    assert market.status == "filled"


# ------------------------------------------------------------------ good till canceled


def _replaced(sim: Simulator, placed: SimOrder, **fields: object) -> SimOrder:
    run_to(sim, sim.now + SECOND)
    successor = sim.exchange.replace(placed.id, fields)
    run_to(sim, sim.now + SECOND)
    return successor


@pytest.mark.parametrize("change", [None, {"limit_price": "91"}, {"time_in_force": "gtc"}])
def test_good_till_canceled_means_ninety_days(change: dict[str, object] | None) -> None:
    """Canceled by the job at 16:15 on the day of expires_at, after a replacement too, or when a replacement made it GTC."""
    tif = "day" if change == {"time_in_force": "gtc"} else "gtc"
    sim = world(OPEN + SECOND, *tape("XYZ", "100"))
    placed = sim.exchange.submit(order("buy", "limit", limit_price="90", time_in_force=tif))
    if change is not None:
        placed = _replaced(sim, placed, **change)
    last = DAY + timedelta(days=90)
    assert placed.expires_at == at(last, "16:00")
    run_to(sim, at(last, "16:14:59"))
    assert placed.status == "new"
    run_to(sim, at(last, "16:15"))
    assert (placed.status, placed.canceled_at) == ("canceled", at(last, "16:15"))


def test_a_good_till_canceled_order_made_a_day_order_ends_with_the_day() -> None:
    """expires_at moves to the session's close."""
    sim = world(OPEN + SECOND, *tape("XYZ", "100"))
    placed = sim.exchange.submit(order("buy", "limit", limit_price="90", time_in_force="gtc"))
    successor = _replaced(sim, placed, time_in_force="day")
    assert successor.expires_at == CLOSE
    run_to(sim, CLOSE + SECOND)
    assert successor.status == "expired"


@pytest.mark.parametrize("tif", ["ioc", "fok"])
@pytest.mark.parametrize("clock", ["9:29:59", "16:00"])
def test_immediate_orders_need_the_session(tif: str, clock: str) -> None:
    """Neither before the open nor after the close."""
    with pytest.raises(BrokerError, match=f"{tif} orders are only accepted during market hours"):
        world(at(DAY, clock)).exchange.submit(order("buy", "market", time_in_force=tif))


def test_an_immediate_order_that_arrives_after_the_close_is_canceled() -> None:
    """Sent 50 ms before the close, it arrives when nobody trades."""
    sim = world(CLOSE - 50 * MS, *tape("XYZ", "100"))
    placed = sim.exchange.submit(order("buy", "market", time_in_force="ioc"))
    run_to(sim, CLOSE + SECOND)
    assert (placed.status, placed.filled_qty) == ("canceled", Decimal(0))


# ------------------------------------------------------------------ switches


@pytest.mark.parametrize("status", ["pending_new", "accepted", "new"])
def test_the_answer_to_a_post_in_the_session(status: Any) -> None:
    """Switch post_status: what the answer shows; the stream tells `new` once all the same."""
    market = TinyMarket({"XYZ": tape("XYZ", *("100.00",) * 3)})
    sim = Simulator(market, seed=7, start=OPEN + SECOND, switches=replace(CALM, post_status=status))
    ear = Ear(sim)
    placed = sim.exchange.submit(order("buy", "market"))
    assert placed.status == status
    run_to(sim, OPEN + 2 * SECOND)
    assert (placed.status, ear.events) == ("filled", ["new", "fill"])


def test_a_queued_order_may_be_accepted_in_silence() -> None:
    """Switch emit_accepted off: the first event is `new`, at the open."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *("100.00",) * 3)]})
    sim = Simulator(market, seed=7, start=at(DAY, "8:00"), switches=replace(CALM, emit_accepted=False))
    ear = Ear(sim)
    assert sim.exchange.submit(order("buy", "market")).status == "accepted"
    run_to(sim, OPEN + SECOND)
    assert ear.events == ["new", "fill"]


def test_a_day_may_end_with_a_cancel() -> None:
    """Switch day_order_at_close=canceled, for linked orders as a whole."""
    market = TinyMarket({"XYZ": tape("XYZ", *("100.00",) * 3)})
    sim = Simulator(market, seed=7, start=OPEN + SECOND, switches=replace(CALM, day_order_at_close="canceled"))
    exits: dict[str, object] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "80"}}
    placed = sim.exchange.submit(order("buy", "limit", limit_price="90", order_class="bracket", **exits))
    run_to(sim, CLOSE + SECOND)
    assert [member.status for member in placed.members()] == ["canceled"] * 3
    assert placed.canceled_at == CLOSE + 500 * MS


@pytest.mark.parametrize("size", [{"qty": "2"}, {"qty": None, "notional": "50"}])
def test_the_first_order_of_a_recording_may_come_before_its_first_print(size: dict[str, str | None]) -> None:
    """Nobody has traded yet, so the coming cross prices it: it is queued, reserves no more than it will cost, and fills."""
    market = TinyMarket({"XYZ": tape("XYZ", *["10.00"] * 20)})
    sim = Simulator(market, seed=7, start=OPEN - timedelta(minutes=1), switches=CALM)
    placed = sim.exchange.submit(order("buy", "market", **size))
    assert (placed.status, placed.reserved_cash) == ("accepted", Decimal(20 if placed.qty else 50))
    run_to(sim, OPEN + timedelta(seconds=30))
    assert placed.status == "filled"
