"""What clients ask for beside US equities: options, crypto, forex, fixed income, locates, logos.

An account without these products gets well-formed empty lists, and an honest refusal for what needs a holding
(alpaca-contract 2.11). Parameters are checked as on every other route. Wallets and tokenization have no route: 404.
"""

from __future__ import annotations

import asyncio
import re
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.market.model import AssetInfo
from alpaca_trader.simulator.rest.bar_series import parse_timeframe
from alpaca_trader.simulator.rest.events import event_stream
from alpaca_trader.simulator.rest.router import read_content
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_bool, parse_date, parse_number, parse_time

Answer = tuple[int, object]
Rule = Callable[[str], bool]

_OPTION: Final = re.compile(r"[A-Z][A-Z0-9.]{0,5}\d{6}[CP]\d{8}", re.ASCII)
_LOT: Final = 100
_MOST_SYMBOLS: Final = 100
_MAX_LIMIT: Final = 10_000
_LOGO_SIDE: Final = 64
_GREY: Final = 0xC8


class _Refused(Exception):
    """A request answered with an error body that is not the trading API's envelope."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message} if code is None else {"code": code, "message": message}


# ------------------------------------------------------------------ rules of parameters


def _is_integer(least: int, most: int) -> Rule:
    return lambda text: bool(re.fullmatch(r"\d{1,9}", text, re.ASCII)) and least <= int(text) <= most


def _is_one_of(*allowed: str) -> Rule:
    return lambda text: text in allowed


def _each(pattern: str) -> Rule:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: bool(_parts(text)) and all(compiled.fullmatch(part) for part in _parts(text))


def _is_time(text: str) -> bool:
    try:
        return parse_time(text) is not None
    except OverflowError:
        return False


def _is_date(text: str) -> bool:
    try:
        return parse_date(text) is not None
    except OverflowError:
        return False


def _is_number(text: str) -> bool:
    return parse_number(text) is not None


def _is_flag(text: str) -> bool:
    return parse_bool(text) is not None


def _is_timeframe(text: str) -> bool:
    return parse_timeframe(text) is not None


def _never(_text: str) -> bool:
    """A page token is never one of ours: every list fits on its first page."""
    return False


_PAGING: Final[Mapping[str, Rule]] = {
    "limit": _is_integer(1, _MAX_LIMIT),
    "page_token": _never,
    "sort": _is_one_of("asc", "desc"),
}
_SPAN: Final[Mapping[str, Rule]] = {"start": _is_time, "end": _is_time}
_TIMEFRAME: Final[Mapping[str, Rule]] = {"timeframe": _is_timeframe}
_PAIRS: Final = _each(r"[A-Z0-9]{1,12}/[A-Z0-9]{1,12}")
_CRYPTO: Final[Mapping[str, Rule]] = {"symbols": _PAIRS, "loc": _is_one_of("us", "us-1", "us-2", "eu-1", "bs-1")}
_CONTRACTS: Final = _each(_OPTION.pattern)
_FEED: Final[Mapping[str, Rule]] = {"feed": _is_one_of("opra", "indicative")}
_CHAIN: Final[Mapping[str, Rule]] = {
    "type": _is_one_of("call", "put"),
    "strike_price_gte": _is_number,
    "strike_price_lte": _is_number,
    "expiration_date": _is_date,
    "expiration_date_gte": _is_date,
    "expiration_date_lte": _is_date,
}
_SNAPSHOTS: Final[Mapping[str, Rule]] = {
    **_FEED,
    "limit": _is_integer(1, 1000),
    "page_token": _never,
    "updated_since": _is_time,
}
_FOREX: Final[Mapping[str, Rule]] = {"currency_pairs": _each(r"[A-Z]{6}")}
_BONDS: Final[Mapping[str, Rule]] = {"isins": _each(r"[A-Z]{2}[A-Z0-9]{9}\d")}
_LOCATES: Final[Mapping[str, Rule]] = {
    "limit": _is_integer(1, _MAX_LIMIT),
    "page_token": _never,
    "status": _is_one_of("active", "expired", "rejected"),
    "start": _is_date,
    "end": _is_date,
}
_EVENTS: Final[Mapping[str, Rule]] = {
    "region": _is_one_of("all", "us", "non_us"),
    "since": _is_time,
    "until": _is_time,
    "since_id": lambda text: bool(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", text)),
    "until_id": lambda text: bool(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", text)),
}
_TICKTYPE: Final[Mapping[str, Rule]] = {"ticktype": _is_one_of("trade", "quote")}

_PAGED_BARS: Final[Mapping[str, object]] = {"bars": {}, "next_page_token": None}
_PAGED_TRADES: Final[Mapping[str, object]] = {"trades": {}, "next_page_token": None}
_PAGED_SNAPSHOTS: Final[Mapping[str, object]] = {"snapshots": {}, "next_page_token": None}
_PAGED_RATES: Final[Mapping[str, object]] = {"rates": {}, "next_page_token": None}

_EXCHANGES: Final = {
    "A": "NYSE American Options",
    "B": "BOX Options Exchange",
    "C": "Cboe Options Exchange",
    "N": "NYSE Arca Options",
    "Q": "Nasdaq Options",
    "X": "Nasdaq PHLX",
}
_CONDITIONS: Final = {
    "trade": {"a": "SLAN - Single Leg Auction Non ISO"},
    "quote": {"A": "Eligible for automatic execution"},
}

_EMPTY: Final[Mapping[str, tuple[Mapping[str, Rule], tuple[str, ...], object]]] = {
    "/v1beta1/options/bars": (
        {"symbols": _CONTRACTS, **_TIMEFRAME, **_SPAN, **_PAGING},
        ("symbols", "timeframe"),
        _PAGED_BARS,
    ),
    "/v1beta1/options/trades": ({"symbols": _CONTRACTS, **_SPAN, **_PAGING}, ("symbols",), _PAGED_TRADES),
    "/v1beta1/options/trades/latest": ({"symbols": _CONTRACTS, **_FEED}, ("symbols",), {"trades": {}}),
    "/v1beta1/options/quotes/latest": ({"symbols": _CONTRACTS, **_FEED}, ("symbols",), {"quotes": {}}),
    "/v1beta1/options/snapshots": ({"symbols": _CONTRACTS, **_SNAPSHOTS}, ("symbols",), _PAGED_SNAPSHOTS),
    "/v1beta1/options/snapshots/{symbol}": (
        {"symbol": _each(r"[A-Z][A-Z0-9.]{0,11}"), **_SNAPSHOTS, **_CHAIN},
        (),
        _PAGED_SNAPSHOTS,
    ),
    "/v1beta1/options/meta/exchanges": ({}, (), _EXCHANGES),
    "/v1beta3/crypto/{loc}/bars": (
        {**_CRYPTO, **_TIMEFRAME, **_SPAN, **_PAGING},
        ("symbols", "timeframe"),
        _PAGED_BARS,
    ),
    "/v1beta3/crypto/{loc}/quotes": (
        {**_CRYPTO, **_SPAN, **_PAGING},
        ("symbols",),
        {"quotes": {}, "next_page_token": None},
    ),
    "/v1beta3/crypto/{loc}/trades": ({**_CRYPTO, **_SPAN, **_PAGING}, ("symbols",), _PAGED_TRADES),
    "/v1beta3/crypto/{loc}/latest/bars": (_CRYPTO, ("symbols",), {"bars": {}}),
    "/v1beta3/crypto/{loc}/latest/quotes": (_CRYPTO, ("symbols",), {"quotes": {}}),
    "/v1beta3/crypto/{loc}/latest/trades": (_CRYPTO, ("symbols",), {"trades": {}}),
    "/v1beta3/crypto/{loc}/latest/orderbooks": (_CRYPTO, ("symbols",), {"orderbooks": {}}),
    "/v1beta3/crypto/{loc}/snapshots": (_CRYPTO, ("symbols",), {"snapshots": {}}),
    "/v1beta1/forex/latest/rates": (_FOREX, ("currency_pairs",), {"rates": {}}),
    "/v1beta1/forex/rates": (
        {**_FOREX, "timeframe": _is_one_of("5Sec", "5S", "1Min", "1T", "1Day", "1D"), **_SPAN, **_PAGING},
        ("currency_pairs",),
        _PAGED_RATES,
    ),
    "/v1beta1/fixed_income/latest/prices": (_BONDS, ("isins",), {"prices": {}}),
    "/v1beta1/fixed_income/latest/quotes": (
        {**_BONDS, "trade_size": _is_integer(1, 999_999_999)},
        ("isins",),
        {"quotes": {}},
    ),
}
"""Routes of the data host that answer nothing: rules of their parameters, which are required, and the body."""


def routes(sim: Simulator) -> list[BaseRoute]:
    """Everything that is not US equities, on both hosts."""
    doors: list[tuple[str, str, Callable[[Simulator, Request], Awaitable[Response]]]] = [
        ("GET", "/v1/locates", _json(_locates)),
        ("POST", "/v1/locates", _create_locate),
        ("GET", "/v1/locates/quotes", _json(_locate_quotes)),
        ("GET", "/v1/locates/{id}", _json(_locate)),
        ("GET", "/v2/options/contracts", _json(_option_contracts)),
        ("GET", "/v2/options/contracts/{symbol_or_id}", _json(_option_contract)),
        ("POST", "/v2/positions/{symbol_or_id}/exercise", _json(_exercise)),
        ("POST", "/v2/positions/{symbol_or_id}/do-not-exercise", _json(_exercise)),
        ("GET", "/v1beta1/options/meta/conditions/{ticktype}", _json(_option_conditions)),
        ("GET", "/v1beta1/logos/{symbol}", _logo),
        ("GET", "/v1beta1/events/corporate-actions", _corporate_action_events),
        *(("GET", path, _json(_empty(*row))) for path, row in _EMPTY.items()),
    ]
    return [Route(path, _endpoint(sim, door), methods=[method]) for method, path, door in doors]


def _endpoint(
    sim: Simulator, door: Callable[[Simulator, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await door(sim, request)
        except BrokerError as refusal:
            return _response(refusal.status, refusal.body())
        except _Refused as refusal:
            return _response(refusal.status, refusal.body)

    return endpoint


def _json(handler: Callable[[Simulator, Request], Answer]) -> Callable[[Simulator, Request], Awaitable[Response]]:
    async def door(sim: Simulator, request: Request) -> Response:
        return _response(*handler(sim, request))

    return door


def _response(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _wrong(
    request: Request, rules: Mapping[str, Rule], required: tuple[str, ...] = ()
) -> tuple[str, str | None] | None:
    """The first parameter that is missing (its text None) or breaks its rule; None when all are right."""
    given = {**request.query_params, **request.path_params}
    for name, rule in rules.items():
        text = given.get(name)
        if not text and name in required:
            return name, None
        if text and not rule(text):
            return name, text
    return None


def _check_data(request: Request, rules: Mapping[str, Rule], required: tuple[str, ...] = ()) -> None:
    """The data host's answer to a wrong parameter: 400 without a code."""
    wrong = _wrong(request, rules, required)
    if wrong is not None:
        name, text = wrong
        raise _Refused(400, f"{name} parameter is required" if text is None else f"invalid {name}: {text}")


