"""momentum_breakout, rule by rule, against the vectors of domain 2 and a slow reading of its text."""

import math
import random
from itertools import pairwise

import pytest

from alpaca_trader.core.config import MomentumParams, RiskConfig
from alpaca_trader.core.indicators import Vwap
from alpaca_trader.core.models import MINUTE, Bar, Evaluation, Session
from alpaca_trader.core.strategies.momentum import MomentumBreakout, MomentumRule, momentum_rule, momentum_start
from tests.core.strategies.market import (
    SYMBOL,
    bar,
    config_of,
    flat,
    frame_of,
    manager_of,
    random_days,
    session,
    stream,
)

VECTOR = [
    (100.00, 100.10, 99.90, 100.00, 1000),
    (100.00, 100.05, 99.80, 99.90, 1000),
    (99.90, 100.30, 99.90, 100.25, 2500),
    (100.25, 100.40, 100.20, 100.35, 1200),
    (100.35, 100.40, 100.00, 100.05, 1100),
    (100.05, 100.30, 100.04, 100.28, 1800),
    (100.28, 100.30, 99.70, 99.80, 1500),
    (99.80, 100.50, 99.80, 100.45, 3000),
]
VECTOR_VWAP = [100.000000, 99.958333, 100.064815, 100.117836, 100.123039, 100.140543, 100.109769, 100.141883]
TODAY = session(20)


def vector(at: Session = TODAY) -> list[Bar]:
    """The eight bars of domain 2.2."""
    return [bar(at, minute, numbers[:4], float(numbers[4])) for minute, numbers in enumerate(VECTOR)]


def quiet_days(count: int, volume: float = 1000.0, minutes: int = 390) -> tuple[list[Bar], list[Session]]:
    """Sessions in which every minute traded the same volume at one price."""
    sessions = [session(index, minutes) for index in range(count)]
    return [flat(at, minute, 100.0, volume) for at in sessions for minute in range(minutes)], sessions


def evaluations(params: MomentumParams, days: int, today: list[Bar], volume: float = 1000.0) -> list[Evaluation]:
    """What the strategy made of ``today`` after ``days`` quiet sessions."""
    past, sessions = quiet_days(days, volume)
    manager = manager_of(config_of(params))
    manager.warm_up(past, sessions)
    return stream(manager, today, [TODAY])


def gate(evaluation: Evaluation, name: str) -> object:
    """The value a gate measured."""
    return next(gate.value for gate in evaluation.gates if gate.name == name)


@pytest.mark.parametrize(("threshold", "expected"), [(1.5, {2: 2.5, 5: 1.8, 7: 3.0}), (2.0, {2: 2.5, 7: 3.0})])
def test_crosses_of_the_specification(threshold: float, expected: dict[int, float]) -> None:
    """The vector of domain 2.2 crosses at 2, 5 and 7 and not at 3, where it was already above."""
    found = evaluations(MomentumParams(volume_threshold=threshold), 20, vector())
    signals = {index: gate(each, "volume") for index, each in enumerate(found) if each.code == "signal"}
    assert signals == pytest.approx(expected)
    assert [gate(each, "zero_volume") for each in found] == pytest.approx(VECTOR_VWAP, abs=5e-7)
    assert found[3].code == "already_above"
    assert found[5].code == ("volume" if threshold == 2.0 else "signal")


def test_numbers_of_a_signal() -> None:
    """Entry at the close, stop and target at the configured distances, the evidence beside them (domain 2.5)."""
    manager = manager_of(config_of(MomentumParams(), risk=RiskConfig(stop_loss_pct=0.02, take_profit_pct=0.03)))
    past, sessions = quiet_days(20)
    manager.warm_up(past, sessions)
    signal = stream(manager, vector()[:3], [TODAY])[2].signal
    assert signal is not None
    assert (signal.symbol, signal.side, signal.strategy_name) == (SYMBOL, "buy", "momentum_breakout")
    assert (signal.entry_price, signal.stop_loss, signal.take_profit) == pytest.approx((100.25, 98.245, 103.2575))
    assert signal.bar_start == TODAY.open + 2 * MINUTE
    assert signal.numbers["volume_baseline"] == "tod"
    # ratio 2.5 of 1.5, 0.85 of a buffer above the band, and no VWAP five bars ago
    breakout = (100.25 / (VECTOR_VWAP[2] * 1.001) - 1.0) / 0.001
    assert signal.confidence == pytest.approx(0.5 + 0.25 * (2.5 / 1.5 - 1.0) + 0.15 * breakout, abs=6e-5)


