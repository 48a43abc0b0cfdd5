"""Day-trade and settlement regimes: which rule binds the account today, and what it leaves (domain 6.4)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

from alpaca_trader.core.models import ZERO, Account

Regime = Literal["intraday_margin", "pdt_legacy", "cash_settled"]
DAY_TRADE_BUDGET = 3
PDT_EQUITY = Decimal(25_000)


def effective_regime(setting: str, account: Account) -> Regime:
    """The regime a setting means for this account; ``auto`` reads whether the broker still sends day-trade fields."""
    match setting:
        case "pdt_legacy" | "cash_settled" | "intraday_margin":
            return setting
        case _:
            legacy = account.daytrade_count is not None or account.pattern_day_trader is not None
            return "pdt_legacy" if legacy else "intraday_margin"


def day_trades_used(days: Iterable[str], window: Sequence[str], account: Account) -> int:
    """Day trades since the first day of the rolling window of five sessions (ISO dates); the broker's count if more."""
    ours = sum(1 for day in days if window and day >= window[0])
    return max(ours, account.daytrade_count or 0)


def settled_cash(cash_at_open: Decimal | None, bought_today: Decimal, open_buys: Decimal) -> Decimal:
    """Cash that may be spent without touching today's unsettled proceeds: today's sales settle next business day."""
    return (cash_at_open or ZERO) - bought_today - open_buys
