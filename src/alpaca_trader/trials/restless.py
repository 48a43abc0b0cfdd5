"""Markets and settings for trials: the built-in reversion tuned so nervously that it trades all day, with limits that bind."""

from dataclasses import replace
from datetime import date
from functools import lru_cache
from random import Random

from alpaca_trader.core.config import MeanReversionParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.symbols import asset_info

SYMBOLS = ("F", "NVDA", "SPY")
_WHOLE = replace(asset_info("F"), fractionable=False)
"""Traded in whole shares alone, so that its stop can be replaced in place."""
STRATEGY = "mean_reversion"
MARKETS = 4
"""Different markets a day; a trial's seed picks one."""
FIRST_DAYS = (
    date(2026, 11, 24),
    date(2026, 3, 9),  # the first session after the clocks went forward
    date(2026, 11, 27),  # a half day
    date(2026, 11, 2),  # the first session after they went back
    date(2026, 9, 8),  # after a long weekend
)


@lru_cache(maxsize=MARKETS * len(FIRST_DAYS))
def market_of(number: int, first: date, days: int) -> GeneratedMarket:
    """One of the markets. Faults go on top of it, so one is made once for all seeds."""
    return GeneratedMarket(number, SYMBOLS, first, days=days, history_days=1, listed=[_WHOLE])


def first_day(seed: int) -> date:
    """Every other trial begins on the plain day, the others where clocks and hours are odd."""
    rng = Random(f"day {seed}")
    return FIRST_DAYS[0] if rng.random() < 0.5 else rng.choice(FIRST_DAYS)


def settings(seed: int, edit: int = 0) -> StrategyConfig:
    """The settings of a seed; ``edit`` counts later revisions, whose stops, exits and number of positions differ."""
    watched = SYMBOLS[: 2 + seed % 2]
    rng, later = Random(f"settings {seed}"), Random(f"settings {seed} {edit}")
    params = MeanReversionParams(
        no_entry_open_min=rng.choice((0, 1, 5)),
        no_entry_close_min=rng.choice((6, 10)),
        cooldown_min=0,
        cooldown_after_stop_min=rng.choice((0, 1, 3)),
        max_entries_per_symbol_day=rng.choice((5, 20, 20)),
        on_target=later.choice(("trail", "close")),
        rsi_oversold=float(rng.choice((44, 48, 50))),
        rsi_overbought=float(rng.choice((55, 55, 75, 99))),
        lookback_period=rng.choice((2, 3, 4)),
    )
    risk = RiskConfig(
        max_position_pct=rng.choice((0.10, 0.25)),
        max_positions=len(watched) - 1,
        stop_loss_pct=later.choice((0.002, 0.003, 0.006)),
        take_profit_pct=later.choice((0.003, 0.005)),
        trailing_stop_activation=later.choice((0.002, 0.004)),
        trail_distance_pct=later.choice((0.0015, 0.003)),
        max_daily_loss_pct=rng.choice((0.002, 0.05, 0.05)),
        max_consecutive_losses=rng.choice((3, 20, 20)),
        loss_pause_min=rng.choice((5, 20)),
        order_style=rng.choice(("limit", "limit", "market")),
        entry_timeout_s=rng.choice((5, 20)),
    )
    own = StrategySettings(enabled=True, watchlist=watched, params=params, class_path=None)
    return StrategyConfig(risk=risk, strategies={STRATEGY: own})
