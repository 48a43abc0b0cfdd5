"""Hears at the proxy what the engine says to the broker, and holds it against the journal's file, the judge and the rules."""

import re
import sqlite3
from collections import Counter, deque
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast, get_args

import orjson

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.trials.believed import believed
from alpaca_trader.trials.judge import Judge
from alpaca_trader.trials.terms import Believed, Said

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_ORDERS = "/v2/orders"
_MINUTE = timedelta(minutes=1)
MOST_A_MINUTE = 200
"""The broker's limit (alpaca-contract 1)."""


class Requests:
    """Puts the HTTP requests of several connections together from their pieces, and tells each once it is whole."""

    def __init__(self, tell: Callable[[str, str, bytes], None]) -> None:
        """``tell`` is given method, target and body."""
        self._tell = tell
        self._begun: dict[int, bytes] = {}

    def hear(self, connection: int, data: bytes) -> None:
        """The next piece of a connection."""
        words = self._begun.pop(connection, b"") + data
        while b"\r\n\r\n" in words:
            head, _, rest = words.partition(b"\r\n\r\n")
            found = _LENGTH.search(head)
            length = int(found[1]) if found else 0
            if len(rest) < length:
                break
            method, target, _ = head.decode().split(" ", 2)
            self._tell(method, target, rest[:length])
            words = rest[length:]
        self._begun[connection] = words


class Witness:
    """Hears every request to the trading host. ``problems`` are the rules that what was said has broken."""

    def __init__(self, sim: Simulator, judge: Judge, journal: Path) -> None:
        """``journal`` is the file in which an intent must stand before it is said."""
        self._sim, self._judge, self._path = sim, judge, journal
        self.problems: list[str] = []
        self.said: Counter[str] = Counter()
        """How often each client order id was said."""
        self.requests = 0
        self.busiest = 0
        """Most requests in a minute of virtual time."""
        self._recent: deque[datetime] = deque()
        judge.is_committed = lambda key: bool(self._entries_of(key, ev.Approved))

    def hear(self, method: str, target: str, body: bytes) -> None:
        """One request, before anything can happen to it; called on the proxy's thread."""
        try:
            with self._sim.lock:
                self._count(self._sim.now)
                if method in ("POST", "PATCH") and target.startswith(_ORDERS):
                    self._judge.hear(self._said(method, target, orjson.loads(body)))
        except (AssertionError, BrokerError, sqlite3.Error) as problem:
            self.problems.append(f"{method} {target}: {problem}")

    def _count(self, now: datetime) -> None:
        self.requests += 1
        self._recent.append(now)
        while self._recent[0] <= now - _MINUTE:
            self._recent.popleft()
        self.busiest = max(self.busiest, len(self._recent))
        assert self.busiest <= MOST_A_MINUTE, f"{self.busiest} requests in a minute"

    def _said(self, method: str, target: str, fields: dict[str, Any]) -> Said:
        """What was said. It counts as said again on purpose only where the journal has it as often."""
        key = fields["client_order_id"]
        is_resend = 0 < self.said[key] <= len(self._entries_of(key, ev.Resend))
        self.said[key] += 1
        limit, stop = _number(fields, "limit_price"), _number(fields, "stop_price")
        if method == "POST":
            return Said(key, fields["symbol"], fields["side"], Decimal(fields["qty"]), limit, stop, None, is_resend)
        old = self._sim.exchange.book.get(target.rpartition("/")[2])
        assert old.qty is not None, f"{key}: replaces an order of dollars"
        return Said(key, old.symbol, old.side, old.qty, limit, stop, old.client_order_id, is_resend)

    def _entries_of(self, key: str, kind: type) -> list[object]:
        with closing(JournalReader(self._path)) as reader:
            return [found.entry for found in reader.reports_of(key) if isinstance(found.entry, kind)]


class Follower:
    """Believes what the journal's file says, as the engine's next life would."""

    def __init__(self, journal: Path, start_cash: Decimal) -> None:
        """``start_cash``: USD in the account before anything was traded."""
        self._path, self._start_cash = journal, start_cash
        self._belief, self._seq = Belief(), 0

    def believed(self, now: datetime) -> Believed:
        """What is committed by now, in the judge's terms."""
        with closing(JournalReader(self._path)) as reader:
            for number, entry in reader.entries(after=self._seq):
                self._seq = number
                if isinstance(entry, get_args(ev.Action)):
                    self._belief.on_action(cast("ev.Action", entry))
                else:
                    self._belief.on_event(cast("ev.Event", entry))
        return believed(self._belief, now, self._start_cash)


def _number(fields: dict[str, Any], name: str) -> Decimal | None:
    return Decimal(fields[name]) if name in fields else None
