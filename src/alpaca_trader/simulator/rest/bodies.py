"""JSON bodies of the trading API, field by field (alpaca-contract section 2): string numbers, RFC 3339 times, null for absent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from alpaca_trader.simulator.exchange import day_trades
from alpaca_trader.simulator.exchange.account import AccountView
from alpaca_trader.simulator.exchange.activities import Activity, FillActivity, NonTradeActivity
from alpaca_trader.simulator.exchange.configuration import Configuration
from alpaca_trader.simulator.exchange.ids import seed_for, ulid_for
from alpaca_trader.simulator.exchange.life import OrderEvent
from alpaca_trader.simulator.exchange.orders import ZERO, SimOrder
from alpaca_trader.simulator.exchange.statement import PositionView
from alpaca_trader.simulator.market.model import AssetInfo, asset_id
from alpaca_trader.simulator.profiles import Profile, Switches
from alpaca_trader.simulator.wire import (
    cents,
    fraction,
    micros,
    number,
    optional_number,
    optional_timestamp,
    timestamp,
    whole_cents,
    whole_cents_down,
)

Body = dict[str, Any]


def order_body(order: SimOrder, *, nested: bool = False) -> Body:
    """An Order object; every key is always present, `group_id` and `group_role` on members of a linked order only.

    `nested` puts the other members of its group under `legs`, each without legs of its own; else `legs` is null.
    """
    average = order.filled_avg_price
    body: Body = {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": timestamp(order.created_at),
        "updated_at": timestamp(order.updated_at),
        "submitted_at": timestamp(order.submitted_at),
        "filled_at": optional_timestamp(order.filled_at if order.status == "filled" else None),
        "expired_at": optional_timestamp(order.expired_at),
        "expires_at": timestamp(order.expires_at),
        "canceled_at": optional_timestamp(order.canceled_at),
        "failed_at": optional_timestamp(order.failed_at),
        "replaced_at": optional_timestamp(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": order.asset_id,
        "symbol": order.symbol,
        "asset_class": "us_equity",
        "notional": optional_number(order.notional),
        "qty": optional_number(order.qty),
        "filled_qty": number(order.filled_qty),
        "filled_avg_price": None if average is None else micros(average),
        "order_class": order.order_class,
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "position_intent": order.position_intent,
        "time_in_force": order.time_in_force,
        "limit_price": optional_number(order.limit_price),
        "stop_price": optional_number(order.stop_price),
        "status": order.status,
        "extended_hours": order.extended_hours,
        "legs": [order_body(leg) for leg in order.legs] if nested and order.legs else None,
        "trail_percent": optional_number(order.trail_percent),
        "trail_price": optional_number(order.trail_price),
        "hwm": optional_number(order.hwm),
        "subtag": None,
        "source": None,
    }
    if order.group_id is not None:
        body["group_id"], body["group_role"] = order.group_id, order.group_role
    return body


def update_body(seed: int, news: OrderEvent) -> Body:
    """The `data` object of a trade_updates message."""
    at = timestamp(news.at)
    order = order_body(news.order)
    del order["subtag"], order["source"]
    order["cancel_requested_at"] = optional_timestamp(news.order.cancel_requested_at)
    body: Body = {"event": news.event, "event_id": ulid_for(seed, news.at, news.number), "at": at, "timestamp": at}
    if news.execution is not None:
        body |= {
            "execution_id": news.execution.id,
            "price": number(news.execution.price),
            "qty": number(news.execution.qty),
            "position_qty": number(news.execution.position_qty),
            "settle_date": news.execution.settles.isoformat(),
        }
    return body | {"order": order}


def day_trading_fields(view: AccountView) -> Body:
    """The Account's fields of the day-trading rules, which the broker removed on 2026-07-06 (`pdt_mode` legacy)."""
    is_day_trader = view.day_trades > day_trades.MOST
    return {
        "pattern_day_trader": is_day_trader,
        "daytrade_count": view.day_trades,
        "daytrading_buying_power": whole_cents_down(view.buying_power) if is_day_trader else "0",
    }


