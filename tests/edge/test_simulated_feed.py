"""Virtual time is driven so that the order of events is the script's, whatever the threads do."""

import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from alpaca_trader.core.errors import Fatal, Retryable
from alpaca_trader.core.events import Event, SessionOpened, Tick, Timer
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import Pacer, RealTime, SystemClock
from alpaca_trader.edge.session_trigger import SessionTrigger
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from tests.edge.real_time import StandInRealTime
from tests.edge.samples import bar, changed, halt, report, word
from tests.edge.scripted_world import STREAMS, Message, ScriptedWorld

pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")

TRIGGER = SessionTrigger(SessionCalendar())
OPEN = datetime(2026, 2, 2, 14, 30, tzinfo=UTC)
MS = timedelta(milliseconds=1)
SECOND = timedelta(seconds=1)


def a_bar(symbol: str) -> Message:
    """The message that brings a bar."""
    return lambda at: bar(symbol, at)


def news(status: str, order: str) -> Message:
    """The message that brings news of an order."""
    return lambda at: report(status, order, at)


def nothing(at: datetime) -> None:
    """A message without meaning for the client."""


class Desk:
    """A world, a feed on it, and an engine's wish for a wake-up in a field."""

    def __init__(
        self,
        start: datetime,
        until: datetime,
        *,
        seed: int = 1,
        real: RealTime | None = None,
        speed: float | None = None,
        streams: tuple[str, ...] = STREAMS,
    ) -> None:
        self.world = ScriptedWorld(start, random.Random(seed), streams)
        self.wanted: datetime | None = None
        real = real or SystemClock()
        pacer = None if speed is None else Pacer(speed, real, start)
        wakeup = lambda: self.wanted  # noqa: E731
        received = self.world.received
        self.feed = SimulatedFeed(self.world, TRIGGER, wakeup, received, until=until, real=real, pacer=pacer)

    def play(self, act: Callable[[Event], None] = lambda event: None) -> list[Event]:
        """Everything until the end; ``act`` is the engine."""
        seen: list[Event] = []
        self.world.start(self.feed.put)
        try:
            for event in self.feed:
                seen.append(event)
                act(event)
        finally:
            self.world.stop()
        return seen


def said(events: list[Event], begin: datetime = OPEN) -> list[tuple[str, float]]:
    """Each event's word and its time, in seconds after ``begin``, without the streams' coming up."""
    return [(word(event), (event.at - begin).total_seconds()) for event in events if not word(event).endswith(" up")]


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads change places every few microseconds."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)


def busy_morning(seed: int) -> list[str]:
    """Four minutes of bars on both streams, with an engine that orders at each tick and sets itself timers."""
    desk = Desk(OPEN - 6 * 60 * SECOND, OPEN + 250 * SECOND, seed=seed)
    world = desk.world
    for minute in range(1, 5):
        published = OPEN + minute * 60 * SECOND + 400 * MS
        for symbol in ("AAPL", "MSFT", "SPY"):
            world.later(published, "market_data", a_bar(symbol))
        world.later(published, "trade_updates", news("partial_fill", f"old{minute}"))
        world.later(published, "trade_updates", news("fill", f"old{minute}"))
        world.later(published, "market_data", nothing)

    def act(event: Event) -> None:
        if isinstance(event, Tick):
            order = f"{event.at:%M%S}"
            world.say("trade_updates", news("pending_new", order))
            world.later(world.now + 3 * MS, "trade_updates", news("new", order))
            world.later(world.now + 90 * MS, "trade_updates", news("fill", order))
            desk.wanted = world.now + 5 * SECOND
        elif isinstance(event, Timer):
            desk.wanted = None

    return [f"{event.at.isoformat()} {word(event)}" for event in desk.play(act)]


@pytest.mark.usefixtures("hasty_threads")
def test_the_order_is_the_same_two_hundred_times() -> None:
    """Threads that dawdle at random change nothing: not the order, not a time."""
    first = busy_morning(0)
    assert [line.split()[1] for line in first[:3]] == ["trade_updates", "market_data", "SessionOpened"]
    assert len(first) == 3 + 4 * (5 + 5)
    for seed in range(1, 201):
        assert busy_morning(seed) == first


def test_a_minute_in_order() -> None:
    """Trade updates before bars at one instant, each stream in its own order; then the tick, its answers, the timer."""
    lines = [line.split(" ", 1) for line in busy_morning(0) if "T14:31" in line]
    assert [(at[17:-6], what) for at, what in lines] == [
        ("00.400000", "partial_fill old1"),
        ("00.400000", "fill old1"),
        ("00.400000", "AAPL"),
        ("00.400000", "MSFT"),
        ("00.400000", "SPY"),
        ("02", "Tick"),
        ("02", "pending_new 3102"),
        ("02.003000", "new 3102"),
        ("02.090000", "fill 3102"),
        ("07", "Timer"),
    ]


