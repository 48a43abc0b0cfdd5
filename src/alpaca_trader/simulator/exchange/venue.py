"""The venue: the days of one account's orders. Queues, crosses, delays, expiry, the end of the day, corporate actions.

At one instant the ticks come first, then the timers, each in a fixed order; nothing happens between instants.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from alpaca_trader.simulator.exchange import sessions, trailing
from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import Activities
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.corporate import Registrar
from alpaca_trader.simulator.exchange.floor import TradingFloor
from alpaca_trader.simulator.exchange.ids import draw
from alpaca_trader.simulator.exchange.life import OrderLife, Publish
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.exchange.prices import price_at
from alpaca_trader.simulator.exchange.sessions import Phase, phase_of
from alpaca_trader.simulator.exchange.slippage import Slippage
from alpaca_trader.simulator.faults.board import AccountFaults
from alpaca_trader.simulator.market.model import Cross, Market
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline

ACCEPT_DELAY: Final = timedelta(milliseconds=3)
"""From the POST until the order is `new`: paper takes 3-4 ms."""
CANCEL_DELAY_MS: Final = (5, 25)
"""From a DELETE or PATCH until it takes effect (milliseconds), long enough for a fill to win the race."""
EXPIRY_DELAY: Final = timedelta(milliseconds=500)
"""From the close until DAY orders expire."""
SETTLE_DELAY: Final = timedelta(seconds=1)
"""From the close until fees are charged and the day's equity is taken."""