def _check_trading(request: Request, rules: Mapping[str, Rule]) -> None:
    """The trading host's answer to a wrong parameter: 422 in the envelope."""
    wrong = _wrong(request, rules)
    if wrong is not None:
        raise BrokerError("invalid_parameter", field=wrong[0], value=wrong[1])


# ------------------------------------------------------------------ data host


def _empty(
    rules: Mapping[str, Rule], required: tuple[str, ...], body: object
) -> Callable[[Simulator, Request], Answer]:
    def answer(sim: Simulator, request: Request) -> Answer:
        _check_data(request, rules, required)
        if request.query_params.get("feed") == "opra" and sim.switches.data_entitlement == "free":
            raise _Refused(403, "subscription does not permit querying OPRA data")
        return 200, body

    return answer


def _option_conditions(_sim: Simulator, request: Request) -> Answer:
    _check_data(request, _TICKTYPE)
    return 200, _CONDITIONS[request.path_params["ticktype"]]


async def _logo(_sim: Simulator, request: Request) -> Response:
    """Nobody here has a logo: the placeholder, or 404 when none is wanted."""
    _check_data(request, {"symbol": _each(r"[A-Za-z][A-Za-z0-9./]{0,11}"), "placeholder": _is_flag})
    if parse_bool(request.query_params.get("placeholder") or "true"):
        return Response(_grey_square(_LOGO_SIDE), 200, media_type="image/png")
    raise _Refused(404, f"no logo found for {request.path_params['symbol']}")


