"""The pytest fixture that other projects use, in a pytest of its own that knows nothing of this suite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SUITE = """
from datetime import timedelta

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import MarketOrderRequest


def test_default(alpaca_simulator):
    client = TradingClient(**alpaca_simulator.trading_client)
    assert client.get_account().cash == "467"
    alpaca_simulator.clock.step(timedelta(minutes=2))
    client.submit_order(MarketOrderRequest(symbol="SPY", qty=0.1, side="buy", time_in_force="day"))
    alpaca_simulator.clock.step(timedelta(minutes=1))
    assert client.get_all_positions()[0].qty == "0.1"


@pytest.mark.alpaca_simulator(profile="paper100k", seed=3, scenario="crash")
def test_marked(alpaca_simulator):
    assert TradingClient(**alpaca_simulator.trading_client).get_account().cash == "100000"
    assert alpaca_simulator.sim.seed == 3


@pytest.mark.alpaca_simulator("crash")
def test_wrong(alpaca_simulator):
    pass
"""
IDLE = """
import sys

def test_idle():
    assert not {"uvicorn", "numpy", "alpaca_trader.simulator.simulator"} & set(sys.modules)
"""


def pytest_in(folder: Path, suite: str) -> subprocess.CompletedProcess[str]:
    """Run a suite as a stranger would, warnings as errors."""
    (folder / "test_it.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-p", "no:cacheprovider", "test_it.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=55)


def test_a_test_asks_for_a_broker_and_says_which(tmp_path: Path) -> None:
    """Each test gets its own, alpaca-py trades on it; positional arguments of the marker are refused in words."""
    done = pytest_in(tmp_path, SUITE)
    assert ("2 passed" in done.stdout, "1 error" in done.stdout) == (True, True), done.stdout
    assert "alpaca_simulator takes arguments by name" in done.stdout


def test_a_suite_that_simulates_nothing_imports_nothing(tmp_path: Path) -> None:
    """The plugin is loaded in every session, and costs none of them anything."""
    done = pytest_in(tmp_path, IDLE)
    assert "1 passed" in done.stdout, done.stdout
