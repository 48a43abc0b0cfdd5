"""Many days on the wire: each kind of day in turn, and a day on which every fault of the simulator's own wire strikes once."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from proofs.wire.day import Outcome, Spell, WireDay
from proofs.wire.trouble import MIXES, Mix

MINUTES, TROUBLES = 210, timedelta(minutes=166)
"""A half day, whole; then forty minutes of calm."""
FAULT_SPELL = timedelta(seconds=45)
ORDERS = {"route": "/v2/orders"}

FAULTS: Sequence[tuple[str, Mapping[str, Any]]] = (
    *(("http.drop", {"answer": answer, **ORDERS}) for answer in ("reset", "timeout", "504")),
    *(("http.accept_then", {"answer": answer, **ORDERS}) for answer in ("reset", "timeout", "504", "500", "400")),
    *(("http.delay_apply", {"seconds": 20, "answer": answer, **ORDERS}) for answer in ("reset", "timeout", "504")),
    ("http.429", {"retry_after": 5}),
    *(
        ("http.5xx", {"status": status, "body": body})
        for status, body in (("500", "json"), ("502", "html"), ("503", "empty"))
    ),
    ("http.401", {}),
    *(("http.truncate", {"length": length}) for length in ("cut", "full")),
    *(("http.mutate_json", {"change": change}) for change in ("unknown_enum", "null_field", "extra_key")),
    ("http.slow", {"seconds": 0.4, "probability": 0.3}),
    ("http.stale_read", {"seconds": 5}),
    ("ws.drop", {}),
    ("ws.dup", {}),
    ("ws.reorder", {}),
    ("ws.delay", {"seconds": 20}),
    *(("ws.mute", {"when": when}) for when in ("at_once", "after_auth")),
    *(("ws.close", {"code": code}) for code in ("1000", "1006", "1011")),
    *(("ws.refuse", {"status": status}) for status in ("403", "429", "503")),
    ("ws.406", {}),
    ("tcp.blackhole", {}),
    ("tcp.rst", {}),
    ("tcp.slice", {"bytes": 7}),
    ("tcp.half_close", {}),
)
"""Every fault of the simulator's catalogue that strikes HTTP, streams or TCP, in each of its forms."""


@dataclass
class Result:
    """What was played, in figures, and what went wrong; no problems is what is wanted."""

    seed: int
    days: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    orders: int = 0
    requests: int = 0
    busiest: int = 0
    log_bytes: int = 0
    naked_s: float = 0.0
    settled_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """One day more."""
        self.struck.update(outcome.struck)
        self.connections += sum(outcome.connections.values())
        self.orders += outcome.orders
        self.requests += outcome.requests
        self.busiest = max(self.busiest, outcome.busiest)
        self.log_bytes = max(self.log_bytes, outcome.log_bytes)
        self.naked_s = max(self.naked_s, outcome.longest_naked_s)
        self.settled_s = max(self.settled_s, outcome.slowest_settled_s)

    def facts(self) -> Mapping[str, Any]:
        """What is kept of a run: how often each trouble and fault began."""
        return {"faults": dict(self.struck)}

    def __str__(self) -> str:
        """Figures in a few lines."""
        days = ", ".join(f"{count} {kind}" for kind, count in self.days.items())
        struck = ", ".join(f"{count:,} {name}" for name, count in sorted(self.struck.items()))
        return (
            f"wire (seed {self.seed}): {self.days.total()} days ({days}), {self.connections:,} connections, "
            f"{self.orders:,} orders, {self.requests:,} requests (at most {self.busiest} a minute), "
            f"at most {self.log_bytes:,} bytes of log a day, {self.naked_s:.0f} s without a stop while troubles lasted, "
            f"{self.settled_s:.0f} s to settle, {len(self.problems)} problems\n  began: {struck}"
        )


def run(days: int, seed: int) -> Result:
    """Play ``days`` half days, each kind in turn, each with a seed of its own."""
    result, kinds = Result(seed), list(MIXES)
    for number in range(days):
        kind = kinds[number % len(kinds)]
        play(result, kind, MIXES[kind], seed + number, [Spell(TROUBLES)], MINUTES)
    return result


def run_faults(seed: int, faults: Sequence[tuple[str, Mapping[str, Any]]] = FAULTS) -> Result:
    """Let the simulator's own faults strike one after the other; after each one all is settled before the next begins."""
    result = Result(seed)
    spells = [Spell(FAULT_SPELL, name, given) for name, given in faults]
    play(result, "faults", Mix({}), seed, spells, min(MINUTES, 16 + 4 * len(spells)))
    return result


def play(result: Result, kind: str, mix: Mix, seed: int, spells: Sequence[Spell], minutes: int) -> None:
    """One day, added to the result."""
    folder = Path(tempfile.mkdtemp(prefix="wire-"))
    result.days[kind] += 1
    try:
        result.add(WireDay(folder / "home", seed, mix, spells, minutes).play())
    except Exception as error:  # noqa: BLE001 - whatever ends a day early is what is looked for
        told = f"{type(error).__name__}: {error}"
        result.problems.append(f"{kind} day of seed {seed}: {told} (its home is kept in {folder})")
    else:
        shutil.rmtree(folder)
