"""Numbers, times and strangers' text read the same and safely on every page."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.views import words


@pytest.mark.parametrize(
    ("value", "places", "plain", "with_sign"),
    [
        (None, 2, "-", "-"),
        (0, 2, "0.00", "0.00"),
        (-0.001, 2, "0.00", "0.00"),
        (Decimal("0.004"), 2, "0.00", "0.00"),
        (Decimal("1.005"), 2, "1.00", "+1.00"),
        (-1.6, 2, "-1.60", "-1.60"),
        (1234567.891, 1, "1,234,567.9", "+1,234,567.9"),
        (-0.04, 1, "0.0", "0.0"),
    ],
)
def test_fixed_decimals(value: float | Decimal | None, places: int, plain: str, with_sign: str) -> None:
    """Nothing is shown as minus zero, and a plus stands only before what is more than nothing as shown."""
    assert words.fixed(value, places) == plain
    assert words.signed(value, places) == with_sign


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "-"),
        (1.0, "100 %"),
        (0.99999999, "99.9999 %"),
        (0.9997862540616402, "99.9786 %"),
        (0.5, "50.0000 %"),
        (0.0, "0.0000 %"),
    ],
)
def test_coverage_is_never_rounded_up(share: float | None, text: str) -> None:
    """A gap of a millionth still shows: 100 % is said only of the whole."""
    assert words.covered(share) == text


@given(st.floats(0, 1, exclude_max=True))
def test_no_gap_reads_as_whole(share: float) -> None:
    """Whatever the gap, the text is below 100 and not above the truth."""
    assert float(words.covered(share).removesuffix(" %")) <= share * 100 < 100


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.021, "0.021 s"),
        (59.4, "59 s"),
        (61, "1 min 1 s"),
        (3599.6, "1 h 0 min"),
        (36865, "10 h 14 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """Durations keep what matters at their size."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("0.261517767"), "0.261517767"), (Decimal("12.000000000"), "12"), (100, "100"), (None, "-")],
)
def test_shares(value: Decimal | None, text: str) -> None:
    """Quantities lose no digit and carry no idle zero."""
    assert words.shares(value) == text


@pytest.mark.parametrize(("value", "text"), [(185.5, "185.50"), (0.1234, "0.1234"), (-1, "-1.00"), (None, "-")])
def test_prices(value: float | None, text: str) -> None:
    """Below a dollar a price has four decimals."""
    assert words.price(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "yes"), (9041, "9041"), (687.112345, "687.112"), (1348000.0, "1348000"), ("tod", "tod")],
)
def test_gate_numbers(value: object, text: str) -> None:
    """A gate's value is shown in six digits, never in powers of ten."""
    assert words.plain_number(value) == text


def test_times_are_new_yorks_in_summer_and_winter() -> None:
    """The same instant of day reads an hour apart on both sides of the change of clocks."""
    assert words.clock(datetime(2026, 7, 1, 14, 41, tzinfo=UTC)) == "10:41"
    assert words.clock_s(datetime(2026, 12, 1, 14, 41, 2, tzinfo=UTC)) == "09:41:02"
    assert words.day_of(datetime(2026, 12, 2, 4, 59, tzinfo=UTC)) == date(2026, 12, 1)
    assert words.clock(None) == words.clock_s(None) == "-"


def test_days() -> None:
    """One day is named, several from the first to the last, none as such."""
    friday, monday = date(2026, 11, 27), date(2026, 11, 30)
    assert words.days_words(()) == "no session yet"
    assert words.days_words((friday,)) == "Fri 2026-11-27"
    assert words.days_words((friday, monday)) == "Fri 2026-11-27 to Mon 2026-11-30"


@given(st.text(max_size=400))
def test_strangers_text_is_harmless(text: str) -> None:
    """Whatever a broker writes, what is shown is one line without control or reordering characters, and bounded."""
    shown = words.printable(text)
    assert len(shown) <= words.MAX_TEXT + 3
    assert shown.isprintable()
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def test_escapes_become_visible() -> None:
    """A terminal escape loses its first character and with it its power."""
    assert words.printable("a\x1b[31mb\nc\u202ed") == "a?[31mb c?d"
