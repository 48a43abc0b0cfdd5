"""The trials find bugs that are planted in the engine; each planting is real, and gone afterwards."""

from types import SimpleNamespace
from typing import Any

import pytest

from proofs.bugs import BUGS, Bug, Swap, planted
from proofs.planted import document, hunt, run

FOUND_AT = {
    "journal after send": 1,
    "timeout taken as reject": 1,
    "early expiry": 1,
    "exit race": 1,
    "double-counted fills": 2,
    "halt ignored": 2,
}
"""The day on which each is found; where the engine has changed since, one of the two that follow."""


@pytest.mark.parametrize(("name", "seed"), FOUND_AT.items())
def test_a_planted_bug_is_found(name: str, seed: int) -> None:
    """The day with the bug breaks a rule that the bug offends; without it the same day passes."""
    found = hunt(name, range(seed, seed + 3))
    assert found.problems == []
    assert found.seed is not None
    assert {found.judge, found.engine} & set(found.offends)


def test_what_is_not_found_is_a_problem() -> None:
    """A bug for which no day is left fails the run, and is counted as not found."""
    result = run(seeds=0, workers=1, names=["halt ignored"])
    assert result.problems == ["halt ignored was not found in 0 days"]
    assert str(result).startswith("planted bugs: 0 of 1 found in 0 days")
    assert "| halt ignored |" in document(result.facts())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_changes_the_engine_and_is_gone_afterwards(bug: Bug) -> None:
    """What a bug replaces is there, is another while it is planted, and stands again when it is not."""
    before = [vars(swap.owner)[swap.name] for swap in bug.swaps]
    with planted(bug):
        assert all(vars(swap.owner)[swap.name] is not was for swap, was in zip(bug.swaps, before, strict=True))
    assert [vars(swap.owner)[swap.name] for swap in bug.swaps] == before
    assert bug.rules


def test_a_bug_in_something_that_is_gone_is_not_planted() -> None:
    """A refactoring cannot unplant a bug in silence."""
    gone = Bug("gone", "nothing", ("INV-1",), (Swap(SimpleNamespace, "gone", lambda was: was),))
    with pytest.raises(LookupError, match="SimpleNamespace has no gone"), planted(gone):
        pass


def test_names_are_unique() -> None:
    """A bug is hunted by its name."""
    names: list[Any] = [bug.name for bug in BUGS]
    assert len(set(names)) == len(names) >= 36
