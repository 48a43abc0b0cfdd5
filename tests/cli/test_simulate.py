"""``simulate``: trials for everybody: the same seed is the same run, and what breaks can be played again."""

import json
import os
import subprocess
import sys

import pytest

from alpaca_trader.trials.judge import Judge
from tests.cli.conftest import call

EARLY = "2026-11-24T15:10:00Z"


def test_one_seed_is_one_trace_in_every_process() -> None:
    """Two processes with different hash seeds print the same bytes (INV-30)."""
    traces = []
    for hash_seed in ("1", "2"):
        words = ("simulate", "--seed", "1", "--until", EARLY, "--trace")
        environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-m", "alpaca_trader", *words]
        traces.append(subprocess.run(command, env=environ, text=True, check=True, capture_output=True).stdout)
    assert traces[0] == traces[1]
    assert "all rules held; journal " in traces[0]


def test_what_breaks_can_be_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken rule ends with 1 and a command; that command breaks the same rule; the shortest run is shorter."""

    def never(self: Judge, key: str) -> None:
        self._break("INV-3", "nothing may be asked about")

    monkeypatch.setattr(Judge, "hear_missing", never)
    plan = ("--faults", "http.drop=0.3,ws.dup=0.2,bars.late=0.1")
    first = call("simulate", "--seed", "13", *plan, "--shrink")
    assert first.exit_code == 1
    told = [line.strip() for line in first.stdout.splitlines() if "alpaca-trader simulate" in line]
    again = call(*_words(told[0]))
    shortest = call(*_words(told[-1]))
    for result in (again, shortest):
        assert result.exit_code == 1
        assert "BROKEN INV-3" in result.stdout
    assert "--until" in told[-1]
    assert told[-1].count("http.drop@") == 1
    assert "ws.dup" not in told[-1]


def _words(command: str) -> list[str]:
    return command.replace("'", "").split()[1:]


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ("http.dorp=0.1", 'there is no fault "http.dorp"; did you mean http.drop?'),
        ("http.drop", "write name=rate or name@occasion, e.g. http.drop=0.1 or ws.dup@3+17"),
        ("http.drop=2", "give a number from 0 to 1"),
        ("http.drop=1.2.3", "1.2.3 is no number"),
        ("fill.partial@3", "the exchange draws fill.partial itself; give a rate"),
        ("market.halt=99", "give a number from 0 to 50"),
    ],
)
def test_a_bad_plan_is_said(faults: str, said: str) -> None:
    """One line, naming the entry and what would be right."""
    result = call("simulate", "--faults", faults)
    assert result.exit_code == 1
    assert said in result.stderr


def test_figures_for_programs() -> None:
    """``--json`` counts days, minutes, faults and what was decided."""
    result = call("simulate", "--seed", "1", "--until", EARLY, "--json")
    facts = json.loads(result.stdout)
    assert facts["violations"] == []
    assert facts["minutes"] == 40


@pytest.mark.parametrize("until", ["noon", "2026-11-24T15:10:00"])
def test_a_bad_instant_is_said(until: str) -> None:
    """No time, or one of an unsaid zone, which would be another run on another machine."""
    result = call("simulate", "--until", until)
    assert result.exit_code == 1
    assert "write an instant as" in result.stderr


def test_every_fault_is_listed() -> None:
    """``--list`` says what each fault does."""
    assert "http.drop                    a request never arrives" in call("simulate", "--list").stdout
