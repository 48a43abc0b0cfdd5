"""Clock and calendar as the trading API shows them: New York times (alpaca-contract 2.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from alpaca_trader.simulator.market.calendar import NEW_YORK, SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, as_bad_request, choice, day
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import new_york

FIRST_DAY: Final = date(1971, 1, 1)
LAST_DAY: Final = date(2029, 12, 31)
"""The days the calendar knows; the broker's list goes from 1970 to 2029."""
_AHEAD: Final = timedelta(days=14)


def clock_body(market: Market, now: datetime) -> dict[str, Any]:
    """The Clock object. While open, `next_open` is the next session's; while closed, both belong to the next session."""
    day = new_york_date(now)
    sessions = market.sessions(day, day + _AHEAD)
    next_open = next(session.open for session in sessions if session.open > now)
    running = next(session for session in sessions if session.close > now)
    return {
        "timestamp": new_york(now),
        "is_open": running.open <= now,
        "next_open": new_york(next_open),
        "next_close": new_york(running.close),
    }


def calendar_body(
    market: Market, first: date, last: date, *, by_settlement: bool = False
) -> Sequence[Mapping[str, str]]:
    """Trading days whose date (or, `by_settlement`, whose settlement date) lies in first..last; settlement is T+1."""
    first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
    if first > last:
        return []
    sessions: Sequence[SessionHours] = market.sessions(
        max(first - _AHEAD, FIRST_DAY) if by_settlement else first, min(last + _AHEAD, LAST_DAY)
    )
    days: list[Mapping[str, str]] = []
    for index, session in enumerate(sessions):
        settled = sessions[index + 1].date if index + 1 < len(sessions) else session.date
        if first <= (settled if by_settlement else session.date) <= last:
            days.append(_day_body(session, settled))
    return days


@lru_cache(maxsize=16_384)
def _day_body(session: SessionHours, settled: date) -> Mapping[str, str]:
    """One trading day. Remembered: whoever gives no bounds asks for every day since 1971."""
    return {
        "date": session.date.isoformat(),
        "open": _wall(session.open),
        "close": _wall(session.close),
        "session_open": "0400",
        "session_close": "1700" if session.is_half_day else "2000",
        "settlement_date": settled.isoformat(),
    }


def _wall(moment: datetime) -> str:
    local = moment.astimezone(NEW_YORK)
    return f"{local.hour:02}:{local.minute:02}"


def _clock(sim: Simulator, _call: Call) -> Answer:
    return 200, clock_body(sim.market, sim.shown_now)


def _calendar(sim: Simulator, call: Call) -> Answer:
    with as_bad_request():
        by_settlement = choice(call, "date_type", {"trading", "settlement"}, "trading") == "settlement"
        first, last = day(call, "start") or FIRST_DAY, day(call, "end") or LAST_DAY
    return 200, calendar_body(sim.market, first, last, by_settlement=by_settlement)


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/clock", _clock),
    ("GET", "/v2/calendar", _calendar),
)
