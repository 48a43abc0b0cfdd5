"""The process dies at every word it has with the broker; the next one on the same exchange carries on (safety F33, INV-1, 16)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alpaca_trader.core import events as ev
from alpaca_trader.simulator.market.recorded import RecordedMarket
from tests.simulation.world import World, planned

PLAN = "AAA 15:47 buy; BBB 15:47 buy; BBB 15:49 sell; BBB 15:50 buy; AAA 15:52 buy"
DAY = date(2026, 11, 20)
CLOSE = datetime(2026, 11, 20, 21, tzinfo=UTC)
START = CLOSE - timedelta(minutes=14)
"""A day cut short: from 15:46 to when everything is sold and every doubt of the last entry is over."""
END = CLOSE - timedelta(minutes=3, seconds=30)


def frame(*closes: float) -> Mapping[str, NDArray[Any]]:
    """Minute bars that run straight from one close to the next, from ``START`` on, and one of the day before."""
    first = int(START.timestamp())
    start = np.array([first - 86_400, *(first + 60 * minute for minute in range(len(closes) - 1))])
    opens, ends = np.array([closes[0], *closes[:-1]]), np.array([closes[0], *closes[1:]])
    columns = {"open": opens, "high": np.maximum(opens, ends), "low": np.minimum(opens, ends), "close": ends}
    whole = {"volume": np.full(len(start), 5000), "trade_count": np.full(len(start), 50)}
    return {"start": start, **columns, **whole, "vwap": np.full(len(start), np.nan)}


# AAA rises, trails, and falls through its stop; bought again it is still there before the close. BBB stands still.
RISING = (100, 100, 100.2, 101.4, 102.5, 102.5, 101, *[101] * 8)
MARKET = RecordedMarket({"AAA": frame(*RISING), "BBB": frame(*[50.0] * 15)}, day=DAY, seed=3)


def day() -> World:
    """The short day, on an exchange that fills every order in two parts."""
    config = planned(PLAN, ("AAA", "BBB"))
    return World(MARKET, config, day=DAY, start=START + timedelta(seconds=1), until=END, partial_fills="always")


@cache
def words() -> int:
    """How many words the uninterrupted day has with the broker."""
    return day().run().broker.calls


def test_the_short_day_has_everything_in_it() -> None:
    """The day whose every word is a crash point sees stops, trails, exits, cancels and a flatten."""
    world = day().run()
    reasons = {action.reason for action in world.told if isinstance(action, ev.ExitDecided)}
    assert reasons == {"planned", "trail_stop", "flatten_close"}
    assert any(action.intent.replaces for action in world.told if isinstance(action, ev.Approved))
    assert sum(isinstance(action, ev.CancelOrder) for action in world.told) >= 3
    assert sum(isinstance(action, ev.EpisodeOpened) for action in world.told) == 4


def die(*deaths: float, downtime: timedelta = timedelta(0)) -> World:
    """The short day with a process that dies at these calls."""
    world = day()
    world.broker.deaths, world.downtime = list(deaths), downtime
    try:
        world.run()
    except AssertionError as broken:
        raise AssertionError(f"died at {deaths}, gone for {downtime}: {broken}") from broken
    assert world.lives == 1 + len(deaths)
    return world


@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("moment", [0.0, 0.5], ids=["before", "after"])
def test_a_crash_at_any_word_with_the_broker(moment: float, part: int) -> None:
    """Dying just before or just after any call leads to the same place: protected, then flat, each order said once."""
    for call in range(part + 1, words() + 1, 8):
        assert die(call + moment).judge.most_held == 2


def test_a_crash_inside_the_recovery_from_a_crash() -> None:
    """The second death finds a half-finished recovery, and changes nothing (INV-16)."""
    for call in range(1, words() + 1, 7):
        die(call + 0.5, call + 1 + call % 4)


def test_a_crash_with_nobody_there_for_a_while() -> None:
    """Stops guard at the broker meanwhile; what was bought or sold unseen is found and put right."""
    for call in range(2, words() + 1, 7):
        die(call + 0.5, downtime=timedelta(seconds=20 if call % 2 else 90))
