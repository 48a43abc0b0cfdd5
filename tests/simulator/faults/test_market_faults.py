"""Faults of market, calendar and clock at the wire: exchange, REST and streams see the same changed market."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from alpaca_trader.simulator import RunningSimulator, Simulator, Switches, running_simulator
from alpaca_trader.simulator.exchange.errors import BrokerError
from tests.simulator.tiny import OPEN, Ear, order, run_to, simulator

CALM = Switches(partial_fills="never", rate_limit=None, data_entitlement="paid", iex_volume="full")


@contextmanager
def served(**more: Any) -> Iterator[tuple[Simulator, RunningSimulator]]:
    """A steady ten dollars for twenty minutes."""
    sim = simulator(*["10.00"] * 240, switches=CALM, **more)
    with running_simulator(sim) as running:
        yield sim, running


def get(running: RunningSimulator, path: str, **query: str) -> Any:
    """The broker's answer, as JSON."""
    headers = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
    return requests.get(running.url + path, params=query, headers=headers, timeout=5).json()


def quote(running: RunningSimulator) -> tuple[float, float]:
    """Bid and ask of the latest quote."""
    found = get(running, "/v2/stocks/XYZ/quotes/latest", feed="sip")["quote"]
    return found["bp"], found["ap"]


def wait(sim: Simulator, seconds: float) -> None:
    """Let time pass."""
    run_to(sim, sim.now + timedelta(seconds=seconds))


def test_a_halt_stops_trading_and_ends_in_a_gap() -> None:
    """No quote, no fill, no bar; afterwards the waiting order fills a fifth lower."""
    with served() as (sim, running):
        sim.order_fault("market.halt", symbol="xyz", seconds=120, pct=-20, after=59)
        wait(sim, 62)
        placed = sim.exchange.submit(order("buy", "market"))
        wait(sim, 60)
        assert quote(running) == (0, 0)
        assert placed.status == "new"
        wait(sim, 62)
        assert placed.status == "filled"
        assert placed.filled_value == Decimal("8.01")
        assert quote(running) == (7.99, 8.01)
        wait(sim, 120)
        bars = get(running, "/v2/stocks/XYZ/bars", timeframe="1Min", start=OPEN.isoformat(), feed="sip")["bars"]
        assert [(bar["t"][14:16], bar["c"]) for bar in bars] == [("30", 10), ("33", 8), ("34", 8)]


def test_a_halt_that_is_lifted_ends_at_once() -> None:
    """Trading goes on now, not when it was to end."""
    with served() as (sim, running):
        fault = sim.order_fault("market.halt", symbol="XYZ", seconds=600)
        wait(sim, 30)
        assert quote(running) == (0, 0)
        sim.lift_faults(fault.number)
        wait(sim, 10)
        assert quote(running) == (9.99, 10.01)


def test_a_gap_jumps_over_a_stop() -> None:
    """The stop is elected beyond its price and fills there; the gap stays when the fault is lifted."""
    with served() as (sim, running):
        sim.exchange.submit(order("buy", "market", "2"))
        wait(sim, 10)
        stop = sim.exchange.submit(order("sell", "stop", "2", stop_price="9.50"))
        wait(sim, 10)
        sim.order_fault("market.gap", symbol="XYZ", pct=-30)
        wait(sim, 20)
        assert (stop.status, stop.filled_value) == ("filled", Decimal("13.98"))
        sim.lift_faults()
        assert quote(running) == (6.99, 7.01)


def test_only_quotes_spike() -> None:
    """A quote a fifth away that nobody traded at; a moment later it is back."""
    with served() as (sim, running):
        wait(sim, 4)
        sim.order_fault("quote.spike", symbol="XYZ", pct=20, seconds=5)
        wait(sim, 2)
        assert quote(running) == (11.99, 12.01)
        assert get(running, "/v2/stocks/XYZ/trades/latest", feed="sip")["trade"]["p"] == 10
        wait(sim, 5)
        assert quote(running) == (9.99, 10.01)


@pytest.mark.parametrize(
    ("name", "given", "bids"),
    [
        (None, {}, [9.99, 9.99, 9.99, 9.99]),
        ("market.gap", {"pct": -30}, [9.99, 6.99, 6.99, 6.99]),
        ("market.halt", {"seconds": 8}, [9.99, 0, 9.99, 9.99]),
        ("quote.spike", {"pct": 20, "seconds": 9}, [9.99, 11.99, 11.99, 9.99]),
    ],
)
def test_the_stream_sees_the_changed_market_at_once(
    name: str | None, given: dict[str, object], bids: list[float]
) -> None:
    """Ordered between two ticks of a minute whose ticks are read already: the next quote on the stream is the changed one."""
    with served() as (sim, running), connect(running.ws_url + "/v2/sip") as socket:
        socket.recv(timeout=5)
        for message in (
            {"action": "auth", "key": running.key, "secret": running.secret},
            {"action": "subscribe", "quotes": ["XYZ"], "statuses": ["XYZ"]},
        ):
            socket.send(orjson.dumps(message))
            socket.recv(timeout=5)
        wait(sim, 6)
        if name:
            sim.order_fault(name, symbol="XYZ", **given)
        wait(sim, 15)
        told: list[dict[str, Any]] = []
        while len(told) < sim.sent()["market_data"]:
            told += orjson.loads(socket.recv(timeout=5))
        assert [message["bp"] for message in told if message["T"] == "q"] == bids
        assert [m["sc"] for m in told if m["T"] == "s"] == (["H", "T"] if name == "market.halt" else [])


def generated() -> Any:
    """Two generated sessions, a Thursday and a Friday."""
    return running_simulator(profile="paper100k", symbols=["SPY"], date=date(2026, 11, 19), days=2, switches=CALM)


