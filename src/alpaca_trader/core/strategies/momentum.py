"""momentum_breakout: buy a close that crosses above the session VWAP on unusual volume (domain 2). Long only."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from alpaca_trader.core.config import MomentumParams, RiskConfig
from alpaca_trader.core.history import History
from alpaca_trader.core.indicators import (
    NO_VWAP,
    Vwap,
    add_to_minutes,
    add_to_vwap,
    clip,
    rounded,
    shifted,
    typical_price,
    usual_volume,
)
from alpaca_trader.core.models import Evaluation, Gate, Scalar, Session
from alpaca_trader.core.strategies.base import BUY, SELL, RuleStrategy, first_failed, known

ROLLING_BARS = 20
"""Bars of this session whose mean volume stands in where earlier sessions are too few."""
FEWEST_SESSIONS = 5
"""Earlier full sessions without which there is no time-of-day baseline."""
SLOPE_BARS = 5
"""How many bars back the VWAP is compared with itself."""
NARROWEST_BUFFER = 0.0005
"""The breakout is measured in buffers, and a buffer of 0 measures nothing."""


class MomentumRule(NamedTuple):
    """The numbers of ``MomentumParams`` the rule needs: fractions, multiples, USD."""

    vwap_buffer: float
    volume_threshold: float
    min_price: float
    max_price: float
    uses_bar_vwap: bool


class MomentumState(NamedTuple):
    """A session so far. ``close`` and ``upper`` are the previous bar's, NaN before the first."""

    vwap: Vwap
    is_armed: bool
    close: float
    upper: float
    minute: int
    minutes: tuple[float, ...]
    """Volume of each of the last ``volume_window`` minutes, oldest first."""
    vwaps: tuple[float, ...]
    """VWAP at each of the last five bars, oldest first, NaN before the first."""
    volumes: tuple[float, ...]
    """Volume of each of the last twenty bars, oldest first, 0 before the first."""
    bars: int


class MomentumReading(NamedTuple):
    """What the rule measured at one bar, what held, and what follows: ``wish`` is 1 buy, -1 sell, 0 nothing."""

    close: float
    vwap: float
    upper: float
    lower: float
    previous_close: float
    previous_upper: float
    bars: int
    volume: float
    baseline: float
    ratio: float
    is_rolling: bool
    has_volume: bool
    has_baseline: bool
    has_usual_volume: bool
    is_above: bool
    was_below: bool
    was_armed: bool
    is_loud: bool
    is_in_band: bool
    wish: int
    confidence: float


def momentum_start(volume_window: int) -> MomentumState:
    """The state at the open: nothing seen, not armed."""
    nothing = math.nan
    return MomentumState(
        NO_VWAP,
        False,
        nothing,
        nothing,
        -1,
        (0.0,) * volume_window,
        (nothing,) * SLOPE_BARS,
        (0.0,) * ROLLING_BARS,
        0,
    )


def momentum_rule(
    state: MomentumState,
    minute: int,
    high: float,
    low: float,
    close: float,
    volume: float,
    bar_vwap: float,
    usual: float,
    rule: MomentumRule,
) -> tuple[MomentumState, MomentumReading]:
    """One more bar, ``minute`` minutes after the open (domain 2.1-2.6).

    ``usual`` is the volume (shares) usual in the window ending with this minute, NaN where it is not known and the mean
    of the previous twenty bars has to serve. ``bar_vwap`` is the feed's own, NaN where it sent none.
    """
    # The feed's bar VWAP is believed only where the bar traded: some send 0, or worse.
    price = bar_vwap if rule.uses_bar_vwap and low <= bar_vwap <= high else typical_price(high, low, close)
    vwap = add_to_vwap(state.vwap, price, volume)
    upper = vwap.value * (1.0 + rule.vwap_buffer)
    lower = vwap.value * (1.0 - rule.vwap_buffer)
    minutes = add_to_minutes(state.minutes, minute - state.minute, volume)
    recent = sum(minutes)

    is_rolling = math.isnan(usual)
    baseline = usual
    if is_rolling and state.bars >= ROLLING_BARS:
        baseline = sum(state.volumes) / ROLLING_BARS * min(len(minutes), minute + 1)
    has_usual_volume = baseline > 0.0
    ratio = recent / baseline if has_usual_volume else math.nan

    # NaN compares false: without a VWAP, or without a bar before this one, nothing is crossed.
    is_above = close > upper
    was_below = state.close <= state.upper
    is_loud = ratio >= rule.volume_threshold
    is_in_band = rule.min_price <= close <= rule.max_price
    has_crossed = is_above and was_below and state.is_armed
    wish = 0
    confidence = 0.0
    if close < lower:
        wish = SELL
        confidence = 1.0
    elif has_crossed and is_loud and is_in_band:
        wish = BUY
        c_volume = clip(ratio / rule.volume_threshold - 1.0)
        c_breakout = clip((close / upper - 1.0) / max(rule.vwap_buffer, NARROWEST_BUFFER))
        c_slope = 1.0 if vwap.value >= state.vwaps[0] else 0.0
        confidence = rounded(clip(0.50 + 0.25 * c_volume + 0.15 * c_breakout + 0.10 * c_slope))

    reading = MomentumReading(
        close,
        vwap.value,
        upper,
        lower,
        state.close,
        state.upper,
        state.bars,
        recent,
        baseline,
        ratio,
        is_rolling,
        vwap.volume > 0.0,
        not math.isnan(baseline),
        has_usual_volume,
        is_above,
        was_below,
        state.is_armed,
        is_loud,
        is_in_band,
        wish,
        confidence,
    )
    state = MomentumState(
        vwap,
        # A cross uses up the arming, traded or not: there is no late entry.
        close <= vwap.value or (state.is_armed and not has_crossed),
        close,
        upper,
        minute,
        minutes,
        shifted(state.vwaps, vwap.value),
        shifted(state.volumes, volume),
        state.bars + 1,
    )
    return state, reading


