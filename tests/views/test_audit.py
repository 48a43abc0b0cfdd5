"""The auditor finds each planted lie in a true morning's entries, and nothing in the morning itself."""

import json
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import OrderRole, Position
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.secret import Secret
from alpaca_trader.views.audit.files import check_logs, check_secrets, check_settings, check_status, read_logs
from alpaca_trader.views.audit.finding import Check
from alpaca_trader.views.audit.orders import Ledger
from alpaca_trader.views.audit.rules import Cash, Halts, Origins
from proofs.scene import Scene

Entry = ev.Event | ev.Action
Lie = Callable[[list[Entry]], Iterable[Entry]]


@lru_cache(maxsize=1)
def day() -> tuple[Entry, ...]:
    """A whole half day: two positions, one sold by the strategy, one flat by the close."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        scene.begin()
        scene.play()
        scene.stop()
        with closing(JournalReader(scene.path)) as reader:
            return tuple(recorded.entry for recorded in reader.entries())


def audited(entries: Iterable[Entry]) -> dict[str, Check]:
    """The outcome of every check of entries, by its name."""
    ledger = Ledger()
    checks = (ledger, Halts(), Origins([(1, "1")]), Cash(ledger))
    for seq, entry in enumerate(entries, 1):
        for check in checks:
            check.see(seq, entry)
    return {outcome.name: outcome for outcome in (check.finish() for check in checks)}


def after(entries: list[Entry], kind: type, *more: Entry) -> list[Entry]:
    """The entries with others put in behind the first of this kind."""
    at = next(n for n, entry in enumerate(entries) if isinstance(entry, kind))
    return [*entries[: at + 1], *more, *entries[at + 1 :]]


def first(entries: Iterable[Entry], role: OrderRole) -> ev.Approved:
    """The first intent of this role."""
    return next(entry for entry in entries if isinstance(entry, ev.Approved) and entry.intent.role is role)


def changed(entries: list[Entry], kind: type, change: Callable[[Any], Entry | None], which: int = 0) -> list[Entry]:
    """The entries with one of this kind made into another, or left out."""
    at = [n for n, entry in enumerate(entries) if isinstance(entry, kind)][which]
    lie = change(entries[at])
    return [*entries[:at], *([] if lie is None else [lie]), *entries[at + 1 :]]


def filled(entries: list[Entry], change: Callable[[ev.ExecutionReport], ev.ExecutionReport]) -> list[Entry]:
    """The entries with the first report of an execution told otherwise."""
    at = next(n for n, entry in enumerate(entries) if isinstance(entry, ev.ExecutionReport) and entry.execution_id)
    report = entries[at]
    assert isinstance(report, ev.ExecutionReport)
    return [*entries[: at + 1], change(report), *entries[at + 1 :]]


def with_order(report: ev.ExecutionReport, **changes: object) -> ev.ExecutionReport:
    """The report of an order that is told otherwise."""
    return replace(report, order=replace(report.order, **changes))  # type: ignore[arg-type]


def halted(entries: list[Entry]) -> list[Entry]:
    """A halt from the first account reading on, which nothing heeds."""
    at = entries[0].at
    return after(entries, ev.AccountSeen, ev.HaltLatched(at, "drawdown", "", "human"))


def richer(entries: list[Entry]) -> list[Entry]:
    """The day's last reading of the account shows a dollar more."""
    return changed(
        entries,
        ev.AccountSeen,
        lambda seen: replace(seen, account=replace(seen.account, cash=seen.account.cash + 1)),
        -1,
    )


