"""The venue: makes time pass. Timers and ticks in one order, every change of an order's state, every execution.

At one instant the ticks come first, then the timers, each in a fixed order; nothing happens between instants. How far
a single `run` goes therefore never changes what happens, only when the caller hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from alpaca_trader.simulator.exchange import matching
from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import Activities
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.ids import draw, uuid_for
from alpaca_trader.simulator.exchange.orders import ZERO, SimOrder
from alpaca_trader.simulator.exchange.tape import Tape
from alpaca_trader.simulator.faults.board import FaultBoard
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market, MarketBar, MarketQuote, MarketTrade
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import new_york_time

ACCEPT_DELAY: Final = timedelta(milliseconds=3)
"""From the POST until the order is `new`: paper takes 3-4 ms."""
CANCEL_DELAY_MS: Final = (5, 25)
"""From a DELETE or PATCH until it takes effect (milliseconds), long enough for a fill to win the race."""
EXPIRY_DELAY: Final = timedelta(milliseconds=500)
"""From the close until DAY orders expire."""
SETTLE_DELAY: Final = timedelta(seconds=1)
"""From the close until fees are charged and the day's equity is taken."""
GTC_DAYS: Final = 90
_ROLL_HOUR: Final = 4
_TEN_PERCENT: Final = 0.1
_SESSION_SEARCH: Final = timedelta(days=14)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill: `position_qty` are the shares held after it."""

    id: str
    price: Decimal
    qty: Decimal
    position_qty: Decimal


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """News of an order, as trade_updates tells it. `number` counts all events of the exchange."""

    event: str
    at: datetime
    number: int
    order: SimOrder
    execution: Execution | None = None


Publish = Callable[[OrderEvent], None]
"""Tells the stream clients."""


class Venue:
    """Executes orders against the market as time passes."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        switches: Switches,
        seed: int,
        account: Account,
        faults: FaultBoard,
        publish: Publish,
    ) -> None:
        self.account = account
        self.book = OrderBook()
        self.activities = Activities(seed)
        self._market = market
        self._clock = timeline
        self._faults = faults
        self._switches = switches
        self._seed = seed
        self._publish = publish
        self._tape = Tape(market, self._is_quiet)
        self._event_count = 0
        self._working: dict[str, dict[int, SimOrder]] = {}
        self._queued: list[SimOrder] = []
        self._taken: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
        self._session = self._first_session(timeline.now)
        self._schedule_session()
        timeline.add_venue(self)

    # Sessions

    @property
    def is_open(self) -> bool:
        """True during regular hours, half-open at the close."""
        return self._session.open <= self._clock.now < self._session.close

    def trading_session(self) -> SessionHours:
        """The session that an order sent now is for: the running one, or the next when the market is closed."""
        return self._first_session(self._clock.now) if self._clock.now >= self._session.close else self._session

    def price(self, symbol: str) -> Decimal | None:
        """The last trade's price at this instant; None when the symbol never traded."""
        trade = self._market.last_trade(symbol, self._clock.now)
        return None if trade is None else trade.price

    def _first_session(self, moment: datetime) -> SessionHours:
        """The first session whose close is after `moment`."""
        day = new_york_date(moment)
        for session in self._market.sessions(day, day + _SESSION_SEARCH):
            if session.close > moment:
                return session
        raise ValueError(f"the market has no session within {_SESSION_SEARCH.days} days after {moment.isoformat()}")

    def _schedule_session(self) -> None:
        session, now = self._session, self._clock.now
        if session.open > now:
            roll = new_york_time(session.date, _ROLL_HOUR)
            if roll > now:
                self._clock.at(roll, self.account.roll)
            else:
                self.account.roll()
            self._clock.at(session.open, self._release_queue)
        self._clock.at(session.close + EXPIRY_DELAY, partial(self._expire_day_orders, session.close))
        self._clock.at(session.close + SETTLE_DELAY, self._settle)

    def _release_queue(self) -> None:
        queued, self._queued = self._queued, []
        for order in queued:
            self._start(order)

    def _expire_day_orders(self, close: datetime) -> None:
        for order in self.book.open_orders():
            if order.time_in_force == "day" and order.expires_at <= close:
                if self._switches.day_order_at_close == "expired":
                    self._expire(order)
                else:
                    self.cancel_now(order)

    def _settle(self) -> None:
        """End of day: charge the fees, take the equity, look to the next session."""
        for kind, amount in self.account.charge_fees().items():
            self.activities.add_fee(self._clock.now, self._session.date, kind, amount)
        self.account.snapshot_close(self._session.date, self.price)
        self._taken.clear()
        self._session = self._first_session(self._clock.now)
        self._schedule_session()

    # Time

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The next tick in (after, until] of a symbol with orders at work, in regular hours."""
        after = max(after, self._session.open - _MICROSECOND)
        until = min(until, self._session.close - _MICROSECOND)
        found = None
        for symbol in self._working if after < until else ():
            moment = self._tape.next_at(symbol, after, until)
            if moment is not None:
                found = until = moment
        return found

    def process(self, moment: datetime) -> None:
        """Let the ticks of this instant elect and fill."""
        if not self._session.open <= moment < self._session.close:
            return
        ticks = [
            tick
            for symbol in list(self._working)
            if self._tape.next_at(symbol, moment - _MICROSECOND, moment) is not None
            for tick in self._tape.take(symbol, moment)
        ]
        for tick in ticks:
            if isinstance(tick, MarketTrade):
                self._on_trade(tick)
            else:
                self._on_quote(tick)

    # Commands, already checked

    def accept(self, order: SimOrder) -> None:
        """Take a new order onto the books: to work now, or queued for the next open when the market is closed."""
        self.book.add(order)
        if order.time_in_force == "gtc":
            self._clock.at(
                new_york_time(new_york_date(order.expires_at), 16, 15),
                partial(self._if_open, order, self.cancel_now),
            )
        if self.is_open:
            self._start(order)
        else:
            self._queued.append(order)
            if self._switches.emit_accepted:
                self._emit("accepted", order)

    def request_cancel(self, order: SimOrder) -> None:
        """The order is canceled after a moment, unless it is done before."""
        order.cancel_requested_at = self._clock.now
        order.status = "pending_cancel"
        order.updated_at = self._clock.now
        self._clock.at(self._clock.now + self._delay("cancel", order), partial(self._finish_cancel, order))

    def request_replace(self, order: SimOrder, successor: SimOrder) -> None:
        """`successor` takes the place of `order` after a moment, unless that is done before."""
        self.book.add(successor)
        order.successor, successor.predecessor = successor, order
        order.status = "pending_replace"
        order.updated_at = self._clock.now
        self._clock.at(self._clock.now + self._delay("replace", order), partial(self._finish_replace, order, successor))

    def cancel_now(self, order: SimOrder) -> None:
        """Cancel without delay."""
        order.canceled_at = self._clock.now
        self._close(order, "canceled")
        self._emit("canceled", order)

    # Life of an order

    def _start(self, order: SimOrder) -> None:
        low, high = self._switches.latency_ms
        latency = low + (high - low) * draw(self._seed, "latency", order.seq)
        self._clock.at(self._clock.now + ACCEPT_DELAY, partial(self._if_open, order, self._acknowledge))
        self._clock.at(
            self._clock.now + max(ACCEPT_DELAY, timedelta(microseconds=round(latency * 1000))),
            partial(self._if_open, order, self._put_to_work),
        )

    def _if_open(self, order: SimOrder, action: Callable[[SimOrder], None]) -> None:
        if order.is_open:
            action(order)

    def _acknowledge(self, order: SimOrder) -> None:
        if order.status in {"accepted", "pending_new", "new"}:
            order.status = "new"
            order.updated_at = self._clock.now
            self._emit("new", order)

    def _put_to_work(self, order: SimOrder) -> None:
        self._working.setdefault(order.symbol, {})[order.seq] = order
        self._tape.forget(order.symbol)
        quote = self._market.quote(order.symbol, self._clock.now)
        if quote is not None and self.is_open and not order.is_stop:
            self._examine(order, quote)
        if order.is_open and order.time_in_force in {"ioc", "fok"}:
            self.cancel_now(order)

    def _finish_cancel(self, order: SimOrder) -> None:
        if order.is_open:
            self.cancel_now(order)
        else:
            self._emit("order_cancel_rejected", order)

    def _finish_replace(self, order: SimOrder, successor: SimOrder) -> None:
        order.successor, successor.predecessor = None, None
        total = successor.qty
        assert total is not None, "notional orders are never replaced"
        if not order.is_open or total <= order.filled_qty:
            successor.failed_at = self._clock.now
            self._close(successor, "rejected")
            self._emit("order_replace_rejected", order)
            self._emit("rejected", successor)
            if order.status == "pending_replace":
                order.status = "partially_filled"
            return
        order.replaced_by, order.replaced_at = successor.id, self._clock.now
        self._close(order, "replaced")
        self._emit("replaced", order)
        successor.filled_qty, successor.filled_value = order.filled_qty, order.filled_value
        successor.executions, successor.filled_at = order.executions, order.filled_at
        successor.is_elected = order.is_elected and successor.stop_price == order.stop_price
        self._acknowledge(successor)
        self._put_to_work(successor)

    def _expire(self, order: SimOrder) -> None:
        order.expired_at = self._clock.now
        self._close(order, "expired")
        self._emit("expired", order)

    def _refuse_unaffordable(self, order: SimOrder) -> None:
        """The price ran away from an order that cash alone must pay: nothing more of it is bought."""
        if order.filled_qty > ZERO:
            self.cancel_now(order)
            return
        order.failed_at = self._clock.now
        self._close(order, "rejected")
        self._emit("rejected", order)

    def _close(self, order: SimOrder, status: str) -> None:
        order.status = status
        order.updated_at = self._clock.now
        self.book.close(order)
        working = self._working.get(order.symbol)
        if working is not None and working.pop(order.seq, None) is not None:
            self._tape.forget(order.symbol)
            if not working:
                del self._working[order.symbol]

    # Matching

    def _is_quiet(self, symbol: str, bar: MarketBar) -> bool:
        """True when no price inside the bar can elect or fill any order at work; limits then count as rested."""
        orders = self._working[symbol].values()
        if not all(_is_out_of_reach(order, bar) for order in orders):
            return False
        for order in orders:
            if not order.is_stop:
                order.rested_on = self._session.date
        return True

    def _on_trade(self, trade: MarketTrade) -> None:
        for order in list(self._working.get(trade.symbol, {}).values()):
            if order.is_stop and matching.is_elected_by(order, trade.price):
                order.is_elected = True

    def _on_quote(self, quote: MarketQuote) -> None:
        for order in list(self._working.get(quote.symbol, {}).values()):
            if not order.is_stop and order.is_open:
                self._examine(order, quote)

    def _examine(self, order: SimOrder, quote: MarketQuote) -> None:
        """Fill what this quote can fill."""
        if self._market.is_halted(order.symbol, self._clock.now):
            return
        price = matching.execution_price(order, quote, self._session.date)
        if price is None:
            if matching.working_limit(order) is not None:
                order.rested_on = self._session.date
        else:
            self._trade_against(order, quote, price)

    def _trade_against(self, order: SimOrder, quote: MarketQuote, price: Decimal) -> None:
        leaves = self._leaves(order, price)
        qty = matching.executable_qty(leaves, self._quoted(order.side, quote))
        if order.time_in_force == "fok" and qty < leaves:
            return
        if order.time_in_force != "fok":
            qty = self._perhaps_partial(order, qty)
        if leaves <= ZERO:
            self.cancel_now(order)
        elif qty > ZERO and not self._is_affordable(order, qty * price):
            self._refuse_unaffordable(order)
        elif qty > ZERO:
            self._take(order.side, quote, qty)
            self._execute(order, price, qty, is_last=qty == leaves)

    def _leaves(self, order: SimOrder, price: Decimal) -> Decimal:
        leaves = order.leaves(price)
        if order.side == "sell" and order.is_notional:
            others = self.book.held_shares(order.symbol) - order.held_shares
            leaves = min(leaves, self.account.held(order.symbol) - others)
        return leaves

    def _quoted(self, side: str, quote: MarketQuote) -> Decimal:
        """Shares still to be had at this quote; what other orders took of the same quote is gone."""
        size = Decimal(quote.ask_size if side == "buy" else quote.bid_size)
        at, taken = self._taken.get((quote.symbol, side), (quote.at, ZERO))
        return max(ZERO, size - taken) if at == quote.at else size

    def _take(self, side: str, quote: MarketQuote, qty: Decimal) -> None:
        at, taken = self._taken.get((quote.symbol, side), (quote.at, ZERO))
        self._taken[quote.symbol, side] = (quote.at, qty + (taken if at == quote.at else ZERO))

    def _perhaps_partial(self, order: SimOrder, qty: Decimal) -> Decimal:
        mode = self._switches.partial_fills
        if mode == "never" or (mode == "always" and order.executions > 0):
            return qty
        if mode == "ten_percent" and draw(self._seed, "partial", order.seq, order.executions) >= _TEN_PERCENT:
            return qty
        share = draw(self._seed, "share", order.seq, order.executions)
        return matching.first_part(qty, share, is_fractional=order.is_fractional) or qty

    def _is_affordable(self, order: SimOrder, cost: Decimal) -> bool:
        """Whether cash pays for it without touching what other open buys need; accounts with margin may borrow."""
        if order.side == "sell" or self.account.max_multiplier > 1:
            return True
        others = self.book.reserved_cash() - order.reserved_cash
        return cost <= self.account.cash - others

    def _execute(self, order: SimOrder, price: Decimal, qty: Decimal, *, is_last: bool) -> None:
        now = self._clock.now
        order.filled_qty += qty
        order.filled_value += qty * price
        order.executions += 1
        order.filled_at = now
        position_qty = self.account.apply(self._session.date, order.symbol, order.side, qty, price)
        execution_id = uuid_for(self._seed, f"execution-{order.seq}", order.executions)
        leaves = ZERO if is_last else order.leaves(price)
        if is_last:
            self._close(order, "filled")
        else:
            order.status = "partially_filled"
            order.updated_at = now
        self.activities.add_fill(now, order, price, qty, leaves)
        event = "fill" if is_last else "partial_fill"
        self._emit(event, order, Execution(execution_id, price, qty, position_qty))

    def _delay(self, what: str, order: SimOrder) -> timedelta:
        low, high = CANCEL_DELAY_MS
        return timedelta(milliseconds=low + (high - low) * draw(self._seed, what, order.seq))

    def _emit(self, event: str, order: SimOrder, execution: Execution | None = None) -> None:
        self._event_count += 1
        self._publish(OrderEvent(event, self._clock.now, self._event_count, order, execution))


def _is_out_of_reach(order: SimOrder, bar: MarketBar) -> bool:
    """True when no trade of the bar reaches the order's price (bids lie below, asks above the trades)."""
    bound = order.stop_price if order.is_stop else matching.working_limit(order)
    if bound is None:
        return False
    wants_low = (order.side == "sell") == order.is_stop
    return bar.low > bound if wants_low else bar.high < bound


def gtc_expiry(created: datetime) -> datetime:
    """16:00 New York time on the 90th day after creation (alpaca-contract 3.5)."""
    day: date = new_york_date(created) + timedelta(days=GTC_DAYS)
    return new_york_time(day, 16)
