"""The broker's counter: takes commands, refuses or accepts them, and answers questions about orders, positions and money.

Every changing command is recorded before it is applied, so that the record alone rebuilds the exchange. Values are plain
Python: fields named as on the wire, numbers as Decimal, int or string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final

from alpaca_trader.simulator.exchange import checks, parse
from alpaca_trader.simulator.exchange.account import Account, AccountView, Position
from alpaca_trader.simulator.exchange.activities import Activity
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.configuration import Configuration
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.exchange.matching import collar
from alpaca_trader.simulator.exchange.orders import ZERO, OrderRequest, SimOrder
from alpaca_trader.simulator.exchange.replacing import changed_terms
from alpaca_trader.simulator.exchange.venue import Publish, Venue, gtc_expiry
from alpaca_trader.simulator.faults.board import FaultBoard
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import AssetInfo, Market
from alpaca_trader.simulator.profiles import Profile, Switches
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import NANO, decimals, parse_number

Record = Callable[[str, Mapping[str, object]], None]
"""Writes a command down before it is applied: its name and its arguments."""

_HUNDRED: Final = Decimal(100)
_MAX_DECIMALS: Final = 9
_LOOK_BACK: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position at one instant; prices in dollars per share."""

    asset: AssetInfo
    qty: Decimal
    qty_available: Decimal
    average: Decimal
    cost: Decimal
    day_cost: Decimal
    price: Decimal
    lastday_price: Decimal


