"""Runs the programme: once for few kills, side by side in parts for many."""

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from proofs.hosted import OUTPUT
from proofs.kills.programme import Programme
from proofs.kills.result import Result

PART = 50
"""Kills in one home: each start reads what all before it wrote."""


def run(kills: int, seed: int, workers: int = 1, before: Sequence[Callable[[], None]] = ()) -> Result:
    """Kill ``kills`` times, in parts of ``PART`` with the seeds from ``seed`` on, ``workers`` at a time.

    ``before`` is called first in every engine's process. A part ends at its first problem; its folder is kept then.
    """
    parts = [min(PART, kills - done) for done in range(0, kills, PART)]
    one = partial(_run_part, before=tuple(before))
    seeds = range(seed, seed + len(parts))
    total = Result(seed)
    if workers == 1:
        results = list(map(one, parts, seeds))
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            results = list(pool.map(one, parts, seeds))
    for result in results:
        total.add(result)
    return total


def _run_part(kills: int, seed: int, before: Sequence[Callable[[], None]]) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    programme = Programme(kills, seed, folder, before)
    try:
        programme.run()
    except Exception as error:  # noqa: BLE001 - whatever broke is a problem, and the other parts go on
        output = programme.home.path / OUTPUT
        said = output.read_text()[-1000:] if output.exists() else ""
        again = f"python -m proofs.kills {kills} --seed {seed}"
        where = f"kill {programme.result.kills}, {type(error).__name__}: {error}; everything is kept in {folder}"
        programme.result.problems.append(f"{again}: {where}\n{said}")
    else:
        shutil.rmtree(folder)
    return programme.result
