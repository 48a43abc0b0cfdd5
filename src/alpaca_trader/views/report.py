"""The picture of a run: one HTML file that needs nothing else, for a screen, a phone and paper.

Read off the journal; nothing in it depends on when or where it was made, so the same journal gives the same file.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode, OrderRole, Trade
from alpaca_trader.edge.journal.reader import JournalReader, TradeRow
from alpaca_trader.views import words
from alpaca_trader.views.account import DayAccount, RunAccount
from alpaca_trader.views.charts import Holding, Level, Mark, SymbolDay, equity_chart, symbol_chart
from alpaca_trader.views.coverage import Coverage
from alpaca_trader.views.day import moment, role_words
from alpaca_trader.views.fold import spans
from alpaca_trader.views.gates import refused
from alpaca_trader.views.orders import OrderStory, tell
from alpaca_trader.views.trade_table import entry_words, exit_words, reason_words

TEMPLATE = "report.html.j2"
MOST_REASONS = 8
"""Reasons listed in the funnel; the rest are added up."""


class Reason(NamedTuple):
    """One line of the funnel: a code, what it means, how often it was given, and how long its bar is (percent)."""

    name: str
    meaning: str
    times: int
    width: float


class Cell(NamedTuple):
    """One cell of the table of trades; ``kind`` says how it is set."""

    kind: str
    heading: str
    text: str


class Part(NamedTuple):
    """One part of the time in positions: what guarded it, for how long, and how wide it is drawn (percent)."""

    guard: str
    name: str
    seconds: float
    width: float


def write_report(path: Path, reader: JournalReader, account: RunAccount) -> None:
    """Write the page to ``path``, whole or not at all. Raises OSError where it cannot be written."""
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(render_report(reader, account), encoding="utf-8")
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def render_report(reader: JournalReader, account: RunAccount) -> str:
    """The page as text, from the account and the bars, orders and decisions behind it."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "fixed": words.fixed,
        "signed": words.signed,
        "label": words.label,
        "duration": words.duration,
        "printable": words.printable,
    }
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    decisions = _decisions(reader, account)
    day = _busiest(reader, account)
    told = {f"halt_{halt.code}" for halt in account.halts}
    return template.render(
        account=account,
        title=words.days_words(account.dates),
        mode_words=words.MODE_WORDS[account.mode],
        won=sum(1 for row in account.closed if (row.trade.pnl or 0) > 0),
        lost=sum(1 for row in account.closed if (row.trade.pnl or 0) < 0),
        refused=sum(account.refusals.values()),
        orders=role_words(account),
        covered=words.covered(account.coverage.share),
        equity=_equity(reader, account.days),
        symbol=None if day is None else (symbol_chart(day, "wide"), symbol_chart(day, "phone")),
        symbol_title="" if day is None else f"{day.symbol} on {words.day_words(day.session.day)}",
        trades=[_cells(row, len(account.days) > 1) for row in account.trades],
        no_signal=_reasons(Counter(each.verdict for each in decisions if _is_no_wish(each))),
        refusals=_reasons(account.refusals),
        evaluations=len(decisions),
        sales=sum(
            1 for each in decisions if each.evaluation.signal is not None and each.evaluation.signal.side == "sell"
        ),
        sold=sum(1 for each in decisions if each.verdict == "exit"),
        parts=_parts(account.coverage),
        halts=[(moment(halt.at, account), halt, _until(halt.released_at, account)) for halt in account.halts],
        alarms=[
            (moment(alarm.at, account), alarm)
            for alarm in account.alarms
            if alarm.level != "info" and alarm.code not in told
        ],
        flows=[(day.day, day.net_flows) for day in account.days if day.net_flows],
        colour=words.colour,
        is_simulated=account.mode is Mode.SIM,
        day_words=words.day_words,
    )


def _until(released_at: datetime | None, account: RunAccount) -> str:
    return "not released" if released_at is None else f"released {moment(released_at, account)}"


def _decisions(reader: JournalReader, account: RunAccount) -> list[ev.Decided]:
    if not account.days:
        return []
    first, last = account.days[0].session.open, account.days[-1].session.close + timedelta(minutes=5)
    found = (entry for _, entry in reader.entries(("Decided",), since=first, until=last))
    return [entry for entry in found if isinstance(entry, ev.Decided)]


def _is_no_wish(decision: ev.Decided) -> bool:
    return decision.evaluation.signal is None


def _reasons(counts: Counter[str] | dict[str, int]) -> list[Reason]:
    """The commonest reasons, the longest bar first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    most = max(counts.values(), default=0)
    reasons = [Reason(code, refused(code), count, 100 * count / most) for code, count in ordered[:MOST_REASONS]]
    rest = sum(count for _, count in ordered[MOST_REASONS:])
    if rest:
        reasons.append(
            Reason("other", f"{len(ordered) - MOST_REASONS} more reasons", rest, min(100.0, 100 * rest / most))
        )
    return reasons


def _parts(coverage: Coverage) -> list[Part]:
    named = (
        ("stop", "a stop worked at the broker", coverage.stop_s),
        ("exit", "a closing sale was under way", coverage.exit_s),
        ("entering", "the entry was still filling, its stop level watched", coverage.entering_s),
        ("unprotected", "unprotected", coverage.unprotected_s),
    )
    whole = coverage.held_s
    return [Part(guard, name, seconds, 100 * seconds / whole if whole else 0.0) for guard, name, seconds in named]


def _equity(reader: JournalReader, days: Sequence[DayAccount]) -> tuple[str, str] | None:
    """Both sizes of the account's curve; None where it was never read."""
    sessions = [day.session for day in days]
    points = [
        (point.at, point.equity)
        for session in sessions
        for point in reader.equity(session.open - timedelta(minutes=10), session.close + timedelta(minutes=10))
    ]
    if not points:
        return None
    return equity_chart(sessions, points, "wide"), equity_chart(sessions, points, "phone")