def test_confidence_of_the_specification() -> None:
    """Ratio 2.25, close 186.10, upper 185.875273 and a rising VWAP are worth 0.8750 (domain 2.5)."""
    state = momentum_start(1)._replace(
        vwap=Vwap(185.6895834165834, 8000.0), is_armed=True, close=185.50, upper=185.60, minute=4, vwaps=(185.0,) * 5
    )
    # A bar without volume leaves the VWAP where it is, so that the upper band is the specification's.
    rule = MomentumRule(0.001, 1.5, 10.0, 500.0, False)
    state = state._replace(minutes=(2250.0,), minute=5)
    after, reading = momentum_rule(state, 5, 186.20, 185.45, 186.10, 0.0, math.nan, 1000.0, rule)
    assert reading.upper == pytest.approx(185.875273, abs=1e-6)
    assert (reading.ratio, reading.wish, reading.confidence) == (2.25, 1, 0.8750)
    assert not after.is_armed


def test_an_untraded_cross_is_gone() -> None:
    """A cross without volume uses up the arming: the next close above the band is no late entry."""
    closes = [(100.0, 100_000.0), (101.0, 10.0), (101.5, 9000.0)]
    today = [flat(TODAY, minute, close, volume) for minute, (close, volume) in enumerate(closes)]
    assert [each.code for each in evaluations(MomentumParams(), 20, today)] == ["no_cross", "volume", "already_above"]


def test_above_the_band_without_having_been_at_the_vwap_is_not_armed() -> None:
    """After a cross, a dip under the band that stays above the VWAP does not arm again."""
    closes = [(100.0, 1000.0), (101.0, 3000.0), (101.01, 10.0), (100.95, 10.0), (100.8, 100.0), (101.5, 9000.0)]
    today = [flat(TODAY, minute, close, volume) for minute, (close, volume) in enumerate(closes)]
    found = evaluations(MomentumParams(), 20, today)
    assert found[1].code == "signal"
    assert found[4].code == "no_cross"
    assert gate(found[4], "zero_volume") < 100.8  # type: ignore[operator]
    assert found[5].code == "not_armed"


def test_first_bar_cannot_cross() -> None:
    """A cross needs the bar before it in the same session: yesterday's close below the band is not enough."""
    found = evaluations(MomentumParams(), 20, [bar(TODAY, 0, (100.0, 103.0, 99.9, 103.0), 9000.0)])
    assert found[0].code == "already_above"
    assert gate(found[0], "already_above") is None


def test_without_volume_there_is_no_vwap() -> None:
    """While nothing traded in the session there is nothing to be above."""
    found = evaluations(MomentumParams(), 20, [flat(TODAY, 0, 100.0, 0.0), flat(TODAY, 1, 110.0, 0.0)])
    assert [each.code for each in found] == ["zero_volume", "zero_volume"]


@pytest.mark.parametrize(("days", "baseline"), [(4, "rolling"), (5, "tod")])
def test_baseline_falls_back_with_fewer_than_five_sessions(days: int, baseline: str) -> None:
    """Four earlier sessions are too few for the time of day; the session's own last twenty bars stand in, marked."""
    today = [flat(TODAY, minute, 100.0, 400.0) for minute in range(20)] + [flat(TODAY, 20, 101.0, 2000.0)]
    found = evaluations(MomentumParams(), days, today)
    assert found[20].signal is not None
    assert found[20].signal.numbers["volume_baseline"] == baseline
    assert gate(found[20], "volume") == pytest.approx(5.0 if baseline == "rolling" else 2.0)


