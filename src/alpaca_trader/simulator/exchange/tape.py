"""The ticks of the symbols that have orders at work, read minute by minute and never past what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alpaca_trader.simulator.market.model import MINUTE, Market, MarketBar, Tick
from alpaca_trader.simulator.wire import minute_floor

_MICROSECOND = timedelta(microseconds=1)

IsQuiet = Callable[[str, MarketBar], bool]
"""Whether nothing in a minute with this bar can concern the orders at work in the symbol."""


@dataclass(slots=True)
class _Strip:
    """What was read of one symbol: everything up to and including `read_until`."""

    read_until: datetime
    ticks: Sequence[Tick] = field(default_factory=tuple)
    index: int = 0


class Tape:
    """Reads each symbol's ticks once, skipping the minutes that cannot matter."""

    def __init__(self, market: Market, is_quiet: IsQuiet) -> None:
        self._market = market
        self._is_quiet = is_quiet
        self._strips: dict[str, _Strip] = {}

    def forget(self, symbol: str) -> None:
        """Read the symbol afresh: its orders changed, so that a skipped minute may matter now."""
        self._strips.pop(symbol, None)

    def next_at(self, symbol: str, after: datetime, until: datetime) -> datetime | None:
        """Time of the symbol's next tick in (after, until], None when there is none."""
        strip = self._strips.get(symbol)
        if strip is None:
            strip = self._strips[symbol] = _Strip(after)
        while True:
            while strip.index < len(strip.ticks):
                moment = strip.ticks[strip.index].at
                if moment > after:
                    return moment if moment <= until else None
                strip.index += 1
            if strip.read_until >= until:
                return None
            self._read_minute(symbol, strip, max(strip.read_until, after))

    def take(self, symbol: str, moment: datetime) -> Sequence[Tick]:
        """The symbol's ticks at exactly `moment`, which `next_at` has found."""
        strip = self._strips[symbol]
        first = strip.index
        while strip.index < len(strip.ticks) and strip.ticks[strip.index].at == moment:
            strip.index += 1
        return strip.ticks[first : strip.index]

    def _read_minute(self, symbol: str, strip: _Strip, after: datetime) -> None:
        start = minute_floor(after + _MICROSECOND)
        strip.read_until = start + MINUTE - _MICROSECOND
        strip.index = 0
        strip.ticks = () if self._may_skip(symbol, start) else self._market.ticks(symbol, after, strip.read_until)

    def _may_skip(self, symbol: str, start: datetime) -> bool:
        """True when no tick of the minute can matter, as its bar tells."""
        if not self._market.bars_hold_ticks():
            return False
        bars = self._market.bars(symbol, start, start + MINUTE)
        return not bars or self._is_quiet(symbol, bars[0])