def test_an_overnight_gap_shows_at_the_next_open() -> None:
    """Today's close stands; tomorrow begins a tenth lower."""
    with generated() as plain, generated() as gapped:
        gapped.clock.step(timedelta(minutes=2))
        gapped.fault("market.overnight_gap", symbol="SPY", pct=-10)
        opens = []
        for broker in (plain, gapped):
            broker.clock.step(timedelta(hours=24, minutes=3))
            bars = get(broker, "/v2/stocks/SPY/bars", timeframe="1Day", start="2026-11-19", feed="sip")["bars"]
            opens.append([bar["o"] for bar in bars])
        assert opens[0][0] == opens[1][0]
        assert opens[1][1] == pytest.approx(opens[0][1] * 0.9, rel=0.001)


def test_a_session_is_shortened_or_falls_out() -> None:
    """Calendar, clock and exchange agree; the running session and days without one cannot be changed."""
    with generated() as broker:
        broker.fault("calendar.half_day")
        broker.fault("calendar.holiday", date="2026-11-23")
        days = get(broker, "/v2/calendar", start="2026-11-19", end="2026-11-24")
        assert [(day["date"][-2:], day["close"]) for day in days] == [("19", "16:00"), ("20", "13:00"), ("24", "16:00")]
        for named in ("2026-11-19", "2026-11-22"):
            with pytest.raises(ValueError, match="name a session after that of 2026-11-19"):
                broker.fault("calendar.holiday", date=named)
        broker.clock.step(timedelta(hours=27, minutes=30))
        resting = order("buy", "limit", symbol="SPY", limit_price="1.00")
        placed = broker.sim.exchange.submit(resting)
        assert get(broker, "/v2/clock")["is_open"] is True
        broker.clock.step(timedelta(minutes=2))
        clock = get(broker, "/v2/clock")
        assert (clock["is_open"], clock["next_open"][:10]) == (False, "2026-11-24")
        assert placed.status == "expired"


def test_the_calendar_cannot_be_read() -> None:
    """Empty or refused, as ordered; afterwards it is there."""
    with served() as (sim, running):
        query = {"start": "2026-11-20", "end": "2026-11-24"}
        sim.order_fault("calendar.missing", **{"for": 60})
        assert get(running, "/v2/calendar", **query) == []
        sim.lift_faults()
        sim.order_fault("calendar.missing", answer="503", **{"for": 60})
        assert get(running, "/v2/calendar", **query)["message"] == "service temporarily unavailable"
        wait(sim, 61)
        assert len(get(running, "/v2/calendar", **query)) == 3


def test_the_brokers_clock_is_off() -> None:
    """By as much as ordered, and only it."""
    with served() as (sim, running):
        right = get(running, "/v2/clock")["timestamp"]
        sim.order_fault("clock.skew", seconds=-90)
        assert (right[11:19], get(running, "/v2/clock")["timestamp"][11:19]) == ("09:30:01", "09:28:31")
        assert sim.now == OPEN + timedelta(seconds=1)


@pytest.mark.parametrize("name", ["clock.jump", "clock.sleep"])
def test_time_leaps(name: str) -> None:
    """What is due happens on the way; whoever slept has lost the line."""
    with served() as (sim, running), connect(running.ws_url + "/v2/iex") as socket:
        socket.recv(timeout=5)
        placed = sim.exchange.submit(order("buy", "market"))
        sim.order_fault(name, seconds=300)
        assert sim.now == OPEN + timedelta(seconds=301)
        assert placed.status == "filled"
        if name == "clock.sleep":
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=5)
        else:
            with pytest.raises(TimeoutError):
                socket.recv(timeout=0.2)


def test_somebody_else_trades_in_the_account() -> None:
    """An order that nobody sent over the wire is seen on it; so is a liquidation."""
    with served(profile="paper100k") as (sim, running):
        ear = Ear(sim)
        sim.order_fault("broker.manual_order", symbol="XYZ", side="buy", qty="3")
        wait(sim, 5)
        assert get(running, "/v2/positions")[0]["qty"] == "3"
        sim.order_fault("broker.liquidate", symbol="XYZ")
        wait(sim, 5)
        assert get(running, "/v2/positions") == []
        assert ear.events == ["new", "fill", "new", "fill"]
        with pytest.raises(BrokerError):
            sim.order_fault("broker.manual_order", symbol="XYZ", side="buy", qty="100000000")
        assert sim.faults.in_force() == []


def test_a_company_splits_is_renamed_and_pays() -> None:
    """Shares double and halve in price; the new name trades; the dividend is booked."""
    with served(profile="paper100k") as (sim, running):
        sim.exchange.submit(order("buy", "market", "3"))
        wait(sim, 5)
        sim.order_fault("corp.split", symbol="XYZ", ratio=2)
        wait(sim, 10)
        [position] = get(running, "/v2/positions")
        assert (position["qty"], float(position["current_price"])) == ("6", 5)
        sim.order_fault("corp.rename", symbol="XYZ", new_symbol="ABC")
        [position] = get(running, "/v2/positions")
        assert (position["symbol"], float(position["current_price"])) == ("ABC", 5)
        sim.exchange.submit({**order("sell", "market", "6"), "symbol": "ABC"})
        wait(sim, 10)
        assert get(running, "/v2/positions") == []
        with pytest.raises(ValueError, match="the market has this symbol already"):
            sim.order_fault("corp.rename", symbol="XYZ", new_symbol="ABC")
        with pytest.raises(ValueError, match="the market has no such symbol"):
            sim.order_fault("corp.dividend", symbol="QQQ", cash=1)
