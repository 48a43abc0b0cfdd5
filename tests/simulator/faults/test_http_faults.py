"""Faults of REST at the wire: what a client with `requests` sees, and what the broker did meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.faults.board import FaultBoard, FaultOrder
from alpaca_trader.simulator.rest.call import MAX_BODY
from tests.simulator.tiny import OPEN, order, run_to, simulator

ORDER = order("buy", "limit", "1", limit_price="9.00", client_order_id="only-once")


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator]]:
    """A simulator at a steady ten dollars, behind a socket."""
    sim = simulator(*["10.00"] * 60)
    with running_simulator(sim) as running:
        yield sim, running


def ask(running: RunningSimulator, method: str, path: str, **more: object) -> requests.Response:
    """One request on a connection of its own; a broker that never answers is given up after a moment."""
    headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
    return requests.request(method, running.url + path, headers=headers, timeout=0.5, **more)  # type: ignore[arg-type]


def place(running: RunningSimulator) -> int | str:
    """Send the order; returns the status, or how the answer was lost."""
    try:
        return ask(running, "POST", "/v2/orders", json=ORDER).status_code
    except requests.ReadTimeout:
        return "timeout"
    except requests.ConnectionError:
        return "reset"


LOST = [
    (name, answer)
    for name in ("http.drop", "http.accept_then", "http.delay_apply")
    for answer in ("reset", "timeout", "504")
]
LOST += [("http.accept_then", "500"), ("http.accept_then", "400")]


@pytest.mark.parametrize(("name", "answer"), LOST)
def test_a_lost_answer_says_nothing_about_the_order(name: str, answer: str) -> None:
    """Dropped: there is no order. Accepted: there is one. Delayed: there is one after the delay. The client sees the same."""
    with served() as (sim, running):
        sim.order_fault(name, answer=answer, route="/v2/orders", times=1)
        seen = place(running)
        assert seen == (answer if answer in ("reset", "timeout") else int(answer))
        assert len(sim.exchange.book) == (1 if name == "http.accept_then" else 0)
        run_to(sim, sim.now + timedelta(seconds=10))
        assert len(sim.exchange.book) == (0 if name == "http.drop" else 1)
        assert place(running) == (200 if name == "http.drop" else 422)


def test_an_order_that_comes_late_is_an_order_of_that_moment() -> None:
    """It is created when it arrives, not when it was sent."""
    with served() as (sim, running):
        sent = sim.now
        sim.order_fault("http.delay_apply", seconds="7.5")
        assert place(running) == 504
        run_to(sim, sent + timedelta(seconds=20))
        sim.lift_faults()
        [late] = ask(running, "GET", "/v2/orders").json()
        assert late["client_order_id"] == "only-once"
        assert sim.exchange.book.open_orders()[0].created_at == sent + timedelta(seconds=7.5)


REFUSALS = [
    ("http.401", {}, 401, "application/json", "not authorized"),
    ("http.429", {}, 429, "application/json", "42910000"),
    ("http.5xx", {"status": "502", "body": "html"}, 502, "text/html", "<center><h1>502 Bad Gateway</h1></center>"),
    ("http.5xx", {"status": "503"}, 503, "application/json", "message"),
    ("http.5xx", {"status": "500", "body": "empty"}, 500, "text/html", ""),
]


@pytest.mark.parametrize(("name", "given", "status", "kind", "text"), REFUSALS)
def test_a_refusal_reaches_the_client_and_nothing_reaches_the_broker(
    name: str, given: dict[str, str], status: int, kind: str, text: str
) -> None:
    """Twice as ordered, with the body of a broken or busy service; the third request is served."""
    with served() as (sim, running):
        fault = sim.order_fault(name, times=2, **given)
        for _ in range(2):
            answer = ask(running, "POST", "/v2/orders", json=ORDER)
            assert (answer.status_code, answer.headers["content-type"]) == (status, kind)
            assert text in answer.text
        assert len(sim.exchange.book) == 0
        assert place(running) == 200
        assert (fault.asked, fault.struck) == (2, 2)


def test_429_may_say_when_to_come_back() -> None:
    """Retry-After only where it was ordered."""
    with served() as (sim, running):
        sim.order_fault("http.429", retry_after=3, times=1)
        assert ask(running, "GET", "/v2/account").headers["retry-after"] == "3"
        sim.order_fault("http.429", times=1)
        assert "retry-after" not in ask(running, "GET", "/v2/account").headers


def test_a_truncated_answer_is_no_json() -> None:
    """Either the body is short and says so, or the line breaks in the middle of it; the order stands both times."""
    with served() as (sim, running):
        sim.order_fault("http.truncate", times=1)
        answer = ask(running, "POST", "/v2/orders", json=ORDER)
        assert answer.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        assert len(sim.exchange.book) == 1
        sim.order_fault("http.truncate", length="full", times=1)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            ask(running, "GET", "/v2/account")
        assert ask(running, "GET", "/v2/account").json()["cash"] == "467"


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({}, "status", "quantum_superposed"),
        ({"change": "null_field", "field": "symbol"}, "symbol", None),
        ({"change": "extra_key"}, "x_unannounced_field", {"since": "tomorrow"}),
        ({"change": "unknown_enum", "field": "side"}, "side", "quantum_superposed"),
    ],
)
def test_an_answer_may_say_what_no_client_knows(given: dict[str, str], field: str, value: object) -> None:
    """Unknown words, nulls and extra keys, in single objects and in lists."""
    with served() as (sim, running):
        sim.order_fault("http.mutate_json", route="/v2/orders", times=2, **given)
        assert ask(running, "POST", "/v2/orders", json=ORDER).json()[field] == value
        assert ask(running, "GET", "/v2/orders").json()[0][field] == value
        assert ask(running, "GET", "/v2/orders").json()[0].get(field) != value


def test_a_slow_answer_outlasts_the_client_but_not_the_broker() -> None:
    """The client gives up; the order was placed all the same."""
    with served() as (sim, running):
        sim.order_fault("http.slow", seconds=1, times=1)
        assert place(running) == "timeout"
        assert len(sim.exchange.book) == 1


def test_a_stale_read_shows_the_account_of_a_moment_ago() -> None:
    """An order is not there yet, a fill has not happened yet; two seconds later both are seen."""
    with served() as (sim, running):
        sim.order_fault("http.stale_read", seconds=2)
        market = order("buy", "market", "1", client_order_id="fresh")
        assert ask(running, "POST", "/v2/orders", json=market).status_code == 200
        path = "/v2/orders:by_client_order_id?client_order_id=fresh"
        assert ask(running, "GET", path).status_code == 404
        run_to(sim, sim.now + timedelta(seconds=1))
        assert sim.exchange.positions()
        assert ask(running, "GET", path).status_code == 404
        assert ask(running, "GET", "/v2/positions").json() == []
        run_to(sim, sim.now + timedelta(seconds=2))
        assert ask(running, "GET", path).json()["status"] == "filled"
        assert ask(running, "GET", "/v2/positions").json()[0]["qty"] == "1"


@pytest.mark.parametrize(
    "name",
    ["http.slow", "http.truncate", "http.mutate_json", "http.accept_then", "http.delay_apply", "http.stale_read"],
)
def test_faults_of_whole_answers_leave_event_streams_alone(name: str) -> None:
    """Such an answer never ends: it is neither held back nor changed, and what happens is told as it happens."""
    with served() as (sim, running):
        fault = sim.order_fault(name)
        headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        with requests.get(running.url + "/v2/events/trades", headers=headers, stream=True, timeout=5) as answer:
            lines = answer.iter_lines()
            assert next(lines) == b": welcome"
            sim.exchange.submit(ORDER)
            run_to(sim, sim.now + timedelta(seconds=1))
            assert b'"event":"new"' in next(line for line in lines if line.startswith(b"data"))
        assert fault.asked == 0


@pytest.mark.parametrize(("name", "status"), [("http.5xx", 503), ("http.429", 429), ("http.drop", 504)])
def test_event_streams_are_refused_like_any_request(name: str, status: int) -> None:
    """Once; the next attempt is welcome."""
    with served() as (sim, running):
        sim.order_fault(name, times=1, **({"answer": "504"} if name == "http.drop" else {}))
        assert ask(running, "GET", "/v2/events/trades").status_code == status
        with ask(running, "GET", "/v2/events/trades", stream=True) as answer:
            assert next(answer.iter_lines()) == b": welcome"


def test_only_the_route_and_the_account_that_were_named_are_struck() -> None:
    """Everything else is served as ever, and without a fault everything is."""
    with served() as (sim, running):
        assert place(running) == 200
        sim.order_fault("http.5xx", route="/v2/orders", account="0")
        assert ask(running, "GET", "/v2/account").status_code == 200
        assert ask(running, "GET", "/v2/orders").status_code == 503
        with pytest.raises(ValueError, match="no account has this id, key id or number"):
            sim.order_fault("http.5xx", account="1")


def test_a_fault_in_force_does_not_keep_an_endless_body() -> None:
    """A body beyond the limit is refused as it is without faults, and no more of it is read than that takes."""
    sim = simulator("10.00")
    sim.order_fault("http.5xx", route="/v2/watchlists")
    part, asked, answers = b"x" * 65_536, 0, []

    async def receive() -> MutableMapping[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": part, "more_body": asked < 100}

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    keys = [(b"apca-api-key-id", sim.keys[0].encode()), (b"apca-api-secret-key", sim.keys[1].encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v2/orders",
        "raw_path": b"/v2/orders",
        "query_string": b"",
        "headers": keys,
    }

    async def play() -> None:
        await build_app(sim)(scope, receive, send)

    asyncio.run(play())
    assert answers[0]["status"] == 413
    assert asked == MAX_BODY // len(part) + 1


def test_a_fault_may_be_ordered_while_somebody_looks() -> None:
    """The server looks for families of faults without the lock: an order that comes just then disturbs nobody."""
    board = FaultBoard(1, lambda: OPEN)

    class Interrupted(str):
        """A name during whose comparison another thread orders a fault."""

        __slots__ = ()

        def startswith(self, *_: object) -> bool:
            """Not one of the family."""
            board.order(FaultOrder("ws.drop"))
            return False

    board.order(FaultOrder(Interrupted("tcp.rst")))
    assert not board.has("http.")
    assert [fault.order.name for fault in board.in_force()] == ["tcp.rst", "ws.drop"]
