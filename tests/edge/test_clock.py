"""Time that never runs back, and virtual time at a pace."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from alpaca_trader.edge.clock import Pacer, SystemClock, VirtualClock
from tests.edge.real_time import StandInRealTime

START = datetime(2026, 2, 2, 14, 30, tzinfo=UTC)


def test_system_clock_is_aware_utc() -> None:
    """The machine's time, with its zone, in order."""
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first <= second
    assert (first.tzinfo, second.tzinfo) == (UTC, UTC)


def test_system_clock_never_runs_back() -> None:
    """A wall clock that is set back holds ours still until it has caught up: no two events the wrong way round."""
    seconds = [0, 10, 3, 9, 11]
    walls = iter([START + timedelta(seconds=n) for n in seconds])
    clock = SystemClock(lambda: next(walls))
    assert [(clock.now() - START).total_seconds() for _ in seconds] == [0, 10, 10, 10, 11]


def test_a_signal_handler_may_ask_while_the_time_is_being_told() -> None:
    """A signal interrupts its own thread anywhere; asking for the time there must not wait for itself."""
    answers: list[datetime] = []

    def wall() -> datetime:
        if not answers:
            answers.append(START)
            answers.append(clock.now())
        return START

    clock = SystemClock(wall)
    assert clock.now() == START
    assert answers == [START, START]


def test_system_clock_waits_for_a_notification() -> None:
    """The wait ends when the condition is notified, long before its limit."""
    clock, condition, before = SystemClock(), threading.Condition(), SystemClock().monotonic()
    notified: list[bool] = []

    def notify() -> None:
        with condition:
            notified.append(True)
            condition.notify()

    with condition:
        threading.Thread(target=notify).start()
        while not notified:
            clock.wait(condition, 30)
    assert clock.monotonic() - before < 20


def test_virtual_clock_moves_only_forward() -> None:
    """Time that goes back is a defect, not a wish to be granted; any zone is kept as UTC."""
    clock = VirtualClock(START.astimezone(timezone(timedelta(hours=-5))))
    assert clock.now() == START
    assert clock.now().tzinfo is UTC
    clock.advance_to(START + timedelta(seconds=1))
    with pytest.raises(AssertionError, match="never goes back"):
        clock.advance_to(START)
    with pytest.raises(AssertionError, match="without a zone"):
        VirtualClock(START.replace(tzinfo=None))


@pytest.mark.parametrize(("speed", "virtual_s", "real_s"), [(60, 60, 1.0), (1, 0.5, 0.5), (390, 23_400, 60.0)])
def test_pacer_takes_real_time_by_its_speed(speed: float, virtual_s: float, real_s: float) -> None:
    """At N times real time, virtual seconds cost an N-th of real ones."""
    real = StandInRealTime()
    pacer = Pacer(speed, real, START)
    for step in range(1, 11):
        pacer.wait_for(START + step * timedelta(seconds=virtual_s) / 10)
    assert real.monotonic() == pytest.approx(real_s)


def test_pacer_catches_up_small_delays_and_lets_long_ones_go() -> None:
    """Work of half a second is made up for; after a suspended minute nothing sprints."""
    real = StandInRealTime()
    pacer = Pacer(1, real, START)
    real.elapse(0.5)
    pacer.wait_for(START + timedelta(seconds=2))
    assert real.monotonic() == 2.0
    real.elapse(60)
    pacer.wait_for(START + timedelta(seconds=3))
    assert real.monotonic() == 62.0
    pacer.wait_for(START + timedelta(seconds=4))
    assert real.monotonic() == 63.0


def test_pacer_skips_and_steps() -> None:
    """A night passes in no time, and one step lasts a fifth of a real second."""
    real = StandInRealTime()
    pacer = Pacer(60, real, START)
    pacer.skip_to(START + timedelta(hours=17))
    pacer.wait_for(START + timedelta(hours=17) + pacer.step)
    assert real.monotonic() == pytest.approx(0.2)
    with pytest.raises(AssertionError, match="stop time"):
        Pacer(0, real, START)
