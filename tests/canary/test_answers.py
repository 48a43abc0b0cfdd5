"""INV-26: the simulated broker and its control are given known keys, right and wrong, and repeat no piece of them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping

import msgpack
import pytest
import requests
from websockets.sync.client import connect

from alpaca_trader.simulator import RunningSimulator, running_simulator
from alpaca_trader.simulator.control.server import controlled
from tests.canary.canaries import KEY, SEARCH, SECRET, TOKEN
from tests.canary.play import broker
from tests.simulator.test_documented import served_routes

WRONG = "nobody-knows-this-one"
HEADERS: Mapping[str, Mapping[str, str]] = {
    "right": {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET},
    "right, basic": {"Authorization": f"Basic {base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode()}"},
    "exchanged": {"APCA-API-KEY-ID": SECRET, "APCA-API-SECRET-KEY": KEY},
    "wrong secret": {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": WRONG},
    "no secret": {"APCA-API-KEY-ID": KEY},
    "token": {"Authorization": f"Bearer {TOKEN}"},
    "broken basic": {"Authorization": f"Basic {SECRET}"},
}
VALUES = {"symbol": "AAPL", "symbol_or_asset_id": "AAPL", "symbol_or_contract_id": "AAPL"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    """A broker whose account has the canaries for keys, in the middle of a morning."""
    with running_simulator(broker()) as served:
        yield served


def requests_to_make() -> list[tuple[str, str]]:
    """Method and path of every route of both hosts, parameters filled in."""
    routes = [route.split(" ", 1) for route in sorted(served_routes()) if not route.startswith("WS")]
    return [(method, re.sub(r"{(\w+)}", lambda name: VALUES.get(name[1], "1"), path)) for method, path in routes]


@pytest.mark.parametrize("way", HEADERS)
def test_no_answer_repeats_the_keys(running: RunningSimulator, way: str) -> None:
    """Every route, well and badly signed: status line, headers and body."""
    leaks = []
    with requests.Session() as session:
        for method, path in requests_to_make():
            answer = session.request(method, running.url + path, headers=HEADERS[way], stream=True, timeout=10)
            is_endless = answer.headers.get("content-type", "").startswith("text/event-stream")
            content = b"" if is_endless else answer.content
            answer.close()
            if SEARCH.find(repr(answer.headers).encode() + content):
                leaks.append(f"{method} {path}")
            assert (answer.status_code == 401) == (way not in ("right", "right, basic")), path
    assert leaks == []


@pytest.mark.parametrize("pair", [(KEY, SECRET), (SECRET, KEY), (KEY, WRONG)], ids=["right", "exchanged", "wrong"])
@pytest.mark.parametrize("path", ["/stream", "/v2/iex"])
def test_no_stream_repeats_the_keys(running: RunningSimulator, path: str, pair: tuple[str, str]) -> None:
    """Signing on, as each of the streams has it, also in the wrong order of words."""
    words: list[dict[str, object]] = [{"action": "auth", "key": pair[0], "secret": pair[1]}]
    if path == "/stream":
        words += [{"action": "authenticate", "data": {"key_id": pair[0], "secret_key": pair[1]}}, {"listen": SECRET}]
    for content_type in ("application/json", "application/msgpack"):
        with connect(running.ws_url + path, additional_headers={"Content-Type": content_type}) as socket:
            heard = [] if path == "/stream" else [socket.recv(timeout=10)]
            for word in words:
                is_json = content_type == "application/json"
                socket.send(json.dumps(word) if is_json else msgpack.packb(word))
                heard.append(socket.recv(timeout=10))
        assert SEARCH.find(b"".join(each if isinstance(each, bytes) else each.encode() for each in heard)) == []


def test_the_control_does_not_repeat_the_keys(running: RunningSimulator) -> None:
    """Accounts are listed, opened, refused and struck by faults; each is known by the end of its key id."""
    pair = {"key": KEY, "secret": SECRET}
    with controlled(running, 0) as control:
        answers = [
            requests.request(method, control + path, json=body, timeout=10)
            for method, path, body in (
                ("GET", "/accounts", None),
                ("POST", "/accounts", pair),
                ("POST", "/accounts", {**pair, "key": f"{KEY} "}),
                ("POST", "/accounts", {"key": SECRET, "secret": KEY}),
                ("POST", "/faults", {"name": "http.401", "account": KEY, "after": 3600}),
                ("POST", "/faults", {"name": "http.401", "account": f"{KEY}{SECRET}"}),
                ("GET", "/faults", None),
                ("DELETE", "/faults", None),
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 400, 400, 200, 200, 400, 200, 200]
    assert [each["key"] for each in answers[0].json()["accounts"]] == [f"...{KEY[-4:]}"]
    assert [name for answer in answers for name in SEARCH.find(answer.content + repr(answer.headers).encode())] == []
