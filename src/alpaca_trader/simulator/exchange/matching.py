"""When an order trades and at what price: functions of the order, the quote and the tape alone.

A market order pays the far side of the quote; a limit order that is marketable on arrival gets the quote, one that has
rested in this session gets its own limit, after the shares that stood in the queue before it; a stop waits for a trade
at or through its price and then takes the next quote, so that a gap goes through it.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from alpaca_trader.simulator.exchange.orders import ZERO, SimOrder
from alpaca_trader.simulator.market.model import MarketBar, MarketQuote
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
    if order.stop_price is None:
        return False
    return trade_price <= order.stop_price if order.side == "sell" else trade_price >= order.stop_price


def is_inside(price: Decimal, quote: MarketQuote | None) -> bool:
    """True when a print lies within the quote that stands: prints outside it elect nothing (alpaca-contract 3.7)."""
    if quote is None or quote.bid <= ZERO or quote.ask <= ZERO:
        return True
    return quote.bid <= price <= quote.ask


def working_limit(order: SimOrder) -> Decimal | None:
    """The worst price the order accepts now: its limit, or the collar of an elected buy stop; None for no bound."""
    if order.limit_price is not None:
        return order.limit_price
    if order.type == "stop" and order.stop_price is not None and order.side == "buy":
        return collar(order.stop_price)
    return None


def far_side(side: str, quote: MarketQuote) -> Decimal:
    """What a buy pays or a sell gets at once; 0 when nobody quotes."""
    return quote.ask if side == "buy" else quote.bid


def is_marketable(order: SimOrder, price: Decimal) -> bool:
    """True when the order's limit, if it has one, allows to trade at `price`."""
    limit = working_limit(order)
    if limit is None:
        return True
    return price <= limit if order.side == "buy" else price >= limit


def execution_price(order: SimOrder, quote: MarketQuote, session: date) -> Decimal | None:
    """Price at which the order trades against this quote; None when it is not marketable or there is no quote on that side.

    Source: alpaca-contract 3.14 (fills only when marketable against the NBBO), without price improvement.
    """
    price = far_side(order.side, quote)
    if price <= ZERO or not is_marketable(order, price):
        return None
    limit = working_limit(order)
    return limit if limit is not None and order.rested_on == session else price


def queue_ahead(order: SimOrder, quote: MarketQuote) -> Decimal:
    """Shares that stand before a limit order that comes to rest now: what is quoted on its side; 0 when it improves the quote.

    A limit away from the quote is taken to find a queue of the size that is quoted now.
    """
    limit = working_limit(order)
    near, size = (quote.bid, quote.bid_size) if order.side == "buy" else (quote.ask, quote.ask_size)
    if limit is None or near <= ZERO:
        return ZERO
    improves = limit > near if order.side == "buy" else limit < near
    return ZERO if improves else Decimal(size)


def executable_qty(leaves: Decimal, quoted: Decimal) -> Decimal:
    """How much of `leaves` one quote fills: whole shares up to the quoted size, the fraction with the last whole share.

    `quoted` has a fraction where another order took one: nobody gets the rest of that share.

    Source: alpaca-contract 3.4 (whole part routed, fraction filled by the broker at the price of the whole part).
    """
    whole = leaves.to_integral_value(ROUND_DOWN)
    if quoted <= ZERO:
        return ZERO
    return leaves if whole <= quoted else quoted.to_integral_value(ROUND_DOWN)


def first_part(qty: Decimal, share: float, *, is_fractional: bool) -> Decimal:
    """A random partial fill of `qty`: the given share (0..1) of it in whole shares, or in 9 decimals; 0 when it cannot be split."""
    step = NANO if is_fractional else Decimal(1)
    part = (qty * Decimal(str(round(0.1 + 0.8 * share, 6)))).quantize(step, ROUND_DOWN)
    return part if ZERO < part < qty else ZERO


def is_out_of_reach(order: SimOrder, bar: MarketBar) -> bool:
    """True when no trade of the bar reaches the order's price (bids lie below, asks above the trades)."""
    is_stop = order.is_stop
    if is_stop and order.is_trailing:
        return False
    bound = order.stop_price if is_stop else working_limit(order)
    if bound is None:
        return False
    wants_low = (order.side == "sell") == is_stop
    return bar.low > bound if wants_low else bar.high < bound
