"""The settings as documents: the text of a file, its JSON Schema for editors, one row per setting for the manual."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic.json_schema import models_json_schema

from alpaca_trader.core.config import (
    BUILT_IN,
    MeanReversionParams,
    MomentumParams,
    PluginParams,
    RiskConfig,
    StrategyConfig,
    StrategyParams,
    StrategySettings,
)
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.settings import StrictModel, expects, number, trait

POLICY_NOTE = "What the engine may do at all. A human edits this file; the engine and the agent never write it."


class SettingRow(NamedTuple):
    """One setting as the manual describes it, in words."""

    file: str
    path: str
    default: str
    right: str
    risk: str
    meaning: str


def file_text(settings: StrategyConfig | Policy) -> str:
    """The text of a settings file that reads back as ``settings``: indented, short lists on one line.

    Settings of ``strategy.json`` that were never set are left out, since their defaults say the same; a policy is
    written in full, because a human should see everything it allows.
    """
    if isinstance(settings, Policy):
        content = {"_about": POLICY_NOTE, **settings.model_dump(mode="json")}
        content["ranges"] = {path: [_short(low), _short(high)] for path, (low, high) in settings.ranges.items()}
    else:
        content = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = json.dumps(content, indent=2)
    # A line break is never inside a text, where JSON writes \n: these brackets are those of lists.
    flat = re.sub(r"\[\n\s+([^\[\]]*?)\n\s*\]", lambda found: "[" + re.sub(r",\n\s+", ", ", found[1]) + "]", text)
    return f"{flat}\n"


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``strategy.json``, for editors; the engine's own checks go further."""
    params = {name: kind.__name__ for name, kind in BUILT_IN.items()}
    kinds: list[type[StrictModel]] = [RiskConfig, MomentumParams, MeanReversionParams, PluginParams, StrategySettings]
    _, found = models_json_schema([(kind, "validation") for kind in kinds], ref_template="#/$defs/{model}")
    defs = {name: _commentable(schema) for name, schema in found["$defs"].items()}
    settings = defs.pop("StrategySettings")
    for name, kind in {**params, "plugin": "PluginParams"}.items():
        own = {**settings["properties"], "params": {"$ref": f"#/$defs/{kind}"}}
        required = ["enabled", "watchlist"]
        if name == "plugin":
            required.append("class")
            own["class"] = next(choice for choice in own["class"]["anyOf"] if choice["type"] == "string")
        else:
            own["class"] = {"type": "null"}
        defs[name] = {**settings, "title": name, "properties": own, "required": required}
    strategies = {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in params},
        "patternProperties": {"^_": {}},
        "additionalProperties": {"$ref": "#/$defs/plugin"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config/strategy.json",
        "type": "object",
        "properties": {"risk": {"$ref": "#/$defs/RiskConfig"}, "strategies": strategies},
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
        "required": ["risk", "strategies"],
        "$defs": defs,
    }


def _commentable(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` with keys that start with ``_`` allowed, and without what only our own reader understands."""
    properties = {
        name: {key: value for key, value in field.items() if key not in ("risk", "riskiest", "right", "item")}
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": properties, "patternProperties": {"^_": {}}}


RISK_WORDS = {"up": "more is riskier", "down": "less is riskier", "behaviour": "behaviour"}


def reference() -> tuple[SettingRow, ...]:
    """Every setting of both files, in file order.

    ``strategies.*`` stands for what any strategy has; a built-in strategy lists its own parameters, and of the common
    ones those whose default differs.
    """
    sections: dict[str, type[StrictModel]] = {
        "risk.": RiskConfig,
        "strategies.*.": StrategySettings,
        "strategies.*.params.": StrategyParams,
    }
    rows = [row for path, model in sections.items() for row in _rows("strategy.json", path, model)]
    common = {
        (row.path.rsplit(".", 1)[1], row.default) for row in _rows("strategy.json", "strategies.*.", StrategyParams)
    }
    for name, kind in BUILT_IN.items():
        own = _rows("strategy.json", f"strategies.{name}.params.", kind)
        rows += [row for row in own if (row.path.rsplit(".", 1)[1], row.default) not in common]
    return (*rows, *_rows("policy.json", "", Policy))


def _rows(file: str, path: str, model: type[StrictModel]) -> Iterator[SettingRow]:
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _default(field.default)
        riskiest = trait(field, "riskiest")
        risk = RISK_WORDS[trait(field, "risk")] if riskiest is None else f'"{riskiest}" is riskier'
        yield SettingRow(file, f"{path}{field.alias or name}", default, expects(field), risk, str(field.description))


def _default(value: object) -> str:
    if isinstance(value, float):
        return number(value)
    return "see below" if isinstance(value, dict) else json.dumps(value)
