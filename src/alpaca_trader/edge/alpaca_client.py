"""The broker port on alpaca-py: what the engine asks of the broker, in the broker's words.

The SDK's typed models are not used. One unknown enum value or one absent field would break a whole list of positions
(alpaca-contract 6), its floats would not be the broker's decimals, and fields the risk rules need are dropped. So the
raw JSON goes through ``broker_json``. How one request is made and judged is ``alpaca_host``'s business.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote as quoted

import pandas as pd
from alpaca.common.rest import RESTClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient

from alpaca_trader.core.errors import (
    BadInput,
    OrderRefused,
    OutcomeUnknown,
    RefusalKind,
    Retryable,
)
from alpaca_trader.core.events import Approved, Resend
from alpaca_trader.core.models import (
    MINUTE,
    ZERO,
    Account,
    Asset,
    Bar,
    BrokerClock,
    Order,
    OrderIntent,
    OrderRole,
    Position,
    Quote,
    Session,
)
from alpaca_trader.core.ports import Clock
from alpaca_trader.edge import broker_json as wire
from alpaca_trader.edge.alpaca_host import AlpacaHost
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints, Origin
from alpaca_trader.edge.http_policy import Gate, Priority, Sleep
from alpaca_trader.edge.transport import KEYLESS, TIMEOUTS, Timeouts, guard

FLOW_TYPES = "CSD,CSW,JNLC,JNLS,ACATC,ACATS,FOPT"
"""External transfers: money and shares that came or went without being earned (domain 6.1)."""
SYMBOLS_PER_REQUEST = 100
ASSETS_ONE_BY_ONE = 20
BARS_PER_PAGE = 10_000
ORDERS_PER_PAGE = 500
ACTIVITIES_PER_PAGE = 100
MOST_PAGES = 1000
REMEMBERED_IDS = 1024
FIRST_BARS = "2016-01-01"
"""The broker's stock history begins here."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MOST_UNITS = {MINUTE: 59, HOUR: 23, DAY: 1}
BAR_UNITS = {"Min": MINUTE, "T": MINUTE, "Hour": HOUR, "H": HOUR, "Day": DAY, "D": DAY}

Parsed = TypeVar("Parsed")


