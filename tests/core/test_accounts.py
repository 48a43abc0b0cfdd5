"""What people read: trade rows, the day's summary and the status page, to the digit of the worked examples."""

import json
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import (
    charged_rows,
    day_summary,
    exit_reason,
    slippage_bps,
    status_page,
    trade_row,
    trade_status,
)
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import BrokerClock, Evaluation, OrderStatus
from alpaca_trader.core.risk_manager import Entry, RiskManager
from tests.core.builders import (
    NOW,
    D,
    account,
    approve,
    bar,
    decide,
    filled,
    fold,
    hold,
    minutes_after,
    ny,
    protect,
    ready,
    said,
    sell,
    session,
    signal,
    traded,
)


@pytest.mark.parametrize(
    ("side", "price", "reference", "bps"),
    [
        ("buy", "185.53", "185.50", 1.617),
        ("sell", "188.06", "188.10", 2.127),
        ("buy", "185.47", "185.50", -1.617),
        ("sell", "188.14", "188.10", -2.127),
        ("buy", None, "185.50", None),
        ("buy", "185.50", None, None),
        ("buy", "185.50", "0", None),
    ],
)
def test_slippage_is_positive_where_it_costs(
    side: Any, price: str | None, reference: str | None, bps: float | None
) -> None:
    """The vectors of domain 7.5; without a fill or a reference it is undefined, not zero."""
    found = slippage_bps(side, D(price) if price else None, D(reference) if reference else None)
    assert found == (pytest.approx(bps, abs=5e-4) if bps is not None else None)


# ---------------------------------------------------------------- the trade row


def held_through_bars() -> Belief:
    """The AAPL position of the specification and a minute that ranged from 184.90 to 189.60."""
    belief = ready()
    hold(belief, trailing_activation_pct=None)
    protect(belief)
    fold(belief, ev.BarClosed(minutes_after(2), bar("AAPL", ny("10:31"), 188.10, high=189.60, low=184.90)))
    return belief


def test_a_closed_trade_to_the_digit() -> None:
    """MAE -0.3235 %, MFE +2.2102 %, R 0.9353, slippage of exit 2.127 bp, and P&L net of what accrued (domain 7.6)."""
    belief = held_through_bars()
    sell(belief, price="188.06", at=minutes_after(3))
    row = trade_row(belief, belief.episodes["AAPL"], "closed")
    assert (row.qty, row.entry_price, row.exit_price) == (D("0.251752021"), D("185.500000"), D("188.060000"))
    assert row.mae_pct == pytest.approx(-0.3235, abs=5e-5)
    assert row.mfe_pct == pytest.approx(2.2102, abs=5e-5)
    assert row.entry_slip_bps == 0.0
    assert row.exit_slip_bps == pytest.approx(2.127, abs=5e-4)
    assert (row.fees, row.pnl) == (D("0.001026"), D("0.643459"))
    assert (row.signal_price, row.initial_stop, row.exit_reason) == (D("185.50"), D("182.72"), "target")
    assert (row.opened_at, row.timestamp, row.side) == (NOW, NOW, "buy")
    assert row.order_id == "broker-momentum_breakout-AAPL-20261120T1530-entry"


def test_r_is_what_was_earned_by_what_was_risked() -> None:
    """Exit 188.10, entry 185.50, initial stop 182.72: R 0.9353 (domain 7.6)."""
    belief = ready()
    hold(belief)
    protect(belief)
    fold(belief, ev.BarClosed(minutes_after(2), bar("AAPL", ny("10:31"), 191.0)))
    sell(belief)
    row = trade_row(belief, belief.episodes["AAPL"], "closed")
    assert row.r_multiple == pytest.approx(0.9353, abs=5e-5)
    assert row.initial_stop == D("182.72")


