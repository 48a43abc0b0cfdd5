"""The agent-editable settings, ``config/strategy.json``: risk, and each strategy with its watchlist and parameters.

The ranges here are the outermost ones, constants in code; ``core/policy.py`` narrows them to what the human allows.
Percentages are fractions of one (0.10 is 10 %), money is USD, times are minutes or seconds as the name says.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, InstanceOf
from pydantic.fields import FieldInfo

from alpaca_trader.core.models import dec
from alpaca_trader.core.settings import StrictModel, check, did_you_mean, fingerprint, number, setting
from alpaca_trader.core.strict_json import BadSettings, Problem, join, read_json, show

Symbol = Annotated[str, Field(pattern=r"^[A-Z]{1,6}(\.[A-Z]{1,2})?$")]
"""A US stock symbol as the broker spells it, a class share with a dot (BRK.B)."""


class RiskConfig(StrictModel):
    """Limits on size, loss and exits, for the whole account."""

    max_position_pct: float = setting(
        0.10, "Largest position, as a fraction of equity", low=0.001, high=0.25, risk="up"
    )
    max_daily_loss_pct: float = setting(
        0.02, "Loss of the day, as a fraction of equity, that halts new entries", low=0.001, high=0.05, risk="up"
    )
    max_positions: int = setting(5, "Most symbols held or being bought at the same time", low=1, high=50, risk="up")
    stop_loss_pct: float = setting(
        0.015, "Distance of the protective stop below the fill price", low=0.001, high=0.10, risk="up"
    )
    take_profit_pct: float = setting(0.02, "Distance of the target above the fill price", low=0.001, high=0.50)
    trailing_stop_activation: float | None = setting(
        0.02, "Gain at which the stop starts to trail; null: never, the target closes", low=0.001, high=0.50
    )
    risk_per_trade_pct: float | None = setting(
        None,
        "Most equity one stopped trade may lose; null: only max_position_pct limits",
        low=0.0001,
        high=0.05,
        risk="up",
    )
    trail_distance_pct: float = setting(
        0.01, "Distance of the trailing stop below the highest price since entry", low=0.001, high=0.20
    )
    min_trade_notional: float = setting(
        5.0, "Smallest entry in USD; the broker refuses less than 1", low=1.0, high=100_000.0
    )
    order_style: Literal["limit", "market"] = setting(
        "limit", "How entries are sent: a limit just through the ask, or a market order"
    )
    entry_timeout_s: int = setting(20, "Seconds an unfilled entry rests before it is cancelled", low=5, high=120)
    exit_timeout_s: int = setting(10, "Seconds a limit exit rests before it becomes a market order", low=2, high=60)
    flatten_before_close_min: int = setting(
        5, "Minutes before the close at which positions are closed", low=1, high=60, risk="down"
    )
    flatten_multiple: float | None = setting(
        1.5,
        "Multiple of the daily loss limit at which everything is closed; null: never",
        low=1.0,
        high=5.0,
        risk="up",
    )
    max_drawdown_pct: float = setting(
        0.10, "Fall of equity from its peak that halts entries until a human resumes", low=0.01, high=0.30, risk="up"
    )
    max_consecutive_losses: int = setting(4, "Losing trades in a row that pause entries", low=1, high=20, risk="up")
    loss_pause_min: int = setting(60, "Minutes that pause lasts", low=0, high=390, risk="down")
    account_regime: Literal["auto", "intraday_margin", "pdt_legacy", "cash_settled"] = setting(
        "auto", "Which day-trade and settlement rules bind the account; auto reads the broker's answer"
    )
    on_unprotected: Literal["flatten", "alarm"] = setting(
        "flatten", "What happens to a position still without a stop after 60 s", riskiest="alarm"
    )
    max_nights: int = setting(
        3, "Most nights a position may be held where hold_overnight is true", low=1, high=10, risk="up"
    )


class StrategyParams(StrictModel):
    """What the risk manager reads of any strategy, plug-ins too."""

    no_entry_open_min: int = setting(5, "Minutes after the open without entries", low=0, high=180, risk="down")
    no_entry_close_min: int = setting(15, "Minutes before the close without entries", low=0, high=180, risk="down")
    cooldown_min: int = setting(
        15, "Minutes without a new entry in a symbol after an exit", low=0, high=390, risk="down"
    )
    cooldown_after_stop_min: int = setting(
        60, "Minutes without a new entry in a symbol after a stop-out", low=0, high=390, risk="down"
    )
    max_entries_per_symbol_day: int = setting(2, "Most entries in one symbol in one session", low=1, high=20, risk="up")
    hold_overnight: bool = setting(False, "Whether positions may be held past the close", risk="up")
    on_target: Literal["trail", "close"] = setting("trail", "At the target: let the stop trail, or close the position")


class MomentumParams(StrategyParams):
    """Parameters of momentum_breakout: buy a close that crosses above the session VWAP on unusual volume."""

    vwap_buffer: float = setting(
        0.001, "How far above the session VWAP a close must cross, as a fraction", low=0.0, high=0.05
    )
    volume_threshold: float = setting(
        1.5, "Least volume, as a multiple of what is usual at this time of day", low=0.1, high=20.0
    )
    min_price: float = setting(10.0, "Lowest price traded, USD", low=0.01, high=1_000_000.0, risk="down")
    max_price: float = setting(500.0, "Highest price traded, USD", low=0.01, high=1_000_000.0)
    volume_baseline: Literal["tod", "rolling"] = setting(
        "tod", "What usual volume is: the same minutes of earlier sessions, or this session's last 20 bars"
    )
    volume_days: int = setting(20, "Earlier sessions in the time-of-day baseline", low=5, high=60)
    volume_window: int = setting(1, "Minutes of volume compared with the baseline", low=1, high=30)
    vwap_source: Literal["typical", "bar_vw"] = setting(
        "typical", "Price in the VWAP: (high+low+close)/3, or the feed's own bar VWAP"
    )


class MeanReversionParams(StrategyParams):
    """Parameters of mean_reversion: buy when RSI crosses up out of oversold, sell at overbought."""

    no_entry_open_min: int = setting(15, "Minutes after the open without entries", low=0, high=180, risk="down")
    no_entry_close_min: int = setting(30, "Minutes before the close without entries", low=0, high=180, risk="down")
    on_target: Literal["trail", "close"] = setting("close", "At the target: let the stop trail, or close the position")
    rsi_oversold: float = setting(30.0, "RSI level whose crossing from below is a buy", low=1.0, high=50.0)
    rsi_overbought: float = setting(70.0, "RSI level whose crossing from below is a sell", low=50.0, high=99.0)
    lookback_period: int = setting(14, "Bars in Wilder's RSI", low=2, high=200)
    bar_minutes: int = setting(1, "Minutes in one RSI bar, aligned to the open", low=1, high=30)
    trend_filter: Literal["off", "daily_sma_200"] = setting(
        "off", "Buy only above the 200-day average of daily closes, or always"
    )


class PluginParams(StrategyParams):
    """A plug-in's parameters: ours are checked, every other key is handed to the plug-in untouched."""

    model_config = ConfigDict(extra="allow")

    __pydantic_extra__: dict[str, float | int | str | bool]


