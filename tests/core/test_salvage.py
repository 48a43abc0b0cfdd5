"""What is read off the broker's orders when the journal is gone: plan, fills, stop, numbers, and whose it is."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import Order, OrderStatus, Position
from alpaca_trader.core.policy import Policy
from tests.core import builders as b

D = Decimal
EPISODE = "momentum_breakout-AAPL-20261120T1501"
SENT = b.ny("10:01:02")


def order(role: str, status: str, filled: str = "0", minutes: int = 0, **more: Any) -> Order:
    """An order of ours in AAPL as the broker shows it, by what its id says it is for."""
    buys = role.startswith("entry")
    shown = Order(
        broker_order_id=f"broker-{role}",
        client_order_id=f"{EPISODE}-{role}",
        symbol="AAPL",
        side="buy" if buys else "sell",
        type="limit" if buys else "stop" if role.startswith("stop") else "market",
        time_in_force="day",
        status=status,
        qty=D("0.25"),
        filled_qty=D(filled),
        filled_avg_price=D("186.20") if D(filled) else None,
        limit_price=D("186.30") if buys else None,
        submitted_at=SENT + timedelta(minutes=minutes),
    )
    return replace(shown, **more)


def stop(number: int, price: str, status: str = "new", **more: Any) -> Order:
    """A stop of ours, sent a few minutes after the one before."""
    return order(f"stop{number}", status, minutes=number, stop_price=D(price), **more)


def held(qty: str = "0.25", symbol: str = "AAPL") -> Position:
    """What the broker says is held."""
    return Position(symbol, D(qty), D(0), D("186.20"))


def believed(*orders: Order, positions: tuple[Position, ...] = (held(),), after: date = b.DAY) -> Belief:
    """The belief of an engine that has only what the broker says, on this day."""
    belief = Belief()
    at = b.ny("11:00", after)
    belief.on_event(ev.ConfigAccepted(at, "rev", b.config(stop_loss_pct=0.03), Policy()))
    belief.on_event(ev.JournalLost(at, "gone", tuple(orders), positions))
    return belief


BOUGHT = order("entry", "filled", "0.25")


def test_a_guarded_position_is_whole_again() -> None:
    """Quantity, price, plan, entry and stop as they were; the next stop's number is new to the broker."""
    belief = believed(BOUGHT, stop(1, "180.00"))
    episode = belief.episodes["AAPL"]
    assert (episode.qty, episode.entry_price) == (D("0.25"), D("186.20"))
    assert (episode.stop_price, episode.initial_stop, episode.stops_sent) == (D("180.00"), D("180.00"), 1)
    assert (episode.plan.strategy, episode.plan.take_profit_pct) == ("momentum_breakout", D("0.02"))
    assert (episode.entry_id, episode.opened_at) == (f"{EPISODE}-entry", SENT)
    assert not belief.is_naked(episode)
    assert belief.portfolio.qty("AAPL") == D("0.25")
    episode.anchor_stop()
    assert episode.stop_price == D("180.00"), "anchored to the fill once more it lies where it lay"


def test_without_a_stop_the_settings_say_where_it_belongs() -> None:
    """Killed between fill and stop: 3 % below what was paid, rounded up."""
    belief = believed(BOUGHT)
    episode = belief.episodes["AAPL"]
    assert (episode.stop_price, episode.stops_sent) == (D("180.62"), 0)
    assert belief.is_naked(episode)


def test_a_raised_stop_stays_raised() -> None:
    """The highest stop that ever stood counts, and its number, also where it was sent in place of another."""
    first = stop(1, "180.00", "replaced", replaced_by="broker-stop2")
    belief = believed(stop(2, "184.10", replaces="broker-stop1"), BOUGHT, first)
    episode = belief.episodes["AAPL"]
    assert (episode.initial_stop, episode.stop_price, episode.stops_sent) == (D("180.00"), D("184.10"), 2)
    assert episode.is_trailing
    assert belief.book.orders[f"{EPISODE}-stop2"].intent.replaces == f"{EPISODE}-stop1"
    assert [each.intent.client_order_id for each in belief.book.open()] == [f"{EPISODE}-stop2"]


