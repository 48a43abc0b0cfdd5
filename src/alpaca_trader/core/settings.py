"""What every settings file is made of: a strict base model, and fields that know their meaning, range and risk.

One field definition feeds the validation, the error text, the JSON Schema, the reference page and the risk
direction of a change, so that they cannot disagree.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

RiskDirection = Literal["up", "down", "behaviour"]
"""Which way a setting gets riskier: with a higher value, with a lower one, or neither."""


class StrictModel(BaseModel):
    """Base of all settings: exact types, no unknown keys, frozen, no NaN or infinity.

    Keys starting with ``_`` are comments; the file reader (``core/strict_json.py``) drops them before validation.
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True, validate_default=True
    )


def setting(
    default: Any,
    meaning: str,
    *,
    low: float | None = None,
    high: float | None = None,
    risk: RiskDirection = "behaviour",
    riskiest: Any = None,
    **field: Any,
) -> Any:
    """A field with its meaning, inclusive range and risk direction.

    ``riskiest`` names the text value that is riskier than the others (for settings that are words); with direction
    ``up`` or ``down`` a null counts as the riskiest value, because null switches a limit off.
    """
    extra: dict[str, Any] = {"risk": risk}
    if riskiest is not None:
        extra["riskiest"] = riskiest
    return Field(default, description=meaning, ge=low, le=high, json_schema_extra=extra, **field)


def risk_of(field: FieldInfo) -> tuple[RiskDirection, Any]:
    """The direction in which ``field`` gets riskier, and its riskiest word if it has one."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict), "settings are made by setting()"
    direction: Any = extra["risk"]
    return direction, extra.get("riskiest")
