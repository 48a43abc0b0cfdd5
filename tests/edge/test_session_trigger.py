"""What is due when: the one table of the day, asked by APScheduler and by the virtual feed alike."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.events import SessionClosed, SessionOpened, Tick
from alpaca_trader.core.models import Session
from alpaca_trader.edge.calendar import SessionCalendar, SessionDifference
from alpaca_trader.edge.session_trigger import (
    Kind,
    SessionEvent,
    SessionTrigger,
    SessionWatch,
    watch_begins,
    watch_ends,
)

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")

CALENDAR = SessionCalendar()
SECOND = timedelta(seconds=1)


def utc(text: str) -> datetime:
    """An instant by its UTC text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day_of(trigger: SessionTrigger, day: str) -> list[SessionEvent]:
    """Everything due on a UTC day."""
    at, events = utc(day) - SECOND, []
    while (event := trigger.next_event(at)).at < utc(day) + timedelta(days=1):
        events.append(event)
        at = event.at
    return events


@pytest.mark.parametrize(
    ("day", "opens", "first_tick", "ticks", "last_tick", "closes"),
    [
        ("2026-02-02", "14:25:00", "14:31:02", 390, "21:00:02", "21:00:05"),
        ("2025-11-28", "14:25:00", "14:31:02", 210, "18:00:02", "18:00:05"),
        ("2025-07-03", "13:25:00", "13:31:02", 210, "17:00:02", "17:00:05"),
        ("2026-03-06", "14:25:00", "14:31:02", 390, "21:00:02", "21:00:05"),
        ("2026-03-09", "13:25:00", "13:31:02", 390, "20:00:02", "20:00:05"),
        ("2026-10-30", "13:25:00", "13:31:02", 390, "20:00:02", "20:00:05"),
        ("2026-11-02", "14:25:00", "14:31:02", 390, "21:00:02", "21:00:05"),
    ],
)
def test_a_day(day: str, opens: str, first_tick: str, ticks: int, last_tick: str, closes: str) -> None:
    """09:25, a tick a minute two seconds late, and the close: on whole and half days, on both sides of both DST changes."""
    events = day_of(SessionTrigger(CALENDAR), day)
    times = [event.at.strftime("%H:%M:%S") for event in events]
    assert [event.kind for event in events] == ["open", *["tick"] * ticks, "close"]
    assert (times[0], times[1], times[-2], times[-1]) == (opens, first_tick, last_tick, closes)
    gaps = {later.at - earlier.at for earlier, later in pairwise(events[1:-1])}
    assert gaps == {timedelta(minutes=1)}
    assert {event.session for event in events} == {CALENDAR.session_on(date.fromisoformat(day))}


@pytest.mark.parametrize("day", ["2025-01-09", "2025-12-25", "2025-06-14", "2026-01-19"])
def test_nothing_is_due_on_a_closed_day(day: str) -> None:
    """Holidays, weekends and the closure of 2025-01-09 bring no event."""
    assert day_of(SessionTrigger(CALENDAR), day) == []


@pytest.mark.parametrize(
    ("after", "at", "kind"),
    [
        ("2025-01-08T21:00:05", "2025-01-10T14:25:00", "open"),
        ("2025-01-08T21:00:04.999999", "2025-01-08T21:00:05", "close"),
        ("2026-02-02T14:24:59.999999", "2026-02-02T14:25:00", "open"),
        ("2026-02-02T14:25:00", "2026-02-02T14:31:02", "tick"),
        ("2026-02-02T14:31:01.999999", "2026-02-02T14:31:02", "tick"),
        ("2026-02-02T14:31:02", "2026-02-02T14:32:02", "tick"),
        ("2026-02-02T17:07:30", "2026-02-02T17:08:02", "tick"),
        ("2026-02-02T21:00:02", "2026-02-02T21:00:05", "close"),
        ("2026-02-03T03:00:00", "2026-02-03T14:25:00", "open"),
        ("2026-02-06T23:00:00", "2026-02-09T14:25:00", "open"),
    ],
)
def test_the_next_event_is_later_than_the_instant(after: str, at: str, kind: Kind) -> None:
    """Asked at the instant of an event, or in mid-session, the answer is the one that follows."""
    event = SessionTrigger(CALENDAR).next_event(utc(after))
    assert (event.at, event.kind) == (utc(at), kind)


@given(st.integers(0, 50 * 365 * 86_400_000))
def test_the_next_event_is_the_earliest_of_the_three_kinds(milliseconds: int) -> None:
    """The trigger of all kinds and the triggers of one kind are the same table; nothing lies between now and the next."""
    at = utc("1990-01-02") + timedelta(milliseconds=milliseconds)
    event = SessionTrigger(CALENDAR).next_event(at)
    kinds: list[Kind] = ["open", "tick", "close"]
    assert event == min(SessionTrigger(CALENDAR, kind).next_event(at) for kind in kinds)
    assert at < event.at <= at + timedelta(days=7)
    assert SessionTrigger(CALENDAR).next_event(event.at - timedelta(microseconds=1)) == event


def test_apscheduler_gets_the_same_instants() -> None:
    """Its first fire time is after now; each next one after the one before, whatever the time is then."""
    trigger = SessionTrigger(CALENDAR, "tick")
    now = utc("2025-11-28T17:59:30")
    first = trigger.get_next_fire_time(None, now)
    second = trigger.get_next_fire_time(first, utc("2030-01-01"))
    assert [first, second] == [utc("2025-11-28T18:00:02"), utc("2025-12-01T14:31:02")]


