"""Broker JSON to core values, tolerantly: what the engine needs must be there and exact, everything else may change.

Unknown keys are ignored, unknown status words pass as text, missing optional keys become None. What is needed and
unusable raises ``Unusable``, which names the field. Numbers come as strings (exact) or as JSON numbers. Field names and
meanings: alpaca-contract sections 2 and 4.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from alpaca_trader.core.models import ZERO, Account, Asset, Bar, BrokerClock, Order, Position, Quote, Session, Side, dec
from alpaca_trader.edge.broker_errors import tame

NEW_YORK = ZoneInfo("America/New_York")
LARGEST_EXPONENT = 20
"""Beyond 10**20 dollars or below 10**-20 shares a number is a mistake that arithmetic should not meet."""
Fields = Mapping[str, Any]


class Unusable(ValueError):
    """An answer lacks a field the engine needs, or holds something there that cannot be used."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(f"field {field!r} is {tame(repr(value), 60)}")


def fields_of(raw: object, what: str) -> Fields:
    """``raw`` as an object's fields."""
    if not isinstance(raw, dict):
        raise Unusable(what, raw)
    return raw


def list_of(raw: object, what: str) -> list[Any]:
    """``raw`` as a list."""
    if not isinstance(raw, list):
        raise Unusable(what, raw)
    return raw


def by_symbol(raw: object, name: str) -> Fields:
    """The part ``name`` of a market-data answer, keyed by symbol; it may be null, but it must be there."""
    fields = fields_of(raw, "answer")
    if name not in fields:
        raise Unusable(name, None)
    return fields_of(fields[name] or {}, name)


def text(fields: Fields, name: str) -> str:
    """A text that must be there."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Unusable(name, value)
    return value


def optional_text(fields: Fields, name: str) -> str | None:
    """A text, or None where there is none."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def number(fields: Fields, name: str) -> Decimal:
    """A finite decimal that must be there, exactly as written."""
    value = optional_number(fields, name)
    if value is None:
        raise Unusable(name, None)
    return value


def optional_number(fields: Fields, name: str) -> Decimal | None:
    """A finite decimal of human size, or None where the field is absent or null; anything else raises ``Unusable``."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unusable(name, value)
    try:
        decimal = dec(value)
    except (InvalidOperation, ValueError):
        raise Unusable(name, value) from None
    if not decimal.is_finite() or abs(decimal.adjusted()) > LARGEST_EXPONENT:
        raise Unusable(name, value)
    return decimal


def flag(fields: Fields, name: str) -> bool:
    """A flag that is false where it is absent; a value that is neither true nor false raises, it may mean danger."""
    value = fields.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Unusable(name, value)
    return value


def instant(fields: Fields, name: str) -> datetime:
    """An instant that must be there; any offset, up to nine fractional digits, to microseconds in UTC."""
    try:
        moment = datetime.fromisoformat(text(fields, name))
    except ValueError:
        raise Unusable(name, fields.get(name)) from None
    if moment.tzinfo is None:
        raise Unusable(name, fields.get(name))
    return moment.astimezone(UTC)


def optional_instant(fields: Fields, name: str) -> datetime | None:
    """An instant, or None where it is absent or unreadable: for times that only inform."""
    try:
        return instant(fields, name)
    except Unusable:
        return None


def side(fields: Fields) -> Side:
    """``buy`` or ``sell``."""
    value = fields.get("side")
    if value == "buy" or value == "sell":
        return value  # type: ignore[no-any-return]
    raise Unusable("side", value)


def read_order(raw: object) -> Order:
    """An Order object (2.6.3). ``qty`` is None for an order by amount; ``status`` is whatever word the broker uses.

    Fills must make sense: a lost quantity or price would be a position nobody guards.
    """
    fields = fields_of(raw, "order")
    order = Order(
        broker_order_id=text(fields, "id"),
        client_order_id=text(fields, "client_order_id"),
        symbol=text(fields, "symbol"),
        side=side(fields),
        type=optional_text(fields, "type") or text(fields, "order_type"),
        time_in_force=optional_text(fields, "time_in_force") or "",
        status=text(fields, "status"),
        qty=optional_number(fields, "qty"),
        filled_qty=optional_number(fields, "filled_qty") or ZERO,
        filled_avg_price=optional_number(fields, "filled_avg_price"),
        limit_price=optional_number(fields, "limit_price"),
        stop_price=optional_number(fields, "stop_price"),
        submitted_at=optional_instant(fields, "submitted_at"),
        updated_at=optional_instant(fields, "updated_at"),
        replaces=optional_text(fields, "replaces"),
        replaced_by=optional_text(fields, "replaced_by"),
    )
    if order.filled_qty > 0 and order.filled_avg_price is None:
        raise Unusable("filled_avg_price", None)
    if order.qty is not None and (
        order.filled_qty > order.qty or (order.status == "filled" and order.filled_qty != order.qty)
    ):
        raise Unusable("filled_qty", str(order.filled_qty))
    return order


def read_position(raw: object) -> Position:
    """A Position object (2.7). Without ``qty_available`` everything counts as available: the broker refuses the rest."""
    fields = fields_of(raw, "position")
    qty = number(fields, "qty")
    if fields.get("side") == "short":
        qty = -abs(qty)
    available = optional_number(fields, "qty_available")
    return Position(
        symbol=text(fields, "symbol"),
        qty=qty,
        qty_available=qty if available is None else available,
        avg_entry_price=number(fields, "avg_entry_price"),
        market_value=optional_number(fields, "market_value"),
        current_price=optional_number(fields, "current_price"),
        unrealized_pl=optional_number(fields, "unrealized_pl"),
    )


def read_account(raw: object) -> Account:
    """An Account object (2.2), with the fields the SDK's model drops; ``net_flows`` is not among them."""
    fields = fields_of(raw, "account")
    day_trades = fields.get("daytrade_count")
    pattern = fields.get("pattern_day_trader")
    try:
        balance_asof = date.fromisoformat(optional_text(fields, "balance_asof") or "")
    except ValueError:
        balance_asof = None
    return Account(
        account_id=text(fields, "id"),
        account_number=text(fields, "account_number"),
        status=text(fields, "status"),
        equity=number(fields, "equity"),
        last_equity=number(fields, "last_equity"),
        cash=number(fields, "cash"),
        buying_power=number(fields, "buying_power"),
        multiplier=str(fields.get("multiplier") or "1"),
        trading_blocked=flag(fields, "trading_blocked"),
        account_blocked=flag(fields, "account_blocked"),
        trade_suspended_by_user=flag(fields, "trade_suspended_by_user"),
        balance_asof=balance_asof,
        intraday_adjustments=optional_number(fields, "intraday_adjustments") or ZERO,
        daytrade_count=day_trades if isinstance(day_trades, int) else None,
        pattern_day_trader=pattern if isinstance(pattern, bool) else None,
    )


