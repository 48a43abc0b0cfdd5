"""The broker's counter: takes commands from the API layer, checks them, and hands them to the venue; answers questions.

Every command is recorded before it is applied, refused ones too: replaying them on an equal market gives an equal state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final, get_args

from alpaca_trader.simulator.exchange import checks, day_trades, linked, parse, sessions
from alpaca_trader.simulator.exchange.account import Account, AccountView, LedgerEntry
from alpaca_trader.simulator.exchange.activities import Activity
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.configuration import Configuration
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.exchange.life import Publish
from alpaca_trader.simulator.exchange.listing import Listing
from alpaca_trader.simulator.exchange.maker import OrderMaker
from alpaca_trader.simulator.exchange.orders import ONE, ZERO, OrderRequest, SimOrder
from alpaca_trader.simulator.exchange.replacing import changed_terms
from alpaca_trader.simulator.exchange.slippage import NoSlippage, Slippage
from alpaca_trader.simulator.exchange.statement import PositionView, Statement
from alpaca_trader.simulator.exchange.venue import Venue
from alpaca_trader.simulator.faults.board import AccountFaults
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import ActionKind, AssetInfo, CorporateAction, Market
from alpaca_trader.simulator.profiles import Profile, Switches
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import NANO, decimals, parse_number

Record = Callable[[str, Mapping[str, object]], None]
"""Writes a command down before it is applied: its name and its arguments."""

_HUNDRED: Final = Decimal(100)
_LOOK_BACK: Final = timedelta(days=14)
_MOST_EXPOSURE: Final = 6
"""Times the equity: above it the account may only close (alpaca-contract 3.8)."""
_DAY_TRADING_EQUITY: Final = Decimal(25_000)


class Exchange:
    """One account's broker. Call from one thread at a time (the simulator's lock)."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        profile: Profile,
        switches: Switches,
        seed: int,
        faults: AccountFaults,
        record: Record,
        publish: Publish,
        slippage: Slippage | None = None,
    ) -> None:
        self._market = market
        self._clock = timeline
        self._switches = switches
        self._seed = seed
        self._faults = faults
        self._record = record
        today = new_york_date(timeline.now)
        before = market.sessions(today - _LOOK_BACK, today - timedelta(days=1))
        self._account = Account.opened(profile, before[-1].date if before else today, timeline.now)
        self._venue = Venue(market, timeline, switches, slippage or NoSlippage(), seed, self._account, faults, publish)
        self._listing = Listing(market, timeline)
        self._statement = Statement(market, timeline, self._account, self._venue, self._listing, faults)
        self._maker = OrderMaker(market, timeline, switches, seed, self._venue)
        self.configuration = Configuration(
            max_margin_multiplier=str(profile.multiplier), no_shorting=not profile.may_short
        )

    # Questions

    @property
    def is_open(self) -> bool:
        """True during regular hours."""
        return self._venue.is_open

    @property
    def book(self) -> OrderBook:
        """All orders; read only."""
        return self._venue.book

    @property
    def is_blocked(self) -> bool:
        """True while the broker takes no orders of the account (fault `account.blocked`)."""
        return self._faults.strikes("account.blocked") is not None

    def activities(self) -> Sequence[Activity]:
        """Fills, fees, transfers, dividends and the rest, oldest first."""
        return self._venue.activities.all()

    def ledger(self) -> Sequence[LedgerEntry]:
        """Cash and holdings after every change of either, oldest first; the first entry is the opening of the account."""
        return self._account.ledger

    def account(self) -> AccountView:
        """The account now."""
        return self._statement.account()

    def positions(self) -> Sequence[PositionView]:
        """All positions, sorted by symbol."""
        return self._statement.positions()

    def position(self, symbol_or_id: str) -> PositionView:
        """One position; raises BrokerError 404 when none is held."""
        asset = self._listing.find(symbol_or_id)
        position = self._statement.position(asset.symbol) if asset else None
        if position is None:
            raise BrokerError("no_position", extra={"symbol": symbol_or_id})
        return position

    def asset(self, symbol_or_id: str) -> AssetInfo:
        """One asset; raises BrokerError 404 when it is unknown."""
        asset = self._listing.find(symbol_or_id)
        if asset is None:
            raise BrokerError("no_asset", symbol=symbol_or_id)
        return asset

    # Commands

    def submit(self, fields: Mapping[str, object]) -> SimOrder:
        """Place an order (fields of alpaca-contract 2.6.2); raises BrokerError when it is refused."""
        self._record("submit", {"fields": dict(fields)})
        return self._submit(fields)

    def replace(self, order_id: str, fields: Mapping[str, object]) -> SimOrder:
        """Ask to replace an open order; returns the new order, which takes over after a moment unless the old one is done first."""
        self._record("replace", {"order_id": order_id, "fields": dict(fields)})
        self._check_account()
        order = self.book.get(order_id)
        terms = changed_terms(order, fields)
        client_id = parse.client_order_id(fields)
        if client_id is not None and self.book.has_client_id(client_id):
            raise BrokerError("duplicate_client_order_id")
        if terms.stop_price is not None and terms.stop_price != order.stop_price:
            checks.check_stop_price(order.side, terms.stop_price, self._venue.price(order.symbol))
        open_orders = self.book.open_orders(order.symbol)
        checks.check_wash(terms, open_orders)
        intent = order.position_intent
        successor = self._maker.make(terms, order.asset_id, intent, client_id, self._maker.reserve_price(terms, intent))
        successor.status, successor.replaces = "pending_new", order.id
        successor.group_id, successor.group_role = order.group_id, order.group_role
        successor.filled_qty, successor.filled_value = order.filled_qty, order.filled_value
        successor.expires_at = order.expires_at if terms.time_in_force == order.time_in_force else successor.expires_at
        if order.is_closing and order.status != "held":
            held = abs(self._account.held(order.symbol))
            reserved = self.book.held_shares(order.symbol) - order.held_shares
            checks.check_shares(order.symbol, successor.held_shares, held, reserved, open_orders)
        elif not order.is_closing:
            checks.check_buying_power(successor.cost(), self.account().buying_power + order.reserved_cash)
        self._venue.request_replace(order, successor)
        if self._faults.strikes("replace.error_but_applied", symbol=order.symbol):
            raise BrokerError("internal")
        return successor

    def cancel(self, order_id: str) -> None:
        """Ask to cancel an open order; it takes effect after a moment, and a fill may come first."""
        self._record("cancel", {"order_id": order_id})
        self._cancel(self.book.get(order_id))

    def cancel_all(self) -> Sequence[SimOrder]:
        """Ask to cancel every open order that is not being canceled yet; returns those orders."""
        self._record("cancel_all", {})
        asked = [
            order
            for order in self.book.open_orders()
            if order.cancel_requested_at is None and order.successor is None and order.predecessor is None
        ]
        for order in asked:
            self._venue.request_cancel(order)
        return asked

    def close_position(self, symbol_or_id: str, qty: object = None, percentage: object = None) -> SimOrder:
        """Close a position, whole or the given shares or percent of it, with a market DAY order."""
        self._record("close_position", {"symbol_or_id": symbol_or_id, "qty": qty, "percentage": percentage})
        position = self.position(symbol_or_id)
        return self._submit(_closing(position, _part(position, qty, percentage)))

    def close_all(self, *, cancel_orders: bool = False) -> Sequence[tuple[str, SimOrder | BrokerError]]:
        """Close every position; with `cancel_orders` all open orders are canceled at once first. Returns symbol and order or refusal."""
        self._record("close_all", {"cancel_orders": cancel_orders})
        if cancel_orders:
            self._cancel_at_once(self.book.open_orders())
        results: list[tuple[str, SimOrder | BrokerError]] = []
        for position in self.positions():
            try:
                results.append((position.asset.symbol, self._submit(_closing(position, abs(position.qty)))))
            except BrokerError as refusal:
                results.append((position.asset.symbol, refusal))
        return results

    def configure(self, fields: Mapping[str, object]) -> Configuration:
        """Change the account configuration."""
        self._record("configure", {"fields": dict(fields)})
        self.configuration = self.configuration.changed(fields)
        profile = self._account.profile
        self._account.max_multiplier = min(profile.multiplier, int(self.configuration.max_margin_multiplier))
        self._account.may_short = profile.may_short and not self.configuration.no_shorting
        return self.configuration

    # What the client does not do itself

    def transfer(self, amount: Decimal | str, kind: str | None = None) -> None:
        """Deposit dollars, or withdraw them (negative): booked at once as CSD, CSW, or the `kind` of transfer that is named.

        Raises BrokerError where it is not a whole-cent amount, or more than what is settled and free.
        """
        self._record("transfer", {"amount": str(amount), "kind": kind})
        value = parse_number(amount if isinstance(amount, Decimal) else str(amount))
        if value is None or value == ZERO or decimals(value) > 2:
            raise BrokerError("invalid_field", field="amount")
        if value < ZERO and -value > self._account.withdrawable(self.book.reserved_cash()):
            raise BrokerError("not_withdrawable")
        now = self._clock.now
        self._account.add_cash(now, value, is_flow=True)
        name = kind or ("CSD" if value > ZERO else "CSW")
        self._venue.activities.add(name, now, new_york_date(now), value, description="transfer")

    def liquidate(self, symbol: str | None = None) -> Sequence[SimOrder]:
        """The broker itself closes one position or all: open orders of the symbol end, a market order closes what is held."""
        self._record("liquidate", {"symbol": symbol})
        placed = []
        for position in self.positions():
            if symbol is None or position.asset.symbol == symbol:
                self._cancel_at_once(self.book.open_orders(position.asset.symbol))
                placed.append(self._accepted(_closing(position, abs(position.qty))))
        return placed

    def corporate_action(
        self,
        kind: ActionKind,
        symbol: str,
        *,
        old_rate: str = "1",
        new_rate: str = "1",
        cash: str = "0",
        new_symbol: str | None = None,
    ) -> None:
        """Apply a corporate action to this account now, outside the market's own calendar of them (faults `corp.*`).

        Raises BrokerError for an unknown kind or symbol, rates that are not positive, or a new symbol that is unknown, held or ordered.
        """
        arguments = {"old_rate": old_rate, "new_rate": new_rate, "cash": cash, "new_symbol": new_symbol}
        self._record("corporate_action", {"kind": kind, "symbol": symbol, **arguments})
        today = new_york_date(self._clock.now)
        self._listing.read()
        self._statement.forget()
        if kind not in get_args(ActionKind):
            raise BrokerError("invalid_field", field="kind")
        self.asset(symbol)
        if kind == "rename" and not (
            new_symbol is not None and new_symbol in self._listing and self._venue.registrar.is_free(new_symbol)
        ):
            raise BrokerError("invalid_field", field="new_symbol")
        rates = _amount("old_rate", old_rate, ZERO), _amount("new_rate", new_rate, ZERO), _amount("cash", cash)
        number = len(self._venue.activities.all())
        action_id = uuid_for(self._seed, f"action-{symbol}", number)
        self._venue.registrar.apply(CorporateAction(action_id, kind, symbol, today, today, *rates, new_symbol))

    def reread(self, symbol: str) -> None:
        """Forget what was read ahead of the symbol's tape: a fault has changed the market."""
        self._listing.read()
        self._statement.forget()
        self._venue.reread(symbol)

    # How a command is carried out

    def _submit(self, fields: Mapping[str, object]) -> SimOrder:
        self._check_account()
        return self._accepted(fields)

    def _check_account(self) -> None:
        if self.configuration.suspend_trade or self.is_blocked:
            raise BrokerError("account_blocked")

    def _accepted(self, fields: Mapping[str, object]) -> SimOrder:
        """The checks in the order of alpaca-contract 3.1, then the order on the books."""
        request = linked.with_limit(parse.parse_order(fields))
        if request.client_order_id is not None and self.book.has_client_id(request.client_order_id):
            raise BrokerError("duplicate_client_order_id")
        asset = self._listing.find(request.symbol)
        if asset is None:
            raise BrokerError("unknown_asset", symbol=request.symbol)
        if request.symbol != asset.symbol:
            request = request._replace(symbol=asset.symbol)
        checks.check_asset(request, asset, self._switches, fractional_trading=self.configuration.fractional_trading)
        self._check_hours(request)
        last = self._venue.price(asset.symbol)
        checks.check_stop_price(request.side, request.stop_price, last)
        linked.check_exit_prices(request, last)
        open_orders = self.book.open_orders(asset.symbol)
        checks.check_wash(request, open_orders)
        intent = checks.intent_of(request, self._account.held(asset.symbol))
        if intent == "sell_to_open":
            checks.check_short(request, asset, is_allowed=self.account().shorting_enabled)
        checks.check_opening(intent, open_orders)
        order = self._maker.make(
            request, asset.id, intent, request.client_order_id, self._maker.reserve_price(request, intent)
        )
        if order.is_closing:
            self._check_closing(order, open_orders)
        else:
            self._check_money(request, order)
        self._maker.add_legs(order, request)
        self._venue.accept(order)
        return order

    def _check_hours(self, request: OrderRequest) -> None:
        tif, now = request.time_in_force, self._clock.now
        if tif in {"ioc", "fok"} and not self.is_open:
            raise BrokerError("ioc_when_closed", tif=tif)
        if tif == "opg" and not sessions.takes_auction_orders(self._market, now, "open"):
            raise BrokerError("opg_when_closed")
        if tif == "cls" and not sessions.takes_auction_orders(self._market, now, "close"):
            raise BrokerError("cls_when_closed")

    def _check_closing(self, order: SimOrder, open_orders: Sequence[SimOrder]) -> None:
        others = [other for other in open_orders if other.is_closing]
        if not self.is_open:
            checks.check_closing_notional(order.is_notional, others)
        held, reserved = abs(self._account.held(order.symbol)), self.book.held_shares(order.symbol)
        checks.check_shares(order.symbol, order.held_shares, held, reserved, open_orders)
        if self._switches.pdt_mode == "legacy":
            self._check_day_trades(order.symbol)

    def _check_day_trades(self, symbol: str) -> None:
        """The rule of before 2026-06: the fourth day trade in five days is refused below $25,000, pending ones count (alpaca-contract 3.16)."""
        account = self.account()
        closing = {order.symbol for order in self.book.open_orders() if order.is_closing}
        pending = self._account.day_trades.would_count(sorted(closing | {symbol}))
        if account.last_equity < _DAY_TRADING_EQUITY and account.day_trades + pending > day_trades.MOST:
            raise BrokerError("day_trading")

    def _check_money(self, request: OrderRequest, order: SimOrder) -> None:
        account = self.account()
        checks.check_minimum(request, order.cost())
        exposure = account.long_market_value - account.short_market_value
        if exposure > _MOST_EXPOSURE * account.equity:
            raise BrokerError("liquidation_only")
        checks.check_buying_power(order.cost(), account.buying_power)

    def _cancel(self, order: SimOrder) -> None:
        if not order.is_open:
            raise BrokerError("already_closed", status=order.status)
        if order.cancel_requested_at is not None:
            raise BrokerError("cancel_pending")
        if order.successor is not None or order.predecessor is not None:
            raise BrokerError("replace_pending")
        self._venue.request_cancel(order)

    def _cancel_at_once(self, orders: Sequence[SimOrder]) -> None:
        for order in orders:
            if order.predecessor is None and order.is_open:
                self._venue.life.cancel(order)


