"""``sim clock``, ``fault``, ``load``, ``accounts``, ``switches``, and a state that survives: on a real ``sim serve``."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.cli.conftest import call, start

pytestmark = pytest.mark.timeout(180)
KEYS = {"APCA-API-KEY-ID": "PKSIMULATEDACCOUNT01", "APCA-API-SECRET-KEY": "simulated-secret-key-of-no-account-at-all"}
SERVE = ("sim", "serve", "--port", "0", "--control-port", "0", "--date", "2026-11-27")


class Served:
    """A running ``sim serve``: its process and where it said it is."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        said = ""
        while "Ctrl-C" not in said:
            said += next(process.stdout)
        self.said = said
        self.url = re.findall(r"^REST +(\S+)$", said, re.MULTILINE)[0]
        self.control = re.findall(r"^control +http://127\.0\.0\.1:(\d+)$", said, re.MULTILINE)[0]

    def turn(self, *words: str) -> str:
        """What a command prints that turns it."""
        result = call("sim", *words, "--control-port", self.control)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def get(self, path: str, **headers: str) -> requests.Response:
        """The broker's answer."""
        return requests.get(self.url + path, headers=headers or KEYS, timeout=10)


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """Serve; killed at the end, whatever happened."""
    process = start(*SERVE, *options, cwd=folder)
    try:
        yield Served(process)
    finally:
        process.kill()
        process.communicate()


def test_clock_faults_accounts_and_market_are_turned(tmp_path: Path) -> None:
    """Each command does what it says to the running broker, and says so."""
    with served(
        tmp_path, "--speed", "0.001", "--switch", "rate_limit=77", "--account", "SECOND:two:paper100k"
    ) as broker:
        assert "paused" in broker.turn("clock", "step", "90", "seconds")
        assert broker.turn("clock").startswith("2026-11-27 09:30:30 New York")
        assert "running, 0.5 x real time" in broker.turn("clock", "speed", "0.5") + broker.turn("clock", "run")
        assert json.loads(broker.turn("clock", "pause", "--json"))["running"] is False
        assert broker.get("/v2/account").headers["x-ratelimit-limit"] == "77"
        second = {"APCA-API-KEY-ID": "SECOND", "APCA-API-SECRET-KEY": "two"}
        assert broker.get("/v2/account", **second).json()["cash"] == "100000"
        broker.turn("fault", "http.5xx", "status=502", "--times", "1")
        assert [broker.get("/v2/clock").status_code for _ in range(2)] == [502, 200]
        assert "struck 1 of 1" in broker.turn("fault")
        assert broker.turn("fault", "clear") == "1 lifted\n"
        assert broker.turn("fault", "show") == "no fault is in force\n"
        assert "cash 500.00" in broker.turn("accounts", "deposit", "33")
        assert "cash 467.00" in broker.turn("accounts", "withdraw", "33")
        assert "  2  ...HIRD  live467" in broker.turn("accounts", "open", "THIRD:three")
        assert broker.turn("load", "--scenario", "crash", "--seed", "9").startswith("2026-11-20 09:29:00")
        assert "HIRD" not in broker.turn("accounts")


