"""Tells a human, out of band (safety rule 9, F54): in a thread of its own, bounded in everything, never in the loop's way.

``Outbox`` decides what waits and what is too much; ``OutOfBand`` delivers it: the first channel that takes a message has
it; where none does, all are tried again after a while.
"""

import threading
from collections import Counter, deque
from collections.abc import Sequence

from alpaca_trader.edge.broker_errors import tame
from alpaca_trader.edge.channels import Channel, Undelivered
from alpaca_trader.edge.live_feed import LiveClock
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.secret import Secret

PER_CODE = 5
"""Messages of one code within ``WINDOW_S``; what is beyond is counted and told of when it ends."""
WINDOW_S = 600.0
MOST_WAITING = 100
MOST_TOGETHER = 20
LINE_LENGTH = 500
PAUSES_S = (5.0, 15.0, 30.0, *(60.0,) * 30)
"""Between attempts at one message: about half an hour, then it counts as undelivered."""


class Outbox:
    """Messages waiting, the oldest first; when there is no room for another the oldest is given up."""

    def __init__(self) -> None:
        self.given_up = 0
        """Messages that will reach nobody."""
        self._waiting: deque[str] = deque()
        self._counted: Counter[str] = Counter()
        self._window_s: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, code: str, line: str, now_s: float) -> None:
        """Take a message, unless ``code`` has been told often enough for now."""
        self.turn(now_s)
        if self._window_s is None:
            self._window_s = now_s
        self._counted[code] += 1
        if self._counted[code] <= PER_CODE:
            self._add(line)

    def turn(self, now_s: float) -> None:
        """When the window has ended, tell what it held back."""
        if self._window_s is None or now_s < self._window_s + WINDOW_S:
            return
        for code, count in self._counted.items():
            if count > PER_CODE:
                self._add(f"{code}: {count - PER_CODE} more within {WINDOW_S / 60:.0f} minutes")
        self._counted.clear()
        self._window_s = None

    def take(self) -> list[str]:
        """The oldest messages, as many as are told together."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]

    def _add(self, line: str) -> None:
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            self.given_up += 1
        self._waiting.append(line)


class OutOfBand:
    """Implements ``core.ports.Notifier``. Without a channel it takes everything and tells nobody, and ``health`` says so."""

    def __init__(
        self, channels: Sequence[Channel], clock: LiveClock, heading: str, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        """``heading`` stands above every message: whose it is."""
        self._channels = channels
        self._clock = clock
        self._heading = heading
        self._pauses_s = pauses_s
        self._redactor = Redactor()
        self._outbox = Outbox()
        self._in_hand = 0
        self._trouble: str | None = None
        self._is_ending = False
        # Its lock is re-entrant: a signal handler may tell something while its own thread does.
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
        if channels:
            self._thread.start()

    def hide(self, secret: Secret) -> None:
        """From now on no message holds this credential or a piece of it."""
        self._redactor.register(secret)

    def notify(self, code: str, text: str) -> None:
        """Hand the message over; from any thread. Returns at once and never raises."""
        line = f"{self._clock.now():%Y-%m-%d %H:%M:%S}Z {code}: {tame(self._redactor.hide(text), LINE_LENGTH)}"
        with self._changed:
            if self._channels:
                self._outbox.put(code, line, self._clock.monotonic())
                self._changed.notify()

    def health(self) -> dict[str, object]:
        """For ``status.json``: the channels, what waits, what reached nobody, and the last trouble of a channel."""
        with self._changed:
            return {
                "channels": [channel.name for channel in self._channels],
                "waiting": len(self._outbox) + self._in_hand,
                "undelivered": self._outbox.given_up,
                "trouble": self._trouble,
            }

    def close(self, within_s: float) -> None:
        """Try once more to deliver what waits, for ``within_s`` real seconds at most, and end."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        if self._channels:
            self._thread.join(within_s)

    def _run(self) -> None:
        while (lines := self._next()) is not None:
            is_delivered = self._deliver("\n".join([self._heading, *lines]))
            with self._changed:
                self._outbox.given_up += 0 if is_delivered else len(lines)
                self._in_hand = 0

    def _next(self) -> list[str] | None:
        with self._changed:
            while not len(self._outbox):
                if self._is_ending:
                    return None
                self._clock.wait(self._changed, WINDOW_S)
                self._outbox.turn(self._clock.monotonic())
            lines = self._outbox.take()
            self._in_hand = len(lines)
            return lines

    def _deliver(self, text: str) -> bool:
        for pause_s in self._pauses_s:
            if self._attempt(text):
                return True
            if self._is_over(pause_s):
                break
        return self._attempt(text)

    def _is_over(self, pause_s: float) -> bool:
        """Let ``pause_s`` pass, unless everything is to end."""
        ends_s = self._clock.monotonic() + pause_s
        with self._changed:
            while not self._is_ending and (left_s := ends_s - self._clock.monotonic()) > 0:
                self._clock.wait(self._changed, left_s)
            return self._is_ending

    def _attempt(self, text: str) -> bool:
        for channel in self._channels:
            try:
                channel.deliver(text)
            except Undelivered as failure:
                self._trouble = f"{channel.name}: {failure}"
            except Exception as failure:  # noqa: BLE001 - whatever it is, the next alarms must still be told
                self._trouble = f"{channel.name}: {type(failure).__name__}"
            else:
                return True
        return False
