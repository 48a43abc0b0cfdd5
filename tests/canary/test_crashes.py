"""INV-26: a process that traded with known keys dies, in every way there is, and leaves no piece of them."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from tests.canary.canaries import assert_clean, environment
from tests.conftest import REPO

ENDS = {
    "abort": (-signal.SIGABRT, "Fatal Python error: Aborted"),
    "kill": (-signal.SIGKILL, ""),
    "exception": (1, "RuntimeError: GET /v2/orders with (hidden):(hidden)"),
    "reporter": (1, "credentials = Credentials(key=Secret(hidden), secret=Secret(hidden)"),
    "thread": (1, "RuntimeError: GET /v2/orders with (hidden):(hidden)"),
    "hang": (70, "ending with 70"),
    "full": (0, ""),
}
"""How each dies: its exit code, and what it says on standard error."""


class Corpses(NamedTuple):
    """Where they lie, how they ended, and what was said meanwhile."""

    folder: Path
    ended: dict[str, int]
    told: str


@pytest.fixture(scope="module")
def corpses(tmp_path_factory: pytest.TempPathFactory) -> Corpses:
    """All of them, under ``-X dev``, which makes Python talkative and dumps the frames of a crash."""
    folder = tmp_path_factory.mktemp("corpses")
    command = [sys.executable, "-X", "dev", "-m", "tests.canary.victim", str(folder), *ENDS]
    done = subprocess.run(command, env=environment(), cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Corpses(folder, json.loads(done.stdout), done.stdout + done.stderr)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("way", ENDS)
def test_no_death_tells_the_keys(corpses: Corpses, way: str) -> None:
    """Exit code and last words are the expected ones; output, journal, logs and the folder it died in hold no key."""
    code, says = ENDS[way]
    folder = corpses.folder / way
    said = (folder / "err").read_text()
    assert corpses.ended[way] == code, said
    assert says in said
    assert_clean(corpses.told, folder=folder)
    assert {path.name for path in folder.iterdir()} == {"home", "out", "err"}, "a picture of its memory"
    reader = JournalReader(Home(folder / "home").database(Mode.SIM))
    assert reader.intents(), "it died before it traded"
    reader.close()
