"""At which price, under which id, and the owner's interface; sales only ever reduce."""

import ast
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core import risk_manager
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import OrderType, Position, Quote, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import Entry, RiskManager
from tests.core.builders import (
    NOW,
    D,
    account,
    bar,
    bought,
    config,
    decide,
    fold,
    hold,
    minutes_after,
    ny,
    position,
    priced,
    protect,
    ready,
    signal,
    verdict,
)

# ---------------------------------------------------------------- the orders themselves


@pytest.mark.parametrize(
    ("ask", "limit"),
    [
        ("185.50", "185.60"),
        ("668.40", "668.74"),
        ("100.00", "100.05"),
        ("1.00", "1.01"),
        ("0.9999", "1.01"),
        ("0.5000", "0.5003"),
    ],
)
def test_an_entry_is_a_limit_just_through_the_ask(ask: str, limit: str) -> None:
    """ceil(ask * 1.0005) to the increment of the price it lands on; bought by quantity, never by notional."""
    intent = bought(decide(priced(ask), signal(price=ask)))
    assert (intent.type, intent.limit_price, intent.stop_price) == (OrderType.LIMIT, D(limit), None)
    assert (intent.side, intent.strategy, intent.reason) == ("buy", "momentum_breakout", "signal")
    assert intent.client_order_id == "momentum_breakout-AAPL-20261120T1530-entry"


def test_an_entry_goes_at_market_by_setting_alone() -> None:
    """The size is the same as by limit: cut to the fresh ask."""
    intent = bought(decide(ready(config(order_style="market"))))
    assert (intent.type, intent.limit_price, intent.qty) == (OrderType.MARKET, None, D("0.251752021"))


@pytest.mark.parametrize("why", ["no quote", "old quote", "crossed quote", "one-sided quote"])
@pytest.mark.parametrize("style", ["market", "limit"])
def test_nothing_is_bought_without_a_usable_quote(style: str, why: str) -> None:
    """A bar alone is one witness, and an entry needs two (safety F25)."""
    belief = ready(config(order_style=style))
    belief.quotes.clear()
    old = NOW.replace(minute=29)
    shown = {
        "old quote": Quote("AAPL", old, D("1"), D("2")),
        "crossed quote": Quote("AAPL", NOW, D("2"), D("1")),
        "one-sided quote": Quote("AAPL", NOW, None, D("1")),
    }
    if why in shown:
        belief.on_event(ev.QuotesSeen(NOW, (shown[why],)))
    assert verdict(decide(belief)) == "stale_data"


def test_a_signal_without_a_price_takes_the_last_close() -> None:
    """The owner's signal may leave its price open."""
    answer = decide(ready(), signal(entry_price=None))
    assert isinstance(answer, Entry)
    assert answer.opened.signal_price == D("185.5")


def test_the_exit_plan_is_fixed_at_approval() -> None:
    """What the episode will live by is what the settings said when it was approved."""
    settings_then = config(stop_loss_pct=0.01, trailing_stop_activation=None, reversion={"hold_overnight": True})
    answer = decide(ready(settings_then), signal("SPY", strategy="mean_reversion", reason="rsi_cross"))
    assert isinstance(answer, Entry)
    plan = answer.opened
    assert (plan.stop_pct, plan.take_profit_pct, plan.trail_distance_pct) == (D("0.01"), D("0.02"), D("0.01"))
    assert (plan.trailing_activation_pct, plan.on_target, plan.hold_overnight) == (None, "close", True)
    assert (plan.config_rev, plan.signal_price) == ("rev1", D("668.4"))
    assert answer.approved.intent.reason == "rsi_cross"


def test_a_stop_is_sent_and_raised_under_counted_ids() -> None:
    """First the protection, then its replacement, each at the price the episode wants."""
    belief = ready()
    hold(belief)
    stop = protect(belief)
    assert (stop.type, stop.stop_price, stop.side, stop.reason) == (OrderType.STOP, D("182.72"), "sell", "protect")
    assert stop.client_order_id == "momentum_breakout-AAPL-20261120T1530-stop1"
    fold(belief, ev.BarClosed(minutes_after(2), bar("AAPL", ny("10:31"), 191.0)))
    episode, working = belief.episodes["AAPL"], belief.book.orders[stop.client_order_id]
    raised = RiskManager(belief).approve_stop(episode, episode.qty, minutes_after(2), working).intent
    assert (raised.stop_price, raised.reason, raised.replaces) == (D("189.09"), "trail", stop.client_order_id)
    assert raised.client_order_id == "momentum_breakout-AAPL-20261120T1530-stop2"


@pytest.mark.parametrize(
    ("bid", "by_market", "limit"),
    [
        ("188.10", False, "188.00"),
        ("188.10", True, None),
        ("1.0002", False, "0.9996"),
        ("0.5000", False, "0.4997"),
        (None, False, None),
    ],
)
def test_an_exit_is_a_limit_just_through_the_bid_then_market(
    bid: str | None, by_market: bool, limit: str | None
) -> None:
    """floor(bid * 0.9995) to the increment of the price it lands on; at market when urgent or without a bid."""
    belief = ready()
    hold(belief)
    belief.quotes.clear()
    if bid is not None:
        belief.on_event(ev.QuotesSeen(NOW, (Quote("AAPL", NOW, D(bid), D(bid)),)))
    fold(
        belief, ev.ExitDecided(NOW, "momentum_breakout-AAPL-20261120T1530", "stop_breached" if by_market else "target")
    )
    intent = RiskManager(belief).approve_exit(belief.episodes["AAPL"], D("0.251752021"), NOW).intent
    assert intent.type == ("limit" if limit else "market")
    assert intent.limit_price == (D(limit) if limit else None)
    assert intent.client_order_id == "momentum_breakout-AAPL-20261120T1530-exit1"