def test_a_sale_under_way_goes_on() -> None:
    """An exit that rests is worked on, not undone; what it has sold is not held."""
    belief = believed(BOUGHT, stop(1, "180.00", "canceled"), order("exit3", "partially_filled", "0.10", minutes=9))
    episode = belief.episodes["AAPL"]
    assert (episode.qty, episode.exit_reason, episode.exits_sent) == (D("0.15"), "asked", 3)
    assert not belief.is_naked(episode)


def test_a_buy_that_still_rests_is_ours() -> None:
    """Killed after the entry was sent: it is known, with what it bought so far, and may be cancelled."""
    belief = believed(order("entry", "partially_filled", "0.05"), positions=(held("0.05"),))
    assert belief.episodes["AAPL"].qty == D("0.05")
    assert belief.book.orders[f"{EPISODE}-entry"].status is OrderStatus.PARTIALLY_FILLED
    nothing_yet = believed(order("entry", "new"), positions=())
    assert nothing_yet.episodes["AAPL"].qty == 0
    assert nothing_yet.episodes["AAPL"].plan.signal_price == D("186.30")


@pytest.mark.parametrize(
    ("orders", "positions"),
    [
        ((BOUGHT, order("exit1", "filled", "0.25", minutes=5)), (held(),)),
        ((BOUGHT, stop(1, "180.00", "filled", filled_qty=D("0.25"), filled_avg_price=D("180"))), (held(),)),
        ((BOUGHT,), ()),
        ((stop(1, "180.00"),), (held(),)),
        ((order("entry", "canceled"),), (held(),)),
        ((replace(BOUGHT, client_order_id="by-hand"),), (held(),)),
        ((replace(BOUGHT, qty=None),), (held(),)),
        ((), (held(),)),
    ],
    ids=["sold", "stopped out", "not held", "no entry", "never filled", "not our id", "by amount", "no orders"],
)
def test_what_is_not_ours_any_more_is_somebody_elses(
    orders: tuple[Order, ...], positions: tuple[Position, ...]
) -> None:
    """A position without an open episode of ours is counted and not touched, and its orders raise no second alarm."""
    belief = believed(*orders, positions=positions)
    assert (belief.episodes, belief.portfolio.lots) == ({}, {})
    belief.on_event(ev.OpenOrdersSeen(b.ny("11:00:01"), orders))
    assert belief.strangers == []


def test_the_newest_episode_of_a_symbol_counts() -> None:
    """One sold by hand long ago does not come back beside the one that is held."""
    old = replace(BOUGHT, client_order_id=BOUGHT.client_order_id.replace("20261120", "20261119"), broker_order_id="old")
    belief = believed(BOUGHT, replace(old, submitted_at=SENT - timedelta(days=1)), stop(1, "180.00"))
    assert belief.episodes["AAPL"].entry_id == BOUGHT.client_order_id
    assert belief.portfolio.qty("AAPL") == D("0.25")


@pytest.mark.parametrize(("day", "nights"), [(20, 0), (21, 1), (23, 1), (24, 2)], ids=str)
def test_nights_are_counted_again(day: int, nights: int) -> None:
    """From the entry's date to the session that opens next, weekends apart; on the day itself none."""
    belief = believed(BOUGHT, after=date(2026, 11, day))
    belief.on_event(ev.SessionOpened(b.ny("09:25", date(2026, 11, day)), b.session(date(2026, 11, day))))
    assert belief.episodes["AAPL"].nights == nights


def test_a_strategy_that_the_settings_no_longer_name_is_guarded_too() -> None:
    """Its parameters are then the common ones."""
    gone = BOUGHT.client_order_id.replace("momentum_breakout", "retired")
    belief = believed(replace(BOUGHT, client_order_id=gone))
    assert belief.episodes["AAPL"].plan.strategy == "retired"
    assert belief.episodes["AAPL"].plan.hold_overnight is False


def test_halts_and_the_peak_outlast_a_journal_that_is_only_old() -> None:
    """A backup's halts stay in force; its orders and positions do not."""
    belief = b.ready()
    b.hold(belief, "MSFT")
    belief.on_action(ev.HaltLatched(b.NOW, "drawdown", "", "human"))
    peak = belief.risk.peak_equity
    belief.on_event(ev.JournalLost(b.NOW, "old", (BOUGHT, stop(1, "180.00")), (held(),)))
    assert list(belief.episodes) == ["AAPL"]
    assert list(belief.risk.latched) == ["drawdown"]
    assert belief.risk.peak_equity == peak
    assert belief.cash_residual(b.account()) == 0
