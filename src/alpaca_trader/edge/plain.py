"""Values for people: what logs and the status file say, as plain JSON with ordinary numbers.

The journal keeps exact decimals; here a price is a number, a time is text, and nothing can make writing fail.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

SENSITIVE = re.compile(
    r"secret|passw|token|authorization|credential|cookie|api[-_ ]?key|key[-_ ]?id|private[-_ ]?key", re.IGNORECASE
)
HIDDEN = "[hidden]"
MAX_TEXT = 2_000
MAX_DEPTH = 8
LARGEST_EXACT = 2**53


def plain(value: object, depth: int = MAX_DEPTH) -> Any:
    """``value`` as dicts, lists, text, finite numbers, booleans and None.

    Whatever stands under a key that names a credential is hidden; long text is cut; unknown objects become their
    ``str``. NaN and infinities become None, because JSON has no word for them.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value) if -LARGEST_EXACT <= value <= LARGEST_EXACT else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if depth == 0:
        return "[nested too deeply]"
    return _container(value, depth - 1)


def _container(value: object, depth: int) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_text(str(key)): _under(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth) for item in value]
    return _text(str(value))


def _under(key: str, value: object, depth: int) -> Any:
    return HIDDEN if SENSITIVE.search(key) else plain(value, depth)


def _text(text: str) -> str:
    mended = text[:MAX_TEXT].encode("utf-8", "replace").decode()
    return mended if len(text) <= MAX_TEXT else f"{mended}... ({len(text)} characters)"
