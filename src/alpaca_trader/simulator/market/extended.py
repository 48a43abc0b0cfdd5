"""The hours before the open and after the close of a generated session: few prints, small, far apart.

Prices lead from one regular session to the next without moving it: after hours they leave the close for a part of the
gap to come, before the open they find the rest of it. All draws are from streams of their own, so that the regular
minutes of a seed are the same with and without extended hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import SessionHours
from alpaca_trader.simulator.market.draws import STEPS, Floats, stream
from alpaca_trader.simulator.market.symbols import SymbolProfile
from alpaca_trader.simulator.market.tape import Ints

_SHARE = 0.02
"""Volume of an average extended minute relative to a regular one at midday."""
_PRINT = 400
"""Expected shares a minute at which two minutes in three see a print."""
_SIGMA = 0.25
"""Standard deviation of an extended phase's noise relative to a regular session's."""


@dataclass(frozen=True, slots=True)
class ExtendedDraw:
    """The minutes of a phase: their starts, log prices by five-second step, volumes, and which of them trade."""

    start: Ints
    log_price: Floats
    volume: Ints
    trades_here: NDArray[np.bool_]


def draw_pre(seed: int, profile: SymbolProfile, hours: SessionHours, begins: float, ends: float) -> ExtendedDraw:
    """04:00 to the open: from the log price `begins` (where the evening before ended) to `ends` (the open)."""
    start = _minutes(int(hours.pre_open.timestamp()), int(hours.open.timestamp()))
    busy = 0.15 + 3.0 * np.exp(-np.arange(len(start))[::-1] / 60)
    return _draw("pre", seed, profile, hours, start, busy, (begins, ends))


def draw_post(seed: int, profile: SymbolProfile, hours: SessionHours, begins: float, gap: float) -> ExtendedDraw:
    """The close to 20:00 (17:00): from the log price `begins` by a seeded share of the overnight gap to come."""
    start = _minutes(int(hours.close.timestamp()), int(hours.post_close.timestamp()))
    share = float(stream(seed, "gap", profile.symbol, hours.date).uniform(0.2, 0.9))
    busy = 0.15 + 3.0 * np.exp(-np.arange(len(start)) / 40)
    return _draw("post", seed, profile, hours, start, busy, (begins, begins + share * gap))


def _minutes(first: int, end: int) -> Ints:
    return np.arange(first, end, 60, dtype=np.int64)


def _draw(
    phase: str,
    seed: int,
    profile: SymbolProfile,
    hours: SessionHours,
    start: Ints,
    busy: Floats,
    between: tuple[float, float],
) -> ExtendedDraw:
    rng = stream(seed, phase, profile.symbol, hours.date)
    n = len(start) * STEPS
    walk = np.cumsum(rng.standard_normal(n)) * _SIGMA * profile.own_sigma / np.sqrt(n)
    bridge = walk - np.linspace(0, walk[-1], n)
    news_at = rng.uniform(0.05, 0.4)
    moved = 1 / (1 + np.exp(-(np.linspace(0, 1, n) - news_at) * 40))
    log_price = between[0] + (between[1] - between[0]) * moved + bridge
    expected = profile.minute_volume * _SHARE * busy
    volume = np.maximum(expected * np.exp(0.8 * rng.standard_normal(len(start))), 1).astype(np.int64)
    here = rng.random(len(start)) < 1 - np.exp(-expected / _PRINT)
    return ExtendedDraw(start, log_price, volume, here)
