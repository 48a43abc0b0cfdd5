"""Server-sent events over HTTP: the past, the present, the end, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import orjson
import pytest

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from alpaca_trader.simulator.event_history import MAX_EVENTS, Past, TradeEvents
from alpaca_trader.simulator.exchange.life import OrderEvent
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.tiny import OPEN, Ear, order, run_to
from tests.simulator.trading.test_rest import Http, make_sim

TRADES, ACTIVITIES = "/v2/events/trades", "/v2beta1/events/activities"
LONG_AGO = "since=2026-01-01"


class Reader:
    """One open event stream."""

    def __init__(self, running: RunningSimulator, path: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", running.port, timeout=10)
        keys = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        self._connection.request("GET", path, headers=keys)
        self.answer: HTTPResponse = self._connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.getheader("content-type", "").startswith("text/event-stream")
        assert self.answer.readline() == b": welcome\n"

    def next(self) -> dict[str, Any]:
        """The next event; waits for it."""
        while not (line := self.answer.readline()).startswith(b"data: "):
            assert line in {b"\n"} or line.startswith(b":"), line
        event: dict[str, Any] = orjson.loads(line.removeprefix(b"data: "))
        return event

    def rest(self) -> list[dict[str, Any]]:
        """All events to the stream's end."""
        lines = self.answer.read().split(b"\n")
        return [orjson.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: ")]

    def close(self) -> None:
        """Hang up."""
        self.answer.close()
        self._connection.close()


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    """A served simulator on XYZ at 100."""
    with running_simulator(make_sim()) as served:
        yield served


def bought(sim: Simulator, qty: str) -> SimOrder:
    """Buy at the market and let it fill, however many listen."""
    placed = sim.exchange.submit(order("buy", "market", qty))
    run_to(sim, sim.now + timedelta(milliseconds=200))
    assert placed.status == "filled"
    return placed


def past(running: RunningSimulator, path: str, query: str) -> list[dict[str, Any]]:
    """What a stream tells that ends at once."""
    reader = Reader(running, f"{path}?{query}")
    found = reader.rest()
    reader.close()
    return found


def test_trade_events_are_told_again_as_they_were(running: RunningSimulator) -> None:
    """The same bodies as on the trading stream, although the orders have changed since."""
    sim = running.sim
    ear = Ear(sim)
    bought(sim, "1")
    bought(sim, "0.5")
    until = sim.now.isoformat().replace("+00:00", "Z")
    told = past(running, TRADES, f"{LONG_AGO}&until={until}")
    assert told == [dict(update) for update in ear.heard]
    assert [event["order"]["status"] for event in told] == ["new", "filled", "new", "filled"]
    third = told[2]
    assert past(running, TRADES, f"since={third['at']}&until={until}") == told[2:]
    assert past(running, TRADES, f"since_id={third['event_id']}&until_id={told[3]['event_id']}") == told[2:]
    assert past(running, TRADES, f"since_id={told[0]['event_id']}&until_id={told[1]['event_id']}") == told[:2]


def test_a_stream_follows_without_a_gap_and_ends_when_asked(running: RunningSimulator) -> None:
    """Past, then present, then the end that was asked for."""
    sim = running.sim
    bought(sim, "1")
    until = (OPEN + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    reader = Reader(running, f"{TRADES}?{LONG_AGO}&until={until}")
    assert [reader.next()["event"] for _ in range(2)] == ["new", "fill"]
    bought(sim, "0.5")
    assert [reader.next()["event"] for _ in range(2)] == ["new", "fill"]
    run_to(sim, OPEN + timedelta(minutes=2))
    assert reader.rest() == []
    reader.close()


def test_without_a_begin_only_the_present_is_told(running: RunningSimulator) -> None:
    """Nothing of the past; a client that hangs up is forgotten."""
    sim = running.sim
    bought(sim, "1")
    reader = Reader(running, TRADES)
    bought(sim, "0.5")
    assert reader.next()["order"]["qty"] == "0.5"
    assert len(sim.desks[0].trade_events.channel.listeners()) == 1
    reader.close()
    other = Http(running)
    while sim.desks[0].trade_events.channel.listeners():
        assert other("GET", "/v2/clock")[0] == 200
    other.close()


def test_activity_events_tell_fills_and_money(running: RunningSimulator) -> None:
    """A fill with its order, a deposit with its amount; sortable ids; past and present alike."""
    sim = running.sim
    reader = Reader(running, ACTIVITIES)
    placed = bought(sim, "2")
    fill = reader.next()
    assert fill["activity_type"] == "TRD"
    assert (fill["price"], fill["qty"], fill["net_amount"]) == ("100.01", "2", "-200.02")
    assert (fill["status"], fill["currency"], fill["settle_date"]) == ("executed", "USD", "2026-11-23")
    assert fill["details"] == {
        "order_id": placed.id,
        "client_order_id": placed.client_order_id,
        "asset_id": placed.asset_id,
        "symbol": "XYZ",
        "side": "buy",
        "cum_qty": "2",
        "leaves_qty": "0",
        "order_status": "filled",
        "execution_type": "fill",
    }
    sim.exchange.transfer("25")
    run_to(sim, sim.now + timedelta(seconds=1))
    deposit = reader.next()
    assert (deposit["activity_type"], deposit["net_amount"]) == ("CSD", "25")
    assert fill["event_id"] < deposit["event_id"]
    now = sim.now.isoformat().replace("+00:00", "Z")
    assert past(running, ACTIVITIES, f"{LONG_AGO}&until={now}") == [fill, deposit]
    assert past(running, ACTIVITIES, f"since_id={deposit['event_id']}&until_id={deposit['event_id']}") == [deposit]
    reader.close()


def test_events_survive_a_restart(tmp_path: Path) -> None:
    """A simulator continued from its log tells the same events with the same ids."""
    asked = Past(since=OPEN)

    def told(sim: Simulator) -> list[list[Any]]:
        desk = sim.desks[0]
        return [[dict(event) for event in source.past(asked)] for source in (desk.trade_events, desk.activity_events)]

    first = make_sim(state_dir=tmp_path)
    bought(first, "1")
    expected = told(first)
    first.close()
    second = make_sim(state_dir=tmp_path)
    second.close()
    assert [len(events) for events in expected] == [2, 1]
    assert told(second) == expected


def test_only_so_many_trade_events_are_kept() -> None:
    """The oldest go first."""
    sim = make_sim()
    placed = sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    events = TradeEvents(1)
    for number in range(MAX_EVENTS + 5):
        events.keep(OrderEvent("new", sim.now, number, placed))
    found = events.past(Past(since=OPEN))
    assert len(found) == MAX_EVENTS
    assert found == sorted(found, key=lambda event: event["event_id"])


@pytest.mark.parametrize("path", [TRADES, ACTIVITIES])
@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("until=2026-11-20", "since is required"),
        ("until_id=01KAGWZ5Q2V9K3T0Y8M4C7N6RD", "since_id is required"),
        ("since=2026-11-20&since_id=01KAGWZ5Q2V9K3T0Y8M4C7N6RD", "since_id cannot be combined with since"),
        ("since=soon", "invalid since: soon"),
        ("since_id=5", "invalid since_id: 5"),
        ("since_id=8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "invalid since_id: 8ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
    ],
)
def test_a_wrong_begin_or_end_is_refused(running: RunningSimulator, path: str, query: str, text: str) -> None:
    """422 before any event is sent."""
    http = Http(running)
    status, body = http("GET", f"{path}?{query}")
    assert (status, body["message"]) == (422, text)
    http.close()


def test_an_end_that_lies_beyond_all_time_is_none(running: RunningSimulator) -> None:
    """The last instant a clock can write is accepted, and the stream goes on until the client leaves."""
    reader = Reader(running, f"{TRADES}?{LONG_AGO}&until=9999-12-31T23:59:59.999999Z")
    bought(running.sim, "1")
    assert [reader.next()["event"] for _ in range(2)] == ["new", "fill"]
    reader.close()


def test_another_market_ends_the_streams_of_the_one_before(running: RunningSimulator) -> None:
    """Nobody goes on listening to a simulator that no longer lives."""
    reader = Reader(running, TRADES)
    running.load(make_sim())
    assert reader.rest() == []
    reader.close()


@pytest.mark.parametrize("path", [TRADES, ACTIVITIES, "/v1beta1/events/corporate-actions"])
def test_head_is_the_head_alone(running: RunningSimulator, path: str) -> None:
    """The connection is free again at once, and nobody listens."""
    http = Http(running)
    status, headers, content = http.raw("HEAD", path)
    assert (status, headers["content-type"][:17], content) == (200, "text/event-stream", b"")
    assert http("GET", "/v2/clock")[0] == 200
    assert all(channel.is_empty for channel in running.sim.hub.events)
    http.close()
