"""The journal as everybody but the engine sees it: read-only, while the engine writes or after it crashed."""

import sqlite3
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.events import Action, Approved, ConfigAccepted, DayDone, Decided, Event, TradeChanged
from alpaca_trader.core.models import DailySummary, OrderIntent, Trade
from alpaca_trader.core.policy import Policy
from alpaca_trader.edge.journal.chain import GENESIS
from alpaca_trader.edge.journal.codec import decode, utc_text
from alpaca_trader.edge.journal.database import explain, migrations, open_for_reading

PAGE = 1_000
"""Rows per statement: a reader that dawdles must not hold a snapshot, or the write-ahead log grows without end."""


class Recorded(NamedTuple):
    """An entry with its number; numbers start at 1 and have no gaps."""

    seq: int
    entry: Event | Action


class TradeRow(NamedTuple):
    """A row of ``trades``: its id, the number of the entry that wrote it last, and the trade with exact decimals."""

    id: int
    seq: int
    trade: Trade


class ConfigRevision(NamedTuple):
    """Settings that came into force at ``at``; ``parent`` is the revision they replaced."""

    seq: int
    at: datetime
    rev: str
    parent: str | None
    config: StrategyConfig
    policy: Policy


class EquityPoint(NamedTuple):
    """The account at ``at`` in USD, for pictures; exact values are in the ``AccountSeen`` entries."""

    at: datetime
    equity: float
    cash: float
    exposure: float


class JournalReader:
    """Reads the journal at ``path``; used by one thread. Every method answers from one consistent state.

    Raises BadInput where there is no journal, JournalUnreadable where it is damaged, foreign or newer.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_for_reading(path, migrations())

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def meta(self) -> Mapping[str, str]:
        """Whose journal it is: ``mode``, ``account_id`` once known, ``opened`` (how often)."""
        return dict(self._rows("SELECT key, value FROM meta ORDER BY key"))

    def versions(self) -> Sequence[tuple[int, str]]:
        """The code versions that wrote it, each with the number of the first entry that may be its own."""
        return self._rows("SELECT first_seq, code_version FROM versions ORDER BY first_seq")

    def head(self) -> str:
        """The chain's digest after the last committed entry, as hex."""
        rows = self._rows("SELECT chain FROM entries ORDER BY seq DESC LIMIT 1")
        return (rows[0][0] if rows else GENESIS).hex()

    def places(self, digests: Container[str]) -> Mapping[str, int]:
        """Those of the digests (hex) that the chain ever had, with the number of the entry after which it had each."""
        found: dict[str, int] = {}
        after = 0
        while rows := self._rows("SELECT seq, chain FROM entries WHERE seq > ? ORDER BY seq LIMIT ?", after, PAGE):
            found.update((chain.hex(), seq) for seq, chain in rows if chain.hex() in digests)
            after = rows[-1][0]
        return found

    def entries(
        self,
        kinds: Iterable[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
    ) -> Iterator[Recorded]:
        """Entries of these kinds (class names; none: all) with ``since <= at < until`` and a number above ``after``."""
        named = tuple(kinds)
        sql = "SELECT seq, kind, payload FROM entries WHERE seq > ?"
        if named:
            sql += f" AND kind IN ({', '.join('?' * len(named))})"
        limits = []
        if since is not None:
            sql, limits = f"{sql} AND at >= ?", [utc_text(since)]
        if until is not None:
            sql, limits = f"{sql} AND at < ?", [*limits, utc_text(until)]
        sql += f" ORDER BY seq LIMIT {PAGE}"
        while rows := self._rows(sql, after, *named, *limits):
            yield from (Recorded(seq, decode(kind, payload)) for seq, kind, payload in rows)
            after = rows[-1][0]

    def reports_of(self, client_order_id: str) -> Sequence[Recorded]:
        """Everything journalled about one order, in order: decision, intent, reports, refusals, cancels."""
        sql = "SELECT seq, kind, payload FROM entries WHERE client_order_id = ? ORDER BY seq"
        return [Recorded(seq, decode(kind, payload)) for seq, kind, payload in self._rows(sql, client_order_id)]

    def intents(self) -> Sequence[OrderIntent]:
        """Every order we ever decided to send, oldest first."""
        return [found.entry.intent for found in self.entries(("Approved",)) if isinstance(found.entry, Approved)]

    def trades(self) -> Sequence[TradeRow]:
        """One row per position episode, in the order they began."""
        return self._trades("")

    def trade(self, trade_id: int) -> TradeRow | None:
        """The trade with this id, if there is one."""
        return next(iter(self._trades("WHERE trades.id = ?", trade_id)), None)

    def decisions(
        self, symbol: str | None = None, bar_start: datetime | None = None, client_order_id: str | None = None
    ) -> Sequence[Decided]:
        """Decisions about a symbol, the bar that started at ``bar_start``, or the entry order they led to."""
        asked = {
            "symbol": symbol,
            "bar_start": None if bar_start is None else utc_text(bar_start),
            "client_order_id": client_order_id,
        }
        given = {f"decisions.{name} = ?": value for name, value in asked.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        sql = f"SELECT kind, payload FROM decisions JOIN entries USING (seq) {where} ORDER BY seq"  # noqa: S608
        found = [decode(kind, payload) for kind, payload in self._rows(sql, *given.values())]
        return [entry for entry in found if isinstance(entry, Decided)]

    def config_history(self) -> Sequence[ConfigRevision]:
        """The settings that came into force, oldest first; each differs from the one before."""
        sql = "SELECT seq, parent, kind, payload FROM config_history JOIN entries USING (seq) ORDER BY seq"
        revisions = []
        for seq, parent, kind, payload in self._rows(sql):
            entry = decode(kind, payload)
            assert isinstance(entry, ConfigAccepted)
            revisions.append(ConfigRevision(seq, entry.at, entry.rev, parent, entry.config, entry.policy))
        return revisions

    def days(self) -> Sequence[DailySummary]:
        """The summary of each session, oldest first."""
        sql = "SELECT kind, payload FROM days JOIN entries USING (seq) ORDER BY day"
        found = [decode(kind, payload) for kind, payload in self._rows(sql)]
        return [entry.summary for entry in found if isinstance(entry, DayDone)]

    def equity(self, since: datetime | None = None, until: datetime | None = None) -> Sequence[EquityPoint]:
        """The account's last reading of each minute with ``since <= at < until``."""
        first = "" if since is None else utc_text(since)
        last = "~" if until is None else utc_text(until)
        sql = "SELECT at, equity, cash, exposure FROM equity WHERE at >= ? AND at < ? ORDER BY minute"
        return [EquityPoint(datetime.fromisoformat(row[0]), *row[1:]) for row in self._rows(sql, first, last)]

    def _trades(self, where: str, *values: int) -> list[TradeRow]:
        sql = f"SELECT id, seq, kind, payload FROM trades JOIN entries USING (seq) {where} ORDER BY id"  # noqa: S608
        rows = []
        for trade_id, seq, kind, payload in self._rows(sql, *values):
            entry = decode(kind, payload)
            assert isinstance(entry, TradeChanged)
            rows.append(TradeRow(trade_id, seq, entry.trade))
        return rows

    def _rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise explain(error, self._path) from error
