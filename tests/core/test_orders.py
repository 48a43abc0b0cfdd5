"""An order's news in any order, twice or lost: quantities only grow, an end stays an end, and no fill counts twice."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core.events import ExecutionReport
from alpaca_trader.core.models import OrderIntent, OrderRole, OrderStatus, OrderType, Side
from alpaca_trader.core.orders import REPORTED, OrderBook, TrackedOrder
from tests.core.builders import NOW, D, foreign, minutes_after, said

QTY = D("0.251752021")
ENDS = ("filled", "canceled", "expired", "rejected", "replaced")


def an_intent(
    role: OrderRole = OrderRole.ENTRY,
    symbol: str = "AAPL",
    number: int = 1,
    qty: Decimal = QTY,
    replaces: str | None = None,
) -> OrderIntent:
    """An order to buy on entry, to sell otherwise."""
    side: Side = "buy" if role is OrderRole.ENTRY else "sell"
    key = f"momentum_breakout-{symbol}-20261120T1530-{role}{number}"
    return OrderIntent(
        key, "momentum_breakout-AAPL-20261120T1530", role, symbol, side, qty, OrderType.LIMIT, D("185.60"), None,
        "momentum_breakout", "signal", NOW, "rev1", replaces,
    )  # fmt: skip


def stands(order: TrackedOrder) -> tuple[str, bool, bool]:
    """Its state, whether it has an end, and whether it guards as a stop."""
    return order.status.value, order.terminal_at is not None, order.guards


# ---------------------------------------------------------------- the table


def at_status(status: OrderStatus) -> TrackedOrder:
    """An order that is believed to stand at ``status``."""
    return TrackedOrder(an_intent(), status=status, broker_order_id="b", heard_at=NOW)


LIVE_WORDS = sorted(word for word, status in REPORTED.items() if status is OrderStatus.WORKING)


@pytest.mark.parametrize("word", LIVE_WORDS)
@pytest.mark.parametrize("before", ["intended", "unknown", "working"])
def test_an_open_order_works_on_whatever_open_word_is_heard(before: str, word: str) -> None:
    """Every non-terminal word of the broker means that the order may still fill."""
    order = at_status(OrderStatus(before))
    order.take(said(order.intent, word), 1)
    assert order.status is OrderStatus.WORKING
    assert order.broker_word == word
    assert order.is_open
    assert order.is_settled
    assert order.terminal_at is None


@pytest.mark.parametrize("word", ENDS)
@pytest.mark.parametrize("before", ["intended", "unknown", "working", "partially_filled", "abandoned"])
def test_every_open_state_ends_as_the_broker_says(before: str, word: str) -> None:
    """A terminal word ends the order at that instant, also one we had given up."""
    order = at_status(OrderStatus(before))
    order.terminal_at = NOW if before == "abandoned" else None
    order.take(said(order.intent, word, at=minutes_after(1)), 7)
    assert order.status == word
    assert not order.is_open
    assert order.leaves_qty == 0
    assert (order.terminal_at, order.terminal_seq) == (minutes_after(1), 7)


@pytest.mark.parametrize("word", [*LIVE_WORDS, "partially_filled", *(w for w in ENDS if w != "filled"), "tomorrow"])
@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_final(end: str, word: str) -> None:
    """Older or unknown news after the end changes neither the state nor the time of the end."""
    order = at_status(OrderStatus.WORKING)
    order.take(said(order.intent, end), 1)
    order.take(said(order.intent, word, at=minutes_after(1)), 2)
    assert order.status == end
    assert (order.terminal_at, order.terminal_seq) == (NOW, 1)


@pytest.mark.parametrize("end", ENDS)
def test_a_fill_may_win_the_race_against_any_end(end: str) -> None:
    """A cancel, expiry or replacement that lost the race turns into the fill it lost against."""
    order = at_status(OrderStatus.WORKING)
    order.take(said(order.intent, end), 1)
    fill = order.take(said(order.intent, "filled", QTY, "185.53", at=minutes_after(1)), 2)
    assert fill is not None
    assert (fill.qty, fill.price) == (QTY, D("185.53"))
    assert order.status is OrderStatus.FILLED
    assert order.terminal_seq == 2, "a position read before the fill says nothing of it"


def test_a_late_partial_fill_renews_the_end() -> None:
    """Cancelled, then told of a fill from before: the state stands, what was read meanwhile is out of date."""
    order = at_status(OrderStatus.WORKING)
    order.take(said(order.intent, "canceled"), 1)
    assert order.take(said(order.intent, "canceled", "0.1", "185.53", at=minutes_after(1)), 2) is not None
    assert order.status is OrderStatus.CANCELED
    assert (order.terminal_at, order.terminal_seq) == (minutes_after(1), 2)


def test_a_partly_filled_order_stays_so_on_a_live_word() -> None:
    """``pending_cancel`` after a partial fill is the same open order, and no longer a guard."""
    order = at_status(OrderStatus.WORKING)
    order.take(said(order.intent, "partially_filled", "0.1", "185.50"), 1)
    assert stands(order) == ("partially_filled", False, True)
    order.take(said(order.intent, "pending_cancel", "0.1", "185.50"), 2)
    assert stands(order) == ("partially_filled", False, False)
    assert order.leaves_qty == D("0.151752021")


def test_a_word_we_do_not_know_leaves_the_order_as_it_was() -> None:
    """The broker may grow new words; its quantities still count."""
    order = at_status(OrderStatus.WORKING)
    fill = order.take(said(order.intent, "teleported", "0.1", "185.50"), 1)
    assert order.status is OrderStatus.WORKING
    assert fill is not None
    assert order.cum_qty == D("0.1")


def test_an_abandoned_order_that_turns_up_is_live_again() -> None:
    """An order held to have never arrived counts as open from the first news of it (INV-3)."""
    order = at_status(OrderStatus.ABANDONED)
    order.terminal_at = NOW
    order.take(said(order.intent, "new"), 2)
    assert stands(order) == ("working", False, True)
    order.take(said(order.intent, "canceled", at=minutes_after(1)), 3)
    assert (order.terminal_at, order.terminal_seq) == (minutes_after(1), 3)


def test_a_refused_order_that_turns_up_is_live_again() -> None:
    """An error reply although the order went through (safety F5): the broker's record of the order wins."""
    order = TrackedOrder(an_intent(), status=OrderStatus.REJECTED, refusal="other", terminal_at=NOW, terminal_seq=1)
    order.take(said(order.intent, "new"), 2)
    assert stands(order) == ("working", False, True)
    order.take(said(order.intent, "canceled", at=minutes_after(1)), 3)
    order.take(said(order.intent, "new", at=minutes_after(2)), 4)
    assert stands(order) == ("canceled", True, False)


