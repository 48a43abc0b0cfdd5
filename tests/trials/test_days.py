"""Whole days on the simulated exchange: quiet ones, and ones on which everything fails.

A day that breaks a rule names the command that plays it again.
"""

import pytest

from alpaca_trader.core.config import MeanReversionParams, MomentumParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.trials.plan import ACTS, NAMES, Plan
from alpaca_trader.trials.restless import FIRST_DAYS, SYMBOLS, market_of
from alpaca_trader.trials.trial import Outcome, Trial, play
from alpaca_trader.trials.world import Stage, World, sessions_from

SEEDS = range(100, 116)


def whole(trial: Trial) -> Outcome:
    """What became of it, where no rule was broken."""
    outcome = play(trial)
    assert outcome.broken is None, f"{outcome.broken}\n{trial.command()}"
    return outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_a_day_of_faults_breaks_no_rule(seed: int) -> None:
    """Whatever fails, at every instant every rule holds; when it ends, belief is truth; at the close we are flat."""
    outcome = whole(Trial(seed))
    assert outcome.minutes >= 210


@pytest.mark.parametrize("name", NAMES)
def test_a_day_of_one_fault(name: str) -> None:
    """Every kind of fault alone, often: it strikes, and no rule is broken."""
    rare = {"http.5xx": 0.003, "disk.eio": 0.001, "disk.enospc": 0.003, "crash.at_io": 0.002}
    rate = 3.0 if name in ACTS else rare.get(name, 0.6 if name.startswith(("cancel.", "replace.")) else 0.2)
    struck = 0
    for seed in (42, 1):  # the first trades in whole shares, whose stops are replaced
        struck += whole(Trial(seed, plan=Plan({name: rate}))).struck[name]
        if struck:
            break
    assert struck > 0, f"{name} is a fault in name only"


def test_days_without_faults() -> None:
    """With two positions at a time and stops a few ticks away nothing is ever five seconds without protection."""
    for seed in (0, 1, 4, 5):
        world = Trial(seed, plan=Plan()).world().run()
        assert world.judge.most_held == 1 + seed % 2
        assert world.judge.cap_was_near
        assert world.judge.longest_naked.total_seconds() < 1


def test_two_calm_days_and_the_money_of_both() -> None:
    """INV-23 is judged by what each day began with, not by what the first did."""
    whole(Trial(4, days=2, plan=Plan()))


def test_a_week_of_faults() -> None:
    """Nights, checkpoints and new days between the faults change nothing."""
    outcome = whole(Trial(7, days=5))
    assert outcome.minutes > 1500


def test_a_day_of_our_own_strategies() -> None:
    """Both built-in strategies trade a generated half day by the same rules."""
    day = FIRST_DAYS[2]
    params: dict[str, MomentumParams | MeanReversionParams] = {
        "momentum_breakout": MomentumParams(volume_days=5),
        "mean_reversion": MeanReversionParams(),
    }
    own = {
        name: StrategySettings(enabled=True, watchlist=SYMBOLS, params=each, class_path=None)
        for name, each in params.items()
    }
    config = StrategyConfig(risk=RiskConfig(), strategies=own)
    world = World(Stage(market_of(5, day, 1), sessions_from(day, 1)), config, 5).run()
    assert world.judge.own_fills > 0


@pytest.mark.parametrize("seed", [103, 107])
def test_protection_that_rests_would_have_said_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking after every position after every event, whatever it was, gives the same day."""
    rested = Trial(seed).world().run()
    monkeypatch.setattr("alpaca_trader.core.engine.QUIET", frozenset())
    assert Trial(seed).world().run().journal.head() == rested.journal.head()


def test_one_seed_is_one_day() -> None:
    """The same seed gives the same entries in the same order, faults and all."""
    heads = []
    for seed in (SEEDS[0], SEEDS[0], SEEDS[1]):
        world = Trial(seed).world().run()
        heads.append(world.journal.head())
    assert heads[0] == heads[1] != heads[2]
