"""One simulated half day, played once by the real command, and ways to call the command."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from alpaca_trader.cli import root
from alpaca_trader.edge.channels import WEBHOOK

HALF_DAY = "2026-11-27"
PLAY = ("run", "--sim", "--date", HALF_DAY, "--speed", "max")
KEYS = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_API_SECRET")
NAMES = ("ALPACA_TRADER_HOME", "ALPACA_TRADER_OP_KEY", "ALPACA_TRADER_OP_SECRET", "APCA_API_BASE_URL", WEBHOOK)
BARE = dict.fromkeys((*KEYS, *NAMES))
"""What a developer's own environment must not bring into a test."""


class Played(NamedTuple):
    """A home in which a day was played, and what the command said."""

    home: Path
    result: dict[str, Any]


def call(*args: object, text: str | None = None) -> Result:
    """The command, in this process, with ``text`` on a standard input that is no terminal."""
    return CliRunner(env=BARE).invoke(root, [str(arg) for arg in args], input=text)


def start(*args: object, **more: Any) -> "subprocess.Popen[str]":
    """The command, in its own process, its output piped."""
    environ = {name: value for name, value in os.environ.items() if name not in BARE}
    command = [sys.executable, "-m", "alpaca_trader", *map(str, args)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(command, env=environ, text=True, **streams)


def answer(*args: object) -> Any:
    """The JSON object that the command prints."""
    result = call(*args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def wait_for(lines: Sequence[str] | Any, wanted: str) -> str:
    """Read on until a line holds ``wanted``."""
    seen = []
    for line in lines:
        if wanted in line:
            return str(line)
        seen.append(line)
    raise AssertionError(f"{wanted!r} never came:\n{''.join(seen)}")


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A half day, played once for all workers; nobody writes into it."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    home, said = folder / "played", folder / "played.json"
    with (folder / "played.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            process = start(*PLAY, "--json", "--home", home)
            out, err = process.communicate()
            assert (process.returncode, err) == (0, "")
            said.write_text(out)
    return Played(home, json.loads(said.read_text()))


@pytest.fixture
def copied(played: Played, tmp_path: Path) -> Path:
    """The played home, to be changed at will."""
    return Path(shutil.copytree(played.home, tmp_path / "copied"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as ``init`` leaves it."""
    folder = tmp_path / "home"
    assert call("init", "--home", folder).exit_code == 0
    return folder
