"""The process dies at every input and output, and every call fails once; the next life carries on (F33, INV-1, 16)."""

import pytest

from proofs.call_faults import FAULTS, Result, strike
from proofs.crash_points import crash
from proofs.scenarios import SCENARIOS, TRAILED, Scenario

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_each_scenario_shows_what_it_is_named_for(scenario: Scenario) -> None:
    """Undisturbed it breaks no rule, and what it is there for happens."""
    seen = scenario.world().run().seen
    assert [mark for mark in scenario.shows if not seen[mark]] == []


@pytest.mark.parametrize("scenario", SCENARIOS[1:4], ids=[scenario.name for scenario in SCENARIOS[1:4]])
def test_a_crash_at_any_point(scenario: Scenario) -> None:
    """Dying anywhere, also in the recovery, also for a while, leads to the same place: protected, then flat."""
    result = crash(scenario)
    assert result.problems == []
    assert result.crashes > result.points > 250


def test_a_crash_of_the_long_scenario() -> None:
    """Two positions, partial fills, a replaced stop: every fifth point."""
    result = crash(TRAILED, every=5)
    assert result.problems == []
    assert result.holding > 30


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call_fails_once(fault: str) -> None:
    """One strike at each occasion of the scenario: no rule is broken."""
    result = Result()
    strike(TRAILED, fault, 4, result)
    assert result.problems == []
    assert result.struck[fault] > 0
