"""What a request to the data API asks for: symbols, span, page, feed; and the refusals of contract 4.3 and 4.4."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request

from alpaca_trader.simulator.feeds.view import SIP_DELAY
from alpaca_trader.simulator.market.calendar import new_york_date, new_york_midnight
from alpaca_trader.simulator.rest.bar_series import day_end
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_time, timestamp

MAX_LIMIT: Final = 10_000
_DEFAULT_LIMIT: Final = 1_000
_INSTANT: Final = timedelta(microseconds=1)
_YEARS: Final = range(1900, 2101)
_LONGEST_BAR: Final = timedelta(days=366)
"""A bar of twelve months is stamped up to so long before its first minute; nothing of a page lies earlier."""
HISTORY_FEEDS: Final = ("sip", "iex", "otc", "boats")
LATEST_FEEDS: Final = (*HISTORY_FEEDS, "delayed_sip", "overnight")
_PAID_FEEDS: Final = ("otc", "boats")

Item = dict[str, Any]
Found = Callable[[str, datetime, datetime], Iterator[tuple[datetime, Item]]]


class Refused(Exception):
    """A request answered with an error body (alpaca-contract 4.3, 4.4)."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message} if code is None else {"code": code, "message": message}


@dataclass(frozen=True, slots=True)
class Page:
    """What one page of a history request asks for.

    `resume` is the last symbol and time of the page before, and how many items of that symbol and time it had served.
    """

    symbols: Sequence[str]
    feed: str
    start: datetime
    end: datetime
    limit: int
    descending: bool
    now: datetime
    resume: tuple[str, datetime, int] | None


def page_of(sim: Simulator, request: Request, feeds: Sequence[str] = HISTORY_FEEDS) -> Page:
    """The page a history request asks for. Raises Refused."""
    query = request.query_params
    symbols, feed = symbols_of(request), feed_of(sim, request, feeds)
    check_currency(request)
    is_late = feed == "sip" and sim.switches.data_entitlement == "free"
    newest = sim.now - SIP_DELAY if is_late else sim.now
    start = time_of(query.get("start"), "start", new_york_midnight)
    end = time_of(query.get("end"), "end", day_end)
    if start and end and start > end:
        raise Refused(400, "end should not be before start")
    if is_late and end and end > newest:
        raise _recent_sip()
    return Page(
        symbols=symbols,
        feed=feed,
        start=max(start or new_york_midnight(new_york_date(newest)), sim.market.begins() - _LONGEST_BAR),
        end=min(end or newest, newest),
        limit=limit_of(query.get("limit"), _DEFAULT_LIMIT, MAX_LIMIT),
        descending=is_descending(request, "asc"),
        now=newest,
        resume=_resume(query.get("page_token")),
    )


def paged(name: str, page: Page, found: Found, token: Callable[[str, datetime, Item], str]) -> dict[str, Any]:
    """One page over all symbols: sorted by symbol, then time; the limit counts items of all symbols together."""
    items: dict[str, list[Item]] = {}
    left = page.limit
    last: tuple[str, datetime, Item] | None = None
    count = 0
    resumed, resumed_at, served = page.resume or ("", None, 0)
    for symbol in page.symbols:
        if symbol < resumed:
            continue
        start, end, same = page.start, page.end, 0
        at_before: datetime | None = None
        if symbol == resumed and resumed_at is not None:
            start, end = (start, min(end, resumed_at)) if page.descending else (max(start, resumed_at), end)
        for at, item in found(symbol, start, end):
            at_before, same = at, same + 1 if at == at_before else 1
            if symbol == resumed and at == resumed_at and same <= served:
                continue
            if left == 0 and last:
                return {name: items, "next_page_token": _token(token(*last), count)}
            items.setdefault(symbol, []).append(item)
            left, last, count = left - 1, (symbol, at, item), same
    return {name: items, "next_page_token": None}


def _token(text: str, count: int) -> str:
    """A page token; `count` tells how many of the items that share the last one's instant have been served."""
    return base64.b64encode((text if count == 1 else f"{text}|+{count}").encode()).decode()


def symbols_of(request: Request) -> list[str]:
    """The symbols asked for, sorted, each once; a path names one as it stands."""
    named = request.path_params.get("symbol")
    parts = request.query_params.get("symbols", "").split(",")
    symbols = [named] if named else sorted({part.strip() for part in parts if part.strip()})
    if not symbols:
        raise Refused(400, "symbols parameter is required")
    for symbol in symbols:
        if not re.fullmatch(r"[A-Z][A-Z0-9./]{0,11}", symbol):
            raise Refused(400, f"invalid symbol: {symbol[:100]}")
    return symbols


