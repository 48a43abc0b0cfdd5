"""Which rows an entry makes: its own in ``entries``, and those derived from it.

Pure: the same entries give the same rows, which is how ``verify`` tells whether somebody edited a table by hand.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from pydantic_core import to_json

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import OrderIntent, Trade
from alpaca_trader.edge.journal.codec import utc_text, utf8
from alpaca_trader.edge.journal.errors import JournalUnwritable

Value = str | int | float | bytes | None
Statement = tuple[str, tuple[Value, ...]]

DERIVED = ("intents", "decisions", "trades", "config_history", "days", "equity")
"""Tables whose whole content follows from ``entries``."""

ENTRY = "INSERT INTO entries (seq, at, kind, client_order_id, payload, chain) VALUES (?, ?, ?, ?, ?, ?)"
INTENT = f"INSERT INTO intents VALUES ({', '.join('?' * 15)})"  # noqa: S608 - no value enters the text
DECISION = "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DAY = (
    "INSERT INTO days VALUES (?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET seq = excluded.seq, at = excluded.at,"
    " summary = excluded.summary"
)
EQUITY = (
    "INSERT INTO equity VALUES (?, ?, ?, ?, ?) ON CONFLICT (minute) DO UPDATE SET at = excluded.at,"
    " equity = excluded.equity, cash = excluded.cash, exposure = excluded.exposure"
)
CONFIG = (
    "INSERT INTO config_history SELECT ?1, ?2, ?3, (SELECT rev FROM config_history ORDER BY seq DESC LIMIT 1), ?4, ?5"
    " WHERE NOT EXISTS (SELECT 1 FROM (SELECT content, policy FROM config_history ORDER BY seq DESC LIMIT 1)"
    " WHERE content = ?4 AND policy = ?5)"
)
TRADE_COLUMNS = (
    *("timestamp", "symbol", "side", "qty", "entry_price", "exit_price", "pnl", "strategy", "status", "order_id"),
    *("episode_id", "seq", "fees", "exit_reason", "signal_price", "entry_slip_bps", "exit_slip_bps", "mae_pct"),
    *("mfe_pct", "initial_stop", "r_multiple", "config_rev", "opened_at", "closed_at"),
)
TRADE_CHANGES = f"UPDATE trades SET {', '.join(f'{name} = ?' for name in TRADE_COLUMNS)} WHERE episode_id = ?"  # noqa: S608
TRADE_BEGINS = (  # an upsert would use up an id at every change
    f"INSERT INTO trades ({', '.join(TRADE_COLUMNS)}) SELECT {', '.join('?' * len(TRADE_COLUMNS))}"  # noqa: S608
    " WHERE NOT EXISTS (SELECT 1 FROM trades WHERE episode_id = ?)"
)


def entry_row(seq: int, entry: ev.Event | ev.Action, payload: bytes, chain: bytes) -> Statement:
    """The row of ``entries`` itself."""
    order = _client_order_id(entry)
    values = (seq, utc_text(entry.at), type(entry).__name__, order and utf8(order), payload.decode(), chain)
    return ENTRY, values


def derived_rows(seq: int, entry: ev.Event | ev.Action) -> Iterator[Statement]:
    """The rows that follow from entry number ``seq``. Raises JournalUnwritable for a trade without any price."""
    for sql, values in _derived(seq, entry):
        yield sql, tuple(utf8(value) if isinstance(value, str) else value for value in values)


def _derived(seq: int, entry: ev.Event | ev.Action) -> Iterator[Statement]:
    match entry:
        case ev.Approved(intent=intent):
            yield INTENT, _intent(seq, intent)
        case ev.Decided(evaluation=evaluation):
            bar = utc_text(evaluation.bar_start)
            about = (evaluation.symbol, evaluation.strategy_name, bar, evaluation.code)
            yield DECISION, (seq, utc_text(entry.at), *about, entry.verdict, entry.client_order_id)
        case ev.TradeChanged(trade=trade):
            row = (*_trade(seq, trade), trade.episode_id)
            yield TRADE_CHANGES, row
            yield TRADE_BEGINS, row
        case ev.ConfigAccepted(config=config, policy=policy):
            content, rules = to_json(config).decode(), to_json(policy).decode()
            yield CONFIG, (seq, utc_text(entry.at), entry.rev, content, rules)
        case ev.DayDone(summary=summary):
            yield DAY, (summary.day.isoformat(), seq, utc_text(entry.at), to_json(summary).decode())
        case ev.AccountSeen(account=account) if account.equity.is_finite() and account.cash.is_finite():
            at, invested = utc_text(entry.at), account.equity - account.cash
            yield EQUITY, (at[:16] + "Z", at, float(account.equity), float(account.cash), float(invested))


def _client_order_id(entry: ev.Event | ev.Action) -> str | None:
    """The order an entry speaks of, if it speaks of exactly one."""
    match entry:
        case ev.ExecutionReport(order=order):
            return order.client_order_id
        case ev.Approved(intent=intent) | ev.Resend(intent=intent):
            return intent.client_order_id
    found: str | None = getattr(entry, "client_order_id", None)
    return found


def _intent(seq: int, intent: OrderIntent) -> tuple[Value, ...]:
    what = (intent.episode_id, intent.role.value, intent.symbol, intent.side, str(intent.qty), intent.type.value)
    prices = (_text(intent.limit_price), _text(intent.stop_price))
    why = (intent.strategy, utc_text(intent.decided_at), intent.config_rev, intent.reason, intent.replaces)
    return (intent.client_order_id, seq, *what, *prices, *why)


def _trade(seq: int, trade: Trade) -> tuple[Value, ...]:
    entry_price = trade.signal_price if trade.entry_price is None else trade.entry_price
    if entry_price is None:
        raise JournalUnwritable(f"trade {trade.episode_id} has neither an entry price nor a signal price")
    return (
        utc_text(trade.timestamp),
        trade.symbol,
        trade.side,
        float(trade.qty),
        float(entry_price),
        _real(trade.exit_price),
        _real(trade.pnl),
        trade.strategy,
        trade.status,
        trade.order_id,
        trade.episode_id,
        seq,
        float(trade.fees),
        trade.exit_reason,
        _real(trade.signal_price),
        trade.entry_slip_bps,
        trade.exit_slip_bps,
        trade.mae_pct,
        trade.mfe_pct,
        _real(trade.initial_stop),
        trade.r_multiple,
        trade.config_rev,
        _moment(trade.opened_at),
        _moment(trade.closed_at),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _real(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
