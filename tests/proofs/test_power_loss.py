"""Power cuts in short form: the journal at one operation in nine, the files we replace at every step, the models themselves."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from proofs import file_writers, power_loss
from proofs.disk import Disk
from proofs.file_writers import Writer
from proofs.vfs import IOERR_WRITE, OK, Operation, witnessed

DB = Path("trades.db")
LOG = Path("trades.db-wal")


@pytest.mark.usefixtures("seen_sqlite")
def test_a_power_cut_loses_nothing_acknowledged() -> None:
    """INV-15, F33: in every model the journal opens, whole, with all that was acknowledged; cut again while it opens, too."""
    result = power_loss.run(every=9, again=99)
    assert result.problems == []
    models = {"lost", "kept", "names kept", "torn"}
    assert set(result.cases) == models | {f"{model} twice" for model in models}
    assert sum(result.cases.values()) > 300


@pytest.mark.usefixtures("seen_sqlite")
def test_a_journal_that_does_not_wait_for_the_disk_is_found_out() -> None:
    """Planted: with synchronous NORMAL acknowledged entries are gone, and only where the disk lost something."""
    result = power_loss.run(every=9, synchronous="NORMAL")
    assert len(result.problems) >= power_loss.MOST_PROBLEMS
    assert any("acknowledged entries are gone" in problem for problem in result.problems)
    assert not any(", kept: " in problem for problem in result.problems)


def test_files_are_replaced_whole() -> None:
    """INV-19, INV-20: after a cut at any step a reader finds the old file or the new one; once written, the new one."""
    result = file_writers.run()
    assert result.problems == []
    assert result.operations > 30


def test_a_file_written_in_place_is_found_out() -> None:
    """Planted: without a file aside and its sync a cut leaves half a file, or the old one after the writer returned."""

    def write(folder: Path, n: int) -> None:
        (folder / "state").write_text(f"{n}" * 2_000)

    def read(folder: Path) -> int | None:
        file = folder / "state"
        text = file.read_text() if file.exists() else ""
        assert len(text) in (0, 2_000)
        return int(text[0]) if text else None

    problems = file_writers.run(writers=(Writer("state", write, read),)).problems
    assert any("AssertionError" in problem for problem in problems)
    assert any("after step 2 of 2, lost: read 1" in problem for problem in problems)


# ---------------------------------------------------------------- the disk itself


def contents(*operations: Operation, seed: int = 1) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What may lie on an empty disk after these operations."""
    disk = Disk({})
    for operation in operations:
        disk.take(operation)
    for model, image in disk.images(random.Random(seed)):
        yield model, {path.name: content for path, content in image.items()}


def test_what_is_not_synced_may_be_lost_or_kept() -> None:
    """A log's name is certain with its first sync, its content with each."""
    found = dict(contents(Operation("write", LOG, 0, b"a"), Operation("sync", LOG), Operation("write", LOG, 1, b"b")))
    assert (found["lost"], found["kept"]) == ({LOG.name: b"a"}, {LOG.name: b"ab"})


def test_a_name_is_certain_once_its_folder_is_synced() -> None:
    """Until then a renamed file may lie there under its old name, under the new one without content, or not at all."""
    written = Operation("write", DB, 0, b"new")
    renamed = Operation("rename", DB, to=Path("final"))
    synced, folder = Operation("sync", DB), Operation("sync_folder", Path())
    assert dict(contents(written, synced, renamed))["lost"] == {}
    assert dict(contents(written, renamed))["names kept"] == {"final": b""}
    assert dict(contents(written, synced, renamed, folder))["lost"] == {"final": b"new"}
    assert dict(contents(written, folder, Operation("delete", DB)))["lost"] == {DB.name: b""}
    assert dict(contents(written, folder, Operation("delete", DB, 1)))["lost"] == {}


def test_a_torn_write_is_torn_at_sectors() -> None:
    """Any of a write's sectors may be there; what was synced is never touched."""
    torn = set()
    for seed in range(60):
        synced = (Operation("write", LOG, 0, b"s" * 100), Operation("sync", LOG))
        found = dict(contents(*synced, Operation("write", LOG, 100, b"w" * 1_000), seed=seed))["torn"]
        torn.add(found.get(LOG.name, b""))
    assert all(content.startswith(b"s" * 100) for content in torn)
    ends = {content[100:] for content in torn}
    assert {b"", b"w" * 412, b"w" * 924, b"w" * 1_000, bytes(412) + b"w" * 512} <= ends
    assert len(ends) == 8


@pytest.mark.usefixtures("seen_sqlite")
def test_an_operation_that_is_refused_does_not_happen(tmp_path: Path) -> None:
    """What the witness answers is what SQLite gets, and the file stays as it was."""
    import sqlite3

    answers = {"write": OK}
    with witnessed(lambda operation: answers.get(operation.kind, OK)):
        connection = sqlite3.connect(tmp_path / "any.db", isolation_level=None)
        connection.execute("CREATE TABLE t (x)")
        before = (tmp_path / "any.db").read_bytes()
        answers["write"] = IOERR_WRITE
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            connection.execute("INSERT INTO t VALUES (1)")
        connection.close()
    assert (tmp_path / "any.db").read_bytes() == before
