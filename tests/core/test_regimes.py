"""Which day-trade or settlement rule binds an account, and what it leaves."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import MINUTE, Gate
from alpaca_trader.core.regimes import Regime, day_trades_used, effective_regime, settled_cash
from tests.core.builders import (
    DAY,
    NOW,
    PRICES,
    D,
    account,
    approve,
    bar,
    config,
    decide,
    end,
    fold,
    gate_of,
    hold,
    minutes_after,
    ny,
    protect,
    quotes,
    ready,
    sell,
    session,
    signal,
    traded,
    verdict,
)

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


# ---------------------------------------------------------------- through the gates


def pdt(equity: str = "467.00", **money: Any) -> Belief:
    """A belief in the legacy day-trade regime with nothing else in the way."""
    free = {"cooldown_min": 0, "cooldown_after_stop_min": 0, "max_entries_per_symbol_day": 20}
    return ready(config(momentum=free, account_regime="pdt_legacy"), seen=account(equity, **money))


@pytest.mark.parametrize(
    ("used", "opened", "code"),
    [
        (0, 0, "approved"),
        (1, 1, "approved"),
        (2, 0, "approved"),
        (2, 1, "day_trade_budget"),
        (3, 0, "day_trade_budget"),
    ],
)
def test_every_open_position_may_need_a_day_trade(used: int, opened: int, code: str) -> None:
    """used + opened today + 1 <= 3: used 1, opened 1 is allowed; used 2, opened 1 is not."""
    belief = pdt(daytrade_count=used)
    for symbol in ("SPY", "QQQ")[:opened]:
        hold(belief, symbol, "0.05", PRICES[symbol])
        protect(belief, symbol)
    answer = decide(belief)
    assert verdict(answer) == code
    assert gate_of(answer, "day_trade_budget").value == used + opened + 1


@pytest.mark.parametrize(
    ("runs", "used"), [([(1, 1)], 1), ([(2, 1)], 1), ([(1, 1), (1, 1)], 2), ([(1, 2)], 1), ([(1, 1)] * 3, 3)]
)
def test_day_trades_count_as_the_rule_does(runs: list[tuple[int, int]], used: int) -> None:
    """B250 B250 S500 is one day trade, B100 S100 B100 S100 are two: consecutive closes of an opening run count once."""
    belief = pdt()
    for number, (buys, sales) in enumerate(runs):
        at = minutes_after(number, ny("09:40"))
        hold(belief, "SPY", "0.06", "668.40", at, parts=buys)
        sell(belief, "SPY", "669.00", at, parts=sales)
        end(belief, "SPY", at)
    answer = decide(belief)
    assert gate_of(answer, "day_trade_budget") == Gate("day_trade_budget", used < 3, used + 1, 3)
    assert verdict(answer) == ("approved" if used < 3 else "day_trade_budget")


def test_a_position_of_yesterday_is_no_day_trade() -> None:
    """Opened yesterday, closed today; and a day trade leaves the window with the fifth session after it."""
    belief = pdt()
    traded(belief, "SPY", ny("09:40"), price="669.00")
    hold(belief, "QQQ", "0.06", "600.00", ny("10:00"))
    days = [DAY + timedelta(days=shift) for shift in (3, 4, 5, 6, 7)]  # Monday to Friday
    for number, day in enumerate(days):
        fold(belief, ev.SessionOpened(ny("09:25", day), session(day)))
        if number == 0:
            sell(belief, "QQQ", "601.00", ny("09:31", day))
            end(belief, "QQQ", ny("09:31", day))
        fold(belief, *fresh(belief, ny("10:30:02", day)))
        answer = decide(belief, signal(bar_start=ny("10:29", day)), ny("10:30:02", day))
        assert gate_of(answer, "day_trade_budget").value == (2 if number < 4 else 1), day


def fresh(belief: Belief, at: datetime) -> list[ev.Event]:
    """Everything a decision at ``at`` needs, read just now; the account as last seen."""
    assert belief.account is not None
    start = at.replace(second=0) - MINUTE
    return [
        ev.BarClosed(at, bar("AAPL", start, 185.5)),
        ev.PositionsSeen(at, ()),
        ev.AccountSeen(at, belief.account),
        quotes(at, AAPL="185.50"),
    ]


@pytest.mark.parametrize(
    ("equity", "money", "setting", "gates"),
    [
        ("467.00", {}, "auto", []),
        ("467.00", {"daytrade_count": 0}, "auto", ["day_trade_budget"]),
        ("467.00", {"pattern_day_trader": False}, "auto", ["day_trade_budget"]),
        ("24999.99", {}, "pdt_legacy", ["day_trade_budget"]),
        ("25000.00", {"daytrade_count": 9}, "auto", []),
        ("467.00", {"daytrade_count": 9}, "intraday_margin", []),
        ("467.00", {}, "cash_settled", ["unsettled_cash"]),
    ],
)
def test_the_account_payload_chooses_the_gate(
    equity: str, money: dict[str, Any], setting: str, gates: list[str]
) -> None:
    """Property 10 of domain 9: with and without day-trade fields, and only where the rule binds the account."""
    answer = decide(ready(config(account_regime=setting), seen=account(equity, **money)))
    assert verdict(answer) == "approved"
    assert [g.name for g in answer.gates if g.name in ("day_trade_budget", "unsettled_cash")] == gates


def settled(belief: Belief, at: datetime = NOW) -> float:
    """The settled cash that the gate measured for a buy of AAPL."""
    answer = decide(belief, signal(bar_start=at.replace(second=0) - MINUTE), at)
    value = gate_of(answer, "unsettled_cash").limit
    assert isinstance(value, float)
    return value


def test_sales_settle_the_next_day() -> None:
    """Settled 467.00, buy 46.70: 420.30; sold for 47.34: still 420.30 today, 467.64 tomorrow (domain 6.4)."""
    belief = ready(config(account_regime="cash_settled"))
    assert settled(belief) == 467.00
    hold(belief, "MSFT", "1", "46.70")
    protect(belief, "MSFT")
    assert settled(belief) == 420.30
    sell(belief, "MSFT", "47.34")
    end(belief, "MSFT")
    assert settled(belief) == 420.30
    day = DAY + timedelta(days=3)
    fold(belief, ev.SessionOpened(ny("09:25", day), session(day)), ev.AccountSeen(ny("09:25", day), account("467.64")))
    at = ny("10:30:02", day)
    fold(belief, *fresh(belief, at))
    assert settled(belief, at) == 467.64


def test_open_buys_claim_settled_cash() -> None:
    """A limit buy in flight claims its limit, a market buy its price with the collar of 4 %."""
    belief = ready(config(account_regime="cash_settled"))
    intent = approve(belief, signal("SPY"))
    assert intent.limit_price == D("668.74")
    assert settled(belief) == float(D(467) - intent.qty * D("668.74"))
    belief = ready(config(account_regime="cash_settled", order_style="market"))
    intent = approve(belief, signal("SPY"))
    assert intent.limit_price is None
    assert settled(belief) == float(D(467) - intent.qty * D("668.40") * D("1.04"))


@pytest.mark.parametrize(("cash", "code"), [("46.69", "unsettled_cash"), ("46.70", "approved")])
def test_an_entry_uses_settled_cash_only(cash: str, code: str) -> None:
    """The whole order must be covered by settled cash."""
    belief = ready(config(account_regime="cash_settled"), seen=account(cash=cash))
    assert verdict(decide(belief)) == code
