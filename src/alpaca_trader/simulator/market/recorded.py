"""A market that replays recorded minute bars. It reads no files: it is handed columns that somebody has validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import (
    NEW_YORK,
    new_york_midnight,
    session_on,
    sessions_between,
    sessions_from,
)
from alpaca_trader.simulator.market.model import AssetInfo, CorporateAction
from alpaca_trader.simulator.market.symbols import asset_info
from alpaca_trader.simulator.market.tape import Columns, Ints, phases
from alpaca_trader.simulator.market.tape_market import TapeMarket

COLUMN_NAMES = ("start", "open", "high", "low", "close", "volume", "vwap", "trade_count")


class RecordedMarket(TapeMarket):
    """Replay of recorded bars: `days` sessions from `day` on are traded, what lies before `day` is history.

    `frames` maps a symbol to equally long arrays: `start` (int64 epoch seconds UTC, strictly increasing, whole minutes),
    `open`, `high`, `low`, `close` (dollars, kept to 4 decimals), `volume` (shares), `vwap` (NaN where unknown) and
    `trade_count` (-1 where unknown). Minutes after the last traded session are left out.

    Bars outside the regular session are served as bars but have no ticks, so nothing fills on them, unless `extended`.
    A bar that begins at the close is the closing auction. An unknown or impossible vwap becomes (high + low + close) / 3
    or the nearer of high and low; an unknown trade count becomes 0. `seed` fixes the order of events inside each minute.
    `actions` are what is known of the companies: prices stay as recorded, a rename carries the old symbol's later bars
    to the new one, a delisting ends them. `listed` are asset records in place of the made-up ones.

    Raises ValueError for a missing column, unequal lengths, times out of order, `day` not being a session, or an action
    that cannot be.
    """

    def __init__(
        self,
        frames: Mapping[str, Mapping[str, NDArray[np.generic]]],
        *,
        day: date,
        days: int = 1,
        seed: int = 0,
        extended: bool = False,
        actions: Sequence[CorporateAction] = (),
        listed: Sequence[AssetInfo] = (),
    ) -> None:
        last_day = last_traded_day(day, days)
        end = int(new_york_midnight(last_day + timedelta(days=1)).timestamp())
        super().__init__(
            {symbol: columns_of(symbol, frame, end) for symbol, frame in frames.items()},
            seed=seed,
            day=day,
            last_day=last_day,
            assets={symbol: asset_info(symbol) for symbol in frames} | {asset.symbol: asset for asset in listed},
            actions=actions,
            extended=extended,
            has_closing_rows=True,
        )


def last_traded_day(day: date, days: int) -> date:
    """The last of `days` sessions from `day` on. Raises ValueError when `day` is not a session or `days` is below 1."""
    if session_on(day) is None:
        raise ValueError(f"day {day} is not a trading session; the next one is {sessions_from(day, 1)[0].date}")
    if days < 1:
        raise ValueError(f"days {days} must be at least 1")
    return sessions_from(day, days)[-1].date


def columns_of(symbol: str, frame: Mapping[str, NDArray[np.generic]], end: int) -> Columns:
    """Recorded arrays as columns, up to `end` (epoch seconds). Raises ValueError as RecordedMarket does."""
    missing = [name for name in COLUMN_NAMES if name not in frame]
    if missing:
        raise ValueError(f"{symbol}: column {missing[0]!r} is missing; needed are {', '.join(COLUMN_NAMES)}")
    start = np.asarray(frame["start"]).astype(np.int64)
    if any(len(frame[name]) != len(start) for name in COLUMN_NAMES):
        raise ValueError(f"{symbol}: columns differ in length: { {name: len(frame[name]) for name in COLUMN_NAMES} }")
    if np.any(np.diff(start) <= 0) or np.any(start % 60):
        raise ValueError(f"{symbol}: column 'start' must be whole minutes in strictly increasing order")
    kept = start < end
    start = start[kept]
    opened, high, low, close = (_scaled(frame[name], kept, 1e4) for name in ("open", "high", "low", "close"))
    typical = np.rint((high + low + close) * (100 / 3)).astype(np.int64)
    vwap_given = np.asarray(frame["vwap"], dtype=np.float64)[kept]
    vwap = np.where(np.isnan(vwap_given), typical, np.rint(np.nan_to_num(vwap_given) * 1e6).astype(np.int64))
    trade_count = np.asarray(frame["trade_count"]).astype(np.int64)[kept]
    return Columns(
        start=start,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=np.asarray(frame["volume"]).astype(np.int64)[kept],
        trade_count=np.maximum(trade_count, 0),
        vwap=np.clip(vwap, low * 100, high * 100),
        phase=phases_of(start),
    )


def _scaled(values: NDArray[np.generic], kept: NDArray[np.bool_], scale: float) -> Ints:
    return np.rint(np.asarray(values, dtype=np.float64)[kept] * scale).astype(np.int64)


def phases_of(start: Ints) -> NDArray[np.int8]:
    """The phase of each minute (epoch seconds, ascending) by the exchange's calendar."""
    if not len(start):
        return np.zeros(0, dtype=np.int8)
    first, last = (datetime.fromtimestamp(int(start[k]), UTC).astimezone(NEW_YORK).date() for k in (0, -1))
    return phases(start, sessions_between(first, last))
