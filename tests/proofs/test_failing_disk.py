"""A failing disk in short form: each kind of failure at a few operations of a morning, a lock, and what would show if not."""

from contextlib import suppress
from pathlib import Path

import pytest

from alpaca_trader.core.errors import Fatal
from alpaca_trader.edge.journal.errors import JournalUnwritable
from alpaca_trader.edge.journal.sqlite import Journal
from proofs import failing_disk
from proofs.failing_disk import FAILURES, FailingDisk, Failure
from proofs.scene import Scene
from proofs.vfs import FULL, witnessed

PLACES = (65, 200, 380, 520)
"""Operations at the start, at the first buy, at the second one's stop, and after the exit."""


@pytest.mark.usefixtures("seen_sqlite")
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
@pytest.mark.parametrize("place", PLACES)
def test_entries_stop_and_protection_goes_on(failure: Failure, place: int) -> None:
    """INV-18, F35: no buy without its intent on disk, no position without a stop, the exit made, nothing recorded lost."""
    disk = FailingDisk(failure, place)
    assert failing_disk.morning(disk) == []
    assert disk.refused >= 1


@pytest.mark.usefixtures("seen_sqlite")
def test_somebody_elses_lock_stops_entries_and_nothing_else() -> None:
    """F36: kept out from a minute before the exit on, it sells and guards, and writes all of it when the lock is gone."""
    assert failing_disk.morning(FailingDisk(FAILURES[0], None), lock_at="09:36") == []


@pytest.mark.usefixtures("seen_sqlite")
def test_a_start_on_a_full_disk_guards_and_sells_what_is_held(tmp_path: Path) -> None:
    """INV-18: killed with two positions and started where nothing can be written, it sells one, guards the other, buys none.

    What it did without a journal is found at the broker by the first start that can write again.
    """
    disk = FailingDisk(FAILURES[0], None)
    with witnessed(disk):
        scene = Scene(tmp_path)
        scene.begin()
        scene.play_until(scene.at("09:36"))
        scene.kill()
        disk.first = 1
        assert scene.begin() is None
        assert "disk is full" in str(scene.opened.unwritable)
        scene.play_until(scene.at("09:42"))
        assert scene.engine.position_states() == {"NVDA": "protected"}
        assert list(scene.held()) == ["NVDA"], "SPY was sold and not bought again"
        scene.stop()
        disk.first = None
        lost = scene.begin()
        assert lost is not None
        assert "lacks an order of ours that the broker has" in lost.detail
        scene.play_until(scene.at("09:44"))
        assert scene.engine.position_states() == {"NVDA": "protected"}
        scene.stop()


@pytest.mark.usefixtures("seen_sqlite")
def test_a_start_on_a_full_disk_with_nothing_held_is_refused(tmp_path: Path) -> None:
    """Nobody needs guarding: the human hears at once what is wrong."""
    disk = FailingDisk(FAILURES[0], None)
    with witnessed(disk):
        scene = Scene(tmp_path)
        scene.begin()
        scene.play_until(scene.at("09:31"))
        scene.kill()
        disk.first = 1
        with pytest.raises(JournalUnwritable, match="disk is full"):
            scene.begin()


@pytest.mark.usefixtures("seen_sqlite")
def test_a_journal_that_hides_its_failure_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a commit that swallows the error lets a buy out whose intent is on no disk."""
    commit = Journal.commit

    def hiding(self: Journal) -> None:
        with suppress(Fatal):
            commit(self)

    monkeypatch.setattr(Journal, "commit", hiding)
    problems = failing_disk.morning(FailingDisk(Failure("full", FULL, True), PLACES[0]))
    assert any("was sent and is not in the journal" in problem for problem in problems)
    assert "the journal failed and entries were not stopped" in problems
