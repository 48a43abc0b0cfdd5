"""Bars from CSV text, exactly: every digit counts, and a line too short or too long is refused."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars import NUMBERS, UNKNOWN, Floats, Ints
from alpaca_trader.research.bars_rows import (
    Reading,
    Rows,
    check_symbols,
    first_line,
    session_code,
    sorted_codes,
    spelled,
)
from alpaca_trader.research.bars_time import Place, instants_of_text, minutes

Made = TypeVar("Made")

CHUNK_ROWS = 200_000
"""CSV is text before it is numbers: this many rows of text are held at a time."""


def csv_file_rows(path: Path, reading: Reading) -> Rows:
    """The rows of a CSV file, held as numbers in memory (100 bytes a row).

    Raises BadInput for lines that are no rows of bars, naming the line.
    """
    header = csv_header(path)
    names, findings = spelled(path, header, reading)
    refuse_short_lines(path, len(header))
    symbols: dict[str, int] = {}
    pieces = csv_pieces(path, lambda chunk: _csv_piece(path, chunk, names, reading, symbols))
    start = np.concatenate([np.zeros(0, dtype=np.int64), *(piece[1] for piece in pieces)])
    code = np.concatenate([np.zeros(0, dtype=np.int64), *(piece[0] for piece in pieces)])
    numbers = {name: np.concatenate([np.zeros(0), *(piece[2][name] for piece in pieces)]) for name in NUMBERS}
    session = np.concatenate([np.zeros(0, dtype=np.int8), *(piece[3] for piece in pieces)])
    held, code = sorted_codes(list(symbols), code)
    place = Place(path, "line", 2, names["timestamp"])
    said = session if "session" in names else None
    return Rows(place, held, code, start, numbers, said, UNKNOWN, UNKNOWN, findings, np.arange(len(code)))


def csv_pieces(path: Path, make: Callable[[pd.DataFrame], Made]) -> list[Made]:
    """What ``make`` makes of the file's lines, a piece at a time: as text, the index is the line's number less 2.

    Raises BadInput for what is no regular CSV in UTF-8.
    """
    try:
        # A field too many would shift a row or be dropped: both end here, not in wrong prices.
        with (
            warnings.catch_warnings(action="error", category=pd.errors.ParserWarning),
            pd.read_csv(
                path, dtype=str, keep_default_na=False, skip_blank_lines=False, index_col=False, encoding="utf-8-sig",
                chunksize=CHUNK_ROWS,
            ) as chunks,
        ):  # fmt: skip
            return [make(chunk) for chunk in chunks if len(chunk)]
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise BadInput(f"{path} is no regular CSV: {_reason(error)}; every line has the header's fields") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); write it as UTF-8") from error


def filled_lines(path: Path, chunk: pd.DataFrame) -> tuple[pd.DataFrame, Place]:
    """The lines with their columns' names stripped, without empty ones at the end, and where the first of them stands."""
    chunk.columns = pd.Index([name.strip() for name in chunk.columns])
    place = Place(path, "line", int(chunk.index[0]) + 2, "line")
    blank = np.asarray((chunk == "").all(axis=1), dtype=np.bool_)
    if blank.any() and not blank[np.argmax(blank) :].all():  # empty lines at the end are no harm
        place.refuse(blank, np.full(len(blank), ""), "is empty; take the empty line out")
    return chunk[~blank], place


def csv_header(path: Path) -> list[str]:
    """The names of the columns. Raises BadInput for another separator or encoding."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); write it as UTF-8") from error
    for other in (";", "\t", "|"):
        if "," not in header and other in header:
            raise BadInput(f"{path}: the header's columns are separated by {other!r}; separate them by commas")
    return [name.strip('"') for name in header.split(",")]


def refuse_short_lines(path: Path, fields: int) -> None:
    """pandas fills up a line that breaks off, and what is left of its last number would pass for the whole."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.count(b",") < fields - 1 and line.strip():
                has = line.count(b",") + 1
                raise BadInput(f"{path}: line {number} breaks off: it has {has} fields, the header has {fields}")


def _reason(error: Exception) -> str:
    return first_line(error).removeprefix("Error tokenizing data. C error: ")


def _csv_piece(
    path: Path, chunk: pd.DataFrame, names: dict[str, str], reading: Reading, symbols: dict[str, int]
) -> tuple[Ints, Ints, dict[str, Floats], NDArray[np.int8]]:
    """Codes, starts, numbers and sessions of some lines. ``symbols`` grows by those that are new."""
    chunk, place = filled_lines(path, chunk)
    numbers = {name: np.full(len(chunk), np.nan) for name in NUMBERS}
    for name in NUMBERS:
        if name in names:
            cells = chunk[names[name].strip()].to_numpy(dtype=object)
            numbers[name] = csv_numbers(cells, place._replace(column=name))
    stamp = place._replace(column=names["timestamp"].strip())
    start = minutes(instants_of_text(chunk[stamp.column], reading.zone, stamp), reading.label == "end", stamp)
    if "symbol" in names:
        local, words = pd.factorize(chunk[names["symbol"].strip()].to_numpy(dtype=object))
    else:
        local, words = np.zeros(len(chunk), dtype=np.int64), np.array([reading.symbol], dtype=object)
    local = local.astype(np.int64)
    check_symbols(place._replace(column="symbol"), list(words), local)
    code = np.array([symbols.setdefault(str(word), len(symbols)) for word in words] or [0], dtype=np.int64)[local]
    session = np.full(len(chunk), -1, dtype=np.int8)
    if "session" in names:
        session = np.array([session_code(word) for word in chunk[names["session"].strip()]], dtype=np.int8)
    return code, start, numbers, session


def csv_numbers(cells: NDArray[Any], place: Place) -> Floats:
    """Exact numbers of text; an empty cell is NaN."""
    cells = np.where(cells == "", "nan", cells)
    try:
        return cells.astype(np.float64)
    except ValueError:
        bad = np.array([not _is_number(cell) for cell in cells], dtype=np.bool_)
        place.refuse(bad, cells, "is no number; write it like 170.97, without thousands separators")
        raise


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
