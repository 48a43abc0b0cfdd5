"""The account of a run: what its days brought, what was refused, how positions were guarded, and where the files lie."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import day_summary
from alpaca_trader.core.models import DailySummary, Mode, OrderRole
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader, TradeRow
from alpaca_trader.edge.plain import plain
from alpaca_trader.views.account import DayAccount, Files, Halt, RunAccount
from alpaca_trader.views.coverage import Coverage, CoverageClock
from alpaca_trader.views.fold import COUNTED, FOLDED, Span, follow, spans
from alpaca_trader.views.gates import refused
from alpaca_trader.views.trade_table import LEGEND, trades_table
from alpaca_trader.views.words import (
    MODE_STYLE,
    MODE_WORDS,
    clock_s,
    colour,
    covered,
    day_of,
    day_words,
    days_words,
    duration,
    fixed,
    label,
    printable,
    signed,
)

MOST_ALARMS = 12


def run_account(
    reader: JournalReader,
    home: Home,
    *,
    seed: int | None = None,
    report: Path | None = None,
    first: date | None = None,
    last: date | None = None,
) -> RunAccount:
    """The account of the sessions from ``first`` to ``last`` (default: all) that the journal tells of.

    ``home`` only names the files and ``report`` the picture, if there is one; nothing but the journal is read.
    """
    mode = Mode(reader.meta()["mode"])
    found = spans(reader)
    wanted = [
        span
        for span in found
        if (first is None or span.session.day >= first) and (last is None or span.session.day <= last)
    ]
    summaries = {summary.day: summary for summary in reader.days()}
    days = tuple(_day(reader, span, summaries.get(span.session.day)) for span in wanted)
    # What happened before the first session, such as refused settings, is told with it.
    begin = wanted[0].first if wanted and wanted[0] is not found[0] else 1
    news = list(_news(reader, begin, wanted[-1].end if wanted else None))
    return RunAccount(
        mode=mode,
        seed=seed,
        days=days,
        trades=tuple(row for row in reader.trades() if _belongs(row, [day.day for day in days])),
        halts=tuple(_halts(news)),
        alarms=tuple(entry for entry in news if isinstance(entry, ev.Alarm)),
        journal_sha256=reader.head(),
        files=Files(
            home=home.path,
            journal=home.database(mode),
            status=home.status_file,
            logs=tuple(home.logs / f"{day.day.isoformat()}.jsonl" for day in days),
            report=report,
        ),
    )


def to_json(account: RunAccount) -> dict[str, Any]:
    """The account as one JSON object: USD, percent, seconds, shares; numbers equal the journal's decimals."""
    coverage = account.coverage
    return {
        "mode": account.mode.value,
        "dates": [day.isoformat() for day in account.dates],
        "seed": account.seed,
        "finished": account.is_finished,
        "equity_start": plain(account.equity_start),
        "equity_end": plain(account.equity_end),
        "pnl": plain(account.pnl),
        "pnl_pct": plain(account.pnl_pct),
        "fees": plain(account.fees),
        "trades": [trade_json(row) for row in account.trades],
        "signals": account.signals,
        "refusals": account.refusals,
        "orders_sent": account.orders_sent,
        "orders_by_role": account.orders_by_role,
        "seconds_unprotected": round(coverage.unprotected_s, 6),
        "protection": coverage_json(coverage),
        "halts": [plain(halt._asdict()) for halt in account.halts],
        "alarms": [plain(alarm) for alarm in account.alarms],
        "days": [_day_json(day) for day in account.days],
        "journal_sha256": account.journal_sha256,
        "paths": {
            "home": str(account.files.home),
            "journal": str(account.files.journal),
            "status": str(account.files.status),
            "logs": [str(path) for path in account.files.logs],
            "report": None if account.files.report is None else str(account.files.report),
        },
    }


def trade_json(row: TradeRow) -> dict[str, Any]:
    """One row of ``trades`` with its id."""
    return {"id": row.id, **plain(row.trade)}


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """How long positions were held and what guarded them: seconds, and the guarded share of them (0 to 1)."""
    return {
        "held_s": round(coverage.held_s, 6),
        "stop_s": round(coverage.stop_s, 6),
        "exit_s": round(coverage.exit_s, 6),
        "entering_s": round(coverage.entering_s, 6),
        "unprotected_s": round(coverage.unprotected_s, 6),
        "share": coverage.share,
    }


