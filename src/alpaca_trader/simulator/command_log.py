"""The command log: every changing command with its virtual time, written before it is applied.

One JSON object per line. The first names the simulation (its identity); the rest are commands and the instants that
time has reached. A simulator that replays the log stands exactly where the one that wrote it stood. A last line that a
kill has torn is cut off; anything else that cannot be read is an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from alpaca_trader.simulator.market.model import Market

FORMAT = 2
FILE_NAME = "exchange.jsonl"
ADVANCE = "advance"
_FINGERPRINT_SYMBOLS = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: at virtual time `at`, command `name` with `arguments` (empty for an advance) of account number `account`."""

    at: datetime
    name: str
    arguments: Mapping[str, Any]
    account: int


class CommandLog:
    """Appends to one file, flushing every line to the operating system."""

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        """Open `folder`/exchange.jsonl, made when missing.

        Raises ValueError when the file belongs to another simulation or is damaged before its last line.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self.entries: Sequence[Entry] = ()
        lines = self._whole_lines()
        header = orjson.loads(orjson.dumps(dict(identity), default=_plain))
        if lines:
            self._check_identity(lines[0], header)
            self.entries = [self._entry(count, line) for count, line in enumerate(lines[1:], start=2)]
        self._file = self.path.open("ab")
        if not lines:
            self._write(header)

    def append(self, at: datetime, name: str, arguments: Mapping[str, object], account: int = 0) -> None:
        """Write one entry; it has left this process when the call returns."""
        line: dict[str, object] = {"at": at.isoformat(), "do": name}
        if account:
            line["account"] = account
        if arguments:
            line["args"] = arguments
        self._write(line)

    def close(self) -> None:
        """Close the file; nothing is lost when this is never called."""
        self._file.close()

    def _write(self, line: Mapping[str, object]) -> None:
        self._file.write(orjson.dumps(line, default=_plain, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def _whole_lines(self) -> list[bytes]:
        """The complete lines of the file; a torn rest is cut off the file too."""
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole, _, torn = content.rpartition(b"\n")
        if torn:
            with self.path.open("r+b") as file:
                file.truncate(len(content) - len(torn))
        return whole.split(b"\n") if whole else []

    def _check_identity(self, line: bytes, expected: Mapping[str, object]) -> None:
        found = self._parsed(1, line)
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                raise ValueError(
                    f"{self.path} belongs to another simulation: {name} is {found.get(name)!r} there and "
                    f"{expected.get(name)!r} here; use another state folder or the same simulation"
                )

    def _entry(self, number: int, line: bytes) -> Entry:
        parsed = self._parsed(number, line)
        try:
            return Entry(
                datetime.fromisoformat(parsed["at"]), parsed["do"], parsed.get("args", {}), parsed.get("account", 0)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.path} line {number} is not a command: {error}") from error

    def _parsed(self, number: int, line: bytes) -> Mapping[str, Any]:
        try:
            parsed = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ValueError(
                f"{self.path} line {number} is damaged ({error}); restore the file or remove it"
            ) from error
        if not isinstance(parsed, dict):
            raise ValueError(f"{self.path} line {number} is damaged (not an object); restore the file or remove it")
        return parsed


def replayed(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries in order, without the advances that the next entry contains."""
    for index, entry in enumerate(entries):
        if entry.name != ADVANCE or index == len(entries) - 1:
            yield entry


def market_fingerprint(market: Market, start: datetime) -> str:
    """What the market says of itself, else a hash of its assets and of its first session's bars (of the first 50 symbols)."""
    if market.fingerprint is not None:
        return market.fingerprint
    digest = hashlib.sha256()
    assets = market.assets()
    for asset in assets:
        digest.update(f"{asset!r}\n".encode())
    day = start.date()
    for session in [hours for hours in market.sessions(day, day + timedelta(days=14)) if hours.close > start][:1]:
        for asset in assets[:_FINGERPRINT_SYMBOLS]:
            for bar in market.bars(asset.symbol, session.open, session.close):
                digest.update(f"{bar!r}\n".encode())
    return digest.hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written to the command log")
