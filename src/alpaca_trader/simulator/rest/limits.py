"""How many requests a minute an account may make: 200, trading and data counted apart; data on the paid plan: 10,000 (alpaca-contract section 1).

The shape of the broker's window is unverified, so it is a switch: `fixed` counts by the minute of the clock, `rolling`
over the last sixty seconds. A refused request does not count. Minutes are those of virtual time.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timedelta
from typing import Final

from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.wire import minute_floor

DATA: Final = "data"
"""The data host, as callers name it."""
_PAID_TIMES: Final = 50
_WINDOW: Final = timedelta(minutes=1)

Headers = list[tuple[bytes, bytes]]


class RateLimits:
    """Counts per account and host, which are told apart by `who`."""

    def __init__(self, switches: Switches) -> None:
        self._limit = switches.rate_limit
        self._is_paid = switches.data_entitlement == "paid"
        self._is_rolling = switches.rate_window == "rolling"
        self._admitted: dict[tuple[int, str], deque[datetime]] = {}

    def admit(self, who: tuple[int, str], now: datetime) -> tuple[bool, Headers]:
        """Whether a request at `now` is within the limit, and the headers that say how much is left and when that changes."""
        limit = self._limit
        if limit is None:
            return True, []
        if self._is_paid and who[1] == DATA:
            limit *= _PAID_TIMES
        times = self._admitted.setdefault(who, deque())
        begin = now - _WINDOW if self._is_rolling else minute_floor(now) - timedelta(microseconds=1)
        while times and times[0] <= begin:
            times.popleft()
        is_within = len(times) < limit
        if is_within:
            times.append(now)
        changes = (times[0] if self._is_rolling and times else minute_floor(now)) + _WINDOW
        return is_within, [
            (b"x-ratelimit-limit", b"%d" % limit),
            (b"x-ratelimit-remaining", b"%d" % (limit - len(times))),
            (b"x-ratelimit-reset", b"%d" % math.ceil(changes.timestamp())),
        ]
