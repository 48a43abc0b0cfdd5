"""What an account is worth, owns and may spend, as tables: settlement, margin, dividends, splits, day rolls, flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.simulator import BrokerError, Simulator, Switches
from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import NonTradeActivity
from alpaca_trader.simulator.exchange.day_trades import DayTrades
from alpaca_trader.simulator.exchange.equity import EquityHistory
from alpaca_trader.simulator.exchange.fees import FeeAccrual
from alpaca_trader.simulator.market.model import CorporateAction
from alpaca_trader.simulator.profiles import PROFILES
from alpaca_trader.simulator.rest.bodies import account_body, position_body
from tests.simulator.exchange.sequences import state
from tests.simulator.tiny import (
    CALM,
    CLOSE,
    DAY,
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

D = Decimal
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
AFTER_CLOSE = CLOSE + timedelta(seconds=2)
FLAT = ("100.00",) * 12
COMPANY = [*before("XYZ", "100"), *tape("XYZ", *FLAT), *tape("XYZ", *FLAT, start=NEXT_OPEN)]


class Company(TinyMarket):
    """XYZ at 100 for two days, with what the company does to its shares; ABC is the name it may get."""

    def __init__(self, *actions: CorporateAction, whole_only: Sequence[str] = ()) -> None:
        super().__init__({"XYZ": COMPANY, "ABC": before("ABC", "100")}, whole_only=whole_only)
        self._actions = actions

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """What was given."""
        return [action for action in self._actions if first <= action.ex_date <= last]


PAID = replace(CALM, paper_dividends=True)


def holding(
    qty: str,
    *actions: CorporateAction,
    profile: str = "paper100k",
    whole_only: Sequence[str] = (),
    switches: Switches = PAID,
) -> Simulator:
    """An account that bought (or with a minus sold short) so many XYZ on Friday at 100.01 (99.99); it is paid dividends."""
    sim = Simulator(
        Company(*actions, whole_only=whole_only),
        seed=7,
        start=OPEN + timedelta(seconds=1),
        profile=profile,
        switches=switches,
    )
    side = "sell" if qty.startswith("-") else "buy"
    placed = sim.exchange.submit(order(side, "market", qty.lstrip("-")))
    run_to(sim, sim.now + timedelta(seconds=1))
    assert placed.status == "filled"
    return sim


def action(kind: Any, ex_date: date = MONDAY, **given: Any) -> CorporateAction:
    """An action of XYZ, paid on its ex-date unless said otherwise."""
    values: dict[str, Any] = {"payable_date": ex_date, **given}
    return CorporateAction("x", kind, "XYZ", ex_date, **values)


def booked(sim: Simulator) -> list[tuple[str, str | None, Decimal | None, Decimal]]:
    """Type, symbol, shares and dollars of everything but executions."""
    return [
        (entry.type, entry.symbol, entry.qty, entry.net_amount)
        for entry in sim.exchange.activities()
        if isinstance(entry, NonTradeActivity)
    ]


# Cash and settlement


def test_proceeds_buy_at_once_and_are_withdrawn_after_they_settle() -> None:
    """A sale's dollars may be traded the same day and leave the account on the next session's morning (T+1)."""
    sim = simulator(*FLAT)
    bought(sim, "2")
    sim.exchange.submit(order("sell", "market", "2"))
    run_to(sim, sim.now + timedelta(seconds=1))
    view = sim.exchange.account()
    assert (view.cash, view.buying_power) == (D("466.96"), D("466.96"))
    assert view.non_marginable_buying_power == D("466.96")
    bought(sim, "2")
    run_to(sim, AFTER_CLOSE)
    with pytest.raises(BrokerError):
        sim.exchange.transfer("-267")
    sim.exchange.transfer("-266")
    assert sim.exchange.account().cash == D("266.94") - D("0.03") - 266


@pytest.mark.parametrize("amount", ["-90000", "5000"])
@pytest.mark.parametrize("moment", [OPEN + timedelta(hours=1), AFTER_CLOSE, CLOSE + timedelta(days=1)])
def test_what_is_moved_counts_for_buying_power_on_the_next_morning(amount: str, moment: datetime) -> None:
    """Four times the equity, whether dollars came or went before the close, after it, or on the weekend."""
    sim = simulator(*FLAT, profile="paper100k")
    run_to(sim, moment)
    sim.exchange.transfer(amount)
    run_to(sim, NEXT_OPEN)
    view = sim.exchange.account()
    assert view.last_equity + view.flows_today == view.equity == 100_000 + D(amount)
    assert view.buying_power == 4 * view.equity


def test_unsettled_proceeds_cannot_be_withdrawn() -> None:
    """Shares held overnight and sold on Monday: the dollars may leave on Tuesday, not before."""
    sim = holding("4", profile="live467")
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    settled = sim.exchange.account().cash
    sim.exchange.submit(order("sell", "market", "4"))
    run_to(sim, NEXT_OPEN + timedelta(seconds=3))
    view = sim.exchange.account()
    assert view.cash == settled + D("399.96")
    assert (view.buying_power, view.non_marginable_buying_power) == (view.cash, settled)
    run_to(sim, datetime(2026, 11, 24, 10, tzinfo=UTC))
    view = sim.exchange.account()
    assert view.non_marginable_buying_power == view.cash


# Fees (domain 7.3)


@pytest.mark.parametrize(
    ("trips", "due"),
    [
        (1, {"REG": "0.01", "TAF": "0.01", "CAT": "0.01"}),
        (5, {"REG": "0.01", "TAF": "0.01", "CAT": "0.01"}),
        (11, {"REG": "0.02", "TAF": "0.01", "CAT": "0.01"}),
    ],
)
def test_fees_are_rounded_up_once_a_day(trips: int, due: dict[str, str]) -> None:
    """Five round trips of 0.251752021 AAPL still cost $0.03, the eleventh a cent more."""
    accrual, qty = FeeAccrual(), D("0.251752021")
    for _ in range(trips):
        accrual.add(DAY, "buy", qty, D("185.50"))
        accrual.add(DAY, "sell", qty, D("188.10"))
    assert accrual.due() == {kind: D(amount) for kind, amount in due.items()}


# Corporate actions while holding (domain 7.7)

_SPLITS: list[tuple[str, str, str, bool, str, str, str | None]] = [
    # held, old, new, whole shares only, held afterwards, average price, paid for the fraction
    ("4", "1", "2", False, "8", "50.005", None),
    ("3", "2", "3", False, "4.5", "66.673333", None),
    ("3", "2", "3", True, "4", "66.673333", "33.33"),
    ("25", "10", "1", True, "2", "1000.1", "500"),
    ("5", "10", "1", True, "0", "", "500"),
    ("5", "10", "1", False, "0.5", "1000.1", None),
    ("-25", "10", "1", False, "-2", "999.9", "-500"),
    ("-4", "1", "2", False, "-8", "49.995", None),
]


@pytest.mark.parametrize(("held", "old", "new", "whole", "after", "average", "paid"), _SPLITS)
def test_a_split_while_holding(
    held: str, old: str, new: str, whole: bool, after: str, average: str, paid: str | None
) -> None:
    """Shares times the ratio at the same cost; a fraction that cannot be held leaves with its cost, for the last price."""
    split = action("split", old_rate=D(old), new_rate=D(new))
    sim = holding(held, split, whole_only=["XYZ"] if whole else [])
    cash = sim.exchange.account().cash
    run_to(sim, NEXT_OPEN)
    held_now = {view.asset.symbol: view for view in sim.exchange.positions()}
    assert (held_now["XYZ"].qty if held_now else 0) == D(after)
    if held_now:
        assert position_body(held_now["XYZ"])["avg_entry_price"] == average
    assert sim.exchange.account().cash - cash == D(paid or "0")
    found = booked(sim)
    assert [kind for kind, *_ in found] == ["SPLIT", "CIL"] if paid else ["SPLIT"]
    assert D(held) + sum(qty for _, _, qty, _ in found if qty) == D(after)


@pytest.mark.parametrize(
    ("held", "ex_date", "payable", "paid_on_monday", "paid_on_tuesday"),
    [
        ("10", MONDAY, MONDAY, "2.45", "2.45"),
        ("10", MONDAY, TUESDAY, "0", "2.45"),
        ("10", DAY, MONDAY, "0", "0"),
        ("-10", MONDAY, MONDAY, "-2.45", "-2.45"),
        ("0.5", MONDAY, MONDAY, "0.12", "0.12"),
        ("1", MONDAY, MONDAY, "0.25", "0.25"),
    ],
)
def test_a_dividend_goes_to_who_holds_at_the_ex_date(
    held: str, ex_date: date, payable: date, paid_on_monday: str, paid_on_tuesday: str
) -> None:
    """$0.245 a share, whole cents half up, owed by the short; who buys on the ex-date gets none."""
    sim = holding(held, action("cash_dividend", ex_date, payable_date=payable, cash=D("0.245")))
    cash = sim.exchange.account().cash
    run_to(sim, NEXT_OPEN)
    assert sim.exchange.account().cash - cash == D(paid_on_monday)
    run_to(sim, NEXT_OPEN + timedelta(days=1))
    assert sim.exchange.account().cash - cash == D(paid_on_tuesday)


@pytest.mark.parametrize(("old", "new"), [("1", "4"), ("4", "1")])
def test_a_split_moves_no_money_before_its_first_print(old: str, new: str) -> None:
    """From before 04:00 of the ex-date to the open the account, its position and its past are worth the same."""
    sim = holding("8", action("split", old_rate=D(old), new_rate=D(new)), profile="paper100k")
    four = datetime(2026, 11, 23, 9, tzinfo=UTC)
    run_to(sim, four - timedelta(hours=3))
    before, (held,) = sim.exchange.account(), sim.exchange.positions()
    assert held.price == held.lastday_price
    for moment in (four, four + timedelta(hours=3)):
        run_to(sim, moment)
        after, (split,) = sim.exchange.account(), sim.exchange.positions()
        assert after.equity == before.equity == after.last_equity
        assert split.qty * split.price == held.qty * held.price
        assert split.price == split.lastday_price == held.price * D(old) / D(new)
        past = EquityHistory(sim.market, sim.exchange.ledger())
        assert past.equity(four - timedelta(hours=3)) == past.equity(moment) == before.equity


def test_shares_of_several_days_can_all_be_sold_after_a_split() -> None:
    """The shares by day add up to what is held, to the last of nine decimals."""
    account = Account.opened(PROFILES["paper100k"], DAY, OPEN)
    for count, qty in enumerate(("0.333333333", "1.000000001", "7", "0.1")):
        day = DAY + timedelta(days=count)
        account.apply(OPEN, day, day, "XYZ", "buy", D(qty), D(10))
    account.reshape(OPEN, "XYZ", shares=(account.held("XYZ") / 3).quantize(D("1e-9")))
    assert sum(lot.qty for lot in account.positions["XYZ"].lots) == account.held("XYZ")
    account.apply(NEXT_OPEN, TUESDAY, TUESDAY, "XYZ", "sell", account.held("XYZ"), D(10))
    assert account.positions == {}


@pytest.mark.parametrize(
    ("profile", "switches", "is_paid"), [("live467", CALM, True), ("paper100k", CALM, False), ("paper100k", PAID, True)]
)
def test_who_is_paid_dividends(profile: str, switches: Switches, is_paid: bool) -> None:
    """A live account is; a paper account only where the switch says so (alpaca-contract 3.14)."""
    sim = holding("4", action("cash_dividend", cash=D("0.245")), profile=profile, switches=switches)
    run_to(sim, NEXT_OPEN)
    assert [kind for kind, *_ in booked(sim) if kind == "DIV"] == (["DIV"] if is_paid else [])


def test_a_dividend_is_owed_after_the_shares_are_sold() -> None:
    """Sold between ex-date and payment: the dollars still come, and are no flow but a gain."""
    sim = holding("10", action("cash_dividend", payable_date=TUESDAY, cash=D("0.50")))
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    sim.exchange.close_position("XYZ")
    run_to(sim, NEXT_OPEN + timedelta(days=1))
    assert not sim.exchange.positions()
    assert ("DIV", "XYZ", D(10), D("5.00")) in booked(sim)
    assert sim.exchange.account().flows_today == 0


def test_a_renamed_position_keeps_its_cost() -> None:
    """The shares go on under the new name, at the same average; orders under the old one are canceled."""
    sim = holding("4", action("rename", new_symbol="ABC"))
    stop = sim.exchange.submit(order("sell", "stop", "4", stop_price="90", time_in_force="gtc"))
    run_to(sim, NEXT_OPEN)
    (view,) = sim.exchange.positions()
    assert (view.asset.symbol, view.qty, view.average, view.qty_available) == ("ABC", D(4), D("100.01"), D(4))
    assert stop.status == "canceled"
    assert booked(sim) == [("NC", "XYZ", D(-4), D(0)), ("NC", "ABC", D(4), D(0))]


def test_shares_never_get_a_name_that_is_no_asset_or_in_use() -> None:
    """A rename by command is refused then, and nothing has changed."""
    sim = holding("4")
    for name in ("NONE", "XYZ", None):
        with pytest.raises(BrokerError, match="new_symbol"):
            sim.exchange.corporate_action("rename", "XYZ", new_symbol=name)
    assert [view.asset.symbol for view in sim.exchange.positions()] == ["XYZ"]


def test_a_delisting_takes_the_shares_for_cash() -> None:
    """Four shares at $0.55: $2.20, no position, no order."""
    sim = holding("4", action("delisting", cash=D("0.55")))
    stop = sim.exchange.submit(order("sell", "stop", "4", stop_price="90", time_in_force="gtc"))
    cash = sim.exchange.account().cash
    run_to(sim, NEXT_OPEN)
    assert (sim.exchange.positions(), stop.status) == ([], "canceled")
    assert sim.exchange.account().cash == cash + D("2.20")
    assert booked(sim) == [("REORG", "XYZ", D(-4), D("2.20"))]


def test_a_reverse_split_cancels_the_exits_that_ask_for_too_much() -> None:
    """Two GTC stops of 10 on 20 shares; after 1 for 2 there are 10: the newer stop goes, the older stays."""
    sim = holding("20", action("split", old_rate=D(2), new_rate=D(1)))
    stops = [
        sim.exchange.submit(order("sell", "stop", "10", stop_price=price, time_in_force="gtc"))
        for price in ("90", "80")
    ]
    run_to(sim, NEXT_OPEN)
    assert [stop.status for stop in stops] == ["new", "canceled"]
    assert sim.exchange.position("XYZ").qty_available == 0


# Orders that wait for the open


def test_an_order_canceled_while_it_waits_takes_no_part_in_the_open() -> None:
    """Sent and canceled overnight: it does not trade in the opening cross."""
    sim = holding("4")
    run_to(sim, AFTER_CLOSE)
    placed = sim.exchange.submit(order("buy", "market", "1"))
    sim.exchange.cancel(placed.id)
    run_to(sim, NEXT_OPEN + timedelta(seconds=30))
    assert (placed.status, placed.filled_qty) == ("canceled", D(0))
    assert sim.exchange.position("XYZ").qty == 4


def test_what_the_opening_cross_leaves_is_acknowledged_once() -> None:
    """1,500 shares in a cross of 1,200: one `new`, a part in the cross, the rest after it."""
    sim = holding("4")
    run_to(sim, AFTER_CLOSE)
    ear = Ear(sim)
    sim.exchange.submit(order("buy", "limit", "1500", limit_price="100.50"))
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    assert ear.events[:3] == ["accepted", "new", "partial_fill"]
    assert ear.events.count("new") == 1


def test_a_cancel_loses_no_race_before_the_order_is_at_the_market() -> None:
    """The fault lets an order fill that is at work; one that waits for the open is canceled as asked."""
    sim = holding("4")
    run_to(sim, AFTER_CLOSE)
    sim.order_fault("cancel.loses_race")
    placed = sim.exchange.submit(order("buy", "market", "1"))
    sim.exchange.cancel(placed.id)
    run_to(sim, sim.now + timedelta(seconds=1))
    assert placed.status == "canceled"


# The day roll, flows, margin


def test_the_day_rolls_over_a_holiday_a_half_day_and_a_weekend() -> None:
    """balance_asof and last_equity step from session to session, at 04:00 New York time of the next one."""
    start = datetime(2026, 11, 25, 20, 59, tzinfo=UTC)
    ticks = [*before("XYZ", "100"), *tape("XYZ", "100.00", start=start - timedelta(minutes=1))]
    ticks += [*tape("XYZ", "110.00", start=datetime(2026, 11, 27, 17, 59, 30, tzinfo=UTC))]
    sim = Simulator(TinyMarket({"XYZ": ticks}), seed=7, start=start, profile="paper100k", switches=CALM)
    bought(sim, "10")
    seen = []
    for month, day, hour in ((11, 26, 15), (11, 27, 15), (11, 28, 15), (11, 30, 8), (11, 30, 10)):
        run_to(sim, datetime(2026, month, day, hour, tzinfo=UTC))
        view = sim.exchange.account()
        seen.append((view.balance_asof.isoformat(), view.last_equity))
    assert seen == [
        ("2026-11-24", D(100_000)),
        ("2026-11-25", D("99999.90")),
        ("2026-11-25", D("99999.90")),
        ("2026-11-25", D("99999.90")),
        ("2026-11-27", D("100099.90")),
    ]


@pytest.mark.parametrize(
    ("flow", "gain", "percent"),
    [("0", "-9.34", "-2.0000"), ("100", "-9.35", "-2.0021"), ("0", "4.62", "0.9893")],
)
def test_a_deposit_does_not_hide_a_loss(flow: str, gain: str, percent: str) -> None:
    """equity - last_equity - intraday_adjustments is the day's gain (table of domain 6.1)."""
    account = Account.opened(PROFILES["live467"], DAY, OPEN)
    account.add_cash(OPEN, D(gain))
    if D(flow):
        account.add_cash(OPEN, D(flow), is_flow=True)
    view = account.view(lambda _symbol: None, D(0))
    assert view.equity - view.last_equity - view.flows_today == D(gain)
    base = view.last_equity + min(view.flows_today, D(0))
    assert round(100 * D(gain) / base, 4) == D(percent)
    account.snapshot_close(DAY, lambda _symbol: None)
    account.roll(MONDAY)
    assert account.view(lambda _symbol: None, D(0)).flows_today == 0


