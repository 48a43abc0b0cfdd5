"""The exchange's sessions against an independent reference, and where they meet the broker's calendar."""

import csv
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Session
from alpaca_trader.edge.calendar import SessionCalendar, SessionDifference, new_york_date

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")

NEW_YORK = ZoneInfo("America/New_York")


def hours(day: date, opens: str = "09:30", closes: str = "16:00") -> Session:
    """A session by New York wall times."""
    start, end = (datetime.combine(day, time.fromisoformat(text), NEW_YORK).astimezone(UTC) for text in (opens, closes))
    return Session(day, start, end)


@pytest.fixture(scope="module")
def calendar() -> SessionCalendar:
    """One calendar for all; only narrowing changes one, and those tests make their own."""
    return SessionCalendar()


def test_every_even_year_is_the_reference(calendar: SessionCalendar, shared: Path) -> None:
    """Every open and close of the even years 1990-2022, and no session more or less, is the reference's."""
    reference = shared / "data/oracles/calendar/xnys_even_years.csv"
    expected: dict[int, list[Session]] = {}
    with reference.open(newline="") as file:
        for row in csv.DictReader(file):
            day = date.fromisoformat(row["session"][:10])
            times = (datetime.fromisoformat(row[name]) for name in ("open_utc", "close_utc"))
            expected.setdefault(day.year, []).append(Session(day, *times))
    assert sorted(expected) == list(range(1990, 2023, 2))
    for year, sessions in expected.items():
        assert calendar.sessions(date(year, 1, 1), date(year, 12, 31)) == sessions


@pytest.mark.parametrize(
    ("day", "session"),
    [
        (date(2026, 2, 2), hours(date(2026, 2, 2))),
        (date(2025, 11, 28), hours(date(2025, 11, 28), closes="13:00")),
        (date(2025, 7, 3), hours(date(2025, 7, 3), closes="13:00")),
        (date(2025, 12, 24), hours(date(2025, 12, 24), closes="13:00")),
        (date(2025, 1, 9), None),
        (date(2018, 12, 5), None),
        (date(2012, 10, 29), None),
        (date(2025, 12, 25), None),
        (date(2026, 1, 19), None),
        (date(2026, 4, 3), None),
        (date(2026, 7, 3), None),
        (date(2025, 6, 14), None),
        (date(2021, 12, 31), hours(date(2021, 12, 31))),
        (date(2030, 1, 1), None),
    ],
    ids=str,
)
def test_days_that_are_not_like_the_others(calendar: SessionCalendar, day: date, session: Session | None) -> None:
    """Half-days end at 13:00; holidays, weekends and closures by proclamation have no session."""
    assert calendar.session_on(day) == session


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2026, 3, 6), "14:30"),
        (date(2026, 3, 9), "13:30"),
        (date(2026, 10, 30), "13:30"),
        (date(2026, 11, 2), "14:30"),
    ],
)
def test_summer_time_moves_the_open_in_utc(calendar: SessionCalendar, day: date, opens: str) -> None:
    """New York opens at 09:30 on both sides of both changes, which is another hour in UTC; all times are plain UTC."""
    session = calendar.session_on(day)
    assert session is not None
    assert session.open.strftime("%H:%M") == opens
    assert session.close - session.open == timedelta(hours=6, minutes=30)
    assert (type(session.open), session.open.tzinfo) == (datetime, UTC)
    assert (type(session.close), session.close.tzinfo) == (datetime, UTC)
    assert type(session.day) is date


@pytest.mark.parametrize(
    ("after", "day"),
    [
        ("2026-02-02T14:29:59+00:00", date(2026, 2, 2)),
        ("2026-02-02T14:30:00+00:00", date(2026, 2, 3)),
        ("2026-02-06T22:00:00+00:00", date(2026, 2, 9)),
        ("2025-01-08T22:00:00+00:00", date(2025, 1, 10)),
        ("2026-02-03T04:59:59+00:00", date(2026, 2, 3)),
        ("2001-09-10T21:00:00+00:00", date(2001, 9, 17)),
        ("2029-12-31T21:00:00+00:00", date(2030, 1, 2)),
    ],
)
def test_next_session(calendar: SessionCalendar, after: str, day: date) -> None:
    """The next session opens later than the instant, over weekends, closures and the turn of a decade."""
    assert calendar.next_session(datetime.fromisoformat(after)).day == day


def test_open_is_from_the_open_until_before_the_close(calendar: SessionCalendar) -> None:
    """At 16:00:00 it is over."""
    session, moment = hours(date(2025, 11, 28), closes="13:00"), timedelta(microseconds=1)
    answers = [calendar.is_open(at) for at in (session.open - moment, session.open, session.close - moment)]
    assert [*answers, calendar.is_open(session.close)] == [False, True, True, False]
    assert not calendar.is_open(datetime(2025, 11, 29, 15, tzinfo=UTC))


def test_the_day_is_new_yorks() -> None:
    """It is still Monday evening in New York when it is Tuesday in UTC."""
    assert new_york_date(datetime(2026, 2, 3, 4, 59, tzinfo=UTC)) == date(2026, 2, 2)


