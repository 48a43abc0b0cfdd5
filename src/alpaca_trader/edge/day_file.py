"""One log file per New York date, whole lines only, bounded in size, and never an exception."""

import os
from datetime import date
from pathlib import Path

from alpaca_trader.edge.home import PRIVATE_FILE

URGENT_HEADROOM = 8
"""Errors may fill another eighth of the day's bytes after everything else has stopped."""


class DayFile:
    """Appends lines to ``folder/YYYY-MM-DD.jsonl``. ``healthy`` tells whether the last line reached the file."""

    def __init__(self, folder: Path, day_bytes: int) -> None:
        self.healthy = True
        self.lost = 0
        """Lines the disk refused, ever."""
        self.capped = 0
        """Lines beyond the day's bytes, today."""
        self._folder = folder
        self._day_bytes = day_bytes
        self._day: date | None = None
        self._descriptor = -1
        self._size = 0

    def write(self, day: date, line: bytes, is_urgent: bool) -> bool:
        """Append ``line`` (it ends in a newline); False where it was lost or beyond the day's bytes."""
        try:
            if day != self._day:
                self._open(day)
            allowed = self._day_bytes + (self._day_bytes // URGENT_HEADROOM if is_urgent else 0)
            if self._size + len(line) > allowed:
                self.capped += 1
                return False
            self._append(line)
        except OSError:
            self.healthy = False
            self.lost += 1
            return False
        self.healthy = True
        return True

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._day is not None:
            os.close(self._descriptor)
            self._day = None

    def _open(self, day: date) -> None:
        self.close()
        path = self._folder / f"{day.isoformat()}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        try:
            # What a power cut left of a last line would make the next one unreadable too.
            size = _end_of_last_line(descriptor)
            os.ftruncate(descriptor, size)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._size, self._day, self.capped = descriptor, size, day, 0

    def _append(self, line: bytes) -> None:
        if os.write(self._descriptor, line) != len(line):
            # The disk filled up inside the line: take the half line back.
            os.ftruncate(self._descriptor, self._size)
            raise OSError("short write")
        self._size += len(line)


def _end_of_last_line(descriptor: int) -> int:
    size = os.fstat(descriptor).st_size
    position = size
    while position > 0:
        start = max(0, position - 65_536)
        found = os.pread(descriptor, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
