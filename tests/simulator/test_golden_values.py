"""What was recorded of the real paper service, value by value: states, times, ids, numbers ([REC] in alpaca-contract)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest

from alpaca_trader.simulator import Switches
from tests.simulator.golden import EVENING, MINUTE, World
from tests.simulator.tiny import NEXT_OPEN, OPEN, run_to


@pytest.fixture
def world() -> World:
    """One second after the open."""
    return World()


# ------------------------------------------------------------------ states, times, ids


def test_an_order_of_the_session_is_pending_then_new(world: World) -> None:
    """The answer to the POST says pending_new; a moment later the order is new; nothing is filled yet (2.6.3, 3.5)."""
    answer = world.order("buy", "limit", "1", limit_price="90")
    assert {name: answer[name] for name in ("status", "filled_qty", "filled_avg_price", "order_class", "legs")} == {
        "status": "pending_new",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "legs": None,
    }
    assert (answer["type"], answer["notional"]) == (answer["order_type"], None)
    world.wait()
    assert world.get(f"/v2/orders/{answer['id']}")["status"] == "new"


SUMMER, HALF_DAY = datetime(2026, 7, 8, 13, 45, tzinfo=UTC), datetime(2026, 11, 27, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "ends"),
    [
        (OPEN + MINUTE, "2026-11-20T21:00:00Z"),
        (EVENING, "2026-11-23T21:00:00Z"),
        (SUMMER, "2026-07-08T20:00:00Z"),
        (HALF_DAY, "2026-11-27T18:00:00Z"),
    ],
    ids=["winter", "in the evening", "summer", "half day"],
)
def test_a_day_order_ends_with_its_session(start: datetime, ends: str) -> None:
    """`expires_at` is the close of the order's own session, in UTC (2.6.3)."""
    assert World(start=start).order("buy", "limit", "1", limit_price="40")["expires_at"] == ends


def test_the_server_fills_in_the_intent(world: World) -> None:
    """buy_to_open for a purchase, sell_to_close for the sale of what is held (2.6.3)."""
    assert world.held("1")["position_intent"] == "buy_to_open"
    assert world.order("sell", "limit", "1", limit_price="120")["position_intent"] == "sell_to_close"


UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def test_ids_have_the_recorded_form(world: World) -> None:
    """Version-4 UUIDs in lower case; sortable event ids; a client_order_id made by the server is a UUID too (2.1, 2.6.2, 3.13)."""
    bought = world.held("0.5")
    fill = world.ear.heard[-1]
    account, activity = world.get("/v2/account"), world.get("/v2/account/activities")[0]
    ids = [bought["id"], bought["client_order_id"], bought["asset_id"], account["id"], fill["execution_id"]]
    ids.append(activity["id"].partition("::")[2])
    assert [text for text in ids if not UUID4.fullmatch(text)] == []
    events = [update["event_id"] for update in world.ear.heard]
    assert [text for text in events if not ULID.fullmatch(text)] == []
    assert events == sorted(events)
    assert account["account_number"].startswith("PA")


def test_an_activity_is_named_by_new_york_time(world: World) -> None:
    """The id begins with the New York time of what UTC calls `transaction_time`, to the millisecond (2.5)."""
    world.held("0.5")
    (activity,) = world.get("/v2/account/activities/FILL")
    at = datetime.fromisoformat(activity["transaction_time"])
    assert (at.tzinfo, at.hour) == (UTC, 14)
    local = at - timedelta(hours=5)
    assert activity["id"].partition("::")[0] == f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03d}"


