"""What a dying process still says: tracebacks without credentials, and no picture of its memory (INV-26)."""

import resource
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from types import TracebackType

from alpaca_trader.edge.redaction import Redactor


def censor(redactor: Redactor) -> Callable[[], None]:
    """From now on whatever ends a thread is written to standard error without credentials, and no crash dumps the memory,
    where the keys are.

    Returns what gives the other threads' last words back to whoever had them; the main thread's come after everything
    else has ended, and stay censored.
    """
    # Where the dump goes to a program instead of a file, that program is told this limit and heeds it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    sys.excepthook = partial(_write, redactor)
    before = threading.excepthook
    threading.excepthook = partial(_write_thread, redactor)
    return partial(setattr, threading, "excepthook", before)


def _write(redactor: Redactor, kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    sys.stderr.write(redactor.hide("".join(traceback.format_exception(kind, error, frames))))
    sys.stderr.flush()


def _write_thread(redactor: Redactor, ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit:
        sys.stderr.write(f"in thread {ended.thread.name if ended.thread else '?'}:\n")
        _write(redactor, ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback)
