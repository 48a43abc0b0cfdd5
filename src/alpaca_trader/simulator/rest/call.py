"""One request of the trading API, decoded, and its parameters read in every spelling clients use (alpaca-contract section 1)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, DecimalException
from typing import Final
from urllib.parse import parse_qsl

import orjson

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import parse_bool, parse_date, parse_time

MAX_BODY: Final = 1_048_576
"""Bytes a request body may have; a larger one is refused with 413."""
_SHALLOW: Final = 100
"""Brackets in a body that cannot be nested too deep to be written."""
_MAX_INTEGER_DIGITS: Final = 18
_MAX_SHOWN: Final = 80
"""Characters of a wrong value that its refusal repeats."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: whose it is, path and query parameters, and the fields of a JSON body (empty when there is none)."""

    desk: Desk
    path: Mapping[str, str]
    query: Mapping[str, str]
    fields: Mapping[str, object]


Answer = tuple[int, object]
"""HTTP status and JSON body; a body of None is an empty answer."""
Handler = Callable[[Simulator, Call], Answer]
Entry = tuple[str, str, Handler]
"""Method, path with `{name}` for a parameter, and who answers."""


def read_query(raw: bytes) -> Mapping[str, str]:
    """The query's parameters; of one given twice the first counts."""
    if not raw:
        return {}
    found: dict[str, str] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        found.setdefault(name, value)
    return found


def read_fields(content: bytes) -> Mapping[str, object]:
    """The fields of a JSON object, its numbers read as exact decimals; raises BrokerError 400 for anything else.

    Text that is no text (bytes that are no UTF-8, half a surrogate pair) is refused too, and what is nested hundreds deep:
    neither an answer nor the command log could repeat it.
    """
    try:
        # Decoded here: given bytes, json would let halves of surrogate pairs and UTF-16 pass.
        fields = json.loads(content.decode(), parse_float=Decimal, parse_int=_integer, parse_constant=_refuse_constant)
        if b"\\u" in content or content.count(b"[") + content.count(b"{") > _SHALLOW:
            orjson.dumps(fields, default=str)
    except (ValueError, RecursionError, DecimalException, orjson.JSONEncodeError) as error:
        raise BrokerError("undecodable") from error
    if not isinstance(fields, dict):
        raise BrokerError("undecodable")
    return fields


def _integer(text: str) -> int | Decimal:
    """A whole number; one of more than 64 bits is read as other decimals are, because the command log has no such integers."""
    return int(text) if len(text) <= _MAX_INTEGER_DIGITS else Decimal(int(text))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# Reading parameters


def wrong(field: str, value: str | None) -> BrokerError:
    """The refusal of a parameter's value."""
    return BrokerError("invalid_parameter", field=field, value=(value or "")[:_MAX_SHOWN])


@contextmanager
def as_bad_request() -> Iterator[None]:
    """Refuse with 400 what is otherwise 422: the calendar's routes document it so."""
    try:
        yield
    except BrokerError as refusal:
        raise BrokerError("bad_request", text=refusal.text) from refusal


def csv(text: str | None) -> set[str]:
    """The parts of a comma-separated list, without blanks."""
    return {part.strip() for part in text.split(",") if part.strip()} if text else set()


def choice(call: Call, field: str, allowed: set[str] | frozenset[str], default: str) -> str:
    """One of the allowed words, in any case; raises BrokerError 422 for another."""
    text = call.query.get(field)
    if not text:
        return default
    if text.lower() not in allowed:
        raise wrong(field, text)
    return text.lower()


def count(call: Call, field: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`; raises BrokerError 422 for another."""
    text = call.query.get(field)
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise wrong(field, text)
    return int(text)


def flag(call: Call, field: str) -> bool:
    """A boolean in any spelling, False when absent; raises BrokerError 422 for something else."""
    text = call.query.get(field)
    value = False if not text else parse_bool(text)
    if value is None:
        raise wrong(field, text)
    return value


def moment(call: Call, field: str) -> datetime | None:
    """An aware time, None when absent; raises BrokerError 422 for something else."""
    text = call.query.get(field)
    if not text:
        return None
    found = parse_time(text)
    if found is None:
        raise wrong(field, text)
    return found


def day(call: Call, field: str) -> date | None:
    """A date, None when absent; raises BrokerError 422 for something else."""
    text = call.query.get(field)
    if not text:
        return None
    found = parse_date(text)
    if found is None:
        raise wrong(field, text)
    return found