def test_an_order_the_broker_itself_rejected_stays_rejected() -> None:
    """Rejected after its acknowledgement (safety F22): older news cannot bring it back."""
    order = TrackedOrder(an_intent())
    order.take(said(order.intent, "rejected"), 1)
    order.take(said(order.intent, "new"), 2)
    assert order.status is OrderStatus.REJECTED


# ---------------------------------------------------------------- fills


def test_each_execution_id_counts_once() -> None:
    """The stream may repeat itself; the second telling of one execution is no fill."""
    order = TrackedOrder(an_intent())
    news = said(order.intent, "partially_filled", "0.1", "185.50", execution_id="x1", source="stream")
    assert order.take(news, 1) is not None
    assert order.take(news, 2) is None
    assert order.cum_qty == D("0.1")


def test_a_single_missed_execution_has_its_own_price() -> None:
    """The stream names quantity and price of one execution; where exactly that is new, its price is exact."""
    order = TrackedOrder(an_intent())
    order.take(said(order.intent, "partially_filled", "0.1", "185.50"), 1)
    exact: dict[str, Any] = {
        "execution_id": "x2",
        "last_qty": D("0.151752021"),
        "last_price": D("185.70"),
        "source": "stream",
    }
    fill = order.take(said(order.intent, "filled", QTY, "185.62", **exact), 2)
    assert fill is not None
    assert fill.price == D("185.70")


def test_several_missed_executions_take_what_the_average_leaves() -> None:
    """0.1 at 185.50 known, all at an average of 185.62: the rest cost what makes the average true."""
    order = TrackedOrder(an_intent())
    order.take(said(order.intent, "partially_filled", "0.1", "185.50"), 1)
    one_of_two: dict[str, Any] = {
        "execution_id": "x3",
        "last_qty": D("0.05"),
        "last_price": D("185.90"),
        "source": "stream",
    }
    fill = order.take(said(order.intent, "filled", QTY, "185.62", **one_of_two), 2)
    assert fill is not None
    assert fill.qty == D("0.151752021")
    assert order.avg_price is not None
    assert abs(order.avg_price - D("185.62")) < D("1e-20")


