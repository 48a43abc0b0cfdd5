"""``why``, ``why-not``, ``report``: answers from the journal of a played day."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import HALF_DAY, Played, answer, call

pytestmark = pytest.mark.timeout(240)


def test_why_tells_the_chain_of_a_trade(played: Played) -> None:
    """Signal, orders and result of a trade that was made."""
    trade = played.result["trades"][0]
    story = answer("why", trade["id"], "--home", played.home)
    assert (story["mode"], story["trade"]) == ("SIM", trade)
    assert story["signal"]["verdict"] == "approved"
    assert [order["role"] for order in story["orders"]][:2] == ["entry", "stop"]
    text = call("why", trade["id"], "--home", played.home).stdout
    assert text.startswith(f"SIM  {played.home}\nTrade {trade['id']}  {trade['symbol']}")


def test_why_not_tells_the_gates_of_a_minute(played: Played) -> None:
    """Both strategies' gates for SPY's bar that closed then; --date names the session."""
    story = answer("why-not", "spy", "10:41", "--home", played.home)
    assert (story["symbol"], story["minute"]) == ("SPY", "2026-11-27T15:41:00Z")
    assert {each["strategy"] for each in story["decisions"]} == {"momentum_breakout", "mean_reversion"}
    assert all(each["gates"] for each in story["decisions"])
    assert answer("why-not", "SPY", "10:41", "--date", HALF_DAY, "--home", played.home) == story
    assert "SPY  Fri 2026-11-27 10:41 New York" in call("why-not", "SPY", "10:41", "--home", played.home).stdout


ABSENT = [
    (("why", "99999"), 4, "no trade 99999: the journal holds "),
    (("why", "0"), 2, "0 is not in the range x>=1."),
    (("why", "first"), 2, "'first' is not a valid integer range."),
    (("why-not", "SPY", "20:41"), 4, "the market was closed (09:30-13:00"),
    (("why-not", "SPYY", "10:41"), 4, "did you mean SPY?"),
    (("why-not", "SPY", "1041"), 1, 'minute "1041": give New York time as HH:MM'),
    (("why-not", "SPY", "10:41", "--date", "2026-11-25"), 4, "the journal has no session on that day"),
    (("why-not", "SPY"), 2, "Missing argument 'HH:MM'."),
    (("report", "--date", "2026-11-25"), 4, "--date 2026-11-25: the journal has no such session"),
]


@pytest.mark.parametrize(("words", "code", "text"), ABSENT, ids=[" ".join(words) for words, _, _ in ABSENT])
def test_what_is_not_there_is_told_with_the_nearest(
    played: Played, words: tuple[str, ...], code: int, text: str
) -> None:
    """One line and the documented exit code."""
    result = call(*words, "--home", played.home)
    assert result.exit_code == code
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_report_writes_the_same_page_again(played: Played, tmp_path: Path) -> None:
    """The page of the run and the page asked for later are the same bytes, apart from where they lie."""
    target = tmp_path / "day.html"
    result = call("report", "--out", target, "--date", HALF_DAY, "--home", played.home)
    assert result.stdout == f"SIM  wrote {target} ({HALF_DAY})\n"
    first = (played.home / "report.html").read_text(encoding="utf-8")
    assert target.read_text(encoding="utf-8") == first.replace(str(played.home / "report.html"), str(target))


def test_a_report_that_cannot_be_written_is_told(played: Played, tmp_path: Path) -> None:
    """No half page, no traceback."""
    target = tmp_path / "nowhere" / "day.html"
    result = call("report", "--out", target, "--home", played.home)
    assert result.exit_code == 1
    assert result.stderr == (
        f"alpaca-trader: {target} cannot be written (No such file or directory); name another file with --out\n"
    )


def test_without_the_report_extra_it_says_what_to_install(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small installation has everything but the picture."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "alpaca_trader.views.report", raising=False)
    result = call("report", "--out", tmp_path / "day.html", "--home", played.home)
    assert result.exit_code == 1
    assert result.stderr == "alpaca-trader: the picture needs jinja2: pip install 'alpaca-trader[report]'\n"
