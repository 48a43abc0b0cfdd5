"""Mornings whose journal is lost at any moment, in every way: what is held is guarded from what the broker knows (F37).

The engine is killed between two events, or before or after a word with the broker, and its files are harmed: deleted,
truncated, flipped, of a newer version, put back from a backup. Judged by the exchange: nothing is bought until a human
resumes, every position has its stop within seconds, no id is said twice; what could not be read is kept; belief and
exchange agree in the end; and the new journal is whole.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from alpaca_trader.core.events import Approved, Resend
from alpaca_trader.core.models import Order
from alpaca_trader.edge.journal.verify import verify
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import Simulator
from proofs.disk import fast_folder
from proofs.failing_disk import Guarded
from proofs.power_loss import Result
from proofs.scene import Scene

WAL = "trades.db-wal"
BACKUP_AFTER, FIRST_EVENT = 4, 5
"""Events: the backup is of the very beginning; before it there is nothing to lose."""
LAST_KILL, ENDS = "09:39", "09:43"
WORDS = 12
"""More than a morning has with the broker."""


def flip(path: Path, at: int) -> None:
    """Turn one bit round, where the file is long enough."""
    content = bytearray(path.read_bytes())
    if at < len(content):
        content[at] ^= 0x10
        path.write_bytes(content)


def checkpointed_and(harm: Callable[[Path], object]) -> Callable[[Path], None]:
    """``harm`` done to a database that has everything in its main file."""

    def both(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        harm(path)

    return both


def edited(path: Path, sql: str) -> None:
    """Change the database as any SQLite tool can."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


def misled(path: Path, by: int) -> None:
    """Let the index of kinds say that the last checkpoint is another entry."""
    with closing(sqlite3.connect(path)) as connection:
        (seq,) = connection.execute("SELECT max(seq) FROM entries WHERE kind = 'Checkpoint'").fetchone()
    if seq is not None:
        content = path.read_bytes()
        path.write_bytes(content.replace(b"Checkpoint" + bytes([seq]), b"Checkpoint" + bytes([seq + by])))


def deleted(*paths: Path) -> None:
    """Remove all of them."""
    for path in paths:
        path.unlink()


