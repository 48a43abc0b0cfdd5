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
from alpaca_trader.trials.acts import act_at
from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.world import Stage, World, sessions_from

DAY = date(2026, 11, 20)
CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)
START = CLOSE - timedelta(minutes=14)
CALM_FOR = timedelta(minutes=7)
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
    plan_text: str = "none"
    """Faults that strike in it, however it is played."""
    acts: Sequence[tuple[float, str]] = ()
    """What others do, so many minutes after the start."""
    shows: Sequence[str] = ()
    """What must be seen when it is played undisturbed."""

    def world(self, more: str = "") -> World:
        """The scenario's world, before anything happened; ``more`` are further faults."""
        market = RecordedMarket({symbol: _frame(*closes) for symbol, closes in self.closes.items()}, day=DAY, seed=3)
        stage = Stage(
            market,
            sessions_from(DAY, 1),
            start=START + timedelta(seconds=1),
            until=END,
            strategies={_PLANNED: Planned},
            switches=Switches(rate_limit=None, **self.switches),
        )
        texts = [text for text in (self.plan_text, more) if text not in ("", "none")]
        world = World(stage, self._settings(), 7, Plan.parse(",".join(texts) or "none", 7), calm_for=CALM_FOR)
        if self.acts:
            world.judge.disturb()
        for minutes, name in self.acts:
            world.plan_act(act_at(name, START + timedelta(minutes=minutes)))
        return world

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


_FLAT = (50.0,) * 15
_RISES = (100, 100, 100.2, 101.4, 102.5, 102.5, 101, *[101] * 8)
"""Rises, trails, and falls through its stop."""
_FALLS = (100, 100, 100, 99.2, 98, 98, *[98] * 9)
_JUMPS = (100, 100, 96, *[96] * 12)
"""Through any stop within a minute."""

TRAILED = Scenario(
    "trailed",
    "AAA 15:47 buy; BBB 15:47 buy; BBB 15:49 sell; BBB 15:50 buy; AAA 15:52 buy",
    {"AAA": _RISES, "BBB": _FLAT},
    switches={"partial_fills": "always"},
    shows=("exit planned", "exit trail_stop", "exit flatten_close", "order stop replacing", "CancelOrder"),
)
SCENARIOS: Sequence[Scenario] = (
    TRAILED,
    Scenario("stopped", "AAA 15:47 buy", {"AAA": _FALLS}, shows=("exit stop",)),
    Scenario("market entry", "AAA 15:47 buy; AAA 15:50 sell", {"AAA": _FLAT}, risk={"order_style": "market"}, shows=("exit planned",)),
    Scenario("target", "AAA 15:47 buy", {"AAA": (100, 100, 100.5, 101.5, 103, *[103] * 10)}, own={"on_target": "close"}, risk={"trailing_stop_activation": None}, shows=("exit target",)),
    Scenario("rejected later", "AAA 15:47 buy; AAA 15:49 buy", {"AAA": _FLAT}, plan_text="order.reject_later=0.5", shows=("EpisodeOpened",)),
    Scenario("cancel loses race", "AAA 15:47 buy; AAA 15:49 sell; AAA 15:51 buy", {"AAA": _FLAT}, plan_text="cancel.loses_race=1", shows=("CancelOrder",)),
    Scenario("replace loses race", "AAA 15:47 buy", {"AAA": _RISES}, plan_text="replace.loses_race=1", shows=("order stop replacing",)),
    Scenario("replace in error", "AAA 15:47 buy", {"AAA": _RISES}, plan_text="replace.error_but_applied=1", shows=("order stop replacing",)),
    Scenario("two at once", "AAA 15:47 buy; BBB 15:47 buy; CCC 15:47 buy; CCC 15:51 buy", {"AAA": _FALLS, "BBB": _FLAT, "CCC": _FLAT}, risk={"max_positions": 2}, shows=("verdict max_positions", "exit stop", "exit flatten_close")),
    Scenario("through the stop", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _JUMPS, "BBB": _FLAT}, plan_text="order.reject_later=0.3", shows=("exit flatten_close",)),
    Scenario("halted by a human", "AAA 15:47 buy; BBB 15:50 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((4.0, "operator.halt"),), shows=("halt operator", "exit flatten_close")),
    Scenario("flattened by a human", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((4.0, "operator.flatten"),), shows=("exit operator_flatten",)),
    Scenario("a human trades", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((3.0, "broker.manual_order"), (4.5, "broker.manual_order"), (5.5, "broker.manual_order")), shows=("exit flatten_close",)),
    Scenario("liquidated", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((4.0, "broker.liquidate"),), shows=("EpisodeOpened",)),
    Scenario("another engine", "AAA 15:47 buy; BBB 15:51 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((4.0, "second_engine"),), shows=("halt unknown_own_order",)),
    Scenario("settings edited", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _RISES, "BBB": _FLAT}, acts=((3.2, "config.torn"), (4.1, "config.torn")), shows=("alarm config_refused",)),
    Scenario("slept", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _RISES, "BBB": _FLAT}, acts=((3.5, "clock.sleep"),), shows=("EpisodeOpened",)),
    Scenario("a halted market", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((3.0, "market.halt"),), shows=("EpisodeOpened",)),
    Scenario("blocked", "AAA 15:47 buy; BBB 15:50 buy", {"AAA": _FLAT, "BBB": _FLAT}, acts=((3.0, "account.blocked"),), shows=("EpisodeOpened",)),
    Scenario("partial and gone", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FALLS, "BBB": _FLAT}, plan_text="fill.partial=0.8,order.expire_early=0.4", shows=("EpisodeOpened",)),
    Scenario("cancels ignored", "AAA 15:47 buy; AAA 15:49 sell; AAA 15:51 buy", {"AAA": _FLAT}, plan_text="cancel.ignored=0.6", shows=("CancelOrder",)),
    Scenario("late fills", "AAA 15:47 buy; AAA 15:49 sell; AAA 15:51 buy", {"AAA": _FALLS}, plan_text="fill.late=0.7,fill.before_ack=0.5", shows=("EpisodeOpened",)),
    Scenario("stuck", "AAA 15:47 buy; BBB 15:47 buy; AAA 15:51 buy", {"AAA": _FLAT, "BBB": _FLAT}, plan_text="order.stuck=0.5", shows=("EpisodeOpened",)),
    Scenario("a stream that breaks", "AAA 15:47 buy; BBB 15:47 buy; BBB 15:49 sell", {"AAA": _RISES, "BBB": _FLAT}, plan_text="ws.close=0.3,ws.drop=0.3", shows=("EpisodeOpened",)),
    Scenario("a loss", "AAA 15:47 buy; BBB 15:47 buy", {"AAA": _FALLS, "BBB": _FLAT}, risk={"max_daily_loss_pct": 0.001, "max_position_pct": 0.25}, shows=("halt daily_loss",)),
)  # fmt: skip
"""In the order in which the shorter programmes take the first of them."""


def _frame(*closes: float) -> Mapping[str, NDArray[Any]]:
    """Minute bars that run straight from one close to the next, from ``START`` on, and one of the day before."""
    first = int(START.timestamp())
    start = np.array([first - 86_400, *(first + 60 * minute for minute in range(len(closes) - 1))])
    opens, ends = np.array([closes[0], *closes[:-1]]), np.array([closes[0], *closes[1:]])
    columns = {"open": opens, "high": np.maximum(opens, ends), "low": np.minimum(opens, ends), "close": ends}
    whole = {"volume": np.full(len(start), 5000), "trade_count": np.full(len(start), 50)}
    return {"start": start, **columns, **whole, "vwap": np.full(len(start), np.nan)}
