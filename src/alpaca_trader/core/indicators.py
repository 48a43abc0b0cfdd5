"""Session VWAP, Wilder's RSI and volume beside what is usual: incremental, O(1) a bar, over plain numbers.

A rule takes a state and the numbers of one bar and answers with the next state. States are named tuples of floats and
ints, NaN means "undefined", nothing is raised and nothing is looked up: the same functions can be compiled as they are.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SESSION_MINUTES = 390
"""Minutes of a full regular session; a shorter one is a half day."""


class Vwap(NamedTuple):
    """The volume-weighted average price of a session so far (NaN until something traded) and the volume behind it."""

    value: float
    volume: float


NO_VWAP = Vwap(math.nan, 0.0)


def typical_price(high: float, low: float, close: float) -> float:
    """``(high + low + close) / 3`` in USD, written so that a bar with one price has exactly that typical price."""
    return close + ((high - close) + (low - close)) / 3.0


def add_to_vwap(state: Vwap, price: float, volume: float) -> Vwap:
    """The VWAP after one more bar: ``sum(price * volume) / sum(volume)`` (domain 2.1).

    Kept as a running weighted mean: on a flat price it stays exactly that price, where a quotient of two sums would
    wander by a rounding error and ``close <= VWAP`` would be a coin toss.
    """
    if volume <= 0.0:
        return state
    total = state.volume + volume
    if state.volume == 0.0:
        return Vwap(price, total)
    return Vwap(state.value + (price - state.value) * (volume / total), total)


class Rsi(NamedTuple):
    """Wilder's RSI: closes seen, the last of them, average gain and loss (sums while seeding), the value or NaN."""

    closes: int
    close: float
    gain: float
    loss: float
    value: float


NO_RSI = Rsi(0, math.nan, 0.0, 0.0, math.nan)


def add_to_rsi(state: Rsi, close: float, lookback: int) -> Rsi:
    """The RSI after one more close (domain 3.1): TA-Lib's seeding, first value at index ``lookback``, flat is 50.

    A close without change leaves a defined value exactly as it is: gain and loss shrink by one factor, so in real
    numbers their ratio stays, and a rounding error (or TA-Lib's jump to 0 once both have died away) cannot cross a level.
    """
    if state.closes == 0:
        return Rsi(1, close, 0.0, 0.0, math.nan)
    change = close - state.close
    up = change if change > 0.0 else 0.0
    down = -change if change < 0.0 else 0.0
    if state.closes > lookback:
        gain = (state.gain * (lookback - 1) + up) / lookback
        loss = (state.loss * (lookback - 1) + down) / lookback
        if change == 0.0:
            return Rsi(state.closes + 1, close, gain, loss, state.value)
    else:
        gain = state.gain + up
        loss = state.loss + down
        if state.closes < lookback:
            return Rsi(state.closes + 1, close, gain, loss, math.nan)
        gain /= lookback
        loss /= lookback
    total = gain + loss
    value = 100.0 * (gain / total) if total > 0.0 else 50.0
    return Rsi(state.closes + 1, close, gain, loss, value)


def shifted(window: tuple[float, ...], newest: float) -> tuple[float, ...]:
    """The window one entry later: the oldest falls out, ``newest`` comes in."""
    return window[1:] + (newest,)  # noqa: RUF005  the starred form does not compile


def add_to_minutes(window: tuple[float, ...], minutes: int, volume: float) -> tuple[float, ...]:
    """A window of volumes by minute after ``minutes`` have passed since its last entry; silent minutes count as 0."""
    for _ in range(min(minutes, len(window))):
        window = shifted(window, 0.0)
    return window[:-1] + (window[-1] + volume,)  # noqa: RUF005  the starred form does not compile


def usual_volume(sessions: Sequence[Floats], window: int) -> Floats:
    """Mean volume of the ``window`` minutes that end with each minute of the session, over earlier full sessions.

    Each session is its volume by minute (shares, 390 entries, silent minutes 0). At the open the window holds only the
    minutes since the open, as does the volume it is compared with.
    """
    running = np.concatenate(([0.0], np.cumsum(np.sum(sessions, axis=0))))
    ends = np.arange(1, len(running))
    windowed = running[ends] - running[np.maximum(ends - window, 0)]
    mean: Floats = windowed / len(sessions)
    return mean


def clip(value: float) -> float:
    """``value`` held within 0 and 1."""
    return min(max(value, 0.0), 1.0)


def rounded(value: float) -> float:
    """``value`` to four decimals, half up: the same digits whether interpreted or compiled, as ``round`` is not."""
    return math.floor(value * 10_000.0 + 0.5) / 10_000.0
