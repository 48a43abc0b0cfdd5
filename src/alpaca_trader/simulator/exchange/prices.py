"""What a share is worth at an instant: the last print, in the shares of that instant."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from alpaca_trader.simulator.exchange.orders import ONE
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.wire import new_york_time

_STEP: Final = Decimal("0.0001")
_SPLITS: Final = frozenset({"split", "stock_dividend"})
_BEGINS: Final = 4


def takes_effect(day: date) -> datetime:
    """When the corporate actions of an ex-date change shares and prices: 04:00 New York time."""
    return new_york_time(day, _BEGINS)


def split_ratio(market: Market, symbol: str, after: datetime, until: datetime, *, former: str | None = None) -> Decimal:
    """What one dollar of a price of `after` is in the shares of `until`: 0.5 where a share became two between them.

    `former` is the name the symbol had at `after`, where it was another.
    """
    ratio = ONE
    for action in market.corporate_actions(new_york_date(after), new_york_date(until)):
        if (
            action.symbol in {symbol, former}
            and action.kind in _SPLITS
            and after < takes_effect(action.ex_date) <= until
        ):
            ratio = ratio * action.old_rate / action.new_rate
    return ratio


def price_at(market: Market, symbol: str, at: datetime) -> Decimal | None:
    """The last trade's price at `at`; one from before a split in the shares after it, to a hundredth of a cent.

    None when the symbol never traded.
    """
    trade = market.last_trade(symbol, at)
    if trade is None or trade.at >= takes_effect(new_york_date(at)):
        return None if trade is None else trade.price
    ratio = split_ratio(market, symbol, trade.at, at, former=trade.symbol)
    return trade.price if ratio == ONE else (trade.price * ratio).quantize(_STEP, ROUND_HALF_UP)
