"""What the account was worth at any time of its past: the ledger valued at the market's prices."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.exchange.prices import price_at
from alpaca_trader.simulator.exchange.venue import SETTLE_DELAY
from alpaca_trader.simulator.market.calendar import SessionHours
from alpaca_trader.simulator.market.model import Market

_LOOK_BACK = timedelta(days=14)


class Holdings(Protocol):
    """Cash in dollars and shares by symbol, from `at` on until the next entry."""

    @property
    def at(self) -> datetime:
        """When it became so."""
        ...

    @property
    def cash(self) -> Decimal:
        """Dollars, negative when borrowed."""
        ...

    @property
    def holdings(self) -> Mapping[str, Decimal]:
        """Shares by symbol, negative when short."""
        ...


class EquityHistory:
    """The past of one account. Before the ledger's first entry it held that entry's cash and nothing else."""

    def __init__(self, market: Market, ledger: Sequence[Holdings]) -> None:
        """`ledger`: at least one entry, oldest first."""
        self._market = market
        self._ledger = ledger

    def equity(self, at: datetime) -> Decimal:
        """Dollars at `at`: cash and every holding at its last trade; one that never traded counts nothing."""
        index = bisect_right(self._ledger, at, key=lambda entry: entry.at) - 1
        if index < 0:
            return self._ledger[0].cash
        entry = self._ledger[index]
        value = entry.cash
        for symbol, qty in entry.holdings.items():
            value += qty * (price_at(self._market, symbol, at) or ZERO)
        return value

    def close_before(self, day: date) -> tuple[SessionHours, Decimal] | None:
        """The last session before `day` and the equity of its close, fees of the day taken; None at the calendar's begin."""
        sessions = self._market.sessions(day - _LOOK_BACK, day - timedelta(days=1))
        if not sessions:
            return None
        return sessions[-1], self.equity(sessions[-1].close + SETTLE_DELAY)
