"""From a Parquet or CSV file to plain columns. Knows spellings, zones and labels; judges no prices (``bar_checks``)."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars import (
    NUMBERS,
    PRICES,
    UNKNOWN,
    Finding,
    Flags,
    Floats,
    Frame,
    Ints,
    frame,
    minute_text,
)
from alpaca_trader.research.bars_time import (
    Place,
    checked_zone,
    instants_of_numbers,
    instants_of_text,
    instants_of_times,
    minutes,
)

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:  # the extra `data` is not installed: CSV can still be read
    pa = pq = None

Label = Literal["start", "end"]
SPELLINGS = {
    "t": "timestamp", "datetime": "timestamp", "time": "timestamp",
    "s": "symbol", "ticker": "symbol",
    "o": "open", "h": "high", "l": "low", "c": "close",
    "v": "volume", "vw": "vwap", "n": "trade_count",
}  # fmt: skip
"""Other names of our columns, in any case; the letters are those of Alpaca's own bars."""
REQUIRED = ("symbol", "timestamp", *PRICES, "volume")
COLUMNS = ("symbol", "timestamp", *NUMBERS, "session")
SESSIONS = ("pre", "regular", "post")
SYMBOL = re.compile(r"[A-Z][A-Z0-9]*(?:[.-][A-Z0-9]+)*")
LONGEST_SYMBOL = 20
CHUNK_ROWS = 200_000
"""CSV is text before it is numbers: this many rows of text are held at a time."""
MAGIC = b"PAR1"
INSTALL = "pip install 'alpaca-trader[data]'"


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what a file does not say itself."""

    label: Label | None = None
    """Whether a timestamp is the start or the end of its minute; None: the start, refused where that looks wrong."""
    zone: str | None = None
    """The zone of timestamps that carry none, or carry UTC wrongly. None: they must carry theirs."""
    symbol: str | None = None
    """The symbol of a file that has no symbol column."""


@dataclass(slots=True)
class Rows:
    """Equally long columns in the order of the file. ``code`` is a row's place in ``symbols`` (sorted)."""

    place: Place
    symbols: list[str]
    code: Ints
    start: Ints
    numbers: dict[str, Floats]
    session: NDArray[np.int8] | None
    """0 pre, 1 regular, 2 post, -1 another word; None without such a column."""
    feed: str
    adjustment: str
    findings: list[Finding]
    number: Ints
    """A row's place in the file, counted from 0; it stays with the row when others are left out."""

    def taken(self, which: Ints | Flags) -> "Rows":
        """These rows alone, in this order."""
        numbers = {name: values[which] for name, values in self.numbers.items()}
        session = None if self.session is None else self.session[which]
        kept = (self.code[which], self.start[which], numbers, session)
        return Rows(self.place, self.symbols, *kept, self.feed, self.adjustment, self.findings, self.number[which])

    def frames(self) -> dict[str, Frame]:
        """The rows cut by symbol; they must be in order."""
        edges = np.searchsorted(self.code, np.arange(len(self.symbols) + 1))
        return {
            symbol: frame(self.start[first:last], {name: values[first:last] for name, values in self.numbers.items()})
            for symbol, first, last in zip(self.symbols, edges[:-1], edges[1:], strict=True)
            if first < last
        }

    def where(self, index: int) -> str:
        """The row as a message names it: line 17: AAPL 2019-02-11T14:31Z."""
        row = f"{self.place.unit} {self.place.first + int(self.number[index])}: " if self.place.unit else ""
        return f"{self.place.source}: {row}{self.symbols[int(self.code[index])]} {minute_text(int(self.start[index]))}"


def read_rows(path: Path, reading: Reading, symbols: Sequence[str] | None = None) -> Rows:
    """The columns of ``path``: all rows, or those of ``symbols`` (row numbers in messages then count these alone).

    Raises BadInput, naming the file and the row, for what cannot be a table of one-minute bars at all.
    """
    if reading.label not in (None, "start", "end"):
        raise BadInput(f"label {reading.label!r} is unknown; a bar is labelled by its start or by its end")
    checked_zone(reading.zone)
    if reading.symbol is not None:
        _check_symbols(Place(path, "option", 1, "symbol"), [reading.symbol], np.zeros(1, dtype=np.int64))
    rows = _parquet(path, reading, symbols) if is_parquet(path) else _csv(path, reading)
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


