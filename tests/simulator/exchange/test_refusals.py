"""What the broker refuses, and in which words: one row per rule of alpaca-contract section 3."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.matching import collar
from tests.simulator.tiny import CALM, CLOSE, OPEN, TinyMarket, before, bought, order, run_to, simulator, tape

FLAT = ("100.00",) * 12


def refused(sim: Simulator, fields: dict[str, object]) -> tuple[int, int, str]:
    """Status, code and text of the refusal, which must leave no trace."""
    orders = len(sim.exchange.book)
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(fields)
    assert len(sim.exchange.book) == orders
    return caught.value.status, caught.value.code, caught.value.text


SHAPE = [
    (order("buy", "market", None), 422, 40010001, "qty or notional is required"),
    (order("buy", "market", "1", notional="5"), 422, 40010001, "only one of qty or notional is accepted"),
    (order("buy", "market", "0"), 422, 40010001, "qty must be > 0"),
    (order("buy", "market", "-1"), 422, 40010001, "qty must be > 0"),
    (order("buy", "market", "NaN"), 422, 40010001, "invalid qty"),
    (order("buy", "market", "1_000"), 422, 40010001, "invalid qty"),
    (order("buy", "market", "1e400"), 422, 40010001, "invalid qty"),
    (order("buy", "market", True), 422, 40010001, "invalid qty"),
    (order("buy", "market", ["1"]), 422, 40010001, "invalid qty"),
    (order("buy", "market", "0.30000000000000004"), 422, 40010001, "qty must have at most 9 decimal places"),
    (order("buy", "market", None, notional="0.99"), 422, 40010001, "notional must be >= 1.00"),
    (order("buy", "market", "0.005"), 422, 40010001, "notional must be >= 1.00"),
    (order("buy", "limit"), 422, 40010001, "limit orders require a limit price"),
    (order("buy", "stop"), 422, 40010001, "stop orders require a stop price"),
    (order("buy", "stop_limit", stop_price="101"), 422, 40010001, "stop limit orders require both"),
    (order("buy", "market", limit_price="100"), 422, 40010001, "market orders require no stop or limit price"),
    (order("buy", "iceberg"), 422, 40010001, "invalid order type"),
    (order("hold", "market"), 422, 40010001, "invalid side"),
    (order("buy", "market", time_in_force="week"), 422, 40010001, "invalid time_in_force"),
    (order("buy", "market", symbol=""), 422, 40010001, "symbol is required"),
    (order("buy", "market", symbol="NOPE"), 422, 42210000, 'asset "NOPE" not found'),
    (order("buy", "market", client_order_id="x" * 129), 422, 40010001, "invalid client_order_id"),
    (order("buy", "market", position_intent="sell_to_close"), 422, 40010001, "position_intent"),
    (order("buy", "limit", limit_price="290.123"), 422, 42210000, "invalid limit_price 290.123. sub-penny"),
    (order("buy", "stop", stop_price="190.001"), 422, 42210000, "invalid stop_price 190.001. sub-penny"),
    (order("buy", "limit", limit_price="0.12345"), 422, 42210000, "invalid limit_price 0.12345. sub-penny"),
    (
        order("buy", "limit", "0.5", limit_price="90", time_in_force="gtc"),
        422,
        42210000,
        "fractional orders must be DAY",
    ),
    (
        order("buy", "limit", "0.5", limit_price="90", order_class="bracket"),
        422,
        42210000,
        "fractional orders must be simple",
    ),
    (
        order("buy", "trailing_stop", "0.5", trail_price="1"),
        422,
        42210000,
        "fractional orders must be market, limit, stop,",
    ),
    (order("buy", "limit", None, notional="5", limit_price="90"), 422, 42210000, "notional orders must be market"),
    (order("sell", "market", "0.5"), 422, 42210000, "fractional orders cannot be sold short"),
    (order("sell", "market", "1"), 403, 40310000, "account is not allowed to short"),
    (order("buy", "market", position_intent="buy_to_close"), 403, 40310000, "no short position to close"),
    (order("buy", "stop", stop_price="100"), 422, 42210000, "stop price must be greater than current price"),
    (order("buy", "market", "5"), 403, 40310000, "insufficient buying power"),
    (order("buy", "limit", "5", limit_price="95"), 403, 40310000, "insufficient buying power"),
    (order("buy", "market", extended_hours=True), 422, 42210000, "extended hours order must be DAY or GTC limit"),
    (
        order("buy", "limit", "0.5", limit_price="90", extended_hours="true"),
        422,
        42210000,
        'fractional orders of "XYZ" are not accepted in extended hours',
    ),
    (order("buy", "trailing_stop", "0.5", trail_price="1"), 422, 42210000, "fractional orders must be market, limit"),
    (order("buy", "trailing_stop"), 422, 40010001, "trailing stop orders must specify one of trail_price or"),
    (order("buy", "trailing_stop", trail_price="1", trail_percent="1"), 422, 40010001, "trailing stop orders must"),
    (order("buy", "trailing_stop", trail_percent="100"), 422, 40010001, "invalid trail_percent"),
    (order("buy", "trailing_stop", trail_price="1", limit_price="5"), 422, 40010001, "trailing stop orders require no"),
    (order("buy", "market", trail_price="1"), 422, 40010001, "market orders require no trail_price"),
    (order("buy", "trailing_stop", trail_price="1", time_in_force="ioc"), 422, 42210000, "time_in_force ioc is not"),
    (order("buy", "market", order_class="mleg"), 422, 40010001, "order_class mleg is not accepted"),
    (order("buy", "market", order_class="bracket"), 422, 40010001, "bracket orders require take_profit.limit_price"),
    (order("buy", "market", order_class="oto"), 422, 40010001, "oto orders require exactly one of"),
    (order("sell", "market", order_class="oco"), 422, 40010001, "oco orders must be limit orders"),
    (order("sell", "limit", limit_price="110", order_class="oco"), 422, 40010001, "oco orders require take_profit"),
    (order("buy", "market", stop_loss={"stop_price": "90"}), 422, 40010001, "simple orders require no take_profit"),
    (order("buy", "market", order_class="bracket", stop_loss={}, take_profit=7), 422, 40010001, "invalid take_profit"),
    (
        order("buy", "market", order_class="oto", stop_loss={"limit_price": "90"}),
        422,
        40010001,
        "stop_loss.stop_price is required",
    ),
    (order("buy", "market", time_in_force="opg"), 422, 42210000, "opg orders are not accepted between 9:28am and"),
    (order("buy", "stop", stop_price="101", time_in_force="opg"), 422, 42210000, "time_in_force opg is not accepted"),
    (
        order("buy", "limit", limit_price="90", time_in_force="gtc", extended_hours=True, order_class="oto"),
        422,
        42210000,
        "extended",
    ),
    (order("buy", "stop", stop_price="101", time_in_force="ioc"), 422, 42210000, "time_in_force ioc is not accepted"),
]


@pytest.mark.parametrize(
    ("fields", "status", "code", "text"), SHAPE, ids=[row[3] + str(n) for n, row in enumerate(SHAPE)]
)
def test_a_wrong_order_is_refused_with_the_broker_s_words(
    fields: dict[str, object], status: int, code: int, text: str
) -> None:
    """Status, code and text of each rule, on a flat account in market hours at a price of 100."""
    found = refused(simulator(*FLAT), fields)
    assert found[:2] == (status, code)
    assert found[2].startswith(text)


@pytest.mark.parametrize("qty", ["0.5", ".5", "5e-1", 0.5, Decimal("0.50"), 1, "1"])
def test_quantities_are_read_in_every_spelling(qty: object) -> None:
    """Strings, numbers, exponents: the exact decimal counts."""
    placed = simulator(*FLAT).exchange.submit(order("buy", "market", qty))
    assert placed.qty == Decimal(str(qty))


def test_prices_below_a_dollar_have_four_decimals() -> None:
    """0.1234 is a price, 0.12345 is not (table above)."""
    sim = simulator(*FLAT)
    assert sim.exchange.submit(order("buy", "limit", limit_price="0.1234")).limit_price == Decimal("0.1234")


def test_an_asset_may_be_sold_in_whole_shares_only() -> None:
    """403 asset "XYZ" is not fractionable, for buys by quantity and by notional alike."""
    market = TinyMarket({"XYZ": tape("XYZ", *FLAT)}, whole_only=["XYZ"])
    sim = Simulator(market, seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    expected = (403, 40310000, 'asset "XYZ" is not fractionable')
    assert refused(sim, order("buy", "market", "0.5")) == expected
    assert refused(sim, order("buy", "market", None, notional="5")) == expected
    assert sim.exchange.submit(order("buy", "market", "1")).qty == 1


def test_client_order_ids_stay_taken_by_closed_orders() -> None:
    """422 40010001 also against a filled order."""
    sim = simulator(*FLAT)
    sim.exchange.submit(order("buy", "market", client_order_id="mine"))
    run_to(sim, OPEN + timedelta(seconds=3))
    found = refused(sim, order("buy", "market", client_order_id="mine"))
    assert found == (422, 40010001, "client_order_id must be unique")


def test_selling_more_than_is_free_names_the_numbers() -> None:
    """403 with available, existing_qty, held_for_orders and the order that holds the shares (alpaca-contract 3.8)."""
    sim = simulator(*FLAT)
    bought(sim, "0.5")
    stop = sim.exchange.submit(order("sell", "stop", "0.4", stop_price="90"))
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(order("sell", "market", "0.6"))
    assert caught.value.body() == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 0.6, available: 0.1)",
        "available": "0.1",
        "existing_qty": "0.5",
        "held_for_orders": "0.4",
        "symbol": "XYZ",
        "related_orders": [stop.id],
    }
    assert sim.exchange.positions()[0].qty_available == Decimal("0.1")


def test_shares_are_held_until_the_cancel_is_done() -> None:
    """The stop holds its shares while pending_cancel and gives them back when canceled (safety F10)."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    stop = sim.exchange.submit(order("sell", "stop", "1", stop_price="90"))
    run_to(sim, sim.now + timedelta(seconds=1))
    sim.exchange.cancel(stop.id)
    assert refused(sim, order("sell", "market", "1"))[2].startswith("insufficient qty available")
    run_to(sim, sim.now + timedelta(milliseconds=25))
    assert sim.exchange.submit(order("sell", "market", "1")).status == "pending_new"


