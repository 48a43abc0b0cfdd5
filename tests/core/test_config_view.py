"""Settings explained: the risk of a change, the limits in dollars, symbols a price band leaves out, the manual."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.config import StrategyConfig, parse_config
from alpaca_trader.core.config_schema import SettingRow, file_text, json_schema, reference
from alpaca_trader.core.config_view import Change, diff, in_dollars, warnings
from alpaca_trader.core.policy import DEFAULT_RANGES, Policy, parse_policy
from alpaca_trader.core.settings import number

REPO = Path(__file__).resolve().parents[2]
MANUAL = (REPO / "docs" / "configuration.md").read_text(encoding="utf-8")
MOMENTUM = "strategies.momentum_breakout"


def owners() -> dict[str, Any]:
    """The owner's settings as plain values."""
    found: dict[str, Any] = json.loads((REPO / "config" / "strategy.json").read_bytes())
    return found


def edited(**changes: object) -> StrategyConfig:
    """The owner's settings with some changed, dots in paths written as double underscores; ``...`` removes a key."""
    data = owners()
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = data
        for key in parents:
            inner = inner[key]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    return parse_config(json.dumps(data).encode(), "s")


PLUGIN = {"enabled": True, "watchlist": ["SPY"], "class": "a:B", "params": {"speed": 1}}
OFF = {**PLUGIN, "enabled": False}
SPY = ["SPY"]
CHANGES: list[tuple[dict[str, object], dict[str, object], list[Change]]] = [
    ({}, {}, []),
    ({}, {"risk__max_positions": 6}, [Change("risk.max_positions", 5, 6, "riskier")]),
    ({}, {"risk__max_positions": 4}, [Change("risk.max_positions", 5, 4, "tighter")]),
    ({}, {"risk__loss_pause_min": 59}, [Change("risk.loss_pause_min", 60, 59, "riskier")]),
    ({}, {"risk__loss_pause_min": 61}, [Change("risk.loss_pause_min", 60, 61, "tighter")]),
    ({}, {"risk__take_profit_pct": 0.03}, [Change("risk.take_profit_pct", 0.02, 0.03, "behaviour")]),
    ({}, {"risk__flatten_multiple": None}, [Change("risk.flatten_multiple", 1.5, None, "riskier")]),
    ({"risk__flatten_multiple": None}, {}, [Change("risk.flatten_multiple", None, 1.5, "tighter")]),
    ({}, {"risk__on_unprotected": "alarm"}, [Change("risk.on_unprotected", "flatten", "alarm", "riskier")]),
    ({"risk__on_unprotected": "alarm"}, {}, [Change("risk.on_unprotected", "alarm", "flatten", "tighter")]),
    (
        {},
        {"strategies__momentum_breakout__enabled": False},
        [Change(f"{MOMENTUM}.enabled", True, False, "tighter")],
    ),
    (
        {"strategies__momentum_breakout__enabled": False},
        {},
        [Change(f"{MOMENTUM}.enabled", False, True, "riskier")],
    ),
    (
        {},
        {"strategies__mean_reversion__watchlist": ["SPY", "QQQ", "IWM"]},
        [Change("strategies.mean_reversion.watchlist", ("SPY", "QQQ"), ("SPY", "QQQ", "IWM"), "riskier")],
    ),
    (
        {},
        {"strategies__mean_reversion__watchlist": SPY},
        [Change("strategies.mean_reversion.watchlist", ("SPY", "QQQ"), ("SPY",), "tighter")],
    ),
    (
        {},
        {"strategies__mean_reversion__watchlist": ["QQQ", "SPY"]},
        [Change("strategies.mean_reversion.watchlist", ("SPY", "QQQ"), ("QQQ", "SPY"), "behaviour")],
    ),
    (
        {},
        {"strategies__momentum_breakout__params__hold_overnight": True},
        [Change(f"{MOMENTUM}.params.hold_overnight", False, True, "riskier")],
    ),
    (
        {},
        {"strategies__momentum_breakout__params__min_price": 5},
        [Change(f"{MOMENTUM}.params.min_price", 10.0, 5.0, "riskier")],
    ),
    ({}, {"strategies__fast": PLUGIN}, [Change("strategies.fast", None, "enabled", "riskier")]),
    ({}, {"strategies__fast": OFF}, [Change("strategies.fast", None, "disabled", "behaviour")]),
    ({"strategies__fast": PLUGIN}, {}, [Change("strategies.fast", "enabled", None, "tighter")]),
    ({"strategies__fast": OFF}, {}, [Change("strategies.fast", "disabled", None, "behaviour")]),
    (
        {"strategies__fast": PLUGIN},
        {"strategies__fast": {**PLUGIN, "class": "a:C", "params": {"speed": True, "more": "x"}}},
        [
            Change("strategies.fast.class", "a:B", "a:C", "riskier"),
            Change("strategies.fast.params.speed", 1, True, "behaviour"),
            Change("strategies.fast.params.more", None, "x", "behaviour"),
        ],
    ),
]


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES)
def test_a_change_is_named_with_its_risk(
    before: dict[str, object], after: dict[str, object], changes: list[Change]
) -> None:
    """Every differing setting is listed once, with both values and whether it is riskier."""
    assert list(diff(edited(**before), edited(**after))) == changes


