"""Measuring: medians on the machine's clock, and one line that says what was measured against what."""

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.edge.clock import SystemClock

REAL = SystemClock()
MIB = 2**20


class Result(NamedTuple):
    """One figure beside its baseline, both in ``unit``: s (seconds), /s (per second) or MiB."""

    what: str
    figure: float
    baseline: str
    against: float
    unit: str = "s"

    def row(self) -> str:
        """The result as a row of a Markdown table."""
        ratio = self.figure / self.against
        shown = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
        return f"| {self.what} | {_shown(self.figure, self.unit)} | {self.baseline}: {_shown(self.against, self.unit)} | {shown} |"


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = REAL.monotonic()
    call()
    return REAL.monotonic() - began


def median_s(call: Callable[[], object], rounds: int) -> float:
    """The median of ``rounds`` calls, after one that does not count."""
    call()
    return statistics.median(seconds(call) for _ in range(rounds))


def child(command: Sequence[str | Path]) -> tuple[float, float]:
    """Seconds and peak resident memory (MiB) of a process of its own. Raises CalledProcessError where it fails."""
    began = REAL.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took = REAL.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, [str(word) for word in command])
    in_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return took, in_bytes / MIB


def machine() -> str:
    """Cores, processor, load and versions: what the figures depend on beside the code."""
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    chip = platform.processor() or platform.machine()
    if (facts := Path("/proc/cpuinfo")).exists():
        names = [line.partition(":")[2].strip() for line in facts.read_text().splitlines() if "model name" in line]
        chip = names[0] if names else chip
    return f"{os.cpu_count()} cores, {chip}, {platform.system()}, Python {platform.python_version()}, load {load}"


def _shown(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:,.0f} {unit}" if unit != "/s" else f"{value:,.0f}/s"
    for factor, name in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e6:.3g} µs"
