"""Watchlists over HTTP: every verb by id and by name, what is refused, and that they outlive the process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from alpaca_trader.simulator import running_simulator
from tests.simulator.trading.test_rest import Http, make_sim


@pytest.fixture
def http() -> Iterator[Http]:
    """A served simulator on XYZ and ABC."""
    with running_simulator(make_sim()) as running:
        client = Http(running)
        yield client
        client.close()


def test_a_watchlist_lives_by_id(http: Http) -> None:
    """Made, read, renamed, appended to, shortened, deleted; the list of lists shows no assets."""
    status, made = http("POST", "/v2/watchlists", {"name": "mine", "symbols": ["xyz"]})
    assert status == 200
    assert made.keys() == {"id", "account_id", "created_at", "updated_at", "name", "assets"}
    assert [asset["symbol"] for asset in made["assets"]] == ["XYZ"]
    assert made["account_id"] == http("GET", "/v2/account")[1]["id"]
    path = f"/v2/watchlists/{made['id']}"
    assert http("GET", path) == (200, made)
    assert http("GET", "/v2/watchlists") == (200, [{key: made[key] for key in made if key != "assets"}])
    appended = http("POST", path, {"symbol": "ABC"})[1]
    assert [asset["symbol"] for asset in appended["assets"]] == ["XYZ", "ABC"]
    assert http("POST", path, {"symbol": "XYZ"})[1]["assets"] == appended["assets"]
    assert [asset["symbol"] for asset in http("DELETE", f"{path}/XYZ")[1]["assets"]] == ["ABC"]
    assert http("PUT", path, {"name": "other"})[1]["name"] == "other"
    assert http("PUT", path, {"symbols": []})[1]["assets"] == []
    assert http("DELETE", path) == (204, None)
    assert http("GET", path)[0] == 404
    assert http("GET", "/v2/watchlists") == (200, [])


def test_a_watchlist_lives_by_name(http: Http) -> None:
    """The same four verbs with the name in the query, blanks and all."""
    made = http("POST", "/v2/watchlists", {"name": "my tech & co"})[1]
    path = f"/v2/watchlists:by_name?name={quote('my tech & co')}"
    assert http("GET", path) == (200, made)
    assert http("POST", path, {"symbol": "XYZ"})[1]["assets"][0]["symbol"] == "XYZ"
    assert http("PUT", path, {"symbols": ["ABC", "ABC"]})[1]["assets"][0]["symbol"] == "ABC"
    assert http("DELETE", path) == (204, None)
    assert http("DELETE", path)[0] == 404
    assert http("GET", "/v2/watchlists:by_name")[0] == 422


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "name is required"),
        ({"name": ""}, "invalid name"),
        ({"name": "x" * 65}, "invalid name"),
        ({"name": 5}, "invalid name"),
        ({"name": "taken"}, "watchlist name must be unique"),
        ({"name": "new", "symbols": "XYZ"}, "invalid symbols"),
        ({"name": "new", "symbols": [1]}, "invalid symbols"),
        ({"name": "new", "symbols": ["NOPE"]}, 'asset "NOPE" not found'),
    ],
)
def test_a_wrong_watchlist_is_refused_and_changes_nothing(http: Http, fields: dict[str, object], text: str) -> None:
    """422 with the reason; the lists stay as they were."""
    http("POST", "/v2/watchlists", {"name": "taken"})
    before = http("GET", "/v2/watchlists")
    status, body = http("POST", "/v2/watchlists", fields)
    assert (status, body["message"]) == (422, text)
    assert http("GET", "/v2/watchlists") == before


def test_changes_are_checked_too(http: Http) -> None:
    """A name of another list, nothing to change, nothing to append, an asset that is not on the list."""
    http("POST", "/v2/watchlists", {"name": "first"})
    path = f"/v2/watchlists/{http('POST', '/v2/watchlists', {'name': 'second'})[1]['id']}"
    assert http("PUT", path, {"name": "first"})[0] == 422
    assert http("PUT", path, {"name": "second"})[0] == 200
    assert http("PUT", path, {})[1]["message"] == "name or symbols is required"
    assert http("POST", path, {})[1]["message"] == "symbol is required"
    assert http("POST", path, {"symbol": "NOPE"})[0] == 422
    assert http("DELETE", f"{path}/ABC")[0] == 404
    assert http("DELETE", f"{path}/NOPE")[0] == 404


def test_watchlists_outlive_the_process(tmp_path: Path) -> None:
    """The command log rebuilds them: same ids, names, symbols and times, and what was deleted stays away."""
    sim = make_sim(state_dir=tmp_path)
    lists = sim.desks[0].watchlists
    kept = lists.create({"name": "kept", "symbols": ["XYZ"]})
    lists.append(kept.id, {"symbol": "ABC"})
    lists.remove(kept.id, "XYZ")
    lists.delete(lists.create({"name": "gone"}).id)
    lists.change(kept.id, {"name": "still kept"})
    sim.close()
    reopened = make_sim(state_dir=tmp_path)
    again = reopened.desks[0].watchlists.all()
    reopened.close()
    assert [(found.id, found.name, found.symbols, found.updated_at) for found in again] == [
        (kept.id, "still kept", ["ABC"], kept.updated_at)
    ]
