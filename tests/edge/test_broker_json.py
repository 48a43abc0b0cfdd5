"""Broker JSON becomes core values: exact where it counts, unbothered by what is new."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.models import Session
from alpaca_trader.edge import broker_json as wire
from tests.edge.canned import order_body

ACCOUNT = {
    "id": "5f0c1a36-7a0e-4b0e-9c39-0a4d2f0b7e11",
    "account_number": "PA3SIMULATED",
    "status": "ACTIVE",
    "currency": "USD",
    "cash": "372.14",
    "equity": "467.19",
    "last_equity": "100003.74258806517",
    "balance_asof": "2026-11-19",
    "buying_power": "372.14",
    "multiplier": "1",
    "trading_blocked": False,
    "intraday_adjustments": "-1.5",
    "admin_configurations": {},
    "user_configurations": None,
}
POSITION = {"symbol": "AAPL", "qty": "0.5", "qty_available": "0.1", "avg_entry_price": "190.1", "side": "long"}
BAR = {"t": "2026-11-20T14:30:00Z", "o": 190.02, "h": 190.4, "l": 189.98, "c": 190.31, "v": 48211, "n": 612}
QUOTE = {"t": "2026-11-20T14:30:00.5Z", "bp": 190.29, "ap": 190.33}
CLOCK = {
    "timestamp": "2026-11-20T10:15:03.120551871-05:00",
    "is_open": True,
    "next_open": "2026-11-23T09:30:00-05:00",
    "next_close": "2026-11-20T16:00:00-05:00",
}
DAY = {"date": "2026-11-27", "open": "09:30", "close": "13:00", "session_open": "0400"}
ASSET = {"symbol": "KO", "tradable": True, "fractionable": True, "status": "active"}
FLOW = {"id": "x", "activity_type": "CSD", "net_amount": "100", "status": "executed"}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """The body lacking some fields."""
    return {name: value for name, value in body.items() if name not in names}


def test_an_order_is_read_to_the_last_digit() -> None:
    """Nine decimals of a quantity and a price of six stay what they are; times are UTC to the microsecond."""
    order = wire.read_order(order_body(filled_qty="0.000000001", filled_avg_price="185.123456"))
    assert (order.qty, order.filled_qty) == (Decimal("0.251752021"), Decimal("0.000000001"))
    assert order.filled_avg_price == Decimal("185.123456")
    assert order.submitted_at == datetime(2026, 11, 20, 15, 15, 3, 120551, UTC)
    assert (order.side, order.type, order.time_in_force, order.status) == ("buy", "limit", "day", "pending_new")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "a_word_of_2027"},
        {"type": "pegged", "order_type": "pegged", "asset_class": "perpetual_moon"},
        {"group_id": "x", "group_role": "entry", "brand": {"new": ["thing"]}},
        {"submitted_at": None, "updated_at": "yesterday"},
        {"submitted_at": "2026-11-20T10:15:03-05:00"},
        {"qty": None, "notional": "5"},
        {"qty": 1.5, "filled_qty": 1, "filled_avg_price": 185, "limit_price": 185},
        {"time_in_force": None},
    ],
)
def test_an_order_with_novelties_is_still_an_order(changes: dict[str, object]) -> None:
    """Unknown words and keys, absent times, an order by amount, numbers instead of strings: none breaks the list."""
    assert wire.read_order(order_body(**changes)).symbol == "AAPL"


def test_an_order_with_its_least_is_still_an_order() -> None:
    """What the engine needs: both ids, symbol, side, type and status."""
    body = order_body()
    needed = {"id", "client_order_id", "symbol", "side", "type", "status"}
    assert wire.read_order(without(body, *(set(body) - needed))).filled_qty == 0
    for name in sorted(needed - {"type"}):
        with pytest.raises(wire.Unusable, match=f"'{name}'"):
            wire.read_order(without(body, name))
    with pytest.raises(wire.Unusable, match="'order_type'"):
        wire.read_order(without(body, "type", "order_type"))


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "1e400",
        "1e-400",
        "9" * 50,
        "Infinity",
        "-inf",
        "ten",
        "",
        True,
        [1],
        {"a": 1},
        float("nan"),
        float("inf"),
    ],
)
@pytest.mark.parametrize("name", ["qty", "filled_qty", "filled_avg_price", "stop_price"])
def test_a_number_that_is_none_is_refused(name: str, value: object) -> None:
    """NaN would make every comparison false, so it never gets in."""
    with pytest.raises(wire.Unusable, match=f"'{name}'"):
        wire.read_order(order_body(**{name: value}))


def test_the_account_keeps_what_the_sdk_drops() -> None:
    """balance_asof and intraday_adjustments exist in the JSON alone; equity keeps its eleven decimals."""
    account = wire.read_account(ACCOUNT)
    assert (account.balance_asof, account.intraday_adjustments) == (date(2026, 11, 19), Decimal("-1.5"))
    assert (account.last_equity, account.net_flows) == (Decimal("100003.74258806517"), Decimal(0))
    assert (account.daytrade_count, account.pattern_day_trader, account.account_blocked) == (None, None, False)


def test_an_account_of_the_old_rules_keeps_its_day_trades() -> None:
    """The fields removed in 2026-07 are read where they are still sent."""
    account = wire.read_account({**ACCOUNT, "daytrade_count": 2, "pattern_day_trader": True})
    assert (account.daytrade_count, account.pattern_day_trader) == (2, True)
    plain = wire.read_account(without(ACCOUNT, "balance_asof", "intraday_adjustments", "multiplier"))
    assert (plain.balance_asof, plain.intraday_adjustments, plain.multiplier) == (None, Decimal(0), "1")


@pytest.mark.parametrize("name", ["id", "account_number", "status", "equity", "last_equity", "cash", "buying_power"])
def test_an_account_without_its_money_is_unusable(name: str) -> None:
    """None of these may be guessed."""
    with pytest.raises(wire.Unusable, match=f"'{name}'"):
        wire.read_account(without(ACCOUNT, name))


@pytest.mark.parametrize("name", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_a_block_in_other_words_is_not_taken_for_none(name: str) -> None:
    """A flag that is neither true nor false might mean danger."""
    with pytest.raises(wire.Unusable, match=name):
        wire.read_account({**ACCOUNT, name: "yes"})


@pytest.mark.parametrize(
    ("changes", "qty", "available"),
    [
        ({}, "0.5", "0.1"),
        ({"qty_available": None}, "0.5", "0.5"),
        ({"side": "short", "qty": "-3", "qty_available": "-3"}, "-3", "-3"),
        ({"side": "short", "qty": "3", "qty_available": None}, "-3", "-3"),
        ({"side": "sideways", "asset_class": "moon", "exchange": ""}, "0.5", "0.1"),
    ],
)
def test_a_position_is_what_is_held(changes: dict[str, object], qty: str, available: str) -> None:
    """Shorts are negative however they are spelled; without ``qty_available`` everything counts as available."""
    position = wire.read_position({**POSITION, **changes})
    assert (position.qty, position.qty_available) == (Decimal(qty), Decimal(available))


@pytest.mark.parametrize(
    ("changes", "usd"),
    [
        ({}, "100"),
        ({"net_amount": "-25.5", "activity_type": "CSW"}, "-25.5"),
        ({"status": "canceled"}, "0"),
        ({"net_amount": "0", "qty": "2", "per_share_amount": "50.25", "activity_type": "ACATS"}, "100.50"),
        ({"net_amount": "0", "qty": "0"}, "0"),
        ({"net_amount": "0"}, "0"),
        ({"status": "correct"}, "100"),
    ],
)
def test_a_transfer_is_worth_what_it_moved(changes: dict[str, object], usd: str) -> None:
    """Cash by amount, shares by amount or by quantity and price."""
    assert wire.read_flow({**FLOW, **changes}) == Decimal(usd)


@pytest.mark.parametrize("changes", [{"net_amount": None}, {"net_amount": "0", "qty": "3", "activity_type": "JNLS"}])
def test_a_transfer_of_unknown_worth_is_not_taken_for_nothing(changes: dict[str, object]) -> None:
    """A wrong 0 would show as the day's profit or loss."""
    with pytest.raises(wire.Unusable):
        wire.read_flow({**FLOW, **changes})


