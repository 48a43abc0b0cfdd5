"""Minute bars that may be traded on: read from a file, or kept by symbol and month in the home folder.

    file ──read──▶ rows ──judge──▶ findings and frames ──▶ BarFile (no error among its problems)
                                          └──────────────▶ BarStore: symbol=AAPL/2019-02.parquet

One symbol's stored bars are of one feed and one adjustment, because volumes compare only within a feed (domain 1).
"""

import fcntl
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import NEW_YORK, SessionCalendar
from alpaca_trader.edge.home import ADVICE, PRIVATE_FILE, PRIVATE_FOLDER
from alpaca_trader.research.bar_import import BarImport, Imported, Incoming
from alpaca_trader.research.bar_judge import bar_file, gravest_first, judged, refuse_errors
from alpaca_trader.research.bar_partitions import (
    FOLDER,
    Partition,
    partition,
    partition_rows,
    stored_months,
    stored_symbols,
)
from alpaca_trader.research.bars import UNKNOWN, BarFile, Finding, Flags, Ints
from alpaca_trader.research.bars_file import read_rows
from alpaca_trader.research.bars_parquet import require_pyarrow
from alpaca_trader.research.bars_rows import Label, Reading, Rows

ADJUSTMENTS = ("raw", "split", "dividend", "all", UNKNOWN)
"""Alpaca's words for what was done to history, and ours for not knowing."""
FEED_WORD = re.compile(r"[a-z][a-z0-9_]{0,30}")


def read_bars(
    path: Path,
    *,
    label: Label | None = None,
    zone: str | None = None,
    symbol: str | None = None,
    calendar: SessionCalendar | None = None,
) -> BarFile:
    """The bars of a Parquet or CSV file, as the simulator replays them.

    ``label`` says whether timestamps are the start of their minute (the default, doubted where it looks wrong) or its
    end, ``zone`` in which zone timestamps are that carry none, ``symbol`` what a file without a symbol column is about.
    Raises BadInput for the first thing that must not be traded on; ``check_bars`` lists all of them.
    """
    reading = Reading(label, zone, symbol)
    rows, table, findings = judged(read_rows(path, reading), reading, calendar or SessionCalendar())
    refuse_errors(findings)
    return bar_file(path, rows, table, findings)


def check_bars(
    path: Path,
    *,
    label: Label | None = None,
    zone: str | None = None,
    symbol: str | None = None,
    calendar: SessionCalendar | None = None,
) -> list[Finding]:
    """Everything to know about a file of bars, errors first. Raises BadInput where it is no table of bars at all."""
    reading = Reading(label, zone, symbol)
    return judged(read_rows(path, reading), reading, calendar or SessionCalendar())[2]


@dataclass(frozen=True, slots=True)
class StoredSymbol:
    """A row of ``data ls``. ``feed`` joins several feeds with + where files were mixed by hand: ``check`` objects."""

    symbol: str
    feed: str
    adjustment: str
    first: date
    """The New York date of the first bar."""
    last: date
    days: int
    """Sessions with a bar in regular hours."""
    bars: int