class AlpacaClient:
    """Implements ``core.ports.Broker`` for live, paper and simulated trading; used by one thread.

    ``sleep`` is the clock's (seconds); without it nothing waits and no read is tried twice, as virtual time needs.
    ``on_bad`` hears of single rows of market data that were left out because they could not be used.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoints: Endpoints,
        clock: Clock,
        sleep: Sleep | None = None,
        timeouts: Timeouts = TIMEOUTS,
        on_bad: Callable[[str], None] = lambda note: None,
    ) -> None:
        self._feed = endpoints.feed
        self._clock = clock
        self._on_bad = on_bad
        self._broker_ids: dict[str, str] = {}

        def host(client: RESTClient, url: str) -> AlpacaHost:
            guard(client._session, Origin.of(url), credentials, timeouts)
            return AlpacaHost(client, endpoints.mode, Gate(Origin.of(url).host, clock, sleep), clock, sleep)

        trading, data = endpoints.trading_url, endpoints.data_url
        self._trading = host(TradingClient(KEYLESS, KEYLESS, raw_data=True, url_override=trading), trading)
        self._data = host(StockHistoricalDataClient(KEYLESS, KEYLESS, raw_data=True, url_override=data), data)

    def exchanges(self) -> int:
        """Requests that have come to an end, by whatever outcome; only grows. From any thread."""
        return self._trading.exchanges + self._data.exchanges

    def close(self) -> None:
        """Close the connections; the client is not used again."""
        self._trading.close()
        self._data.close()

    # ------------------------------------------------------------ orders

    def submit_order(self, request: Approved | Resend) -> Order:
        """Send the intent once, as a new order or, where it names ``replaces``, as a replacement of that order's stop.

        Raises ``OrderRefused`` (the broker's refusal, or kind POLICY: an entry held back by the request budget,
        or a replacement whose target could not be looked up; POLICY means that nothing was sent), ``OutcomeUnknown``
        (it may exist: ask by client order id) or ``AuthRefused``.
        """
        intent = request.intent
        priority = Priority.ENTRY if intent.role is OrderRole.ENTRY else Priority.PROTECT
        if intent.replaces is None:
            fields = _order_fields(intent)
            raw = self._trading.post("/orders", fields, priority)
        else:
            path = f"/orders/{self._broker_id(intent.replaces)}"
            assert intent.stop_price is not None, "only a stop's price is replaced in place"
            change = {"stop_price": _plain(intent.stop_price), "client_order_id": intent.client_order_id}
            raw = self._trading.patch(path, change, priority)
        try:
            order = wire.read_order(raw)
        except wire.Unusable as error:
            problem = str(error)
        else:
            if order.client_order_id == intent.client_order_id:
                self._remember(order)
                return order
            problem = "the reply is about another order"
        raise OutcomeUnknown(f"{'replace' if intent.replaces else 'submit'}: accepted, but {problem}")

    def cancel_order(self, broker_order_id: str) -> None:
        """Ask for a cancel; returns where the broker took the request or already has one ("pending cancel").

        Raises ``OrderRefused`` with ALREADY_DONE or NOT_FOUND where there is nothing left to cancel.
        """
        path = f"/orders/{quoted(broker_order_id, safe='')}"
        try:
            self._trading.delete(path)
        except OrderRefused as refusal:
            if "pending cancel" not in refusal.text.lower():
                raise

    def get_order_by_client_id(self, client_order_id: str) -> Order | None:
        """The order, or None only where the broker itself says that it knows none of this id."""
        query = {"client_order_id": client_order_id}
        raw = self._trading.find("/orders:by_client_order_id", query, Priority.LOOK_UP)
        if raw is None:
            return None
        order = _understand("order by client id", wire.read_order, raw)
        if order.client_order_id != client_order_id:
            raise Retryable("order by client id: the answer is about another order")
        self._remember(order)
        return order

    def get_open_orders(self) -> Sequence[Order]:
        """Every open order, oldest first."""
        return self._orders(
            {"status": "open"}, lambda page: [_understand("orders", wire.read_order, raw) for raw in page]
        )

    def get_orders_since(self, after: datetime) -> Sequence[Order]:
        """Every order submitted after this instant, whatever became of it, oldest first.

        Of one that makes no sense ``on_bad`` hears: an odd order of years ago must not keep an engine from starting.
        """
        wanted = {"status": "all", "after": after.isoformat()}
        return self._orders(
            wanted, lambda page: self._usable((("order", raw) for raw in page), lambda _, raw: wire.read_order(raw))
        )

    def _orders(self, wanted: Mapping[str, str], read: Callable[[list[Any]], list[Order]]) -> Sequence[Order]:
        """All pages of orders. They overlap by a microsecond, since ``after`` leaves out its own instant."""
        orders: dict[str, Order] = {}
        query: dict[str, Any] = {**wanted, "limit": ORDERS_PER_PAGE, "direction": "asc", "nested": "false"}
        for _ in range(MOST_PAGES):
            listed = self._list("/orders", query)
            page, known = read(listed), len(orders)
            orders.update((order.broker_order_id, order) for order in page)
            for order in page:
                self._remember(order)
            if len(listed) < ORDERS_PER_PAGE:
                return list(orders.values())
            last = page[-1].submitted_at if page else None
            if last is None or len(orders) == known:
                break
            query["after"] = (last - timedelta(microseconds=1)).isoformat()
        raise Retryable("orders: the list does not end")

    def _broker_id(self, client_order_id: str) -> str:
        """The broker's id of one of our orders: remembered, or asked for. Nothing has been sent when this raises."""
        if client_order_id not in self._broker_ids:
            try:
                found = self.get_order_by_client_id(client_order_id)
            except Retryable as error:
                text = f"not sent: the order to replace could not be looked up ({error})"
                raise OrderRefused(RefusalKind.POLICY, 0, None, text) from None
            if found is None:
                raise OrderRefused(RefusalKind.NOT_FOUND, 404, None, "the broker does not know the order to replace")
        return self._broker_ids[client_order_id]

    def _remember(self, order: Order) -> None:
        """An order's two ids never change, so remembering them is no belief about it."""
        self._broker_ids[order.client_order_id] = quoted(order.broker_order_id, safe="")
        if len(self._broker_ids) > REMEMBERED_IDS:
            del self._broker_ids[next(iter(self._broker_ids))]

    def _list(self, path: str, query: Mapping[str, Any] | None = None) -> list[Any]:
        return _understand(path, lambda raw: wire.list_of(raw, "answer"), self._trading.read(path, query))

    # ------------------------------------------------------------ account

    def get_account(self) -> Account:
        """The account with today's external flows; where these cannot be read, the account was not read."""
        account = _understand("account", wire.read_account, self._trading.read("/account"))
        today = self._clock.now().astimezone(wire.NEW_YORK).date()
        return replace(account, net_flows=self._flows_on(today), flows_on=today)

    def _flows_on(self, day: date) -> Decimal:
        """USD that came in (out: negative) from outside on this New York date."""
        query = {"activity_types": FLOW_TYPES, "date": day.isoformat(), "page_size": ACTIVITIES_PER_PAGE}
        total, seen = ZERO, set[str]()
        for _ in range(MOST_PAGES):
            page = self._list("/account/activities", query)
            for raw in page:
                key = _understand("account activities", lambda found: wire.text(found, "id"), raw)
                if key not in seen:
                    seen.add(key)
                    total += _understand("account activities", wire.read_flow, raw)
            if len(page) < ACTIVITIES_PER_PAGE:
                return total
            query["page_token"] = page[-1]["id"]
        raise Retryable("account activities: the list does not end")

    def get_positions(self) -> Sequence[Position]:
        """Every position. One that cannot be read fails the whole read: a position left out is a position unguarded."""
        return [_understand("positions", wire.read_position, raw) for raw in self._list("/positions")]

    def get_clock(self) -> BrokerClock:
        """The broker's clock."""
        return _understand("clock", wire.read_clock, self._trading.read("/clock"))

    def get_calendar(self, first: date, last: date) -> Sequence[Session]:
        """The sessions from ``first`` to ``last``, both inclusive."""
        query = {"start": first.isoformat(), "end": last.isoformat()}
        return [_understand("calendar", wire.read_session, raw) for raw in self._list("/calendar", query)]

    def get_assets(self, symbols: Sequence[str]) -> Sequence[Asset]:
        """What may be done with each of ``symbols`` the broker knows, in their order; one list for more than twenty."""
        if len(symbols) > ASSETS_ONE_BY_ONE:
            found = {}
            for raw in self._list("/assets", {"asset_class": "us_equity"}):
                if isinstance(raw, dict) and raw.get("symbol") in set(symbols):
                    found[raw["symbol"]] = _understand("assets", wire.read_asset, raw)
            return [found[symbol] for symbol in symbols if symbol in found]
        answers = [self._trading.find(f"/assets/{quoted(symbol, safe='')}", None, Priority.READ) for symbol in symbols]
        return [_understand("assets", wire.read_asset, raw) for raw in answers if raw is not None]

    # ------------------------------------------------------------ market data

    def get_latest_quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The latest quote of each symbol that has one, in the order asked; an unusable one is left out and told."""
        quotes = []
        for batch in _batches(symbols):
            query = {"symbols": ",".join(batch), "feed": self._feed}
            answer = self._data.read("/stocks/quotes/latest", query)
            found = _understand("quotes", lambda raw: wire.by_symbol(raw, "quotes"), answer)
            quotes += self._usable(((name, found[name]) for name in batch if name in found), wire.read_quote)
        return quotes

    def get_minute_bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Bar]:
        """Complete minute bars that start in ``[start, end)``, by symbol, then time; an unusable one is left out and told.

        The bar of the minute that is still running is not complete and never among them.
        """
        now = self._clock.now()
        bars: list[Bar] = []
        for batch in _batches(symbols):
            query = {"start": start.isoformat(), "end": end.isoformat(), "sort": "asc"}
            bars += self._bars(batch, "1Min", query)
        bars = [bar for bar in bars if start <= bar.start < end and bar.closed_at <= now]
        return sorted(bars, key=lambda bar: (bar.symbol, bar.start))

    def get_bars(self, symbol: str, timeframe: str, limit: int) -> pd.DataFrame:
        """The last ``limit`` complete bars as open, high, low, close, volume, trade_count, vwap by UTC bar start.

        ``timeframe`` is a count and a unit: 1Min to 59Min, 1Hour to 23Hour, 1Day (also T, H, D). Raises ``BadInput``.
        """
        length = _bar_length(timeframe)
        if not 1 <= limit <= BARS_PER_PAGE:
            raise BadInput(f"limit {limit} is not between 1 and {BARS_PER_PAGE}")
        last_start = self._clock.now() - length
        query = {"start": FIRST_BARS, "end": last_start.isoformat(), "sort": "desc"}
        bars = self._bars([symbol], timeframe, query, limit)
        rows = [bar for bar in reversed(bars) if bar.start <= last_start]
        index = pd.DatetimeIndex([bar.start for bar in rows], tz="UTC", name="timestamp")
        columns = ("open", "high", "low", "close", "volume", "trade_count", "vwap")
        return pd.DataFrame({name: [getattr(bar, name) for bar in rows] for name in columns}, index=index)

    def _bars(
        self, symbols: Sequence[str], timeframe: str, query: Mapping[str, str], limit: int | None = None
    ) -> list[Bar]:
        """All pages of a bars request, or the first ``limit`` bars."""
        params: dict[str, Any] = {**query, "symbols": ",".join(symbols), "timeframe": timeframe, "feed": self._feed}
        params["limit"] = limit or BARS_PER_PAGE
        bars: list[Bar] = []
        for _ in range(MOST_PAGES):
            page = self._data.read("/stocks/bars", params)
            by_symbol = _understand("bars", lambda raw: wire.by_symbol(raw, "bars"), page)
            rows = ((symbol, row) for symbol, rows in by_symbol.items() for row in rows or ())
            bars += self._usable(rows, wire.read_bar)
            token = page.get("next_page_token")
            if not token or (limit and len(bars) >= limit):
                return bars[:limit]
            params["page_token"] = token
        raise Retryable("bars: the pages do not end")

    def _usable(self, rows: Iterable[tuple[str, Any]], parse: Callable[[str, Any], Parsed]) -> list[Parsed]:
        """What can be read of ``rows`` (symbol, raw); ``on_bad`` hears of the rest."""
        found = []
        for symbol, raw in rows:
            try:
                found.append(parse(symbol, raw))
            except wire.Unusable as error:
                self._on_bad(str(error))
        return found


def _understand(what: str, parse: Callable[[Any], Parsed], raw: Any) -> Parsed:
    """``parse(raw)``; raises ``Retryable`` where a read's answer is not what it should be."""
    try:
        return parse(raw)
    except wire.Unusable as error:
        raise Retryable(f"{what}: the answer cannot be used, {error}") from None


