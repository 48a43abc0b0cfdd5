"""Whole mornings on a disk that fails at the k-th operation: entries stop, stops and exits go on, nothing recorded is lost.

The shipped engine, executor and journal play ``scene.Scene`` while SQLite's writes and syncs fail from an operation on
(full, I/O error), fail once, or are kept out by somebody else's lock; three minutes before the end the disk is well again
and the process starts anew. Judged by the exchange alone: every buy had its intent on disk before (INV-1, INV-18), every
position its stop within five seconds (INV-7), the strategy's exit went through; and ``verify`` finds the journal whole
(INV-15, F35, F36).
"""

import sqlite3
import tempfile
from contextlib import closing, nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core.events import Approved, Resend
from alpaca_trader.core.models import Order
from alpaca_trader.edge.journal.verify import verify
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import Simulator
from proofs.disk import fast_folder
from proofs.power_loss import Result
from proofs.scene import Scene
from proofs.vfs import FULL, IOERR_WRITE, OK, Operation, witnessed

UNGUARDED_FOR = timedelta(seconds=5)
WELL_AGAIN, ENDS = "09:39", "09:42"
SOLD_BY = "09:39"
RESERVE = 100_000


class Failure(NamedTuple):
    """What SQLite is told, whether for one operation or from it on, and whether the disk is full by it."""

    name: str
    code: int
    is_lasting: bool


FAILURES = (
    Failure("full", FULL, True),
    Failure("full once", FULL, False),
    Failure("I/O error", IOERR_WRITE, True),
    Failure("I/O error once", IOERR_WRITE, False),
)


class FailingDisk:
    """Counts what SQLite wants of the journal's disk, and refuses it from the ``first`` operation on."""

    def __init__(self, failure: Failure, first: int | None) -> None:
        self.failure, self.first = failure, first
        self.operations = 0
        self.refused = 0

    def __call__(self, operation: Operation) -> int:
        """SQLite's answer to the operation."""
        if operation.kind not in ("write", "sync"):
            return OK
        self.operations += 1
        if self.first is None or self.operations < self.first:
            return OK
        if not self.failure.is_lasting:
            self.first = None
        self.refused += 1
        return self.failure.code


class JudgedBroker(SimBroker):
    """The exchange, which looks whether a buy's intent is on disk when it comes."""

    def __init__(self, sim: Simulator, journal: Path, problems: list[str]) -> None:
        super().__init__(sim)
        self._journal, self._problems = journal, problems

    def submit_order(self, request: Approved | Resend) -> Order:
        """Submit, judged."""
        intent = request.intent
        if intent.side == "buy":
            with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)) as connection:
                asked = "SELECT 1 FROM intents WHERE client_order_id = ?"
                if connection.execute(asked, (intent.client_order_id,)).fetchone() is None:
                    self._problems.append(f"{intent.client_order_id} was sent and is not in the journal")
        return super().submit_order(request)


class Guarded:
    """Watches that every share is claimed by an open sell within seconds of the end of what bought it."""

    def __init__(self, scene: Scene, problems: list[str]) -> None:
        self._scene, self._problems = scene, problems
        self._since: dict[str, datetime] = {}

    def look(self) -> bool:
        """Look now; never asks to stop."""
        now, broker = self._scene.sim.now, self._scene.broker
        bought = {order.symbol for order in broker.get_open_orders() if order.side == "buy"}
        for position in broker.get_positions():
            if not position.qty_available or position.symbol in bought:
                self._since.pop(position.symbol, None)
            elif now - self._since.setdefault(position.symbol, now) > UNGUARDED_FOR:
                self._problems.append(f"{position.symbol} has been without a stop since {self._since[position.symbol]}")
                self._since[position.symbol] = now
        return False


def morning(disk: FailingDisk, lock_at: str | None = None) -> list[str]:
    """Play the morning on this disk; what went wrong. ``lock_at``: somebody else keeps the file locked from then on."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name, witnessed(disk):
        scene = Scene(Path(name))
        scene.broker = JudgedBroker(scene.sim, scene.path, problems)
        guarded = Guarded(scene, problems)
        scene.begin(reserve_bytes=RESERVE)
        lock = closing(sqlite3.connect(scene.path, isolation_level=None)) if lock_at else nullcontext(None)
        with lock as intruder:
            if intruder is not None and lock_at is not None:
                scene.play(lambda: guarded.look() or scene.sim.now >= scene.at(lock_at))
                scene.journal._connection.execute("PRAGMA busy_timeout = 1")  # the wait itself is SQLite's
                intruder.execute("BEGIN EXCLUSIVE")
            scene.play(lambda: guarded.look() or scene.sim.now >= scene.at(WELL_AGAIN))
        disk.first = None  # and with its connection the intruder's lock is gone
        problems += _while_it_failed(scene, disk)
        scene.kill()
        scene.begin(reserve_bytes=RESERVE)
        scene.play(lambda: guarded.look() or scene.sim.now >= scene.at(ENDS))
        scene.stop()
        problems += [f"verify: {problem}" for problem in verify(scene.path)]
        if scene.held().get("NVDA", 0) and not any(symbol == "NVDA" for symbol, _, _ in scene.open_orders()):
            problems.append("NVDA ended without a stop")
    return problems


def _while_it_failed(scene: Scene, disk: FailingDisk) -> list[str]:
    """What has to be so three minutes before the end, the disk failing or not."""
    problems = []
    if "SPY" in scene.held():
        problems.append("the exit that the strategy asked for did not go through")
    failed = scene.engine.belief.journal_failed
    heals = disk.failure.code == FULL and not disk.failure.is_lasting  # the next commit wrote what this one could not
    if disk.refused and not failed and not heals:
        problems.append("the journal failed and entries were not stopped")
    if disk.refused and disk.failure.code == FULL and scene.path.with_name("trades.db.reserve").exists():
        problems.append("the disk was full and the reserve was not freed")
    if failed and disk.failure.code == FULL:  # there is room again: what waited is written, to the last entry
        scene.journal.commit()
        row = scene.journal._connection.execute("SELECT hex(chain) FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        if row[0].lower() != scene.journal.head():
            problems.append("not everything that waited was written")
    return problems


def operations_of_a_morning() -> tuple[int, int]:
    """How many operations the start takes, and how many there are until the disk is well again."""
    disk = FailingDisk(FAILURES[0], None)
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name, witnessed(disk):
        scene = Scene(Path(name))
        scene.begin(reserve_bytes=RESERVE)
        start = disk.operations
        scene.play_until(scene.at(WELL_AGAIN))
        scene.stop()
    return start, disk.operations


def run(every: int = 1, offset: int = 0) -> Result:
    """Fail at every ``every``-th operation after the start, in every way; and with a lock taken at each minute."""
    result = Result("failing disk")
    start, last = operations_of_a_morning()
    for number in range(start + 1 + offset, last, every):
        for failure in FAILURES:
            _note(result, failure.name, f"operation {number}", morning(FailingDisk(failure, number)))
    for minute in range(30, 39):
        at = f"09:{minute}"
        _note(result, "locked", at, morning(FailingDisk(FAILURES[0], None), lock_at=at))
    return result


def _note(result: Result, model: str, where: str, problems: list[str]) -> None:
    result.operations += 1
    result.cases[model] += 1
    result.problems += [f"{model}, {where}: {problem}" for problem in problems]
