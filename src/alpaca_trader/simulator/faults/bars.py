"""Faults of published bars (`bars.*`): what the data feeds show, over REST and on the streams alike. The market is untouched.

Which bars are struck is drawn by fault, symbol and minute, so that every reader sees the same. A bar belongs to the time
at which its minute ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alpaca_trader.simulator.exchange.ids import draw
from alpaca_trader.simulator.faults.board import Fault, FaultBoard
from alpaca_trader.simulator.market.model import MINUTE, BarRow, MarketQuote
from alpaca_trader.simulator.wire import BrokenNumber, minute_floor

_FAMILY: Final = "bars."
_LATER: Final = ("bars.late", "bars.revise")
_MUTATE: Final = "bars.mutate"
_CROSSED: Final = "crossed"
"""The choice of `bars.mutate` that is about quotes, not bars."""


class BarFaults:
    """The faults that stand between a feed's bars and their readers."""

    def __init__(self, board: FaultBoard, seed: int) -> None:
        self._board = board
        self._seed = seed
        self._struck: set[tuple[int, str, datetime]] = set()

    @property
    def may_strike(self) -> bool:
        """Whether any fault of bars is in force."""
        return self._board.has(_FAMILY)

    @property
    def changes(self) -> int:
        """How often faults of any kind were ordered or lifted."""
        return self._board.changes

    def shown(self, rows: Sequence[BarRow], now: datetime) -> Iterator[BarRow]:
        """The rows as they are shown at `now`; some are not."""
        for row in rows:
            shown = self._shown(row, now)
            if shown is not None:
                yield shown

    def quote(self, quote: MarketQuote) -> MarketQuote:
        """A quote as it is shown: its prices change places where a fault crosses them."""
        for fault in self._board.named(_MUTATE):
            start = minute_floor(quote.at)
            if fault.get("what", "") == _CROSSED and self._strikes(fault, quote.symbol, start, quote.at):
                return replace(quote, bid=quote.ask, ask=quote.bid)
        return quote

    def delays(self) -> Sequence[timedelta]:
        """How long after their time bars come, or come again."""
        found = {_seconds(fault) for name in _LATER for fault in self._board.named(name)}
        return sorted(found)

    def late(self, rows: Sequence[BarRow], delay: timedelta, now: datetime) -> Iterator[BarRow]:
        """Those of the rows that come with this delay, as they are shown then."""
        for row in rows:
            if any(
                self._strikes_bar(fault, row) and _seconds(fault) == delay for fault in self._board.named("bars.late")
            ):
                yield from self.shown((row,), now)

    def revised(self, rows: Sequence[BarRow], delay: timedelta, now: datetime) -> Iterator[BarRow]:
        """Those of the rows that are corrected with this delay, as corrected."""
        for row in rows:
            if any(
                self._strikes_bar(fault, row) and _seconds(fault) == delay for fault in self._board.named("bars.revise")
            ):
                yield from self.shown((row,), now)

    def _shown(self, row: BarRow, now: datetime) -> BarRow | None:
        ended = row.start + MINUTE
        for fault in self._board.named("bars.stale"):
            until = fault.order.until
            if self._strikes_bar(fault, row) and (until is None or now < until):
                return None
        if any(self._strikes_bar(fault, row) for fault in self._board.named("bars.missing")):
            return None
        if any(
            self._strikes_bar(fault, row) and now < ended + _seconds(fault) for fault in self._board.named("bars.late")
        ):
            return None
        for fault in self._board.named("bars.revise"):
            if self._strikes_bar(fault, row) and now >= ended + _seconds(fault):
                row = _moved(row, _factor(fault))
        for name, change in _CHANGES.items():
            for fault in self._board.named(name):
                if fault.get("what", "") != _CROSSED and self._strikes_bar(fault, row):
                    row = change(row, fault)
        return row

    def _strikes_bar(self, fault: Fault, row: BarRow) -> bool:
        return self._strikes(fault, row.symbol, row.start, row.start + MINUTE)

    def _strikes(self, fault: Fault, symbol: str, minute: datetime, at: datetime) -> bool:
        order = fault.order
        if order.symbol not in (None, symbol) or (order.since is not None and at <= order.since):
            return False
        if order.until is not None and at > order.until:
            return False
        lot = draw(self._seed, f"bars:{fault.number}:{symbol}", int(minute.timestamp()))
        if order.probability < 1 and lot >= order.probability:
            return False
        bar = (fault.number, symbol, minute)
        if bar not in self._struck:
            self._struck.add(bar)
            fault.asked = fault.struck = fault.struck + 1
        return True


def _seconds(fault: Fault) -> timedelta:
    return timedelta(seconds=float(fault.get("seconds", 30)))


def _factor(fault: Fault) -> float:
    return 1 + float(fault.get("pct", 20)) / 100


def _moved(row: BarRow, factor: float) -> BarRow:
    """The bar with another close, and a range that holds it."""
    close = round(row.close * factor, 2)
    return row._replace(close=close, high=max(row.high, close), low=min(row.low, close))


def _spike(row: BarRow, fault: Fault) -> BarRow:
    return _moved(row, _factor(fault))


def _mutate(row: BarRow, fault: Fault) -> BarRow:
    match fault.get("what", "ohlc"):
        case "ohlc":
            return row._replace(high=round(row.low - 0.01, 4), low=round(row.high + 0.01, 4))
        case "negative":
            return row._replace(low=-row.low, close=-row.close)
        case "zero":
            return row._replace(open=0.0, high=0.0, low=0.0, close=0.0, vwap=0.0)
        case "null":
            return row._replace(close=BrokenNumber("null"))
        case "nan":
            return row._replace(close=BrokenNumber("NaN"))
        case _:
            return row._replace(high=BrokenNumber("Infinity"), close=BrokenNumber("Infinity"))


def _zero_volume(row: BarRow, _fault: Fault) -> BarRow:
    close = row.open
    return row._replace(high=close, low=close, close=close, vwap=close, volume=0, trade_count=0)


_CHANGES: Final[dict[str, Callable[[BarRow, Fault], BarRow]]] = {
    "bars.spike": _spike,
    "bars.zero_volume": _zero_volume,
    _MUTATE: _mutate,
}
