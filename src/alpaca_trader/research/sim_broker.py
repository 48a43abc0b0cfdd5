"""The broker port on the simulated exchange, by direct calls: no sockets, no SDK, the same exchange.

Refusals go through the same classifier as Alpaca's own answers, so the engine meets the same kinds.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from alpaca_trader.core.errors import OrderRefused, OutcomeUnknown
from alpaca_trader.core.events import Approved, Resend
from alpaca_trader.core.models import Account, Asset, Bar, BrokerClock, Order, Position, Quote, Session
from alpaca_trader.edge.broker_errors import classify
from alpaca_trader.simulator.exchange.activities import NonTradeActivity
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import MarketBar
from alpaca_trader.simulator.simulator import Simulator

_FLOWS: Final = frozenset({"CSD", "CSW", "JNLC", "JNLS", "ACATC", "ACATS", "FOPT"})
"""Activities that bring money or shares from outside (domain 6.1)."""
_NOTHING: Final = Decimal(0)
_A_DAY: Final = timedelta(days=1)


class SimBroker:
    """``core.ports.Broker`` over a ``Simulator`` in this process."""

    def __init__(self, sim: Simulator) -> None:
        """``sim`` holds the exchange, the market and the time."""
        self._sim = sim
        self._flows: dict[date, Decimal] = {}
        self._activities_read = 0

    def submit_order(self, request: Approved | Resend) -> Order:
        """Submit, or replace in place where the intent says so. Raises OrderRefused, or OutcomeUnknown for a 5xx."""
        intent = request.intent
        fields: dict[str, object] = {"client_order_id": intent.client_order_id}
        if intent.stop_price is not None:
            fields["stop_price"] = intent.stop_price
        try:
            if intent.replaces is not None:
                old = self._sim.exchange.book.get_by_client_id(intent.replaces)
                return order_of(self._sim.exchange.replace(old.id, fields))
            if intent.limit_price is not None:
                fields["limit_price"] = intent.limit_price
            fields |= {"symbol": intent.symbol, "side": intent.side, "qty": intent.qty, "type": intent.type.value}
            return order_of(self._sim.exchange.submit({**fields, "time_in_force": "day"}))
        except BrokerError as no:
            raise _refused(no) from None

    def cancel_order(self, broker_order_id: str) -> None:
        """Ask for a cancel. Raises OrderRefused."""
        try:
            self._sim.exchange.cancel(broker_order_id)
        except BrokerError as no:
            raise _refused(no) from None

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order, or None where the exchange does not know it."""
        try:
            return order_of(self._sim.exchange.book.get_by_client_id(client_order_id))
        except BrokerError:
            return None

    def get_open_orders(self) -> Sequence[Order]:
        """Every open order."""
        return [order_of(order) for order in self._sim.exchange.book.open_orders()]

    def get_orders_since(self, after: datetime) -> Sequence[Order]:
        """Every order submitted after this instant, oldest first."""
        book = self._sim.exchange.book
        wanted = OrderFilter(status="all", after=after, limit=len(book), is_ascending=True)
        return [order_of(order) for order in book.find(wanted)]

    def get_positions(self) -> Sequence[Position]:
        """Every position."""
        return [
            Position(
                view.asset.symbol,
                view.qty,
                view.qty_available,
                view.average,
                view.qty * view.price,
                view.price,
                view.qty * view.price - view.cost,
            )
            for view in self._sim.exchange.positions()
        ]

    def get_account(self) -> Account:
        """The account, with what came in from outside today."""
        view, today = self._sim.exchange.account(), new_york_date(self._sim.now)
        return Account(
            account_id=self._sim.account_id,
            account_number=self._sim.profile.account_number,
            status="ACTIVE",
            equity=view.equity,
            last_equity=view.last_equity,
            cash=view.cash,
            buying_power=view.buying_power,
            multiplier=str(view.multiplier),
            trade_suspended_by_user=self._sim.exchange.configuration.suspend_trade,
            balance_asof=view.balance_asof,
            net_flows=self._flows_on(today),
            flows_on=today,
        )

    def _flows_on(self, day: date) -> Decimal:
        activities = self._sim.exchange.activities()
        for entry in activities[self._activities_read :]:
            if isinstance(entry, NonTradeActivity) and entry.type in _FLOWS:
                came = new_york_date(entry.at)
                self._flows[came] = self._flows.get(came, _NOTHING) + entry.net_amount
        self._activities_read = len(activities)
        return self._flows.get(day, _NOTHING)

    def get_clock(self) -> BrokerClock:
        """The exchange's clock."""
        now = self._sim.now
        days_ahead = (self._sim.market.session(now.date() + ahead * _A_DAY) for ahead in range(15))
        today = self._sim.market.session(now.date())
        following = next(hours for hours in days_ahead if hours is not None and hours.open > now)
        closes = today.close if today is not None and now < today.close else following.close
        return BrokerClock(self._sim.shown_now, self._sim.exchange.is_open, following.open, closes)

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """Sessions, both ends included."""
        return [Session(hours.date, hours.open, hours.close) for hours in self._sim.market.sessions(first, last)]

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """The assets the market has."""
        known = {asset.symbol: asset for asset in self._sim.market.assets()}
        return [Asset(s, known[s].tradable, known[s].fractionable) for s in symbols if s in known]

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The quotes standing now."""
        quotes = [self._sim.market.quote(symbol, self._sim.now) for symbol in symbols]
        return [Quote(q.symbol, q.at, q.bid or None, q.ask or None) for q in quotes if q is not None]

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """Complete bars that start in ``[start, end)``."""
        return [
            Bar(symbol, began, opened, high, low, close, float(volume), vwap, trades)
            for each in sorted(symbols)
            for symbol, began, opened, high, low, close, volume, trades, vwap in self._sim.market.rows(each, start, end)
        ]


def order_of(order: SimOrder) -> Order:
    """The engine's view of a simulated order."""
    average = order.filled_avg_price
    return Order(
        broker_order_id=order.id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side="buy" if order.side == "buy" else "sell",
        type=order.type,
        time_in_force=order.time_in_force,
        status=order.status,
        qty=order.qty,
        filled_qty=order.filled_qty,
        filled_avg_price=average if order.filled_qty else None,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        submitted_at=order.submitted_at,
        updated_at=order.updated_at,
        replaces=order.replaces,
        replaced_by=order.replaced_by,
    )


def bar_of(bar: MarketBar) -> Bar:
    """The engine's view of a market bar."""
    prices = (float(bar.open), float(bar.high), float(bar.low), float(bar.close))
    return Bar(bar.symbol, bar.start, *prices, float(bar.volume), float(bar.vwap), bar.trade_count)


def _refused(no: BrokerError) -> OrderRefused | OutcomeUnknown:
    """What the SDK's client would make of the answer: an error of the broker's own says nothing about the order."""
    if no.status >= 500:
        return OutcomeUnknown(f"HTTP {no.status}")
    existing = no.extra.get("existing_order_id")
    kind = classify(no.code or 0, no.text)
    return OrderRefused(kind, no.status, no.code, no.text, existing if isinstance(existing, str) else None)
