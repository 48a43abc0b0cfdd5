"""One generated symbol's minutes: sessions chained close to open, bent by halts, corporate actions and price bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.actions import price_factor
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_midnight
from alpaca_trader.simulator.market.draws import STEPS, DayShape, Floats, draw_session, stream
from alpaca_trader.simulator.market.extended import ExtendedDraw, draw_post, draw_pre
from alpaca_trader.simulator.market.luld import PAUSE_MINUTES, Minutes, bands_of
from alpaca_trader.simulator.market.model import CorporateAction
from alpaca_trader.simulator.market.symbols import luld_tier, profile_of
from alpaca_trader.simulator.market.tape import POST, PRE, REGULAR, Columns, HaltSpan, Ints, joined

_REOPENING = 5
"""How many times its usual volume the minute of a reopening trades: the reopening auction is in it."""
_MOVES_FAR = {1: 1.035, 2: 1.08}
"""Highest to lowest price of six minutes by tier below which no band can be near."""


@dataclass(frozen=True, slots=True)
class SymbolPlan:
    """What is asked of a symbol: halts with the gap after them (percent), corporate actions in order, bent sessions."""

    symbol: str
    halts: Sequence[tuple[HaltSpan, float]] = ()
    actions: Sequence[CorporateAction] = ()
    shapes: Mapping[date, DayShape] = field(default_factory=dict)


class Series:
    """Draws a symbol's sessions; `columns` are its minutes, `halts` the halts asked for and the pauses it ran into."""

    def __init__(
        self,
        seed: int,
        plan: SymbolPlan,
        sessions: Sequence[SessionHours],
        history_days: int,
        factors: Sequence[tuple[float, Floats]],
        *,
        extended: bool,
    ) -> None:
        self._plan = plan
        self._profile = profile_of(plan.symbol)
        self._sessions = sessions
        self._seed = seed
        self.halts: list[HaltSpan] = [span for span, _ in plan.halts]
        draws = [
            draw_session(seed, self._profile, hours, factor, plan.shapes.get(hours.date))
            for hours, factor in zip(sessions, factors, strict=True)
        ]
        self._edges = np.cumsum([0, *(hours.minutes for hours in sessions)])
        self._start = np.concatenate([_minutes_of(hours) for hours in sessions])
        self._here: NDArray[np.bool_] = np.concatenate([draw.trades_here for draw in draws])
        self._volume: Ints = np.concatenate([draw.volume for draw in draws])
        # Chained close to open, and set so that the close before the first traded day is the symbol's level.
        ends = np.cumsum([draw.log_price[-1] for draw in draws])
        began = np.concatenate(([0.0], ends[:-1]))
        tilt = 0.02 * stream(seed, "level", plan.symbol).standard_normal()
        level = np.log(self._profile.price) + tilt - began[history_days]
        chained = np.concatenate([b + draw.log_price for b, draw in zip(began, draws, strict=True)])
        self._log_price: Floats = (level + chained).reshape(-1, STEPS)
        self._act()
        self._halt()
        self._cents = _cents_of(self._log_price)
        for session in range(len(sessions)):
            self._pause_at_limits(session)
        regular = _columns(self._start, self._cents, self._volume, REGULAR, self._here)
        self.columns = _sorted(joined([regular, *self._extended()])) if extended else regular

    def _act(self) -> None:
        """Move prices and volumes from each ex-date on."""
        for action in self._plan.actions:
            row = int(self._start.searchsorted(_midnight(action.ex_date)))
            if action.kind in ("split", "stock_dividend", "cash_dividend") and 0 < row < len(self._start):
                factor = price_factor(action, float(np.exp(self._log_price[row - 1, -1])))
                self._log_price[row:] += np.log(factor)
                if action.kind != "cash_dividend":
                    self._volume[row:] = np.maximum(self._volume[row:] / factor, 1).astype(np.int64)

    def _halt(self) -> None:
        for span, gap_pct in self._plan.halts:
            self._log_price[self._start >= span.end] += np.log1p(gap_pct / 100)
            self._stop(span)

    def _stop(self, span: HaltSpan) -> None:
        self._here &= (self._start < span.start) | (self._start >= span.end)
        self._volume[self._start == span.end] *= _REOPENING
        self._here[self._start == span.end] = True

    def _pause_at_limits(self, session: int) -> None:
        """Hold the session's prints inside the bands: a minute that runs into one ends there and is followed by a pause."""
        first, last = int(self._edges[session]), int(self._edges[session + 1])
        tier = luld_tier(self._plan.symbol)
        if not _moves_far(self._cents[first:last], _MOVES_FAR[tier]):
            return
        close = int(self._sessions[session].close.timestamp())
        previous = int(self._cents[:first][self._here[:first]][-1, -1]) * 100 if self._here[:first].any() else None
        looked = first
        while looked < last:
            rows = first + np.flatnonzero(self._here[first:last])
            cents = self._cents[rows]
            minutes = Minutes(self._start[rows], cents[:, 0] * 100, _vwap(cents), _trade_count(self._volume[rows]))
            ends = [span.end for span in self.halts if int(self._start[first]) < span.end < close]
            bands = bands_of(minutes, previous, tier, close, ends)
            which = np.searchsorted([band.start for band in bands], self._start[rows], side="right") - 1
            lower, upper = (np.array([band[side] for band in bands])[which] // 100 for side in (1, 2))
            outside = ((cents.min(axis=1) < lower) | (cents.max(axis=1) > upper)) & (rows >= looked)
            if not outside.any():
                return
            at = int(np.argmax(outside))
            row = int(rows[at])
            self._cents[row] = self._cents[row].clip(lower[at], upper[at])
            start = int(self._start[row]) + 60
            span = HaltSpan(start, min(start + 60 * PAUSE_MINUTES, close), "P", "LUDP")
            later = min((halt.start for halt in self.halts if halt.start >= start), default=close)
            if later >= span.end:
                self.halts.append(span)
                self._stop(span)
            looked = row + 1

    def _extended(self) -> Sequence[Columns]:
        """The phases around each regular session, from where the last one ended to where the next begins."""
        found: list[Columns] = []
        evening: float | None = None
        for number, hours in enumerate(self._sessions):
            first, last = int(self._edges[number]), int(self._edges[number + 1])
            opened, closed = self._log(first, 0), self._log(last - 1, -1)
            morning = opened if evening is None else evening + self._overnight(hours.date)
            pre = draw_pre(self._seed, self._profile, hours, morning, opened)
            gap = 0.0
            if last < len(self._start):
                following = self._sessions[number + 1].date
                gap = self._log(last, 0) - closed - self._overnight(following)
            post = draw_post(self._seed, self._profile, hours, closed, gap)
            evening = float(post.log_price[-1])
            found += [self._phase(pre, PRE), self._phase(post, POST)]
        return found

    def _log(self, row: int, step: int) -> float:
        return float(np.log(self._cents[row, step] / 100))

    def _overnight(self, day: date) -> float:
        """The part of the step in price from the session before to `day` that splits and stock dividends make."""
        return sum(
            float(np.log(float(action.old_rate / action.new_rate)))
            for action in self._plan.actions
            if action.ex_date == day
        )

    def _phase(self, drawn: ExtendedDraw, phase: int) -> Columns:
        here = drawn.trades_here.copy()
        for span in self.halts:
            here &= (drawn.start < span.start) | (drawn.start >= span.end)
        cents = _cents_of(drawn.log_price.reshape(-1, STEPS))
        return _columns(drawn.start, cents, drawn.volume, phase, here)


def _columns(start: Ints, cents: Ints, volume: Ints, phase: int, here: NDArray[np.bool_]) -> Columns:
    start, cents, volume = start[here], cents[here], volume[here]
    high, low = cents.max(axis=1), cents.min(axis=1)
    return Columns(
        start=start,
        open=cents[:, 0] * 100,
        high=high * 100,
        low=low * 100,
        close=cents[:, -1] * 100,
        volume=volume,
        trade_count=_trade_count(volume),
        vwap=_vwap(cents),
        phase=np.full(len(start), phase, dtype=np.int8),
    )


def _cents_of(log_price: Floats) -> Ints:
    """Whole cents, at least a dollar."""
    cents: Ints = np.maximum(np.rint(np.exp(log_price) * 100), 100).astype(np.int64)
    return cents


def _vwap(cents: Ints) -> Ints:
    mean: Ints = np.rint(cents.mean(axis=1) * 10_000).astype(np.int64)
    return np.clip(mean, cents.min(axis=1) * 10_000, cents.max(axis=1) * 10_000)


def _trade_count(volume: Ints) -> Ints:
    return np.maximum(volume // 90, 1)


def _moves_far(cents: Ints, ratio: float) -> bool:
    """Whether the price ever travels by `ratio` within six minutes."""
    high, low = (np.lib.stride_tricks.sliding_window_view(side, 6) for side in (cents.max(axis=1), cents.min(axis=1)))
    return bool((high.max(axis=1) > ratio * low.min(axis=1)).any())


def _sorted(columns: Columns) -> Columns:
    order = np.argsort(columns.start, kind="stable")
    return Columns(*(getattr(columns, name)[order] for name in Columns.__slots__))


def _minutes_of(hours: SessionHours) -> Ints:
    return int(hours.open.timestamp()) + 60 * np.arange(hours.minutes, dtype=np.int64)


def _midnight(day: date) -> int:
    return int(new_york_midnight(day).timestamp())
