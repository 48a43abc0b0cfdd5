"""``halt``, ``resume``, ``flatten``: what is left for the engine, and what only a human may say."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpaca_trader.cli import control
from alpaca_trader.core.events import Command
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.home import EngineLock, Home
from alpaca_trader.edge.signals import hear_orders
from tests.cli.conftest import call, start

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def left_in(home: Path) -> list[dict[str, str]]:
    """The commands waiting in the inbox, oldest first."""
    return [json.loads(file.read_text()) for file in sorted((home / "data" / "inbox").glob("*.json"))]


@pytest.mark.parametrize("words", [("halt",), ("flatten", "--yes", "--mode", "sim")], ids=lambda words: words[0])
def test_without_an_engine_a_word_waits_for_the_next_start(home: Path, words: tuple[str, ...]) -> None:
    """It is left in the inbox with who and why, and the command says that nobody has heard it yet."""
    result = call(*words, "--reason", "odd prices", "--home", home)
    verb = words[0]
    assert result.output == f"{verb}: no engine runs in {home}; it is honoured at the next start\n"
    [waiting] = left_in(home)
    assert (waiting["verb"], waiting["reason"]) == (verb, "odd prices")
    assert waiting["actor"]


def test_a_word_that_is_not_taken_is_not_called_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is busy or hangs has not heard it: exit code 5, and the word still waits for it."""
    monkeypatch.setattr(control, "TAKEN_WITHIN_S", 0.1)
    lock = EngineLock(Home(home))
    try:
        result = call("halt", "--home", home)
    finally:
        lock.release()
    assert (result.exit_code, result.stdout) == (5, "")
    assert "the engine has not taken it within 0.1 s: it is busy, or it hangs" in result.stderr
    assert f"`kill -9 {os.getpid()}` ends it at once" in result.stderr
    assert [each["verb"] for each in left_in(home)] == ["halt"]


def test_a_finished_simulation_hears_nothing(copied: Path) -> None:
    """The next simulated run begins anew: a word left here would be lost, so it is not taken."""
    result = call("halt", "--home", copied)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == f"alpaca-trader: halt: no engine runs in {copied}, and its simulated run is over\n"
    assert left_in(copied) == []


REFUSED = [
    (("arm",), 3, "arm: no human on a terminal; arming is a human's decision"),
    (("resume",), 3, "resume: no human on a terminal; resume is a human's decision"),
    (("flatten", "--mode", "paper"), 3, "flatten: no human on a terminal; give --yes to do it without being asked"),
    (("flatten", "--yes"), 2, "no engine has run here; name the account with --mode paper or --mode live"),
    (("flatten", "--yes", "--mode", "paper"), 1, "no Alpaca keys found: set APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
]


@pytest.mark.parametrize(("words", "code", "text"), REFUSED, ids=[" ".join(words) for words, _, _ in REFUSED])
def test_what_may_not_be_said_is_refused(home: Path, words: tuple[str, ...], code: int, text: str) -> None:
    """One line, the documented exit code, and nothing is left for the engine."""
    result = call(*words, "--home", home, text="resume\nflatten\n")
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
    assert left_in(home) == []


@pytest.mark.parametrize("journal", ["torn", "folder"])
def test_a_journal_that_cannot_be_read_stops_no_flatten(home: Path, journal: str) -> None:
    """It is said, with what else there is; the next thing that is missing here are the keys."""
    database = home / "data" / "paper.db"
    if journal == "torn":
        database.write_bytes(b"no journal" * 1000)
    else:
        database.mkdir()
    result = call("flatten", "--yes", "--mode", "paper", "--home", home)
    said, missing = result.stderr.splitlines()
    assert said.startswith("the journal cannot say what is ours (")
    assert said.endswith("); --all closes what has no order of ours, too")
    assert "no Alpaca keys found" in missing


@pytest.mark.parametrize("verb", ["halt", "resume", "flatten"])
def test_a_folder_that_is_no_home_stays_untouched(tmp_path: Path, verb: str) -> None:
    """A typing error in --home does not make a home."""
    result = call(verb, *(["--yes", "--mode", "sim"] if verb == "flatten" else []), "--home", tmp_path / "hmoe")
    assert result.exit_code == 4
    assert f"`alpaca-trader init --home {tmp_path / 'hmoe'}` makes one" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "typed", "code", "verbs"),
    [
        (("resume",), "resume", 0, ["resume"]),
        (("resume",), "yes", 3, []),
        (("flatten", "--mode", "sim"), "flatten", 0, ["flatten"]),
        (("flatten", "--mode", "sim"), "", 3, []),
    ],
)
def test_a_human_types_the_word(home: Path, words: tuple[str, ...], typed: str, code: int, verbs: list[str]) -> None:
    """On a terminal the word itself does it, and nothing else."""
    human, terminal = os.openpty()
    process = start(*words, "--home", home, stdin=terminal)
    os.write(human, f"{typed}\n".encode())
    _, err = process.communicate()
    os.close(terminal)
    os.close(human)
    assert process.returncode == code
    assert [each["verb"] for each in left_in(home)] == verbs
    assert err == ("" if code == 0 else f"alpaca-trader: {words[0]}: not typed; nothing was done\n")


@pytest.mark.parametrize(
    ("words", "name"),
    [(("halt",), "SIGUSR1"), (("flatten", "--yes", "--mode", "paper"), "SIGUSR2")],
    ids=["halt", "flatten"],
)
def test_where_no_file_can_be_left_the_engine_is_told_by_a_signal(
    home: Path, words: tuple[str, ...], name: str
) -> None:
    """A full or read-only disk does not stand between a human and a running engine."""
    (home / "data" / "inbox").write_text("in the way")
    heard: list[Command] = []
    with ExitStack() as stack:
        hear_orders(heard.append, VirtualClock(NOW), stack)
        stack.callback(EngineLock(Home(home)).release)
        result = call(*words, "--home", home)
    said = f"{words[0]}: the inbox takes no file (File exists); the engine, process {os.getpid()}, was told by {name}\n"
    assert (result.exit_code, result.stdout) == (0, said)
    assert [(command.verb, command.actor, command.reason) for command in heard] == [(words[0], "signal", name)]


def test_an_inbox_that_cannot_be_written_is_told(home: Path) -> None:
    """A halt that did not arrive must not look like one that did."""
    (home / "data" / "inbox").write_text("in the way")
    result = call("halt", "--home", home)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"alpaca-trader: {home / 'data' / 'inbox'}: File exists\n"
