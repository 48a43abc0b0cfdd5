"""The status file: complete at every instant, or the one before it."""

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from alpaca_trader.edge.home import PRIVATE_FILE, sync_folder
from alpaca_trader.edge.plain import plain


def write_status(path: Path, status: Mapping[str, object]) -> None:
    """Replace the JSON file at ``path`` in one step that survives a crash and a power cut.

    Decimals become numbers, times text. Raises OSError (disk full, read-only); the file that was there is then intact,
    and its old ``timestamp`` tells that it is stale.
    """
    text = orjson.dumps(plain(status), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    aside = path.with_name(f".{path.name}.new")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
