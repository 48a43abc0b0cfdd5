"""A market in which things happen that were not on its tape: halts, gaps, spikes, shortened and cancelled sessions.

It stands between the tape and everybody who reads it, so that exchange, REST and streams see the same. Until something
is changed it hands every question on. Changes are for the present and the future: nothing before their time differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import (
    MINUTE,
    AssetInfo,
    Auction,
    BarRow,
    CorporateAction,
    Cross,
    Market,
    MarketBar,
    MarketQuote,
    MarketTrade,
    MinuteColumns,
    PriceBands,
    Tick,
    Totals,
    TradingStatus,
    asset_id,
)

_INSTANT: Final = timedelta(microseconds=1)
_ONE, _ZERO = Decimal(1), Decimal(0)
_CENT, _SUB_CENT, _MICRO = Decimal("0.01"), Decimal("0.0001"), Decimal("0.000001")
_LOOK_BACK: Final = timedelta(days=14)
_HALT_REASON: Final = "T1"
_RESUMED: Final = "T3"


@dataclass(frozen=True, slots=True)
class Span:
    """Something in force in [start, end). `factor`: what prices are multiplied with, in a spike within it."""

    start: datetime
    end: datetime
    factor: Decimal = _ONE

    def holds(self, at: datetime) -> bool:
        """Whether `at` lies within it."""
        return self.start <= at < self.end


@dataclass(frozen=True, slots=True)
class Scale:
    """From `at` on every price of the symbol is multiplied with `factor`."""

    at: datetime
    factor: Decimal


class FaultyMarket(Market):
    """`market` with the changes that were made to it."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._halts: dict[str, list[Span]] = {}
        self._scales: dict[str, list[Scale]] = {}
        self._spikes: dict[str, list[Span]] = {}
        self._days: dict[date, SessionHours | None] = {}
        self._renamed: dict[str, str] = {}
        self._is_changed = False

    # What can be done to it

    def halt(self, symbol: str, span: Span) -> None:
        """Stop trading in [start, end); afterwards prices are multiplied with the span's factor."""
        self._halts.setdefault(symbol, []).append(span)
        self.scale(symbol, span.end, span.factor)

    def end_halts(self, symbol: str, now: datetime) -> None:
        """Let trading in the symbol go on now, at the price it would have had afterwards."""
        spans = self._halts.get(symbol, [])
        ends = {span.end: min(span.end, max(now, span.start)) for span in spans}
        self._halts[symbol] = [replace(span, end=ends[span.end]) for span in spans]
        scales = self._scales.get(symbol, [])
        self._scales[symbol] = [replace(scale, at=ends.get(scale.at, scale.at)) for scale in scales]

    def scale(self, symbol: str, at: datetime, factor: Decimal) -> None:
        """From `at` on multiply every price."""
        self._is_changed = True
        if factor != _ONE:
            self._scales.setdefault(symbol, []).append(Scale(at, factor))

    def spike(self, symbol: str, span: Span) -> None:
        """Multiply the quotes, not the trades, in [start, end)."""
        self._is_changed = True
        self._spikes.setdefault(symbol, []).append(span)

    def set_day(self, day: date, hours: SessionHours | None) -> None:
        """Give a day other hours, or none."""
        self._is_changed = True
        self._days[day] = hours

    def rename(self, symbol: str, new_symbol: str) -> None:
        """Let what trades as `symbol` trade as `new_symbol` too. Raises ValueError for a name that is taken."""
        if any(asset.symbol == new_symbol for asset in self.assets()):
            raise ValueError(f"corp.rename new_symbol={new_symbol}: the market has this symbol already")
        self._is_changed = True
        self._renamed[new_symbol] = self._renamed.get(symbol, symbol)
        for changes in (self._halts, self._spikes):
            changes[new_symbol] = list(changes.get(symbol, ()))
        self._scales[new_symbol] = list(self._scales.get(symbol, ()))

    # The calendar

    def session(self, day: date) -> SessionHours | None:
        """Hours of New York date `day`; None when the market is closed all day."""
        return self._days[day] if day in self._days else self._market.session(day)

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """Sessions with first <= date <= last, oldest first."""
        found = self._market.sessions(first, last)
        if not self._days:
            return found
        changed = [self._days.get(hours.date, hours) for hours in found]
        return [hours for hours in changed if hours is not None]

    def _is_shut(self, at: datetime) -> bool:
        """Whether our changes of the calendar leave no regular trading at an instant of the tape."""
        day = new_york_date(at)
        if day not in self._days:
            return False
        hours, before = self._days[day], self._market.session(day)
        return hours is None or (before is not None and hours.close <= at < before.close)

    # The tape

    @property
    def fingerprint(self) -> str | None:
        """That of the tape."""
        return self._market.fingerprint

    def assets(self) -> Sequence[AssetInfo]:
        """All assets, sorted by symbol; a renamed one under both names."""
        return self._with_renamed(self._market.assets())

    def assets_on(self, day: date) -> Sequence[AssetInfo]:
        """All assets as they stand on a day."""
        return self._with_renamed(self._market.assets_on(day))

    def _with_renamed(self, assets: Sequence[AssetInfo]) -> Sequence[AssetInfo]:
        if not self._renamed:
            return assets
        known = {asset.symbol: asset for asset in assets}
        more = [replace(known[old], symbol=new, id=asset_id(new)) for new, old in self._renamed.items()]
        return sorted([*assets, *more], key=lambda asset: asset.symbol)

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """One-minute bars with start <= bar.start < end, oldest first."""
        found = self._market.bars(self._renamed.get(symbol, symbol), start, end)
        return list(self._changed_bars(symbol, found)) if self._is_changed else found

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """The bars of `bars`, in plain numbers."""
        return super().rows(symbol, start, end) if self._is_changed else self._market.rows(symbol, start, end)

    def minute(self, start: datetime) -> Sequence[MarketBar]:
        """The bars of every symbol that traded in a minute, sorted by symbol."""
        if not self._is_changed:
            return self._market.minute(start)
        if self._renamed:
            return super().minute(start)
        return [each for bar in self._market.minute(start) for each in self._changed_bars(bar.symbol, (bar,))]

    def minute_columns(self, start: datetime) -> MinuteColumns:
        """What `minute` answers, in columns."""
        return super().minute_columns(start) if self._is_changed else self._market.minute_columns(start)

    def begins(self) -> datetime:
        """No fault makes it earlier."""
        return self._market.begins()

    def totals(self, start: datetime, end: datetime) -> Mapping[str, Totals]:
        """What each symbol with a bar traded."""
        return super().totals(start, end) if self._is_changed else self._market.totals(start, end)

    def bars_hold_ticks(self) -> bool:
        """Spikes leave the bar's range."""
        return not self._spikes and self._market.bars_hold_ticks()

    def _changed_bars(self, symbol: str, bars: Iterable[MarketBar]) -> Iterable[MarketBar]:
        for bar in bars:
            last = bar.start + MINUTE - _INSTANT
            if self._is_cut(symbol, bar.start, last):
                rebuilt = self._rebuilt(symbol, bar.start, last)
                if rebuilt is not None:
                    yield rebuilt
            elif not self._is_gone(symbol, bar.start):
                yield self._scaled_bar(symbol, bar)

    def _is_cut(self, symbol: str, start: datetime, last: datetime) -> bool:
        """Whether something changes inside the minute."""
        halts = self._halts.get(symbol, ())
        edges = [edge for span in halts for edge in (span.start, span.end)]
        edges += [scale.at for scale in self._scales.get(symbol, ())]
        return any(start < edge <= last for edge in edges)

    def _rebuilt(self, symbol: str, start: datetime, last: datetime) -> MarketBar | None:
        ticks = self.ticks(symbol, start - _INSTANT, last)
        trades = [tick for tick in ticks if isinstance(tick, MarketTrade) and tick.size]
        if not trades:
            return None
        prices, volume = [trade.price for trade in trades], sum(trade.size for trade in trades)
        vwap = sum((trade.price * trade.size for trade in trades), _ZERO) / volume
        return MarketBar(
            symbol, start, prices[0], max(prices), min(prices), prices[-1], volume, len(trades), vwap.quantize(_MICRO)
        )

    def _scaled_bar(self, symbol: str, bar: MarketBar) -> MarketBar:
        factor = self._factor(symbol, bar.start)
        if factor == _ONE:
            return bar if bar.symbol == symbol else replace(bar, symbol=symbol)
        opened, high, low, close = (_rounded(price * factor) for price in (bar.open, bar.high, bar.low, bar.close))
        vwap = min(high, max(low, (bar.vwap * factor).quantize(_MICRO)))
        return replace(bar, symbol=symbol, open=opened, high=high, low=low, close=close, vwap=vwap)

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The quote standing at `at`; one without prices while halted and until the first quote after a halt."""
        found = self._market.quote(self._renamed.get(symbol, symbol), at)
        if not self._is_changed or found is None:
            return found
        if self._is_shut(at):
            return None
        for span in self._halts.get(symbol, ()):
            if span.start <= at and found.at < span.end and span.start < span.end:
                return MarketQuote(symbol, span.start, _ZERO, _ZERO, 0, 0)
        return self._changed_quote(symbol, found)

    def _changed_quote(self, symbol: str, quote: MarketQuote) -> MarketQuote:
        factor = self._factor(symbol, quote.at)
        for spike in self._spikes.get(symbol, ()):
            factor *= spike.factor if spike.holds(quote.at) else _ONE
        return replace(quote, symbol=symbol, bid=_rounded(quote.bid * factor), ask=_rounded(quote.ask * factor))

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last print at or before `at` that our halts and hours let happen."""
        name = self._renamed.get(symbol, symbol)
        found = self._market.last_trade(name, at)
        if not self._is_changed:
            return found
        while found is not None and self._is_gone(symbol, found.at):
            found = self._market.last_trade(name, self._gone_since(symbol, found.at) - _INSTANT)
        return None if found is None else self._changed_trade(symbol, found)

    def _changed_trade(self, symbol: str, trade: MarketTrade) -> MarketTrade:
        return replace(trade, symbol=symbol, price=_rounded(trade.price * self._factor(symbol, trade.at)))

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until in time order."""
        found = self._market.ticks(self._renamed.get(symbol, symbol), after, until)
        if not self._is_changed:
            return found
        kept: list[Tick] = [
            self._changed_quote(symbol, tick) if isinstance(tick, MarketQuote) else self._changed_trade(symbol, tick)
            for tick in found
            if not self._is_gone(symbol, tick.at)
        ]
        kept += [
            MarketQuote(symbol, span.start, _ZERO, _ZERO, 0, 0)
            for span in self._halts.get(symbol, ())
            if after < span.start <= until and span.start < span.end
        ]
        return sorted(kept, key=lambda tick: tick.at)

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """True while trading in the symbol is halted."""
        return self._market.is_halted(self._renamed.get(symbol, symbol), at) or self._is_in_halt(symbol, at)

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """Closing price of the last session before `day`, as it was printed then."""
        found = self._market.previous_close(self._renamed.get(symbol, symbol), day)
        before = self.sessions(day - _LOOK_BACK, day - timedelta(days=1)) if self._is_changed and found else ()
        if found is None or not before:
            return found
        return _rounded(found * self._factor(symbol, before[-1].close - _INSTANT))

    def auction(self, symbol: str, day: date, cross: Cross) -> Auction | None:
        """The opening or closing cross; made anew of the bars where something was changed."""
        if self._is_changed:
            return super().auction(symbol, day, cross)
        return self._market.auction(symbol, day, cross)

    def statuses(self, after: datetime, until: datetime) -> Sequence[TradingStatus]:
        """Halts and resumptions of all symbols, in time order."""
        found = self._market.statuses(after, until)
        if not self._halts:
            return found
        ours = [
            status
            for symbol, spans in self._halts.items()
            for span in spans
            for status in (
                TradingStatus(symbol, span.start, "H", _HALT_REASON),
                TradingStatus(symbol, span.end, "T", _RESUMED),
            )
            if after < status.at <= until and span.start < span.end
        ]
        return sorted([*found, *ours], key=lambda status: status.at)

    def bands(self, symbol: str, at: datetime) -> PriceBands | None:
        """The limit-up/limit-down bands in force."""
        found = self._market.bands(self._renamed.get(symbol, symbol), at)
        if found is None or not self._is_changed:
            return found
        factor = self._factor(symbol, at)
        return replace(found, symbol=symbol, lower=_rounded(found.lower * factor), upper=_rounded(found.upper * factor))

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """Those of the tape."""
        return self._market.corporate_actions(first, last)

    def _factor(self, symbol: str, at: datetime) -> Decimal:
        factor = _ONE
        for scale in self._scales.get(symbol, ()):
            factor *= scale.factor if scale.at <= at else _ONE
        return factor

    def _is_in_halt(self, symbol: str, at: datetime) -> bool:
        return any(span.holds(at) for span in self._halts.get(symbol, ()))

    def _is_gone(self, symbol: str, at: datetime) -> bool:
        return self._is_in_halt(symbol, at) or self._is_shut(at)

    def _gone_since(self, symbol: str, at: datetime) -> datetime:
        """The beginning of what keeps the symbol from trading at `at`."""
        starts = [span.start for span in self._halts.get(symbol, ()) if span.holds(at)]
        if starts:
            return min(starts)
        day = new_york_date(at)
        before, hours = self._market.session(day), self._days[day]
        assert before is not None, "a session was changed, so there was one"
        return before.open if hours is None else hours.close


def _rounded(price: Decimal) -> Decimal:
    """A price to the cent, below a dollar to a hundredth of one."""
    return price.quantize(_CENT if price >= _ONE else _SUB_CENT)