def test_nothing_filled_has_no_average() -> None:
    """An average of nothing is undefined, not zero."""
    assert TrackedOrder(an_intent()).avg_price is None


def test_shares_for_no_price_are_a_broken_invariant() -> None:
    """The edge lets no such news through; should it, the engine stops instead of corrupting the books."""
    order = TrackedOrder(an_intent())
    with pytest.raises(AssertionError, match="without a price"):
        order.take(said(order.intent, "partially_filled", "0.1"), 1)


def test_more_than_was_ordered_is_held_all_the_same() -> None:
    """What the broker says it bought is a position that needs its stop; the invariants say that it cannot be (INV-4)."""
    order = TrackedOrder(an_intent())
    fill = order.take(said(order.intent, "filled", "0.3", "185.50"), 1)
    assert fill is not None
    assert (fill.qty, order.cum_qty, order.status) == (D("0.3"), D("0.3"), OrderStatus.FILLED)


# ---------------------------------------------------------------- any true history, badly delivered


@dataclass(frozen=True)
class Life:
    """What truly happened to an order: executions, the words in between, and the reports it could give."""

    intent: OrderIntent
    reports: tuple[ExecutionReport, ...]
    total: Decimal
    notional: Decimal

    @property
    def last_poll(self) -> ExecutionReport:
        """The broker's final view."""
        return self.reports[-1]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """An order of up to six executions that fills, is cancelled, expires or is rejected, as the broker saw it."""
    shares = draw(st.lists(st.integers(1, 200_000_000), max_size=6))
    rest = draw(st.integers(1, 10**9))
    end = draw(st.sampled_from(["filled", "canceled", "expired", "rejected"]))
    if end == "filled" and not shares:
        shares = [rest]
    unit = D("0.000000001")
    qty = (sum(shares) + (0 if end == "filled" else rest)) * unit
    intent = an_intent(draw(st.sampled_from(list(OrderRole))), qty=qty)
    live_words = st.lists(st.sampled_from(["pending_new", "new", "accepted", "held"]), max_size=3)
    reports = [said(intent, word) for word in draw(live_words)]
    total = notional = D(0)
    for number, count in enumerate(shares):
        price = draw(st.integers(1, 10_000_000)) * D("0.0001")
        total, notional = total + count * unit, notional + count * unit * price
        average = (notional / total).quantize(D("0.000001"))
        word = "filled" if total == qty else "partially_filled"
        mark: dict[str, Any] = {
            "execution_id": f"x{number}",
            "last_qty": count * unit,
            "last_price": price,
            "source": "stream",
        }
        reports.append(said(intent, word, total, average, **mark))
        reports += [
            said(intent, word, total, average, source=s)
            for s in draw(st.lists(st.sampled_from(["poll", "reply"]), max_size=2))
        ]
        if word != "filled" and draw(st.booleans()):
            reports.append(said(intent, "pending_cancel", total, average))
    average_now = (notional / total).quantize(D("0.000001")) if total else None
    reports.append(said(intent, end, total, average_now))
    return Life(intent, tuple(reports), total, notional)


@given(lives(), st.data())
@settings(max_examples=100, deadline=None)
def test_any_delivery_of_a_true_history_ends_in_the_truth(life: Life, data: st.DataObject) -> None:
    """Shuffled, repeated and lost news, then one last poll: the quantity never fell and everything is as at the broker."""
    kept = data.draw(st.lists(st.sampled_from(life.reports), max_size=12))
    news = [
        *data.draw(st.permutations(kept)),
        life.last_poll,
        *data.draw(st.lists(st.sampled_from(life.reports), max_size=4)),
    ]
    order = TrackedOrder(life.intent)
    fills = []
    for seq, report in enumerate(news):
        before_qty, before, was_open = order.cum_qty, order.status, order.is_open
        fill = order.take(report, seq)
        assert before_qty <= order.cum_qty <= life.total
        assert was_open or order.status in (before, OrderStatus.FILLED)
        assert fill is None or fill.qty > 0
        fills += [fill] if fill is not None else []
    assert order.status == REPORTED[life.last_poll.order.status]
    assert sum((fill.qty for fill in fills), D(0)) == order.cum_qty == life.total
    if life.total:
        assert order.avg_price is not None
        assert abs(order.avg_price - life.notional / life.total) <= D("1e-6")
        assert abs(sum(f.qty * f.price for f in fills) - order.filled_notional) < D("1e-15")


# ---------------------------------------------------------------- replacement


