"""The day's loss, its ladder, the breakers: what halts entries, what releases them, and that money moved is no loss."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.limits import breaches, daily_result, due_releases, is_warned, standing_halt
from alpaca_trader.core.models import Account, BrokerClock
from alpaca_trader.core.policy import Policy
from tests.core.builders import (
    NOW,
    D,
    account,
    approve,
    config,
    filled,
    fold,
    minutes_after,
    ny,
    order_said,
    position,
    ready,
    session,
    traded,
)

MONDAY = date(2026, 11, 23)


def breached(belief: Belief, seen: Account, at: Any = NOW) -> list[str]:
    """Read the account, latch what it calls for and say so, as the engine does; the codes."""
    fold(belief, ev.AccountSeen(at, seen))
    halts = list(breaches(belief, seen, at))
    for halt in halts:
        fold(belief, halt, ev.Alarm(at, f"halt_{halt.code}", "error"))
    return [halt.code for halt in halts]


# ---------------------------------------------------------------- the day's result


@pytest.mark.parametrize(
    ("equity", "last", "flows", "pnl", "pct", "halts"),
    [
        ("457.66", "467.00", "0", "-9.34", "-2.0000", True),
        ("457.65", "467.00", "0", "-9.35", "-2.0021", True),
        ("557.65", "467.00", "100", "-9.35", "-2.0021", True),
        ("471.62", "467.00", "0", "4.62", "0.9893", False),
        ("457.67", "467.00", "0", "-9.33", "-1.9979", False),
        ("357.66", "467.00", "-100", "-9.34", "-2.5450", True),
        ("457.65", "0", "467.00", "-9.35", "-2.0021", True),
        ("0", "467.00", "-467.00", "0", "0", False),
        ("0", "0", "0", "0", "0", False),
    ],
)
def test_the_days_result_and_its_halt(equity: str, last: str, flows: str, pnl: str, pct: str, halts: bool) -> None:
    """The table of domain 6.1, a withdrawal, and an account that was funded or emptied today."""
    seen = account(equity, last_equity=last, net_flows=D(flows))
    found = daily_result(seen)
    assert (found[0], round(found[1], 4)) == (D(pnl), D(pct))
    assert ("daily_loss" in breached(ready(), seen)) is halts


def test_percent_is_of_the_baseline() -> None:
    """The owner's sample: 4.62 on 462.38 is 0.9992 percent (domain 0.5)."""
    assert round(daily_result(account("467.00", last_equity="462.38"))[1], 4) == D("0.9992")


@pytest.mark.parametrize(
    ("equity", "warned", "codes"),
    [
        ("462.34", False, []),
        ("462.33", True, []),
        ("457.67", True, []),
        ("457.66", True, ["daily_loss"]),
        ("453.00", True, ["daily_loss"]),
        ("452.99", True, ["daily_loss", "daily_loss_flatten"]),
        ("420.31", True, ["daily_loss", "daily_loss_flatten"]),
        ("420.30", True, ["daily_loss", "daily_loss_flatten", "drawdown"]),
    ],
)
def test_the_ladder(equity: str, warned: bool, codes: list[str]) -> None:
    """Half of the limit warns, all of it halts, one and a half flattens, 10 % below the peak waits for a human."""
    seen = account(equity, last_equity="467.00")
    assert is_warned(seen, config().risk) is warned
    assert breached(ready(), seen) == codes


def test_without_a_multiple_nothing_is_flattened() -> None:
    """``flatten_multiple: null`` means never."""
    assert breached(ready(config(flatten_multiple=None)), account("440", last_equity="467")) == ["daily_loss"]


# ---------------------------------------------------------------- latching and releasing


def test_the_halt_latches_though_equity_recovers() -> None:
    """Once crossed, the limit holds for the session and is latched once (domain 6.2)."""
    belief = ready()
    assert breached(belief, account("457.66", last_equity="467.00")) == ["daily_loss"]
    assert breached(belief, account("470.00", last_equity="467.00"), minutes_after(1)) == []
    assert standing_halt(belief, minutes_after(1)) == "daily_loss"
    assert list(due_releases(belief, ny("15:59"))) == []