def test_a_sell_stop_at_or_above_the_market_is_refused() -> None:
    """422 stop price must be less than current price (domain 5.1)."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    expected = (422, 42210000, "stop price must be less than current price")
    assert refused(sim, order("sell", "stop", "1", stop_price="100")) == expected
    assert sim.exchange.submit(order("sell", "stop", "1", stop_price="99.99")).is_open


def _fields(side: str, kind: str, *, crossing: bool) -> dict[str, object]:
    """An order of a kind that rests; crossing limits are bid 99 against offer 98, others bid 97 against offer 103."""
    limit = {("buy", True): "99", ("sell", True): "98", ("buy", False): "97", ("sell", False): "103"}[side, crossing]
    stop = "110" if side == "buy" else "90"
    prices: dict[str, dict[str, object]] = {
        "market": {},
        "limit": {"limit_price": limit},
        "stop": {"stop_price": stop},
        "stop_limit": {"stop_price": stop, "limit_price": limit},
    }
    return order(side, kind, "0.1", **prices[kind])


@pytest.mark.parametrize("crossing", [True, False])
@pytest.mark.parametrize("new", ["market", "limit", "stop", "stop_limit"])
@pytest.mark.parametrize("existing", ["market", "limit", "stop", "stop_limit"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_wash_trades_follow_the_table(existing: str, new: str, side: str, crossing: bool) -> None:
    """Any pair with a market or stop order is refused; two limits only when they cross (alpaca-contract 3.9)."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    other = "sell" if side == "buy" else "buy"
    resting = sim.exchange.submit(_fields(other, existing, crossing=crossing))
    fields = _fields(side, new, crossing=crossing)
    both_limits = {existing, new} <= {"limit", "stop_limit"}
    if both_limits and not crossing:
        assert sim.exchange.submit(fields).is_open
        return
    with pytest.raises(BrokerError) as caught:
        sim.exchange.submit(fields)
    what = "limit" if existing in {"limit", "stop_limit"} else "market/stop"
    assert caught.value.status == 403
    assert caught.value.body() == {
        "code": 40310000,
        "message": "potential wash trade detected. use complex orders",
        "existing_order_id": resting.id,
        "reject_reason": f"opposite side {what} order exists",
    }