@pytest.mark.parametrize(
    ("multiplier", "qty", "price", "initial", "maintenance", "regt", "power"),
    [
        ("1", "100", "100", "10000", "10000", "90000", "90000"),
        ("2", "100", "100", "5000", "3000", "190000", "190000"),
        ("4", "100", "100", "5000", "3000", "190000", "390000"),
        ("4", "1000", "100", "50000", "30000", "100000", "300000"),
        ("2", "-100", "100", "5000", "3000", "190000", "190000"),
    ],
)
def test_margin_by_multiplier(
    multiplier: str, qty: str, price: str, initial: str, maintenance: str, regt: str, power: str
) -> None:
    """$100,000 with one position bought (or sold short) today: initial 50 %, maintenance 30 %, all of it without margin."""
    account = Account.opened(PROFILES["paper100k"], DAY, OPEN)
    account.max_multiplier = int(multiplier)
    side = "sell" if qty.startswith("-") else "buy"
    account.apply(OPEN, DAY, MONDAY, "XYZ", side, abs(D(qty)), D(price))
    view = account.view(lambda _symbol: D(price), D(0))
    assert view.equity == 100_000
    assert (view.initial_margin, view.maintenance_margin) == (D(initial), D(maintenance))
    assert (view.regt_buying_power, view.buying_power) == (D(regt), D(power))


