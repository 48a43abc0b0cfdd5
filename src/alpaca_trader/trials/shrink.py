"""The shortest run that still fails: fewer days, fewer faults, then fewer strikes of each."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from alpaca_trader.trials.plan import EXCHANGE, Plan
from alpaca_trader.trials.trial import Outcome, Trial, play


def shrink(failed: Outcome, watch: Callable[[Outcome], None] = lambda outcome: None) -> Outcome:
    """The smallest outcome found that breaks the same rule. ``watch`` hears of each smaller one."""
    assert failed.rule is not None, "only what fails can be shrunk"
    best = failed

    def fails(trial: Trial) -> bool:
        nonlocal best
        outcome = play(trial)
        if outcome.rule != failed.rule:
            return False
        best = outcome
        watch(best)
        return True

    if failed.at is not None:
        fails(replace(failed.trial, until=failed.at + timedelta(seconds=1)))
    trial = replace(best.trial, plan=best.trial.faults)
    for name in [*trial.faults.rates, *trial.faults.exactly]:
        smaller = replace(trial, plan=trial.faults.without(name))
        trial = smaller if fails(smaller) else trial
    drawn = {name: times for name, times in best.occasions.items() if name not in EXCHANGE}
    exact = replace(trial, plan=trial.faults.fixed(drawn))
    if drawn and fails(exact):
        for name in drawn:
            exact = _fewer(exact, name, fails)
    return best


def _fewer(trial: Trial, name: str, fails: Callable[[Trial], bool]) -> Trial:
    """Leave out halves, then quarters, down to single strikes of one fault, as long as it still fails."""
    kept = trial.faults.exactly[name]
    size = max(1, len(kept) // 2)
    while kept:
        for start in range(0, len(kept), size):
            rest = kept[:start] + kept[start + size :]
            smaller = replace(trial, plan=Plan(trial.faults.rates, {**trial.faults.exactly, name: rest}))
            if fails(smaller):
                trial, kept = smaller, rest
                break
        else:
            if size == 1:
                return trial
            size //= 2
    return trial
