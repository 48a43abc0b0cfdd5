"""Alpaca's own history: the JSON answers of /v2/stocks/bars, /quotes and /trades, kept in a file as they came.

A file holds one answer or many, one after the other or one a line, of several symbols or of one, packed with gzip or not.
What counts for a bar's price among trades follows alpaca-contract 4.1 and the conditions of the consolidated tape.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars import NUMBERS, UNKNOWN, Floats
from alpaca_trader.research.bars_rows import Rows, check_symbols, sorted_codes
from alpaca_trader.research.bars_time import Place, instants_of_text, minutes
from alpaca_trader.research.ticks import TickKind, TickPiece, checked_piece

GZIP_MAGIC = b"\x1f\x8b"
BAR_FIELDS = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v", "vwap": "vw", "trade_count": "n"}
TICK_FIELDS: dict[TickKind, dict[str, str]] = {
    "trades": {"price": "p", "size": "s", "trade_id": "i"},
    "quotes": {"bid": "bp", "ask": "ap", "bid_size": "bs", "ask_size": "as"},
}
OPTIONAL = frozenset({"vw", "n", "i"})
NOT_PRICED = frozenset("I4789BCHNPRUVWZ")
"""Sale conditions that count for volume and not for price: odd lots, averages, derived, cash and late prints."""
NOT_TRADES = frozenset("MQ")
"""Official open and close: they repeat a print that is there already."""
SHARES_SINCE_US = int(datetime(2025, 11, 3, tzinfo=UTC).timestamp()) * 1_000_000
"""Quoted sizes are shares since then, round lots of 100 before (alpaca-contract 4.2)."""

Items = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class History:
    """What a file of answers holds: bars as rows to be judged (None without any), trades and quotes as pieces."""

    bars: Rows | None = None
    ticks: dict[TickKind, list[TickPiece]] = field(default_factory=lambda: {"trades": [], "quotes": []})


def looks_like_history(path: Path) -> bool:
    """Whether a file is packed or begins like JSON. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(256)
    return head.startswith(GZIP_MAGIC) or head.lstrip().startswith((b"{", b"["))


def read_history(path: Path) -> History:
    """The answers of a file. Raises BadInput with page, item, field and value for what no such answer has."""
    bars: dict[str, list[Mapping[str, Any]]] = {}
    found = History()
    for page, answer in enumerate(_answers(path), 1):
        for kind, symbol, items in _lists(path, page, answer):
            if kind == "bars" and items:
                bars.setdefault(symbol, []).extend(items)
            elif items:
                found.ticks[kind].append(_piece(path, page, kind, symbol, items))
    if bars:
        found.bars = _rows(path, bars)
    return found


def _answers(path: Path) -> Iterator[Mapping[str, Any]]:
    raw = path.read_bytes()
    try:
        text = (gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: the gzip file is damaged ({error}); fetch or pack it again") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); JSON is UTF-8") from error
    decoder, at, page = json.JSONDecoder(parse_constant=lambda word: word), 0, 0
    while (at := _past_space(text, at)) < len(text):
        page += 1
        try:
            answer, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BadInput(f"{path}: page {page}: line {error.lineno} is no JSON ({error.msg})") from error
        if not isinstance(answer, dict):
            raise BadInput(
                f'{path}: page {page} is no answer of Alpaca\'s; one looks like {{"bars": {{"AAPL": [...]}}}}'
            )
        yield answer


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _lists(path: Path, page: int, answer: Mapping[str, Any]) -> Iterator[tuple[Any, str, Items]]:
    """Kind, symbol and items of an answer."""
    kinds = [kind for kind in ("bars", "trades", "quotes") if kind in answer]
    if not kinds:
        raise BadInput(
            f"{path}: page {page} has none of bars, trades, quotes; it has {', '.join(map(str, answer)) or 'nothing'}"
        )
    for kind in kinds:
        lists = answer[kind]
        if isinstance(lists, list):
            if not isinstance(answer.get("symbol"), str):
                raise BadInput(f"{path}: page {page}: {kind} of one symbol need its name in the field 'symbol'")
            lists = {answer["symbol"]: lists}
        if not isinstance(lists, dict | None):
            raise BadInput(f"{path}: page {page}: {kind} should be a list, or lists by symbol")
        for symbol, items in (lists or {}).items():
            if not isinstance(items, list | None) or not all(isinstance(item, dict) for item in items or ()):
                raise BadInput(f"{path}: page {page}: {kind} of {symbol} should be a list of objects")
            yield kind, symbol, items or []


