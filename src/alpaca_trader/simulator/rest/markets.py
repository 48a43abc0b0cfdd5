"""The newer clock and calendar, market by market: `/v3/clock` and `/v3/calendar/{market}` (alpaca-contract 2.9).

All markets served trade US equities and keep New York's hours; another market of the broker's list is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.market.calendar import NEW_YORK, SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.rest.calendar import FIRST_DAY, LAST_DAY
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, as_bad_request, choice, csv, day, moment
from alpaca_trader.simulator.simulator import Simulator

_MARKETS: Final = (
    ("NYSE", "New York Stock Exchange", "XNYS"),
    ("NASDAQ", "National Association of Securities Dealers Automated Quotations", "XNAS"),
    ("IEX", "Investors Exchange", "IEXG"),
    ("OTC", "OTC Markets", "OTCM"),
)
_BY_CODE: Final[Mapping[str, Mapping[str, str]]] = {
    code: {"acronym": acronym, "name": name, "timezone": "America/New_York", "mic": mic}
    for acronym, name, mic in _MARKETS
    for code in (acronym, mic)
}
_AHEAD: Final = timedelta(days=14)
_WEEK: Final = timedelta(days=7)
_FIRST: Final = datetime.combine(FIRST_DAY, time(12), UTC)
_LAST: Final = datetime.combine(LAST_DAY - _AHEAD, time(12), UTC)


def clock_body(market: Market, name: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """One market's clock; `now` lies within the calendar, two weeks before its end."""
    today = new_york_date(now)
    sessions = market.sessions(today, today + _AHEAD)
    phase, until = _phase(sessions, now)
    return {
        "market": name,
        "timestamp": _written(now, NEW_YORK),
        "is_market_day": sessions[0].date == today,
        "next_market_open": _written(next(hours.open for hours in sessions if hours.open > now), NEW_YORK),
        "next_market_close": _written(next(hours.close for hours in sessions if hours.close > now), NEW_YORK),
        "phase": phase,
        "phase_until": _written(until, NEW_YORK),
    }


def _phase(sessions: Sequence[SessionHours], now: datetime) -> tuple[str, datetime]:
    """The phase at `now` and its end; each phase begins where the one before it ends."""
    hours = next(found for found in sessions if found.post_close > now)
    ends = (("closed", hours.pre_open), ("pre", hours.open), ("core", hours.close), ("post", hours.post_close))
    return next((phase, end) for phase, end in ends if now < end)


def day_body(hours: SessionHours, settled: SessionHours, zone: tzinfo) -> dict[str, str]:
    """One trading day, its times in `zone`; it settles on the session `settled`."""
    return {
        "date": hours.date.isoformat(),
        "settlement_date": settled.date.isoformat(),
        "pre_start": _written(hours.pre_open, zone),
        "pre_end": _written(hours.open, zone),
        "core_start": _written(hours.open, zone),
        "core_end": _written(hours.close, zone),
        "post_start": _written(hours.close, zone),
        "post_end": _written(hours.post_close, zone),
    }


def _written(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat()


def _market(code: str) -> Mapping[str, str]:
    found = _BY_CODE.get(code.upper())
    if found is None:
        raise BrokerError("invalid_parameter", field="market", value=f"{code[:16]} is not served here")
    return found


def _clock(sim: Simulator, call: Call) -> Answer:
    with as_bad_request():
        now = moment(call, "time") or sim.shown_now
        codes = csv(call.query.get("markets")) or {acronym for acronym, _, _ in _MARKETS}
        # In the order of our own list, each market once, however it was named.
        asked = {_market(code)["acronym"] for code in codes}
        if not _FIRST <= now <= _LAST:
            raise BrokerError("invalid_parameter", field="time", value=call.query["time"])
    names = [_BY_CODE[acronym] for acronym, _, _ in _MARKETS if acronym in asked]
    return 200, {"clocks": [clock_body(sim.market, name, now) for name in names]}


def _calendar(sim: Simulator, call: Call) -> Answer:
    with as_bad_request():
        name = _market(call.path["market"])
        first = max(day(call, "start") or new_york_date(sim.now), FIRST_DAY)
        last = min(day(call, "end") or min(first, LAST_DAY) + _WEEK, LAST_DAY)
        zone = UTC if choice(call, "timezone", {"utc"}, "") else NEW_YORK
    days: list[dict[str, str]] = []
    if first <= last:
        sessions = sim.market.sessions(first, min(last + _AHEAD, LAST_DAY))
        pairs = zip(sessions, [*sessions[1:], *sessions[-1:]], strict=True)
        days = [day_body(hours, settled, zone) for hours, settled in pairs if hours.date <= last]
    return 200, {"market": name, "calendar": days}


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v3/clock", _clock),
    ("GET", "/v3/calendar/{market}", _calendar),
)