def read_flow(raw: object) -> Decimal:
    """USD that one external transfer brought in (out: negative); 0 where it was cancelled.

    A transfer of shares counts with its amount or, where that is zero, quantity x amount per share. Shares whose value
    the broker does not tell raise ``Unusable``: to call them 0 would show as a profit or a loss of the day.
    """
    fields = fields_of(raw, "activity")
    if optional_text(fields, "status") == "canceled":
        return ZERO
    amount = optional_number(fields, "net_amount")
    if amount:
        return amount
    qty = optional_number(fields, "qty")
    if qty:
        return qty * number(fields, "per_share_amount")
    return number(fields, "net_amount")


def read_clock(raw: object) -> BrokerClock:
    """The broker's clock (2.9)."""
    fields = fields_of(raw, "clock")
    if not isinstance(fields.get("is_open"), bool):
        raise Unusable("is_open", fields.get("is_open"))
    return BrokerClock(
        timestamp=instant(fields, "timestamp"),
        is_open=flag(fields, "is_open"),
        next_open=instant(fields, "next_open"),
        next_close=instant(fields, "next_close"),
    )


def read_session(raw: object) -> Session:
    """A calendar day (2.9): its times are New York's without saying so."""
    fields = fields_of(raw, "calendar day")
    try:
        day = date.fromisoformat(text(fields, "date"))
        hours = [time.fromisoformat(text(fields, name)) for name in ("open", "close")]
    except Unusable:
        raise
    except ValueError:
        raise Unusable("date, open or close", dict(fields)) from None
    opens, closes = (datetime.combine(day, hour, NEW_YORK).astimezone(UTC) for hour in hours)
    return Session(day, opens, closes)


def read_asset(raw: object) -> Asset:
    """An Asset object (2.8)."""
    fields = fields_of(raw, "asset")
    return Asset(
        symbol=text(fields, "symbol"),
        tradable=flag(fields, "tradable"),
        fractionable=flag(fields, "fractionable"),
        active=fields.get("status") == "active",
    )


def read_quote(symbol: str, raw: object) -> Quote:
    """A quote (4.2); price 0 means that this side has none."""
    fields = fields_of(raw, "quote")
    bid, ask = optional_number(fields, "bp"), optional_number(fields, "ap")
    return Quote(symbol, instant(fields, "t"), bid if bid and bid > 0 else None, ask if ask and ask > 0 else None)


def read_bar(symbol: str, raw: Any) -> Bar:
    """A minute bar (4.1); ``t`` is its start, as text or as an aware datetime. Fast: a day of 100 symbols is 39,000.

    Prices must be finite numbers; whether they make sense (positive, high above low) is the engine's judgement.
    """
    try:
        start = raw["t"]
        if not isinstance(start, datetime):
            start = datetime.fromisoformat(start)
        if start.tzinfo is None:
            raise Unusable(f"bar of {tame(symbol, 20)}", raw)
        if start.tzinfo is not UTC:
            start = start.astimezone(UTC)
        vwap, count = raw.get("vw"), raw.get("n")
        bar = Bar(
            symbol,
            start,
            float(raw["o"]),
            float(raw["h"]),
            float(raw["l"]),
            float(raw["c"]),
            float(raw["v"]),
            None if vwap is None else float(vwap),
            None if count is None else int(count),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise Unusable(f"bar of {tame(symbol, 20)}", raw) from None
    if not math.isfinite(bar.open + bar.high + bar.low + bar.close + bar.volume + (bar.vwap or 0.0)):
        raise Unusable(f"bar of {tame(symbol, 20)}", raw)
    return bar
