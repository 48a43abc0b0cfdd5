"""What a killed engine leaves on disk: a journal that is a gap-free prefix, a status file and a log that can be read (INV-15, 19)."""

import json
import shutil
from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import Mode
from alpaca_trader.core.recovery import rebuild
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.chain import GENESIS, link
from alpaca_trader.edge.journal.database import migrations, open_for_reading
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from proofs.paced import SharedNumber


def note_commits(path: Path) -> None:
    """In an engine's process: write to ``path`` the number of the last entry that a commit has promised."""
    promised, commit = SharedNumber(path), Journal.commit

    def noted(self: Journal) -> None:
        commit(self)
        promised.write(self._seq)

    Journal.commit = noted  # type: ignore[method-assign]  # looks on; the real one does the work


class Lost(AssertionError):
    """Something that must be there after a death is not."""


class Remains:
    """Compares what lies there after each death with what lay there after the one before."""

    def __init__(self, home: Home, aside: Path) -> None:
        """``aside`` is a folder for copies: nothing of the dead is touched before the next engine finds it."""
        self._home, self._copy = home, aside / "journal.db"
        self._commits = aside / "commits"
        self._promised = SharedNumber(self._commits)
        self._seq, self._head = 0, GENESIS
        self._timestamp = ""
        self._log_sizes: dict[Path, int] = {}

    @property
    def note_commits(self) -> "partial[None]":
        """What an engine has to do first, so that its promises are known."""
        return partial(note_commits, self._commits)

    def check(self, said: Collection[str]) -> None:
        """Everything, right after a death; ``said``: the ids the broker has heard of. Raises Lost."""
        self._check_status()
        self._check_logs()
        if not self._home.database(Mode.SIM).exists():
            if self._promised.read():
                raise Lost("commits were promised and there is no journal")
            return
        self._take_copy()
        with closing(open_for_reading(self._copy, migrations())) as journal:
            rows = journal.execute(
                "SELECT seq, kind, payload, chain FROM entries WHERE seq > ? ORDER BY seq", (self._seq,)
            )
            for seq, kind, payload, chain in rows:
                self._seq, self._head = self._seq + 1, link(self._head, kind, payload.encode())
                if (seq, chain) != (self._seq, self._head):
                    raise Lost(f"entry {self._seq} is missing, or does not follow from what was there before")
            if self._seq < self._promised.read():
                raise Lost(f"entry {self._promised.read()} was promised; the journal ends at {self._seq}")
            known = {key for (key,) in journal.execute("SELECT client_order_id FROM intents")}
            if not known.issuperset(said):
                raise Lost(f"the broker heard of {sorted(set(said) - known)}, the journal did not")
            (verdict,) = journal.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise Lost(f"the journal is damaged: {verdict}")

    def belief(self) -> Belief:
        """What an engine that starts now would believe."""
        self._take_copy()
        with closing(JournalReader(self._copy)) as reader:
            return rebuild(recorded.entry for recorded in reader.entries())

    def _take_copy(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._copy.with_name(self._copy.name + suffix).unlink(missing_ok=True)
        database = self._home.database(Mode.SIM)
        shutil.copyfile(database, self._copy)
        log = database.with_name(f"{database.name}-wal")
        if log.exists():
            shutil.copyfile(log, self._copy.with_name(f"{self._copy.name}-wal"))

    def _check_status(self) -> None:
        if not self._home.status_file.exists():
            return
        timestamp = json.loads(self._home.status_file.read_bytes())["timestamp"]
        if timestamp < self._timestamp:
            raise Lost(f"status.json went back from {self._timestamp} to {timestamp}")
        self._timestamp = timestamp

    def _check_logs(self) -> None:
        for path in sorted(self._home.logs.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._log_sizes.get(path, 0))
                *whole, torn = file.read().split(b"\n")
                self._log_sizes[path] = file.tell() - len(torn)
            for line in whole:
                json.loads(line)
