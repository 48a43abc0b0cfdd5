"""``make simulate``: every programme, one after the other or two at a time; 1 when anything went wrong.

``python -m proofs`` plays the daily measure of each, ``--nightly`` the long one, ``python -m proofs kills soak`` only those.
``--write FILE`` keeps the figures, which ``docs/safety.md`` shows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from alpaca_trader.edge.clock import SystemClock


class Result(Protocol):
    """What a programme found; its text is what people read."""

    problems: list[str]


@dataclass(frozen=True, slots=True)
class Programme:
    """A module's function with what it is given by day and by night."""

    module: str
    function: str
    daily: Mapping[str, Any]
    nightly: Mapping[str, Any]
    is_alone: bool = False
    """Whether it uses every core itself."""

    def run(self, nightly: bool) -> Result:
        """Play it."""
        function: Callable[..., Result] = getattr(import_module(f"proofs.{self.module}"), self.function)
        return function(**(self.nightly if nightly else self.daily))


PROGRAMMES: Mapping[str, Programme] = {
    "days": Programme("days", "run", {"minutes": 1_000_000}, {"minutes": 25_000_000}, is_alone=True),
    "wire": Programme("wire.days", "run", {"days": 5, "seed": 1}, {"days": 200, "seed": 1}),
    "kills": Programme("kills.run", "run", {"kills": 200, "seed": 1}, {"kills": 10_000, "seed": 1, "workers": 2}),
    "planted": Programme("planted", "run", {"workers": 1}, {"workers": 1}),
    "crashes": Programme("crash_points", "run", {"scenarios": 10}, {"scenarios": 25, "pairs": 5}),
    "calls": Programme("call_faults", "run", {"scenarios": 10}, {"scenarios": 25}),
    "soak": Programme("soak", "run", {"days": 63, "seed": 1}, {"days": 252, "seed": 1}),
    "power": Programme("power_loss", "run", {}, {}),
    "writers": Programme("file_writers", "run", {}, {}),
    "disk": Programme("failing_disk", "run", {"every": 8}, {}),
    "lost": Programme("lost_journal", "run", {"every": 20}, {}),
    "determinism": Programme("days", "same", {"seeds": 50}, {"seeds": 1000}),
}


def main() -> int:
    """Play what was asked for and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m proofs", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMMES))
    parser.add_argument("--nightly", action="store_true")
    parser.add_argument("--write", type=Path, help="keep the figures in this file")
    parser.add_argument("--note", default="", help="a remark to keep with them")
    asked = parser.parse_args()
    unknown = sorted(set(asked.names) - set(PROGRAMMES))
    if unknown:
        parser.error(f"there is no programme {unknown[0]}; there are {', '.join(PROGRAMMES)}")
    names = asked.names or list(PROGRAMMES)
    found = _one(names[0], asked.nightly) if len(names) == 1 else _all(names, asked.nightly)
    if asked.write is not None:
        asked.write.write_text(json.dumps(_record(found, asked.note), indent=1) + "\n", encoding="utf-8")
    return 1 if any(each["problems"] for each in found.values()) else 0


def _record(found: dict[str, Any], note: str) -> dict[str, Any]:
    """The figures with the day and the commit they are of."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout
    day = SystemClock().now().date().isoformat()
    return {"date": day, "commit": commit.strip(), "note": note, "programmes": found}


def _one(name: str, nightly: bool) -> dict[str, Any]:
    """Play one programme in this process."""
    clock = SystemClock()
    began_s = clock.monotonic()
    result = PROGRAMMES[name].run(nightly)
    seconds = round(clock.monotonic() - began_s, 1)
    lines = [str(result), *(f"  PROBLEM {problem}" for problem in result.problems)]
    sys.stdout.write("\n".join(lines) + f"\n  in {seconds:.0f} s\n\n")
    sys.stdout.flush()
    facts: dict[str, Any] = getattr(result, "facts", dict)()
    return {name: {"text": str(result), "problems": result.problems, "seconds": seconds, "facts": facts}}


def _all(names: Sequence[str], nightly: bool) -> dict[str, Any]:
    """Those that use every core first, the others two at a time, each in a process of its own."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        apart = [name for name in names if PROGRAMMES[name].is_alone]
        for name in apart:
            found |= _in_process(name, nightly, Path(folder))
        with ThreadPoolExecutor(2) as lanes:
            rest = [name for name in names if name not in apart]
            for each in lanes.map(lambda name: _in_process(name, nightly, Path(folder)), rest):
                found |= each
    return found


def _in_process(name: str, nightly: bool, folder: Path) -> dict[str, Any]:
    kept = folder / f"{name}.json"
    command = [sys.executable, "-m", "proofs", name, "--write", str(kept), *(["--nightly"] if nightly else [])]
    code = subprocess.run(command, check=False).returncode
    if not kept.exists():
        return {name: {"text": f"{name}: ended with {code}", "problems": [f"ended with {code}"], "facts": {}}}
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))["programmes"]
    return found


if __name__ == "__main__":
    sys.exit(main())
