"""Trades and quotes from CSV and Parquet: which of them a file holds, and its rows as arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars_csv import csv_header, csv_numbers, csv_pieces, filled_lines, refuse_short_lines
from alpaca_trader.research.bars_file import is_parquet
from alpaca_trader.research.bars_parquet import open_parquet, parquet_instants, parquet_numbers, parquet_words
from alpaca_trader.research.bars_rows import Reading
from alpaca_trader.research.bars_time import Place, instants_of_text
from alpaca_trader.research.ticks import NUMBERS_OF, TickKind, TickPiece, checked_piece

SPELLINGS = {
    "time": "timestamp", "datetime": "timestamp", "t": "timestamp",
    "ticker": "symbol",
    "p": "price", "quantity": "size", "qty": "size", "volume": "size",
    "i": "trade_id", "id": "trade_id",
    "bp": "bid", "bid_price": "bid", "bs": "bid_size",
    "ap": "ask", "ask_price": "ask", "as": "ask_size",
}  # fmt: skip
"""Other names of our columns, in any case; the short ones are Alpaca's own."""
_OPTIONAL = frozenset({"trade_id"})


def file_header(path: Path) -> list[str]:
    """The names of a file's columns. Raises BadInput for what is neither Parquet nor CSV."""
    if is_parquet(path):
        names: list[str] = open_parquet(path).schema_arrow.names
        return names
    return csv_header(path)


def tick_kind(names: Sequence[str]) -> TickKind | None:
    """What the columns hold: trades, quotes, or neither (bars, then)."""
    ours = {_ours(name) for name in names}
    if {"bid", "ask"} & ours:
        return "quotes"
    return "trades" if "price" in ours and "open" not in ours else None


def read_ticks(path: Path, kind: TickKind, reading: Reading) -> list[TickPiece]:
    """The rows of a file of trades or quotes. Raises BadInput for a missing column or a cell that cannot be, naming it."""
    names = _spelled(path, file_header(path), kind, reading)
    if is_parquet(path):
        return [_parquet_piece(path, kind, names, reading)]
    refuse_short_lines(path, len(csv_header(path)))
    stripped = {ours: name.strip() for ours, name in names.items()}
    return csv_pieces(path, lambda chunk: _csv_piece(path, chunk, kind, stripped, reading))


def _ours(name: str) -> str:
    plain = name.strip().lower()
    return SPELLINGS.get(plain, plain)


def _spelled(path: Path, header: Sequence[str], kind: TickKind, reading: Reading) -> dict[str, str]:
    """Our names of the columns to the file's."""
    wanted = ("symbol", "timestamp", *NUMBERS_OF[kind])
    found: dict[str, str] = {}
    for name in header:
        ours = _ours(name)
        if ours in wanted and ours in found:
            raise BadInput(f"{path}: columns {found[ours]!r} and {name!r} are both {ours}; keep one of them")
        if ours in wanted:
            found[ours] = name
    needed = [name for name in wanted if name not in _OPTIONAL and not (name == "symbol" and reading.symbol)]
    missing = [name for name in needed if name not in found]
    if missing:
        alone = "; a file about one symbol needs symbol=..." if missing[0] == "symbol" else ""
        raise BadInput(
            f"{path}: column {missing[0]!r} is missing{alone}; the file has {', '.join(header)}; "
            f"{kind} need {', '.join(needed)}"
        )
    return found


def _parquet_piece(path: Path, kind: TickKind, names: dict[str, str], reading: Reading) -> TickPiece:
    table: Any = open_parquet(path).read(list(names.values()))
    place = Place(path, "row", 1, names["timestamp"])
    at = parquet_instants(table.column(names["timestamp"]), reading.zone, place)
    words, code = parquet_words(table, names.get("symbol"), place, str(reading.symbol))
    numbers = {
        name: parquet_numbers(table.column(names[name]), place._replace(column=names[name]))
        if name in names
        else np.full(table.num_rows, np.nan)
        for name in NUMBERS_OF[kind]
    }
    return checked_piece(kind, place, words, code, at, numbers, np.ones(table.num_rows, dtype=np.bool_))


def _csv_piece(path: Path, chunk: pd.DataFrame, kind: TickKind, names: dict[str, str], reading: Reading) -> TickPiece:
    chunk, place = filled_lines(path, chunk)
    stamp = place._replace(column=names["timestamp"])
    at = instants_of_text(chunk[names["timestamp"]], reading.zone, stamp)
    numbers = {
        name: csv_numbers(chunk[names[name]].to_numpy(dtype=object), place._replace(column=names[name]))
        if name in names
        else np.full(len(chunk), np.nan)
        for name in NUMBERS_OF[kind]
    }
    said = chunk[names["symbol"]] if "symbol" in names else pd.Series([reading.symbol] * len(chunk), dtype=object)
    code, words = pd.factorize(said.to_numpy(dtype=object))
    return checked_piece(kind, place, list(words), code.astype(np.int64), at, numbers, np.ones(len(chunk), np.bool_))
