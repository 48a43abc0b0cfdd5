"""``run``: a whole day by command, the account of it, being killed, and edits and words while it goes on."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import HALF_DAY, PLAY, Played, answer, call, start, wait_for

WHOLE = pytest.mark.timeout(240)
"""A day takes its time on a busy machine."""


@WHOLE
def test_the_json_answer_has_everything_promised(played: Played) -> None:
    """One object: what was played, what came of it, and where the files lie, which are there."""
    result = played.result
    assert (result["mode"], result["dates"], result["seed"]) == ("SIM", [HALF_DAY], 7)
    assert result["equity_start"] == 467
    assert result["pnl"] == pytest.approx(result["equity_end"] - 467)
    assert len(result["trades"]) > 0
    assert {"orders_sent", "refusals", "seconds_unprotected"} <= result.keys()
    assert len(result["journal_sha256"]) == 64
    paths = result["paths"]
    files = [paths["journal"], paths["status"], paths["report"], *paths["logs"]]
    assert [name for name in files if not Path(name).is_file()] == []


def lines_until(process: "subprocess.Popen[str]", wanted: str) -> str:
    """Read the run's own lines up to the one that holds ``wanted``, which is the answer."""
    assert process.stderr is not None
    return wait_for(process.stderr, wanted)


@WHOLE
def test_killed_and_started_again_it_ends_as_if_never_killed(played: Played, tmp_path: Path) -> None:
    """kill -9 after the first exit; the same command goes on and makes the same trades and the same money.

    Without a terminal people read the mode first, then entries and exits, at the end the account: plain text.
    """
    home = tmp_path / "killed"
    process = start(*PLAY, "--home", home)
    assert process.stderr is not None
    assert [next(process.stderr), next(process.stderr)] == [f"SIM  {home}\n", "Fri 2026-11-27\n"]
    told = lines_until(process, "exit ")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL

    again = call(*PLAY, "--home", home)
    assert again.exit_code == 0, again.output
    assert "going on with the run that was interrupted here" in again.stderr
    assert answer("trades", "--home", home) == answer("trades", "--home", played.home)
    assert answer("status", "--home", home)["account"] == answer("status", "--home", played.home)["account"]

    verified = call("verify", home)
    assert verified.exit_code == 0, verified.output
    for trade in played.result["trades"]:
        assert f" {trade['symbol']} at " in told + again.stderr
    assert "210 of 210 minutes played" in again.stderr
    assert "\x1b" not in again.output
    assert again.stdout.startswith(" SIM ")
    assert str(home / "report.html") in again.stdout


@WHOLE
def test_a_run_with_a_lost_journal_says_so_and_buys_nothing(tmp_path: Path) -> None:
    """F37 by command: killed, the journal of a newer version put there: told on the terminal and in the status, the file kept."""
    home = tmp_path / "lost"
    process = start(*PLAY, "--home", home)
    lines_until(process, "entry ")
    process.kill()
    process.communicate()
    database = home / "data" / "trades.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    newer = database.read_bytes()

    process = start(*PLAY, "--home", home)
    told = lines_until(process, "is kept as trades.db.bad-")
    assert "was written by a newer version (schema 99" in told
    assert (
        "nothing is bought. Compare `alpaca-trader positions` with the broker's own page, then say `alpaca-trader"
        in told
    )
    lines_until(process, "HALT    journal_lost")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert answer("status", "--home", home)["halt"]["code"] == "journal_lost"
    (kept,) = [file for file in (home / "data").glob("trades.db.bad-*") if not file.name.endswith(("-wal", "-shm"))]
    assert kept.read_bytes() == newer
    assert call("verify", home).exit_code == 0