@pytest.mark.parametrize(
    ("code", "equity"), [("daily_loss", "457.00"), ("daily_loss_flatten", "452.00"), ("drawdown", "420.00")]
)
def test_a_human_can_lift_a_halt(code: str, equity: str) -> None:
    """What a human lifted is not latched again by the next reading of the same loss."""
    belief, seen = ready(), account(equity, last_equity="467.00")
    assert code in breached(belief, seen)
    fold(belief, ev.HaltReleased(minutes_after(1), code, "ray"))
    assert code not in breached(belief, seen, minutes_after(2))


def next_session(belief: Belief, at: str, seen: Account) -> Belief:
    """Monday is announced and the account read at ``at``."""
    fold(belief, ev.SessionOpened(ny("09:25", MONDAY), session(MONDAY)))
    return fold(belief, ev.AccountSeen(ny(at, MONDAY), seen))


@pytest.mark.parametrize(
    ("read_at", "asked_at", "seen", "released"),
    [
        ("09:25", "09:25", {"balance_asof": date(2026, 11, 20)}, True),
        ("09:25", "09:31", {"balance_asof": date(2026, 11, 19)}, False),
        ("09:25", "09:31", {"balance_asof": MONDAY}, False),
        ("09:25", "09:29", {"last_equity": "457.00"}, False),
        ("09:30", "09:30", {"last_equity": "457.00"}, True),
        ("09:30", "09:30", {"last_equity": "467.00"}, False),
        ("09:31", "09:31", {"last_equity": "467.00"}, True),
    ],
)
def test_a_days_halt_ends_with_the_next_sessions_baseline(
    read_at: str, asked_at: str, seen: dict[str, Any], released: bool
) -> None:
    """When ``balance_asof`` is the previous trading day; without it at a changed baseline after the open, else 09:31."""
    belief = ready()
    breached(belief, account("457.00", last_equity="467.00"))
    next_session(belief, read_at, account("457.00", **seen))
    found = [release.code for release in due_releases(belief, ny(asked_at, MONDAY))]
    assert found == (["daily_loss"] if released else [])


def test_a_halt_of_the_evening_belongs_to_the_session_before() -> None:
    """A restart at 20:00 New York, already the next date in UTC, latches for that day and not for the next one too."""
    belief = ready()
    breached(belief, account("457.00", last_equity="467.00"), ny("20:00"))
    next_session(belief, "09:25", account("457.00", balance_asof=date(2026, 11, 20)))
    assert [release.code for release in due_releases(belief, ny("09:30", MONDAY))] == ["daily_loss"]


def test_a_halt_from_before_the_first_session_ends_with_it() -> None:
    """Started on a Saturday: no session was followed yet, so any earlier baseline is the one before."""
    settings, policy = config(), Policy()
    belief = fold(Belief(), ev.ConfigAccepted(NOW, "rev", settings, policy))
    assert breached(belief, account("457.00", last_equity="467.00")) == ["daily_loss"]
    next_session(belief, "09:25", account("457.00", balance_asof=date(2026, 11, 20)))
    assert [release.code for release in due_releases(belief, ny("09:25", MONDAY))] == ["daily_loss"]


def test_no_release_before_the_new_session_is_read() -> None:
    """Without a session, or on an account read of the old day, the halt stands."""
    belief = ready()
    breached(belief, account("457.00", last_equity="467.00"))
    assert list(due_releases(Belief(), NOW)) == []
    fold(belief, ev.SessionOpened(ny("09:25", MONDAY), session(MONDAY)))
    assert list(due_releases(belief, ny("09:31", MONDAY))) == []
    fold(belief, ev.Command(ny("09:26", MONDAY), "started", "engine", ""))
    assert list(due_releases(belief, ny("09:31", MONDAY))) == []