def parquet_symbols(path: Path, reading: Reading) -> list[str]:
    """The symbols of a Parquet file, sorted, without reading anything else of it."""
    file = _open_parquet(path)
    names, _ = _spelled(path, file.schema_arrow.names, reading)
    if "symbol" not in names:
        return [str(reading.symbol)]
    found: set[str] = set()
    for batch in file.iter_batches(columns=[names["symbol"]]):
        found.update(batch.column(0).unique().to_pylist())
    if None in found:
        raise BadInput(f"{path}: a row has no symbol; every row needs one")
    return sorted(found)


def _spelled(path: Path, names: Sequence[str], reading: Reading) -> tuple[dict[str, str], list[Finding]]:
    """Our column names to the file's, and a finding about columns that mean nothing to us."""
    found: dict[str, str] = {}
    strange: list[str] = []
    for name in names:
        plain = name.strip().lower()
        ours = SPELLINGS.get(plain, plain)
        if ours not in COLUMNS:
            strange.append(name)
        elif ours in found:
            raise BadInput(f"{path}: columns {found[ours]!r} and {name!r} are both {ours}; keep one of them")
        else:
            found[ours] = name
    missing = [name for name in REQUIRED if name not in found and not (name == "symbol" and reading.symbol)]
    if missing:
        near = get_close_matches(missing[0], [name.strip().lower() for name in strange], 1)
        hint = f" (is {near[0]!r} meant?)" if near else ""
        alone = "; a file about one symbol needs symbol=..." if missing[0] == "symbol" else ""
        raise BadInput(
            f"{path}: column {missing[0]!r} is missing{hint}{alone}; "
            f"the file has {', '.join(names)}; needed are {', '.join(REQUIRED)}"
        )
    if "symbol" in found and reading.symbol:
        raise BadInput(f"{path} has a symbol column of its own; leave out symbol={reading.symbol}")
    text = f"{path}: columns {', '.join(strange)} mean nothing here and are not read; known are {', '.join(COLUMNS)}"
    return found, [Finding("warning", "unknown_column", text, count=len(strange))] if strange else []


def _check_symbols(place: Place, symbols: Sequence[Any], code: Ints) -> None:
    """Refuse a word that is no symbol: it would become a folder's name and an order's."""
    for number, symbol in enumerate(symbols):
        text = "" if symbol is None else str(symbol)
        if len(text) > LONGEST_SYMBOL or not SYMBOL.fullmatch(text):
            values = np.where(code == number, text, "")
            place.refuse(code == number, values, "is no symbol; write it in capitals like AAPL or BRK.B")


def _sorted_codes(symbols: Sequence[str], code: Ints) -> tuple[list[str], Ints]:
    """The same rows with symbols in alphabetical order."""
    order = sorted(range(len(symbols)), key=lambda each: symbols[each])
    rank = np.empty(len(symbols), dtype=np.int64)
    rank[order] = np.arange(len(symbols))
    return [symbols[each] for each in order], rank[code]


# --- Parquet ---------------------------------------------------------------------------------------------------------


def require_pyarrow(what: Path) -> None:
    """Raises BadInput, saying what to install, where Parquet is needed and pyarrow is not there."""
    if pq is None:
        raise BadInput(f"{what}: Parquet needs pyarrow, which is not installed: {INSTALL} (CSV files work without)")


def _open_parquet(path: Path) -> Any:
    require_pyarrow(path)
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{path}: the Parquet file is damaged ({_first_line(error)}); fetch or write it again"
        ) from error


def _parquet(path: Path, reading: Reading, symbols: Sequence[str] | None) -> Rows:
    file = _open_parquet(path)
    names, findings = _spelled(path, file.schema_arrow.names, reading)
    wanted = list(names.values())
    try:
        if symbols is None or "symbol" not in names:
            table = file.read(wanted)
        else:
            table = pq.read_table(path, columns=wanted, filters=[(names["symbol"], "in", list(symbols))])
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{path}: the Parquet file is damaged ({_first_line(error)}); fetch or write it again"
        ) from error
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
            numbers[name] = _parquet_numbers(table.column(names[name]), place._replace(column=names[name]))
    micros = _parquet_instants(table.column(names["timestamp"]), reading.zone, place)
    held, code = _parquet_words(table, names.get("symbol"), place, str(reading.symbol))
    _check_symbols(place._replace(column="symbol"), held, code)
    held, code = _sorted_codes(held, code)
    session = None
    if "session" in names:
        words, which = _parquet_words(table, names["session"], place, "")
        session = np.array([_session_code(word) for word in words] or [-1], dtype=np.int8)[which]
    start = minutes(micros, reading.label == "end", place)
    return Rows(place, held, code, start, numbers, session, UNKNOWN, UNKNOWN, [], np.arange(len(code)))


def _parquet_words(table: Any, name: str | None, place: Place, otherwise: str) -> tuple[list[Any], Ints]:
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


