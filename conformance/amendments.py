"""Where the two files are silent or wrong, and why we say so: the whole list of known exceptions.

`REFUSALS` adds statuses the service answers although its specification leaves them out; `PATCHES` corrects single values.
Each row names the section of alpaca-contract it rests on. Both the session and schemathesis judge by the amended files.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from conformance.judge import METHODS
from conformance.specs import Spec

ENVELOPE: Final = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "code": {"type": "integer", "minimum": 10_000_000, "maximum": 99_999_999},
        "message": {"type": "string"},
    },
}
"""The error body of contract section 1: `code` may be absent, the message may not."""
ABSENT: Final = ("/v2/wallets", "/v2/tokenization")
"""Paths that answer 404 like any unknown one: products no account here has (contract 2.11)."""
JSON: Final = {"application/json": {"schema": ENVELOPE}}
JSON_OR_PAGE: Final = {**JSON, "text/html": {"schema": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class Refusals:
    """Statuses of errors the file does not list for these operations."""

    host: str
    methods: str
    path: str
    statuses: tuple[int, ...]
    section: str
    reason: str
    overrides: bool = False
    """Whether it replaces what the file says of the body, too."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A value of the file that is wrong, by JSON pointer, and what it should be."""

    host: str
    pointer: str
    value: object
    section: str
    reason: str


_ORDER_ID: Final = r"/v2/orders/\{order_id\}"
REFUSALS: Final[tuple[Refusals, ...]] = (
    Refusals(
        "trading",
        "get post put patch delete",
        r".*",
        (401,),
        "1",
        "every route answers it, without a code",
        overrides=True,
    ),
    Refusals("trading", "get post put patch delete", r".*", (429, 500), "1", "true of every route, listed for few"),
    Refusals(
        "trading",
        "post put patch",
        r".*",
        (400, 413, 422),
        "3.17",
        "a body that is no JSON object, too large, or wrong",
    ),
    Refusals(
        "trading",
        "get",
        r"/v2/(account|assets|orders|positions|options|corporate_actions).*",
        (422,),
        "2.6.1",
        "a wrong parameter",
    ),
    Refusals(
        "trading", "get patch delete", rf"{_ORDER_ID}|/v2/orders:by_client_order_id", (404,), "2.6.1", "no such order"
    ),
    Refusals("trading", "patch", _ORDER_ID, (403,), "2.6.1", "a replacement is checked like a new order"),
    Refusals("trading", "get", r"/v2/positions/.*", (404,), "2.7", "no such position"),
    Refusals(
        "trading", "delete", r"/v2/positions/.*", (403, 404, 422), "2.7", "closing is an order, and checked like one"
    ),
    Refusals("trading", "delete", r"/v2/positions", (422,), "2.7", "a wrong parameter"),
    Refusals("trading", "get post put delete", r"/v2/watchlists[/:].*", (404, 422), "2.10", "no such watchlist"),
    Refusals("trading", "get", r"/v2/corporate_actions/announcements/.*", (404,), "2.11", "there is none"),
    Refusals(
        "trading", "get post patch delete", r"/v2/(wallets|tokenization).*", (404,), "2.11", "the product is not there"
    ),
    Refusals(
        "trading",
        "get",
        r"/v2beta1/events/activities",
        (400, 422),
        "5.3",
        "a wrong parameter: the file lists 200 alone",
    ),
    Refusals(
        "data",
        "get",
        r"/v2/stocks/\{symbol\}/(.*/latest|snapshot)",
        (404,),
        "4.4",
        "one symbol without a value: unverified",
    ),
    Refusals(
        "data", "get", r"/v1beta1/logos/\{symbol\}", (404,), "2.11", "no logo and no placeholder wanted: unverified"
    ),
)

_ANSWER: Final = "get/responses/200/content/application~1json/schema/items"
_ACTIVITIES: Final = f"/paths/~1v2~1account~1activities/{_ANSWER}"
_ACTIVITIES_BY_TYPE: Final = f"/paths/~1v2~1account~1activities~1{{activity_type}}/{_ANSWER}"
_SCHEMAS: Final = "/components/schemas"
_BY_KIND: Final = {
    "if": {"properties": {"activity_type": {"const": "FILL"}}},
    "then": {"$ref": f"#{_SCHEMAS}/TradingActivities"},
    "else": {"$ref": f"#{_SCHEMAS}/NonTradeActivities"},
}
_ITEM_ERROR: Final = {"anyOf": [{"$ref": f"#{_SCHEMAS}/Order"}, {"$ref": f"#{_SCHEMAS}/Error"}]}
PATCHES: Final[tuple[Patch, ...]] = (
    Patch(
        "trading",
        _ACTIVITIES,
        _BY_KIND,
        "2.5",
        "anyOf of two schemas that require nothing: a broken fill would pass as the other kind",
    ),
    Patch(
        "trading",
        _ACTIVITIES_BY_TYPE,
        _BY_KIND,
        "2.5",
        "oneOf of two schemas that require nothing: every activity fits both, so that none would be valid",
    ),
    Patch(
        "trading",
        f"{_SCHEMAS}/NonTradeActivities/properties/date/format",
        "date",
        "2.5",
        "a date, as its name and the file's own example say",
    ),
    Patch(
        "trading",
        f"{_SCHEMAS}/AccountConfigurations/properties/max_options_trading_level",
        {"type": ["integer", "null"], "enum": [0, 1, 2, 3, None]},
        "2.3",
        "null when the user has set none",
    ),
    Patch(
        "trading",
        f"{_SCHEMAS}/ActivityV2DetailNTA",
        {"$ref": f"#{_SCHEMAS}/CommonNTAActivityV2"},
        "5.3",
        "oneOf of kinds of which two require no more than all share: every detail fits several, so that none would be valid",
    ),
    Patch(
        "trading",
        f"{_SCHEMAS}/PositionClosedResponse/properties/body",
        _ITEM_ERROR,
        "2.7",
        "an item that failed carries the error object instead of an order",
    ),
)


def amended(specs: Mapping[str, Spec]) -> dict[str, Spec]:
    """Copies of the files with both tables applied. Raises LookupError when a row fits nothing: it is out of date."""
    found = {host: copy.deepcopy(spec) for host, spec in specs.items()}
    for row in REFUSALS:
        operations = list(_fitting(found[row.host], row))
        if not operations:
            raise LookupError(f"no operation for {row}")
        for operation in operations:
            for status in row.statuses:
                content = JSON_OR_PAGE if status == 401 else JSON
                if row.overrides or str(status) not in operation["responses"]:
                    operation["responses"][str(status)] = {"description": row.reason, "content": content}
    for patch in PATCHES:
        *steps, last = [_plain(step) for step in patch.pointer.split("/")[1:]]
        node = found[patch.host]
        for step in steps:
            node = node[step]
        if node[last] == patch.value:
            raise LookupError(f"nothing to amend for {patch}")
        node[last] = patch.value
    return found


def _fitting(spec: Spec, row: Refusals) -> Iterator[dict[str, Any]]:
    for path, item in spec["paths"].items():
        if re.fullmatch(row.path, path):
            yield from (item[method] for method in METHODS if method in row.methods.split() and method in item)


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
