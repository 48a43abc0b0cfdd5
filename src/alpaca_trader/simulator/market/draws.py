"""What a session of a generated market is drawn from: the shape of the day, trends, news, volume, and gaps at night.

Every draw comes from a stream of its own purpose, so that asking for more (a symbol, history, extended hours) never moves
what was drawn for something else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import SessionHours
from alpaca_trader.simulator.market.symbols import SymbolProfile
from alpaca_trader.simulator.market.tape import Ints

Floats = NDArray[np.float64]
STEPS = 12
"""Prices are drawn every five seconds; open, high, low and close of a minute are read off these."""
_MARKET_SIGMA = 0.007
"""Standard deviation of the market factor's session return."""


@dataclass(frozen=True, slots=True)
class DayShape:
    """What a scenario makes of one symbol's session, on top of what the seed draws.

    `noise` scales everything drawn, `path` is added: the log price of every five-second step relative to the open. `gap`
    is added to the overnight log return. `volume` multiplies each minute's, `silence` is the chance of a minute without trades.
    """

    noise: float = 1.0
    gap: float = 0.0
    path: Floats | None = None
    volume: Floats | float = 1.0
    silence: float | None = None


def stream(seed: int, *what: object) -> np.random.Generator:
    """The random stream for one purpose, from a hash that does not depend on process or platform."""
    digest = hashlib.sha256("|".join(map(str, (seed, *what))).encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(np.frombuffer(digest, dtype="<u4").tolist())))


def _time_of_day(minutes: int) -> Floats:
    """Volatility by minute relative to the session's average: high at the open, quiet at noon, up again into the close."""
    t = np.arange(minutes)
    shape = 0.75 + 1.3 * np.exp(-t / 25) + 0.45 * np.exp(-(minutes - 1 - t) / 35)
    relative: Floats = shape / np.sqrt(np.mean(shape**2))
    return relative


def _regimes(rng: np.random.Generator, minutes: int) -> Floats:
    """Volatility multiplier by minute: stretches of about an hour and a half that are calm, normal or wild."""
    switch = rng.random(minutes) < 1 / 90
    level = rng.choice(np.array([0.6, 1.0, 1.6]), size=minutes, p=np.array([0.3, 0.5, 0.2]))
    held: Floats = level[np.maximum.accumulate(np.where(switch, np.arange(minutes), 0))]
    return held


def market_factor(seed: int, hours: SessionHours) -> tuple[float, Floats]:
    """Overnight gap and five-second log returns that all symbols share, in units of beta 1."""
    rng = stream(seed, "market", hours.date)
    n = hours.minutes
    scale = np.repeat(_time_of_day(n) * _regimes(rng, n), STEPS) * _MARKET_SIGMA / np.sqrt(n * STEPS)
    noise = scale * rng.standard_normal(n * STEPS)
    gap = float(rng.normal(0, 0.4 * _MARKET_SIGMA))
    return gap, noise + np.repeat(_trends(rng, _MARKET_SIGMA, n), STEPS) / STEPS


@dataclass(frozen=True, slots=True)
class SessionDraw:
    """One symbol's session before it has a price level: log prices relative to the previous close, and volumes."""

    log_price: Floats
    volume: Ints
    trades_here: NDArray[np.bool_]


def _trends(rng: np.random.Generator, sigma: float, minutes: int) -> Floats:
    """Log drift per minute: the day falls into stretches that trend, rest, or pull back to where they began."""
    drift = np.zeros(minutes)
    at = 0
    while at < minutes:
        length = min(int(rng.integers(35, 110)), minutes - at)
        kind, strength = rng.random(), rng.uniform(0.2, 0.65)
        if kind < 0.45:
            drift[at : at + length] = sigma * strength * rng.choice((-1.0, 1.0)) / length
        elif kind < 0.8:
            drift[at : at + length] = np.diff(_pulled_back(rng, length), prepend=0.0) * sigma * strength
        at += length
    return drift


