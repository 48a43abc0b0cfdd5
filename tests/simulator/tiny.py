"""A market small enough to read: every tick is written down by the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from alpaca_trader.simulator import Simulator, Switches
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date, session_on, sessions_between
from alpaca_trader.simulator.market.model import (
    AssetInfo,
    Auction,
    Cross,
    Market,
    MarketBar,
    MarketQuote,
    MarketTrade,
    Tick,
    asset_id,
)

DAY = date(2026, 11, 20)
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
NEXT_OPEN = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
STEP = timedelta(seconds=5)
CALM = Switches(partial_fills="never", rate_limit=None)
PENNY = Decimal("0.01")


class TinyMarket(Market):
    """A Market Protocol over written ticks: bars are made of the trades, a halt is a span of time."""

    def __init__(
        self,
        ticks: Mapping[str, Sequence[Tick]],
        *,
        halts: Mapping[str, tuple[datetime, datetime]] | None = None,
        whole_only: Sequence[str] = (),
        assets: Mapping[str, Mapping[str, Any]] | None = None,
        crosses: Mapping[tuple[date, Cross], Auction] | None = None,
    ) -> None:
        self._ticks = {symbol: list(found) for symbol, found in ticks.items()}
        self._bars = {symbol: _bars(symbol, found) for symbol, found in ticks.items()}
        self._halts = dict(halts or {})
        self._whole_only = frozenset(whole_only)
        self._assets = dict(assets or {})
        self._crosses = dict(crosses or {})

    def assets(self) -> Sequence[AssetInfo]:
        """Every symbol with ticks, fractionable and free of trouble unless said otherwise."""
        return [
            replace(
                AssetInfo(
                    symbol,
                    asset_id(symbol),
                    f"{symbol} Inc.",
                    "NASDAQ",
                    symbol not in self._whole_only,
                    True,
                    True,
                    True,
                ),
                **self._assets.get(symbol, {}),
            )
            for symbol in sorted(self._ticks)
        ]

    def session(self, day: date) -> SessionHours | None:
        """The real calendar's hours."""
        return session_on(day)

    def sessions(self, first: date, last: date) -> Sequence[SessionHours]:
        """The real calendar's sessions."""
        return sessions_between(first, last)

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """Minute bars made of the trades."""
        return [bar for bar in self._bars.get(symbol, []) if start <= bar.start < end]

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The last quote of the same phase of the day."""
        hours = session_on(new_york_date(at))
        if hours is None:
            return None
        starts = [start for start in (hours.pre_open, hours.open, hours.close) if start <= at < hours.post_close]
        found = [
            tick
            for tick in self._ticks.get(symbol, [])
            if starts and isinstance(tick, MarketQuote) and starts[-1] <= tick.at <= at
        ]
        return found[-1] if found else None

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last trade of any session."""
        found = [tick for tick in self._ticks.get(symbol, []) if isinstance(tick, MarketTrade) and tick.at <= at]
        return found[-1] if found else None

    def ticks(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """The written ticks of a span."""
        return [tick for tick in self._ticks.get(symbol, []) if after < tick.at <= until]

    def is_halted(self, symbol: str, at: datetime) -> bool:
        """True inside a written halt."""
        span = self._halts.get(symbol)
        return span is not None and span[0] <= at < span[1]

    def auction(self, symbol: str, day: date, cross: Cross) -> Auction | None:
        """The written cross, else the first or last print."""
        return self._crosses.get((day, cross)) or super().auction(symbol, day, cross)

    def previous_close(self, symbol: str, day: date) -> Decimal | None:
        """The last trade of an earlier day."""
        found = [
            tick
            for tick in self._ticks.get(symbol, [])
            if isinstance(tick, MarketTrade) and new_york_date(tick.at) < day
        ]
        return found[-1].price if found else None


def _bars(symbol: str, ticks: Sequence[Tick]) -> list[MarketBar]:
    minutes: dict[datetime, list[MarketTrade]] = {}
    for tick in ticks:
        if isinstance(tick, MarketTrade):
            minutes.setdefault(tick.at.replace(second=0, microsecond=0), []).append(tick)
    return [_bar(symbol, minute, trades) for minute, trades in sorted(minutes.items())]


def _bar(symbol: str, minute: datetime, trades: Sequence[MarketTrade]) -> MarketBar:
    prices = [trade.price for trade in trades]
    volume = sum(trade.size for trade in trades)
    return MarketBar(symbol, minute, prices[0], max(prices), min(prices), prices[-1], volume, len(trades), prices[0])


def tape(symbol: str, *prices: str, start: datetime = OPEN, size: int = 100) -> list[Tick]:
    """A quote (one cent either side) and a trade every five seconds from `start`, at these prices."""
    found: list[Tick] = []
    for number, text in enumerate(prices):
        price, at = Decimal(text), start + number * STEP
        found.append(MarketQuote(symbol, at, price - PENNY, price + PENNY, size, size))
        found.append(MarketTrade(symbol, at, price, 100, number + 1))
    return found


def before(symbol: str, price: str) -> list[Tick]:
    """One trade on the day before, so that the symbol has a last price when the market is closed."""
    return [MarketTrade(symbol, OPEN - timedelta(hours=18), Decimal(price), 100, 0)]


def simulator(
    *prices: str,
    start: datetime = OPEN + timedelta(seconds=1),
    profile: str = "live467",
    switches: Switches = CALM,
    size: int = 100,
    **changes: Any,
) -> Simulator:
    """A simulator on the one symbol XYZ, whose price is written every five seconds from the open."""
    market = TinyMarket({"XYZ": [*before("XYZ", prices[0]), *tape("XYZ", *prices, size=size)]})
    return Simulator(market, seed=7, start=start, profile=profile, switches=replace(switches, **changes))


def order(side: str, type_: str, qty: object = "1", **fields: object) -> dict[str, object]:
    """The fields of a DAY order in XYZ."""
    found: dict[str, object] = {"symbol": "XYZ", "side": side, "type": type_, "time_in_force": "day"}
    if qty is not None:
        found["qty"] = qty
    return found | fields


def bought(sim: Simulator, qty: str) -> SimOrder:
    """Buy at the market and let it fill."""
    placed = sim.exchange.submit(order("buy", "market", qty))
    sim.advance(sim.now + timedelta(milliseconds=200))
    assert placed.status == "filled"
    return placed


class Ear:
    """A stream client in this very process: hears every trade update."""

    is_listening = True

    def __init__(self, sim: Simulator) -> None:
        self.heard: list[Mapping[str, Any]] = []
        sim.hub.trade_updates.join(self)

    def wants(self, _update: Mapping[str, Any]) -> int:
        """Every update."""
        return 1

    def offer(self, update: Mapping[str, Any]) -> None:
        """Keep it."""
        self.heard.append(update)

    def end(self, _code: int) -> None:
        """Hear nothing more."""
        self.is_listening = False

    @property
    def events(self) -> list[str]:
        """The names of the events heard."""
        return [str(update["event"]) for update in self.heard]


def run_to(sim: Simulator, moment: datetime) -> None:
    """Let time pass to `moment`, however often a client is told something on the way."""
    while sim.now < moment:
        sim.advance(moment)