def cut(path: Path, share: float) -> None:
    """Keep only the first part of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def restore_backup(path: Path) -> None:
    """Put back what was copied before the positions were opened."""
    deleted(path.with_name(WAL), path.with_name("trades.db-shm"))
    shutil.copy2(path.parent / "backup", path)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "file deleted": lambda path: path.unlink(),
    "log deleted": lambda path: path.with_name(WAL).unlink(),
    "both deleted": lambda path: deleted(path, path.with_name(WAL)),
    "everything deleted": lambda path: deleted(*path.parent.glob("trades.db*")),
    "emptied": checkpointed_and(lambda path: path.write_bytes(b"")),
    "truncated": checkpointed_and(lambda path: cut(path, 0.5)),
    "log truncated": lambda path: cut(path.with_name(WAL), 0.3),
    "bit in the header": checkpointed_and(lambda path: flip(path, 1)),
    "bit in the application's name": checkpointed_and(lambda path: flip(path, 69)),
    "bit in a page's header": checkpointed_and(lambda path: flip(path, 2 * 4096)),
    "bit in the log's first frame": lambda path: flip(path.with_name(WAL), 32 + 24 + 100),
    "entry altered": lambda path: edited(
        path,
        "UPDATE entries SET payload = replace(payload, '1', '2') WHERE seq = (SELECT max(seq) - 3 FROM entries)",
    ),
    "entry removed": lambda path: edited(path, "DELETE FROM entries WHERE seq = (SELECT max(seq) - 3 FROM entries)"),
    "index of another entry": checkpointed_and(lambda path: misled(path, -1)),
    "index of no entry": checkpointed_and(lambda path: misled(path, 100)),
    "newer schema": lambda path: edited(path, "PRAGMA user_version = 99"),
    "backup restored": restore_backup,
}


Answer = TypeVar("Answer")


class Killed(BaseException):
    """The process ends here; nothing of ours catches it."""


class WatchedBroker(SimBroker):
    """The exchange, which sees who buys when, and at which a process may die before or after a word."""

    def __init__(self, sim: Simulator, kill_at: int | None, is_after: bool) -> None:
        super().__init__(sim)
        self._kill_at, self._is_after = kill_at, is_after
        self.words = 0
        self.bought: list[str] = []

    def submit_order(self, request: Approved | Resend) -> Order:
        """Submit."""
        if request.intent.side == "buy":
            self.bought.append(request.intent.client_order_id)
        return self._said(lambda: super(WatchedBroker, self).submit_order(request))

    def cancel_order(self, broker_order_id: str) -> None:
        """Cancel."""
        self._said(lambda: super(WatchedBroker, self).cancel_order(broker_order_id))

    def _said(self, speak: Callable[[], Answer]) -> Answer:
        self.words += 1
        dies = self.words == self._kill_at
        if dies and not self._is_after:
            raise Killed
        answer = speak()
        if dies:
            raise Killed
        return answer


def morning(damage: str, event: int | None = None, word: int | None = None, is_after: bool = False) -> list[str] | None:
    """Lose the journal after so many events, or at a word with the broker; what went wrong, None where it never came."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        folder = Path(name)
        scene = Scene(folder)
        broker = scene.broker = WatchedBroker(scene.sim, word, is_after)
        scene.begin()
        if not _killed(scene, event):
            return None
        scene.kill()
        DAMAGE[damage](scene.path)
        before = list(broker.bought)
        problems: list[str] = []
        lost = scene.begin()
        guarded = Guarded(scene, problems)
        scene.play(lambda: guarded.look() or scene.sim.now >= scene.at(ENDS))
        if lost is not None and broker.bought != before:
            problems.append(f"bought {broker.bought[len(before) :]} before a human resumed")
        if lost is not None and "kept as" in lost.detail and not list(folder.glob("trades.db.bad-*")):
            problems.append("nothing was kept of what could not be read")
        held = {symbol: float(episode.qty) for symbol, episode in scene.engine.belief.episodes.items() if episode.qty}
        if held != scene.held():
            problems.append(f"believed {held}, held {scene.held()}")
        ids = [order.client_order_id for order in broker.get_orders_since(scene.session.open)]
        problems += [f"{each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1})]
        scene.stop()
        return problems + [f"verify: {problem}" for problem in verify(scene.path)]


def _killed(scene: Scene, event: int | None) -> bool:
    """Play up to the kill; whether there was one. The backup is made on the way."""
    count = 0

    def is_over() -> bool:
        nonlocal count
        count += 1
        if count == BACKUP_AFTER:
            scene.backup(scene.path.parent / "backup")
        return count == event or scene.sim.now >= scene.at(LAST_KILL)

    with suppress(Killed):
        scene.play(is_over)
        return count == event
    return True


def run(every: int = 1, words: int = WORDS) -> Result:
    """Every damage at each word with the broker, before it and after it, and at every ``every``-th event."""
    result = Result("lost journal")
    for place, damage in enumerate(DAMAGE):
        for word in range(1, words + 1):
            for is_after in (False, True):
                where = f"{'after' if is_after else 'before'} word {word}"
                _note(result, damage, where, morning(damage, word=word, is_after=is_after))
        event = FIRST_EVENT + place % every
        while _note(result, damage, f"event {event}", morning(damage, event=event)):
            event += every
    return result


def _note(result: Result, damage: str, where: str, problems: list[str] | None) -> bool:
    if problems is None:
        return False
    result.operations += 1
    result.cases[damage] += 1
    result.problems += [f"{damage}, {where}: {problem}" for problem in problems]
    return True
