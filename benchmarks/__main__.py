"""``python -m benchmarks [quick]``: measure everything and print one table. ``quick`` leaves the whole market out."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import day, journal, processes, rest, simulator, strategies, tick
from benchmarks.measure import Result, machine

QUICK = "quick"


def main(words: list[str]) -> int:
    """Print the table row by row, the machine before and after."""
    if words not in ([], [QUICK]):
        sys.stderr.write(f"usage: python -m benchmarks [{QUICK}]\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        _say(f"{machine()}\n\n| what | figure | baseline | ratio |\n|---|---|---|---|")
        for result in _results(Path(folder), is_quick=words == [QUICK]):
            _say(result.row())
    _say(f"\n{machine()}")
    return 0


def _results(folder: Path, is_quick: bool) -> Iterator[Result]:
    played = day.play(folder / "played")
    yield from processes.run(played, folder / "sockets")
    yield from tick.run(played)
    yield from journal.run(played, folder)
    yield from rest.run()
    yield from simulator.run()
    if not is_quick:
        yield from strategies.run()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
