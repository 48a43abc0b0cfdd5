"""INV-26: every command, well and badly used, with known keys in its environment, tells no piece of them anywhere."""

import shutil
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from alpaca_trader.cli import root
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.simulator import running_simulator
from alpaca_trader.simulator.control.server import controlled
from tests.canary.canaries import ENVIRONMENT, KEY, SECRET, assert_clean
from tests.canary.play import broker, play, write_home

LONG_S = 30.0
BARS = "symbol,timestamp,open,high,low,close,volume\nAAPL,2026-11-20T14:30:00Z,100,101,99,100,1000\n"
NO_KEYS = {"APCA_API_KEY_ID": None, "APCA_API_SECRET_KEY": None}


class Case(NamedTuple):
    """A command line, what it must say (in either stream), and what is different about the environment."""

    words: str
    says: str
    environ: Mapping[str, str | None] = {}


CASES = [
    Case("init --home new", "wrote"),
    Case("init --home new --live", "live_account"),
    Case("doctor --home home", "found in: environment"),
    Case("doctor --home home --online --json", '"fail"'),
    Case("doctor --home home", "half of the Alpaca key pair", {"APCA_API_KEY_ID": None}),
    Case("doctor --home home", "hold different values", {"ALPACA_SECRET_KEY": f"{SECRET}2"}),
    Case("doctor --home home", "holds a space", {"APCA_API_SECRET_KEY": f"{SECRET} {SECRET}"}),
    Case("doctor --home home", "found in: 1Password (op)", NO_KEYS),
    Case("doctor --home home", "exit 1", {**NO_KEYS, "OP_FAILS": "1"}),
    Case("doctor --home home", "must look like op://", {**NO_KEYS, "ALPACA_TRADER_OP_KEY": SECRET}),
    Case(
        "flatten --yes --home home --mode paper",
        "APCA_API_BASE_URL",
        {"APCA_API_BASE_URL": f"https://{KEY}:{SECRET}@example.com"},
    ),
    Case("run --sim --home new --date 2026-11-26", "the exchange is closed"),
    Case("run --sim --home home --bars none.csv", "cannot be read"),
    Case("run --paper --home home", "half of the Alpaca key pair", {"APCA_API_SECRET_KEY": None}),
    Case("run --paper --home home", "PAPER  home"),
    Case("run --paper --home home", "unlock 1Password", {**NO_KEYS, "OP_FAILS": "1"}),
    Case("run --paper --home broken", "config/strategy.json"),
    Case("run --paper --home corrupt", "PAPER  corrupt"),
    Case("run --paper --home home", "APCA_API_BASE_URL", {"APCA_API_BASE_URL": f"https://{SECRET}.example.com"}),
    Case("run --live --home home", 'mode is "paper"'),
    Case("status --home home", "SIM"),
    Case("status --home home --json", '"mode"'),
    Case("status --home nowhere", "no engine has published"),
    Case("positions --home home", "AAPL"),
    Case("orders --home home", "AAPL"),
    Case("orders --home home --json", "client_order_id"),
    Case("trades --home home --json", "talkative"),
    Case("trades --home locked", "locked"),
    Case("trades --home corrupt", "corrupt"),
    Case("why 1 --home home", "talkative"),
    Case("why 99 --home home", "99"),
    Case("why-not KO 09:33 --home home", "KO"),
    Case("report --home home", "wrote"),
    Case("report --home home --out nowhere/x.html", "cannot be written"),
    Case("verify home", "journal"),
    Case("verify corrupt", "journal"),
    Case("halt --home new --reason enough", "is no home"),
    Case("halt --home home --reason enough", "honoured at the next start"),
    Case("resume --home home", "no human on a terminal"),
    Case("arm --home home", "no human on a terminal"),
    Case("flatten --home home --mode paper --yes", "no usable answer"),
    Case("flatten --home home", "no human on a terminal"),
    Case("config show --home home", "talkative"),
    Case("config check --home home", "good"),
    Case("config check --home broken", "strategy.json"),
    Case("config check policy.json --home home", "policy.json"),
    Case("config history --home home", "the first"),
    Case("config rollback --home home", "no earlier revision"),
    Case("data import bars.csv --home home; data ls --home home", "1 days"),
    Case("data import home/config/strategy.json --home home", "strategy.json"),
    Case("data ls --home home", "no bars"),
    Case("data check bars.csv --home home", "AAPL"),
    Case("service render --home home --mode live", "alpaca-trader"),
    Case("service render --home home", "must look like op://", {"ALPACA_TRADER_OP_KEY": KEY}),
    Case("service install --kind systemd --home home --load; service uninstall --kind systemd", "removed"),
    Case("service install --kind launchd --home home --load", "failed"),
    Case("service uninstall --kind systemd", "is not installed"),
    Case("sim switches", "rate_limit"),
    Case("simulate --until 2026-11-24T14:40:00Z", "violations"),
    Case("sim serve --profile rich", "unknown"),
    Case(f"sim serve --account {KEY}{SECRET}", "is written KEY:SECRET"),
    Case("sim serve --account A:b --account A:b", "belongs to another account"),
    Case("sim clock --control-port {port}", "New York"),
    Case("sim clock step 5 seconds --control-port {port}", "New York"),
    Case("sim clock --control-port 9", "9"),
    Case("sim fault http.401 --account {port} --control-port {port}", "no account has this"),
    Case("sim fault http.401 --account 0 --control-port {port}", "http.401"),
    Case("sim fault list", "http.drop"),
    Case("sim load nothing.csv --control-port {port}", "start another one"),
    Case("sim accounts list --control-port {port}", "live467"),
    Case(f"sim accounts open {KEY}:{SECRET} --control-port {{port}}", "belongs to another account"),
    Case(f"sim accounts open {SECRET} --control-port {{port}}", "is written KEY:SECRET"),
    Case(f"sim accounts open {KEY}2:{SECRET} --control-port {{port}}", "live467"),
]


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command below ``group`` that does something, by its words."""
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands(command, (*path, name))


def test_no_command_is_left_out() -> None:
    """A new command needs a case here."""
    lines = [f"{case.words} " for case in CASES]
    assert [name for name in commands(root) if not any(line.startswith(f"{name} ") for line in lines)] == []


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the live wiring traded for some minutes with these keys."""
    folder = tmp_path_factory.mktemp("traded") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value) if value is not None else patch.delenv(name, raising=False)
        play(write_home(folder), broker())
    return folder


