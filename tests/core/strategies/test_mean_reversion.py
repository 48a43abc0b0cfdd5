"""mean_reversion, rule by rule, against the vectors of domain 3 and TA-Lib."""

import math
import random

import numpy as np
import pytest
import talib

from alpaca_trader.core.config import MeanReversionParams, RiskConfig
from alpaca_trader.core.indicators import Rsi, Vwap
from alpaca_trader.core.models import Bar, Evaluation, Session
from alpaca_trader.core.strategies.mean_reversion import (
    MeanReversionRule,
    MeanReversionState,
    mean_reversion_begin,
    mean_reversion_rule,
)
from tests.core.strategies.market import closes_as_bars, config_of, flat, manager_of, random_days, session, stream

RULE = MeanReversionRule(30.0, 70.0, 14, 1)


def codes(params: MeanReversionParams, bars: list[Bar], sessions: list[Session]) -> list[Evaluation]:
    """What the strategy made of the bars, streamed."""
    return stream(manager_of(config_of(reversion=params)), bars, sessions)


def test_crosses_of_the_specification() -> None:
    """The vector of domain 3.1 with n = 3 climbs through 30 at index 6 and through 70 at index 8."""
    closes = [10, 10.2, 10.1, 9.8, 9.6, 9.5, 9.7, 9.9, 10.3, 10.6]
    rule = MeanReversionRule(30.0, 70.0, 3, 1)
    state = mean_reversion_begin(3)
    # Counted as warm from the start: the vector is shorter than any warm-up.
    wishes = []
    for minute, close in enumerate(closes):
        warm = state._replace(rsi=state.rsi._replace(closes=state.rsi.closes + 1000)) if minute > 3 else state
        _, reading = mean_reversion_rule(warm, minute, close, close, close, 1.0, True, rule)
        state, _ = mean_reversion_rule(state, minute, close, close, close, 1.0, True, rule)
        wishes.append(reading.wish)
    assert wishes == [0, 0, 0, 0, 0, 0, 1, 0, -1, 0]


def test_confidence_of_the_specification() -> None:
    """Lowest RSI 22, RSI 33, VWAP 100.6 and close 100 are worth 0.7200 (domain 3.5)."""
    gain_now = 0.33 / 0.67 * (0.1 * 13 / 14)
    gain = (gain_now * 14 - 0.1) / 13
    before = 100.0 * gain / (gain + 0.1)
    state = MeanReversionState(
        Vwap(100.6, 1e6), Rsi(141, 99.9, gain, 0.1, before), before, (25.0,) * 6 + (22.0,) + (26.0,) * 7, 199, math.nan
    )
    _, reading = mean_reversion_rule(state, 200, 100.0, 100.0, 100.0, 0.0, True, RULE)
    assert before < 30.0
    assert reading.rsi == pytest.approx(33.0)
    assert (reading.wish, reading.lowest, reading.confidence) == (1, 22.0, 0.7200)


def test_lowest_rsi_is_of_the_last_lookback_bars() -> None:
    """The deepest value fourteen bars back no longer counts at this one."""
    state = MeanReversionState(
        Vwap(100.0, 1e6), Rsi(200, 99.9, 0.04156, 0.1, 29.36), 29.4, (5.0,) + (28.0,) * 13, 199, math.nan
    )
    _, reading = mean_reversion_rule(state, 200, 100.0, 100.0, 100.0, 0.0, True, RULE)
    assert (reading.wish, reading.lowest) == (1, 28.0)


@pytest.mark.parametrize(
    ("before", "up", "down", "rsi", "wish"),
    [
        (30.0, 4.0, 6.0, 40.0, 1),
        (30.000001, 4.0, 6.0, 40.0, 0),
        (20.0, 3.0, 7.0, 30.0, 0),
        (60.0, 7.0, 3.0, 70.0, -1),
        (70.0, 8.0, 2.0, 80.0, 0),
    ],
)
def test_levels_count_as_the_specification_says(before: float, up: float, down: float, rsi: float, wish: int) -> None:
    """``RSI[i-1] <= oversold < RSI[i]`` buys, ``RSI[i-1] < overbought <= RSI[i]`` sells, on the levels themselves too."""
    state = MeanReversionState(
        Vwap(100.0, 1.0), Rsi(200, 100.0 - up, 0.0, down, before), before, (before,) * 2, 8, math.nan
    )
    rule = MeanReversionRule(30.0, 70.0, 2, 1)
    _, reading = mean_reversion_rule(state, 9, 100.0, 100.0, 100.0, 1.0, True, rule)
    assert (reading.rsi, reading.wish) == (rsi, wish)


