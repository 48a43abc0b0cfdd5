"""A market that replays recorded trades and quotes, print by print. It reads no files: it is handed validated columns."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alpaca_trader.simulator.market.actions import first_names
from alpaca_trader.simulator.market.calendar import new_york_date, new_york_midnight
from alpaca_trader.simulator.market.model import AssetInfo, CorporateAction, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.market.path import price_of
from alpaca_trader.simulator.market.recorded import columns_of, last_traded_day
from alpaca_trader.simulator.market.symbols import asset_info
from alpaca_trader.simulator.market.tape import Columns, HaltSpan, Tape
from alpaca_trader.simulator.market.tape_market import TapeMarket
from alpaca_trader.simulator.market.tick_columns import TickFrame, Ticks, bars_of, days_of, ticks_of, with_history

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class RecordedTicks(TapeMarket):
    """Replay of recorded trades and quotes by symbol (see TickFrame): `days` sessions from `day` on are traded.

    Bars are made of the trades: prices of those that set the price, volume of all; a minute without a price has no bar.
    `frames` are recorded bars as RecordedMarket takes them; they serve on days on which a symbol has no ticks, history above
    all. A symbol without quotes gets one around each print, two basis points wide. Ticks outside regular hours are left
    out unless `extended`; bars show them. Corporate actions are what is known: prices stay as recorded.

    Raises ValueError as RecordedMarket does, and for a missing column, unequal lengths or times out of order.
    """

    def __init__(
        self,
        trades: Mapping[str, TickFrame],
        quotes: Mapping[str, TickFrame],
        *,
        day: date,
        days: int = 1,
        seed: int = 0,
        frames: Mapping[str, Mapping[str, NDArray[np.generic]]] | None = None,
        extended: bool = False,
        actions: Sequence[CorporateAction] = (),
        listed: Sequence[AssetInfo] = (),
    ) -> None:
        last_day = last_traded_day(day, days)
        end = int(new_york_midnight(last_day + timedelta(days=1)).timestamp())
        columns: dict[str, Columns] = {}
        self._ticks: dict[str, Ticks] = {}
        for symbol in sorted({*trades, *quotes, *(frames or {})}):
            ticks = ticks_of(symbol, trades.get(symbol), quotes.get(symbol), end, seed)
            made = bars_of(ticks.trades)
            recorded = (frames or {}).get(symbol)
            columns[symbol] = made if recorded is None else with_history(made, columns_of(symbol, recorded, end))
            self._ticks[symbol] = ticks if extended else ticks.in_regular_hours()
        super().__init__(
            columns,
            seed=seed,
            day=day,
            last_day=last_day,
            assets={symbol: asset_info(symbol) for symbol in columns} | {asset.symbol: asset for asset in listed},
            actions=actions,
            extended=extended,
            has_closing_rows=True,
        )

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that was or will be traded, the ticks included."""
        whole = hashlib.sha256(super().fingerprint.encode())
        for symbol, ticks in self._ticks.items():
            whole.update(f"|{symbol}|".encode())
            for part in (ticks.trades, ticks.quotes):
                for name in part.__slots__:
                    whole.update(np.ascontiguousarray(getattr(part, name)).data)
        return whole.hexdigest()

    def bars_hold_ticks(self) -> bool:
        """False: quotes come without trades, and odd lots print outside their minute's bar."""
        return False

    def _tape(self, symbol: str, columns: Columns, halts: Sequence[HaltSpan]) -> Tape:
        ticks = self._ticks[first_names(self._actions).get(symbol, symbol)]
        began = [a.ex_date for a in self._actions if a.new_symbol == symbol]
        ended = [a.ex_date for a in self._actions if a.symbol == symbol and a.kind in ("rename", "delisting")]
        own = ticks.within(began[0] if began else None, ended[0] if ended else None)
        return _TickTape(symbol, columns, self._seed, own, extended=self.extended)


class _TickTape(Tape):
    """A tape whose insides were recorded on some days, and are made up from bars on the others."""

    def __init__(self, symbol: str, columns: Columns, seed: int, ticks: Ticks, *, extended: bool) -> None:
        unfolded = ~np.isin(days_of(columns.start), list(ticks.days))
        super().__init__(symbol, columns, seed, extended=extended, unfolded=unfolded)
        self._ticks = ticks
        self._trade_at, self._quote_at = (np.ascontiguousarray(part.at).data for part in (ticks.trades, ticks.quotes))

    def standing(self, at: datetime, begin: datetime) -> MarketQuote | None:
        """The last quote in [begin, at]."""
        if new_york_date(at).toordinal() not in self._ticks.days:
            return super().standing(at, begin)
        row = bisect_right(self._quote_at, _micros(at)) - 1
        return self._quote(row) if row >= 0 and self._quote_at[row] >= _micros(begin) else None

    def last_trade(self, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`, recorded or made up."""
        row = bisect_right(self._trade_at, _micros(at)) - 1
        recorded = self._trade(row) if row >= 0 else None
        made = super().last_trade(at)
        if recorded is None or (made is not None and made.at > recorded.at):
            return made
        return recorded

    def ticks(self, after: datetime, until: datetime) -> Sequence[Tick]:
        """Quotes and trades with after < at <= until, in time order, the quote first where both share an instant."""
        made = super().ticks(after, until)
        first, last = _micros(after), _micros(until)
        quotes = range(bisect_right(self._quote_at, first), bisect_right(self._quote_at, last))
        trades = range(bisect_right(self._trade_at, first), bisect_right(self._trade_at, last))
        found: list[Tick] = [*made, *map(self._quote, quotes), *map(self._trade, trades)]
        return sorted(found, key=_tick_time)

    def _quote(self, row: int) -> MarketQuote:
        q = self._ticks.quotes
        return MarketQuote(
            self.symbol,
            _EPOCH + int(q.at[row]) * _MICROSECOND,
            price_of(int(q.bid[row])),
            price_of(int(q.ask[row])),
            int(q.bid_size[row]),
            int(q.ask_size[row]),
        )

    def _trade(self, row: int) -> MarketTrade:
        t = self._ticks.trades
        at, price = _EPOCH + int(t.at[row]) * _MICROSECOND, price_of(int(t.price[row]))
        return MarketTrade(self.symbol, at, price, int(t.size[row]), int(t.trade_id[row]))


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _tick_time(tick: Tick) -> tuple[datetime, bool]:
    return tick.at, isinstance(tick, MarketTrade)
