"""The messages of the data stream: what an instant means to a client with these subscriptions, in frames ready to send.

Clients who subscribed to the same get the same frames; each is made once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgpack
import orjson

from alpaca_trader.simulator.feeds.incidents import Incident
from alpaca_trader.simulator.hub import ALL, DataMoment
from alpaca_trader.simulator.market.model import BarRow, MarketQuote, PriceBands, Tick, TradingStatus
from alpaca_trader.simulator.rest.data_wire import VENUE, bar_fields, number, quote_fields, trade_fields
from alpaca_trader.simulator.wire import pack_broken, write_broken

CHANNELS: Final = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
)
Codec = Literal["json", "msgpack"]
Frame = bytes | str
Message = dict[str, Any]
Subscriptions = tuple[frozenset[str], ...]
"""The symbols of each of CHANNELS, in their order."""
_FRAME_MESSAGES: Final = 1000
"""Most messages in one frame: well below the megabyte that Python's WebSocket client accepts."""
_STATUS_TEXT: Final = {
    "H": "Trading Halt",
    "P": "Volatility Trading Pause",
    "Q": "Quotation Resumption",
    "T": "Trading Resumption",
}
_REASON_TEXT: Final = {
    "T1": "Halt News Pending",
    "T2": "Halt News Dissemination",
    "T12": "Trading Halted; For Information Requested by Exchange",
    "LUDP": "Volatility Trading Pause",
}


def encoded(messages: Sequence[Message], codec: Codec) -> Frame:
    """One frame: an array of messages; times are RFC 3339 text in JSON and Timestamp extensions in MessagePack."""
    if codec == "msgpack":
        packed: bytes = msgpack.packb(messages, datetime=True, strict_types=True, default=pack_broken)
        return packed
    return orjson.dumps(messages, write_broken, option=orjson.OPT_UTC_Z).decode()


def frames_for(
    moment: DataMoment, wanted: Subscriptions, codec: Codec, tapes: Mapping[str, str]
) -> tuple[int, Sequence[Frame]]:
    """How many messages the moment means to such a client, and the frames they travel in."""
    found: tuple[int, Sequence[Frame]] | None = moment.encoded.get((codec, wanted))
    if found is None:
        messages = moment.encoded.get(wanted)
        if messages is None:
            messages = moment.encoded[wanted] = list(_messages(moment, dict(zip(CHANNELS, wanted, strict=True)), tapes))
        cuts = range(0, len(messages), _FRAME_MESSAGES)
        found = len(messages), [encoded(messages[cut : cut + _FRAME_MESSAGES], codec) for cut in cuts]
        moment.encoded[codec, wanted] = found
    return found


def _messages(moment: DataMoment, wanted: Mapping[str, frozenset[str]], tapes: Mapping[str, str]) -> Iterator[Message]:
    """In the order in which things became known at this instant."""
    for status in moment.statuses:
        if _has(wanted["statuses"], status.symbol):
            yield _status(status, tapes)
    for bands in moment.bands:
        if _has(wanted["lulds"], bands.symbol):
            yield _luld(bands, moment.at, tapes)
    for tick in moment.ticks:
        if _has(wanted["quotes" if isinstance(tick, MarketQuote) else "trades"], tick.symbol):
            yield _tick(tick, tapes)
    if moment.minute is not None:
        yield from _bars("b", moment.bars, wanted["bars"])
        if wanted["dailyBars"]:
            yield from _bars("d", moment.days, wanted["dailyBars"])
    for incident in moment.incidents:
        yield from _incident(incident, wanted, tapes)


def _has(symbols: frozenset[str], symbol: str) -> bool:
    return ALL in symbols or symbol in symbols


def _bars(kind: str, rows: Sequence[BarRow], symbols: frozenset[str]) -> Iterator[Message]:
    if not symbols:
        return
    is_all = ALL in symbols
    for row in rows:
        if is_all or row.symbol in symbols:
            yield {"T": kind, "S": row.symbol, **bar_fields(row), "t": row.start}


def _tick(tick: Tick, tapes: Mapping[str, str]) -> Message:
    tape = tapes.get(tick.symbol, "C")
    if isinstance(tick, MarketQuote):
        return {"T": "q", "S": tick.symbol, **quote_fields(tick, tape), "t": tick.at}
    return {"T": "t", "S": tick.symbol, **trade_fields(tick, tape), "t": tick.at}


def _incident(incident: Incident, wanted: Mapping[str, frozenset[str]], tapes: Mapping[str, str]) -> Iterator[Message]:
    """The print as it became known, then its minute's bar as it is now."""
    trade = incident.trade
    tape = tapes.get(trade.symbol, "C")
    if incident.kind == "late" and _has(wanted["trades"], trade.symbol):
        yield _tick(trade, tapes)
    if incident.kind == "canceled" and _has(wanted["cancelErrors"], trade.symbol):
        yield {
            "T": "x",
            "S": trade.symbol,
            "i": trade.trade_id,
            "x": VENUE,
            "p": number(trade.price),
            "s": trade.size,
            "a": "C",
            "t": incident.known_at,
            "z": tape,
        }
    if incident.corrected is not None and _has(wanted["corrections"], trade.symbol):
        old, new = trade_fields(trade, tape), trade_fields(incident.corrected, tape)
        yield {
            "T": "c",
            "S": trade.symbol,
            "x": VENUE,
            **{f"o{key}": old[key] for key in "ipsc"},
            **{f"c{key}": new[key] for key in "ipsc"},
            "t": incident.known_at,
            "z": tape,
        }
    if _has(wanted["updatedBars"], trade.symbol):
        yield {"T": "u", "S": trade.symbol, **bar_fields(incident.final), "t": incident.final.start}


def _status(status: TradingStatus, tapes: Mapping[str, str]) -> Message:
    return {
        "T": "s",
        "S": status.symbol,
        "sc": status.code,
        "sm": _STATUS_TEXT.get(status.code, ""),
        "rc": status.reason,
        "rm": _REASON_TEXT.get(status.reason, ""),
        "t": status.at,
        "z": tapes.get(status.symbol, "C"),
    }


def _luld(bands: PriceBands, at: datetime, tapes: Mapping[str, str]) -> Message:
    return {
        "T": "l",
        "S": bands.symbol,
        "u": number(bands.upper),
        "d": number(bands.lower),
        "i": "B",
        "t": at,
        "z": tapes.get(bands.symbol, "C"),
    }
