"""Random sequences of everything an account can do: the short form of `make sequences`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator.exchange.auditor import Books, Judge
from tests.simulator.exchange.commands import COMMANDS
from tests.simulator.exchange.sequences import OrderSequence, play
from tests.simulator.exchange.stage import START

REPO = Path(__file__).resolve().parents[3]
DIGEST = "from tests.simulator.exchange.sequences import OrderSequence, play; play(10, 3, 16); print(OrderSequence.digest.hexdigest())"


@pytest.mark.parametrize(("seed", "longest"), [(1, 12), (4, 30), (6, 30), (7, 40)])
def test_nothing_an_account_does_breaks_its_books(seed: int, longest: int) -> None:
    """Money, shares, holds, ledger, bodies, the order of news and the replay agree after every command of any sequence."""
    before = OrderSequence.tally.copy()
    play(70, seed, longest)
    done = OrderSequence.tally - before
    assert done["sequences"] >= 70
    assert done["event fill"] > 20


@pytest.mark.parametrize("number", range(12))
def test_a_logged_account_is_replayed(number: int) -> None:
    """Whatever is drawn, every stage is replayed once: every ninth command of the list, and its command log again."""
    before = OrderSequence.tally.copy()
    sequence = OrderSequence()
    sequence.open(number=number, profile="paper100k", switches="usual", logged=True)
    for command in COMMANDS[number :: len(COMMANDS) // 9]:
        sequence.do(command=command, then=3)
    sequence.teardown()
    assert (OrderSequence.tally - before)["replays"] == 1


def test_the_same_seed_is_the_same_history_in_every_process() -> None:
    """Every event id, event and filled quantity is alike, whatever the hashes of this process are."""
    found = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=REPO, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True, capture_output=True, text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert len(found.pop().strip()) == 64


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        (["new", "new"], "new after new"),
        (["fill"], "fill without an execution"),
        (["new", "canceled", "expired"], "expired after canceled"),
        (["accepted", "accepted"], "accepted after accepted"),
        (["new", "replaced", "canceled"], "canceled after replaced"),
    ],
)
def test_the_judge_sees_illegal_news(events: list[str], complaint: str) -> None:
    """An order that is acknowledged twice, or lives after its end, is noticed (alpaca-contract 3.13)."""
    judge = Judge(Books("467.00", []))
    *legal, last = [_update(number, event) for number, event in enumerate(events)]
    for update in legal:
        judge.hear(update)
    with pytest.raises(AssertionError, match=complaint):
        judge.hear(last)


def _update(number: int, event: str) -> dict[str, object]:
    order = {"id": "one", "status": event, "filled_qty": "0", "qty": "1", "replaced_by": "two", "replaces": None}
    at = START.isoformat()
    return {"event": event, "event_id": f"{number:026}", "at": at, "timestamp": at, "order": order}
