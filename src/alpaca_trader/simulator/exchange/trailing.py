"""Trailing stops: where the stop stands for the best price seen so far (alpaca-contract 3.7)."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Final

from alpaca_trader.simulator.exchange.orders import ONE, SimOrder
from alpaca_trader.simulator.wire import CENT

_HUNDREDTH: Final = Decimal("0.0001")
_PERCENT: Final = Decimal(100)


def follow(order: SimOrder, price: Decimal) -> None:
    """Let a price move the order's high-water mark (low-water mark for a buy) and with it its stop price.

    The stop is rounded to the increment away from the market, so that it is never elected earlier than asked for.
    """
    best = max if order.side == "sell" else min
    order.hwm = price if order.hwm is None else best(order.hwm, price)
    if order.trail_price is not None:
        distance = order.trail_price
    else:
        assert order.trail_percent is not None, "a trailing stop has a price or a percentage"
        distance = order.hwm * order.trail_percent / _PERCENT
    stop = order.hwm - distance if order.side == "sell" else order.hwm + distance
    step = CENT if stop >= ONE else _HUNDREDTH
    order.stop_price = max(stop.quantize(step, ROUND_DOWN if order.side == "sell" else ROUND_UP), _HUNDREDTH)
