"""The owner's calls on the executor: a buy, a cancel, closing one position or all (design 1)."""

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import OrderRefused, OutcomeUnknown, RefusalKind, Retryable
from alpaca_trader.core.models import MINUTE, TradeSignal
from tests.core.desk import STRATEGY, D, Desk
from tests.core.test_protection_scenes import BUY, PROTECTED, QTY


def wish(desk: Desk, symbol: str = "AAPL") -> TradeSignal:
    """A buy on the newest bar."""
    start = desk.clock.now().replace(second=0) - MINUTE
    return TradeSignal(symbol, "buy", STRATEGY, 0.8, 185.50, bar_start=start)


def test_submit_order_buys_no_more_than_asked_and_no_more_than_allowed() -> None:
    """The size is a wish; every cap still binds."""
    desk = Desk()
    order = desk.executor.submit_order(wish(desk), 0.1)
    assert (order.symbol, order.side, order.qty) == ("AAPL", "buy", D("0.1"))
    assert desk.journal.committed[-1] != desk.journal.entries[0]
    desk = Desk()
    assert desk.executor.submit_order(wish(desk), 100.0).qty == D(QTY)
    desk = Desk()
    desk.do("next quotes failed")
    with pytest.raises(OrderRefused, match="policy"):
        desk.executor.submit_order(wish(desk), 0.1)


def test_submit_order_says_which_kind_of_no() -> None:
    """A gate, the broker and a lost answer are three different ends."""
    desk = Desk()
    desk.do("command halt")
    with pytest.raises(OrderRefused, match="policy"):
        desk.executor.submit_order(wish(desk), 0.1)
    desk = Desk()
    desk.do("next submit refused insufficient_buying_power")
    with pytest.raises(OrderRefused, match="policy"):
        desk.executor.submit_order(wish(desk), 0.1)
    with pytest.raises(OrderRefused):  # the same minute again
        desk.executor.submit_order(wish(desk), 0.1)
    desk = Desk()
    desk.do("next submit dropped")
    with pytest.raises(OutcomeUnknown):
        desk.executor.submit_order(wish(desk), 0.1)
    assert [action.intent.qty for action in desk.lines(ev.Approved)] == [D("0.1")]


def test_cancel_order_is_journalled_and_protection_comes_back() -> None:
    """Either id names the order; the stop of a position is replaced at once."""
    desk = Desk()
    desk.play(PROTECTED)
    assert desk.executor.cancel_order(desk.broker.orders[desk.key("stop1")].broker_order_id)
    assert isinstance(desk.journal.committed[-1], ev.CancelOrder)
    desk.play([("to stop1 canceled", f"cancel stop1; stop2 {QTY} stop 182.72"), ("to stop2 new", "")])
    assert not desk.executor.cancel_order("no such id")
    assert not desk.executor.cancel_order(desk.key("stop1"))
    desk.do("next cancel refused other")
    assert not desk.executor.cancel_order(desk.key("stop2"))


def test_close_position_answers_with_what_is_being_worked_on() -> None:
    """First the stop whose cancel is awaited, then the sale; nothing held is a refusal, nothing sendable yet is not."""
    desk = Desk()
    with pytest.raises(OrderRefused) as no:
        desk.executor.close_position("AAPL")
    assert no.value.kind is RefusalKind.NOT_FOUND
    desk.play(PROTECTED)
    assert desk.executor.close_position("AAPL").client_order_id == desk.key("stop1")
    desk.play([("to stop1 canceled", f"cancel stop1; exit1 {QTY} limit 185.38")])
    assert desk.executor.close_position("AAPL").client_order_id == desk.key("exit1")
    desk = Desk()
    desk.play([*BUY, ("next positions failed", ""), ("fill entry 185.50", "")])
    desk.broker.down = True
    with pytest.raises(Retryable):
        desk.executor.close_position("AAPL")


def test_close_all_positions_closes_all_although_one_is_only_an_entry() -> None:
    """An entry without shares is cancelled and keeps no other position from being closed."""
    desk = Desk()
    desk.play([*PROTECTED, ("buy MSFT", "entry 0.108576345 limit 430.24")])
    orders = desk.executor.close_all_positions()
    assert [order.client_order_id for order in orders] == [desk.key("stop1")]
    assert desk.broker.said == ["cancel stop1", "cancel entry"]


def test_get_positions_reads_the_broker() -> None:
    """What the broker shows, ours or not."""
    desk = Desk()
    desk.do("owns MSFT 2")
    assert [(held.symbol, held.qty) for held in desk.executor.get_positions()] == [("MSFT", D(2))]
