"""When something happens in a session. Written once: APScheduler fires it live, the simulated feed asks it for the next.

For a session 09:30-16:00 New York: ``open`` at 09:25:00, ``tick`` at 09:31:02, 09:32:02 ... 16:00:02, ``close`` at
16:00:05. A tick comes two seconds after its minute, when the minute's bar has been published; the close comes after the
last tick and after DAY orders have expired.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from apscheduler.triggers.base import BaseTrigger

from alpaca_trader.core.events import Event, SessionClosed, SessionOpened, Tick
from alpaca_trader.core.models import MINUTE, Session
from alpaca_trader.edge.calendar import SessionCalendar, new_york_date

Kind = Literal["open", "tick", "close"]

_OPEN_LEAD = timedelta(minutes=5)
_TICK_DELAY = timedelta(seconds=2)
_CLOSE_DELAY = timedelta(seconds=5)


class SessionEvent(NamedTuple):
    """What is due at ``at`` (aware UTC) for ``session``."""

    at: datetime
    kind: Kind
    session: Session


def watch_begins(session: Session) -> datetime:
    """When ``SessionOpened`` is due: 09:25 New York."""
    return session.open - _OPEN_LEAD


def watch_ends(session: Session) -> datetime:
    """When ``SessionClosed`` is due: 5 s after the close."""
    return session.close + _CLOSE_DELAY


def _ticks_until(session: Session, at: datetime) -> int:
    """How many ticks of ``session`` are due up to and including ``at``."""
    last = min(at, session.close + _TICK_DELAY)
    return max(0, (last - session.open - _TICK_DELAY) // MINUTE)


def _tick_time(session: Session, number: int) -> datetime:
    """When the ``number``-th tick (from 1) is due: its minute's end and a moment."""
    return session.open + number * MINUTE + _TICK_DELAY


class SessionTrigger(BaseTrigger):
    """The instants at which something is due, a pure function of the calendar; for one kind, or for all three."""

    def __init__(self, calendar: SessionCalendar, kind: Kind | None = None) -> None:
        """``kind`` None: all kinds."""
        self.calendar = calendar
        self._kind = kind

    def next_event(self, after: datetime) -> SessionEvent:
        """The first event later than ``after`` (aware). Raises ``BadInput`` where the calendar ends (2099)."""
        session = self.calendar.session_on(new_york_date(after))
        while True:
            if session is not None:
                for event in self._rest_of(session, after):
                    return event
                after = max(after, watch_ends(session))
            session = self.calendar.next_session(after)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The next instant in APScheduler's terms: after the previous one, or after ``now`` where there is none."""
        return self.next_event(previous_fire_time or now).at

    def _rest_of(self, session: Session, after: datetime) -> Iterator[SessionEvent]:
        """What is still due of ``session`` later than ``after``: at most the next of each kind, in time order."""
        if after < watch_begins(session) and self._kind in (None, "open"):
            yield SessionEvent(watch_begins(session), "open", session)
        tick = _tick_time(session, _ticks_until(session, after) + 1)
        if after < tick <= session.close + _TICK_DELAY and self._kind in (None, "tick"):
            yield SessionEvent(tick, "tick", session)
        if after < watch_ends(session) and self._kind in (None, "close"):
            yield SessionEvent(watch_ends(session), "close", session)


class SessionWatch:
    """Turns "it is now ..." into events, however late it is asked: nothing is announced twice, nothing out of order.

    After a gap (a laptop asleep, a busy machine) the session that was being watched is closed first, then the present
    one is opened, and of the ticks that are due only the last one is given. A session slept through is not announced.
    """

    def __init__(self, calendar: SessionCalendar) -> None:
        self._calendar = calendar
        self._watched: Session | None = None
        self._ticks = 0
        self.missed_ticks = 0
        """Ticks that were due and not given because a later one was, or because their session was over."""

    @property
    def is_watching(self) -> bool:
        """True between ``SessionOpened`` and ``SessionClosed``."""
        return self._watched is not None

    def events(self, now: datetime) -> list[Event]:
        """What has become due up to ``now`` (aware UTC) since it was last asked. The first time inside a session: its
        ``SessionOpened``, and no tick of before."""
        events: list[Event] = []
        current = self._calendar.session_on(new_york_date(now))
        if current is not None and not watch_begins(current) <= now < watch_ends(current):
            current = None
        if self._watched is not None and (current is None or current.day != self._watched.day):
            events.append(self._end(self._watched, now))
        if current is not None:
            if self._watched is None:
                events.append(SessionOpened(now, current))
                self._ticks = _ticks_until(current, now)
            self._watched = current
            events.extend(self._tick(current, now))
        return events

    def _end(self, session: Session, now: datetime) -> SessionClosed:
        # The calendar may have been narrowed meanwhile: the session as it is known today is the one that ended.
        session = self._calendar.session_on(session.day) or session
        self.missed_ticks += max(0, _ticks_until(session, now) - self._ticks)
        self._watched = None
        return SessionClosed(now, session)

    def _tick(self, session: Session, now: datetime) -> Iterator[Tick]:
        due = _ticks_until(session, now) - self._ticks
        if due > 0:
            self.missed_ticks += due - 1
            self._ticks += due
            yield Tick(now, session)