def _closing(position: PositionView, qty: Decimal) -> Mapping[str, object]:
    side = "sell" if position.qty > ZERO else "buy"
    return {"symbol": position.asset.symbol, "side": side, "type": "market", "time_in_force": "day", "qty": qty}


def _amount(name: str, text: str, above: Decimal | None = None) -> Decimal:
    """A number from 0 on, or greater than `above`."""
    value = parse_number(text)
    if value is None or value < ZERO or (above is not None and value <= above):
        raise BrokerError("invalid_field", field=name)
    return value


def _part(position: PositionView, qty: object, percentage: object) -> Decimal:
    """Shares to close: `qty`, or `percentage` (0..100) of the position cut to 9 decimals (short: to whole shares), or all."""
    held = abs(position.qty)
    given = {"qty": qty, "percentage": percentage}
    shares, percent = (parse.quantity(given, name) for name in given)
    if percent is None:
        return held if shares is None else shares
    if shares is not None:
        raise BrokerError("excludes", field="percentage", other="qty")
    if percent > _HUNDRED:
        raise BrokerError("invalid_field", field="percentage")
    part = (held * percent / _HUNDRED).quantize(ONE if position.qty < ZERO else NANO, ROUND_DOWN)
    if part == ZERO:
        raise BrokerError("quantity_not_positive", field="qty")
    return part