def _shown_values(view: AccountView) -> tuple[Decimal, Decimal]:
    """Long and short market value in whole cents, the last of them what equity and cash leave (alpaca-contract 2.2)."""
    whole = whole_cents(view.equity) - whole_cents(view.cash)
    if view.long_market_value == ZERO:
        return ZERO, whole
    short_value = whole_cents(view.short_market_value)
    return whole - short_value, short_value


def account_body(view: AccountView, profile: Profile, account_id: str, created: datetime, suspended: bool) -> Body:
    """The Account object; `suspended` by its owner. Shown in cents, cash and market values add up to the equity shown."""
    long_value, short_value = _shown_values(view)
    power = whole_cents_down(view.buying_power)
    free_cash = whole_cents_down(view.non_marginable_buying_power)
    return {
        "id": account_id,
        "account_number": profile.account_number,
        "status": "ACTIVE",
        "crypto_status": "INACTIVE",
        "crypto_tier": 1,
        "currency": "USD",
        "cash": cents(view.cash),
        "equity": cents(view.equity),
        "portfolio_value": cents(view.equity),
        "last_equity": number(view.last_equity),
        "balance_asof": view.balance_asof.isoformat(),
        "long_market_value": number(long_value),
        "short_market_value": number(short_value),
        "position_market_value": number(long_value - short_value),
        "buying_power": power,
        "effective_buying_power": power,
        "regt_buying_power": whole_cents_down(view.regt_buying_power),
        "non_marginable_buying_power": free_cash,
        "options_buying_power": free_cash,
        "initial_margin": cents(view.initial_margin),
        "maintenance_margin": cents(view.maintenance_margin),
        "last_maintenance_margin": cents(view.last_maintenance_margin),
        "sma": cents(view.last_equity),
        "multiplier": str(view.multiplier),
        "shorting_enabled": view.shorting_enabled,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": suspended,
        "accrued_fees": number(view.accrued_fees),
        "pending_reg_taf_fees": number(view.pending_taf_fees),
        "intraday_adjustments": number(view.flows_today),
        "options_approved_level": 0,
        "options_trading_level": 0,
        "created_at": timestamp(created),
        "admin_configurations": {},
        "user_configurations": None,
    }


def configuration_body(configuration: Configuration) -> Body:
    """The AccountConfigurations object."""
    return {
        "fractional_trading": configuration.fractional_trading,
        "max_margin_multiplier": configuration.max_margin_multiplier,
        "no_shorting": configuration.no_shorting,
        "suspend_trade": configuration.suspend_trade,
        "trade_confirm_email": configuration.trade_confirm_email,
        "ptp_no_exception_entry": configuration.ptp_no_exception_entry,
        "disable_overnight_trading": configuration.disable_overnight_trading,
        "max_options_trading_level": configuration.max_options_trading_level,
    }


def position_body(view: PositionView) -> Body:
    """The Position object; `*_plpc` and `change_today` are fractions."""
    value = view.qty * view.price
    gain = value - view.cost
    day_gain = value - view.day_cost
    change = view.price / view.lastday_price - 1 if view.lastday_price else ZERO
    return {
        "asset_id": view.asset.id,
        "symbol": view.asset.symbol,
        "exchange": view.asset.exchange,
        "asset_class": "us_equity",
        "asset_marginable": view.asset.marginable,
        "qty": number(view.qty),
        "qty_available": number(view.qty_available),
        "avg_entry_price": micros(view.average),
        "side": "long" if view.qty > ZERO else "short",
        "market_value": micros(value),
        "cost_basis": micros(view.cost),
        "unrealized_pl": micros(gain),
        "unrealized_plpc": fraction(gain / abs(view.cost)) if view.cost else "0",
        "unrealized_intraday_pl": micros(day_gain),
        "unrealized_intraday_plpc": fraction(day_gain / abs(view.day_cost)) if view.day_cost else "0",
        "current_price": number(view.price),
        "lastday_price": number(view.lastday_price),
        "change_today": fraction(change),
    }