class MomentumTrack:
    """The breakout's state in one symbol; everything starts anew at the open."""

    remembers = False

    def __init__(self, strategy: "MomentumBreakout") -> None:
        self.strategy = strategy
        self._state = momentum_start(strategy.params.volume_window)
        self._reading: MomentumReading | None = None
        self._usual: list[float] = []
        self._sessions = 0

    def start_session(self, history: History) -> None:
        """Forget the last session and average the volumes of the ones before this."""
        params = self.strategy.params
        self._state = momentum_start(params.volume_window)
        volumes = history.volumes[-params.volume_days :] if params.volume_baseline == "tod" else []
        self._sessions = len(volumes)
        has_enough = self._sessions >= FEWEST_SESSIONS
        self._usual = usual_volume(volumes, params.volume_window).tolist() if has_enough else []

    def fold(
        self, minute: int, open_: float, high: float, low: float, close: float, volume: float, vwap: float
    ) -> None:
        """Take in one bar."""
        usual = self._usual[minute] if self._usual else math.nan
        self._state, self._reading = momentum_rule(
            self._state, minute, high, low, close, volume, vwap, usual, self.strategy.rule
        )

    def evaluate(self, symbol: str, start: datetime) -> Evaluation:
        """The gates of the breakout at the last bar, and its signal if there is one."""
        seen, strategy = self._reading, self.strategy
        assert seen is not None, "a bar is folded before it is evaluated"
        rule = strategy.rule
        gates: tuple[Gate, ...] = (
            Gate("warmup", seen.has_baseline, seen.bars, ROLLING_BARS)
            if seen.is_rolling
            else Gate("warmup", True, self._sessions, FEWEST_SESSIONS),
            Gate("zero_volume", seen.has_volume, known(seen.vwap), 0.0),
            Gate("no_cross", seen.is_above, seen.close, known(seen.upper)),
            Gate("already_above", seen.was_below, known(seen.previous_close), known(seen.previous_upper)),
            Gate("not_armed", seen.was_armed, seen.was_armed, True),
            Gate("zero_baseline", seen.has_usual_volume, known(seen.baseline), 0.0),
            Gate("volume", seen.is_loud, known(seen.ratio), rule.volume_threshold),
            Gate("price_band", seen.is_in_band, seen.close, strategy.band),
        )
        if seen.wish == 0:
            return Evaluation(symbol, strategy.name, start, first_failed(gates), gates)
        numbers: dict[str, Scalar] = {
            "vwap": seen.vwap,
            "upper": seen.upper,
            "volume_ratio": known(seen.ratio),
            "volume_baseline": "rolling" if seen.is_rolling else "tod",
        }
        if seen.wish == SELL:
            gates = (*gates, Gate("vwap_fail", True, seen.close, seen.lower))
            signal = strategy.exit(symbol, start, seen.close, "vwap_fail", numbers)
            return Evaluation(symbol, strategy.name, start, "exit_signal", gates, signal)
        signal = strategy.entry(symbol, start, seen.close, seen.confidence, numbers)
        return Evaluation(symbol, strategy.name, start, "signal", gates, signal)


class MomentumBreakout(RuleStrategy):
    """The strategy ``momentum_breakout``: its parameters, watchlist and, a symbol each, its tracks."""

    def __init__(
        self,
        params: MomentumParams | None = None,
        watchlist: Sequence[str] = (),
        risk: RiskConfig | None = None,
        sessions: Mapping[date, Session] | None = None,
        name: str = "momentum_breakout",
    ) -> None:
        super().__init__(name, watchlist, risk or RiskConfig(), {} if sessions is None else sessions)
        self.params = params or MomentumParams()
        self.band = f"{self.params.min_price:g} to {self.params.max_price:g}"
        self.rule = MomentumRule(
            self.params.vwap_buffer,
            self.params.volume_threshold,
            self.params.min_price,
            self.params.max_price,
            self.params.vwap_source == "bar_vw",
        )

    def track(self) -> MomentumTrack:
        """A fresh state for one symbol."""
        return MomentumTrack(self)
