"""Settings are read strictly: what is wrong is refused with its path, what is right reads as it stands."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alpaca_trader.core.config import (
    MeanReversionParams,
    MomentumParams,
    PluginParams,
    RiskConfig,
    StrategyConfig,
    StrategySettings,
    config_hash,
    parse_config,
    setting_fields,
)
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.settings import check, did_you_mean, limits, number
from alpaca_trader.core.strict_json import MAX_BYTES, BadSettings, Problem

REPO = Path(__file__).resolve().parents[2]
SOURCE = "config/strategy.json"
OWNERS = (REPO / "config" / "strategy.json").read_bytes()


def owners() -> dict[str, Any]:
    """The owner's settings as plain values, to be broken."""
    found: dict[str, Any] = json.loads(OWNERS)
    return found


def edited(path: str, value: object) -> bytes:
    """The owner's file with one setting changed or added."""
    data = owners()
    *parents, last = path.split(".")
    inner = data
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return json.dumps(data).encode()


def refusal(raw: bytes) -> str:
    """The message a broken file gets, without the name of the file in front of each line."""
    with pytest.raises(BadInput) as caught:
        parse_config(raw, SOURCE)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(SOURCE) for line in lines)
    return "\n".join(line.removeprefix(SOURCE).removeprefix(":").removeprefix(" ") for line in lines)


def test_the_owners_file_reads_as_it_stands() -> None:
    """The shipped file has the owner's shape and values; what it leaves out has the documented defaults."""
    config = parse_config(OWNERS, SOURCE)
    assert config.risk == RiskConfig(
        max_position_pct=0.10, max_daily_loss_pct=0.02, max_positions=5, stop_loss_pct=0.015, take_profit_pct=0.02
    )
    assert list(config.strategies) == ["momentum_breakout", "mean_reversion"]
    momentum, reversion = config.strategies["momentum_breakout"], config.strategies["mean_reversion"]
    assert momentum.watchlist == ("SPY", "QQQ", "AAPL", "MSFT", "NVDA")
    assert momentum.params == MomentumParams(vwap_buffer=0.001, volume_threshold=1.5, min_price=10.0, max_price=500.0)
    assert reversion.params == MeanReversionParams(rsi_oversold=30.0, rsi_overbought=70.0, lookback_period=14)
    assert (reversion.params.no_entry_open_min, reversion.params.on_target) == (15, "close")
    assert config.watchlist() == ("AAPL", "MSFT", "NVDA", "QQQ", "SPY")


def test_only_enabled_strategies_are_watched() -> None:
    """A disabled strategy's symbols need no data."""
    config = parse_config(edited("strategies.momentum_breakout.enabled", False), SOURCE)
    assert config.watchlist() == ("QQQ", "SPY")


def test_comments_are_dropped_wherever_they_stand() -> None:
    """Keys that start with an underscore may hold anything and change nothing."""
    data = owners()
    data["_note"] = ["any", {"thing": None}]
    data["risk"]["_why"] = "narrower"
    data["strategies"]["_old"] = {"enabled": "maybe"}
    data["strategies"]["mean_reversion"]["params"]["_rsi"] = 7
    config = parse_config(json.dumps(data).encode(), SOURCE)
    assert config_hash(config) == config_hash(parse_config(OWNERS, SOURCE))


def test_a_plug_in_keeps_its_own_parameters() -> None:
    """Our fields of a plug-in are checked, its own are handed on with their types."""
    params = {"cooldown_min": 5, "speed": 2, "ratio": 0.5, "label": "fast", "deep": True}
    plugin = {"enabled": True, "watchlist": ["BRK.B"], "class": "my_house.strategies:Fast", "params": params}
    settings = parse_config(edited("strategies.fast", plugin), SOURCE).strategies["fast"]
    assert settings.class_path == "my_house.strategies:Fast"
    assert isinstance(settings.params, PluginParams)
    assert settings.params.cooldown_min == 5
    extra = settings.params.model_extra
    assert extra == {"speed": 2, "ratio": 0.5, "label": "fast", "deep": True}
    assert [type(value) for value in extra.values()] == [int, float, str, bool]


