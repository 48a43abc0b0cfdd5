"""What is left when a block that served a simulator is over: nothing, whatever happened in it."""

from __future__ import annotations

import gc
import warnings
from datetime import timedelta
from pathlib import Path

import pytest

from alpaca_trader.simulator import running_simulator
from alpaca_trader.simulator.control.client import ControlClient, NotRunning
from tests.simulator.tiny import simulator


def test_the_command_log_of_a_simulator_made_for_the_block_is_closed(tmp_path: Path) -> None:
    """No open file is left for the garbage collector to complain about."""
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        with running_simulator(symbols=["SPY"], data=tmp_path) as broker:
            broker.clock.step(timedelta(seconds=1))
        del broker
        gc.collect()
    assert [str(complaint.message) for complaint in complaints if complaint.category is ResourceWarning] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_simulator_that_broke_frees_its_port() -> None:
    """The block ends with the reason, and nobody answers any more."""
    sim = simulator(*["10.00"] * 60)

    def break_down() -> None:
        raise ArithmeticError("a fault of our own")

    sim.call_later(timedelta(seconds=1), break_down)
    with pytest.raises(RuntimeError, match="broke while time ran"), running_simulator(sim, speed=1000) as broker:
        broker.clock.run_until(sim.now + timedelta(minutes=5))
    with pytest.raises(NotRunning, match="no simulator is controlled"):
        ControlClient(broker.port).get("/clock")