@WHOLE
def test_edits_and_words_reach_a_running_engine(tmp_path: Path) -> None:
    """A good edit is in force at once, a bad one is refused and told; halt is heard; Ctrl-C ends it with 130."""
    home = tmp_path / "edited"
    process = start("run", "--sim", "--date", HALF_DAY, "--speed", "300", "--home", home)
    lines_until(process, "config_accepted")
    strategy = home / "config" / "strategy.json"
    settings = json.loads(strategy.read_text())

    def edit(text: str) -> None:
        partial = strategy.with_suffix(".new")
        partial.write_text(text)
        partial.replace(strategy)

    settings["risk"]["max_positions"] = 3
    edit(json.dumps(settings))
    accepted = lines_until(process, "config_accepted").rpartition("=")[2].strip()
    settings["risk"]["max_positions"] = 300
    edit(json.dumps(settings))
    assert "risk.max_positions is 300" in lines_until(process, "config_refused")
    assert call("halt", "--home", home, "--reason", "enough").output == "halt: taken by the engine\n"
    assert "enough" in lines_until(process, "HALT    operator")
    second = call("run", "--sim", "--home", home)
    assert (second.exit_code, second.stdout) == (1, "")
    assert f"an engine (process {process.pid}) already runs in {home}" in second.stderr

    process.send_signal(signal.SIGINT)
    _, rest = process.communicate()
    assert process.returncode == 130
    assert "interrupted; the same command goes on with this run" in rest
    page = answer("status", "--home", home)
    assert page["config"]["state"] == "rejected"
    assert page["config"]["active_rev"] == accepted
    assert "risk.max_positions is 300" in page["config"]["detail"]
    assert page["halt"]["code"] == "operator"
    shown = answer("config", "show", "--home", home)
    assert shown["config_rev"] == accepted
    assert shown["state"] == "the last good one; the file on disk is refused"


BAD = [
    (("--seed", "3"), 2, "--seed: only for simulated runs; add --sim, or leave it out (alpaca-trader run --help)"),
    (("--sim", "--date", "yesterday"), 2, "'yesterday' is no date; write it as 2026-11-20"),
    (("--sim", "--speed", "fast"), 2, "'fast' is no speed; give a number above 0 (times real time), or max"),
    (("--sim", "--speed", "0"), 2, "'0' is no speed; give a number above 0 (times real time), or max"),
    (("--sim", "--speed", "1e308"), 2, "'1e308' is beyond 1,000,000 times real time; use max"),
    (("--sim", "--speed", "nan"), 2, "'nan' is no speed; give a number above 0 (times real time), or max"),
    (("--sim", "--days", "0"), 2, "0 is not in the range 1<=x<=250"),
    (("--sim", "--date", "2026-11-26"), 1, "--date 2026-11-26: the exchange is closed; the next session is 2026-11-27"),
    (("--sim", "--profile", "rich"), 1, "profile 'rich' is unknown; use one of live467, paper100k"),
    (("--sim", "--bars", "none.parquet"), 1, "none.parquet cannot be read"),
    (("--paper",), 1, "no Alpaca keys found: set APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
    (("--live",), 3, 'config/policy.json: mode is "paper"; a human who wants live trading sets it to "live"'),
]


@pytest.mark.parametrize(("options", "code", "text"), BAD, ids=[" ".join(options) for options, _, _ in BAD])
def test_bad_input_is_told_in_one_line(home: Path, options: tuple[str, ...], code: int, text: str) -> None:
    """What is wrong and what would be right; the documented exit code; nothing on standard output."""
    result = call("run", "--json", *options, "--home", home)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert result.stderr.startswith("alpaca-trader: ")
    assert result.stderr.count("\n") == 1


def test_another_run_in_an_interrupted_home_is_refused(copied: Path) -> None:
    """Half a run is not thrown away by accident: the same options go on with it, --fresh begins anew."""
    run_file = copied / "data" / "simulator" / "run.json"
    run_file.write_text(run_file.read_text().replace('"finished": true', '"finished": false'))
    result = call("run", "--sim", "--seed", "8", "--json", "--home", copied)
    assert result.exit_code == 1
    assert "another simulated run was interrupted here (seed 7" in result.stderr
    assert "--fresh" in result.stderr
