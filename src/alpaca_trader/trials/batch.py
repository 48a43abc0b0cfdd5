"""Many seeds: played on as many processes as asked for, added up in the order of the seeds."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from alpaca_trader.edge.clock import processor_s
from alpaca_trader.trials.marks import missing
from alpaca_trader.trials.trial import Outcome, Trial, play, settle_memory

_CHUNK = 8
_SHOWN = 20


@dataclass(slots=True)
class Tally:
    """What a batch came to. ``struck`` and ``seen`` count occurrences, ``struck_days`` and ``seen_days`` trials."""

    days: int = 0
    minutes: int = 0
    crashes: int = 0
    cpu_s: float = 0.0
    broken: list[Outcome] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    struck_days: Counter[str] = field(default_factory=Counter)
    seen_days: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """One more trial."""
        self.days += outcome.trial.days
        self.minutes += outcome.minutes
        self.crashes += outcome.lives - 1
        self.struck += outcome.struck
        self.seen += outcome.seen
        self.struck_days.update(name for name, times in outcome.struck.items() if times)
        self.seen_days.update(name for name, times in outcome.seen.items() if times)
        if outcome.broken is not None:
            self.broken.append(outcome)

    def merge(self, other: "Tally") -> None:
        """Add what another batch came to."""
        self.days += other.days
        self.minutes += other.minutes
        self.crashes += other.crashes
        self.cpu_s += other.cpu_s
        self.broken += other.broken
        for name in ("struck", "seen", "struck_days", "seen_days"):
            getattr(self, name).update(getattr(other, name))

    @property
    def days_per_cpu_minute(self) -> float:
        """Simulated days a minute of processor time."""
        return 60 * self.days / self.cpu_s if self.cpu_s else 0.0

    def missing(self) -> list[str]:
        """Marks that were seen too seldom."""
        return missing(self.days, self.struck_days, self.seen_days)

    def facts(self) -> dict[str, Any]:
        """The summary, for programs."""
        return {
            "days": self.days,
            "minutes": self.minutes,
            "crashes": self.crashes,
            "days_per_cpu_minute": round(self.days_per_cpu_minute, 1),
            "violations": [
                {"rule": each.rule, "what": each.broken, "command": each.trial.command()} for each in self.broken
            ],
            "faults": dict(sorted(self.struck.items())),
            "seen": dict(sorted(self.seen.items())),
        }

    def lines(self) -> Iterator[str]:
        """The summary, for people."""
        yield f"{self.days} days, {self.minutes} trading minutes, {self.crashes} crashes, {len(self.broken)} violations"
        yield f"{self.days_per_cpu_minute:.0f} days a minute of processor time ({self.cpu_s:.0f} s)"
        for title, counts in (
            ("faults", self.struck),
            ("decisions", _part(self.seen, "verdict ")),
            ("halts", _part(self.seen, "halt ")),
            ("alarms", _part(self.seen, "alarm ")),
            ("exits", _part(self.seen, "exit ")),
            ("orders", _part(self.seen, "order ")),
        ):
            yield f"{title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        for outcome in self.broken[:_SHOWN]:
            yield f"BROKEN {outcome.broken}"
            yield f"  {outcome.trial.command()}"
        if len(self.broken) > _SHOWN:
            yield f"... and {len(self.broken) - _SHOWN} more"


def _part(counts: Counter[str], prefix: str) -> Counter[str]:
    return Counter({name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)})


def play_all(trials: Sequence[Trial], workers: int, watch: Callable[[Tally], None] = lambda tally: None) -> Tally:
    """Play them. ``watch`` hears how far it is, now and then."""
    tally = Tally()
    if workers == 1:
        settle_memory()
        for chunk in _chunks(trials):
            _take(tally, _play_chunk(chunk), watch)
        return tally
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=settle_memory) as pool:
        for done in pool.map(_play_chunk, _chunks(trials)):
            _take(tally, done, watch)
    return tally


def _take(tally: Tally, done: tuple[list[Outcome], float], watch: Callable[[Tally], None]) -> None:
    outcomes, cpu_s = done
    for outcome in outcomes:
        tally.add(outcome)
    tally.cpu_s += cpu_s
    watch(tally)


def _chunks(trials: Iterable[Trial]) -> Iterator[list[Trial]]:
    rest = iter(trials)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk


def _play_chunk(trials: list[Trial]) -> tuple[list[Outcome], float]:
    begun = processor_s()
    return [play(trial) for trial in trials], processor_s() - begun
