"""Portfolio history: the account's equity over time (alpaca-contract 2.4).

A point is labelled with the begin of its window and shows the equity at the window's end, or now while it runs. A day's
point is labelled 20:00 New York time and shows the equity of the session's close, or now while the session runs. Profit and loss are against the close
before the point's day (`per_day`), or against the base value alone (`no_reset`, and always for days).
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from alpaca_trader.simulator.exchange.activities import Activity, NonTradeActivity
from alpaca_trader.simulator.exchange.equity import EquityHistory
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.exchange.venue import SETTLE_DELAY
from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.activities import ACTIVITY_TYPES
from alpaca_trader.simulator.rest.calendar import FIRST_DAY, LAST_DAY
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, choice, csv, day, flag, wrong
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import CENT, MICRO, new_york_time, parse_time

_DAY: Final = timedelta(days=1)
_TIMEFRAMES: Final[Mapping[str, timedelta]] = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    "1H": timedelta(hours=1),
    "1D": _DAY,
}
_PERIOD: Final = re.compile(r"(\d{1,4})([DWMA])", re.ASCII | re.IGNORECASE)
_UNIX: Final = re.compile(r"\d{1,10}", re.ASCII)
_DAYS_IN: Final = {"D": 1, "W": 7, "M": 30, "A": 365}
_MOST_INTRADAY: Final = timedelta(days=30)
_REPORTING: Final = frozenset({"market_hours", "extended_hours", "continuous"})
_LABEL_HOUR: Final = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants: points from `start` to `end`, one every `timeframe`."""

    start: datetime
    end: datetime
    timeframe: str
    reporting: str
    is_reset_daily: bool

    @property
    def step(self) -> timedelta:
        """Length of a window."""
        return _TIMEFRAMES[self.timeframe]


@dataclass(frozen=True, slots=True)
class Window:
    """One point: its label, the instant whose equity it shows, and the New York date it belongs to."""

    label: datetime
    valued_at: datetime
    day: date


def read(call: Call, market: Market, now: datetime) -> Asked:
    """The request, its defaults filled in; raises BrokerError 422 for what cannot be."""
    start, end, period = _instant(call, "start"), _instant(call, "end"), _period(call)
    start = start or _begin_of(day(call, "date_start"))
    end = end or _end_of(day(call, "date_end"))
    if start and end and call.query.get("period"):
        raise BrokerError("excludes", field="period", other="both start and end")
    reporting = choice(call, "intraday_reporting", _REPORTING, "market_hours")
    if reporting == "market_hours" and flag(call, "extended_hours"):
        reporting = "extended_hours"
    is_reset_daily = choice(call, "pnl_reset", {"per_day", "no_reset"}, "per_day") == "per_day"
    if start is None:
        end = min(end, now) if end else _latest(market, now, reporting)
        start = end - _span(period) if reporting == "continuous" else _begin_of(_back(new_york_date(end), period))
    elif end is None:
        end = start + _span(period)
    assert start is not None, "given, or reckoned from the end"
    if start > end:
        raise wrong("start", "must not be after end")
    timeframe = _timeframe(call, _span(period) if period_alone(call) else end - start)
    return Asked(start, min(end, now), timeframe, reporting, is_reset_daily)


def period_alone(call: Call) -> bool:
    """True when the period says how long the span is."""
    return not (_given(call, "start", "date_start") and _given(call, "end", "date_end"))


def _given(call: Call, *names: str) -> bool:
    return any(call.query.get(name) for name in names)


def _instant(call: Call, name: str) -> datetime | None:
    """RFC 3339, a date (midnight UTC), or seconds since the epoch."""
    text = call.query.get(name)
    if not text:
        return None
    found = datetime.fromtimestamp(int(text), UTC) if _UNIX.fullmatch(text) else parse_time(text)
    if found is None or not FIRST_DAY + _DAY <= found.date() <= LAST_DAY - _DAY:
        raise wrong(name, text)
    return found


def _begin_of(first: date | None) -> datetime | None:
    if first is None:
        return None
    return new_york_time(min(max(first, FIRST_DAY + _DAY), LAST_DAY - _DAY), 0)


def _end_of(last: date | None) -> datetime | None:
    if last is None:
        return None
    return new_york_time(min(max(last, FIRST_DAY), LAST_DAY - _DAY) + _DAY, 0) - timedelta(seconds=1)


def _period(call: Call) -> tuple[int, str]:
    text = call.query.get("period") or "1M"
    found = _PERIOD.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise wrong("period", text)
    return int(found[1]), found[2].upper()


def _span(period: tuple[int, str]) -> timedelta:
    return min(timedelta(days=period[0] * _DAYS_IN[period[1]]), LAST_DAY - FIRST_DAY)


def _back(last: date, period: tuple[int, str]) -> date:
    """The first of the days that the period covers when it ends with the day `last`."""
    count, unit = period
    if unit in {"D", "W"}:
        return max(last - min(_span(period), last - FIRST_DAY) + _DAY, FIRST_DAY)
    months = last.year * 12 + last.month - 1 - count * (12 if unit == "A" else 1)
    year, month = divmod(months, 12)
    if year < FIRST_DAY.year:
        return FIRST_DAY
    return date(year, month + 1, min(last.day, calendar.monthrange(year, month + 1)[1])) + _DAY


def _timeframe(call: Call, span: timedelta) -> str:
    text = call.query.get("timeframe")
    if not text:
        return "1Min" if span < timedelta(days=7) else "15Min" if span < _MOST_INTRADAY else "1D"
    named = {name.lower(): name for name in _TIMEFRAMES}
    if text.lower() not in named:
        raise wrong("timeframe", text)
    if named[text.lower()] != "1D" and span > _MOST_INTRADAY:
        raise wrong("timeframe", f"{text}: only 1D is accepted for more than 30 days")
    return named[text.lower()]


