"""A Market made of tapes: what the generated and the recorded market share."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache, partial
from itertools import accumulate, pairwise

import numpy as np

from alpaca_trader.simulator.market import actions as corporate
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date, session_on, sessions_between
from alpaca_trader.simulator.market.luld import Band, Minutes, bands_of
from alpaca_trader.simulator.market.model import (
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
)
from alpaca_trader.simulator.market.path import UNITS_PER_DOLLAR, price_of, units_of
from alpaca_trader.simulator.market.symbols import luld_tier
from alpaca_trader.simulator.market.tape import PATHS_KEPT, Columns, HaltSpan, Ints, Tape, joined

_SYMBOL_MINUTES_KEPT = 4096
"""How many bars, and insides of bars, are remembered over all symbols: whole days of a few symbols that are traded again
and again, some 20 MB."""
_BANDS_KEPT = 512
_DAYS_KEPT = 16


class TapeMarket(Market):
    """A Market made of tapes. `day` is the first session to trade, `last_day` the last; sessions before `day` are history.

    `columns` are each symbol's minutes, before renames and delistings cut them. `assets` may list symbols without a tape.
    With `extended` the minutes outside regular hours have quotes and trades too. `has_closing_rows`: a bar that begins at
    the close is the closing auction. Raises ValueError for corporate actions that cannot be.
    """

    def __init__(
        self,
        columns: Mapping[str, Columns],
        *,
        seed: int,
        day: date,
        last_day: date,
        assets: Mapping[str, AssetInfo],
        halts: Mapping[str, Sequence[HaltSpan]] | None = None,
        actions: Sequence[CorporateAction] = (),
        extended: bool = False,
        has_closing_rows: bool = False,
    ) -> None:
        self.day = day
        self.last_day = last_day
        self.extended = extended
        self._seed = seed
        self._has_closing_rows = has_closing_rows
        self._actions = corporate.in_order(actions, list(columns))
        parts = sorted(corporate.applied(columns, self._actions).items())
        self._former = {a.new_symbol: a.symbol for a in self._actions if a.new_symbol is not None}
        named = corporate.with_new_names(assets, self._actions)
        self._assets = [named[symbol] for symbol in sorted(named)]
        self._minutes_kept = max(1, _SYMBOL_MINUTES_KEPT // max(1, len(parts)))
        # All symbols' rows lie in one block, so that a minute of all of them is one look-up.
        self._all = joined([part for _, part in parts]) if parts else None
        self._edges = list(accumulate((len(part.start) for _, part in parts), initial=0))
        self._tapes = {
            symbol: self._tape(symbol, self._all.rows(first, last), self._halts_of(symbol, halts or {}))
            for (symbol, _), (first, last) in zip(parts, pairwise(self._edges), strict=True)
            if self._all is not None
        }
        self._bands_of = lru_cache(maxsize=_BANDS_KEPT)(self._make_bands)
        self._bars_of = lru_cache(maxsize=self._minutes_kept)(self._make_bars)
        self._assets_by_day = lru_cache(maxsize=_DAYS_KEPT)(partial(corporate.assets_on, self._assets, self._actions))

    @property
    def symbols(self) -> Sequence[str]:
        """Symbols on the tape, sorted."""
        return list(self._tapes)

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that was or will be traded: equal exactly when two markets are the same."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        head = (self.day, self.last_day, self._seed, self.extended, self._has_closing_rows, self._actions, self._assets)
        whole = hashlib.sha256(repr(head).encode())
        for symbol, tape in self._tapes.items():
            whole.update(f"|{symbol}|{tape.halts}|".encode())
            whole.update(tape.columns.digest())
        return whole.hexdigest()

    def assets(self) -> Sequence[AssetInfo]:
        """All assets, sorted by symbol: every name that ever trades here, and what was listed beside them."""
        return self._assets

    def assets_on(self, day: date) -> Sequence[AssetInfo]:
        """All assets as they stand on New York date `day`: renamed and delisted names, and names to come, are inactive."""
        return self._assets_by_day(day) if self._actions else self._assets

    def session(self, day: date) -> SessionHours | None:
        """Hours of New York date `day`; None when the exchange is closed."""
        return session_on(day)

    def begins(self) -> datetime:
        """The first minute on any tape."""
        if self._all is None or not len(self._all.start):
            return super().begins()
        return datetime.fromtimestamp(int(self._all.start.min()), UTC)

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """Sessions with first <= date <= last, oldest first."""
        return sessions_between(first, last)

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """One-minute bars with start <= bar.start < end, oldest first; extended hours included where the tape has them."""
        tape = self._tapes.get(symbol)
        return tape.bars(start, end) if tape else []

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """The bars of `bars`, in plain numbers."""
        tape = self._tapes.get(symbol)
        return tape.bar_rows(start, end) if tape else []

    def minute(self, start: datetime) -> Sequence[MarketBar]:
        """The bars of every symbol that traded in the minute beginning at `start`, sorted by symbol."""
        return list(self._bars_of(start))

    def _make_bars(self, start: datetime) -> Sequence[MarketBar]:
        found = self._in_minute(start)
        if found is None:
            return ()
        symbols, rows, columns = found
        prices = (getattr(columns, name)[rows].tolist() for name in ("open", "high", "low", "close"))
        rest = (getattr(columns, name)[rows].tolist() for name in ("volume", "trade_count", "vwap"))
        return tuple(
            MarketBar(
                symbol,
                start,
                price_of(opened),
                price_of(high),
                price_of(low),
                price_of(close),
                volume,
                count,
                Decimal(vwap).scaleb(-6),
            )
            for symbol, opened, high, low, close, volume, count, vwap in zip(symbols, *prices, *rest, strict=True)
        )

    def minute_columns(self, start: datetime) -> MinuteColumns:
        """What `minute` answers, in columns."""
        found = self._in_minute(start)
        if found is None:
            return super().minute_columns(start)
        symbols, rows, c = found
        opened, high, low, close = (column[rows] / UNITS_PER_DOLLAR for column in (c.open, c.high, c.low, c.close))
        return MinuteColumns(
            symbols, opened, high, low, close, c.volume[rows], c.trade_count[rows], c.vwap[rows] / 1_000_000
        )

    def totals(self, start: datetime, end: datetime) -> Mapping[str, Totals]:
        """What each symbol with a bar traded in the minutes from `start` on and before `end`."""
        if self._all is None:
            return {}
        order, times = self._by_minute
        rows = order[times.searchsorted(start.timestamp()) : times.searchsorted(end.timestamp())]
        places = np.searchsorted(self._edges, rows, side="right") - 1
        volume, trades = (np.bincount(places, each[rows]) for each in (self._all.volume, self._all.trade_count))
        latest = np.zeros(len(volume), dtype=np.int64)
        np.maximum.at(latest, places, rows)  # a symbol's rows lie in order of time
        last = self._all.close[latest] / UNITS_PER_DOLLAR
        symbols = list(self._tapes)
        return {
            symbols[place]: Totals(int(volume[place]), int(trades[place]), float(last[place]))
            for place in np.unique(places).tolist()
        }

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The quote standing at `at`; None outside the phases that have ticks, before a phase's first quote and for unknown symbols.

        During a halt it is a quote without prices (0 on both sides).
        """
        tape = self._tapes.get(symbol)
        return tape.quote(at) if tape else None

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`, of this or an earlier session; a renamed symbol's includes its former name's."""
        tape = self._tapes.get(symbol)
        trade = tape.last_trade(at) if tape else None
        if trade is None and symbol in self._former:
            former = self.last_trade(self._former[symbol], at)
            return None if former is None else replace(former, symbol=symbol)
        return trade

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until; quote before trade at equal times."""
        tape = self._tapes.get(symbol)
        return tape.ticks(after, until) if tape else []

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """True while trading in the symbol is halted."""
        tape = self._tapes.get(symbol)
        return tape is not None and tape.halt_at(at) is not None

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """Close of the last regular minute before New York date `day`; None without history."""
        tape = self._tapes.get(symbol)
        close = tape.previous_close(day) if tape else None
        return self.previous_close(self._former[symbol], day) if close is None and symbol in self._former else close

    def auction(self, symbol: str, day: date, cross: Cross) -> Auction | None:
        """The opening or closing cross: the first or last regular print, or a recorded closing auction; None when there is none."""
        tape, hours = self._tapes.get(symbol), session_on(day)
        if tape is None or hours is None:
            return None
        return tape.auction(hours, cross, has_closing_rows=self._has_closing_rows)

    def statuses(self, after: datetime, until: datetime) -> Sequence[TradingStatus]:
        """Halts and resumptions of all symbols with after < at <= until, in time order, then by symbol."""
        found = [
            TradingStatus(symbol, datetime.fromtimestamp(moment, UTC), code, halt.reason)
            for symbol, tape in self._halted_tapes
            for halt in tape.halts
            for moment, code in ((halt.start, halt.code), (halt.end, "T"))
            if after.timestamp() < moment <= until.timestamp()
        ]
        return sorted(found, key=lambda status: (status.at, status.symbol))

    def bands(self, symbol: str, at: datetime) -> PriceBands | None:
        """The limit-up/limit-down bands at `at` (see `luld`); None outside regular hours, before the first trade, in a halt."""
        tape, hours = self._tapes.get(symbol), session_on(new_york_date(at))
        if tape is None or hours is None or not hours.open <= at < hours.close or tape.halt_at(at):
            return None
        bands = self._bands_of(symbol, hours)
        index = bisect_right(bands, at.timestamp(), key=lambda band: band.start) - 1
        if index < 0:
            return None
        band = bands[index]
        return PriceBands(symbol, datetime.fromtimestamp(band.start, UTC), price_of(band.lower), price_of(band.upper))

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """Actions with first <= ex_date <= last, by ex-date, then symbol."""
        return [action for action in self._actions if first <= action.ex_date <= last]

    @cached_property
    def _halted_tapes(self) -> Sequence[tuple[str, Tape]]:
        return [(symbol, tape) for symbol, tape in self._tapes.items() if tape.halts]

    @cached_property
    def _by_minute(self) -> tuple[Ints, Ints]:
        """Every row of the block in order of time, then symbol, and the time of each."""
        assert self._all is not None
        order = np.argsort(self._all.start, kind="stable")
        return order, self._all.start[order]

    def _in_minute(self, start: datetime) -> tuple[list[str], Ints, Columns] | None:
        """Symbols and rows of one minute; None when nothing trades in it."""
        if self._all is None or start.second or start.microsecond:
            return None
        order, times = self._by_minute
        moment = int(start.timestamp())
        rows = order[times.searchsorted(moment) : times.searchsorted(moment, side="right")]
        if not len(rows):
            return None
        symbols = list(self._tapes)
        places = np.searchsorted(self._edges, rows, side="right") - 1
        return [symbols[place] for place in places.tolist()], rows, self._all

    def _tape(self, symbol: str, columns: Columns, halts: Sequence[HaltSpan]) -> Tape:
        """The tape of a name; for markets whose tapes are of another kind."""
        paths = max(PATHS_KEPT, self._minutes_kept)
        return Tape(symbol, columns, self._seed, halts, extended=self.extended, paths_kept=paths)

    def _make_bands(self, symbol: str, hours: SessionHours) -> list[Band]:
        tape = self._tapes[symbol]
        c, (opened, closed) = tape.columns, (int(hours.open.timestamp()), int(hours.close.timestamp()))
        rows = slice(int(c.start.searchsorted(opened)), int(c.start.searchsorted(closed)))
        before = self.previous_close(symbol, hours.date)
        ends = [halt.end for halt in tape.halts if opened < halt.end < closed]
        minutes = Minutes(c.start[rows], c.open[rows], c.vwap[rows], c.trade_count[rows])
        return bands_of(minutes, None if before is None else units_of(before), luld_tier(symbol), closed, ends)

    def _halts_of(self, symbol: str, halts: Mapping[str, Sequence[HaltSpan]]) -> Sequence[HaltSpan]:
        """A symbol's halts, those of its former name after the rename included."""
        began = [a for a in self._actions if a.new_symbol == symbol]
        if not began:
            return halts.get(symbol, ())
        return [
            halt
            for halt in self._halts_of(began[-1].symbol, halts)
            if new_york_date(datetime.fromtimestamp(halt.start, UTC)) >= began[-1].ex_date
        ]
