"""Alarms go out beside the loop: never in its way, never without end, the second channel where the first is down."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from alpaca_trader.edge.channels import Undelivered, WebhookChannel
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.notify import MOST_TOGETHER, MOST_WAITING, PER_CODE, WINDOW_S, Outbox, OutOfBand
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import Timeouts
from tests.edge.canned import SECRET, Trick, canned_server, reply


class Wall:
    """A channel of the test: takes what ``take`` lets through."""

    def __init__(self, name: str, take: Callable[[str], bool]) -> None:
        self.name = name
        self._take = take
        self.taken: list[str] = []
        self.tried = threading.Semaphore(0)

    def deliver(self, text: str) -> None:
        """Keep it, or refuse."""
        is_taken = self._take(text)
        if is_taken:
            self.taken.append(text)
        self.tried.release()
        if not is_taken:
            raise Undelivered("closed")


@contextmanager
def out_of_band(*channels: Wall | WebhookChannel, pauses_s: tuple[float, ...] = ()) -> Iterator[OutOfBand]:
    """A notifier on the machine's clock; at the end everything has been tried."""
    notifier = OutOfBand(channels, SystemClock(), "alpaca-trader PAPER", pauses_s)
    try:
        yield notifier
    finally:
        notifier.close(20)


def test_a_message_reaches_the_first_channel_alone() -> None:
    """Heading, time, code and text; the second channel is for when the first is down."""
    first, second = Wall("first", lambda _: True), Wall("second", lambda _: True)
    with out_of_band(first, second) as notifier:
        notifier.notify("halted", "daily_loss")
    (text,) = first.taken
    heading, line = text.split("\n")
    assert heading == "alpaca-trader PAPER"
    assert line.endswith("Z halted: daily_loss")
    assert second.taken == []
    assert notifier.health() == {"channels": ["first", "second"], "waiting": 0, "undelivered": 0, "trouble": None}


@pytest.mark.parametrize("answer", [Trick.MUTE, Trick.RESET, reply(500, "no")], ids=["mute", "reset", "500"])
def test_where_the_first_channel_is_down_the_second_is_told(answer: bytes | Trick) -> None:
    """A webhook that times out, breaks off or answers 500 costs nothing but its time, and its trouble is shown."""
    second = Wall("second", lambda _: True)
    with canned_server(answer) as server:
        webhook = WebhookChannel(Secret(server.url), Timeouts(1.0, 0.2))
        with out_of_band(webhook, second) as notifier:
            notifier.notify("halted", "daily_loss")
    assert len(second.taken) == 1
    assert str(notifier.health()["trouble"]).startswith("webhook: ")
    assert notifier.health()["undelivered"] == 0


def test_a_channel_that_breaks_is_one_that_is_down() -> None:
    """Whatever it raises, this alarm takes the next channel, and so does the one after it."""

    def break_down(_: str) -> bool:
        raise ProcessLookupError

    second = Wall("second", lambda _: True)
    with out_of_band(Wall("first", break_down), second) as notifier:
        notifier.notify("halted", "daily_loss")
        assert second.tried.acquire(timeout=20)
        notifier.notify("halted", "drawdown")
    assert len(second.taken) == 2
    assert notifier.health()["trouble"] == "first: ProcessLookupError"


def test_all_channels_down_is_tried_again_and_then_counted() -> None:
    """Three times here, in pauses; after that the message counts as undelivered, and the next one has its own chance."""
    down = Wall("only", lambda text: "second" in text)
    with out_of_band(down, pauses_s=(0.001, 0.001)) as notifier:
        notifier.notify("a", "first")
        for _ in range(3):
            assert down.tried.acquire(timeout=20)
        notifier.notify("a", "second")
    assert [text.split(": ")[-1] for text in down.taken] == ["second"]
    assert notifier.health()["undelivered"] == 1


def test_what_waited_is_told_together() -> None:
    """A backlog is no storm."""
    begin = threading.Event()
    slow = Wall("slow", lambda _: begin.wait(20))
    with out_of_band(slow) as notifier:
        notifier.notify("first", "")
        for number in range(MOST_TOGETHER + 1):
            notifier.notify(f"code{number}", "x")
        begin.set()
    assert sum(len(text.split("\n")) - 1 for text in slow.taken) == MOST_TOGETHER + 2
    assert len(slow.taken) <= 4


def test_a_channel_that_hangs_never_blocks_and_never_grows() -> None:
    """A thousand messages come back at once; a hundred wait, the rest is counted, and the end does not wait for the channel."""
    hold = threading.Event()
    hangs = Wall("hangs", lambda _: hold.wait(20))
    notifier = OutOfBand([hangs], SystemClock(), "heading")
    for number in range(1000):
        notifier.notify(f"code{number}", "x" * 10_000)
    health = notifier.health()
    assert isinstance(health["waiting"], int)
    assert isinstance(health["undelivered"], int)
    assert MOST_WAITING <= health["waiting"] <= MOST_WAITING + MOST_TOGETHER
    assert health["waiting"] + health["undelivered"] == 1000
    notifier.close(0.01)
    hold.set()


def test_an_end_tries_once_more_instead_of_pausing() -> None:
    """A process that ends does not sit out a pause of an hour."""
    answers = iter([False, True])
    late = Wall("late", lambda _: next(answers))
    with out_of_band(late, pauses_s=(3600.0,)) as notifier:
        notifier.notify("stopped", "")
        assert late.tried.acquire(timeout=20)
    assert len(late.taken) == 1


def test_no_channel_is_said_and_costs_nothing() -> None:
    """Nobody is told, and the status page says so; no thread is made."""
    threads = threading.active_count()
    notifier = OutOfBand([], SystemClock(), "heading")
    notifier.notify("halted", "x")
    assert threading.active_count() == threads
    assert notifier.health() == {"channels": [], "waiting": 0, "undelivered": 0, "trouble": None}
    notifier.close(1)


def test_no_message_holds_a_credential_or_a_control_character() -> None:
    """Foreign words are made harmless, short, and hold no piece of a key."""
    wall = Wall("wall", lambda _: True)
    with out_of_band(wall) as notifier:
        notifier.hide(Secret(SECRET))
        notifier.notify("alarm", f"\x1b[31m{SECRET} {SECRET[5:20]}\nnext \ud800 {'y' * 5000}")
    (text,) = wall.taken
    assert SECRET[5:13] not in text
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert len(text) < 700
    text.encode()


def test_one_code_is_told_so_often_and_the_rest_in_one_line() -> None:
    """Another code is another matter; when the window ends, what it held back is told, and counting begins anew."""
    outbox = Outbox()
    for number in range(PER_CODE + 7):
        outbox.put("cash", f"cash {number}", 10.0 + number)
    outbox.put("halt", "halt", 30.0)
    assert outbox.take() == [*(f"cash {number}" for number in range(PER_CODE)), "halt"]
    outbox.turn(9.9 + WINDOW_S)
    assert outbox.take() == []
    outbox.put("cash", "again", 10.0 + WINDOW_S)
    assert outbox.take() == ["cash: 7 more within 10 minutes", "again"]
    outbox.turn(20.0 + 2 * WINDOW_S)
    assert outbox.take() == []


def test_the_oldest_gives_way() -> None:
    """The newest alarms matter most; how many were given up is counted."""
    outbox = Outbox()
    for number in range(MOST_WAITING + 3):
        outbox.put(f"code{number}", str(number), 0.0)
    assert outbox.given_up == 3
    assert outbox.take()[0] == "3"
