"""Whether the account may have this order now (checks 6 to 14 of the contract): asset, prices, other orders, shares, money."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import ONE, ZERO, OrderRequest, SimOrder
from alpaca_trader.simulator.market.model import AssetInfo
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.wire import cents, number, whole_cents_down

_MARKET_LIKE: Final = frozenset({"market", "stop"})
_FRACTIONAL_EXTENDED: Final = "fractional_eh_enabled"


def check_asset(request: OrderRequest, asset: AssetInfo, switches: Switches, *, fractional_trading: bool) -> None:
    """Refuse what the asset does not allow."""
    if asset.status != "active":
        raise BrokerError("asset_not_active", symbol=asset.symbol)
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
    if request.extended_hours and _FRACTIONAL_EXTENDED not in asset.attributes:
        raise BrokerError("fractional_extended", symbol=asset.symbol)


def check_stop_price(side: str, stop_price: Decimal | None, last: Decimal | None) -> None:
    """Refuse a stop that the market has already passed (domain 5.1)."""
    if stop_price is None or last is None:
        return
    if side == "sell" and stop_price >= last:
        raise BrokerError("stop_not_below")
    if side == "buy" and stop_price <= last:
        raise BrokerError("stop_not_above")


def intent_of(request: OrderRequest, held: Decimal) -> str:
    """The position intent of an order of an account that holds `held` shares (negative: short).

    Raises BrokerError where the client named another one, or where an exit-only or entry-only class is the wrong way round.
    """
    if request.side == "buy":
        intent = "buy_to_close" if held < ZERO else "buy_to_open"
    else:
        intent = "sell_to_close" if held > ZERO else "sell_to_open"
    wanted = request.position_intent
    if wanted == "buy_to_close" and intent != wanted:
        raise BrokerError("no_short_to_close")
    if wanted == "sell_to_close" and intent != wanted:
        check_shares(request.symbol, request.qty or ONE, ZERO, ZERO, ())
    if wanted is not None and wanted != intent:
        raise BrokerError("intent_of_position", intent=wanted)
    if intent == "buy_to_close" and request.is_fractional:
        raise BrokerError("fractional_cover")
    is_closing = intent.endswith("close")
    if request.order_class in {"bracket", "oto"} and is_closing:
        raise BrokerError("bracket_entry")
    if request.order_class == "oco" and not is_closing:
        raise BrokerError("oco_exit")
    return intent


def check_wash(request: OrderRequest, open_orders: Sequence[SimOrder]) -> None:
    """Refuse an order that could trade against an open one of the other side (table of alpaca-contract 3.9)."""
    if request.order_class or request.type == "trailing_stop":
        return
    for other in open_orders:
        if other.side == request.side or other.order_class or other.is_trailing:
            continue
        if request.type in _MARKET_LIKE or other.type in _MARKET_LIKE:
            is_crossing = True
        else:
            mine, theirs = request.limit_price, other.limit_price
            assert mine is not None, "limit and stop-limit orders have a limit price"
            assert theirs is not None, "limit and stop-limit orders have a limit price"
            bid, ask = (mine, theirs) if request.side == "buy" else (theirs, mine)
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


def check_opening(intent: str, open_orders: Sequence[SimOrder]) -> None:
    """Refuse to open a position one way while an order is open that opens it the other way (alpaca-contract 3.8)."""
    if intent == "buy_to_open" and any(order.position_intent == "sell_to_open" for order in open_orders):
        raise BrokerError("long_while_short")
    if intent == "sell_to_open" and any(order.position_intent == "buy_to_open" for order in open_orders):
        raise BrokerError("short_while_long")


def check_short(request: OrderRequest, asset: AssetInfo, *, is_allowed: bool) -> None:
    """Refuse a short sale that the account or the asset does not allow (alpaca-contract 3.10)."""
    if request.is_fractional:
        raise BrokerError("fractional_short")
    if not is_allowed:
        raise BrokerError("no_shorting")
    if not asset.shortable:
        raise BrokerError("asset_not_shortable", symbol=asset.symbol)
    if not asset.easy_to_borrow and request.time_in_force != "day":
        raise BrokerError("hard_to_borrow")
    if not asset.easy_to_borrow:
        # It would need a locate, and none is ever granted here.
        raise BrokerError("asset_not_shortable", symbol=asset.symbol)


def check_shares(
    symbol: str, requested: Decimal, held: Decimal, reserved: Decimal, open_orders: Sequence[SimOrder]
) -> None:
    """Refuse to close more than is held (`held` is positive, short or long) and free; `reserved` shares are kept by open orders."""
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


def check_buying_power(cost: Decimal, buying_power: Decimal) -> None:
    """Refuse an opening order that costs more than the account may spend."""
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