def test_another_order_of_strategies_is_a_change() -> None:
    """The order settles ties between signals, so a new revision id never comes with an empty list of changes."""
    data = owners()
    data["strategies"] = dict(reversed(data["strategies"].items()))
    turned = parse_config(json.dumps(data).encode(), "s")
    names = ("momentum_breakout", "mean_reversion")
    assert diff(edited(), turned) == (Change("strategies", names, names[::-1], "behaviour"),)


def test_limits_in_dollars_of_the_467_account() -> None:
    """The worked examples of the specification: 46.70 a position, 9.34 a day, 3.50 when all five are stopped out."""
    rows = {limit.setting: (limit.percent, limit.dollars) for limit in in_dollars(edited(), Decimal("467.00"))}
    assert rows == {
        "max_position_pct": ("10 %", Decimal("46.70")),
        "max_positions": ("5 x", Decimal("233.50")),
        "stop_loss_pct": ("1.5 %", Decimal("0.70")),
        "take_profit_pct": ("2 %", Decimal("0.93")),
        "max_daily_loss_pct": ("2 %", Decimal("9.34")),
        "flatten_multiple": ("1.5 x", Decimal("14.01")),
        "max_drawdown_pct": ("10 %", Decimal("46.70")),
        "worst case": ("5 x 1.5 %", Decimal("3.50")),
    }
    last = in_dollars(edited(), Decimal("467.00"))[-1]
    assert "13.3 stop-outs reach the daily limit" in last.explanation


def test_limits_in_dollars_with_a_risk_per_trade() -> None:
    """Risking 0.1 % a trade makes the position 31.13 (specification), and never larger than the position limit."""
    small = edited(risk__risk_per_trade_pct=0.001, risk__flatten_multiple=None)
    rows = {limit.setting: limit.dollars for limit in in_dollars(small, Decimal("467.00"))}
    assert rows["risk_per_trade_pct"] == Decimal("31.13")
    assert rows["stop_loss_pct"] == Decimal("0.47")
    assert "flatten_multiple" not in rows
    large = edited(risk__risk_per_trade_pct=0.01)
    assert {row.setting: row.dollars for row in in_dollars(large, Decimal(467))}["risk_per_trade_pct"] == Decimal(
        "46.70"
    )


