"""One stored month of one symbol: a Parquet file that also says its feed, adjustment and extent in its footer."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import NUMBERS, Frame
from alpaca_trader.research.bars_file import is_parquet
from alpaca_trader.research.bars_parquet import require_pyarrow, table_rows
from alpaca_trader.research.bars_rows import COLUMNS, SESSIONS, Reading, Rows, first_line
from alpaca_trader.research.bars_time import Place

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra `data` is not installed: the store says so
    pa = pq = None

FOLDER = "symbol="
MONTH = "[0-9][0-9][0-9][0-9]-[0-9][0-9].parquet"
FACTS = ("feed", "adjustment", "first", "last", "days", "bars")


@dataclass(frozen=True, slots=True)
class Partition:
    """What the footer of a stored month says, without reading its bars."""

    path: Path
    feed: str
    adjustment: str
    first: date
    """The New York date of the first bar."""
    last: date
    days: int
    """Sessions with a bar in regular hours."""
    bars: int


def month_file(root: Path, symbol: str, month: str) -> Path:
    """Where a month is kept. The folder's prefix keeps tickers like CON and PRN from being devices on Windows."""
    return root / f"{FOLDER}{symbol}" / f"{month}.parquet"


def stored_months(root: Path, symbol: str) -> list[Path]:
    """The stored months of a symbol, oldest first; empty where there are none."""
    return sorted((root / f"{FOLDER}{symbol}").glob(MONTH))


def stored_symbols(root: Path) -> list[str]:
    """The symbols that have a month, in alphabetical order."""
    return sorted({path.parent.name.removeprefix(FOLDER) for path in root.glob(f"{FOLDER}*/{MONTH}")})


def staged(target: Path) -> Path:
    """Where a month is written before it takes its place; never read."""
    return target.with_name(f".{target.name}.partial")


def partition(path: Path) -> Partition:
    """The facts of a stored month. Raises BadInput for a file that is none of ours, or damaged."""
    require_pyarrow(path)
    is_parquet(path)
    try:
        said = {key.decode(): value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}
        feed, adjustment, first, last, days, bars = (said[name] for name in FACTS)
        extent = (date.fromisoformat(first), date.fromisoformat(last), int(days), int(bars))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise BadInput(f"{path} is damaged or not written by data import; move it away and import it again") from error
    return Partition(path, feed, adjustment, *extent)


def stage_partition(target: Path, symbol: str, bars: Frame, table: SessionTable, feed: str, adjustment: str) -> None:
    """Write a month to its ``staged`` place, safely on disk; renaming it puts it in force. Raises OSError."""
    start = bars["start"]
    known = bars["trade_count"] >= 0
    counts = np.where(known, bars["trade_count"], 0).astype(np.float64)
    columns = {
        "symbol": pa.array([symbol] * len(start), pa.string()),
        "timestamp": pa.array(start * 1_000_000, pa.timestamp("us", tz="UTC")),
        **{name: pa.array(bars[name], pa.float64(), from_pandas=name == "vwap") for name in NUMBERS[:-1]},
        "trade_count": pa.array(counts, pa.float64(), mask=~known),
        "session": pa.array([SESSIONS[phase] if phase >= 0 else None for phase in table.phase(start)], pa.string()),
    }
    edges = [table.date_of(int(start[at])).isoformat() for at in (0, -1)]
    said = (feed, adjustment, *edges, str(len(table.days(start))), str(len(start)))
    written = pa.table(columns).replace_schema_metadata(dict(zip(FACTS, said, strict=True)))
    with staged(target).open("wb") as file:
        pq.write_table(written, file, compression="zstd", write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())


def partition_rows(root: Path, paths: Sequence[Path]) -> Rows:
    """The rows of stored months (of one symbol or of many), read together. ``root`` stands for them in messages."""
    for path in paths:
        is_parquet(path)
    try:
        table = pq.read_table(
            [str(path) for path in paths], columns=list(COLUMNS), partitioning=None, page_checksum_verification=True
        )
    except (pa.ArrowException, OSError, KeyError) as error:
        raise BadInput(
            f"{root}: a stored month is damaged ({first_line(error)}); data check names its symbol"
        ) from error
    return table_rows(table, {name: name for name in COLUMNS}, Reading(), Place(root, "", 0, "timestamp"))