def test_params_and_class_may_be_left_out() -> None:
    """A strategy without params runs on its defaults, and a null class is no class."""
    data = owners()
    data["strategies"]["mean_reversion"] = {"enabled": True, "watchlist": [], "class": None}
    config = parse_config(json.dumps(data).encode(), SOURCE)
    assert config.strategies["mean_reversion"].params == MeanReversionParams()


PARAMS = "strategies.momentum_breakout.params"
BROKEN_SETTINGS = [
    ("risk.max_positons", 3, "risk.max_positons is not a setting; did you mean max_positions?"),
    ("risk.zzz", 3, "risk.zzz is not a setting"),
    ("risk", 3, "risk is 3; it must be an object {...}"),
    ("risk", [1, 2], "risk is a list of 2; it must be an object {...}"),
    ("strategies", None, "strategies is null; it must be an object {...}"),
    ("more", {}, "more is not a setting"),
    ("risk.max_position_pct", "0.1", 'risk.max_position_pct is "0.1"; it must be a number from 0.001 to 0.25'),
    ("risk.max_position_pct", True, "risk.max_position_pct is true; it must be a number from 0.001 to 0.25"),
    ("risk.max_position_pct", 0.26, "risk.max_position_pct is 0.26; it must be a number from 0.001 to 0.25"),
    ("risk.max_position_pct", 10, "risk.max_position_pct is 10; it must be a number from 0.001 to 0.25"),
    ("risk.max_position_pct", None, "risk.max_position_pct is null; it must be a number from 0.001 to 0.25"),
    ("risk.max_daily_loss_pct", 0.051, "risk.max_daily_loss_pct is 0.051; it must be a number from 0.001 to 0.05"),
    ("risk.max_positions", 5.0, "risk.max_positions is 5.0; it must be a whole number from 1 to 50"),
    ("risk.max_positions", 0, "risk.max_positions is 0; it must be a whole number from 1 to 50"),
    ("risk.max_positions", {"n": 1}, "risk.max_positions is an object; it must be a whole number from 1 to 50"),
    ("risk.flatten_multiple", 0.5, "risk.flatten_multiple is 0.5; it must be a number from 1 to 5, or null"),
    ("risk.min_trade_notional", 0.99, "risk.min_trade_notional is 0.99; it must be a number from 1 to 100000"),
    ("risk.order_style", "stop", 'risk.order_style is "stop"; it must be "limit" or "market"'),
    ("risk.on_unprotected", None, 'risk.on_unprotected is null; it must be "flatten" or "alarm"'),
    (
        "strategies.momentum_breakot",
        {"enabled": True},
        'strategies.momentum_breakot is not a built-in strategy and names no "class"; did you mean momentum_breakout?',
    ),
    (
        "strategies.Fast Lane",
        {"enabled": True},
        "strategies.Fast Lane is no name; it must be 1 to 24 of a-z, 0-9 and _, starting with a letter",
    ),
    ("strategies.momentum_breakout", True, "strategies.momentum_breakout is true; it must be an object {...}"),
    (
        "strategies.momentum_breakout.class",
        "a.b:C",
        'strategies.momentum_breakout.class is "a.b:C"; momentum_breakout is built in and takes no class',
    ),
    (
        "strategies.momentum_breakout.class_path",
        None,
        "strategies.momentum_breakout.class_path is not a setting; did you mean class?",
    ),
    (
        "strategies.momentum_breakout.enabled",
        1,
        "strategies.momentum_breakout.enabled is 1; it must be true or false",
    ),
    (
        "strategies.momentum_breakout.watchlist",
        "SPY",
        (
            'strategies.momentum_breakout.watchlist is "SPY"; '
            'it must be a list of at most 12000 symbols, such as ["SPY", "AAPL"]'
        ),
    ),
    (
        "strategies.momentum_breakout.watchlist",
        ["SPY", "spy"],
        'strategies.momentum_breakout.watchlist[1] is "spy"; it must be a symbol such as SPY or BRK.B',
    ),
    (
        "strategies.momentum_breakout.watchlist",
        ["SPY", "QQQ", "SPY"],
        "strategies.momentum_breakout.watchlist names SPY twice; each symbol stands once",
    ),
    ("strategies.momentum_breakout.params", [], f"{PARAMS} is a list of 0; it must be an object {{...}}"),
    (f"{PARAMS}.vwap_bufer", 0.1, f"{PARAMS}.vwap_bufer is not a setting; did you mean vwap_buffer?"),
    (f"{PARAMS}.hold_overnight", "no", f'{PARAMS}.hold_overnight is "no"; it must be true or false'),
    (
        "strategies.fast",
        {"enabled": True, "watchlist": [], "class": "a:B", "params": {"k": [1], "z": None}},
        (
            "strategies.fast.params.k is a list of 1; it must be a number, a text, true or false\n"
            "strategies.fast.params.z is null; it must be a number, a text, true or false"
        ),
    ),
    (
        "strategies.fast",
        {"enabled": True, "watchlist": [], "class": "fast.py"},
        'strategies.fast.class is "fast.py"; it must be "package.module:Name" of a plug-in\'s class, or null',
    ),
    # Fine alone, wrong together.
    ("risk.max_positions", 11, "risk.max_positions is 11; times max_position_pct it is 1.1 and may be at most 1"),
    (
        "risk",
        {"max_position_pct": 0.25, "max_positions": 2, "stop_loss_pct": 0.1},
        "risk.stop_loss_pct is 0.1; times max_position_pct it must be at most max_daily_loss_pct (0.02)",
    ),
    (
        "risk.risk_per_trade_pct",
        0.03,
        "risk.risk_per_trade_pct is 0.03; it must be at most max_daily_loss_pct (0.02)",
    ),
    (f"{PARAMS}.min_price", 500, f"{PARAMS}.min_price is 500; it must be below max_price (500)"),
    (
        f"{PARAMS}.no_entry_close_min",
        5,
        f"{PARAMS}.no_entry_close_min is 5; it must be above risk.flatten_before_close_min (5)",
    ),
    (
        "strategies.mean_reversion.params",
        {"rsi_oversold": 50, "rsi_overbought": 50},
        "strategies.mean_reversion.params.rsi_oversold is 50; it must be below rsi_overbought (50)",
    ),
    (
        "strategies.mean_reversion.params",
        {"no_entry_open_min": 105, "no_entry_close_min": 105},
        (
            "strategies.mean_reversion.params.no_entry_close_min is 105; "
            "with no_entry_open_min it must be below 210 (half day)"
        ),
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), BROKEN_SETTINGS)
def test_a_wrong_setting_is_named_with_what_would_be_right(path: str, value: object, message: str) -> None:
    """Each wrong setting is refused with its path, its value and what would be right."""
    assert refusal(edited(path, value)) == message


