"""``status``, ``positions``, ``orders``, ``trades``: on a home where a day was played, and on homes with trouble."""

import json
from pathlib import Path

import pytest

from alpaca_trader.edge.home import EngineLock, Home
from tests.cli.conftest import HALF_DAY, Played, answer, call

WHOLE = pytest.mark.timeout(240)


@WHOLE
def test_status_is_the_file_and_whether_an_engine_runs(played: Played) -> None:
    """The JSON is status.json with two facts beside it; a simulation has no age."""
    page = json.loads((played.home / "logs" / "status.json").read_text())
    assert answer("status", "--home", played.home) == {**page, "running": False, "age_s": None}


def test_status_sees_the_engine_by_its_lock(copied: Path) -> None:
    """Running is who holds the lock, not what a file says."""
    lock = EngineLock(Home(copied))
    try:
        assert answer("status", "--home", copied)["running"] is True
        assert f"engine running  {copied}" in call("status", "--home", copied).stdout
    finally:
        lock.release()
    assert f"engine not running  {copied}" in call("status", "--home", copied).stdout


def test_the_age_of_a_hosted_engines_page_is_told(copied: Path) -> None:
    """On paper and live the page's time is the world's: how long ago it was written matters."""
    file = copied / "logs" / "status.json"
    file.write_text(
        file.read_text().replace('"SIM"', '"PAPER"').replace("2026-11-27T18:00:05Z", "2020-01-02T18:00:05Z")
    )
    assert answer("status", "--home", copied)["age_s"] > 1e8
    assert "engine not running, published " in call("status", "--home", copied).stdout
    assert call("positions", "--home", copied).stdout.startswith("PAPER  2020-01-02T18:00:05Z  engine not running, pub")


@WHOLE
@pytest.mark.parametrize("command", ["status", "positions", "orders", "trades"])
def test_every_page_shows_the_mode(played: Played, command: str) -> None:
    """Nobody mistakes a simulation for money."""
    assert call(command, "--home", played.home).stdout.split()[0] == "SIM"


@WHOLE
def test_trades_and_orders_are_those_of_the_run(played: Played) -> None:
    """The journal tells the run's trades again; orders belong to them; a day without a session has neither."""
    home = played.home
    trades = answer("trades", "--home", home)
    assert trades == {"mode": "SIM", "trades": played.result["trades"]}
    orders = answer("orders", "--home", home)["orders"]
    assert len(orders) == played.result["orders_sent"]
    assert {order["episode_id"] for order in orders} >= {trade["episode_id"] for trade in trades["trades"]}
    assert answer("orders", "--date", HALF_DAY, "--mode", "sim", "--home", home)["orders"] == orders
    assert answer("orders", "--date", "2026-11-25", "--home", home)["orders"] == []
    assert answer("trades", "--date", "2026-11-25", "--home", home)["trades"] == []
    first = trades["trades"][0]
    assert f" {first['symbol']} " in call("trades", "--home", home).stdout
    assert f"buy {first['qty']} {first['symbol']}, limit " in call("orders", "--home", home).stdout


@WHOLE
def test_positions_are_those_published(copied: Path) -> None:
    """An open position with its stop, as the engine last said it."""
    file = copied / "logs" / "status.json"
    page = json.loads(file.read_text())
    held = {"symbol": "AAPL", "qty": 0.25, "unrealized_pnl": 0.11, "entry_price": 185.5, "stop_price": 182.72}
    page["positions"] = [{**held, "state": "protected", "strategy": "momentum_breakout", "exit_reason": None}]
    file.write_text(json.dumps(page))
    assert answer("positions", "--home", copied)["positions"] == page["positions"]
    assert "182.72" in call("positions", "--home", copied).stdout


@pytest.mark.parametrize("command", ["status", "positions"])
def test_without_a_page_the_engine_is_unreachable(home: Path, command: str) -> None:
    """Exit code 5 where nothing was ever published."""
    result = call(command, "--json", "--home", home)
    assert (result.exit_code, result.stdout) == (5, "")
    logs = home / "logs"
    assert result.stderr == (
        f"alpaca-trader: --home {home}: no engine has published anything in {logs}; `alpaca-trader run` starts one\n"
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"mode": "REAL", "timestamp": "x"}', '{"mode": "SIM"}'])
def test_a_broken_page_is_told(home: Path, content: str) -> None:
    """What is no status page is not guessed at."""
    file = home / "logs" / "status.json"
    file.write_text(content)
    result = call("status", "--home", home)
    assert result.exit_code == 1
    assert result.stderr == (
        f"alpaca-trader: {file} is not a status page of this program; remove it, a running engine writes it anew\n"
    )


def test_without_a_journal_there_is_nothing_to_look_at(home: Path) -> None:
    """Exit code 4, and what begins one."""
    for command in (
        ["trades"],
        ["orders"],
        ["why", "1"],
        ["why-not", "SPY", "10:00"],
        ["report"],
        ["config", "history"],
    ):
        result = call(*command, "--home", home)
        assert result.exit_code == 4
        data = home / "data"
        assert result.stderr == (
            f"alpaca-trader: --home {home}: there is no journal in {data}; `alpaca-trader run` begins one\n"
        )


@WHOLE
def test_another_modes_journal_is_not_shown(played: Played) -> None:
    """Simulated and live journals share a name; a simulated one is never shown as live."""
    result = call("trades", "--mode", "live", "--home", played.home)
    file = played.home / "data" / "trades.db"
    assert (result.exit_code, result.stderr) == (4, f"alpaca-trader: {file} is the journal of SIM, not of LIVE\n")
    result = call("trades", "--mode", "paper", "--home", played.home)
    assert (result.exit_code, "there is no PAPER journal in" in result.stderr) == (4, True)


def test_a_damaged_journal_is_told_and_left_alone(copied: Path) -> None:
    """One line, exit code 1, and the file stays as it was found."""
    for name in ("trades.db-wal", "trades.db-shm"):
        (copied / "data" / name).unlink(missing_ok=True)
    file = copied / "data" / "trades.db"
    file.write_bytes(b"not a database at all, and long enough to be read" * 100)
    result = call("trades", "--home", copied)
    assert result.exit_code == 1
    assert result.stderr.startswith("alpaca-trader: ")
    assert str(file) in result.stderr
    assert result.stderr.count("\n") == 1
    assert file.read_bytes().startswith(b"not a database")
