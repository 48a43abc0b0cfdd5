"""What a day may not use up: threads, files and sockets, attempts to connect (INV-25, F19)."""

import os
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Resources:
    """What this process holds: threads by name, and open files and sockets."""

    threads: Counter[str]
    descriptors: int

    @classmethod
    def now(cls) -> "Resources":
        """At this moment."""
        return cls(Counter(thread.name for thread in threading.enumerate()), len(os.listdir("/dev/fd")))

    def check_since(self, before: "Resources") -> None:
        """Raises AssertionError for a thread, file or socket more than ``before``."""
        more = self.threads - before.threads
        assert not more, f"threads left behind: {dict(more)}"
        grown = self.descriptors - before.descriptors
        assert grown <= 0, f"{grown} more files and sockets than before"


def check_pauses(accepted_s: Sequence[float], least_s: float) -> None:
    """Raises AssertionError where two attempts to connect lie closer together than ``least_s``."""
    gaps = [after - before for before, after in pairwise(accepted_s)]
    assert all(gap >= least_s for gap in gaps), f"connected again after {min(gaps):.4f} s"
