"""Commands to draw from. Orders: every type, class, time in force and kind of quantity, at prices around those of the stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any, Final

from tests.simulator.exchange.stage import PRICES

SYMBOLS: Final = ("AAA", "BBB", "AAA", "CCC", "NEW")
SIDES: Final = ("buy", "sell")
QUANTITIES: Final = ("1", "2", "0.5", "3", "1.25", "0.004", "40", "250")
WHOLE: Final = ("1", "2", "3", "10", "250")
DOLLARS: Final = ("20", "1", "46.70", "466.99", "50000")
TIMES: Final = ("day", "gtc", "ioc", "fok", "opg", "cls")
LASTING: Final = ("day", "gtc")
NEAR: Final = ("1", "1.01", "0.99", "0.97", "1.03", "0.9", "1.1")

Order = Mapping[str, Any]
Command = tuple[str, Mapping[str, Any]]


def near(symbol: str, factor: str) -> str:
    """A price of the right fineness at `factor` times what the symbol usually costs."""
    price = PRICES[symbol] * Decimal(factor)
    return str(price.quantize(Decimal("0.01") if price >= 1 else Decimal("0.0001"), ROUND_HALF_UP))


def _order(symbol: str, side: str, kind: str, tif: str, **fields: object) -> Order:
    return {"symbol": symbol, "side": side, "type": kind, "time_in_force": tif, **fields}


def _market() -> Iterator[Order]:
    # These get an account its positions, so there are more of them.
    for _, symbol, qty in product(range(6), SYMBOLS, WHOLE):
        yield _order(symbol, "buy", "market", "day", qty=qty)
    for symbol, side, qty, tif in product(SYMBOLS, SIDES, QUANTITIES, TIMES):
        yield _order(symbol, side, "market", tif, qty=qty)
    for symbol, side, notional in product(SYMBOLS, SIDES, DOLLARS):
        yield _order(symbol, side, "market", "day", notional=notional)


def _limit() -> Iterator[Order]:
    for symbol, side, qty, tif, at in product(SYMBOLS, SIDES, QUANTITIES, TIMES, NEAR):
        yield _order(symbol, side, "limit", tif, qty=qty, limit_price=near(symbol, at))
    for symbol, side, qty, tif, at in product(SYMBOLS, SIDES, QUANTITIES, LASTING, NEAR):
        yield _order(symbol, side, "limit", tif, qty=qty, limit_price=near(symbol, at), extended_hours=True)


def _stop() -> Iterator[Order]:
    for symbol, side, qty, tif, at in product(SYMBOLS, SIDES, QUANTITIES, LASTING, NEAR):
        yield _order(symbol, side, "stop", tif, qty=qty, stop_price=near(symbol, at))
        for limit in ("1", "0.98", "1.02"):
            prices = {"stop_price": near(symbol, at), "limit_price": near(symbol, limit)}
            yield _order(symbol, side, "stop_limit", tif, qty=qty, **prices)
    trails = ({"trail_percent": "1"}, {"trail_price": "0.05"}, {"trail_percent": "4"})
    for symbol, side, qty, tif, trail in product(SYMBOLS, SIDES, WHOLE, LASTING, trails):
        yield _order(symbol, side, "trailing_stop", tif, qty=qty, **trail)


def _linked() -> Iterator[Order]:
    classes = ("bracket", "oto", "oco")
    for kind, symbol, side, qty, tif, away in product(
        classes, SYMBOLS, SIDES, WHOLE, LASTING, ("0.03", "0.01", "0.08")
    ):
        sells = (side == "buy") != (kind == "oco")
        distance = Decimal(away) if sells else -Decimal(away)
        for entry in (None, "0.99", "1.01"):
            middle = Decimal(entry or "1")
            profit, loss = near(symbol, str(middle + distance)), near(symbol, str(middle - distance))
            is_limit = entry is not None or kind == "oco"
            exits: dict[str, object] = {"stop_loss": {"stop_price": loss}}
            if entry == "1.01":
                exits["stop_loss"] = {"stop_price": loss, "limit_price": loss}
            if kind != "oto":
                exits["take_profit"] = {"limit_price": profit}
            if entry is not None and kind != "oco":
                exits["limit_price"] = near(symbol, entry)
            yield _order(symbol, side, "limit" if is_limit else "market", tif, qty=qty, order_class=kind, **exits)


def _changes() -> Iterator[Order]:
    fields = {"limit_price": NEAR, "stop_price": NEAR, "qty": WHOLE, "trail": ("2",), "time_in_force": ("gtc",)}
    for which, (field, values) in product(range(4), fields.items()):
        for value in values:
            yield {"which": which, "field": field, "value": value}


def _actions() -> Iterator[Order]:
    for symbol in PRICES:
        for old_rate, new_rate in (("1", "2"), ("2", "3"), ("10", "1"), ("3", "1")):
            yield {"kind": "split", "symbol": symbol, "old_rate": old_rate, "new_rate": new_rate}
        yield {"kind": "stock_dividend", "symbol": symbol, "old_rate": "20", "new_rate": "21"}
        yield {"kind": "cash_dividend", "symbol": symbol, "cash": "0.245"}
        yield {"kind": "rename", "symbol": symbol, "new_symbol": "NEW"}
        yield {"kind": "delisting", "symbol": symbol, "cash": "0.5"}


_SETTINGS: Final[Sequence[Order]] = [
    *({"max_margin_multiplier": value} for value in "124"),
    *(
        {name: value}
        for name in ("no_shorting", "fractional_trading", "suspend_trade")
        for value in ("false", "true", "false")
    ),
]
_FAULTS: Final[Sequence[Order]] = (
    {"fault": "fill.partial", "times": 3},
    {"fault": "cancel.ignored", "times": 1},
    {"fault": "cancel.loses_race", "times": 2},
    {"fault": "replace.loses_race", "times": 2},
    {"fault": "replace.error_but_applied", "times": 1},
    {"fault": "order.stuck", "times": 1},
    {"fault": "order.reject_later", "seconds": 1, "times": 1},
    {"fault": "order.expire_early", "seconds": 4, "times": 1},
    {"fault": "account.bp_lag", "seconds": 5, "for": 60},
    {"fault": "account.blocked", "for": 5},
    {"fault": "fill.late", "times": 1},
    {"fault": "fill.before_ack", "times": 1},
)
_MOMENTS: Final = [
    {"moment": moment, "late": late} for moment in ("pre_open", "open", "close", "post_close") for late in (0, -30, 3)
]
_WEIGHTS: Final[Sequence[tuple[int, str, Sequence[Order]]]] = (
    (18, "submit", tuple(_market())),
    (14, "submit", tuple(_limit())),
    (9, "submit", tuple(_stop())),
    (14, "submit", tuple(_linked())),
    (9, "replace", tuple(_changes())),
    (7, "cancel", [{"which": which} for which in range(4)]),
    (1, "cancel_all", [{}]),
    (
        5,
        "close_position",
        [{"symbol_or_id": symbol, "percentage": part} for symbol in PRICES for part in (None, "50", "33.3333")],
    ),
    (2, "close_all", [{"cancel_orders": True}, {"cancel_orders": False}]),
    (2, "liquidate", [{"symbol": symbol} for symbol in (None, *PRICES)]),
    (3, "transfer", [{"amount": amount} for amount in ("100", "-50", "-467", "0.01", "-99999.99")]),
    (3, "configure", [{"fields": fields} for fields in _SETTINGS]),
    (4, "corporate_action", tuple(_actions())),
    (4, "fault", _FAULTS),
    (5, "wait_for", _MOMENTS),
)
"""How many of a hundred commands are of which kind, and what there is of the kind."""
_PER_WEIGHT: Final = 97

COMMANDS: Final[Sequence[Command]] = [
    (name, found[(number * _PER_WEIGHT) % len(found)])
    for weight, name, found in _WEIGHTS
    for number in range(weight * _PER_WEIGHT)
]
"""To draw from evenly. The arguments are those of the exchange's method of this name, or of the sequence's own."""
WAITS: Final = (0.2, 6, 0, 0, 0.0005, 0.003, 0.01, 0.03, 0.2, 1, 6, 25, 130, 1800, 7300)
"""Seconds."""
