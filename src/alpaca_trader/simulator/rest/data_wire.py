"""Market data in wire form: JSON numbers, short keys, the same objects over REST and on the stream (alpaca-contract 4.2, 5.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from alpaca_trader.simulator.market.model import MarketBar, MarketQuote, MarketTrade
from alpaca_trader.simulator.wire import timestamp

_TAPES = {"NYSE": "A", "ARCA": "B", "NYSEARCA": "B", "AMEX": "B", "BATS": "B"}
_VENUE = "V"
_ROUND_LOT = 100


def tape_of(exchange: str) -> str:
    """Consolidated tape of a listing: A for NYSE, B for the other exchanges, C for NASDAQ."""
    return _TAPES.get(exchange, "C")


def bar_fields(bar: MarketBar) -> dict[str, Any]:
    """All eight keys of a bar but its time: prices as numbers, volume and trade count as integers."""
    return {
        "o": _number(bar.open),
        "h": _number(bar.high),
        "l": _number(bar.low),
        "c": _number(bar.close),
        "v": bar.volume,
        "n": bar.trade_count,
        "vw": _number(bar.vwap),
    }


def bar_json(bar: MarketBar) -> dict[str, Any]:
    """A bar as REST serves it."""
    return {"t": timestamp(bar.start), **bar_fields(bar)}


def quote_fields(quote: MarketQuote, tape: str) -> dict[str, Any]:
    """A quote but its time; a side without a quote has price 0 and size 0. Sizes are shares."""
    return {
        "bx": _VENUE,
        "bp": _number(quote.bid),
        "bs": quote.bid_size,
        "ax": _VENUE,
        "ap": _number(quote.ask),
        "as": quote.ask_size,
        "c": ["R"],
        "z": tape,
    }


def quote_json(quote: MarketQuote, tape: str) -> dict[str, Any]:
    """A quote as REST serves it."""
    return {"t": timestamp(quote.at), **quote_fields(quote, tape)}


def trade_fields(trade: MarketTrade, tape: str) -> dict[str, Any]:
    """A trade but its time; condition I marks an odd lot."""
    conditions = ["@"] if trade.size >= _ROUND_LOT else ["@", "I"]
    return {
        "x": _VENUE,
        "p": _number(trade.price),
        "s": trade.size,
        "c": conditions,
        "i": trade.trade_id,
        "z": tape,
    }


def trade_json(trade: MarketTrade, tape: str) -> dict[str, Any]:
    """A trade as REST serves it."""
    return {"t": timestamp(trade.at), **trade_fields(trade, tape)}


def _number(value: Decimal) -> int | float:
    """A JSON number: whole values without a point, as the broker writes them."""
    number = float(value)
    return int(number) if number.is_integer() else number
