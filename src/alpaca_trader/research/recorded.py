"""The one door to recorded markets: whatever a file or folder holds, as a market of the simulator's.

bars      Parquet, CSV, Alpaca's JSON, the store of bars  ──┐
trades    Parquet, CSV, Alpaca's JSON                     ──┼──▶ Recording ──▶ RecordedMarket or RecordedTicks
quotes    Parquet, CSV, Alpaca's JSON                     ──┘
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.research.alpaca_history import looks_like_history, read_history
from alpaca_trader.research.bar_judge import bar_file, judged, refuse_errors
from alpaca_trader.research.bar_partitions import FOLDER
from alpaca_trader.research.bar_sessions import SessionTable
from alpaca_trader.research.bars import BarFile, Finding, Frame, fingerprint
from alpaca_trader.research.bars_rows import Label, Reading
from alpaca_trader.research.store import BarStore, read_bars
from alpaca_trader.research.ticks import TickKind, TickPiece, frames_of
from alpaca_trader.research.ticks_file import file_header, read_ticks, tick_kind
from alpaca_trader.simulator.market.recorded import RecordedMarket
from alpaca_trader.simulator.market.recorded_ticks import RecordedTicks

SUFFIXES = (".csv", ".parquet", ".pq", ".json", ".jsonl", ".ndjson", ".gz")
"""Files of a folder with another ending are left alone."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded, sound: bars, trades and quotes by symbol, none of them with an error."""

    source: Path
    bars: Mapping[str, Frame]
    trades: Mapping[str, Frame]
    quotes: Mapping[str, Frame]
    days: list[date]
    """The sessions with a bar or a tick in regular hours, oldest first."""
    problems: tuple[Finding, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol, sorted."""
        return tuple(sorted({*self.bars, *self.trades, *self.quotes}))

    @property
    def fingerprint(self) -> str:
        """16 hex digits of what was recorded: of bars alone those of ``bars.fingerprint``."""
        if not self.trades and not self.quotes:
            return fingerprint(self.bars)
        whole = hashlib.sha256(fingerprint(self.bars).encode())
        for kind in (self.trades, self.quotes):
            for symbol in sorted(kind):
                whole.update(f"|{symbol}".encode())
                for name in sorted(kind[symbol]):
                    whole.update(np.ascontiguousarray(kind[symbol][name]).tobytes())
        return whole.hexdigest()[:16]

    def market(
        self, day: date | None = None, days: int = 1, seed: int = 0, *, extended: bool = False
    ) -> RecordedMarket | RecordedTicks:
        """The market that replays ``days`` sessions from ``day`` (the first recorded) on; what lies before is history.

        Raises BadInput for a day without a session or a session that was not recorded.
        """
        first = day or self.days[0]
        self._check(first, days)
        if not self.trades and not self.quotes:
            return RecordedMarket(self.bars, day=first, days=days, seed=seed, extended=extended)
        return RecordedTicks(
            self.trades, self.quotes, day=first, days=days, seed=seed, frames=self.bars, extended=extended
        )

    def _check(self, first: date, days: int) -> None:
        calendar = SessionCalendar()
        sessions = calendar.sessions(first, first + timedelta(days=2 * days + 14))[:days]
        if not sessions or sessions[0].day != first:
            raise BadInput(f"{first}: the exchange is closed; {self.source} has {_listed(self.days)}")
        missing = [session.day for session in sessions if session.day not in self.days]
        if missing:
            raise BadInput(
                f"{self.source}: nothing in regular hours on {_listed(missing)}; the file has {_listed(self.days)}"
            )


def read_market(
    path: Path,
    *,
    day: date | None = None,
    days: int = 1,
    seed: int = 0,
    extended: bool = False,
    label: Label | None = None,
    zone: str | None = None,
    symbol: str | None = None,
) -> RecordedMarket | RecordedTicks:
    """The market recorded in a file or folder (see ``read_recording``), its ``days`` sessions from ``day`` on.

    Raises BadInput for what cannot be replayed, naming the file, the place in it, and what would be right.
    """
    return read_recording(path, label=label, zone=zone, symbol=symbol).market(day, days, seed, extended=extended)


def read_recording(
    path: Path, *, label: Label | None = None, zone: str | None = None, symbol: str | None = None
) -> Recording:
    """Bars, trades and quotes of a file; of a folder those of all its files together; of a store of bars all of it.

    A file is CSV, Parquet, or Alpaca's JSON answers (also packed with gzip); its columns say what it holds. ``label``,
    ``zone`` and ``symbol`` say what a table does not say itself (``Reading``). Raises BadInput as ``read_market`` does.
    """
    found = _Found(SessionCalendar(), Reading(label, zone, symbol))
    if path.is_dir():
        if any(path.glob(f"{FOLDER}*")):
            found.add_bars(BarStore(path).load())
        else:
            for file in _files(path):
                found.add_file(file)
    else:
        found.add_file(path)
    return found.recording(path)


@dataclass(slots=True)
class _Found:
    """What the files read so far hold."""

    calendar: SessionCalendar
    reading: Reading
    bars: dict[str, Frame] = field(default_factory=dict)
    sources: dict[str, Path] = field(default_factory=dict)
    pieces: dict[TickKind, list[TickPiece]] = field(default_factory=lambda: {"trades": [], "quotes": []})
    problems: list[Finding] = field(default_factory=list)

    def add_file(self, path: Path) -> None:
        """Read a file of whatever kind."""
        if path.is_file() and looks_like_history(path):
            self._add_history(path)
            return
        kind = tick_kind(file_header(path))
        if kind is None:
            how = self.reading
            self.add_bars(read_bars(path, label=how.label, zone=how.zone, symbol=how.symbol, calendar=self.calendar))
        else:
            self.pieces[kind] += read_ticks(path, kind, self.reading)

    def add_bars(self, more: BarFile) -> None:
        """Bars of further symbols. Raises BadInput for a symbol whose bars another file has, too."""
        for symbol, frame in more.frames.items():
            if symbol in self.bars:
                raise BadInput(
                    f"{more.source}: bars of {symbol} are in {self.sources[symbol].name}, too; keep them in one file"
                )
            self.bars[symbol], self.sources[symbol] = frame, more.source
        self.problems += more.problems

    def recording(self, source: Path) -> Recording:
        """All of it."""
        trades, quotes = (frames_of(kind, self.pieces[kind]) for kind in ("trades", "quotes"))
        starts = [frame["start"] for frame in self.bars.values()]
        starts += [frame["at"] // 1_000_000 for frame in (*trades.values(), *quotes.values())]
        if not starts:
            raise BadInput(f"{source} holds no bars, trades or quotes")
        every = np.unique(np.concatenate(starts) // 60 * 60)
        days = SessionTable.around(every, self.calendar).days(every)
        if not days:
            raise BadInput(
                f"{source} has nothing in the regular hours of any session; one-minute bars, trades or quotes are needed"
            )
        return Recording(source, self.bars, trades, quotes, days, tuple(self.problems))

    def _add_history(self, path: Path) -> None:
        history = read_history(path)
        if history.bars is not None:
            rows, table, findings = judged(history.bars, Reading(), self.calendar)
            refuse_errors(findings)
            self.add_bars(bar_file(path, rows, table, findings))
        for kind, pieces in history.ticks.items():
            self.pieces[kind] += pieces


def _files(folder: Path) -> list[Path]:
    """The files of a folder that may be records, by name."""
    found = [each for each in sorted(folder.iterdir()) if each.is_file() and each.suffix.lower() in SUFFIXES]
    if not found:
        raise BadInput(f"{folder} holds no file of bars, trades or quotes ({', '.join(SUFFIXES)})")
    return found


def _listed(days: Iterable[date]) -> str:
    return ", ".join(day.isoformat() for day in days)
