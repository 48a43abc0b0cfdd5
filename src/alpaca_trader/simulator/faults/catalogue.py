"""Every fault that can be ordered: its name, its parameters with units and defaults, where it strikes, what it does.

`ordered` turns a name and plain values (from a command line, JSON or Python) into a `FaultOrder`, or says in one sentence
what is wrong. Times are virtual unless a unit says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Final, Literal

from alpaca_trader.simulator.faults.board import FaultOrder

Kind = Literal["drawn", "span", "change", "act", "client"]
"""drawn: asked about each time it could strike. span: in force for a stretch of time. change: alters the market from a time
on. act: happens once, now. client: strikes the client's process, which the broker cannot do.
"""
Unit = Literal["s", "real s", "pct", "shares", "USD", "ratio", "bytes", "share", "text", "names", "object", "date"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a fault. `default` None: it must be given, unless `is_optional`."""

    name: str
    unit: Unit
    default: object
    meaning: str
    choices: Sequence[str] = ()
    low: float | None = None
    high: float | None = None
    is_optional: bool = False

    def read(self, value: object) -> object:
        """The value in the fault's own type. Raises ValueError that says what would be right."""
        if self.choices and str(value) not in self.choices:
            raise ValueError(
                f"{self.name}={value}: use one of {', '.join(self.choices)}{_near(str(value), self.choices)}"
            )
        if self.unit == "text":
            return str(value)
        if self.unit == "names":
            return tuple(str(value).split(","))
        if self.unit == "object":
            return self._object(value)
        if self.unit == "date":
            return self._date(value)
        return self._number(value)

    def _object(self, value: object) -> Mapping[str, Any]:
        try:
            found = json.loads(str(value))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ValueError(f'{self.name}={value}: write a JSON object, e.g. {{"pattern_day_trader": false}}')
        return found

    def _date(self, value: object) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            raise ValueError(f"{self.name}={value}: is no date; write it as 2026-11-20") from None

    def _number(self, value: object) -> Decimal | int:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        is_within = number.is_finite() and (
            (self.low is None or number >= Decimal(str(self.low)))
            and (self.high is None or number <= Decimal(str(self.high)))
        )
        if not is_within:
            low = "" if self.low is None else f" from {self.low:g}"
            high = "" if self.high is None else f" to {self.high:g}"
            raise ValueError(f"{self.name}={value}: give a number{low}{high} ({self.unit})")
        return int(number) if self.unit == "bytes" else number


@dataclass(frozen=True, slots=True)
class FaultKind:
    """An entry of the catalogue. `filters` are those of symbol, route and account that it heeds; `needs` must be given."""

    name: str
    kind: Kind
    strikes: str
    does: str
    parameters: Sequence[Parameter] = ()
    filters: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    is_drawn_per_bar: bool = field(default=False)

    @property
    def limits(self) -> Sequence[str]:
        """Which of probability, times, for and after it heeds."""
        if self.kind == "drawn":
            return ("probability", "times", "for", "after")
        if self.kind == "span":
            return ("probability", "for", "after") if self.is_drawn_per_bar else ("for", "after")
        return ("after",) if self.kind == "change" else ()


def _seconds(default: float | None, meaning: str, low: float = 0, high: float = 86_400) -> Parameter:
    return Parameter("seconds", "s", default, meaning, low=low, high=high)


def _pct(default: float | None, meaning: str) -> Parameter:
    return Parameter("pct", "pct", default, meaning, low=-99, high=1000)


_LOST = ("reset", "timeout")
_ANSWER: Final = "the client's fate: reset (connection reset), timeout (never an answer), or a status"
_REST: Final = frozenset({"route", "account"})
_STREAM: Final = frozenset({"symbol", "route", "account"})
_SOCKET: Final = frozenset({"route"})
_ORDER: Final = frozenset({"symbol", "account"})
_SYMBOL: Final = frozenset({"symbol"})
_ACCOUNT: Final = frozenset({"account"})
_HALF_DAY: Final = Parameter("date", "date", None, "the trading day", is_optional=True)