def test_a_debit_costs_interest_at_the_month_s_end() -> None:
    """$60,000 borrowed from Monday on: 6.5 % / 360 a day on the settled debit, in whole cents (alpaca-contract 3.15)."""
    account = Account.opened(PROFILES["paper100k"], DAY, OPEN)
    account.apply(OPEN, DAY, MONDAY, "XYZ", "buy", D(1600), D(100))
    account.accrue_interest(3)
    assert account.interest == 0
    account.roll(MONDAY)
    account.accrue_interest(1)
    account.accrue_interest(1)
    assert account.charge_interest(OPEN) == D("21.67")
    assert (account.cash, account.interest) == (D("-60021.67"), D(0))


@pytest.mark.parametrize(
    ("trades", "count"),
    [("B250 B250 S500", 1), ("B100 S100 B100 S100", 2), ("B1", 0), ("B2 S1 S1", 1), ("B2 S1 B1 S2", 2)],
)
def test_day_trades_count_openings_that_are_closed(trades: str, count: int) -> None:
    """Closings in a row count once (domain 6.4)."""
    found = DayTrades()
    for trade in trades.split():
        found.note(DAY, "XYZ", is_opening=trade[0] == "B")
    assert found.recent == count


# What positions say, and the ledger


@pytest.mark.parametrize(
    ("qty", "value", "cost", "gain", "gain_share", "day_gain"),
    [
        ("10", "1100", "1000.1", "99.9", "0.0998900110", "100"),
        ("-10", "-1100", "-999.9", "-100.1", "-0.1001100110", "-100"),
    ],
)
def test_gains_of_long_and_short_positions(
    qty: str, value: str, cost: str, gain: str, gain_share: str, day_gain: str
) -> None:
    """Short: shares, value and cost are negative; the day's gain counts from the last close (alpaca-contract 2.7)."""
    ticks = [*before("XYZ", "100"), *tape("XYZ", *FLAT), *tape("XYZ", "110.00", start=NEXT_OPEN)]
    sim = Simulator(
        TinyMarket({"XYZ": ticks}), seed=7, start=OPEN + timedelta(seconds=1), profile="paper100k", switches=CALM
    )
    sim.exchange.submit(order("sell" if qty.startswith("-") else "buy", "market", qty.lstrip("-")))
    run_to(sim, NEXT_OPEN + timedelta(seconds=1))
    body = position_body(sim.exchange.position("XYZ"))
    assert (body["qty"], body["market_value"], body["cost_basis"]) == (qty, value, cost)
    assert (body["unrealized_pl"], body["unrealized_plpc"]) == (gain, gain_share.rstrip("0"))
    assert (body["unrealized_intraday_pl"], body["lastday_price"], body["change_today"]) == (day_gain, "100", "0.1")


