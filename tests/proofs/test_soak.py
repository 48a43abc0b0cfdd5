"""The soak's short form, and that its measure sees what it is for."""

import threading

import pytest

from proofs.soak import descriptors, run, size_of


@pytest.mark.timeout(240)
def test_some_sessions_leave_nothing_behind() -> None:
    """A session in memory, two in a home with three lives; files, threads and what is remembered stay bounded."""
    before = threading.active_count(), descriptors()
    result = run(days=3, seed=5, home_days=2)
    assert (threading.active_count(), descriptors()) == before
    assert result.problems == []
    assert (result.days, result.growth) == (3, None)
    assert result.orders > 30
    assert result.faults > 0
    assert result.journal_bytes > 100_000
    assert result.log_bytes > 1_000


def test_what_an_object_holds_is_measured_however_deep() -> None:
    """A list that grows somewhere below is seen; what is reached through an exempted object is not; cycles end."""

    class Holder:
        def __init__(self) -> None:
            self.kept: dict[str, list[object]] = {"deep": [self]}

    holder, other = Holder(), Holder()
    before = size_of([holder], [])
    holder.kept["deep"] += [bytes(1000), bytes(1000)]
    assert before + 2000 < size_of([holder], []) < before + 2200
    holder.kept["other"] = [other]
    other.kept["deep"] += [bytes(10_000)]
    assert size_of([holder], [other]) < before + 3000
