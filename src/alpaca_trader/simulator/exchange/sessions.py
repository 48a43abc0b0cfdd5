"""The hours of the broker: phases of a trading day, the crosses at its ends, and when an order of each kind is over."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, Literal

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.wire import new_york_time

Phase = Literal["closed", "pre", "regular", "post"]

OPENING_CUTOFF: Final = timedelta(minutes=2)
"""Before the open (09:28): later orders are not part of the opening cross (alpaca-contract 3.5)."""
CLOSING_CUTOFF: Final = timedelta(minutes=10)
"""Before the close (15:50): later `cls` orders are refused."""
OPENING_REST: Final = timedelta(seconds=52)
"""After the open: when what the opening cross left of `opg` orders ends (paper: seen around 09:30:52)."""
CLOSING_REST: Final = timedelta(minutes=2)
"""After the close: when what the closing cross left of `cls` orders ends (paper: seen around 16:02)."""
GTC_DAYS: Final = 90
_AUCTION_ORDERS_AGAIN: Final = 19
_GTC_JOB: Final = (16, 15)
_SEARCH: Final = timedelta(days=14)


def phase_of(hours: SessionHours, moment: datetime) -> Phase:
    """The phase of a trading day that contains `moment`; each begins where the one before ends."""
    if hours.open <= moment < hours.close:
        return "regular"
    if hours.pre_open <= moment < hours.open:
        return "pre"
    return "post" if hours.close <= moment < hours.post_close else "closed"


def next_session(market: Market, moment: datetime, *, extended: bool = False) -> SessionHours:
    """The first session that is not over at `moment`: its regular hours, or its after-hours where `extended`.

    Raises ValueError when the market has none within two weeks.
    """
    day = new_york_date(moment)
    for hours in market.sessions(day, day + _SEARCH):
        if (hours.post_close if extended else hours.close) > moment:
            return hours
    raise ValueError(f"the market has no session within {_SEARCH.days} days after {moment.isoformat()}")


def session_after(market: Market, day: date) -> SessionHours:
    """The first session after New York date `day`; trades of `day` settle then (T+1)."""
    return market.sessions(day + timedelta(days=1), day + _SEARCH)[0]


def takes_auction_orders(market: Market, moment: datetime, cross: Literal["open", "close"]) -> bool:
    """Whether an `opg` or `cls` order may be sent now: not between the cross's cutoff and 19:00 of a trading day."""
    day = new_york_date(moment)
    hours = market.session(day)
    if hours is None:
        return True
    cutoff = hours.open - OPENING_CUTOFF if cross == "open" else hours.close - CLOSING_CUTOFF
    return not cutoff <= moment < new_york_time(day, _AUCTION_ORDERS_AGAIN)


def expiry(market: Market, moment: datetime, tif: str, *, extended: bool) -> datetime:
    """`expires_at` of an order sent at `moment` (alpaca-contract 3.5).

    DAY and closing-cross orders: the regular close of their session, 20:00 for extended hours; opening-cross orders: the
    open; GTC: 16:00 New York time on the 90th day.
    """
    if tif == "gtc":
        return new_york_time(new_york_date(moment) + timedelta(days=GTC_DAYS), 16)
    if tif == "opg":
        day = new_york_date(moment)
        return next(hours.open for hours in market.sessions(day, day + _SEARCH) if hours.open > moment)
    hours = next_session(market, moment, extended=extended)
    return hours.post_close if extended else hours.close


def gtc_job(expires_at: datetime) -> datetime:
    """When the broker's daily job cancels a GTC order that ends on this day."""
    return new_york_time(new_york_date(expires_at), *_GTC_JOB)