def _order_fields(intent: OrderIntent) -> dict[str, str]:
    """The body of POST /v2/orders (2.6.2). Numbers go as text: as a float a quantity might arrive as another one."""
    fields = {
        "symbol": intent.symbol,
        "qty": _plain(intent.qty),
        "side": intent.side,
        "type": intent.type.value,
        "time_in_force": "day",
        "client_order_id": intent.client_order_id,
    }
    if intent.limit_price is not None:
        fields["limit_price"] = _plain(intent.limit_price)
    if intent.stop_price is not None:
        fields["stop_price"] = _plain(intent.stop_price)
    return fields


def _plain(number: Decimal) -> str:
    """All digits, no exponent."""
    return format(number, "f")


def _batches(symbols: Sequence[str]) -> Iterable[Sequence[str]]:
    for first in range(0, len(symbols), SYMBOLS_PER_REQUEST):
        yield symbols[first : first + SYMBOLS_PER_REQUEST]


def _bar_length(timeframe: str) -> timedelta:
    """How long a bar of ``timeframe`` is; raises ``BadInput`` for a frame the broker does not serve."""
    match = re.fullmatch(r"([1-9]\d?)(Min|T|Hour|H|Day|D)", timeframe)
    if match:
        count, unit = int(match[1]), BAR_UNITS[match[2]]
        if count <= MOST_UNITS[unit]:
            return count * unit
    raise BadInput(f"timeframe {timeframe!r} is none of 1Min to 59Min, 1Hour to 23Hour, 1Day")
