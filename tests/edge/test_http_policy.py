"""How often the broker is asked: a budget, silence when it is wanted, and second tries for reads."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.errors import AuthRefused, OrderRefused, RefusalKind, Retryable
from alpaca_trader.edge.broker_errors import Transient
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.http_policy import BURST, Gate, Priority, read_again
from tests.edge.canned import NOW
from tests.edge.real_time import StandInRealTime

LIMIT_PER_MINUTE = 200


def virtual() -> tuple[VirtualClock, Gate]:
    """A gate in virtual time: nothing waits."""
    clock = VirtualClock(NOW)
    return clock, Gate("host", clock, None)


def spend(gate: Gate, priority: Priority) -> int:
    """Requests admitted at one instant until the gate turns one away."""
    for count in range(1000):
        try:
            gate.admit(priority)
        except (Retryable, OrderRefused):
            return count
    raise AssertionError("the budget has no end")


def test_reads_leave_room_for_orders_and_orders_for_protection() -> None:
    """Of one burst reads get a part, look-ups and entries a little more, and a stop is never held back."""
    _, gate = virtual()
    assert spend(gate, Priority.READ) == BURST - Priority.READ
    assert spend(gate, Priority.LOOK_UP) == Priority.READ - Priority.LOOK_UP
    assert spend(gate, Priority.ENTRY) == Priority.LOOK_UP - Priority.ENTRY
    for _ in range(500):
        gate.admit(Priority.PROTECT)


def test_an_entry_without_budget_is_refused_by_ourselves() -> None:
    """It was not sent, and the engine hears so in the same words as of any other refusal."""
    _, gate = virtual()
    spend(gate, Priority.ENTRY)
    with pytest.raises(OrderRefused) as caught:
        gate.admit(Priority.ENTRY)
    assert (caught.value.kind, caught.value.status, caught.value.code) == (RefusalKind.POLICY, 0, None)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_minute_holds_more_than_the_broker_allows(pauses: list[float]) -> None:
    """However greedy readers are, any 60 s window stays below the broker's 200 requests."""
    clock, gate = virtual()
    sent = []
    for pause in pauses:
        clock.advance_to(clock.now() + timedelta(seconds=pause))
        sent += [clock.now()] * spend(gate, Priority.LOOK_UP)
    for start in sent:
        assert sum(start <= at < start + timedelta(seconds=60) for at in sent) < LIMIT_PER_MINUTE


def test_live_reads_wait_their_turn() -> None:
    """Where time passes by itself, a read that has to wait a moment waits; the pace is then the refill's."""
    clock = StandInRealTime(NOW)
    gate = Gate("host", clock, clock.sleep)
    for _ in range(140):
        gate.admit(Priority.READ)
    assert 45 < clock.monotonic() < 46  # 140 requests, 40 at once, the rest at 2.2 a second


@pytest.mark.parametrize(
    ("retry_after", "silent_s"),
    [("7", 7), ("0", 1), ("-3", 1), ("", 10), ("soon", 10), ("nan", 10), ("999999", 300), ("1.5", 1.5)],
)
def test_a_429_is_answered_with_silence(retry_after: str, silent_s: float) -> None:
    """For as long as the broker says, within reason; stops still go out."""
    clock, gate = virtual()
    gate.limited(retry_after)
    with pytest.raises(Retryable, match="not asked"):
        gate.admit(Priority.READ)
    with pytest.raises(OrderRefused):
        gate.admit(Priority.ENTRY)
    gate.admit(Priority.PROTECT)
    clock.advance_to(NOW + timedelta(seconds=silent_s) - timedelta(milliseconds=1))
    with pytest.raises(Retryable):
        gate.admit(Priority.READ)
    clock.advance_to(NOW + timedelta(seconds=silent_s))
    gate.admit(Priority.READ)


def test_a_retry_after_may_be_a_date() -> None:
    """RFC 9110 allows both forms."""
    clock, gate = virtual()
    gate.limited(format_datetime(NOW + timedelta(seconds=30), usegmt=True))
    clock.advance_to(NOW + timedelta(seconds=29))
    with pytest.raises(Retryable):
        gate.admit(Priority.READ)
    clock.advance_to(NOW + timedelta(seconds=30))
    gate.admit(Priority.READ)


def test_a_short_silence_is_waited_out_live() -> None:
    """Two seconds are slept through, three are not: the loop has other work."""
    clock = StandInRealTime(NOW)
    gate = Gate("host", clock, clock.sleep)
    gate.limited("2")
    gate.admit(Priority.READ)
    assert clock.monotonic() == 2
    gate.limited("3")
    with pytest.raises(Retryable):
        gate.admit(Priority.READ)


def test_refused_keys_are_tried_once_a_minute() -> None:
    """F9: no hammering, by nobody; the first success ends it."""
    clock, gate = virtual()
    gate.refused_auth(AuthRefused("keys"))
    for priority in Priority:
        with pytest.raises(AuthRefused, match="keys"):
            gate.admit(priority)
    clock.advance_to(NOW + timedelta(seconds=59))
    with pytest.raises(AuthRefused):
        gate.admit(Priority.PROTECT)
    clock.advance_to(NOW + timedelta(seconds=60))
    gate.admit(Priority.READ)
    gate.succeeded()
    gate.admit(Priority.READ)


def test_an_outage_is_met_with_growing_pauses() -> None:
    """From the third failure in a row on: 1, 2, 4, 8, 8 s; a success forgets them."""
    clock, gate = virtual()
    pauses = []
    for _ in range(7):
        gate.failed()
        begun = clock.now()
        while True:
            try:
                gate.admit(Priority.READ)
                break
            except Retryable:
                clock.advance_to(clock.now() + timedelta(milliseconds=500))
        pauses.append((clock.now() - begun).total_seconds())
    assert pauses == [0, 0, 1, 2, 4, 8, 8]
    gate.succeeded()
    gate.failed()
    gate.admit(Priority.READ)


class Failing:
    """Raises as scripted, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.tries = 0

    def __call__(self) -> str:
        """One try."""
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def test_a_transient_failure_is_tried_again() -> None:
    """Up to three times, after pauses of half to all of 0.5 s and 1 s."""
    clock = StandInRealTime(NOW)
    attempt = Failing(Transient("one"), Transient("two"))
    assert read_again(attempt, "what", clock, clock.sleep) == "answer"
    assert 0.75 <= clock.monotonic() <= 1.5
    attempt = Failing(*[Transient(str(number)) for number in range(5)])
    with pytest.raises(Transient, match="2"):
        read_again(attempt, "what", clock, clock.sleep)
    assert attempt.tries == 3


def test_time_that_was_lost_in_timeouts_is_not_spent_again() -> None:
    """A first try that took 10 s is the last: the loop has stops to watch."""
    clock = StandInRealTime(NOW)

    def slow() -> str:
        clock.elapse(10)
        raise Transient("timeout")

    with pytest.raises(Transient):
        read_again(slow, "what", clock, clock.sleep)
    assert clock.monotonic() == 10


def test_what_is_no_passing_trouble_is_not_tried_again() -> None:
    """Nor anything in virtual time, where nothing gets better while nobody moves the clock."""
    clock = StandInRealTime(NOW)
    attempt = Failing(Retryable("refused"))
    with pytest.raises(Retryable):
        read_again(attempt, "what", clock, clock.sleep)
    assert attempt.tries == 1
    attempt = Failing(Transient("one"))
    with pytest.raises(Transient):
        read_again(attempt, "what", VirtualClock(NOW), None)
    assert attempt.tries == 1
