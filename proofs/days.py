"""Days by the thousand: every seed draws its own faults, limits and crashes, and every instant is judged."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from alpaca_trader.trials.batch import Tally, play_all
from alpaca_trader.trials.marks import FEWEST_DAYS
from alpaca_trader.trials.trial import Trial

MINUTES_A_DAY = 350
"""Of a trial's first session on average, a little low: half days are among them."""
_PART = 400


@dataclass
class Days:
    """What the days came to."""

    tally: Tally
    wanted_minutes: int
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "days: " + "\n  ".join(self.tally.lines())

    def facts(self) -> dict[str, Any]:
        """For the record."""
        return self.tally.facts()


def run(minutes: int, first: int = 1, workers: int = 2) -> Days:
    """Play seeds from ``first`` on until so many minutes of regular hours were played."""
    tally, seed = Tally(), first
    while tally.minutes < minutes and not tally.broken:
        count = min(_PART, -(-(minutes - tally.minutes) // MINUTES_A_DAY))
        tally.merge(play_all([Trial(each) for each in range(seed, seed + count)], workers))
        seed += count
    result = Days(tally, minutes)
    result.problems = [f"{each.broken}; {each.trial.command()}" for each in tally.broken]
    if tally.days >= FEWEST_DAYS:
        result.problems += [f"{name} was seen on fewer than one day in a hundred" for name in tally.missing()]
    return result


@dataclass
class Determinism:
    """Whether a seed is one run in every process."""

    seeds: int
    digests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"determinism: {self.seeds} seeds in two processes with different hash seeds, {len(self.problems)} problems"
        )

    def facts(self) -> dict[str, Any]:
        """For the record."""
        return {"seeds": self.seeds, "digest": self.digests[0] if self.digests else None}


def same(seeds: int, first: int = 1) -> Determinism:
    """The journals' digests of ``seeds`` trials, from two processes whose hashes differ (INV-30)."""
    result = Determinism(seeds)
    script = "import json,sys; from proofs.days import heads; print(json.dumps(heads(*map(int, sys.argv[1:]))))"
    command = [sys.executable, "-c", script, str(first), str(seeds)]
    started = [
        subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE, text=True)
        for hash_seed in ("1", "77")
    ]
    answers = [json.loads(process.communicate()[0]) for process in started]
    for number, (one, other) in enumerate(zip(*answers, strict=True), first):
        result.digests.append(one)
        if one != other:
            result.problems.append(f"seed {number} is {one} in one process and {other} in another")
    return result


def heads(first: int, seeds: int) -> list[str]:
    """The digest of each trial's journal."""
    return [Trial(seed).world().run().journal.head() for seed in range(first, first + seeds)]