def test_partial_exits_share_one_row() -> None:
    """0.1 at 188.10 and the rest at 187.90: exit price 187.979443, gross 0.624205 (domain 7.2)."""
    belief = ready()
    hold(belief)
    fold(belief, ev.ExitDecided(NOW, "momentum_breakout-AAPL-20261120T1530", "target"))
    intent = RiskManager(belief).approve_exit(belief.episodes["AAPL"], D("0.251752021"), NOW).intent
    fold(belief, ev.Approved(NOW, intent), said(intent, "partially_filled", "0.1", "188.10"))
    assert trade_status(belief, belief.episodes["AAPL"]) == "closing"
    exact: dict[str, Any] = {"execution_id": "x2", "last_qty": D("0.151752021"), "last_price": D("187.90")}
    fold(belief, said(intent, "filled", "0.251752021", "187.979443", source="stream", **exact))
    row = trade_row(belief, belief.episodes["AAPL"], "closed", D(0))
    assert (row.exit_price, row.pnl) == (D("187.979443"), D("0.624205"))


def test_an_open_row_has_no_result() -> None:
    """Before it is closed, result, extremes, R and exit slippage are undefined; before the first fill the price too."""
    belief = held_through_bars()
    row = trade_row(belief, belief.episodes["AAPL"], "open")
    assert (row.pnl, row.exit_price, row.mae_pct, row.mfe_pct, row.r_multiple, row.exit_slip_bps) == (None,) * 6
    approve(belief, signal("SPY"))
    row = trade_row(belief, belief.episodes["SPY"], "pending")
    assert (row.entry_price, row.initial_stop, row.opened_at, row.entry_slip_bps, row.qty) == (*(None,) * 4, D(0))
    assert row.order_id == "momentum_breakout-SPY-20261120T1530-entry", "until the broker has named it, our own id"


def test_a_trade_without_a_bar_has_no_extremes() -> None:
    """In and out within one minute: no bar began after the fill."""
    belief = ready()
    hold(belief)
    sell(belief)
    row = trade_row(belief, belief.episodes["AAPL"], "closed")
    assert (row.mae_pct, row.mfe_pct) == (None, None)


def test_a_row_survives_the_order_it_began_with() -> None:
    """Held overnight, the entry order is forgotten; the row goes on without its id."""
    belief = ready()
    hold(belief)
    belief.book.orders.clear()
    row = trade_row(belief, belief.episodes["AAPL"], "open")
    assert (row.order_id, row.entry_price) == ("", D("185.500000"))


def test_where_a_row_stands() -> None:
    """pending, open, closing, closed, and closed only when no order of it can fill any more (domain 7.2)."""
    belief = ready()
    intent = approve(belief)
    episode = belief.episodes["AAPL"]
    assert trade_status(belief, episode) == "pending"
    filled(belief, intent, "185.50")
    assert trade_status(belief, episode) == "open"
    protect(belief)
    assert trade_status(belief, episode) == "open"
    sell(belief)
    assert trade_status(belief, episode) == "closed"


def test_a_row_waits_for_orders_that_may_still_fill() -> None:
    """Sold out by hand while the stop still rests: the row is closing until the stop has ended."""
    belief = ready()
    hold(belief)
    stop = protect(belief)
    episode = belief.episodes["AAPL"]
    fold(belief, ev.Adopted(NOW, episode.plan.episode_id, D(0)))
    assert trade_status(belief, episode) == "closing"
    fold(belief, said(stop, "canceled"))
    assert trade_status(belief, episode) == "closed"


def test_an_exit_under_way_is_closing() -> None:
    """An exit order that has not filled yet."""
    belief = ready()
    hold(belief)
    episode = belief.episodes["AAPL"]
    fold(belief, RiskManager(belief).approve_exit(episode, episode.qty, NOW))
    assert trade_status(belief, episode) == "closing"


@pytest.mark.parametrize(
    ("word", "status"), [("rejected", "rejected"), ("canceled", "canceled"), ("expired", "canceled")]
)
def test_an_entry_that_came_to_nothing(word: str, status: str) -> None:
    """Rejected says so; every other end without a fill is canceled."""
    belief = ready()
    fold(belief, said(approve(belief), word))
    assert trade_status(belief, belief.episodes["AAPL"]) == status
    belief = ready()
    key = approve(belief).client_order_id
    fold(belief, ev.Abandoned(NOW, key))
    assert belief.book.orders[key].status is OrderStatus.ABANDONED
    assert trade_status(belief, belief.episodes["AAPL"]) == "canceled"


def test_an_episode_announced_without_its_order_is_pending() -> None:
    """Between the two actions of an approval a crash may stand."""
    belief = ready()
    answer = decide(belief)
    assert isinstance(answer, Entry)
    fold(belief, answer.opened)
    assert trade_status(belief, belief.episodes["AAPL"]) == "pending"


