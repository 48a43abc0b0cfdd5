"""The belief is a fold: it depends on the entries alone, survives a checkpoint, and takes late or odd news calmly."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.accounts import trade_row
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.inquiry import Inquiry
from alpaca_trader.core.models import OrderStatus
from alpaca_trader.core.risk_manager import RiskManager
from alpaca_trader.core.salvage import OUR_ID
from tests.core import builders as b

S = OrderStatus


@pytest.mark.parametrize(
    ("key", "is_ours"),
    [
        ("momentum_breakout-AAPL-20261120T1531-entry", True),
        ("mean_reversion-BRK.B-20261120T1531-stop12", True),
        ("restless2-SPY-20261120T1531-exit1", True),
        ("8f14e45f-ceea-467f-9a8a-9379a11125a1", False),
        ("momentum_breakout-AAPL-20261120T1531-entry2", False),
        ("momentum_breakout-AAPL-20261120-entry", False),
        ("by-hand", False),
    ],
)
def test_ids_of_our_making_are_known(key: str, is_ours: bool) -> None:
    """Only what fits the scheme exactly counts as ours."""
    assert bool(OUR_ID.match(key)) == is_ours


def test_a_checkpoint_is_the_carried_part_exactly() -> None:
    """Orders, positions, halts and lots come back from JSON as they were, to the last digit."""
    belief = b.ready()
    b.hold(belief)
    b.protect(belief)
    entry = b.approve(belief, b.signal("MSFT"))
    b.fold(belief, b.said(entry, "partially_filled", "0.01", "430.02"), ev.HaltLatched(b.NOW, "operator", "x", "human"))
    again = Belief.from_checkpoint(belief.to_checkpoint())
    assert again.carried == belief.carried
    assert again.to_checkpoint() == belief.to_checkpoint()


def test_what_is_read_off_the_belief_leaves_it_as_it_is() -> None:
    """Status pages and checkpoints are not journal entries that count."""
    belief = b.ready()
    before = belief.seq
    b.fold(belief, ev.PublishStatus(b.NOW), ev.Checkpoint(b.NOW, "{}"))
    assert belief.seq == before


def test_a_new_session_resets_the_day_and_carries_the_rest() -> None:
    """Entries, cool-downs and counts are the day's; positions, halts and flows are not."""
    belief = b.ready(seen=b.account(net_flows=b.D(100)))
    entry = b.hold(belief)
    b.protect(belief)
    b.fold(belief, ev.HaltLatched(b.NOW, "operator", "x", "human"))
    next_day = b.session(date(2026, 11, 23))
    b.fold(belief, ev.SessionOpened(b.ny("09:25", next_day.day), next_day))
    risk = belief.risk
    assert (risk.entry_times, risk.entries_by_symbol, risk.cash_at_open) == ([], {}, None)
    assert (risk.flows_before_today, risk.flows_today) == (b.D(100), b.D(0))
    assert list(risk.latched) == ["operator"]
    assert belief.episodes["AAPL"].nights == 1
    assert entry.client_order_id not in belief.book.orders
    assert len(belief.book.open("AAPL")) == 1
    b.fold(belief, ev.SessionOpened(b.ny("09:26", next_day.day), next_day))
    assert belief.episodes["AAPL"].nights == 1


def test_restarting_makes_questions_of_unanswered_intents() -> None:
    """After a crash an intent without an answer may or may not be at the broker, and no past reading is fresh."""
    belief = b.ready()
    entry = b.approve(belief)
    b.fold(belief, ev.JournalFailed(b.NOW, "disk"), ev.Command(b.NOW, "started", "engine", ""))
    assert belief.book.orders[entry.client_order_id].status is S.UNKNOWN
    assert (belief.account_at, belief.positions_at, belief.quotes, belief.journal_failed) == (None, None, {}, False)


def test_a_sleep_proves_nothing_of_the_journal() -> None:
    """F32: a jump of the clock makes every reading old, and leaves a journal that cannot be written what it is."""
    belief = b.ready()
    b.fold(belief, ev.JournalFailed(b.NOW, "disk"), ev.Command(b.NOW, "started", "clock", "asleep for 1:00:00"))
    assert (belief.account_at, belief.positions_at, belief.quotes, belief.journal_failed) == (None, None, {}, True)


def test_time_without_a_stop_is_kept_account_of_in_regular_hours_alone() -> None:
    """Exposure begins with the end of the entry, pauses for nothing, and ends with a working stop or the close."""
    belief = b.ready()
    b.hold(belief)
    episode = belief.episodes["AAPL"]
    assert episode.exposed_since == b.NOW
    b.fold(belief, ev.Timer(b.NOW + timedelta(seconds=4)))
    b.fold(belief, ev.Command(b.NOW + timedelta(seconds=5), "started", "engine", ""))
    assert episode.exposed_since == b.NOW + timedelta(seconds=5)
    b.protect(belief, at=b.NOW + timedelta(seconds=7))
    assert episode.seconds_exposed == 7.0
    b.fold(belief, b.said(belief.book.open("AAPL")[0].intent, "canceled", at=b.ny("15:59:50")))
    b.fold(belief, ev.Timer(b.ny("16:00")))
    assert episode.seconds_exposed == 17.0


