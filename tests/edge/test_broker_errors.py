"""One table says what the broker's failures mean."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.core.errors import OrderRefused, OutcomeUnknown, RefusalKind, Retryable
from alpaca_trader.edge.broker_errors import (
    MAX_TEXT,
    Answer,
    Transient,
    is_auth,
    is_missing,
    read_failure,
    tame,
    write_failure,
)
from alpaca_trader.simulator.exchange.errors import REFUSALS

K = RefusalKind

# alpaca-contract 3.17 and 3.4-3.12, row by row.
CATALOGUE: list[tuple[int, int, str, RefusalKind]] = [
    (403, 40310000, "insufficient buying power", K.INSUFFICIENT_BUYING_POWER),
    (403, 40310000, "insufficient qty available for order (requested: 0.6, available: 0.1)", K.INSUFFICIENT_QTY),
    (403, 40310000, 'asset "XYZ" is not fractionable', K.NOT_FRACTIONABLE),
    (403, 40310000, "potential wash trade detected. use complex orders", K.WASH_TRADE),
    (422, 42210000, "potential wash trade detected. use complex orders", K.WASH_TRADE),
    (403, 40310000, "cannot open a long buy while a short sell order is open", K.WASH_TRADE),
    (403, 40310000, "account is not allowed to short", K.INSUFFICIENT_QTY),
    (422, 42210000, "fractional orders cannot be sold short", K.INSUFFICIENT_QTY),
    (422, 42210000, 'asset "XYZ" cannot be sold short', K.INSUFFICIENT_QTY),
    (403, 40310000, "account is not authorized to trade", K.BLOCKED),
    (403, 40310000, "account is restricted to liquidation only", K.BLOCKED),
    (422, 40010001, "us_equity orders not allowed for account", K.BLOCKED),
    (403, 40310000, "insufficient day trading buying power", K.DAY_TRADE),
    (403, 40310100, "trade denied due to pattern day trading protection", K.DAY_TRADE),
    (403, 40310100, "words nobody has seen", K.DAY_TRADE),
    (404, 40410000, f"order not found for {'8' * 36}", K.NOT_FOUND),
    (422, 40010001, "client_order_id must be unique", K.DUPLICATE_ID),
    (422, 42210000, "stop price must be less than current price", K.STOP_THROUGH_MARKET),
    (422, 42210000, "stop_loss.stop_price must be <= base_price - 0.01", K.STOP_THROUGH_MARKET),
    (422, 42210000, "cannot replace order in accepted status", K.NOT_REPLACEABLE),
    (422, 42210000, "order already replaced", K.NOT_REPLACEABLE),
    (422, 42210000, "order chain not fully replaced", K.NOT_REPLACEABLE),
    (422, 42210000, "order parameters are not changed", K.NOT_REPLACEABLE),
    (422, 42210000, "qty must be > filled_qty", K.NOT_REPLACEABLE),
    (422, 42210000, 'order is already in "filled" state', K.ALREADY_DONE),
    (422, 42210000, 'order is already in "canceled" state', K.ALREADY_DONE),
    (422, 42210000, "fractional orders must be DAY orders", K.OTHER),
    (422, 42210000, "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing", K.OTHER),
    (422, 40010001, "notional must be >= 1.00", K.OTHER),
    (422, 42210000, "asset XYZ is not active", K.OTHER),
    (422, 49999999, "words nobody has seen", K.OTHER),
]


def answer(status: int, body: object) -> Answer:
    """An answer with a JSON body, or with a text as it is."""
    return Answer(status, body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(("status", "code", "text", "kind"), CATALOGUE)
def test_every_known_refusal_has_its_kind(status: int, code: int, text: str, kind: RefusalKind) -> None:
    """The pair of status and code is not enough: the text decides, and what is new is OTHER."""
    refusal = write_failure(answer(status, {"code": code, "message": text}), "submit")
    assert isinstance(refusal, OrderRefused)
    assert (refusal.kind, refusal.status, refusal.code, refusal.text) == (kind, status, code, text)


# What the simulator says of an order that reaches it well-formed, and what the engine is to understand.
UNDERSTOOD = {
    "duplicate_client_order_id": K.DUPLICATE_ID,
    "not_fractionable": K.NOT_FRACTIONABLE,
    "fractional_short": K.INSUFFICIENT_QTY,
    "stop_not_below": K.STOP_THROUGH_MARKET,
    "account_blocked": K.BLOCKED,
    "wash_trade": K.WASH_TRADE,
    "insufficient_qty": K.INSUFFICIENT_QTY,
    "no_shorting": K.INSUFFICIENT_QTY,
    "insufficient_buying_power": K.INSUFFICIENT_BUYING_POWER,
    "cannot_replace": K.NOT_REPLACEABLE,
    "already_replaced": K.NOT_REPLACEABLE,
    "nothing_changed": K.NOT_REPLACEABLE,
    "notional_replace": K.NOT_REPLACEABLE,
    "already_closed": K.ALREADY_DONE,
    "no_order": K.NOT_FOUND,
}


@pytest.mark.parametrize("name", sorted(UNDERSTOOD))
def test_the_simulators_words_are_understood(name: str) -> None:
    """The simulator's table and ours were written apart; where they meet they agree."""
    refusal = REFUSALS[name]
    failure = write_failure(answer(refusal.status, {"code": refusal.code, "message": refusal.text}), "submit")
    assert isinstance(failure, OrderRefused)
    assert failure.kind is UNDERSTOOD[name]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": 40010000, "message": "failed to decode request body"}),
        (400, {"code": 40310000, "message": "insufficient buying power"}),
        (404, "<html>404 Not Found</html>"),
        (404, ""),
        (408, ""),
        (409, {"code": 40910000, "message": "conflict"}),
        (422, "truncated {"),
        (422, {"message": "no code"}),
        (422, [1, 2]),
        (429, {"code": 42910000, "message": "rate limit exceeded"}),
        (500, {"code": 50010000, "message": "internal server error occurred"}),
        (502, "<html>"),
        (503, ""),
        (504, {"code": 50410000, "message": "request timed out"}),
        (0, ""),
    ],
)
def test_what_is_no_plain_refusal_leaves_a_write_unknown(status: int, body: object) -> None:
    """A 4xx in the broker's envelope is a refusal; everything else after a write left may hide an accepted order."""
    assert isinstance(write_failure(answer(status, body), "submit"), OutcomeUnknown)


