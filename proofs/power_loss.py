"""Power cuts at every operation of the journal: whatever the disk keeps, each acknowledged commit is there and all is whole.

The shipped ``Journal`` writes a morning's entries once, with every operation of SQLite recorded. Then, for each operation
and each of four models of a disk (``disk.Disk``), the image of that instant is opened with the shipped ``Journal``: what it
holds must be a gap-free prefix of what was written, with everything acknowledged, the chain whole, the file sound, and
the table of intents in step with the entries (INV-15, F33).
"""

import os
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alpaca_trader.core.errors import TraderError
from alpaca_trader.core.events import Action, Approved, CancelOrder, Event
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from proofs.disk import Disk, Image, empty, fast_folder, lay
from proofs.scene import Scene
from proofs.vfs import OK, Operation, witnessed

Entry = Event | Action
COMMIT_EVERY = 8
CHECKPOINT_PAGES = 60
"""SQLite moves its log into the database after 1,000 pages; here after fewer, so that it happens in the workload."""
WORKLOAD_ENDS = "09:36"
MOST_PROBLEMS = 20


@dataclass
class Result:
    """What was tried and what went wrong; no problems is what is wanted."""

    what: str
    operations: int = 0
    cases: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        models = ", ".join(f"{count:,} {model}" for model, count in sorted(self.cases.items()))
        cases = sum(self.cases.values())
        return f"{self.what}: {self.operations:,} operations, {cases:,} cases ({models}), {len(self.problems)} problems"


@dataclass
class Recording:
    """A workload's operations, in between the numbers of entries acknowledged, and the rows it left in the end."""

    operations: list[Operation]
    entries: list[tuple[Any, ...]]
    intents: list[tuple[Any, ...]]


def morning() -> list[Entry]:
    """The entries of a morning with two positions: what an engine really writes."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        scene = Scene(Path(folder))
        scene.begin()
        scene.play_until(scene.at(WORKLOAD_ENDS))
        scene.stop()
        with closing(JournalReader(scene.path)) as reader:
            return [recorded.entry for recorded in reader.entries()]


@contextmanager
def recorded_names(witness: Callable[[Operation], int]) -> Iterator[None]:
    """Renames and syncs of folders by Python's ``os`` are told too: how a new journal comes to its place."""
    rename, fsync = os.rename, os.fsync

    def on_rename(source: Any, target: Any, **more: Any) -> None:
        witness(Operation("rename", Path(source), to=Path(target)))
        rename(source, target, **more)

    def on_fsync(descriptor: int) -> None:
        witness(Operation("sync_folder", Path()))
        fsync(descriptor)

    os.rename, os.fsync = on_rename, on_fsync  # type: ignore[assignment]
    try:
        yield
    finally:
        os.rename, os.fsync = rename, fsync


def record(entries: Sequence[Entry], synchronous: str = "FULL") -> Recording:
    """Write the entries with the shipped journal, from the making of its file to its closing, with one restart between.

    ``synchronous`` other than FULL is a planted bug.
    """
    operations: list[Operation] = []

    def witness(operation: Operation) -> int:
        operations.append(operation)
        return OK

    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        path = Path(name) / "trades.db"
        with witnessed(witness), recorded_names(witness):
            journal = _opened(path, synchronous)
            for number, entry in enumerate(entries, 1):
                if number == len(entries) // 2:
                    journal.commit()
                    journal.close()
                    journal = _opened(path, synchronous)
                journal.record(entry)
                if number % COMMIT_EVERY == 0 or isinstance(entry, Approved | CancelOrder):
                    journal.commit()
                    operations.append(Operation("acknowledged", path, number))
            journal.close()
        with closing(sqlite3.connect(path)) as connection:
            return Recording(operations, *_rows(connection))


def _opened(path: Path, synchronous: str) -> Journal:
    journal = Journal.open(path, Mode.SIM, "account", "1")
    journal._connection.execute(f"PRAGMA synchronous = {synchronous}")
    journal._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return journal


def _rows(connection: sqlite3.Connection) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    entries = connection.execute("SELECT seq, kind, payload, chain FROM entries ORDER BY seq").fetchall()
    return entries, connection.execute("SELECT seq, client_order_id FROM intents ORDER BY seq").fetchall()


def images(recording: Recording, seed: int, every: int = 1) -> Iterator[tuple[int, int, str, Image]]:
    """Operation's number, entries acknowledged before it, model, and what the disk may then hold."""
    disk, acknowledged, chance = Disk({}), 0, random.Random(seed)
    for number, operation in enumerate(recording.operations, 1):
        if operation.kind == "acknowledged":
            acknowledged = operation.at
        disk.take(operation)
        if number % every == 0:
            for model, image in disk.images(chance):
                yield number, acknowledged, model, image


def flaw(folder: Path, acknowledged: int, recording: Recording) -> str | None:
    """What is wrong with the journal that lies in the folder after a power cut, or None."""
    path = folder / "trades.db"
    if not path.exists() and not acknowledged:
        return None  # it was still being made; the next start makes it again
    try:
        with closing(Journal.open(path, Mode.SIM, "account", "1")) as journal:
            for _ in journal.since_checkpoint():
                pass
            return _differs(journal._connection, acknowledged, recording)
    except (TraderError, sqlite3.Error) as error:
        return f"cannot be opened: {error}"


def _differs(connection: sqlite3.Connection, acknowledged: int, recording: Recording) -> str | None:
    entries, intents = _rows(connection)
    if entries != recording.entries[: len(entries)]:
        return "the entries are no prefix of what was written"
    if len(entries) < acknowledged:
        return f"{acknowledged - len(entries)} of {acknowledged} acknowledged entries are gone"
    if intents != [row for row in recording.intents if row[0] <= len(entries)]:
        return "the intents do not follow from the entries"
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    return None if verdict == "ok" else str(verdict)


def second_cuts(image: Image, folder: Path, seed: int) -> Iterator[tuple[int, str, Image]]:
    """The power goes again while the image's journal is opened and closed: step, model, and what the disk may then hold."""
    operations: list[Operation] = []

    def witness(operation: Operation) -> int:
        operations.append(operation)
        return OK

    lay(image, folder)
    with witnessed(witness), recorded_names(witness):
        Journal.open(folder / "trades.db", Mode.SIM, "account", "1").close()
    empty(folder)
    disk, chance = Disk({folder / path.name: content for path, content in image.items()}), random.Random(seed)
    for number, operation in enumerate(operations, 1):
        disk.take(operation)
        for model, after in disk.images(chance):
            yield number, model, after


def run(seed: int = 1, every: int = 1, again: int = 199, synchronous: str = "FULL") -> Result:
    """Cut the power at every ``every``-th operation in all four models, and of every ``again``-th image a second time.

    Stops at the first twenty problems.
    """
    recording = record(morning(), synchronous)
    result = Result("power loss", sum(operation.kind != "acknowledged" for operation in recording.operations))
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        folder = Path(name)

        def look(image: Image, acknowledged: int, model: str, where: str) -> None:
            lay(image, folder)
            problem = flaw(folder, acknowledged, recording)
            empty(folder)
            result.cases[model] += 1
            if problem is not None:
                result.problems.append(f"{where}, {model}: {problem}")

        for count, (number, acknowledged, model, image) in enumerate(images(recording, seed, every), 1):
            look(image, acknowledged, model, f"operation {number}")
            if count % again == 0 and not result.problems:
                for step, model_again, after in second_cuts(image, folder, seed):
                    look(after, acknowledged, f"{model_again} twice", f"operation {number}, {model}, then step {step}")
            if len(result.problems) >= MOST_PROBLEMS:
                break
    return result
