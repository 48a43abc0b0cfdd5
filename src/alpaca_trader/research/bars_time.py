"""Timestamps of bar files: which instant a cell means, and the refusal to guess a zone."""

from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.bars import Flags, Ints

MINUTE_US = 60_000_000
EARLIEST_US, LATEST_US = 631_152_000_000_000, 4_102_444_800_000_000
"""1990 to 2099, the years of the exchange calendar. Within them the size of an epoch number tells its unit."""
EPOCH_UNITS = (1_000_000, 1_000, 1)
HAS_OFFSET = r"(?:[Zz]|[0-9][+-]\d{2}(?::?\d{2})?)$"
IS_UTC = r"(?:[Zz]|[+-]00(?::?00)?)$"
EXAMPLE = "2019-02-11T14:30:00Z"


Cells = NDArray[Any] | pd.api.extensions.ExtensionArray


class Place(NamedTuple):
    """Where rows come from, for messages: the file, what it calls a row, the number of the first, the column's name."""

    source: Path
    unit: str
    first: int
    column: str

    def refuse(self, bad: Flags, values: Cells, why: str) -> None:
        """Raise BadInput for the first row of ``bad``, if there is one, showing what stands there in ``values``."""
        if not bad.any():
            return
        index = int(np.argmax(bad))
        more = int(bad.sum()) - 1
        others = f" (and {more} more rows)" if more else ""
        raise BadInput(
            f"{self.source}: {self.unit} {self.first + index}: {self.column} {str(values[index])!r} {why}{others}"
        )


def checked_zone(zone: str | None) -> ZoneInfo | None:
    """The zone by its name. Raises BadInput for a name that is none."""
    if zone is None:
        return None
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"zone {zone!r} is unknown; use a name like UTC or America/New_York") from None


def instants_of_text(text: "pd.Series[str]", zone: str | None, place: Place) -> Ints:
    """Epoch microseconds of ISO 8601 text with an offset, or without one where ``zone`` is given, or of epoch numbers."""
    text = text.str.strip()
    cells = text.array
    if bool(text.str.fullmatch(r"\d{9,19}").all()):
        return instants_of_numbers(text.to_numpy(dtype=object).astype(np.int64), zone, place)
    aware = np.asarray(text.str.contains(HAS_OFFSET, regex=True), dtype=np.bool_)
    if not aware.all() and aware.any():
        place.refuse(~aware, cells, "has no zone while others have one; write all of them alike")
    is_utc = np.asarray(text.str.contains(IS_UTC, regex=True), dtype=np.bool_)
    if aware.all() and zone is not None:
        place.refuse(~is_utc, cells, f"carries its own offset; leave out zone={zone}")
    parsed = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce")
    place.refuse(np.asarray(parsed.isna(), dtype=np.bool_), cells, f"is no time; write it like {EXAMPLE}")
    return instants_of_times(parsed if aware.all() else parsed.dt.tz_localize(None), bool(aware.all()), zone, place)


def instants_of_numbers(values: Ints, zone: str | None, place: Place) -> Ints:
    """Epoch microseconds of epoch seconds, milliseconds, microseconds or nanoseconds; the years 1990-2099 tell which."""
    for factor in EPOCH_UNITS:
        if np.all((values >= EARLIEST_US // factor) & (values < LATEST_US // factor)):
            micros = values * factor
            break
    else:
        micros = values // 1000
        bad = (micros < EARLIEST_US) | (micros >= LATEST_US)
        place.refuse(bad, values, "is no epoch time between 1990 and 2099 (seconds, ms, us or ns, one unit for all)")
    return instants_of_times(pd.Series(pd.to_datetime(micros, unit="us", utc=True)), True, zone, place)


def instants_of_times(times: "pd.Series[pd.Timestamp]", aware: bool, zone: str | None, place: Place) -> Ints:
    """Epoch microseconds of times whose UTC digits are meant (``aware``, no zone), or are wall-clock digits in ``zone``.

    A zone given for times in UTC says that the file is wrong: its digits are that zone's wall clock.
    """
    cells = times.array
    place.refuse(np.asarray(times.isna(), dtype=np.bool_), cells, f"is missing; every bar has a time like {EXAMPLE}")
    known = checked_zone(zone)
    if known is None and not aware:
        everything = np.ones(len(times), dtype=np.bool_)
        place.refuse(everything, cells, "has no zone and is not guessed; say it: zone=UTC or zone=America/New_York")
    digits = times.dt.tz_localize(None)
    if known is not None and zone != "UTC":
        located = digits.dt.tz_localize(known, ambiguous="NaT", nonexistent="NaT")
        unreal = np.asarray(located.isna(), dtype=np.bool_)
        place.refuse(unreal, cells, f"does not exist in {zone}, or twice (clock change); another zone is meant")
        digits = located.dt.tz_convert("UTC").dt.tz_localize(None)
    micros: Ints = digits.to_numpy(dtype="datetime64[us]").astype(np.int64)
    place.refuse((micros < EARLIEST_US) | (micros >= LATEST_US), cells, "is not between 1990 and 2099")
    return micros


def minutes(micros: Ints, ends: bool, place: Place) -> Ints:
    """Epoch seconds of the start of each bar; ``ends``: the timestamps are the end of their minutes."""
    cells: NDArray[np.datetime64] = micros.astype("datetime64[us]")
    place.refuse(micros % MINUTE_US != 0, cells, "is no whole minute; a bar is one minute and starts at its second 0")
    return micros // 1_000_000 - (60 if ends else 0)