def _piece(path: Path, page: int, kind: TickKind, symbol: str, items: Items) -> TickPiece:
    place = Place(path, f"page {page}: {symbol} {kind[:-1]}", 1, "t")
    numbers = {ours: _numbers(items, theirs, place) for ours, theirs in TICK_FIELDS[kind].items()}
    at = instants_of_text(_times(items, place), None, place)
    marks = [frozenset(map(str, item.get("c") or ())) for item in items]
    sets = np.array([not mark & NOT_PRICED for mark in marks], dtype=np.bool_)
    if kind == "quotes":
        lots = np.where(at < SHARES_SINCE_US, 100, 1)
        numbers |= {name: numbers[name] * lots for name in ("bid_size", "ask_size")}
    piece = checked_piece(kind, place, [symbol], np.zeros(len(items), dtype=np.int64), at, numbers, sets)
    if kind == "quotes":
        return piece
    happened = [
        not mark & NOT_TRADES and item.get("u") not in ("canceled", "incorrect")
        for mark, item in zip(marks, items, strict=True)
    ]
    kept = np.array(happened, dtype=np.bool_)
    left = {name: values[kept] for name, values in piece.numbers.items()}
    return TickPiece(piece.symbols, piece.code[kept], piece.at[kept], left, piece.sets_price[kept])


def _rows(path: Path, bars: Mapping[str, Items]) -> Rows:
    """Bars as the judge of bars takes them; a row's number counts the bars of all pages, symbol by symbol."""
    starts, columns = [], {name: [np.zeros(0)] for name in NUMBERS}
    for symbol, items in bars.items():
        place = Place(path, f"{symbol} bar", 1, "t")
        starts.append(minutes(instants_of_text(_times(items, place), None, place), ends=False, place=place))
        for ours, theirs in BAR_FIELDS.items():
            columns[ours].append(_numbers(items, theirs, place))
    code = np.repeat(np.arange(len(bars)), [len(items) for items in bars.values()])
    place = Place(path, "bar", 1, "t")
    check_symbols(place._replace(column="symbol"), list(bars), code)
    names, code = sorted_codes(list(bars), code)
    numbers: dict[str, Floats] = {name: np.concatenate(parts) for name, parts in columns.items()}
    start = np.concatenate(starts)
    return Rows(place, names, code, start, numbers, None, UNKNOWN, UNKNOWN, [], np.arange(len(code)))


def _times(items: Items, place: Place) -> "pd.Series[str]":
    words = np.array([item.get("t", "") for item in items], dtype=object)
    bad = np.array([not isinstance(word, str) for word in words], dtype=np.bool_)
    place.refuse(bad, words, "is no time; Alpaca writes it like 2019-02-11T14:30:00Z")
    return pd.Series(words, dtype=str)


def _numbers(items: Items, name: str, place: Place) -> Floats:
    values = np.array([item.get(name) for item in items], dtype=object)
    where = place._replace(column=name)
    absent = np.array([value is None for value in values], dtype=np.bool_)
    if name not in OPTIONAL:
        where.refuse(absent, values, "is missing; every item has one")
    bad = np.array([isinstance(v, bool) or not isinstance(v, int | float | None) for v in values], dtype=np.bool_)
    where.refuse(bad, values, "is no number; Alpaca writes it like 170.97, without quotes")
    return np.where(absent, np.nan, values).astype(np.float64)
