"""``service``: the files of launchd and systemd, where they lie, and the rendered example in the repository."""

import configparser
import plistlib
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.cli import root
from alpaca_trader.edge.service import LABEL, Service, render
from tests.cli.conftest import BARE, call

REPO = Path(__file__).resolve().parents[2]
EXAMPLE = Service(Path("/Users/you/alpaca-trader/.venv/bin/python"), Path("/Users/you/trader"), "paper")


def test_the_example_in_the_repository_is_current() -> None:
    """config/daemon.plist is what `service render` writes for a home of that name; rewrite it with this text."""
    assert (REPO / "config" / "daemon.plist").read_text(encoding="utf-8") == render("launchd", EXAMPLE)


def test_launchd_starts_this_very_installation(home: Path) -> None:
    """The plist parses, names interpreter, mode and home, restarts after failures only, and holds no key."""
    result = call("service", "render", "--kind", "launchd", "--mode", "live", "--home", home)
    content = plistlib.loads(result.stdout.encode())
    assert content["Label"] == "com.openclaw.alpaca-trader"
    assert content["ProgramArguments"] == [sys.executable, "-m", "alpaca_trader", "run", "--live", "--home", str(home)]
    assert content["KeepAlive"] == {"SuccessfulExit": False}
    assert (content["RunAtLoad"], content["ThrottleInterval"]) == (True, 30)
    assert content["StandardErrorPath"] == str(home / "logs" / "stderr.log")
    assert content["EnvironmentVariables"] == {"PATH": "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin"}


def test_systemd_restarts_after_failures_only(home: Path) -> None:
    """The unit parses as systemd's kind of file."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(call("service", "render", "--kind", "systemd", "--home", home).stdout)
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words == [sys.executable, "-m", "alpaca_trader", "run", "--paper", "--home", str(home)]
    assert (unit["Service"]["Restart"], unit["Service"]["RestartSec"]) == ("on-failure", "30")
    assert unit["Service"]["Environment"] == '"PATH=/usr/local/bin:/usr/bin:/bin"'
    assert unit["Install"]["WantedBy"] == "default.target"
    # A user unit cannot wait for the system's; and it is never given up.
    assert dict(unit["Unit"]) == {"description": "alpaca-trader (paper)", "startlimitintervalsec": "0"}


NAMES = st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters="/"), min_size=1).map(
    "a b {}".format
)


@given(NAMES)
def test_any_path_survives_both_formats(name: str) -> None:
    """Spaces, quotes, ampersands, dollars and per cents in a path reach the engine as they are."""
    service = Service(Path("/usr/bin/python3"), Path("/home") / name, "paper")
    plist = plistlib.loads(render("launchd", service).encode())
    assert plist["ProgramArguments"] == list(service.command)
    [line] = [each for each in render("systemd", service).split("\n") if each.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart="))
    assert [word.replace("%%", "%").replace("$$", "$") for word in words] == list(service.command)


def test_the_service_knows_where_the_keys_are_and_not_the_keys(home: Path) -> None:
    """A service inherits no variable of a shell: the 1Password reference goes into the file, a key never does."""
    values = {"ALPACA_TRADER_OP_KEY": "op://My Vault/Alpaca 100%", "APCA_API_SECRET_KEY": "canary-secret-0123456789"}
    for kind in ("launchd", "systemd"):
        result = CliRunner(env={**BARE, **values}).invoke(
            root, ["service", "render", "--kind", kind, "--home", str(home)]
        )
        assert "canary" not in result.stdout
        if kind == "launchd":
            variables = plistlib.loads(result.stdout.encode())["EnvironmentVariables"]
            assert variables["ALPACA_TRADER_OP_KEY"] == "op://My Vault/Alpaca 100%"
        else:
            assert '"ALPACA_TRADER_OP_KEY=op://My Vault/Alpaca 100%%"' in result.stdout


def test_a_line_break_in_a_path_is_refused(tmp_path: Path) -> None:
    """A unit would read the rest as settings of its own."""
    home = tmp_path / "two\nlines"
    result = call("service", "render", "--home", home)
    assert result.exit_code == 1
    assert "has unprintable characters; a service cannot hold it" in result.stderr


@pytest.mark.parametrize(
    ("kind", "where", "line"),
    [
        ("launchd", f"Library/LaunchAgents/{LABEL}.plist", "launchctl load -w "),
        (
            "systemd",
            ".config/systemd/user/alpaca-trader.service",
            "systemctl --user enable --now alpaca-trader.service",
        ),
    ],
)
def test_installed_and_taken_away(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str, line: str
) -> None:
    """The file lies where the manager looks, says what `render` says, and goes; without --load nothing is run."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / where
    installed = call("service", "install", "--kind", kind, "--home", home)
    assert installed.exit_code == 0, installed.output
    assert f"wrote {file}\n" in installed.stdout
    assert f"start it: {line}" in installed.stdout
    assert file.read_text() == call("service", "render", "--kind", kind, "--home", home).stdout
    removed = call("service", "uninstall", "--kind", kind)
    assert removed.stdout.endswith(f"removed {file}\n")
    assert not file.exists()
    again = call("service", "uninstall", "--kind", kind)
    assert (again.exit_code, again.stderr) == (
        4,
        f"alpaca-trader: {file}: there is no such file; the service is not installed\n",
    )


def test_a_manager_that_is_missing_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--load where there is no launchctl: one line, and the file stays."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = call("service", "install", "--kind", "launchd", "--load", "--home", home)
    assert result.exit_code == 1
    assert "`launchctl load -w " in result.stderr
    assert "the file stays, run it by hand" in result.stderr
    assert (tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist").exists()


def test_a_service_needs_a_home(tmp_path: Path) -> None:
    """A service whose home is a typing error would fail every half minute."""
    result = call("service", "install", "--kind", "systemd", "--home", tmp_path / "hmoe")
    assert result.exit_code == 4
