"""The control API over its own socket, as the command line and other programs use it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from alpaca_trader.simulator import GeneratedMarket, RunningSimulator, Simulator, running_simulator
from alpaca_trader.simulator.control.client import ControlClient, ControlError, NotRunning
from alpaca_trader.simulator.control.running import simulator_on
from alpaca_trader.simulator.control.server import controlled

DAY = date(2026, 11, 20)


def build(wanted: Mapping[str, Any]) -> tuple[Simulator, Any]:
    """Another generated day."""
    seed = wanted.get("seed", 7)
    return simulator_on(GeneratedMarket(seed, ["SPY"], DAY, history_days=1), DAY, 1, seed=seed)


@pytest.fixture
def running() -> Iterator[RunningSimulator]:
    """A broker with a controller."""
    with running_simulator(build({})[0]) as found:
        yield found


@pytest.fixture
def control(running: RunningSimulator) -> Iterator[ControlClient]:
    """A client of its controls."""
    with controlled(running, 0, build) as url:
        yield ControlClient(int(url.rpartition(":")[2]))


@pytest.fixture(scope="module")
def steady() -> Iterator[ControlClient]:
    """Controls that a whole table of bad requests shares: none of them changes anything."""
    with running_simulator(build({})[0]) as found, controlled(found, 0, build) as url:
        yield ControlClient(int(url.rpartition(":")[2]))


def ask(running: RunningSimulator, path: str) -> requests.Response:
    """The broker's answer."""
    headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
    return requests.get(running.url + path, headers=headers, timeout=5)


def test_it_describes_itself(control: ControlClient) -> None:
    """Every route it names without a parameter that reads is there."""
    routes = control.get("/")["routes"]
    assert "POST /clock/run" in routes
    for route in routes:
        method, path = route.split()
        if method == "GET":
            assert control.get(path)


def test_the_clock_is_turned(control: ControlClient, running: RunningSimulator) -> None:
    """Step, run until a New York time, change the speed, pause."""
    assert control.get("/clock")["new_york"] == "2026-11-20 09:29:00"
    assert control.send("POST", "/clock/step", {"seconds": 90})["now"] == "2026-11-20T14:30:30Z"
    assert control.send("POST", "/clock/speed", {"speed": "max"})["speed"] == "max"
    assert control.send("POST", "/clock/run", {"until": "09:45"})["until"] == "2026-11-20T14:45:00Z"
    running.clock.run_until(running.sim.market.sessions(DAY, DAY)[0].open.replace(hour=14, minute=45))
    state = control.send("POST", "/clock/pause")
    assert (state["now"], state["running"]) == ("2026-11-20T14:45:00Z", False)


def test_a_fault_is_ordered_seen_and_lifted(control: ControlClient, running: RunningSimulator) -> None:
    """It strikes as often as ordered, is counted, and is gone afterwards."""
    ordered = control.send("POST", "/faults", {"name": "http.5xx", "status": "502", "route": "/v2/clock", "times": 2})
    assert [ask(running, "/v2/clock").status_code for _ in range(3)] == [502, 502, 200]
    [found] = control.get("/faults")["in_force"]
    assert (found["number"], found["struck"], found["parameters"]["status"]) == (ordered["number"], 2, "502")
    assert control.send("DELETE", f"/faults/{ordered['number']}") == {"lifted": 1}
    assert control.get("/faults")["in_force"] == []


def test_accounts_are_opened_and_paid_into(control: ControlClient, running: RunningSimulator) -> None:
    """A further account trades with its own keys; money comes and goes."""
    control.send("POST", "/accounts", {"key": "SECOND", "secret": "of-two", "profile": "paper100k"})
    assert control.send("POST", "/accounts/0/transfer", {"amount": "33.00"})["cash"] == "500.00"
    assert [each["cash"] for each in control.get("/accounts")["accounts"]] == ["500.00", "100000.00"]
    assert running.sim.desk_of("SECOND", "of-two") is not None
    with pytest.raises(ControlError):
        control.send("POST", "/accounts/0/transfer", {"amount": "-1000"})


def test_another_market_begins_anew(control: ControlClient, running: RunningSimulator) -> None:
    """The same address and keys, a fresh account, standing time; stream clients are told by closing."""
    control.send("POST", "/clock/step", {"seconds": 600})
    control.send("POST", "/accounts/0/transfer", {"amount": "33.00"})
    with connect(running.ws_url + "/v2/iex") as socket:
        socket.recv(timeout=5)
        assert control.send("POST", "/market", {"seed": 8})["now"] == "2026-11-20T14:29:00Z"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert ask(running, "/v2/account").json()["cash"] == "467"
    assert running.sim.seed == 8


