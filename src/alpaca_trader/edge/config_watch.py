"""A hint that ``strategy.json`` may have changed. The check at every tick is the guarantee; this only comes sooner."""

import threading
from collections.abc import Callable
from pathlib import Path

from watchfiles import Change, watch


class ConfigWatcher:
    """Calls ``on_change`` from its own thread whenever ``name`` in ``folder`` is written, replaced or removed.

    ``on_change`` should only put an event on the queue. Where the machine offers no watching (``error`` says why) the
    engine goes on without the hint.
    """

    def __init__(self, folder: Path, name: str, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._name = name
        self._on_change = on_change
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="config-watcher", daemon=True)
        self.error: str | None = None

    def start(self) -> None:
        """Begin to watch; a watcher starts once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            # The folder, not the file: a replaced file is another file.
            for _ in watch(
                self._folder,
                watch_filter=self._is_ours,
                stop_event=self._stopping,
                debounce=200,
                recursive=False,
                raise_interrupt=False,
            ):
                self._on_change()
        except (OSError, RuntimeError) as error:
            self.error = f"{type(error).__name__}: {error}"

    def _is_ours(self, _: Change, path: str) -> bool:
        return Path(path).name == self._name
