"""A year in one process: sessions with other faults every day, and nothing that grows but what the broker must remember.

The engine lives through most of the year in one piece, then some sessions in a home, with the journal on disk, logs and
status file, killed and started again in between. Looked at after every session: the sizes of all that the engine's
objects hold, resident memory, threads, descriptors, files.
"""

import gc
import os
import resource
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import cast

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.executor import OrderExecutor, Recorder
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.logger import DAY_BYTES, TradingLogger
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.recorder import PeopleRecorder
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.trials import restless
from alpaca_trader.trials.disk import Crash, TrialJournal
from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.terms import Broken
from alpaca_trader.trials.world import Stage, World, sessions_from

FIRST = date(2014, 1, 2)
"""Ten years from here are in everybody's calendar."""
WARM_UP = 62
"""Sessions until a strategy knows sixty days of volumes, the longest it keeps anything by the minute."""
WINDOW = 15
HOME_DAYS = 6
LIVES_AT_HOME = 3
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
GROWTH = 1.05
RECORD = 3
"""Beside the broker's memory of the orders there is the judge's and the trial's own record of them."""
FEWEST_ORDERS = 200
"""Of fewer, what a broker remembers anyway would be charged to each."""
ORDER_BYTES = 8_192
"""What the simulated broker may remember of one order, its fills and its news."""
JOURNAL_BYTES = 16 * 2**20
"""A session with its night, and far more trouble than any day should bring."""
LOST_WITH_A_PROCESS = ("crash.at_io", "disk.enospc", "disk.eio")
"""Faults that would end the engine's one long life."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes and counts at the beginning of a session."""

    engine: int
    resident: int
    orders: int
    threads: int
    descriptors: int


@dataclass(slots=True)
class Result:
    """What it came to. ``growth``: the engine's memory at the end over that after the warm-up; None: too few sessions."""

    days: int
    orders: int = 0
    faults: int = 0
    growth: float | None = None
    engine_bytes: int = 0
    order_bytes: float = 0.0
    resident_bytes: tuple[int, int] = (0, 0)
    journal_bytes: int = 0
    """Of one session."""
    log_bytes: int = 0
    """Of the longest session."""
    problems: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, object]:
        """The figures."""
        return asdict(self)

    def __str__(self) -> str:
        kib, mib = 1024, 1024**2
        grown = f", x {self.growth:.3f} since the warm-up" if self.growth is not None else ""
        resident = " -> ".join(f"{each / mib:.0f}" for each in self.resident_bytes)
        return (
            f"soak: {self.days} sessions, {self.orders} orders, {self.faults} faults; engine {self.engine_bytes / kib:.0f} KiB"
            f"{grown}; broker {self.order_bytes / kib:.1f} KiB an order; resident {resident} MiB; "
            f"a session writes {self.journal_bytes / mib:.1f} MiB of journal and at most {self.log_bytes / kib:.0f} KiB of log"
        )


class ForgetfulJournal:
    """The journal in memory, from the last checkpoint on: what a restart would need, and no more."""

    has_failed = False

    def __init__(self, entries: Iterable[ev.Event | ev.Action]) -> None:
        self._entries = list(entries)
        self._committed = len(self._entries)

    @property
    def committed(self) -> Sequence[ev.Event | ev.Action]:
        """What a crash would leave."""
        return self._entries[: self._committed]

    def record(self, entry: ev.Event | ev.Action) -> None:
        """Append; a checkpoint stands for all that was before it."""
        if isinstance(entry, ev.Checkpoint):
            self._entries, self._committed = [], 0
        if not isinstance(entry, ev.PublishStatus):
            self._entries.append(entry)

    def commit(self) -> None:
        """Everything so far is safe."""
        self._committed = len(self._entries)

    def has_intent(self, key: str) -> bool:
        """Whether an intent of this id is safe; looked for from the end."""
        since = (self._entries[at] for at in range(self._committed - 1, -1, -1))
        return any(isinstance(entry, ev.Approved) and entry.intent.client_order_id == key for entry in since)

    def since_checkpoint(self) -> Iterable[ev.Event | ev.Action]:
        """What a restart would need."""
        return self.committed

    def close(self) -> None:
        """Nothing is held."""