FINE_TOGETHER = [
    ("risk.max_positions", 10),
    ("risk.risk_per_trade_pct", 0.02),
    ("risk.trailing_stop_activation", None),
    ("risk.flatten_multiple", None),
    (f"{PARAMS}.min_price", 499.99),
    (f"{PARAMS}.no_entry_close_min", 6),
    ("strategies.mean_reversion.params", {"hold_overnight": True, "no_entry_close_min": 0}),
    ("strategies.mean_reversion.params", {"no_entry_open_min": 105, "no_entry_close_min": 104}),
    ("strategies.mean_reversion.params", {"rsi_oversold": 50, "rsi_overbought": 51}),
]


@pytest.mark.parametrize(("path", "value"), FINE_TOGETHER)
def test_settings_at_the_edge_of_a_rule_are_taken(path: str, value: object) -> None:
    """A rule between settings refuses nothing that it does not mean to."""
    parse_config(edited(path, value), SOURCE)


def test_every_problem_is_named_at_once() -> None:
    """One look at the message is enough to mend the file, whichever sections are wrong."""
    data = owners()
    data["risk"]["max_positions"] = "5"
    data["strategies"]["mean_reversion"]["params"]["lookback_period"] = 1
    del data["strategies"]["momentum_breakout"]["enabled"]
    data["extra"] = 1
    assert refusal(json.dumps(data).encode()).split("\n") == [
        'risk.max_positions is "5"; it must be a whole number from 1 to 50',
        "strategies.momentum_breakout.enabled is missing; it must be true or false",
        "strategies.mean_reversion.params.lookback_period is 1; it must be a whole number from 2 to 200",
        "extra is not a setting",
    ]


