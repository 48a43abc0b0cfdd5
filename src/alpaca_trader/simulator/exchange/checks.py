"""Whether the account may have this order now (checks 6 to 14 of the contract): asset, prices, other orders, shares, money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import ONE, ZERO, OrderRequest, SimOrder
from alpaca_trader.simulator.market.model import AssetInfo
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.wire import NANO, cents, number, whole_cents_down

_MARKET_LIKE: Final = frozenset({"market", "stop"})


def check_asset(request: OrderRequest, asset: AssetInfo, switches: Switches, *, fractional_trading: bool) -> None:
    """Refuse what the asset does not allow."""
    if not asset.tradable:
        raise BrokerError("asset_not_tradable", symbol=asset.symbol)
    if not request.is_fractional:
        return
    if not asset.fractionable:
        raise BrokerError("not_fractionable", symbol=asset.symbol)
    if not fractional_trading:
        raise BrokerError("fractional_off")
    if switches.fractional_types == "market" and request.type != "market":
        raise BrokerError("fractional_market_only")


def check_stop_price(side: str, stop_price: Decimal | None, last: Decimal | None) -> None:
    """Refuse a stop that the market has already passed (domain 5.1)."""
    if stop_price is None or last is None:
        return
    if side == "sell" and stop_price >= last:
        raise BrokerError("stop_not_below")
    if side == "buy" and stop_price <= last:
        raise BrokerError("stop_not_above")


def check_wash(side: str, kind: str, limit_price: Decimal | None, open_orders: Sequence[SimOrder]) -> None:
    """Refuse an order that could trade against an open one of the other side (table of alpaca-contract 3.9)."""
    for other in open_orders:
        if other.side == side:
            continue
        if kind in _MARKET_LIKE or other.type in _MARKET_LIKE:
            is_crossing = True
        else:
            assert limit_price is not None, "limit and stop-limit orders have a limit price"
            assert other.limit_price is not None, "limit and stop-limit orders have a limit price"
            bid, ask = (limit_price, other.limit_price) if side == "buy" else (other.limit_price, limit_price)
            is_crossing = bid >= ask
        if is_crossing:
            what = "market/stop" if other.type in _MARKET_LIKE else "limit"
            raise BrokerError(
                "wash_trade",
                extra={
                    "existing_order_id": other.id,
                    "reject_reason": f"opposite side {what} order exists",
                },
            )


def check_shares(
    symbol: str, requested: Decimal, held: Decimal, reserved: Decimal, open_orders: Sequence[SimOrder]
) -> None:
    """Refuse to sell more than is held and free; `reserved` shares are kept by open sells."""
    available = max(ZERO, held - reserved)
    if requested <= available:
        return
    related = [order.id for order in open_orders if order.held_shares > ZERO]
    raise BrokerError(
        "insufficient_qty",
        requested=number(requested),
        available=number(available),
        extra={
            "available": number(available),
            "existing_qty": number(held),
            "held_for_orders": number(reserved),
            "symbol": symbol,
            **({"related_orders": related} if related else {}),
        },
    )


def check_no_short(request: OrderRequest, held: Decimal) -> None:
    """Refuse what would open a short position, and closing one that does not exist."""
    if request.position_intent == "buy_to_close":
        raise BrokerError("no_short_to_close")
    if request.side == "sell" and (held == ZERO or request.position_intent == "sell_to_open"):
        raise BrokerError("fractional_short" if request.is_fractional else "no_shorting")


def check_buying_power(cost: Decimal, buying_power: Decimal) -> None:
    """Refuse a buy that costs more than the account may spend."""
    if cost > buying_power:
        raise BrokerError(
            "insufficient_buying_power",
            extra={"buying_power": whole_cents_down(buying_power), "cost_basis": cents(cost)},
        )


def check_minimum(request: OrderRequest, cost: Decimal) -> None:
    """Refuse a fractional buy worth less than a dollar."""
    if request.side == "buy" and request.is_fractional and cost < ONE:
        raise BrokerError("notional_too_small")


def check_closing_notional(is_notional: bool, open_sells: Sequence[SimOrder]) -> None:
    """Outside market hours a notional sell stands alone (table of alpaca-contract 3.4)."""
    if open_sells and (is_notional or any(order.is_notional for order in open_sells)):
        raise BrokerError("open_closing_orders")


def shares_for(notional: Decimal, price: Decimal) -> Decimal:
    """What dollars buy at a price, cut to 9 decimals."""
    return (notional / price).quantize(NANO, ROUND_DOWN)
