"""Set-up judges an environment rightly, replaces only what is its own, and says clearly when it cannot go on.

What needs a package index is not tried here; every fresh checkout tries it.
"""

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import bootstrap

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment: what set-up reads, and nothing else."""
    for name in ("bootstrap.py", "pyproject.toml"):
        shutil.copy(REPO / name, tmp_path / name)
    shutil.copytree(REPO / "requirements", tmp_path / "requirements")
    return tmp_path


def loaded(checkout: Path) -> ModuleType:
    """The bootstrap module of that checkout."""
    spec = importlib.util.spec_from_file_location("bootstrap_of_checkout", checkout / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def called(checkout: Path) -> "subprocess.CompletedProcess[str]":
    """One call of set-up, as a person makes it."""
    command = [sys.executable, str(checkout / "bootstrap.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def finished(checkout: Path) -> ModuleType:
    """The bootstrap module of that checkout, after a set-up that reached its end."""
    module = loaded(checkout)
    module.make_venv()
    module.STAMP.write_text(module.fingerprint(), encoding="ascii")
    return module


def test_a_ready_environment_is_left_alone(checkout: Path) -> None:
    """The second call does nothing and says nothing."""
    assert finished(checkout).is_ready()
    done = called(checkout)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "requirements/uv.txt", "requirements/run.txt", "requirements/dev.txt"]
)
def test_a_changed_lock_asks_for_another_set_up(checkout: Path, name: str) -> None:
    """Whatever the environment was made from, a change to it is seen."""
    module = finished(checkout)
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert not module.is_ready()


def test_an_environment_without_its_python_is_not_ready(checkout: Path) -> None:
    """When the system's Python was removed or replaced, the links in .venv lead nowhere."""
    module = finished(checkout)
    for link in (checkout / ".venv" / "bin").glob("python*"):
        link.unlink()
    assert not module.is_ready()
    assert not module.is_sound()


def test_an_interrupted_set_up_is_begun_anew(checkout: Path) -> None:
    """Half an installation may look whole, so nothing of it is kept; until the end the stamp says unfinished."""
    module = loaded(checkout)
    module.make_venv()
    half = checkout / ".venv" / "half-installed"
    half.touch()
    assert not module.is_ready()
    assert not module.is_sound()
    module.make_venv()
    assert not half.exists()
    assert module.PYTHON.exists()
    assert module.stamp() == module.UNFINISHED


def test_a_folder_that_is_no_environment_is_not_touched(checkout: Path) -> None:
    """Somebody's files in .venv are worth more than our set-up."""
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "diary").touch()
    done = called(checkout)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"setup failed: {checkout / '.venv'} exists and is no virtual environment; move it away and run this again.\n"
    )
    assert (checkout / ".venv" / "diary").exists()


def test_a_missing_lock_is_one_clear_error(checkout: Path) -> None:
    """The error names the file."""
    finished(checkout)
    (checkout / "requirements" / "run.txt").unlink()
    done = called(checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("setup failed: ")
    assert "run.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_can_read_the_script() -> None:
    """It must start on an old Python to say that it needs a newer one."""
    ast.parse((REPO / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_newer_python_is_looked_for_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is on PATH but does not start a new enough Python is passed over."""
    for name, command in (("python3.14", "exit 1"), ("python3.12", f'exec "{sys.executable}" "$@"')):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bootstrap.newer_python() == str(tmp_path / "python3.12")


def test_no_new_enough_python_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what is needed, what was found, and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        bootstrap.SetupError, match=r"Python 3\.11 or newer is needed; this is .*python3\.14.*\nInstall one"
    ):
        bootstrap.newer_python()


@pytest.mark.parametrize(
    ("pip_config", "environ", "url"),
    [
        ("", {}, ""),
        ("global.index-url='mirror-a'\n", {}, "mirror-a"),
        ("global.index-url='mirror-a'\ninstall.index-url='mirror-b'\n", {}, "mirror-b"),
        ("global.extra-index-url='mirror-c'\nglobal.find-links='wheels'\n", {}, ""),
        ("global.index-url='mirror-a'\n", {"PIP_INDEX_URL": "mirror-d"}, "mirror-d"),
        ("global.index-url='mirror-a?x=1'\n", {}, "mirror-a?x=1"),
    ],
)
def test_uv_is_told_the_index_pip_uses(pip_config: str, environ: dict[str, str], url: str) -> None:
    """The environment outranks pip's files, of which the last line is the most specific; extra indexes do not count."""
    assert bootstrap.index_url(pip_config, environ) == url


def test_what_the_user_set_for_uv_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's certificates and no downloaded Pythons by default; never the system's site-packages."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mirror-e")
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "manual")
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    monkeypatch.delenv("UV_NATIVE_TLS", raising=False)
    env = bootstrap.uv_environment(["pip"])
    assert env["UV_DEFAULT_INDEX"] == "mirror-e"
    assert env["UV_PYTHON_DOWNLOADS"] == "manual"
    assert env["UV_NATIVE_TLS"] == env["UV_SYSTEM_CERTS"] == "1"
    assert "UV_SYSTEM_PYTHON" not in env