LIES: dict[str, tuple[Lie, str, str]] = {
    "intended twice": (
        lambda day: after(day, ev.Approved, first(day, OrderRole.ENTRY)),
        "orders",
        "a second intent under the id",
    ),
    "entry sent again": (
        lambda day: after(day, ev.Approved, ev.Resend(day[0].at, first(day, OrderRole.ENTRY).intent)),
        "orders",
        "an entry was sent again",
    ),
    "sent again with another quantity": (
        lambda day: [
            *day,
            ev.Resend(day[0].at, replace(first(day, OrderRole.STOP).intent, qty=Decimal(9))),
        ],
        "orders",
        "not as it was first decided",
    ),
    "two orders of one id": (
        lambda day: filled(day, lambda report: with_order(report, broker_order_id="another")),
        "orders",
        "is two orders at the broker",
    ),
    "filled too much": (
        lambda day: filled(day, lambda report: with_order(report, filled_qty=Decimal(99))),
        "orders",
        "filled 99 of",
    ),
    "one execution told twice": (
        lambda day: filled(day, lambda report: replace(report, last_qty=Decimal(1))),
        "orders",
        "is told twice and differently",
    ),
    "executions add up to more": (
        lambda day: filled(day, lambda report: replace(report, execution_id="x", last_qty=report.order.qty)),
        "orders",
        "its executions add up to",
    ),
    "a trade of another size": (
        lambda day: changed(
            day, ev.TradeChanged, lambda row: replace(row, trade=replace(row.trade, qty=Decimal(5))), -1
        ),
        "orders",
        "the trade says 5 bought",
    ),
    "a trade of another result": (
        lambda day: changed(
            day, ev.TradeChanged, lambda row: replace(row, trade=replace(row.trade, pnl=Decimal(5))), -1
        ),
        "orders",
        "the trade made 5 USD",
    ),
    "bought in spite of a halt": (halted, "halts", "was approved while entries were halted (drawdown)"),
    "bought with a failing journal": (
        lambda day: after(day, ev.AccountSeen, ev.JournalFailed(day[0].at, "")),
        "halts",
        "was approved while entries were halted (journal)",
    ),
    "a halt that ended by itself": (
        lambda day: [
            *day,
            ev.HaltLatched(day[0].at, "drawdown", "", "human"),
            ev.HaltReleased(day[0].at, "drawdown", "engine"),
        ],
        "halts",
        "ended without a human's `resume`",
    ),
    "a pause cut short": (
        lambda day: [
            *day,
            ev.HaltLatched(day[0].at, "loss_streak", "", "time", day[0].at + timedelta(minutes=60)),
            ev.HaltReleased(day[0].at, "loss_streak", "engine"),
        ],
        "halts",
        "the halt loss_streak ended before",
    ),
    "the end of no halt": (
        lambda day: [*day, ev.HaltReleased(day[0].at, "drawdown", "engine")],
        "halts",
        "ended and none had begun",
    ),
    "no plan": (
        lambda day: changed(day, ev.EpisodeOpened, lambda opened: None),
        "origins",
        "belongs to no position that was opened",
    ),
    "no settings": (
        lambda day: changed(day, ev.ConfigAccepted, lambda accepted: replace(accepted, rev="other")),
        "origins",
        "which were never in force",
    ),
    "no signal": (
        lambda day: [entry for entry in day if not (isinstance(entry, ev.Decided) and entry.verdict == "approved")],
        "origins",
        "follows from no signal",
    ),
    "a dollar too much": (richer, "cash", "2026-11-27: cash is +0.97 USD from what fills, fees and transfers make it"),
}


def test_a_true_day_has_nothing_wrong() -> None:
    """And all of it was looked at."""
    found = audited(day())
    assert {name: check.problems for name, check in found.items() if check.problems} == {}
    assert found["orders"].looked_at.endswith("3 trades")
    assert found["halts"].looked_at == "0 halts, 3 entry decisions"
    assert found["cash"].looked_at == "1 day"


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_where_it_is_told(name: str) -> None:
    """INV-2, INV-4, INV-12, INV-21, INV-23: the check that is about it names it, with the entry's number."""
    lie, check, text = LIES[name]
    problems = audited(lie(list(day())))[check].problems
    assert any(text in problem.what for problem in problems), problems
    assert all(problem.where.startswith("entry ") for problem in problems)


def test_a_resumed_halt_is_a_good_end() -> None:
    """`resume` ends whatever stands, and what the shell barred it may lift."""
    at = day()[0].at
    end: list[Entry] = [
        ev.HaltLatched(at, "drawdown", "", "human"),
        ev.HaltLatched(at, "daily_loss", "", "session"),
        ev.Command(at, "resume", "somebody", ""),
        ev.HaltReleased(at, "daily_loss", "somebody"),
        ev.HaltReleased(at, "drawdown", "somebody"),
        ev.HaltLatched(at, "not_armed", "", "human"),
        ev.BarLifted(at, "not_armed"),
        ev.HaltReleased(at, "not_armed", "engine"),
    ]
    assert audited([*day(), *end])["halts"].problems == []


def test_a_day_with_others_or_without_its_end_is_left_out() -> None:
    """Somebody else's trading explains itself; half a day has not been accounted for."""
    foreign = ev.PositionsSeen(day()[0].at, (Position("KO", Decimal(1), Decimal(1), Decimal(60)),))
    assert audited(after(list(day()), ev.SessionOpened, foreign))["cash"].looked_at == (
        "0 days, 1 with somebody else's trading left out"
    )
    half = [entry for entry in day() if not isinstance(entry, ev.SessionClosed)]
    assert audited(half)["cash"].looked_at == "0 days, 1 not over"


# ---------------------------------------------------------------- files


