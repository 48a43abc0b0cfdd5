"""What every settings file is made of: a strict base model, and fields that know their meaning, range and risk.

One field definition feeds the validation, the error text, the JSON Schema, the reference page and the risk
direction of a change, so that they cannot disagree.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from alpaca_trader.core.models import dec
from alpaca_trader.core.strict_json import MAX_PROBLEMS_SHOWN, Problem, join, show

RiskDirection = Literal["up", "down", "behaviour"]
"""Which way a setting gets riskier: with a higher value, with a lower one, or neither."""


class StrictModel(BaseModel):
    """Base of all settings: exact types, no unknown keys, frozen, no NaN or infinity.

    Keys starting with ``_`` are comments; the file reader (``core/strict_json.py``) drops them before validation.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, validate_by_name=True, validate_default=True
    )


Model = TypeVar("Model", bound=StrictModel)


def setting(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    risk: RiskDirection = "behaviour",
    riskiest: str | None = None,
    right: str | None = None,
    item: str | None = None,
    **field: Any,
) -> Any:
    """A field with its meaning, inclusive range and risk direction.

    ``riskiest`` is the word that is riskier than the others, for settings that are words. With direction ``up`` a
    null is the riskiest value of all, because null switches the limit off. ``right`` says what would be right, and
    ``item`` what each element must be, where the type and the range do not say it themselves.
    """
    extra: JsonDict = {"risk": risk, "riskiest": riskiest, "right": right, "item": item}
    return Field(default, description=meaning, ge=low, le=high, json_schema_extra=extra, **field)


def trait(field: FieldInfo, name: Literal["risk", "riskiest", "right", "item"]) -> Any:
    """What ``setting`` was told about ``field`` beyond what pydantic keeps itself."""
    assert isinstance(field.json_schema_extra, dict), "settings are made by setting()"
    return field.json_schema_extra[name]


def limits(field: FieldInfo) -> tuple[Any, Any] | None:
    """The inclusive range of a numeric setting, None for any other."""
    low = next((m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, annotated_types.Le)), None)
    return None if low is None or high is None else (low, high)


def expects(field: FieldInfo) -> str:
    """What would be right in this field, in words: its type and its range."""
    told = trait(field, "right")
    if told is not None:
        return str(told)
    choices = get_args(field.annotation)
    nullable = NoneType in choices
    kind = choices[0] if nullable else field.annotation
    if get_origin(kind) is Literal:
        words = " or ".join(f'"{word}"' for word in get_args(kind))
    elif kind is bool:
        words = "true or false"
    else:
        allowed = limits(field)
        assert allowed is not None, "a setting that is no word has a range, or says what would be right"
        words = f"a {'whole ' if kind is int else ''}number from {number(allowed[0])} to {number(allowed[1])}"
    return f"{words}, or null" if nullable else words


def number(value: float | Decimal) -> str:
    """A number as a person writes it: without exponent, trailing zeros or a needless point."""
    text = f"{dec(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def fingerprint(content: Mapping[str, Any]) -> str:
    """12 hex digits of SHA-256 over ``content`` as canonical JSON: a revision's id."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:12]


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """A hint naming the closest known word, or an empty string where none is close."""
    # Only the beginning is compared: matching takes time that grows with the length of what a stranger wrote.
    close = difflib.get_close_matches(wrong[:64], list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def check(model: type[Model], value: object, path: str, problems: list[Problem]) -> Model | None:
    """``value`` as ``model``; None where it is not, with every reason appended to ``problems``."""
    if not isinstance(value, dict):
        problems.append(Problem(path, f"is {show(value)}; it must be an object {{...}}"))
        return None
    try:
        # By alias alone: a name that only our code uses is no key of the file.
        return model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        # A union reports each of its members: one line for each place is enough. No hint is sought for what is
        # not shown, since seeking takes long enough for a hostile file to hold up the loop.
        found = (_explain(model, path, detail, index < MAX_PROBLEMS_SHOWN) for index, detail in enumerate(details))
        problems.extend(dict.fromkeys(found))
        return None


def _explain(model: type[StrictModel], path: str, detail: ErrorDetails, with_hint: bool) -> Problem:
    key, *inner = detail["loc"]
    name = str(key)
    where = join(path, name)
    by_key = {field.alias or field_name: field for field_name, field in model.model_fields.items()}
    field = by_key.get(name)
    if detail["type"] == "extra_forbidden":
        return Problem(where, f"is not a setting{did_you_mean(name, by_key) if with_hint else ''}")
    if field is None:
        return Problem(where, f"is {show(detail['input'])}; it must be a number, a text, true or false")
    if detail["type"] == "missing":
        return Problem(where, f"is missing; it must be {expects(field)}")
    if inner and isinstance(inner[0], int):
        return Problem(f"{where}[{inner[0]}]", f"is {show(detail['input'])}; it must be {trait(field, 'item')}")
    return Problem(where, f"is {show(detail['input'])}; it must be {expects(field)}")
