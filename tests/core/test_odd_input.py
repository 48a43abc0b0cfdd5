"""Odd input from broker and feed neither ends the loop nor moves a stop."""

from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Bar, OrderStatus
from alpaca_trader.edge.broker_json import Unusable, read_order
from tests.core.builders import NOW, account, approve, bar, fold, hold, order_said, protect, ready

D = Decimal


@pytest.mark.parametrize(
    "odd",
    [
        bar("AAPL", NOW.replace(second=0), -1.0, 900.0, 950.0),
        bar("AAPL", NOW.replace(second=0), float("nan"), 900.0, 180.0),
        bar("AAPL", NOW + timedelta(days=30), 900.0),
        bar("AAPL", NOW.replace(second=0), 0.0),
    ],
    ids=["inconsistent", "not a number", "from the future", "zero"],
)
def test_an_impossible_bar_moves_nothing(odd: Bar) -> None:
    """The stop stays where it was, and the next real bar is still believed."""
    belief = ready()
    hold(belief)
    protect(belief)
    before, known = belief.episodes["AAPL"].stop_price, belief.bars["AAPL"]
    fold(belief, ev.BarClosed(NOW, odd))
    assert belief.episodes["AAPL"].stop_price == before
    assert belief.bars["AAPL"] == known


def test_an_entry_is_given_up_only_by_looks_that_span_the_time() -> None:
    """Three misses in a row and a long silence are no evidence; nor is anything found before a restart."""
    belief = ready()
    order = belief.book.orders[approve(belief).client_order_id]
    fold(belief, ev.OutcomeNotKnown(NOW, order.intent.client_order_id, "submit", "timeout"))
    for second in (1, 3, 5):
        fold(belief, ev.LookUpMissed(NOW + timedelta(seconds=second), order.intent.client_order_id))
    assert (order.misses, order.last_miss_at) == (3, NOW + timedelta(seconds=5))
    fold(belief, ev.Command(NOW + timedelta(minutes=4), "started", "engine", ""))
    assert (order.misses, order.first_miss_at, order.last_miss_at) == (0, None, None)


def test_a_state_without_a_word_is_a_question() -> None:
    """A reply whose status nobody knows leaves the order unknown, so that it is asked about."""
    belief = ready()
    intent = approve(belief)
    fold(belief, ev.ExecutionReport(NOW, order_said(intent, "hibernating"), "reply"))
    order = belief.book.orders[intent.client_order_id]
    assert (order.status, order.broker_order_id is not None) == (OrderStatus.UNKNOWN, True)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("filled_avg_price", None, "filled_avg_price"),
        ("filled_qty", None, "filled_qty"),
        ("filled_qty", "0.6", "filled_qty"),
        ("filled_qty", "0.4", "filled_qty"),
    ],
)
def test_a_fill_that_makes_no_sense_is_no_answer(field: str, value: object, named: str) -> None:
    """A filled order must say how much and at what price; half an answer is read again."""
    raw = {
        "id": "b1", "client_order_id": "c1", "symbol": "AAPL", "side": "buy", "type": "market", "status": "filled",
        "qty": "0.5", "filled_qty": "0.5", "filled_avg_price": "190.1",
    }  # fmt: skip
    assert read_order(raw).filled_qty == D("0.5")
    with pytest.raises(Unusable, match=named):
        read_order({**raw, field: value})


def test_flows_are_kept_when_their_date_is_over() -> None:
    """A reading after midnight begins a new date; yesterday's withdrawal stays in the arithmetic of the peak."""
    belief = ready()
    today = NOW.date()
    out = account("367.00", net_flows=D(-100), flows_on=today)
    fold(belief, ev.AccountSeen(NOW, out))
    night = account("367.00", flows_on=today + timedelta(days=1))
    fold(belief, ev.AccountSeen(NOW + timedelta(hours=12), night))
    assert belief.risk.flows_before_today + belief.risk.flows_today == D(-100)
    assert belief.risk.peak_equity == D("467.00")


def test_a_human_accepts_unknown_orders_for_good() -> None:
    """Lifting the halt says that these orders are known; they stop nothing again."""
    belief = ready()
    strange = order_said(approve(ready()), "new")
    fold(belief, ev.ExecutionReport(NOW, strange, "stream"), ev.HaltLatched(NOW, "unknown_own_order", "", "human"))
    fold(belief, ev.HaltReleased(NOW, "unknown_own_order", "human"), ev.ExecutionReport(NOW, strange, "stream"))
    assert belief.strangers == []