class Exchange:
    """The one account's broker. Call from one thread at a time (the simulator's lock)."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        profile: Profile,
        switches: Switches,
        seed: int,
        faults: FaultBoard,
        record: Record,
        publish: Publish,
    ) -> None:
        self._market = market
        self._clock = timeline
        self._switches = switches
        self._seed = seed
        self._record = record
        today = new_york_date(timeline.now)
        before = market.sessions(today - _LOOK_BACK, today - timedelta(days=1))
        self._account = Account.opened(profile, before[-1].date if before else today)
        self._venue = Venue(market, timeline, switches, seed, self._account, faults, publish)
        self._assets = {asset.symbol: asset for asset in market.assets()}
        self._asset_ids = {asset.id: asset for asset in market.assets()}
        self.configuration = Configuration(max_margin_multiplier=str(profile.multiplier))

    @property
    def is_open(self) -> bool:
        """True during regular hours."""
        return self._venue.is_open

    # Questions

    @property
    def book(self) -> OrderBook:
        """All orders; read only."""
        return self._venue.book

    def activities(self) -> Sequence[Activity]:
        """Fills and fees, oldest first."""
        return self._venue.activities.all()

    def account(self) -> AccountView:
        """The account now."""
        return self._account.view(self._venue.price, self.book.reserved_cash())

    def positions(self) -> Sequence[PositionView]:
        """All positions, sorted by symbol."""
        return [self._view(position) for _, position in sorted(self._account.positions.items())]

    def position(self, symbol_or_id: str) -> PositionView:
        """One position; raises BrokerError 404 when none is held."""
        asset = self._find_asset(symbol_or_id)
        position = self._account.positions.get(asset.symbol) if asset else None
        if position is None:
            raise BrokerError("no_position", extra={"symbol": symbol_or_id})
        return self._view(position)

    def asset(self, symbol_or_id: str) -> AssetInfo:
        """One asset; raises BrokerError 404 when it is unknown."""
        asset = self._find_asset(symbol_or_id)
        if asset is None:
            raise BrokerError("no_asset", symbol=symbol_or_id)
        return asset

    def _find_asset(self, symbol_or_id: str) -> AssetInfo | None:
        return self._assets.get(symbol_or_id.upper()) or self._asset_ids.get(symbol_or_id.lower())

    def _view(self, position: Position) -> PositionView:
        price = self._venue.price(position.symbol) or position.average
        lastday = self._market.previous_close(position.symbol, new_york_date(self._clock.now))
        return PositionView(
            asset=self._assets[position.symbol],
            qty=position.qty,
            qty_available=max(ZERO, position.qty - self.book.held_shares(position.symbol)),
            average=position.average,
            cost=position.cost,
            day_cost=position.day_cost,
            price=price,
            lastday_price=price if lastday is None else lastday,
        )

    # Commands

    def submit(self, fields: Mapping[str, object]) -> SimOrder:
        """Place an order (fields of alpaca-contract 2.6.2); raises BrokerError when it is refused."""
        self._record("submit", {"fields": dict(fields)})
        return self._submit(fields)

    def replace(self, order_id: str, fields: Mapping[str, object]) -> SimOrder:
        """Ask to replace an open order; returns the new order, which takes over after a moment unless the old one is done first."""
        self._record("replace", {"order_id": order_id, "fields": dict(fields)})
        order = self.book.get(order_id)
        terms = changed_terms(order, fields)
        client_id = parse.client_order_id(fields)
        if client_id is not None and self.book.has_client_id(client_id):
            raise BrokerError("duplicate_client_order_id")
        if terms.stop_price != order.stop_price:
            checks.check_stop_price(order.side, terms.stop_price, self._venue.price(order.symbol))
        open_orders = self.book.open_orders(order.symbol)
        checks.check_wash(order.side, order.type, terms.limit_price, open_orders)
        successor = self._make(terms, order.asset_id, client_id, self._reserve_price(terms))
        successor.status, successor.replaces = "pending_new", order.id
        successor.filled_qty, successor.filled_value = order.filled_qty, order.filled_value
        if order.side == "sell":
            reserved = self.book.held_shares(order.symbol) - order.held_shares
            held = self._account.held(order.symbol)
            checks.check_shares(order.symbol, successor.held_shares, held, reserved, open_orders)
        else:
            power = self.account().buying_power + order.reserved_cash
            checks.check_buying_power(successor.cost(), power)
        self._venue.request_replace(order, successor)
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
        """Sell a position, whole or the given shares or percent of it, with a market DAY order."""
        self._record("close_position", {"symbol_or_id": symbol_or_id, "qty": qty, "percentage": percentage})
        position = self.position(symbol_or_id)
        return self._submit(_closing(position, _part(position.qty, qty, percentage)))

    def close_all(self, *, cancel_orders: bool = False) -> Sequence[tuple[str, SimOrder | BrokerError]]:
        """Sell every position; with `cancel_orders` all open orders are canceled at once first. Returns symbol and order or refusal."""
        self._record("close_all", {"cancel_orders": cancel_orders})
        if cancel_orders:
            for order in self.book.open_orders():
                if order.predecessor is None:
                    self._venue.cancel_now(order)
        results: list[tuple[str, SimOrder | BrokerError]] = []
        for position in self.positions():
            try:
                results.append((position.asset.symbol, self._submit(_closing(position, position.qty))))
            except BrokerError as refusal:
                results.append((position.asset.symbol, refusal))
        return results

    def configure(self, fields: Mapping[str, object]) -> Configuration:
        """Change the account configuration."""
        self._record("configure", {"fields": dict(fields)})
        self.configuration = self.configuration.changed(fields)
        allowed = min(self._account.profile.multiplier, int(self.configuration.max_margin_multiplier))
        self._account.max_multiplier = allowed
        return self.configuration

    # How a command is carried out

    def _submit(self, fields: Mapping[str, object]) -> SimOrder:
        """The checks in the order of alpaca-contract 3.1."""
        if self.configuration.suspend_trade:
            raise BrokerError("account_blocked")
        request = parse.parse_order(fields)
        if request.client_order_id is not None and self.book.has_client_id(request.client_order_id):
            raise BrokerError("duplicate_client_order_id")
        asset = self._find_asset(request.symbol)
        if asset is None:
            raise BrokerError("unknown_asset", symbol=request.symbol)
        checks.check_asset(request, asset, self._switches, fractional_trading=self.configuration.fractional_trading)
        if request.time_in_force in {"ioc", "fok"} and not self.is_open:
            raise BrokerError("ioc_when_closed", tif=request.time_in_force)
        checks.check_stop_price(request.side, request.stop_price, self._venue.price(asset.symbol))
        checks.check_wash(request.side, request.type, request.limit_price, self.book.open_orders(asset.symbol))
        checks.check_no_short(request, self._account.held(asset.symbol))
        reserve_price = self._reserve_price(request)
        order = self._make(request, asset.id, request.client_order_id, reserve_price)
        if request.side == "sell":
            self._check_sell(order)
        else:
            checks.check_minimum(request, order.cost())
            checks.check_buying_power(order.cost(), self.account().buying_power)
        self._venue.accept(order)
        return order

    def _check_sell(self, order: SimOrder) -> None:
        open_orders = self.book.open_orders(order.symbol)
        sells = [other for other in open_orders if other.side == "sell"]
        if not self.is_open:
            checks.check_closing_notional(order.is_notional, sells)
        checks.check_shares(
            order.symbol,
            order.held_shares,
            self._account.held(order.symbol),
            self.book.held_shares(order.symbol),
            open_orders,
        )

    def _make(
        self, request: OrderRequest, asset_id: str, client_order_id: str | None, reserve_price: Decimal
    ) -> SimOrder:
        seq, now = len(self.book), self._clock.now
        session = self._venue.trading_session()
        return SimOrder(
            id=uuid_for(self._seed, "order", seq),
            seq=seq,
            client_order_id=client_order_id or uuid_for(self._seed, "client-order", seq),
            asset_id=asset_id,
            symbol=self._asset_ids[asset_id].symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            qty=request.qty,
            notional=request.notional,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            position_intent="buy_to_open" if request.side == "buy" else "sell_to_close",
            status=self._switches.post_status if self.is_open else "accepted",
            created_at=now,
            updated_at=now,
            submitted_at=now,
            expires_at=gtc_expiry(now) if request.time_in_force == "gtc" else session.close,
            reserve_price=reserve_price,
        )

    def _reserve_price(self, request: OrderRequest) -> Decimal:
        """Dollars per share the order is counted at: its limit, a buy stop's collar, else the far side of the quote.

        Source: alpaca-contract 3.8; with the market closed, the last trade.
        """
        if request.limit_price is not None:
            return request.limit_price
        if request.stop_price is not None:
            return collar(request.stop_price) if request.side == "buy" else request.stop_price
        symbol = request.symbol
        quote = self._market.quote(symbol, self._clock.now) if self.is_open else None
        far_side = ZERO
        if quote is not None:
            far_side = quote.ask if request.side == "buy" else quote.bid
        reference = far_side if far_side > ZERO else self._venue.price(symbol)
        if reference is None:
            raise BrokerError("asset_not_tradable", symbol=symbol)
        if request.side == "buy" and request.qty is not None and self._switches.bp_price == "collar":
            return collar(reference)
        return reference

    def _cancel(self, order: SimOrder) -> None:
        if not order.is_open:
            raise BrokerError("already_closed", status=order.status)
        if order.cancel_requested_at is not None:
            raise BrokerError("cancel_pending")
        if order.successor is not None or order.predecessor is not None:
            raise BrokerError("replace_pending")
        self._venue.request_cancel(order)


def _closing(position: PositionView, qty: Decimal) -> Mapping[str, object]:
    symbol = position.asset.symbol
    return {"symbol": symbol, "side": "sell", "type": "market", "time_in_force": "day", "qty": qty}


def _part(held: Decimal, qty: object, percentage: object) -> Decimal:
    """Shares to close: `qty`, or `percentage` (0..100) of the position cut to 9 decimals, or all."""
    if qty is not None and percentage is not None:
        raise BrokerError("two_quantities")
    for name, raw in (("qty", qty), ("percentage", percentage)):
        if raw is None:
            continue
        value = parse_number(raw)
        if value is None or (name == "percentage" and value > _HUNDRED):
            raise BrokerError("invalid_field", field=name)
        if value <= ZERO:
            raise BrokerError("quantity_not_positive", field=name)
        if decimals(value) > _MAX_DECIMALS:
            raise BrokerError("too_many_decimals", field=name)
        return value if name == "qty" else (held * value / _HUNDRED).quantize(NANO, ROUND_DOWN)
    return held
