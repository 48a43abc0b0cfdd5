"""A market made from a seed: minute bars that look like stocks, the same on every machine for the same arguments.

Each (seed, symbol, session) draws from its own random stream, so adding a symbol or more history never changes what a
symbol does inside a session. Symbols move together only through the market factor: a return series drawn for
(seed, session) and scaled by the symbol's beta.

The ingredients of a session, all visible to a strategy: a U-shaped day in volume and volatility; calm, normal and wild
stretches; trends and stretches that revert to their mean; now and then news, a few minutes of one-sided trading on
heavy volume. Volumes are of the size of the consolidated tape whatever feed they are read under, because only their
ratios within one feed mean anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import (
    SessionHours,
    new_york_date,
    session_on,
    sessions_before,
    sessions_from,
)
from alpaca_trader.simulator.market.symbols import SymbolProfile, asset_info, profile_of
from alpaca_trader.simulator.market.tape import Columns, HaltSpan, Ints, Tape, TapeMarket

Floats = NDArray[np.float64]
_STEPS = 12
"""Prices are drawn every five seconds; open, high, low and close of a minute are read off these."""
_MARKET_SIGMA = 0.007
"""Standard deviation of the market factor's session return."""


@dataclass(frozen=True, slots=True)
class Halt:
    """A trading halt: `minutes` without trading from the minute that contains `start`, then a gap of `gap_pct` percent."""

    symbol: str
    start: datetime
    minutes: int
    gap_pct: float


class GeneratedMarket(TapeMarket):
    """Seeded minute bars for `days` sessions from `day` on, and `history_days` sessions before it.

    Raises ValueError when `day` is not a session, a count is too small, or the halt lies outside the generated sessions.
    """

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str],
        day: date,
        *,
        days: int = 1,
        history_days: int = 25,
        halt: Halt | None = None,
    ) -> None:
        if session_on(day) is None:
            following = sessions_from(day, 1)[0].date
            raise ValueError(f"day {day} is not a trading session; the next one is {following}")
        if days < 1 or history_days < 0:
            raise ValueError(f"days {days} must be at least 1 and history_days {history_days} at least 0")
        traded = sessions_from(day, days)
        sessions = [*sessions_before(day, history_days), *traded]
        span = _halt_span(halt, symbols, sessions)
        market = [_market_factor(seed, hours) for hours in sessions]
        tapes = {}
        for symbol in sorted(set(symbols)):
            own_halt, gap_pct = (span, halt.gap_pct) if halt and halt.symbol == symbol else (None, 0.0)
            columns = _columns(seed, symbol, sessions, market, history_days, own_halt, gap_pct)
            tapes[symbol] = Tape(symbol, columns, seed, own_halt)
        super().__init__(tapes, {symbol: asset_info(symbol) for symbol in tapes}, day, traded[-1].date)


def _halt_span(halt: Halt | None, symbols: Sequence[str], sessions: Sequence[SessionHours]) -> HaltSpan | None:
    if halt is None:
        return None
    start = halt.start.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=halt.minutes)
    hours = session_on(new_york_date(start))
    inside = hours is not None and hours in sessions and hours.open <= start < hours.close
    if halt.symbol not in symbols or halt.minutes < 1 or not inside:
        raise ValueError(
            f"halt {halt} must name a generated symbol, at least 1 minute and a time inside a generated session"
        )
    return HaltSpan(int(start.timestamp()), int(end.timestamp()))


def _stream(seed: int, *what: object) -> np.random.Generator:
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


def _market_factor(seed: int, hours: SessionHours) -> tuple[float, Floats]:
    """Overnight gap and five-second log returns that all symbols share, in units of beta 1."""
    rng = _stream(seed, "market", hours.date)
    n = hours.minutes
    scale = np.repeat(_time_of_day(n) * _regimes(rng, n), _STEPS) * _MARKET_SIGMA / np.sqrt(n * _STEPS)
    noise = scale * rng.standard_normal(n * _STEPS)
    gap = float(rng.normal(0, 0.4 * _MARKET_SIGMA))
    return gap, noise + np.repeat(_trends(rng, _MARKET_SIGMA, n), _STEPS) / _STEPS


