"""The rules of the house hold: a lock without hosts, a ban on ambient time, imports one way, tests that say what for."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOCKS = sorted((REPO / "requirements").glob("*.txt"))
TEST_FILES = sorted((REPO / "tests").rglob("test_*.py"))
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")


def pins(lock: Path) -> dict[str, str]:
    """Canonical name to exact version of everything a lock holds."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    found = [match for line in lines if (match := PIN.match(line))]
    return {canonicalize_name(match["name"]): match["version"] for match in found}


@pytest.mark.parametrize("path", sorted((REPO / "requirements").iterdir()), ids=lambda path: path.name)
def test_requirements_name_no_host(path: Path) -> None:
    """The lock installs from any index or mirror, so it names none and links no file."""
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^\s*(--index|--extra-index|--find-links|--trusted-host|-i |-f )", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_is_exact_and_has_a_hash(lock: Path) -> None:
    """Each package is one version with at least one hash; nothing else is asked for."""
    blocks = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
    blocks = [block for block in blocks if block.strip() and not block.startswith("-c ")]
    assert blocks
    assert [block for block in blocks if not (PIN.match(block) and "--hash=sha256:" in block)] == []


def test_the_run_lock_answers_the_project() -> None:
    """After a change of pyproject.toml the lock was made anew: every requirement is pinned within its bounds."""
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    locked = pins(REPO / "requirements" / "run.txt")
    for text in [*project["dependencies"], *extras["report"], *extras["data"], *extras["tls"]]:
        asked = Requirement(text)
        assert asked.specifier.contains(locked[canonicalize_name(asked.name)]), text


def test_the_locks_agree() -> None:
    """A package in two locks has one version, or the second install would undo the first."""
    run, dev = pins(REPO / "requirements" / "run.txt"), pins(REPO / "requirements" / "dev.txt")
    assert {name: (run[name], dev[name]) for name in sorted(run.keys() & dev.keys()) if run[name] != dev[name]} == {}


def test_no_lock_format_that_records_hosts_is_tracked() -> None:
    """uv.lock and pylock.toml name the index they were made from; Git must not hold them, nor secrets, nor journals."""
    if not (REPO / ".git").exists():
        pytest.skip("not a Git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=REPO, check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    unwanted = re.compile(r"(^|/)(uv\.lock|pylock(\..*)?\.toml|\.env)$|\.(db|db-wal|db-shm)$")
    assert [name for name in listed if unwanted.search(name)] == []


BANNED = [
    ("from datetime import UTC, datetime", "datetime.now(UTC)"),
    ("from datetime import datetime", "datetime.utcnow()"),
    ("from datetime import date", "date.today()"),
    ("import time", "time.time()"),
    ("import time", "time.monotonic()"),
    ("from time import perf_counter", "perf_counter()"),
    ("import time", "time.sleep(1)"),
    ("import random", "random.random()"),
    ("import random", "random.choice([1])"),
    ("import uuid", "uuid.uuid4()"),
    ("import uuid", "uuid.uuid1()"),
    ("import pandas as pd", "pd.Timestamp.now()"),
    ("import os", "os.urandom(8)"),
]


def lint(filename: str, source: str) -> str:
    """What Ruff's ban on ambient time and randomness says about this source under this name."""
    command = [str(BIN / "ruff"), "check", "--select", "TID251", "--output-format", "concise", "--no-cache"]
    done = subprocess.run(
        [*command, "--stdin-filename", filename, "-"],
        cwd=REPO,
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize(("imports", "call"), BANNED, ids=[call for _, call in BANNED])
def test_ambient_time_and_randomness_are_refused(imports: str, call: str) -> None:
    """Time and chance are handed in; the only file excused is edge/clock.py."""
    source = f"{imports}\n\nX = {call}\n"
    assert "TID251" in lint("src/alpaca_trader/core/engine.py", source)
    assert "TID251" in lint("tests/core/test_engine.py", source)
    assert "TID251" not in lint("src/alpaca_trader/edge/clock.py", source)


def test_seeded_randomness_is_allowed() -> None:
    """A generator made from a seed is how chance is handed in."""
    assert "TID251" not in lint(
        "src/alpaca_trader/simulator/market.py", "import random\n\nX = random.Random(7).random()\n"
    )


TRESPASSES = [
    ("core/models.py", "import sqlite3", "The core does no I/O and reads no clock"),
    ("core/models.py", "import time", "The core does no I/O and reads no clock"),
    ("core/models.py", "import alpaca_trader.edge", "One way down"),
    ("core/models.py", "import alpaca_trader.core.events", "One way down inside the core"),
    ("core/nowhere.py", "", "One way down inside the core"),
    ("nowhere.py", "", "One way down"),
    ("edge/__init__.py", "import alpaca_trader.simulator", "One way down"),
    ("edge/__init__.py", "import alpaca.trading.client", "Only the Alpaca files speak alpaca-py"),
    ("views/__init__.py", "import alpaca_trader.core.engine", "Pages read the journal, never the engine"),
    (
        "simulator/__init__.py",
        "import alpaca_trader.core.models",
        "The simulated exchange shares no code with the engine",
    ),
]


@pytest.mark.parametrize(("module", "line", "contract"), TRESPASSES)
def test_a_trespassing_import_breaks_its_contract(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """The import rules are alive: each fails when a module does what it forbids."""
    package = tmp_path / "alpaca_trader"
    shutil.copytree(REPO / "src" / "alpaca_trader", package, ignore=shutil.ignore_patterns("__pycache__"))
    with (package / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    command = [str(BIN / "lint-imports"), "--config", str(REPO / ".importlinter"), "--no-cache", "--no-logo"]
    env = os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert re.search(rf"^{re.escape(contract)} BROKEN", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: str(path.relative_to(REPO / "tests")))
def test_every_test_says_what_it_is_for(path: Path) -> None:
    """A test has a sentence for a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [f.name for f in functions if f.name.startswith("test_") and not ast.get_docstring(f)] == []
