"""The market-data REST API: bars, quotes, trades, latest values and snapshots as they stand at virtual `now`.

Only what has happened is visible: a minute bar once its minute is over, a quote or trade once its instant has come, a
late print once it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alpaca_trader.simulator.feeds.company import ADJUSTMENTS, CompanyView
from alpaca_trader.simulator.feeds.view import FeedView
from alpaca_trader.simulator.market.calendar import new_york_date, new_york_midnight
from alpaca_trader.simulator.market.model import Cross, MarketQuote, MarketTrade
from alpaca_trader.simulator.rest.bar_series import (
    bars_between,
    latest_days,
    latest_minute,
    parse_timeframe,
    ticks_between,
)
from alpaca_trader.simulator.rest.data_actions import corporate_actions
from alpaca_trader.simulator.rest.data_meta import conditions, exchanges
from alpaca_trader.simulator.rest.data_query import (
    Item,
    Refused,
    asof_of,
    is_descending,
    latest_of,
    limit_of,
    nanoseconds,
    page_of,
    paged,
    symbols_of,
    time_of,
)
from alpaca_trader.simulator.rest.data_wire import (
    auction_json,
    bar_json,
    listing_of,
    quote_json,
    tapes_of,
    trade_json,
)
from alpaca_trader.simulator.rest.screener import Screener
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import write_broken

Door = Callable[[Simulator, Request], Mapping[str, Any]]
_EARLIEST: Final = datetime(1971, 1, 2, tzinfo=UTC)
_CROSSES: Final[tuple[Cross, ...]] = ("open", "close")
_DEFAULT_NEWS: Final = 10
_MOST_NEWS: Final = 50


def routes(sim: Simulator) -> list[BaseRoute]:
    """The data API's routes, all GET, without authentication (the server's business)."""
    screener = Screener(sim)
    doors: Mapping[str, Door] = {
        "/v2/stocks/bars": _bars,
        "/v2/stocks/quotes": _quotes,
        "/v2/stocks/trades": _trades,
        "/v2/stocks/auctions": _auctions,
        "/v2/stocks/bars/latest": _latest_bars,
        "/v2/stocks/quotes/latest": _latest_quotes,
        "/v2/stocks/trades/latest": _latest_trades,
        "/v2/stocks/snapshots": _snapshots,
        "/v2/stocks/meta/exchanges": exchanges,
        "/v2/stocks/meta/conditions/{ticktype}": conditions,
        "/v2/stocks/{symbol}/bars": _single(_bars, "bars"),
        "/v2/stocks/{symbol}/quotes": _single(_quotes, "quotes"),
        "/v2/stocks/{symbol}/trades": _single(_trades, "trades"),
        "/v2/stocks/{symbol}/auctions": _single(_auctions, "auctions"),
        "/v2/stocks/{symbol}/bars/latest": _single_latest(_latest_bars, "bar"),
        "/v2/stocks/{symbol}/quotes/latest": _single_latest(_latest_quotes, "quote"),
        "/v2/stocks/{symbol}/trades/latest": _single_latest(_latest_trades, "trade"),
        "/v2/stocks/{symbol}/snapshot": _single_snapshot,
        "/v1beta1/screener/stocks/most-actives": screener.most_actives,
        "/v1beta1/screener/{market_type}/movers": screener.movers,
        "/v1beta1/news": _news,
        "/v1/corporate-actions": corporate_actions,
    }
    return [Route(path, _answering(sim, door), methods=["GET"]) for path, door in doors.items()]


def _answering(sim: Simulator, door: Door) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            status, body = 200, door(sim, request)
        except Refused as refused:
            status, body = refused.status, refused.body
        return Response(orjson.dumps(body, write_broken), status, media_type="application/json")

    return answer


# ------------------------------------------------------------------ history


def _bars(sim: Simulator, request: Request) -> Mapping[str, Any]:
    text = request.query_params.get("timeframe", "")
    timeframe = parse_timeframe(text)
    if timeframe is None:
        raise Refused(400, f"invalid timeframe: {text[:100]}")
    adjustments = (request.query_params.get("adjustment") or "raw").split(",")
    if any(name not in ADJUSTMENTS for name in adjustments):
        raise Refused(400, f"invalid adjustment: {request.query_params['adjustment'][:100]}")
    asof, page = asof_of(sim, request), page_of(sim, request)
    view = CompanyView(sim.feeds[page.feed], asof, adjustments, new_york_date(sim.now))

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Item]]:
        series = bars_between(view, symbol, timeframe, start, end, now=page.now, descending=page.descending)
        return ((row.start, bar_json(row)) for row in series)

    answer = paged("bars", page, found, lambda symbol, at, _item: f"{symbol}|{timeframe.unit}|{nanoseconds(at)}")
    return _with_currency(request, answer)


def _quotes(sim: Simulator, request: Request) -> Mapping[str, Any]:
    page, tapes = page_of(sim, request), tapes_of(sim.market)
    view = CompanyView(sim.feeds[page.feed], asof_of(sim, request), (), new_york_date(sim.now))

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Item]]:
        for tick, _ in ticks_between(view, symbol, start, end, now=page.now, descending=page.descending):
            if isinstance(tick, MarketQuote):
                yield tick.at, quote_json(tick, tapes[tick.symbol])

    answer = paged("quotes", page, found, lambda symbol, at, _item: f"{symbol}|{nanoseconds(at)}")
    return _with_currency(request, answer)


def _trades(sim: Simulator, request: Request) -> Mapping[str, Any]:
    page, tapes = page_of(sim, request), tapes_of(sim.market)
    view = CompanyView(sim.feeds[page.feed], asof_of(sim, request), (), new_york_date(sim.now))

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Item]]:
        for tick, update in ticks_between(view, symbol, start, end, now=page.now, descending=page.descending):
            if isinstance(tick, MarketTrade):
                item = trade_json(tick, tapes[tick.symbol])
                yield tick.at, {**item, "u": update} if update else item

    answer = paged(
        "trades", page, found, lambda symbol, at, item: f"{symbol}|{nanoseconds(at)}|{item['x']}|{item['i']}"
    )
    return _with_currency(request, answer)


def _auctions(sim: Simulator, request: Request) -> Mapping[str, Any]:
    """The opening and closing crosses of each day that lies in the span, where they have taken place."""
    asof_of(sim, request)
    page = page_of(sim, request, ("sip",))
    listings = {asset.symbol: listing_of(asset.exchange) for asset in sim.market.assets()}

    def found(symbol: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Item]]:
        days = sim.market.sessions(new_york_date(max(start, _EARLIEST)), new_york_date(end))
        for hours in reversed(days) if page.descending else days:
            crosses = {cross[0]: sim.market.auction(symbol, hours.date, cross) for cross in _CROSSES}
            shown = {
                key: auction_json(auction, listings.get(symbol, "Q"), key) if auction and auction.at <= page.now else []
                for key, auction in crosses.items()
            }
            at = new_york_midnight(hours.date)
            if any(shown.values()) and at + timedelta(days=1) > start:
                yield at, {"d": hours.date.isoformat(), **shown}

    answer = paged("auctions", page, found, lambda symbol, at, _item: f"{symbol}|{nanoseconds(at)}")
    return _with_currency(request, answer)


def _with_currency(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    """The currency is named where it was asked for."""
    currency = request.query_params.get("currency")
    return {**body, "currency": currency} if currency else body


# ------------------------------------------------------------------ latest


def _latest_bars(sim: Simulator, request: Request) -> Mapping[str, Any]:
    feed, at = latest_of(sim, request)
    found = ((symbol, latest_minute(sim.feeds[feed], symbol, at)) for symbol in symbols_of(request))
    return _with_currency(request, {"bars": {symbol: bar_json(bar) for symbol, bar in found if bar}})


def _latest_quotes(sim: Simulator, request: Request) -> Mapping[str, Any]:
    (feed, at), tapes = latest_of(sim, request), tapes_of(sim.market)
    found = ((symbol, _latest_quote(sim.feeds[feed], feed, symbol, at)) for symbol in symbols_of(request))
    quotes = {symbol: quote_json(quote, tapes[symbol]) for symbol, quote in found if quote}
    return _with_currency(request, {"quotes": quotes})


def _latest_trades(sim: Simulator, request: Request) -> Mapping[str, Any]:
    (feed, at), tapes = latest_of(sim, request), tapes_of(sim.market)
    found = ((symbol, sim.feeds[feed].last_trade(symbol, at)) for symbol in symbols_of(request))
    trades = {symbol: trade_json(trade, tapes[symbol]) for symbol, trade in found if trade}
    return _with_currency(request, {"trades": trades})


def _snapshots(sim: Simulator, request: Request) -> Mapping[str, Any]:
    (feed, at), tapes = latest_of(sim, request), tapes_of(sim.market)
    view = sim.feeds[feed]
    found = ((symbol, _snapshot(view, feed, symbol, at, tapes.get(symbol, "C"))) for symbol in symbols_of(request))
    return {symbol: snapshot for symbol, snapshot in found if snapshot}


def _snapshot(view: FeedView, feed: str, symbol: str, at: datetime, tape: str) -> dict[str, Any] | None:
    """The parts there are: one that does not exist is left out."""
    minute = latest_minute(view, symbol, at)
    trade, quote = view.last_trade(symbol, at), _latest_quote(view, feed, symbol, at)
    if minute is None and trade is None:
        return None
    days = [bar_json(row) for row in latest_days(view, symbol, at, 2)]
    parts = {
        "latestTrade": trade_json(trade, tape) if trade else None,
        "latestQuote": quote_json(quote, tape) if quote else None,
        "minuteBar": bar_json(minute) if minute else None,
        "dailyBar": days[0] if days else None,
        "prevDailyBar": days[1] if len(days) > 1 else None,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _latest_quote(view: FeedView, feed: str, symbol: str, at: datetime) -> MarketQuote | None:
    """The quote standing now, or outside trading hours the one that stood when they ended (a week back)."""
    if feed in ("otc", "boats", "overnight"):
        return None
    today = new_york_date(at)
    for hours in reversed(view.market.sessions(today - timedelta(days=7), today)):
        for end in (hours.post_close, hours.close):
            if hours.pre_open <= at and (quote := view.quote(symbol, min(at, end))) is not None:
                return quote
    return None


def _single(door: Door, name: str) -> Door:
    """The same answer for the one symbol in the path: a list instead of a map."""

    def answer(sim: Simulator, request: Request) -> Mapping[str, Any]:
        found = door(sim, request)
        symbol = request.path_params["symbol"]
        return {**found, "symbol": symbol, name: found[name].get(symbol, [])}

    return answer


def _single_latest(door: Door, name: str) -> Door:
    def answer(sim: Simulator, request: Request) -> Mapping[str, Any]:
        symbol = request.path_params["symbol"]
        answered = door(sim, request)
        found = answered[f"{name}s"].get(symbol)
        if found is None:
            raise Refused(404, f"no {name} found for {symbol}")
        return _with_currency(request, {"symbol": symbol, name: found})

    return answer


def _single_snapshot(sim: Simulator, request: Request) -> Mapping[str, Any]:
    symbol = request.path_params["symbol"]
    found = _snapshots(sim, request).get(symbol)
    if found is None:
        raise Refused(404, f"no snapshot found for {symbol}")
    return _with_currency(request, {"symbol": symbol, **found})


def _news(_sim: Simulator, request: Request) -> Mapping[str, Any]:
    """No news is made here; the request is checked like any other."""
    query = request.query_params
    limit_of(query.get("limit"), _DEFAULT_NEWS, _MOST_NEWS)
    is_descending(request, "desc")
    for name in ("start", "end"):
        time_of(query.get(name), name, new_york_midnight)
    if query.get("symbols"):
        symbols_of(request)
    return {"news": [], "next_page_token": None}
