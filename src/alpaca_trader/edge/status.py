"""The status file: complete at every instant, or the one before it."""

from collections.abc import Mapping
from pathlib import Path

import orjson

from alpaca_trader.edge.plain import plain
from alpaca_trader.edge.whole_file import write_whole


def write_status(path: Path, status: Mapping[str, object]) -> None:
    """Replace the JSON file at ``path``; decimals become numbers, times text.

    Raises OSError as ``write_whole``; the old file's ``timestamp`` then tells that it is stale.
    """
    write_whole(path, orjson.dumps(plain(status), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
