"""The answers have the shape of the bodies that alpaca-py is tested with: judged by shape, not by numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.golden import World, ticket

GONE = {
    "pattern_day_trader": "removed 2026-07-06",
    "daytrade_count": "removed 2026-07-06",
    "daytrading_buying_power": "removed 2026-07-06",
    "dtbp_check": "removed 2026-07-06",
    "pdt_check": "removed 2026-07-06",
    "last_close_pct_change": "of the Broker API",
    "last_price": "of the Broker API",
    "commission": "of the Broker API",
    "usd": "of local-currency accounts",
}
"""Keys of those bodies that the trading API does not send (any more)."""
ODD = {
    "options_approved_level": "a string there, an integer in the documents",
    "options_trading_level": "a string there, an integer in the documents",
    "qty": "a number in the orders there, a string in the documents and in their positions",
    "filled_qty": "the same",
}
ORDER = "/v2/orders/{order}"
SHAPES: dict[tuple[str, str], tuple[str, str]] = {
    ("trading", "test_get_account"): ("GET", "/v2/account"),
    ("trading", "test_get_account_configurations"): ("GET", "/v2/account/configurations"),
    ("trading", "test_get_all_assets"): ("GET", "/v2/assets"),
    ("trading", "test_get_asset"): ("GET", "/v2/assets/XYZ"),
    ("trading", "test_get_orders"): ("GET", "/v2/orders"),
    ("trading", "test_get_order_by_id"): ("GET", ORDER),
    ("trading", "test_market_order"): ("POST", "/v2/orders"),
    ("trading", "test_replace_order"): ("PATCH", ORDER),
    ("trading", "test_get_all_positions"): ("GET", "/v2/positions"),
    ("trading", "test_close_position_with_qty"): ("DELETE", "/v2/positions/XYZ?qty=0.1"),
    ("trading", "test_cancel_orders"): ("DELETE", "/v2/orders"),
    ("trading", "test_close_all_positions"): ("DELETE", "/v2/positions?cancel_orders=true"),
    ("data", "test_get_bars"): ("GET", "/v2/stocks/bars?symbols=XYZ&timeframe=1Min&feed=sip"),
    ("data", "test_get_quotes"): ("GET", "/v2/stocks/quotes?symbols=XYZ&feed=sip"),
    ("data", "test_get_trades"): ("GET", "/v2/stocks/trades?symbols=XYZ&feed=sip"),
    ("data", "test_get_bars_single_empty_response"): ("GET", "/v2/stocks/bars?symbols=NONE&timeframe=1Min"),
    ("data", "test_get_latest_trade"): ("GET", "/v2/stocks/trades/latest?symbols=XYZ&feed=delayed_sip"),
    ("data", "test_get_latest_trade_multi_not_found"): ("GET", "/v2/stocks/trades/latest?symbols=NONE"),
    ("data", "test_get_latest_quote"): ("GET", "/v2/stocks/quotes/latest?symbols=XYZ&feed=delayed_sip"),
    ("data", "test_stock_latest_bar"): ("GET", "/v2/stocks/bars/latest?symbols=XYZ&feed=delayed_sip"),
    ("data", "test_get_snapshot"): ("GET", "/v2/stocks/snapshots?symbols=XYZ&feed=delayed_sip"),
    ("data", "test_get_snapshot_multi_empty_response"): ("GET", "/v2/stocks/snapshots?symbols=NONE"),
}
"""File and test of alpaca-py, to the request whose answer has that shape."""


def body_of(shared: Path, file: str, test: str) -> Any:
    """The first body a test of alpaca-py (of stocks and trading) was given."""
    with (shared / "data" / "fixtures" / f"alpaca_py_{file}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = [row for row in rows if row["test"] == test and not {"crypto", "option"} & set(row["path"].split("_"))]
    return found[0]["body"]


def shape(value: object) -> Any:
    """Keys and kinds; the first item stands for a list, the first symbol for a map by symbol."""
    if isinstance(value, dict):
        plain = {("SYMBOL" if name.isupper() and len(name) > 2 else name): inner for name, inner in value.items()}
        return {name: shape(inner) for name, inner in plain.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, bool) or value is None:
        return value if value is None else "flag"
    return "number" if isinstance(value, int | float) else "text"


def differences(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """Keys of theirs that ours lacks, and kinds that differ; null fits everything."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, inner in theirs.items():
            if name in GONE or name in ODD:
                continue
            if name in ours:
                yield from differences(inner, ours[name], f"{place}/{name}")
            else:
                yield f"{place}/{name} is missing"
    elif isinstance(theirs, list) and isinstance(ours, list):
        for inner, own in zip(theirs, ours, strict=False):
            yield from differences(inner, own, f"{place}/0")
    elif theirs != ours and theirs is not None and ours is not None:
        yield f"{place} is {ours}, not {theirs}"


@pytest.mark.parametrize("row", SHAPES, ids=lambda row: row[1])
def test_answers_have_the_shape_the_sdk_is_tested_with(shared: Path, row: tuple[str, str]) -> None:
    """No key of theirs is missing and no kind differs, but for what the broker has taken away since."""
    world = World()
    world.held("0.5")
    placed = world.order("buy", "limit", "1", symbol="OLD", limit_price="40")
    world.wait(timedelta(minutes=25))
    method, path = SHAPES[row]
    fields = {"POST": ticket("buy", "limit", "1", symbol="OLD", limit_price="39"), "PATCH": {"limit_price": "41"}}.get(
        method
    )
    status, ours = world.ask(method, path.format(order=placed["id"]), fields)
    assert status in {200, 207}
    assert list(differences(shape(body_of(shared, *row)), shape(ours))) == []


def test_a_missing_key_and_another_kind_are_noticed() -> None:
    """The comparison can fail."""
    theirs = {"AAPL": [{"p": 1.5, "c": ["@"], "extra": "x", "pdt_check": "both", "z": None}]}
    assert list(differences(shape(theirs), shape({"XYZ": [{"p": "1.5", "c": [], "z": "C"}]}))) == [
        "/SYMBOL/0/p is text, not number",
        "/SYMBOL/0/extra is missing",
    ]
