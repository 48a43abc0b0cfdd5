"""The inside of a minute: whatever the bar, the prints are the bar."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.simulator.market.model import MarketBar
from alpaca_trader.simulator.market.path import minute_path, price_of, spread_bp, units_of

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


@st.composite
def any_bar(draw: st.DrawFn) -> MarketBar:
    """A valid bar: prices from a tenth of a cent's fraction to $1000, on or off the cent grid, volume 0 upwards."""
    step = draw(st.sampled_from([1, 100]))
    low = draw(st.integers(1, 100_000)) * step
    width = draw(st.integers(0, 300)) * step
    inside = st.integers(0, width // step).map(lambda k: low + k * step)
    opened, close = draw(inside), draw(inside)
    volume = draw(st.integers(0, 20) | st.integers(21, 10**9))
    o, h, lo, c = (price_of(units) for units in (opened, low + width, low, close))
    return MarketBar("ABC", START, o, h, lo, c, volume, 1, vwap=lo)


@given(bar=any_bar(), seed=st.integers(0, 2**63))
def test_prints_reproduce_the_bar(bar: MarketBar, seed: int) -> None:
    """First, highest, lowest and last print and the sum of sizes are the bar's, inside the minute, in time order."""
    trades = minute_path(bar, seed).trades
    prices = [trade.price for trade in trades]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
    assert sum(trade.size for trade in trades) == bar.volume
    assert all(trade.size >= 0 for trade in trades)
    times = [trade.at for trade in trades]
    assert times == sorted(set(times))
    assert START <= times[0] < START + timedelta(seconds=60)
    assert times[-1] < START + timedelta(seconds=60)
    assert len({trade.trade_id for trade in trades}) == len(trades)


@given(bar=any_bar(), seed=st.integers(0, 2**63))
def test_quotes_hold_every_print(bar: MarketBar, seed: int) -> None:
    """Each print lies within the quote of its instant, the spread is never negative, and no more is quoted than was traded."""
    path = minute_path(bar, seed)
    quotes = {quote.at: quote for quote in path.quotes}
    assert len(path.quotes) == 12
    assert all(quote.bid < quote.ask for quote in path.quotes)
    assert all(quotes[trade.at].bid <= trade.price <= quotes[trade.at].ask for trade in path.trades)
    for sizes in ([quote.bid_size for quote in path.quotes], [quote.ask_size for quote in path.quotes]):
        assert all(0 < size <= 800 for size in sizes)
        assert sum(sizes) <= max(bar.volume, len(sizes))


@given(bar=any_bar(), seed=st.integers(0, 2**63))
def test_quotes_keep_the_increment(bar: MarketBar, seed: int) -> None:
    """A quote at or above $1 is in whole cents."""
    for quote in minute_path(bar, seed).quotes:
        for price in (quote.bid, quote.ask):
            assert price < Decimal("1.01") or units_of(price) % 100 == 0


@given(bar=any_bar(), seed=st.integers(0, 2**63))
def test_the_same_minute_unfolds_the_same_way(bar: MarketBar, seed: int) -> None:
    """Bar and seed fix the path."""
    assert minute_path(bar, seed) == minute_path(bar, seed)


@given(seed=st.integers(0, 2**63))
def test_extremes_inside_the_minute_are_hit_once(seed: int) -> None:
    """A high and a low that are neither open nor close are printed exactly once each."""
    prices = [
        trade.price
        for trade in minute_path(
            MarketBar(
                "ABC", START, Decimal(10), Decimal("10.20"), Decimal("9.80"), Decimal("10.05"), 5000, 40, Decimal(10)
            ),
            seed,
        ).trades
    ]
    assert prices.count(Decimal("10.20")) == 1
    assert prices.count(Decimal("9.80")) == 1


def test_both_orders_of_high_and_low_occur() -> None:
    """Seeds decide whether the high or the low comes first; neither order is favoured by construction."""
    bar = MarketBar("ABC", START, Decimal(10), Decimal(11), Decimal(9), Decimal(10), 5000, 40, Decimal(10))
    high_first = 0
    for seed in range(200):
        prices = [trade.price for trade in minute_path(bar, seed).trades]
        high_first += prices.index(Decimal(11)) < prices.index(Decimal(9))
    assert 60 < high_first < 140


@pytest.mark.parametrize(
    ("price", "spread"),
    [("668.40", "0.13"), ("185.50", "0.04"), ("20.00", "0.01"), ("0.5000", "0.0001"), ("1.00", "0.01")],
)
def test_the_spread_is_two_basis_points_and_at_least_one_increment(price: str, spread: str) -> None:
    """Two basis points of the price rounded to the increment, never less than one."""
    flat = Decimal(price)
    quote = minute_path(MarketBar("ABC", START, flat, flat, flat, flat, 1_000_000, 1, flat), 1).quotes[0]
    assert quote.ask - quote.bid == Decimal(spread)


@pytest.mark.parametrize(
    ("high", "low", "volume", "basis_points"),
    [
        ("100.00", "100.00", 1_000, 2),
        ("100.00", "100.00", 999, 8),
        ("100.00", "100.00", 99, 20),
        ("100.50", "100.00", 100_000, 5),
        ("110.00", "100.00", 100_000, 100),
        ("999.00", "100.00", 100_000, 500),
    ],
)
def test_the_spread_widens_where_little_trades_and_where_the_price_runs(
    high: str, low: str, volume: int, basis_points: int
) -> None:
    """8 bp below $100,000 a minute, 20 below $10,000; a tenth of the minute's range; never more than 5 %."""
    top, bottom = Decimal(high), Decimal(low)
    bar = MarketBar("ABC", START, bottom, top, bottom, top, volume, 1, bottom)
    assert spread_bp(bar) == basis_points
