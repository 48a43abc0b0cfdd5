"""Commands reach the engine as files: taken once, in order, refused where they are none."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alpaca_trader.core.events import Command
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.inbox import HALT_FILE, Inbox, InboxWatcher, leave

REPO = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def take(home: Path, folder: Path, at: datetime, is_halted: bool) -> list[Command]:
    """What a new engine finds."""
    return list(Inbox(home, folder, lambda: is_halted).take(at))


def test_commands_are_taken_once_in_order(tmp_path: Path) -> None:
    """What was left first is taken first, and is gone afterwards."""
    folder = tmp_path / "inbox"
    leave(folder, "halt", "agent", "odd fills", NOW)
    leave(folder, "flatten", "ray", "", NOW + timedelta(seconds=1))
    taken = list(take(tmp_path, folder, NOW, is_halted=False))
    assert taken == [Command(NOW, "halt", "agent", "odd fills"), Command(NOW, "flatten", "ray", "")]
    assert list(take(tmp_path, folder, NOW, is_halted=False)) == []


def test_what_is_still_being_written_is_not_taken(tmp_path: Path) -> None:
    """The engine looks between the first byte and the rename, and sees nothing yet."""
    folder = tmp_path / "inbox"
    looks: list[list[Command]] = []

    class WatchedPath(type(tmp_path)):  # type: ignore[misc]
        def replace(self, target: Path) -> Path:
            looks.append(take(tmp_path, folder, NOW, is_halted=False))
            return Path(super().replace(target))

    leave(WatchedPath(folder), "halt", "ray", "", NOW)
    assert looks == [[]]
    assert len(list(take(tmp_path, folder, NOW, is_halted=False))) == 1


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"verb": "buy", "actor": "a", "reason": "r"}', '{"verb": "halt", "actor": 1, "reason": "r"}',
     '{"verb": "halt", "actor": "a"}', '{"verb": "halt", "actor": "a", "reason": "' + "x" * 5000 + '"}'],
)  # fmt: skip
def test_what_is_no_command_is_set_aside(tmp_path: Path, content: str) -> None:
    """It is kept for a human to look at, and never stops the loop."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "1-halt.json").write_text(content)
    assert list(take(tmp_path, folder, NOW, is_halted=False)) == []
    assert [path.name for path in (folder / "refused").iterdir()] == ["1-halt.json"]


def test_what_is_no_file_of_ours_is_set_aside_unread(tmp_path: Path) -> None:
    """A link, a pipe and a folder hold the loop up no more than bad words do."""
    folder = tmp_path / "inbox"
    leave(folder, "halt", "ray", "", NOW)
    (good,) = folder.glob("*.json")
    good.rename(tmp_path / "elsewhere")
    (folder / "1-halt.json").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "2-halt.json")
    (folder / "3-halt.json").mkdir()
    assert take(tmp_path, folder, NOW, is_halted=False) == []
    assert sorted(path.name for path in (folder / "refused").iterdir()) == ["1-halt.json", "2-halt.json", "3-halt.json"]


def test_a_disk_that_lets_nothing_be_removed_makes_no_command_be_said_twice(tmp_path: Path) -> None:
    """Read-only, the file stays: it is given once, wakes nobody afterwards, and the loop goes on."""

    class ReadOnlyPath(type(tmp_path)):  # type: ignore[misc]
        def unlink(self, missing_ok: bool = False) -> None:
            raise OSError(errno.EROFS, "read-only")

        def rename(self, target: Path) -> Path:
            raise OSError(errno.EROFS, "read-only")

    folder = tmp_path / "inbox"
    leave(folder, "flatten", "ray", "", NOW)
    (folder / "1-bad.json").write_text("{")
    inbox = Inbox(tmp_path, ReadOnlyPath(folder), lambda: False)
    assert [command.verb for command in inbox.take(NOW)] == ["flatten"]
    assert list(inbox.take(NOW)) == []
    assert not inbox.is_waiting()
    leave(folder, "halt", "ray", "", NOW + timedelta(seconds=1))
    assert [command.verb for command in inbox.take(NOW)] == ["halt"]


def test_a_halt_file_halts_once_for_as_long_as_it_lies_there(tmp_path: Path) -> None:
    """It is said until it is obeyed; taking it away resumes nothing."""
    (tmp_path / HALT_FILE).touch()
    folder = tmp_path / "inbox"
    assert [command.verb for command in take(tmp_path, folder, NOW, is_halted=False)] == ["halt"]
    assert list(take(tmp_path, folder, NOW, is_halted=True)) == []
    (tmp_path / HALT_FILE).unlink()
    assert list(take(tmp_path, folder, NOW, is_halted=True)) == []
    (tmp_path / HALT_FILE).symlink_to(tmp_path / "nowhere")
    assert [command.verb for command in take(tmp_path, folder, NOW, is_halted=False)] == ["halt"]


def test_the_watcher_wakes_the_loop_only_for_news(tmp_path: Path) -> None:
    """A waiting command or an unheard HALT file, and nothing else."""
    woken: list[str] = []
    halted = [False]
    watcher = InboxWatcher(Inbox(tmp_path, tmp_path / "inbox", lambda: halted[0]), lambda: woken.append("now"))
    watcher.check()
    assert woken == []
    (tmp_path / HALT_FILE).touch()
    watcher.check()
    halted[0] = True
    watcher.check()
    assert woken == ["now"]
    leave(tmp_path / "inbox", "resume", "ray", "", NOW)
    watcher.check()
    assert woken == ["now", "now"]


def test_a_new_home_begins_with_the_owners_settings(tmp_path: Path) -> None:
    """What the package ships is what the repository shows, and nothing that lies there is overwritten."""
    home = Home(tmp_path / "home")
    home.create()
    assert write_defaults(home) == ["strategy.json", "policy.json"]
    for name in ("strategy.json", "policy.json"):
        assert (home.config / name).read_bytes() == (REPO / "config" / name).read_bytes()
    home.strategy_file.write_text("mine")
    assert write_defaults(home) == []
    assert home.strategy_file.read_text() == "mine"
