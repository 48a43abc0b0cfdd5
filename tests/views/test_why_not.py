"""Why a symbol was not bought: any symbol and minute of the run has its answer, or an error that leads to one."""

import io
import json
from collections.abc import Callable
from datetime import UTC

import pytest
from rich.console import Console

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import MINUTE
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.views.why import NotRecorded
from alpaca_trader.views.why_not import MinuteStory, print_why_not, why_not, why_not_json
from alpaca_trader.views.words import local


def printed(story: MinuteStory, width: int = 80) -> str:
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_why_not(console, story)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_every_decision_is_found_by_its_symbol_and_minute(reader: JournalReader) -> None:
    """Asked for the minute at which a bar closed, the answer holds that bar's decision, whole."""
    decisions = reader.decisions()
    assert len(decisions) > 700
    for decision in decisions[::23]:
        closed = local(decision.evaluation.bar_start + MINUTE)
        story = why_not(reader, decision.evaluation.symbol, f"{closed:%Y-%m-%d %H:%M}")
        assert decision in story.decisions
        content = json.loads(json.dumps(why_not_json(story), allow_nan=False))
        told = next(each for each in content["decisions"] if each["strategy"] == decision.evaluation.strategy_name)
        assert told["verdict"] == decision.verdict
        assert [(gate["name"], gate["passed"], gate["value"], gate["limit"]) for gate in told["gates"]] == [
            tuple(gate) for gate in decision.gates
        ]


def test_every_verdict_of_the_run_reads_as_a_sentence(reader: JournalReader) -> None:
    """One example of each verdict prints within 80 columns, with the verdict's code and no broken line."""
    examples = {decision.verdict: decision for decision in reader.decisions()}
    assert {"approved", "exit", "no_position", "symbol_owned", "volume"} <= examples.keys()
    for verdict, decision in examples.items():
        closed = local(decision.evaluation.bar_start + MINUTE)
        text = printed(why_not(reader, decision.evaluation.symbol, f"{closed:%Y-%m-%dT%H:%M}"))
        assert f"{verdict}: " in text
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_a_minute_without_a_day_is_of_the_last_session(reader: JournalReader) -> None:
    """HH:MM asks about the last day in the journal; symbols are written as one likes."""
    story = why_not(reader, " spy ", "9:41")
    assert story.symbol == "SPY"
    assert story.minute.astimezone(UTC).isoformat() == "2026-11-30T14:41:00+00:00"
    (decision,) = story.decisions
    assert decision.evaluation.strategy_name == "mean_reversion"


def test_what_was_bought_names_its_trade(reader: JournalReader) -> None:
    """Asked why not, the answer may be that it was: with the trade to go on with."""
    row = next(row for row in reader.trades() if row.trade.symbol == "SPY")
    story = why_not(reader, "SPY", f"{local(row.trade.timestamp):%Y-%m-%d %H:%M}")
    assert f"approved: bought: every gate passed (trade {row.id}; why {row.id} tells more)" in " ".join(
        printed(story, 120).split()
    )
    assert why_not_json(story)["decisions"][0]["trade_id"] == row.id


def test_a_signal_to_sell_also_says_what_was_missing_to_buy(reader: JournalReader) -> None:
    """A strategy that wanted out where nothing was held still had a reason not to buy."""
    decision = next(each for each in reader.decisions("AAPL") if each.verdict == "no_position")
    closed = local(decision.evaluation.bar_start + MINUTE)
    text = " ".join(printed(why_not(reader, "AAPL", f"{closed:%Y-%m-%d %H:%M}"), 160).split())
    assert (
        "a signal to sell (vwap fail): the strategy held nothing to sell. No signal to buy: the close was not" in text
    )


@pytest.mark.parametrize(
    ("symbol", "minute", "message"),
    [
        ("SPY", "9:30", r"at 09:30 on Mon .*the market was closed \(09:30-16:00.*nearest decision is at 09:31$"),
        ("SPY", "2026-11-27 13:01", r"the market was closed \(09:30-13:00.*nearest decision is at 13:00$"),
        ("SPY", "2026-11-26 10:00", r"no session on that day; the nearest is Fri 2026-11-27$"),
        ("SPY", "12:00", r"no bar of it was decided on; the nearest decision is at 10:44$"),
        ("NVDIA", "10:00", r"no strategy watched it that day\. Watched: AAPL, NVDA, SPY; did you mean NVDA\?$"),
        ("ZZZ", "10:00", r"no strategy watched it that day\. Watched: AAPL, NVDA, SPY$"),
        ("\x1b[2J", "10:00", r"no decision about \?\[2J at 10:00"),
    ],
)
def test_where_nothing_was_decided_the_error_says_why(
    reader: JournalReader, symbol: str, minute: str, message: str
) -> None:
    """Closed, another day, not watched, not running: each with the nearest thing to ask for."""
    with pytest.raises(NotRecorded, match=message):
        why_not(reader, symbol, minute)


@pytest.mark.parametrize("minute", ["", "25:00", "10:60", "noon", "2026-13-01 10:00", "10:41:02", "1041"])
def test_a_minute_that_is_none_is_bad_input(reader: JournalReader, minute: str) -> None:
    """The error shows both forms that are understood."""
    with pytest.raises(BadInput, match="HH:MM"):
        why_not(reader, "SPY", minute)


def test_an_empty_journal_decided_nothing(written: Callable[..., JournalReader]) -> None:
    """Before the first session there is no minute to ask about."""
    with pytest.raises(NotRecorded, match="holds no session"):
        why_not(written([]), "SPY", "10:00")
