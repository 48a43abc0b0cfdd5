"""What a run tells while it goes on: one line for what concerns people, none for the rest."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_trader.cli.progress import Progress
from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode, Trade

AT = datetime(2026, 11, 20, 15, 41, tzinfo=UTC)
PENDING = Trade(
    episode_id="mean_reversion-SPY-20261120T1541",
    symbol="SPY",
    strategy="mean_reversion",
    status="pending",
    timestamp=AT,
    qty=Decimal(0),
    entry_price=None,
    exit_price=None,
    pnl=None,
    fees=Decimal(0),
    exit_reason=None,
    signal_price=Decimal("687.04"),
    entry_slip_bps=None,
    exit_slip_bps=None,
    mae_pct=None,
    mfe_pct=None,
    initial_stop=None,
    r_multiple=None,
    config_rev="2289239694a6",
    order_id="o",
    opened_at=None,
    closed_at=None,
)
OPEN = replace(PENDING, status="open", qty=Decimal("0.05"), entry_price=Decimal("687.13"))
MORE = replace(OPEN, qty=Decimal("0.067963849"), entry_price=Decimal("687.177322"))
CLOSED = replace(MORE, status="closed", exit_price=Decimal("684.54"), exit_reason="stop", pnl=Decimal("-0.1834"))


def told(capsys: pytest.CaptureFixture[str], *actions: ev.Action, is_quiet: bool = False) -> list[str]:
    """What stands on standard error after these actions, without the header; nothing is on standard output."""
    with Progress(Mode.PAPER, Path("home"), is_quiet) as progress:
        for action in actions:
            progress.watch(action)
    out, err = capsys.readouterr()
    assert out == ""
    lines: list[str] = err.splitlines()
    assert lines[:1] == ([] if is_quiet else ["PAPER  home"])
    return lines[1:]


def test_a_trade_is_told_as_it_fills_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Entry, more of it, exit with reason and result: each once, however often the row changes."""
    rows = [PENDING, OPEN, OPEN, replace(OPEN, mae_pct=-0.1), MORE, replace(MORE, status="closing"), CLOSED, CLOSED]
    assert told(capsys, *(ev.TradeChanged(AT, row) for row in rows)) == [
        "11-20 10:41  entry   0.05 SPY at 687.13 (mean_reversion)",
        "11-20 10:41  entry   more of it filled, now 0.067963849 SPY in all at 687.18",
        "11-20 10:41  exit    0.067963849 SPY at 684.54: stop, -0.18 $ before fees",
    ]


def test_an_entry_that_bought_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Silence would look like a position."""
    rows = [PENDING, replace(PENDING, status="canceled")]
    assert told(capsys, *(ev.TradeChanged(AT, row) for row in rows)) == [
        "11-20 10:41  entry   SPY canceled, nothing bought"
    ]


def test_alarms_and_halts_are_told_with_strangers_words_made_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """A broker's message may hold what a terminal obeys; nothing of it is obeyed, and a halt is told once."""
    alarm = ev.Alarm(
        AT, "unprotected", "error", "SPY", {"age_s": 5.0, "code": None}, "no \x1b[2J[red]shares[/red]\nleft"
    )
    halt = ev.HaltLatched(AT, "daily_loss", "2 % lost", "session")
    echo = ev.Alarm(AT, "halt_daily_loss", "error")
    assert told(capsys, alarm, halt, echo, ev.HaltReleased(AT, "daily_loss", "session")) == [
        "11-20 10:41  error   unprotected SPY age_s=5: no ?[2J[red]shares[/red] left",
        "11-20 10:41  HALT    daily_loss: 2 % lost; until the next session",
        "11-20 10:41  go on   daily_loss released by session",
    ]


def test_a_halt_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """By a human, or at a time of day: nobody reads the line as if the halt were over."""
    until = datetime(2026, 11, 20, 16, 11, tzinfo=UTC)
    streak = ev.HaltLatched(AT, "loss_streak", "5 losing trades in a row", "time", until)
    assert told(capsys, ev.HaltLatched(AT, "operator", "human: news", "human"), streak) == [
        "11-20 10:41  HALT    operator: human: news; stays until a human resumes",
        "11-20 10:41  HALT    loss_streak: 5 losing trades in a row; until 11-20 11:11",
    ]


def test_what_is_routine_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Reads and decisions fill the journal, not the screen."""
    assert told(capsys, ev.Fetch(AT, "account"), ev.PublishStatus(AT), ev.Proceed(AT, "signals")) == []


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing but the object is printed."""
    assert told(capsys, ev.TradeChanged(AT, OPEN), ev.Alarm(AT, "x", "error"), is_quiet=True) == []