def test_a_session_without_a_whole_minute_has_no_tick() -> None:
    """Narrowed to half a minute, a session opens and closes, and the next tick is the next day's."""
    calendar = SessionCalendar()
    session = calendar.session_on(date(2026, 2, 2))
    assert session is not None
    short = Session(session.day, session.open, session.open + 30 * SECOND)
    calendar.narrow([SessionDifference(session.day, session, short)])
    assert [event.kind for event in day_of(SessionTrigger(calendar), "2026-02-02")] == ["open", "close"]
    assert SessionTrigger(calendar, "tick").next_event(session.open).at == utc("2026-02-03T14:31:02")


def announced(watch: SessionWatch, *times: str) -> list[list[str]]:
    """What each look at these UTC times brings, as words."""
    return [
        [f"{type(event).__name__} {event.session.day:%a}" for event in watch.events(utc(time))]  # type: ignore[union-attr]
        for time in times
    ]


@pytest.mark.parametrize(
    ("times", "expected", "missed"),
    [
        (
            ["2026-02-02T14:24:59", "2026-02-02T14:25:00", "2026-02-02T14:31:01", "2026-02-02T14:31:02"],
            [[], ["SessionOpened Mon"], [], ["Tick Mon"]],
            0,
        ),
        (["2026-02-02T15:00:30", "2026-02-02T15:01:02"], [["SessionOpened Mon"], ["Tick Mon"]], 0),
        (["2026-02-02T15:01:02", "2026-02-02T15:01:03"], [["SessionOpened Mon"], []], 0),
        (["2026-02-02T15:01:02", "2026-02-02T16:01:02.5"], [["SessionOpened Mon"], ["Tick Mon"]], 59),
        (
            ["2026-02-02T20:59:02", "2026-02-02T21:00:02", "2026-02-02T21:00:05", "2026-02-02T21:00:06"],
            [["SessionOpened Mon"], ["Tick Mon"], ["SessionClosed Mon"], []],
            0,
        ),
        (["2026-02-02T20:30:02", "2026-02-03T02:00:00"], [["SessionOpened Mon"], ["SessionClosed Mon"]], 30),
        (
            ["2026-02-06T15:00:02", "2026-02-09T15:30:00", "2026-02-09T15:31:00", "2026-02-09T15:31:02"],
            [["SessionOpened Fri"], ["SessionClosed Fri", "SessionOpened Mon"], ["Tick Mon"], ["Tick Mon"]],
            360,
        ),
        (
            ["2026-02-02T15:00:02", "2026-02-05T15:30:00"],
            [["SessionOpened Mon"], ["SessionClosed Mon", "SessionOpened Thu"]],
            360,
        ),
        (["2026-02-02T22:00:00", "2026-02-03T14:25:00"], [[], ["SessionOpened Tue"]], 0),
        (["2025-01-09T15:00:00"], [[]], 0),
    ],
    ids=[
        "a morning",
        "started in mid-session",
        "started on a tick",
        "an hour asleep",
        "an afternoon",
        "asleep over the close",
        "asleep over a weekend",
        "whole sessions slept through",
        "started after the close",
        "closed day",
    ],
)
def test_what_is_announced_however_late_one_looks(times: list[str], expected: list[list[str]], missed: int) -> None:
    """Close before open, one tick for all that were missed, nothing of a session slept through, nothing twice."""
    watch = SessionWatch(CALENDAR)
    assert announced(watch, *times) == expected
    assert watch.missed_ticks == missed


def test_events_carry_the_time_of_the_look_and_the_session() -> None:
    """``at`` is the clock's, not the instant at which the event should have come."""
    watch, session = SessionWatch(CALENDAR), CALENDAR.session_on(date(2026, 2, 2))
    assert session is not None
    late = [utc("2026-02-02T14:26:07"), utc("2026-02-02T14:31:09"), utc("2026-02-02T21:30:00")]
    assert [watch.events(at) for at in late] == [
        [SessionOpened(late[0], session)],
        [Tick(late[1], session)],
        [SessionClosed(late[2], session)],
    ]
    assert watch_begins(session) == utc("2026-02-02T14:25:00")
    assert watch_ends(session) == utc("2026-02-02T21:00:05")


def test_every_event_of_the_table_is_announced_at_its_instant() -> None:
    """Looked at whenever the trigger says so, the watch announces exactly the trigger's events, over two DST changes."""
    names = {"open": SessionOpened, "tick": Tick, "close": SessionClosed}
    trigger = SessionTrigger(CALENDAR)
    for start, end in [("2026-03-05", "2026-03-11"), ("2026-10-29", "2026-11-04")]:
        at, watch = utc(start), SessionWatch(CALENDAR)
        while at < utc(end):
            due = trigger.next_event(at)
            at = due.at
            assert [(type(event), event.at) for event in watch.events(at)] == [(names[due.kind], at)]
        assert watch.missed_ticks == 0


def test_a_session_that_is_cut_short_under_way_ends_at_its_new_close() -> None:
    """A closure proclaimed at noon is known from the broker's calendar: the session ends with its hours of then."""
    calendar = SessionCalendar()
    watch, session = SessionWatch(calendar), calendar.session_on(date(2026, 2, 2))
    assert session is not None
    watch.events(utc("2026-02-02T17:00:02"))
    shorter = Session(session.day, session.open, utc("2026-02-02T18:00:00"))
    calendar.narrow([SessionDifference(session.day, session, shorter)])
    assert SessionTrigger(calendar).next_event(utc("2026-02-02T18:00:02")).at == utc("2026-02-02T18:00:05")
    assert watch.is_watching
    now = utc("2026-02-02T18:00:05")
    assert watch.events(now) == [SessionClosed(now, shorter)]
    assert not watch.is_watching
