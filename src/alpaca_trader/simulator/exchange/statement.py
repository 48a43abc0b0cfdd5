"""What an account shows: its balances and its positions at one instant, remembered as long as nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

from alpaca_trader.simulator.exchange.account import Account, AccountView
from alpaca_trader.simulator.exchange.listing import Listing
from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.exchange.positions import Position
from alpaca_trader.simulator.exchange.prices import split_ratio, takes_effect
from alpaca_trader.simulator.exchange.venue import Venue
from alpaca_trader.simulator.faults.board import AccountFaults
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import AssetInfo, Market
from alpaca_trader.simulator.timeline import Timeline

_View = TypeVar("_View")
_INSTANT = timedelta(microseconds=1)


class PositionView(NamedTuple):
    """A position at one instant; prices in dollars per share, `qty`, `cost` and `day_cost` negative when short."""

    asset: AssetInfo
    qty: Decimal
    qty_available: Decimal
    average: Decimal
    cost: Decimal
    day_cost: Decimal
    price: Decimal
    lastday_price: Decimal


class _Shown(Generic[_View]):
    """What was shown last: it holds until the state of what it depends on is another one."""

    def __init__(self, make: Callable[[], _View]) -> None:
        self._make = make
        self._state: tuple[object, ...] = ()

    def get(self, *state: object) -> _View:
        """The view in this state."""
        if state != self._state:
            self._view, self._state = self._make(), state
        return self._view

    def forget(self) -> None:
        """Make it anew, whatever the state."""
        self._state = ()


class Statement:
    """The views of one account. Nothing is remembered while a fault is in force."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        account: Account,
        venue: Venue,
        listing: Listing,
        faults: AccountFaults,
    ) -> None:
        self._market = market
        self._clock = timeline
        self._account = account
        self._venue = venue
        self._listing = listing
        self._faults = faults
        self._account_shown = _Shown(self._account_view)
        self._positions_shown = _Shown(self._position_views)
        self._lastday_of: tuple[date, bool] | None = None
        self._lastday_prices: dict[str, Decimal | None] = {}

    def account(self) -> AccountView:
        """The account now."""
        if not self._faults.is_quiet:
            return self._account_view()
        account, book = self._account, self._venue.book
        rights = account.max_multiplier, account.may_short
        return self._account_shown.get(self._clock.turns, book.changes, len(account.ledger), rights)

    def positions(self) -> Sequence[PositionView]:
        """All positions, sorted by symbol."""
        if not self._faults.is_quiet:
            return self._position_views()
        book = self._venue.book
        return self._positions_shown.get(self._clock.turns, book.hold_changes, len(self._account.ledger))

    def position(self, symbol: str) -> PositionView | None:
        """One position; None when it is not held."""
        position = self._account.positions.get(symbol)
        return None if position is None else self._view(position)

    def forget(self) -> None:
        """Make everything anew: the market has changed."""
        self._account_shown.forget()
        self._positions_shown.forget()

    def _account_view(self) -> AccountView:
        return self._account.view(self._venue.price, self._reserved())

    def _position_views(self) -> Sequence[PositionView]:
        return [self._view(position) for _, position in sorted(self._account.positions.items())]

    def _reserved(self) -> Decimal:
        """Dollars kept by open orders; with the fault `account.bp_lag` those of young orders are not seen yet."""
        fault = self._faults.strikes("account.bp_lag")
        if fault is None:
            return self._venue.book.reserved_cash()
        seen_until = self._clock.now - timedelta(seconds=float(fault.get("seconds", 5)))
        return sum(
            (order.reserved_cash for order in self._venue.book.open_orders() if order.submitted_at <= seen_until), ZERO
        )

    def _view(self, position: Position) -> PositionView:
        price = self._venue.price(position.symbol) or position.average
        free = max(ZERO, abs(position.qty) - self._venue.book.held_shares(position.symbol))
        lastday = self._lastday_price(position.symbol)
        asset = self._listing.find(position.symbol)
        assert asset is not None, "what is held is listed"
        return PositionView(
            asset=asset,
            qty=position.qty,
            qty_available=free.copy_sign(position.qty) if free else ZERO,
            average=position.average,
            cost=position.cost,
            day_cost=position.day_cost,
            price=price,
            lastday_price=price if lastday is None else lastday,
        )

    def _lastday_price(self, symbol: str) -> Decimal | None:
        """Yesterday's close in the shares of now, looked up once a day before and once after its splits; None when there is none."""
        now = self._clock.now
        today = new_york_date(now)
        begins = takes_effect(today)
        stand = (today, now >= begins)
        if stand != self._lastday_of or not self._faults.is_quiet:
            self._lastday_prices.clear()
            self._lastday_of = stand if self._faults.is_quiet else None
        if symbol not in self._lastday_prices:
            close = self._market.previous_close(symbol, today)
            ratio = split_ratio(self._market, symbol, begins - _INSTANT, now)
            self._lastday_prices[symbol] = None if close is None else close * ratio
        return self._lastday_prices[symbol]
