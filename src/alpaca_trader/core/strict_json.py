"""Bytes of a settings file to plain values, or every reason why not.

``json.loads`` takes NaN, Infinity, 1e999 and a key given twice (the last wins); a NaN limit compares false with
everything and so switches itself off. All of these are refused here, each with its path. What is echoed of a file is
cut short, so that an error message never carries its content into a log: a file may be a link to something private.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from alpaca_trader.core.errors import BadInput

MAX_BYTES = 256 * 1024
MAX_VALUE_SHOWN = 24
MAX_KEY_SHOWN = 32
MAX_STRAY_PATH_SHOWN = 56
MAX_PROBLEMS_SHOWN = 50
MAX_DEPTH = 8
"""Levels of nesting looked at; a setting is at most four down."""
TOO_DEEP = "is nested too deeply; a setting is at most four levels down"
LARGEST_DIGITS = 15
"""Digits in the longest whole number taken: below 2**53, so that it is exact as a float too."""


class Problem(NamedTuple):
    """One thing wrong in a settings file: where (dotted path, empty for the whole file) and what would be right."""

    path: str
    text: str


class BadSettings(BadInput):
    """A settings file is refused as a whole; ``problems`` holds every reason, the message one line for each."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        lines = [f"{source}: {path} {text}" if path else f"{source} {text}" for path, text in problems]
        if len(lines) > MAX_PROBLEMS_SHOWN:
            lines[MAX_PROBLEMS_SHOWN:] = [f"{source}: and {len(lines) - MAX_PROBLEMS_SHOWN} more problems"]
        super().__init__("\n".join(lines))


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, keys given twice included."""


class _BadNumber(NamedTuple):
    """A number no setting can have, as it was written."""

    text: str


def read_json(raw: bytes, source: str) -> dict[str, Any]:
    """The JSON object in ``raw``: dicts, tuples and scalars, without the keys that start with ``_`` (comments).

    Raises BadSettings with every duplicate key, non-finite or oversized number and unprintable text in it.
    """
    text = _decode(raw, source)
    try:
        parsed = json.loads(
            text, object_pairs_hook=_Pairs, parse_constant=_BadNumber, parse_float=_real, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise BadSettings(source, [Problem("", _syntax(text, error))]) from None
    except RecursionError:
        raise BadSettings(source, [Problem("", TOO_DEEP)]) from None
    problems: list[Problem] = []
    value = _plain(parsed, "", MAX_DEPTH, problems)
    if not isinstance(value, dict):
        problems.insert(0, Problem("", f"holds {show(value)}; it must hold one JSON object {{...}}"))
    if problems:
        raise BadSettings(source, problems)
    assert isinstance(value, dict)
    return value


def show(value: object) -> str:
    """``value`` as JSON would write it, in printable ASCII and cut to a few characters; containers by their kind."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    return _cut(json.dumps(value), MAX_VALUE_SHOWN)


def join(path: str, key: str) -> str:
    """The path of ``key`` inside ``path``; the key is cut short and escaped where it is no plain name."""
    plain = key.isascii() and key.isprintable() and key
    shown = _cut(key if plain else json.dumps(key), MAX_KEY_SHOWN)
    return f"{path}.{shown}" if path else shown


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _decode(raw: bytes, source: str) -> str:
    if len(raw) > MAX_BYTES:
        raise BadSettings(source, [Problem("", f"has {len(raw)} bytes; it may have at most {MAX_BYTES}")])
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise BadSettings(source, [Problem("", "starts with a byte order mark; save it as UTF-8 without one")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSettings(source, [Problem("", f"is not UTF-8 at byte {error.start}; save it as UTF-8")]) from None
    if not text.strip():
        raise BadSettings(source, [Problem("", "is empty; it must hold one JSON object {...}")])
    return text


def _syntax(text: str, error: json.JSONDecodeError) -> str:
    """Where the JSON breaks and what usually causes it, in words that echo nothing."""
    rest = text[error.pos :].lstrip()
    if not rest or error.msg.startswith("Unterminated string"):
        return (
            f"ends too early, in line {text.count(chr(10)) + 1}; it is half written, or a bracket or quote is missing"
        )
    if rest.startswith(("//", "/*", "#")):
        cause = 'comments are not JSON; use a key that starts with _, such as "_note": "..."'
    elif error.msg.startswith("Extra data"):
        cause = "more text follows the closing bracket"
    elif rest[0] in ",]}":
        cause = "a comma too many, or a value is missing"
    elif rest[0] == "'":
        cause = "text stands in double quotes"
    else:
        cause = "a comma, colon, quote or bracket is missing or misplaced"
    return f"is not JSON at line {error.lineno}, column {error.colno}: {cause}"


def _real(text: str) -> float | _BadNumber:
    number = float(text)
    return number if abs(number) < float("inf") else _BadNumber(text)


def _whole(text: str) -> int | _BadNumber:
    return int(text) if len(text.lstrip("-")) <= LARGEST_DIGITS else _BadNumber(text)


def _plain(value: Any, path: str, depth: int, problems: list[Problem]) -> Any:
    """``value`` with objects as dicts and arrays as tuples; appends what is wrong down to ``depth`` more levels."""
    if isinstance(value, list):
        if depth == 0:
            problems.append(Problem(_cut(path, MAX_STRAY_PATH_SHOWN), TOO_DEEP))
            return None
        if isinstance(value, _Pairs):
            return _object(value, path, depth - 1, problems)
        return tuple(_plain(item, f"{path}[{index}]", depth - 1, problems) for index, item in enumerate(value))
    where = _cut(path, MAX_STRAY_PATH_SHOWN)
    if isinstance(value, _BadNumber):
        shown = _cut(value.text, MAX_VALUE_SHOWN)
        problems.append(Problem(where, f"is {shown}; it must be a finite number of at most {LARGEST_DIGITS} digits"))
        return None
    if isinstance(value, str) and not value.isprintable():
        problems.append(Problem(where, f"is {show(value)}; it must be text without control characters"))
    return value


def _object(pairs: _Pairs, path: str, depth: int, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for key, item in pairs:
        inner = join(path, key)
        if key in seen:
            problems.append(Problem(_cut(inner, MAX_STRAY_PATH_SHOWN), "is given twice; keep one of the two"))
        seen.add(key)
        if not key.startswith("_"):
            found[key] = _plain(item, inner, depth, problems)
    return found