def asset_body(asset: AssetInfo, switches: Switches) -> Body:
    """The Asset object; `easy_to_borrow` is deprecated but still sent, because alpaca-py requires it."""
    is_easy = asset.shortable and asset.easy_to_borrow
    body: Body = {
        "id": asset.id,
        "class": "us_equity",
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": asset.name,
        "status": asset.status,
        "tradable": asset.tradable,
        "marginable": asset.marginable,
        "shortable": asset.shortable,
        "fractionable": asset.fractionable,
        "borrow_status": "easy_to_borrow" if is_easy else "hard_to_borrow",
        "maintenance_margin_requirement": asset.maintenance_margin_pct,
        "margin_requirement_long": str(asset.margin_long_pct),
        "margin_requirement_short": str(asset.margin_short_pct),
        "attributes": list(asset.attributes),
    }
    if switches.send_easy_to_borrow:
        body["easy_to_borrow"] = is_easy
    return body


def activity_body(activity: Activity) -> Body:
    """One account activity: a FILL, or anything else; what does not apply to it (symbol, quantity ...) is not present."""
    if isinstance(activity, FillActivity):
        return {
            "activity_type": "FILL",
            "id": activity.id,
            "transaction_time": timestamp(activity.at),
            "type": "fill" if activity.order_status == "filled" else "partial_fill",
            "price": number(activity.price),
            "qty": number(activity.qty),
            "cum_qty": number(activity.cum_qty),
            "leaves_qty": number(activity.leaves_qty),
            "side": activity.side,
            "symbol": activity.symbol,
            "order_id": activity.order_id,
            "order_status": activity.order_status,
        }
    assert isinstance(activity, NonTradeActivity), "the two kinds of activity"
    body: Body = {
        "activity_type": activity.type,
        "activity_sub_type": activity.sub_type,
        "id": activity.id,
        "date": activity.day.isoformat(),
        "created_at": timestamp(activity.at),
        "net_amount": number(activity.net_amount),
        "symbol": activity.symbol,
        "qty": optional_number(activity.qty),
        "per_share_amount": optional_number(activity.per_share_amount),
        "currency": "USD",
        "status": "executed",
        "description": activity.description,
    }
    return {key: value for key, value in body.items() if value not in (None, "")}


def activity_event_body(seed: int, count: int, activity: Activity, settles: Callable[[date], date]) -> Body:
    """The `data` object of an activity event; `count` counts the account's activities from 0 (alpaca-contract 5.3)."""
    at = timestamp(activity.at)
    body: Body = {
        "at": at,
        "event_id": ulid_for(seed_for(seed, "activity-events", 1), activity.at, count),
        "executed_at": at,
        "status": "executed",
        "currency": "USD",
        "ref_id": activity.id.partition("::")[2],
    }
    if isinstance(activity, FillActivity):
        sign = -1 if activity.side == "buy" else 1
        return body | {
            "activity_type": "TRD",
            "settle_date": settles(activity.day).isoformat(),
            "ref_id": activity.execution_id,
            "price": number(activity.price),
            "qty": number(activity.qty),
            "net_amount": number(sign * activity.qty * activity.price),
            "details": {
                "order_id": activity.order_id,
                "client_order_id": activity.client_order_id,
                "asset_id": asset_id(activity.symbol),
                "symbol": activity.symbol,
                "side": activity.side,
                "cum_qty": number(activity.cum_qty),
                "leaves_qty": number(activity.leaves_qty),
                "order_status": activity.order_status,
                "execution_type": "fill",
            },
        }
    assert isinstance(activity, NonTradeActivity), "the two kinds of activity"
    details: Body = {"system_date": activity.day.isoformat()}
    if activity.symbol is not None:
        details["symbol"] = activity.symbol
    if activity.per_share_amount is not None:
        details["rate"] = number(activity.per_share_amount)
    return body | {
        "activity_type": activity.type,
        "activity_subtype": activity.sub_type,
        "settle_date": activity.day.isoformat(),
        "net_amount": number(activity.net_amount),
        **({} if activity.qty is None else {"qty": number(activity.qty)}),
        "details": details,
    }


def account_created(start: datetime) -> datetime:
    """When the account was opened: a year of 365 days before the simulation starts."""
    return start - timedelta(days=365)