def _day_json(day: DayAccount) -> dict[str, Any]:
    content: dict[str, Any] = plain(day)
    session = content.pop("session")
    content["coverage"] = coverage_json(day.coverage)
    return {"date": day.day.isoformat(), "open": session[1], "close": session[2], **content}


def _day(reader: JournalReader, span: Span, summary: DailySummary | None) -> DayAccount:
    """A finished day says its own figures; those of a day cut short are counted from what was journalled."""
    watch, belief = CoverageClock(), None
    roles: Counter[str] = Counter()
    for step in follow(reader, span, FOLDED if summary is not None else COUNTED):
        watch.take(step)
        belief, entry = step.belief, step.recorded.entry
        if isinstance(entry, ev.Approved):
            roles[entry.intent.role.value] += 1
    is_read = summary is not None or (belief is not None and belief.account is not None)
    assert belief is not None, "a session in the journal has at least its own first entry"
    figures = summary if summary is not None else day_summary(belief)
    return DayAccount(
        session=span.session,
        is_finished=summary is not None,
        equity_start=figures.equity_start if is_read else None,
        equity_end=figures.equity_end if is_read else None,
        pnl=figures.pnl if is_read else None,
        pnl_pct=figures.pnl_pct if is_read else None,
        net_flows=figures.net_flows,
        fees=figures.fees,
        orders_sent=figures.orders_sent,
        orders_by_role=dict(roles),
        signals=figures.signals,
        refusals=figures.refusals,
        coverage=watch.read(),
    )


def _belongs(row: TradeRow, dates: Sequence[date]) -> bool:
    """Whether a trade began, went on or ended in one of these sessions."""
    trade = row.trade
    is_over = trade.status in ("closed", "rejected", "canceled")
    ended = day_of(trade.closed_at or trade.timestamp) if is_over else date.max
    return any(day_of(trade.timestamp) <= day <= ended for day in dates)


def _news(reader: JournalReader, begin: int, end: int | None) -> Iterator[ev.Event | ev.Action]:
    for seq, entry in reader.entries(("Alarm", "HaltLatched", "HaltReleased"), after=begin - 1):
        if end is not None and seq >= end:
            return
        yield entry


def _halts(news: Sequence[ev.Event | ev.Action]) -> Iterator[Halt]:
    for place, entry in enumerate(news):
        if isinstance(entry, ev.HaltLatched):
            later = (each for each in news[place + 1 :] if isinstance(each, ev.HaltReleased))
            release = next((each for each in later if each.code == entry.code), None)
            yield Halt(
                entry.at,
                entry.code,
                entry.detail,
                release.at if release is not None else None,
                release.actor if release is not None else None,
            )


# ------------------------------------------------------------ the account in a terminal


def print_account(console: Console, account: RunAccount) -> None:
    """The readable account of the run: made for 80 columns and more, with and without colour."""
    console.print(_header(account), soft_wrap=True)
    console.print()
    console.print(_figures(account))
    if len(account.days) > 1:
        _section(console, "Days", _days_table(account))
    if account.trades:
        _section(console, "Trades", trades_table(account.trades, console.width))
        console.print(Text(LEGEND, style="dim"))
    if account.refusals:
        _section(console, "Signals refused", _refusals_table(account))
    _print_trouble(console, account)
    _print_files(console, account.files)


def _section(console: Console, title: str, content: Table) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    console.print(content)


def _header(account: RunAccount) -> Text:
    seed = "" if account.seed is None else f", seed {account.seed}"
    head = Text(f" {account.mode.value} ", style=MODE_STYLE[account.mode])
    head.append(f"  {days_words(account.dates)}{seed}", style="bold not reverse default on default")
    return head.append(f"\n{MODE_WORDS[account.mode]}", style="not bold dim default on default")


def _figures(account: RunAccount) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    won = sum(1 for row in account.closed if row.trade.pnl is not None and row.trade.pnl > 0)
    lost = sum(1 for row in account.closed if row.trade.pnl is not None and row.trade.pnl < 0)
    equity = Text(f"{fixed(account.equity_start)} -> {fixed(account.equity_end)} USD")
    if account.pnl is not None:
        result = f"  {signed(account.pnl)} USD ({signed(account.pnl_pct)} %)"
        equity.append(result, style=f"bold {colour(account.pnl)}".strip())
        equity.append(f", fees of {fixed(account.fees)} paid")
    grid.add_row("Equity", equity)
    held = f", {len(account.held)} not over" if account.held else ""
    grid.add_row("Trades", f"{len(account.closed)} closed: {won} won, {lost} lost{held}")
    refusals = sum(account.refusals.values())
    grid.add_row("Signals", f"{account.signals} to buy: {account.signals - refusals} taken, {refusals} refused")
    roles = role_words(account)
    grid.add_row("Orders", f"{account.orders_sent} sent{roles and f': {roles}'}")
    grid.add_row("Protection", _protection(account.coverage))
    if not account.is_finished:
        cut = ", ".join(day.day.isoformat() for day in account.days if not day.is_finished)
        grid.add_row("Unfinished", Text(f"{cut}: the engine has not seen the close yet", style="yellow"))
    return grid