def _cells(row: TradeRow, with_day: bool) -> list[Cell]:
    """One trade's cells, left to right."""
    trade = row.trade
    slip = f"{words.fixed(trade.entry_slip_bps, 1)} / {words.fixed(trade.exit_slip_bps, 1)}"
    day = [Cell("day", "Day", f"{words.day_of(trade.timestamp):%m-%d}")] if with_day else []
    return [
        Cell("id n", "#", str(row.id)),
        Cell("symbol", "Symbol", trade.symbol),
        *day,
        Cell("strategy", "Strategy", words.label(trade.strategy)),
        Cell("shares n", "Shares", f"{trade.qty:.6g}"),
        Cell("t", "Entry", entry_words(trade)),
        Cell("t", "Exit", exit_words(trade)),
        Cell("reason", "Reason", reason_words(trade)),
        Cell("n", "Slip, bp", slip),
        Cell("n", "MAE/MFE, %", f"{words.fixed(trade.mae_pct)} / {words.fixed(trade.mfe_pct)}"),
        Cell("n", "Fees", words.fixed(trade.fees, 3)),
        Cell("n", "R", words.signed(trade.r_multiple)),
        Cell(f"pnl n {words.colour(trade.pnl)}".strip(), "P&L", words.signed(trade.pnl)),
    ]


# ------------------------------------------------------------ one symbol's day


def _busiest(reader: JournalReader, account: RunAccount) -> SymbolDay | None:
    """The symbol and session with the most order events; of several, the one in which most was won or lost."""
    moved: dict[tuple[date, str], float] = {}
    for row in account.trades:
        if row.trade.entry_price is not None:
            place = words.day_of(row.trade.timestamp), row.trade.symbol
            moved[place] = moved.get(place, 0.0) + abs(float(row.trade.pnl or 0))
    counts = _order_events(reader)
    days = {day.day: day for day in account.days}
    ordered = sorted(moved, key=lambda place: (-counts[place], -moved[place], place))
    for day, symbol in (place for place in ordered if place[0] in days):
        found = _symbol_day(reader, days[day], symbol, [row for row in account.trades if row.trade.symbol == symbol])
        if found.bars:
            return found
    return None


def _order_events(reader: JournalReader) -> Counter[tuple[date, str]]:
    """Orders sent (a raised stop is one) and cancels asked, by day and symbol."""
    symbols: dict[str, str] = {}
    counts: Counter[tuple[date, str]] = Counter()
    for _, entry in reader.entries(("Approved", "CancelOrder")):
        if isinstance(entry, ev.Approved):
            symbols[entry.intent.client_order_id] = entry.intent.symbol
            counts[words.day_of(entry.at), entry.intent.symbol] += 1
        elif isinstance(entry, ev.CancelOrder) and entry.client_order_id in symbols:
            counts[words.day_of(entry.at), symbols[entry.client_order_id]] += 1
    return counts


def _symbol_day(reader: JournalReader, day: DayAccount, symbol: str, rows: Iterable[TradeRow]) -> SymbolDay:
    session = day.session
    closed = reader.entries(("BarClosed",), since=session.open, until=session.close + timedelta(minutes=5))
    bars = {
        entry.bar.start: entry.bar
        for _, entry in closed
        if isinstance(entry, ev.BarClosed) and entry.bar.symbol == symbol
    }
    in_session = tuple(bar for start, bar in sorted(bars.items()) if session.open <= start < session.close)
    ids = {row.trade.episode_id: row for row in rows}
    span = [span for span in spans(reader) if span.session.day == day.day]
    orders = tell(reader, span, lambda intent: intent.symbol == symbol and intent.episode_id in ids)
    last = in_session[-1].closed_at if in_session else session.close
    return SymbolDay(
        symbol=symbol,
        session=session,
        bars=in_session,
        entries=_marks(orders, ids, "buy"),
        exits=_marks(orders, ids, "sell"),
        stops=tuple(level for order in orders if (level := _level(order, last)) is not None),
        holdings=tuple(holding for row in ids.values() if (holding := _holding(row.trade, day.day, last)) is not None),
    )


def _marks(orders: Iterable[OrderStory], ids: dict[str, TradeRow], side: str) -> tuple[Mark, ...]:
    return tuple(
        Mark(fill.at, float(fill.price), ids[order.intent.episode_id].id)
        for order in orders
        for fill in order.fills
        if fill.side == side
    )


def _level(order: OrderStory, last: datetime) -> Level | None:
    """From when to when a stop worked; None for other orders and stops that never did."""
    price = order.intent.stop_price
    since = next((each.at for each in order.moments if each.what == "working"), None)
    if order.intent.role is not OrderRole.STOP or price is None or since is None:
        return None
    ends = [each.at for each in order.moments if each.what in ("replaced", "canceled", "expired", "filled", "rejected")]
    return Level(since, ends[-1] if ends else max(since, last), float(price))


def _holding(trade: Trade, day: date, last: datetime) -> Holding | None:
    if trade.opened_at is None or words.day_of(trade.opened_at) != day:
        return None
    won = None if trade.pnl is None else trade.pnl > 0
    return Holding(trade.opened_at, trade.closed_at or max(trade.opened_at, last), won)
