"""Bars on their way into the store: merged with what is there, written beside it, and put in force all together."""

import os
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.home import PRIVATE_FOLDER, sync_folder
from alpaca_trader.research.bar_judge import bar_file, judged, refuse_errors
from alpaca_trader.research.bar_partitions import (
    Partition,
    month_file,
    partition,
    partition_rows,
    stage_partition,
    staged,
    stored_months,
)
from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import NUMBERS, UNKNOWN, BarFile, Finding, Frame, minute_text
from alpaca_trader.research.bars_file import is_parquet, read_rows
from alpaca_trader.research.bars_parquet import parquet_row_count, parquet_symbols
from alpaca_trader.research.bars_rows import Reading

UNCHANGED: Frame = {}
BATCH_ROWS = 2_000_000
"""A Parquet file of more rows is read by groups of symbols, so that a whole market's months fit into memory."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``added``, ``known`` and ``replaced`` count bars."""

    symbols: tuple[str, ...]
    days: list[date]
    added: int
    known: int
    replaced: int
    feed: str
    adjustment: str
    problems: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Incoming:
    """What an import was asked for. ``feed`` and ``adjustment`` are None where the file shall say them."""

    path: Path
    reading: Reading
    feed: str | None
    adjustment: str | None
    replaces: bool
    """Whether a stored minute with other numbers gives way."""


class BarImport:
    """One import into ``root``: used once, under the store's lock."""

    def __init__(self, root: Path, calendar: SessionCalendar, incoming: Incoming) -> None:
        self._root = root
        self._calendar = calendar
        self._incoming = incoming
        self._targets: list[Path] = []
        self._added = self._known = self._replaced = 0

    def run(self, batch_rows: int = BATCH_ROWS) -> Imported:
        """Stage everything, then rename everything. Raises BadInput with nothing changed, or OSError."""
        path, reading = self._incoming.path, self._incoming.reading
        parts: list[BarFile] = []
        try:
            for symbols in _batches(path, reading, batch_rows):
                rows, table, findings = judged(read_rows(path, reading, symbols), reading, self._calendar)
                refuse_errors(findings)
                bars = self._told(bar_file(path, rows, table, findings))
                for symbol, frame in bars.frames.items():
                    self._stage_symbol(bars, symbol, frame, table)
                # The arrays of a batch may go; what is told of it in the end stays.
                parts.append(replace(bars, frames=dict.fromkeys(bars.frames, UNCHANGED)))
            for target in self._targets:
                os.replace(staged(target), target)
            for folder in sorted({target.parent for target in self._targets}):
                sync_folder(folder)
            sync_folder(self._root)
        finally:
            for target in self._targets:
                staged(target).unlink(missing_ok=True)
        return Imported(
            symbols=tuple(symbol for part in parts for symbol in part.frames),
            days=sorted({day for part in parts for day in part.days}),
            added=self._added,
            known=self._known,
            replaced=self._replaced,
            feed=parts[0].feed,
            adjustment=parts[0].adjustment,
            problems=tuple(finding for part in parts for finding in part.problems),
        )

    def _told(self, bars: BarFile) -> BarFile:
        """The bars with the feed and adjustment that file and caller agree on."""
        path, asked = self._incoming.path, self._incoming
        feed = _agreed(path, "feed", bars.feed, asked.feed)
        return replace(bars, feed=feed, adjustment=_agreed(path, "adjustment", bars.adjustment, asked.adjustment))

    def _stage_symbol(self, bars: BarFile, symbol: str, frame: Frame, table: SessionTable) -> None:
        held = stored_months(self._root, symbol)
        for path in held:
            _check_same_kind(bars, symbol, partition(path))
        for month, places in table.months(frame["start"]):
            target = month_file(self._root, symbol, month)
            month_frame: Frame = {name: values[places] for name, values in frame.items()}
            if target in held:
                month_frame = self._merged(symbol, target, month_frame)
                if month_frame is UNCHANGED:
                    continue
            else:
                self._added += len(places)
            target.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._targets.append(target)
            around = SessionTable.around(month_frame["start"], self._calendar)
            stage_partition(target, symbol, month_frame, around, bars.feed, bars.adjustment)

    def _merged(self, symbol: str, target: Path, new: Frame) -> Frame:
        """The stored month with the new bars; UNCHANGED where it holds them already."""
        old = partition_rows(target, [target]).frames()[symbol]
        place = np.minimum(np.searchsorted(old["start"], new["start"]), len(old["start"]) - 1)
        known = old["start"][place] == new["start"]
        same = known.copy()
        for name in NUMBERS:
            one, other = old[name][place], new[name]
            same &= (one == other) | (np.isnan(one) & np.isnan(other))
        differs = known & ~same
        if differs.any() and not self._incoming.replaces:
            index = int(np.argmax(differs))
            name = next(each for each in NUMBERS if _unlike(old[each][place[index]], new[each][index]))
            raise BadInput(
                f"{self._incoming.path}: {symbol} {minute_text(int(new['start'][index]))}: {name} is "
                f"{new[name][index].item()!r}, stored is {old[name][place[index]].item()!r} ({int(differs.sum())} such "
                f"bars in {target.stem}); nothing was imported; replace the stored bars if the file is right"
            )
        self._known += int(same.sum())
        self._replaced += int(differs.sum())
        self._added += int((~known).sum())
        if same.all():
            return UNCHANGED
        kept = np.setdiff1d(np.arange(len(old["start"])), place[differs])
        order = np.argsort(np.concatenate([old["start"][kept], new["start"][~same]]))
        return {name: np.concatenate([old[name][kept], new[name][~same]])[order] for name in new}


def _unlike(one: Any, other: Any) -> bool:
    return bool(one != other and not (np.isnan(one) and np.isnan(other)))


def _check_same_kind(bars: BarFile, symbol: str, held: Partition) -> None:
    for name, old, new in (("feed", held.feed, bars.feed), ("adjustment", held.adjustment, bars.adjustment)):
        if old != new:
            raise BadInput(
                f"E_FEED_MISMATCH: {bars.source}: {symbol} is stored with {name} {old} and these bars have {name} {new}; "
                f"they are never mixed. Say {name}={old} if these are the same kind, or keep them in another home"
            )


def _agreed(path: Path, name: str, file_says: str, asked: str | None) -> str:
    if asked is None or asked == file_says:
        return file_says
    if file_says != UNKNOWN:
        raise BadInput(f"E_FEED_MISMATCH: {path} says {name} {file_says}; leave out {name}={asked}")
    return asked


def _batches(path: Path, reading: Reading, batch_rows: int) -> list[list[str] | None]:
    """Groups of symbols to read one after the other; None: all at once."""
    if not is_parquet(path) or (rows := parquet_row_count(path)) <= batch_rows:
        return [None]
    symbols = parquet_symbols(path, reading)
    count = max(1, len(symbols) * batch_rows // rows)
    return [symbols[first : first + count] for first in range(0, len(symbols), count)]