def role_words(account: RunAccount) -> str:
    """``7 entries, 12 stops, 5 exits``; nothing where no order was sent."""
    roles = account.orders_by_role
    told = [f"{roles[role]} {label(role)}{'' if roles[role] == 1 else 's'}" for role in OrderRole if role in roles]
    told = [words.replace("entrys", "entries") for words in told]
    return ", ".join(told)


def _protection(coverage: Coverage) -> Text:
    if coverage.share is None:
        return Text("nothing was held")
    text = Text(
        f"{covered(coverage.share)} of {duration(coverage.held_s)} held with a stop working or an exit under way"
    )
    if coverage.entering_s:
        text.append(f"; entry still filling {duration(coverage.entering_s)}")
    style = "bold red" if coverage.unprotected_s >= 1 else ""
    return text.append(f"; unprotected {duration(coverage.unprotected_s)}", style=style)


def _days_table(account: RunAccount) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("Day", no_wrap=True)
    for title in ("Start", "End", "P&L", "%", "Orders", "Unprotected"):
        table.add_column(title, justify="right", no_wrap=True)
    for day in account.days:
        table.add_row(
            day_words(day.day) + ("" if day.is_finished else " *"),
            fixed(day.equity_start),
            fixed(day.equity_end),
            Text(signed(day.pnl), style=colour(day.pnl)),
            signed(day.pnl_pct),
            str(day.orders_sent),
            duration(day.coverage.unprotected_s),
        )
    return table


def _refusals_table(account: RunAccount) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for code, count in account.refusals.items():
        table.add_row(str(count), Text(printable(code)), Text(refused(code)))
    return table


def _print_trouble(console: Console, account: RunAccount) -> None:
    """Halts and alarms, or one line that there were none; news of no concern stays in the log."""
    told = {f"halt_{halt.code}" for halt in account.halts}
    alarms = [alarm for alarm in account.alarms if alarm.level != "info" and alarm.code not in told]
    console.print()
    if not account.halts and not alarms:
        console.print(Text.assemble(("Halts and alarms", "bold"), "  none"))
        return
    console.print(Text("Halts and alarms", style="bold"))
    for halt in account.halts:
        until = "not released" if halt.released_at is None else f"released {moment(halt.released_at, account)}"
        line = f"{moment(halt.at, account)}  HALT {label(halt.code)}: {printable(halt.detail)} ({until})"
        console.print(Text(line, style="red"))
    for alarm in alarms[:MOST_ALARMS]:
        about = f" {printable(alarm.symbol)}" if alarm.symbol else ""
        said = f": {printable(alarm.untrusted_text)}" if alarm.untrusted_text else ""
        line = f"{moment(alarm.at, account)}  {alarm.level} {label(alarm.code)}{about}{said}"
        console.print(Text(line, style="red" if alarm.level == "error" else "yellow"))
    if len(alarms) > MOST_ALARMS:
        console.print(Text(f"and {len(alarms) - MOST_ALARMS} more in the log"))


def moment(at: datetime, account: RunAccount) -> str:
    """The time in New York, with the date where the account is of several days."""
    return clock_s(at) if len(account.days) < 2 else f"{day_of(at).isoformat()} {clock_s(at)}"


def _print_files(console: Console, files: Files) -> None:
    """Where everything lies; paths are never broken, so that they can be copied."""
    console.print()
    console.print(Text("Files", style="bold"))
    logs = [] if not files.logs else [("log", files.logs[-1])]
    more = f"  (and {len(files.logs) - 1} before it)" if len(files.logs) > 1 else ""
    for name, path in [("report", files.report), ("status", files.status), *logs, ("journal", files.journal)]:
        if path is not None:
            console.print(Text(f"  {name:8} {path}{more if name == 'log' else ''}"), soft_wrap=True)
