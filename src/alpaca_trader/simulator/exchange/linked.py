"""Brackets, OTO and OCO: which orders belong together, and which exit prices are sane (alpaca-contract 3.6)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import (
    ENTRY,
    STOP_LOSS,
    TAKE_PROFIT,
    ExitPrices,
    OrderRequest,
)
from alpaca_trader.simulator.wire import CENT, number

_ENTRY_INTENTS: Final = {"buy_to_open": "sell_to_close", "sell_to_open": "buy_to_close"}


def with_limit(request: OrderRequest) -> OrderRequest:
    """The request with its own limit price: an OCO may give it as its take-profit's."""
    if request.order_class == "oco" and request.limit_price is None:
        return request._replace(limit_price=request.exits.take_profit)
    return request


def first_role(order_class: str) -> str | None:
    """What the first member of a group is for; None for a simple order."""
    if not order_class:
        return None
    return TAKE_PROFIT if order_class == "oco" else ENTRY


def leg_requests(request: OrderRequest) -> Iterator[tuple[str, OrderRequest]]:
    """Role and request of each further member of the group: they inherit quantity and time in force."""
    exits = request.exits
    is_oco = request.order_class == "oco"
    plain = request._replace(
        side=request.side if is_oco else "sell" if request.side == "buy" else "buy",
        limit_price=None,
        stop_price=None,
        client_order_id=None,
        exits=ExitPrices(),
    )
    if exits.take_profit is not None and not is_oco:
        yield TAKE_PROFIT, plain._replace(type="limit", limit_price=exits.take_profit)
    if exits.stop is not None:
        kind = "stop" if exits.stop_limit is None else "stop_limit"
        yield STOP_LOSS, plain._replace(type=kind, stop_price=exits.stop, limit_price=exits.stop_limit)


def leg_intent(intent: str) -> str:
    """The position intent of an exit of an order with this intent; that of an OCO closes already."""
    return _ENTRY_INTENTS.get(intent, intent)


def check_exit_prices(request: OrderRequest, market: Decimal | None) -> None:
    """Refuse exits on the wrong side of each other or of their base price.

    Base price of the stop: the limit of the entry or of the OCO's take-profit, and always also the `market`'s last price;
    of the take-profit: the entry's limit, else the market's last price.
    """
    exits = request.exits
    if not request.order_class:
        return
    is_oco = request.order_class == "oco"
    sells = (request.side == "sell") == is_oco
    profit = request.limit_price if is_oco else exits.take_profit
    if profit is not None and exits.stop is not None:
        if sells and profit <= exits.stop:
            raise BrokerError("profit_above_stop")
        if not sells and profit >= exits.stop:
            raise BrokerError("profit_below_stop")
    for base in (request.limit_price, market):
        _check_stop(exits.stop, base, sells=sells)
    if not is_oco:
        _check_profit(profit, market if request.limit_price is None else request.limit_price, sells=sells)


def _check_stop(stop: Decimal | None, base: Decimal | None, *, sells: bool) -> None:
    if stop is None or base is None:
        return
    if sells and stop > base - CENT:
        raise BrokerError("stop_below_base", extra={"base_price": number(base)})
    if not sells and stop < base + CENT:
        raise BrokerError("stop_above_base", extra={"base_price": number(base)})


def _check_profit(profit: Decimal | None, base: Decimal | None, *, sells: bool) -> None:
    if profit is None or base is None:
        return
    if sells and profit < base + CENT:
        raise BrokerError("profit_above_base", extra={"base_price": number(base)})
    if not sells and profit > base - CENT:
        raise BrokerError("profit_below_base", extra={"base_price": number(base)})
