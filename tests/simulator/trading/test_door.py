"""The door of the trading host: methods, limits, sizes, and everything a request can get wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import orjson
import pytest

from alpaca_trader.simulator import RunningSimulator, Switches, running_simulator
from alpaca_trader.simulator.rest.call import MAX_BODY
from alpaca_trader.simulator.rest.http import MAX_HEAD
from tests.simulator.tiny import order, run_to
from tests.simulator.trading.test_rest import Http, make_sim


@pytest.fixture(scope="module")
def patient() -> Iterator[Http]:
    """A client of one simulator for all the questions that change nothing, or nothing that matters."""
    with running_simulator(make_sim()) as served:
        client = Http(served)
        yield client
        client.close()


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    """A served simulator."""
    with running_simulator(make_sim()) as served:
        yield served


@pytest.fixture
def http(running: RunningSimulator) -> Iterator[Http]:
    """A client of it."""
    client = Http(running)
    yield client
    client.close()


# Methods


def test_head_answers_without_a_body_and_options_with_the_methods(http: Http) -> None:
    """HEAD is GET's head; OPTIONS names what may be asked; a wrong method names it too."""
    status, headers, content = http.raw("HEAD", "/v2/account")
    assert (status, content) == (200, b"")
    assert int(headers["content-length"]) == len(http.raw("GET", "/v2/account")[2])
    status, headers, content = http.raw("OPTIONS", "/v2/orders")
    assert (status, headers["allow"], content) == (204, "DELETE, GET, HEAD, OPTIONS, POST", b"")
    status, headers, content = http.raw("PUT", "/v2/clock", b"{}")
    assert (status, headers["allow"], orjson.loads(content)) == (
        405,
        "GET, HEAD, OPTIONS",
        {"code": 40510000, "message": "method not allowed"},
    )


@pytest.mark.parametrize(
    "path", ["/v2/orders/", "/v2/account/", "/v2", "/", "/v2//orders", "/v2/orders/a/b", "/v3/orders"]
)
def test_a_path_nobody_serves_is_not_found(patient: Http, path: str) -> None:
    """404 in the broker's envelope, trailing slashes included."""
    assert patient("GET", path) == (404, {"code": 40410000, "message": "endpoint not found."})


def test_a_percent_encoded_path_is_the_same_path(http: Http) -> None:
    """The colon of by_client_order_id may be encoded; an encoded slash belongs to the symbol."""
    placed = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="90", client_order_id="mine"))[1]
    assert http("GET", "/v2/orders%3Aby_client_order_id?client_order_id=mine") == (200, placed)
    assert http("GET", "/v2/assets/BTC%2FUSD")[1]["message"] == "asset not found for BTC/USD"


# Limits


def test_a_rolling_minute_frees_one_request_at_a_time() -> None:
    """Each request counts for sixty seconds of its own; refused ones do not count; the reset is when the oldest ends."""
    switches = Switches(rate_limit=2, rate_window="rolling")
    with running_simulator(make_sim(switches=switches)) as served:
        http, sim = Http(served), served.sim
        first = sim.now
        assert http("GET", "/v2/clock")[0] == 200
        run_to(sim, first + timedelta(seconds=30))
        assert http("GET", "/v2/clock")[0] == 200
        for _ in range(3):
            status, headers, _ = http.raw("GET", "/v2/clock")
            assert (status, headers["x-ratelimit-remaining"]) == (429, "0")
            assert int(headers["x-ratelimit-reset"]) == (first + timedelta(seconds=60)).timestamp()
        run_to(sim, first + timedelta(seconds=60))
        assert [http("GET", "/v2/clock")[0] for _ in range(2)] == [200, 429]
        http.close()


@pytest.mark.parametrize(("plan", "data"), [("free", "200"), ("paid", "10000")])
def test_the_paid_plan_asks_for_data_more_often(plan: Literal["free", "paid"], data: str) -> None:
    """Data 10,000 times a minute instead of 200; trading as often as before."""
    with running_simulator(make_sim(switches=Switches(data_entitlement=plan))) as served:
        http = Http(served)
        for path, limit in (("/v2/stocks/bars/latest?symbols=XYZ", data), ("/v2/clock", "200")):
            assert http.raw("GET", path)[1]["x-ratelimit-limit"] == limit
        http.close()


def test_a_limit_of_nothing_admits_nothing() -> None:
    """Zero is a limit too, whatever the window."""
    for switches in (Switches(rate_limit=0), Switches(rate_limit=0, rate_window="rolling")):
        with running_simulator(make_sim(switches=switches)) as served:
            http = Http(served)
            assert http("GET", "/v2/clock")[0] == 429
            http.close()


