"""Market data in wire form: JSON numbers, short keys, the same objects over REST and on the stream (alpaca-contract 4.2, 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from alpaca_trader.simulator.market.model import Auction, BarRow, Market, MarketQuote, MarketTrade
from alpaca_trader.simulator.wire import timestamp

_TAPES = {"NYSE": "A", "ARCA": "B", "NYSEARCA": "B", "AMEX": "B", "BATS": "B"}
_LETTERS = {"NYSE": "N", "NASDAQ": "Q", "ARCA": "P", "NYSEARCA": "P", "AMEX": "A", "BATS": "Z", "OTC": "U"}
VENUE = "V"
_ROUND_LOT = 100


def tape_of(exchange: str) -> str:
    """Consolidated tape of a listing: A for NYSE, B for the other exchanges, C for NASDAQ."""
    return _TAPES.get(exchange, "C")


def tapes_of(market: Market) -> Mapping[str, str]:
    """The tape of every symbol of a market."""
    return {asset.symbol: tape_of(asset.exchange) for asset in market.assets()}


def bar_fields(row: BarRow) -> dict[str, Any]:
    """All eight keys of a bar but its time: prices as numbers, volume and trade count as integers."""
    return {
        "o": plain(row.open),
        "h": plain(row.high),
        "l": plain(row.low),
        "c": plain(row.close),
        "v": row.volume,
        "n": row.trade_count,
        "vw": plain(row.vwap),
    }


def bar_json(row: BarRow) -> dict[str, Any]:
    """A bar as REST serves it."""
    return {"t": timestamp(row.start), **bar_fields(row)}


def quote_fields(quote: MarketQuote, tape: str) -> dict[str, Any]:
    """A quote but its time; a side without a quote has price 0 and size 0. Sizes are shares."""
    return {
        "bx": VENUE,
        "bp": number(quote.bid),
        "bs": quote.bid_size,
        "ax": VENUE,
        "ap": number(quote.ask),
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
        "x": VENUE,
        "p": number(trade.price),
        "s": trade.size,
        "c": conditions,
        "i": trade.trade_id,
        "z": tape,
    }


def listing_of(exchange: str) -> str:
    """The letter of a listing exchange, as prints and auctions carry it."""
    return _LETTERS.get(exchange, "Q")


def auction_json(auction: Auction, listing: str, cross: str) -> list[dict[str, Any]]:
    """A cross as the auctions route shows it: the print itself, then the exchange's official price. `cross` is o or c."""
    printed, official = ("O", "Q") if cross == "o" else ("6", "M")
    fields = {"t": timestamp(auction.at), "x": listing, "p": number(auction.price), "s": auction.size}
    return [{**fields, "c": printed}, {**fields, "c": official}]


def trade_json(trade: MarketTrade, tape: str) -> dict[str, Any]:
    """A trade as REST serves it."""
    return {"t": timestamp(trade.at), **trade_fields(trade, tape)}


def number(value: Decimal) -> int | float:
    """A decimal as a JSON number."""
    return plain(float(value))


def plain(value: float) -> int | float:
    """A JSON number: whole values without a point, as the broker writes them."""
    return int(value) if value.is_integer() else value