def replacement(predecessor_filled: str) -> tuple[TrackedOrder, TrackedOrder]:
    """A stop for 1 share of which so much has filled, and the order that is to replace it."""
    old = TrackedOrder(an_intent(OrderRole.STOP, qty=D(1)))
    if D(predecessor_filled):
        old.take(said(old.intent, "partially_filled", predecessor_filled, "182.70"), 1)
    key = old.intent.client_order_id
    return old, TrackedOrder(an_intent(OrderRole.STOP, number=2, qty=D(1), replaces=key))


@pytest.mark.parametrize(
    ("known", "source", "shown", "inherited", "new"),
    [
        ("0", "reply", "0", "0", None),
        ("0.4", "reply", "0.4", "0.4", None),
        ("0.4", "poll", "0.4", "0.4", None),
        ("0.4", "poll", "0.7", "0.4", "0.3"),
        ("0", "reply", "0.4", "0.4", None),
        ("0", "poll", "0.7", "0", "0.7"),
        ("0.4", "stream", "0", "0", None),
    ],
)
def test_a_replacement_begins_where_its_predecessor_stood(
    known: str, source: str, shown: str, inherited: str, new: str | None
) -> None:
    """What the broker carries over is no second fill; what the replacement filled by itself is one."""
    old, order = replacement(known)
    report = said(order.intent, "new", shown, "182.70", source=source)
    order.inherit(old, report)
    assert order.cum_qty == D(inherited)
    fill = order.take(report, 2)
    assert (fill.qty if fill is not None else None) == (D(new) if new is not None else None)
    assert order.cum_qty == D(shown)
    assert order.avg_price == (D("182.70") if D(shown) else None)


def test_a_replacement_without_any_price_inherits_the_quantity_alone() -> None:
    """Where nobody says what the carried shares brought, they count without money rather than at a made-up price."""
    old, order = replacement("0")
    order.inherit(old, said(order.intent, "new", "0.4", None, source="reply"))
    assert (order.cum_qty, order.filled_notional) == (D("0.4"), D(0))


# ---------------------------------------------------------------- the book


def test_the_book_finds_open_orders_by_symbol_and_role() -> None:
    """Oldest first; ended orders are not open; ids lead to orders; an unknown id to none."""
    book = OrderBook()
    entry, stop = book.add(an_intent()), book.add(an_intent(OrderRole.STOP))
    other = book.add(an_intent(symbol="SPY"))
    assert list(book.open()) == [entry, stop, other]
    assert list(book.open("AAPL")) == [entry, stop]
    assert list(book.open("AAPL", OrderRole.STOP)) == [stop]
    assert list(book.open(role=OrderRole.ENTRY)) == [entry, other]
    entry.take(said(entry.intent, "canceled"), 1)
    assert list(book.open("AAPL")) == [stop]
    assert book.get(entry.intent.client_order_id) is entry
    assert book.get("nobody") is None
    assert book.get(None) is None
    book.forget_ended()
    assert list(book.orders.values()) == [stop, other]


def test_an_order_given_up_and_met_after_all_is_open_again_in_its_old_place() -> None:
    """Nothing that may rest or fill is overlooked, whatever it was taken for in between (safety F5, INV-3)."""
    book = OrderBook()
    entry, stop = book.add(an_intent()), book.add(an_intent(OrderRole.STOP))
    entry.status = OrderStatus.ABANDONED
    book.hear(stop, said(stop.intent, "canceled"), 1)
    assert book.open() == []
    book.add(an_intent(symbol="SPY"))
    book.hear(entry, said(entry.intent, "new"), 2)
    assert [order.intent.symbol for order in book.open()] == ["AAPL", "SPY"]


def test_one_id_is_intended_once() -> None:
    """A second intent under one client order id is a broken invariant (INV-2)."""
    book = OrderBook()
    book.add(an_intent())
    with pytest.raises(AssertionError, match="intended twice"):
        book.add(an_intent())


def test_foreign_orders_are_found_by_symbol_and_side() -> None:
    """Other people's open orders count in exposure, so they can be asked for."""
    buy, sale = foreign("AAPL", "buy"), foreign("SPY", "sell")
    book = OrderBook(foreign=[buy, sale])
    assert list(book.foreign_open()) == [buy, sale]
    assert list(book.foreign_open("AAPL")) == [buy]
    assert list(book.foreign_open(side="sell")) == [sale]
    assert list(book.foreign_open("AAPL", "sell")) == []
