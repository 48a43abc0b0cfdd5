"""Every call of scripted scenarios, struck by every fault that can strike it (F1 to F8, F15, F20)."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from alpaca_trader.trials.trial import BREAKS
from proofs.scenarios import SCENARIOS, Scenario

FAULTS: Final = (
    "http.drop",
    "http.accept_then",
    "http.delay_apply",
    "http.slow",
    "http.429",
    "http.5xx",
    "http.401",
    "http.truncate",
    "http.stale_read",
    "http.refuse_cancel",
    "quote.spike",
    "ws.drop",
    "ws.dup",
    "ws.reorder",
    "ws.delay",
    "ws.close",
)


@dataclass
class Result:
    """What was tried and what went wrong."""

    scenarios: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(self.struck.items()))
        return f"call faults: {self.scenarios} scenarios, {sum(self.struck.values()):,} runs ({kinds}), {len(self.problems)} problems"

    def facts(self) -> dict[str, Any]:
        """For the record."""
        return {"scenarios": self.scenarios, "struck": dict(self.struck)}


def run(scenarios: int, every: int = 1) -> Result:
    """The first ``scenarios``, each with one strike at every ``every``-th occasion of every fault."""
    result = Result()
    for scenario in SCENARIOS[:scenarios]:
        result.scenarios += 1
        for fault in FAULTS:
            strike(scenario, fault, every, result)
    return result


def strike(scenario: Scenario, fault: str, every: int, result: Result) -> None:
    """One scenario, once for every ``every``-th occasion of one fault; what was found goes to ``result``."""
    occasion = 1
    while True:
        world = scenario.world(f"{fault}@{occasion}")
        try:
            world.run()
        except BREAKS as broken:
            result.problems.append(f"{scenario.name}, {fault}@{occasion}: {broken!r}")
        if not world.strikes.struck.get(fault):
            return
        result.struck[fault] += 1
        occasion += every
