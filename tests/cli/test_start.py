"""``init`` and ``doctor``: a home made once, and what is wrong with it."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from alpaca_trader.cli import root
from tests.cli.conftest import BARE, answer, call
from tests.edge.canned import canned_server, reply


def test_init_makes_a_private_home_and_says_what_next(tmp_path: Path) -> None:
    """Folders for their owner alone, both settings files, the steps to paper; no live setting."""
    home = tmp_path / "new"
    result = call("init", "--home", home)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == [
        f"wrote {home}/config/strategy.json",
        f"wrote {home}/config/policy.json",
    ]
    assert f"alpaca-trader run --paper --home {home}" in result.stdout
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (home, home / "config", home / "data")} == {0o700}
    live = call("init", "--live", "--home", home)
    assert '"mode": "live", "live_account"' in live.stdout
    assert json.loads((home / "config" / "policy.json").read_text())["mode"] == "paper"


def test_init_never_overwrites(home: Path) -> None:
    """What lies there stays, byte for byte; what is missing is written."""
    (home / "config" / "strategy.json").write_text("mine")
    (home / "config" / "policy.json").unlink()
    result = call("init", "--home", home)
    assert result.stdout.splitlines()[:2] == [
        f"kept  {home}/config/strategy.json",
        f"wrote {home}/config/policy.json",
    ]
    assert (home / "config" / "strategy.json").read_text() == "mine"


def test_init_below_nowhere_is_told(tmp_path: Path) -> None:
    """One line: which folder is missing."""
    home = tmp_path / "no" / "where"
    result = call("init", "--home", home)
    assert result.exit_code == 1
    assert result.stderr == f"alpaca-trader: --home {home}: {tmp_path / 'no'} is no folder; create it first\n"


def grades(home: Path) -> dict[str, str]:
    """The doctor's grade of each thing looked at."""
    result = call("doctor", "--json", "--home", home)
    return {each["name"]: each["grade"] for each in json.loads(result.stdout)["findings"]}


def test_a_new_home_is_in_order(home: Path) -> None:
    """Everything is good but the keys, which a simulation does not need."""
    found = answer("doctor", "--home", home)["findings"]
    bad = {each["name"]: each["text"] for each in found if each["grade"] != "ok"}
    assert bad.keys() <= {"credentials", "disk", "alarms"}
    assert bad["alarms"].startswith("nobody is told; name alarm_command in config/policy.json")
    assert bad["credentials"].startswith("no Alpaca keys found: set APCA_API_KEY_ID")
    assert bad["credentials"].endswith("(not needed for --sim)")


def test_keys_are_found_and_never_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor says where keys are, and no piece of them."""
    keys = {"APCA_API_KEY_ID": "PKCANARYCANARYCANARY", "APCA_API_SECRET_KEY": "canary-secret-0123456789"}
    result = CliRunner(env={**BARE, **keys}).invoke(root, ["doctor", "--home", str(home)])
    assert "ok    credentials  found in: environment\n" in result.stdout
    assert not any(value[i : i + 8] in result.output for value in keys.values() for i in range(len(value) - 7))


def test_the_doctor_finds_what_must_be_mended(home: Path) -> None:
    """A broken setting and a damaged journal fail with what to do; the exit code is 1."""
    (home / "config" / "strategy.json").write_text('{"risk": 1, "strategies": 2}')
    (home / "data" / "trades.db").write_text("no database")
    result = call("doctor", "--home", home)
    assert result.exit_code == 1
    assert "fail  settings     config/strategy.json: risk is 1; it must be" in result.stdout
    assert "(and 1 more: alpaca-trader config check)" in result.stdout
    assert "fail  journal " in result.stdout
    assert grades(home)["home"] == "ok"


def test_the_doctor_says_where_there_is_no_home(tmp_path: Path) -> None:
    """It looks, and makes nothing."""
    missing = tmp_path / "missing"
    result = call("doctor", "--home", missing)
    assert result.exit_code == 1
    assert f"fail  home         {missing} is no folder; alpaca-trader init --home {missing}" in result.stdout
    assert not missing.exists()


def test_the_doctor_warns_of_others_who_may_write(home: Path) -> None:
    """Whoever can write the settings can trade."""
    home.chmod(0o777)
    assert grades(home)["home"] == "warn"


def test_online_without_keys_fails(home: Path) -> None:
    """Asked to speak to the broker, missing keys are no longer a matter of taste."""
    result = call("doctor", "--online", "--home", home)
    assert result.exit_code == 1
    assert "fail  broker       paper: no Alpaca keys found" in result.stdout


@pytest.mark.parametrize(
    ("command", "asked", "line", "code"),
    [
        (["true"], (), "ok    alarms       command\n", 0),
        (["true"], ("--alarm",), "ok    alarms       command: took a test message\n", 0),
        (["false"], (), "ok    alarms       command\n", 0),
        (["false"], ("--alarm",), "fail  alarms       command: the program ended with 1\n", 1),
    ],
    ids=["looked at", "tried", "not tried", "refused"],
)
def test_the_doctor_tries_the_alarms(
    home: Path, command: list[str], asked: tuple[str, ...], line: str, code: int
) -> None:
    """A channel is shown, and tried only when that is asked for."""
    policy = home / "config" / "policy.json"
    policy.write_text(json.dumps({**json.loads(policy.read_text()), "alarm_command": command}))
    result = call("doctor", *asked, "--home", home)
    assert line in result.stdout
    assert result.exit_code == code


def test_the_doctor_refuses_a_webhook_that_is_none(home: Path) -> None:
    """It names the variable and not the address."""
    result = CliRunner(env={**BARE, "ALPACA_TRADER_ALARM_WEBHOOK": "http://example.com/token"}).invoke(
        root, ["doctor", "--home", str(home)]
    )
    assert "fail  alarms       ALPACA_TRADER_ALARM_WEBHOOK would send alarms unencrypted" in result.stdout
    assert "token" not in result.output


def test_starts_that_fail_are_counted_and_told_until_they_are_a_loop(home: Path, tmp_path: Path) -> None:
    """F47: each says out of band why it ended, before anything of the home was needed; the seventh says nothing new."""
    told = tmp_path / "told"
    policy = home / "config" / "policy.json"
    command = ["/bin/sh", "-c", f"cat >> {told}"]
    policy.write_text(json.dumps({**json.loads(policy.read_text()), "alarm_command": command}))
    for _ in range(7):
        result = call("run", "--paper", "--home", home)
        assert result.exit_code == 1
        assert "no Alpaca keys found" in result.stderr
    assert len(json.loads((home / "data" / "starts.json").read_text())) == 7
    lines = told.read_text().splitlines()
    assert lines[0] == f"alpaca-trader PAPER {home}"
    assert sum("Z ended: BadInput: no Alpaca keys found" in line for line in lines) == 6


def test_broken_settings_are_told_by_the_webhook(home: Path) -> None:
    """An edit that no start survives leaves positions alone with their stops: somebody has to hear of it."""
    (home / "config" / "policy.json").write_text("{")
    with canned_server(reply(200, "")) as server:
        environ = {**BARE, "ALPACA_TRADER_ALARM_WEBHOOK": server.url}
        result = CliRunner(env=environ).invoke(root, ["run", "--paper", "--home", str(home)])
    assert result.exit_code == 1
    (asked,) = server.asked
    assert "ended: BadSettings: config/policy.json" in json.loads(asked.body)["text"]