def test_times_are_utc_except_the_clock(world: World) -> None:
    """RFC 3339 with Z and at most nine fraction digits; /v2/clock has New York's offset (2.1)."""
    bought = world.held("0.5")
    stamps = [bought[name] for name in ("created_at", "updated_at", "submitted_at", "filled_at", "expires_at")]
    assert [text for text in stamps if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", text)] == []
    clock = world.get("/v2/clock")
    assert {text[-6:] for name, text in clock.items() if name != "is_open"} == {"-05:00"}


# ------------------------------------------------------------------ numbers

PLAIN = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")


def decimals(text: str) -> int:
    """Digits after the point."""
    return len(text.partition(".")[2])


def test_numbers_are_strings_without_padding(world: World) -> None:
    """Decimal strings, no exponent, no trailing zeros, zero is "0" (2.1)."""
    world.order(qty=None, notional="33.33")
    world.wait()
    world.held("0.123456789")
    account, position = world.get("/v2/account"), world.get("/v2/positions/XYZ")
    order, fill = world.get("/v2/orders?status=all")[0], world.get("/v2/account/activities/FILL")[0]
    numbers = {
        "cash equity portfolio_value last_equity long_market_value short_market_value buying_power sma multiplier": account,
        "qty qty_available avg_entry_price market_value cost_basis unrealized_pl unrealized_plpc current_price": position,
        "qty filled_qty filled_avg_price": order,
        "price qty cum_qty leaves_qty": fill,
    }
    found = {f"{name}={body[name]}": body[name] for names, body in numbers.items() for name in names.split()}
    assert [name for name, text in found.items() if not (isinstance(text, str) and PLAIN.fullmatch(text))] == []
    assert account["short_market_value"] == "0"


def test_cash_is_whole_cents_and_prices_have_up_to_six_decimals(world: World) -> None:
    """After fractions at a price of three decimals: cash in cents, averages and values to 6, quantities to 9 decimals (2.1)."""
    world.held("0.333333333")
    world.order(qty=None, notional="10")
    world.wait(MINUTE)
    account, position = world.get("/v2/account"), world.get("/v2/positions/XYZ")
    assert decimals(account["cash"]) <= 2
    assert max(decimals(position[name]) for name in ("avg_entry_price", "cost_basis", "market_value")) <= 6
    assert decimals(position["qty"]) == 9
    shown = Decimal(account["cash"]) + Decimal(account["long_market_value"])
    assert Decimal(account["equity"]) == shown


def test_last_equity_is_not_rounded() -> None:
    """The equity of the day before keeps every digit (2.1)."""
    world = World()
    world.held("0.333333333")
    run_to(world.sim, NEXT_OPEN)
    assert decimals(world.get("/v2/account")["last_equity"]) > 2


def test_a_purchase_for_dollars_keeps_its_dollars(world: World) -> None:
    """Filled with dollars / price, cut to nine decimals; `notional` stays, `qty` stays null (3.4)."""
    placed = world.order(qty=None, notional="5")
    world.wait()
    filled = world.get(f"/v2/orders/{placed['id']}")
    price = Decimal(filled["filled_avg_price"])
    cut = (Decimal(5) / price).quantize(Decimal("1e-9"), ROUND_DOWN)
    assert (filled["notional"], filled["qty"], Decimal(filled["filled_qty"])) == ("5", None, cut)


def test_fills_are_not_bound_by_the_price_increment(world: World) -> None:
    """An order may name two decimals only, a fraction still fills at three (3.3)."""
    assert decimals(world.held("0.5")["filled_avg_price"]) == 3


def test_the_rest_of_a_position_may_be_worth_less_than_a_dollar(world: World) -> None:
    """Selling everything that is left is accepted below the dollar a purchase needs (3.4)."""
    world.held("0.505")
    world.order("sell", "market", "0.5")
    world.wait()
    left = world.get("/v2/positions/XYZ")
    assert Decimal(left["market_value"]) < 1
    world.order("sell", "market", left["qty"])
    world.wait()
    assert world.get("/v2/positions") == []


def test_a_paper_account_begins_with_100000_dollars(world: World) -> None:
    """Cash, equity and multiplier 4; empty configurations (2.2)."""
    account = world.get("/v2/account")
    assert {name: account[name] for name in ("cash", "equity", "multiplier", "status", "crypto_tier")} == {
        "cash": "100000",
        "equity": "100000",
        "multiplier": "4",
        "status": "ACTIVE",
        "crypto_tier": 1,
    }
    assert (account["admin_configurations"], account["user_configurations"]) == ({}, None)


def test_a_sale_holds_its_shares(world: World) -> None:
    """`qty_available` is what no resting sale holds (2.7)."""
    world.held("0.5")
    world.order("sell", "limit", "0.4", limit_price="120")
    position = world.get("/v2/positions/XYZ")
    assert (position["qty"], position["qty_available"]) == ("0.5", "0.1")


def test_cash_changes_at_once(world: World) -> None:
    """The price of a purchase is gone with its fill, in whole cents (3.14)."""
    bought = world.held("0.5")
    paid = Decimal(bought["filled_avg_price"]) / 2
    cash = Decimal(world.get("/v2/account")["cash"])
    assert abs(Decimal(100_000) - paid - cash) <= Decimal("0.005")


def test_a_replacement_names_what_it_replaces(world: World) -> None:
    """A new id and `replaces` on the new order, `replaced_by` and `replaced_at` on the old one (2.6.3, 3.11)."""
    old = world.order("buy", "limit", "1", limit_price="90")
    world.wait()
    _, new = world.ask("PATCH", f"/v2/orders/{old['id']}", {"limit_price": "91"})
    world.wait()
    old, new = world.get(f"/v2/orders/{old['id']}"), world.get(f"/v2/orders/{new['id']}")
    assert (old["status"], old["replaced_by"], new["replaces"], new["status"]) == (
        "replaced",
        new["id"],
        old["id"],
        "new",
    )
    assert old["replaced_at"] is not None
    assert new["id"] != old["id"]


def test_a_bracket_answers_with_its_held_exits(world: World) -> None:
    """Two full orders under `legs`: held, opposite side, to close, ids of their own, one group, no legs (2.6.3)."""
    entry = world.order(order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"})
    legs = entry["legs"]
    assert [(leg["type"], leg["limit_price"], leg["stop_price"]) for leg in legs] == [
        ("limit", "110", None),
        ("stop", None, "90"),
    ]
    for leg in legs:
        shown = {name: leg[name] for name in ("status", "side", "position_intent", "order_class", "legs", "replaces")}
        assert shown == {
            "status": "held",
            "side": "sell",
            "position_intent": "sell_to_close",
            "order_class": "bracket",
            "legs": None,
            "replaces": None,
        }
        assert set(leg) == set(entry)
    members = [entry, *legs]
    assert [member["group_role"] for member in members] == ["entry", "take_profit", "stop_loss"]
    assert len({member["group_id"] for member in members}) == 1
    assert len({member["client_order_id"] for member in members}) == 3


def test_a_replaced_exit_stays_in_its_group(world: World) -> None:
    """The answer to the PATCH has the group and the role of the order it replaces (2.6.3)."""
    entry = world.order(order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"})
    world.wait()
    _, moved = world.ask("PATCH", f"/v2/orders/{entry['legs'][1]['id']}", {"stop_price": "91"})
    assert (moved["group_id"], moved["group_role"]) == (entry["group_id"], "stop_loss")


def test_exits_are_held_until_the_entry_is_filled_completely() -> None:
    """A part of the entry is filled, both exits are still held; with the rest they begin to work (3.6)."""
    world = World(switches=Switches(partial_fills="always", rate_limit=None))
    entry = world.order(
        qty="4", order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}
    )
    world.wait()
    shown = world.get(f"/v2/orders/{entry['id']}?nested=true")
    assert (shown["status"], [leg["status"] for leg in shown["legs"]]) == ("partially_filled", ["held", "held"])
    world.wait(MINUTE)
    shown = world.get(f"/v2/orders/{entry['id']}?nested=true")
    assert (shown["status"], [leg["status"] for leg in shown["legs"]]) == ("filled", ["new", "new"])


def test_canceling_everything_answers_for_each_order(world: World) -> None:
    """207 with id and status of every open order, 200 each; nothing open is an empty list (2.6.4)."""
    placed = [world.order("buy", "limit", "1", limit_price=price)["id"] for price in ("90", "91")]
    world.wait()
    status, items = world.ask("DELETE", "/v2/orders")
    assert (status, sorted(item["id"] for item in items)) == (207, sorted(placed))
    assert {item["status"] for item in items} == {200}
    world.wait()
    assert world.ask("DELETE", "/v2/orders") == (207, [])


def test_closing_a_position_answers_with_a_market_day_order(world: World) -> None:
    """200 with the order that sells the whole position, or the asked part (2.7)."""
    world.held("0.5")
    status, order = world.ask("DELETE", "/v2/positions/XYZ?percentage=50")
    assert (status, order["qty"], order["side"], order["type"]) == (200, "0.25", "sell", "market")
    assert (order["time_in_force"], order["position_intent"]) == ("day", "sell_to_close")