@pytest.mark.parametrize("day", [date(1989, 12, 29), date(2100, 1, 4)])
def test_outside_its_years_the_calendar_says_so(calendar: SessionCalendar, day: date) -> None:
    """A day it knows nothing of is an error with the range, never "closed"."""
    with pytest.raises(BadInput, match=f"{day}.*1990-01-01 to 2099-12-31"):
        calendar.session_on(day)


def test_agreement_with_the_broker_leaves_nothing(calendar: SessionCalendar) -> None:
    """The same sessions are no difference, also over holidays and in any order."""
    first, last = date(2025, 11, 20), date(2026, 1, 10)
    assert calendar.differences(reversed(calendar.sessions(first, last)), first, last) == []


FIRST, LAST = date(2026, 2, 2), date(2026, 2, 6)
WEEK = [hours(FIRST + timedelta(days=n)) for n in range(5)]
WEDNESDAY = WEEK[2]
SUNDAY = hours(date(2026, 2, 8))


@pytest.mark.parametrize(
    ("brokers", "last", "difference", "left"),
    [
        (
            [*WEEK[:2], hours(WEDNESDAY.day, closes="13:00"), *WEEK[3:]],
            LAST,
            SessionDifference(WEDNESDAY.day, WEDNESDAY, hours(WEDNESDAY.day, closes="13:00")),
            hours(WEDNESDAY.day, closes="13:00"),
        ),
        (
            [*WEEK[:2], hours(WEDNESDAY.day, "11:00", "17:00"), *WEEK[3:]],
            LAST,
            SessionDifference(WEDNESDAY.day, WEDNESDAY, hours(WEDNESDAY.day, "11:00", "17:00")),
            hours(WEDNESDAY.day, "11:00"),
        ),
        ([*WEEK[:2], *WEEK[3:]], LAST, SessionDifference(WEDNESDAY.day, WEDNESDAY, None), None),
        ([*WEEK, SUNDAY], date(2026, 2, 8), SessionDifference(SUNDAY.day, None, SUNDAY), None),
        (
            [*WEEK[:2], hours(WEDNESDAY.day, "16:00", "20:00"), *WEEK[3:]],
            LAST,
            SessionDifference(WEDNESDAY.day, WEDNESDAY, hours(WEDNESDAY.day, "16:00", "20:00")),
            None,
        ),
    ],
    ids=["new half-day", "late open", "new closure", "session we do not know", "nothing in common"],
)
def test_where_the_broker_differs_only_the_common_hours_remain(
    brokers: list[Session], last: date, difference: SessionDifference, left: Session | None
) -> None:
    """A closure proclaimed after the library's release must not let us hold positions over the real close (F30)."""
    calendar = SessionCalendar()
    found = calendar.differences(brokers, FIRST, last)
    assert found == [difference]
    calendar.narrow(found)
    assert calendar.session_on(difference.day) == left
    assert calendar.session_on(FIRST) == WEEK[0]
    calendar.narrow([])
    assert calendar.session_on(difference.day) == left


def test_an_empty_answer_of_the_broker_closes_every_day() -> None:
    """A calendar that could be read but names no session is a week of holidays, not a calendar to ignore."""
    calendar = SessionCalendar()
    calendar.narrow(calendar.differences([], FIRST, LAST))
    assert calendar.sessions(FIRST, LAST) == []
    assert calendar.next_session(WEEK[0].open - timedelta(days=1)).day == date(2026, 2, 9)


ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
SAY_TIMES = """
import os, sys, time
from datetime import UTC, datetime
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.session_trigger import SessionTrigger
for zone in sys.argv[1:]:
    child = os.fork()  # the imports are shared, the calendar is made in each zone
    if child:
        os.waitpid(child, 0)
        continue
    os.environ["TZ"] = zone
    time.tzset()
    trigger, at = SessionTrigger(SessionCalendar()), datetime(2026, 3, 6, 20, 59, 30, tzinfo=UTC)
    print(zone, time.strftime("%z", time.localtime(0)))
    for _ in range(5):
        event = trigger.next_event(at)
        at = event.at
        print(at.isoformat(), event.kind)
    break
"""


def test_the_hosts_time_zone_changes_nothing() -> None:
    """Over a DST change, a host in any zone, also at both ends of the date line, sees the same instants (F31)."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SAY_TIMES, *ZONES],
        env={**os.environ, "TZ": ZONES[-1]},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    expected = [
        "2026-03-06T21:00:02+00:00 tick",
        "2026-03-06T21:00:05+00:00 close",
        "2026-03-09T13:25:00+00:00 open",
        "2026-03-09T13:31:02+00:00 tick",
        "2026-03-09T13:32:02+00:00 tick",
    ]
    offsets = ["+0000", "-0500", "+0530", "-1040", "-1100"]
    heads = [f"{zone} {offset}" for zone, offset in zip(ZONES, offsets, strict=True)]
    assert done.stdout.splitlines() == [line for head in heads for line in (head, *expected)]
