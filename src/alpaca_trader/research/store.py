"""Minute bars from files: read, judged, and handed over only when they may be traded on."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar, new_york_date
from alpaca_trader.research.bars import BarFile, fingerprint, frame
from alpaca_trader.research.bars_file import Label, Reading, read_rows


def read_bars(
    path: Path,
    *,
    label: Label | None = None,
    zone: str | None = None,
    symbol: str | None = None,
    calendar: SessionCalendar | None = None,
) -> BarFile:
    """The bars of a Parquet or CSV file. Raises BadInput for what may not be traded on."""
    rows = read_rows(path, Reading(label, zone, symbol))
    calendar = calendar or SessionCalendar()
    frames = {}
    prices = np.stack([rows.numbers[name] for name in ("open", "high", "low", "close")])
    rows.place.refuse(
        np.asarray(~(np.isfinite(prices) & (prices > 0)).all(axis=0), dtype=np.bool_),
        rows.start.astype("datetime64[s]"),
        "has a price that is missing or not positive",
    )
    for number, name in enumerate(rows.symbols):
        mine = np.flatnonzero(rows.code == number)
        mine = mine[np.argsort(rows.start[mine], kind="stable")]
        start = rows.start[mine]
        if np.any(np.diff(start) == 0):
            raise BadInput(f"{path}: {name} has a minute twice")
        frames[name] = frame(start, {column: values[mine] for column, values in rows.numbers.items()})
    starts = np.unique(rows.start)
    first, last = (new_york_date(datetime.fromtimestamp(int(starts[k]), UTC)) for k in (0, -1))
    days = [
        s.day
        for s in calendar.sessions(first, last)
        if np.any((starts >= s.open.timestamp()) & (starts < s.close.timestamp()))
    ]
    return BarFile(path, frames, days, fingerprint(frames), rows.feed, rows.adjustment, tuple(rows.findings))
