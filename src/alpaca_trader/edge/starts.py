"""How often the engine was started lately (safety F47), in a file of its own: the journal may be what ends it.

Five starts in ten minutes are a crash loop in the making; from the sixth on the engine only protects what it holds.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core.events import EntriesBarred
from alpaca_trader.edge.whole_file import write_whole

MOST_STARTS = 5
MOST_KEPT = 50
WITHIN = timedelta(minutes=10)
CODE = "crash_loop"


class Start(NamedTuple):
    """What is known of this start."""

    bar: EntriesBarred | None
    """Why nothing may be bought: too many starts, or an unknown number."""
    is_told: bool
    """Whether people are told that it began and how it ended; no longer, once they were told of the loop."""


def note_start(file: Path, at: datetime) -> Start:
    """Write this start down. What cannot be read counts for nothing, once: this start replaces it."""
    recent = [*(each for each in _starts(file) if at - WITHIN < each <= at), at][-MOST_KEPT:]
    try:
        write_whole(file, json.dumps([each.isoformat() for each in recent]).encode())
    except OSError as error:
        return Start(EntriesBarred(at, CODE, f"starts cannot be counted: {file.name}: {error.strerror}"), True)
    if len(recent) <= MOST_STARTS:
        return Start(None, True)
    detail = f"over {MOST_STARTS} starts in {WITHIN // timedelta(minutes=1)} minutes"
    return Start(EntriesBarred(at, CODE, detail), len(recent) == MOST_STARTS + 1)


def _starts(file: Path) -> list[datetime]:
    try:
        return [datetime.fromisoformat(each).astimezone(UTC) for each in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []
