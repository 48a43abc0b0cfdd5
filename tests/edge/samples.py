"""Events to send through a feed, told apart by a word."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from alpaca_trader.core.events import BarClosed, Command, Event, ExecutionReport, StreamChanged
from alpaca_trader.core.models import Bar, Order

NOON = datetime(2026, 2, 2, 17, 0, tzinfo=UTC)


def bar(symbol: str, at: datetime = NOON) -> BarClosed:
    """A bar of ``symbol``."""
    return BarClosed(at, Bar(symbol, at.replace(second=0, microsecond=0), 1.0, 1.0, 1.0, 1.0, 100.0))


def report(word: str, client_order_id: str, at: datetime = NOON) -> ExecutionReport:
    """News of an order."""
    order = Order("b-" + client_order_id, client_order_id, "AAPL", "buy", "market", "day", word, None, Decimal(0), None)
    return ExecutionReport(at, order, "stream", word)


def changed(stream: Literal["trade_updates", "market_data"], connected: bool, at: datetime = NOON) -> StreamChanged:
    """A stream came or went."""
    return StreamChanged(at, stream, connected)


def halt(at: datetime = NOON) -> Command:
    """A human's word."""
    return Command(at, "halt", "human", "test")


def word(event: Event) -> str:
    """The event in a word or two."""
    match event:
        case BarClosed(bar=sent):
            return sent.symbol
        case ExecutionReport(event=news, order=order):
            return f"{news} {order.client_order_id}"
        case StreamChanged(stream=stream, connected=connected):
            return f"{stream} {'up' if connected else 'down'}"
        case _:
            return type(event).__name__
