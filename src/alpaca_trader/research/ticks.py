"""Recorded trades and quotes as arrays by symbol: what every reader of them hands over, and what it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from alpaca_trader.research.bars import Flags, Floats, Frame, Ints
from alpaca_trader.research.bars_rows import check_symbols
from alpaca_trader.research.bars_time import Place

TickKind = Literal["trades", "quotes"]
TRADE_NUMBERS = ("price", "size", "trade_id")
QUOTE_NUMBERS = ("bid", "ask", "bid_size", "ask_size")
NUMBERS_OF: dict[TickKind, tuple[str, ...]] = {"trades": TRADE_NUMBERS, "quotes": QUOTE_NUMBERS}


@dataclass(frozen=True, slots=True)
class TickPiece:
    """Some rows of one kind, in the order of the file. ``code`` is a row's place in ``symbols``, ``at`` epoch microseconds.

    ``numbers`` are dollars and shares (an unknown trade id is -1), ``sets_price`` is for trades.
    """

    symbols: Sequence[str]
    code: Ints
    at: Ints
    numbers: Mapping[str, Floats]
    sets_price: Flags


def checked_piece(
    kind: TickKind, place: Place, words: Sequence[Any], code: Ints, at: Ints, numbers: dict[str, Floats], sets: Flags
) -> TickPiece:
    """The rows, sound. Raises BadInput with the first cell that cannot be: its place, field and value."""
    check_symbols(place._replace(column="symbol"), words, code)
    for name in NUMBERS_OF[kind]:
        values, where = numbers[name], place._replace(column=name)
        if name == "trade_id":
            numbers[name] = np.where(np.isnan(values), -1, values)
            continue
        where.refuse(np.isnan(values), values, "is missing; every row has one")
        if name == "price":
            where.refuse(~((values > 0) & (values < np.inf)), values, "is no price; a trade has one above 0 dollars")
        else:
            where.refuse(~((values >= 0) & (values < np.inf)), values, "must be 0 or more")
    return TickPiece([str(word) for word in words], code, at, numbers, sets)


def frames_of(kind: TickKind, pieces: Sequence[TickPiece]) -> dict[str, Frame]:
    """Arrays by symbol in order of time, as the simulator's RecordedTicks takes them.

    Rows of the same instant stay in their order, a file that runs backwards is turned round, and what stands there twice
    (a page fetched again) counts once; a trade only where it has an id.
    """
    parts: dict[str, list[tuple[TickPiece, Ints]]] = {}
    for piece in pieces:
        for number, symbol in enumerate(piece.symbols):
            rows = np.flatnonzero(piece.code == number)
            if len(rows):
                parts.setdefault(symbol, []).append((piece, rows))
    return {symbol: _frame(kind, parts[symbol]) for symbol in sorted(parts)}


def _frame(kind: TickKind, parts: Sequence[tuple[TickPiece, Ints]]) -> Frame:
    at = np.concatenate([piece.at[rows] for piece, rows in parts])
    columns = {name: np.concatenate([piece.numbers[name][rows] for piece, rows in parts]) for name in NUMBERS_OF[kind]}
    sets = np.concatenate([piece.sets_price[rows] for piece, rows in parts])
    order = np.arange(len(at))
    if len(at) > 1 and at[0] > at[-1]:
        order = order[::-1]
    order = order[np.argsort(at[order], kind="stable")]
    at = at[order]
    columns = {name: values[order] for name, values in columns.items()}
    frame: dict[str, Any] = {"at": at, **columns}
    if kind == "trades":
        frame["trade_id"] = columns["trade_id"].astype(np.int64)
        frame["sets_price"] = sets[order]
    again = _again(at, columns)
    return {name: values[~again] for name, values in frame.items()}


def _again(at: Ints, columns: Mapping[str, Floats]) -> Flags:
    """Which rows repeat an earlier one of the same instant: quotes, and trades that have an id."""
    seen: set[tuple[float, ...]] = set()
    again = np.zeros(len(at), dtype=np.bool_)
    same = np.flatnonzero((np.diff(at, prepend=-1) == 0) | (np.diff(at, append=-1) == 0))
    for row in same.tolist():
        key = (at[row], *(float(values[row]) for values in columns.values()))
        again[row] = key in seen and ("trade_id" not in columns or columns["trade_id"][row] >= 0)
        seen.add(key)
    return again
