"""The error catalogue of the contract (3.17), asked for at the door: status, code, text and the further keys of the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.simulator.golden import Body, World, ticket
from tests.simulator.tiny import CLOSE, run_to

SECOND = timedelta(seconds=1)
BRACKET: Mapping[str, object] = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}
Prepare = Callable[[World], str]
"""Brings the account where the refusal is met; returns the id of the order it is about."""
Row = tuple[Prepare, str, str, Any, int, int, str, set[str]]


def nothing(_world: World) -> str:
    """A flat account in the session."""
    return ""


def held(world: World) -> str:
    """Ten shares."""
    return str(world.held("10")["id"])


def guarded(world: World) -> str:
    """Ten shares, all of them kept by a resting stop."""
    held(world)
    found = world.order("sell", "stop", "10", stop_price="90")
    world.wait()
    return str(found["id"])


def resting(world: World) -> str:
    """A buy that rests."""
    found = world.order("buy", "limit", "10", limit_price="90", client_order_id="mine")
    world.wait()
    return str(found["id"])


def waiting(world: World) -> str:
    """A buy that waits for the next open."""
    run_to(world.sim, CLOSE + SECOND)
    return str(world.order("buy", "limit", "10", limit_price="90")["id"])


def replaced(world: World) -> str:
    """A buy that was replaced."""
    found = resting(world)
    world.ask("PATCH", f"/v2/orders/{found}", {"limit_price": "91"})
    world.wait()
    return found


def replacing(world: World) -> str:
    """The order that is about to take the place of another."""
    _, made = world.ask("PATCH", f"/v2/orders/{resting(world)}", {"limit_price": "91"})
    return str(made["id"])


def canceling(world: World) -> str:
    """A buy that is being canceled."""
    found = resting(world)
    world.ask("DELETE", f"/v2/orders/{found}")
    return found


def shorting(world: World) -> str:
    """A short sale that rests."""
    return str(world.order("sell", "limit", "1", limit_price="110")["id"])


def suspended(world: World) -> str:
    """Trading suspended by the account's owner."""
    world.ask("PATCH", "/v2/account/configurations", {"suspend_trade": True})
    return ""


def without_shorts(world: World) -> str:
    """Short sales switched off."""
    world.ask("PATCH", "/v2/account/configurations", {"no_shorting": True})
    return ""


def evening(world: World) -> str:
    """Ten shares of which one is for sale, after the close."""
    held(world)
    run_to(world.sim, CLOSE + SECOND)
    return str(world.order("sell", "market", "1")["id"])


def post(prepare: Prepare, fields: Any, status: int, code: int, text: str, *keys: str) -> Row:
    """An order that is refused."""
    return prepare, "POST", "/v2/orders", fields, status, code, text, set(keys)


def patch(prepare: Prepare, fields: Any, text: str) -> Row:
    """A replacement that is refused."""
    return prepare, "PATCH", "/v2/orders/{id}", fields, 422, 42210000, text, set()


