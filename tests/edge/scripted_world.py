"""A small broker that plays a script: its messages reach the feed through one thread a stream, at any real moment."""

import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from queue import SimpleQueue

from alpaca_trader.core.events import Event
from tests.edge.samples import changed

STREAMS = ("trade_updates", "market_data")
Message = Callable[[datetime], Event | None]
"""Makes the event of a message that arrives at that time; None: a message the client can make nothing of."""


class ScriptedWorld:
    """``SimDriver``, and ``received`` of the client side. ``rng`` decides how long its threads dawdle."""

    def __init__(self, now: datetime, rng: random.Random, streams: tuple[str, ...] = STREAMS) -> None:
        self._now = now
        self._script: list[tuple[datetime, int, str, Message]] = []
        self._sent = dict.fromkeys(STREAMS, 0)
        self._received = dict.fromkeys(STREAMS, 0)
        self._connected = dict.fromkeys(STREAMS, 0)
        self._lines: dict[str, SimpleQueue[Message | None]] = {stream: SimpleQueue() for stream in streams}
        self._dawdle = {stream: random.Random(rng.random()) for stream in streams}
        self._threads: list[threading.Thread] = []
        self.advances: list[tuple[datetime, datetime]] = []

    @property
    def now(self) -> datetime:
        """Virtual time."""
        return self._now

    def later(self, at: datetime, stream: str, message: Message) -> None:
        """Send this message when time comes there."""
        self._script.append((at, len(self._script), stream, message))
        self._script.sort(key=lambda line: line[:2])

    def say(self, stream: str, message: Message) -> None:
        """Send this message now, as the answer to a request does."""
        self._sent[stream] += 1
        self._lines[stream].put(message)

    def advance(self, limit: datetime) -> datetime:
        """Play the script up to its first instant with a message, or the limit."""
        due = self._script[0][0] if self._script else limit
        self._now = min(max(due, self._now), limit)
        while self._script and self._script[0][0] <= self._now:
            _, _, stream, message = self._script.pop(0)
            self.say(stream, message)
        self.advances.append((limit, self._now))
        return self._now

    def sent(self) -> Mapping[str, int]:
        """Messages sent by stream."""
        return dict(self._sent)

    def connected(self) -> Mapping[str, int]:
        """Clients by stream."""
        return dict(self._connected)

    def received(self) -> Mapping[str, int]:
        """Messages the client's threads have handed over."""
        return dict(self._received)

    def start(self, put: Callable[[Event], None]) -> None:
        """Connect the streams, each in its own thread."""
        for stream in self._lines:
            self._threads.append(threading.Thread(target=self._listen, args=(stream, put), daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """End the threads."""
        for line in self._lines.values():
            line.put(None)
        for thread in self._threads:
            thread.join()

    def _listen(self, stream: str, put: Callable[[Event], None]) -> None:
        self._waste_time(stream)
        self._connected[stream] = 1
        self._waste_time(stream)
        put(changed("trade_updates" if stream == "trade_updates" else "market_data", True, self._now))
        while (message := self._lines[stream].get()) is not None:
            self._waste_time(stream)
            if (event := message(self._now)) is not None:
                put(event)
            self._waste_time(stream)
            self._received[stream] += 1

    def _waste_time(self, stream: str) -> None:
        """Be late by an amount that differs each time, without asking a clock."""
        for _ in range(int(self._dawdle[stream].expovariate(1 / 300))):
            pass