@dataclass(frozen=True, slots=True)
class _SessionDraw:
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


def _draw(seed: int, profile: SymbolProfile, hours: SessionHours, market: tuple[float, Floats]) -> _SessionDraw:
    rng = _stream(seed, profile.symbol, hours.date)
    n = hours.minutes
    shape = _time_of_day(n) * _regimes(rng, n)
    news, loud = _news(rng, profile.own_sigma, n)
    noise = rng.standard_normal(n * _STEPS) * np.repeat(shape, _STEPS) * 0.75 * profile.own_sigma / np.sqrt(n * _STEPS)
    steps = noise + profile.beta * market[1] + np.repeat(_trends(rng, profile.own_sigma, n) + news, _STEPS) / _STEPS
    gap = rng.normal(0, 0.45 * profile.own_sigma) + profile.beta * market[0]
    log_price = gap + np.cumsum(steps)
    moved = np.abs(steps.reshape(n, _STEPS).sum(axis=1)) / (profile.sigma / np.sqrt(n))
    busy = 0.75 + 0.3 * np.minimum(moved, 4.0)
    t = np.arange(n)
    u_shape = 0.6 + 2.2 * np.exp(-t / 14) + 1.4 * np.exp(-(n - 1 - t) / 18)
    wander = np.exp(0.35 * rng.standard_normal(n) + _slow_wave(rng, n))
    day_level = np.exp(rng.normal(0, 0.15))
    volume = (profile.minute_volume * day_level * u_shape * wander * busy * loud).astype(np.int64)
    here = rng.random(n) >= profile.silence * np.exp(-volume / max(profile.minute_volume, 1))
    return _SessionDraw(log_price, np.maximum(volume, 1), here)


def _slow_wave(rng: np.random.Generator, minutes: int) -> Floats:
    """Bursts in volume that last: white noise smoothed over about ten minutes, standard deviation 0.25."""
    kernel = np.exp(-np.arange(40) / 10)
    raw = np.convolve(rng.standard_normal(minutes + 39), kernel, mode="valid")
    smooth: Floats = 0.25 * raw / np.sqrt(np.sum(kernel**2))
    return smooth


def _columns(
    seed: int,
    symbol: str,
    sessions: Sequence[SessionHours],
    market: Sequence[tuple[float, Floats]],
    history_days: int,
    halt: HaltSpan | None,
    gap_pct: float,
) -> Columns:
    """All sessions of one symbol, chained close to open and set so that the close before the first traded day is the level."""
    profile = profile_of(symbol)
    draws = [_draw(seed, profile, hours, factor) for hours, factor in zip(sessions, market, strict=True)]
    start = np.concatenate([int(h.open.timestamp()) + 60 * np.arange(h.minutes, dtype=np.int64) for h in sessions])
    here = np.concatenate([draw.trades_here for draw in draws])
    ends = np.cumsum([draw.log_price[-1] for draw in draws])
    began = np.concatenate(([0.0], ends[:-1]))
    level = np.log(profile.price) + 0.02 * _stream(seed, "level", symbol).standard_normal() - began[history_days]
    log_price = level + np.concatenate([b + draw.log_price for b, draw in zip(began, draws, strict=True)])
    log_price = log_price.reshape(-1, _STEPS)
    if halt:
        log_price[start >= halt.end] += np.log1p(gap_pct / 100)
        here &= (start < halt.start) | (start >= halt.end)
    cents = np.maximum(np.rint(np.exp(log_price) * 100), 100).astype(np.int64)[here]
    volume = np.concatenate([draw.volume for draw in draws])[here]
    high, low = cents.max(axis=1), cents.min(axis=1)
    vwap = np.clip(np.rint(cents.mean(axis=1) * 10_000).astype(np.int64), low * 10_000, high * 10_000)
    return Columns(
        start=start[here],
        open=cents[:, 0] * 100,
        high=high * 100,
        low=low * 100,
        close=cents[:, -1] * 100,
        volume=volume,
        trade_count=np.maximum(volume // 90, 1),
        vwap=vwap,
        regular=np.ones(len(volume), dtype=np.bool_),
    )