@pytest.mark.parametrize(
    ("body", "existing"),
    [
        ({"existing_order_id": "8b1f"}, "8b1f"),
        ({"related_orders": ["a", "b"]}, "a"),
        ({"related_orders": []}, None),
        ({"existing_order_id": 7}, None),
        ({"existing_order_id": "x" * 500}, "x" * 64),
        ({}, None),
    ],
)
def test_the_order_in_the_way_is_named(body: dict[str, object], existing: str | None) -> None:
    """A wash trade names the opposite order, a shortage of shares those that hold them."""
    refusal = write_failure(answer(403, {"code": 40310000, "message": "wash trade", **body}), "submit")
    assert isinstance(refusal, OrderRefused)
    assert refusal.existing_order_id == existing


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, {"code": 40110000, "message": "request is not authorized"}, True),
        (401, {"message": "unauthorized."}, True),
        (401, "<html>nginx</html>", True),
        (403, {"message": "forbidden."}, True),
        (403, "<html>", True),
        (403, {"code": 40310000, "message": "insufficient buying power"}, False),
        (403, {"code": 42210000, "message": "subscription does not permit querying recent SIP data"}, False),
        (403, {"message": "subscription does not permit querying recent SIP data"}, False),
        (500, {"message": "forbidden."}, False),
    ],
)
def test_refused_keys_are_told_from_refused_orders(status: int, body: object, expected: bool) -> None:
    """401 in any form and a bare 403 mean the keys; 403 with a code is about the request."""
    assert is_auth(answer(status, body)) is expected


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {"code": 40410000, "message": "order not found for x"}, True),
        (404, {"code": 40410000, "message": "other words for the same"}, True),
        (404, {"code": 40410000, "message": "endpoint not found."}, False),
        (404, {"message": "order not found"}, False),
        (404, "<html>404</html>", False),
        (404, "", False),
        (422, {"code": 40410000, "message": "order not found for x"}, False),
    ],
)
def test_only_the_brokers_own_word_makes_an_order_missing(status: int, body: object, expected: bool) -> None:
    """A wrong path or a proxy's page must not end up as evidence that an order never arrived (INV-3)."""
    assert is_missing(answer(status, body)) is expected


@pytest.mark.parametrize(
    ("status", "body", "again"),
    [
        (500, "", True),
        (503, "<html>", True),
        (404, "<html>", True),
        (408, {"message": "timeout"}, True),
        (429, {"message": "slow down"}, False),
        (400, {"message": "invalid symbol: XX!"}, False),
        (403, {"code": 42210000, "message": "subscription does not permit"}, False),
    ],
)
def test_only_what_may_be_over_soon_is_read_again(status: int, body: object, again: bool) -> None:
    """Outages and strange pages are; a refusal and the demand for silence are not."""
    failure = read_failure(answer(status, body), "/bars")
    assert isinstance(failure, Retryable)
    assert isinstance(failure, Transient) is again


def test_a_failure_tells_status_words_and_request_id() -> None:
    """The broker's support asks for the request id of every failed call."""
    failed = Answer(403, '{"code": 40310000, "message": "no"}', request_id="abc")
    assert str(failed) == "HTTP 403, code 40310000 'no', request id abc"
    assert str(Answer(502, "<html>x</html>")) == "HTTP 502, no readable body"
    assert str(Answer(502, " ")) == "HTTP 502, an empty body"


@given(st.text(max_size=2000))
def test_foreign_text_is_one_short_printable_line(text: str) -> None:
    """Whatever a broker, a proxy or an attacker writes: no control characters, no terminal escapes, bounded."""
    tamed = tame(text)
    assert len(tamed) <= MAX_TEXT
    assert tamed.isprintable()


def test_terminal_escapes_vanish_whole() -> None:
    """Not even the harmless-looking rest of an escape sequence stays."""
    assert tame("\x1b[31mred\x1b[0m\r\nalert\x07") == "red alert"
