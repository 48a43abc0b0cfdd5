"""The last gate next to the socket trusts nobody upstream: every rule refuses by itself, sales only have to reduce."""

from dataclasses import replace
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.gate import refuse
from alpaca_trader.core.models import MINUTE, Asset, OrderIntent, OrderRole, Quote
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import RiskManager
from tests.core.builders import (
    NOW,
    PRICES,
    D,
    account,
    approve,
    bar,
    config,
    fold,
    hold,
    minutes_after,
    ny,
    protect,
    quotes,
    ready,
    said,
    signal,
)


def approved(policy: Policy | None = None, **risk: Any) -> tuple[Belief, OrderIntent]:
    """A healthy entry in AAPL that risk agreed to, and the belief it was agreed in."""
    belief = ready(config(**risk), policy or Policy())
    return belief, approve(belief)


def test_a_healthy_entry_passes() -> None:
    """What risk approved in a healthy world is sent."""
    belief, intent = approved()
    assert refuse(belief, intent, NOW) is None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"side": "sell"}, "entries_buy"),
        ({"qty": D("10000.000000001")}, "max_order_shares"),
        ({"qty": D("0.63")}, "max_order_notional"),
        ({"symbol": "F", "limit_price": None}, "no_price"),
        ({"symbol": "F"}, "no_price"),
        ({"limit_price": D("189.22"), "qty": D("0.1")}, "price_collar"),
        ({"limit_price": D("181.78"), "qty": D("0.1")}, "price_collar"),
        ({"limit_price": D("189.21"), "qty": D("0.1")}, None),
        ({"limit_price": D("181.79"), "qty": D("0.1")}, None),
        ({"limit_price": None}, None),
    ],
)
def test_an_order_that_changed_on_its_way_is_refused(changes: dict[str, Any], rule: str | None) -> None:
    """Too many shares, too much money, a price 2 % off the last close, nothing to compare with: each has its name."""
    belief, intent = approved(max_position_pct=0.25)
    assert refuse(belief, replace(intent, **changes), NOW) == rule


def test_a_price_nobody_confirms_is_refused() -> None:
    """A quote without a bar is one witness too."""
    belief, intent = approved()
    fold(belief, quotes(NOW, F="10.00"))
    assert refuse(belief, replace(intent, symbol="F", limit_price=D("10.01"), qty=D(1)), NOW) == "price_collar"


def halted(belief: Belief) -> object:
    """An operator stops entries."""
    return fold(belief, ev.HaltLatched(NOW, "operator", "", "human"))


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (Policy(symbols=("AAPL",)), None),
        (Policy(symbols=("SPY",)), "symbol_not_allowed"),
        (Policy(symbols=()), "symbol_not_allowed"),
        (Policy(max_order_notional_usd=46.0), "max_order_notional"),
        (Policy(max_order_notional_pct=0.05), "max_order_notional"),
        (Policy(max_entries_per_minute=0), "entries_per_minute"),
        (Policy(max_entries_per_day=0), "entries_per_day"),
        (Policy(max_order_shares=1), None),
    ],
)
def test_the_policy_of_now_counts(policy: Policy, rule: str | None) -> None:
    """The human may have narrowed the policy since the order was approved."""
    belief, intent = approved()
    fold(belief, ev.ConfigAccepted(NOW, "rev2", config(), policy))
    assert refuse(belief, intent, NOW) == rule


def test_halts_hours_and_missing_readings_stop_entries() -> None:
    """Halted after the approval, outside the session, before a policy or an account is known."""
    belief, intent = approved()
    fold(belief, ev.PositionsSeen(ny("16:00"), ()), ev.AccountSeen(ny("16:00"), account()))
    fold(belief, quotes(ny("16:00"), AAPL="185.50"))
    assert refuse(belief, intent, ny("15:59:59")) is None
    assert refuse(belief, intent, ny("16:00")) == "regular_hours"
    halted(belief)
    assert refuse(belief, intent, NOW) == "halted"
    assert refuse(Belief(), intent, NOW) == "no_policy"
    unread = fold(Belief(), ev.ConfigAccepted(NOW, "rev", config(), Policy()))
    assert refuse(unread, intent, NOW) == "no_policy"


@pytest.mark.parametrize(
    ("ask", "age_s", "rule"),
    [
        ("185.50", 0, None),
        ("189.22", 0, "price_collar"),
        ("189.21", 0, None),
        ("185.50", 31, "no_price"),
        (None, 0, "no_price"),
    ],
)
def test_a_market_order_is_compared_with_the_fresh_ask(ask: str | None, age_s: int, rule: str | None) -> None:
    """Two sources must agree on the price; an old or one-sided quote is no source (safety F25)."""
    belief, intent = approved(order_style="market")
    assert intent.limit_price is None
    price = D(ask) if ask is not None else None
    quote = Quote("AAPL", NOW - age_s * MINUTE / 60, D("185.40"), price)
    fold(belief, ev.QuotesSeen(NOW, (quote,)))
    assert refuse(belief, intent, NOW) == rule


