"""What a set of minute bars is once read: arrays by symbol, what was found wrong with them, and their fingerprint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Frame = Mapping[str, NDArray[Any]]
"""Equally long arrays by column name, as the simulator's RecordedMarket takes them (``frame``)."""

PRICES = ("open", "high", "low", "close")
NUMBERS = (*PRICES, "volume", "vwap", "trade_count")
UNKNOWN = "unknown"

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a set of bars. An ``error`` refuses its use, a ``warning`` and a ``note`` do not.

    ``count`` bars (or sessions, where the text says so) are affected; ``minute`` is the first of them, None where the
    finding is about the file. ``text`` is complete: it says what was found and what would be right.
    """

    severity: Severity
    code: str
    text: str
    symbol: str | None = None
    minute: datetime | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class BarFile:
    """Bars that may be used: no finding among ``problems`` is an error."""

    source: Path
    frames: Mapping[str, Frame]
    """Symbol to arrays: ``start`` (int64 epoch seconds UTC, strictly increasing whole minutes), ``open``, ``high``,
    ``low``, ``close`` (USD), ``volume`` (shares), ``vwap`` (NaN: unknown) as float64, ``trade_count`` (int64, -1:
    unknown). Symbols are sorted."""
    days: list[date]
    """The sessions that have at least one bar in regular hours, oldest first."""
    fingerprint: str
    feed: str
    adjustment: str
    problems: tuple[Finding, ...]


def frame(start: Ints, columns: Mapping[str, Floats]) -> Frame:
    """One symbol's arrays from its minutes and its numbers (NaN in ``trade_count`` or ``vwap``: unknown)."""
    count = columns["trade_count"]
    whole = np.where(np.isnan(count), -1.0, count).astype(np.int64)
    floats = {name: np.ascontiguousarray(columns[name], dtype=np.float64) for name in NUMBERS[:-1]}
    return {"start": np.ascontiguousarray(start, dtype=np.int64), **floats, "trade_count": whole}


def fingerprint(frames: Mapping[str, Frame]) -> str:
    """16 hex digits of what the bars are: the same for the same bars in CSV, Parquet or the store, in any order of rows."""
    digest = hashlib.sha256()
    for symbol in sorted(frames):
        arrays = frames[symbol]
        digest.update(f"{symbol}\n{len(arrays['start'])}\n".encode())
        digest.update(arrays["start"].astype("<i8").tobytes())
        for name in NUMBERS[:-1]:
            values = arrays[name] + 0.0  # minus zero is zero
            digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
        digest.update(arrays["trade_count"].astype("<i8").tobytes())
    return digest.hexdigest()[:16]


def at_minute(seconds: int) -> datetime:
    """A minute as an aware time."""
    return datetime.fromtimestamp(seconds, UTC)


def minute_text(seconds: int) -> str:
    """A minute as people write it: 2019-02-11T14:30Z."""
    return f"{at_minute(seconds):%Y-%m-%dT%H:%MZ}"