_HTTP = (
    FaultKind("http.drop", "drawn", "REST request", "it never reaches the broker",
              (Parameter("answer", "text", "reset", _ANSWER, (*_LOST, "504")),), _REST),
    FaultKind("http.accept_then", "drawn", "REST answer", "the request is carried out, then its answer is lost or replaced",
              (Parameter("answer", "text", "504", _ANSWER, (*_LOST, "504", "500", "400")),), _REST),
    FaultKind("http.delay_apply", "drawn", "REST request", "the client hears nothing good, and the request is carried out later",
              (_seconds(5, "how much later", 0.001, 3600),
               Parameter("answer", "text", "504", _ANSWER, (*_LOST, "504"))), _REST),
    FaultKind("http.429", "drawn", "REST request", "refused: too many requests",
              (Parameter("retry_after", "real s", None, "a Retry-After header", low=0, high=3600, is_optional=True),), _REST),
    FaultKind("http.5xx", "drawn", "REST request", "refused by a broken server",
              (Parameter("status", "text", "503", "the status", ("500", "502", "503", "504")),
               Parameter("body", "text", "json", "kind of body", ("json", "html", "empty"))), _REST),
    FaultKind("http.401", "drawn", "REST request", "refused as if the keys were revoked", (), _REST),
    FaultKind("http.truncate", "drawn", "REST answer", "only a part of the body arrives",
              (Parameter("share", "share", 0.5, "the part that arrives", low=0, high=0.99),
               Parameter("length", "text", "cut", "Content-Length: that of the part, or full (the connection then breaks)",
                         ("cut", "full"))), _REST),
    FaultKind("http.mutate_json", "drawn", "REST answer", "a successful JSON body says something no client knows",
              (Parameter("change", "text", "unknown_enum", "what changes", ("unknown_enum", "null_field", "extra_key")),
               Parameter("field", "text", None, "the field that changes (default: status, else the first text)",
                         is_optional=True)), _REST),
    FaultKind("http.slow", "drawn", "REST answer", "it comes late, on the client's clock",
              (Parameter("seconds", "real s", 1, "how late", low=0, high=120),), _REST),
    FaultKind("http.stale_read", "drawn", "REST GET", "orders, positions and account as they were a moment ago",
              (_seconds(2, "how long ago", 0, 60),), _REST),
)  # fmt: skip
_WS = (
    FaultKind("ws.drop", "drawn", "stream message", "it is never sent", (), _STREAM),
    FaultKind("ws.dup", "drawn", "stream message", "it is sent twice", (), _STREAM),
    FaultKind("ws.reorder", "drawn", "stream message", "it is sent after the one that follows", (), _STREAM),
    FaultKind("ws.delay", "drawn", "stream message", "it is sent later",
              (_seconds(5, "how much later", 0.001, 3600),), _STREAM),
    FaultKind("ws.mute", "drawn", "stream connection", "it is open and says nothing: asked once for each new connection",
              (Parameter("when", "text", "at_once", "from the handshake on, or after the client has signed on",
                         ("at_once", "after_auth")),), _SOCKET),
    FaultKind("ws.close", "drawn", "stream frame", "the connection is closed instead of the next frame to the client",
              (Parameter("code", "text", "1006", "close code; 1006: the line is cut without one",
                         ("1000", "1001", "1006", "1011", "1012")),), _SOCKET),
    FaultKind("ws.refuse", "drawn", "stream handshake", "refused",
              (Parameter("status", "text", "503", "HTTP status of the refusal", ("403", "429", "500", "503")),), _SOCKET),
    FaultKind("ws.406", "drawn", "sign-on to the data stream", "answered with connection limit exceeded (error 406)", (), _SOCKET),
)  # fmt: skip
_TCP = (
    FaultKind("tcp.blackhole", "drawn", "TCP connection", "from its next byte on nothing comes or goes, and nobody is told",
              (), _SOCKET),
    FaultKind("tcp.rst", "drawn", "TCP connection", "reset instead of its next bytes", (), _SOCKET),
    FaultKind("tcp.slice", "drawn", "TCP connection", "the next bytes to the client arrive in small pieces",
              (Parameter("bytes", "bytes", 1, "size of a piece", low=1, high=65_536),), _SOCKET),
    FaultKind("tcp.half_close", "drawn", "TCP connection", "the server's side is closed after the next bytes",
              (), _SOCKET),
)  # fmt: skip
_EXCHANGE = (
    FaultKind("fill.partial", "drawn", "execution", "only a part of what could fill fills",
              (Parameter("share", "share", 0.5, "the part that fills", low=0.01, high=0.99),), _ORDER),
    FaultKind("fill.before_ack", "drawn", "new order", "the fill is told before `new`", (), _ORDER),
    FaultKind("fill.late", "drawn", "execution", "the order reaches the market late, and fills at the price of then",
              (_seconds(30, "how much later", 0.001, 3600),), _ORDER),
    FaultKind("cancel.ignored", "drawn", "cancel", "answered 204, and nothing happens", (), _ORDER),
    FaultKind("cancel.loses_race", "drawn", "cancel", "the order fills, where its limit and the quote allow it, before the cancel takes effect", (), _ORDER),
    FaultKind("replace.loses_race", "drawn", "replace", "the order fills, where its limit and the quote allow it, before it is replaced", (), _ORDER),
    FaultKind("replace.error_but_applied", "drawn", "replace", "answered with an error (500), and carried out", (), _ORDER),
    FaultKind("order.stuck", "drawn", "new order", "stays as it was answered: neither acknowledged nor filled, until it is canceled",
              (), _ORDER),
    FaultKind("order.reject_later", "drawn", "new order", "accepted, then rejected",
              (_seconds(1, "after how long", 0.001),), _ORDER),
    FaultKind("order.expire_early", "drawn", "new order", "expires long before its time",
              (_seconds(60, "after how long", 0.001),), _ORDER),
    FaultKind("account.blocked", "span", "account", "no orders are taken, and the account says so", (), _ACCOUNT),
    FaultKind("account.bp_lag", "span", "account", "buying power does not count young orders yet",
              (_seconds(5, "how far behind", 0.001, 3600),), _ACCOUNT),
    FaultKind("account.fields", "span", "account", "the account's body changes shape",
              (Parameter("drop", "names", None, "fields that are missing (comma between them)", is_optional=True),
               Parameter("add", "object", None, "fields that are added or changed (a JSON object)", is_optional=True)), _ACCOUNT),
)  # fmt: skip
_ACTS = (
    FaultKind("broker.manual_order", "act", "account", "somebody else trades in the account: a market order that fills at once",
              (Parameter("side", "text", "sell", "side", ("buy", "sell")),
               Parameter("qty", "shares", None, "shares", low=0.000000001, high=1_000_000_000)),
              _ORDER, frozenset({"symbol"})),
    FaultKind("broker.liquidate", "act", "account", "the broker sells the position, or all of them, at the market",
              (), _ORDER),
    FaultKind("corp.split", "act", "symbol", "every share becomes `ratio` shares, now",
              (Parameter("ratio", "ratio", None, "new shares for an old one (0.1: a reverse split 1 for 10)",
                         low=0.0001, high=10_000),), _SYMBOL, frozenset({"symbol"})),
    FaultKind("corp.rename", "act", "symbol", "the shares get a new symbol, now",
              (Parameter("new_symbol", "text", None, "the new symbol"),), _SYMBOL, frozenset({"symbol"})),
    FaultKind("corp.dividend", "act", "symbol", "cash is due for every share held now, and paid on the next trading day",
              (Parameter("cash", "USD", None, "dollars a share", low=0.000001, high=100_000),), _SYMBOL, frozenset({"symbol"})),
    FaultKind("clock.jump", "act", "time", "time is later all at once",
              (_seconds(60, "how much later", 0.001, 86_400 * 3),)),
    FaultKind("clock.sleep", "act", "time", "every connection breaks and time is later, as when a laptop was closed",
              (_seconds(600, "how much later", 0.001, 86_400 * 3),)),
)  # fmt: skip
_SPANS = (
    FaultKind("market.halt", "change", "market", "trading in the symbol stops, and goes on at another price",
              (_seconds(300, "how long it is halted", 1, 86_400), _pct(0, "the gap when it goes on")),
              _SYMBOL, frozenset({"symbol"})),
    FaultKind("market.gap", "change", "market", "the next price is another one, and stays so",
              (_pct(-5, "the gap"),), _SYMBOL, frozenset({"symbol"})),
    FaultKind("market.overnight_gap", "change", "market", "the next session opens at another price",
              (_pct(-5, "the gap"),), _SYMBOL, frozenset({"symbol"})),
    FaultKind("quote.spike", "change", "market", "quotes, not trades, leave the price and come back",
              (_pct(20, "how far"), _seconds(5, "for how long", 1, 3600)), _SYMBOL, frozenset({"symbol"})),
    FaultKind("bars.stale", "span", "published bar", "nothing new is published; afterwards REST has all of it", (), _SYMBOL),
    FaultKind("bars.missing", "span", "published bar", "the minute has no bar", (), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("bars.late", "span", "published bar", "it is published later",
              (_seconds(30, "how much later", 1, 3600),), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("bars.revise", "span", "published bar", "its close is corrected afterwards",
              (_pct(1, "by how much"), _seconds(30, "how long afterwards", 1, 3600)), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("bars.spike", "span", "published bar", "its high or low and its close leave the price; no trade did",
              (_pct(20, "how far"),), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("bars.mutate", "span", "published bar", "it says something impossible",
              (Parameter("what", "text", "ohlc", "high below low, negative or zero prices, a close that is null, NaN or Infinity; or the minute's quotes: bid above ask",
                         ("ohlc", "negative", "zero", "null", "nan", "inf", "crossed")),), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("bars.zero_volume", "span", "published bar", "nothing traded, at the last close", (), _SYMBOL, is_drawn_per_bar=True),
    FaultKind("clock.skew", "span", "clock", "the broker's clock is off: `GET /v2/clock` and the `Date` of every answer",
              (Parameter("seconds", "s", 60, "how far ahead (negative: behind)", low=-86_400, high=86_400),)),
    FaultKind("calendar.half_day", "change", "calendar", "a coming session closes at 13:00", (_HALF_DAY,)),
    FaultKind("calendar.holiday", "change", "calendar", "a coming session does not take place", (_HALF_DAY,)),
    FaultKind("calendar.missing", "span", "calendar", "the calendar cannot be read",
              (Parameter("answer", "text", "empty", "what is answered", ("empty", "503")),)),
)  # fmt: skip
_CLIENTS = tuple(
    FaultKind(name, "client", "the client's process", does)
    for name, does in (
        ("crash.at_io", "the client dies at its k-th input or output"),
        ("disk.enospc", "the client's disk is full"),
        ("disk.eio", "the client's disk fails"),
        ("disk.lose_unsynced", "what the client did not sync is lost"),
        ("disk.torn", "the client's last write is torn"),
        ("config.torn", "the client's settings are half-written"),
        ("second_engine", "a second client trades in the account"),
    )
)

CATALOGUE: Final[Mapping[str, FaultKind]] = {
    kind.name: kind for kind in (*_HTTP, *_WS, *_TCP, *_EXCHANGE, *_ACTS, *_SPANS, *_CLIENTS)
}
"""Every fault by name, in the order of the documents."""
_COMMON: Final = ("symbol", "route", "account", "probability", "times", "for", "after")


def kind_of(name: str) -> FaultKind:
    """The catalogue's entry. Raises ValueError for an unknown name, with the nearest one."""
    if name not in CATALOGUE:
        raise ValueError(f"there is no fault {name!r}{_near(name, list(CATALOGUE))}; `sim fault list` has all of them")
    return CATALOGUE[name]


def ordered(name: str, given: Mapping[str, object], now: datetime) -> FaultOrder:
    """The order for a fault as somebody wrote it: filters, limits (`for`, `after` in virtual seconds) and parameters.

    Raises ValueError in one sentence for an unknown name or parameter, a value out of bounds, a filter the fault does
    not heed, and for faults that strike the client's process.
    """
    kind = kind_of(name)
    if kind.kind == "client":
        raise ValueError(f"{name} strikes the client's process, not the broker: break that one yourself")
    parameters = {parameter.name: parameter for parameter in kind.parameters}
    allowed = [*parameters, *sorted(kind.filters), *kind.limits]
    for key, value in given.items():
        if value is not None and key not in allowed:
            takes = f"it takes {', '.join(allowed)}" if allowed else "it takes nothing"
            raise ValueError(f"{name} has no parameter {key!r}{_near(key, allowed)}; {takes}")
    wanted = {key: value for key, value in given.items() if value is not None}
    for key in sorted(kind.needs - wanted.keys()):
        raise ValueError(f"{name} needs a {key}")
    try:
        return _order(kind, wanted, now)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _order(kind: FaultKind, wanted: Mapping[str, object], now: datetime) -> FaultOrder:
    values: dict[str, Any] = {}
    for parameter in kind.parameters:
        if parameter.name in wanted:
            values[parameter.name] = parameter.read(wanted[parameter.name])
        elif parameter.default is not None:
            values[parameter.name] = parameter.read(parameter.default)
        elif not parameter.is_optional:
            raise ValueError(f"needs {parameter.name}=… ({parameter.meaning}, {parameter.unit})")
    common = {name: parameter.read(wanted[name]) for name, parameter in _LIMITS.items() if name in wanted}
    times = common.get("times")
    if isinstance(times, Decimal) and times != int(times):
        raise ValueError(f"times={times}: give a whole number")
    since = now + timedelta(seconds=float(common.get("after", 0)))  # type: ignore[arg-type]  # read as a number
    route = str(wanted["route"]) if "route" in wanted else None
    if route is not None and not route.startswith("/"):
        raise ValueError(f"route={route}: give the beginning of a path, e.g. /v2/orders")
    return FaultOrder(
        kind.name,
        probability=float(common.get("probability", 1)),  # type: ignore[arg-type]  # read as a number
        times=None if times is None else int(times),  # type: ignore[call-overload]  # read as a number
        since=since if "after" in common or kind.kind in ("span", "change") else None,
        until=since + timedelta(seconds=float(common["for"])) if "for" in common else None,  # type: ignore[arg-type]  # a number
        symbol=str(wanted["symbol"]).upper() if "symbol" in wanted else None,
        route=route,
        account=str(wanted["account"]) if "account" in wanted else None,
        parameters=values,
    )


_LIMITS: Final = {
    "probability": Parameter("probability", "share", 1, "of each strike", low=0, high=1),
    "times": Parameter("times", "ratio", None, "at most so often", low=1, high=1_000_000),
    "for": Parameter("for", "s", None, "how long it stays in force", low=0.001, high=86_400 * 30),
    "after": Parameter("after", "s", None, "when it begins", low=0, high=86_400 * 30),
}


def _near(word: str, words: Sequence[str]) -> str:
    near = get_close_matches(word, words, 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _check_catalogue() -> None:
    """Names and parameters are free of clashes: every value given has one meaning."""
    for kind in CATALOGUE.values():
        assert not {parameter.name for parameter in kind.parameters} & set(_COMMON), kind.name


_check_catalogue()
