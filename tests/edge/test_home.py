"""The home folder is made private, refuses what it cannot use in clear words, and lets one engine in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import EngineLock, Home

NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that was made."""
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def ordinary_user(tmp_path: Path) -> Iterator[Path]:
    """A folder in which the test acts without a superuser's rights."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    for above in [folder, *list(folder.parents)[:-2]]:
        above.chmod(0o755)
    os.seteuid(NOBODY)
    yield folder
    os.seteuid(0)


def test_where_things_lie(tmp_path: Path) -> None:
    """The design document's folders and file names; paper keeps a journal of its own."""
    home = Home(tmp_path)
    assert home.database(Mode.LIVE) == home.database(Mode.SIM) == tmp_path / "data" / "trades.db"
    assert home.database(Mode.PAPER) == tmp_path / "data" / "paper.db"
    assert home.strategy_file == tmp_path / "config" / "strategy.json"
    assert home.policy_file == tmp_path / "config" / "policy.json"
    assert home.status_file == tmp_path / "logs" / "status.json"
    assert list(tmp_path.iterdir()) == []


def test_folders_are_private(home: Home) -> None:
    """Journal, logs and settings are for their owner; a folder that a human opened to others stays open."""
    folders = (home.path, home.config, home.data, home.logs)
    assert [child for folder in folders[1:] for child in folder.iterdir()] == []
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    home.logs.chmod(0o750)
    home.create()
    assert home.logs.stat().st_mode & 0o777 == 0o750


def test_a_missing_folder_above_is_named(tmp_path: Path) -> None:
    """A mistyped path makes no tree of folders."""
    with pytest.raises(BadInput, match=r"--home .*/nowhere/home: .*/nowhere is no folder; create it first"):
        Home(tmp_path / "nowhere" / "home").create()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    """Something else with the name of a folder is not touched."""
    (tmp_path / "data").write_text("mine")
    with pytest.raises(BadInput, match=r"data is no folder; move it away"):
        Home(tmp_path).create()
    assert (tmp_path / "data").read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_named(ordinary_user: Path) -> None:
    """A read-only parent and a read-only home are each told before anything is made."""
    closed = ordinary_user / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    with pytest.raises(BadInput, match=r"closed/home cannot be written \(Permission denied\); name a home"):
        Home(closed / "home").create()
    with pytest.raises(BadInput, match=r"closed cannot be written \(Permission denied\); name a home"):
        Home(closed).create()
    home = Home(ordinary_user / "open")
    home.create()
    home.data.chmod(0o500)
    with pytest.raises(BadInput, match=r"data cannot be written \(Permission denied\); name a home"):
        home.create()
    with pytest.raises(BadInput, match=r"engine\.lock cannot be opened \(Permission denied\)"):
        EngineLock(home)


def test_one_engine_per_home(home: Home) -> None:
    """INV-22: a second engine is refused with the first one's process number, and let in when the first is done."""
    first = EngineLock(home)
    with pytest.raises(BadInput, match=rf"an engine \(process {os.getpid()}\) already runs in"):
        EngineLock(home)
    first.release()
    EngineLock(home).release()
    assert (home.data / "engine.lock").stat().st_mode & 0o777 == 0o600


def test_a_holder_without_a_number_is_still_a_holder(home: Home) -> None:
    """Between taking the lock and writing its number a process holds it already."""
    first = EngineLock(home)
    (home.data / "engine.lock").write_bytes(b"")
    with pytest.raises(BadInput, match=r"process unknown"):
        EngineLock(home)
    first.release()


def test_a_killed_engine_leaves_no_lock(home: Home) -> None:
    """The operating system lets go of the lock of a process that is gone, so nobody has to delete files."""
    program = (
        "import sys; from pathlib import Path; from alpaca_trader.edge.home import EngineLock, Home;"
        " lock = EngineLock(Home(Path(sys.argv[1]))); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(home.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=rf"process {other.pid}\)"):
            EngineLock(home)
        other.kill()
    EngineLock(home).release()