@pytest.mark.parametrize(
    ("stop_sold", "trails", "decided", "reason"),
    [
        ("0.251752021", False, None, "stop"),
        ("0.251752021", True, None, "trail_stop"),
        ("0.251752021", False, "rsi_overbought", "stop"),
        ("0.2", False, "rsi_overbought", "stop"),
        ("0.05", False, "rsi_overbought", "rsi_overbought"),
        ("0", False, "vwap_fail", "vwap_fail"),
    ],
)
def test_why_a_position_ended(stop_sold: str, trails: bool, decided: str | None, reason: str) -> None:
    """What sold most of it is the reason, whatever had been decided meanwhile."""
    belief = ready()
    hold(belief)
    stop = protect(belief)
    episode = belief.episodes["AAPL"]
    if trails:
        fold(belief, ev.BarClosed(minutes_after(2), bar("AAPL", ny("10:31"), 191.0)))
    if decided is not None:
        fold(belief, ev.ExitDecided(NOW, episode.plan.episode_id, decided))
    fold(belief, said(stop, "canceled", stop_sold, "182.70" if D(stop_sold) else None))
    if episode.qty:
        approved = RiskManager(belief).approve_exit(episode, episode.qty, NOW)
        fold(belief, approved)
        filled(belief, approved.intent, "183.00")
    assert exit_reason(belief, episode) == reason


def test_shares_sold_by_others_ended_for_that_reason() -> None:
    """No order of ours sold anything: what was noted when it was found out stands."""
    belief = ready()
    hold(belief)
    episode = belief.episodes["AAPL"]
    fold(belief, ev.Adopted(NOW, episode.plan.episode_id, D(0)))
    assert exit_reason(belief, episode) == "sold_by_others"


# ---------------------------------------------------------------- the day


def test_the_days_fees_are_shared_by_its_trades() -> None:
    """Three cents of the day, spread by sale notional, and each P&L net of its share (domain 7.3)."""
    belief = ready()
    for number, price in enumerate(("188.10", "187.00", "184.00")):
        traded(belief, at=minutes_after(number), price=price)
    rows = charged_rows(belief)
    assert belief.portfolio.fees.charged() == D("0.03")
    assert sum((row.fees for row in rows), D(0)) == D("0.03")
    gross = [(D(price) - D("185.50")) * D("0.251752021") for price in ("188.10", "187.00", "184.00")]
    for row, earned in zip(rows, gross, strict=True):
        assert row.pnl is not None
        assert abs(row.pnl - (earned - row.fees)) < D("0.000002")
    assert rows[0].fees > rows[1].fees > rows[2].fees


def test_the_days_summary() -> None:
    """The result is the broker's, the counts are ours: trades, wins, losses, fees, refusals by code, halts."""
    belief = ready()
    traded(belief, at=ny("10:00"), price="188.10")
    traded(belief, at=ny("10:10"), price="184.00")
    evaluation = Evaluation("AAPL", "momentum_breakout", NOW, "signal", (), signal())
    for code in ("cooldown", "approved", "cooldown", "buying_power"):
        fold(belief, ev.Decided(NOW, evaluation, code, ()))
    seen = account("471.62", last_equity="466.00", net_flows=D(1))
    fold(belief, ev.AccountSeen(ny("16:00"), seen), ev.HaltLatched(NOW, "operator", "", "human"))
    summary = day_summary(belief)
    assert (summary.equity_start, summary.equity_end, summary.net_flows) == (D("467.00"), D("471.62"), D(1))
    assert (summary.pnl, round(summary.pnl_pct, 4)) == (D("4.62"), D("0.9914"))
    assert (summary.trades, summary.wins, summary.losses, summary.fees) == (2, 1, 1, D("0.03"))
    assert (summary.signals, dict(summary.refusals)) == (4, {"buying_power": 1, "cooldown": 2})
    assert (summary.orders_sent, summary.halted, summary.day) == (4, "operator", ny("10:00").date())


