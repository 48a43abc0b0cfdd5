"""How much: sizes to the digit, and caps that no sequence of concurrent signals exceeds."""

from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import Asset, OrderIntent, Quote, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import Entry
from alpaca_trader.core.sizing import size_of
from tests.core.builders import (
    NOW,
    PRICES,
    D,
    account,
    approve,
    bar,
    bought,
    config,
    decide,
    fold,
    foreign,
    gate_of,
    hold,
    minutes_after,
    ny,
    position,
    priced,
    protect,
    quotes,
    ready,
    said,
    signal,
    verdict,
)

# ---------------------------------------------------------------- sizing (domain 4)


class Sized(NamedTuple):
    """A row of the specification's table."""

    price: str
    fractionable: bool
    qty: str
    notional: str
    stop: str
    target: str
    risk: str


TABLE = [
    Sized("185.50", True, "0.251752021", "46.6999998955", "182.72", "189.21", "0.7005"),
    Sized("668.40", True, "0.069868342", "46.6999997928", "658.38", "681.76", "0.7005"),
    Sized("40.00", False, "1", "40.00", "39.40", "40.80", "0.60"),
]


@pytest.mark.parametrize("row", TABLE)
def test_the_sizing_table(row: Sized) -> None:
    """Equity 467.00, cap 46.70: quantity, notional, stop, target and risk of each row."""
    belief = priced(row.price, fractionable=row.fractionable)
    intent = bought(decide(belief, signal(price=row.price)))
    assert intent.qty == D(row.qty)
    assert intent.qty * D(row.price) == D(row.notional)
    episode = hold_of(belief, intent, row.price)
    assert (episode.stop_price, episode.target_price) == (D(row.stop), D(row.target))
    assert round(intent.qty * D(row.price) * D("0.015"), 4) == D(row.risk)


def hold_of(belief: Belief, intent: OrderIntent, price: str) -> Any:
    """The episode once this entry has filled at ``price``."""
    answer = decide(belief, signal(price=price))
    assert isinstance(answer, Entry)
    fold(belief, answer.opened, answer.approved, said(intent, "filled", intent.qty, price))
    return belief.episodes["AAPL"]


def test_a_share_above_the_cap_exceeds_the_budget() -> None:
    """60.00 in whole shares against a cap of 46.70: none, ``price_exceeds_budget``, also where buying power binds."""
    answer = decide(priced("60.00", fractionable=False), signal(price="60.00"))
    assert verdict(answer) == "price_exceeds_budget"
    assert gate_of(answer, "price_exceeds_budget").value == 46.70
    poor = priced("60.00", fractionable=False, seen=account(buying_power="20"))
    assert verdict(decide(poor, signal(price="60.00"))) == "price_exceeds_budget"


def test_risk_per_trade_bounds_the_size() -> None:
    """0.10 % of 467 at a stop of 1.5 %: notional 31.13, quantity 0.167816711."""
    belief = ready(config(risk_per_trade_pct=0.001))
    size = size_of(belief, signal(), account(), NOW)
    assert (size.qty, size.budget, size.binding) == (D("0.167816711"), D("31.13"), "risk")


def test_held_and_ordered_use_up_the_symbols_cap() -> None:
    """Position 20 and an open buy of 10 leave 16.70 of 46.70."""
    belief = priced("10.00")
    by_hand = foreign("AAPL", "buy", "1.5", "10", done="0.5")
    fold(belief, ev.PositionsSeen(NOW, (position("AAPL", "2", "10"),)), ev.OpenOrdersSeen(NOW, (by_hand,)))
    size = size_of(belief, signal(price="10.00"), account(), NOW)
    assert (size.budget, size.qty) == (D("16.70"), D("1.670000000"))


@pytest.mark.parametrize(("qty", "limit", "budget"), [("1", None, "36.70"), (None, "10", "46.70")])
def test_a_foreign_order_without_a_limit_or_a_quantity(qty: str | None, limit: str | None, budget: str) -> None:
    """Somebody's market order counts at the price of now; one by notional shows no shares to count."""
    belief = fold(priced("10.00"), ev.OpenOrdersSeen(NOW, (foreign("AAPL", "buy", qty, limit),)))
    assert size_of(belief, signal(price="10.00"), account(), NOW).budget == D(budget)


def test_our_own_books_count_where_the_broker_lags() -> None:
    """What filled is held though no position reading shows it yet."""
    belief = priced("10.00")
    hold(belief, qty="2", price="10.00")
    assert size_of(belief, signal(price="10.00"), account(), NOW).budget == D("26.70")


