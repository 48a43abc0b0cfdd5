"""Rows and figures read off the belief: the trade row of an episode, the day's summary, the status page.

Nothing here decides or changes anything.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config_view import warnings
from alpaca_trader.core.episode import Episode
from alpaca_trader.core.fees import allocate
from alpaca_trader.core.limits import daily_result, standing_halt
from alpaca_trader.core.models import ZERO, DailySummary, OrderRole, OrderStatus, Trade, dec
from alpaca_trader.core.orders import TrackedOrder

TradeStatus = Literal["pending", "open", "closing", "closed", "rejected", "canceled"]
STATUS_SCHEMA = 1


def slippage_bps(side: Literal["buy", "sell"], price: Decimal | None, reference: Decimal | None) -> float | None:
    """Cost of a fill against its reference in basis points; positive is worse than expected (domain 7.5)."""
    if price is None or not reference:
        return None
    sign = 1 if side == "buy" else -1
    return float(sign * (price - reference) / reference * 10_000)


def trade_status(belief: Belief, episode: Episode) -> TradeStatus:
    """Where the episode's row stands (domain 7.2). It ends only when none of its orders can fill any more."""
    entry = belief.book.get(episode.entry_id)
    live = any(True for _ in belief.book.open(episode.plan.symbol))
    if not episode.entry_qty:
        if entry is None or entry.is_open or live:
            return "pending"
        return "rejected" if entry.status is OrderStatus.REJECTED else "canceled"
    if not episode.qty and not live:
        return "closed"
    closing = episode.exit_qty > 0 or any(True for _ in belief.book.open(episode.plan.symbol, OrderRole.EXIT))
    return "closing" if closing else "open"


def exit_reason(belief: Belief, episode: Episode) -> str:
    """Why a closed episode ended: what really sold it, whatever had been decided meanwhile."""
    sold = {OrderRole.STOP: ZERO, OrderRole.EXIT: ZERO}
    for order in belief.book.orders.values():
        if order.intent.episode_id == episode.plan.episode_id and order.intent.role in sold:
            sold[order.intent.role] += order.cum_qty
    if sold[OrderRole.STOP] > sold[OrderRole.EXIT]:
        return "trail_stop" if episode.is_trailing else "stop"
    return episode.exit_reason or "stop"


def micros(value: Decimal | None) -> Decimal | None:
    """Rounded to a millionth of a dollar, as far as the broker itself goes."""
    return None if value is None else value.quantize(Decimal("0.000001"))


def trade_row(belief: Belief, episode: Episode, status: TradeStatus, fees: Decimal | None = None) -> Trade:
    """The episode as a row of ``trades``; P&L is net of fees, percentages in percent, undefined is None."""
    plan = episode.plan
    closed = status == "closed"
    entry, exit_price = episode.entry_price, episode.exit_price
    gross = episode.exit_notional - episode.entry_notional
    charged = episode.fees if fees is None else fees
    risk = (entry - episode.initial_stop) * episode.entry_qty if entry and episode.initial_stop else None
    entry_order = belief.book.get(episode.entry_id)
    return Trade(
        episode_id=plan.episode_id,
        symbol=plan.symbol,
        strategy=plan.strategy,
        status=status,
        timestamp=plan.at,
        qty=episode.entry_qty,
        entry_price=micros(entry),
        exit_price=micros(exit_price),
        pnl=micros(gross - charged) if closed else None,
        fees=micros(charged) or ZERO,
        exit_reason=episode.exit_reason,
        signal_price=plan.signal_price,
        entry_slip_bps=slippage_bps("buy", entry, plan.signal_price),
        exit_slip_bps=slippage_bps("sell", exit_price, episode.exit_reference) if closed else None,
        mae_pct=_excursion(episode.low, entry) if closed else None,
        mfe_pct=_excursion(episode.high, entry) if closed else None,
        initial_stop=episode.initial_stop,
        r_multiple=float(gross / risk) if closed and risk else None,
        config_rev=plan.config_rev,
        order_id=_order_id(entry_order),
        opened_at=episode.opened_at,
        closed_at=episode.closed_at,
    )


def _order_id(order: TrackedOrder | None) -> str:
    if order is None:
        return ""
    return order.broker_order_id or order.intent.client_order_id


def _excursion(extreme: Decimal | None, entry: Decimal | None) -> float | None:
    return float((extreme - entry) / entry * 100) if extreme is not None and entry else None


def charged_rows(belief: Belief) -> list[Trade]:
    """The day's closed trades with the day's rounded fees spread over them by sale notional (domain 7.3)."""
    closed = belief.count.closed
    shares = allocate(belief.portfolio.fees.charged(), [episode.exit_notional for episode in closed])
    return [trade_row(belief, episode, "closed", fees) for episode, fees in zip(closed, shares, strict=True)]


