"""Which day-trade or settlement rule binds an account, and what it leaves; the gates they feed are in test_risk_gates."""

from typing import Any

import pytest

from alpaca_trader.core.regimes import Regime, day_trades_used, effective_regime, settled_cash
from tests.core.builders import D, account

WEEK = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20")


@pytest.mark.parametrize(
    ("setting", "fields", "regime"),
    [
        ("auto", {}, "intraday_margin"),
        ("auto", {"daytrade_count": None, "pattern_day_trader": None}, "intraday_margin"),
        ("auto", {"daytrade_count": 0}, "pdt_legacy"),
        ("auto", {"pattern_day_trader": False}, "pdt_legacy"),
        ("auto", {"daytrade_count": 2, "pattern_day_trader": True}, "pdt_legacy"),
        ("intraday_margin", {"daytrade_count": 3}, "intraday_margin"),
        ("pdt_legacy", {}, "pdt_legacy"),
        ("cash_settled", {"daytrade_count": 3}, "cash_settled"),
    ],
)
def test_auto_reads_the_regime_off_the_account(setting: str, fields: dict[str, Any], regime: Regime) -> None:
    """A broker that still sends day-trade fields still applies the rule; a setting that names a regime stands."""
    assert effective_regime(setting, account(**fields)) == regime


@pytest.mark.parametrize(
    ("days", "window", "brokers", "used"),
    [
        ([], WEEK, None, 0),
        ([], (), None, 0),
        (["2026-11-20"], (), None, 0),
        (["2026-11-13", "2026-11-16", "2026-11-20", "2026-11-20"], WEEK, None, 3),
        (["2026-11-20"], WEEK, 2, 2),
        (["2026-11-19", "2026-11-20"], WEEK, 1, 2),
    ],
)
def test_day_trades_count_in_a_window_of_five_sessions(
    days: list[str], window: tuple[str, ...], brokers: int | None, used: int
) -> None:
    """What is older than the window's first session has left it; the broker's count counts where it is larger."""
    assert day_trades_used(days, window, account(daytrade_count=brokers)) == used


@pytest.mark.parametrize(
    ("at_open", "bought", "in_flight", "left"),
    [
        ("467.00", "0", "0", "467.00"),
        ("467.00", "46.70", "0", "420.30"),
        ("467.00", "46.70", "46.70", "373.60"),
        (None, "0", "0", "0"),
    ],
)
def test_todays_sales_do_not_settle_today(at_open: str | None, bought: str, in_flight: str, left: str) -> None:
    """Settled 467.00, buy 46.70: 420.30, whatever is sold today (domain 6.4)."""
    assert settled_cash(D(at_open) if at_open else None, D(bought), D(in_flight)) == D(left)