def test_the_documented_way_through_the_ask_is_inside_the_cap() -> None:
    """A limit 0.05 % and a cent above the ask the size was cut to is not too much money, a thousandth more is."""
    policy = Policy(max_order_notional_pct=0.1)
    belief, intent = approved(policy)
    assert refuse(belief, intent, NOW) is None
    assert refuse(belief, replace(intent, qty=intent.qty * D("1.001")), NOW) == "max_order_notional"


def test_entries_per_minute_and_per_day() -> None:
    """Three a minute by default: the fourth waits, and a minute later it need not; so many a day are the last."""
    belief = ready(policy=Policy(max_entries_per_day=4))
    sent = [approve(belief, signal(symbol)) for symbol in ("AAPL", "MSFT", "NVDA")]
    assert [refuse(belief, intent, NOW) for intent in sent] == [None] * 3
    fourth = approve(belief, signal("QQQ"))
    assert refuse(belief, fourth, NOW) == "entries_per_minute"
    fold(belief, quotes(minutes_after(1), **PRICES))
    assert refuse(belief, fourth, minutes_after(1)) is None
    fifth = approve(belief, signal("SPY", bar_start=ny("10:30")), minutes_after(1))
    assert refuse(belief, fifth, minutes_after(1)) == "entries_per_day"


def test_open_orders_are_bounded() -> None:
    """An entry is one of the open orders; stops count too."""
    belief = ready(policy=Policy(max_open_orders=2))
    hold(belief, "SPY", "0.06", "668.40")
    protect(belief, "SPY")
    first = approve(belief)
    assert refuse(belief, first, NOW) is None
    second = approve(belief, signal("MSFT"))
    assert refuse(belief, second, NOW) == "max_open_orders"
    fold(belief, said(first, "canceled"))
    assert refuse(belief, second, NOW) is None


# ---------------------------------------------------------------- sales


def sale(belief: Belief) -> OrderIntent:
    """The protective stop of a held AAPL position, approved and in the belief."""
    hold(belief)
    return protect(belief)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({"qty": D("0.1")}, None),
        ({"role": OrderRole.EXIT}, None),
        ({"side": "buy"}, "exits_sell"),
        ({"qty": D("0.251752022")}, "reduces_only"),
        ({"symbol": "SPY"}, "reduces_only"),
        ({"episode_id": "another"}, "reduces_only"),
    ],
)
def test_a_sale_only_reduces_its_own_position(changes: dict[str, Any], rule: str | None) -> None:
    """Stops and exits pass whatever the limits say, as long as they sell no more than the position holds (INV-11)."""
    belief = ready()
    stop = sale(belief)
    assert refuse(belief, replace(stop, **changes), NOW) == rule


def test_what_an_open_sell_claims_cannot_be_sold_again() -> None:
    """With a stop resting for all of it, nothing is left to sell but by replacing that stop (INV-6)."""
    belief = ready()
    stop = sale(belief)
    risk, episode = RiskManager(belief), belief.episodes["AAPL"]
    exit_ = risk.approve_exit(episode, D("0.1"), NOW)
    assert refuse(fold(belief, exit_), exit_.intent, NOW) == "reduces_only"
    fold(belief, said(exit_.intent, "rejected"))
    working = belief.book.orders[stop.client_order_id]
    raised = risk.approve_stop(episode, episode.qty, NOW, working)
    assert refuse(fold(belief, raised), raised.intent, NOW) is None


def test_nothing_but_the_position_stops_a_sale() -> None:
    """Halted, market closed, policy of nothing, account and quotes unread: protection and exits still pass (INV-12)."""
    belief = ready()
    stop = sale(belief)
    none = Policy(symbols=(), max_entries_per_minute=0, max_entries_per_day=0, max_order_notional_usd=1.0)
    halted(belief)
    fold(belief, ev.ConfigAccepted(NOW, "r", config(), none), ev.Command(NOW, "started", "engine", ""))
    assert refuse(belief, stop, ny("17:00")) is None


def test_whole_share_orders_pass_like_fractions() -> None:
    """The gate looks at money and price, not at the asset's divisibility."""
    belief = ready(config(max_position_pct=0.2), seen=account("5000"))
    fold(belief, ev.AssetsSeen(NOW, (Asset("SPY", True, False),)))
    intent = approve(belief, signal("SPY"))
    assert intent.qty == 1
    assert refuse(belief, intent, NOW) is None


def test_a_spike_is_not_bought() -> None:
    """The bar says one price, the quote another (safety F25): the entry is refused at the socket."""
    belief = ready()
    spike = bar("AAPL", ny("10:29"), float(PRICES["AAPL"]) * 1.2)
    belief.bars["AAPL"] = spike
    intent = approve(belief, signal(price=str(spike.close)))
    assert refuse(belief, intent, NOW) == "price_collar"