def test_two_days_and_the_night_between() -> None:
    """Half a Friday and a Monday: all session events at their instants, and nothing after ``until``."""
    desk = Desk(datetime(2025, 11, 28, 12, tzinfo=UTC), datetime(2025, 12, 1, 21, 0, 5, tzinfo=UTC))
    events = [(f"{event.at:%a %H:%M:%S}", word(event)) for event in desk.play() if not word(event).endswith(" up")]
    assert events[0] == ("Fri 14:25:00", "SessionOpened")
    assert events[211:214] == [
        ("Fri 18:00:05", "SessionClosed"),
        ("Mon 14:25:00", "SessionOpened"),
        ("Mon 14:31:02", "Tick"),
    ]
    assert events[-2:] == [("Mon 21:00:02", "Tick"), ("Mon 21:00:05", "SessionClosed")]
    assert len(events) == 1 + 210 + 1 + 1 + 390 + 1
    assert all(reached <= limit for limit, reached in desk.world.advances)


def test_started_inside_a_session() -> None:
    """The session is opened at once, after the streams are up; the first tick is the next minute's."""
    events = Desk(OPEN + 630 * SECOND, OPEN + 662 * SECOND).play()
    assert [word(event) for event in events] == ["trade_updates up", "market_data up", "SessionOpened", "Tick"]
    assert isinstance(events[2], SessionOpened)
    assert said(events) == [("SessionOpened", 630), ("Tick", 662)]


def test_the_session_comes_before_the_timer_of_the_same_instant() -> None:
    """At equal time: messages, then the tick, then the engine's own wish."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 63 * SECOND)
    desk.wanted = OPEN + 62 * SECOND
    desk.world.later(OPEN + 62 * SECOND, "market_data", a_bar("AAPL"))
    assert said(desk.play()) == [("SessionOpened", 30), ("AAPL", 62), ("Tick", 62), ("Timer", 62), ("Timer", 63)]


def test_a_wish_in_the_past_is_answered_once_an_instant() -> None:
    """An engine that never moves its wish hears of each instant once, and time goes on."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 63 * SECOND)
    desk.wanted = OPEN
    expected = [("SessionOpened", 30), ("Timer", 30), ("Tick", 62), ("Timer", 62), ("Timer", 63)]
    assert said(desk.play()) == expected


def test_an_engine_that_only_asks_for_timers_is_stopped() -> None:
    """A thousand different wishes at one instant are an endless loop."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 63 * SECOND)
    desk.wanted = OPEN

    def act(event: Event) -> None:
        assert desk.wanted is not None
        desk.wanted -= MS

    with pytest.raises(Fatal, match=r"time stands still at 2026-02-02 14:30:30.*timer after timer"):
        desk.play(act)


class StuckWorld(ScriptedWorld):
    """Time does not move."""

    def advance(self, limit: datetime) -> datetime:
        """Stay."""
        return self._now


class HastyWorld(ScriptedWorld):
    """Time runs past what was asked."""

    def advance(self, limit: datetime) -> datetime:
        """Overshoot."""
        return limit + SECOND


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (StuckWorld, "stands still.*simulator did not move it"),
        (HastyWorld, "moved time from .* when asked for .* at most"),
    ],
)
def test_a_simulator_that_breaks_its_promise_is_fatal(kind: type[ScriptedWorld], complaint: str) -> None:
    """Time must move, and never past the limit, or events would come late without anyone knowing."""
    world = kind(OPEN, random.Random(1))
    feed = SimulatedFeed(world, TRIGGER, lambda: None, world.received, until=OPEN + SECOND, real=SystemClock())
    world.start(feed.put)
    with pytest.raises(Fatal, match=complaint):
        list(feed)
    world.stop()


class ImpatientTime(SystemClock):
    """Each look at it takes a second, from when it is told that the streams have had their chance."""

    is_running = False
    looks = 0

    def monotonic(self) -> float:
        """Seconds elapsed."""
        self.looks += self.is_running
        return float(self.looks)


@pytest.mark.parametrize("missing", STREAMS)
def test_a_stream_that_does_not_connect_is_named(missing: str) -> None:
    """After ten seconds of real time the run ends with the stream's name instead of waiting for ever."""
    real = ImpatientTime()
    desk = Desk(OPEN, OPEN + SECOND, real=real, streams=tuple(stream for stream in STREAMS if stream != missing))

    def hear(at: datetime) -> None:
        real.is_running = True

    for stream in STREAMS:
        if stream != missing:
            desk.world.say(stream, hear)
    with pytest.raises(Retryable, match=f"within 10 s: {missing} is not connected"):
        desk.play()