def _parquet_numbers(column: Any, place: Place) -> Floats:
    kind = column.type
    if not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise BadInput(f"{place.source}: column {place.column!r} is {kind}; it should be a number")
    values: Floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(np.float64)
    return values


def _parquet_instants(column: Any, zone: str | None, place: Place) -> Ints:
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


# --- CSV -------------------------------------------------------------------------------------------------------------


def _csv(path: Path, reading: Reading) -> Rows:
    names, findings = _spelled(path, _csv_header(path), reading)
    pieces: list[tuple[Ints, Ints, dict[str, Floats], NDArray[np.int8]]] = []
    symbols: dict[str, int] = {}
    try:
        # A field too many would shift a row or be dropped: both end here, not in wrong prices.
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            for chunk in pd.read_csv(
                path, dtype=str, keep_default_na=False, skip_blank_lines=False, index_col=False, encoding="utf-8-sig",
                chunksize=CHUNK_ROWS,
            ):  # fmt: skip
                pieces.append(_csv_piece(path, chunk, names, reading, symbols))
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise BadInput(f"{path} is no regular CSV: {_first_line(error)}; every line has the header's fields") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); write it as UTF-8") from error
    start = np.concatenate([np.zeros(0, dtype=np.int64), *(piece[1] for piece in pieces)])
    code = np.concatenate([np.zeros(0, dtype=np.int64), *(piece[0] for piece in pieces)])
    numbers = {name: np.concatenate([np.zeros(0), *(piece[2][name] for piece in pieces)]) for name in NUMBERS}
    session = np.concatenate([np.zeros(0, dtype=np.int8), *(piece[3] for piece in pieces)])
    held, code = _sorted_codes(list(symbols), code)
    place = Place(path, "line", 2, names["timestamp"])
    return Rows(
        place,
        held,
        code,
        start,
        numbers,
        session if "session" in names else None,
        UNKNOWN,
        UNKNOWN,
        findings,
        np.arange(len(code)),
    )


def _csv_header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); write it as UTF-8") from error
    for other in (";", "\t", "|"):
        if "," not in header and other in header:
            raise BadInput(f"{path}: the header's columns are separated by {other!r}; separate them by commas")
    return [name.strip('"') for name in header.split(",")]


def _csv_piece(
    path: Path, chunk: pd.DataFrame, names: dict[str, str], reading: Reading, symbols: dict[str, int]
) -> tuple[Ints, Ints, dict[str, Floats], NDArray[np.int8]]:
    """Codes, starts, numbers and sessions of some lines. ``symbols`` grows by those that are new."""
    chunk.columns = pd.Index([name.strip() for name in chunk.columns])
    first = int(chunk.index[0]) + 2
    blank = np.asarray((chunk.isna() | (chunk == "")).all(axis=1), dtype=np.bool_)
    short = np.asarray(chunk.iloc[:, -1].isna(), dtype=np.bool_) & ~blank
    place = Place(path, "line", first, "line")
    place.refuse(short, chunk.iloc[:, 0].to_numpy(dtype=object), "ends too early: fields are missing at its end")
    if blank[:-1].any() and not blank[np.argmax(blank) :].all():
        place.refuse(blank, np.full(len(blank), ""), "is empty; take the empty line out")
    chunk = chunk[~blank]
    numbers = {name: np.full(len(chunk), np.nan) for name in NUMBERS}
    for name in NUMBERS:
        if name in names:
            cells = chunk[names[name].strip()].to_numpy(dtype=object)
            numbers[name] = _csv_numbers(cells, place._replace(column=name))
    stamp = place._replace(column=names["timestamp"].strip())
    start = minutes(instants_of_text(chunk[stamp.column], reading.zone, stamp), reading.label == "end", stamp)
    if "symbol" in names:
        local, words = pd.factorize(chunk[names["symbol"].strip()].to_numpy(dtype=object))
    else:
        local, words = np.zeros(len(chunk), dtype=np.int64), np.array([reading.symbol], dtype=object)
    local = local.astype(np.int64)
    _check_symbols(place._replace(column="symbol"), list(words), local)
    code = np.array([symbols.setdefault(str(word), len(symbols)) for word in words] or [0], dtype=np.int64)[local]
    session = np.full(len(chunk), -1, dtype=np.int8)
    if "session" in names:
        session = np.array([_session_code(word) for word in chunk[names["session"].strip()]], dtype=np.int8)
    return code, start, numbers, session


def _csv_numbers(cells: NDArray[Any], place: Place) -> Floats:
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


def _session_code(word: object) -> int:
    return SESSIONS.index(str(word)) if word in SESSIONS else -1


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
