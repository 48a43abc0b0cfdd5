"""Switches and faults as plain values: to print, and to read from a command line."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from alpaca_trader.simulator.faults.catalogue import CATALOGUE, Parameter
from alpaca_trader.simulator.profiles import DEFAULT_SWITCHES, Switches

_UNVERIFIED: Final = "Unverified."
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def switch_table(switches: Switches = DEFAULT_SWITCHES) -> Sequence[Mapping[str, Any]]:
    """Every switch: its value here, its default, what else it may be, what it means, whether the real broker's way is unverified."""
    hints, notes = get_type_hints(Switches), _notes()
    return [
        {
            "name": field.name,
            "value": getattr(switches, field.name),
            "default": field.default,
            "alternatives": _alternatives(hints[field.name], field.default),
            "meaning": notes[field.name].removesuffix(_UNVERIFIED).strip(),
            "unverified": notes[field.name].endswith(_UNVERIFIED),
        }
        for field in fields(Switches)
    ]


def switches_from(settings: Sequence[str], switches: Switches = DEFAULT_SWITCHES) -> Switches:
    """The switches with `name=value` settings applied. Raises ValueError for an unknown name or value."""
    hints = get_type_hints(Switches)
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise ValueError(f"switch {setting!r}: write name=value")
        if name not in hints:
            near = get_close_matches(name, hints, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"there is no switch {name!r}{hint}; `alpaca-trader sim switches` lists them")
        try:
            value: Any = _read(hints[name], text)
            switches = replace(switches, **{name: value})
        except ValueError:
            default = next(field.default for field in fields(Switches) if field.name == name)
            choices = ", ".join([shown(default), *map(shown, _alternatives(hints[name], default))])
            raise ValueError(f"switch {name}={text}: use one of {choices}") from None
    return switches


def catalogue_table() -> Sequence[Mapping[str, Any]]:
    """Every fault with what it strikes, does, takes and heeds."""
    return [
        {
            "name": kind.name,
            "strikes": kind.strikes,
            "does": kind.does,
            "parameters": [_parameter(parameter) for parameter in kind.parameters],
            "heeds": [*sorted(kind.filters), *kind.limits],
            "needs": sorted(kind.needs),
            "orderable": kind.kind != "client",
        }
        for kind in CATALOGUE.values()
    ]


def _parameter(parameter: Parameter) -> Mapping[str, Any]:
    return {
        "name": parameter.name,
        "unit": parameter.unit,
        "default": parameter.default,
        "choices": list(parameter.choices),
        "required": parameter.default is None and not parameter.is_optional,
        "meaning": parameter.meaning,
    }


@cache
def _notes() -> Mapping[str, str]:
    """The sentence that stands under each field in the source."""
    [tree] = ast.parse(inspect.getsource(Switches)).body
    assert isinstance(tree, ast.ClassDef), "the source of a class is a class"
    found = {}
    for field, note in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(note, ast.Expr), f"switch {field.target.id} has no sentence under it"
            found[field.target.id] = inspect.cleandoc(str(ast.literal_eval(note.value)))
    return found


def _alternatives(hint: Any, default: object) -> Sequence[object]:
    """What a switch may be beside its default; a type where any value of it will do."""
    if hint is bool:
        return [not default]
    if get_origin(hint) is Literal:
        return [choice for choice in get_args(hint) if choice != default]
    if get_origin(hint) is tuple:
        return ["two whole numbers, low,high"]
    return ["none" if part is NoneType else "a whole number" for part in get_args(hint) or (hint,)]


def _read(hint: Any, text: str) -> object:
    if hint is bool:
        if text.lower() not in _WORDS:
            raise ValueError(text)
        return _WORDS[text.lower()]
    if get_origin(hint) is Literal:
        found = [choice for choice in get_args(hint) if str(choice) == text]
        if not found:
            raise ValueError(text)
        return found[0]
    if get_origin(hint) is tuple:
        low, high = (int(part) for part in text.split(","))
        if not 0 <= low <= high:
            raise ValueError(text)
        return low, high
    if text.lower() == "none" and NoneType in get_args(hint):
        return None
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def shown(value: object) -> str:
    """A value of a switch as it is written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
