"""Faults of published bars at the wire, over REST and on the stream: both show the same, and the market is untouched."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgpack
import orjson
import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import RunningSimulator, Simulator, running_simulator
from tests.simulator.tiny import OPEN, order, run_to, simulator

PRICES = [f"{10 + number / 100:.2f}" for number in range(72)]
FOUR = OPEN + timedelta(minutes=5, seconds=1)


@contextmanager
def served() -> Iterator[tuple[Simulator, RunningSimulator, ClientConnection]]:
    """Six minutes of a rising price, and a client that hears its bars and what becomes of them."""
    sim = simulator(*PRICES, data_entitlement="paid")
    with running_simulator(sim) as running, connect(running.ws_url + "/v2/test") as socket:
        socket.recv(timeout=5)
        for message in (
            {"action": "auth", "key": running.key, "secret": running.secret},
            {"action": "subscribe", "bars": ["XYZ"], "updatedBars": ["XYZ"]},
        ):
            socket.send(orjson.dumps(message))
            socket.recv(timeout=5)
        yield sim, running, socket


def rest_bars(running: RunningSimulator) -> list[dict[str, Any]]:
    """The minutes that REST shows."""
    headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
    query = {"symbols": "XYZ", "timeframe": "1Min", "start": OPEN.isoformat(), "feed": "sip"}
    answer = requests.get(running.url + "/v2/stocks/bars", params=query, headers=headers, timeout=5)
    found: list[dict[str, Any]] = answer.json()["bars"].get("XYZ", [])
    return found


def streamed(sim: Simulator, socket: ClientConnection) -> list[dict[str, Any]]:
    """Everything the stream was handed."""
    found: list[dict[str, Any]] = []
    while len(found) < sim.sent()["market_data"]:
        found += orjson.loads(socket.recv(timeout=5))
    return found


def minutes(bars: list[dict[str, Any]]) -> list[str]:
    """Kind and minute of each bar."""
    return [f"{bar.get('T', '')}{bar['t'][14:16]}" for bar in bars]


def test_without_a_fault_every_minute_is_told_once() -> None:
    """Five bars on the stream, five over REST, rising."""
    with served() as (sim, running, socket):
        run_to(sim, FOUR)
        assert minutes(streamed(sim, socket)) == ["b30", "b31", "b32", "b33", "b34"]
        assert [bar["c"] for bar in rest_bars(running)] == [10.11, 10.23, 10.35, 10.47, 10.59]


SHOWN = [
    ("bars.missing", {"after": 60, "for": 120}, ["b30", "b33", "b34"], ["30", "33", "34"]),
    ("bars.stale", {"after": 60, "for": 120}, ["b30", "b33", "b34"], ["30", "31", "32", "33", "34"]),
    ("bars.stale", {"after": 60}, ["b30"], ["30"]),
    ("bars.late", {"for": 60, "seconds": 90}, ["b31", "b30", "b32", "b33", "b34"], ["30", "31", "32", "33", "34"]),
    (
        "bars.revise",
        {"for": 60, "seconds": 30},
        ["b30", "u30", "b31", "b32", "b33", "b34"],
        ["30", "31", "32", "33", "34"],
    ),
    ("bars.missing", {"symbol": "ABC"}, ["b30", "b31", "b32", "b33", "b34"], ["30", "31", "32", "33", "34"]),
]


@pytest.mark.parametrize(("name", "given", "stream", "rest"), SHOWN)
def test_bars_are_missing_stale_late_and_revised(
    name: str, given: dict[str, object], stream: list[str], rest: list[str]
) -> None:
    """Which minutes are told, in which order, and what REST has in the end."""
    with served() as (sim, running, socket):
        sim.order_fault(name, **given)
        run_to(sim, FOUR)
        assert minutes(streamed(sim, socket)) == stream
        assert minutes(rest_bars(running)) == rest


def test_a_late_bar_is_nowhere_before_its_time() -> None:
    """REST has it not either, until it comes."""
    with served() as (sim, running, _):
        sim.order_fault("bars.late", seconds=90, **{"for": 60})
        run_to(sim, OPEN + timedelta(seconds=149))
        assert minutes(rest_bars(running)) == ["31"]
        run_to(sim, OPEN + timedelta(seconds=151))
        assert minutes(rest_bars(running)) == ["30", "31"]


CHANGED = [
    ("bars.revise", {"pct": 10}, {"c": 11.12, "h": 11.12}),
    ("bars.spike", {"pct": 20}, {"c": 12.13, "h": 12.13, "l": 10.0}),
    ("bars.spike", {"pct": -20}, {"c": 8.09, "h": 10.11, "l": 8.09}),
    ("bars.mutate", {"what": "ohlc"}, {"h": 9.99, "l": 10.12}),
    ("bars.mutate", {"what": "negative"}, {"l": -10, "c": -10.11}),
    ("bars.mutate", {"what": "zero"}, {"o": 0, "h": 0, "l": 0, "c": 0}),
    ("bars.mutate", {"what": "null"}, {"c": None}),
    ("bars.zero_volume", {}, {"v": 0, "n": 0, "h": 10, "l": 10}),
]


@pytest.mark.parametrize(("name", "given", "fields"), CHANGED)
def test_bars_say_what_is_not_so(name: str, given: dict[str, object], fields: dict[str, float]) -> None:
    """Over REST and on the stream alike; the next minute, and what the exchange trades on, are right."""
    with served() as (sim, running, socket):
        fault = sim.order_fault(name, **given, **{"for": 60})
        run_to(sim, OPEN + timedelta(minutes=2, seconds=1))
        told = streamed(sim, socket)
        last = [bar for bar in told if bar["t"][14:16] == "30"][-1]
        wrong, right = rest_bars(running)
        assert {key: last[key] for key in fields} == {key: wrong[key] for key in fields} == fields
        assert (right["c"], right["v"]) == (10.23, 1200)
        assert fault.struck == 1
        assert [float(bar.close) for bar in sim.market.bars("XYZ", OPEN, OPEN + timedelta(minutes=1))] == [10.11]


@contextmanager
def hearing(running: RunningSimulator, *, packed: bool, **wanted: list[str]) -> Iterator[ClientConnection]:
    """A client of the consolidated stream with these subscriptions."""
    headers = {"Content-Type": "application/msgpack"} if packed else {}
    write = msgpack.packb if packed else orjson.dumps
    with connect(running.ws_url + "/v2/sip", additional_headers=headers) as socket:
        socket.recv(timeout=5)
        for message in (
            {"action": "auth", "key": running.key, "secret": running.secret},
            {"action": "subscribe", **wanted},
        ):
            socket.send(write(message))
            socket.recv(timeout=5)
        yield socket


@pytest.mark.parametrize(
    ("what", "text", "packed"), [("nan", "NaN", math.nan), ("inf", "Infinity", math.inf), ("null", "null", None)]
)
def test_a_price_that_is_no_number(what: str, text: str, packed: float | None) -> None:
    """JSON has the word as it stands, over REST and on the stream, MessagePack the float or nil; without the fault, a price."""
    with (
        served() as (sim, running, socket),
        hearing(running, packed=True, bars=["XYZ"]) as binary,
    ):
        sim.order_fault("bars.mutate", what=what, **{"for": 60})
        run_to(sim, OPEN + timedelta(minutes=2, seconds=1))
        frames = [str(socket.recv(timeout=5)) for _ in range(2)]
        values = [msgpack.unpackb(binary.recv(timeout=5))[0]["c"] for _ in range(2)]
        headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        query = {"timeframe": "1Min", "start": OPEN.isoformat(), "feed": "sip"}
        rest = requests.get(running.url + "/v2/stocks/XYZ/bars", params=query, headers=headers, timeout=5).text
        assert [re.findall(r'"c":([^,]+)', words) for words in (*frames, rest)] == [[text], ["10.23"], [text, "10.23"]]
        assert [str(value) for value in values] == [str(packed), "10.23"]


@pytest.mark.parametrize("is_packed", [False, True])
def test_quotes_may_be_crossed(is_packed: bool) -> None:
    """For as long as ordered, in history, as the latest quote and on the stream; the exchange trades on the right ones."""
    with served() as (sim, running, _), hearing(running, packed=is_packed, quotes=["XYZ"]) as socket:
        run_to(sim, OPEN + timedelta(seconds=7))
        sim.order_fault("bars.mutate", what="crossed", symbol="XYZ", **{"for": 10})
        run_to(sim, OPEN + timedelta(seconds=12))
        headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        path = running.url + "/v2/stocks/XYZ/quotes"
        latest = requests.get(path + "/latest?feed=sip", headers=headers, timeout=5).json()["quote"]
        placed = sim.exchange.submit(order("buy", "market"))
        run_to(sim, OPEN + timedelta(seconds=21))
        query = {"feed": "sip", "start": (OPEN + timedelta(seconds=1)).isoformat()}
        history = requests.get(path, params=query, headers=headers, timeout=5).json()["quotes"]
        read = msgpack.unpackb if is_packed else orjson.loads
        told = [read(socket.recv(timeout=5))[0] for _ in range(4)]
        crossed = [False, True, True, False]
        assert (
            [quote["bp"] > quote["ap"] for quote in told] == [quote["bp"] > quote["ap"] for quote in history] == crossed
        )
        assert (latest["bp"], latest["ap"]) == (10.03, 10.01)
        assert str(placed.filled_avg_price) == "10.03"


def test_a_share_of_the_bars_is_struck_the_same_in_every_run() -> None:
    """Drawn by seed: two runs agree, and not all minutes are alike."""
    seen = []
    for _ in range(2):
        sim = simulator(*["10.00"] * 720, data_entitlement="paid")
        sim.order_fault("bars.missing", probability=0.5)
        run_to(sim, OPEN + timedelta(minutes=60))
        rows = sim.feeds["sip"].rows("XYZ", OPEN, OPEN + timedelta(minutes=60), sim.now)
        seen.append([row.start for row in rows])
    assert seen[0] == seen[1]
    assert 15 < len(seen[0]) < 45