def test_rolling_baseline_needs_twenty_bars() -> None:
    """With nineteen bars before it a cross is not judged: warmup."""
    params = MomentumParams(volume_baseline="rolling")
    today = [flat(TODAY, minute, 100.0) for minute in range(19)] + [flat(TODAY, 30, 101.0, 9000.0)]
    found = evaluations(params, 20, today)
    assert (found[19].code, found[19].gates[0].value, found[19].gates[0].limit) == ("warmup", 19, 20)


def test_rolling_baseline_is_the_previous_twenty_bars() -> None:
    """The bar itself and the twenty-first before it do not count."""
    volumes = [99_999.0] + [100.0 * index for index in range(1, 21)]
    today = [flat(TODAY, minute, 100.0, volume) for minute, volume in enumerate(volumes)]
    today.append(flat(TODAY, 40, 101.0, 3150.0))
    found = evaluations(MomentumParams(volume_baseline="rolling"), 20, today)
    assert gate(found[21], "volume") == pytest.approx(3150.0 / 1050.0)


def test_zero_baseline_is_no_signal() -> None:
    """Where these minutes never traded, no volume is unusual."""
    found = evaluations(MomentumParams(), 20, vector(), volume=0.0)
    assert found[2].code == "zero_baseline"
    assert gate(found[2], "volume") is None


def test_half_days_are_left_out_of_baselines() -> None:
    """Five full sessions and a loud half day give the mean of the five."""
    past, sessions = quiet_days(5)
    half = session(5, minutes=210)
    loud = [flat(half, minute, 100.0, 50_000.0) for minute in range(210)]
    manager = manager_of(config_of(MomentumParams()))
    manager.warm_up(past + loud, [*sessions, half])
    found = stream(manager, vector(), [TODAY])
    assert gate(found[2], "zero_baseline") == 1000.0


def test_baseline_is_the_last_days_of_the_same_minute() -> None:
    """Only ``volume_days`` sessions count, only the same minute of each, and a minute without a bar counts as 0."""
    sessions = [session(index) for index in range(6)]
    past = [flat(sessions[0], 2, 100.0, 900_000.0)]
    for number, at in enumerate(sessions[1:], 1):
        minutes = (0, 1, 3) if number == 3 else (0, 1, 2, 3)
        past += [flat(at, minute, 100.0, 1000.0 * number + minute) for minute in minutes]
    manager = manager_of(config_of(MomentumParams(volume_days=5)))
    manager.warm_up(past, sessions)
    found = stream(manager, vector(), [TODAY])
    assert gate(found[2], "zero_baseline") == pytest.approx((1002 + 2002 + 0 + 4002 + 5002) / 5)


def test_volume_window_of_several_minutes() -> None:
    """The volume of the last three minutes, silent ones as 0, beside the mean of the same three minutes."""
    params = MomentumParams(volume_window=3)
    today = [flat(TODAY, 0, 100.0, 700.0), flat(TODAY, 2, 100.0, 900.0), flat(TODAY, 3, 101.0, 3600.0)]
    found = evaluations(params, 20, today)
    assert [gate(each, "zero_baseline") for each in found] == [1000.0, 3000.0, 3000.0]
    assert gate(found[0], "volume") == pytest.approx(0.7)
    assert gate(found[1], "volume") == pytest.approx(1600.0 / 3000.0)
    assert (found[2].code, gate(found[2], "volume")) == ("signal", pytest.approx(1.5))


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [(100.25, 500.0, "signal"), (100.26, 500.0, "price_band"), (10.0, 100.25, "signal"), (10.0, 100.24, "price_band")],
)
def test_price_band_includes_its_ends(low: float, high: float, code: str) -> None:
    """A close of exactly min_price or max_price is inside."""
    assert evaluations(MomentumParams(min_price=low, max_price=high), 20, vector())[2].code == code