BAD: list[tuple[str, str, Mapping[str, object] | None, str]] = [
    ("POST", "/clock/step", {"seconds": -1}, "time never goes back"),
    ("POST", "/clock/step", {"seconds": "soon"}, "seconds: give a number"),
    ("POST", "/clock/step", {"seconds": 1e99}, "seconds: give a number, at most 1,000,000,000"),
    ("POST", "/clock/step", {"seconds": 1e9}, "time cannot go beyond 2029-12-01"),
    ("POST", "/clock/run", {"until": "9999-12-31T00:00:00Z"}, "time cannot go beyond 2029-12-01"),
    ("POST", "/clock/speed", {"speed": 1e308}, "use max"),
    ("POST", "/clock/run", {"until": "25:99"}, "write 15:55"),
    ("POST", "/clock/speed", {}, '{"speed": N}'),
    ("POST", "/clock/speed", {"speed": "fast"}, "give a number above 0"),
    ("POST", "/clock/speed", {"speed": 0}, "must be above 0"),
    ("POST", "/clock/speed", {"speed": None}, '{"speed": N}'),
    ("POST", "/clock/speed", {"speed": [1]}, '{"speed": N}'),
    ("POST", "/clock/run", {"until": "9999-12-31T23:00:00-05:00"}, "beyond all calendars"),
    ("POST", "/faults", {"name": "http.drop", "self": 1}, "self"),
    ("POST", "/faults", {"name": "http.dorp"}, "did you mean http.drop?"),
    ("POST", "/faults", {"name": "http.drop", "anser": "504"}, "did you mean answer?"),
    ("POST", "/faults", {"name": "http.slow", "seconds": "many"}, "give a number from 0 to 120"),
    ("POST", "/faults", {"name": "crash.at_io"}, "strikes the client's process"),
    ("POST", "/faults", {}, "GET /faults/catalogue"),
    ("DELETE", "/faults/9", None, "no fault 9 is in force"),
    ("DELETE", f"/faults/{10**20}", None, f"no fault {10**20} is in force"),
    ("POST", "/accounts", {"key": "A"}, '"secret"'),
    ("POST", "/accounts", {"key": "A", "secret": "B", "profile": "rich"}, "profile 'rich' is unknown"),
    ("POST", "/accounts", {"key": "A\nB", "secret": "C"}, "printable ASCII without blanks"),
    ("POST", "/accounts", {"key": "A", "secret": "C D"}, "printable ASCII without blanks"),
    ("POST", "/accounts/7/transfer", {"amount": "1"}, "there is no account 7"),
    ("POST", "/market", {"sed": 8}, "sed: give"),
    ("GET", "/nowhere", None, "GET / lists them"),
]


@pytest.mark.parametrize(("method", "path", "body", "text"), BAD, ids=[f"{row[0]} {row[1]} {row[2]}" for row in BAD])
def test_bad_requests_get_one_clear_line(
    steady: ControlClient, method: str, path: str, body: Mapping[str, object] | None, text: str
) -> None:
    """What is wrong, and what would be right."""
    with pytest.raises(ControlError) as refusal:
        steady.send(method, path, body)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8766"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_web_pages_are_kept_out(steady: ControlClient, headers: dict[str, str], status: int) -> None:
    """Foreign names for this machine, and whatever a browser sends, are refused."""
    line = http.client.HTTPConnection("127.0.0.1", steady.port, timeout=5)
    line.request("GET", "/clock", headers=headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    assert answer.status == status


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 400), (b"[1]", 400), (b"[" * 60_000, 400), (b"x" * 70_000, 413)]
)
def test_a_body_that_is_none(steady: ControlClient, content: bytes, status: int) -> None:
    """No JSON, no object, nested beyond reason, or endless."""
    line = http.client.HTTPConnection("127.0.0.1", steady.port, timeout=5)
    line.request("POST", "/faults", content)
    answer = line.getresponse()
    assert (answer.status, list(json.loads(answer.read()))) == (status, ["error"])
    line.close()


def test_a_market_that_is_kept_stays(running: RunningSimulator) -> None:
    """Without a builder there is nothing to load."""
    with (
        controlled(running, 0) as url,
        pytest.raises(ControlError, match="belongs to one market"),
    ):
        ControlClient(int(url.rpartition(":")[2])).send("POST", "/market", {})


def test_nobody_there_is_told(running: RunningSimulator) -> None:
    """Neither an empty port nor the broker's own is taken for a controller."""
    with pytest.raises(NotRunning, match="is no simulator's control"):
        ControlClient(running.port).get("/clock")
    with running_simulator(build({})[0]) as gone:
        port = gone.port
    with pytest.raises(NotRunning, match=f"on port {port}"):
        ControlClient(port).get("/clock")
