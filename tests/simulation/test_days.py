"""Whole days on the simulated exchange: quiet ones, and ones on which everything between us and the broker fails.

A day that breaks a rule names its seed; ``World`` with that seed plays it again, event by event.
"""

from dataclasses import fields
from decimal import Decimal
from random import Random

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import MeanReversionParams, MomentumParams, RiskConfig, StrategyConfig, StrategySettings
from tests.simulation.world import HALF_DAY, SYMBOLS, Rates, World, generated, restless

SEEDS = range(100, 115)
MARKETS = 3


def faulty(seed: int, rates: Rates | None = None) -> World:
    """A restless half day on a bad line."""
    drawn = rates or Rates.drawn(Random(seed))
    return World(generated(seed % MARKETS, HALF_DAY), restless(seed), seed=seed, rates=drawn)


def money_is_right(world: World) -> None:
    """Our own ledger and the exchange's agree to a millionth of a dollar after fees (INV-23)."""
    belief, account = world.engine.belief, world.sim.exchange.account()
    ours = Decimal(467) + belief.portfolio.cash_moved - belief.portfolio.fees.charged()
    assert abs(ours - account.cash) < Decimal("0.000001"), f"{ours} is not {account.cash}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_faults_breaks_no_rule(seed: int) -> None:
    """Whatever fails, at every instant every rule holds; when it ends, belief is truth; at the close we are flat."""
    world = faulty(seed).run()
    assert sum(isinstance(action, ev.EpisodeOpened) for action in world.told) > 3
    assert world.judge.cap_was_near
    money_is_right(world)


def test_a_day_on_which_everything_fails() -> None:
    """Every kind of fault happens on one day, so that none of them is a fault in name only."""
    rates = Rates(**{kind.name: 0.12 for kind in fields(Rates)})
    world = faulty(0, rates).run()
    assert sorted(world.broker.fired) == sorted(kind.name for kind in fields(Rates))
    money_is_right(world)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_restless_day_without_faults(seed: int) -> None:
    """With two positions at a time and stops a few ticks away nothing is ever five seconds without protection."""
    world = World(generated(seed, HALF_DAY), restless(seed), seed=seed).run()
    assert world.judge.most_held == 2
    assert world.judge.longest_naked.total_seconds() < 1
    assert [action.code for action in world.told if isinstance(action, ev.Alarm) and action.level == "error"] == []
    (done,) = [action.summary for action in world.told if isinstance(action, ev.DayDone)]
    assert done.trades == sum(isinstance(action, ev.EpisodeOpened) for action in world.told)
    assert done.seconds_unprotected < 10
    money_is_right(world)


def test_a_day_of_our_own_strategies() -> None:
    """Both built-in strategies trade a generated half day by the same rules."""
    params: dict[str, MomentumParams | MeanReversionParams] = {
        "momentum_breakout": MomentumParams(volume_days=5),
        "mean_reversion": MeanReversionParams(),
    }
    own = {
        name: StrategySettings(enabled=True, watchlist=SYMBOLS, params=each, class_path=None)
        for name, each in params.items()
    }
    config = StrategyConfig(risk=RiskConfig(), strategies=own)
    world = World(generated(5, HALF_DAY, history_days=8), config, seed=5).run()
    assert {action.strategy for action in world.told if isinstance(action, ev.EpisodeOpened)} == set(own)
    money_is_right(world)


@pytest.mark.parametrize("seed", [103, 107])
def test_protection_that_rests_would_have_said_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking after every position after every event, whatever it was, gives the same day."""
    rested = faulty(seed).run()
    monkeypatch.setattr("alpaca_trader.core.engine.QUIET", frozenset())
    assert faulty(seed).run().journal.head() == rested.journal.head()


def test_one_seed_is_one_day() -> None:
    """The same seed gives the same entries in the same order, faults and all."""
    first, second = faulty(SEEDS[0]).run(), faulty(SEEDS[0]).run()
    assert first.journal.entries == second.journal.entries
    assert first.journal.head() == second.journal.head()
    assert first.journal.head() != faulty(SEEDS[1]).run().journal.head()
