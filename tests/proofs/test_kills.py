"""A real process is killed again and again beside an exchange that lives on; the long form is `make simulate`."""

import os
import signal
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from alpaca_trader.main.hosted import EXIT_HUNG
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from proofs.hosted import OUTPUT, Engine
from proofs.kills.programme import CALM
from proofs.kills.run import run
from proofs.paced import Pace, SharedTime
from proofs.restless import SYMBOLS, restless_home
from tests.proofs import bugs

DAY = date(2026, 11, 20)


def test_ten_kills_break_no_rule() -> None:
    """INV-1, 2, 6, 7, 15-17: nothing said uncommitted or twice, nothing long unprotected, nothing promised lost."""
    result = run(10, seed=1)
    assert result.problems == []
    assert result.kills == 10
    assert result.entries > 1
    assert result.kills_holding > 2


@pytest.mark.parametrize(
    ("bug", "found"),
    [(bugs.commit_after_send, "INV-1 at"), (bugs.forget_the_journal, "without a stop")],
)
def test_a_planted_bug_is_found(
    bug: Callable[[], None], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programme can fail: an engine that speaks first and writes later is caught, and one that starts without memory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where what is wrong is kept
    (problem,) = run(10, seed=1, before=[bug]).problems
    assert found in problem


def test_a_hung_engine_ends_and_the_next_one_trades(tmp_path: Path) -> None:
    """F46: a strategy that never answers costs the process its life (70); the one started after it carries on."""
    sim = Simulator(
        GeneratedMarket(3, SYMBOLS, DAY, history_days=1),
        seed=3,
        start=GeneratedMarket(3, SYMBOLS, DAY).sessions(DAY, DAY)[0].open + timedelta(minutes=2),
        switches=Switches(iex_volume="full"),
    )
    home = restless_home(tmp_path / "home", 3)
    time = SharedTime(tmp_path / "time")
    with running_simulator(sim) as served:
        pace = Pace(sim, time.tell, lambda: None)
        hang = partial(bugs.hang_once, tmp_path / "asked")
        engine = Engine(
            home.path, served.url, served.ws_url, served.key, served.secret, tmp_path / "time", CALM, (hang,)
        )
        process = engine.start()
        while process.is_alive():
            pace.turn(CALM)
        assert process.exitcode == EXIT_HUNG
        assert "no event finished for" in (home.path / OUTPUT).read_text()

        process = engine.start()
        status = home.status_file
        while not status.exists() or sim.now < sim.start + timedelta(minutes=12):
            pace.turn(CALM)
            assert process.is_alive()
        os.kill(process.pid or 0, signal.SIGTERM)
        process.join()
        assert process.exitcode == 0
        assert len(sim.exchange.book) > 0