BROKEN_BYTES = [
    (b"", "is empty; it must hold one JSON object {...}"),
    (b" \n\t ", "is empty; it must hold one JSON object {...}"),
    (b"null", "holds null; it must hold one JSON object {...}"),
    (b"[1]", "holds a list of 1; it must hold one JSON object {...}"),
    (
        b"{}",
        (
            "risk is missing; it must be an object of limits {...}\n"
            "strategies is missing; it must be an object of strategies {...}"
        ),
    ),
    (b"\xef\xbb\xbf" + OWNERS, "starts with a byte order mark; save it as UTF-8 without one"),
    (OWNERS.decode().encode("utf-16"), "starts with a byte order mark; save it as UTF-8 without one"),
    (b'{"risk": "\xe9"}', "is not UTF-8 at byte 10; save it as UTF-8"),
    (OWNERS[:100], "ends too early, in line 6; it is half written, or a bracket or quote is missing"),
    (b'{"risk": "half', "ends too early, in line 1; it is half written, or a bracket or quote is missing"),
    (OWNERS + b"}", "is not JSON at line 30, column 1: more text follows the closing bracket"),
    (
        b'{\n  // limits\n  "risk": {}}',
        'is not JSON at line 2, column 3: comments are not JSON; use a key that starts with _, such as "_note": "..."',
    ),
    (b"{'risk': 1}", "is not JSON at line 1, column 2: text stands in double quotes"),
    (b'{"risk": ]', "is not JSON at line 1, column 10: a comma too many, or a value is missing"),
    (
        b'{"risk" 1}',
        "is not JSON at line 1, column 9: a comma, colon, quote or bracket is missing or misplaced",
    ),
    (b"[" * 200_000, "is nested too deeply; a setting is at most four levels down"),
    (
        b'{"a":' * 10 + b"1" + b"}" * 10,
        "a.a.a.a.a.a.a.a is nested too deeply; a setting is at most four levels down",
    ),
    (
        b"[" * 9 + b"]" * 9,
        (
            "holds a list of 1; it must hold one JSON object {...}\n"
            "[0][0][0][0][0][0][0][0] is nested too deeply; a setting is at most four levels down"
        ),
    ),
    (b" " * (MAX_BYTES + 1), f"has {MAX_BYTES + 1} bytes; it may have at most {MAX_BYTES}"),
    (b'{"risk": {"a": 1, "a": 2}}', "risk.a is given twice; keep one of the two"),
    (b'{"risk": {"_a": 1, "_a": 2}}', "risk._a is given twice; keep one of the two"),
    (b'{"risk": {"a": NaN}}', "risk.a is NaN; it must be a finite number of at most 15 digits"),
    (b'{"risk": {"a": [1, -Infinity]}}', "risk.a[1] is -Infinity; it must be a finite number of at most 15 digits"),
    (b'{"risk": {"a": 1e999}}', "risk.a is 1e999; it must be a finite number of at most 15 digits"),
    (b'{"risk": {"a": -1e999}}', "risk.a is -1e999; it must be a finite number of at most 15 digits"),
    (
        b'{"risk": {"a": ' + b"1" * 5000 + b"}}",
        "risk.a is 111111111111111111111...; it must be a finite number of at most 15 digits",
    ),
    (b'{"risk": {"a": "x\\u0000"}}', 'risk.a is "x\\u0000"; it must be text without control characters'),
    (b'{"risk": {"a": "\\ud800"}}', 'risk.a is "\\ud800"; it must be text without control characters'),
    (b'{"risk": {}, "strategies": {}, "\\u001b[2J": 1}', '"\\u001b[2J" is not a setting'),
    (b'{"risk": {}, "strategies": {}, "": 1}', '"" is not a setting'),
]


@pytest.mark.parametrize(("raw", "message"), BROKEN_BYTES)
def test_a_broken_file_is_refused_with_what_would_be_right(raw: bytes, message: str) -> None:
    """Whatever the bytes are, the answer is one sentence for each thing wrong."""
    assert refusal(raw) == message


def test_a_long_list_of_problems_is_cut_off() -> None:
    """A hostile file makes neither a huge message nor a slow one, though every problem is counted."""
    junk = {f"key_number_{index}": None for index in range(9000)}
    raw = edited("risk", junk)
    with pytest.raises(BadSettings) as caught:
        parse_config(raw, SOURCE)
    assert len(caught.value.problems) == 9000
    lines = str(caught.value).split("\n")
    assert len(lines) == 51
    assert lines[-1] == f"{SOURCE}: and 8950 more problems"


