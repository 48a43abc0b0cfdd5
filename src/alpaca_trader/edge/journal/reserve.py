"""Disk space kept back for bad days: freed when the disk is full, so that exits can still be journalled."""

import os
from contextlib import suppress
from pathlib import Path

from alpaca_trader.edge.home import PRIVATE_FILE
from alpaca_trader.edge.journal.errors import JournalUnwritable

RESERVE_BYTES = 50_000_000
CHUNK = bytes(1 << 20)


class Reserve:
    """A file of ``size`` bytes beside the journal."""

    def __init__(self, journal: Path, size: int) -> None:
        self._path = journal.with_name(f"{journal.name}.reserve")
        self._size = size

    def fill(self) -> None:
        """Make the file unless it is there already. Raises JournalUnwritable where the disk has no room for it."""
        if self._size == 0 or (self._path.exists() and self._path.stat().st_size >= self._size):
            return
        try:
            with open(os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
                for start in range(0, self._size, len(CHUNK)):
                    file.write(CHUNK[: self._size - start])
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.free()
            raise JournalUnwritable(
                f"{self._path} cannot be made ({error.strerror}): free at least {self._size:,} bytes on this disk"
            ) from error

    def free(self) -> None:
        """Give the space back, where the disk lets anything be removed."""
        with suppress(OSError):
            self._path.unlink()
