"""What is not US equities: well-formed empties, and honest refusals (alpaca-contract 2.11)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.wire import timestamp
from tests.simulator.tiny import OPEN, simulator

CONTRACT = "AAPL261218C00200000"
CRYPTO = "/v1beta3/crypto/us"
OPTIONS = "/v1beta1/options"
PAST, FUTURE = timestamp(OPEN - timedelta(days=1)), timestamp(OPEN + timedelta(days=1))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client with the right keys."""
    sim = simulator("100")
    with TestClient(build_app(sim)) as client:
        client.headers.update({"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]})
        yield client


PAGED = {"next_page_token": None}
EMPTY: dict[str, object] = {
    "/v2/options/contracts?underlying_symbols=AAPL&type=call&limit=10": {"option_contracts": [], **PAGED},
    "/v1/locates?status=active": {"locates": [], **PAGED},
    f"{OPTIONS}/bars?symbols={CONTRACT}&timeframe=1Day&sort=desc": {"bars": {}, **PAGED},
    f"{OPTIONS}/trades?symbols={CONTRACT}": {"trades": {}, **PAGED},
    f"{OPTIONS}/trades/latest?symbols={CONTRACT}": {"trades": {}},
    f"{OPTIONS}/quotes/latest?symbols={CONTRACT}&feed=indicative": {"quotes": {}},
    f"{OPTIONS}/snapshots?symbols={CONTRACT}": {"snapshots": {}, **PAGED},
    f"{OPTIONS}/snapshots/AAPL?strike_price_gte=100": {"snapshots": {}, **PAGED},
    f"{CRYPTO}/bars?symbols=BTC/USD&timeframe=1Min&start=2026-11-20": {"bars": {}, **PAGED},
    f"{CRYPTO}/quotes?symbols=BTC/USD": {"quotes": {}, **PAGED},
    f"{CRYPTO}/trades?symbols=BTC/USD,ETH/USD": {"trades": {}, **PAGED},
    f"{CRYPTO}/latest/bars?symbols=BTC/USD": {"bars": {}},
    f"{CRYPTO}/latest/quotes?symbols=BTC/USD": {"quotes": {}},
    f"{CRYPTO}/latest/trades?symbols=BTC/USD": {"trades": {}},
    f"{CRYPTO}/latest/orderbooks?symbols=BTC/USD": {"orderbooks": {}},
    f"{CRYPTO}/snapshots?symbols=BTC/USD": {"snapshots": {}},
    "/v1beta1/forex/latest/rates?currency_pairs=USDJPY": {"rates": {}},
    "/v1beta1/forex/rates?currency_pairs=USDJPY&timeframe=5Sec": {"rates": {}, **PAGED},
    "/v1beta1/fixed_income/latest/prices?isins=US912797KJ59": {"prices": {}},
    "/v1beta1/fixed_income/latest/quotes?isins=US912797KJ59&trade_size=10": {"quotes": {}},
}


@pytest.mark.parametrize("address", EMPTY)
def test_what_nobody_holds_is_empty(client: TestClient, address: str) -> None:
    """200 and the empty shape of its kind."""
    answer = client.get(address)
    assert (answer.status_code, answer.json()) == (200, EMPTY[address])


REFUSED: dict[str, tuple[int, str]] = {
    "/v2/options/contracts?limit=0": (422, "invalid limit: 0"),
    "/v2/options/contracts?page_token=x": (422, "invalid page_token: x"),
    f"/v2/options/contracts/{CONTRACT}": (404, f"option contract {CONTRACT} not found"),
    "/v2/corporate_actions/announcements/x": (404, "corporate action announcement not found for x"),
    "/v1/locates?status=open": (400, "invalid input"),
    "/v1/locates/x": (400, "invalid input"),
    "/v1/locates/8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21": (404, "locate not found"),
    "/v1/locates/quotes": (400, "symbols must contain at most 100 unique symbols"),
    f"{OPTIONS}/bars?symbols={CONTRACT}": (400, "timeframe parameter is required"),
    f"{OPTIONS}/bars?symbols=AAPL&timeframe=1Day": (400, "invalid symbols: AAPL"),
    f"{OPTIONS}/quotes/latest?symbols={CONTRACT}&feed=opra": (403, "subscription does not permit querying OPRA data"),
    f"{OPTIONS}/meta/conditions/bar": (400, "invalid ticktype: bar"),
    "/v1beta3/crypto/mars/bars?symbols=BTC/USD&timeframe=1Min": (400, "invalid loc: mars"),
    f"{CRYPTO}/trades?symbols=BTC/USD&start=0001-01-01T00:00:00%2B14:00": (
        400,
        "invalid start: 0001-01-01T00:00:00+14:00",
    ),
    "/v1beta1/forex/latest/rates": (400, "currency_pairs parameter is required"),
    "/v1beta1/logos/AAPL?placeholder=false": (404, "no logo found for AAPL"),
    f"/v1beta1/events/corporate-actions?until={PAST}": (400, "until requires since"),
}


@pytest.mark.parametrize("address", REFUSED)
def test_what_cannot_be_answered_is_refused(client: TestClient, address: str) -> None:
    """The status and text of its kind."""
    answer = client.get(address)
    assert (answer.status_code, answer.json()["message"]) == REFUSED[address]


@pytest.mark.parametrize("verb", ["exercise", "do-not-exercise"])
def test_nobody_can_exercise_an_option(client: TestClient, verb: str) -> None:
    """403 for a contract nobody holds, 422 for what is none."""
    held = client.post(f"/v2/positions/{CONTRACT}/{verb}")
    assert (held.status_code, held.json()["code"]) == (403, 40310000)
    wrong = client.post(f"/v2/positions/AAPL/{verb}")
    assert (wrong.status_code, wrong.json()) == (422, {"code": 42210000, "message": "invalid symbol"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_request_body"),
        (b" " * 1_048_577, 413, 41310000),
        (b'["XYZ"]', 400, "invalid_request_body"),
        (b'{"symbol":"XYZ","qty":"100"}', 400, "invalid_request_body"),
        (b'{"symbol":"XYZ","qty":150}', 400, "invalid_input"),
        (b'{"symbol":"XYZ","qty":100,"limit_price":"-1"}', 400, "invalid_limit_price"),
        (b'{"symbol":"NONE","qty":100}', 422, "symbol_not_found"),
        (b'{"symbol":"XYZ","qty":100,"limit_price":"0.05"}', 422, "easy_to_borrow"),
    ],
)
def test_no_locate_is_granted(client: TestClient, body: bytes, status: int, code: str | int) -> None:
    """What is asked wrongly and what needs no locate is refused with its own code."""
    answer = client.post("/v1/locates", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_quotes_of_locates_say_why_there_are_none(client: TestClient) -> None:
    """One reason per symbol."""
    body = client.get("/v1/locates/quotes?symbols=XYZ,NONE").json()
    assert body["quotes"] == []
    assert [(error["symbol"], error["code"]) for error in body["errors"]] == [
        ("XYZ", "easy_to_borrow"),
        ("NONE", "symbol_not_found"),
    ]


def test_a_logo_is_a_picture(client: TestClient) -> None:
    """The placeholder is a PNG whose pixels decode."""
    answer = client.get("/v1beta1/logos/AAPL")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    start = answer.content.index(b"IDAT") + 4
    assert len(zlib.decompressobj().decompress(answer.content[start:])) == 64 * 65


@pytest.mark.parametrize(
    "end", [f"since={PAST}&until={PAST}", "since_id=01KAGWZ5Q2V9K3T0Y8M4C7N6RD&until_id=01" + "0" * 24]
)
def test_a_stream_whose_end_has_passed_ends(client: TestClient, end: str) -> None:
    """Server-sent events until a time in the past: nothing but the greeting."""
    answer = client.get(f"/v1beta1/events/corporate-actions?{end}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == ": welcome\n\n"
