"""The policy is the human's: it bounds what the settings may say, and is itself bounded by constants in code."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.config import config_hash, parse_config, setting_fields
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.policy import DEFAULT_RANGES, Policy, bound, parse_policy, policy_hash
from alpaca_trader.core.settings import limits
from alpaca_trader.core.strict_json import BadSettings

REPO = Path(__file__).resolve().parents[2]
SOURCE = "config/policy.json"
OWNERS = parse_config((REPO / "config" / "strategy.json").read_bytes(), "config/strategy.json")


def policy(**settings: Any) -> Policy:
    """A policy read from a file that says only this."""
    return parse_policy(json.dumps(settings).encode(), SOURCE)


def edited(path: str, value: object) -> bytes:
    """The owner's strategy file with one setting changed or added."""
    data: dict[str, Any] = json.loads((REPO / "config" / "strategy.json").read_bytes())
    *parents, last = path.split(".")
    inner = data
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return json.dumps(data).encode()


def test_the_shipped_policy_is_the_default_one() -> None:
    """An empty policy, the shipped file and the code agree, and the default is paper."""
    shipped = parse_policy((REPO / "config" / "policy.json").read_bytes(), SOURCE)
    assert shipped == policy() == Policy()
    assert shipped.mode == "paper"
    assert policy_hash(shipped) == policy_hash(Policy())
    assert policy_hash(policy(max_entries_per_day=29)) != policy_hash(shipped)


def test_the_owners_settings_lie_inside_the_default_policy() -> None:
    """The two shipped files fit each other, and bounding what fits changes nothing."""
    assert bound(OWNERS, Policy(), "s") == OWNERS


def test_default_ranges_lie_inside_the_constants_in_code() -> None:
    """The default policy could be written into a file and read back."""
    fields = setting_fields()
    for path, (low, high) in DEFAULT_RANGES.items():
        allowed = limits(fields[path])
        assert allowed is not None
        assert allowed[0] <= low <= fields[path].default <= high <= allowed[1], path


def test_unnamed_ranges_keep_their_defaults() -> None:
    """Narrowing one range does not open the others."""
    narrowed = policy(ranges={"risk.max_positions": [1, 3]})
    assert dict(narrowed.ranges) == {**DEFAULT_RANGES, "risk.max_positions": (1.0, 3.0)}


BROKEN = [
    ({"mode": "LIVE"}, 'mode is "LIVE"; it must be "paper" or "live"'),
    ({"mode": "live"}, 'live_account is null; mode "live" needs the fingerprint of the account'),
    (
        {"live_account": "no spaces"},
        (
            'live_account is "no spaces"; '
            "it must be the fingerprint of the live account (4 to 64 letters, digits or -), or null"
        ),
    ),
    ({"max_entries": 3}, "max_entries is not a setting; did you mean max_entries_per_day?"),
    (
        {"max_order_notional_pct": 0.3},
        "max_order_notional_pct is 0.3; it must be a number from 0.001 to 0.25",
    ),
    ({"symbols": "SPY"}, 'symbols is "SPY"; it must be a list of symbols such as ["SPY", "AAPL"], or null'),
    ({"symbols": ["SPY", 1]}, "symbols[1] is 1; it must be a symbol such as SPY or BRK.B"),
    ({"plugin_classes": [None]}, 'plugin_classes[0] is null; it must be "package.module:Name"'),
    ({"ranges": []}, "ranges is a list of 0; it must be an object of pairs such as [0.01, 0.20], by path"),
    (
        {"ranges": {"risk.max_position": [0.01, 0.02]}},
        "ranges.risk.max_position is not the path of a number in strategy.json; did you mean risk.max_positions?",
    ),
    (
        {"ranges": {"risk.order_style": [1, 2]}},
        "ranges.risk.order_style is not the path of a number in strategy.json",
    ),
    (
        {"ranges": {"strategies.mean_reversion.params.x": [1, 2]}},
        (
            "ranges.strategies.mean_reversion.par... is not the path of a number in strategy.json; "
            "did you mean strategies.mean_reversion.params.bar_minutes?"
        ),
    ),
    (
        {"ranges": {"risk.max_positions": [3, 1]}},
        "ranges.risk.max_positions is a list of 2; it must be a pair of numbers, the lower one first",
    ),
    (
        {"ranges": {"risk.max_positions": [1, True]}},
        "ranges.risk.max_positions is a list of 2; it must be a pair of numbers, the lower one first",
    ),
    (
        {"ranges": {"risk.max_positions": [1, 2, 3]}},
        "ranges.risk.max_positions is a list of 3; it must be a pair of numbers, the lower one first",
    ),
    (
        {"ranges": {"risk.max_positions": 3}},
        "ranges.risk.max_positions is 3; it must be a pair of numbers, the lower one first",
    ),
    (
        {"ranges": {"risk.max_daily_loss_pct": [0.005, 0.06]}},
        "ranges.risk.max_daily_loss_pct is 0.005 to 0.06; it may be at most 0.001 to 0.05",
    ),
]


