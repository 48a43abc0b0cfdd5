"""Why a symbol was not bought at a minute: every strategy's gates for the bar that closed then, and the verdict."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from typing import Any

from rich.console import Console
from rich.text import Text

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import MINUTE, Session
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.plain import plain
from alpaca_trader.views.fold import spans
from alpaca_trader.views.gates import gates_table, refused
from alpaca_trader.views.why import NotRecorded, decision_json
from alpaca_trader.views.words import NEW_YORK, clock, clock_s, day_of, day_words, label, printable

_WHEN = re.compile(r"^(?:(?P<day>\d{4}-\d{2}-\d{2})[ T])?(?P<hour>\d{1,2}):(?P<minute>\d{2})$")
LATE = timedelta(minutes=5)
"""How long after the close the last bars' decisions may come."""


@dataclass(frozen=True, slots=True)
class MinuteStory:
    """The decisions about one symbol at one minute; ``trades`` are those they opened, by the entry's order id."""

    symbol: str
    minute: datetime
    decisions: tuple[ev.Decided, ...]
    trades: dict[str, int]


def why_not(reader: JournalReader, symbol: str, minute: str) -> MinuteStory:
    """The decisions about ``symbol`` on the bar that closed at ``minute``, New York time.

    ``minute`` is ``10:41``, in the last session the journal holds, or ``2026-11-20 10:41``. Raises BadInput where it is
    neither, and NotRecorded, naming the nearest, where nothing was decided.
    """
    sessions = [span.session for span in spans(reader)]
    if not sessions:
        raise NotRecorded("no decision yet: the journal holds no session")
    at = _instant(minute, sessions)
    symbol = symbol.strip().upper()
    by_bar = list(reader.decisions(symbol, at - MINUTE))
    then = (each for _, each in reader.entries(("Decided",), since=at, until=at + MINUTE))
    asked = [each for each in then if isinstance(each, ev.Decided) and each.evaluation.symbol == symbol]
    found = sorted(by_bar + [each for each in asked if each not in by_bar], key=lambda each: each.at)
    if not found:
        raise NotRecorded(_nothing(reader, symbol, at, sessions))
    opened = {each.client_order_id for each in found if each.client_order_id is not None}
    return MinuteStory(symbol, at, tuple(found), _trade_ids(reader, opened) if opened else {})


def _instant(minute: str, sessions: list[Session]) -> datetime:
    found = _WHEN.match(minute.strip())
    try:
        if found is None:
            raise ValueError(minute)
        day = date.fromisoformat(found["day"]) if found["day"] else sessions[-1].day
        return datetime.combine(day, time(int(found["hour"]), int(found["minute"])), NEW_YORK)
    except ValueError:
        raise BadInput(
            f'minute "{printable(minute)}": give New York time as HH:MM (last session) or "YYYY-MM-DD HH:MM"'
        ) from None


def _nothing(reader: JournalReader, symbol: str, at: datetime, sessions: list[Session]) -> str:
    """Why there is no decision, and where the nearest one is."""
    shown = printable(symbol, 20)
    what = f"no decision about {shown} at {clock(at)} on {day_words(day_of(at))} (New York)"
    session = next((each for each in sessions if each.day == day_of(at)), None)
    if session is None:
        nearest = min(sessions, key=lambda each: (abs(each.day - day_of(at)), each.day))
        return f"{what}: the journal has no session on that day; the nearest is {day_words(nearest.day)}"
    decided = [
        each
        for _, each in reader.entries(("Decided",), since=session.open, until=session.close + LATE)
        if isinstance(each, ev.Decided)
    ]
    ours = [each for each in decided if each.evaluation.symbol == symbol]
    if not ours:
        watched = sorted({each.evaluation.symbol for each in decided})
        near = get_close_matches(symbol, watched, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{what}: no strategy watched it that day. Watched: {', '.join(watched) or 'nothing'}{hint}"
    hours = f"{clock(session.open)}-{clock(session.close)}"
    closed = not session.open < at <= session.close
    reason = f"the market was closed ({hours}; bars close after the open)" if closed else "no bar of it was decided on"
    nearest_decision = min(ours, key=lambda each: (abs(each.evaluation.bar_start + MINUTE - at), each.at))
    return f"{what}: {reason}; the nearest decision is at {clock(nearest_decision.evaluation.bar_start + MINUTE)}"


def _trade_ids(reader: JournalReader, order_ids: set[str]) -> dict[str, int]:
    by_episode = {row.trade.episode_id: row.id for row in reader.trades()}
    found = {}
    for order_id in sorted(order_ids):
        sent = (each.entry for each in reader.reports_of(order_id) if isinstance(each.entry, ev.Approved))
        intent = next((each.intent for each in sent), None)
        if intent is not None and intent.episode_id in by_episode:
            found[order_id] = by_episode[intent.episode_id]
    return found


def why_not_json(story: MinuteStory) -> dict[str, Any]:
    """The decisions as one JSON object; times in UTC, gates in the order they were asked."""
    return {
        "symbol": story.symbol,
        "minute": plain(story.minute.astimezone(UTC)),
        "decisions": [
            {**decision_json(each), "meaning": verdict_words(each), "trade_id": _trade_of(story, each)}
            for each in story.decisions
        ],
    }


def _trade_of(story: MinuteStory, decision: ev.Decided) -> int | None:
    return story.trades.get(decision.client_order_id) if decision.client_order_id is not None else None


def verdict_words(decision: ev.Decided) -> str:
    """The verdict as a sentence's end; where the strategy wanted out, also what kept it from wanting in."""
    evaluation = decision.evaluation
    if decision.verdict == "approved":
        return "bought: every gate passed"
    if evaluation.signal is None or evaluation.signal.side == "buy":
        return refused(decision.verdict)
    outcome = "sold" if decision.verdict == "exit" else refused(decision.verdict)
    lacked = next((gate.name for gate in evaluation.gates if not gate.passed), None)
    wish = f"a signal to sell ({label(evaluation.signal.reason)}): {outcome}"
    return wish if lacked is None else f"{wish}. No signal to buy: {refused(lacked)}"


def print_why_not(console: Console, story: MinuteStory) -> None:
    """Every strategy's gates, one table each, with the verdict above it."""
    head = f"{printable(story.symbol)}  {day_words(day_of(story.minute))} {clock(story.minute)} New York"
    console.print(Text(head, style="bold"))
    for decision in story.decisions:
        evaluation = decision.evaluation
        is_bought = decision.verdict == "approved"
        trade = _trade_of(story, decision)
        console.print()
        line = Text(label(evaluation.strategy_name), style="bold")
        style = "not bold green" if is_bought else "not bold yellow"
        line.append(f"  {printable(decision.verdict)}: {verdict_words(decision)}", style=style)
        if trade is not None:
            line.append(f" (trade {trade}; why {trade} tells more)", style="not bold")
        console.print(line)
        bar = f"bar {clock(evaluation.bar_start)}-{clock(evaluation.bar_start + MINUTE)}"
        console.print(Text(f"{bar}, decided {clock_s(decision.at)}", style="dim"))
        if decision.gates:
            console.print(gates_table(decision.gates, decision.at, console.width))
