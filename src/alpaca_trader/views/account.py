"""What an account of a run holds. Made by ``views.day.run_account``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import ZERO, Mode, OrderRole, Session
from alpaca_trader.edge.journal.reader import TradeRow
from alpaca_trader.views.coverage import Coverage


@dataclass(frozen=True, slots=True)
class DayAccount:
    """One session. USD and percent; None where the account was never read that day.

    ``is_finished``: the engine saw the close and summed the day up. Otherwise the figures are those of the last entry.
    """

    session: Session
    is_finished: bool
    equity_start: Decimal | None
    equity_end: Decimal | None
    pnl: Decimal | None
    pnl_pct: Decimal | None
    net_flows: Decimal
    fees: Decimal
    orders_sent: int
    orders_by_role: Mapping[str, int]
    signals: int
    refusals: Mapping[str, int]
    coverage: Coverage

    @property
    def day(self) -> date:
        """New York's date of the session."""
        return self.session.day


class Halt(NamedTuple):
    """A stop of all entries: why, and when it was released (None: it stands, or stood at the end)."""

    at: datetime
    code: str
    detail: str
    released_at: datetime | None
    released_by: str | None


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything about the run lies. ``report`` is None where no picture was written."""

    home: Path
    journal: Path
    status: Path
    logs: tuple[Path, ...]
    report: Path | None


@dataclass(frozen=True, slots=True)
class RunAccount:
    """A run of one or several sessions, read off its journal alone."""

    mode: Mode
    seed: int | None
    days: tuple[DayAccount, ...]
    trades: tuple[TradeRow, ...]
    halts: tuple[Halt, ...]
    alarms: tuple[ev.Alarm, ...]
    journal_sha256: str
    files: Files

    @property
    def dates(self) -> tuple[date, ...]:
        """The sessions' dates, oldest first."""
        return tuple(day.day for day in self.days)

    @property
    def is_finished(self) -> bool:
        """Whether every session was followed to its close."""
        return all(day.is_finished for day in self.days)

    @property
    def equity_start(self) -> Decimal | None:
        """The account at the first session's start, USD."""
        return next((day.equity_start for day in self.days if day.equity_start is not None), None)

    @property
    def equity_end(self) -> Decimal | None:
        """The account at the last reading, USD."""
        return next((day.equity_end for day in reversed(self.days) if day.equity_end is not None), None)

    @property
    def pnl(self) -> Decimal | None:
        """The days' results together, USD: net of fees, without deposits and withdrawals."""
        known = [day.pnl for day in self.days if day.pnl is not None]
        return sum(known, ZERO) if known else None

    @property
    def pnl_pct(self) -> Decimal | None:
        """The days' returns, one upon the other, in percent."""
        known = [day.pnl_pct for day in self.days if day.pnl_pct is not None]
        if len(known) < 2:
            return known[0] if known else None
        growth = Decimal(1)
        for pct in known:
            growth *= 1 + pct / 100
        return (growth - 1) * 100

    @property
    def closed(self) -> tuple[TradeRow, ...]:
        """Trades that are over, entry to exit."""
        return tuple(row for row in self.trades if row.trade.status == "closed")

    @property
    def held(self) -> tuple[TradeRow, ...]:
        """Trades in which something was still held, or about to be, at the end."""
        return tuple(row for row in self.trades if row.trade.status in ("pending", "open", "closing"))

    @property
    def orders_sent(self) -> int:
        """Orders of every kind: entries, stops, raised stops, exits."""
        return sum(day.orders_sent for day in self.days)

    @property
    def signals(self) -> int:
        """Wishes of strategies to buy."""
        return sum(day.signals for day in self.days)

    @property
    def fees(self) -> Decimal:
        """What the broker charged, USD."""
        return sum((day.fees for day in self.days), ZERO)

    @property
    def orders_by_role(self) -> dict[str, int]:
        """Orders sent, by what they were for."""
        return {role.value: count for role in OrderRole if (count := self._sent_as(role))}

    def _sent_as(self, role: OrderRole) -> int:
        return sum(day.orders_by_role.get(role.value, 0) for day in self.days)

    @property
    def refusals(self) -> dict[str, int]:
        """Signals that did not become an order, by the gate that refused them; the commonest first."""
        found: dict[str, int] = {}
        for day in self.days:
            for code, count in day.refusals.items():
                found[code] = found.get(code, 0) + count
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def coverage(self) -> Coverage:
        """What guarded the positions, all days together."""
        whole = Coverage()
        for day in self.days:
            whole = whole.plus(day.coverage)
        return whole