class StrategySettings(StrictModel):
    """One strategy: whether it trades, what it watches, how it is tuned."""

    enabled: bool = setting(..., "Whether the strategy may open positions", risk="up")
    watchlist: tuple[Symbol, ...] = setting(
        ...,
        "Symbols the strategy looks at",
        risk="up",
        max_length=12_000,
        right='a list of at most 12000 symbols, such as ["SPY", "AAPL"]',
        item="a symbol such as SPY or BRK.B",
    )
    params: InstanceOf[MomentumParams] | InstanceOf[MeanReversionParams] | InstanceOf[PluginParams] = setting(
        ..., "The strategy's own parameters", right="an object of parameters {...}"
    )
    class_path: str | None = setting(
        None,
        'A plug-in\'s class as "package.module:Name"; null for a built-in strategy',
        right='"package.module:Name" of a plug-in\'s class, or null',
        alias="class",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        max_length=200,
    )


class StrategyConfig(StrictModel):
    """The whole of ``config/strategy.json``, valid in itself; strategies are in the order of the file."""

    risk: RiskConfig = setting(..., "Limits for the whole account", right="an object of limits {...}")
    strategies: Mapping[str, InstanceOf[StrategySettings]] = setting(
        ..., "Strategies by name", right="an object of strategies {...}"
    )

    def watchlist(self) -> tuple[str, ...]:
        """Every symbol an enabled strategy watches, sorted, each once."""
        enabled = [settings for settings in self.strategies.values() if settings.enabled]
        return tuple(sorted({symbol for settings in enabled for symbol in settings.watchlist}))


BUILT_IN: Mapping[str, type[MomentumParams] | type[MeanReversionParams]] = {
    "momentum_breakout": MomentumParams,
    "mean_reversion": MeanReversionParams,
}
"""Strategies chosen by name alone; anything else names its class."""

STRATEGY_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
HALF_DAY_MINUTES = 210
"""Regular hours of a half day, 9:30 to 13:00 New York: the shortest session an entry window must fit in."""


def parse_config(raw: bytes, source: str) -> StrategyConfig:
    """The settings in ``raw``; ``source`` names the file in errors, such as ``config/strategy.json``.

    Raises BadSettings (a BadInput) naming every offending path, whether it is JSON, a single setting, or two settings
    that contradict each other. Whether the human allows the values is for ``policy.bound`` to say.
    """
    data = read_json(raw, source)
    problems: list[Problem] = []
    # Each part is checked by itself, and a broken part is replaced by its defaults, so that one error hides no other.
    if "risk" in data:
        data["risk"] = check(RiskConfig, data["risk"], "risk", problems) or RiskConfig()
    if "strategies" in data:
        data["strategies"] = _strategies(data["strategies"], problems)
    config = check(StrategyConfig, data, "", problems)
    if config is not None and not problems:
        problems = contradictions(config)
    if config is None or problems:
        raise BadSettings(source, problems)
    return config