def test_long_keys_and_values_are_cut() -> None:
    """A message shows enough to find the place, not the file's content."""
    assert refusal(edited("k" * 500, 1)) == f"{'k' * 29}... is not a setting"
    text = refusal(edited("risk.order_style", "v" * 500))
    assert text == f'risk.order_style is "{"v" * 20}...; it must be "limit" or "market"'


def test_settings_made_in_code_are_as_strict_as_a_file() -> None:
    """A test or a sweep cannot make what a file may not say, and cannot change it afterwards."""
    with pytest.raises(ValidationError):
        RiskConfig.model_validate({"max_positions": 0})
    with pytest.raises(ValidationError):
        RiskConfig.model_validate({"max_drawdown_pct": float("nan")})
    with pytest.raises(ValidationError):
        PluginParams.model_validate({"speed": float("inf")})
    with pytest.raises(ValidationError):
        RiskConfig().__setattr__("max_positions", 6)
    with pytest.raises(ValidationError):
        StrategySettings(enabled=True, watchlist=("SPY",), params={"vwap_buffer": 0.1})  # type: ignore[arg-type]


def test_settings_made_in_code_equal_those_of_a_file() -> None:
    """The names used in code and the keys of the file lead to the same settings and the same revision."""
    settings = StrategySettings(
        enabled=True, watchlist=("SPY",), params=PluginParams.model_validate({"speed": 2}), class_path="a.b:C"
    )
    made = StrategyConfig(risk=RiskConfig(max_positions=3), strategies={"fast": settings})
    raw = b"""{"risk": {"max_positions": 3}, "strategies": {"fast":
        {"enabled": true, "watchlist": ["SPY"], "class": "a.b:C", "params": {"speed": 2}}}}"""
    read = parse_config(raw, SOURCE)
    assert read == made
    assert config_hash(read) == config_hash(made)


def test_the_revision_id_follows_the_content_alone() -> None:
    """Defaults written out, spacing and 10 for 10.0 change nothing; a value or the order of strategies does."""
    base = parse_config(OWNERS, SOURCE)
    assert len(config_hash(base)) == 12
    assert config_hash(parse_config(edited("risk.take_profit_pct", 0.02), SOURCE)) == config_hash(base)
    assert config_hash(parse_config(edited(f"{PARAMS}.min_price", 10.0), SOURCE)) == config_hash(base)
    assert config_hash(parse_config(edited("risk.take_profit_pct", 0.021), SOURCE)) != config_hash(base)
    data = owners()
    data["strategies"] = dict(reversed(data["strategies"].items()))
    assert config_hash(parse_config(json.dumps(data).encode(), SOURCE)) != config_hash(base)


def test_check_reports_one_line_for_each_place() -> None:
    """A value that fits no member of a union is one problem, not one for each member."""
    problems: list[Problem] = []
    assert check(PluginParams, {"k": ()}, "p", problems) is None
    assert problems == [Problem("p.k", "is a list of 0; it must be a number, a text, true or false")]


def test_a_trailing_comma_is_called_by_its_name() -> None:
    """The most common slip of all gets a hint, wherever this Python's parser stumbles over it."""
    assert refusal(b'{"risk": {"max_positions": 5,}}').endswith(": a comma too many, or a value is missing")


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (1e-05, "0.00001"), (5.0, "5"), (100, "100"), (1e6, "1000000"), (0, "0")]
)
def test_numbers_are_written_as_a_person_writes_them(value: float, text: str) -> None:
    """No exponent and no needless zeros in what a human reads."""
    assert number(value) == text


def test_a_hint_is_given_only_where_a_word_is_close() -> None:
    """A far-fetched hint would mislead more than none."""
    assert did_you_mean("max_postions", ["max_positions", "stop"]) == "; did you mean max_positions?"
    assert did_you_mean("colour", ["max_positions", "stop"]) == ""


@pytest.mark.parametrize(("path", "field"), setting_fields().items())
def test_every_default_lies_in_its_range(path: str, field: Any) -> None:
    """A default outside its own range would refuse the file that leaves it out."""
    allowed = limits(field)
    if allowed is not None and field.default is not None:
        assert allowed[0] <= field.default <= allowed[1], path
