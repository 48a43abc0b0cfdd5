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
    """While one watcher sees its file replaced, another in the same folder stays silent, though it is awake."""
    ours, others = threading.Event(), threading.Event()
    watchers = [
        ConfigWatcher(tmp_path, "strategy.json", ours.set),
        ConfigWatcher(tmp_path, "policy.json", others.set),
    ]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(3):
            others.clear()
            assert wakes(tmp_path / "policy.json", others)
        assert not ours.is_set()
        assert wakes(tmp_path / "strategy.json", ours)
    finally:
        for watcher in watchers:
            watcher.stop()


def test_a_folder_that_is_not_there_is_an_error_to_show(tmp_path: Path) -> None:
    """The engine goes on without the hint, and the reason can be shown."""
    watcher = ConfigWatcher(tmp_path / "nowhere", "strategy.json", lambda: None)
    watcher.start()
    watcher.stop()
    assert watcher.error is not None
    assert "nowhere" in watcher.error
