"""The agent-editable settings, ``config/strategy.json``: risk, and each strategy with its watchlist and parameters.

The ranges here are the outermost ones, constants in code; ``core/policy.py`` narrows them to what the human allows.
Percentages are fractions of one (0.10 is 10 %), money is USD, times are minutes or seconds as the name says.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, InstanceOf

from alpaca_trader.core.settings import StrictModel, setting

Symbol = Annotated[str, Field(pattern=r"^[A-Z]{1,6}(\.[A-Z]{1,2})?$")]
"""A US stock symbol as the broker spells it, a class share with a dot (BRK.B)."""


class RiskConfig(StrictModel):
    """Limits on size, loss and exits, for the whole account (domain 4-6)."""

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
    """momentum_breakout (domain 2)."""

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
    """mean_reversion (domain 3)."""

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

    enabled: bool = setting(True, "Whether the strategy may open positions", risk="up")
    watchlist: tuple[Symbol, ...] = setting(..., "Symbols the strategy looks at", max_length=12_000)
    params: InstanceOf[MomentumParams] | InstanceOf[MeanReversionParams] | InstanceOf[PluginParams] = setting(
        ..., "The strategy's own parameters"
    )
    class_path: str | None = setting(
        None,
        'The plug-in\'s class as "package.module:Name"; null for a built-in strategy',
        alias="class",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        max_length=200,
    )


class StrategyConfig(StrictModel):
    """The whole of ``config/strategy.json``, valid in itself; strategies are in the order of the file."""

    risk: RiskConfig = setting(..., "Limits for the whole account")
    strategies: Mapping[str, InstanceOf[StrategySettings]] = setting(..., "Strategies by name")

    def watchlist(self) -> tuple[str, ...]:
        """Every symbol an enabled strategy watches, sorted, each once."""
        enabled = [settings for settings in self.strategies.values() if settings.enabled]
        return tuple(sorted({symbol for settings in enabled for symbol in settings.watchlist}))


BUILT_IN: Mapping[str, type[MomentumParams] | type[MeanReversionParams]] = {
    "momentum_breakout": MomentumParams,
    "mean_reversion": MeanReversionParams,
}
"""Strategies chosen by name alone; anything else names its class."""
