"""What was recorded of the real paper service ([REC] in alpaca-contract), replayed: keys, states, event order, texts, numbers.

Recorded, but not shown here, and why:

| section | fact | why not |
|---|---|---|
| 1 | error bodies that are nginx pages or empty | the page of an unauthenticated /v2/clock is below; 502 and 504 are faults |
| 2.2 | `non_marginable_buying_power` of 99788.52 beside 100005.83 in cash | one observation, the formula is not known |
| 2.1 | unknown extra keys appear without notice | nothing to serve: a client's duty; there is a fault for it |
| 3.5 | a POST answer that shows `accepted` or `new` in the session | now and then only: the switch `post_status` |
| 3.14 | acknowledged and filled within 3 to 4 ms | the switch `latency_ms`; the order of the events is below |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import pytest

from alpaca_trader.simulator import Switches
from tests.simulator.golden import EVENING, MINUTE, Body, World, ticket
from tests.simulator.tiny import CALM, NEXT_OPEN, OPEN, run_to


@pytest.fixture
def world() -> World:
    """One second after the open."""
    return World()


# ------------------------------------------------------------------ keys


def words(text: str) -> set[str]:
    """Keys, written in a row."""
    return set(text.split())


ORDER = words(
    "id client_order_id created_at updated_at submitted_at filled_at expired_at expires_at canceled_at "
    "failed_at replaced_at replaced_by replaces asset_id symbol asset_class notional qty filled_qty "
    "filled_avg_price order_class order_type type side position_intent time_in_force limit_price "
    "stop_price status extended_hours legs trail_percent trail_price hwm subtag source"
)
UPDATE = {"event", "event_id", "at", "timestamp", "order"}
EXECUTION = {"execution_id", "price", "qty", "position_qty", "settle_date"}
KEYS: dict[str, set[str]] = {
    "account": words(
        "id account_number status crypto_status crypto_tier currency cash equity portfolio_value last_equity "
        "balance_asof long_market_value short_market_value position_market_value buying_power "
        "effective_buying_power regt_buying_power non_marginable_buying_power options_buying_power "
        "initial_margin maintenance_margin last_maintenance_margin sma multiplier shorting_enabled "
        "trading_blocked transfers_blocked account_blocked trade_suspended_by_user accrued_fees "
        "pending_reg_taf_fees intraday_adjustments options_approved_level options_trading_level created_at "
        "admin_configurations user_configurations"
    ),
    "order": ORDER,
    "position": words(
        "asset_id symbol exchange asset_class asset_marginable qty qty_available avg_entry_price side "
        "market_value cost_basis unrealized_pl unrealized_plpc unrealized_intraday_pl "
        "unrealized_intraday_plpc current_price lastday_price change_today"
    ),
    "activity": words(
        "activity_type id transaction_time type price qty cum_qty leaves_qty side symbol order_id order_status"
    ),
    "clock": {"timestamp", "is_open", "next_open", "next_close"},
    "asset": words(
        "id class exchange symbol name status tradable marginable shortable fractionable borrow_status "
        "easy_to_borrow maintenance_margin_requirement margin_requirement_long margin_requirement_short "
        "attributes"
    ),
    "update": UPDATE,
    "update of an execution": UPDATE | EXECUTION,
    "order of an update": (ORDER - {"subtag", "source"}) | {"cancel_requested_at"},
}
"""The keys of every object, those without a value included (2.1, 2.2, 2.5, 2.6.3, 2.7, 2.8, 2.9, 3.13)."""


def objects(world: World) -> dict[str, Body]:
    """One of each, after a purchase."""
    bought = world.held("0.5")
    new, filled = world.ear.heard
    return {
        "account": world.get("/v2/account"),
        "order": bought,
        "position": world.get("/v2/positions/XYZ"),
        "activity": world.get("/v2/account/activities/FILL")[0],
        "clock": world.get("/v2/clock"),
        "asset": world.get("/v2/assets/XYZ"),
        "update": dict(new),
        "update of an execution": dict(filled),
        "order of an update": dict(filled["order"]),
    }


def test_every_object_has_the_recorded_keys(world: World) -> None:
    """Neither more nor fewer; in particular no day-trading fields (2.2) and no account_id in an activity (2.5)."""
    found = objects(world)
    assert {name: set(body) for name, body in found.items()} == KEYS


# ------------------------------------------------------------------ order of events


@dataclass(frozen=True)
class Story:
    """What a client does, and what it hears."""

    play: Callable[[World], object]
    heard: Sequence[tuple[str, str]]
    prices: Sequence[str] = ("100.005",) * 60
    start: datetime = OPEN + timedelta(seconds=1)
    switches: Switches = CALM


NEW, FILL = ("new", "new"), ("fill", "filled")
CANCELED, REPLACED = ("canceled", "canceled"), ("replaced", "replaced")


def buy(world: World) -> None:
    """A small market order."""
    world.order(qty="0.5")
    world.wait(MINUTE)


def stop(world: World) -> None:
    """A position and a stop below it, which the price reaches."""
    world.held("0.5")
    world.order("sell", "stop", "0.5", stop_price="99")
    world.wait(MINUTE)


def replace(world: World) -> None:
    """A resting limit order gets another price."""
    placed = world.order("buy", "limit", "1", limit_price="90")
    world.wait()
    status, _ = world.ask("PATCH", f"/v2/orders/{placed['id']}", {"limit_price": "91"})
    assert status == 200
    world.wait()


def cancel(world: World) -> None:
    """A resting limit order is taken back."""
    placed = world.order("buy", "limit", "1", limit_price="90")
    world.wait()
    assert world.ask("DELETE", f"/v2/orders/{placed['id']}") == (204, None)
    world.wait()


def expire(world: World) -> None:
    """A resting DAY order, until the evening."""
    world.order("buy", "limit", "1", limit_price="90")
    run_to(world.sim, EVENING)


def queue(world: World) -> None:
    """An order sent in the evening, until after the next open."""
    assert world.order()["status"] == "accepted"
    run_to(world.sim, NEXT_OPEN + MINUTE)


def bracket(world: World) -> None:
    """An entry with both exits, of which the upper is reached; the lower is moved before."""
    entry = world.order(order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"})
    world.wait()
    status, _ = world.ask("PATCH", f"/v2/orders/{entry['legs'][1]['id']}", {"stop_price": "91"})
    assert status == 200
    world.wait(4 * MINUTE)


STORIES: dict[str, Story] = {
    "buy (3.13)": Story(buy, [NEW, FILL]),
    "partial fill (3.13)": Story(
        buy,
        [NEW, ("partial_fill", "partially_filled"), FILL],
        switches=Switches(partial_fills="always", rate_limit=None),
    ),
    "stop (3.7)": Story(stop, [NEW, FILL, NEW, FILL], prices=["100.005"] * 4 + ["98.505"] * 4),
    "replace (3.11)": Story(replace, [NEW, REPLACED, NEW]),
    "cancel, without pending_cancel (3.12)": Story(cancel, [NEW, CANCELED]),
    "bracket, its stop replaced, its target reached (3.6)": Story(
        bracket, [NEW, FILL, NEW, NEW, REPLACED, NEW, FILL, CANCELED], prices=["100.005"] * 30 + ["111"] * 30
    ),
    "expiry (3.5)": Story(expire, [NEW, ("expired", "expired")]),
    "queued until the open (3.5)": Story(queue, [("accepted", "accepted"), NEW, FILL], start=EVENING),
}


@pytest.mark.parametrize("name", STORIES)
def test_events_come_in_the_recorded_order(name: str) -> None:
    """Each event with the status its order had, nothing before, between or after."""
    story = STORIES[name]
    world = World(story.prices, story.start, story.switches)
    story.play(world)
    assert world.news() == list(story.heard)


# ------------------------------------------------------------------ refusals


@dataclass(frozen=True)
class Refusal:
    """A request after some preparation, and the answer to it; `{id}` is the id of what the preparation made."""

    method: str
    path: str
    fields: Body | None
    status: int
    body: Body
    prepare: Callable[[World], Body] = lambda world: {}


def first(world: World) -> Body:
    """A filled order with a client's id."""
    world.order(qty="0.5", client_order_id="mine")
    world.wait()
    found: Body = world.get("/v2/orders:by_client_order_id?client_order_id=mine")
    assert found["status"] == "filled"
    return found


