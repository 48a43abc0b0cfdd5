"""From a file to plain columns, whatever its format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars_csv import csv_file_rows
from alpaca_trader.research.bars_parquet import parquet_file_rows
from alpaca_trader.research.bars_rows import COLUMNS, Reading, Rows, check_symbols
from alpaca_trader.research.bars_time import Place, checked_zone

MAGIC = b"PAR1"


def read_rows(path: Path, reading: Reading, symbols: Sequence[str] | None = None) -> Rows:
    """The columns of ``path``: all rows, or those of ``symbols`` (row numbers in messages then count these alone).

    Raises BadInput, naming the file and the row, for what cannot be a table of one-minute bars at all.
    """
    if reading.label not in (None, "start", "end"):
        raise BadInput(f"label {reading.label!r} is unknown; a bar is labelled by its start or by its end")
    checked_zone(reading.zone)
    if reading.symbol is not None:
        check_symbols(Place(path, "option", 1, "symbol"), [reading.symbol], np.zeros(1, dtype=np.int64))
    rows = parquet_file_rows(path, reading, symbols) if is_parquet(path) else csv_file_rows(path, reading)
    if not len(rows.start):
        raise BadInput(f"{path} has columns but no bars")
    return rows


def is_parquet(path: Path) -> bool:
    """Whether ``path`` holds Parquet, by its content. Raises BadInput for what is no readable file of bars."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
            file.seek(max(0, path.stat().st_size - len(MAGIC)))
            tail = file.read()
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder; name a Parquet or CSV file of bars") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); name a Parquet or CSV file of bars") from error
    if not head.strip():
        raise BadInput(f"{path} is empty; it should hold bars with the columns {', '.join(COLUMNS)}")
    if head.startswith(MAGIC):
        if tail != MAGIC:
            raise BadInput(f"{path}: the Parquet file is cut off (its end is missing); fetch or write it again")
        return True
    if path.suffix.lower() in (".parquet", ".pq") or b"\0" in head or head.startswith((b"\x1f\x8b", b"PK", b"{", b"[")):
        raise BadInput(f"{path} is neither Parquet nor plain CSV text; unpack or convert it to one of them")
    return False
