"""Where a position's stop belongs: anchored to the fill, rounded against us, following the high, never down."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core.episode import Episode, round_down, round_up
from alpaca_trader.core.events import ConfigAccepted, EpisodeOpened
from alpaca_trader.core.models import Side
from alpaca_trader.core.orders import Fill
from alpaca_trader.core.policy import Policy
from tests.core.builders import NOW, D, bar, config, fold, hold, minutes_after, protect, ready

QTY = "0.251752021"
NEXT_MINUTE = minutes_after(1, NOW.replace(second=0))
"""Where the first bar begins that started after a fill at NOW."""


def an_episode(**plan: Any) -> Episode:
    """The specification's AAPL position before anything filled."""
    opened = EpisodeOpened(
        NOW, "e", "AAPL", "momentum_breakout", D("185.50"), D("0.015"), D("0.02"), D("0.02"), D("0.01"), "trail", False,
        "rev1",
    )  # fmt: skip
    return Episode(replace(opened, **plan))


def a_fill(side: Side, price: str | Decimal, qty: str | Decimal = QTY, at: datetime = NOW) -> Fill:
    """A fill of the position's orders."""
    return Fill("id", "AAPL", side, D(qty), D(price), at)


def held(price: str = "185.50", **plan: Any) -> Episode:
    """The position, filled at ``price`` at NOW."""
    episode = an_episode(**plan)
    episode.take_fill(a_fill("buy", price), D(0))
    return episode


@pytest.mark.parametrize(
    ("price", "up", "down"),
    [
        ("182.7175", "182.72", "182.71"),
        ("182.72", "182.72", "182.72"),
        ("1.00001", "1.01", "1.00"),
        ("1", "1.00", "1.00"),
        ("0.99991", "1.0000", "0.9999"),
        ("0.50001", "0.5001", "0.5000"),
        ("0.5", "0.5", "0.5"),
    ],
)
def test_prices_round_to_their_own_increment(price: str, up: str, down: str) -> None:
    """Two decimals from a dollar on, four below."""
    assert (round_up(D(price)), round_down(D(price))) == (D(up), D(down))


@pytest.mark.parametrize(
    ("price", "stop", "target"),
    [
        ("185.50", "182.72", "189.21"),
        ("668.40", "658.38", "681.76"),
        ("40.00", "39.40", "40.80"),
        ("1.00", "0.9850", "1.02"),
        ("0.9000", "0.8865", "0.9180"),
    ],
)
def test_stop_rounds_up_and_target_down(price: str, stop: str, target: str) -> None:
    """1.5 % below and 2 % above the fill, never more risk than configured (domain 4)."""
    episode = held(price)
    assert (episode.stop_price, episode.target_price) == (D(stop), D(target))
    assert episode.initial_stop == D(stop)


def test_nothing_held_has_no_prices() -> None:
    """Before the first fill there is no average, no target and no stop."""
    episode = an_episode()
    assert (episode.entry_price, episode.exit_price, episode.target_price, episode.stop_price) == (None,) * 4
    with pytest.raises(AssertionError, match="anchored to a fill"):
        episode.anchor_stop()


TRAIL = [("189.20", "182.72"), ("189.21", "187.31"), ("190.00", "188.10"), ("191.00", "189.09"), ("188.00", "189.09")]


def test_the_trail_follows_the_high_water_mark() -> None:
    """Entry 185.50 activates at 189.21 and locks in +0.9757, +1.4016 and +1.9353 % (domain 5.5)."""
    episode = held()
    gains = []
    for number, (high, stop) in enumerate(TRAIL):
        episode.take_bar(bar("AAPL", minutes_after(number, NEXT_MINUTE), float(high)))
        assert episode.stop_price == D(stop), high
        gains.append(round(100 * (D(stop) / D("185.50") - 1), 4))
    assert gains[1:4] == [D("0.9757"), D("1.4016"), D("1.9353")]
    assert episode.is_trailing
    assert episode.hwm == D("191.00")
    assert episode.initial_stop == D("182.72"), "R is measured against the first stop"


@pytest.mark.parametrize(
    "plan",
    [
        {"on_target": "close"},
        {"trailing_activation_pct": None},
        {"on_target": "close", "trailing_activation_pct": None},
    ],
)
def test_without_a_trail_the_stop_stays(plan: dict[str, Any]) -> None:
    """``close``, and ``trail`` without an activation, leave the stop alone and sell at the target."""
    episode = held(**plan)
    episode.take_bar(bar("AAPL", NEXT_MINUTE, 200.0))
    assert not episode.trails
    assert (episode.stop_price, episode.is_trailing, episode.hwm) == (D("182.72"), False, D(200))


def test_bars_that_began_before_the_fill_say_nothing() -> None:
    """The bar of the fill may have made its high before it; a later entry fill starts over."""
    episode = held()
    episode.take_bar(bar("AAPL", NOW.replace(second=0), 250.0))
    assert (episode.hwm, episode.high, episode.low) == (None, None, None)
    episode.take_bar(bar("AAPL", NEXT_MINUTE, 186.0))
    episode.take_fill(a_fill("buy", "185.60", at=minutes_after(2)), D(0))
    episode.take_bar(bar("AAPL", minutes_after(1, NEXT_MINUTE), 250.0))
    assert episode.hwm == D("186.0")


def test_a_closed_position_follows_no_bars() -> None:
    """Extremes are those of the time in the position."""
    episode = held()
    episode.take_bar(bar("AAPL", NEXT_MINUTE, 186.0, high=189.6, low=184.9))
    episode.take_fill(a_fill("sell", "188.10"), D(0))
    episode.take_bar(bar("AAPL", minutes_after(1, NEXT_MINUTE), 250.0, low=1.0))
    assert (episode.high, episode.low) == (D("189.6"), D("184.9"))
    an_episode().take_bar(bar("AAPL", NEXT_MINUTE, 186.0))


