"""``config``: shown in dollars, checked with every problem, told in revisions, and taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.events import ConfigAccepted
from alpaca_trader.core.models import Mode
from alpaca_trader.core.policy import parse_policy
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.sqlite import Journal
from tests.cli.conftest import answer, call


def settings_of(home: Path) -> dict[str, Any]:
    """What the home's strategy.json says."""
    content: dict[str, Any] = json.loads((home / "config" / "strategy.json").read_text())
    return content


def write_settings(home: Path, **risk: object) -> str:
    """Change the risk section on disk; answers with the revision's id."""
    content = settings_of(home)
    content["risk"] |= risk
    raw = json.dumps(content)
    (home / "config" / "strategy.json").write_text(raw)
    return config_hash(parse_config(raw.encode(), "test"))


def adopt(home: Path, minute: int) -> str:
    """Journal the file on disk as a revision that came into force, as the engine does."""
    from datetime import UTC, datetime

    raw = (home / "config" / "strategy.json").read_bytes()
    config = parse_config(raw, "test")
    policy = parse_policy((home / "config" / "policy.json").read_bytes(), "test")
    journal = Journal.open(Home(home).database(Mode.PAPER), Mode.PAPER, None, "0", reserve_bytes=0)
    journal.record(ConfigAccepted(datetime(2026, 11, 20, 15, minute, tzinfo=UTC), config_hash(config), config, policy))
    journal.commit()
    journal.close()
    return config_hash(config)


@pytest.fixture
def revised(home: Path) -> tuple[Path, list[str]]:
    """A home whose journal holds three revisions; the last is on disk."""
    revisions = [adopt(home, 0)]
    for minute, size in ((1, 0.05), (2, 0.15)):
        write_settings(home, max_position_pct=size)
        revisions.append(adopt(home, minute))
    return home, revisions


def test_show_explains_limits_in_dollars(home: Path) -> None:
    """Without an engine's reading the limits are those of the reference account, and it says so."""
    shown = answer("config", "show", "--home", home)
    assert (shown["mode"], shown["state"], shown["equity"]) == (None, "as in the file; no engine runs", 467)
    assert shown["equity_source"] == "the reference account; no engine has read another"
    limits = {limit["setting"]: limit["dollars"] for limit in shown["limits"]}
    assert (limits["max_position_pct"], limits["max_daily_loss_pct"], limits["stop_loss_pct"]) == (46.7, 9.34, 0.7)
    text = call("config", "show", "--home", home).stdout
    assert text.startswith(f"(no engine has run)  {home}\nrevision {shown['config_rev']}: as in the file; no engine")
    assert "max_position_pct    10 %       46.70 $   largest position\n" in text
    assert "  order_style               limit\n" in text


@pytest.mark.timeout(240)
def test_show_takes_equity_and_prices_from_the_engine(copied: Path) -> None:
    """After a run the limits are this account's, and SPY's price above max_price is warned of."""
    page = answer("status", "--home", copied)
    shown = answer("config", "show", "--home", copied)
    assert (shown["mode"], shown["equity"]) == ("SIM", page["account"]["portfolio_value"])
    assert shown["equity_source"] == "logs/status.json"
    assert {warning["code"] for warning in shown["warnings"]} == {"W_WATCHLIST_FILTERED"}
    assert "SPY at " in call("config", "show", "--home", copied).stdout


def test_check_lists_every_problem(home: Path, tmp_path: Path) -> None:
    """One line each on standard error, exit code 1; the same as JSON."""
    file = tmp_path / "edited.json"
    file.write_text('{"risk": {"max_position_pct": 0.5, "stop_los_pct": 1}}')
    result = call("config", "check", file, "--home", home)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"{file}: risk.max_position_pct is 0.5; it must be a number from 0.001 to 0.25",
        f"{file}: risk.stop_los_pct is not a setting; did you mean stop_loss_pct?",
        f"{file}: strategies is missing; it must be an object of strategies {{...}}",
    ]
    told = call("config", "check", file, "--home", home, "--json")
    assert told.exit_code == 1
    content = json.loads(told.stdout)
    assert (content["ok"], content["config_rev"], len(content["problems"])) == (False, None, 3)


def test_check_holds_settings_against_the_policy(home: Path) -> None:
    """What the ranges in code allow, the human's policy may not."""
    write_settings(home, max_position_pct=0.25, max_positions=4)
    result = call("config", "check", "--home", home)
    file = home / "config" / "strategy.json"
    assert result.exit_code == 1
    assert result.stderr == f"{file}: risk.max_position_pct is 0.25; the policy allows 0.01 to 0.2\n"