@pytest.mark.parametrize("qty", ["0.251752022", "0", "-0.1"])
def test_a_sale_never_exceeds_what_is_held(qty: str) -> None:
    """More than held, nothing, or less than nothing is a broken invariant (INV-6), whatever asked for it."""
    belief = ready()
    hold(belief)
    with pytest.raises(AssertionError, match="sell"):
        RiskManager(belief).approve_exit(belief.episodes["AAPL"], D(qty), NOW)
    with pytest.raises(AssertionError, match="protect"):
        RiskManager(belief).approve_stop(belief.episodes["AAPL"], D(qty), NOW, None)


def test_only_risk_makes_an_approval() -> None:
    """A broker accepts nothing but an Approved; beside the risk manager only the emergency flatten constructs one."""
    source = Path(risk_manager.__file__).parents[1]
    makers = {
        path.name
        for path in sorted(source.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Approved"
    }
    assert makers == {"risk_manager.py", "emergency.py"}


# ---------------------------------------------------------------- the owner's interface


def test_validate_and_size_agree_and_repeat() -> None:
    """Approved as asked: no adjusted size, the full position; asking twice changes nothing (domain 4)."""
    belief = ready()
    risk, before = RiskManager(belief), belief.to_checkpoint()
    for _ in range(2):
        answer = risk.validate_trade(signal(), account())
        assert (answer.approved, answer.reason, answer.adjusted_size) == (True, None, None)
        assert risk.calculate_position_size(signal(), account()) == 0.251752021
        assert risk.check_daily_limits()
        assert not risk.should_halt_trading()
    assert belief.to_checkpoint() == before


def test_a_cut_size_is_told() -> None:
    """Approved at a smaller size: the number is what the size will be."""
    risk = RiskManager(ready(seen=account(buying_power="20")))
    money = account(buying_power="20")
    answer = risk.validate_trade(signal(), money)
    assert (answer.approved, answer.adjusted_size) == (True, 0.106738544)
    assert risk.calculate_position_size(signal(), money) == answer.adjusted_size


def test_a_refused_trade_has_no_size() -> None:
    """Refused: the code, no adjusted size, zero shares."""
    risk = RiskManager(ready(seen=account(buying_power="3")))
    answer = risk.validate_trade(signal(), account(buying_power="3"))
    assert (answer.approved, answer.reason, answer.adjusted_size) == (False, "below_min_notional", None)
    assert risk.calculate_position_size(signal(), account(buying_power="3")) == 0.0


@pytest.mark.parametrize(
    ("strategy", "approved", "reason", "size"),
    [("momentum_breakout", True, None, 0.251752021), ("mean_reversion", False, "no_position", 0.0)],
)
def test_a_sell_signal_is_its_owners_business(strategy: str, approved: bool, reason: str | None, size: float) -> None:
    """The strategy that owns the position may sell all of it; another one sells nothing (domain 3.4)."""
    belief = ready()
    sale = TradeSignal("AAPL", "sell", strategy, 0.5)
    risk = RiskManager(belief)
    assert not risk.validate_trade(sale, account()).approved
    hold(belief)
    answer = risk.validate_trade(sale, account())
    assert (answer.approved, answer.reason, answer.adjusted_size) == (approved, reason, None)
    assert risk.calculate_position_size(sale, account()) == size


@pytest.mark.parametrize(("equity", "inside"), [("457.67", True), ("457.66", False), ("470", True)])
def test_check_daily_limits_reads_the_day(equity: str, inside: bool) -> None:
    """Inside the limit until the loss reaches it."""
    assert RiskManager(ready(seen=account(equity, last_equity="467.00"))).check_daily_limits() is inside


def test_an_unread_account_is_outside_every_limit() -> None:
    """What cannot be read cannot be inside."""
    belief = fold(Belief(), ev.ConfigAccepted(NOW, "rev", config(), Policy()))
    assert not RiskManager(belief).check_daily_limits()
    assert RiskManager(belief).should_halt_trading()


def test_update_trailing_stops_follows_the_newest_bar_once() -> None:
    """Every held position's stop follows its bar; again, or for a symbol we know nothing of, changes nothing."""
    belief = ready()
    hold(belief)
    protect(belief)
    belief.bars["AAPL"] = bar("AAPL", ny("10:31"), 191.0)
    shown: list[Position] = [position("AAPL", "0.251752021"), position("SPY", "1"), position("F", "1", "10")]
    for _ in range(2):
        RiskManager(belief).update_trailing_stops(shown)
        assert belief.episodes["AAPL"].stop_price == D("189.09")
    belief.bars.clear()
    RiskManager(belief).update_trailing_stops(shown)
    assert belief.episodes["AAPL"].stop_price == D("189.09")