def _grey_square(side: int) -> bytes:
    """A PNG of one grey, `side` pixels wide and high (8-bit greyscale)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = (b"\x00" + bytes([_GREY]) * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def _corporate_action_events(sim: Simulator, request: Request) -> Response:
    """A stream on which nothing happens; it ends at once when its end lies in the past, else when the client leaves."""
    query = request.query_params
    _check_data(request, _EVENTS)
    for end, start in (("until", "since"), ("until_id", "since_id")):
        if query.get(end) and not query.get(start):
            raise _Refused(400, f"{end} requires {start}")
    if query.get("since") and query.get("since_id"):
        raise _Refused(400, "since and since_id exclude each other")
    ends = _end_of(query.get("until"), query.get("until_id"))
    is_over = ends is not None and ends <= sim.now

    async def lines() -> AsyncIterator[bytes]:
        yield b": welcome\n\n"
        if not is_over:
            await asyncio.Event().wait()

    return event_stream(request, lines())


def _end_of(until: str | None, until_id: str | None) -> datetime | None:
    """The instant a stream is to end at: given, or that of an event id (a ULID begins with its milliseconds)."""
    if until:
        return parse_time(until)
    if not until_id:
        return None
    millis = 0
    for letter in until_id[:10]:
        millis = millis * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    try:
        return datetime.fromtimestamp(millis / 1000, UTC)
    except (ValueError, OverflowError):
        # Beyond the year 9999: the stream has no end.
        return None


# ------------------------------------------------------------------ trading host


def _option_contracts(_sim: Simulator, request: Request) -> Answer:
    rules = {
        **_CHAIN,
        "show_deliverables": _is_flag,
        "ppind": _is_flag,
        "status": _is_one_of("active", "inactive"),
        "style": _is_one_of("american", "european"),
        "limit": _is_integer(1, _MAX_LIMIT),
        "page_token": _never,
    }
    _check_trading(request, rules)
    return 200, {"option_contracts": [], "next_page_token": None}


def _option_contract(_sim: Simulator, request: Request) -> Answer:
    raise BrokerError("no_option_contract", symbol=request.path_params["symbol_or_id"])


def _exercise(_sim: Simulator, request: Request) -> Answer:
    """No account here holds an option, so that there is nothing to exercise or to leave unexercised."""
    contract = request.path_params["symbol_or_id"]
    raise BrokerError("no_option_position" if _OPTION.fullmatch(contract) or _is_uuid(contract) else "invalid_symbol")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _locates(_sim: Simulator, request: Request) -> Answer:
    if _wrong(request, _LOCATES) is not None:
        raise _Refused(400, "invalid input", "invalid_input")
    return 200, {"locates": [], "next_page_token": None}


def _locate(_sim: Simulator, request: Request) -> Answer:
    if not _is_uuid(request.path_params["id"]):
        raise _Refused(400, "invalid input", "invalid_input")
    raise _Refused(404, "locate not found")


def _locate_quotes(sim: Simulator, request: Request) -> Answer:
    """Nothing is quoted: a symbol is unknown, needs no locate, or has none to give."""
    symbols = list(dict.fromkeys(_parts(request.query_params.get("symbols", ""))))
    if not 1 <= len(symbols) <= _MOST_SYMBOLS:
        raise _Refused(400, f"symbols must contain at most {_MOST_SYMBOLS} unique symbols", "invalid_symbols")
    known = {asset.symbol: asset for asset in sim.market.assets()}
    reasons = [(symbol, *_no_locate(known.get(symbol))) for symbol in symbols]
    errors = [{"symbol": symbol, "code": code, "message": message} for symbol, code, message in reasons]
    return 200, {"quotes": [], "errors": errors}


def _no_locate(asset: AssetInfo | None) -> tuple[str, str]:
    """Code and message of why this asset has no locate."""
    if asset is None:
        return "symbol_not_found", "symbol not found"
    if asset.shortable:
        return "easy_to_borrow", "security is easy-to-borrow and does not require a locate"
    return "quote_unavailable", "no quote is available for this security"


async def _create_locate(sim: Simulator, request: Request) -> Response:
    """Refused whatever is asked: no account here may short a name that is hard to borrow."""
    try:
        fields: Any = orjson.loads(await read_content(request.receive))
    except orjson.JSONDecodeError as error:
        raise _Refused(400, "invalid request body", "invalid_request_body") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("symbol"), str):
        raise _Refused(400, "invalid request body", "invalid_request_body")
    qty, limit = fields.get("qty"), fields.get("limit_price")
    if isinstance(qty, bool) or not isinstance(qty, int) or not isinstance(fields.get("all_or_none", False), bool):
        raise _Refused(400, "invalid request body", "invalid_request_body")
    if qty <= 0 or qty % _LOT:
        raise _Refused(400, "invalid input: quantity must be in round lots of 100", "invalid_input")
    if limit is not None and (parse_number(limit) or 0) <= 0:
        raise _Refused(400, "invalid limit_price", "invalid_limit_price")
    known = {asset.symbol: asset for asset in sim.market.assets()}
    code, message = _no_locate(known.get(fields["symbol"]))
    if code == "quote_unavailable":
        raise _Refused(403, "account is not allowed to short hard-to-borrow securities")
    raise _Refused(422, message, code)