def test_check_says_good(home: Path) -> None:
    """A good file has a revision."""
    rev = write_settings(home)
    file = home / "config" / "strategy.json"
    assert call("config", "check", "--home", home).output == f"{file}: good, revision {rev}\n"
    assert answer("config", "check", "--home", home) == {
        "ok": True,
        "file": str(file),
        "config_rev": rev,
        "problems": [],
    }


@pytest.mark.parametrize("name", ["strategy.json", "policy.json"])
def test_a_missing_file_is_told(home: Path, name: str) -> None:
    """And what writes it."""
    (home / "config" / name).unlink()
    result = call("config", "check", "--home", home)
    assert result.exit_code == 1
    assert result.stderr == f"config/{name} is missing; alpaca-trader init writes one\n"
    shown = call("config", "show", "--home", home)
    assert (shown.exit_code, shown.stderr) == (
        1,
        f"alpaca-trader: config/{name} is missing; alpaca-trader init writes one\n",
    )


def test_history_tells_what_each_revision_changed(revised: tuple[Path, list[str]]) -> None:
    """Oldest first, each with its parent and the direction of risk."""
    home, revisions = revised
    told = answer("config", "history", "--mode", "paper", "--home", home)
    assert [each["rev"] for each in told["revisions"]] == revisions
    assert [each["parent"] for each in told["revisions"]] == [None, *revisions[:2]]
    [change] = told["revisions"][2]["changes"]
    assert change == {"path": "risk.max_position_pct", "before": 0.05, "after": 0.15, "risk": "riskier"}
    assert call("config", "history", "--home", home).stdout.splitlines() == [
        f"PAPER  {home}",
        f"{revisions[0]}  2026-11-20 15:00:00Z  the first",
        f"{revisions[1]}  2026-11-20 15:01:00Z",
        "    risk.max_position_pct: 0.1 -> 0.05 (tighter)",
        f"{revisions[2]}  2026-11-20 15:02:00Z",
        "    risk.max_position_pct: 0.05 -> 0.15 (riskier)",
    ]


def test_rollback_goes_one_back_or_to_a_named_revision(revised: tuple[Path, list[str]]) -> None:
    """The file says what that revision said; twice goes to and fro; a beginning of the id is enough."""
    home, revisions = revised
    file = home / "config" / "strategy.json"
    result = call("config", "rollback", "--home", home)
    assert result.output == f"wrote revision {revisions[1]} to {file}; in force at the next start\n"
    assert settings_of(home)["risk"]["max_position_pct"] == 0.05
    assert call("config", "rollback", "--home", home).exit_code == 0
    assert settings_of(home)["risk"]["max_position_pct"] == 0.15
    assert call("config", "rollback", revisions[0][:6], "--home", home).exit_code == 0
    assert answer("config", "check", "--home", home)["config_rev"] == revisions[0]


def test_rollback_mends_a_refused_file(revised: tuple[Path, list[str]]) -> None:
    """The one before a file that was refused is the one in force."""
    home, revisions = revised
    (home / "config" / "strategy.json").write_text("{")
    assert revisions[2] in call("config", "rollback", "--home", home).output
    assert answer("config", "check", "--home", home)["config_rev"] == revisions[2]


def test_rollback_refuses_what_the_policy_no_longer_allows(revised: tuple[Path, list[str]]) -> None:
    """Exit code 3, and the file is not touched."""
    home, revisions = revised
    policy = home / "config" / "policy.json"
    content = json.loads(policy.read_text())
    content["ranges"]["risk.max_position_pct"] = [0.08, 0.2]
    policy.write_text(json.dumps(content))
    before = (home / "config" / "strategy.json").read_bytes()
    result = call("config", "rollback", "--home", home)
    file = home / "config" / "strategy.json"
    assert result.exit_code == 3
    assert result.stderr == (
        f"alpaca-trader: revision {revisions[1]}: risk.max_position_pct is 0.05; the policy allows 0.08 to 0.2; "
        f"{file} is unchanged\n"
    )
    assert file.read_bytes() == before


def test_rollback_to_nowhere_is_told(revised: tuple[Path, list[str]]) -> None:
    """An unknown revision, with those that there are; an id's beginning that fits several."""
    home, revisions = revised
    known = ", ".join(revisions)
    for rev, why in (("xyz", "is no revision"), ("", "is the beginning of several revisions")):
        result = call("config", "rollback", rev, "--home", home)
        assert result.exit_code == 4
        assert result.stderr == f"alpaca-trader: '{rev}' {why} of this home; it has {known}\n"


def test_without_an_earlier_revision_there_is_no_way_back(home: Path) -> None:
    """Exit code 4."""
    adopt(home, 0)
    result = call("config", "rollback", "--home", home)
    assert (result.exit_code, result.stderr) == (
        4,
        f"alpaca-trader: --home {home}: no earlier revision was ever in force\n",
    )
