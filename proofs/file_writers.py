"""Power cuts and crashes at every step of the files we replace: a reader finds the old one or the new one, whole.

Each writer as shipped replaces its file once, with every step seen at the operating system (open, write, sync, rename,
sync of the folder). What each model of a disk may hold after each step is then read with the reader as shipped. Once
the writer has returned, only the new content will do (INV-19, INV-20).
"""

import json
import os
import random
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from alpaca_trader.core.config import RiskConfig, StrategyConfig, parse_config
from alpaca_trader.core.policy import Policy
from alpaca_trader.edge import inbox
from alpaca_trader.edge.arming import Arming
from alpaca_trader.edge.config_store import STRATEGY_FILE, read_file, write_config
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.starts import note_start
from alpaca_trader.edge.status import write_status
from alpaca_trader.research.simulated_home import RunIdentity, SimulatedHome
from proofs.disk import Disk, Image, empty, fast_folder, lay
from proofs.power_loss import Result
from proofs.vfs import Operation

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
TEARS = 20
"""How many torn images of each instant are tried."""
PADDING = "x" * 2_000
"""Makes files longer than a sector, so that they can tear."""


class Writer(NamedTuple):
    """A file of ours: ``write(folder, n)`` brings its n-th content, ``read(folder)`` answers n, or None for no file."""

    name: str
    write: Callable[[Path, int], object]
    read: Callable[[Path], int | None]


def _status(folder: Path, n: int) -> None:
    write_status(folder / "status.json", {"n": n, "padding": PADDING})


def _read_status(folder: Path) -> int | None:
    file = folder / "status.json"
    found: int | None = json.loads(file.read_bytes())["n"] if file.exists() else None
    return found


def _config(folder: Path, n: int) -> None:
    write_config(StrategyConfig(risk=RiskConfig(max_positions=n), strategies={}), folder / STRATEGY_FILE)


def _read_config(folder: Path) -> int | None:
    if not (folder / STRATEGY_FILE).exists():
        return None
    return parse_config(read_file(folder, STRATEGY_FILE), STRATEGY_FILE).risk.max_positions


def _arming(folder: Path, n: int) -> Arming:
    return Arming(folder / "armed.json", Policy(), f"account-{n}", "1")


def _arm(folder: Path, n: int) -> None:
    _arming(folder, n).arm(AT, lambda question: f"nt-{n}")


def _read_arming(folder: Path) -> int | None:
    return next((n for n in (1, 2) if _arming(folder, n).holds(AT)), None)


def _start(folder: Path, n: int) -> None:
    note_start(folder / "starts.json", AT.replace(minute=n))


def _read_starts(folder: Path) -> int | None:
    file = folder / "starts.json"
    return len(json.loads(file.read_bytes())) if file.exists() else None


def _command(folder: Path, n: int) -> None:
    inbox.leave(folder, "halt", "a human", f"{n}", AT.replace(minute=n))


def _read_commands(folder: Path) -> int | None:
    waiting = sum(1 for _ in folder.glob("*.json"))
    taken = len(list(inbox.Inbox(folder / "nowhere", folder, lambda: False).take(AT)))
    assert taken == waiting, "a command is complete or not there"
    return taken or None


def _run(folder: Path, n: int) -> None:
    place = SimulatedHome(Home(folder.parent.parent))
    identity = RunIdentity(7, "2026-11-20", 1, "live467", ("SPY",), None)
    place.prepare(identity, fresh=False)
    if n > 1:
        place.finish()


def _read_run(folder: Path) -> int | None:
    file = folder / "run.json"
    return (2 if json.loads(file.read_bytes())["finished"] else 1) if file.exists() else None


WRITERS = (
    Writer("status.json", _status, _read_status),
    Writer("strategy.json", _config, _read_config),
    Writer("armed.json", _arm, _read_arming),
    Writer("starts.json", _start, _read_starts),
    Writer("inbox", _command, _read_commands),
    Writer("run.json", _run, _read_run),
)


