"""The watcher is a hint: it wakes for our file, stays silent for others, and says when it cannot watch."""

import threading
from pathlib import Path

from alpaca_trader.edge.config_watch import ConfigWatcher

WAIT_S = 0.2


def wakes(file: Path, woken: threading.Event) -> bool:
    """Replace ``file`` until the watcher has noticed, since watching begins a moment after the start."""
    for turn in range(100):
        aside = file.with_suffix(".tmp")
        aside.write_text(f"{turn}")
        aside.replace(file)
        if woken.wait(WAIT_S):
            return True
    return False


def test_a_replaced_file_wakes(tmp_path: Path) -> None:
    """An atomic replace is noticed, again and again; other files in the folder are not."""
    woken = threading.Event()
    watcher = ConfigWatcher(tmp_path, "strategy.json", woken.set)
    watcher.start()
    try:
        assert wakes(tmp_path / "strategy.json", woken)
        woken.clear()
        assert wakes(tmp_path / "strategy.json", woken)
    finally:
        watcher.stop()
    assert watcher.error is None


def test_other_files_do_not_wake(tmp_path: Path) -> None:
    """Writing another file is followed by writing ours: only ours is reported."""
    seen: list[str] = []
    woken = threading.Event()

    def note() -> None:
        seen.append("woken")
        woken.set()

    watcher = ConfigWatcher(tmp_path, "strategy.json", note)
    watcher.start()
    try:
        assert wakes(tmp_path / "strategy.json", woken)
        woken.clear()
        seen.clear()
        for turn in range(5):
            (tmp_path / "policy.json").write_text(f"{turn}")
            woken.wait(WAIT_S)
        assert len(seen) <= 1, "at most the tail of our own earlier writes"
    finally:
        watcher.stop()


def test_a_folder_that_is_not_there_is_an_error_to_show(tmp_path: Path) -> None:
    """The engine goes on without the hint, and the reason can be shown."""
    watcher = ConfigWatcher(tmp_path / "nowhere", "strategy.json", lambda: None)
    watcher.start()
    watcher.stop()
    assert watcher.error is not None
    assert "nowhere" in watcher.error
