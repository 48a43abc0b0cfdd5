"""Numbers and times as the broker writes and reads them (alpaca-contract sections 1 and 2.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Literal

import orjson

from alpaca_trader.simulator.market.calendar import NEW_YORK

CENT: Final = Decimal("0.01")
MICRO: Final = Decimal("0.000001")
NANO: Final = Decimal("0.000000001")
_MAX_MAGNITUDE: Final = 15
"""Largest power of ten a request may name; beyond it no real order lies, and arithmetic would lose digits."""
_MAX_DIGITS: Final = 28
_MAX_REMEMBERED: Final = 32
"""Characters of a number that is worth remembering."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
_TRUE: Final = frozenset({"true", "t", "1", "yes"})
_FALSE: Final = frozenset({"false", "f", "0", "no"})
_LOST_PLUS: Final = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)$")


def number(value: Decimal) -> str:
    """A string number without exponent or padding zeros; zero is "0"."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def optional_number(value: Decimal | None) -> str | None:
    """`number`, or None for an absent value."""
    return None if value is None else number(value)


def whole_cents(value: Decimal) -> Decimal:
    """A dollar amount rounded half up to whole cents."""
    return value.quantize(CENT, ROUND_HALF_UP)


def cents(value: Decimal) -> str:
    """A dollar amount rounded half up to whole cents, as a string number."""
    return number(whole_cents(value))


def whole_cents_down(value: Decimal) -> str:
    """A dollar amount cut to whole cents, so that no more is shown than there is."""
    return number(value.quantize(CENT, ROUND_DOWN))


def micros(value: Decimal) -> str:
    """A price or value with up to 6 decimals, as positions and averages are written."""
    return number(value.quantize(MICRO, ROUND_HALF_UP))


def fraction(value: Decimal) -> str:
    """A ratio with up to 10 decimals (0.0127 is 1.27 %)."""
    return number(value.quantize(Decimal("0.0000000001"), ROUND_HALF_UP))


@lru_cache(maxsize=4096)
def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z` and no padding zeros in the fraction. Remembered: an order shows the same times again and again."""
    text = moment.astimezone(UTC).isoformat()[:-6]
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text + "Z"


def optional_timestamp(moment: datetime | None) -> str | None:
    """`timestamp`, or None for an absent time."""
    return None if moment is None else timestamp(moment)


def new_york(moment: datetime) -> str:
    """RFC 3339 with New York's offset, as /v2/clock writes it."""
    return moment.astimezone(NEW_YORK).isoformat()


def parse_number(value: object) -> Decimal | None:
    """A finite decimal from a JSON string or number, exactly; None when it is neither or absurdly large.

    Exponent forms (`1e-09`) are numbers too. Booleans are not.
    """
    if isinstance(value, str):
        return _number_in(value) if len(value) <= _MAX_REMEMBERED else _number_in.__wrapped__(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    return _of_size(value if isinstance(value, Decimal) else Decimal(str(value)))


@lru_cache(maxsize=4096)
def _number_in(text: str) -> Decimal | None:
    """Remembered: orders name the same quantities and prices again and again."""
    text = text.strip()
    return _of_size(Decimal(text)) if _NUMBER.fullmatch(text) else None


def _of_size(parsed: Decimal) -> Decimal | None:
    """The number, where it is one that an order may name."""
    if not parsed.is_finite() or (parsed and abs(parsed.adjusted()) > _MAX_MAGNITUDE):
        return None
    return parsed if len(parsed.as_tuple().digits) <= _MAX_DIGITS else None


def decimals(value: Decimal) -> int:
    """How many digits after the point the value really has (trailing zeros do not count)."""
    if value == value.to_integral_value():
        return 0
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "only finite decimals get here"
    return max(0, -exponent)


def parse_bool(value: object) -> bool | None:
    """A flag in any spelling clients use (True, true, 1, t ...); None when it is not one."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def parse_time(text: str) -> datetime | None:
    """Aware UTC time from RFC 3339 (0-9 fraction digits, any offset) or a date (its midnight UTC); None when it is neither.

    A `+` that arrived as a blank (not percent-encoded) is read as a plus; a time without offset is taken as UTC.
    """
    text = _LOST_PLUS.sub(r"\1+\2", text.strip())
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> date | None:
    """A date from `YYYY-MM-DD`, or the New York date of a full time; None when it is neither."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        moment = parse_time(text)
    try:
        return None if moment is None else moment.astimezone(NEW_YORK).date()
    except OverflowError:
        return None


@lru_cache(maxsize=256)
def new_york_time(day: date, hour: int, minute: int = 0) -> datetime:
    """The UTC instant of a New York wall time on `day`. Remembered: a day's few times are held against every instant."""
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


def minute_floor(moment: datetime) -> datetime:
    """The start of the minute that contains `moment`."""
    return moment.replace(second=0, microsecond=0)


# Numbers that are none


class BrokenNumber(float):
    """What a broken broker writes where a number belongs: `text`, be it JSON or not. In MessagePack null is nil, the rest floats."""

    def __new__(cls, text: Literal["null", "NaN", "Infinity"]) -> BrokenNumber:
        """A float that behaves like it: infinite, or not a number."""
        made = super().__new__(cls, "NaN" if text == "null" else text)
        made.text = text
        return made

    text: str


def write_broken(value: object) -> orjson.Fragment:
    """For `orjson.dumps(default=...)`: the text as it stands."""
    assert isinstance(value, BrokenNumber), "everything else is JSON"
    return orjson.Fragment(value.text.encode())


def pack_broken(value: object) -> float | None:
    """For `msgpack.packb(strict_types=True, default=...)`."""
    assert isinstance(value, BrokenNumber), "everything else is MessagePack"
    return None if value.text == "null" else float(value)
