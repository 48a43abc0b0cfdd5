"""What a reading of positions means: a split changes quantity and price together, a human's hand does not (safety F29)."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Position
from alpaca_trader.core.reconciliation import split_ratio
from tests.core import builders as b
from tests.core.desk import Desk, settings
from tests.core.test_protection_scenes import PROTECTED

D = Decimal


@pytest.mark.parametrize(
    ("qty", "average", "ratio"),
    [
        ("0.503504042", "92.75", (2, 1)),
        ("0.3776280315", "123.6666", (3, 2)),
        ("0.025175202", "1855.00", (1, 10)),
        ("25.1752021", "1.855", (100, 1)),
        ("25.4267", "1.8366", None),  # 101 for one
        ("0.503504042", "185.50", None),  # bought as many again
        ("0.503504042", "95.00", None),  # the cost is another
        ("0.251752021", "185.50", None),
        ("0.2", "233.50", None),  # no ratio of small numbers gives this
        ("0", "0", None),
        ("-0.503504042", "92.75", None),
    ],
)
def test_a_split_is_a_ratio_that_leaves_the_cost(qty: str, average: str, ratio: tuple[int, int] | None) -> None:
    """Whole ratios up to 100, cost within a hundredth; anything else was somebody's hand."""
    belief = b.ready()
    b.hold(belief)
    found = split_ratio(belief.episodes["AAPL"], Position("AAPL", D(qty), D(qty), D(average)))
    assert (found and found.as_integer_ratio()) == ratio


def test_nothing_is_split_that_was_not_bought() -> None:
    """An entry without a fill has no ratio."""
    belief = b.ready()
    b.approve(belief)
    assert split_ratio(belief.episodes["AAPL"], Position("AAPL", D(2), D(2), D(1))) is None


def test_a_split_changes_shares_and_prices_and_no_dollar() -> None:
    """Episode and lots, after a partial exit, in one ratio; what it cost and brought stays (domain 7.7)."""
    belief = b.ready()
    b.hold(belief, qty="0.4", price="100.00")
    episode = belief.episodes["AAPL"]
    b.fold(belief, ev.BarClosed(b.minutes_after(1), b.bar("AAPL", b.NOW, 101.0, 101.5, 99.5)))
    stop = b.protect(belief)
    b.fold(belief, b.said(stop, "partially_filled", "0.1", "98.50"))
    cost, brought = episode.entry_notional, episode.exit_notional
    b.fold(belief, ev.Rescaled(b.NOW, episode.plan.episode_id, 3, 1, D("0.9")))
    assert (episode.qty, episode.exit_qty, episode.entry_qty) == (D("0.9"), D("0.3"), D("1.2"))
    assert (episode.entry_notional, episode.exit_notional) == (cost, brought)
    assert episode.stop_price == D("32.84")
    assert episode.plan.signal_price == D(100) / 3
    assert belief.portfolio.qty("AAPL") == D("0.9")
    assert abs(belief.portfolio.cost("AAPL") - D(30)) < D("1e-20")
    assert "AAPL" not in belief.bars


def test_positions_are_read_every_half_minute_of_the_session_and_not_outside() -> None:
    """Whatever is held (safety 2): two readings a minute, the tick's and one between."""
    desk = Desk()
    desk.told.clear()
    desk.wait(300)
    reads = [fetch.at for fetch in desk.lines(ev.Fetch) if fetch.what == "positions"]
    assert len(reads) == 10
    assert {later - earlier for earlier, later in pairwise(reads)} == {timedelta(seconds=30)}
    desk.do("night")
    desk.told.clear()
    desk.wait(120)
    assert desk.lines(ev.Fetch) == []


def test_positions_that_cannot_be_read_are_asked_for_no_more_often() -> None:
    """A failed reading waits for the next half minute."""
    desk = Desk()
    desk.do("down")
    desk.told.clear()
    desk.wait(120)
    assert len([fetch for fetch in desk.lines(ev.Fetch) if fetch.what == "positions"]) == 4


def test_what_nobody_could_read_for_a_minute_of_the_session_is_guarded_by_our_own_ledger() -> None:
    """Held over a night and never read since: the stop waits a minute for a reading, not for ever (INV-7)."""
    desk = Desk(settings(params={"hold_overnight": True}, on_unprotected="alarm"))
    desk.play([*PROTECTED, ("at 15:59:59", "")])
    for step in ("down", "night", "at 09:30:59"):
        desk.do(step)
    assert desk.broker.said == []
    desk.do("at 09:31:01")
    assert desk.broker.said == ["stop2 0.251752021 stop 182.72"]
