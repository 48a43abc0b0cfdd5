"""Clock and calendar as the trading API shows them: New York times (alpaca-contract 2.9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from alpaca_trader.simulator.market.calendar import NEW_YORK, SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market
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


def calendar_body(market: Market, first: date, last: date) -> list[dict[str, str]]:
    """Trading days with first <= date <= last; trades settle on the next trading day (T+1)."""
    first, last = max(first, FIRST_DAY), min(last, LAST_DAY)
    sessions: Sequence[SessionHours] = market.sessions(first, min(last + _AHEAD, LAST_DAY)) if first <= last else ()
    days: list[dict[str, str]] = []
    for index, session in enumerate(sessions):
        if session.date > last:
            break
        following = sessions[index + 1].date if index + 1 < len(sessions) else session.date
        days.append(
            {
                "date": session.date.isoformat(),
                "open": _wall(session.open, "%H:%M"),
                "close": _wall(session.close, "%H:%M"),
                "session_open": "0400",
                "session_close": "1700" if session.is_half_day else "2000",
                "settlement_date": following.isoformat(),
            }
        )
    return days


def _wall(moment: datetime, form: str) -> str:
    return moment.astimezone(NEW_YORK).strftime(form)
