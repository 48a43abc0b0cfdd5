"""mean_reversion: buy when Wilder's RSI climbs back out of oversold, sell when it enters overbought (domain 3). Long only."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from alpaca_trader.core.config import MeanReversionParams, RiskConfig
from alpaca_trader.core.history import KEPT_CLOSES, History
from alpaca_trader.core.indicators import (
    NO_RSI,
    NO_VWAP,
    Rsi,
    Vwap,
    add_to_rsi,
    add_to_vwap,
    clip,
    rounded,
    shifted,
    typical_price,
)
from alpaca_trader.core.models import Evaluation, Gate, Scalar, Session
from alpaca_trader.core.strategies.base import BUY, SELL, RuleStrategy, first_failed, known

WARM_UP_LOOKBACKS = 10
"""Bars before a signal, in lookbacks: by then the seed weighs less than a thousandth of a point (domain 3.2)."""


class MeanReversionRule(NamedTuple):
    """The numbers of ``MeanReversionParams`` the rule needs: RSI levels, bars, minutes."""

    oversold: float
    overbought: float
    lookback: int
    bar_minutes: int


class MeanReversionState(NamedTuple):
    """The RSI, which runs on across sessions, and what the current RSI bar has gathered so far."""

    vwap: Vwap
    rsi: Rsi
    previous: float
    """RSI one bar before the newest, NaN before there is one."""
    values: tuple[float, ...]
    """RSI at each of the last ``lookback`` bars, oldest first, NaN before the first."""
    bucket: int
    """Which RSI bar of the session the last minute belonged to."""
    pending: float
    """Last close of an RSI bar still open, NaN where there is none."""


class MeanReversionReading(NamedTuple):
    """What the rule measured at one minute, what held, and what follows: ``wish`` is 1 buy, -1 sell, 0 nothing."""

    close: float
    vwap: float
    rsi: float
    previous: float
    lowest: float
    bars: int
    gathered: int
    """Minutes of the RSI bar that have passed, this one included."""
    is_complete: bool
    is_warm: bool
    was_oversold: bool
    has_left_oversold: bool
    is_in_trend: bool
    wish: int
    confidence: float


def mean_reversion_begin(lookback: int) -> MeanReversionState:
    """The state before the first bar of all."""
    return MeanReversionState(NO_VWAP, NO_RSI, math.nan, (math.nan,) * lookback, -1, math.nan)


def mean_reversion_start(state: MeanReversionState, rule: MeanReversionRule) -> MeanReversionState:
    """The state at an open: the VWAP anew, the RSI goes on; a bar the last session left open is closed, undecided."""
    rsi, previous, values = state.rsi, state.previous, state.values
    if not math.isnan(state.pending):
        previous = rsi.value
        rsi = add_to_rsi(rsi, state.pending, rule.lookback)
        values = shifted(values, rsi.value)
    return MeanReversionState(NO_VWAP, rsi, previous, values, -1, math.nan)


def mean_reversion_rule(
    state: MeanReversionState,
    minute: int,
    high: float,
    low: float,
    close: float,
    volume: float,
    is_in_trend: bool,
    rule: MeanReversionRule,
) -> tuple[MeanReversionState, MeanReversionReading]:
    """One more minute, ``minute`` minutes after the open (domain 3.1-3.5).

    An RSI bar is complete with its last minute. Where that minute had no trade the bar is complete, and decided on,
    with the next minute that has one, if that lies in the next RSI bar; later than that its moment is gone.
    """
    vwap = add_to_vwap(state.vwap, typical_price(high, low, close), volume)
    average, previous, values = state.rsi, state.previous, state.values
    bucket = minute // rule.bar_minutes
    is_complete = False
    if bucket != state.bucket and not math.isnan(state.pending):
        is_complete = bucket == state.bucket + 1
        previous = average.value
        average = add_to_rsi(average, state.pending, rule.lookback)
        values = shifted(values, average.value)
    pending = close
    if (minute + 1) % rule.bar_minutes == 0:
        is_complete = True
        previous = average.value
        average = add_to_rsi(average, close, rule.lookback)
        values = shifted(values, average.value)
        pending = math.nan

    rsi = average.value
    is_warm = average.closes >= WARM_UP_LOOKBACKS * rule.lookback + 1
    was_oversold = previous <= rule.oversold
    has_left_oversold = rsi > rule.oversold
    lowest = math.nan
    wish = 0
    confidence = 0.0
    if is_complete and is_warm:
        # One bar may cross both levels. What is overbought is not bought.
        if previous < rule.overbought <= rsi:
            wish = SELL
            confidence = 1.0
        elif was_oversold and has_left_oversold and is_in_trend:
            wish = BUY
            lowest = min(values)
            c_depth = clip((rule.oversold - lowest) / 20.0)
            c_turn = clip((rsi - rule.oversold) / 10.0)
            c_discount = 0.0 if math.isnan(vwap.value) else clip((vwap.value / close - 1.0) / 0.01)
            confidence = rounded(clip(0.50 + 0.25 * c_depth + 0.10 * c_turn + 0.15 * c_discount))
    reading = MeanReversionReading(
        close,
        vwap.value,
        rsi,
        previous,
        lowest,
        average.closes,
        minute % rule.bar_minutes + 1,
        is_complete,
        is_warm,
        was_oversold,
        has_left_oversold,
        is_in_trend,
        wish,
        confidence,
    )
    return MeanReversionState(vwap, average, previous, values, bucket, pending), reading


class MeanReversionTrack:
    """The reversion's state in one symbol; the RSI runs on from session to session."""

    remembers = True

    def __init__(self, strategy: "MeanReversion") -> None:
        self.strategy = strategy
        self._state = mean_reversion_begin(strategy.rule.lookback)
        self._reading: MeanReversionReading | None = None
        self._daily_close: float | None = None
        self._daily_mean: float | None = None
        self._is_in_trend = True

    def start_session(self, history: History) -> None:
        """Start the VWAP anew and look up the daily trend; the RSI goes on."""
        self._state = mean_reversion_start(self._state, self.strategy.rule)
        if self.strategy.follows_trend:
            closes = history.closes
            self._daily_close = closes[-1] if closes else None
            self._daily_mean = math.fsum(closes) / KEPT_CLOSES if len(closes) == KEPT_CLOSES else None
            self._is_in_trend = self._daily_mean is not None and closes[-1] > self._daily_mean

    def fold(
        self, minute: int, open_: float, high: float, low: float, close: float, volume: float, vwap: float
    ) -> None:
        """Take in one bar."""
        self._state, self._reading = mean_reversion_rule(
            self._state, minute, high, low, close, volume, self._is_in_trend, self.strategy.rule
        )

    def evaluate(self, symbol: str, start: datetime) -> Evaluation:
        """The gates of the reversion at the last bar, and its signal if there is one."""
        seen, strategy = self._reading, self.strategy
        assert seen is not None, "a bar is folded before it is evaluated"
        rule = strategy.rule
        if not seen.is_complete:
            gates: tuple[Gate, ...] = (Gate("bar_incomplete", False, seen.gathered, rule.bar_minutes),)
            return Evaluation(symbol, strategy.name, start, "bar_incomplete", gates)
        gates = (
            Gate("warmup", seen.is_warm, seen.bars, WARM_UP_LOOKBACKS * rule.lookback + 1),
            Gate("no_rsi_cross", seen.was_oversold, known(seen.previous), rule.oversold),
            Gate("still_oversold", seen.has_left_oversold, known(seen.rsi), rule.oversold),
        )
        if strategy.follows_trend:
            gates = (*gates, Gate("trend_filter", seen.is_in_trend, self._daily_close, self._daily_mean))
        if seen.wish == 0:
            return Evaluation(symbol, strategy.name, start, first_failed(gates), gates)
        numbers: dict[str, Scalar] = {
            "rsi": seen.rsi,
            "rsi_previous": seen.previous,
            "rsi_lowest": known(seen.lowest),
            "vwap": known(seen.vwap),
        }
        if seen.wish == SELL:
            gates = (*gates, Gate("rsi_overbought", True, seen.rsi, rule.overbought))
            signal = strategy.exit(symbol, start, seen.close, "rsi_overbought", numbers)
            return Evaluation(symbol, strategy.name, start, "exit_signal", gates, signal)
        signal = strategy.entry(symbol, start, seen.close, seen.confidence, numbers)
        return Evaluation(symbol, strategy.name, start, "signal", gates, signal)


class MeanReversion(RuleStrategy):
    """The strategy ``mean_reversion``: its parameters, watchlist and, a symbol each, its tracks."""

    def __init__(
        self,
        params: MeanReversionParams | None = None,
        watchlist: Sequence[str] = (),
        risk: RiskConfig | None = None,
        sessions: Mapping[date, Session] | None = None,
        name: str = "mean_reversion",
    ) -> None:
        super().__init__(name, watchlist, risk or RiskConfig(), {} if sessions is None else sessions)
        self.params = params or MeanReversionParams()
        self.follows_trend = self.params.trend_filter == "daily_sma_200"
        self.rule = MeanReversionRule(
            self.params.rsi_oversold,
            self.params.rsi_overbought,
            self.params.lookback_period,
            self.params.bar_minutes,
        )

    def track(self) -> MeanReversionTrack:
        """A fresh state for one symbol."""
        return MeanReversionTrack(self)