def test_vwap_failure_is_an_exit() -> None:
    """A close below VWAP less the buffer is a sell at every such bar; just above it is nothing."""
    today = [
        flat(TODAY, 0, 100.0, 1_000_000.0),
        flat(TODAY, 1, 99.95, 1.0),
        flat(TODAY, 2, 99.85, 1.0),
        flat(TODAY, 3, 99.8, 1.0),
    ]
    found = evaluations(MomentumParams(), 20, today)
    assert [each.code for each in found] == ["no_cross", "no_cross", "exit_signal", "exit_signal"]
    exit_ = found[2].signal
    assert exit_ is not None
    assert (exit_.side, exit_.reason, exit_.entry_price, exit_.confidence) == ("sell", "vwap_fail", 99.85, 1.0)
    assert (exit_.stop_loss, exit_.take_profit) == (None, None)
    assert found[2].gates[-1].name == "vwap_fail"


def test_vwap_starts_anew_at_each_open() -> None:
    """Yesterday's prices and arming are gone at the open."""
    found = evaluations(MomentumParams(), 1, [flat(TODAY, 0, 50.0, 10.0)])
    assert gate(found[0], "zero_volume") == 50.0


def test_the_feed_s_own_vwap_may_be_used() -> None:
    """``bar_vw`` takes the bar's own VWAP; where that is missing or outside the bar, the typical price."""
    params = MomentumParams(vwap_source="bar_vw")
    prices = (100.0, 101.0, 99.0, 100.9)
    today = [
        bar(TODAY, 0, prices, 1000.0, 99.5),
        bar(TODAY, 1, prices, 1000.0, None),
        bar(TODAY, 2, prices, 1000.0, 0.0),
        bar(TODAY, 3, prices, 1000.0, 101.01),
    ]
    found = evaluations(params, 20, today)
    typical = (101.0 + 99.0 + 100.9) / 3
    expected = [99.5, (99.5 + typical) / 2, (99.5 + 2 * typical) / 3, (99.5 + 3 * typical) / 4]
    assert [gate(each, "zero_volume") for each in found] == pytest.approx(expected)


def within(value: float) -> float:
    """``value``, not below 0 and not above 1."""
    return min(max(value, 0.0), 1.0)


