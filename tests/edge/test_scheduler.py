"""The scheduler on APScheduler's own thread, without waiting for its clock."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from alpaca_trader.core.events import Event, SessionClosed, SessionOpened, Tick
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock, VirtualClock
from alpaca_trader.edge.scheduler import TradingScheduler

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")

CALENDAR = SessionCalendar()
MORNING = datetime(2026, 2, 2, 15, 0, 30, tzinfo=UTC)
TICK = datetime(2026, 2, 2, 15, 1, 2, tzinfo=UTC)
PATIENCE_S = 20


class Desk:
    """A scheduler on a virtual clock, and everything it said, from whatever thread."""

    def __init__(self, now: datetime) -> None:
        self.clock = VirtualClock(now)
        self.said: list[tuple[object, ...]] = []
        self.fails = False
        self.spoke = threading.Event()
        self.reported = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.scheduler = TradingScheduler(
            CALENDAR, self.put, self.clock, report=self.report, on_jump=lambda gap: self.said.append(("jump", gap))
        )

    def put(self, event: Event) -> None:
        """The queue; slow or broken on request."""
        assert isinstance(event, SessionOpened | Tick | SessionClosed)
        self.said.append((type(event).__name__, event.at))
        self.spoke.set()
        assert self.may_go_on.wait(PATIENCE_S)
        assert not self.fails, "the queue is broken"

    def report(self, code: str, text: str) -> None:
        """Hears of trouble."""
        self.said.append((code, text))
        self.reported.set()

    def look_at(self, at: datetime) -> list[tuple[object, ...]]:
        """What is said when a job runs at this time."""
        self.said.clear()
        self.clock.advance_to(at)
        self.scheduler.look()
        return list(self.said)

    def run_now(self, job_id: str, late: timedelta = timedelta(0)) -> None:
        """Have APScheduler's thread find the job due."""
        self.scheduler._scheduler.modify_job(job_id, next_run_time=SystemClock().now() - late)


def test_start_and_stop_with_the_real_thread() -> None:
    """Started in mid-session it opens the session at once; its jobs have fixed ids and the machine's next instants."""
    desk = Desk(MORNING)
    threads = threading.active_count()
    desk.scheduler.start()
    now = SystemClock().now()
    jobs = {job.id: job for job in desk.scheduler._scheduler.get_jobs()}
    desk.scheduler.stop()
    assert threading.active_count() == threads
    assert desk.said == [("SessionOpened", MORNING)]
    assert sorted(jobs) == ["10-open", "20-tick", "30-close", "90-heartbeat"]
    assert {(job.coalesce, job.misfire_grace_time, job.max_instances) for job in jobs.values()} == {(True, None, 1)}
    assert {job.next_run_time.utcoffset() for job in jobs.values()} == {timedelta(0)}
    assert jobs["90-heartbeat"].next_run_time <= now + timedelta(seconds=30)
    assert [jobs[name].next_run_time.second for name in ("10-open", "20-tick", "30-close")] == [0, 2, 5]


def test_apscheduler_runs_what_is_due_once_however_late() -> None:
    """An hour of missed heartbeats (a laptop asleep) is one look at the clock: one tick, though sixty were due."""
    desk = Desk(MORNING)
    desk.scheduler.start()
    desk.clock.advance_to(TICK + timedelta(hours=1))
    desk.spoke.clear()
    desk.run_now("90-heartbeat", late=timedelta(hours=1))
    assert desk.spoke.wait(PATIENCE_S)
    assert desk.reported.wait(PATIENCE_S)
    desk.scheduler.stop()
    assert desk.said == [
        ("SessionOpened", MORNING),
        ("jump", timedelta(hours=1, seconds=32)),
        ("Tick", TICK + timedelta(hours=1)),
        ("ticks_missed", "60 minutes passed without a tick"),
    ]


def test_a_failing_queue_is_reported() -> None:
    """An exception in a job ends in a report, not in silence."""
    desk = Desk(MORNING)
    desk.scheduler.start()
    desk.clock.advance_to(TICK)
    desk.fails = True
    desk.run_now("20-tick")
    assert desk.reported.wait(PATIENCE_S)
    desk.scheduler.stop()
    assert desk.said[-1] == ("job_failed", "scheduler job 20-tick raised an exception")


def test_a_queue_that_blocks_is_reported() -> None:
    """A job that is due again while it still runs is skipped by APScheduler; somebody hears of it."""
    desk = Desk(MORNING)
    desk.scheduler.start()
    desk.clock.advance_to(TICK)
    desk.spoke.clear()
    desk.may_go_on.clear()
    desk.run_now("20-tick")
    assert desk.spoke.wait(PATIENCE_S)
    desk.run_now("20-tick")
    assert desk.reported.wait(PATIENCE_S)
    desk.may_go_on.set()
    desk.scheduler.stop()
    assert desk.said[-1] == ("job_overrun", "scheduler job 20-tick was due again while it still ran")


def test_a_day_of_looks() -> None:
    """Each job's instant brings its event; a heartbeat in between brings nothing."""
    desk = Desk(datetime(2025, 11, 28, 14, 24, 40, tzinfo=UTC))
    minute = {"14:24": [], "14:25": ["SessionOpened"], "14:31": ["Tick"], "14:32": ["Tick"], "18:00": ["Tick"]}
    for time, expected in minute.items():
        at = datetime.fromisoformat(f"2025-11-28T{time}:30+00:00") - timedelta(seconds=28)
        at = max(at, desk.clock.now())
        assert [word for word, *_ in desk.look_at(at) if word in ("SessionOpened", "Tick")] == expected
        assert desk.look_at(at) == []
    close = datetime(2025, 11, 28, 18, 0, 5, tzinfo=UTC)
    assert desk.look_at(close) == [("SessionClosed", close)]


@pytest.mark.parametrize(("gap_s", "is_jump"), [(30, False), (90, False), (90.001, True), (7200, True)])
def test_a_jump_of_the_wall_clock_is_told_before_any_event(gap_s: float, is_jump: bool) -> None:
    """More than 90 s without a look: first reconcile (F32), then the tick."""
    desk = Desk(MORNING)
    desk.look_at(MORNING)
    gap = timedelta(seconds=gap_s)
    said = desk.look_at(MORNING + gap)
    assert (said[:1] == [("jump", gap)]) is is_jump
    assert [words for words in said if words[0] == "jump"] == ([("jump", gap)] if is_jump else [])


def test_time_before_the_start_is_no_jump() -> None:
    """A scheduler made early and started late has not slept."""
    desk = Desk(MORNING)
    desk.clock.advance_to(MORNING + timedelta(minutes=10))
    desk.scheduler.start()
    desk.scheduler.stop()
    assert desk.said == [("SessionOpened", MORNING + timedelta(minutes=10))]


def test_is_market_open() -> None:
    """By the calendar: regular hours only, so not yet at 09:25 and no longer at 16:00:02."""
    desk = Desk(datetime(2026, 2, 2, 14, 25, tzinfo=UTC))
    answers = [desk.scheduler.is_market_open()]
    for at in (MORNING, datetime(2026, 2, 2, 21, 0, 2, tzinfo=UTC)):
        desk.clock.advance_to(at)
        answers.append(desk.scheduler.is_market_open())
    assert answers == [False, True, False]
