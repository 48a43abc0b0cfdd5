"""Bars from Parquet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
from alpaca_trader.research.bars_time import Place, instants_of_numbers, instants_of_text, instants_of_times, minutes

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra `data` is not installed: CSV can still be read
    pa = pq = None

INSTALL = "pip install 'alpaca-trader[data]'"


def require_pyarrow(what: Path) -> None:
    """Raises BadInput, saying what to install, where Parquet is needed and pyarrow is not there."""
    if pq is None:
        raise BadInput(f"{what}: Parquet needs pyarrow, which is not installed: {INSTALL} (CSV files work without)")


def parquet_row_count(path: Path) -> int:
    """How many rows a Parquet file has, from its footer."""
    return int(open_parquet(path).metadata.num_rows)


def parquet_symbols(path: Path, reading: Reading) -> list[str]:
    """The symbols of a Parquet file, sorted, without reading anything else of it."""
    file = open_parquet(path)
    names, _ = spelled(path, file.schema_arrow.names, reading)
    if "symbol" not in names:
        return [str(reading.symbol)]
    found: set[str] = set()
    for batch in file.iter_batches(columns=[names["symbol"]]):
        found.update(batch.column(0).unique().to_pylist())
    if None in found:
        raise BadInput(f"{path}: a row has no symbol; every row needs one")
    return sorted(found)


def parquet_file_rows(path: Path, reading: Reading, symbols: Sequence[str] | None) -> Rows:
    """The rows of a Parquet file, or of these symbols in it."""
    file = open_parquet(path)
    names, findings = spelled(path, file.schema_arrow.names, reading)
    wanted = list(names.values())
    try:
        if symbols is None or "symbol" not in names:
            table = file.read(wanted)
        else:
            table = pq.read_table(
                path, columns=wanted, filters=[(names["symbol"], "in", list(symbols))], page_checksum_verification=True
            )
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: the Parquet file is damaged ({first_line(error)}); fetch or write it again") from error
    rows = table_rows(table, names, reading, Place(path, "row", 1, names["timestamp"]))
    said = file.schema_arrow.metadata or {}
    rows.feed, rows.adjustment = (said.get(key, UNKNOWN.encode()).decode() for key in (b"feed", b"adjustment"))
    rows.findings = findings
    return rows


def table_rows(table: Any, names: Mapping[str, str], reading: Reading, place: Place) -> Rows:
    """The rows of a pyarrow table; ``names`` are our column names to its own. Feed and adjustment stay unknown."""
    numbers = {name: np.full(table.num_rows, np.nan) for name in NUMBERS}
    for name in NUMBERS:
        if name in names:
            numbers[name] = parquet_numbers(table.column(names[name]), place._replace(column=names[name]))
    micros = parquet_instants(table.column(names["timestamp"]), reading.zone, place)
    held, code = parquet_words(table, names.get("symbol"), place, str(reading.symbol))
    check_symbols(place._replace(column="symbol"), held, code)
    held, code = sorted_codes(held, code)
    session = None
    if "session" in names:
        words, which = parquet_words(table, names["session"], place, "")
        session = np.array([session_code(word) for word in words] or [-1], dtype=np.int8)[which]
    start = minutes(micros, reading.label == "end", place)
    return Rows(place, held, code, start, numbers, session, UNKNOWN, UNKNOWN, [], np.arange(len(code)))


def open_parquet(path: Path) -> Any:
    """The file, its footer read. Raises BadInput for a damaged one."""
    require_pyarrow(path)
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: the Parquet file is damaged ({first_line(error)}); fetch or write it again") from error


def parquet_words(table: Any, name: str | None, place: Place, otherwise: str) -> tuple[list[Any], Ints]:
    """The distinct words of a column and each row's place among them (nulls are a word, too)."""
    if name is None:
        return [otherwise], np.zeros(table.num_rows, dtype=np.int64)
    column = table.column(name)
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise BadInput(f"{place.source}: column {name!r} is {column.type}; it should be text")
    plain = column.cast(pa.string()).combine_chunks()
    encoded = plain.dictionary_encode(null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def parquet_numbers(column: Any, place: Place) -> Floats:
    """Numbers of a column; a null is NaN. Raises BadInput for a column of another kind."""
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise BadInput(f"{place.source}: column {place.column!r} is {kind}; it should be a number")
    values: Floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def parquet_instants(column: Any, zone: str | None, place: Place) -> Ints:
    """Epoch microseconds of a column of times, epoch numbers or text. Raises BadInput for another kind or a bad cell."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is not None and kind.tz not in ("UTC", "+00:00", "Etc/UTC") and zone is not None:
            raise BadInput(f"{place.source}: column {place.column!r} carries the zone {kind.tz}; leave out zone={zone}")
        utc = pa.timestamp("us", tz="UTC") if kind.tz is not None else pa.timestamp("us")
        return instants_of_times(column.cast(utc, safe=False).to_pandas(), kind.tz is not None, zone, place)
    if pa.types.is_integer(kind) and column.null_count == 0:
        return instants_of_numbers(column.to_numpy().astype(np.int64), zone, place)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return instants_of_text(pd.Series(column.fill_null("").to_pylist(), dtype=str), zone, place)
    raise BadInput(f"{place.source}: column {place.column!r} is {kind}; it should be a timestamp in UTC")