class BarStore:
    """Bars by symbol and New York month under ``root``. Making the object touches nothing.

    Every method raises BadInput where pyarrow is not installed, and for a stored file that is damaged, naming it.
    """

    def __init__(self, root: Path, calendar: SessionCalendar | None = None) -> None:
        self.root = root
        self._calendar = calendar or SessionCalendar()

    def import_file(
        self,
        path: Path,
        *,
        label: Label | None = None,
        zone: str | None = None,
        symbol: str | None = None,
        feed: str | None = None,
        adjustment: str | None = None,
        replaces: bool = False,
    ) -> Imported:
        """Add the bars of a file. Nothing is changed unless all of it can be; the same file twice changes nothing.

        ``feed`` (``iex``, ``sip`` ...) and ``adjustment`` (``raw``, ``split``, ``dividend``, ``all``) say what the file
        does not say itself; else they are "unknown". A minute stored with other numbers is refused unless ``replaces``.
        Raises BadInput as ``read_bars`` does; with E_FEED_MISMATCH where a symbol is stored from another feed or with
        another adjustment; and where the folder cannot be written.
        """
        require_pyarrow(self.root)
        if feed is not None and not FEED_WORD.fullmatch(feed):
            raise BadInput(f"feed {feed!r} is no feed; say it in small letters, like iex or sip")
        if adjustment is not None and adjustment not in ADJUSTMENTS:
            raise BadInput(f"adjustment {adjustment!r} is unknown; it is one of {', '.join(ADJUSTMENTS)}")
        incoming = Incoming(path, Reading(label, zone, symbol), feed, adjustment, replaces)
        try:
            with self._locked():
                return BarImport(self.root, self._calendar, incoming).run()
        except OSError as error:
            raise BadInput(
                f"{self.root} cannot be written ({error.strerror}); nothing was imported; {ADVICE}"
            ) from error

    def ls(self) -> list[StoredSymbol]:
        """What is stored, one row a symbol, in alphabetical order. Reads footers, no bars."""
        require_pyarrow(self.root)
        rows = []
        for symbol in stored_symbols(self.root):
            held = [partition(path) for path in stored_months(self.root, symbol)]
            if held:
                feeds, adjustments = _words(held, "feed"), _words(held, "adjustment")
                extent = (min(each.first for each in held), max(each.last for each in held))
                counts = (sum(each.days for each in held), sum(each.bars for each in held))
                rows.append(StoredSymbol(symbol, "+".join(feeds), "+".join(adjustments), *extent, *counts))
        return rows

    def check(self, symbols: Sequence[str] | None = None) -> list[Finding]:
        """Everything to know about the stored bars of ``symbols`` (all), errors first. One symbol is held at a time."""
        require_pyarrow(self.root)
        feeds: dict[str, str] = {}
        findings: list[Finding] = []
        for symbol in self._known(symbols):
            try:
                findings += self._check_symbol(symbol, feeds)
            except BadInput as damage:
                findings.append(Finding("error", "damaged", str(damage), symbol))
        usual = Counter(feeds.values()).most_common(1)
        for symbol, feed in feeds.items():
            if feed != usual[0][0]:
                text = f"{symbol} is stored from feed {feed}, most symbols from {usual[0][0]}; they cannot be loaded together"
                findings.append(Finding("warning", "feed_differs", text, symbol))
        return gravest_first(findings)

    def load(
        self, symbols: Sequence[str] | None = None, first: date | None = None, last: date | None = None
    ) -> BarFile:
        """The stored bars of ``symbols`` (all) on the New York dates from ``first`` to ``last``, both inclusive.

        Raises BadInput for a symbol that is not stored or has no bar in the range, for bars that may not be traded on,
        and with E_FEED_MISMATCH where the symbols come from different feeds or adjustments.
        """
        require_pyarrow(self.root)
        if first is not None and last is not None and first > last:
            raise BadInput(f"first {first} lies after last {last}; name the earlier day first")
        chosen = self._known(symbols)
        if not chosen:
            raise BadInput(f"{self.root} holds no bars; import a file first: data import FILE")
        span = f"from {first or 'the beginning'} to {last or 'the end'}"
        wanted = [
            each
            for symbol in chosen
            for each in (partition(path) for path in stored_months(self.root, symbol))
            if each.first <= (last or date.max) and each.last >= (first or date.min)
        ]
        # Footers first, then the bars themselves: a month may overlap the range and still have nothing in it.
        self._all_there(chosen, {each.path.parent.name.removeprefix(FOLDER) for each in wanted}, span)
        _one_kind(self.root, wanted)
        rows = partition_rows(self.root, [each.path for each in wanted])
        _only(rows, chosen)
        rows = rows.taken(_within(rows.start, first, last))
        self._all_there(chosen, {rows.symbols[number] for number in np.unique(rows.code)}, span)
        rows.feed, rows.adjustment = wanted[0].feed, wanted[0].adjustment
        rows, table, findings = judged(rows, Reading(zone="UTC", label="start"), self._calendar)
        refuse_errors(findings)
        return bar_file(self.root, rows, table, findings)

    def _check_symbol(self, symbol: str, feeds: dict[str, str]) -> list[Finding]:
        held = [partition(path) for path in stored_months(self.root, symbol)]
        findings = []
        for name in ("feed", "adjustment"):
            if len(words := _words(held, name)) > 1:
                text = f"{symbol} is stored with {name} {' and '.join(words)}; they must not be mixed: import it again"
                findings.append(Finding("error", "feed_mismatch", text, symbol))
        feeds[symbol] = held[0].feed
        rows = partition_rows(held[0].path.parent, [each.path for each in held])
        _only(rows, [symbol])
        return findings + judged(rows, Reading(zone="UTC", label="start"), self._calendar)[2]

    def _known(self, symbols: Sequence[str] | None) -> list[str]:
        """The symbols asked for, each once and in alphabetical order. Raises BadInput for one that is not stored."""
        if symbols is None:
            return stored_symbols(self.root)
        for symbol in symbols:
            if not stored_months(self.root, symbol):
                held = stored_symbols(self.root)
                near = get_close_matches(symbol.upper(), held, 1)
                hint = f"; is {near[0]} meant?" if near else f"; it holds {len(held)} symbols (data ls)"
                raise BadInput(f"{self.root} holds no bars of {symbol!r}{hint}")
        return sorted(set(symbols))

    def _all_there(self, chosen: Sequence[str], present: set[str], span: str) -> None:
        for symbol in chosen:
            if symbol not in present:
                raise BadInput(f"{self.root}: {symbol} has no bars {span}; data ls shows what is stored")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One import at a time: two would overwrite each other's merges."""
        self.root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BadInput(f"{self.root}: another import is running; wait until it has ended") from None
        finally:
            os.close(descriptor)


def _only(rows: Rows, symbols: Sequence[str]) -> None:
    """A stored file belongs to its folder's symbol."""
    if rows.symbols != list(symbols):
        strange = sorted({*rows.symbols} ^ {*symbols})
        raise BadInput(f"{rows.place.source}: bars of {strange[0]} lie in the wrong folder; import them again")


def _one_kind(root: Path, wanted: Sequence[Partition]) -> None:
    """Bars of different feeds or adjustments are never used together (domain 1)."""
    for name in ("feed", "adjustment"):
        kinds: dict[str, str] = {}
        for each in wanted:
            kinds.setdefault(str(getattr(each, name)), each.path.parent.name.removeprefix(FOLDER))
        if len(kinds) > 1:
            found = ", ".join(f"{symbol} has {kind}" for kind, symbol in kinds.items())
            raise BadInput(
                f"E_FEED_MISMATCH: {root}: bars with different {name} are never mixed: {found}; load them apart"
            )


def _within(start: Ints, first: date | None, last: date | None) -> Flags:
    """The minutes on the New York dates from ``first`` to ``last``."""
    inside = np.ones(len(start), dtype=np.bool_)
    if first is not None:
        inside &= start >= _midnight(first)
    if last is not None:
        inside &= start < _midnight(last + timedelta(days=1))
    return inside


def _words(held: Sequence[Partition], name: str) -> list[str]:
    return sorted({str(getattr(each, name)) for each in held})


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), NEW_YORK).timestamp())
