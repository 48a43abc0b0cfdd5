"""The status file reads well, and a look at it loads little."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import status_page
from alpaca_trader.core.belief import Belief
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.plain import plain
from alpaca_trader.views.fold import COUNTED, follow, spans
from alpaca_trader.views.status import print_positions, print_status
from alpaca_trader.views.words import signed

AT = datetime(2026, 11, 30, 15, 45, tzinfo=UTC)
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def status(reader: JournalReader) -> dict[str, Any]:
    """What the engine published at the end of the run: its own page, as JSON."""
    belief = Belief()
    for step in follow(reader, spans(reader)[-1], (*COUNTED, "BarClosed", "PositionsSeen")):
        belief = step.belief
    for _, settings in reader.entries(("ConfigAccepted",)):
        assert isinstance(settings, ev.ConfigAccepted)
        belief.on_event(replace(settings, at=AT))
    page = {"mode": "SIM", **status_page(belief, AT, dict.fromkeys(belief.episodes, "protected"))}
    content: dict[str, Any] = json.loads(json.dumps(plain(page)))
    content["health"] |= {"account_age_s": 0.0, "log": "ok", "streams": {"market_data": True, "trade_updates": True}}
    return content


def printed(status: dict[str, Any], now: datetime | None = None, width: int = 80) -> str:
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_status(console, status, now)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_healthy_engine(status: dict[str, Any]) -> None:
    """Mode and time first, then money, market, entries, protection; every line within 80 columns."""
    text = printed(status)
    assert text.startswith(" SIM   Mon 2026-11-30 10:45:00 New York\n")
    for fragment in (
        f"{status['account']['portfolio_value']:.2f} USD, cash",
        f"Today      {signed(status['daily_pnl'])} USD ({signed(status['daily_pnl_pct'])} %), 0 trades closed",
        "Market     open; session 2026-11-30, 09:30 to 16:00",
        "Entries    2 today",
        f"refused: symbol owned {status['refusals_today']['symbol_owned']}",
        "Protected  yes",
        "Health     good",
        "SPY    protected mean reversion",
    ):
        assert fragment in text, fragment
    assert max(len(line) for line in text.splitlines()) <= 80


def _halt(status: dict[str, Any]) -> None:
    status["halt"] = {"code": "daily_loss", "latched": ["daily_loss", "operator"]}


def _refuse(status: dict[str, Any]) -> None:
    status["config"] |= {"state": "rejected", "detail": "risk.max_position_pct: 2 is \x1b[31mtoo much"}


def _unread(status: dict[str, Any]) -> None:
    status["account"] = {"portfolio_value": None, "cash": None, "buying_power": None}
    status |= {"daily_pnl": None, "daily_pnl_pct": None, "session": None, "positions": []}
    status["health"]["account_age_s"] = None


def _start(status: dict[str, Any]) -> None:
    _unread(status)
    status["halt"] = {"code": "account_unread", "latched": []}


def _start_with_bad_settings(status: dict[str, Any]) -> None:
    _start(status)
    _refuse(status)
    status["halt"] = {"code": "no_config", "latched": []}


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (_halt, ["HALTED: daily loss, until the next session; operator, until a human"]),
        (_refuse, ["REFUSED", "2 is", "?[31mtoo much"]),
        (_start, ["Entries    starting: none before"]),
        (_start_with_bad_settings, ["HALTED: no config, until that is mended", "REFUSED"]),
        (_unread, ["Account    - USD", "no session yet", "account not read yet, clock", "Protected  nothing held"]),
        (
            lambda status: status.update(warnings=[{"code": "W", "path": "p", "text": "SPY is never bought"}]),
            ["Warning    SPY is never bought"],
        ),
        (lambda status: status.update(protected=False), ["NO, a position has no stop"]),
        (lambda status: status["health"].update(journal="failed"), ["journal failed"]),
        (lambda status: status["health"]["streams"].update(market_data=False), ["stream lost: market data"]),
        (
            lambda status: status["health"].update(alarms={"undelivered": 2, "trouble": "webhook: HTTP 500"}),
            ["2 alarms reached nobody (webhook: HTTP 500)"],
        ),
        (lambda status: status["positions"][0].update(state="unprotected", stop_price=None), ["AAPL   unprotected"]),
    ],
)
def test_trouble_is_said_in_words(status: dict[str, Any], change: Change, fragments: list[str]) -> None:
    """Halts, refused settings, failing parts: each is read without colour."""
    change(status)
    text = printed(status)
    for fragment in fragments:
        assert fragment in text, fragment
    assert "\x1b" not in text


@pytest.mark.parametrize(("age_s", "is_stale"), [(60, False), (150, False), (151, True), (7200, True)])
def test_an_old_status_says_so(status: dict[str, Any], age_s: int, is_stale: bool) -> None:
    """An engine that has not published for two minutes and a half is no engine at work."""
    assert ("no engine is at work" in printed(status, AT + timedelta(seconds=age_s))) is is_stale


def test_no_position_is_a_sentence(status: dict[str, Any]) -> None:
    """An empty table is not shown."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_positions(console, status | {"positions": []})
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "No position is open.\n"


def test_a_look_loads_no_journal() -> None:
    """`status` has 0.3 s: the reader, pydantic, numpy and matplotlib stay unloaded."""
    heavy = "{'sqlite3', 'pydantic', 'numpy', 'pandas', 'matplotlib', 'jinja2', 'exchange_calendars'}"
    code = f"import sys, alpaca_trader.views.status; print(sorted({heavy} & sys.modules.keys()))"
    # A measured child would load coverage's own sqlite3.
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