def test_open_buys_reduce_buying_power_and_their_end_gives_it_back() -> None:
    """A limit reserves limit x quantity until it is canceled; cash itself does not move."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "limit", "2", limit_price="90"))
    assert (sim.exchange.account().buying_power, sim.exchange.account().cash) == (Decimal(287), Decimal(467))
    found = refused(sim, order("buy", "market", None, notional="287.01"))
    assert found[2] == "insufficient buying power"
    sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + timedelta(seconds=1))
    assert sim.exchange.account().buying_power == 467


def test_the_collar_switch_charges_market_buys_more() -> None:
    """bp_price=collar: 4 shares at 100.01 + 2.5 % are 410.04, 5 % less room than the ask alone."""
    sim = simulator(*FLAT, bp_price="collar")
    sim.exchange.submit(order("buy", "market", "4"))
    assert sim.exchange.account().buying_power == 467 - 4 * collar(Decimal("100.01"))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "order parameters are not changed"),
        ({"limit_price": "90.00", "qty": "1"}, "order parameters are not changed"),
        ({"limit_price": "90.001"}, "invalid limit_price 90.001. sub-penny"),
        ({"stop_price": "80"}, "limit orders require no stop price"),
        ({"qty": "1.5"}, "qty of a replaced order must be whole shares"),
        ({"qty": "100"}, "insufficient buying power"),
        ({"trail": "1"}, "trail is only valid for trailing stop orders"),
        ({"notional": "50"}, "notional orders cannot be replaced"),
        ({"time_in_force": "ioc"}, "time_in_force ioc is not accepted"),
    ],
)
def test_a_replace_is_checked_like_an_order(fields: dict[str, object], text: str) -> None:
    """Refused changes leave the order as it was (alpaca-contract 3.11)."""
    sim = simulator(*FLAT)
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    run_to(sim, OPEN + timedelta(seconds=2))
    with pytest.raises(BrokerError) as caught:
        sim.exchange.replace(placed.id, fields)
    assert caught.value.text.startswith(text)
    assert placed.status == "new"


def test_a_fractional_stop_may_change_its_price_but_not_its_quantity() -> None:
    """Price-only PATCH of a quantity order is taken, its quantity is not (domain 5.1)."""
    sim = simulator(*FLAT)
    bought(sim, "0.5")
    stop = sim.exchange.submit(order("sell", "stop", "0.5", stop_price="90"))
    run_to(sim, sim.now + timedelta(seconds=1))
    with pytest.raises(BrokerError, match="qty of fractional orders cannot be replaced"):
        sim.exchange.replace(stop.id, {"qty": "0.4"})
    assert sim.exchange.replace(stop.id, {"stop_price": "91"}).stop_price == 91
    assert sim.exchange.positions()[0].qty_available == 0


def test_outside_hours_a_notional_sell_stands_alone() -> None:
    """A quantity sell beside a notional sell, or the reverse, is refused; two quantities that fit are not."""
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *FLAT)]})
    sim = Simulator(market, seed=7, start=OPEN + timedelta(seconds=1), switches=CALM)
    bought(sim, "2")
    run_to(sim, CLOSE + timedelta(minutes=1))
    sim.exchange.submit(order("sell", "market", "0.5"))
    assert refused(sim, order("sell", "market", None, notional="20"))[2].startswith(
        "unable to open new notional orders"
    )
    assert sim.exchange.submit(order("sell", "market", "0.5")).is_open
    assert (
        refused(sim, order("buy", "market", time_in_force="ioc"))[2]
        == "ioc orders are only accepted during market hours"
    )


def test_a_suspended_account_takes_no_orders() -> None:
    """suspend_trade refuses new orders until it is taken back."""
    sim = simulator(*FLAT)
    sim.exchange.configure({"suspend_trade": True})
    assert refused(sim, order("buy", "market")) == (403, 40310000, "account is not authorized to trade")
    sim.exchange.configure({"suspend_trade": "false"})
    assert sim.exchange.submit(order("buy", "market")).is_open
    with pytest.raises(BrokerError, match="invalid max_margin_multiplier"):
        sim.exchange.configure({"max_margin_multiplier": "3"})
