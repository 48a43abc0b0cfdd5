"""VWAP, RSI and usual volume, against the numbers of the specification, TA-Lib and independent references."""

import csv
import math
import random
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.indicators import (
    NO_RSI,
    NO_VWAP,
    SESSION_MINUTES,
    add_to_minutes,
    add_to_rsi,
    add_to_vwap,
    rounded,
    typical_price,
    usual_volume,
)
from tests.core.strategies.market import recorded

CENTS = st.integers(min_value=500, max_value=90_000).map(lambda cents: cents / 100)


def rsi_of(closes: list[float], lookback: int) -> list[float]:
    """Every value of the RSI, NaN before the first."""
    state, values = NO_RSI, []
    for close in closes:
        state = add_to_rsi(state, close, lookback)
        values.append(state.value)
    return values


def test_vwap_is_the_specification_s() -> None:
    """The three bars of domain 2.1 give its typical prices, VWAPs and upper bands."""
    bars = [(185.40, 184.80, 185.20, 1000.0), (185.60, 185.10, 185.50, 2000.0), (186.20, 185.45, 186.10, 5000.0)]
    expected = [
        (185.133333, 185.133333, 185.318467),
        (185.400000, 185.311111, 185.496422),
        (185.916667, 185.689583, 185.875273),
    ]
    state = NO_VWAP
    for (high, low, close, volume), (typical, vwap, upper) in zip(bars, expected, strict=True):
        price = typical_price(high, low, close)
        state = add_to_vwap(state, price, volume)
        assert (price, state.value, state.value * 1.001) == pytest.approx((typical, vwap, upper), abs=5e-7)


@given(st.lists(st.tuples(CENTS, st.integers(0, 5_000_000)), min_size=1, max_size=400))
def test_vwap_is_sum_of_money_over_sum_of_shares(bars: list[tuple[float, int]]) -> None:
    """The running mean equals the quotient of exact sums, and is undefined until something traded."""
    state = NO_VWAP
    for price, volume in bars:
        state = add_to_vwap(state, price, float(volume))
    shares = sum(volume for _, volume in bars)
    if shares == 0:
        assert math.isnan(state.value)
    else:
        assert state.value == pytest.approx(math.fsum(p * v for p, v in bars) / shares, rel=1e-12)


@given(CENTS, st.lists(st.integers(0, 100_000), min_size=1, max_size=50))
def test_vwap_of_one_price_is_that_price(price: float, volumes: list[int]) -> None:
    """On a flat price ``close <= VWAP`` holds exactly, so arming never depends on a rounding error."""
    state = NO_VWAP
    for volume in [1, *volumes]:
        state = add_to_vwap(state, typical_price(price, price, price), float(volume))
        assert state.value == price


@pytest.mark.parametrize(
    ("lookback", "closes", "expected"),
    [
        (
            14,
            "44.34 44.09 44.15 43.61 44.33 44.83 45.10 45.42 45.84 46.08 45.89 46.03 45.61 46.28 46.28 46.00 46.03 46.41 46.22 45.64",
            [70.4641, 66.2496, 66.4809, 69.3469, 66.2947, 57.9150],
        ),
        (
            3,
            "10 10.2 10.1 9.8 9.6 9.5 9.7 9.9 10.3 10.6",
            [33.3333, 22.2222, 17.7778, 48.6111, 67.1111, 84.1880, 90.0185],
        ),
    ],
)
def test_rsi_is_the_specification_s(lookback: int, closes: str, expected: list[float]) -> None:
    """The two vectors of domain 3.1, first value at index ``lookback``."""
    values = rsi_of([float(close) for close in closes.split()], lookback)
    assert all(math.isnan(value) for value in values[:lookback])
    assert values[lookback:] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("step", "expected"), [(0.01, 100.0), (-0.01, 0.0), (0.0, 50.0)])
def test_rsi_of_a_straight_line(step: float, expected: float) -> None:
    """A monotone rise is 100, a monotone fall 0, and a flat price 50 (TA-Lib: 0, ta: 100)."""
    values = rsi_of([100.0 + step * index for index in range(60)], 14)
    assert values[14:] == [expected] * 46


@given(st.lists(CENTS, min_size=3, max_size=300), st.integers(2, 50))
def test_rsi_equals_talib(closes: list[float], lookback: int) -> None:
    """TA-Lib agrees to 1e-9 wherever the price moves; where its averages are zero it says 0 and we say 50."""
    ours = np.array(rsi_of(closes, lookback))
    theirs = talib.RSI(np.array(closes), timeperiod=lookback)
    is_flat = ours == 50.0
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours[~is_flat], theirs[~is_flat], rtol=0, atol=1e-9)