HELD_KEYS = ("available", "existing_qty", "held_for_orders", "symbol")
SHORT = "insufficient qty available for order (requested: {}, available: {})"
ROWS: list[Row] = [
    post(nothing, ticket("buy", "market", "100000"), 403, 40310000, "insufficient buying power", "buying_power", "cost_basis"),
    post(held, ticket("sell", "market", "11"), 403, 40310000, SHORT.format(11, 10), *HELD_KEYS),
    post(guarded, ticket("sell", "market", "1"), 403, 40310000, SHORT.format(1, 0), *HELD_KEYS, "related_orders"),
    post(nothing, ticket("buy", "market", "0.5", symbol="OLD"), 403, 40310000, 'asset "OLD" is not fractionable'),
    post(guarded, ticket("buy", "market", "1"), 403, 40310000, "potential wash trade detected. use complex orders", "existing_order_id", "reject_reason"),
    post(without_shorts, ticket("sell", "market", "1"), 403, 40310000, "account is not allowed to short"),
    post(suspended, ticket("buy", "market", "1"), 403, 40310000, "account is not authorized to trade"),
    post(held, ticket("sell", "market", "1", order_class="bracket", take_profit={"limit_price": "90"}, stop_loss={"stop_price": "110"}), 403, 40310000, "bracket orders must be entry orders"),
    post(shorting, ticket("buy", "limit", "1", limit_price="90"), 403, 40310000, "cannot open a long buy while a short sell order is open"),
    (nothing, "GET", "/v2/orders/8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21", None, 404, 40410000, "order not found for 8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21", set()),
    (nothing, "GET", "/v2/positions/XYZ", None, 404, 40410000, "position does not exist", {"symbol"}),
    (nothing, "DELETE", "/v2/positions/XYZ", None, 404, 40410000, "position does not exist", {"symbol"}),
    (nothing, "GET", "/v2/assets/NOPE", None, 404, 40410000, "asset not found for NOPE", set()),
    (nothing, "GET", "/v2/nowhere", None, 404, 40410000, "endpoint not found.", set()),
    post(resting, ticket("buy", "limit", "1", limit_price="90", client_order_id="mine"), 422, 40010001, "client_order_id must be unique"),
    post(nothing, ticket("buy", "market", None), 422, 40010001, "qty or notional is required"),
    post(nothing, ticket("buy", "market", "1", notional="5"), 422, 40010001, "only one of qty or notional is accepted"),
    post(nothing, ticket("buy", "market", None, notional="0.99"), 422, 40010001, "notional must be >= 1.00"),
    post(nothing, ticket("buy", "limit", "1"), 422, 40010001, "limit orders require a limit price"),
    post(nothing, ticket("buy", "market", "1", stop_price="90"), 422, 40010001, "market orders require no stop or limit price"),
    post(nothing, ticket("buy", "iceberg", "1"), 422, 40010001, "invalid order type"),
    post(nothing, ticket("buy", "market", "1", time_in_force="week"), 422, 40010001, "invalid time_in_force"),
    post(nothing, ticket("buy", "market", "0"), 422, 40010001, "qty must be > 0"),
    post(nothing, ticket("buy", "limit", "0.5", limit_price="90", time_in_force="gtc"), 422, 42210000, "fractional orders must be DAY orders"),
    post(nothing, ticket("buy", "market", "0.5", order_class="bracket", **BRACKET), 422, 42210000, "fractional orders must be simple orders"),
    post(nothing, ticket("sell", "market", "0.5"), 422, 42210000, "fractional orders cannot be sold short"),
    post(nothing, ticket("buy", "limit", "1", limit_price="290.123"), 422, 42210000, "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing criteria"),
    post(nothing, ticket("buy", "market", "1", order_class="bracket", take_profit={"limit_price": "80"}, stop_loss={"stop_price": "90"}), 422, 42210000, "take_profit.limit_price must be > stop_loss.stop_price"),
    post(nothing, ticket("buy", "market", "1", order_class="bracket", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "105"}), 422, 42210000, "stop_loss.stop_price must be <= base_price - 0.01", "base_price"),
    post(nothing, ticket("buy", "market", "1", order_class="bracket", take_profit={"limit_price": "99"}, stop_loss={"stop_price": "90"}), 422, 42210000, "take_profit.limit_price must be >= base_price + 0.01", "base_price"),
    post(nothing, ticket("buy", "market", "1", extended_hours=True), 422, 42210000, "extended hours order must be DAY or GTC limit orders"),
    post(evening, ticket("sell", "market", None, notional="5"), 422, 42210000, "unable to open new notional orders while having open closing position orders"),
    patch(waiting, {"limit_price": "91"}, "cannot replace order in accepted status"),
    patch(replaced, {"limit_price": "92"}, "order already replaced"),
    patch(replacing, {"limit_price": "92"}, "order chain not fully replaced"),
    patch(resting, {"limit_price": "90"}, "order parameters are not changed"),
    patch(held, {"limit_price": "90"}, "cannot replace order in filled status"),
    (held, "DELETE", "/v2/orders/{id}", None, 422, 42210000, 'order is already in "filled" state', set()),
    (canceling, "DELETE", "/v2/orders/{id}", None, 422, 42210000, "order pending cancel", set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "method", "path", "fields", "status", "code", "text", "keys"), ROWS, ids=[row[6] for row in ROWS]
)
def test_every_documented_refusal_can_be_met(
    prepare: Prepare, method: str, path: str, fields: Body | None, status: int, code: int, text: str, keys: set[str]
) -> None:
    """In the words of the catalogue, with its keys and no others."""
    world = World()
    wanted = path.replace("{id}", prepare(world))
    found_status, body = world.ask(method, wanted, fields)
    assert (found_status, body["code"], body["message"]) == (status, code, text)
    assert set(body) - {"code", "message"} == keys


def test_a_body_that_is_no_json() -> None:
    """400 40010000 failed to decode request body."""
    answer = World().client.post("/v2/orders", content=b'{"symbol": ')
    assert (answer.status_code, answer.json()) == (
        400,
        {"code": 40010000, "message": "failed to decode request body"},
    )