def test_buying_power_less_what_is_in_flight() -> None:
    """Buying power 50, 46.70 in flight: 3.26 are left, below the minimum of 5."""
    belief = ready(config(order_style="market"), seen=account(buying_power="50"))
    other = signal("SPY")
    fold(belief, quotes(NOW, SPY="44.903846153846153846", AAPL="185.50"))  # 1 share with the collar of 4 % is 46.70
    fold(belief, ev.AssetsSeen(NOW, (Asset("SPY", True, False),)))
    belief.bars["SPY"] = bar("SPY", ny("10:29"), 44.0)
    assert approve(belief, TradeSignal("SPY", "buy", other.strategy_name, 0.9, 44.0, bar_start=ny("10:29"))).qty == 1
    answer = decide(belief)
    assert verdict(answer) == "below_min_notional"
    assert (gate_of(answer, "below_min_notional").limit, gate_of(answer, "price_exceeds_budget").value) == (5.0, 3.26)


@pytest.mark.parametrize(
    ("minimum", "power", "code"),
    [
        (5.0, "5.05", "below_min_notional"),  # 5.05 * 0.99 = 4.99
        (5.0, "5.07", "approved"),
        (1.0, "1.01", "below_min_notional"),
        (1.0, "1.03", "approved"),
        (5.0, "0.01", "buying_power"),
        (5.0, "0", "buying_power"),
        (5.0, "-3", "buying_power"),
    ],
)
def test_the_smallest_order(minimum: float, power: str, code: str) -> None:
    """The broker's dollar or our own minimum; with nothing left at all the account is what is named."""
    belief = ready(config(min_trade_notional=minimum), seen=account(buying_power=power))
    assert verdict(decide(belief)) == code


def test_five_positions_stopped_together_lose_three_fifty() -> None:
    """3.50 = 0.75 % of equity; 13.3 stop-outs reach the day's limit of 9.34."""
    loss = sum((D(PRICES[s]) * bought(decide(ready(), signal(s))).qty * D("0.015") for s in PRICES), D(0))
    assert round(loss, 2) == D("3.50")
    assert round(100 * loss / 467, 2) == D("0.75")
    assert round(D("9.34") / (loss / 5), 1) == D("13.3")


@pytest.mark.parametrize(
    ("policy", "budget"),
    [
        (Policy(max_order_notional_usd=20.0), "20.00"),
        (Policy(max_order_notional_pct=0.01), "4.67"),
        (Policy(), "46.70"),
    ],
)
def test_the_humans_cap_binds_every_order(policy: Policy, budget: str) -> None:
    """The tighter of the settings and the policy."""
    assert size_of(ready(policy=policy), signal(), account(), NOW).budget == D(budget)


@pytest.mark.parametrize(
    ("fractionable", "at_most", "qty"),
    [
        (True, "0.2", "0.2"),
        (True, "0.2234567899", "0.223456789"),
        (True, "9", "1.167500000"),
        (False, "1.9", "1"),
        (False, "9", "1"),
    ],
)
def test_nobody_gets_more_than_was_asked_for(fractionable: bool, at_most: str, qty: str) -> None:
    """``at_most`` bounds the size, cut to what the broker can hold: nine decimals, or whole shares."""
    belief = priced("40.00", fractionable=fractionable)
    assert bought(decide(belief, signal(price="40.00"), at_most=D(at_most))).qty == D(qty)


@pytest.mark.parametrize("at_most", ["0", "-1", "0.0000000001"])
def test_asking_for_nothing_is_refused(at_most: str) -> None:
    """Zero, less, or less than the broker can count is no order."""
    assert verdict(decide(ready(), at_most=D(at_most))) == "below_min_notional"
    assert verdict(decide(ready(seen=account(buying_power="0")), at_most=D(at_most))) != "approved"


# ---------------------------------------------------------------- what is in flight


