"""The market-data REST API: bars, quotes, trades, latest values and snapshots as they stand at virtual `now`.

Only what has happened is visible: a minute bar once its minute is over, a quote or trade once its instant has come.
Volumes are the market's own whatever feed is asked for; the feed decides only what one is entitled to.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alpaca_trader.simulator.market.calendar import new_york_date, new_york_midnight
from alpaca_trader.simulator.market.model import Market, MarketQuote
from alpaca_trader.simulator.rest.bar_series import (
    bars_between,
    day_end,
    latest_days,
    latest_minute,
    parse_timeframe,
    ticks_between,
)
from alpaca_trader.simulator.rest.data_wire import bar_json, quote_json, tape_of, trade_json
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_time, timestamp

_MAX_LIMIT = 10_000
_DEFAULT_LIMIT = 1_000
_SIP_DELAY = timedelta(minutes=15)
_INSTANT = timedelta(microseconds=1)
_YEARS = range(1900, 2101)
_HISTORY_FEEDS = ("sip", "iex", "otc", "boats")
_LATEST_FEEDS = (*_HISTORY_FEEDS, "delayed_sip", "overnight")
_ADJUSTMENTS = ("raw", "split", "dividend", "spin-off", "all")


class _Refused(Exception):
    """A request answered with an error body (alpaca-contract 4.3, 4.4)."""

    def __init__(self, status: int, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message} if code is None else {"code": code, "message": message}


@dataclass(frozen=True, slots=True)
class _Page:
    """What one page of a history request asks for; `resume` is the last (symbol, time) of the page before."""

    symbols: Sequence[str]
    start: datetime
    end: datetime
    limit: int
    descending: bool
    now: datetime
    resume: tuple[str, datetime] | None


def routes(sim: Simulator) -> list[BaseRoute]:
    """The data API's routes, all GET, without authentication (the server's business)."""
    doors: Mapping[str, Callable[[Simulator, Request], Mapping[str, Any]]] = {
        "/v2/stocks/bars": _bars,
        "/v2/stocks/quotes": _quotes,
        "/v2/stocks/trades": _trades,
        "/v2/stocks/bars/latest": _latest_bars,
        "/v2/stocks/quotes/latest": _latest_quotes,
        "/v2/stocks/trades/latest": _latest_trades,
        "/v2/stocks/snapshots": _snapshots,
        "/v2/stocks/{symbol}/bars": _single(_bars, "bars"),
        "/v2/stocks/{symbol}/quotes": _single(_quotes, "quotes"),
        "/v2/stocks/{symbol}/trades": _single(_trades, "trades"),
        "/v2/stocks/{symbol}/bars/latest": _single_latest(_latest_bars, "bar"),
        "/v2/stocks/{symbol}/quotes/latest": _single_latest(_latest_quotes, "quote"),
        "/v2/stocks/{symbol}/trades/latest": _single_latest(_latest_trades, "trade"),
        "/v2/stocks/{symbol}/snapshot": _single_snapshot,
        "/v1beta1/news": lambda _sim, _request: {"news": [], "next_page_token": None},
        "/v1/corporate-actions": lambda _sim, _request: {"corporate_actions": {}, "next_page_token": None},
    }
    return [Route(path, _answering(sim, door), methods=["GET"]) for path, door in doors.items()]


def _answering(
    sim: Simulator, door: Callable[[Simulator, Request], Mapping[str, Any]]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            status, body = 200, door(sim, request)
        except _Refused as refused:
            status, body = refused.status, refused.body
        return Response(orjson.dumps(body), status, media_type="application/json")

    return answer


# ------------------------------------------------------------------ history


def _bars(sim: Simulator, request: Request) -> Mapping[str, Any]:
    text = request.query_params.get("timeframe", "")
    timeframe = parse_timeframe(text)
    if timeframe is None:
        raise _Refused(400, f"invalid timeframe: {text}")
    adjustments = request.query_params.get("adjustment", "raw").split(",")
    if any(name not in _ADJUSTMENTS for name in adjustments):
        raise _Refused(400, f"invalid adjustment: {request.query_params['adjustment']}")
    _check_asof(request)
    page = _page(sim, request)

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        series = bars_between(sim.market, symbol, timeframe, start, end, now=page.now, descending=page.descending)
        return ((bar.start, bar_json(bar)) for bar in series)

    return _paged("bars", page, found, lambda symbol, at, _item: f"{symbol}|{timeframe.unit}|{_nanoseconds(at)}")


def _quotes(sim: Simulator, request: Request) -> Mapping[str, Any]:
    page, tapes = _page(sim, request), _tapes(sim)

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        for tick in ticks_between(sim.market, symbol, start, end, descending=page.descending):
            if isinstance(tick, MarketQuote):
                yield tick.at, quote_json(tick, tapes[symbol])

    return _paged("quotes", page, found, lambda symbol, at, _item: f"{symbol}|{_nanoseconds(at)}")


def _trades(sim: Simulator, request: Request) -> Mapping[str, Any]:
    page, tapes = _page(sim, request), _tapes(sim)

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, dict[str, Any]]]:
        for tick in ticks_between(sim.market, symbol, start, end, descending=page.descending):
            # A print of size 0 only carries a price into the exchange; the tape proper has no such thing.
            if not isinstance(tick, MarketQuote) and tick.size:
                yield tick.at, trade_json(tick, tapes[symbol])

    return _paged(
        "trades", page, found, lambda symbol, at, item: f"{symbol}|{_nanoseconds(at)}|{item['x']}|{item['i']}"
    )


def _paged(
    name: str,
    page: _Page,
    found: Callable[[str, datetime, datetime], Iterator[tuple[datetime, dict[str, Any]]]],
    token: Callable[[str, datetime, dict[str, Any]], str],
) -> Mapping[str, Any]:
    """One page over all symbols: sorted by symbol, then time; the limit counts items of all symbols together."""
    items: dict[str, list[dict[str, Any]]] = {}
    left = page.limit
    last: tuple[str, datetime, dict[str, Any]] | None = None
    for symbol in page.symbols:
        start, end = page.start, page.end
        if page.resume and symbol < page.resume[0]:
            continue
        if page.resume and symbol == page.resume[0]:
            start = start if page.descending else max(start, page.resume[1] + _INSTANT)
            end = min(end, page.resume[1] - _INSTANT) if page.descending else end
        for at, item in found(symbol, start, end):
            if left == 0 and last:
                return {name: items, "next_page_token": base64.b64encode(token(*last).encode()).decode()}
            items.setdefault(symbol, []).append(item)
            left, last = left - 1, (symbol, at, item)
    return {name: items, "next_page_token": None}


# ------------------------------------------------------------------ latest


def _latest_bars(sim: Simulator, request: Request) -> Mapping[str, Any]:
    at = _latest_at(sim, request)
    found = ((symbol, latest_minute(sim.market, symbol, at)) for symbol in _symbols(request))
    return {"bars": {symbol: bar_json(bar) for symbol, bar in found if bar}}


def _latest_quotes(sim: Simulator, request: Request) -> Mapping[str, Any]:
    at, tapes = _latest_at(sim, request), _tapes(sim)
    found = ((symbol, _latest_quote(sim.market, symbol, at)) for symbol in _symbols(request))
    return {"quotes": {symbol: quote_json(quote, tapes[symbol]) for symbol, quote in found if quote}}


def _latest_trades(sim: Simulator, request: Request) -> Mapping[str, Any]:
    at, tapes = _latest_at(sim, request), _tapes(sim)
    found = ((symbol, sim.market.last_trade(symbol, at)) for symbol in _symbols(request))
    return {"trades": {symbol: trade_json(trade, tapes[symbol]) for symbol, trade in found if trade}}


def _snapshots(sim: Simulator, request: Request) -> Mapping[str, Any]:
    at, tapes = _latest_at(sim, request), _tapes(sim)
    found = ((symbol, _snapshot(sim.market, symbol, at, tapes.get(symbol, "C"))) for symbol in _symbols(request))
    return {symbol: snapshot for symbol, snapshot in found if snapshot}


def _snapshot(market: Market, symbol: str, at: datetime, tape: str) -> dict[str, Any] | None:
    minute = latest_minute(market, symbol, at)
    trade, quote = market.last_trade(symbol, at), _latest_quote(market, symbol, at)
    days = [bar_json(bar) for bar in latest_days(market, symbol, at, 2)]
    if minute is None and trade is None:
        return None
    return {
        "latestTrade": trade_json(trade, tape) if trade else None,
        "latestQuote": quote_json(quote, tape) if quote else None,
        "minuteBar": bar_json(minute) if minute else None,
        "dailyBar": days[0] if days else None,
        "prevDailyBar": days[1] if len(days) > 1 else None,
    }


def _latest_quote(market: Market, symbol: str, at: datetime) -> MarketQuote | None:
    """The quote standing now, or outside the session the one that stood when the last session closed (a week back)."""
    today = new_york_date(at)
    for hours in reversed(market.sessions(today - timedelta(days=7), today)):
        if hours.open <= at:
            quote = market.quote(symbol, min(at, hours.close))
            if quote is not None:
                return quote
    return None


def _single(door: Callable[[Simulator, Request], Mapping[str, Any]], name: str) -> Callable[..., Mapping[str, Any]]:
    """The same answer for the one symbol in the path: a list instead of a map."""

    def answer(sim: Simulator, request: Request) -> Mapping[str, Any]:
        found = door(sim, request)
        symbol = request.path_params["symbol"]
        return {"symbol": symbol, name: found[name].get(symbol, []), "next_page_token": found["next_page_token"]}

    return answer


def _single_latest(
    door: Callable[[Simulator, Request], Mapping[str, Any]], name: str
) -> Callable[[Simulator, Request], Mapping[str, Any]]:
    def answer(sim: Simulator, request: Request) -> Mapping[str, Any]:
        symbol = request.path_params["symbol"]
        found = door(sim, request)[f"{name}s"].get(symbol)
        if found is None:
            raise _Refused(404, f"no {name} found for {symbol}")
        return {"symbol": symbol, name: found}

    return answer


def _single_snapshot(sim: Simulator, request: Request) -> Mapping[str, Any]:
    symbol = request.path_params["symbol"]
    found = _snapshots(sim, request).get(symbol)
    if found is None:
        raise _Refused(404, f"no snapshot found for {symbol}")
    return {"symbol": symbol, **found}


# ------------------------------------------------------------------ parameters


def _symbols(request: Request) -> list[str]:
    text = request.path_params.get("symbol") or request.query_params.get("symbols", "")
    symbols = sorted({part.strip() for part in text.split(",") if part.strip()})
    if not symbols:
        raise _Refused(400, "symbols parameter is required")
    for symbol in symbols:
        if not re.fullmatch(r"[A-Z][A-Z0-9./]{0,11}", symbol):
            raise _Refused(400, f"invalid symbol: {symbol}")
    return symbols


def _page(sim: Simulator, request: Request) -> _Page:
    query = request.query_params
    symbols, feed = _symbols(request), _feed(sim, request, _HISTORY_FEEDS)
    free_sip = feed == "sip" and sim.switches.data_entitlement == "free"
    newest = sim.now - _SIP_DELAY if free_sip else sim.now
    start = _time(query.get("start"), "start", new_york_midnight)
    end = _time(query.get("end"), "end", day_end)
    if start and end and start > end:
        raise _Refused(400, "end should not be before start")
    if free_sip and end and end > newest:
        raise _Refused(403, "subscription does not permit querying recent SIP data", 42210000)
    if query.get("sort", "asc") not in ("asc", "desc"):
        raise _Refused(400, f"invalid sort: {query['sort']}")
    return _Page(
        symbols=symbols,
        start=start or new_york_midnight(new_york_date(newest)),
        end=min(end or newest, newest),
        limit=_limit(query.get("limit")),
        descending=query.get("sort") == "desc",
        now=newest,
        resume=_resume(query.get("page_token")),
    )


def _feed(sim: Simulator, request: Request, allowed: Sequence[str]) -> str:
    best = "iex" if sim.switches.data_entitlement == "free" else "sip"
    feed = request.query_params.get("feed") or best
    if feed not in allowed:
        raise _Refused(400, f"invalid feed: {feed}")
    return feed


def _latest_at(sim: Simulator, request: Request) -> datetime:
    """The instant a latest value is taken at: now, or 15 minutes ago on the delayed feed."""
    feed = _feed(sim, request, _LATEST_FEEDS)
    if feed == "sip" and sim.switches.data_entitlement == "free":
        raise _Refused(403, "subscription does not permit querying recent SIP data", 42210000)
    return sim.now - _SIP_DELAY if feed == "delayed_sip" else sim.now


def _limit(text: str | None) -> int:
    if not text:
        return _DEFAULT_LIMIT
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or int(text) == 0:
        raise _Refused(400, f"invalid limit: {text}")
    if int(text) > _MAX_LIMIT:
        raise _Refused(400, f"invalid limit: larger than the allowed maximum of {_MAX_LIMIT}")
    return int(text)


def _time(text: str | None, name: str, whole_day: Callable[[date], datetime]) -> datetime | None:
    """A time of the query; a bare date means the whole New York day: from its midnight, or to its last instant."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = _moment(text)
    else:
        moment = whole_day(day) if day.year in _YEARS else None
    if moment is None:
        raise _Refused(400, f"invalid {name}: {text}")
    return moment


