"""Whole processes: how soon a command answers, and what a simulated day takes in time and memory."""

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.day import DAY, SEED, PlayedDay
from benchmarks.measure import Result, child

ROUNDS = 15
COMMAND = Path(sys.executable).parent / "alpaca-trader"
PASS: list[str | Path] = [sys.executable, "-c", "pass"]
LIBRARIES = [sys.executable, "-c", "import alpaca.trading.client, alpaca.data.historical, pandas"]


def run(day: PlayedDay, folder: Path) -> Iterator[Result]:
    """Start-up of the commands people wait for, then one day over real sockets."""
    commands: dict[str, list[str | Path]] = {
        "--help": [COMMAND, "--help"],
        "status": [COMMAND, "status", "--home", day.home.path],
        "pass": PASS,
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):  # by turns, so that a busy second falls on all of them
        for name, command in commands.items():
            took[name].append(child(command)[0])
    against = statistics.median(took["pass"])
    for name in ("status", "--help"):
        yield Result(f"alpaca-trader {name}", statistics.median(took[name]), "python -c pass", against)
    words: list[str | Path] = [
        COMMAND,
        "run",
        "--sim",
        "--json",
        "--seed",
        str(SEED),
        "--date",
        DAY.isoformat(),
        "--home",
        folder,
    ]
    seconds, resident = child(words)
    _, libraries = child(LIBRARIES)
    yield Result("a simulated day over sockets, report included", seconds, "the day by direct calls", day.took_s)
    yield Result("its peak resident memory", resident, "python with alpaca-py and pandas imported", libraries, "MiB")
