"""The files to which the service manager appends what we print: it never turns them over, so we do (safety F49)."""

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

from alpaca_trader.edge.service import ERR, OUT

MOST_BYTES = 16 * 2**20


def turn_over(logs: Path, most_bytes: int = MOST_BYTES) -> None:
    """Where standard output or error goes to the service's file in ``logs`` and that is longer than ``most_bytes``,
    move what it holds to ``<name>.1``, over what was there, and begin anew. A disk that is full loses it instead.

    Never raises. To be called often: between two calls the files grow as they like.
    """
    for descriptor, name in ((1, OUT), (2, ERR)):
        path = logs / name
        with suppress(OSError):
            is_appended = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
            here = os.fstat(descriptor)
            if not is_appended or here.st_size <= most_bytes or not os.path.samestat(here, path.stat()):
                continue
            with suppress(OSError):
                shutil.copyfile(path, path.with_name(f"{name}.1"))
            os.ftruncate(descriptor, 0)
