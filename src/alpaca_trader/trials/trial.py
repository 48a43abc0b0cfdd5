"""One seed: its world, and what became of it."""

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from alpaca_trader.core.errors import TraderError
from alpaca_trader.edge.journal.codec import encode
from alpaca_trader.trials import restless
from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.terms import Broken
from alpaca_trader.trials.world import Stage, World, sessions_from

BREAKS = (AssertionError, TraderError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
"""What a broken rule or a broken program raises."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What fixes a run."""

    seed: int
    days: int = 1
    plan: Plan | None = None
    """None: what the seed draws."""
    until: datetime | None = None
    """None: the end of the last session."""

    @property
    def faults(self) -> Plan:
        """What goes wrong."""
        return Plan.swarm(self.seed) if self.plan is None else self.plan

    @property
    def first(self) -> date:
        """The first session."""
        return restless.first_day(self.seed)

    def world(self) -> World:
        """The world it plays in, before anything happened."""
        market = restless.market_of(self.seed % restless.MARKETS, self.first, self.days)
        stage = Stage(market, sessions_from(self.first, self.days), until=self.until, ends_flat=self.until is None)
        return World(stage, restless.settings(self.seed), self.seed, self.faults)

    def command(self) -> str:
        """What plays it again."""
        faults = "" if self.plan is None else f" --faults '{self.plan}'"
        until = "" if self.until is None else f" --until {self.until:%Y-%m-%dT%H:%M:%SZ}"
        days = "" if self.days == 1 else f" --days {self.days}"
        return f"alpaca-trader simulate --seed {self.seed}{days}{faults}{until}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial. ``broken`` names the rule and how it was broken; None where all held."""

    trial: Trial
    broken: str | None
    rule: str | None
    at: datetime | None
    minutes: int
    """Minutes of regular hours that were played."""
    lives: int
    struck: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    occasions: dict[str, tuple[int, ...]] = field(default_factory=dict)


def play(trial: Trial) -> Outcome:
    """Play it. What breaks, a rule or the program, is in the outcome; nothing is raised."""
    world = trial.world()
    broken: BaseException | None = None
    try:
        world.run()
    except BREAKS as error:
        broken = error
    return outcome_of(trial, world, broken)


def trace_of(trial: Trial) -> Iterator[str]:
    """Every entry of the journal as it is stored, one a line, then how the trial ended and the journal's digest."""
    world = trial.world()
    ended = "all rules held"
    try:
        world.run()
    except BREAKS as error:
        ended = f"{type(error).__name__}: {error}"
    for entry in world.journal.entries:
        yield f"{type(entry).__name__} {encode(entry).decode()}"
    yield f"{ended}; journal {world.journal.head()}"


def outcome_of(trial: Trial, world: World, broken: BaseException | None) -> Outcome:
    """The world as it stands, in figures."""
    now = world.now
    spans = [min(now, session.close) - session.open for session in world.stage.sessions if now > session.open]
    struck = Counter({name: len(times) for name, times in world.strikes.struck.items()})
    struck += Counter({fault.order.name: fault.struck for fault in world.sim.faults.in_force()})
    rule = None
    if broken is not None:
        rule = broken.rule if isinstance(broken, Broken) else type(broken).__name__
    return Outcome(
        trial,
        None if broken is None else str(broken) or repr(broken),
        rule,
        None if broken is None else now,
        sum(int(span.total_seconds() // 60) for span in spans),
        world.lives,
        struck,
        world.seen + Counter({"cap was near": int(world.judge.cap_was_near)}),
        {name: tuple(times) for name, times in world.strikes.struck.items()},
    )


def settle_memory() -> None:
    """Tell the collector that what exists now stays: a batch's own garbage is short-lived."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