@dataclass
class _Seen:
    """Turns what Python's ``os`` is asked for, and what it did to the folder, into operations."""

    folder: Path
    operations: list[Operation]

    def __post_init__(self) -> None:
        self._known = self._content()

    def _content(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(self.folder.iterdir()) if path.is_file()}

    def look(self) -> None:
        """Tell what was written since the last look."""
        now = self._content()
        for path, content in now.items():
            before = self._known.get(path)
            if before == content:
                continue
            if before is not None and not content.startswith(before):
                self.operations.append(Operation("truncate", path))
                before = b""
            start = len(before or b"")
            self.operations.append(Operation("write", path, start, content[start:]))
        self._known = now

    def rename(self, source: Any, target: Any) -> None:
        """Before a rename."""
        self.look()
        self.operations.append(Operation("rename", Path(source), to=Path(target)))
        self._known[Path(target)] = self._known.pop(Path(source))

    def sync(self, descriptor: int) -> None:
        """Before a sync, of a file or of the folder."""
        self.look()
        asked = os.fstat(descriptor)
        if stat.S_ISDIR(asked.st_mode):
            self.operations.append(Operation("sync_folder", self.folder))
            return
        (path,) = [path for path in self._known if os.path.samestat(path.stat(), asked)]
        self.operations.append(Operation("sync", path))


@contextmanager
def seen(folder: Path) -> Iterator[list[Operation]]:
    """The operations that Python's ``os`` is asked for in the folder meanwhile."""
    operations: list[Operation] = []
    witness = _Seen(folder, operations)
    real_rename, real_replace, real_fsync = os.rename, os.replace, os.fsync

    def rename(source: Any, target: Any, **more: Any) -> None:
        witness.rename(source, target)
        real_rename(source, target, **more)

    def replace(source: Any, target: Any, **more: Any) -> None:
        witness.rename(source, target)
        real_replace(source, target, **more)

    def fsync(descriptor: int) -> None:
        witness.sync(descriptor)
        real_fsync(descriptor)

    os.rename, os.replace, os.fsync = rename, replace, fsync  # type: ignore[assignment]
    try:
        yield operations
        witness.look()
    finally:
        os.rename, os.replace, os.fsync = real_rename, real_replace, real_fsync


def cuts(before: Image, operations: list[Operation], seed: int) -> Iterator[tuple[int, str, Image]]:
    """Steps done, model, and what the disk may hold then."""
    disk, chance = Disk(before), random.Random(seed)
    for number in range(len(operations) + 1):
        if number:
            disk.take(operations[number - 1])
        for tear in range(TEARS):
            for model, image in disk.images(chance):
                if model == "torn" or not tear:
                    yield number, model, image


def run(seed: int = 1, writers: tuple[Writer, ...] = WRITERS) -> Result:
    """Cut every writer's first and second writing at each step, in every model."""
    result = Result("file writers")
    for writer in writers:
        for n in (1, 2):
            _cut(writer, n, seed, result)
    return result


def _cut(writer: Writer, n: int, seed: int, result: Result) -> None:
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        folder, other = Path(name) / "data" / "simulator", Path(name) / "after"
        folder.mkdir(parents=True)
        other.mkdir()
        if n > 1:
            writer.write(folder, n - 1)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        with seen(folder) as operations:
            writer.write(folder, n)
        result.operations += len(operations)
        for number, model, image in cuts(before, operations, seed):
            lay(image, other)
            try:
                found: object = writer.read(other)
            except Exception as error:  # noqa: BLE001 - whatever a reader stumbles over is what we look for
                found = f"{type(error).__name__}: {error}"
            empty(other)
            result.cases[model] += 1
            allowed = (n,) if number == len(operations) else (n, n - 1 or None)
            if found not in allowed:
                where = f"{writer.name}, writing {n}, after step {number} of {len(operations)}, {model}"
                result.problems.append(f"{where}: read {found}")
