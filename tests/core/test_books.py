"""Money that our books do not explain stops entries (INV-23); what they do explain does not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.limits import equity_gap, standing_halt
from alpaca_trader.core.models import Account, Position
from tests.core.builders import NOW, account, fold, hold, ready

D = Decimal
LATER = NOW + timedelta(seconds=60)


def reading(cash: str, **changes: object) -> Account:
    """An account whose equity is its cash."""
    return replace(account(), **{"cash": D(cash), "equity": D(cash), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cash", "flows", "halt"),
    [
        ("467.00", "0", None),
        ("467.02", "0", None),
        ("466.97", "0", "books_disagree"),
        ("467.03", "0", "books_disagree"),
        ("567.00", "100", None),
        ("567.00", "0", "books_disagree"),
        ("417.00", "-50", None),
    ],
)
def test_cash_is_what_fills_and_flows_made_of_it(cash: str, flows: str, halt: str | None) -> None:
    """Two cents are rounding, a deposit is known, anything else stops entries once it lasts half a minute."""
    belief = ready()
    seen = reading(cash, net_flows=D(flows))
    fold(belief, ev.AccountSeen(NOW, seen))
    assert standing_halt(belief, NOW) is None
    fold(belief, ev.PositionsSeen(LATER, ()), ev.AccountSeen(LATER, seen))
    assert standing_halt(belief, LATER) == halt


def test_cash_that_comes_right_lets_entries_in_again() -> None:
    """A fill we had not heard of yet explains the difference as soon as it is heard."""
    belief = ready()
    fold(belief, ev.AccountSeen(NOW, reading("420.00")), ev.AccountSeen(LATER, reading("420.00")))
    fold(belief, ev.PositionsSeen(LATER, ()), ev.AccountSeen(LATER, reading("467.00")))
    assert standing_halt(belief, LATER) is None


def test_a_day_on_which_others_trade_is_not_ours_to_explain() -> None:
    """A position bought by hand moves cash; it is counted elsewhere and does not stop us."""
    belief = ready()
    by_hand = Position("KO", D(2), D(2), D("60.00"), market_value=D("120.00"))
    fold(belief, ev.PositionsSeen(NOW, (by_hand,)), ev.AccountSeen(NOW, reading("347.00")))
    fold(belief, ev.PositionsSeen(LATER, (by_hand,)), ev.AccountSeen(LATER, reading("347.00")))
    assert standing_halt(belief, LATER) is None


def test_the_days_fees_are_expected() -> None:
    """The broker takes the fees at the end of the day: cents that were accrued are no surprise."""
    belief = ready()
    hold(belief)
    risk = belief.risk
    assert risk.cash_at_open is not None
    cash = risk.cash_at_open + belief.portfolio.cash_moved - belief.portfolio.fees.charged()
    fold(belief, ev.AccountSeen(LATER, reading(str(cash))))
    assert belief.cash_off_since is None


@pytest.mark.parametrize(("equity", "gap"), [("467.00", "0"), ("464.00", "0.0065"), ("469.40", "0.0051")])
def test_equity_is_cash_and_our_own_marks(equity: str, gap: str) -> None:
    """How far the broker's figure is from ours, as a fraction of the broker's."""
    seen = replace(account(), equity=D(equity))
    measured = equity_gap(ready(), seen)
    assert measured is not None
    assert round(measured, 4) == D(gap)


def test_a_sale_is_not_mistaken_for_a_gap() -> None:
    """Between a fill and the next reading of positions nobody can say what is held by whom."""
    belief = ready()
    hold(belief)
    assert equity_gap(belief, account()) is None
    held = Position("AAPL", D("0.251752021"), D("0.251752021"), D("185.50"))
    fold(belief, ev.PositionsSeen(LATER, (held,)))
    assert equity_gap(belief, reading("420.30", equity=D("467.00"))) == pytest.approx(D(0), abs=D("0.0001"))


def test_no_gap_is_told_where_one_side_has_no_value() -> None:
    """Somebody else's position without a value, and books that are being put right, are no comparison."""
    belief = ready()
    by_hand = Position("KO", D(2), D(2), D("60.00"))
    assert equity_gap(fold(belief, ev.PositionsSeen(LATER, (by_hand,))), account()) is None
    belief = fold(ready(), ev.AccountSeen(NOW, reading("400.00")))
    assert equity_gap(belief, reading("400.00")) is None


def test_a_lifted_drawdown_counts_from_todays_equity() -> None:
    """Whoever lifts it accepts the loss: the next halt needs a new fall."""
    belief = ready()
    fold(belief, ev.HaltLatched(NOW, "drawdown", "", "human"), ev.HaltReleased(NOW, "drawdown", "human"))
    fold(belief, ev.AccountSeen(NOW, reading("400.00")))
    assert belief.risk.peak_equity == D("400.00")
