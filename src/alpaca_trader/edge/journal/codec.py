"""Events and actions to canonical JSON and back, without loss.

Both follow the type hints of the class, looked at once per class. Fields stand in their order of declaration, Decimal
as text, times as ISO 8601 with ``Z``, named tuples as arrays. NaN and infinities are written as ``NaN`` and
``Infinity``, because a bar may carry them and the journal keeps what was seen. Reading is our own: pydantic would answer
with time zone objects of its own instead of ``UTC``, and a config does not say in JSON which class its parameters have.
"""

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticSerializationError, SchemaSerializer, from_json, to_json, to_jsonable_python
from pydantic_core.core_schema import CoreConfig

from alpaca_trader.core.config import BUILT_IN, PluginParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.events import Action, Event
from alpaca_trader.edge.journal.errors import JournalUnreadable, JournalUnwritable

KINDS: Mapping[str, type] = {kind.__name__: kind for kind in (*get_args(Event), *get_args(Action))}
"""Every class that may stand in the journal, by its name."""

PLAIN = frozenset({str, int, bool, float, NoneType})
UTC_OFFSET = timedelta(0)
NAN_KEPT: CoreConfig = {"ser_json_inf_nan": "constants"}


def encode(entry: Event | Action) -> bytes:
    """The canonical JSON of ``entry``: equal entries give equal bytes in every process.

    Raises JournalUnwritable where ``at`` is not aware UTC or a field holds something of another type.
    """
    kind: type = type(entry)
    if entry.at.utcoffset() != UTC_OFFSET:
        raise JournalUnwritable(f"{kind.__name__}.at is {entry.at!r}; it must be aware UTC")
    write = _writer(kind)
    try:
        return write.to_json(entry, warnings="error")
    except PydanticSerializationError:
        pass
    try:
        # Worth saving: read-only mappings, and a broker's text with lone surrogates, which UTF-8 cannot hold.
        loose = to_jsonable_python(entry, inf_nan_mode="constants", fallback=_mapping)
        mended = decode(kind.__name__, to_json(_mended(loose), inf_nan_mode="constants"))
        return write.to_json(mended, warnings="error")
    except (ValueError, TypeError, JournalUnreadable) as error:
        raise JournalUnwritable(f"{kind.__name__} cannot be encoded: {error}") from error


@cache
def _writer(kind: type) -> SchemaSerializer:
    """Writes by type hints: an int in a float field is written as the float it equals, so equal entries stay equal."""
    return SchemaSerializer(_keeping_nan(TypeAdapter(kind).core_schema), NAN_KEPT)


def _keeping_nan(schema: Any) -> Any:
    """The schema with the one setting that pydantic lets nobody hand down to dataclasses: NaN is not null."""
    if isinstance(schema, list):
        return [_keeping_nan(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _keeping_nan(part) for name, part in schema.items()}
    if parts.get("type") in ("dataclass", "model"):
        parts["config"] = {**parts.get("config", {}), **NAN_KEPT}
    return parts


def _mapping(value: object) -> dict[Any, Any]:
    """Read-only mappings are written like dicts; anything else unknown has no place in an entry."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value


def utf8(text: str) -> str:
    """``text`` with lone surrogates replaced by ``?``: what the file can hold."""
    return text.encode("utf-8", "replace").decode()


def decode(kind: str, payload: bytes | str) -> Event | Action:
    """The entry that ``encode`` wrote. Fields added since with a default take it.

    Raises JournalUnreadable where the kind or a field is unknown, missing or of another type.
    """
    if kind not in KINDS:
        raise JournalUnreadable(
            f"the journal holds a {kind}, which this version does not know", "; use the newer version"
        )
    try:
        entry: Event | Action = _reader(KINDS[kind])(from_json(payload))
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise JournalUnreadable(f"a journalled {kind} cannot be read: {type(error).__name__}: {error}") from error
    return entry


@lru_cache(maxsize=256)
def utc_text(at: datetime) -> str:
    """``at`` (aware) in UTC as fixed-width text that sorts in time order: ``2026-02-02T15:30:00.000000Z``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


Reader = Callable[[Any], Any]


@cache
def _reader(hint: Any) -> Reader:
    """How a value of type ``hint`` is made from its JSON form."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in PLAIN or origin is Literal:
        return float if hint is float else _same
    if origin in (Union, UnionType):
        return _union_reader(args)
    if origin is tuple:
        item = _reader(args[0])
        return lambda values: tuple(map(item, values))
    if origin is not None and issubclass(origin, Mapping):
        item = _reader(args[1])
        return lambda values: {key: item(value) for key, value in values.items()}
    return _class_reader(hint)


def _same(value: Any) -> Any:
    return value


def _union_reader(args: tuple[Any, ...]) -> Reader:
    others = [arg for arg in args if arg is not NoneType]
    if set(others) <= PLAIN and len(others) > 1:
        return _same  # JSON tells float, int, str and bool apart by itself
    (only,) = others
    read = _reader(only)
    return lambda value: None if value is None else read(value)


def _class_reader(hint: type) -> Reader:
    if issubclass(hint, datetime | date):
        return hint.fromisoformat
    if issubclass(hint, Decimal | Enum):
        return hint
    if hint is StrategyConfig:
        return _config
    if issubclass(hint, BaseModel):
        return lambda value: hint.model_validate_json(to_json(value))
    hints = get_type_hints(hint)
    if is_dataclass(hint):
        by_name = {name: read for name in hints if (read := _reader(hints[name])) is not _same}
        return lambda values: hint(**_read_each(by_name, values))
    by_place = {place: read for place, name in enumerate(hints) if (read := _reader(hints[name])) is not _same}
    return lambda values: hint(*_read_each(by_place, values))


def _read_each(reads: Mapping[Any, Reader], values: Any) -> Any:
    """``values`` (an object's fields or an array's items) with those that need it made into what they stand for."""
    for place, read in reads.items():
        if isinstance(values, list) or place in values:
            values[place] = read(values[place])
    return values


def _config(data: dict[str, Any]) -> StrategyConfig:
    """A config's parameters have the class that the strategy's name says, which JSON alone does not tell."""
    strategies = {}
    for name, settings in data["strategies"].items():
        params = BUILT_IN.get(name, PluginParams).model_validate(settings["params"])
        watchlist = tuple(settings["watchlist"])
        strategies[name] = StrategySettings.model_validate({**settings, "watchlist": watchlist, "params": params})
    return StrategyConfig(risk=RiskConfig.model_validate(data["risk"]), strategies=strategies)
