"""The money: positions at weighted average, fees at the end of the day, and identities that hold under any orders."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.simulator import BrokerError, Simulator, Switches
from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import FillActivity, NonTradeActivity
from alpaca_trader.simulator.exchange.fees import FeeAccrual, rates_on
from alpaca_trader.simulator.profiles import PROFILES
from tests.simulator.tiny import CLOSE, DAY, NEXT_OPEN, OPEN, TinyMarket, before, bought, order, run_to, simulator, tape

FLAT = ("100.00",) * 12


def test_the_average_entry_price_is_weighted_by_day_and_first_in_first_out_overnight() -> None:
    """Day 1 buy 100 @ 10, 50 @ 12; day 2 buy 30 @ 15, sell 60 @ 14: 11.388889 in the day, 11.75 after it (domain 7.1)."""
    account = Account.opened(PROFILES["paper100k"], DAY, OPEN)
    account.apply(OPEN, DAY, date(2026, 11, 23), "XYZ", "buy", Decimal(100), Decimal(10))
    account.apply(OPEN, DAY, date(2026, 11, 23), "XYZ", "buy", Decimal(50), Decimal(12))
    account.snapshot_close(DAY, lambda _symbol: Decimal(12))
    following = date(2026, 11, 23)
    account.apply(NEXT_OPEN, following, date(2026, 11, 24), "XYZ", "buy", Decimal(30), Decimal(15))
    account.apply(NEXT_OPEN, following, date(2026, 11, 24), "XYZ", "sell", Decimal(60), Decimal(14))
    position = account.positions["XYZ"]
    assert position.qty == 120
    assert round(position.average, 6) == Decimal("11.388889")
    account.snapshot_close(following, lambda _symbol: Decimal(14))
    assert round(position.average, 6) == Decimal("11.75")
    assert sum(lot.qty for lot in position.lots) == position.qty
    assert account.cash == 100_000 - 1000 - 600 - 450 + 840


def test_a_round_trip_accrues_the_fees_of_the_table() -> None:
    """0.251752021 @ 185.50 / 188.10: SEC 0.00097550, TAF 0.00004909, CAT 0.00000151, a cent each (domain 7.3)."""
    accrual, day, qty = FeeAccrual(), date(2026, 11, 20), Decimal("0.251752021")
    accrual.add(day, "buy", qty, Decimal("185.50"))
    accrual.add(day, "sell", qty, Decimal("188.10"))
    assert {kind: round(total, 8) for kind, total in accrual.totals.items()} == {
        "REG": Decimal("0.00097550"),
        "TAF": Decimal("0.00004909"),
        "CAT": Decimal("0.00000151"),
    }
    assert accrual.due() == dict.fromkeys(("REG", "TAF", "CAT"), Decimal("0.01"))


@pytest.mark.parametrize(
    ("day", "rate"), [(date(2026, 4, 3), "0"), (date(2026, 4, 4), "0.0000206"), (date(2019, 2, 13), "0")]
)
def test_the_sec_rate_is_dated(day: date, rate: str) -> None:
    """$20.60 per million from 2026-04-04, nothing before (domain 7.3)."""
    assert rates_on(day).sec_per_dollar_sold == Decimal(rate)


def test_fees_are_charged_after_the_close_and_close_the_day_s_identity() -> None:
    """One second after the close: three FEE entries of a cent, cash less by them, equity becomes the next last_equity."""
    sim = simulator(*FLAT)
    bought(sim, "1")
    sim.exchange.submit(order("sell", "market", "1"))
    run_to(sim, CLOSE)
    assert sim.exchange.account().accrued_fees == Decimal("0.03")
    assert sim.exchange.account().cash == Decimal("466.98")
    run_to(sim, CLOSE + timedelta(seconds=1))
    view = sim.exchange.account()
    assert (view.cash, view.accrued_fees, view.last_equity) == (Decimal("466.95"), Decimal(0), Decimal(467))
    fees = [entry for entry in sim.exchange.activities() if isinstance(entry, NonTradeActivity)]
    assert [(entry.type, entry.sub_type, entry.net_amount, entry.day) for entry in fees] == [
        ("FEE", kind, Decimal("-0.01"), DAY) for kind in ("REG", "TAF", "CAT")
    ]
    run_to(sim, NEXT_OPEN)
    view = sim.exchange.account()
    assert (view.last_equity, view.balance_asof) == (Decimal("466.95"), DAY)


def test_paper_charges_no_fees() -> None:
    """The paper profile copies the paper service (alpaca-contract 3.14)."""
    sim = simulator(*FLAT, profile="paper100k")
    bought(sim, "1")
    run_to(sim, NEXT_OPEN)
    assert not [entry for entry in sim.exchange.activities() if isinstance(entry, NonTradeActivity)]


def test_the_balance_rolls_before_the_next_open() -> None:
    """last_equity is the equity of 16:00 the day before, shown from 04:00 New York time of the next session."""
    market = TinyMarket(
        {"XYZ": [*before("XYZ", "90"), *tape("XYZ", *("100.00", "110.00")), *tape("XYZ", "120.00", start=NEXT_OPEN)]}
    )
    sim = Simulator(
        market, seed=7, start=OPEN + timedelta(seconds=1), profile="paper100k", switches=Switches(partial_fills="never")
    )
    bought(sim, "10")
    run_to(sim, CLOSE + timedelta(hours=3))
    assert sim.exchange.account().last_equity == 100_000
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    view = sim.exchange.account()
    assert view.last_equity == Decimal("100099.90")
    assert view.equity == Decimal("100199.90")
    position = sim.exchange.position("XYZ")
    assert (position.lastday_price, position.price, position.day_cost) == (Decimal(110), Decimal(120), Decimal(1100))


def test_an_account_below_two_thousand_has_no_margin() -> None:
    """Buying power is cash at multiplier 1, four times the last equity at multiplier 4."""
    assert simulator(*FLAT).exchange.account().multiplier == 1
    paper = simulator(*FLAT, profile="paper100k").exchange
    assert (paper.account().multiplier, paper.account().buying_power) == (4, Decimal(400_000))
    paper.configure({"max_margin_multiplier": "1"})
    assert (paper.account().multiplier, paper.account().buying_power) == (1, Decimal(100_000))


Action = tuple[str, str, str]
SIDES = st.sampled_from(["buy", "sell", "sell"])
COMMANDS = st.one_of(
    st.tuples(st.just("market"), SIDES, st.sampled_from(["0.1", "1", "2.5", "4"])),
    st.tuples(st.just("notional"), SIDES, st.sampled_from(["1", "46.70", "466"])),
    st.tuples(st.just("limit"), SIDES, st.sampled_from(["95", "99.5", "100.5", "105"])),
    st.tuples(st.just("stop"), SIDES, st.sampled_from(["92", "98", "102", "108"])),
    st.tuples(st.just("replace"), st.sampled_from(["97", "100", "103"]), st.just("")),
    st.tuples(st.just("cancel"), st.just(""), st.just("")),
    st.tuples(st.just("cancel_all"), st.just(""), st.just("")),
    st.tuples(st.just("close"), st.just(""), st.just("")),
)
WAITS = st.tuples(st.just("wait"), st.just(""), st.sampled_from(["0", "0.002", "0.01", "0.1", "3", "20"]))
START: list[Action] = [("market", "buy", "2.5"), ("wait", "", "20")]


def _flat(pairs: list[tuple[Action, Action]]) -> list[Action]:
    return START + [action for pair in pairs for action in pair]


ACTIONS = st.lists(st.tuples(COMMANDS, WAITS), min_size=8, max_size=30).map(_flat)
"""Commands, each followed by a span of time, on an account that starts with a position."""
WALK = st.lists(st.integers(-150, 150), min_size=40, max_size=40)


def act(sim: Simulator, action: Action) -> None:
    """Carry out one drawn action; a refusal is an answer too."""
    kind, one, two = action
    open_orders = sim.exchange.book.open_orders()
    try:
        match kind:
            case "market":
                sim.exchange.submit(order(one, "market", two))
            case "notional":
                sim.exchange.submit(order(one, "market", None, notional=two))
            case "limit":
                sim.exchange.submit(order(one, "limit", "1.5", limit_price=two))
            case "stop":
                sim.exchange.submit(order(one, "stop", "0.7", stop_price=two))
            case "replace" if open_orders:
                field = "stop_price" if open_orders[-1].type == "stop" else "limit_price"
                sim.exchange.replace(open_orders[-1].id, {field: one})
            case "cancel" if open_orders:
                sim.exchange.cancel(open_orders[0].id)
            case "cancel_all":
                sim.exchange.cancel_all()
            case "close":
                sim.exchange.close_all(cancel_orders=True)
            case "wait":
                sim.advance(sim.now + timedelta(seconds=float(two)))
            case _:
                return
    except BrokerError:
        return


def check_identities(sim: Simulator, start: Decimal) -> None:
    """Cash, positions, holds and totals agree with the list of fills and fees alone."""
    cash, shares, fees = start, Decimal(0), Decimal(0)
    for entry in sim.exchange.activities():
        if isinstance(entry, FillActivity):
            signed = entry.qty if entry.side == "buy" else -entry.qty
            cash, shares = cash - signed * entry.price, shares + signed
        elif isinstance(entry, NonTradeActivity):
            fees -= entry.net_amount
        assert shares >= 0
        assert cash >= 0
    view = sim.exchange.account()
    assert view.cash == cash - fees
    assert 0 <= view.buying_power <= max(view.cash, Decimal(0))
    assert view.equity == view.cash + view.market_value
    held = {position.asset.symbol: position for position in sim.exchange.positions()}
    assert sum((position.qty for position in held.values()), Decimal(0)) == shares
    for position in held.values():
        assert 0 <= position.qty_available <= position.qty
        assert position.cost > 0
    for placed in sim.exchange.book.open_orders():
        if placed.qty is not None:
            assert 0 <= placed.filled_qty < placed.qty


@settings(max_examples=100)
@given(actions=ACTIONS, walk=WALK)
def test_money_is_never_made_or_lost_by_any_sequence_of_orders(actions: list[Action], walk: list[int]) -> None:
    """Random orders, replaces, cancels and waits on a random price: cash + positions identity, no debt, no short, no overhold."""
    price, prices = Decimal(100), []
    for step in walk:
        price = max(Decimal(50), price + Decimal(step) / 100)
        prices.append(str(price))
    market = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *prices, size=2)]})
    sim = Simulator(market, seed=11, start=OPEN + timedelta(seconds=1), switches=Switches(latency_ms=(4, 60)))
    for action in actions:
        act(sim, action)
        check_identities(sim, Decimal("467.00"))
    run_to(sim, NEXT_OPEN)
    check_identities(sim, Decimal("467.00"))
    assert not [placed for placed in sim.exchange.book.open_orders() if placed.expires_at <= CLOSE]
