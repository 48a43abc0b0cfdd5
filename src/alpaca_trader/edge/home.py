"""The home folder: where settings, journal and logs lie, who may read them, and which process may trade from it."""

import errno
import fcntl
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.clock import SystemClock

TRIES, BETWEEN_TRIES_S = 4, 0.05
PID_WIDTH = 20
"""Always as many bytes: where the disk is full they can still be written over the last process's."""
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
DATABASES = {Mode.SIM: "trades.db", Mode.PAPER: "paper.db", Mode.LIVE: "trades.db"}
"""A journal belongs to one mode: paper has its own file, and one made by SIM refuses LIVE (``journal.sqlite``)."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths inside a home folder. Making the object touches nothing."""

    path: Path

    @property
    def config(self) -> Path:
        """The folder of settings."""
        return self.path / "config"

    @property
    def data(self) -> Path:
        """The folder of journals and the engine lock."""
        return self.path / "data"

    @property
    def logs(self) -> Path:
        """The folder of daily logs and the status file."""
        return self.path / "logs"

    @property
    def strategy_file(self) -> Path:
        """The agent-editable settings."""
        return self.config / "strategy.json"

    @property
    def policy_file(self) -> Path:
        """The human's settings."""
        return self.config / "policy.json"

    @property
    def status_file(self) -> Path:
        """The engine's state, replaced each tick."""
        return self.logs / "status.json"

    @property
    def inbox(self) -> Path:
        """The folder of commands for the engine."""
        return self.data / "inbox"

    def database(self, mode: Mode) -> Path:
        """The journal of ``mode``."""
        return self.data / DATABASES[mode]

    def create(self) -> None:
        """Make the folders that are missing, readable by their owner alone; those that exist keep their permissions.

        Raises BadInput where the folder above is missing, something else lies there, or one may not be written. Folders on
        a disk that has become read-only are let pass: what is held there needs somebody (F35).
        """
        if not self.path.absolute().parent.is_dir():
            raise BadInput(f"--home {self.path}: {self.path.absolute().parent} is no folder; create it first")
        for folder in (self.path, self.config, self.data, self.logs):
            try:
                folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except FileExistsError:
                raise BadInput(
                    f"--home {self.path}: {folder} is no folder; move it away or name another home"
                ) from None
            except OSError as error:
                if error.errno == errno.EROFS and folder.is_dir():
                    continue
                raise BadInput(
                    f"--home {self.path}: {folder} cannot be written ({error.strerror}); {ADVICE}"
                ) from error


ADVICE = "name a home that you may write"


class EngineLock:
    """At most one engine per home. The operating system lets go of it when the process ends, however it ends."""

    def __init__(self, home: Home) -> None:
        """Take the lock. Raises BadInput naming the process that holds it, or why it cannot be taken."""
        path = home.data / "engine.lock"
        try:
            try:
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
                self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise BadInput(f"{path} cannot be opened ({error.strerror}); {ADVICE}") from error
        if not self._try():
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise BadInput(
                f"an engine (process {holder}) already runs in {home.path}; stop it first, or name another --home"
            )
        with suppress(OSError):  # who it is helps people; that it is there is what the lock says
            os.pwrite(self._descriptor, f"{os.getpid():<{PID_WIDTH}}\n".encode(), 0)

    def _try(self) -> bool:
        """Take the lock; more than once, for a command that only asks whether an engine runs holds it for a moment."""
        clock = SystemClock()
        for _ in range(TRIES):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                clock.sleep(BETWEEN_TRIES_S)
            else:
                return True
        return False

    def release(self) -> None:
        """Let the next engine in. The file stays: removing it would let two engines lock two files."""
        os.close(self._descriptor)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
