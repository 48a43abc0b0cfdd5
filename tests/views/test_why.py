"""Why a trade happened: every number of the story is the journal's."""

import io
import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from rich.console import Console

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import OrderRole, OrderStatus
from alpaca_trader.edge.journal.reader import JournalReader, TradeRow
from alpaca_trader.views.orders import orders_json, orders_of_day, print_orders
from alpaca_trader.views.trade_table import print_trades
from alpaca_trader.views.why import NotRecorded, TradeStory, print_why, why, why_json
from alpaca_trader.views.words import clock_s, shares, signed
from tests.views.play import HALF_DAY
from tests.views.scripted import EPISODE, at, entries, news, order


def printed(story: TradeStory, width: int = 80) -> str:
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_why(console, story)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def by_reason(reader: JournalReader, reason: str) -> TradeRow:
    """The first trade that ended so."""
    return next(row for row in reader.trades() if row.trade.exit_reason == reason)


def test_every_trade_of_the_run_is_explained_by_its_own_orders(reader: JournalReader) -> None:
    """Fills add up to the row's quantity and prices, decisions are those that led to it, and JSON is valid."""
    for row in reader.trades():
        story, trade = why(reader, row.id), row.trade
        buys = [fill for order in story.orders for fill in order.fills if fill.side == "buy"]
        sells = [fill for order in story.orders for fill in order.fills if fill.side == "sell"]
        assert sum(fill.qty for fill in buys) == trade.qty
        paid = sum(fill.qty * fill.price for fill in buys)
        assert paid / trade.qty == pytest.approx(trade.entry_price, abs=Decimal("0.000001"))
        if trade.status == "closed":
            assert sum(fill.qty for fill in sells) == trade.qty
            assert sum(fill.qty * fill.price for fill in sells) / trade.qty == pytest.approx(
                trade.exit_price, abs=Decimal("0.000001")
            )
        assert [order.intent for order in story.orders] == [
            intent for intent in reader.intents() if intent.episode_id == trade.episode_id
        ]
        assert story.decision is not None
        assert story.decision.verdict == "approved"
        assert all(gate.passed for gate in story.decision.gates)
        assert story.plan is not None
        assert story.plan.signal_price == trade.signal_price
        assert story.settings is not None
        assert story.sizing is not None
        assert story.sizing.qty == story.orders[0].intent.qty
        assert story.sizing.notional <= story.sizing.budget
        content = json.loads(json.dumps(why_json(story), allow_nan=False))
        assert content["trade"]["id"] == row.id
        assert [each["client_order_id"] for each in content["orders"]] == [
            order.intent.client_order_id for order in story.orders
        ]
        assert "\x1b" not in printed(story)


def test_a_trailing_stop_shows_every_move(reader: JournalReader) -> None:
    """The stop only rises, each replaces the one before, and the last of them sold."""
    row = by_reason(reader, "trail_stop")
    story = why(reader, row.id)
    stops = [order for order in story.orders if order.intent.role is OrderRole.STOP]
    levels = [order.intent.stop_price for order in stops]
    assert len(levels) > 2
    assert levels == sorted(levels, key=lambda level: level or 0)
    assert levels[0] == row.trade.initial_stop
    assert [order.status for order in stops] == [OrderStatus.REPLACED] * (len(stops) - 1) + [OrderStatus.FILLED]
    text = printed(story)
    for fragment in (
        "Reason  trail stop",
        "bound by the",
        "position cap of 10 % of equity",
        "from 2 % above, a stop trails 1 % below the high",
        "replaces",
        "close above VWAP + buffer",
        f"{signed(row.trade.pnl, 4)} USD net of",
    ):
        assert fragment in text, fragment


def test_an_exit_on_a_signal_shows_the_signal(reader: JournalReader) -> None:
    """A trade that its strategy ended carries that decision, with the gate that spoke."""
    row = by_reason(reader, "vwap_fail")
    story = why(reader, row.id)
    assert story.exit_decision is not None
    assert story.exit_decision.gates[-1].name == "vwap_fail"
    text = printed(story)
    assert "Exit signal" in text
    assert text.index("exit decided") < text.index("cancel asked") < text.index("exit1 sent")


def test_a_trade_that_is_not_over_has_no_end(reader: JournalReader) -> None:
    """An open position shows what there is: entry, stop, no result."""
    row = next(row for row in reader.trades() if row.trade.status == "open")
    story = why(reader, row.id)
    assert [order.status for order in story.orders] == [OrderStatus.FILLED, OrderStatus.WORKING]
    assert story.turns == ()
    text = printed(story)
    assert "State  open" in text
    assert "P&L" not in text


def test_a_trade_that_is_not_there_is_named_with_the_nearest(reader: JournalReader) -> None:
    """The error says what the journal holds."""
    ids = [row.id for row in reader.trades()]
    for missing, nearest in ((0, ids[0]), (-5, ids[0]), (ids[-1] + 1, ids[-1]), (10**12, ids[-1])):
        with pytest.raises(NotRecorded) as caught:
            why(reader, missing)
        held = f"the journal holds {len(ids)}, from {ids[0]} to {ids[-1]}; the nearest is {nearest}"
        assert str(caught.value) == f"no trade {missing}: {held}"


def test_without_trades_the_error_says_so(written: Callable[..., JournalReader]) -> None:
    """An empty journal names no neighbour."""
    with pytest.raises(NotRecorded, match="no trade 1: the journal holds no trade yet"):
        why(written([]), 1)