def test_a_halt_survives_recovery() -> None:
    """Property 8 of domain 9: the checkpoint carries what is latched."""
    belief = ready()
    breached(belief, account("457.00", last_equity="467.00"))
    again = Belief.from_checkpoint(belief.to_checkpoint())
    assert standing_halt(again, NOW) == "daily_loss"
    assert again.risk == belief.risk


def test_an_account_without_money_has_no_drawdown() -> None:
    """Nothing can fall from a peak that was never there."""
    assert breached(ready(seen=account("0")), account("0")) == []


# ---------------------------------------------------------------- the other breakers


def test_four_losing_trades_in_a_row_pause_for_an_hour() -> None:
    """A win starts the count again; the pause ends by itself and does not come back for the same losses."""
    belief = ready()
    for number, price in enumerate(["185.00", "190.00", "185.00", "185.00", "185.00", "185.00"]):
        traded(belief, at=minutes_after(number), price=price)
        codes = breached(belief, account("466"), minutes_after(number))
        assert codes == (["loss_streak"] if number == 5 else []), number
    assert list(due_releases(belief, minutes_after(64.9))) == []
    (release,) = due_releases(belief, minutes_after(65))
    assert release.code == "loss_streak"
    fold(belief, release)
    assert breached(belief, account("466"), minutes_after(66)) == []


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_a_blocked_account_waits_for_a_human(flag: str) -> None:
    """Any of the broker's blocks halts, once, and is named."""
    flags: dict[str, Any] = {flag: True}
    belief, seen = ready(), account(**flags)
    (halt,) = breaches(belief, seen, NOW)
    assert (halt.code, halt.detail, halt.release) == ("account_blocked", flag, "human")
    assert breached(belief, seen) == ["account_blocked"]
    assert breached(belief, seen, minutes_after(1)) == []
    assert list(due_releases(belief, ny("09:31", MONDAY))) == []


# ---------------------------------------------------------------- money moved is no loss


def test_a_deposit_does_not_magnify_a_drawdown() -> None:
    """10,000 paid in, 1 % of it all lost: that is 1 % below the peak, not 22 % of what was there before."""
    belief = ready()
    breached(belief, account("10467", last_equity="467", net_flows=D(10_000)))
    codes = breached(belief, account("10362.33", last_equity="467", net_flows=D(10_000)), minutes_after(1))
    assert "drawdown" not in codes
    lost = account("9420.29", last_equity="10467", net_flows=D(0))
    next_session(belief, "09:30", lost)
    assert "drawdown" in breached(belief, lost, ny("09:31", MONDAY))


def test_an_account_funded_on_its_first_day_has_a_drawdown_limit() -> None:
    """The money of the first day is what can be lost, though all of it came in as a flow."""
    first = account("467", last_equity="0", net_flows=D(467))
    assert breached(ready(seen=first), account("466", last_equity="0", net_flows=D(467))) == []
    assert "drawdown" in breached(ready(seen=first), account("420.30", last_equity="0", net_flows=D(467)))


Day = tuple[list[int], int]


