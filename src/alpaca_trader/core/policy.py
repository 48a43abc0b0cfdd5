"""The human's settings, ``config/policy.json``: what the agent-editable settings may say at all.

Three layers, the narrowest wins: the ranges in code (``core/config.py``), this policy, ``config/strategy.json``.
The policy is read at start and never written by the engine or the agent.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from alpaca_trader.core.config import BUILT_IN, StrategyConfig, Symbol, setting_fields
from alpaca_trader.core.settings import StrictModel, check, did_you_mean, fingerprint, limits, number, setting, trait
from alpaca_trader.core.strict_json import BadSettings, Problem, join, read_json, show

DEFAULT_RANGES: Mapping[str, tuple[float, float]] = {
    "risk.max_position_pct": (0.01, 0.20),
    "risk.max_daily_loss_pct": (0.005, 0.03),
    "risk.max_positions": (1, 10),
    "risk.stop_loss_pct": (0.003, 0.03),
    "risk.take_profit_pct": (0.003, 0.10),
    "risk.trailing_stop_activation": (0.003, 0.10),
    "risk.trail_distance_pct": (0.002, 0.05),
    "strategies.momentum_breakout.params.vwap_buffer": (0, 0.01),
    "strategies.momentum_breakout.params.volume_threshold": (1.0, 5.0),
    "strategies.momentum_breakout.params.min_price": (1, 100),
    "strategies.momentum_breakout.params.max_price": (20, 2000),
    "strategies.mean_reversion.params.rsi_oversold": (10, 40),
    "strategies.mean_reversion.params.rsi_overbought": (60, 90),
    "strategies.mean_reversion.params.lookback_period": (5, 50),
}
"""Hard ranges (agent-interface 3); a setting that is not named here has the range in code."""

PLUGIN_PATH = re.compile(r"strategies\.([a-z][a-z0-9_]{0,23})\.params\.\w{1,32}")


class Policy(StrictModel):
    """What the human allows. Defaults are safe on paper; live trading needs ``mode`` and ``live_account``."""

    mode: Literal["paper", "live"] = setting(
        "paper", "Most the engine may do: trade on paper, or live", riskiest="live"
    )
    live_account: str | None = setting(
        None,
        "Fingerprint of the one account that may trade live; null: none",
        right="the fingerprint of the live account (4 to 64 letters, digits or -), or null",
        pattern=r"^[A-Za-z0-9-]{4,64}$",
    )
    symbols: tuple[Symbol, ...] | None = setting(
        None,
        "Symbols that may be traded; null: any",
        risk="up",
        right='a list of symbols such as ["SPY", "AAPL"], or null',
        item="a symbol such as SPY or BRK.B",
    )
    max_watchlist: int = setting(15, "Most symbols in one strategy's watchlist", low=0, high=12_000, risk="up")
    plugin_classes: tuple[str, ...] = setting(
        (),
        "Plug-in strategy classes that may be loaded and run",
        risk="up",
        right='a list of classes such as ["package.module:Name"]',
        item='"package.module:Name"',
    )
    max_order_notional_pct: float = setting(
        0.25, "Largest entry order, as a fraction of equity", low=0.001, high=0.25, risk="up"
    )
    max_order_notional_usd: float | None = setting(
        None, "Largest entry order in USD; null: only the fraction limits", low=1.0, high=10_000_000.0, risk="up"
    )
    max_order_shares: int = setting(10_000, "Most shares in one entry order", low=1, high=1_000_000, risk="up")
    max_entries_per_minute: int = setting(3, "Most entry orders sent in a minute", low=0, high=60, risk="up")
    max_entries_per_day: int = setting(30, "Most entry orders sent in a session", low=0, high=1000, risk="up")
    price_collar_pct: float = setting(
        0.02, "Farthest an entry's price may be from the last good quote", low=0.001, high=0.10, risk="up"
    )
    max_open_orders: int = setting(20, "Most open orders at which an entry is still sent", low=1, high=500, risk="up")
    alarm_command: tuple[str, ...] = setting(
        (),
        "Program that is told of alarms on its standard input; []: none",
        right='a list of words such as ["/usr/bin/mail", "-s", "alpaca-trader", "me"]',
        item="a word of a command line",
    )
    ranges: Mapping[str, tuple[float, float]] = setting(
        DEFAULT_RANGES,
        "Lowest and highest value of settings in strategy.json, by path",
        right="an object of pairs such as [0.01, 0.20], by path",
        item="a pair of numbers, the lower one first",
    )


def parse_policy(raw: bytes, source: str) -> Policy:
    """The policy in ``raw``; ranges it does not name keep their defaults.

    Raises BadSettings (a BadInput) naming every offending path.
    """
    data = read_json(raw, source)
    problems: list[Problem] = []
    if isinstance(data.get("ranges"), dict):
        problems = list(_range_problems(data["ranges"]))
        data["ranges"] = DEFAULT_RANGES if problems else {**DEFAULT_RANGES, **data["ranges"]}
    policy = check(Policy, data, "", problems)
    if policy is not None and policy.mode == "live" and policy.live_account is None:
        problems.append(Problem("live_account", 'is null; mode "live" needs the fingerprint of the account'))
    if policy is None or problems:
        raise BadSettings(source, problems)
    return policy


def _range_problems(ranges: Mapping[str, object]) -> Iterator[Problem]:
    """What is wrong with the ranges: unknown paths, no pairs, or wider than the constants in code."""
    fields = setting_fields()
    numeric = {path: allowed for path, field in fields.items() if (allowed := limits(field)) is not None}
    for path, pair in ranges.items():
        where = f"ranges.{path}"
        plugin = PLUGIN_PATH.fullmatch(path)
        if path not in numeric and (plugin is None or plugin[1] in BUILT_IN):
            yield Problem(
                join("ranges", path), f"is not the path of a number in strategy.json{did_you_mean(path, numeric)}"
            )
        elif not (
            isinstance(pair, tuple)
            and len(pair) == 2
            and all(isinstance(end, int | float) and not isinstance(end, bool) for end in pair)
            and pair[0] <= pair[1]
        ):
            yield Problem(where, f"is {show(pair)}; it must be a pair of numbers, the lower one first")
        elif path in numeric and not numeric[path][0] <= pair[0] <= pair[1] <= numeric[path][1]:
            low, high = (number(end) for end in numeric[path])
            yield Problem(where, f"is {number(pair[0])} to {number(pair[1])}; it may be at most {low} to {high}")


def bound(config: StrategyConfig, policy: Policy, source: str) -> StrategyConfig:
    """``config`` as the policy lets it be: refused where it lies outside, tightened where both have a say.

    Raises BadSettings (a BadInput) naming every path that lies outside; ``source`` names the settings file.
    """
    problems = [*_outside(config, policy), *_forbidden(config, policy)]
    if problems:
        raise BadSettings(source, problems)
    # Were the position limit above the order limit, every full-size entry would be refused at the last gate.
    size = min(config.risk.max_position_pct, policy.max_order_notional_pct)
    return config.model_copy(update={"risk": config.risk.model_copy(update={"max_position_pct": size})})


def _outside(config: StrategyConfig, policy: Policy) -> Iterator[Problem]:
    fields = setting_fields()
    sections: dict[str, StrictModel] = {"risk": config.risk}
    sections |= {f"strategies.{name}.params": settings.params for name, settings in config.strategies.items()}
    for section, model in sections.items():
        for name, value in model.model_dump().items():
            allowed = policy.ranges.get(f"{section}.{name}")
            if allowed is None:
                continue
            path = join(section, name)
            right = f"the policy allows {number(allowed[0])} to {number(allowed[1])}"
            if value is None:
                # Null switches a limit off, which no range allows; where it is a behaviour it risks nothing.
                if trait(fields[path], "risk") == "up":
                    yield Problem(path, f"is null; {right}")
            elif isinstance(value, bool) or not isinstance(value, int | float) or not allowed[0] <= value <= allowed[1]:
                yield Problem(path, f"is {show(value)}; {right}")


def _forbidden(config: StrategyConfig, policy: Policy) -> Iterator[Problem]:
    for name, settings in config.strategies.items():
        path = f"strategies.{name}"
        if settings.class_path is not None and settings.class_path not in policy.plugin_classes:
            yield Problem(
                f"{path}.class", f"is {show(settings.class_path)}; the policy's plugin_classes do not allow it"
            )
        if len(settings.watchlist) > policy.max_watchlist:
            text = f"has {len(settings.watchlist)} symbols; the policy allows {policy.max_watchlist}"
            yield Problem(f"{path}.watchlist", text)
        if policy.symbols is not None:
            for index, symbol in enumerate(settings.watchlist):
                if symbol not in policy.symbols:
                    yield Problem(
                        f"{path}.watchlist[{index}]", f"is {show(symbol)}; the policy's symbols do not name it"
                    )


def policy_hash(policy: Policy) -> str:
    """12 hex digits of SHA-256 over the whole policy, defaults included."""
    return fingerprint(policy.model_dump(mode="json"))