def slow_signals(bars: list[Bar], sessions: list[Session], params: MomentumParams) -> dict[Bar, tuple[str, float]]:
    """Domain 2 read word by word, from all bars at each bar: the buys and sells with their confidence."""
    found: dict[Bar, tuple[str, float]] = {}
    full = [at for at in sessions if at.close - at.open == 390 * MINUTE]
    volume_at = {
        (each.start.date(), (each.start - at.open) // MINUTE): each.volume
        for at in sessions
        for each in bars
        if at.open <= each.start < at.close
    }
    traded = {day for day, _ in volume_at}
    for at in sessions:
        day = [each for each in bars if at.open <= each.start < at.close]
        vwaps: list[float] = []
        for index in range(len(day)):
            shares = math.fsum(one.volume for one in day[: index + 1])
            money = math.fsum((one.high + one.low + one.close) / 3 * one.volume for one in day[: index + 1])
            vwaps.append(money / shares if shares else math.nan)
        uppers = [vwap * (1 + params.vwap_buffer) for vwap in vwaps]
        crosses = [False] + [
            now.close > upper and before.close <= upper_before
            for (before, now), (upper_before, upper) in zip(pairwise(day), pairwise(uppers), strict=True)
        ]
        armed = False
        for index, each in enumerate(day):
            minute = (each.start - at.open) // MINUTE
            if each.close < vwaps[index] * (1 - params.vwap_buffer):
                found[each] = ("sell", 1.0)
            if each.close <= vwaps[index]:
                armed = True
            if not (armed and crosses[index]):
                continue
            armed = False
            window = range(max(0, minute - params.volume_window + 1), minute + 1)
            before = [one for one in full if one.day < at.day and one.day in traded][-params.volume_days :]
            if len(before) >= 5 and params.volume_baseline == "tod":
                usual = sum(volume_at.get((one.day, m), 0.0) for one in before for m in window) / len(before)
            elif index >= 20:
                usual = sum(one.volume for one in day[index - 20 : index]) / 20 * len(window)
            else:
                continue
            recent = sum(volume_at.get((at.day, m), 0.0) for m in window)
            if usual == 0 or recent / usual < params.volume_threshold:
                continue
            if not params.min_price <= each.close <= params.max_price:
                continue
            breakout = (each.close / uppers[index] - 1) / max(params.vwap_buffer, 0.0005)
            slope = index >= 5 and vwaps[index] >= vwaps[index - 5]
            score = (
                0.5
                + 0.25 * within(recent / usual / params.volume_threshold - 1)
                + 0.15 * within(breakout)
                + 0.1 * slope
            )
            found[each] = ("buy", score)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "params",
    [
        MomentumParams(),
        MomentumParams(volume_window=4, volume_threshold=1.2, vwap_buffer=0.0, volume_days=6),
        MomentumParams(volume_baseline="rolling", vwap_buffer=0.0003, min_price=99.0, max_price=103.0, volume_window=2),
    ],
)
def test_signals_equal_a_slow_reading_of_the_rules(seed: int, params: MomentumParams) -> None:
    """On random sessions, a half day among them, every buy and sell and its confidence is the slow reading's."""
    sessions = [session(index, 210 if index == 3 else 390) for index in range(8)]
    bars = random_days(seed, sessions, missing=0.1)
    found = {
        each.bar_start: each.signal
        for each in stream(manager_of(config_of(params)), bars, sessions)
        if each.signal is not None
    }
    expected = {each.start: wish for each, wish in slow_signals(bars, sessions, params).items()}
    assert {start: signal.side for start, signal in found.items()} == {at: side for at, (side, _) in expected.items()}
    for start, (_, score) in expected.items():
        assert found[start].confidence == pytest.approx(score, abs=5.1e-5)
    assert {side for side, _ in expected.values()} == {"buy", "sell"}


def test_crosses_on_driftless_data_are_as_frequent_as_stated() -> None:
    """Domain 2.7: about 3.2 crosses a symbol-day at 1 % daily volatility, about 1.0 after the volume filter."""
    rng = random.Random(11)
    sigma = 0.01 / math.sqrt(390)
    crosses = signals = 0
    past, sessions = quiet_days(20, volume=1000.0)
    for _ in range(60):
        manager = manager_of(config_of(MomentumParams()))
        manager.warm_up(past[-390 * 6 :], sessions[-6:])
        at, price, day = session(20), 100.0, []
        for minute in range(390):
            path = [price]
            for _ in range(4):
                path.append(path[-1] * math.exp(rng.gauss(0.0, sigma / 2)))
            day.append(
                bar(at, minute, (price, max(path), min(path), path[-1]), 1000.0 * rng.lognormvariate(-0.2, 0.63))
            )
            price = path[-1]
        found = stream(manager, day, [at])
        waived = {"volume", "signal"}
        crosses += sum(each.code in waived for each in found)
        signals += sum(each.code == "signal" for each in found)
    assert 2.0 < crosses / 60 < 5.0
    assert 0.3 < signals / 60 < 2.0


def test_analyze_stands_alone() -> None:
    """A frame alone is enough: a day no calendar was given for counts as 9:30 to 16:00 New York."""
    past, sessions = quiet_days(6)
    bars = [each for each in past if each.start < sessions[5].close] + vector()[:3]
    late = flat(TODAY, 395, 130.0, 90_000.0)
    strategy = MomentumBreakout(MomentumParams(), [SYMBOL])
    signal = strategy.analyze(SYMBOL, frame_of(bars))
    assert signal is not None
    assert signal.bar_start == bars[-1].start
    assert strategy.analyze(SYMBOL, frame_of([*bars, late])) is None
    assert strategy.get_watchlist() == [SYMBOL]