def test_a_day_whose_account_was_never_read() -> None:
    """Nothing is known of the money, and it says zero trades rather than failing."""
    belief = fold(Belief(), ev.SessionOpened(NOW, session()))
    summary = day_summary(belief)
    assert (summary.equity_start, summary.equity_end, summary.pnl, summary.trades) == (D(0), D(0), D(0), 0)
    with pytest.raises(AssertionError, match="a day ends that began"):
        day_summary(Belief())


# ---------------------------------------------------------------- the status page


def test_the_status_page_has_the_owners_fields() -> None:
    """Numbers as JSON numbers: account, result in percent, positions, trades of today, active strategies."""
    belief = ready(seen=account("467.00", last_equity="462.38", cash="420.30", buying_power="420.30"))
    hold(belief)
    protect(belief)
    fold(belief, ev.BarClosed(minutes_after(2), bar("AAPL", ny("10:31"), 188.10)))
    page = status_page(belief, minutes_after(1), {"AAPL": "protected"})
    assert page["account"] == {"portfolio_value": 467.0, "cash": 420.3, "buying_power": 420.3}
    assert (page["daily_pnl"], page["daily_pnl_pct"], page["trades_today"]) == (4.62, 0.9992, 0)
    assert page["strategies_active"] == ["momentum_breakout", "mean_reversion"]
    (row,) = page["positions"]
    assert (row["symbol"], row["qty"], row["unrealized_pnl"]) == ("AAPL", 0.251752021, 0.65)
    assert (row["entry_price"], row["stop_price"], row["state"]) == (185.5, 182.72, "protected")
    assert (row["strategy"], row["exit_reason"]) == ("momentum_breakout", None)
    assert (page["halt"], page["protected"], page["orders_open"], page["entries_today"]) == (None, True, 1, 1)
    assert page["session"]["is_open"] is True
    assert page["config"] == {"active_rev": "rev1", "state": "active", "file_hash": None, "detail": None}
    assert page["health"]["account_age_s"] == 61.0
    json.dumps(page, default=str)


def test_the_status_page_shows_every_doubt() -> None:
    """A refused config, an exit under way, no stop, a halt, a lost stream, a failed journal, a skewed clock."""
    belief = ready()
    hold(belief)
    fold(
        belief,
        ev.ConfigRefused(NOW, "abc", "risk.max_positons is not a setting"),
        ev.ExitDecided(NOW, "momentum_breakout-AAPL-20261120T1530", "stop_breached"),
        ev.StreamChanged(NOW, "trade_updates", False),
        ev.ClockSeen(NOW, BrokerClock(minutes_after(1), True, NOW, NOW)),
        ev.HaltLatched(NOW, "operator", "", "human"),
        ev.JournalFailed(NOW, "disk full"),
    )
    page = status_page(belief, NOW, {"AAPL": "unprotected"})
    assert page["config"]["state"] == "rejected"
    assert (page["config"]["file_hash"], page["config"]["detail"]) == ("abc", "risk.max_positons is not a setting")
    assert page["positions"][0]["exit_reason"] == "stop_breached"
    assert (page["protected"], page["halt"]) == (False, {"code": "operator", "latched": ["operator"]})
    assert page["health"]["streams"] == {"trade_updates": False}
    assert (page["health"]["journal"], page["health"]["clock_skew_s"]) == ("failed", 60.0)


def test_before_anything_is_known_the_page_says_so() -> None:
    """Undefined is null, and entries stand still."""
    page = status_page(Belief(), NOW, {})
    assert page["account"] == {"portfolio_value": None, "cash": None, "buying_power": None}
    assert (page["daily_pnl"], page["daily_pnl_pct"], page["session"]) == (None, None, None)
    assert (page["strategies_active"], page["positions"], page["halt"]["code"]) == ([], [], "no_config")
    assert page["health"]["account_age_s"] is None


def test_a_position_without_a_price_shows_no_gain() -> None:
    """Ordered, not filled: quantity 0 and no prices; filled without a bar: the gain is nothing, at its own price."""
    belief = ready()
    approve(belief)
    (row,) = status_page(belief, NOW, {})["positions"]
    assert (row["qty"], row["unrealized_pnl"], row["entry_price"], row["state"]) == (0.0, None, None, None)
    belief.bars.clear()
    (row,) = status_page(belief, NOW, {})["positions"]
    assert row["unrealized_pnl"] is None
