"""The day's result, the loss ladder, the breakers, and whatever else stops entries (domain 6.1-6.3, safety 3).

``breaches`` reads the account against the limits and says what must be latched now; ``standing_halt`` names the first
reason for which no entry may be sent at this instant; ``due_releases`` finds halts whose documented end has come.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.core.belief import Belief, RiskDay
from alpaca_trader.core.config import RiskConfig
from alpaca_trader.core.events import HaltLatched, HaltReleased
from alpaca_trader.core.models import MINUTE, ZERO, Account, dec

WARN_AT = Decimal("0.5")
CASH_OFF_FOR = timedelta(seconds=30)
MAX_EQUITY_GAP = Decimal("0.005")
MAX_SKEW = timedelta(seconds=30)
WARN_SKEW = timedelta(seconds=2)
READ_MAX_AGE = timedelta(minutes=2)
FLATTEN_CODES = frozenset({"daily_loss_flatten", "operator_flatten"})


def daily_result(account: Account) -> tuple[Decimal, Decimal]:
    """The day's P&L in USD and in percent of the flow-adjusted base (domain 6.1).

    Deposits and withdrawals do not count; dividends, interest and fees do.
    """
    pnl = account.equity - account.last_equity - account.net_flows
    base = account.last_equity + min(account.net_flows, ZERO)
    if base <= 0:  # funded or emptied today: what came in, or what was there
        base = account.last_equity + max(account.net_flows, ZERO)
    return pnl, (100 * pnl / base if base > 0 else ZERO)


def breaches(belief: Belief, account: Account, at: datetime) -> Iterator[HaltLatched]:
    """Halts the account's figures call for and that are not latched yet."""
    assert belief.config is not None
    risk, config = belief.risk, belief.config.risk
    pnl, pct = daily_result(account)
    limit = dec(config.max_daily_loss_pct) * 100
    for code, multiple in (("daily_loss", 1), ("daily_loss_flatten", config.flatten_multiple)):
        if multiple is not None and pct <= -limit * dec(multiple) and not _was_raised(risk, code):
            yield HaltLatched(at, code, f"day {pnl:.2f} USD = {pct:.4f} %, limit -{limit:.2f} %", "session")
    yield from _drawdown(belief, config, account, at)
    if risk.losses_in_row >= config.max_consecutive_losses and "loss_streak" not in risk.latched:
        until = at + timedelta(minutes=config.loss_pause_min)
        yield HaltLatched(at, "loss_streak", f"{risk.losses_in_row} losing trades in a row", "time", until)
    blocked = [
        name
        for name, is_set in (
            ("trading_blocked", account.trading_blocked),
            ("account_blocked", account.account_blocked),
            ("trade_suspended_by_user", account.trade_suspended_by_user),
        )
        if is_set
    ]
    if blocked and "account_blocked" not in risk.latched:
        yield HaltLatched(at, "account_blocked", ", ".join(blocked), "human")


def _was_raised(risk: RiskDay, code: str) -> bool:
    """Whether this halt is in force, or was today: what a human lifted stays lifted until the next session."""
    return code in risk.latched or f"halt_{code}:" in risk.warned


def _drawdown(belief: Belief, config: RiskConfig, account: Account, at: datetime) -> Iterator[HaltLatched]:
    risk = belief.risk
    flows = risk.flows_before_today + risk.flows_today
    if risk.peak_equity is None or _was_raised(risk, "drawdown"):
        return
    # Money paid in can be lost too, so it belongs to the whole; money paid out must not make the rest of a fall larger.
    whole = max(risk.peak_equity, risk.peak_equity + flows)
    fall = risk.peak_equity - (account.equity - flows)
    if whole > 0 and fall >= dec(config.max_drawdown_pct) * whole:
        detail = f"{fall:.2f} USD = {100 * fall / whole:.2f} % below the peak"
        yield HaltLatched(at, "drawdown", detail, "human")


def is_warned(account: Account, config: RiskConfig) -> bool:
    """Whether half of the daily loss limit is used up."""
    _, pct = daily_result(account)
    return pct <= -dec(config.max_daily_loss_pct) * 100 * WARN_AT


def due_releases(belief: Belief, at: datetime) -> Iterator[HaltReleased]:
    """Halts that end now: a pause whose time is over, a day's halt in a new session whose baseline has rolled."""
    for code, halt in belief.risk.latched.items():
        if (halt.release == "time" and halt.until is not None and at >= halt.until) or (
            halt.release == "session" and _new_day(belief, halt, at)
        ):
            yield HaltReleased(at, code, "engine")


def _new_day(belief: Belief, halt: HaltLatched, at: datetime) -> bool:
    session, account = belief.session, belief.account
    if session is None or account is None or belief.account_at is None:
        return False
    if halt.at >= session.open - timedelta(minutes=30) or belief.account_at < session.open - timedelta(minutes=30):
        return False
    if account.balance_asof is not None:
        previous = belief.risk.recent_sessions[-2:-1]  # the session we followed before this one
        return account.balance_asof < session.day and all(account.balance_asof.isoformat() >= day for day in previous)
    rolled = account.last_equity != belief.risk.last_equity_at_halt
    return (rolled and at >= session.open) or at >= session.open + MINUTE


def cash_is_off(belief: Belief, at: datetime) -> bool:
    """Whether the broker's cash has differed from our books for longer than a fill takes to be heard of (INV-23)."""
    return belief.cash_off_since is not None and at - belief.cash_off_since >= CASH_OFF_FOR


def equity_gap(belief: Belief, account: Account) -> Decimal | None:
    """How far the broker's equity is from cash plus our own marks, as a fraction of it (domain 6.3).

    Our marks are the newest closes; what others hold in the account counts at the broker's own value. None while the
    books are being put right, until positions were read after a fill, or where somebody else's position has no value.
    """
    if belief.fill_seq > belief.positions_seq:
        return None
    others = [held.market_value for symbol, held in belief.positions.items() if symbol not in belief.portfolio.lots]
    marks = {symbol: dec(bar.close) for symbol, bar in belief.bars.items()}
    others += [
        qty * marks[symbol] if symbol in marks else None for symbol, qty in belief.carried.foreign_shares.items()
    ]
    if belief.mismatch or belief.cash_off_since is not None or None in others or account.equity <= 0:
        return None
    own = account.cash + belief.portfolio.market_value(marks) + sum(filter(None, others), ZERO)
    return abs(own - account.equity) / account.equity


def standing_halt(belief: Belief, at: datetime) -> str | None:
    """The first reason for which no entry may be sent now, or None. Exits and stops are never stopped by it."""
    if belief.risk.latched:
        return next(iter(sorted(belief.risk.latched)))
    if belief.journal_failed:
        return "journal"
    if belief.policy is None or belief.config is None:
        return "no_config"
    if belief.account is None or belief.account_at is None or at - belief.account_at > READ_MAX_AGE:
        return "account_unread"
    if belief.positions_at is None or at - belief.positions_at > READ_MAX_AGE:
        return "not_reconciled"
    if belief.keys_refused:
        return "keys_refused"
    if belief.unread:
        return "not_reconciled"
    if belief.closed_at_broker:
        return "closed_at_broker"
    if abs(belief.clock_skew) > MAX_SKEW:
        return "clock_skew"
    if belief.mismatch or cash_is_off(belief, at):
        return "books_disagree"
    return None
