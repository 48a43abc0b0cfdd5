"""Lists of orders over HTTP: linked orders nested and flat, and the paging recipes everybody uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from alpaca_trader.simulator import running_simulator
from tests.simulator.tiny import order, run_to
from tests.simulator.trading.test_rest import Http, make_sim


@pytest.fixture
def http() -> Iterator[Http]:
    """A served paper account."""
    with running_simulator(make_sim(profile="paper100k")) as running:
        client = Http(running)
        yield client
        client.close()


def bracket(http: Http) -> dict[str, Any]:
    """A bracket whose entry rests at 90."""
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "80"}}
    fields = order("buy", "limit", "1", limit_price="90", order_class="bracket", **exits)
    status, placed = http("POST", "/v2/orders", fields)
    assert status == 200, placed
    return dict(placed)


def test_legs_are_rows_of_their_own_unless_nested(http: Http) -> None:
    """Flat: three rows without legs; nested: one row with two legs, which have none; the same for a single order."""
    placed = bracket(http)
    legs = [leg["id"] for leg in placed["legs"]]
    assert len(legs) == 2
    flat = http("GET", "/v2/orders")[1]
    assert {item["id"] for item in flat} == {placed["id"], *legs}
    assert [item["legs"] for item in flat] == [None] * 3
    (nested,) = http("GET", "/v2/orders?nested=True")[1]
    assert [leg["id"] for leg in nested["legs"]] == legs
    assert [leg["legs"] for leg in nested["legs"]] == [None, None]
    assert http("GET", f"/v2/orders/{placed['id']}")[1]["legs"] is None
    assert http("GET", f"/v2/orders/{placed['id']}?nested=1")[1] == nested
    assert http("GET", f"/v2/orders/{legs[0]}?nested=1")[1]["legs"] is None


def test_nested_lists_filter_by_any_member(http: Http) -> None:
    """A group is open while a member is; once all are canceled it is closed."""
    placed = bracket(http)
    single = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="85"))[1]
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    http("DELETE", f"/v2/orders/{placed['id']}")
    run_to(http.sim, http.sim.now + timedelta(seconds=1))

    def listed(query: str) -> list[str]:
        return [item["id"] for item in http("GET", f"/v2/orders?{query}")[1]]

    assert listed("nested=true") == [single["id"]]
    assert listed("nested=true&status=closed") == [placed["id"]]
    assert len(listed("status=closed")) == 3
    assert listed("nested=true&status=all&direction=asc") == [placed["id"], single["id"]]
    assert listed("status=all&asset_class=all&side=buy") == [single["id"], placed["id"]]


@pytest.mark.parametrize("recipe", ["time", "id"])
def test_every_order_is_found_by_paging(http: Http, recipe: str) -> None:
    """Ascending, after the last submitted_at or, where several orders share an instant, after the last id: all, once, in order."""
    made = []
    for number in range(11):
        made.append(http("POST", "/v2/orders", order("buy", "limit", "1", limit_price=str(50 + number)))[1]["id"])
        run_to(http.sim, http.sim.now + timedelta(milliseconds=40 if recipe == "time" else 0))
    found: list[str] = []
    query = ""
    while True:
        page = http("GET", f"/v2/orders?status=all&direction=asc&limit=4{query}")[1]
        if not page:
            break
        found += [item["id"] for item in page]
        after = {"time": f"after={quote(page[-1]['submitted_at'])}", "id": f"after_order_id={page[-1]['id']}"}
        query = f"&{after[recipe]}"
    assert found == made
    backwards = http("GET", f"/v2/orders?status=all&before_order_id={made[5]}&limit=3")[1]
    assert [item["id"] for item in backwards] == made[4:1:-1]


def test_an_unknown_asset_class_or_boundary_is_refused(http: Http) -> None:
    """422 for a class the broker does not have and for an order nobody knows."""
    assert http("GET", "/v2/orders?asset_class=tulips") == (
        422,
        {"code": 40010001, "message": "invalid asset_class: tulips"},
    )
    assert http("GET", "/v2/orders?after_order_id=nobody")[0] == 422
    assert http("GET", "/v2/orders?asset_class=us_option,crypto") == (200, [])
