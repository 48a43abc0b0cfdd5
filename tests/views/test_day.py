"""The account of a run says what the journal says."""

import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode, Session
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.views.account import RunAccount
from alpaca_trader.views.coverage import Coverage
from alpaca_trader.views.day import print_account, run_account, to_json
from alpaca_trader.views.fold import FOLDED, follow, spans
from tests.views.play import HALF_DAY, NEXT_DAY, SEED
from tests.views.scripted import SESSION, at, entries, trade

NIGHT = datetime(2026, 11, 30, 15, 46, tzinfo=UTC)
POINT_17 = {"mode", "dates", "seed", "equity_start", "equity_end", "trades", "refusals", "orders_sent"}
POINT_17 |= {"seconds_unprotected", "journal_sha256", "paths"}


@pytest.fixture(scope="module")
def account(reader: JournalReader, home: Home) -> RunAccount:
    """The whole run."""
    return run_account(reader, home, seed=SEED, report=home.logs / "report.html")


def printed(account: RunAccount, width: int = 80, **options: object) -> str:
    """What the terminal shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None, **options)  # type: ignore[arg-type]
    print_account(console, account)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_finished_day_is_the_journals_own_summary(reader: JournalReader, home: Home) -> None:
    """Equity, result, counts and seconds unprotected of a finished day are those of its DayDone."""
    (summary,) = reader.days()
    account = run_account(reader, home, last=HALF_DAY)
    assert account.is_finished
    assert account.dates == (HALF_DAY,)
    assert (account.equity_start, account.equity_end) == (summary.equity_start, summary.equity_end)
    assert (account.pnl, account.pnl_pct, account.fees) == (summary.pnl, summary.pnl_pct, summary.fees)
    assert (account.orders_sent, account.signals) == (summary.orders_sent, summary.signals)
    assert account.refusals == dict(summary.refusals)
    assert account.coverage.unprotected_s == pytest.approx(summary.seconds_unprotected, abs=1e-9)
    assert len(account.closed) == summary.trades == 4
    assert {row.trade.timestamp.date() for row in account.trades} == {HALF_DAY}


def test_a_day_cut_short_is_counted_from_the_journal(reader: JournalReader, home: Home) -> None:
    """Without a DayDone the figures are those of the last reading and of every entry so far."""
    account = run_account(reader, home, first=NEXT_DAY)
    since = datetime(2026, 11, 30, tzinfo=UTC)
    readings = [entry for _, entry in reader.entries(("AccountSeen",), since=since)]
    last = readings[-1]
    assert isinstance(last, ev.AccountSeen)
    assert not account.is_finished
    assert account.equity_end == last.account.equity
    assert account.pnl == last.account.equity - last.account.last_equity
    assert account.orders_sent == sum(1 for _ in reader.entries(("Approved",), since=since))
    wishes = [
        entry
        for _, entry in reader.entries(("Decided",), since=since)
        if isinstance(entry, ev.Decided)
        and entry.evaluation.signal is not None
        and entry.evaluation.signal.side == "buy"
    ]
    assert account.signals == len(wishes)
    assert account.refusals == Counter(each.verdict for each in wishes if each.verdict != "approved")
    assert [row.trade.symbol for row in account.held] == ["SPY", "AAPL"]


def test_the_run_is_the_sum_of_its_days(account: RunAccount, reader: JournalReader) -> None:
    """Dollars add up, returns compound, and orders are counted once by what they were for."""
    first, second = account.days
    assert first.pnl is not None
    assert second.pnl is not None
    assert first.pnl_pct is not None
    assert second.pnl_pct is not None
    assert account.pnl == first.pnl + second.pnl
    assert account.pnl_pct is not None
    assert account.pnl_pct == pytest.approx(
        ((1 + first.pnl_pct / 100) * (1 + second.pnl_pct / 100) - 1) * 100, abs=Decimal("1e-20")
    )
    roles = Counter(intent.role.value for intent in reader.intents())
    assert account.orders_by_role == roles
    assert account.orders_sent == roles.total()
    assert [row.id for row in account.trades] == [row.id for row in reader.trades()]


def test_time_held_adds_up(account: RunAccount, reader: JournalReader) -> None:
    """What guarded the positions, each kind together, is the time from first fill to flat or to the last entry folded."""
    *_, (_, last) = reader.entries(FOLDED)
    spans = [
        (row.trade.closed_at or last.at) - row.trade.opened_at
        for row in account.trades
        if row.trade.opened_at is not None
    ]
    held = sum(span.total_seconds() for span in spans)
    assert account.coverage.held_s == pytest.approx(held, abs=1.0)
    assert account.coverage.share is not None
    assert 0.999 < account.coverage.share < 1
    assert account.coverage.stop_s > 0.99 * held
    assert account.coverage.exit_s > 0


def test_json_has_what_was_promised_in_numbers_of_the_journal(account: RunAccount, reader: JournalReader) -> None:
    """Issue 2, point 17: one valid object whose numbers equal the journal's decimals."""
    content = json.loads(json.dumps(to_json(account), allow_nan=False))
    assert content.keys() >= POINT_17
    assert content["mode"] == "SIM"
    assert content["dates"] == ["2026-11-27", "2026-11-30"]
    assert content["seed"] == SEED
    assert content["equity_start"] == 467.0
    assert content["equity_end"] == float(account.equity_end or 0)
    assert content["journal_sha256"] == reader.head()
    assert content["orders_sent"] == len(reader.intents())
    assert content["finished"] is False
    for told, row in zip(content["trades"], reader.trades(), strict=True):
        assert told["id"] == row.id
        for name in ("qty", "entry_price", "exit_price", "pnl", "fees", "initial_stop"):
            exact = getattr(row.trade, name)
            assert told[name] == (None if exact is None else float(exact)), name
        for name in ("r_multiple", "mae_pct", "mfe_pct", "entry_slip_bps", "exit_slip_bps", "exit_reason", "status"):
            assert told[name] == getattr(row.trade, name), name
    parts = content["protection"]
    assert parts["held_s"] == pytest.approx(
        sum(parts[f"{name}_s"] for name in ("stop", "exit", "entering", "unprotected"))
    )
    assert content["seconds_unprotected"] == parts["unprotected_s"]
    assert content["paths"]["journal"].endswith("data/trades.db")
    assert [Path(path).name for path in content["paths"]["logs"]] == ["2026-11-27.jsonl", "2026-11-30.jsonl"]


