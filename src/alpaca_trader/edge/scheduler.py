"""The live day: APScheduler wakes us when ``SessionTrigger`` says so; what is due is put on the queue as events.

| the owner's event | on the queue |
|---|---|
| ``on_market_open`` | ``SessionOpened`` (09:25 New York, or at once when started inside a session) |
| ``on_interval`` | ``Tick`` |
| ``on_market_close`` | ``SessionClosed`` |

Every job does the same thing: look at the clock and announce whatever has become due. So it does not matter which job
runs first, how late, or how many runs APScheduler merged into one.
"""

import logging
from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from alpaca_trader.core.events import Event
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.session_trigger import SessionTrigger, SessionWatch
from alpaca_trader.edge.silence import silent_logger

HEARTBEAT_S = 30.0
_JUMP = timedelta(seconds=90)
_TROUBLE = {
    EVENT_JOB_MAX_INSTANCES: ("job_overrun", "was due again while it still ran"),
    EVENT_JOB_MISSED: ("job_missed", "did not run in time"),
    EVENT_JOB_ERROR: ("job_failed", "raised an exception"),
}


class TradingScheduler:
    """Announces sessions and minutes. Runs once: after ``stop`` make a new one."""

    def __init__(
        self,
        calendar: SessionCalendar,
        put: Callable[[Event], None],
        clock: Clock,
        *,
        report: Callable[[str, str], None],
        on_jump: Callable[[timedelta], None],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """``put`` takes the events; ``report(code, text)`` hears of trouble: ticks_missed, job_overrun, job_missed,
        job_failed. ``on_jump(gap)`` is called, before any event, when the wall clock moved on by more than 90 s without
        us (a laptop asleep, a step of the clock). All three are called from the scheduler's thread, ``put`` and
        ``on_jump`` from ``start``'s too."""
        self._calendar = calendar
        self._put = put
        self._clock = clock
        self._report = report
        self._on_jump = on_jump
        self._heartbeat_s = heartbeat_s
        self._watch = SessionWatch(calendar)
        self._last_look = clock.now()
        # One worker: two looks at once could announce in the wrong order.
        # Its warnings are reported by the listener; on standard error, where nothing bounds them, they need not be repeated.
        silent_logger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": ThreadPoolExecutor(1)})
        self._scheduler.add_listener(self._on_trouble, sum(_TROUBLE))

    def start(self) -> None:
        """Announce the session we are in, if any, and begin to watch the clock in a thread of its own."""
        self._last_look = self._clock.now()
        self.look()
        self.schedule_market_open_tasks()
        self.schedule_market_close_tasks()
        self._add("20-tick", SessionTrigger(self._calendar, "tick"))
        # A suspended machine's long waits go on after it wakes; this one is never longer than half a minute.
        self._add("90-heartbeat", IntervalTrigger(seconds=self._heartbeat_s, timezone=UTC))
        self._scheduler.start()

    def stop(self) -> None:
        """End the thread; when it returns nothing more is put."""
        self._scheduler.shutdown()

    def is_market_open(self) -> bool:
        """True inside regular hours, by the exchange calendar."""
        return self._calendar.is_open(self._clock.now())

    def schedule_market_open_tasks(self) -> None:
        """Wake at 09:25 New York of every session."""
        self._add("10-open", SessionTrigger(self._calendar, "open"))

    def schedule_market_close_tasks(self) -> None:
        """Wake 5 s after the close of every session."""
        self._add("30-close", SessionTrigger(self._calendar, "close"))

    def look(self) -> None:
        """Announce whatever has become due: what every job does, and all it does."""
        now = self._clock.now()
        gap, self._last_look = now - self._last_look, now
        if gap > _JUMP:
            self._on_jump(gap)
        missed = self._watch.missed_ticks
        for event in self._watch.events(now):
            self._put(event)
        if self._watch.missed_ticks > missed:
            self._report("ticks_missed", f"{self._watch.missed_ticks - missed} minutes passed without a tick")

    def _add(self, job_id: str, trigger: BaseTrigger) -> None:
        # However late, a run is made: it looks at the clock, so a late one does what is right now.
        self._scheduler.add_job(
            self.look, trigger, id=job_id, replace_existing=True, coalesce=True, misfire_grace_time=None
        )

    def _on_trouble(self, event: JobEvent) -> None:
        code, what = _TROUBLE[event.code]
        self._report(code, f"scheduler job {event.job_id} {what}")