class Venue:
    """Makes time pass for one account's orders."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        switches: Switches,
        slippage: Slippage,
        seed: int,
        account: Account,
        faults: AccountFaults,
        publish: Publish,
    ) -> None:
        self.account = account
        self.book = OrderBook()
        self.activities = Activities(seed)
        self._market = market
        self._clock = timeline
        self._switches = switches
        self._seed = seed
        self._faults = faults
        self._priced_at: datetime | None = None
        self._prices: dict[str, Decimal | None] = {}
        self._session = sessions.next_session(market, timeline.now, extended=True)
        self._floor = TradingFloor(
            market, timeline, switches, slippage, seed, account, self.book, self.activities, faults, self._session
        )
        self.life = OrderLife(self.book, timeline, switches, publish, self._floor)
        self._floor.attend(self.life, self._begin)
        self.registrar = Registrar(market, timeline, switches, account, self.book, self.activities, self.life)
        self._queued: list[SimOrder] = []
        self._in_cross: list[SimOrder] = []
        self._schedule_day()
        timeline.add_venue(self._floor)

    # Questions

    @property
    def phase(self) -> Phase:
        """The phase of the trading day now."""
        return phase_of(self._session, self._clock.now)

    @property
    def is_open(self) -> bool:
        """True during regular hours, half-open at the close."""
        return self.phase == "regular"

    def trades_now(self, *, extended: bool, tif: str) -> bool:
        """Whether an order sent now goes to the market at once, instead of waiting for a session or a cross."""
        if tif in {"opg", "cls"}:
            return False
        return self.phase == "regular" or (extended and self.phase != "closed")

    def price(self, symbol: str) -> Decimal | None:
        """The last trade's price at this instant; None when the symbol never traded."""
        now = self._clock.now
        if now is not self._priced_at or not self._faults.is_quiet:
            # Looked up once an instant, except where a fault may change the market within one.
            self._prices.clear()
            self._priced_at = now if self._faults.is_quiet else None
        if symbol not in self._prices:
            self._prices[symbol] = price_at(self._market, symbol, now)
        return self._prices[symbol]

    def opening_price(self, symbol: str) -> Decimal | None:
        """The price of the running or coming session's opening cross; None when the symbol has none."""
        auction = self._market.auction(symbol, self._session.date, "open")
        return None if auction is None else auction.price

    def expiry(self, tif: str, *, extended: bool) -> datetime:
        """`expires_at` of an order sent now; the usual case without a search for its session."""
        hours, now = self._session, self._clock.now
        if tif not in {"gtc", "opg"} and (hours.post_close if extended else hours.close) > now:
            return hours.post_close if extended else hours.close
        return sessions.expiry(self._market, now, tif, extended=extended)

    # The day

    def _schedule_day(self) -> None:
        """Set the timers of the session that has begun or comes next."""
        hours, now = self._session, self._clock.now
        if hours.pre_open > now:
            self._clock.at(hours.pre_open, self._begin_day)
        else:
            self._begin_day()
        if hours.open > now:
            self._clock.at(hours.open, self._open)
            self._clock.at(hours.open + sessions.OPENING_REST, partial(self._end_cross, "opg"))
        if hours.close + EXPIRY_DELAY > now:
            self._clock.at(hours.close, self._close)
            self._clock.at(hours.close + EXPIRY_DELAY, partial(self._expire_day_orders, hours.close))
            self._clock.at(hours.close + SETTLE_DELAY, self._settle)
            self._clock.at(hours.close + sessions.CLOSING_REST, partial(self._end_cross, "cls"))
        self._clock.at(hours.post_close + EXPIRY_DELAY, partial(self._expire_day_orders, hours.post_close))
        self._clock.at(hours.post_close + SETTLE_DELAY, self._next_day)

    def _begin_day(self) -> None:
        day = self._session.date
        self.account.roll(day)
        self.account.day_trades.begin_day(day)
        self.registrar.begin_day(day)
        self._release([order for order in self._queued if order.extended_hours])

    def _open(self) -> None:
        """Orders sent before the cutoff meet in the opening cross; the others, and what it leaves, trade on."""
        waiting = [order for order in self._queued if order.time_in_force != "cls"]
        cutoff = self._session.open - sessions.OPENING_CUTOFF
        in_cross = [order for order in waiting if order.submitted_at < cutoff and not order.is_stop]
        self._run_cross("open", in_cross)
        self._release([order for order in waiting if order.is_open and order.time_in_force != "opg"])
        self._in_cross += [order for order in waiting if order.is_open and order.time_in_force == "opg"]
        self._queued = [order for order in self._queued if order.time_in_force == "cls"]

    def _close(self) -> None:
        in_cross = [order for order in self._queued if order.time_in_force == "cls"]
        self._run_cross("close", in_cross)
        self._in_cross += [order for order in in_cross if order.is_open]
        self._queued = [order for order in self._queued if order.time_in_force != "cls"]

    def _run_cross(self, cross: Cross, orders: list[SimOrder]) -> None:
        """Let orders trade at the auction's price, first come first served, up to the size of the auction."""
        left: dict[str, Decimal] = {}
        for order in orders:
            if not order.is_open:
                continue
            auction = self._market.auction(order.symbol, self._session.date, cross)
            if auction is None or auction.at > self._clock.now or self._market.is_halted(order.symbol, self._clock.now):
                continue
            self.life.acknowledge(order)
            size = left.setdefault(order.symbol, Decimal(auction.size))
            left[order.symbol] = size - self._floor.trade_in_cross(order, auction.price, size)

    def _end_cross(self, tif: str) -> None:
        """What a cross has left of its orders ends."""
        for order in self._in_cross:
            if order.is_open and order.time_in_force == tif:
                (self.life.expire if self._switches.auction_rest == "expired" else self.life.cancel)(order)
        self._in_cross = [order for order in self._in_cross if order.time_in_force != tif]

    def _release(self, orders: list[SimOrder]) -> None:
        released = {order.seq for order in orders}
        self._queued = [order for order in self._queued if order.seq not in released]
        for order in orders:
            if order.is_open:
                self._begin(order)

    def _expire_day_orders(self, end: datetime) -> None:
        for order in self.book.open_orders():
            if order.is_open and order.predecessor is None and order.time_in_force == "day" and order.expires_at <= end:
                (self.life.expire if self._switches.day_order_at_close == "expired" else self.life.cancel)(order)

    def _settle(self) -> None:
        """End of the regular day: charge the fees, take the equity, let interest accrue."""
        now, day = self._clock.now, self._session.date
        for kind, amount in self.account.charge_fees(now).items():
            text = f"{kind} fee of {day.isoformat()}"
            self.activities.add("FEE", now, day, -amount, sub_type=kind, description=text)
        following = sessions.session_after(self._market, day).date
        self.account.accrue_interest((following - day).days)
        if following.month != day.month and (interest := self.account.charge_interest(now)):
            self.activities.add("INT", now, day, -interest, description="margin interest")
        self.account.snapshot_close(day, self.price)

    def _next_day(self) -> None:
        self._session = sessions.next_session(self._market, self._clock.now, extended=True)
        self._floor.begin_day(self._session)
        self._schedule_day()

    def reread(self, symbol: str) -> None:
        """Read the symbol's tape and price afresh."""
        self._priced_at = None
        self._floor.reread(symbol)

    # Commands, already checked

    def accept(self, order: SimOrder) -> None:
        """Take a new order and its legs onto the books: to work now, or queued for its session or cross."""
        members = order.members()
        for member in members:
            self._enter(member)
        for member in members if order.order_class == "oco" else [order]:
            self._send(member)

    def _enter(self, order: SimOrder) -> None:
        """Put an order on the books; one that is good till canceled is so for 90 days."""
        self.book.add(order)
        if order.time_in_force == "gtc":
            self._clock.at(sessions.gtc_job(order.expires_at), partial(self._if_open, order, self.life.cancel))

    def _send(self, order: SimOrder) -> None:
        if self.trades_now(extended=order.extended_hours, tif=order.time_in_force):
            self._begin(order)
        else:
            self._queued.append(order)
            if self._switches.emit_accepted:
                self.life.emit("accepted", order)

    def request_cancel(self, order: SimOrder) -> None:
        """The order is canceled after a moment, unless it is done before."""
        if self._faults.strikes("cancel.ignored", symbol=order.symbol):
            return
        order.cancel_requested_at = self._clock.now
        order.status = "pending_cancel"
        order.updated_at = self._clock.now
        self._clock.at(self._clock.now + self._delay("cancel", order), partial(self._finish_cancel, order))

    def request_replace(self, order: SimOrder, successor: SimOrder) -> None:
        """`successor` takes the place of `order` after a moment, unless that is done before."""
        self._enter(successor)
        if order.status == "held":
            successor.status = "held"
            self.life.replace(order, successor)
            return
        order.successor, successor.predecessor = successor, order
        order.status = "pending_replace"
        order.updated_at = self._clock.now
        delay = self._delay("replace", order)
        self._clock.at(self._clock.now + delay, partial(self._finish_replace, order, successor))

    # How they are carried out

    def _begin(self, order: SimOrder) -> None:
        """Send an order to the market: acknowledged after 3 ms, at work after its latency."""
        if self._faults.strikes("order.stuck", symbol=order.symbol):
            return
        low, high = self._switches.latency_ms
        latency = timedelta(microseconds=round(1000 * (low + (high - low) * draw(self._seed, "latency", order.seq))))
        now = self._clock.now
        at_work, acknowledged = now + max(ACCEPT_DELAY, latency), now + ACCEPT_DELAY
        if late := self._faults.strikes("fill.late", symbol=order.symbol):
            at_work += timedelta(seconds=float(late.get("seconds", 30)))
        if self._faults.strikes("fill.before_ack", symbol=order.symbol):
            self._clock.at(at_work + ACCEPT_DELAY, partial(self.life.acknowledge_late, order))
        else:
            self._clock.at(acknowledged, partial(self._if_open, order, self.life.acknowledge))
        if rejected := self._faults.strikes("order.reject_later", symbol=order.symbol):
            after = timedelta(seconds=float(rejected.get("seconds", 1)))
            self._clock.at(now + after, partial(self._if_open, order, self.life.reject))
        else:
            order.works_from = at_work
            self._clock.at(at_work, partial(self._if_open, order, self._floor.put_to_work))
        if expired := self._faults.strikes("order.expire_early", symbol=order.symbol):
            after = timedelta(seconds=float(expired.get("seconds", 60)))
            self._clock.at(now + after, partial(self._if_open, order, self.life.expire))

    def _if_open(self, order: SimOrder, action: Callable[[SimOrder], None]) -> None:
        if order.is_open:
            action(order)

    def _finish_cancel(self, order: SimOrder) -> None:
        if order.is_open and self._faults.strikes("cancel.loses_race", symbol=order.symbol):
            self._floor.force(order)
        if order.is_open:
            self.life.cancel(order)
        elif order.status != "canceled":
            self.life.emit("order_cancel_rejected", order)

    def _finish_replace(self, order: SimOrder, successor: SimOrder) -> None:
        if order.is_open and self._faults.strikes("replace.loses_race", symbol=order.symbol):
            self._floor.force(order)
        order.successor, successor.predecessor = None, None
        total = successor.qty
        assert total is not None, "notional orders are never replaced"
        if not successor.is_open:
            return
        if not order.is_open or total <= order.filled_qty:
            self.life.reject_replacement(order, successor)
            return
        if order.order_class:
            successor.qty = order.qty  # a sibling that traded meanwhile has made the order smaller
        self.life.replace(order, successor)
        if successor.time_in_force in {"opg", "cls"}:
            self._in_cross.append(successor)  # its cross is over, and it ends with what that has left
            return
        if successor.is_trailing and successor.hwm is not None:
            trailing.follow(successor, successor.hwm)
        if successor.works_from is not None and successor.works_from > self._clock.now:
            self._clock.at(successor.works_from, partial(self._if_open, successor, self._floor.put_to_work))
        else:
            self._floor.put_to_work(successor)

    def _delay(self, what: str, order: SimOrder) -> timedelta:
        low, high = CANCEL_DELAY_MS
        return timedelta(milliseconds=low + (high - low) * draw(self._seed, what, order.seq))
