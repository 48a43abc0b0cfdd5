"""Whether a fault strikes at this occasion: by its plan, its own stream of draws, and only while faults are on."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from random import Random

from alpaca_trader.trials.plan import Plan


class Strikes:
    """Asked at each occasion. Each name draws from its own stream, so that leaving one out moves no other."""

    def __init__(self, plan: Plan, seed: int, now: Callable[[], datetime], until: datetime) -> None:
        """Nothing strikes from ``until`` on; it is moved when another day with faults begins."""
        self._seed, self._now = seed, now
        self.until = until
        self.follow(plan)
        self._streams: dict[str, Random] = {}
        self._occasions: Counter[str] = Counter()
        self.struck: dict[str, list[int]] = {}
        """The occasions at which each fault struck."""

    def follow(self, plan: Plan) -> None:
        """From now on this plan says what fails."""
        self.plan = plan
        self._planned = plan.rates.keys() | plan.exactly.keys()

    @property
    def are_on(self) -> bool:
        """Whether faults may strike now."""
        return self._now() < self.until

    def may(self, name: str) -> bool:
        """Whether the plan has this fault at all."""
        return name in self._planned

    def happens(self, name: str) -> bool:
        """One occasion for this fault."""
        if name not in self._planned or not self.are_on:
            return False
        self._occasions[name] += 1
        exact = self.plan.exactly.get(name)
        if exact is not None:
            strikes = self._occasions[name] in exact
        else:
            strikes = self.stream(name).random() < self.plan.rates[name]
        if strikes:
            self.note(name)
        return strikes

    def note(self, name: str) -> None:
        """It struck at the present occasion."""
        self.struck.setdefault(name, []).append(self._occasions[name])

    def act(self, name: str) -> bool:
        """Whether the next act of this name takes place: always, unless the plan names the acts that do."""
        self._occasions[name] += 1
        exact = self.plan.exactly.get(name)
        return self.are_on and (exact is None or self._occasions[name] in exact)

    def amounts(self, name: str) -> Random:
        """Draws of how much, how long and what, for the present occasion of this fault alone."""
        return Random(f"{self._seed} {name} {self._occasions[name]}")

    def stream(self, name: str) -> Random:
        """The fault's own stream of whether."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self._seed} {name}")
        return self._streams[name]
