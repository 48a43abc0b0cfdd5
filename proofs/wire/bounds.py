"""What a day may not use up: threads, files and sockets, attempts to connect (INV-25, F19)."""

import gc
import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


def threads_by_name() -> Counter[str]:
    """The threads of this process."""
    return Counter(thread.name for thread in threading.enumerate())


@dataclass(frozen=True)
class Resources:
    """What this process holds: threads by name, and open files and sockets."""

    threads: Counter[str]
    descriptors: int

    @classmethod
    def now(cls) -> "Resources":
        """At this moment, without the sockets that failed calls held on to and nobody can reach any more."""
        gc.collect()
        return cls(threads_by_name(), len(os.listdir("/dev/fd")))

    def check_since(self, before: "Resources") -> None:
        """Raises AssertionError for a thread, file or socket more than ``before``."""
        more = self.threads - before.threads
        assert not more, f"threads left behind: {dict(more)}"
        grown = self.descriptors - before.descriptors
        assert grown <= 0, f"{grown} more files and sockets than before"


def check_pauses(accepted_s: Sequence[float], least_s: float) -> None:
    """Raises AssertionError where attempts to connect lie closer together than ``least_s``.

    A tenth of them may: where the machine was busy, connections that were made apart are accepted together.
    """
    gaps = sorted(after - before for before, after in pairwise(accepted_s))
    short = sum(gap < least_s for gap in gaps)
    assert short <= max(1, len(gaps) // 10), f"{short} of {len(gaps)} times connected again after {gaps[0]:.4f} s"