def test_the_ledger_has_every_change_of_cash_and_shares() -> None:
    """Opening, purchase, three fees: each with the time it happened and what was held from then on."""
    sim = holding("4", profile="live467")
    run_to(sim, AFTER_CLOSE)
    entries = sim.exchange.ledger()
    assert [entry.cash for entry in entries] == [D(467), D("66.96"), D("66.95")]
    assert [dict(entry.holdings) for entry in entries] == [{}, {"XYZ": D(4)}, {"XYZ": D(4)}]
    assert entries[-1].at == CLOSE + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("cash", "shown", "power"),
    [("466.994999", "466.99", "466.99"), ("466.995", "467", "466.99"), ("0.005", "0.01", "0"), ("-0.03", "-0.03", "0")],
)
def test_cents_are_rounded_half_up_and_buying_power_down(cash: str, shown: str, power: str) -> None:
    """Never more is shown to spend than there is."""
    account = Account.opened(PROFILES["live467"], DAY, OPEN)
    account.add_cash(OPEN, D(cash) - 467)
    view = account.view(lambda _symbol: None, D(0))
    body = account_body(view, PROFILES["live467"], "id", OPEN, suspended=False)
    assert (body["cash"], body["buying_power"]) == (shown, power)


def test_a_restart_remembers_everything(tmp_path: Path) -> None:
    """Dividend owed, split, deposit, interest, unsettled sale and ledger are the same after a restart from the log."""
    actions = (
        action("split", old_rate=D(2), new_rate=D(3)),
        action("cash_dividend", payable_date=TUESDAY, cash=D("0.50")),
    )

    def made() -> Simulator:
        return Simulator(
            Company(*actions), seed=7, start=OPEN + timedelta(seconds=1), profile="paper100k",
            switches=Switches(paper_dividends=True),
            state_dir=tmp_path,
        )  # fmt: skip

    first = made()
    first.exchange.submit(order("buy", "market", "1500"))
    run_to(first, NEXT_OPEN - timedelta(hours=1))
    first.exchange.transfer("250.50")
    run_to(first, NEXT_OPEN + timedelta(seconds=1))
    first.exchange.close_position("XYZ", percentage="25")
    run_to(first, NEXT_OPEN + timedelta(days=1))
    first.close()
    second = made()
    second.close()
    assert state(second) == state(first)
    assert {kind for kind, *_ in booked(second)} == {"SPLIT", "DIV", "CSD"}
