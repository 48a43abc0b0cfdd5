"""Numbers, flags and times as clients spell them, and as the broker writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.simulator import wire
from alpaca_trader.simulator.exchange.ids import draw, ulid_for, uuid_for

WHEN = datetime(2026, 11, 20, 15, 15, 3, 120551, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0.500", "0.5"),
        ("1e-9", "0.000000001"),
        ("-2.50", "-2.5"),
    ],
)
def test_numbers_are_written_plain(value: str, text: str) -> None:
    """No exponent, no padding zeros, zero is "0" (alpaca-contract 2.1)."""
    assert wire.number(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**9), max_value=10**9))
def test_a_written_number_reads_back_as_the_same_value(value: Decimal) -> None:
    """number and parse_number are inverse."""
    assert wire.parse_number(wire.number(value)) == value


@pytest.mark.parametrize(
    "value", ["", "abc", "NaN", "Infinity", "1_0", "\u0661", "0x1", "1e99", True, None, [], "1" * 29, float("inf")]
)
def test_what_is_no_number_is_none(value: object) -> None:
    """Nothing that could switch a comparison off gets through."""
    assert wire.parse_number(value) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [("1.500", 1), ("100", 0), ("1E+2", 0), ("0.000000001", 9), ("1e-10", 10), ("0.30000000000000004", 17)],
)
def test_decimals_counts_real_digits(value: str, count: int) -> None:
    """Trailing zeros do not count."""
    assert wire.decimals(Decimal(value)) == count


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        ("True", True),
        ("t", True),
        ("1", True),
        (1, True),
        ("FALSE", False),
        ("0", False),
        ("f", False),
        ("maybe", None),
        ("", None),
    ],
)
def test_flags_are_read_in_every_spelling(value: object, flag: bool | None) -> None:
    """True, true, 1, t and their opposites; anything else is not a flag."""
    assert wire.parse_bool(value) is flag


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T15:15:03.120551Z",
        "2026-11-20T15:15:03.120551871Z",
        "2026-11-20T15:15:03.120551+00:00",
        "2026-11-20T10:15:03.120551-05:00",
        "2026-11-20T16:15:03.120551 01:00",
        "2026-11-20T15:15:03.120551",
    ],
)
def test_times_are_read_in_every_spelling(text: str) -> None:
    """Z, offsets, a plus that became a blank, up to nine fraction digits."""
    assert wire.parse_time(text) == WHEN


def test_dates_are_times_and_times_are_dates() -> None:
    """A date is its midnight UTC; a time's date is New York's; nonsense is None."""
    assert wire.parse_time("2026-11-20") == datetime(2026, 11, 20, tzinfo=UTC)
    assert wire.parse_date("2026-11-20") == wire.parse_date("2026-11-21T03:00:00Z") == date(2026, 11, 20)
    assert wire.parse_time("tomorrow") is wire.parse_date("tomorrow") is None


def test_times_are_written_in_utc_without_padding() -> None:
    """Z and no trailing zeros in the fraction; New York keeps its offset."""
    assert wire.timestamp(WHEN) == "2026-11-20T15:15:03.120551Z"
    assert wire.timestamp(WHEN.replace(microsecond=500000)) == "2026-11-20T15:15:03.5Z"
    assert wire.timestamp(WHEN.replace(microsecond=0)) == "2026-11-20T15:15:03Z"
    assert wire.timestamp(WHEN.astimezone(timezone(timedelta(hours=9)))) == "2026-11-20T15:15:03.120551Z"
    assert wire.new_york(WHEN) == "2026-11-20T10:15:03.120551-05:00"


def test_ids_depend_on_the_seed_and_event_ids_sort_by_time_and_number() -> None:
    """Version-4 UUIDs, ULIDs of 26 characters, draws in [0, 1)."""
    assert uuid_for(1, "order", 0) == uuid_for(1, "order", 0) != uuid_for(2, "order", 0)
    assert uuid_for(1, "order", 0)[14] == "4"
    ids = [ulid_for(1, WHEN, 1), ulid_for(1, WHEN, 2), ulid_for(1, WHEN + timedelta(milliseconds=1), 3)]
    assert ids == sorted(ids)
    assert {len(found) for found in ids} == {26}
    assert all(0 <= draw(1, "latency", number) < 1 for number in range(100))
