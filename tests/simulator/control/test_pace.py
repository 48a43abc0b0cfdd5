"""The clock of a served simulator: turn by turn, with the elapsed real time handed in."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.control.pace import LAST, MAX, Pace
from tests.simulator.tiny import OPEN, Ear, order, simulator

BEGIN = OPEN + timedelta(seconds=1)


def pace(sim: Simulator, speed: float | None, backlog: int = 0, end: datetime | None = None) -> Pace:
    """A clock without a thread, whose clients have so many frames left to take."""
    return Pace(sim, lambda: backlog, speed, end)


def test_time_runs_at_the_given_speed() -> None:
    """Ten real seconds at speed 60 are ten virtual minutes, and orders live meanwhile."""
    sim = simulator(*["10.00"] * 200)
    placed = sim.exchange.submit(order("buy", "market"))
    clock = pace(sim, 60)
    for _ in range(100):
        clock.turn(0.1)
    assert sim.now - BEGIN == timedelta(minutes=10)
    assert placed.status == "filled"


def test_time_stands_without_a_speed_and_while_paused() -> None:
    """Only what is asked for passes: a step, exactly."""
    sim = simulator(*["10.00"] * 200)
    clock = pace(sim, None)
    clock.turn(5)
    assert sim.now == BEGIN
    assert clock.step(timedelta(seconds=90)) == BEGIN + timedelta(seconds=90)
    clock.set_speed(2)
    clock.run()
    clock.turn(5)
    assert clock.pause() == BEGIN + timedelta(seconds=100)
    clock.turn(5)
    assert sim.now == BEGIN + timedelta(seconds=100)


def test_run_until_a_time_pauses_exactly_there() -> None:
    """Not a moment later, at any speed; a time that is past is refused."""
    sim = simulator(*["10.00"] * 200)
    clock = pace(sim, 1000)
    stop = BEGIN + timedelta(seconds=77)
    clock.run(stop)
    for real_s in (5, 0, 0):
        clock.turn(real_s)
    assert (sim.now, clock.status().is_running) == (stop, False)
    with pytest.raises(ValueError, match="time never goes back"):
        clock.run(BEGIN)
    with pytest.raises(ValueError, match="has no time zone"):
        clock.run(datetime(2026, 11, 20, 15, 0))  # noqa: DTZ001 - that is what is refused


def test_at_max_time_waits_for_the_first_client() -> None:
    """Nothing passes until somebody listens; then minutes pass without a clock, up to the end of the market."""
    sim = simulator(*["10.00"] * 200)
    end = BEGIN + timedelta(minutes=3)
    clock = pace(sim, MAX, end=end)
    clock.turn(5)
    assert (sim.now, clock.status().waits_for_client) == (BEGIN, True)
    Ear(sim)
    for _ in range(10):
        clock.turn(0)
    assert (sim.now, clock.status().is_running) == (end, False)


def test_at_max_run_needs_no_client() -> None:
    """Somebody who says run means it."""
    sim = simulator(*["10.00"] * 200)
    clock = pace(sim, MAX)
    clock.run()
    clock.turn(0)
    assert sim.now == BEGIN + timedelta(minutes=1)


def test_at_max_time_waits_for_clients_that_have_not_taken_everything() -> None:
    """A slow client slows the day down, a numbered speed does not."""
    sim = simulator(*["10.00"] * 200)
    clock = pace(sim, MAX, backlog=1)
    clock.run()
    clock.turn(1)
    assert sim.now == BEGIN
    clock.set_speed(1)
    clock.turn(1)
    assert sim.now == BEGIN + timedelta(seconds=1)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_that_does_not_move_time_is_refused(speed: float) -> None:
    """The error names the value."""
    with pytest.raises(ValueError, match=r"speed .* must be above 0"):
        pace(simulator("10.00"), speed)


def test_a_speed_that_no_machine_keeps_is_refused() -> None:
    """Times real time have a bound; who wants more wants max."""
    with pytest.raises(ValueError, match=r"1e\+308 is beyond 1,000,000 times real time; use max"):
        pace(simulator("10.00"), 1e308)


def test_time_ends_with_the_calendar() -> None:
    """Further is refused, by a step and by run; time that runs without a goal pauses there instead of breaking."""
    sim = simulator("10.00")
    clock = pace(sim, None)
    for far in (timedelta.max, LAST - sim.now + timedelta(seconds=1)):
        with pytest.raises(ValueError, match="time cannot go beyond 2029-12-01"):
            clock.step(far)
    with pytest.raises(ValueError, match="time cannot go beyond 2029-12-01"):
        clock.run(datetime(9999, 12, 31, tzinfo=UTC))
    assert sim.now == BEGIN
    sim.advance(LAST - timedelta(seconds=5))
    clock.set_speed(60)
    clock.run()
    for real_s in (1, 1):
        clock.turn(real_s)
    assert (sim.now, clock.status().is_running) == (LAST, False)


def test_what_breaks_while_time_runs_is_not_swallowed() -> None:
    """The error leaves the turn, and with it the clock's thread."""

    def broken() -> int:
        raise LookupError("no backlog today")

    clock = Pace(simulator("10.00"), broken, None)
    clock.run()
    with pytest.raises(LookupError, match="no backlog today"):
        clock.turn(1)


def test_a_clock_that_is_stopped_as_soon_as_it_was_started_ends() -> None:
    """However short its life, the word to stop is heard: none of fifty clocks is left behind."""
    sim = simulator("10.00")
    for _ in range(50):
        clock = pace(sim, None)
        clock.start()
        clock.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "simulator clock"]
