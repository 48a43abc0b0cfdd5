"""Scripted quarters of an hour: short worlds in which every input and output can be a crash point, every call a fault.

Each is a market of a few minutes before the close, a strategy that follows a plan, and switches of the exchange.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from alpaca_trader.core.config import PluginParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.models import TradeSignal
from alpaca_trader.simulator.market.recorded import RecordedMarket
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.world import Stage, World, sessions_from

DAY = date(2026, 11, 20)
CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)
START = CLOSE - timedelta(minutes=14)
END = CLOSE - timedelta(minutes=1, seconds=30)
"""From 15:46 to when everything is sold and every doubt of the last entry is over."""
_PLANNED = "proofs.scenarios:Planned"


class Planned:
    """A strategy with a plan: ``AAA 15:40 buy; AAA 15:44 sell``, by the New York minute (November) a bar began in."""

    name = "planned"
    enabled = True

    def __init__(self, watchlist: list[str], params: Mapping[str, Any]) -> None:
        self._watchlist = watchlist
        steps = [step.split() for step in params["plan"].split("; ")]
        self._plan: dict[tuple[str, str], Any] = {(symbol, minute): side for symbol, minute, side in steps}

    def get_watchlist(self) -> list[str]:
        """All of them."""
        return self._watchlist

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """What the plan says for this minute."""
        minute = (bars.index[-1] - timedelta(hours=5)).strftime("%H:%M")
        side = self._plan.get((symbol, minute))
        return TradeSignal(symbol, side, self.name, 0.5, reason="planned") if side else None


@dataclass(frozen=True)
class Scenario:
    """A script. ``closes`` are each symbol's prices at the ends of the minutes from 15:46 on."""

    name: str
    plan: str
    closes: Mapping[str, Sequence[float]]
    risk: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)

    def world(self, plan: Plan | None = None) -> World:
        """The scenario's world, before anything happened."""
        market = RecordedMarket({symbol: _frame(*closes) for symbol, closes in self.closes.items()}, day=DAY, seed=3)
        stage = Stage(
            market,
            sessions_from(DAY, 1),
            start=START + timedelta(seconds=1),
            until=END,
            strategies={_PLANNED: Planned},
            switches=Switches(rate_limit=None, **self.switches),
        )
        return World(stage, self._settings(), 7, plan)

    def _settings(self) -> StrategyConfig:
        own = {"plan": self.plan, "no_entry_close_min": 6, "cooldown_min": 0, "cooldown_after_stop_min": 0} | dict(
            self.own
        )
        raw = {
            "enabled": True,
            "watchlist": tuple(sorted(self.closes)),
            "params": PluginParams.model_validate(own),
            "class": _PLANNED,
        }
        near = {
            "stop_loss_pct": 0.01,
            "take_profit_pct": 0.01,
            "trailing_stop_activation": 0.01,
            "trail_distance_pct": 0.005,
        }
        risk = RiskConfig(**(near | dict(self.risk)))
        return StrategyConfig(risk=risk, strategies={"planned": StrategySettings.model_validate(raw)})


def _frame(*closes: float) -> Mapping[str, NDArray[Any]]:
    """Minute bars that run straight from one close to the next, from ``START`` on, and one of the day before."""
    first = int(START.timestamp())
    start = np.array([first - 86_400, *(first + 60 * minute for minute in range(len(closes) - 1))])
    opens, ends = np.array([closes[0], *closes[:-1]]), np.array([closes[0], *closes[1:]])
    columns = {"open": opens, "high": np.maximum(opens, ends), "low": np.minimum(opens, ends), "close": ends}
    whole = {"volume": np.full(len(start), 5000), "trade_count": np.full(len(start), 50)}
    return {"start": start, **columns, **whole, "vwap": np.full(len(start), np.nan)}


TRAILED = Scenario(
    "trailed",
    "AAA 15:47 buy; BBB 15:47 buy; BBB 15:49 sell; BBB 15:50 buy; AAA 15:52 buy",
    {
        # AAA rises, trails, and falls through its stop; bought again it is still there before the close.
        "AAA": (100, 100, 100.2, 101.4, 102.5, 102.5, 101, *[101] * 8),
        "BBB": [50.0] * 15,
    },
    switches={"partial_fills": "always"},
)
SCENARIOS: Sequence[Scenario] = (TRAILED,)
