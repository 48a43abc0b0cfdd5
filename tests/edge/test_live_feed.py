"""The live queue: arrival order, wake-ups, bounds, an end; on a clock that only moves when it is waited for."""

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest

from alpaca_trader.core.events import BarRevised, Event, Tick, Timer
from alpaca_trader.core.models import Session
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.live_feed import LiveFeed
from tests.edge.real_time import StandInRealTime
from tests.edge.samples import NOON, bar, changed, halt, report, word

SESSION = Session(NOON.date(), NOON, NOON + timedelta(hours=1))
SECOND = timedelta(seconds=1)


class Desk:
    """A feed on stand-in time, with the engine's wish for a wake-up in a field."""

    def __init__(self, most_bars: int = 10_000) -> None:
        self.real = StandInRealTime(NOON)
        self.wanted: datetime | None = None
        self.feed = LiveFeed(self.real, lambda: self.wanted, most_bars)

    def put(self, *events: Event) -> None:
        """Put them all."""
        for event in events:
            self.feed.put(event)

    def rest(self) -> list[str]:
        """Everything until the end, in words."""
        self.feed.stop()
        return [word(event) for event in self.feed]


def tick(n: int) -> Tick:
    """The n-th second's tick."""
    return Tick(NOON + n * SECOND, SESSION)


def test_arrival_order_is_the_order() -> None:
    """Whatever the kind, first come is first served, and everything put before the stop still comes."""
    desk = Desk()
    desk.put(bar("A"), report("new", "x"), tick(1), bar("B"), halt(), changed("market_data", False), bar("C"))
    assert desk.rest() == ["A", "new x", "Tick", "B", "Command", "market_data down", "C"]


def test_after_the_stop_nothing_is_taken() -> None:
    """Streams that go on talking cannot keep the loop from its end; a wake-up does not either."""
    desk = Desk()
    desk.put(bar("A"))
    desk.feed.stop()
    desk.wanted = NOON
    desk.put(bar("B"))
    assert [word(event) for event in desk.feed] == ["A"]


@pytest.mark.parametrize(
    ("events", "left", "dropped"),
    [
        ([bar("A"), bar("B"), report("new", "x"), bar("C"), bar("D")], ["new x", "C", "D"], 2),
        ([bar("A"), BarRevised(NOON, bar("R").bar), bar("B")], ["BarRevised", "B"], 1),
        ([*(report("fill", str(n)) for n in range(5)), bar("A")], [*(f"fill {n}" for n in range(5)), "A"], 0),
    ],
    ids=["bars", "a revised bar is a bar", "reports"],
)
def test_too_many_bars_lose_the_oldest_and_orders_lose_nothing(
    events: list[Event], left: list[str], dropped: int
) -> None:
    """With room for two bars, the newest two stay; news of orders always stays."""
    desk = Desk(most_bars=2)
    desk.put(*events)
    assert desk.rest() == left
    assert desk.feed.dropped == dropped


def test_of_waiting_ticks_the_newest_is_kept() -> None:
    """A loop that was busy for minutes works once, on the present, in the present's place."""
    desk = Desk()
    desk.put(tick(1), bar("A"), tick(2), bar("B"), tick(3))
    desk.feed.stop()
    events = list(desk.feed)
    assert [word(event) for event in events] == ["A", "B", "Tick"]
    assert events[-1] == tick(3)


def test_a_wake_up_comes_at_its_instant() -> None:
    """Waits are short, so that a suspended machine is late by a second at most; the timer is not early."""
    desk = Desk()
    desk.wanted = NOON + 2.5 * SECOND
    assert next(iter(desk.feed)) == Timer(NOON + 2.5 * SECOND)
    assert desk.real.waits == [1.0, 1.0, 0.5]


def test_a_past_wake_up_comes_at_once() -> None:
    """Its time is the present, not the instant that has gone by."""
    desk = Desk()
    desk.wanted = NOON - SECOND
    assert next(iter(desk.feed)) == Timer(NOON)
    assert desk.real.waits == []


def test_the_same_wish_is_answered_once_a_second() -> None:
    """An engine that never moves its wake-up must not turn the loop into a race with itself."""
    desk = Desk()
    desk.wanted = NOON
    assert list(islice(desk.feed, 4)) == [Timer(NOON + n * SECOND) for n in range(4)]


def test_another_wish_is_answered_at_once() -> None:
    """The brake is for repetition only."""
    desk = Desk()
    desk.wanted = NOON
    events = iter(desk.feed)
    assert next(events) == Timer(NOON)
    desk.wanted = NOON - SECOND
    assert next(events) == Timer(NOON)
    assert desk.real.waits == []


def test_timers_and_events_take_turns() -> None:
    """Neither does a flood of bars hold up an exit that is due, nor a busy engine the news."""
    wishes: Iterator[datetime] = (NOON - n * SECOND for n in range(100))
    feed = LiveFeed(StandInRealTime(NOON), lambda: next(wishes))
    for event in (bar("A"), bar("B"), bar("C")):
        feed.put(event)
    assert [word(event) for event in islice(feed, 6)] == ["Timer", "A", "Timer", "B", "Timer", "C"]


def test_what_is_unfinished_and_what_is_done() -> None:
    """An event counts as unfinished while the loop has it in hand: that is where a loop hangs."""
    desk = Desk()
    desk.put(bar("A"), tick(1))
    feed = desk.feed
    seen: list[tuple[int, int, int]] = [(feed.unfinished, feed.finished, feed.scheduled)]
    feed.stop()
    for _ in feed:
        seen.append((feed.unfinished, feed.finished, feed.scheduled))
    seen.append((feed.unfinished, feed.finished, feed.scheduled))
    assert seen == [(2, 0, 1), (2, 0, 1), (1, 1, 1), (0, 2, 1)]


def test_a_signal_handler_may_put_while_the_queue_is_being_read() -> None:
    """A signal interrupts the loop's own thread, also where it holds the queue."""
    commands = [halt()]

    def wakeup() -> None:
        if commands:
            feed.put(commands.pop())

    feed = LiveFeed(StandInRealTime(NOON), wakeup)
    assert next(iter(feed)) == halt()


def test_a_put_wakes_the_waiting_loop() -> None:
    """On the real clock, from other threads: every event arrives, each thread's in its own order."""
    feed = LiveFeed(SystemClock(), lambda: None)

    def talk(stream: str) -> None:
        for n in range(500):
            feed.put(report(str(n), stream))

    def talk_all() -> None:
        threads = [threading.Thread(target=talk, args=(stream,)) for stream in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        feed.stop()

    talker = threading.Thread(target=talk_all)
    talker.start()
    said = [word(event).split() for event in feed]
    talker.join()
    assert {stream: [int(n) for n, of in said if of == stream] for stream in "abc"} == {
        of: list(range(500)) for of in "abc"
    }


def test_a_stop_wakes_the_waiting_loop() -> None:
    """The loop ends without an event."""
    feed = LiveFeed(SystemClock(), lambda: None)
    threading.Thread(target=feed.stop).start()
    nothing: Iterable[Event] = feed
    assert list(nothing) == []
