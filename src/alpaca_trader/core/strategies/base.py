"""What a strategy is: the owner's protocol, which a plug-in implements, and the base of the built-in ones.

A built-in strategy keeps one ``Track`` a symbol: a state folded bar by bar. Its ``analyze`` folds the same rule over a
frame, so a frame and a stream of the same bars give the same answer.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alpaca_trader.core.config import RiskConfig
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.history import History
from alpaca_trader.core.models import Bar, Evaluation, Gate, Scalar, Session, TradeSignal

BUY = 1
SELL = -1

_NEW_YORK = ZoneInfo("America/New_York")


class Strategy(Protocol):
    """The plug-in contract: anything with these two attributes and two methods is a strategy."""

    name: str
    enabled: bool

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """The signal of the last bar, or None.

        ``bars`` are closed one-minute bars of regular hours, oldest first: open, high, low, close (USD), volume (shares),
        vwap (USD, may be NaN) over a UTC DatetimeIndex of bar starts. Plug-ins get a read-only view.
        """

    def get_watchlist(self) -> list[str]:
        """The symbols the strategy wants to see."""


class Track(Protocol):
    """One strategy's state in one symbol."""

    remembers: bool
    """Whether the state reaches back past the current session's open."""

    def start_session(self, history: History) -> None:
        """A session begins; ``history`` holds what came before it."""

    def fold(
        self, minute: int, open_: float, high: float, low: float, close: float, volume: float, vwap: float
    ) -> None:
        """Take in one bar, ``minute`` minutes after the open; ``vwap`` is the feed's own, NaN where it sent none."""

    def evaluate(self, symbol: str, start: datetime) -> Evaluation:
        """What the strategy makes of the bar folded last, which began at ``start``."""


class RuleStrategy(ABC):
    """A built-in strategy. ``sessions`` (by New York date) may grow while it lives; a day it lacks counts as 9:30-16:00."""

    def __init__(self, name: str, watchlist: Sequence[str], risk: RiskConfig, sessions: Mapping[date, Session]) -> None:
        self.name = name
        self.enabled = True
        self.watch(watchlist, risk)
        self._sessions = sessions

    def watch(self, watchlist: Sequence[str], risk: RiskConfig) -> None:
        """Change what is watched and where stops and targets go; no state depends on either."""
        self._watchlist = list(watchlist)
        self.symbols = frozenset(watchlist)
        self._risk = risk

    def get_watchlist(self) -> list[str]:
        """The symbols of the config's watchlist, in its order."""
        return list(self._watchlist)

    def analyze(self, symbol: str, bars: pd.DataFrame) -> TradeSignal | None:
        """The signal of the last row of ``bars`` (see ``Strategy.analyze``), by folding the rule over the whole frame.

        Broken rows and rows outside regular hours are left out, as from a stream; where the last row is one, there is
        no signal. Raises BadInput where columns are missing or the index is not aware.
        """
        found = bars_of(symbol, bars)
        if not found:
            return None
        days = sorted({bar.start.date() for bar in found})
        sessions = [self._sessions.get(day) or _usual_session(day) for day in days]
        track = self.track()
        # Regular hours never straddle midnight UTC, so a bar's UTC date is its session's New York date.
        if not replay(History(), [track], found, sessions):
            return None
        return track.evaluate(symbol, found[-1].start).signal

    def entry(
        self, symbol: str, start: datetime, close: float, confidence: float, numbers: Mapping[str, Scalar]
    ) -> TradeSignal:
        """A buy at ``close`` with its stop and target (domain 2.5), in USD, not yet rounded to price increments."""
        stop, target = close * (1.0 - self._risk.stop_loss_pct), close * (1.0 + self._risk.take_profit_pct)
        return TradeSignal(symbol, "buy", self.name, confidence, close, stop, target, "entry", start, numbers)

    def exit(
        self, symbol: str, start: datetime, close: float, reason: str, numbers: Mapping[str, Scalar]
    ) -> TradeSignal:
        """The wish to be out, at ``close``; full confidence, so that exits come before entries."""
        return TradeSignal(symbol, "sell", self.name, 1.0, close, None, None, reason, start, numbers)

    @abstractmethod
    def track(self) -> Track:
        """A fresh state for one symbol."""


def replay(history: History, tracks: Sequence[Track], bars: Iterable[Bar], sessions: Iterable[Session]) -> bool:
    """Fold one symbol's bars into ``history`` and ``tracks``; whether the last of them was taken.

    Bars outside every session are left out; broken, repeated and older ones are refused and counted by ``history``.
    """
    by_day = {session.day: session for session in sessions}
    placed = [(bar, by_day.get(bar.start.date())) for bar in bars]
    newest = max((session.day for _, session in placed if session is not None), default=date.min)
    taken = False
    for bar, session in placed:
        taken = False
        if session is None or not session.open <= bar.start < session.close:
            continue
        current = history.session
        if current is not None and session.day < current.day:
            history.rejected += 1
            continue
        active = [track for track in tracks if track.remembers or session.day == newest]
        if history.start_session(session):
            for track in active:
                track.start_session(history)
        minute = history.add(bar)
        taken = minute >= 0
        if taken:
            vwap = math.nan if bar.vwap is None else bar.vwap
            for track in active:
                track.fold(minute, bar.open, bar.high, bar.low, bar.close, bar.volume, vwap)
    return taken


def rebuild(track: Track, history: History) -> None:
    """Bring a fresh track to where it would be had it followed the sessions ``history`` still holds whole."""
    for session, day in history.days():
        if track.remembers or session is history.session:
            track.start_session(history)
            for minute, row in day:
                track.fold(minute, *row)


def bars_of(symbol: str, frame: pd.DataFrame) -> list[Bar]:
    """The rows of a frame as bars. Raises BadInput where a column is missing or the index is not one of aware times."""
    missing = [name for name in ("open", "high", "low", "close", "volume") if name not in frame.columns]
    if missing:
        raise BadInput(f"bars of {symbol}: column {missing[0]} is missing; needed: open, high, low, close, volume")
    index = frame.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is None or index.hasnans:
        raise BadInput(f"bars of {symbol}: the index must be a DatetimeIndex of aware times without gaps (NaT)")
    names = ["open", "high", "low", "close", "volume"]
    rows = frame[names].to_numpy(dtype=np.float64, na_value=math.nan).tolist()
    vwaps: list[float | None] = [None] * len(rows)
    if "vwap" in frame.columns:
        numbers = frame["vwap"].to_numpy(dtype=np.float64, na_value=math.nan).tolist()
        vwaps = [None if math.isnan(number) else number for number in numbers]
    starts = index.tz_convert(UTC).to_pydatetime()
    return [
        Bar(symbol, start, open_, high, low, close, volume, vwap)
        for start, (open_, high, low, close, volume), vwap in zip(starts, rows, vwaps, strict=True)
    ]


def known(value: float) -> float | None:
    """``value``, or None where it is undefined (NaN)."""
    return value if value == value else None  # NaN alone differs from itself


def first_failed(gates: Iterable[Gate]) -> str:
    """The name of the first gate that was not passed; where there is no signal there is one."""
    return next(gate.name for gate in gates if not gate.passed)


def _usual_session(day: date) -> Session:
    opens, closes = (datetime.combine(day, at, _NEW_YORK).astimezone(UTC) for at in (time(9, 30), time(16)))
    return Session(day, opens, closes)
