"""The command as a whole: what starts at once, what errors look like, and that every option is documented."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from alpaca_trader.cli import FAMILIES, root
from tests.cli.conftest import call, start

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
PROMISED = """init, doctor, run, status, positions, orders, trades, why, why-not, report, verify, halt, resume, arm, flatten, config show,
    config check, config history, config rollback, data import, data ls, data check, sim serve, sim clock, sim fault,
    sim load, sim accounts, sim switches, simulate, service render, service install, service uninstall"""
WORDS = [" ".join(each.split()) for each in PROMISED.split(",")]
NO_READS = {"init", "report", "halt", "resume", "arm", "flatten", "config rollback", "sim serve"}
NO_READS |= {"service render", "service install", "service uninstall"}


def leaves(group: click.Group = root, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            yield from leaves(command, words)
        else:
            yield words, command


LEAVES = dict(leaves())


def section(words: str) -> str:
    """What docs/commands.md says under this command's heading."""
    found = re.search(rf"^### `{re.escape(words)}[ `].*?(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/commands.md has no heading for `{words}`"
    return found[0]


def test_every_promised_command_is_there() -> None:
    """And no other: a command nobody promised is documented nowhere."""
    assert sorted(LEAVES) == sorted(WORDS)


@pytest.mark.parametrize("words", WORDS)
def test_every_command_and_option_is_documented(words: str) -> None:
    """Its section names each option and argument, and no option that it does not have."""
    text = section(words)
    flags = {flag for each in LEAVES[words].params if isinstance(each, click.Option) for flag in each.opts}
    documented = set(re.findall(r"`(--[a-z-]+)", text))
    assert flags - documented == set()
    assert documented - flags == set()
    for each in LEAVES[words].params:
        if isinstance(each, click.Argument):
            assert each.make_metavar(click.Context(LEAVES[words])).strip("[].") in text.splitlines()[0]


@pytest.mark.parametrize("words", WORDS)
def test_every_command_has_help(words: str) -> None:
    """--help says what it does, and each option what it is for."""
    result = call(*words.split(), "--help")
    assert result.exit_code == 0
    assert LEAVES[words].help
    assert [each.name for each in LEAVES[words].params if isinstance(each, click.Option) and not each.help] == []


@pytest.mark.parametrize("words", [each for each in WORDS if each not in NO_READS])
def test_every_command_that_reads_answers_in_json(words: str) -> None:
    """Programs read too."""
    assert "as_json" in {each.name for each in LEAVES[words].params}


def test_the_list_of_commands_says_what_each_says(tmp_path: Path) -> None:
    """The lines of --help, which imports no command, name every family once."""
    text = call("--help").stdout
    for name, (_, line) in FAMILIES.items():
        assert f"  {name} " in text
        assert line in text


HEAVY = {"alpaca", "apscheduler", "exchange_calendars", "matplotlib", "numpy", "pandas", "pydantic", "requests"}
HEAVY |= {"sqlite3", "structlog", "uvicorn", "websockets", "jinja2", "pyarrow"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("words", [["--help"], ["status"], ["status", "--json"], ["positions"]], ids=" ".join)
def test_a_look_loads_nothing_heavy(home: Path, words: list[str]) -> None:
    """The commands that must start at once import no numbers, no broker, no database."""
    (home / "logs" / "status.json").write_text(STATUS)
    more = [] if words == ["--help"] else ["--home", str(home)]
    code = (
        "import sys\n"
        "from alpaca_trader.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    sys.stderr.write(' '.join(sorted({name.split('.')[0] for name in sys.modules})))\n"
    )
    # A measured child would load coverage's own sqlite3.
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
    command = [sys.executable, "-c", code, *words, *more]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert set(done.stderr.split()) & HEAVY == set()


STATUS = """{
  "mode": "SIM", "timestamp": "2026-11-20T21:00:05Z", "positions": [], "daily_pnl": 1.6, "daily_pnl_pct": 0.3426,
  "account": {"portfolio_value": 468.6, "cash": 468.6, "buying_power": 468.6}, "trades_today": 7,
  "strategies_active": ["momentum_breakout"], "session": null, "halt": null, "protected": true, "orders_open": 0,
  "config": {"active_rev": "2289239694a6", "state": "active", "file_hash": null, "detail": null},
  "health": {"account_age_s": 0.0, "positions_age_s": 0.0, "streams": {}, "clock_skew_s": 0.0, "journal": "ok"},
  "entries_today": 7, "refusals_today": {"entry_window": 3}
}"""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["nonsense"], "No such command 'nonsense'."),
        (["staus"], "No such command 'staus'. Did you mean status?"),
        (["run", "--sim", "--paper"], "give one of --sim, --paper, --live"),
        (["run", "--live", "--paper"], "give one of --sim, --paper, --live"),
        (["status", "--jsom"], "No such option '--jsom'."),
        (["trades", "--mode", "demo"], "'demo' is not one of 'sim', 'paper', 'live'."),
        (["config", "show", "more"], "Got unexpected extra argument (more)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_typing_error_is_told_in_one_line(words: list[str], text: str) -> None:
    """Exit code 2, what was wrong, and where help is."""
    result = call(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("alpaca-trader: ")
    assert text in result.stderr
    assert result.stderr.endswith("--help)\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["config"], ["data"], ["sim"], ["service"]], ids=" ".join)
def test_without_a_verb_help_is_shown(words: list[str]) -> None:
    """And the exit code says that nothing was done."""
    result = call(*words)
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Commands:" in result.stderr


def test_version() -> None:
    """One line."""
    assert re.fullmatch(r"alpaca-trader \d+\.\d+\.\d+\n", call("--version").stdout)


def test_a_reader_that_closes_early_is_no_error(home: Path) -> None:
    """`alpaca-trader config show | head -1` prints no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    process = start("config", "show", "--json", "--home", home, stdout=writing)
    os.close(writing)
    _, err = process.communicate()
    assert (process.returncode, err) == (1, "")


def test_the_home_may_come_from_the_environment(home: Path) -> None:
    """ALPACA_TRADER_HOME stands for --home."""
    from click.testing import CliRunner

    result = CliRunner(env={"ALPACA_TRADER_HOME": str(home)}).invoke(root, ["config", "check"])
    assert result.output.startswith(f"{home}/config/strategy.json: good")