def _latest(market: Market, now: datetime, reporting: str) -> datetime:
    """Where the points end when nobody says: now, and before a day's first window on the trading day before."""
    if reporting == "continuous":
        return now
    today = new_york_date(now)
    begun = [
        hours for hours in market.sessions(today - timedelta(days=14), today) if _hours(hours, reporting)[0] <= now
    ]
    return now if not begun or begun[-1].date == today else new_york_time(begun[-1].date, 23, 59)


def _hours(hours: SessionHours, reporting: str) -> tuple[datetime, datetime]:
    return (hours.open, hours.close) if reporting == "market_hours" else (hours.pre_open, hours.post_close)


def windows(asked: Asked, market: Market, now: datetime, opened: datetime) -> Iterator[Window]:
    """The points asked for, none before the account was opened, none that begins after now."""
    start = max(asked.start, opened)
    if asked.reporting == "continuous" and asked.timeframe != "1D":
        label = start - (start - datetime(1970, 1, 1, tzinfo=UTC)) % asked.step
        while label <= asked.end:
            yield Window(label, min(label + asked.step, now), new_york_date(label))
            label += asked.step
        return
    first, last = new_york_date(start), new_york_date(asked.end)
    for hours in market.sessions(first, last) if first <= last else ():
        if asked.timeframe == "1D":
            label = new_york_time(hours.date, _LABEL_HOUR)
            if hours.open <= now:
                yield Window(label, min(hours.close + SETTLE_DELAY, now), hours.date)
            continue
        label, close = _hours(hours, asked.reporting)
        while label <= min(close, asked.end):
            if label + asked.step > start:
                yield Window(label, min(label + asked.step, close, now), hours.date)
            label += asked.step


def body(asked: Asked, points: Sequence[Window], past: EquityHistory, opened: datetime) -> dict[str, Any]:
    """The PortfolioHistory object, without cash flows: numbers, dollars in cents, fractions in millionths."""
    equities = [past.equity(point.valued_at).quantize(CENT) for point in points]
    bases: dict[date, tuple[date | None, Decimal]] = {}
    for point, equity in zip(points, equities, strict=True):
        if point.day not in bases:
            bases[point.day] = _base(past, point.day, opened, equity)
    asof, base = bases[points[0].day] if points else (None, None)
    is_reset = asked.is_reset_daily and asked.timeframe != "1D"
    against = [bases[point.day][1] if is_reset else base or ZERO for point in points]
    gains = [equity - basis for equity, basis in zip(equities, against, strict=True)]
    found: dict[str, Any] = {
        "timestamp": [int(point.label.timestamp()) for point in points],
        "equity": [float(equity) for equity in equities],
        "profit_loss": [float(gain) for gain in gains],
        "profit_loss_pct": [
            float((gain / basis).quantize(MICRO)) if basis else 0.0 for gain, basis in zip(gains, against, strict=True)
        ],
        "base_value": None if base is None else float(base),
        "timeframe": asked.timeframe,
    }
    if asof is not None:
        found["base_value_asof"] = asof.isoformat()
    return found


def _base(past: EquityHistory, of: date, opened: datetime, equity: Decimal) -> tuple[date | None, Decimal]:
    """The close before a day and its equity; for a young account the first point itself, without a date."""
    before = past.close_before(of)
    if before is None or before[0].close < opened:
        return None, equity
    return before[0].date, before[1].quantize(CENT)


def cashflow(
    kinds: set[str], points: Sequence[Window], start: datetime, activities: Sequence[Activity]
) -> dict[str, list[float]]:
    """Dollars moved in each window by activity type; `kinds` empty stands for every type that occurred."""
    ends = [point.valued_at for point in points]
    sums: dict[str, list[Decimal]] = {kind: [ZERO] * len(points) for kind in sorted(kinds)}
    for activity in activities:
        if not isinstance(activity, NonTradeActivity) or (kinds and activity.type not in kinds):
            continue
        index = bisect_left(ends, activity.at)
        if activity.at >= start and index < len(ends):
            sums.setdefault(activity.type, [ZERO] * len(points))[index] += activity.net_amount
    return {kind: [float(amount) for amount in amounts] for kind, amounts in sums.items()}


def _history(sim: Simulator, call: Call) -> Answer:
    asked = read(call, sim.market, sim.now)
    kinds = csv(call.query.get("cashflow_types"))
    if unknown := kinds - ACTIVITY_TYPES - {"ALL", "NONE"}:
        raise wrong("cashflow_types", min(unknown))
    desk = call.desk
    opened = bodies.account_created(desk.opened_at)
    points = list(windows(asked, sim.market, sim.now, opened))
    found = body(asked, points, EquityHistory(sim.market, desk.exchange.ledger()), opened)
    if sim.switches.history_nulls:
        _blank(found, desk.opened_at)
    if kinds - {"NONE"}:
        wanted = set() if "ALL" in kinds else kinds - {"NONE"}
        found["cashflow"] = cashflow(wanted, points, asked.start, desk.exchange.activities())
    return 200, found


def _blank(found: dict[str, Any], opened_at: datetime) -> None:
    """Put nulls where the account had not traded yet, as the broker does now and then."""
    for index, label in enumerate(found["timestamp"]):
        if label < opened_at.timestamp():
            for name in ("equity", "profit_loss", "profit_loss_pct"):
                found[name][index] = None


TABLE: Final[Sequence[Entry]] = (("GET", "/v2/account/portfolio/history", _history),)
