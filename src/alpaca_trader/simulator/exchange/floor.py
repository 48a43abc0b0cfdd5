"""The floor: orders at work meet the quotes and trades of the tape; every execution happens here.

An order works in regular hours, in extended hours too when it asked for them; stops are elected in regular hours only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from alpaca_trader.simulator.exchange import matching, trailing
from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import Activities
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.ids import draw, uuid_for
from alpaca_trader.simulator.exchange.life import Execution, OrderLife
from alpaca_trader.simulator.exchange.orders import ZERO, SimOrder
from alpaca_trader.simulator.exchange.prices import price_at
from alpaca_trader.simulator.exchange.sessions import phase_of, session_after
from alpaca_trader.simulator.exchange.slippage import Slippage, slipped
from alpaca_trader.simulator.exchange.tape import Tape
from alpaca_trader.simulator.faults.board import AccountFaults
from alpaca_trader.simulator.market.calendar import SessionHours
from alpaca_trader.simulator.market.model import Market, MarketBar, MarketQuote, MarketTrade
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline

_TEN_PERCENT: Final = 0.1
_MICROSECOND: Final = timedelta(microseconds=1)

OrderAction = Callable[[SimOrder], None]


class TradingFloor:
    """Executes one account's orders. `hours` is the trading day it works in, set by the venue."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        switches: Switches,
        slippage: Slippage,
        seed: int,
        account: Account,
        book: OrderBook,
        activities: Activities,
        faults: AccountFaults,
        hours: SessionHours,
    ) -> None:
        self.hours, self._spans = hours, _spans(hours)
        self._market = market
        self._clock = timeline
        self._switches = switches
        self._slippage = slippage
        self._seed = seed
        self._account = account
        self._book = book
        self._activities = activities
        self._faults = faults
        self._tape = Tape(market, self._is_quiet)
        self._working: dict[str, dict[int, SimOrder]] = {}
        self._taken: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
        self._settles: dict[date, date] = {}

    def attend(self, life: OrderLife, begin: OrderAction) -> None:
        """Say who tells of orders, and how an order is sent to the market."""
        self._life = life
        self.begin = begin

    def begin_day(self, hours: SessionHours) -> None:
        """Work in another trading day."""
        self.hours, self._spans = hours, _spans(hours)
        self._taken.clear()

    # The timeline's ticks

    def reread(self, symbol: str) -> None:
        """Read the symbol's tape afresh."""
        self._tape.forget(symbol)

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The next tick in (after, until] of a symbol with an order that works in that phase."""
        if not self._working:
            return None
        for begin, end, is_regular in self._spans:
            first, last = max(after, begin), min(until, end)
            found = None
            for symbol, orders in self._working.items() if first < last else ():
                if is_regular or any(order.extended_hours for order in orders.values()):
                    moment = self._tape.next_at(symbol, first, last)
                    if moment is not None:
                        found = last = moment
            if found is not None:
                return found
        return None

    def process(self, moment: datetime) -> None:
        """Let the ticks of this instant elect and fill."""
        if not self._working or phase_of(self.hours, moment) == "closed":
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

    def _at_work(self, symbol: str, moment: datetime) -> Iterable[SimOrder]:
        """The symbol's orders that work in the phase of `moment`, in sequence of arrival."""
        phase = phase_of(self.hours, moment)
        orders = list(self._working.get(symbol, {}).values())
        return orders if phase == "regular" else [order for order in orders if order.extended_hours]

    def _is_quiet(self, symbol: str, bar: MarketBar) -> bool:
        """True when no price inside the bar can elect or fill any order at work."""
        # A limit comes to rest at the next quote, and takes its place in the queue there.
        today = self.hours.date
        return all(
            (order.rested_on == today or order.is_stop) and matching.is_out_of_reach(order, bar)
            for order in self._at_work(symbol, bar.start)
        )

    def _on_trade(self, trade: MarketTrade) -> None:
        """Elect stops; in regular hours alone, because none has asked for others."""
        quote = self._market.quote(trade.symbol, trade.at)
        for order in self._at_work(trade.symbol, trade.at):
            if order.is_stop and matching.is_inside(trade.price, quote):
                if matching.is_elected_by(order, trade.price):
                    order.is_elected = True
                elif order.is_trailing:
                    trailing.follow(order, trade.price)

    def _on_quote(self, quote: MarketQuote) -> None:
        if self._market.is_halted(quote.symbol, quote.at):
            return
        for order in self._at_work(quote.symbol, quote.at):
            if not order.is_stop and order.is_open:
                self._examine(order, quote)

    # Orders come and go

    def put_to_work(self, order: SimOrder) -> None:
        """Let an order meet the market from now on; a marketable one trades at once."""
        self._working.setdefault(order.symbol, {})[order.seq] = order
        self._tape.forget(order.symbol)
        if order.is_trailing and order.hwm is None:
            price = self._price(order.symbol)
            if price is not None:
                trailing.follow(order, price)
        quote = self._market.quote(order.symbol, self._clock.now)
        if quote is not None and not order.is_stop and self._may_trade(order):
            self._examine(order, quote)
        if order.is_open and order.time_in_force in {"ioc", "fok"}:
            self._life.cancel(order)

    def _may_trade(self, order: SimOrder) -> bool:
        """Whether the order could trade now: in its hours, in no halt, neither held nor kept for a cross."""
        if order.is_held or order.time_in_force in {"opg", "cls"}:
            return False
        phase = phase_of(self.hours, self._clock.now)
        is_on = phase == "regular" or (phase != "closed" and order.extended_hours)
        return is_on and not self._market.is_halted(order.symbol, self._clock.now)

    def stop_work(self, order: SimOrder) -> None:
        """Take an order that is done off the market."""
        working = self._working.get(order.symbol)
        if working is not None and working.pop(order.seq, None) is not None:
            self._tape.forget(order.symbol)
            if not working:
                del self._working[order.symbol]

    def free_shares(self, symbol: str) -> Decimal:
        """Shares held, long or short, that no open order keeps; negative when more is kept than held."""
        return abs(self._account.held(symbol)) - self._book.held_shares(symbol)

    def force(self, order: SimOrder) -> bool:
        """Let an order trade now as far as its limit and the quote allow, a stop as if it had been elected; True when it is done."""
        quote = self._market.quote(order.symbol, self._clock.now)
        price = ZERO if quote is None else matching.far_side(order.side, quote)
        is_possible = self._may_trade(order) and price > ZERO and matching.is_marketable(order, price)
        if not is_possible or not self._is_affordable(order, price * self._leaves(order, price)):
            return False
        order.is_elected = order.is_elected or order.is_stop
        self._trade(order, price, self._leaves(order, price))
        return not order.is_open

    # Matching

    def _examine(self, order: SimOrder, quote: MarketQuote) -> None:
        """Fill what this quote can fill."""
        price = matching.execution_price(order, quote, self.hours.date)
        if price is None:
            if matching.working_limit(order) is not None and order.rested_on != self.hours.date:
                order.rested_on = self.hours.date
                order.queue_ahead = matching.queue_ahead(order, quote)
        else:
            self._trade_against(order, quote, price)

    def _trade_against(self, order: SimOrder, quote: MarketQuote, price: Decimal) -> None:
        leaves = self._leaves(order, price)
        if leaves <= ZERO:
            self._life.cancel(order)
            return
        quoted = self._pass_queue(order, quote, self._quoted(order.side, quote))
        qty = matching.executable_qty(leaves, quoted)
        if order.time_in_force == "fok":
            qty = qty if qty == leaves else ZERO
        else:
            qty = self._perhaps_partial(order, qty)
        if qty <= ZERO:
            return
        # An order that has rested trades at its own limit, beyond which no slippage goes.
        against = self._slippage.per_share(
            price, qty, Decimal(quote.ask_size if order.side == "buy" else quote.bid_size)
        )
        price = slipped(order.side, price, against, matching.working_limit(order))
        qty = min(qty, self._leaves(order, price)) if order.is_notional else qty
        if not self._is_affordable(order, qty * price):
            self._refuse_unaffordable(order)
        elif qty > ZERO:
            self._take(order.side, quote, qty)
            self._trade(order, price, qty)

    def _leaves(self, order: SimOrder, price: Decimal) -> Decimal:
        """Shares still to trade; never more of a closing order than is held and not kept by others."""
        leaves = order.leaves(price)
        if order.is_closing:
            others = self._book.held_shares(order.symbol) - order.held_shares if order.is_notional else ZERO
            held = self._account.held(order.symbol)
            leaves = min(leaves, max(ZERO, held if order.side == "sell" else -held) - others)
        return leaves

    def _pass_queue(self, order: SimOrder, quote: MarketQuote, quoted: Decimal) -> Decimal:
        """What is left of a quote at a resting order's own price after those who stood before it; a quote beyond it has passed them."""
        if order.queue_ahead <= ZERO or order.rested_on != self.hours.date:
            return quoted
        if matching.far_side(order.side, quote) != matching.working_limit(order):
            order.queue_ahead = ZERO
            return quoted
        passed = min(order.queue_ahead, quoted)
        order.queue_ahead -= passed
        return quoted - passed

    def _quoted(self, side: str, quote: MarketQuote) -> Decimal:
        """Shares still to be had at this quote; what other orders took of the same quote is gone."""
        size = Decimal(quote.ask_size if side == "buy" else quote.bid_size)
        at, taken = self._taken.get((quote.symbol, side), (quote.at, ZERO))
        return max(ZERO, size - taken) if at == quote.at else size

    def _take(self, side: str, quote: MarketQuote, qty: Decimal) -> None:
        at, taken = self._taken.get((quote.symbol, side), (quote.at, ZERO))
        self._taken[quote.symbol, side] = (quote.at, qty + (taken if at == quote.at else ZERO))

    def _perhaps_partial(self, order: SimOrder, qty: Decimal) -> Decimal:
        fault = self._faults.strikes("fill.partial", symbol=order.symbol)
        if fault is not None:
            share = float(fault.get("share", 0.5))
            return matching.first_part(qty, (share - 0.1) / 0.8, is_fractional=order.is_fractional) or qty
        mode = self._switches.partial_fills
        if mode == "never" or (mode == "always" and order.executions > 0):
            return qty
        if mode == "ten_percent" and draw(self._seed, "partial", order.seq, order.executions) >= _TEN_PERCENT:
            return qty
        share = draw(self._seed, "share", order.seq, order.executions)
        return matching.first_part(qty, share, is_fractional=order.is_fractional) or qty

    def _is_affordable(self, order: SimOrder, cost: Decimal) -> bool:
        """Whether cash pays for it without touching what other open buys need; accounts with margin may borrow."""
        if order.position_intent != "buy_to_open" or self._account.multiplier(self._price) > 1:
            return True
        others = self._book.reserved_cash() - order.reserved_cash
        return cost <= self._account.cash - others

    def _price(self, symbol: str) -> Decimal | None:
        return price_at(self._market, symbol, self._clock.now)

    def _refuse_unaffordable(self, order: SimOrder) -> None:
        """The price ran away from an order that cash alone must pay: nothing more of it is bought."""
        (self._life.cancel if order.filled_qty > ZERO else self._life.reject)(order)

    def trade_in_cross(self, order: SimOrder, price: Decimal, size: Decimal) -> Decimal:
        """Let an order trade in an auction at its price, at most `size` shares; returns what it took."""
        leaves = self._leaves(order, price)
        qty = matching.executable_qty(leaves, size)
        if qty <= ZERO or not matching.is_marketable(order, price) or order.is_stop:
            return ZERO
        if not self._is_affordable(order, qty * price):
            self._refuse_unaffordable(order)
            return ZERO
        self._trade(order, price, qty)
        return qty

    def _trade(self, order: SimOrder, price: Decimal, qty: Decimal) -> None:
        """One execution: books, activity, news."""
        now, day = self._clock.now, self.hours.date
        if qty <= ZERO:
            return
        is_last = qty >= self._leaves(order, price) if order.qty is None else order.filled_qty + qty == order.qty
        order.filled_qty += qty
        order.filled_value += qty * price
        order.executions += 1
        order.filled_at = now
        settles = self._settles.get(day)
        if settles is None:
            settles = self._settles[day] = session_after(self._market, day).date
        position_qty = self._account.apply(now, day, settles, order.symbol, order.side, qty, price)
        execution = Execution(
            uuid_for(self._seed, f"execution-{order.seq}", order.executions), price, qty, position_qty, settles
        )
        leaves = ZERO if is_last else order.leaves(price)
        status = "filled" if is_last else "partially_filled"
        self._activities.add_fill(now, order, execution.id, price, qty, leaves, status)
        self._life.filled(order, execution, is_last=is_last)


def _spans(hours: SessionHours) -> Sequence[tuple[datetime, datetime, bool]]:
    """The phases of a day: just before each begins, just before it ends, and whether it is the regular one."""
    edges = [edge - _MICROSECOND for edge in (hours.pre_open, hours.open, hours.close, hours.post_close)]
    return [(begin, end, begin == edges[1]) for begin, end in pairwise(edges)]
