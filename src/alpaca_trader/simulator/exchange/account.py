"""The money: cash, positions, accrued fees and interest, settlement, and the snapshot of the last close.

Cash is exact inside and whole cents on the wire, so that rounding never adds up over a day of fills. Every change of
cash or of a holding adds an entry to the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from alpaca_trader.simulator.exchange.day_trades import DayTrades
from alpaca_trader.simulator.exchange.fees import FeeAccrual
from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.exchange.positions import Position
from alpaca_trader.simulator.profiles import Profile
from alpaca_trader.simulator.wire import CENT

MARGIN_MINIMUM: Final = Decimal(2000)
"""Below this equity the broker grants no margin and no shorting (alpaca-contract 2.2)."""
MARGIN_RATE: Final = Decimal("0.065")
"""Yearly interest on a settled debit balance, counted over 360 days (alpaca-contract 3.15)."""
_INITIAL_MARGIN: Final = Decimal("0.5")
_MAINTENANCE_MARGIN: Final = Decimal("0.3")
_DAY_TRADING_MULTIPLIER: Final = 4
_INTEREST_DAYS: Final = 360

Prices = Callable[[str], Decimal | None]
"""Current price of a symbol; None when it never traded."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Cash in dollars and shares by symbol (short ones negative) from `at` on, until the next entry."""

    at: datetime
    cash: Decimal
    holdings: Mapping[str, Decimal]


class AccountView(NamedTuple):
    """The account at one instant, unrounded dollars; the value of short positions is negative."""

    cash: Decimal
    long_market_value: Decimal
    short_market_value: Decimal
    equity: Decimal
    last_equity: Decimal
    balance_asof: date
    multiplier: int
    buying_power: Decimal
    regt_buying_power: Decimal
    non_marginable_buying_power: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    last_maintenance_margin: Decimal
    accrued_fees: Decimal
    pending_taf_fees: Decimal
    flows_today: Decimal
    shorting_enabled: bool
    day_trades: int

    @property
    def market_value(self) -> Decimal:
        """Dollars all positions are worth, the short ones negative."""
        return self.long_market_value + self.short_market_value


@dataclass(slots=True)
class Close:
    """The account as it stood at a session's close; `exposure` counts short positions as positive."""

    day: date
    equity: Decimal
    exposure: Decimal
    maintenance_margin: Decimal