def test_partial_fills_average_and_add_up() -> None:
    """Entry at the average of its fills, exit likewise: 187.979443 (domain 7.2); fees accrue."""
    episode = an_episode()
    episode.take_fill(a_fill("buy", "185.40", "0.1"), D("0.001"))
    episode.take_fill(a_fill("buy", "185.60", "0.1", minutes_after(1)), D("0.002"))
    assert (episode.entry_price, episode.qty) == (D("185.50"), D("0.2"))
    assert (episode.opened_at, episode.last_entry_fill_at) == (NOW, minutes_after(1))
    episode.take_fill(a_fill("buy", "185.50", "0.051752021"), D(0))
    episode.take_fill(a_fill("sell", "188.10", "0.1"), D("0.003"))
    episode.take_fill(a_fill("sell", "187.90", "0.151752021"), D(0))
    assert episode.exit_price is not None
    assert round(episode.exit_price, 6) == D("187.979443")
    assert (episode.qty, episode.fees) == (D(0), D("0.006"))
    with pytest.raises(AssertionError, match="sold more than was bought"):
        episode.take_fill(a_fill("sell", "188", "0.1"), D(0))


def test_the_stop_may_move_with_entry_fills_until_it_is_sent() -> None:
    """Anchored to the average so far; once a stop is at the broker, a late fill can only raise it."""
    episode = held()
    episode.take_fill(a_fill("buy", "181.50"), D(0))
    assert (episode.stop_price, episode.initial_stop) == (D("180.75"), D("180.75"))
    episode.stops_sent = 1
    episode.take_fill(a_fill("buy", "150.00"), D(0))
    assert (episode.stop_price, episode.initial_stop) == (D("180.75"), D("180.75"))
    episode.take_fill(a_fill("buy", "300.00", "10"), D(0))
    assert episode.stop_price == D("286.67")
    assert episode.initial_stop == D("180.75")


@pytest.mark.parametrize(
    ("edits", "stop"),
    [
        ([0.02], "182.72"),
        ([0.01], "183.65"),
        ([0.01, 0.02], "183.65"),
        ([0.01, 0.012], "183.65"),
        ([0.01, 0.005], "184.58"),
    ],
)
def test_a_config_edit_only_tightens_the_stop_of_an_open_position(edits: list[float], stop: str) -> None:
    """A smaller stop distance is taken over, a larger one is for later positions (INV-20)."""
    belief = ready()
    hold(belief)
    protect(belief)
    for number, pct in enumerate(edits):
        fold(belief, ConfigAccepted(minutes_after(number), f"rev{number}", config(stop_loss_pct=pct), Policy()))
    assert belief.episodes["AAPL"].stop_price == D(stop)
    assert belief.episodes["AAPL"].initial_stop == D("182.72")


def test_an_edit_before_the_first_fill_waits_for_it() -> None:
    """The tightened distance is that of the fill to come."""
    episode = an_episode()
    episode.tighten(D("0.01"))
    episode.take_fill(a_fill("buy", "185.50"), D(0))
    assert (episode.stop_price, episode.initial_stop) == (D("183.65"), D("183.65"))


def test_an_edit_does_not_loosen_a_trail_before_the_first_stop() -> None:
    """A position that trails already while its first stop is still to be sent keeps what the trail reached."""
    episode = held()
    episode.take_bar(bar("AAPL", NEXT_MINUTE, 191.0))
    episode.tighten(D("0.01"))
    assert (episode.stop_price, episode.initial_stop) == (D("189.09"), D("183.65"))


Step = tuple[str, float]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bar"), st.floats(100, 300).map(lambda price: round(price, 2))),
        st.tuples(st.just("edit"), st.sampled_from([0.001, 0.005, 0.01, 0.015, 0.02, 0.03, 0.1])),
        st.tuples(st.just("sent"), st.just(0.0)),
        st.tuples(st.just("late_fill"), st.floats(100, 300).map(lambda price: round(price, 2))),
    ),
    max_size=12,
)


@given(STEPS, st.sampled_from(["trail", "close"]))
@settings(max_examples=80, deadline=None)
def test_no_order_of_bars_edits_and_late_fills_lowers_a_stop_in_force(steps: list[Step], on_target: str) -> None:
    """Property 6 of domain 9: from the first stop on, and from the first trail on, it only rises."""
    episode = held(on_target=on_target)
    for number, (what, value) in enumerate(steps):
        before, bound = episode.stop_price, bool(episode.stops_sent) or episode.is_trailing
        if what == "bar":
            episode.take_bar(bar("AAPL", minutes_after(number, NEXT_MINUTE), value))
        elif what == "edit":
            episode.tighten(D(str(value)))
            bound = True
        elif what == "sent":
            episode.stops_sent += 1
        else:
            episode.take_fill(a_fill("buy", D(str(value)), "0.1", minutes_after(number, NOW)), D(0))
        assert before is not None
        assert episode.stop_price is not None
        assert not bound or episode.stop_price >= before, what


def test_exposed_time_is_counted_once_per_stretch() -> None:
    """Seconds without protection add up over stretches; being told twice counts once."""
    episode = held()
    episode.expose(minutes_after(0), True)
    episode.expose(minutes_after(1), True)
    episode.expose(minutes_after(2), False)
    episode.expose(minutes_after(3), False)
    assert (episode.seconds_exposed, episode.exposed_since) == (120.0, None)
    episode.expose(minutes_after(4), True)
    episode.expose(minutes_after(4.5), False)
    assert episode.seconds_exposed == 150.0
