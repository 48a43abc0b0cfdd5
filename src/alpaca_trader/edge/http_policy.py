"""How often the broker is asked, and what happens after a failure: budget, silence, and second tries.

Four priorities share the broker's 200 requests a minute (alpaca-contract section 1; the shape of its window is not
known, so no 60 s window of ours ever holds more than ``BURST + 60 * REFILL_PER_S`` = 192 planned requests):

========  ==============================================  ==========================================================
priority  what                                            when the budget is used up
========  ==============================================  ==========================================================
READ      anything that can be read again later           waits up to 2 s, else ``Retryable``
LOOK_UP   what became of one order                        the same, but with more of the budget
ENTRY     an order that adds risk                         ``OrderRefused(POLICY)``: not sent, the next signal will be
PROTECT   stops, exits, replacements, cancels             never held back: it goes into debt, which reads pay off
========  ==============================================  ==========================================================

After a failure the gate is silent for a while: as long as the broker asked (429), a minute for refused keys (safety
F9), 1 to 8 s after three failures in a row, so that an outage does not block the loop in time-outs. All of it is in the
time of the clock handed in. Without a ``sleep`` (virtual time, where nobody would move the clock) nothing waits.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import IntEnum
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from alpaca_trader.core.errors import AuthRefused, OrderRefused, RefusalKind, Retryable
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge.broker_errors import Transient

BURST = 60.0
REFILL_PER_S = 2.2
LONGEST_WAIT_S = 2.0
AUTH_SILENCE = timedelta(seconds=60)
DEFAULT_SILENCE_S = 10.0
LONGEST_SILENCE_S = 300.0
FAILURES_BEFORE_SILENCE = 3
READ_ATTEMPTS = 3
READ_BUDGET = timedelta(seconds=5)

Sleep = Callable[[float], None]
Result = TypeVar("Result")


class Priority(IntEnum):
    """Who yields to whom: the value is the number of tokens that must stay behind for the others."""

    READ = 20
    LOOK_UP = 11
    ENTRY = 10
    PROTECT = 0


class Gate:
    """Decides for one host whether a request may leave now. One thread uses it."""

    def __init__(self, host: str, clock: Clock, sleep: Sleep | None) -> None:
        self._host = host
        self._clock = clock
        self._sleep = sleep
        self._tokens = BURST
        self._counted_at = clock.now()
        self._silent_until: datetime | None = None
        self._auth_refused: tuple[datetime, AuthRefused] | None = None
        self._failures = 0

    def admit(self, priority: Priority) -> None:
        """Return when the request may be sent; otherwise raise, nothing having been sent (see the table above)."""
        now = self._clock.now()
        if self._auth_refused and now < self._auth_refused[0] + AUTH_SILENCE:
            raise AuthRefused(str(self._auth_refused[1]))
        if priority is not Priority.PROTECT:
            if self._silent_until and now < self._silent_until:
                self._turn_away(priority, (self._silent_until - now).total_seconds())
            missing_s = (priority + 1 - self._level(now)) / REFILL_PER_S
            if missing_s > 0:
                self._turn_away(priority, missing_s)
        self._level(self._clock.now())
        self._tokens -= 1

    def _level(self, now: datetime) -> float:
        """Tokens at ``now``; they trickle in and never exceed the burst."""
        elapsed = max(0.0, (now - self._counted_at).total_seconds())
        self._tokens = min(BURST, self._tokens + elapsed * REFILL_PER_S)
        self._counted_at = max(now, self._counted_at)
        return self._tokens

    def _turn_away(self, priority: Priority, wait_s: float) -> None:
        """Wait the moment out where that is possible and short, else raise."""
        if priority is Priority.ENTRY:
            text = f"no request left for an entry at {self._host} for {wait_s:.1f} s"
            raise OrderRefused(RefusalKind.POLICY, 0, None, text)
        if self._sleep is None or wait_s > LONGEST_WAIT_S:
            raise Retryable(f"{self._host} is not asked for another {wait_s:.1f} s")
        self._sleep(wait_s)

    def succeeded(self) -> None:
        """The host answered as it should."""
        self._failures = 0
        self._auth_refused = None

    def failed(self) -> None:
        """No answer, or one that shows the host unwell."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_SILENCE:
            doublings = min(self._failures - FAILURES_BEFORE_SILENCE, 3)
            self._silence(2.0**doublings)

    def limited(self, retry_after: str) -> None:
        """HTTP 429 with this ``Retry-After`` (seconds or a date; may be empty)."""
        self._silence(_seconds_of(retry_after, self._clock.now()))

    def refused_auth(self, error: AuthRefused) -> None:
        """The keys were not accepted."""
        self._auth_refused = (self._clock.now(), error)

    def _silence(self, seconds: float) -> None:
        until = self._clock.now() + timedelta(seconds=seconds)
        self._silent_until = max(until, self._silent_until or until)


def _seconds_of(retry_after: str, now: datetime) -> float:
    """RFC 9110: a number of seconds or an HTTP date; ``DEFAULT_SILENCE_S`` for anything else."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            when = parsedate_to_datetime(retry_after)
        except ValueError:
            return DEFAULT_SILENCE_S
        seconds = ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 1.0), LONGEST_SILENCE_S) if seconds == seconds else DEFAULT_SILENCE_S


def read_again(attempt: Callable[[], Result], what: str, clock: Clock, sleep: Sleep | None) -> Result:
    """``attempt()``, tried up to three times within 5 s where it raises ``Transient``; once where nothing may sleep."""
    if sleep is None:
        return attempt()
    started = clock.now()

    def stop(state: RetryCallState) -> bool:
        return state.attempt_number >= READ_ATTEMPTS or clock.now() - started >= READ_BUDGET

    def wait(state: RetryCallState) -> float:
        # Half to all of 0.5 s, 1 s: spread by a hash of what and when, so that several engines do not march in step.
        spread = hashlib.sha256(f"{what} {clock.now().isoformat()}".encode()).digest()[0] / 255
        return 0.5 * 2.0 ** (state.attempt_number - 1) * (0.5 + 0.5 * spread)

    again = Retrying(sleep=sleep, stop=stop, wait=wait, retry=retry_if_exception_type(Transient), reraise=True)
    return again(attempt)
