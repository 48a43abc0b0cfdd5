"""Bugs planted in the engine one by one, each of which the trials have to find: what finds nothing proves nothing.

For every bug of ``proofs.bugs`` seeds are played from the first on, with the faults each of them draws, until a rule
breaks; the same day without the bug has to pass. The engine's own assertions are noted and change nothing, so that it
shows what the judge alone would have found.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from alpaca_trader.core.engine import Engine
from alpaca_trader.core.invariants import Broken
from alpaca_trader.edge.clock import processor_s
from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.trial import Trial, play, settle_memory
from proofs.bugs import BUGS, Bug, Swap, planted

SEEDS = 2_000
"""Most days in which a bug must be found (safety 5)."""
_SAID = 110


@dataclass(slots=True)
class Found:
    """What became of one bug."""

    bug: str
    does: str
    offends: tuple[str, ...]
    seed: int | None = None
    """At which it was found; None where it was not."""
    days: int = 0
    judge: str | None = None
    """The rule by which the independent judge found it."""
    engine: str | None = None
    """The rule that the engine's own assertion named, or the error that ended the program."""
    said: str = ""
    command: str = ""
    problems: list[str] = field(default_factory=list)
    cpu_s: float = 0.0

    @property
    def caught_by(self) -> str:
        """The rule, and whose."""
        return self.judge or (f"E {self.engine}" if self.engine else "nothing")


@dataclass(slots=True)
class Planted:
    """Every bug and what found it."""

    found: list[Found]
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        caught = [each for each in self.found if each.seed is not None]
        rules = Counter(each.judge for each in caught if each.judge)
        days = sum(each.days for each in self.found)
        first = f"planted bugs: {len(caught)} of {len(self.found)} found in {days} days"
        shown = ", ".join(f"{rule} {count}" for rule, count in sorted(rules.items(), key=_number))
        return "\n".join((first, *_columns(self.found), f"  by the judge: {shown}"))

    def facts(self) -> dict[str, Any]:
        """For the record."""
        caught = sum(each.seed is not None for each in self.found)
        return {"planted": len(self.found), "found": caught, "bugs": [asdict(each) for each in self.found]}


def document(facts: Mapping[str, Any]) -> str:
    """The table of ``docs/safety/planted-bugs.md`` from the figures of a run."""
    lines = [
        "| bug | what the engine does with it | offends | days until found | the judge | the engine itself | what was said |",
        "|---|---|---|---|---|---|---|",
    ]
    for bug in facts["bugs"]:
        days = str(bug["days"]) if bug["seed"] is not None else f"not in {bug['days']}"
        said = " ".join(bug["said"].split()).replace("|", "/")[:_SAID]
        cells = (
            bug["bug"],
            bug["does"],
            ", ".join(bug["offends"]),
            days,
            bug["judge"] or "",
            bug["engine"] or "",
            said,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(item: tuple[str, int]) -> int:
    return int(item[0].partition("-")[2])


def _columns(found: Sequence[Found]) -> Iterator[str]:
    """One bug a line: name, days until found, rule, and what was said."""
    width = max(len(each.bug) for each in found)
    for each in found:
        yield f"  {each.bug:{width}}  {each.days:5}  {each.caught_by:10}  {each.said[:_SAID]}"


def _noted(heard: list[tuple[datetime, Broken]]) -> Bug:
    """The engine's own assertions write to ``heard`` and halt nothing."""

    def note(_: Any) -> Any:
        def report(self: Engine, at: datetime, broken: Iterable[Broken]) -> None:
            heard.extend((at, each) for each in broken)

        return report

    return Bug("own assertions noted", "", (), (Swap(Engine, "_report_broken", note),))


def hunt(name: str, seeds: Sequence[int]) -> Found:
    """Play these seeds with the bug in the engine until it is found."""
    bug = next(bug for bug in BUGS if bug.name == name)
    found, begun = Found(bug.name, bug.does, bug.rules), processor_s()
    for seed in seeds:
        if bug.needs and not Plan.swarm(seed).rates.keys() & set(bug.needs):
            continue
        trial = Trial(seed)
        heard: list[tuple[datetime, Broken]] = []
        heard_without: list[tuple[datetime, Broken]] = []
        with planted(bug, _noted(heard)):
            outcome = play(trial)
        found.days += 1
        if outcome.rule is None and not heard:
            continue
        with planted(_noted(heard_without)):
            healthy = play(trial)
        if outcome.rule is None and heard_without:
            continue  # the assertion does not count on this day: something left that no journal could hold
        if healthy.broken is not None:
            found.problems.append(f"without a bug, too: {healthy.broken}; {trial.command()}")
            continue
        found.seed, found.command = seed, trial.command()
        if outcome.rule is not None and outcome.rule.startswith("INV"):
            found.judge = outcome.rule
        else:
            found.engine = outcome.rule
        if heard:
            found.engine = heard[0][1].rule
        found.said = outcome.broken or f"{heard[0][1].rule} at {heard[0][0]:%H:%M:%S}Z: {dict(heard[0][1].numbers)}"
        break
    else:
        found.problems.append(f"{name} was not found in {found.days} days")
    found.cpu_s = processor_s() - begun
    return found


def run(seeds: int = SEEDS, workers: int = 2, names: Sequence[str] = ()) -> Planted:
    """Hunt every bug, or those of ``names``."""
    wanted = list(names) or [bug.name for bug in BUGS]
    search: Callable[[str], Found] = partial(hunt, seeds=range(1, seeds + 1))
    if workers == 1:
        settle_memory()
        found = list(map(search, wanted))
    else:
        context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=settle_memory) as pool:
            found = list(pool.map(search, wanted))
    return Planted(found, [problem for each in found for problem in each.problems])
