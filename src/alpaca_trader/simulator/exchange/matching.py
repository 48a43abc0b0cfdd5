"""When an order trades and at what price: functions of the order, the quote and the tape alone.

A market order pays the far side of the quote; a limit order that is marketable
on arrival gets the quote, one that has rested in this session gets its own limit; a stop waits for a trade at or
through its price and then takes the next quote, so that a gap goes through it.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from alpaca_trader.simulator.exchange.orders import ZERO, SimOrder
from alpaca_trader.simulator.market.model import MarketQuote
from alpaca_trader.simulator.wire import CENT, NANO

_COLLAR_BOUNDARY = Decimal(50)
_COLLAR_BELOW = Decimal("1.04")
_COLLAR_FROM = Decimal("1.025")


def collar(price: Decimal) -> Decimal:
    """The most a buy without a limit may pay: 4 % above `price` below $50, 2.5 % from $50 on (alpaca-contract 3.7)."""
    factor = _COLLAR_BELOW if price < _COLLAR_BOUNDARY else _COLLAR_FROM
    return (price * factor).quantize(CENT, ROUND_HALF_UP)


def is_elected_by(order: SimOrder, trade_price: Decimal) -> bool:
    """True when a trade at this price is at or through the stop price (sell: at or below, buy: at or above)."""
    assert order.stop_price is not None, "only stop orders are elected"
    return trade_price <= order.stop_price if order.side == "sell" else trade_price >= order.stop_price


def working_limit(order: SimOrder) -> Decimal | None:
    """The worst price the order accepts now: its limit, or the collar of an elected buy stop; None for no bound."""
    if order.limit_price is not None:
        return order.limit_price
    if order.stop_price is not None and order.side == "buy":
        return collar(order.stop_price)
    return None


def execution_price(order: SimOrder, quote: MarketQuote, session: date) -> Decimal | None:
    """Price at which the order trades against this quote; None when it is not marketable or there is no quote on that side.

    Source: alpaca-contract 3.14 (fills only when marketable against the NBBO), without price improvement.
    """
    far_side = quote.ask if order.side == "buy" else quote.bid
    if far_side <= ZERO:
        return None
    limit = working_limit(order)
    if limit is None:
        return far_side
    is_marketable = far_side <= limit if order.side == "buy" else far_side >= limit
    if not is_marketable:
        return None
    return limit if order.rested_on == session else far_side


def executable_qty(leaves: Decimal, quoted: Decimal) -> Decimal:
    """How much of `leaves` one quote fills: whole shares up to the quoted size, the fraction with the last whole share.

    Source: alpaca-contract 3.4 (whole part routed, fraction filled by the broker at the price of the whole part).
    """
    whole = leaves.to_integral_value(ROUND_DOWN)
    return leaves if whole <= quoted else quoted


def first_part(qty: Decimal, share: float, *, is_fractional: bool) -> Decimal:
    """A random partial fill of `qty`: the given share (0..1) of it in whole shares, or in 9 decimals; 0 when it cannot be split."""
    step = NANO if is_fractional else Decimal(1)
    part = (qty * Decimal(str(round(0.1 + 0.8 * share, 6)))).quantize(step, ROUND_DOWN)
    return part if ZERO < part < qty else ZERO