def _moment(text: str) -> datetime | None:
    """A time within the years a market can be asked for; None for anything else."""
    try:
        moment = parse_time(text)
    except OverflowError:
        return None
    return moment if moment and moment.year in _YEARS else None


def _check_asof(request: Request) -> None:
    asof = request.query_params.get("asof")
    if asof and asof != "-" and _moment(asof) is None:
        raise _Refused(400, f"invalid asof: {asof}")


def _resume(token: str | None) -> tuple[str, datetime] | None:
    """Symbol and time from a page token: `SYM|M|time` for bars, `SYM|time...` for quotes and trades."""
    if not token:
        return None
    try:
        parts = base64.b64decode(token, validate=True).decode().split("|")
    except ValueError:
        parts = []
    moments = [moment for moment in map(_moment, parts[1:3]) if moment]
    if not moments:
        raise _Refused(400, f"invalid page_token: {token}")
    return parts[0], moments[0]


def _nanoseconds(moment: datetime) -> str:
    """RFC 3339 with nine fraction digits, as the broker writes it into page tokens."""
    return f"{timestamp(moment.replace(microsecond=0))[:-1]}.{moment.microsecond:06d}000Z"


def _tapes(sim: Simulator) -> Mapping[str, str]:
    return {asset.symbol: tape_of(asset.exchange) for asset in sim.market.assets()}