def test_clock_and_calendar_are_utc() -> None:
    """New York's half day after Thanksgiving, and a clock with nine digits and an offset."""
    clock = wire.read_clock(CLOCK)
    assert clock.timestamp == datetime(2026, 11, 20, 15, 15, 3, 120551, UTC)
    assert clock.next_close == datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    assert wire.read_session(DAY) == Session(
        date(2026, 11, 27), datetime(2026, 11, 27, 14, 30, tzinfo=UTC), datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    )
    summer = wire.read_session({"date": "2026-07-01", "open": "09:30", "close": "16:00"})
    assert summer.open == datetime(2026, 7, 1, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (wire.read_clock, {**CLOCK, "is_open": "true"}),
        (wire.read_clock, {**CLOCK, "timestamp": "2026-11-20T10:15:03"}),
        (wire.read_clock, {**CLOCK, "next_open": "tomorrow"}),
        (wire.read_session, {**DAY, "close": "25:00"}),
        (wire.read_session, {**DAY, "date": "2026-02-30"}),
        (wire.read_session, without(DAY, "open")),
        (wire.read_asset, without(ASSET, "symbol")),
        (wire.read_asset, {**ASSET, "tradable": 1}),
    ],
)
def test_what_cannot_be_used_is_named(read: Any, body: dict[str, Any]) -> None:
    """A time without zone, an impossible date, a flag that is none."""
    with pytest.raises(wire.Unusable, match="field"):
        read(body)


@pytest.mark.parametrize(
    ("changes", "bid", "ask"),
    [
        ({}, "190.29", "190.33"),
        ({"bp": 0}, None, "190.33"),
        ({"ap": 0.0}, "190.29", None),
        ({"bp": None}, None, "190.33"),
        ({"bp": "190.2900001"}, "190.2900001", "190.33"),
    ],
)
def test_a_quote_without_a_side_says_so(changes: dict[str, object], bid: str | None, ask: str | None) -> None:
    """Price 0 means no quote; a float becomes the shortest decimal that reads back as it."""
    quote = wire.read_quote("KO", {**QUOTE, **changes})
    assert (quote.bid, quote.ask) == (bid and Decimal(bid), ask and Decimal(ask))


