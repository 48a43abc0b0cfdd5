"""The loop that hangs is noticed, and the one that has nothing to do is left alone."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.session_trigger import SessionTrigger
from alpaca_trader.edge.watchdog import Watchdog
from alpaca_trader.main.hosted import EXIT_HUNG
from tests.edge.real_time import StandInRealTime

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")

TRIGGER = SessionTrigger(SessionCalendar())
JUST_AFTER_A_TICK = datetime(2026, 2, 2, 15, 1, 2, tzinfo=UTC)
NIGHT = datetime(2026, 2, 3, 2, 0, tzinfo=UTC)


@dataclass
class Counters:
    """How far a loop has come."""

    finished: int = 0
    unfinished: int = 0
    scheduled: int = 0
    exchanges: int = 0

    def finish_tick(self) -> None:
        """One tick more came and is done."""
        self.finished += 1
        self.scheduled += 1

    def count_exchanges(self) -> int:
        """Requests to the broker that are over."""
        return self.exchanges


class Guard:
    """A watchdog with a limit of 60 s, looked at every second of a stand-in clock."""

    def __init__(self, now: datetime) -> None:
        self.real = StandInRealTime(now)
        self.loop = Counters()
        self.reasons: list[str] = []
        self.watchdog = Watchdog(
            self.loop, self.loop.count_exchanges, TRIGGER, self.real, self.reasons.append, limit_s=60
        )

    def watch(self, seconds: int) -> int | None:
        """After how many seconds it gave up, or None."""
        for second in range(1, seconds + 1):
            self.real.elapse(1)
            if self.watchdog.check():
                return second
        return None


def test_an_event_that_never_finishes() -> None:
    """One event in hand or waiting, none finished for a minute: give up and say so."""
    guard = Guard(NIGHT)
    guard.loop.unfinished = 3
    assert guard.watch(100) == 61
    assert guard.reasons == ["no event finished for 61 s, 3 unfinished"]


def test_work_that_comes_after_a_long_idle_night_has_its_full_time() -> None:
    """Hours without an event are not hours of hanging."""
    guard = Guard(NIGHT)
    assert guard.watch(5000) is None
    guard.loop.unfinished = 1
    assert guard.watch(59) is None
    guard.loop.finished, guard.loop.unfinished = 1, 0
    assert guard.watch(100) is None
    assert guard.reasons == []


def test_a_loop_that_is_slow_but_moves_is_left_alone() -> None:
    """A long queue that gets shorter is no hang."""
    guard = Guard(NIGHT)
    guard.loop.unfinished = 50
    for _ in range(10):
        assert guard.watch(50) is None
        guard.loop.finished += 1


def test_a_minute_of_many_slow_requests_is_left_alone() -> None:
    """On a line where every request takes its ten seconds one tick outlasts the next ones; only when no request ends
    any more the loop hangs."""
    guard = Guard(JUST_AFTER_A_TICK)
    guard.loop.unfinished = 1
    for number in range(1, 25):
        assert guard.watch(10) is None
        guard.loop.exchanges += 1
        guard.loop.scheduled += not number % 6
    assert guard.watch(100) == 62
    assert guard.reasons == ["no event finished for 61 s, 1 unfinished"]


def test_a_tick_that_does_not_come() -> None:
    """In a session a tick is due each minute: when the scheduler is dead, bars alone do not reassure."""
    guard = Guard(JUST_AFTER_A_TICK)
    for _ in range(119):
        guard.loop.finished += 1
        assert guard.watch(1) is None
    assert guard.watch(10) == 2
    assert guard.reasons == ["the tick of session 2026-02-02 is overdue by 61 s"]


def test_ticks_that_come_keep_it_quiet() -> None:
    """A quarter of an hour of ticks, each a little late."""
    guard = Guard(JUST_AFTER_A_TICK + timedelta(seconds=1))
    for _ in range(15):
        assert guard.watch(60) is None
        guard.loop.finish_tick()


def test_a_wall_clock_set_back_does_not_postpone_it() -> None:
    """Overdue is counted in elapsed time."""
    guard = Guard(JUST_AFTER_A_TICK)
    guard.watch(10)
    guard.real.wall -= timedelta(hours=1)
    assert guard.watch(200) == 111


def test_the_opening_is_awaited_too() -> None:
    """From the night until 09:25 nothing is due; then the session has to open."""
    guard = Guard(datetime(2026, 2, 2, 14, 20, tzinfo=UTC))
    assert guard.watch(1000) == 361
    assert guard.reasons == ["the open of session 2026-02-02 is overdue by 61 s"]


def test_a_suspended_machine_has_not_hung() -> None:
    """Where elapsed time goes on during suspension, the watchdog slept as well, and begins anew."""
    guard = Guard(JUST_AFTER_A_TICK)
    guard.loop.unfinished = 1
    assert guard.watch(50) is None
    guard.real.elapse(7200)
    assert not guard.watchdog.check()
    assert guard.watch(60) is None
    assert guard.watch(1) == 1


def test_its_thread_ends_on_stop() -> None:
    """Started and stopped on the real clock, it leaves no thread and no verdict."""
    reasons: list[str] = []
    threads = threading.active_count()
    watchdog = Watchdog(Counters(), int, TRIGGER, SystemClock(), reasons.append)
    watchdog.start()
    watchdog.stop()
    assert (threading.active_count(), reasons) == (threads, [])


class FastTime(StandInRealTime):
    """Each look at it takes twenty seconds."""

    def monotonic(self) -> float:
        """Seconds elapsed."""
        self.elapse(20)
        return super().monotonic()


def test_a_hung_process_ends_also_where_nobody_hears_it() -> None:
    """Standard error may be gone, or a file on a full disk: the supervisor still sees exit code 70."""
    code = (
        "import os\n"
        "from alpaca_trader.edge.clock import SystemClock\n"
        "from alpaca_trader.edge.notify import OutOfBand\n"
        "from alpaca_trader.main.hosted import _give_up\n"
        "os.close(2)\n"
        "_give_up(OutOfBand((), SystemClock(), ''), 'hangs')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == EXIT_HUNG


def test_its_thread_gives_up_once() -> None:
    """The thread calls ``give_up`` and ends by itself, whether or not that ended the process."""
    reasons: list[str] = []
    gave_up = threading.Event()

    def give_up(reason: str) -> None:
        reasons.append(reason)
        gave_up.set()

    watchdog = Watchdog(Counters(unfinished=1), int, TRIGGER, FastTime(NIGHT), give_up, limit_s=60, every_s=0.001)
    watchdog.start()
    assert gave_up.wait(20)
    watchdog.stop()
    assert reasons == ["no event finished for 60 s, 1 unfinished"]