@given(
    st.integers(100, 100_000),
    st.lists(st.tuples(st.lists(st.integers(-90, 300), max_size=3), st.integers(0, 3)), min_size=1, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_deposits_withdrawals_and_fees_never_halt(start: int, days: list[Day]) -> None:
    """Property 9 of domain 9: any flows in percent of equity, cents of fees at the end of each day, no trading at all."""
    equity: Decimal = D(start)
    belief = ready(seen=account(str(equity)))
    for number, (moves, fees) in enumerate(days):
        day = MONDAY + timedelta(days=number)
        last, flows = equity, D(0)
        fold(belief, ev.SessionOpened(ny("09:25", day), session(day)))
        for minute, percent in enumerate([0, *moves]):
            moved = (equity * percent / 100).quantize(D("0.01"))
            if equity + moved < 50:
                continue
            equity, flows = equity + moved, flows + moved
            seen = account(str(equity), last_equity=str(last), net_flows=flows)
            assert breached(belief, seen, minutes_after(minute, ny("10:00", day))) == []
        equity -= fees * D("0.01")
        assert breached(belief, account(str(equity), last_equity=str(last), net_flows=flows), ny("16:00", day)) == []


# ---------------------------------------------------------------- every reason for which entries stand still


def unread_account(belief: Belief) -> None:
    """After a restart no past reading is fresh."""
    fold(belief, ev.Command(NOW, "started", "engine", ""))


def unreconciled(belief: Belief) -> None:
    """The account is read again after a restart, the positions are not."""
    fold(belief, ev.Command(NOW, "started", "engine", ""), ev.AccountSeen(NOW, account()))


def skewed(belief: Belief) -> None:
    """The broker's clock is half a minute ahead of ours."""
    clock = BrokerClock(NOW + timedelta(seconds=31), True, NOW, NOW)
    fold(belief, ev.ClockSeen(NOW, clock))


def stranger(belief: Belief) -> None:
    """An order with an id of our making that we do not know: the engine latches it for a human."""
    intent = approve(ready())
    fold(belief, ev.ExecutionReport(NOW, order_said(intent, "new"), "stream"))
    assert belief.strangers == [intent.client_order_id]
    fold(belief, ev.HaltLatched(NOW, "unknown_own_order", intent.client_order_id, "human"))


def disagreeing(belief: Belief) -> None:
    """The broker holds less than our books."""
    filled(belief, approve(belief), "185.50")
    fold(belief, ev.PositionsSeen(NOW, (position("AAPL", "0.1"),)))


def latched(belief: Belief, code: str, release: Any = "human") -> None:
    """A halt is in force."""
    fold(belief, ev.HaltLatched(NOW, code, "", release))


def silent(belief: Belief) -> None:
    """Everything was read in time."""


CAUSES = {
    None: silent,
    "operator": lambda belief: latched(belief, "operator"),
    "daily_loss": lambda belief: latched(belief, "daily_loss", "session"),
    "journal": lambda belief: fold(belief, ev.JournalFailed(NOW, "disk full")),
    "account_unread": unread_account,
    "not_reconciled": unreconciled,
    "clock_skew": skewed,
    "unknown_own_order": stranger,
    "books_disagree": disagreeing,
}


@pytest.mark.parametrize("cause", list(CAUSES))
def test_every_cause_of_a_halt(cause: str | None) -> None:
    """Each doubt by itself stops entries under its own name; a healthy belief has none."""
    belief = ready()
    CAUSES[cause](belief)
    assert standing_halt(belief, NOW) == cause


def test_no_settings_no_entries() -> None:
    """Before a config and a policy are in force nothing may be bought."""
    assert standing_halt(Belief(), NOW) == "no_config"


@pytest.mark.parametrize(("seconds", "halt"), [(119, None), (120, None), (121, "account_unread")])
def test_an_account_unread_for_two_minutes_stops_entries(seconds: int, halt: str | None) -> None:
    """Readings grow old (domain 6.2)."""
    belief = fold(ready(), ev.PositionsSeen(minutes_after(1), ()))
    assert standing_halt(belief, ny("10:30:01") + timedelta(seconds=seconds)) == halt


def test_positions_unread_for_two_minutes_stop_entries() -> None:
    """What others bought since is exposure too, so the positions must be as fresh as the account (safety 1.7)."""
    belief = fold(ready(), ev.AccountSeen(minutes_after(2), account()))
    assert standing_halt(belief, minutes_after(1.9)) is None
    assert standing_halt(belief, minutes_after(2)) == "not_reconciled"


def test_the_first_latched_halt_is_named() -> None:
    """With several, the name does not depend on the order in which they came."""
    belief = ready(policy=Policy())
    latched(belief, "operator")
    latched(belief, "drawdown")
    assert standing_halt(belief, NOW) == "drawdown"
