"""Plans: what the seed draws, what people write, and when a fault strikes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from alpaca_trader.simulator.faults.catalogue import CATALOGUE
from alpaca_trader.trials.marks import SEEN, missing
from alpaca_trader.trials.plan import ACTS, EXCHANGE, NAMES, Plan
from alpaca_trader.trials.strikes import Strikes

NOON = datetime(2026, 11, 24, 17, tzinfo=UTC)
OURS = {"http.refuse_cancel", "config.edit", "operator.halt", "operator.flatten"}
"""Not the broker's faults: what people do, and a refusal that the exchange never gives."""


def strikes(plan: Plan, seed: int = 1) -> Strikes:
    """Always on."""
    return Strikes(plan, seed, lambda: NOON, NOON + timedelta(hours=1))


@pytest.mark.parametrize("seed", range(40))
def test_a_plan_is_read_as_it_is_written(seed: int) -> None:
    """What a failing seed prints plays the same plan."""
    plan = Plan.swarm(seed)
    assert Plan.parse(str(plan), 0) == plan
    assert Plan.parse("swarm", seed) == plan


def test_exact_occasions_are_kept() -> None:
    """Numbers after the sign are the very occasions, in order."""
    plan = Plan.parse("ws.dup@7+3,http.drop=0.25", 0)
    assert plan.exactly == {"ws.dup": (3, 7)}
    assert str(plan) == "http.drop=0.25,ws.dup@3+7"
    found = strikes(plan)
    assert [number for number in range(1, 10) if found.happens("ws.dup")] == [3, 7]
    assert Plan.parse("none", 0) == Plan()


def test_swarms_differ_and_are_mostly_empty() -> None:
    """Each fault is in some plans and missing from most (safety 5)."""
    drawn = Counter(name for seed in range(300) for name in Plan.swarm(seed).rates)
    assert set(drawn) == set(NAMES)
    assert max(drawn.values()) < 120


def test_leaving_a_fault_out_moves_no_other() -> None:
    """Each draws from its own stream: what is left of a plan strikes where it struck before."""
    both, one = strikes(Plan({"ws.dup": 0.3, "http.drop": 0.3})), strikes(Plan({"ws.dup": 0.3}))
    for _ in range(50):
        both.happens("http.drop")
        assert both.happens("ws.dup") == one.happens("ws.dup")


def test_nothing_strikes_when_faults_are_off() -> None:
    """The quiet phase is quiet."""
    off = Strikes(Plan({"ws.dup": 1.0}), 1, lambda: NOON, NOON)
    assert not off.happens("ws.dup")
    assert off.struck == {}


def test_the_names_are_the_catalogues() -> None:
    """One name for one failure, here and in the simulator."""
    assert {name for name in NAMES if name not in CATALOGUE} == OURS
    assert set(EXCHANGE) <= set(CATALOGUE)


def test_a_batch_knows_what_it_has_not_seen() -> None:
    """One day in a hundred is enough; one in two hundred is not."""
    struck, seen = Counter(dict.fromkeys(NAMES, 10)), Counter(dict.fromkeys(SEEN, 10))
    assert missing(1000, struck, seen) == []
    assert missing(2000, struck, seen) == [*NAMES, *SEEN]
    assert missing(1000, struck - Counter(dict.fromkeys(ACTS, 5)), seen) == list(ACTS)