STARTED = {"timestamp": "2026-11-20T14:24:00Z", "level": "INFO", "event": "started", "data": {}}
STOPPED = {**STARTED, "timestamp": "2026-11-20T21:00:00Z", "event": "stopped", "data": {"journal_sha256": "aa"}}
SENT = {**STARTED, "event": "order_sent", "data": {"order": "known"}}
LOST = {**STARTED, "event": "order_sent", "data": {"order": "lost"}}
LATER = {**STARTED, "timestamp": "2026-11-20T15:00:00Z", "event": "x"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with empty folders."""
    home = Home(tmp_path / "home")
    home.create()
    return home


LOGS: dict[str, tuple[list[object], dict[str, int], str | None]] = {
    "good": ([STARTED, LATER, STOPPED], {"aa": 7}, None),
    "a run begins earlier than the one before ended": ([STARTED, STOPPED, STARTED, LATER], {"aa": 7}, None),
    "an order the journal lacks": ([STARTED, LOST, SENT], {}, "line 2: tells of lost, which the journal lacks"),
    "killed before the commit": ([STARTED, SENT, LOST, STARTED, SENT, LOST], {}, None),
    "torn": ([STARTED, '{"timestamp": "2026-11'], {}, "logs/2026-11-20.jsonl line 2: is no log line"),
    "no object": ([STARTED, "7"], {}, "line 2: is no log line"),
    "no time zone": ([{**STARTED, "timestamp": "2026-11-20T14:24:00"}], {}, "line 1: is no log line"),
    "time runs back": ([STARTED, STOPPED, LATER], {"aa": 7}, "line 3: is of 15:00:00, the line before of 21:00:00 UTC"),
    "an end that never was": ([STARTED, STOPPED], {}, "the journal never was in the state in which this run ended"),
    "an end before an end": (
        [STARTED, STOPPED, STARTED, {**STOPPED, "data": {"journal_sha256": "bb"}}],
        {"aa": 7, "bb": 5},
        "line 4: ended at entry 5, a run before it at 7",
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_logs(home: Home, name: str) -> None:
    """Lines, times within a run, and the state of the journal at each run's end."""
    lines, ends, problem = LOGS[name]
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (home.logs / "2026-11-20.jsonl").write_text(text)
    found = [f"{where}: {what}" for where, what in check_logs(read_logs(home), ends, {"known"}, True).problems]
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]
    if name == "an end that never was":
        assert check_logs(read_logs(home), ends, (), is_whole=False).is_good, "an earlier journal may have been"


STATUS = {
    '{"timestamp": "2026-11-20T21:00:00Z", "mode": "SIM"}': None,
    '{"timestamp": "2026-11-20T21:00:00Z", "mode": "LIVE"}': "is of LIVE, the journal of SIM",
    '{"timestamp": "2026-11-20T21:00:00", "mode": "SIM"}': "its timestamp has no time zone",
    '{"timestamp": "2026-11-20T': "is no status page (JSONDecodeError)",
    "[]": "is no status page (TypeError)",
}


@pytest.mark.parametrize(("text", "problem"), STATUS.items())
def test_the_status_page(home: Home, text: str, problem: str | None) -> None:
    """It parses, has a time, and is of the mode of the journal."""
    assert check_status(home, ["SIM"]).looked_at == "none was published"
    home.status_file.write_text(text)
    assert [found.what for found in check_status(home, ["SIM"]).problems] == ([problem] if problem else [])


def test_settings_that_a_start_would_refuse(home: Home) -> None:
    """They are named as `config check` names them."""
    (problem,) = check_settings(home).problems
    assert "policy.json is missing" in problem.what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("key PK7Q2X9ABCDEFGH44ZWQ used", "an Alpaca key id"),
        ('{"APCA-API-SECRET-KEY": "wJ8qZ3vT5nR7kY2mXb6cLd9fHs4g"}', "a broker's secret"),
        ("ops_eyJDYW5hcnkiOiJmb3IgMVBhc3N3b3JkIn0", "a 1Password token"),
        ("Authorization: Basic UEs3UTJYOUNBTkFSWTp3", "an authorization"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("it ended with JjJqZ3vT5n in it", "a piece of one of this machine's credentials"),
        ("PKNOTAKEYBUTALLLETTERS, ops_short, authorization: none", None),
    ],
)
def test_what_looks_like_a_credential_is_found(home: Home, text: str, what: str | None) -> None:
    """INV-26: by its look, or by a piece of one that this machine knows; the finding never repeats it."""
    (home.logs / "2026-11-20.jsonl").write_text(text)
    found = check_secrets(home, Redactor(Secret("xxJjJqZ3vT5nyy")), 1)
    assert [problem.what for problem in found.problems] == ([f"holds {what}"] if what else [])
    assert found.looked_at.endswith("1 known credential")