@pytest.mark.parametrize("joins", [False, True], ids=["alone", "beside another episode"])
def test_an_entry_given_up_that_fills_is_ours_again(joins: bool) -> None:
    """Its shares go to its own episode, or to whichever holds the symbol by then; none are nobody's."""
    belief = b.ready()
    entry = b.approve(belief)
    b.fold(belief, ev.Abandoned(b.NOW, entry.client_order_id))
    _end(belief, entry.episode_id, "canceled")
    assert not belief.episodes
    if joins:
        b.hold(belief, qty="0.1", at=b.minutes_after(5))
    b.filled(belief, entry, "185.50", b.minutes_after(6))
    episode = belief.episodes["AAPL"]
    assert episode.qty == belief.portfolio.qty("AAPL") == entry.qty + (b.D("0.1") if joins else 0)
    assert (episode.plan.episode_id == entry.episode_id) != joins


def test_an_entry_given_up_is_asked_for_less_often_at_night() -> None:
    """Once a minute in the session, twice an hour after it: a weekend of questions would fill the journal."""
    belief = b.ready()
    entry = b.approve(belief)
    b.fold(belief, ev.Abandoned(b.NOW, entry.client_order_id))
    _end(belief, entry.episode_id, "canceled")
    asked: list[ev.Action] = []

    def emit(action: ev.Action) -> None:
        belief.on_action(action)
        asked.append(action)

    inquiry = Inquiry(belief, emit)
    for start in (b.ny("15:00"), b.ny("18:00")):
        asked.clear()
        for minute in range(60):
            inquiry.begin(b.minutes_after(minute, start))
        assert len(asked) == (60 if start == b.ny("15:00") else 2)
        assert inquiry.next_wakeup is not None


def test_an_entry_given_up_is_forgotten_with_the_day() -> None:
    """What turns up a day later is a stranger and stops entries."""
    belief = b.ready()
    entry = b.approve(belief)
    b.fold(belief, ev.Abandoned(b.NOW, entry.client_order_id))
    _end(belief, entry.episode_id, "canceled")
    next_day = b.session(date(2026, 11, 23))
    b.fold(belief, ev.SessionOpened(b.ny("09:25", next_day.day), next_day))
    b.filled(belief, entry, "185.50", b.ny("09:40", next_day.day))
    assert belief.strangers == [entry.client_order_id]
    assert not belief.episodes


def test_shares_booked_as_sold_by_others_are_not_sold_again() -> None:
    """News that our own stop sold what was already given up as gone changes nothing in the books."""
    belief = b.ready()
    b.hold(belief)
    stop = b.protect(belief)
    episode = belief.episodes["AAPL"]
    b.fold(belief, ev.Adopted(b.NOW, episode.plan.episode_id, b.D("0.05")))
    b.filled(belief, stop, "182.70")
    assert not episode.qty
    assert not belief.portfolio.qty("AAPL")
    assert episode.exit_qty == episode.entry_qty


def test_a_part_sold_by_others_leaves_the_rest_protected() -> None:
    """Only the end of all shares is the end of the position."""
    belief = b.ready()
    b.hold(belief)
    key = belief.episodes["AAPL"].plan.episode_id
    b.fold(belief, ev.Adopted(b.NOW, key, b.D("0.05")))
    assert belief.episodes["AAPL"].exit_reason is None
    b.fold(belief, ev.Adopted(b.NOW, key, b.D(0)))
    assert belief.episodes["AAPL"].exit_reason == "sold_by_others"


def test_a_mismatch_ends_with_the_fill_that_explains_it() -> None:
    """Fewer shares at the broker than with us are no riddle any more once our own sale is heard of."""
    belief = b.ready()
    b.hold(belief)
    stop = b.protect(belief)
    b.fold(belief, ev.PositionsSeen(b.NOW, ()))
    assert belief.mismatch == {"AAPL": b.NOW}
    b.filled(belief, stop, "182.70")
    assert belief.mismatch == {}


def test_the_failures_of_a_stop_are_forgotten_when_one_works() -> None:
    """What counts is the present row of failures, not the day's."""
    belief = b.ready()
    b.hold(belief)
    episode = belief.episodes["AAPL"]
    approved = RiskManager(belief).approve_stop(episode, episode.qty, b.NOW, None)
    b.fold(belief, approved, b.said(approved.intent, "rejected"))
    assert (episode.stop_failures, episode.last_refusal) == (1, "rejected")
    b.protect(belief)
    assert (episode.stop_failures, episode.last_refusal) == (0, None)


def _end(belief: Belief, key: str, status: str) -> None:
    row = trade_row(belief, belief.episode(key), "canceled")
    belief.on_action(ev.TradeChanged(b.NOW, replace(row, status=status)))  # type: ignore[arg-type]


def test_a_stop_that_left_without_a_journal_is_known_again() -> None:
    """Said while the disk was full, forgotten by a crash: its id names our position, so it is ours and guards it."""
    knowing, crashed = b.ready(), b.ready()
    b.hold(knowing)
    b.hold(crashed)
    stop = b.protect(knowing)
    b.fold(crashed, ev.OpenOrdersSeen(b.NOW, (b.order_said(stop, "new"),)))
    episode = crashed.episodes["AAPL"]
    assert not crashed.is_naked(episode)
    assert crashed.strangers == []
    assert RiskManager(crashed).approve_stop(episode, episode.qty, b.NOW, None).intent.client_order_id.endswith("stop2")


def test_a_purchase_we_do_not_know_stays_a_strangers() -> None:
    """Only what sells our own shares is taken for ours; another engine's buy halts entries as before."""
    belief = b.ready()
    b.hold(belief)
    unknown = replace(
        b.order_said(b.protect(belief), "new"), side="buy", client_order_id="restless-AAPL-20261120T1531-entry"
    )
    b.fold(belief, ev.OpenOrdersSeen(b.NOW, (unknown,)))
    assert belief.strangers == ["restless-AAPL-20261120T1531-entry"]