def test_a_body_is_limited(http: Http) -> None:
    """One byte more than the limit is 413 and keeps the connection; the limit itself is read (and is no JSON)."""
    status, headers, content = http.raw("POST", "/v2/orders", b"x" * (MAX_BODY + 1))
    assert (status, orjson.loads(content)["code"]) == (413, 41310000)
    assert "x-request-id" in headers
    assert http("POST", "/v2/watchlists", {"name": "x" * 64})[0] == 200
    assert http.raw("POST", "/v2/orders", b"x" * MAX_BODY)[0] == 400


def test_a_head_is_limited(running: RunningSimulator) -> None:
    """Headers that never end are answered with 400 and the connection closes; everybody else is served."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
        client.sendall(b"GET /v2/account HTTP/1.1\r\nHost: x\r\nX: ")
        sent = 0
        try:
            while sent < 40 * MAX_HEAD:
                sent += client.send(b"y" * 4096)
            answer = client.recv(12)
        except ConnectionError:
            answer = b""
        assert answer in {b"", b"HTTP/1.1 400"}
    http = Http(running)
    assert http("GET", "/v2/account")[0] == 200
    assert http.raw("GET", "/v2/account", headers={**http.auth, "X": "y" * 60_000})[0] == 200
    http.close()


def test_nonsense_is_answered_and_not_written_down(running: RunningSimulator, caplog: pytest.LogCaptureFixture) -> None:
    """What is no HTTP gets a 400; a stranger cannot fill the terminal or a log with it."""
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
            client.sendall(b"no http at all\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 400"
    assert caplog.messages == []


# Bad input

ODD_TEXTS = (
    *("", "%00", "%ED%A0%80", "%FF", "-1", "1e400", "NaN", "Infinity", "1e9999999999999999999", "0x10", "9" * 30),
    *("a" * 3000, "%2B", "true", "null", "[]", "%D9%A3", "%C2%B2", "1_000", "%0d%0aX:1", "'%20OR%201", "24:00"),
    *("0001-01-01", "0001-01-01T00:00:00%2B05:00", "9999-12-31T23:59:59-05:00", "9999-12-31", "2026-02-30"),
    *("2026-11-20T25:00:00Z", "2026-W01-1", "20261120", "2026-11-20T10:00:00.1234567890123Z"),
)
PARAMETERS = {
    "/v2/orders": "status limit after until direction nested symbols side asset_class before_order_id after_order_id",
    "/v2/orders:by_client_order_id": "client_order_id",
    "/v2/account/portfolio/history": "period timeframe intraday_reporting start end pnl_reset extended_hours cashflow_types",
    "/v2/account/activities": "activity_types category order_id date until after direction page_size page_token",
    "/v2/account/activities/FILL": "date until after page_size",
    "/v2/assets": "status asset_class exchange attributes",
    "/v2/calendar": "start end date_type",
    "/v3/clock": "markets time",
    "/v3/calendar/NYSE": "start end timezone",
    "/v2/corporate_actions/announcements": "ca_types since until symbol cusip date_type",
    "/v2/watchlists:by_name": "name",
}
PATHS = (
    *("/v2/orders/{}", "/v2/positions/{}", "/v2/assets/{}", "/v2/watchlists/{}", "/v2/watchlists/x/{}"),
    *("/v3/calendar/{}", "/v2/account/activities/{}", "/v2/corporate_actions/announcements/{}", "/{}", "/v2/{}"),
)


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_parameter_breaks_a_route(patient: Http, path: str) -> None:
    """Odd values, alone and given twice: an answer or a refusal in the broker's envelope, never a fault of ours."""
    for name in PARAMETERS[path].split():
        for text in ODD_TEXTS:
            for query in (f"{name}={text}", f"{name}={text}&{name}={text}"):
                status, body = patient("GET", f"{path}?{query}")
                assert status in {200, 400, 404, 422}, query
                assert status == 200 or body.keys() >= {"code", "message"}, query


@pytest.mark.parametrize("path", PATHS)
def test_no_path_breaks_a_route(patient: Http, path: str) -> None:
    """The same with odd path parameters and every method."""
    for text in ODD_TEXTS:
        for method in ("GET", "DELETE", "PATCH", "PUT", "POST"):
            body = None if method in {"GET", "DELETE"} else b"{}"
            status, _, content = patient.raw(method, path.format(text), body)
            assert status in {200, 204, 207, 400, 404, 405, 422}, (method, text)
            assert status < 400 or orjson.loads(content).keys() >= {"code", "message"}, (method, text)


def test_of_a_parameter_given_twice_the_first_counts(http: Http) -> None:
    """As Go's query reader has it."""
    http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="90"))
    assert len(http("GET", "/v2/orders?status=open&status=closed")[1]) == 1
    assert http("GET", "/v2/orders?status=closed&status=open")[1] == []


