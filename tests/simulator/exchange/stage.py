"""A market for random order sequences: four names over a full day, a half day, a weekend and a month's end, cheap to ask.

The number of a stage fixes its prices. Stages with an odd number also have companies that split, pay, are renamed and
end; in the others nothing happens but trading.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from random import Random
from typing import Final

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date, sessions_between
from alpaca_trader.simulator.market.model import (
    AssetInfo,
    CorporateAction,
    Market,
    MarketBar,
    MarketQuote,
    MarketTrade,
    Tick,
    asset_id,
)

START: Final = datetime(2026, 11, 25, 14, 30, 1, tzinfo=UTC)
"""A second after the open of the day before Thanksgiving; the day after it is a half day, then comes a weekend."""
PRICES: Final[Mapping[str, Decimal]] = {
    "AAA": Decimal("100.00"),
    "BBB": Decimal("8.00"),
    "CCC": Decimal("1.10"),
    "NEW": Decimal("100.00"),
}
"""Symbols and about what they cost. AAA trades in fractions, also in extended hours; BBB in whole shares only; CCC is hard
to borrow; NEW is the name that AAA gets."""
_FIRST, _LAST = date(2026, 11, 1), date(2027, 4, 30)
_TRADED: Final = (date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1))
_SIZES: Final = (1, 2, 5, 40, 400)
_HALTED: Final = timedelta(seconds=25)

Find = Callable[[Sequence[datetime], datetime], int]

SESSIONS: Final[Sequence[SessionHours]] = sessions_between(_FIRST, _LAST)


def _info(symbol: str, *, fractionable: bool = True, easy: bool = True, attributes: tuple[str, ...] = ()) -> AssetInfo:
    return AssetInfo(
        symbol, asset_id(symbol), f"{symbol} Inc.", "NYSE", fractionable, True, True, True, "active", easy,
        attributes=attributes,
    )  # fmt: skip


ASSETS: Final[Sequence[AssetInfo]] = (
    _info("AAA", attributes=("fractional_eh_enabled",)),
    _info("BBB", fractionable=False),
    _info("CCC", easy=False),
    _info("NEW"),
)


def _moments(hours: SessionHours) -> Iterator[datetime]:
    """When something trades: seldom, but often after the open, where sequences spend most of their time."""
    yield from (hours.pre_open + timedelta(hours=count) for count in range(1, 4))
    yield from (hours.open + timedelta(seconds=5 * count) for count in range(9))
    moment = hours.open + timedelta(minutes=2)
    while moment < hours.close:
        yield moment
        moment += timedelta(minutes=29)
    yield hours.close - timedelta(seconds=3)
    yield hours.close + timedelta(minutes=20)


class Stage(Market):
    """The market of one number."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._sessions = {hours.date: hours for hours in SESSIONS}
        self._ticks: dict[str, list[Tick]] = {symbol: [] for symbol in PRICES}
        draws = Random(number)
        for symbol, price in PRICES.items():
            self._walk(draws, symbol, price)
        self._at = {symbol: [tick.at for tick in ticks] for symbol, ticks in self._ticks.items()}
        self._actions = _actions() if number % 2 else ()

    def _walk(self, draws: Random, symbol: str, base: Decimal) -> None:
        ticks, price, penny = self._ticks[symbol], base, Decimal("0.01")
        ticks.append(MarketTrade(symbol, START - timedelta(hours=20), price, 100, 0))
        for day in _TRADED:
            for moment in _moments(self._sessions[day]):
                step = Decimal(draws.choice((-2, -1, -1, 0, 0, 1, 1, 2))) / 100
                price = max((price * (1 + step)).quantize(penny, ROUND_HALF_UP), base * 3 / 4)
                bid_size, ask_size = draws.choice(_SIZES), draws.choice(_SIZES)
                ticks.append(MarketQuote(symbol, moment, price - penny, price + penny, bid_size, ask_size))
                ticks.append(MarketTrade(symbol, moment, price, 100, len(ticks)))

    @property
    def fingerprint(self) -> str:
        """The number says it all."""
        return f"stage {self._number}"

    def assets(self) -> Sequence[AssetInfo]:
        """The four names."""
        return ASSETS

    def session(self, day: date) -> SessionHours | None:
        """The real calendar's hours."""
        return self._sessions.get(day)

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """The real calendar's sessions."""
        low = bisect_left(SESSIONS, first, key=lambda hours: hours.date)
        return SESSIONS[low : bisect_right(SESSIONS, last, key=lambda hours: hours.date)]

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """Minute bars made of the trades."""
        minutes: dict[datetime, list[MarketTrade]] = {}
        for tick in self._between(symbol, bisect_left, start, end):
            if isinstance(tick, MarketTrade):
                minutes.setdefault(tick.at.replace(second=0, microsecond=0), []).append(tick)
        return [_bar(symbol, minute, trades) for minute, trades in minutes.items()]

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """The ticks of a span."""
        return self._between(symbol, bisect_right, after, until)

    def _between(self, symbol: str, find: Find, low: datetime, high: datetime) -> Sequence[Tick]:
        times = self._at.get(symbol, [])
        return self._ticks[symbol][find(times, low) : find(times, high)] if times else []

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The last quote of the same phase of the day."""
        hours = self._sessions.get(new_york_date(at))
        index = bisect_right(self._at.get(symbol, []), at) - 1
        if hours is None or index < 0:
            return None
        found = self._ticks[symbol][index]
        quote = found if isinstance(found, MarketQuote) else self._ticks[symbol][index - 1]
        for begin, end in ((hours.pre_open, hours.open), (hours.open, hours.close), (hours.close, hours.post_close)):
            if begin <= at < end and isinstance(quote, MarketQuote) and begin <= quote.at:
                return quote
        return None

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last trade of any session."""
        index = bisect_right(self._at.get(symbol, []), at) - 1
        if index < 0:
            return None
        found = self._ticks[symbol][index]
        assert isinstance(found, MarketTrade), "every quote is followed by a trade at the same instant"
        return found

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """BBB does not trade in the first 25 seconds of the third session."""
        hours = self._sessions[_TRADED[2]]
        return symbol == "BBB" and hours.open <= at < hours.open + _HALTED

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """The last regular trade of an earlier day."""
        earlier = [hours for hours in SESSIONS if hours.date < day]
        trade = self.last_trade(symbol, earlier[-1].close - timedelta(microseconds=1))
        return None if trade is None else trade.price

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """What the companies do, on stages with an odd number."""
        return [action for action in self._actions if first <= action.ex_date <= last]


