"""The process dies at every input and output; the next one on the same exchange carries on (safety F33, INV-1, 16)."""

from datetime import timedelta
from functools import cache

import pytest

from alpaca_trader.trials.world import World
from proofs.scenarios import TRAILED


@cache
def points() -> int:
    """How many inputs and outputs the uninterrupted scenario has."""
    return TRAILED.world().run().io.passed


def test_the_scenario_has_everything_in_it() -> None:
    """What is crashed in below sees stops, trails, exits, cancels and a flatten."""
    seen = TRAILED.world().run().seen
    assert {"exit planned", "exit trail_stop", "exit flatten_close", "order stop replacing"} <= set(seen)
    assert seen["CancelOrder"] >= 3
    assert seen["EpisodeOpened"] == 4


def die(*deaths: int, downtime: timedelta = timedelta(0)) -> World:
    """The scenario with a process that dies at these points."""
    world = TRAILED.world()
    world.io.deaths, world.downtime = set(deaths), downtime
    try:
        world.run()
    except AssertionError as broken:
        raise AssertionError(f"died at {deaths}, gone for {downtime}: {broken}") from broken
    assert world.lives == 1 + len(deaths)
    return world


@pytest.mark.parametrize("part", range(8))
def test_a_crash_at_any_point(part: int) -> None:
    """Dying anywhere leads to the same place: protected, then flat, each order said once."""
    for point in range(part + 1, points() + 1, 8):
        assert die(point).judge.most_held == 2


def test_a_crash_inside_the_recovery_from_a_crash() -> None:
    """The second death finds a half-finished recovery, and changes nothing (INV-16)."""
    for point in range(1, points() + 1, 9):
        die(point, point + 1 + point % 9)


def test_a_crash_with_nobody_there_for_a_while() -> None:
    """Stops guard at the broker meanwhile; what was bought or sold unseen is found and put right."""
    for point in range(2, points() + 1, 9):
        die(point, downtime=timedelta(seconds=20 if point % 2 else 90))
