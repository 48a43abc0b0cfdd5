"""How often the engine was started lately (safety F47), in a file of its own: the journal may be what ends it.

Five starts in ten minutes are a crash loop in the making; from the sixth on the engine only protects what it holds.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alpaca_trader.core.events import EntriesBarred
from alpaca_trader.edge.whole_file import write_whole

MOST_STARTS = 5
WITHIN = timedelta(minutes=10)
CODE = "crash_loop"


def note_start(file: Path, at: datetime) -> EntriesBarred | None:
    """Write this start down. Answers why nothing may be bought, where that is so: too many starts, or an unknown number.

    What cannot be read counts for nothing, once: this start replaces it.
    """
    recent = [*(each for each in _starts(file) if at - WITHIN < each <= at), at][-MOST_STARTS - 1 :]
    try:
        write_whole(file, json.dumps([each.isoformat() for each in recent]).encode())
    except OSError as error:
        return EntriesBarred(at, CODE, f"starts cannot be counted: {file.name}: {error.strerror}")
    if len(recent) <= MOST_STARTS:
        return None
    return EntriesBarred(at, CODE, f"over {MOST_STARTS} starts in {WITHIN // timedelta(minutes=1)} minutes")


def _starts(file: Path) -> list[datetime]:
    try:
        return [datetime.fromisoformat(each).astimezone(UTC) for each in json.loads(file.read_bytes())]
    except (OSError, ValueError, TypeError):
        return []
