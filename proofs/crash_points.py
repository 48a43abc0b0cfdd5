"""The process dies at every input and output of scripted scenarios, and again in the recovery from that (F33, F34, INV-16)."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import combinations
from typing import Any, NamedTuple

from alpaca_trader.trials.trial import BREAKS
from proofs.scenarios import SCENARIOS, Scenario

_RECOVERY = 9
"""Points after a first death at one of which, by turns, the second comes."""


class Death(NamedTuple):
    """Points at which the process dies, and for how long nobody is there afterwards, in seconds."""

    points: tuple[int, ...]
    gone_s: int = 0


@dataclass
class Result:
    """What was tried and what went wrong."""

    scenarios: int = 0
    points: int = 0
    runs: int = 0
    crashes: int = 0
    holding: int = 0
    """Crashes while a position was held."""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"crash points: {self.points:,} inputs and outputs of {self.scenarios} scenarios, {self.runs:,} runs, "
            f"{self.crashes:,} crashes ({self.holding:,} with a position held), {len(self.problems)} problems"
        )

    def facts(self) -> dict[str, Any]:
        """For the record."""
        return {"points": self.points, "runs": self.runs, "crashes": self.crashes, "holding": self.holding}

    def add(self, other: "Result") -> None:
        """Another scenario's."""
        for name in ("scenarios", "points", "runs", "crashes", "holding"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems


def run(scenarios: int, pairs: int = 0, workers: int = 1) -> Result:
    """Every point of the first ``scenarios`` singly, with recoveries and absences between; all pairs in ``pairs`` of them."""
    total = Result()
    tasks = [(number, number < pairs) for number in range(scenarios)]
    if workers == 1:
        results = map(_play, tasks)
        for result in results:
            total.add(result)
        return total
    with ProcessPoolExecutor(workers) as pool:
        for result in pool.map(_play, tasks):
            total.add(result)
    return total


def _play(task: tuple[int, bool]) -> Result:
    number, all_pairs = task
    return crash(SCENARIOS[number], all_pairs=all_pairs)


def crash(scenario: Scenario, *, all_pairs: bool = False, every: int = 1) -> Result:
    """One scenario, at every ``every``-th point."""
    points = scenario.world().run().io.passed
    result = Result(scenarios=1, points=points)
    for death in _deaths(points, all_pairs, every):
        world = scenario.world()
        world.io.deaths, world.downtime = set(death.points), timedelta(seconds=death.gone_s)
        result.runs += 1
        try:
            world.run()
        except BREAKS as broken:
            result.problems.append(f"{scenario.name}, died at {death.points}, gone for {death.gone_s} s: {broken!r}")
        result.crashes += world.lives - 1
        result.holding += world.seen["crash while a position is held"]
    return result


def _deaths(points: int, all_pairs: bool, every: int) -> Iterator[Death]:
    for point in range(1, points + 1, every):
        yield Death((point,))
    for point in range(1, points + 1, _RECOVERY * every):
        yield Death((point, point + 1 + point % _RECOVERY))
        yield Death((point,), 20 if point % 2 else 90)
    if all_pairs:
        for pair in combinations(range(1, points + 1), 2):
            yield Death(pair)