def feed_of(sim: Simulator, request: Request, allowed: Sequence[str]) -> str:
    """The feed asked for, or the best the plan has."""
    is_free = sim.switches.data_entitlement == "free"
    best = "iex" if is_free and "iex" in allowed else "sip"
    feed = request.query_params.get("feed") or best
    if feed not in allowed:
        raise Refused(400, f"invalid feed: {feed}")
    if is_free and feed in _PAID_FEEDS:
        raise Refused(403, f"subscription does not permit querying {feed.upper()} data")
    return feed


def latest_of(sim: Simulator, request: Request) -> tuple[str, datetime]:
    """The feed, and the instant a latest value is taken at: now, or 15 minutes ago on the delayed feed."""
    check_currency(request)
    feed = feed_of(sim, request, LATEST_FEEDS)
    if feed == "sip" and sim.switches.data_entitlement == "free":
        raise _recent_sip()
    return feed, sim.now - SIP_DELAY if feed == "delayed_sip" else sim.now


def limit_of(text: str | None, default: int, most: int, name: str = "limit") -> int:
    """A count from 1 to `most`."""
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) == 0:
        raise Refused(400, f"invalid {name}: {text[:100]}")
    if int(text) > most:
        raise Refused(400, f"invalid {name}: larger than the allowed maximum of {most}")
    return int(text)


def is_descending(request: Request, default: str) -> bool:
    """Whether `sort` asks for the newest first."""
    sort = request.query_params.get("sort") or default
    if sort not in ("asc", "desc"):
        raise Refused(400, f"invalid sort: {sort[:100]}")
    return sort == "desc"


def check_currency(request: Request) -> None:
    """Prices are dollars; another currency cannot be had here."""
    currency = request.query_params.get("currency") or "USD"
    if currency != "USD":
        raise Refused(400, f"invalid currency: {currency[:100]}")


def time_of(text: str | None, name: str, whole_day: Callable[[date], datetime]) -> datetime | None:
    """A time of the query; a bare date means the whole New York day: from its midnight, or to its last instant."""
    if not text:
        return None
    day = date_of(text, name) if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text, re.ASCII) else None
    moment = whole_day(day) if day else moment_of(text)
    if moment is None:
        raise Refused(400, f"invalid {name}: {text[:100]}")
    return moment


def date_of(text: str | None, name: str) -> date | None:
    """A date of the query."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Refused(400, f"invalid {name}: {text[:100]}") from None
    if day.year not in _YEARS:
        raise Refused(400, f"invalid {name}: {text}")
    return day


def moment_of(text: str) -> datetime | None:
    """A time within the years a market can be asked for; None for anything else."""
    try:
        moment = parse_time(text)
    except OverflowError:
        return None
    return moment if moment and moment.year in _YEARS else None


def asof_of(sim: Simulator, request: Request) -> date | None:
    """The date on which the symbols name their companies; None for no mapping."""
    asof = request.query_params.get("asof")
    if asof == "-":
        return None
    if not asof:
        return new_york_date(sim.now)
    moment = time_of(asof, "asof", new_york_midnight)
    assert moment is not None, "a text is a time or refused"
    return new_york_date(moment)


def nanoseconds(moment: datetime) -> str:
    """RFC 3339 with nine fraction digits, as the broker writes it into page tokens."""
    return f"{timestamp(moment.replace(microsecond=0))[:-1]}.{moment.microsecond:06d}000Z"


def decoded_token(token: str) -> Sequence[str]:
    """The parts of a page token. Raises Refused."""
    try:
        return base64.b64decode(token, validate=True).decode().split("|")
    except (binascii.Error, ValueError):
        raise Refused(400, f"invalid page_token: {token[:100]}") from None


def _resume(token: str | None) -> tuple[str, datetime, int] | None:
    """Where to go on, from `SYM|M|time` for bars or `SYM|time...` for the rest, with `|+n` where n share the time."""
    if not token:
        return None
    parts = decoded_token(token)
    moments = [moment for moment in map(moment_of, parts[1:3]) if moment]
    served = parts[-1][1:] if parts[-1].startswith("+") else "1"
    if not moments or not re.fullmatch(r"\d{1,9}", served, re.ASCII):
        raise Refused(400, f"invalid page_token: {token[:100]}")
    return parts[0], moments[0], int(served)


def _recent_sip() -> Refused:
    return Refused(403, "subscription does not permit querying recent SIP data", 42210000)
