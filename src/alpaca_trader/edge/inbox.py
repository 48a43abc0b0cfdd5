"""How a person or an agent reaches a running engine: small files in ``data/inbox``, and the ``HALT`` file.

The command line leaves ``<when>-<verb>.json``; the engine takes each in name order, once, and removes it after it was
handed over. A file that is no command is moved to ``refused/``. ``HALT`` in the home folder halts as long as it lies
there; removing it does not resume (safety 6).
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from alpaca_trader.core.events import Command
from alpaca_trader.core.strict_json import BadSettings
from alpaca_trader.edge.config_store import read_file
from alpaca_trader.edge.whole_file import write_whole

HALT_FILE = "HALT"
VERBS = ("halt", "resume", "flatten")
MAX_BYTES = 4096
MAX_TEXT = 200


def leave(folder: Path, verb: str, actor: str, reason: str, at: datetime) -> Path:
    """Leave a command for the engine; complete or absent, and once this returns it survives a power cut. Raises OSError."""
    assert verb in VERBS, f"{verb} is no command"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{at:%Y%m%dT%H%M%S%f}-{verb}.json"
    write_whole(file, json.dumps({"verb": verb, "actor": actor, "reason": reason[:MAX_TEXT]}).encode())
    return file


class Inbox:
    """What waits for the engine in ``home``: commands, each given once, and a ``HALT`` file.

    A disk that lets no file be removed makes no command be said twice, and no trouble of a disk ends the loop.
    """

    def __init__(self, home: Path, folder: Path, is_halted: Callable[[], bool]) -> None:
        """``is_halted`` keeps a lying ``HALT`` file from being said twice."""
        self._home = home
        self._folder = folder
        self._is_halted = is_halted
        self._stuck: set[str] = set()

    def is_waiting(self) -> bool:
        """Whether ``take`` would find something; from any thread."""
        return self._has_halt_file() or any(self._files())

    def take(self, at: datetime) -> Iterator[Command]:
        """Every command waiting now, oldest first."""
        if self._has_halt_file():
            yield Command(at, "halt", "file", "HALT file")
        for path in sorted(self._files()):
            command = _read(path, at)
            if command is not None:
                yield command
            try:
                if command is None:
                    (self._folder / "refused").mkdir(exist_ok=True)
                    path.rename(self._folder / "refused" / path.name)
                else:
                    path.unlink(missing_ok=True)
            except OSError:
                self._stuck.add(path.name)

    def _has_halt_file(self) -> bool:
        return os.path.lexists(self._home / HALT_FILE) and not self._is_halted()

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self._folder.glob("*.json") if path.name not in self._stuck]
        return []


class InboxWatcher:
    """Calls ``on_command`` from its own thread, about every second, while something new waits to be taken."""

    _EVERY_S = 1.0

    def __init__(self, inbox: Inbox, on_command: Callable[[], None]) -> None:
        """``on_command`` only puts an event."""
        self._inbox = inbox
        self._on_command = on_command
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch; a watcher starts once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Look once."""
        if self._inbox.is_waiting():
            self._on_command()

    def _run(self) -> None:
        while not self._stopping.wait(self._EVERY_S):
            self.check()


def _read(path: Path, at: datetime) -> Command | None:
    """The command, where the file is one: no link, no pipe, not large, not of another user."""
    try:
        raw = read_file(path.parent, path.name)
        content = json.loads(raw) if len(raw) <= MAX_BYTES else None
    except (BadSettings, ValueError):
        return None
    if not isinstance(content, dict) or content.get("verb") not in VERBS:
        return None
    actor, reason = content.get("actor"), content.get("reason")
    if not isinstance(actor, str) or not isinstance(reason, str):
        return None
    return Command(at, content["verb"], actor[:MAX_TEXT], reason[:MAX_TEXT])