def test_a_message_that_does_not_arrive_is_named() -> None:
    """One message fewer than was sent is not the whole truth, so time must not go on."""
    real = ImpatientTime()
    desk = Desk(OPEN, OPEN + SECOND, real=real)

    def lose(event: Event) -> None:
        if isinstance(event, SessionOpened):
            desk.world._sent["trade_updates"] += 1
            real.is_running = True

    with pytest.raises(Retryable, match="within 10 s: trade_updates received 0 of 1 messages"):
        desk.play(lose)


def test_a_lost_stream_holds_time_until_it_is_back() -> None:
    """While a stream is down no time passes, so no message can be missed."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 40 * SECOND)

    def drop(event: Event) -> None:
        if isinstance(event, SessionOpened):
            desk.feed.put(changed("market_data", False, event.at))
            desk.world.say("market_data", lambda at: changed("market_data", True, at))

    assert [word(event) for event in desk.play(drop)][2:] == ["SessionOpened", "market_data down", "market_data up"]


def test_a_second_client_of_the_same_world_counts_from_its_own_start() -> None:
    """Restarted on a world that has spoken before, the feed waits for what is sent from now on."""
    world = ScriptedWorld(OPEN, random.Random(1))
    world._sent["market_data"] = 40
    world.later(OPEN + SECOND, "market_data", a_bar("AAPL"))
    feed = SimulatedFeed(world, TRIGGER, lambda: None, world.received, until=OPEN + 2 * SECOND, real=SystemClock())
    world.start(feed.put)
    assert [word(event) for event in feed][2:] == ["SessionOpened", "AAPL"]
    world.stop()


def test_a_humans_word_comes_before_the_streams() -> None:
    """A halt that is waiting is heard before the bars of the same instant."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 61 * SECOND)
    desk.world.later(OPEN + 60 * SECOND, "market_data", a_bar("AAPL"))

    def act(event: Event) -> None:
        if isinstance(event, SessionOpened):
            desk.world.say("market_data", a_bar("MSFT"))
            desk.feed.put(halt(event.at))

    assert said(desk.play(act)) == [("SessionOpened", 30), ("Command", 30), ("MSFT", 30), ("AAPL", 60)]


def test_a_signal_handler_may_put_while_the_feed_waits() -> None:
    """A signal interrupts the loop's own thread, also where it waits for the streams."""
    world = ScriptedWorld(OPEN, random.Random(1))
    commands = [halt(OPEN)]

    def received() -> Mapping[str, int]:
        if is_playing and commands:
            feed.put(commands.pop())
        return world.received()

    is_playing = False
    feed = SimulatedFeed(world, TRIGGER, lambda: None, received, until=OPEN + SECOND, real=SystemClock())
    world.start(feed.put)
    is_playing = True
    assert word(next(iter(feed))) == "Command"
    world.stop()


def test_stop_ends_it_before_time_moves() -> None:
    """What is there is still dealt with; the clock stays."""
    desk = Desk(OPEN + 30 * SECOND, OPEN + 61 * SECOND)

    def act(event: Event) -> None:
        desk.feed.stop()

    assert [word(event) for event in desk.play(act)] == ["trade_updates up", "market_data up", "SessionOpened"]
    assert desk.world.now == OPEN + 30 * SECOND


class PacedTime(StandInRealTime):
    """Sleep costs nothing; waiting for threads is real."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait for the streams' threads, on no account."""
        condition.wait(seconds)


def test_a_paced_session_and_an_unpaced_night() -> None:
    """At 60 times real time a watched minute takes a second; the night before and the weekend take none."""
    start, until = datetime(2025, 11, 28, 12, tzinfo=UTC), datetime(2025, 12, 1, 14, 26, tzinfo=UTC)
    real = PacedTime()
    desk = Desk(start, until, real=real, speed=60)
    assert desk.play()[2:] == Desk(start, until).play()[2:]
    watched = timedelta(minutes=215, seconds=5) + timedelta(minutes=1)
    assert real.monotonic() == pytest.approx(watched.total_seconds() / 60)
    moves = [later - earlier for (_, earlier), (_, later) in pairwise(desk.world.advances)]
    assert sorted(moves)[-3] == 12 * SECOND, "a human is heard within a fifth of a second"


def test_the_drivers_clock_is_virtual_time() -> None:
    """The engine's clock in a simulated run."""
    world = ScriptedWorld(OPEN, random.Random(1))
    clock = DriverClock(world)
    assert clock.now() == OPEN
    world.advance(OPEN + SECOND)
    assert clock.now() == OPEN + SECOND
