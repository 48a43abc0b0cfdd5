"""A process that makes writers to be killed: forks one per line of standard input, which names the journal.

The writer prints ``pid`` first, then the number of each entry once it is committed, and goes on until killed. Starting
Python anew for each would take longer than all the kills.
"""

import os
import signal
import sys
from pathlib import Path

from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.sqlite import Journal
from tests.edge.journal_entries import numbered


def write(path: Path) -> None:
    """Append the numbered sequence where it stands, with commits of one entry and of three."""
    journal = Journal.open(path, Mode.SIM, None, "1")
    start = sum(1 for _ in journal._connection.execute("SELECT seq FROM entries"))
    for n in range(start, sys.maxsize):
        journal.record(numbered(n))
        if n % 5 < 3:
            journal.commit()
            os.write(1, f"{n + 1}\n".encode())


def main() -> None:
    """Fork, wait until the child was killed, say so, and take the next line."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.write(1, f"{os.getpid()}\n".encode())
            write(Path(line.strip()))
        status = os.waitpid(child, 0)[1]
        os.write(1, b"killed\n" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else b"died\n")


if __name__ == "__main__":
    main()
