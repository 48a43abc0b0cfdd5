"""The books from fills alone: strict FIFO, the day's cash and result, and a ledger that never disagrees with its fills."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core.models import Side
from alpaca_trader.core.orders import Fill
from alpaca_trader.core.portfolio import Portfolio
from tests.core.builders import DAY, NOW, D

UNIT = D("0.000000001")


def apply(books: Portfolio, side: Side, qty: str | Decimal, price: str | Decimal, symbol: str = "AAPL") -> Decimal:
    """One fill into the books; what it realized."""
    return books.apply(Fill("id", symbol, side, D(qty), D(price), NOW), DAY)


def test_strict_fifo_over_two_days() -> None:
    """The specification's vector (domain 7.1): strict FIFO realizes 240.00 and leaves 120 shares at 12.083333."""
    books = Portfolio()
    apply(books, "buy", "100", "10")
    apply(books, "buy", "50", "12")
    books.open_day()
    apply(books, "buy", "30", "15")
    assert apply(books, "sell", "60", "14") == D("240.00")
    assert books.qty("AAPL") == 120
    assert round(books.cost("AAPL") / 120, 6) == D("12.083333")
    assert [(lot.qty, lot.price) for lot in books.lots["AAPL"]] == [(D(40), D(10)), (D(50), D(12)), (D(30), D(15))]


def test_partial_exits_add_fills() -> None:
    """0.1 at 188.10 and 0.151752021 at 187.90 out of 0.251752021 at 185.50 earn 0.624205 gross (domain 7.2)."""
    books = Portfolio()
    apply(books, "buy", "0.251752021", "185.50")
    gross = apply(books, "sell", "0.1", "188.10") + apply(books, "sell", "0.151752021", "187.90")
    assert round(gross, 6) == D("0.624205")
    assert round(books.sold_today / D("0.251752021"), 6) == D("187.979443")
    assert books.lots == {}


def test_the_days_identity() -> None:
    """Flat 467.00, in at 185.53, out at 188.06: gross 0.636933, fees 0.03, equity 467.606933, +0.1300 % (domain 7.4)."""
    books = Portfolio()
    apply(books, "buy", "0.251752021", "185.53")
    apply(books, "sell", "0.251752021", "188.06")
    assert round(books.realized_today, 6) == D("0.636933")
    assert books.fees.charged() == D("0.03")
    equity = D("467.00") + books.cash_moved - books.fees.charged()
    assert round(equity, 6) == D("467.606933")
    assert round(100 * (equity / D("467.00") - 1), 4) == D("0.1300")
    assert books.cash_moved == books.realized_today, "flat: what moved is what was earned"


def test_a_new_day_begins_at_zero_and_keeps_what_is_held() -> None:
    """The day's counters and fees end with the day; lots do not."""
    books = Portfolio()
    apply(books, "buy", "2", "10")
    apply(books, "sell", "1", "11")
    assert (books.bought_today, books.sold_today, books.realized_today, books.fills_today) == (D(20), D(11), D(1), 2)
    assert books.cash_moved == -9
    books.open_day()
    assert (books.bought_today, books.sold_today, books.realized_today, books.fills_today) == (D(0), D(0), D(0), 0)
    assert (books.cash_moved, books.fees.charged()) == (D(0), D(0))
    assert books.qty("AAPL") == 1


def test_what_is_not_held_cannot_be_sold() -> None:
    """Long only: a sale beyond what is held stops the engine (INV-6)."""
    books = Portfolio()
    apply(books, "buy", "1", "10")
    with pytest.raises(AssertionError, match="sold 2 but hold 1"):
        apply(books, "sell", "2", "10")
    with pytest.raises(AssertionError, match="sold 1 but hold 0"):
        apply(books, "sell", "1", "10", "SPY")


def test_a_fill_of_nothing_is_no_fill() -> None:
    """A quantity of zero or less is a broken invariant, not a trade."""
    with pytest.raises(AssertionError, match="has a quantity"):
        apply(Portfolio(), "buy", "0", "10")


def test_market_value_takes_the_cost_where_no_price_is_known() -> None:
    """A symbol without a price counts at what it cost."""
    books = Portfolio()
    apply(books, "buy", "2", "10")
    apply(books, "buy", "3", "7", "SPY")
    assert books.market_value({"AAPL": D("11")}) == 22 + 21
    assert Portfolio().market_value({}) == 0


@st.composite
def trades(draw: st.DrawFn) -> list[tuple[Side, str, Decimal, Decimal]]:
    """Buys and sales in two symbols that never sell more than is held."""
    held = {"AAPL": 0, "SPY": 0}
    made: list[tuple[Side, str, Decimal, Decimal]] = []
    for _ in range(draw(st.integers(0, 20))):
        symbol = draw(st.sampled_from(sorted(held)))
        price = draw(st.integers(1, 10**7)) * D("0.0001")
        sells = held[symbol] > 0 and draw(st.booleans())
        shares = draw(st.integers(1, held[symbol] if sells else 10**10))
        held[symbol] += -shares if sells else shares
        made.append(("sell" if sells else "buy", symbol, shares * UNIT, price))
    return made


@given(trades())
@settings(max_examples=50, deadline=None)
def test_the_ledger_agrees_with_its_fills(made: list[tuple[Side, str, Decimal, Decimal]]) -> None:
    """Quantity, cash and result are those of the fills: cash moved = realized - cost of what is still held."""
    books = Portfolio()
    for side, symbol, qty, price in made:
        apply(books, side, qty, price, symbol)
    for symbol in ("AAPL", "SPY"):
        signed = sum((qty if side == "buy" else -qty for side, name, qty, _ in made if name == symbol), D(0))
        assert books.qty(symbol) == signed
        assert (symbol in books.lots) == bool(signed)
    assert books.fills_today == len(made)
    assert books.cash_moved == books.sold_today - books.bought_today
    held_cost = books.cost("AAPL") + books.cost("SPY")
    assert abs(books.cash_moved - (books.realized_today - held_cost)) < D("1e-12")