def test_the_account_reads_well_in_80_columns(account: RunAccount, reader: JournalReader) -> None:
    """Every line but a path fits, nothing is cut, and nothing depends on colour."""
    text = printed(account)
    assert "\x1b" not in text
    assert "\u2026" not in text
    assert [line for line in text.splitlines() if len(line) > 80 and "/" not in line] == []
    assert text.startswith(
        " SIM   Fri 2026-11-27 to Mon 2026-11-30, seed 13\nsimulated market and fills, no real money\n"
    )
    orders = Counter(intent.role.value for intent in reader.intents())
    owned = account.refusals["symbol_owned"]
    for fragment in (
        "Trades      4 closed: 1 won, 3 lost, 2 not over",
        f"Orders      {account.orders_sent} sent: 6 entries, {orders['stop']} stops, {orders['exit']} exits",
        f"Signals     {account.signals} to buy: 6 taken, {sum(account.refusals.values())} refused",
        f"{owned}  symbol_owned  the symbol was held already",
        "Unfinished  2026-11-30: the engine has not seen the close yet",
        "Mon 2026-11-30 *",
    ):
        assert fragment in text, fragment
    assert "report.html" in text


def test_lines_of_trades_and_money(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """The figures of a hand-written position stand where they belong, in narrow and in wide terminals."""
    account = run_account(written(list(entries())), Home(tmp_path))
    assert " 1 AAPL   09:40 185.54 09:40 184.14 vwap fail 2.2/1.0 -0.36 -0.26\n".strip() in printed(account)
    assert "Halts and alarms  none\n" in printed(account)
    wide = "1 AAPL   momentum breakout   0.25 09:40 185.54 09:40 184.14 vwap fail 2.2/1.0 -0.60  0.10 0.010 -0.36 -0.26"
    assert wide in printed(account, 120)


def test_there_is_more_where_there_is_room(account: RunAccount) -> None:
    """In 120 columns strategy, quantity, extremes and fees stand beside the rest, and still every line fits."""
    lines = printed(account, 120).splitlines()
    heading = next(line for line in lines if line.lstrip().startswith("# Symbol"))
    assert all(title in heading for title in ("Strategy", "Shares", "MAE %", "MFE %", "Fees", "P&L"))
    assert any("momentum breakout" in line and "trail stop" in line for line in lines)
    assert [line for line in lines if len(line) > 120 and "/" not in line] == []


def test_colour_adds_nothing_but_colour(account: RunAccount) -> None:
    """With colour the same characters are shown."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="truecolor", legacy_windows=False)
    with console.capture() as captured:
        print_account(console, account)
    coloured = captured.get()
    assert "\x1b[" in coloured
    plain = "".join(part.split("m", 1)[-1] if at else part for at, part in enumerate(coloured.split("\x1b[")))
    assert [line.rstrip() for line in plain.splitlines()] == [line.rstrip() for line in printed(account).splitlines()]


def test_an_empty_journal_is_an_account_of_nothing(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """Before the first session there is nothing to tell, and that is told without a number made up."""
    account = run_account(written([]), Home(tmp_path))
    assert account.mode is Mode.SIM
    content = json.loads(json.dumps(to_json(account), allow_nan=False))
    assert (content["dates"], content["trades"], content["refusals"]) == ([], [], {})
    assert content["equity_start"] is content["equity_end"] is content["pnl"] is content["pnl_pct"] is None
    assert content["protection"]["share"] is None
    text = printed(account)
    assert "no session yet" in text
    assert "nothing was held" in text
    assert "- -> - USD" in text


def test_a_session_whose_account_was_never_read_has_no_figures(
    written: Callable[..., JournalReader], reader: JournalReader, tmp_path: Path
) -> None:
    """Killed right after its first entry, a day has no equity; it is not zero."""
    opened = next(entry for _, entry in reader.entries(("SessionOpened",)))
    account = run_account(written([opened]), Home(tmp_path))
    assert account.dates == (HALF_DAY,)
    assert account.days[0].equity_start is account.days[0].pnl is account.pnl is None
    assert "Unfinished  2026-11-27" in printed(account)


def test_halts_and_alarms_are_told_and_strangers_text_is_disarmed(
    written: Callable[..., JournalReader], home: Home
) -> None:
    """A halt appears once with its release, an alarm with its text, and no markup or escape in it works."""
    nasty = "[bold]\x1b[2J\u202eevil <script>alert(1)</script>"
    later = NIGHT.replace(minute=50)
    journal = written(
        [
            ev.HaltLatched(NIGHT, "daily_loss", "day -9.40 USD", "session"),
            ev.Alarm(NIGHT, "halt_daily_loss", "error", untrusted_text="day -9.40 USD"),
            ev.HaltLatched(NIGHT, "operator", "human: [red]stop", "human"),
            ev.HaltReleased(later, "operator", "human"),
            ev.Alarm(NIGHT, "broker_refused_other", "warning", "SPY", {"status": 422}, nasty),
            ev.Alarm(NIGHT, "config_accepted", "info", numbers={"rev": "x"}),
        ],
        after=home,
    )
    account = run_account(journal, home)
    first, second = account.halts
    assert (first.code, first.released_at) == ("daily_loss", None)
    assert (second.code, second.released_at, second.released_by) == ("operator", later, "human")
    text = printed(account, 120)
    assert text.count("daily loss") == 1
    assert "HALT daily loss: day -9.40 USD (not released)" in text
    assert "HALT operator: human: [red]stop (released 2026-11-30 10:50:00)" in text
    assert "[bold]?[2J?evil <script>" in text
    assert "\x1b" not in text
    assert "config accepted" not in text
    json.dumps(to_json(account), allow_nan=False)


def test_news_belong_to_their_days(written: Callable[..., JournalReader], home: Home) -> None:
    """An account of one day tells that day's alarms; those before the first session are told with it."""
    journal = written([ev.Alarm(NIGHT, "stream_lost", "warning")], after=home)
    first, second = (run_account(journal, home, first=day, last=day) for day in (HALF_DAY, NEXT_DAY))
    assert "config_accepted" in [alarm.code for alarm in first.alarms]
    assert "stream_lost" not in [alarm.code for alarm in first.alarms]
    assert "config_accepted" not in [alarm.code for alarm in second.alarms]
    assert "stream_lost" in [alarm.code for alarm in second.alarms]
    assert "stream lost" not in printed(first)


def test_a_position_kept_overnight_is_held_the_next_day_too(
    written: Callable[..., JournalReader], tmp_path: Path
) -> None:
    """A day begins with what its checkpoint carries: the position of the day before and the stop that guards it."""
    told = list(entries()[:-12])  # bought, and its second stop works
    journal = written(told)
    belief = next(step.belief for step in reversed(list(follow(journal, spans(journal)[0]))))
    night = Session(NEXT_DAY, SESSION.open + timedelta(days=3), SESSION.close + timedelta(days=3))
    opened = ev.SessionOpened(night.open - timedelta(minutes=5), night)
    belief.on_event(opened)
    morning = [opened, ev.Checkpoint(opened.at, belief.to_checkpoint())]
    ticks = [ev.Tick(night.open + timedelta(seconds=second), night) for second in (-60, 2, 62)]
    account = run_account(written([*morning, *ticks]), Home(tmp_path))
    assert [day.day for day in account.days] == [HALF_DAY, NEXT_DAY]
    assert account.days[1].coverage == Coverage(stop_s=60.0)
    assert [row.id for row in run_account(journal, Home(tmp_path), first=NEXT_DAY).trades] == [1]


def test_an_entry_that_came_to_nothing_is_no_trade(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """A refused entry is listed with its state; it is neither won nor lost, and nothing was held."""
    opened, plan, approved, decided = entries()[:4]
    nothing = {"qty": Decimal(0), "entry_price": None, "opened_at": None, "entry_slip_bps": None}
    row = ev.TradeChanged(at(1), replace(trade("rejected"), **nothing))  # type: ignore[arg-type]
    account = run_account(written([opened, plan, approved, decided, row]), Home(tmp_path))
    assert account.closed == account.held == ()
    text = printed(account)
    assert "0 closed: 0 won, 0 lost" in text
    assert "1 AAPL 09:40 - rejected" in " ".join(text.split())
    assert "nothing was held" in text


def test_many_alarms_are_counted_not_listed(written: Callable[..., JournalReader], tmp_path: Path) -> None:
    """A flood of alarms does not push the rest of the account away."""
    flood = [ev.Alarm(NIGHT, "stream_lost", "warning", numbers={"n": n}) for n in range(30)]
    text = printed(run_account(written([*entries(), *flood]), Home(tmp_path)))
    assert text.count("stream lost") == 12
    assert "and 18 more in the log" in text
