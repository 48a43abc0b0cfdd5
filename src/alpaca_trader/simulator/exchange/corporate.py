"""The registrar: what corporate actions do to the positions, the cash and the open orders of one account (domain 7.7).

Actions take effect at 04:00 New York time of their ex-date. Open orders keep their prices, which are not adjusted
(alpaca-contract 3.6); what can no longer be executed is canceled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from alpaca_trader.simulator.exchange.account import Account
from alpaca_trader.simulator.exchange.activities import Activities
from alpaca_trader.simulator.exchange.book import OrderBook
from alpaca_trader.simulator.exchange.life import OrderLife
from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.market.model import CorporateAction, Market
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import CENT, NANO


@dataclass(frozen=True, slots=True)
class _Due:
    """A cash dividend that is owed since its ex-date."""

    action: CorporateAction
    qty: Decimal


class Registrar:
    """Applies corporate actions to one account."""

    def __init__(
        self,
        market: Market,
        timeline: Timeline,
        switches: Switches,
        account: Account,
        book: OrderBook,
        activities: Activities,
        life: OrderLife,
    ) -> None:
        self._market = market
        self._clock = timeline
        self._pays_dividends = account.profile.has_dividends or switches.paper_dividends
        self._account = account
        self._book = book
        self._activities = activities
        self._life = life
        self._read_until: date | None = None
        self._owed: list[_Due] = []

    def begin_day(self, day: date) -> None:
        """Apply what has its ex-date since the trading day before, and pay the dividends that are due."""
        first = day if self._read_until is None else self._read_until + timedelta(days=1)
        self._read_until = day
        for action in self._market.corporate_actions(first, day):
            if action.kind != "cash_dividend" or self._pays_dividends:
                self.apply(action)
        due = [owed for owed in self._owed if owed.action.payable_date <= day]
        self._owed = [owed for owed in self._owed if owed.action.payable_date > day]
        for owed in due:
            self._pay(owed)

    def apply(self, action: CorporateAction) -> None:
        """Apply one action now, to what is held."""
        qty = self._account.held(action.symbol)
        by_kind: dict[str, Callable[[CorporateAction, Decimal], None]] = {
            "split": self._split,
            "stock_dividend": self._split,
            "cash_dividend": self._dividend,
            "rename": self._rename,
            "delisting": self._delist,
        }
        by_kind[action.kind](action, qty)

    def _split(self, action: CorporateAction, qty: Decimal) -> None:
        """`old_rate` shares become `new_rate`; a fraction the asset cannot have leaves with its cost, paid at the last price before."""
        if qty == ZERO:
            return
        symbol, now = action.symbol, self._clock.now
        before = self._price(symbol) or self._account.positions[symbol].average
        exact = (qty * action.new_rate / action.old_rate).quantize(NANO, ROUND_DOWN)
        self._account.reshape(now, symbol, shares=exact)
        text = f"{action.new_rate.normalize():f} for {action.old_rate.normalize():f}"
        self._note("SPLIT", action, ZERO, qty=exact - qty, description=f"stock split {text}")
        can_hold_fractions = qty > ZERO and self._is_fractionable(symbol)
        fraction = ZERO if can_hold_fractions else exact - exact.to_integral_value(ROUND_DOWN)
        if fraction != ZERO:
            paid = (fraction * before * action.old_rate / action.new_rate).quantize(CENT, ROUND_HALF_UP)
            self._account.give_up(now, symbol, fraction)
            self._account.add_cash(now, paid)
            self._note("CIL", action, paid, qty=-fraction, description="cash in lieu of a fraction")
        self._cancel_excess(symbol)

    def _dividend(self, action: CorporateAction, qty: Decimal) -> None:
        """Whoever holds at the ex-date is owed the dividend; a short position owes it. Open sell stops keep their prices."""
        if qty == ZERO:
            return
        owed = _Due(action, qty)
        if action.payable_date <= action.ex_date:
            self._pay(owed)
        else:
            self._owed.append(owed)

    def _pay(self, owed: _Due) -> None:
        amount = (owed.qty * owed.action.cash).quantize(CENT, ROUND_HALF_UP)
        self._account.add_cash(self._clock.now, amount)
        cash = owed.action.cash
        self._note("DIV", owed.action, amount, qty=owed.qty, per_share=cash, description="cash dividend")

    def is_free(self, symbol: str) -> bool:
        """Whether shares may get this name: it has neither a position nor an open order."""
        return self._account.held(symbol) == ZERO and not self._book.open_orders(symbol)

    def _rename(self, action: CorporateAction, qty: Decimal) -> None:
        """The shares go on under the new symbol, orders under the old one end; where the new name is in use, nothing happens."""
        if action.new_symbol is not None and not self.is_free(action.new_symbol):
            return
        for order in self._book.open_orders(action.symbol):
            if order.is_open:
                self._life.cancel(order)
        if qty == ZERO or action.new_symbol is None:
            return
        self._account.reshape(self._clock.now, action.symbol, shares=qty, new_symbol=action.new_symbol)
        text = f"{action.symbol} is now {action.new_symbol}"
        self._note("NC", action, ZERO, qty=-qty, description=text)
        self._note("NC", action, ZERO, qty=qty, description=text, symbol=action.new_symbol)

    def _delist(self, action: CorporateAction, qty: Decimal) -> None:
        """The shares are taken away for `cash` dollars each."""
        for order in self._book.open_orders(action.symbol):
            if order.is_open:
                self._life.cancel(order)
        if qty == ZERO:
            return
        amount = (qty * action.cash).quantize(CENT, ROUND_HALF_UP)
        self._account.reshape(self._clock.now, action.symbol, shares=ZERO)
        self._account.add_cash(self._clock.now, amount)
        self._note("REORG", action, amount, qty=-qty, per_share=action.cash, description="delisted")

    def _cancel_excess(self, symbol: str) -> None:
        """Cancel closing orders, newest first, until they no longer ask for more than is held."""
        for order in reversed(self._book.open_orders(symbol)):
            if self._book.held_shares(symbol) <= abs(self._account.held(symbol)):
                return
            if order.is_open and order.held_shares > ZERO:
                self._life.cancel(order)

    def _is_fractionable(self, symbol: str) -> bool:
        return any(asset.fractionable for asset in self._market.assets() if asset.symbol == symbol)

    def _price(self, symbol: str) -> Decimal | None:
        trade = self._market.last_trade(symbol, self._clock.now)
        return None if trade is None else trade.price

    def _note(
        self,
        kind: str,
        action: CorporateAction,
        amount: Decimal,
        *,
        qty: Decimal,
        description: str,
        per_share: Decimal | None = None,
        symbol: str | None = None,
    ) -> None:
        self._activities.add(
            kind,
            self._clock.now,
            action.ex_date,
            amount,
            symbol=symbol or action.symbol,
            qty=qty,
            per_share=per_share,
            description=description,
        )