@pytest.fixture(scope="module")
def control_port() -> Iterator[int]:
    """The control port of a simulator whose account has the canaries for keys."""
    with running_simulator(broker()) as running, controlled(running, 0) as control:
        yield int(control.rpartition(":")[2])


@pytest.fixture
def place(tmp_path: Path, traded: Path) -> Path:
    """A folder with homes in several states and a file of bars: all that a command may read and write."""
    folder = tmp_path / "place"
    for name in ("home", "broken", "corrupt", "locked"):
        shutil.copytree(traded, folder / name)
    (folder / "broken" / "config" / "strategy.json").write_text('{"risk": {"max_positions": "many"}, "keys": 1}')
    for mode in Mode:
        Home(folder / "corrupt").database(mode).write_bytes(b"no journal" * 1000)
    (folder / "bars.csv").write_text(BARS)
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for what commands start: each notes its arguments in the current folder; `op` may fail with the keys."""
    folder = tmp_path_factory.mktemp("programs")
    op = f'if [ "$OP_FAILS" ]; then echo "{KEY} {SECRET}"; echo "{KEY} {SECRET}" >&2; exit 1; fi; printf %s "{SECRET}"'
    for program, script in (("op", op), ("systemctl", "exit 0"), ("launchctl", "exit 1")):
        (folder / program).write_text(f'#!/bin/sh\necho "$0 $@" >> arguments\n{script}\n')
        (folder / program).chmod(stat.S_IRWXU)
    return folder


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world as it is here: no host has an address, and whoever waits long for one is stopped by Ctrl-C."""
    ask = socket.getaddrinfo

    def answer(host: Any, *more: Any, **named: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, f"nobody knows {host}")
        return ask(host, *more, **named)

    def sleep(seconds: float) -> None:
        if seconds > LONG_S:
            raise KeyboardInterrupt

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr(time, "sleep", sleep)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    "case", CASES, ids=[f"{n} {case.words.partition(' --')[0][:24]}" for n, case in enumerate(CASES)]
)
def test_no_command_tells_the_keys(
    case: Case,
    place: Path,
    programs: Path,
    control_port: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Neither on the screen nor in a file, its own or that of a program it started."""
    monkeypatch.chdir(place)
    environ = {**ENVIRONMENT, "HOME": str(place), "PATH": f"{programs}:/usr/bin:/bin", **case.environ}
    with closing(sqlite3.connect(Home(place / "locked").database(Mode.SIM), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        lines = case.words.format(port=control_port).split("; ")
        results = [CliRunner(env=environ).invoke(root, line.split()) for line in lines]
    told = "".join(result.output for result in results) + str(capfd.readouterr())
    assert case.says in told
    assert {type(result.exception) for result in results} <= {type(None), SystemExit}
    assert_clean(told, folder=place)