def _bar(symbol: str, minute: datetime, trades: Sequence[MarketTrade]) -> MarketBar:
    prices = [trade.price for trade in trades]
    volume = sum(trade.size for trade in trades)
    return MarketBar(symbol, minute, prices[0], max(prices), min(prices), prices[-1], volume, len(trades), prices[0])


def _actions() -> Sequence[CorporateAction]:
    half_day, monday, tuesday = _TRADED[1:]
    one, two, three = Decimal(1), Decimal(2), Decimal(3)
    return (
        CorporateAction("a1", "cash_dividend", "AAA", half_day, monday, cash=Decimal("0.245")),
        CorporateAction("a2", "split", "BBB", half_day, half_day, old_rate=two, new_rate=three),
        CorporateAction("a3", "split", "AAA", monday, monday, old_rate=one, new_rate=two),
        CorporateAction("a4", "split", "BBB", monday, monday, old_rate=Decimal(10), new_rate=one),
        CorporateAction("a5", "rename", "AAA", tuesday, tuesday, new_symbol="NEW"),
        CorporateAction("a6", "delisting", "CCC", tuesday, tuesday, cash=Decimal("0.55")),
    )


@lru_cache(maxsize=64)
def stage(number: int) -> Stage:
    """The market of this number; it is never changed, so one is enough."""
    return Stage(number)
