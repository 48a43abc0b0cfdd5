"""A company's history under one symbol: earlier and later names, and prices adjusted for what it did to its shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from alpaca_trader.simulator.feeds.view import FeedView, Told
from alpaca_trader.simulator.market.calendar import new_york_midnight
from alpaca_trader.simulator.market.model import BarRow, CorporateAction, Market

_FIRST: Final = date(1971, 1, 1)
_LAST: Final = date(2099, 12, 31)
_EVER: Final = (datetime(1971, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_KINDS: Final = {"split": ("split", "stock_dividend"), "dividend": ("cash_dividend",), "spin-off": ()}
ADJUSTMENTS: Final = ("raw", *_KINDS, "all")


@dataclass(frozen=True, slots=True)
class _Span:
    """The company traded under `name` from `start` until `end`."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class _Factor:
    """What minutes before `until` are multiplied with."""

    until: datetime
    price: float
    volume: float


class CompanyView:
    """A feed's view with symbols standing for companies: what `bars_between` and `ticks_between` read."""

    def __init__(self, view: FeedView, asof: date | None, adjustments: Sequence[str], today: date) -> None:
        """Symbols name companies as on `asof` (None: only themselves); actions after `today` are not known yet."""
        self.market: Market = view.market
        self._view = view
        self._asof = asof
        self._actions = self.market.corporate_actions(_FIRST, _LAST)
        wanted = tuple(_KINDS) if "all" in adjustments else adjustments
        kinds = {kind for name in wanted for kind in _KINDS.get(name, ())}
        self._adjusting = [action for action in self._actions if action.kind in kinds and action.ex_date <= today]

    def rows(self, symbol: str, start: datetime, end: datetime, now: datetime) -> Sequence[BarRow]:
        """Minutes with start <= row.start < end under every name of the company, adjusted, oldest first."""
        spans = self._spans(symbol)
        factors = self._factors(spans)
        found: list[BarRow] = []
        for span in spans:
            found += self._view.rows(span.name, max(start, span.start), min(end, span.end), now)
        return [_adjusted(row, symbol, factors) for row in found] if factors or len(spans) > 1 else found

    def history(self, symbol: str, after: datetime, until: datetime, now: datetime) -> Iterator[Told]:
        """Ticks with after < at <= until under every name of the company, never adjusted."""
        for span in self._spans(symbol):
            if span.start < until and after < span.end:
                yield from self._view.history(span.name, max(after, span.start), min(until, span.end), now)

    def trades_between(self, symbol: str, start: datetime, end: datetime) -> bool:
        """Whether the company traded in the span at all."""
        return any(
            self.market.rows(span.name, max(start, span.start), min(end, span.end)) for span in self._spans(symbol)
        )

    def _spans(self, symbol: str) -> Sequence[_Span]:
        renames = [action for action in self._actions if action.kind == "rename"]
        asof = self._asof
        if asof is None or not renames or _is_past_name(symbol, asof, renames):
            return [_Span(symbol, *_EVER)]
        spans = [_Span(symbol, *_EVER)]
        while earlier := _rename(renames, new=spans[0].name, last=asof, before=spans[0].end):
            change = new_york_midnight(earlier.ex_date)
            spans[0] = _Span(spans[0].name, change, spans[0].end)
            spans.insert(0, _Span(earlier.symbol, _EVER[0], change))
        while later := _rename(renames, old=spans[-1].name, first=asof, after=spans[-1].start):
            change = new_york_midnight(later.ex_date)
            spans[-1] = _Span(spans[-1].name, spans[-1].start, change)
            spans.append(_Span(later.new_symbol or "", change, _EVER[1]))
        return spans

    def _factors(self, spans: Sequence[_Span]) -> Sequence[_Factor]:
        names = {span.name for span in spans}
        found = []
        for action in self._adjusting:
            if action.symbol not in names:
                continue
            if action.kind == "cash_dividend":
                close = self.market.previous_close(action.symbol, action.ex_date)
                price, volume = (float(1 - action.cash / close) if close else 1.0), 1.0
            else:
                price, volume = float(action.old_rate / action.new_rate), float(action.new_rate / action.old_rate)
            found.append(_Factor(new_york_midnight(action.ex_date), price, volume))
        return found


def _is_past_name(symbol: str, asof: date, renames: Sequence[CorporateAction]) -> bool:
    """Whether no company had the symbol on that date any more: then it stands for itself alone."""
    given_up = max(
        (action.ex_date for action in renames if action.symbol == symbol and action.ex_date <= asof), default=None
    )
    taken = max(
        (action.ex_date for action in renames if action.new_symbol == symbol and action.ex_date <= asof), default=None
    )
    return given_up is not None and (taken is None or taken <= given_up)


def _rename(
    renames: Sequence[CorporateAction],
    *,
    new: str | None = None,
    old: str | None = None,
    first: date = _FIRST,
    last: date = _LAST,
    before: datetime = _EVER[1],
    after: datetime = _EVER[0],
) -> CorporateAction | None:
    """The rename to `new` or from `old` within the dates; the newest to, the oldest from."""
    found = [
        action
        for action in renames
        if (action.new_symbol == new if new is not None else action.symbol == old)
        and first <= action.ex_date <= last
        and after < new_york_midnight(action.ex_date) < before
    ]
    return (found[-1] if new is not None else found[0]) if found else None


def _adjusted(row: BarRow, symbol: str, factors: Sequence[_Factor]) -> BarRow:
    price = volume = 1.0
    for factor in factors:
        if row.start < factor.until:
            price, volume = price * factor.price, volume * factor.volume
    if price == volume == 1.0:
        return row._replace(symbol=symbol)
    return BarRow(
        symbol,
        row.start,
        round(row.open * price, 4),
        round(row.high * price, 4),
        round(row.low * price, 4),
        round(row.close * price, 4),
        round(row.volume * volume),
        row.trade_count,
        round(row.vwap * price, 6),
    )