@dataclass(slots=True)
class Account:
    """Cash and positions of one account. `max_multiplier` and `may_short` follow the account configuration."""

    profile: Profile
    cash: Decimal
    last_close: Close
    max_multiplier: int
    may_short: bool
    ledger: list[LedgerEntry]
    positions: dict[str, Position] = field(default_factory=dict)
    accrual: FeeAccrual = field(default_factory=FeeAccrual)
    interest: Decimal = ZERO
    """Interest on a debit balance that is owed and not booked yet."""
    day_trades: DayTrades = field(default_factory=DayTrades)
    pending_close: Close | None = None
    flows: Decimal = ZERO
    """Deposits less withdrawals since `last_close` was taken."""
    late_flows: Decimal = ZERO
    """Those of them since `pending_close` was taken."""
    unsettled: dict[date, Decimal] = field(default_factory=dict)
    """Dollars of executions that have not settled, by settlement date."""

    @classmethod
    def opened(cls, profile: Profile, balance_asof: date, at: datetime) -> Account:
        """A fresh account that holds only its profile's cash since the session `balance_asof`."""
        close = Close(balance_asof, profile.cash, ZERO, ZERO)
        ledger = [LedgerEntry(at, profile.cash, {})]
        return cls(profile, profile.cash, close, profile.multiplier, profile.may_short, ledger)

    # Changes

    def apply(
        self, at: datetime, day: date, settles: date, symbol: str, side: str, qty: Decimal, price: Decimal
    ) -> Decimal:
        """Book one execution of `qty` shares at `price`, settling on `settles`; returns the signed shares held afterwards."""
        value = qty * price
        position = self.positions.setdefault(symbol, Position(symbol))
        signed = qty if side == "buy" else -qty
        self.day_trades.note(day, symbol, is_opening=position.qty * signed >= ZERO)
        position.trade(day, signed, value)
        change = -value if side == "buy" else value
        self.cash += change
        self.unsettled[settles] = self.unsettled.get(settles, ZERO) + change
        if self.profile.has_fees:
            self.accrual.add(day, side, qty, price)
        if position.qty == ZERO:
            del self.positions[symbol]
        self._note(at)
        return position.qty

    def add_cash(self, at: datetime, amount: Decimal, *, is_flow: bool = False) -> None:
        """Book dollars that no execution brought or took: a fee, a dividend, interest, or (`is_flow`) a transfer."""
        self.cash += amount
        if is_flow:
            self.flows += amount
            self.late_flows += amount
        self._note(at)

    def reshape(self, at: datetime, symbol: str, *, shares: Decimal, new_symbol: str | None = None) -> None:
        """Give a position another number of shares, or another symbol, without touching cash or cost."""
        position = self.positions.pop(symbol)
        if shares != ZERO:
            position.scale(shares)
            position.symbol = new_symbol or symbol
            self.positions[position.symbol] = position
        self._note(at)

    def give_up(self, at: datetime, symbol: str, shares: Decimal) -> None:
        """Take shares (signed as the position) away with what they cost, without touching cash."""
        position = self.positions[symbol]
        position.give_up(abs(shares))
        if position.qty == ZERO:
            del self.positions[symbol]
        self._note(at)

    def _note(self, at: datetime) -> None:
        holdings = {symbol: position.qty for symbol, position in self.positions.items()}
        self.ledger.append(LedgerEntry(at, self.cash, holdings))

    def charge_fees(self, at: datetime) -> Mapping[str, Decimal]:
        """Take the day's accrued fees out of cash and start a new day; returns dollars by fee type."""
        due = self.accrual.due()
        self.accrual = FeeAccrual()
        if due:
            self.add_cash(at, -sum(due.values(), ZERO))
        return due

    def accrue_interest(self, days: int) -> None:
        """Add the interest of `days` days on a settled debit balance."""
        debit = -min(self.settled_cash, ZERO)
        self.interest += debit * MARGIN_RATE * days / _INTEREST_DAYS

    def charge_interest(self, at: datetime) -> Decimal:
        """Take the interest owed out of cash, in whole cents; returns the dollars taken."""
        due = self.interest.quantize(CENT, ROUND_HALF_UP)
        self.interest = ZERO
        if due:
            self.add_cash(at, -due)
        return due

    def snapshot_close(self, day: date, prices: Prices) -> None:
        """Remember the account at the close of `day` and end the day of every position; it shows when the account rolls."""
        equity = self.cash + self.market_value(prices)
        exposure = self.exposure(prices)
        multiplier = self._multiplier(equity)
        self.pending_close = Close(day, equity, exposure, _maintenance(multiplier, exposure))
        self.late_flows = ZERO
        for position in self.positions.values():
            position.end_day(value_of(position, prices))

    def roll(self, day: date) -> None:
        """Begin the trading day `day`: show the last close's snapshot as the previous day's balance, let what is due settle."""
        if self.pending_close is not None:
            self.last_close, self.pending_close = self.pending_close, None
            self.flows = self.late_flows
        self.unsettled = {settles: amount for settles, amount in self.unsettled.items() if settles > day}

    # Questions

    def held(self, symbol: str) -> Decimal:
        """Shares held of a symbol, negative when short."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.qty

    def market_value(self, prices: Prices) -> Decimal:
        """Dollars all positions are worth, short ones negative; one that never traded counts at cost."""
        return sum((value_of(position, prices) for position in self.positions.values()), ZERO)

    def exposure(self, prices: Prices) -> Decimal:
        """Dollars at risk: long and short positions added up."""
        return sum((abs(value_of(position, prices)) for position in self.positions.values()), ZERO)

    @property
    def settled_cash(self) -> Decimal:
        """Cash without what executions have still to bring or take."""
        return self.cash - sum(self.unsettled.values(), ZERO)

    def withdrawable(self, reserved: Decimal) -> Decimal:
        """Dollars that may leave the account: settled, and not needed for executions or `reserved` by open orders."""
        return max(min(self.settled_cash, self.cash) - reserved, ZERO)

    def view(self, prices: Prices, reserved: Decimal) -> AccountView:
        """The account at current prices, with `reserved` dollars kept by open orders."""
        long_value = short_value = ZERO
        for position in self.positions.values():
            value = value_of(position, prices)
            if value > ZERO:
                long_value += value
            else:
                short_value += value
        exposure = long_value - short_value
        equity = self.cash + long_value + short_value
        multiplier = self._multiplier(equity)
        initial = exposure if multiplier == 1 else exposure * _INITIAL_MARGIN
        regt = max(equity - exposure * _INITIAL_MARGIN, ZERO) * min(multiplier, 2) if multiplier > 1 else self.cash
        power = self._buying_power(multiplier, exposure, regt)
        dues = self.accrual.due()
        return AccountView(
            cash=self.cash,
            long_market_value=long_value,
            short_market_value=short_value,
            equity=equity,
            last_equity=self.last_close.equity,
            balance_asof=self.last_close.day,
            multiplier=multiplier,
            buying_power=max(power - reserved, ZERO),
            regt_buying_power=max(regt - reserved, ZERO),
            non_marginable_buying_power=self.withdrawable(reserved),
            initial_margin=initial,
            maintenance_margin=_maintenance(multiplier, exposure),
            last_maintenance_margin=self.last_close.maintenance_margin,
            accrued_fees=sum(dues.values(), ZERO),
            pending_taf_fees=dues.get("TAF", ZERO),
            flows_today=self.flows,
            shorting_enabled=self.may_short and equity >= MARGIN_MINIMUM,
            day_trades=self.day_trades.recent,
        )

    def multiplier(self, prices: Prices) -> int:
        """Times its equity that the account may hold now: 1 without margin."""
        return 1 if self.max_multiplier == 1 else self._multiplier(self.cash + self.market_value(prices))

    def _buying_power(self, multiplier: int, exposure: Decimal, regt: Decimal) -> Decimal:
        """Source: alpaca-contract 2.2. At multiplier 4 the day starts with 4 x the excess of the last close, less what was added since."""
        if multiplier == 1:
            return self.cash
        if multiplier < _DAY_TRADING_MULTIPLIER:
            return regt
        close = self.last_close
        excess = close.equity + self.flows - close.maintenance_margin
        return excess * multiplier - max(exposure - close.exposure, ZERO)

    def _multiplier(self, equity: Decimal) -> int:
        return self.max_multiplier if equity >= MARGIN_MINIMUM else 1


def _maintenance(multiplier: int, exposure: Decimal) -> Decimal:
    return exposure if multiplier == 1 else exposure * _MAINTENANCE_MARGIN


def value_of(position: Position, prices: Prices) -> Decimal:
    """Market value of a position in dollars, negative when short; at cost when the symbol never traded."""
    price = prices(position.symbol)
    return position.cost if price is None else position.qty * price