def _pulled_back(rng: np.random.Generator, minutes: int) -> Floats:
    """A path that keeps returning to zero: autoregressive of order one, about ten minutes' memory, standard deviation 0.5."""
    keep = 0.9
    weights = keep ** -np.arange(minutes, dtype=np.float64)
    path: Floats = 0.5 * np.sqrt(1 - keep**2) * np.cumsum(rng.standard_normal(minutes) * weights) / weights
    return path


def _news(rng: np.random.Generator, sigma: float, minutes: int) -> tuple[Floats, Floats]:
    """Log return and volume multiplier by minute: in every other session one burst of one-sided trading that drifts on."""
    drift, loud = np.zeros(minutes), np.ones(minutes)
    if rng.random() < 0.5:
        at, length, after = int(rng.integers(20, minutes - 90)), int(rng.integers(3, 13)), int(rng.integers(20, 60))
        move = rng.choice((-1.0, 1.0), p=(0.4, 0.6)) * rng.uniform(1.0, 2.0) * sigma
        drift[at : at + length] = move / length
        drift[at + length : at + length + after] = move * rng.uniform(-0.2, 0.7) / after
        loud[at : at + length + 15] = 1 + rng.uniform(3, 7) * np.exp(
            -np.maximum(np.arange(length + 15) - length, 0) / 5
        )
    return drift, loud


def draw_session(
    seed: int,
    profile: SymbolProfile,
    hours: SessionHours,
    market: tuple[float, Floats],
    shape_of: DayShape | None = None,
) -> SessionDraw:
    """One symbol's session from its own stream and the market's; `shape_of` bends the result, not the draws."""
    rng = stream(seed, profile.symbol, hours.date)
    n = hours.minutes
    shape = _time_of_day(n) * _regimes(rng, n)
    news, loud = _news(rng, profile.own_sigma, n)
    noise = rng.standard_normal(n * STEPS) * np.repeat(shape, STEPS) * 0.75 * profile.own_sigma / np.sqrt(n * STEPS)
    steps = noise + profile.beta * market[1] + np.repeat(_trends(rng, profile.own_sigma, n) + news, STEPS) / STEPS
    gap = rng.normal(0, 0.45 * profile.own_sigma) + profile.beta * market[0]
    log_price = gap + np.cumsum(steps)
    moved = np.abs(steps.reshape(n, STEPS).sum(axis=1)) / (profile.sigma / np.sqrt(n))
    busy = 0.75 + 0.3 * np.minimum(moved, 4.0)
    t = np.arange(n)
    u_shape = 0.6 + 2.2 * np.exp(-t / 14) + 1.4 * np.exp(-(n - 1 - t) / 18)
    wander = np.exp(0.35 * rng.standard_normal(n) + _slow_wave(rng, n))
    day_level = np.exp(rng.normal(0, 0.15))
    volume = (profile.minute_volume * day_level * u_shape * wander * busy * loud).astype(np.int64)
    if shape_of is not None:
        log_price, volume = _bent(shape_of, log_price, volume)
    silent = profile.silence * np.exp(-volume / max(profile.minute_volume, 1))
    if shape_of is not None and shape_of.silence is not None:
        silent = np.full(n, shape_of.silence)
    here = rng.random(n) >= silent
    return SessionDraw(log_price, np.maximum(volume, 1), here)


def _slow_wave(rng: np.random.Generator, minutes: int) -> Floats:
    """Bursts in volume that last: white noise smoothed over about ten minutes, standard deviation 0.25."""
    kernel = np.exp(-np.arange(40) / 10)
    raw = np.convolve(rng.standard_normal(minutes + 39), kernel, mode="valid")
    smooth: Floats = 0.25 * raw / np.sqrt(np.sum(kernel**2))
    return smooth


def _bent(shape: DayShape, log_price: Floats, volume: Ints) -> tuple[Floats, Ints]:
    bent = shape.gap + shape.noise * log_price
    if shape.path is not None:
        bent = bent + shape.path
    return bent, (volume * shape.volume).astype(np.int64)