def day_summary(belief: Belief) -> DailySummary:
    """The session's result, by the broker's account where it was read."""
    account, session, risk = belief.account, belief.session, belief.risk
    assert session is not None, "a day ends that began"
    end = account.equity if account is not None else ZERO
    pnl, pct = daily_result(account) if account is not None else (ZERO, ZERO)
    results = [row.pnl or ZERO for row in charged_rows(belief)]
    return DailySummary(
        day=session.day,
        equity_start=risk.equity_at_open if risk.equity_at_open is not None else end,
        equity_end=end,
        pnl=pnl,
        pnl_pct=pct,
        net_flows=account.net_flows if account is not None else ZERO,
        trades=len(results),
        wins=sum(1 for result in results if result > 0),
        losses=sum(1 for result in results if result < 0),
        fees=belief.portfolio.fees.charged(),
        orders_sent=belief.count.orders_sent,
        signals=belief.count.signals,
        refusals=dict(sorted(belief.count.refusals.items())),
        seconds_unprotected=belief.count.seconds_unprotected,
        halted=next(iter(sorted(belief.risk.latched)), None),
    )


def status_page(belief: Belief, at: datetime, states: Mapping[str, str]) -> dict[str, Any]:
    """``status.json``: the owner's fields, then ours beside them. USD, percent, shares; numbers as JSON numbers."""
    account = belief.account
    pnl, pct = daily_result(account) if account is not None else (None, None)
    halt = standing_halt(belief, at)
    session = belief.session
    refusal = belief.config_refusal
    return {
        "timestamp": at,
        "account": {
            "portfolio_value": _usd(account.equity if account else None),
            "cash": _usd(account.cash if account else None),
            "buying_power": _usd(account.buying_power if account else None),
        },
        "daily_pnl": _usd(pnl),
        "daily_pnl_pct": round(float(pct), 4) if pct is not None else None,
        "positions": [_position(belief, episode, states) for _, episode in sorted(belief.episodes.items())],
        "trades_today": len(belief.count.closed),
        "strategies_active": [
            name for name, settings in (belief.config.strategies.items() if belief.config else ()) if settings.enabled
        ],
        "schema_version": STATUS_SCHEMA,
        "session": None
        if session is None
        else {
            "date": session.day.isoformat(),
            "open": session.open,
            "close": session.close,
            "is_open": belief.is_open(at),
        },
        "halt": None if halt is None else {"code": halt, "latched": sorted(belief.risk.latched)},
        "config": {
            "active_rev": belief.config_rev,
            "state": "active" if refusal is None else "rejected",
            "file_hash": refusal.file_hash if refusal else None,
            "detail": refusal.detail if refusal else None,
        },
        "health": {
            "account_age_s": _age(at, belief.account_at),
            "positions_age_s": _age(at, belief.positions_at),
            "streams": dict(sorted(belief.streams.items())),
            "clock_skew_s": round(belief.clock_skew.total_seconds(), 3),
            "journal": "failed" if belief.journal_failed else "ok",
        },
        "protected": not any(state == "unprotected" for state in states.values()),
        "orders_open": sum(1 for _ in belief.book.open()),
        "entries_today": len(belief.risk.entry_times),
        "warnings": _warnings(belief),
        "refusals_today": dict(sorted(belief.count.refusals.items())),
    }


def _warnings(belief: Belief) -> list[dict[str, str]]:
    """What the settings make impossible at today's prices, such as a watched symbol outside its price band."""
    if belief.config is None:
        return []
    prices = {symbol: bar.close for symbol, bar in belief.bars.items()}
    return [each._asdict() for each in warnings(belief.config, prices)]


def _position(belief: Belief, episode: Episode, states: Mapping[str, str]) -> dict[str, Any]:
    symbol = episode.plan.symbol
    bar = belief.bars.get(symbol)
    entry = episode.entry_price
    price = dec(bar.close) if bar is not None else entry
    gain = (price - entry) * episode.qty if price is not None and entry is not None else None
    return {
        "symbol": symbol,
        "qty": float(episode.qty),
        "unrealized_pnl": _usd(gain),
        "entry_price": _usd(entry, 4),
        "stop_price": _usd(episode.stop_price, 4),
        "state": states.get(symbol),
        "strategy": episode.plan.strategy,
        "exit_reason": episode.exit_reason,
    }


def _usd(value: Decimal | None, digits: int = 2) -> float | None:
    return None if value is None else round(float(value), digits)


def _age(at: datetime, read_at: datetime | None) -> float | None:
    return None if read_at is None else round((at - read_at).total_seconds(), 3)