@pytest.mark.parametrize("lookback", [2, 14, 50])
@pytest.mark.parametrize(
    ("name", "symbol"), [("tda_spy_2020_12", "SPY"), ("alphavantage_2019_02", "AAPL"), ("yahoo_2025_05", "NVDA")]
)
def test_rsi_equals_talib_on_recorded_bars(shared: Path, name: str, symbol: str, lookback: int) -> None:
    """TA-Lib agrees to 1e-9 on real minutes, running on across sessions."""
    closes = [bar.close for bar in recorded(shared, name, symbol)[0]]
    theirs = talib.RSI(np.array(closes), timeperiod=lookback)
    assert len(closes) > 1000
    np.testing.assert_allclose(rsi_of(closes, lookback), theirs, rtol=0, atol=1e-9)


def test_rsi_equals_the_lean_reference(shared: Path) -> None:
    """QuantConnect's published Wilder RSI of daily closes: first value in row 14, each within 5e-6."""
    file = shared / "data" / "oracles" / "indicators_lean" / "spy_with_indicators.txt"
    rows = list(csv.DictReader(file.read_text().splitlines()))
    ours = rsi_of([float(row["Close"]) for row in rows], 14)
    expected = [(index, float(row["RSI 14 Wilder"])) for index, row in enumerate(rows) if row["RSI 14 Wilder"]]
    assert expected[0][0] == 14
    assert expected[0][1] == pytest.approx(88.04238, abs=5e-6)
    assert len(expected) > 100
    for index, value in expected:
        assert ours[index] == pytest.approx(value, abs=5.1e-6), index


@given(st.lists(CENTS, min_size=20, max_size=60), st.integers(1, 20_000))
def test_rsi_stands_still_while_the_price_does(closes: list[float], quiet: int) -> None:
    """However long a price does not move, the RSI keeps its value to the last bit: no level is crossed."""
    state = NO_RSI
    for close in closes:
        state = add_to_rsi(state, close, 14)
    before = state.value
    for _ in range(quiet):
        state = add_to_rsi(state, closes[-1], 14)
    assert state.value == before


def test_seed_is_forgotten_after_the_warm_up() -> None:
    """After 141 bars the value differs from that of the full history by thousandths of a point (domain 3.2)."""
    rng = random.Random(7)
    errors = []
    for _ in range(100):
        closes = [100.0]
        for _ in range(600):
            closes.append(closes[-1] * (1.0 + rng.gauss(0.0, 0.001)))
        errors.append(abs(rsi_of(closes, 14)[-1] - rsi_of(closes[-141:], 14)[-1]))
    assert max(errors) < 0.01
    assert sum(errors) / len(errors) < 0.002


def test_minutes_without_a_bar_count_as_zero() -> None:
    """A window of three minutes holds what traded in these minutes and nothing else."""
    window: tuple[float, ...] = (0.0, 0.0, 0.0)
    seen = []
    for passed, volume in [(1, 10.0), (1, 20.0), (2, 40.0), (1, 80.0), (9, 5.0), (0, 1.0)]:
        window = add_to_minutes(window, passed, volume)
        seen.append(window)
    assert seen == [(0, 0, 10), (0, 10, 20), (20, 0, 40), (0, 40, 80), (0, 0, 5), (0, 0, 6)]


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_usual_volume_is_the_mean_of_the_same_minutes(window: int, days: int, seed: int) -> None:
    """Each minute's figure is the mean over sessions of the volume of the window that ends there."""
    rng = np.random.default_rng(seed)
    sessions = [rng.integers(0, 10_000, SESSION_MINUTES).astype(float) for _ in range(days)]
    usual = usual_volume(sessions, window)
    assert len(usual) == SESSION_MINUTES
    for minute in (0, 1, window - 1, window, 200, 389):
        total = sum(float(volumes[max(0, minute - window + 1) : minute + 1].sum()) for volumes in sessions)
        assert usual[minute] == pytest.approx(total / days, rel=1e-12)


@pytest.mark.parametrize(("value", "expected"), [(0.875, 0.875), (0.12345, 0.1235), (0.123449, 0.1234), (1.0, 1.0)])
def test_rounded_to_four_decimals(value: float, expected: float) -> None:
    """Half goes up, and what comes out is the nearest float to the four digits."""
    assert rounded(value) == expected