@pytest.mark.parametrize(("settings", "message"), BROKEN)
def test_a_wrong_policy_is_refused_with_what_would_be_right(settings: dict[str, Any], message: str) -> None:
    """The policy is read as strictly as the settings."""
    with pytest.raises(BadInput) as caught:
        policy(**settings)
    assert str(caught.value) == f"{SOURCE}: {message}"


def test_live_needs_the_account_it_is_for() -> None:
    """Mode live with a fingerprint is a policy; anything less is none."""
    assert policy(mode="live", live_account="A1B2-C3").live_account == "A1B2-C3"


PLUGIN = {"enabled": True, "watchlist": ["SPY"], "class": "house.fast:Fast", "params": {"speed": 5, "name": "x"}}
OUTSIDE: list[tuple[dict[str, Any], str, object, str]] = [
    (
        {},
        "risk",
        {"max_position_pct": 0.22, "max_positions": 4},
        "risk.max_position_pct is 0.22; the policy allows 0.01 to 0.2",
    ),
    ({}, "risk.max_daily_loss_pct", 0.04, "risk.max_daily_loss_pct is 0.04; the policy allows 0.005 to 0.03"),
    ({}, "risk.stop_loss_pct", 0.002, "risk.stop_loss_pct is 0.002; the policy allows 0.003 to 0.03"),
    (
        {},
        "strategies.momentum_breakout.params.volume_threshold",
        0.9,
        "strategies.momentum_breakout.params.volume_threshold is 0.9; the policy allows 1 to 5",
    ),
    (
        {"ranges": {"risk.risk_per_trade_pct": [0.001, 0.002]}},
        "risk.take_profit_pct",
        0.02,
        "risk.risk_per_trade_pct is null; the policy allows 0.001 to 0.002",
    ),
    (
        {},
        "strategies.fast",
        PLUGIN,
        'strategies.fast.class is "house.fast:Fast"; the policy\'s plugin_classes do not allow it',
    ),
    (
        {"plugin_classes": ["house.fast:Fast"], "ranges": {"strategies.fast.params.speed": [1, 4]}},
        "strategies.fast",
        PLUGIN,
        "strategies.fast.params.speed is 5; the policy allows 1 to 4",
    ),
    (
        {"plugin_classes": ["house.fast:Fast"], "ranges": {"strategies.fast.params.name": [1, 4]}},
        "strategies.fast",
        PLUGIN,
        'strategies.fast.params.name is "x"; the policy allows 1 to 4',
    ),
    (
        {"max_watchlist": 4},
        "risk.take_profit_pct",
        0.02,
        "strategies.momentum_breakout.watchlist has 5 symbols; the policy allows 4",
    ),
    (
        {"symbols": ["SPY", "QQQ", "AAPL", "MSFT"]},
        "risk.take_profit_pct",
        0.02,
        'strategies.momentum_breakout.watchlist[4] is "NVDA"; the policy\'s symbols do not name it',
    ),
]


@pytest.mark.parametrize(("allowed", "path", "value", "message"), OUTSIDE)
def test_what_the_policy_does_not_allow_is_refused(
    allowed: dict[str, Any], path: str, value: object, message: str
) -> None:
    """Settings that are valid in themselves still stay inside what the human allows."""
    config = parse_config(edited(path, value), "s")
    with pytest.raises(BadSettings) as caught:
        bound(config, policy(**allowed), "config/strategy.json")
    assert str(caught.value) == f"config/strategy.json: {message}"


def test_a_switched_off_trail_is_a_behaviour_and_inside_every_range() -> None:
    """Null is refused only where it switches a limit off."""
    config = parse_config(edited("risk.trailing_stop_activation", None), "s")
    assert bound(config, Policy(), "s") == config


def test_an_allowed_plug_in_passes() -> None:
    """A class the human named, with parameters inside their range, trades."""
    config = parse_config(edited("strategies.fast", PLUGIN), "s")
    allowed = policy(
        plugin_classes=["house.fast:Fast"], ranges={"strategies.fast.params.speed": [5, 5]}, max_watchlist=5
    )
    assert bound(config, allowed, "s") == config


def test_the_tighter_of_two_sizes_wins() -> None:
    """An order limit below the position limit sizes positions, instead of having every entry refused at the gate."""
    tightened = bound(OWNERS, policy(max_order_notional_pct=0.05), "s")
    assert tightened.risk.max_position_pct == 0.05
    assert config_hash(tightened) != config_hash(OWNERS)
    assert tightened.model_copy(update={"risk": OWNERS.risk}) == OWNERS


@given(st.sampled_from(sorted(DEFAULT_RANGES)), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_nothing_outside_a_range_ever_passes(path: str, value: float, whole: bool) -> None:
    """Whatever number an edit holds, what comes out of the two checks lies inside the policy."""
    try:
        config = bound(parse_config(edited(path, round(value) if whole else value), "s"), Policy(), "s")
    except BadSettings:
        return
    *section, name = path.split(".")
    model = config.risk if section == ["risk"] else config.strategies[section[1]].params
    low, high = DEFAULT_RANGES[path]
    assert low <= getattr(model, name) <= high
