"""The benchmarks stay runnable: all of them import, and a row says what it means. What they measure is not judged here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Result, child

REPO = Path(__file__).resolve().parent.parent


def test_a_wrong_word_is_answered_with_how_to_ask() -> None:
    """Reaching the answer imports every benchmark, so that what they call still exists."""
    command = [sys.executable, "-m", "benchmarks", "fast"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "usage: python -m benchmarks [quick]\n")


@pytest.mark.parametrize(
    ("result", "row"),
    [
        (Result("a", 0.25, "b", 0.02), "| a | 250 ms | b: 20 ms | 12 |"),
        (Result("a", 1.5, "b", 2.0), "| a | 1.5 s | b: 2 s | 0.75 |"),
        (Result("a", 0.0000425, "b", 0.00001), "| a | 42.5 µs | b: 10 µs | 4.25 |"),
        (Result("a", 1234.5, "b", 2469.0, "/s"), "| a | 1,234/s | b: 2,469/s | 0.50 |"),
        (Result("a", 250.2, "b", 205.0, "MiB"), "| a | 250 MiB | b: 205 MiB | 1.22 |"),
    ],
)
def test_a_row_shows_figure_baseline_and_ratio(result: Result, row: str) -> None:
    """Three digits, the unit that fits, figure over baseline."""
    assert result.row() == row


def test_a_child_process_is_measured_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds and MiB of a process of its own; one that fails is no measurement."""
    for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_"))]:
        monkeypatch.delenv(name)  # what is measured is the child, not coverage in it
    took, resident = child([sys.executable, "-c", "pass"])
    assert 0 < took < 50
    assert resident > 1  # no upper bound: before exec Linux counts the pages of the process that measures
    with pytest.raises(subprocess.CalledProcessError):
        child([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_readme_names_every_file() -> None:
    """A benchmark nobody is told of is not repeated."""
    readme = (REPO / "benchmarks" / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in (REPO / "benchmarks").glob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in sorted(files) if f"`{name}`" not in readme] == []