def test_symbols_outside_the_price_band_are_warned_of() -> None:
    """The owner's max_price of 500 silently leaves SPY out; the warning says so (both ends belong to the band)."""
    prices = {"SPY": 668.40, "QQQ": 500.0, "AAPL": 10.0, "MSFT": 9.99}
    found = warnings(edited(), prices)
    assert [(warning.code, warning.path) for warning in found] == [
        ("W_WATCHLIST_FILTERED", f"{MOMENTUM}.watchlist")
    ] * 2
    assert found[0].text == (
        "SPY at 668.40 is outside min_price 10 to max_price 500: momentum_breakout never enters it"
    )
    assert found[1].text.startswith("MSFT at 9.99 ")
    assert warnings(edited(strategies__momentum_breakout__enabled=False), prices) == ()


def line(row: SettingRow) -> str:
    """A setting's row in the manual."""
    return f"| `{row.path}` | {row.default} | {row.right} | {row.risk} | {row.meaning} |"


@pytest.mark.parametrize("row", reference(), ids=lambda row: row.path)
def test_every_setting_is_documented(row: SettingRow) -> None:
    """The manual has each setting's row, with the default, range, risk and meaning of the code."""
    assert line(row) in MANUAL


def test_the_manual_names_no_setting_that_is_gone() -> None:
    """A row in the manual is a setting, or a range of the default policy."""
    known = {line(row) for row in reference()}
    known |= {f"| `{path}` | {number(low)} to {number(high)} |" for path, (low, high) in DEFAULT_RANGES.items()}
    assert {text for text in MANUAL.split("\n") if text.startswith("| `")} == known


def test_the_committed_schema_is_current() -> None:
    """Editors see what the engine accepts."""
    written = (REPO / "config" / "strategy.schema.json").read_text(encoding="utf-8")
    assert written == json.dumps(json_schema(), indent=2) + "\n"


def test_the_schema_takes_what_the_reader_takes() -> None:
    """The schema is valid, takes the owner's file, comments and plug-ins, and refuses a typo and a missing class."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    judge = jsonschema.Draft202012Validator(json_schema())
    data = owners()
    data["_note"] = "x"
    data["risk"]["_note"] = "x"
    data["strategies"]["fast"] = PLUGIN
    judge.validate(data)
    for wrong in (
        {**data, "risk": {"max_positons": 1}},
        {**data, "risk": {"max_positions": 51}},
        {**data, "strategies": {"fast": {"enabled": True, "watchlist": []}}},
        {**data, "strategies": {"mean_reversion": {**PLUGIN}}},
    ):
        assert not judge.is_valid(wrong)


def test_the_committed_policy_is_the_default_written_out() -> None:
    """The human sees everything the engine is allowed."""
    assert (REPO / "config" / "policy.json").read_text(encoding="utf-8") == file_text(Policy())


def test_settings_written_read_back_the_same() -> None:
    """What init and rollback write is what they meant, in the owner's shape."""
    config = edited(strategies__fast=PLUGIN)
    text = file_text(config)
    assert parse_config(text.encode(), "s") == config
    assert json.loads(text) == {**owners(), "strategies": {**owners()["strategies"], "fast": PLUGIN}}
    assert '"watchlist": ["SPY", "QQQ"],' in text


@given(st.text(st.characters(codec="utf-8"), max_size=30).filter(str.isprintable), st.floats(-1e6, 1e6))
def test_any_plug_in_text_survives_writing(label: str, ratio: float) -> None:
    """Brackets, quotes and backslashes in a parameter are not mangled by the one-line lists."""
    config = edited(strategies__fast={**PLUGIN, "params": {"label": label, "ratio": ratio}})
    assert parse_config(file_text(config).encode(), "s") == config


def test_a_policy_written_reads_back_the_same() -> None:
    """Fractions and whole numbers in ranges keep their values."""
    policy = parse_policy(b'{"ranges": {"risk.max_positions": [1, 3]}, "symbols": ["SPY", "QQQ"]}', "p")
    assert parse_policy(file_text(policy).encode(), "p") == policy