def test_a_killed_simulator_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9, start again without options: the same order, position, cash, fault and time."""
    home = tmp_path / "state"
    paths = ("/v2/account", "/v2/orders?status=all", "/v2/positions", "/v2/clock")
    with served(tmp_path, "--speed", "0.001", "--seed", "11", "--data", str(home)) as broker:
        broker.turn("clock", "step", "2", "minutes")
        order = {"symbol": "KO", "qty": "1.5", "side": "buy", "type": "market", "time_in_force": "day"}
        assert requests.post(broker.url + "/v2/orders", json=order, headers=KEYS, timeout=10).status_code == 200
        broker.turn("clock", "step", "1", "minute")
        broker.turn("fault", "account.blocked")
        before = [broker.get(path).json() for path in paths]
        broker.process.send_signal(signal.SIGKILL)
        broker.process.wait()
    assert before[2][0]["qty"] == "1.5"
    with served(tmp_path, "--speed", "0.001", "--data", str(home)) as broker:
        broker.turn("clock", "pause")
        after = [broker.get(path).json() for path in paths]
        assert after[0]["trading_blocked"] is True
        assert after[:3] == before[:3]
        assert after[3]["timestamp"][:19] == before[3]["timestamp"][:19]
        refused = call("sim", "load", "--control-port", broker.control)
        assert (refused.exit_code, "belongs to one market" in refused.stderr) == (1, True)


def test_a_folder_of_another_market_is_refused(tmp_path: Path) -> None:
    """What differs is named; a folder that is in use, or says nothing, is refused too."""
    with served(tmp_path, "--data", str(tmp_path / "state"), "--speed", "0.001"):
        second = call("sim", "serve", "--data", tmp_path / "state")
        assert (second.exit_code, "is in use by another `sim serve`" in second.stderr) == (1, True)
    other = call("sim", "serve", "--data", tmp_path / "state", "--seed", 8)
    assert (other.exit_code, other.stdout) == (1, "")
    assert "belongs to another market: seed is 7 there and 8 here" in other.stderr
    (tmp_path / "state" / "serve.json").write_text("{}")
    broken = call("sim", "serve", "--data", tmp_path / "state")
    assert "does not say what this folder plays" in broken.stderr


BAD = [
    (("sim", "clock", "step", "soon"), 2, "write 5, 5 minutes, 30 seconds or 1 hour"),
    (("sim", "clock", "pause", "--until", "10:00"), 2, "--until goes with run"),
    (("sim", "clock", "speed"), 2, "give one speed"),
    (("sim", "clock", "run", "now"), 2, "run takes no 'now'"),
    (("sim", "clock", "--control-port", "1"), 5, "no simulator is controlled on port 1"),
    (("sim", "fault", "http.drop", "answer"), 2, "parameters are written key=value"),
    (("sim", "fault", "clear", "all"), 2, "clear takes one number"),
    (("sim", "fault", "list", "htp"), 4, "no fault begins with 'htp'"),
    (("sim", "accounts", "open", "KEY"), 2, "is written KEY:SECRET"),
    (("sim", "accounts", "deposit"), 2, "deposit takes one value"),
    (
        ("sim", "serve", "--switch", "rate_limit=often"),
        1,
        "switch rate_limit=often: use one of 200, a whole number, none",
    ),
    (("sim", "serve", "--switch", "rate_limt=1"), 1, "did you mean rate_limit?"),
    (("sim", "serve", "--switch", "partial_fills=some"), 1, "use one of ten_percent, never, always"),
    (("sim", "serve", "--account", "KEY"), 2, "is written KEY:SECRET"),
    (("sim", "serve", "--scenario", "crahs"), 1, "did you mean 'crash'?"),
    (("sim", "serve", "--scenario", "crash", "--days", "2"), 1, "has a market and a date of its own"),
]


@pytest.mark.parametrize(("words", "code", "text"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_told_in_one_line(words: tuple[str, ...], code: int, text: str) -> None:
    """What is wrong, and the documented exit code."""
    result = call(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_switches_and_faults_are_listed() -> None:
    """For people and as JSON: what the broker's documents leave open is marked."""
    shown = call("sim", "switches").stdout
    table = json.loads(call("sim", "switches", "--json").stdout)["switches"]
    assert len(table) > 10
    assert all(each["meaning"].endswith((".", ")")) for each in table)
    assert re.findall(r"^(\w+) \*$", shown, re.MULTILINE) == [each["name"] for each in table if each["unverified"]]
    assert "day_order_at_close *\n    [expired] | canceled" in shown
    faults = json.loads(call("sim", "fault", "list", "--json").stdout)["faults"]
    assert {"http.drop", "ws.mute", "tcp.rst", "market.halt", "second_engine"} <= {each["name"] for each in faults}
    assert "seconds = 5 s" in call("sim", "fault", "list", "ws.delay").stdout
