"""Session hours: half days, holidays, years at the edge, and the broker's own list of them."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from alpaca_trader.simulator.market.calendar import session_on, sessions_before, sessions_between, sessions_from


def test_a_half_day_closes_at_one() -> None:
    """The day after Thanksgiving is 210 minutes long."""
    hours = session_on(date(2026, 11, 27))
    assert hours is not None
    assert (hours.close, hours.minutes, hours.is_half_day) == (datetime(2026, 11, 27, 18, 0, tzinfo=UTC), 210, True)


@pytest.mark.parametrize("closed", [date(2026, 11, 26), date(2026, 11, 28), date(2025, 1, 9)])
def test_closed_days_have_no_session(closed: date) -> None:
    """Holidays, weekends and special closures."""
    assert session_on(closed) is None


def test_summer_and_winter_differ_in_utc() -> None:
    """The open is 9:30 in New York all year."""
    winter, summer = session_on(date(2026, 1, 5)), session_on(date(2026, 7, 6))
    assert winter is not None
    assert summer is not None
    assert (winter.open.hour, summer.open.hour) == (14, 13)


def test_counting_sessions_crosses_the_year() -> None:
    """Sessions before and from a day are counted over New Year, and the day itself belongs to `from`."""
    assert [hours.date for hours in sessions_before(date(2026, 1, 5), 3)] == [
        date(2025, 12, 30),
        date(2025, 12, 31),
        date(2026, 1, 2),
    ]
    assert [hours.date for hours in sessions_from(date(2025, 12, 31), 2)] == [date(2025, 12, 31), date(2026, 1, 2)]
    assert not sessions_before(date(2026, 1, 5), 0)
    assert not sessions_between(date(2026, 1, 5), date(2026, 1, 4))


def test_years_outside_the_calendar_are_named() -> None:
    """The message says which years there are."""
    with pytest.raises(ValueError, match=r"year 2035 .* 1971\.\.2029"):
        session_on(date(2035, 1, 2))


def test_hours_agree_with_the_reference(shared: Path) -> None:
    """Every session of the reference list, half of the years since 1990, has our open and close."""
    with (shared / "data" / "oracles" / "calendar" / "xnys_even_years.csv").open() as lines:
        rows = [row[:3] for row in csv.reader(lines)][1:]
    assert len(rows) > 3000
    for session, opened, closed in rows:
        hours = session_on(datetime.fromisoformat(session).date())
        assert hours is not None
        assert (hours.open, hours.close) == (datetime.fromisoformat(opened), datetime.fromisoformat(closed))
