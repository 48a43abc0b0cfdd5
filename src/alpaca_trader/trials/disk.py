"""The process and its disk: points at which it dies, and a journal whose disk fails."""

from collections.abc import Iterator, Sequence

from alpaca_trader.core.events import Action, Event
from alpaca_trader.edge.journal.errors import JournalUnwritable
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.trials.strikes import Strikes


class Crash(BaseException):
    """The process dies here. No handler of ours catches it."""


class CrashPoints:
    """Counts the inputs and outputs of every life, and ends the life at those that were asked for or drawn."""

    def __init__(self, strikes: Strikes) -> None:
        self._strikes = strikes
        self.passed = 0
        """Points so far, over all lives."""
        self.deaths: set[int] = set()
        """At these points, counted from 1, the process dies."""
        self.is_exempt = False
        """While others act in the process's place, it cannot die."""

    def point(self) -> None:
        """One point. Raises Crash."""
        if self.is_exempt:
            return
        self.passed += 1
        if self.passed in self.deaths or self._strikes.happens("crash.at_io"):
            raise Crash


class TrialJournal:
    """``core.ports.Journal`` in memory, on a disk that may be full, fail, or lose the process around a commit."""

    def __init__(self, entries: Sequence[Event | Action], strikes: Strikes, io: CrashPoints) -> None:
        """``entries``: what the crash before left."""
        self._journal = MemoryJournal(entries)
        self._strikes, self._io = strikes, io
        self._full_for = 0
        self._is_broken = False
        self._is_dirty = False
        self.has_failed = False
        """Whether a commit failed in this life of the process."""

    @property
    def entries(self) -> Sequence[Event | Action]:
        """Everything recorded."""
        return self._journal.entries

    @property
    def committed(self) -> Sequence[Event | Action]:
        """What a crash would leave."""
        return self._journal.committed

    def committed_from(self, number: int) -> Sequence[Event | Action]:
        """What a crash would leave, without the first ``number`` entries."""
        return self._journal.committed_from(number)

    def record(self, entry: Event | Action) -> None:
        """Append, in memory."""
        self._is_dirty = True
        self._journal.record(entry)

    def commit(self) -> None:
        """Make it durable. Raises JournalUnwritable while the disk is full, and from its failure on."""
        if not self._is_dirty and not self._is_broken:
            return
        self._io.point()
        if self._strikes.happens("disk.enospc"):
            self._full_for = self._strikes.amounts("disk.enospc").randrange(1, 200)
        self._is_broken = self._is_broken or self._strikes.happens("disk.eio")
        if self._is_broken:
            self.has_failed = True
            raise JournalUnwritable("input/output error")
        if self._full_for and self._strikes.are_on:
            self._full_for -= 1
            self.has_failed = True
            raise JournalUnwritable("disk full")
        self._journal.commit()
        self._is_dirty = False
        self._io.point()

    def since_checkpoint(self) -> Iterator[Event | Action]:
        """Every committed entry from the last checkpoint on."""
        return self._journal.since_checkpoint()

    def head(self) -> str:
        """The digest of everything recorded."""
        return self._journal.head()