def test_a_bar_is_read_with_and_without_its_extras() -> None:
    """vw and n are optional to us, whatever the SDK thinks."""
    assert wire.read_bar("KO", BAR).vwap is None
    full = wire.read_bar("KO", {**BAR, "vw": 190.201377, "x": "new", "t": "2026-11-20T09:30:00-05:00"})
    assert (full.vwap, full.trade_count, full.start) == (190.201377, 612, datetime(2026, 11, 20, 14, 30, tzinfo=UTC))
    assert full.start.tzinfo is UTC


@pytest.mark.parametrize(
    "bar",
    [
        None,
        [],
        {},
        {**BAR, "o": None},
        {**BAR, "o": float("nan")},
        {**BAR, "v": float("inf")},
        {**BAR, "h": "high"},
        {**BAR, "t": 1795185000},
        {**BAR, "t": "2026-11-20T14:30:00"},
        {**BAR, "t": "half past"},
        {**BAR, "n": "many"},
        {**BAR, "vw": float("nan")},
    ],
)
def test_a_bar_that_is_none_is_refused(bar: object) -> None:
    """No price, no number, no time with a zone: no bar."""
    with pytest.raises(wire.Unusable, match="bar of KO"):
        wire.read_bar("KO", bar)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
READERS: dict[str, tuple[Callable[[Any], object], dict[str, Any]]] = {
    "order": (wire.read_order, order_body()),
    "position": (wire.read_position, POSITION),
    "account": (wire.read_account, ACCOUNT),
    "flow": (wire.read_flow, FLOW),
    "clock": (wire.read_clock, CLOCK),
    "session": (wire.read_session, DAY),
    "asset": (wire.read_asset, ASSET),
    "quote": (lambda raw: wire.read_quote("KO", raw), QUOTE),
    "bar": (lambda raw: wire.read_bar("KO", raw), BAR),
}


@pytest.mark.parametrize("name", sorted(READERS))
@given(data=st.data())
def test_whatever_a_field_holds_the_reader_reads_or_refuses(name: str, data: st.DataObject) -> None:
    """Any JSON in any field, or instead of the whole: a value of ours or ``Unusable``, never another exception."""
    read, body = READERS[name]
    changed = {**body, data.draw(st.sampled_from(sorted(body))): data.draw(JSON)}
    for raw in (changed, data.draw(JSON)):
        complaint = ""
        try:
            read(raw)
        except wire.Unusable as error:
            complaint = str(error)
        assert complaint.isprintable()
        assert len(complaint) < 120


def recorded(shared: Path, name: str) -> list[dict[str, Any]]:
    """The bodies of alpaca-py's own test suite, one per line."""
    return [json.loads(line) for line in (shared / "data" / "fixtures" / name).read_text().splitlines()]


def test_the_trading_bodies_of_the_sdks_tests_are_understood(shared: Path) -> None:
    """Accounts, orders, positions, assets, clock and calendar: every one of them becomes a value of ours."""
    readers: dict[str, Any] = {
        "account": wire.read_account,
        "orders": wire.read_order,
        "orders:by_client_order_id": wire.read_order,
        "positions": wire.read_position,
        "assets": wire.read_asset,
        "clock": wire.read_clock,
        "calendar": wire.read_session,
    }
    counts = dict.fromkeys(readers, 0)
    for line in recorded(shared, "alpaca_py_trading.jsonl"):
        path = line["url"].rstrip("'").partition("/v2/")[2].partition("?")[0].split("/")
        if (
            path[0] not in readers
            or path[1:] == ["configurations"]
            or line["test"].startswith(("test_close_", "test_cancel_"))
        ):
            continue
        body = line["body"] if isinstance(line["body"], list) else [line["body"]]
        for raw in body:
            readers[path[0]](raw)
            counts[path[0]] += 1
    assert counts["account"] > 0
    assert counts["orders"] > 5
    assert counts["positions"] > 0
    assert counts["assets"] > 0


def test_the_market_bodies_of_the_sdks_tests_are_understood(shared: Path) -> None:
    """Every stock bar and quote of the SDK's tests is read, whatever its time frame."""
    bars = quotes = 0
    for line in recorded(shared, "alpaca_py_data.jsonl"):
        if "/v2/stocks/" not in line["url"] or not isinstance(line["body"], dict):
            continue
        for symbol, found in (line["body"].get("bars") or {}).items():
            for raw in found if isinstance(found, list) else [found]:
                bars += bool(wire.read_bar(symbol, raw))
        for symbol, found in (line["body"].get("quotes") or {}).items():
            for raw in found if isinstance(found, list) else [found]:
                quotes += bool(wire.read_quote(symbol, raw))
    assert bars > 5
    assert quotes > 3
