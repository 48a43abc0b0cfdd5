"""What a file of bars is before it is judged: plain columns, and how our names for them are spelled elsewhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars import NUMBERS, PRICES, Finding, Flags, Floats, Frame, Ints, frame, minute_text
from alpaca_trader.research.bars_time import Place

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


def spelled(path: Path, names: Sequence[str], reading: Reading) -> tuple[dict[str, str], list[Finding]]:
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


def check_symbols(place: Place, symbols: Sequence[Any], code: Ints) -> None:
    """Refuse a word that is no symbol: it would become a folder's name and an order's."""
    for number, symbol in enumerate(symbols):
        text = "" if symbol is None else str(symbol)
        if len(text) > LONGEST_SYMBOL or not SYMBOL.fullmatch(text):
            values = np.where(code == number, text, "")
            place.refuse(code == number, values, "is no symbol; write it in capitals like AAPL or BRK.B")


def sorted_codes(symbols: Sequence[str], code: Ints) -> tuple[list[str], Ints]:
    """The same rows with symbols in alphabetical order."""
    order = sorted(range(len(symbols)), key=lambda each: symbols[each])
    rank = np.empty(len(symbols), dtype=np.int64)
    rank[order] = np.arange(len(symbols))
    return [symbols[each] for each in order], rank[code]


def session_code(word: object) -> int:
    """The place of a word in ``SESSIONS``; -1 for any other."""
    return SESSIONS.index(str(word)) if word in SESSIONS else -1


def first_line(error: BaseException) -> str:
    """What a library says went wrong, without the details it adds below."""
    return str(error).strip().split("\n")[0]
