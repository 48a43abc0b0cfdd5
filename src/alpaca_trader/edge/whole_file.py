"""A file of ours that is complete at every instant: the new one, or the one before it."""

import os
from pathlib import Path

from alpaca_trader.edge.home import PRIVATE_FILE, sync_folder


def write_whole(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step that survives a crash and a power cut; readable by its owner alone.

    Raises OSError (disk full, read-only); the file that was there is then intact.
    """
    aside = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
