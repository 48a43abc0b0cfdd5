"""Prints that were not told right at first: late, withdrawn or corrected; and the bars before and after it was known.

Each concerns one print of one minute and comes out half a minute after the minute's end. The exchange trades on the
market's tape in any case: a late print has happened, and a print that is withdrawn has moved orders before it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, Protocol

from alpaca_trader.simulator.exchange.ids import draw
from alpaca_trader.simulator.market.model import MINUTE, BarRow, MarketTrade, Tick
from alpaca_trader.simulator.profiles import Switches

KNOWN_AFTER: Final = timedelta(seconds=30)
"""From the end of a minute until its late, withdrawn or corrected print is told and its bar published again."""
_LATE_SHARE: Final = 0.02
_ERROR_SHARE: Final = 0.01
_MICROSECOND: Final = timedelta(microseconds=1)
_KEPT: Final = 4096
_PENNY: Final = Decimal("0.01")

Kind = Literal["late", "canceled", "corrected", "revised"]
"""`revised`: the bar alone is told again, whatever the prints (fault `bars.revise`)."""


class Source(Protocol):
    """What incidents befall: bars and the prints they are made of."""

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """Minutes with start <= row.start < end, oldest first."""
        ...

    def minute_rows(self, start: datetime) -> Sequence[BarRow]:
        """One minute of every symbol, sorted by symbol."""
        ...

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and prints with after < at <= until, in time order."""
        ...

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`."""
        ...


@dataclass(frozen=True, slots=True)
class Incident:
    """What befell the print `trade`: known at `known_at`. `corrected` is the print as it should have been."""

    kind: Kind
    trade: MarketTrade
    known_at: datetime
    corrected: MarketTrade | None
    first: BarRow
    final: BarRow


class Incidents:
    """The incidents of one feed, fixed by seed, symbol and minute; and those that were asked for."""

    def __init__(self, source: Source, seed: int, switches: Switches) -> None:
        self._source = source
        self._seed = seed
        self._late = _LATE_SHARE if switches.late_prints == "some" else 0.0
        self._errors = _ERROR_SHARE if switches.print_errors == "some" else 0.0
        self._ordered: dict[tuple[str, datetime], Kind] = {}
        self._made = lru_cache(maxsize=_KEPT)(self._make)

    @property
    def may_happen(self) -> bool:
        """False when every print is told right at first."""
        return bool(self._late or self._errors or self._ordered)

    def order(self, symbol: str, minute: datetime, kind: Kind) -> None:
        """Let this befall a print of the symbol's minute that begins at `minute`, if it has prints enough."""
        self._ordered[symbol, minute] = kind

    def of(self, row: BarRow) -> Incident | None:
        """What befell a print of this minute; None for the usual minute."""
        kind = self._ordered.get((row.symbol, row.start)) or self._drawn(row)
        return self._made(kind, row) if kind else None

    def _drawn(self, row: BarRow) -> Kind | None:
        if not self._late and not self._errors:
            return None
        lot = draw(self._seed, f"print:{row.symbol}", int(row.start.timestamp()))
        if lot < self._late:
            return "late"
        if lot < self._late + self._errors:
            return "canceled" if lot < self._late + self._errors / 2 else "corrected"
        return None

    def _make(self, kind: Kind, row: BarRow) -> Incident | None:
        ticks = self._source.ticks(row.symbol, row.start - _MICROSECOND, row.start + MINUTE - _MICROSECOND)
        prints = [tick for tick in ticks if isinstance(tick, MarketTrade)]
        sized = [number for number, trade in enumerate(prints) if 0 < trade.size < row.volume]
        if len(prints) < 2 or not sized:
            return None
        number = sized[int(draw(self._seed, f"which:{row.symbol}", int(row.start.timestamp())) * len(sized))]
        trade, known_at = prints[number], row.start + MINUTE + KNOWN_AFTER
        rest = prints[:number] + prints[number + 1 :]
        if kind == "corrected":
            neighbour = rest[number - 1 if number else 0].price
            price = neighbour if neighbour != trade.price else trade.price + _PENNY
            corrected = replace(trade, price=price)
            final = _of_prints(row, [*prints[:number], corrected, *prints[number + 1 :]], row.volume, row.trade_count)
            moved = (float(price) - float(trade.price)) * trade.size / row.volume
            return Incident(kind, trade, known_at, corrected, row, _with_vwap(final, row.vwap + moved))
        volume = row.volume - trade.size
        fewer = _of_prints(row, rest, volume, max(row.trade_count - 1, min(row.trade_count, 1)))
        fewer = _with_vwap(fewer, (row.vwap * row.volume - float(trade.price) * trade.size) / volume)
        first, final = (fewer, row) if kind == "late" else (row, fewer)
        return Incident(kind, trade, known_at, None, first, final)


def _of_prints(row: BarRow, prints: Sequence[MarketTrade], volume: int, trade_count: int) -> BarRow:
    prices = [float(trade.price) for trade in prints]
    return BarRow(row.symbol, row.start, prices[0], max(prices), min(prices), prices[-1], volume, trade_count, row.vwap)


def _with_vwap(row: BarRow, vwap: float) -> BarRow:
    return row._replace(vwap=round(min(max(vwap, row.low), row.high), 6))


def told(incidents: Incidents, rows: Sequence[BarRow], now: datetime) -> Iterator[BarRow]:
    """Rows as they are known at `now`."""
    for row in rows:
        incident = incidents.of(row)
        yield row if incident is None else incident.final if incident.known_at <= now else incident.first