@pytest.mark.parametrize(("lookback", "bar_minutes"), [(14, 1), (5, 1), (3, 5), (2, 15), (4, 7)])
@pytest.mark.parametrize("seed", range(3))
def test_signals_equal_talib_on_aggregated_bars(seed: int, lookback: int, bar_minutes: int) -> None:
    """Every cross of TA-Lib's RSI after the warm-up, on bars aligned to the open, is a signal, and nothing else is."""
    sessions = [session(index, 210 if index == 1 else 390) for index in range(4)]
    bars = random_days(seed, sessions, missing=0.0)
    params = MeanReversionParams(lookback_period=lookback, bar_minutes=bar_minutes)
    found = {
        evaluation.bar_start: evaluation.signal.side
        for evaluation in codes(params, bars, sessions)
        if evaluation.signal is not None
    }
    last = {}
    for each in bars:
        at = next(one for one in sessions if one.day == each.start.date())
        last[at.day, int((each.start - at.open).total_seconds()) // 60 // bar_minutes] = each
    values = talib.RSI(np.array([each.close for each in last.values()]), timeperiod=lookback)
    closed = list(last.values())
    expected = {}
    for index in range(10 * lookback, len(closed)):
        at = next(one for one in sessions if one.day == closed[index].start.date())
        is_cut_off = int((closed[index].start - at.open).total_seconds() // 60 + 1) % bar_minutes != 0
        if is_cut_off:
            continue
        if values[index - 1] < 70 <= values[index]:
            expected[closed[index].start] = "sell"
        elif values[index - 1] <= 30 < values[index]:
            expected[closed[index].start] = "buy"
    assert found == expected
    assert set(found.values()) == {"buy", "sell"}


def test_warm_up_is_ten_lookbacks_and_one_bar() -> None:
    """Bar 140 cannot signal, bar 141 can (lookback 14); the gate shows how many bars there were."""
    for quiet, code in ((138, "warmup"), (139, "signal")):
        falling = [100.0 - 0.01 * index for index in range(quiet + 1)]
        found = codes(MeanReversionParams(), closes_as_bars(session(0), [*falling, falling[-1] + 1.0]), [session(0)])
        expected = "warmup" if code == "warmup" else "exit_signal"
        assert found[-1].code in {expected, code}
        assert (found[-1].gates[0].name, found[-1].gates[0].value, found[-1].gates[0].limit) == (
            "warmup",
            quiet + 2,
            141,
        )


def test_being_oversold_is_not_a_signal() -> None:
    """Below the level nothing happens; climbing out of it is the buy, once."""
    closes = [100.0 - 0.05 * index for index in range(160)]
    closes += [closes[-1] + 0.3, closes[-1] + 0.35, closes[-1] + 0.4]
    found = codes(MeanReversionParams(), closes_as_bars(session(0), closes), [session(0)])
    assert {each.code for each in found[140:160]} == {"still_oversold"}
    assert [each.code for each in found[160:]] == ["signal", "no_rsi_cross", "no_rsi_cross"]
    signal = found[160].signal
    assert signal is not None
    assert signal.entry_price == closes[160]
    assert (signal.stop_loss, signal.take_profit) == pytest.approx((closes[160] * 0.985, closes[160] * 1.02))


def test_overbought_is_an_exit() -> None:
    """Entering overbought is a sell with its reason; what jumps over both levels is sold, not bought."""
    closes = [100.0 - 0.05 * index for index in range(160)]
    found = codes(MeanReversionParams(), closes_as_bars(session(0), [*closes, 150.0]), [session(0)])
    signal = found[-1].signal
    assert (found[-1].code, found[-1].gates[-1].name) == ("exit_signal", "rsi_overbought")
    assert signal is not None
    assert (signal.side, signal.reason, signal.entry_price) == ("sell", "rsi_overbought", 150.0)


@pytest.mark.parametrize("price", [100.0, 185.37, 0.0123])
def test_a_flat_price_never_signals(price: float) -> None:
    """Neither a price that never moved nor one that stopped moving crosses anything (domain 9.7)."""
    sessions = [session(index) for index in range(30)]
    wild = random_days(3, sessions[:2])
    stopped = [flat(at, minute, price) for at in sessions[2:] for minute in range(390)]
    for bars in (stopped, wild + stopped):
        found = codes(MeanReversionParams(), bars, sessions)
        assert not [each for each in found[-len(stopped) + 1 :] if each.signal is not None]


def test_the_rsi_runs_on_across_sessions() -> None:
    """Yesterday's bars warm up today's first; the overnight change is one ordinary change."""
    closes = [100.0 - 0.01 * index for index in range(390)]
    bars = [*closes_as_bars(session(0), closes), flat(session(1), 0, closes[-1] + 0.08)]
    found = codes(MeanReversionParams(), bars, [session(0), session(1)])
    value = talib.RSI(np.array([each.close for each in bars]), timeperiod=14)[-1]
    assert found[-1].code == "signal"
    assert found[-1].gates[2].value == pytest.approx(value, abs=1e-9)


def test_aggregated_bars_are_decided_when_they_are_complete() -> None:
    """With ``bar_minutes`` 5 only the fifth minute decides; the others say how far the bar is."""
    found = codes(MeanReversionParams(bar_minutes=5), closes_as_bars(session(0), [100.0] * 10), [session(0)])
    assert [each.code for each in found] == [*["bar_incomplete"] * 4, "warmup"] * 2
    assert [(each.gates[0].value, each.gates[0].limit) for each in found[:4]] == [(count, 5) for count in range(1, 5)]


def test_a_bar_without_its_last_minute_is_decided_with_the_next_that_traded() -> None:
    """The first minute of the next bar completes it; two bars later its moment is gone."""
    params = MeanReversionParams(lookback_period=2, bar_minutes=5)
    fall = [flat(session(0), minute, 100.0 - 0.01 * minute) for minute in range(120)]
    turn = [flat(session(0), 120 + minute, 98.82 + 0.01 * minute) for minute in range(4)]
    for next_minute, code in ((125, "signal"), (131, "bar_incomplete")):
        found = codes(params, [*fall, *turn, flat(session(0), next_minute, 98.86)], [session(0)])
        assert [each.code for each in found[-5:]] == [*["bar_incomplete"] * 4, code]


@pytest.mark.parametrize(
    ("days", "last", "code"),
    [(200, 101.0, "signal"), (200, 99.0, "trend_filter"), (199, 101.0, "trend_filter"), (200, 100.0, "trend_filter")],
)
def test_trend_filter(days: int, last: float, code: str) -> None:
    """The previous daily close above the mean of the last 200; fewer than 200 closes do not pass."""
    sessions = [session(index) for index in range(days + 1)]
    past = [flat(at, 389, 100.0 if at is not sessions[-2] else last) for at in sessions[:-1]]
    closes = [100.0 - 0.05 * index for index in range(160)]
    today = closes_as_bars(sessions[-1], [*closes, closes[-1] + 0.3])
    params = MeanReversionParams(trend_filter="daily_sma_200")
    manager = manager_of(config_of(reversion=params))
    manager.warm_up(past, sessions)
    assert manager.history_sessions == 200
    found = stream(manager, today, sessions)[-1]
    assert (found.code, found.gates[-1].value) == (code, last)
    assert found.gates[-1].limit == (pytest.approx((199 * 100.0 + last) / 200) if days == 200 else None)


def test_crosses_on_driftless_data_are_as_frequent_as_stated() -> None:
    """Domain 3.6: about 6.0 buys a symbol-day on one-minute bars, 1.0 on five-minute bars."""
    rng = random.Random(5)
    sessions = [session(index) for index in range(40)]
    price, bars = 100.0, []
    for at in sessions:
        for minute in range(390):
            price *= math.exp(rng.gauss(0.0, 0.01 / math.sqrt(390)))
            bars.append(flat(at, minute, price))
    for bar_minutes, low, high in ((1, 4.5, 7.5), (5, 0.6, 1.6)):
        found = codes(MeanReversionParams(bar_minutes=bar_minutes), bars, sessions)
        assert low < sum(each.code == "signal" for each in found) / len(sessions) < high


def test_stop_and_target_follow_the_risk_settings() -> None:
    """The signal carries the distances of ``risk``, not of the strategy."""
    closes = [100.0 - 0.05 * index for index in range(160)]
    config = config_of(reversion=MeanReversionParams(), risk=RiskConfig(stop_loss_pct=0.01, take_profit_pct=0.05))
    signal = stream(manager_of(config), closes_as_bars(session(0), [*closes, closes[-1] + 0.3]), [session(0)])[
        -1
    ].signal
    assert signal is not None
    assert signal.entry_price is not None
    assert signal.stop_loss == pytest.approx(signal.entry_price * 0.99)
    assert signal.take_profit == pytest.approx(signal.entry_price * 1.05)