class HomeJournal:
    """The journal of a home, on disk."""

    has_failed = False

    def __init__(self, home: Home, entries: Iterable[ev.Event | ev.Action]) -> None:
        """``entries``: what a life elsewhere left, for a journal that is new."""
        is_new = not home.database(Mode.SIM).exists()
        self._journal = Journal.open(home.database(Mode.SIM), Mode.SIM, None, version("alpaca-trader"))
        for entry in entries if is_new else ():
            self._journal.record(entry)
        self._journal.commit()
        self.record, self.commit, self.close = self._journal.record, self._journal.commit, self._journal.close
        self.since_checkpoint, self.head = self._journal.since_checkpoint, self._journal.head

    @property
    def committed(self) -> Sequence[ev.Event | ev.Action]:
        """What a crash would leave, from the last checkpoint on."""
        return list(self.since_checkpoint())

    def has_intent(self, key: str) -> bool:
        """Whether an intent of this id is safe."""
        return not self._journal.without_intent([key])


class Year(World):
    """The sessions of a year; another plan of faults every day."""

    def __init__(self, days: int, home_days: int, seed: int, home: Home) -> None:
        self.samples: list[Sample] = []
        self.first_orders: tuple[int, int] | None = None
        """Orders and the broker's bytes after one session, when all is remembered that has nothing to do with orders."""
        self._home = home
        self.home_days, self._home_from = home_days, days - home_days
        self._logger: TradingLogger | None = None
        self._deaths_due = [self._home_from + n * home_days // LIVES_AT_HOME for n in range(LIVES_AT_HOME)]
        market = restless.market_of(seed % restless.MARKETS, FIRST, days)
        super().__init__(Stage(market, sessions_from(FIRST, days)), restless.settings(seed), seed, _weather(seed, 0))

    def _begin_day(self) -> None:
        self.plan = _weather(self.seed, self._day)
        self.strikes.follow(self.plan)
        super()._begin_day()

    def _turn_page(self) -> None:
        before = self._day
        super()._turn_page()
        if self._day != before:
            self.samples.append(self._sample())
            # A human lifts in the morning what was halted the day before, so that every day trades.
            self.say(ev.Command(self.now, "resume", "human", "a new day"))
            self.first_orders = self.first_orders or (len(self.sim.exchange.book), self.size_of_broker())
        session = self.engine.belief.session
        is_under_way = session is not None and session.open == self.hours.open
        if is_under_way and self._deaths_due and self._day >= self._deaths_due[0]:
            self._deaths_due.pop(0)
            raise Crash

    def _open_engine(self, committed: Sequence[ev.Event | ev.Action]) -> None:
        self.leave()
        super()._open_engine(committed)
        recorder: Recorder = self
        if self._day < self._home_from:
            self._kept: ForgetfulJournal | HomeJournal = ForgetfulJournal(committed)
        else:
            self._kept = journal = HomeJournal(self._home, committed)
            self._logger = TradingLogger(self._home.logs, DriverClock(self.sim), Redactor())
            status, nobody = self._home.status_file, OutOfBand((), SystemClock(), "")
            head, watch = journal.head, self.tell
            recorder = PeopleRecorder(self.engine, self._logger, status, Mode.SIM, {}, nobody, head, watch)
        self.journal = cast("TrialJournal", self._kept)  # the part of one that a world asks for while it runs
        self.executor = OrderExecutor(self.engine, self.line, self._kept, DriverClock(self.sim), recorder)

    def leave(self) -> None:
        """Close what the last life holds open."""
        if self._logger is not None:
            self._logger.close()
            self._kept.close()

    def _is_committed(self, key: str) -> bool:
        return self._kept.has_intent(key)

    def _sample(self) -> Sample:
        gc.collect()
        return Sample(
            size_of([self.engine, self.executor], [self, self.sim, self.line, self._kept]),
            resident_bytes(),
            len(self.sim.exchange.book),
            threading.active_count(),
            descriptors(),
        )

    def size_of_broker(self) -> int:
        """Bytes of all that the simulated broker remembers; the market, which is made once, left out."""
        return size_of([self.sim], [self, self.stage.market, self.engine, self.feed, self.streams])


def _weather(seed: int, day: int) -> Plan:
    plan = Plan.swarm(1000 * seed + day)
    for name in LOST_WITH_A_PROCESS:
        plan = plan.without(name)
    return plan


def descriptors() -> int:
    """Open files and sockets of this process."""
    return len(os.listdir("/dev/fd"))


def size_of(roots: Sequence[object], but: Sequence[object]) -> int:
    """Bytes of the objects that can be reached from ``roots``, code and what is reached through ``but`` left out."""
    seen, waiting, total = {id(each) for each in but}, list(roots), 0
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, ModuleType | type | FunctionType | BuiltinFunctionType):
            seen.add(id(each))
            total += sys.getsizeof(each)
            waiting += gc.get_referents(each)
    return total