@pytest.mark.parametrize(
    ("news", "budget"),
    [
        ([], "13.14"),
        (["reply"], "13.14"),
        (["reply", "account"], "46.70"),
        (["reply", "account at once"], "13.14"),
        (["lost", "account"], "13.14"),
        (["filled"], "13.16"),
        (["filled", "account"], "46.70"),
        (["canceled"], "46.70"),
    ],
)
def test_buying_power_is_reserved_until_the_broker_can_know(news: list[str], budget: str) -> None:
    """Of 60, a buy of 46.72 at its limit: unanswered, or spoken since the account was read, filled or not, it counts."""
    belief = ready(seen=account(buying_power="60"))
    intent = approve(belief, signal("SPY"))
    told: dict[str, ev.Event] = {
        "reply": said(intent, "new"),
        "lost": ev.OutcomeNotKnown(NOW, intent.client_order_id, "submit", "Timeout"),
        "filled": said(intent, "filled", intent.qty, "668.40"),
        "canceled": said(intent, "canceled"),
        "account": ev.AccountSeen(minutes_after(1), account(buying_power="60")),
        "account at once": ev.AccountSeen(NOW, account(buying_power="60")),
    }
    fold(belief, *(told[word] for word in news))
    assert size_of(belief, signal(), account(buying_power="60"), NOW).budget == D(budget)


def test_a_restart_reserves_what_is_in_flight_without_any_quote() -> None:
    """After a crash quotes and bars are gone: a market buy in doubt is reserved at its signal's price with the collar."""
    belief = ready(config(order_style="market"), seen=account(buying_power="60"))
    approve(belief, signal("SPY"))
    again = Belief.from_checkpoint(belief.to_checkpoint())
    fold(again, ev.ConfigAccepted(NOW, "rev", config(), Policy()), ev.Command(NOW, "started", "engine", ""))
    fold(again, ev.AccountSeen(NOW, account(buying_power="60")), quotes(NOW, AAPL="185.50"))
    spent = D("0.069868342") * D("668.40") * D("1.04")
    assert size_of(again, signal(), account(buying_power="60"), NOW).budget == round_cents((60 - spent) * D("0.99"))


def round_cents(value: Decimal) -> Decimal:
    """Whole cents below."""
    return value // D("0.01") * D("0.01")


class Wish(NamedTuple):
    """A competing buy: symbol, price in cents, and what is heard of its order before the next one is decided."""

    symbol: str
    cents: int
    fate: str


WISHES = st.lists(
    st.builds(
        Wish,
        st.sampled_from(sorted(PRICES)),
        st.integers(50, 100_000),
        st.sampled_from(["silence", "new", "part", "filled", "lost"]),
    ),
    min_size=1,
    max_size=8,
)


@given(WISHES, st.integers(20, 3000), st.integers(0, 3000), st.booleans(), st.sampled_from(["limit", "market"]))
@settings(max_examples=80, deadline=None)
def test_concurrent_signals_never_exceed_the_caps(
    wishes: list[Wish], equity: int, power: int, whole: bool, style: str
) -> None:
    """Property 4 of domain 9: at the worst price each symbol stays in its cap by 0.05 % and a cent a share, all in buying power."""
    money = account(str(equity), buying_power=str(power))
    belief = ready(config(order_style=style, min_trade_notional=1.0, max_positions=4), seen=money)
    fold(belief, ev.AssetsSeen(NOW, tuple(Asset(symbol, True, not whole) for symbol in PRICES)))
    worst: dict[str, Decimal] = {}
    spent = D(0)
    for wish in wishes:
        price = D(wish.cents) / 100
        belief.bars[wish.symbol] = bar(wish.symbol, ny("10:29"), float(price))
        belief.on_event(ev.QuotesSeen(NOW, (Quote(wish.symbol, NOW, price, price),)))
        answer = decide(belief, signal(wish.symbol, str(price)))
        if not isinstance(answer, Entry):
            continue
        fold(belief, answer.opened, answer.approved)
        intent = answer.approved.intent
        limit = intent.limit_price or price
        assert intent.qty * limit <= D("0.1") * equity * D("1.0005") + intent.qty * D("0.01")
        assert wish.symbol not in worst, "one position a symbol"
        worst[wish.symbol], spent = intent.qty * limit, spent + intent.qty * limit
        hear(belief, intent, wish.fate, limit)
        assert spent <= power
        assert len(worst) <= 4


def hear(belief: Belief, intent: OrderIntent, fate: str, price: Decimal) -> None:
    """News of the order before the next decision; what fills is protected at once."""
    part = (intent.qty / 2).quantize(D("0.000000001")) if fate == "part" else intent.qty
    if fate == "lost":
        belief.on_event(ev.OutcomeNotKnown(NOW, intent.client_order_id, "submit", "Timeout"))
    elif fate == "new":
        belief.on_event(said(intent, "new"))
    elif fate in ("part", "filled"):
        belief.on_event(said(intent, "partially_filled" if fate == "part" else "filled", part, price))
        protect(belief, intent.symbol)