ODD_VALUES = (
    *(b'""', b"null", b"true", b"[]", b"{}", b"1e400", b"-1e400", b"1e9999999999999999999", b"1e-9999999999999999999"),
    *(b"1" * 5000, b"0." + b"1" * 500, b'"1e9999999999999999999"', rb'"\ud800"', rb'"\u0000"', rb'"a\u0000"', b"NaN"),
    *(b'"NaN"', b'"Infinity"', b"-1", b"0", b'"0"', b"1.5", b'"\xff"', b'"' + b"x" * 500 + b'"', b'"\xf0\x9f\x98\x80"'),
    *(b"[[[[1]]]]", b'"\xd9\xa3"'),
)
FIELDS = (
    *("symbol", "qty", "side", "type", "time_in_force", "limit_price", "notional", "stop_price", "trail_price"),
    *("trail_percent", "extended_hours", "client_order_id", "order_class", "take_profit", "stop_loss"),
    *("position_intent", "legs", "advanced_instructions", "trail"),
)
LIMIT_ORDER = {
    "symbol": b'"XYZ"',
    "qty": b'"0.01"',
    "side": b'"buy"',
    "type": b'"limit"',
    "time_in_force": b'"day"',
    "limit_price": b'"90"',
}


def written(fields: dict[str, bytes]) -> bytes:
    """A JSON object of raw values."""
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields.items()) + b"}"


@pytest.mark.parametrize("field", FIELDS)
def test_no_value_breaks_an_order(patient: Http, field: str) -> None:
    """Each field with odd values, in POST and PATCH: accepted as documented or refused, and the account goes on."""
    patient("DELETE", "/v2/orders")
    run_to(patient.sim, patient.sim.now + timedelta(seconds=1))
    placed = patient("POST", "/v2/orders", order("buy", "limit", "1", limit_price="50"))[1]
    run_to(patient.sim, patient.sim.now + timedelta(seconds=1))
    for value in ODD_VALUES:
        for method, path, fields in (
            ("POST", "/v2/orders", {**LIMIT_ORDER, field: value}),
            ("PATCH", f"/v2/orders/{placed['id']}", {field: value}),
        ):
            status, _, content = patient.raw(method, path, written(fields))
            assert status in {200, 400, 403, 422}, (method, value)
            assert status == 200 or orjson.loads(content).keys() >= {"code", "message"}, (method, value)
    assert patient("GET", "/v2/account")[0] == 200


NO_JSON = (
    *(b"", b"[", b'"', b"null", b"[]", b"1", b"\xff", b'{"a":1', b'{"a":1}x', b"[" * 100_000, b'{"a":' * 100_000),
    *(rb'{"symbol":"\ud800"}', rb'{"\udfff":1}', b'{"qty":1e9999999999999999999}', b'{"qty":NaN}'),
    *(b'{"qty":' + b"1" * 5000 + b"}", b'{"a":' + b"[" * 400 + b"]" * 400 + b"}"),
    *(b'{"symbol":"\xed\xa0\x80"}', '{"symbol":"AAPL"}'.encode("utf-16")),
)


@pytest.mark.parametrize("content", NO_JSON, ids=[repr(content[:24]) for content in NO_JSON])
def test_what_is_no_json_object_is_refused_as_undecodable(patient: Http, content: bytes) -> None:
    """400 on every route with a body; half a surrogate pair is no text, a number beyond all numbers is none."""
    for method, path in (
        ("POST", "/v2/orders"),
        ("PATCH", "/v2/orders/x"),
        ("PATCH", "/v2/account/configurations"),
        ("POST", "/v2/watchlists"),
        ("PUT", "/v2/watchlists/x"),
    ):
        status, _, answer = patient.raw(method, path, content)
        assert (status, orjson.loads(answer)["message"]) == (400, "failed to decode request body"), path


def test_a_number_beyond_64_bits_is_refused_where_commands_are_kept(tmp_path: Path) -> None:
    """The log of commands, which has no such integers, holds the refused order like any other, and can be read again."""
    for _ in range(2):
        sim = make_sim(state_dir=tmp_path)
        with running_simulator(sim) as served:
            client = Http(served)
            status, _, content = client.raw("POST", "/v2/orders", written({**LIMIT_ORDER, "qty": b"1%023d" % 0}))
            client.close()
        sim.close()
        assert (status, orjson.loads(content)["message"]) == (422, "invalid qty")


def test_a_refusal_repeats_no_more_than_a_little_of_a_wrong_value(http: Http) -> None:
    """An error is one line, not an echo."""
    message = http("GET", f"/v2/orders?limit={'7' * 3000}")[1]["message"]
    assert message == f"invalid limit: {'7' * 80}"