def resident_bytes() -> int:
    """Memory of this process; where the system does not tell it now, the most it ever was."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


def run(days: int = 252, seed: int = 1, home_days: int = HOME_DAYS) -> Result:
    """A year, or fewer sessions, the last ``home_days`` of them in a home.

    The engine's growth is judged where there are sessions enough after the warm-up.
    """
    before = threading.active_count(), descriptors()
    # What is measured has nothing to do with how long a disk takes to be sure of its bytes.
    with TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        home = Home(Path(folder) / "home")
        home.create()
        year = Year(days, home_days, seed, home)
        try:
            year.run()
        except Broken as broken:
            return Result(days, problems=[f"seed {seed}, session {len(year.samples) + 1}: {broken}"])
        finally:
            year.leave()
        result = _result(year, home)
    if (threading.active_count(), descriptors()) != before:
        result.problems.append("threads or files are left behind")
    return result


def _result(year: Year, home: Home) -> Result:
    days, samples = len(year.stage.sessions), year.samples
    one_life, end = samples[: days - year.home_days], samples[-1]
    early, late = one_life[WARM_UP : WARM_UP + WINDOW], one_life[-WINDOW:]
    # What the day before left may be more or less; what stays is the least of several days.
    first, last = (min((each.engine for each in window), default=0) for window in (early, late))
    assert year.first_orders is not None, "more than one session is played"
    orders, bytes_before = year.first_orders
    broker = year.size_of_broker() - bytes_before
    result = Result(
        days=days,
        orders=end.orders,
        faults=sum(map(len, year.strikes.struck.values())),
        growth=last / first if len(one_life) >= WARM_UP + 2 * WINDOW else None,
        engine_bytes=last,
        order_bytes=broker / (len(year.sim.exchange.book) - orders),
        resident_bytes=(samples[min(WARM_UP, days // 2)].resident, end.resident),
        journal_bytes=home.database(Mode.SIM).stat().st_size // year.home_days,
        log_bytes=max(path.stat().st_size for path in home.logs.glob("*.jsonl")),
    )
    files = [path for path in home.path.rglob("*") if path.is_file()]
    grown = result.resident_bytes[1] - GROWTH * result.resident_bytes[0]
    problems = {
        "the engine grows": result.growth is not None and result.growth > GROWTH,
        "the broker remembers more than its orders": result.orders >= FEWEST_ORDERS
        and result.order_bytes > ORDER_BYTES,
        "memory goes to what is neither engine nor orders": grown > RECORD * broker,
        "threads are left behind": len({each.threads for each in samples}) > 1,
        "files or sockets are left open": len({each.descriptors for each in samples}) > len(("elsewhere", "at home")),
        "a session's journal is over its cap": result.journal_bytes > JOURNAL_BYTES,
        "a day's log is over its cap": result.log_bytes > DAY_BYTES,
        "files are left lying": len(files) > year.home_days + len(("journal", "its -wal", "its -shm", "status")),
    }
    result.problems += [problem for problem, is_so in problems.items() if is_so]
    return result