def guarded(world: World) -> Body:
    """Half a share, of which 0.4 are held by a resting sale."""
    world.held("0.5")
    return world.order("sell", "limit", "0.4", limit_price="120")


NOBODY = "8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21"
REFUSALS: dict[str, Refusal] = {
    "id of a filled order again (3.17)": Refusal(
        "POST",
        "/v2/orders",
        ticket("buy", "market", "0.5", client_order_id="mine"),
        422,
        {"code": 40010001, "message": "client_order_id must be unique"},
        first,
    ),
    "cancel of a filled order (2.6.1)": Refusal(
        "DELETE",
        "/v2/orders/{id}",
        None,
        422,
        {"code": 42210000, "message": 'order is already in "filled" state'},
        first,
    ),
    "buy of half a share (3.4)": Refusal(
        "POST",
        "/v2/orders",
        ticket("buy", "market", "0.5", symbol="OLD"),
        403,
        {"code": 40310000, "message": 'asset "OLD" is not fractionable'},
    ),
    "sale of half a share (3.4)": Refusal(
        "POST",
        "/v2/orders",
        ticket("sell", "market", "0.5", symbol="OLD"),
        403,
        {"code": 40310000, "message": 'asset "OLD" is not fractionable'},
    ),
    "more than is free (3.8)": Refusal(
        "POST",
        "/v2/orders",
        ticket("sell", "market", "0.2"),
        403,
        {
            "code": 40310000,
            "message": "insufficient qty available for order (requested: 0.2, available: 0.1)",
            "available": "0.1",
            "existing_qty": "0.5",
            "held_for_orders": "0.4",
            "symbol": "XYZ",
            "related_orders": ["{id}"],
        },
        guarded,
    ),
    "no such order (3.17)": Refusal(
        "GET", f"/v2/orders/{NOBODY}", None, 404, {"code": 40410000, "message": f"order not found for {NOBODY}"}
    ),
    "no such order to replace (3.17)": Refusal(
        "PATCH",
        f"/v2/orders/{NOBODY}",
        {"qty": "2"},
        404,
        {"code": 40410000, "message": f"order not found for {NOBODY}"},
    ),
    "no such position (2.7)": Refusal(
        "GET", "/v2/positions/XYZ", None, 404, {"code": 40410000, "message": "position does not exist", "symbol": "XYZ"}
    ),
    "no such route (3.17)": Refusal(
        "GET", "/v2/nowhere", None, 404, {"code": 40410000, "message": "endpoint not found."}
    ),
    "a price of three decimals (3.3)": Refusal(
        "POST",
        "/v2/orders",
        ticket("buy", "limit", "1", limit_price="90.123"),
        422,
        {
            "code": 42210000,
            "message": "invalid limit_price 90.123. sub-penny increment does not fulfill minimum pricing criteria",
        },
    ),
    "a fraction beyond the day (3.4)": Refusal(
        "POST",
        "/v2/orders",
        ticket("buy", "limit", "0.5", limit_price="90", time_in_force="gtc"),
        422,
        {"code": 42210000, "message": "fractional orders must be DAY orders"},
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_have_the_recorded_words(world: World, name: str) -> None:
    """Status, code, text and every further field."""
    row = REFUSALS[name]
    made = row.prepare(world).get("id", "")
    expected = orjson.loads(orjson.dumps(row.body).replace(b"{id}", made.encode()))
    assert world.ask(row.method, row.path.replace("{id}", made), row.fields) == (row.status, expected)


def test_a_stranger_gets_a_page(world: World) -> None:
    """Without keys /v2/clock answers 401 with HTML, /v2/account with a message and no code (1)."""
    world.client.headers.clear()
    page, plain = world.client.get("/v2/clock"), world.client.get("/v2/account")
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html")
    assert (plain.status_code, plain.json()) == (401, {"message": "unauthorized."})