def test_everything_a_broker_can_say_becomes_a_moment(written: Callable[..., JournalReader]) -> None:
    """Refused, unanswered, looked up, sent again, filled in parts and seen only in a list: each is told once."""
    story = why(written(list(entries())), 1)
    told = {order.name: [(moment.what, moment.detail) for moment in order.moments] for order in story.orders}
    assert told["entry"] == [
        ("sent", "buy 0.25 AAPL, limit 185.60"),
        ("no answer", "to submit: ReadTimeout"),
        ("unknown", ""),
        ("looked up", "the broker does not know it"),
        ("filled", "0.1 at 185.50"),
        ("filled", "0.1 at 185.56"),
        ("filled", "0.05 at 185.58"),
    ]
    assert told["stop1"] == [
        ("sent", "sell 0.25 AAPL, stop 182.76"),
        ("refused", "wash trade: wash ?[1m"),
        ("rejected", ""),
    ]
    assert told["stop2"] == [
        ("sent", "sell 0.25 AAPL, stop 182.76"),
        ("working", ""),
        ("filled", "0.05 at 182.70"),
        ("replaced", ""),
    ]
    assert told["stop3"] == [
        ("sent", "sell 0.25 AAPL, stop 183.00"),
        ("working", ""),
        ("cancel asked", "vwap fail"),
        ("canceled", ""),
    ]
    assert told["exit1"] == [
        ("sent", "sell 0.25 AAPL, limit 184.40"),
        ("no answer", "to submit: ConnectionError"),
        ("unknown", ""),
        ("sent again", "under the same id"),
        ("filled", "0.2 at 184.50"),
    ]
    text = printed(story, 100)
    assert "exit postponed to 09:40:25.000; the stop guards again" in text
    assert "stop 183.00, replaces stop2 (protect)" in text
    assert "0.25 shares x 185.5000 = 46.3750 USD; budget 46.70 USD, bound by the position cap" in text
    assert "may stay overnight" in text
    assert "\x1b" not in text
    json.dumps(why_json(story), allow_nan=False)


def test_shares_that_others_sold_are_told(written: Callable[..., JournalReader]) -> None:
    """Where the broker held fewer shares than we bought, the story says that another hand was in it."""
    *before, _, _ = entries()
    story = why(written([*before, ev.Adopted(at(30), EPISODE, Decimal("0.1"))]), 1)
    assert "the broker holds only 0.1; the rest left by someone else's hand" in " ".join(printed(story, 120).split())
    assert [each["what"] for each in why_json(story)["exit_decisions"]] == ["ExitDecided", "ExitPostponed", "Adopted"]


def test_a_replacement_first_heard_of_on_the_stream_keeps_the_fills_apart(
    written: Callable[..., JournalReader],
) -> None:
    """Shares the replaced order had sold are not told again; what is more is the replacement's own."""
    told = [
        news(9.1, order("stop3", "partially_filled", "0.15", "182.80")) if entry == _REPLY else entry
        for entry in entries()[:-7]
    ]
    stops = {each.name: each.fills for each in why(written(told), 1).orders}
    assert [(fill.qty, fill.price) for fill in stops["stop2"]] == [(Decimal("0.05"), Decimal("182.70"))]
    assert [(fill.qty, fill.price) for fill in stops["stop3"]] == [(Decimal("0.10"), Decimal("182.85"))]


_REPLY = news(9.1, order("stop3", "new", "0.05", "182.70"), "reply")


def test_a_trade_somebody_asked_for_has_no_signal(written: Callable[..., JournalReader]) -> None:
    """What the journal does not hold is said to be missing, not made up."""
    without = [entry for entry in entries() if not isinstance(entry, ev.Decided)]
    story = why(written(without), 1)
    assert story.decision is None
    assert story.sizing is None
    assert story.settings is None
    assert "none in the journal" in printed(story)
    assert why_json(story)["signal"] is None


def test_orders_of_a_day_stand_as_the_broker_left_them(reader: JournalReader) -> None:
    """All orders of a finished day have ended; those of the last one are what `orders` shows by default."""
    ended = orders_of_day(reader, HALF_DAY)
    assert len(ended) == reader.days()[0].orders_sent
    assert {order.status for order in ended} == {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REPLACED}
    last = orders_of_day(reader)
    assert [order.name for order in last] == ["entry", "stop1"] * 2
    content = json.loads(json.dumps(orders_json(last), allow_nan=False))
    assert [each["status"] for each in content] == ["filled", "working"] * 2
    assert content[0]["fills"][0]["qty"] == float(last[0].fills[0].qty)


def test_lists_of_orders_and_trades(reader: JournalReader, written: Callable[..., JournalReader]) -> None:
    """They fit 80 columns, and an empty one says so in a sentence."""
    last = reader.trades()[-1].trade
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_orders(console, orders_of_day(reader))
    print_trades(console, reader.trades())
    print_orders(console, orders_of_day(written([])))
    print_trades(console, [])
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert f"{clock_s(last.timestamp)} entry buy {shares(last.qty)} {last.symbol}, limit" in text
    assert all(f"{row.id} {row.trade.symbol} " in text for row in reader.trades())
    assert "No order was sent." in text
    assert "No trade yet." in text
    assert EPISODE not in text