def _strategies(value: object, problems: list[Problem]) -> dict[str, StrategySettings]:
    if not isinstance(value, dict):
        problems.append(Problem("strategies", f"is {show(value)}; it must be an object {{...}}"))
        return {}
    checked = {name: _strategy(name, settings, problems) for name, settings in value.items()}
    return {name: settings for name, settings in checked.items() if settings is not None}


def _strategy(name: str, value: object, problems: list[Problem]) -> StrategySettings | None:
    path = join("strategies", name)
    if not isinstance(value, dict):
        problems.append(Problem(path, f"is {show(value)}; it must be an object {{...}}"))
        return None
    class_path = value.get("class")
    if not STRATEGY_NAME.fullmatch(name):
        problems.append(Problem(path, "is no name; it must be 1 to 24 of a-z, 0-9 and _, starting with a letter"))
        return None
    if class_path is None and name not in BUILT_IN:
        hint = did_you_mean(name, BUILT_IN)
        problems.append(Problem(path, f'is not a built-in strategy and names no "class"{hint}'))
        return None
    if class_path is not None and name in BUILT_IN:
        problems.append(Problem(f"{path}.class", f"is {show(class_path)}; {name} is built in and takes no class"))
        return None
    kind = BUILT_IN.get(name, PluginParams)
    params = check(kind, value.get("params", {}), f"{path}.params", problems) or kind()
    return check(StrategySettings, {**value, "params": params}, path, problems)


def contradictions(config: StrategyConfig) -> list[Problem]:
    """Settings that are fine alone and wrong together."""
    return [*_risk_contradictions(config.risk), *_strategy_contradictions(config)]


def _risk_contradictions(risk: RiskConfig) -> list[Problem]:
    problems: list[Problem] = []
    size, daily = dec(risk.max_position_pct), dec(risk.max_daily_loss_pct)
    invested, stopped = size * risk.max_positions, size * dec(risk.stop_loss_pct)
    if invested > 1:
        text = f"is {risk.max_positions}; times max_position_pct it is {number(invested)} and may be at most 1"
        problems.append(Problem("risk.max_positions", text))
    if stopped > daily:
        text = f"is {risk.stop_loss_pct}; times max_position_pct it must be at most max_daily_loss_pct ({daily})"
        problems.append(Problem("risk.stop_loss_pct", text))
    if risk.risk_per_trade_pct is not None and dec(risk.risk_per_trade_pct) > daily:
        text = f"is {risk.risk_per_trade_pct}; it must be at most max_daily_loss_pct ({daily})"
        problems.append(Problem("risk.risk_per_trade_pct", text))
    return problems


def _strategy_contradictions(config: StrategyConfig) -> list[Problem]:
    problems: list[Problem] = []
    flatten = config.risk.flatten_before_close_min
    for name, settings in config.strategies.items():
        path, params = f"strategies.{name}", settings.params
        if len(set(settings.watchlist)) < len(settings.watchlist):
            twice = next(s for i, s in enumerate(settings.watchlist) if s in settings.watchlist[:i])
            problems.append(Problem(f"{path}.watchlist", f"names {twice} twice; each symbol stands once"))
        if params.no_entry_open_min + params.no_entry_close_min >= HALF_DAY_MINUTES:
            text = (
                f"is {params.no_entry_close_min}; with no_entry_open_min it must be below {HALF_DAY_MINUTES} (half day)"
            )
            problems.append(Problem(f"{path}.params.no_entry_close_min", text))
        if not params.hold_overnight and params.no_entry_close_min <= flatten:
            text = f"is {params.no_entry_close_min}; it must be above risk.flatten_before_close_min ({flatten})"
            problems.append(Problem(f"{path}.params.no_entry_close_min", text))
        if isinstance(params, MomentumParams) and params.min_price >= params.max_price:
            text = f"is {number(params.min_price)}; it must be below max_price ({number(params.max_price)})"
            problems.append(Problem(f"{path}.params.min_price", text))
        if isinstance(params, MeanReversionParams) and params.rsi_oversold >= params.rsi_overbought:
            text = (
                f"is {number(params.rsi_oversold)}; it must be below rsi_overbought ({number(params.rsi_overbought)})"
            )
            problems.append(Problem(f"{path}.params.rsi_oversold", text))
    return problems


def setting_fields() -> dict[str, FieldInfo]:
    """Every setting of the risk section and of the built-in strategies' parameters by its path in the file."""
    sections: dict[str, type[StrictModel]] = {"risk": RiskConfig}
    sections |= {f"strategies.{name}.params": params for name, params in BUILT_IN.items()}
    return {f"{path}.{name}": field for path, model in sections.items() for name, field in model.model_fields.items()}


def config_hash(config: StrategyConfig) -> str:
    """The revision id (``config_rev``): 12 hex digits of SHA-256 over every setting, defaults included.

    The order of strategies counts, because it settles ties between their signals; spacing and comments do not.
    """
    return fingerprint({"order": list(config.strategies), **config.model_dump(mode="json", by_alias=True)})
