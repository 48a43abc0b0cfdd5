"""The trading host over real HTTP: bodies, errors, authentication, limits, spellings."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import Any

import orjson
import pytest

from alpaca_trader.simulator import RunningSimulator, Simulator, Switches, running_simulator
from alpaca_trader.simulator.market.model import MarketTrade
from tests.simulator.tiny import CALM, CLOSE, NEXT_OPEN, OPEN, TinyMarket, before, bought, order, run_to, tape

FLAT = ("100.00",) * 24


class Http:
    """One connection to a simulator, with its key."""

    def __init__(self, running: RunningSimulator) -> None:
        self.sim = running.sim
        self.auth = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        self._connection = HTTPConnection(running.url.removeprefix("http://"), timeout=10)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and bytes of an answer."""
        self._connection.request(method, path, body, self.auth if headers is None else headers)
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded JSON of an answer; None for an empty one."""
        status, _, content = self.raw(method, path, None if body is None else orjson.dumps(body))
        return status, orjson.loads(content) if content else None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def make_sim(**changes: Any) -> Simulator:
    """A simulator on XYZ at 100, one second after the open."""
    market = TinyMarket({"XYZ": [*before("XYZ", "98"), *tape("XYZ", *FLAT)], "ABC": tape("ABC", *FLAT)})
    values: dict[str, Any] = {"seed": 5, "start": OPEN + timedelta(seconds=1), "switches": CALM, **changes}
    return Simulator(market, **values)


@pytest.fixture
def http() -> Iterator[Http]:
    """A served simulator without rate limit."""
    with running_simulator(make_sim()) as running:
        client = Http(running)
        yield client
        client.close()


ORDER_KEYS = {
    "id",
    "client_order_id",
    "created_at",
    "updated_at",
    "submitted_at",
    "filled_at",
    "expired_at",
    "expires_at",
    "canceled_at",
    "failed_at",
    "replaced_at",
    "replaced_by",
    "replaces",
    "asset_id",
    "symbol",
    "asset_class",
    "notional",
    "qty",
    "filled_qty",
    "filled_avg_price",
    "order_class",
    "order_type",
    "type",
    "side",
    "position_intent",
    "time_in_force",
    "limit_price",
    "stop_price",
    "status",
    "extended_hours",
    "legs",
    "trail_percent",
    "trail_price",
    "hwm",
    "subtag",
    "source",
}
ACCOUNT_KEYS = {
    "id",
    "account_number",
    "status",
    "crypto_status",
    "crypto_tier",
    "currency",
    "cash",
    "equity",
    "portfolio_value",
    "last_equity",
    "balance_asof",
    "long_market_value",
    "short_market_value",
    "position_market_value",
    "buying_power",
    "effective_buying_power",
    "regt_buying_power",
    "non_marginable_buying_power",
    "options_buying_power",
    "initial_margin",
    "maintenance_margin",
    "last_maintenance_margin",
    "sma",
    "multiplier",
    "shorting_enabled",
    "trading_blocked",
    "transfers_blocked",
    "account_blocked",
    "trade_suspended_by_user",
    "accrued_fees",
    "pending_reg_taf_fees",
    "intraday_adjustments",
    "options_approved_level",
    "options_trading_level",
    "created_at",
    "admin_configurations",
    "user_configurations",
}
POSITION_KEYS = {
    "asset_id",
    "symbol",
    "exchange",
    "asset_class",
    "asset_marginable",
    "qty",
    "qty_available",
    "avg_entry_price",
    "side",
    "market_value",
    "cost_basis",
    "unrealized_pl",
    "unrealized_plpc",
    "unrealized_intraday_pl",
    "unrealized_intraday_plpc",
    "current_price",
    "lastday_price",
    "change_today",
}
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?")


def test_the_account_has_the_contract_s_fields(http: Http) -> None:
    """Exactly the keys of alpaca-contract 2.2, money as unpadded string numbers, no day-trading fields."""
    status, account = http("GET", "/v2/account")
    assert status == 200
    assert account.keys() == ACCOUNT_KEYS
    assert (account["cash"], account["equity"], account["multiplier"], account["balance_asof"]) == (
        "467",
        "467",
        "1",
        "2026-11-19",
    )
    for name in ("cash", "equity", "last_equity", "buying_power", "accrued_fees"):
        assert NUMBER.fullmatch(account[name]), name


def test_an_order_has_the_contract_s_fields(http: Http) -> None:
    """Every key present, absent values null, times in UTC with Z, DAY expiry at the close."""
    status, placed = http("POST", "/v2/orders", order("buy", "market", "0.5", client_order_id="mine"))
    assert status == 200
    assert placed.keys() == ORDER_KEYS
    assert placed["status"] == "pending_new"
    assert (placed["submitted_at"], placed["expires_at"]) == ("2026-11-20T14:30:01Z", "2026-11-20T21:00:00Z")
    assert (placed["qty"], placed["filled_qty"], placed["filled_avg_price"]) == ("0.5", "0", None)
    assert (placed["position_intent"], placed["order_class"], placed["legs"]) == ("buy_to_open", "", None)
    run_to(http.sim, OPEN + timedelta(seconds=2))
    for path in (f"/v2/orders/{placed['id']}", "/v2/orders:by_client_order_id?client_order_id=mine"):
        status, filled = http("GET", path)
        assert (status, filled["status"], filled["filled_avg_price"]) == (200, "filled", "100.01")
        assert filled["filled_at"] is not None


def test_a_position_has_the_contract_s_fields(http: Http) -> None:
    """Values, gains and fractions of half a share bought at 100.01, last traded at 100, yesterday at 98."""
    bought(http.sim, "0.5")
    status, position = http("GET", "/v2/positions/XYZ")
    assert status == 200
    assert position.keys() == POSITION_KEYS
    expected = {
        "qty": "0.5",
        "qty_available": "0.5",
        "avg_entry_price": "100.01",
        "market_value": "50",
        "cost_basis": "50.005",
        "unrealized_pl": "-0.005",
        "unrealized_plpc": "-0.00009999",
        "current_price": "100",
        "lastday_price": "98",
        "change_today": "0.0204081633",
        "side": "long",
    }
    assert {name: position[name] for name in expected} == expected
    assert http("GET", "/v2/positions") == (200, [position])
    assert http("GET", f"/v2/positions/{position['asset_id']}") == (200, position)
    assert http("GET", "/v2/positions/ABC")[1]["message"] == "position does not exist"


def test_positions_are_closed_by_part_and_whole(http: Http) -> None:
    """percentage and qty exclude each other; the rest closes with one market DAY order."""
    bought(http.sim, "1")
    assert http("DELETE", "/v2/positions/XYZ?qty=0.1&percentage=10")[0] == 422
    assert http("DELETE", "/v2/positions/XYZ?percentage=101")[0] == 422
    assert http("DELETE", "/v2/positions/XYZ?qty=2")[1]["message"].startswith("insufficient qty available for order")
    status, closing = http("DELETE", "/v2/positions/XYZ?percentage=33.3")
    assert (status, closing["qty"], closing["side"], closing["type"]) == (200, "0.333", "sell", "market")
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    status, items = http("DELETE", "/v2/positions")
    assert (status, items[0]["symbol"], items[0]["status"], items[0]["body"]["qty"]) == (207, "XYZ", 200, "0.667")
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    assert http("GET", "/v2/positions") == (200, [])
    assert http("DELETE", "/v2/positions") == (207, [])
    assert http("DELETE", "/v2/positions/XYZ")[0] == 404


def test_closing_all_reports_each_failure_and_can_cancel_first(http: Http) -> None:
    """A stop holds the shares: 403 in the item; with cancel_orders the stop goes and the position follows."""
    bought(http.sim, "1")
    http("POST", "/v2/orders", order("sell", "stop", "1", stop_price="90"))
    status, items = http("DELETE", "/v2/positions")
    assert (status, items[0]["status"], items[0]["body"]["code"]) == (207, 403, 40310000)
    assert (items[0]["body"]["existing_qty"], items[0]["body"]["held_for_orders"]) == ("1", "1")
    status, items = http("DELETE", "/v2/positions?cancel_orders=True")
    assert (status, items[0]["status"]) == (207, 200)
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    assert http("GET", "/v2/positions") == (200, [])


def test_orders_are_canceled_one_by_one_and_all_at_once(http: Http) -> None:
    """204 empty; 207 with a status per order; an empty list when nothing is open; 404 and 422 as documented."""
    first = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="90"))[1]
    second = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="91"))[1]
    assert http("DELETE", f"/v2/orders/{first['id']}") == (204, None)
    assert http("DELETE", "/v2/orders") == (207, [{"id": second["id"], "status": 200}])
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    assert http("DELETE", "/v2/orders") == (207, [])
    assert http("DELETE", f"/v2/orders/{first['id']}") == (
        422,
        {"code": 42210000, "message": 'order is already in "canceled" state'},
    )
    assert http("DELETE", "/v2/orders/nowhere") == (404, {"code": 40410000, "message": "order not found for nowhere"})


def test_orders_are_listed_by_every_filter(http: Http) -> None:
    """status, side, symbols, limit, direction, times (exclusive), order ids, nested in every spelling."""
    ids = []
    for symbol in ("XYZ", "ABC", "XYZ"):
        ids.append(http("POST", "/v2/orders", order("buy", "limit", "1", symbol=symbol, limit_price="90"))[1]["id"])
        run_to(http.sim, http.sim.now + timedelta(seconds=1))
    http("DELETE", f"/v2/orders/{ids[0]}")
    run_to(http.sim, http.sim.now + timedelta(seconds=1))

    def listed(query: str) -> list[int]:
        status, orders = http("GET", f"/v2/orders?{query}")
        assert status == 200, orders
        return [ids.index(found["id"]) for found in orders]

    assert listed("") == [2, 1]
    assert listed("status=all") == [2, 1, 0]
    assert listed("status=closed") == [0]
    assert listed("status=all&direction=asc") == [0, 1, 2]
    assert listed("status=all&limit=2") == [2, 1]
    assert listed("status=all&symbols=XYZ") == [2, 0]
    assert listed("status=all&symbols=ABC,XYZ&side=buy&nested=True") == [2, 1, 0]
    assert listed("status=all&side=sell&nested=0") == []
    assert listed("status=all&after=2026-11-20T14:30:02Z") == [2]
    assert listed("status=all&until=2026-11-20T14:30:02.000000000Z") == [0]
    assert listed("status=all&after=2026-11-20T09:30:01.5-05:00") == [2, 1]
    assert listed("status=all&after=2026-11-20T14:30:01%2B00:00") == [2, 1]
    assert listed("status=all&after=2026-11-20T14:30:01+00:00") == [2, 1]
    assert listed("status=all&after=2026-11-20") == [2, 1, 0]
    assert listed("status=all&asset_class=crypto") == []
    assert listed(f"status=all&after_order_id={ids[0]}&direction=asc") == [1, 2]
    assert listed(f"status=all&before_order_id={ids[1]}") == [0]


@pytest.mark.parametrize(
    "query",
    [
        "limit=501",
        "limit=0",
        "limit=x",
        "status=live",
        "direction=up",
        "after=yesterday",
        "nested=maybe",
        "side=long",
        "after_order_id=a&before_order_id=b",
        "after_order_id=a&after=2026-11-20",
        "after_order_id=a",
    ],
)
def test_a_wrong_filter_is_refused(http: Http, query: str) -> None:
    """422 with the name of the parameter."""
    status, body = http("GET", f"/v2/orders?{query}")
    assert status == 422
    assert query.split("=", maxsplit=1)[0].split("_order", maxsplit=1)[0] in body["message"]


def test_a_replace_answers_with_the_new_order(http: Http) -> None:
    """200 with a new id and `replaces`; the old one shows pending_replace, then replaced."""
    placed = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="90"))[1]
    assert http("PATCH", f"/v2/orders/{placed['id']}", {"limit_price": "91"})[1]["message"] == (
        "cannot replace order in pending_new status"
    )
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    status, new = http("PATCH", f"/v2/orders/{placed['id']}", {"limit_price": 91})
    assert (status, new["replaces"], new["limit_price"]) == (200, placed["id"], "91")
    run_to(http.sim, http.sim.now + timedelta(seconds=1))
    old = http("GET", f"/v2/orders/{placed['id']}")[1]
    assert (old["status"], old["replaced_by"]) == ("replaced", new["id"])


def test_activities_are_fills_and_fees(http: Http) -> None:
    """FILL ids start with New York local time; filters by type, category, date, order and page."""
    bought(http.sim, "1")
    bought(http.sim, "0.5")
    run_to(http.sim, CLOSE + timedelta(minutes=1))
    status, fills = http("GET", "/v2/account/activities/FILL?direction=asc")
    assert status == 200
    assert fills[0]["id"].startswith("20261120093001")
    assert fills[0].keys() == {
        *("activity_type", "id", "transaction_time", "type", "price", "qty", "cum_qty", "leaves_qty"),
        *("side", "symbol", "order_id", "order_status"),
    }
    assert [(item["type"], item["qty"], item["leaves_qty"]) for item in fills] == [
        ("fill", "1", "0"),
        ("fill", "0.5", "0"),
    ]
    fees = http("GET", "/v2/account/activities?activity_types=FEE")[1]
    assert [(item["activity_sub_type"], item["net_amount"], item["date"]) for item in fees] == [
        ("CAT", "-0.01", "2026-11-20")
    ]
    everything = http("GET", "/v2/account/activities")[1]
    assert [item["activity_type"] for item in everything] == ["FEE", "FILL", "FILL"]
    assert http("GET", "/v2/account/activities?category=trade_activity")[1] == fills[::-1]
    assert http("GET", "/v2/account/activities?category=non_trade_activity")[1] == fees
    assert http("GET", f"/v2/account/activities?order_id={fills[0]['order_id']}")[1] == [fills[0]]
    assert http("GET", "/v2/account/activities?date=2026-11-19")[1] == []
    first = http("GET", "/v2/account/activities?page_size=1")[1]
    assert http("GET", f"/v2/account/activities?page_size=5&page_token={first[0]['id']}")[1] == everything[1:]
    assert http("GET", "/v2/account/activities?page_token=no")[0] == 422
    assert http("GET", "/v2/account/activities?category=trade_activity&activity_types=FILL")[0] == 422
    assert http("GET", f"/v2/account/activities?after={fills[0]['transaction_time']}&direction=asc")[1] == [
        *fills[1:],
        *fees,
    ]


def test_the_clock_speaks_new_york_time(http: Http) -> None:
    """While open, next_open is the next session's; while closed, next_close is too."""
    assert http("GET", "/v2/clock") == (
        200,
        {
            "timestamp": "2026-11-20T09:30:01-05:00",
            "is_open": True,
            "next_open": "2026-11-23T09:30:00-05:00",
            "next_close": "2026-11-20T16:00:00-05:00",
        },
    )
    run_to(http.sim, CLOSE)
    clock = http("GET", "/v2/clock")[1]
    assert (clock["is_open"], clock["next_close"]) == (False, "2026-11-23T16:00:00-05:00")


def test_the_calendar_knows_holidays_and_half_days(http: Http) -> None:
    """Thanksgiving has no entry, the day after closes at 13:00 (the contract's own example)."""
    assert http("GET", "/v2/calendar?start=2026-11-25&end=2026-11-27") == (
        200,
        [
            {
                "date": "2026-11-25",
                "open": "09:30",
                "close": "16:00",
                "session_open": "0400",
                "session_close": "2000",
                "settlement_date": "2026-11-27",
            },
            {
                "date": "2026-11-27",
                "open": "09:30",
                "close": "13:00",
                "session_open": "0400",
                "session_close": "1700",
                "settlement_date": "2026-11-30",
            },
        ],
    )
    assert http("GET", "/v2/calendar?start=2026-11-27&end=2026-11-25") == (200, [])
    assert http("GET", "/v2/calendar?start=soon") == (400, {"code": 40010000, "message": "invalid start: soon"})


def test_assets_are_listed_and_found_by_symbol_and_id(http: Http) -> None:
    """Sorted, filtered, 404 when unknown; easy_to_borrow is sent because the SDK requires it."""
    status, assets = http("GET", "/v2/assets?status=active&asset_class=us_equity")
    assert (status, [asset["symbol"] for asset in assets]) == (200, ["ABC", "XYZ"])
    assert assets[0]["class"] == "us_equity"
    assert assets[0]["easy_to_borrow"] is True
    assert http("GET", "/v2/assets/xyz") == (200, assets[1])
    assert http("GET", f"/v2/assets/{assets[1]['id']}") == (200, assets[1])
    assert http("GET", "/v2/assets?status=inactive") == (200, [])
    assert http("GET", "/v2/assets?exchange=NYSE") == (200, [])
    assert http("GET", "/v2/assets/NOPE") == (404, {"code": 40410000, "message": "asset not found for NOPE"})


def test_the_configuration_is_read_and_changed(http: Http) -> None:
    """A PATCH of a part answers with the whole; a wrong value changes nothing."""
    status, before_ = http("GET", "/v2/account/configurations")
    assert (status, before_["max_margin_multiplier"], before_["fractional_trading"]) == (200, "1", True)
    status, after = http("PATCH", "/v2/account/configurations", {"suspend_trade": True})
    assert (status, after) == (200, before_ | {"suspend_trade": True})
    assert http("GET", "/v2/account")[1]["trade_suspended_by_user"] is True
    assert http("PATCH", "/v2/account/configurations", {"fractional_trading": "perhaps"})[0] == 422
    assert http("GET", "/v2/account/configurations")[1] == after


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'{"qty": NaN}', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(http: Http, body: bytes) -> None:
    """400 failed to decode request body."""
    status, _, content = http.raw("POST", "/v2/orders", body)
    assert (status, orjson.loads(content)) == (400, {"code": 40010000, "message": "failed to decode request body"})


def test_numbers_in_a_body_are_read_exactly(http: Http) -> None:
    """A JSON number keeps its digits: float noise beyond nine decimals is refused, not rounded."""
    text = b'{"symbol":"XYZ","side":"buy","type":"market","time_in_force":"day","qty":%s}'
    status, _, content = http.raw("POST", "/v2/orders", text % b"0.30000000000000004")
    assert (status, orjson.loads(content)["message"]) == (422, "qty must have at most 9 decimal places")
    status, _, content = http.raw("POST", "/v2/orders", text % b"5e-2")
    assert (status, orjson.loads(content)["qty"]) == (200, "0.05")


def test_unknown_paths_and_methods_have_the_broker_s_envelope(http: Http) -> None:
    """404 endpoint not found., 405 method not allowed; never a redirect."""
    for path in ("/v2/nowhere", "/", "/v2/account/", "/v2/account/portfolio"):
        assert http("GET", path) == (404, {"code": 40410000, "message": "endpoint not found."})
    for path in ("/v2/orders", "/v2/stocks/bars"):
        assert http("PUT", path, {}) == (405, {"code": 40510000, "message": "method not allowed"})
        assert "GET" in http.raw("PUT", path, b"{}")[1]["allow"]


def test_requests_without_the_key_are_refused(http: Http) -> None:
    """401 with the challenge: JSON, or a web page for clock and calendar; a wrong key has a code; Basic works."""
    status, headers, content = http.raw("GET", "/v2/account", headers={})
    assert (status, orjson.loads(content)) == (401, {"message": "unauthorized."})
    assert headers["www-authenticate"] == 'Bearer, Basic realm="alpaca.markets"'
    status, headers, content = http.raw("GET", "/v2/clock", headers={})
    assert (status, headers["content-type"]) == (401, "text/html")
    assert b"<html>" in content
    wrong = {"APCA-API-KEY-ID": "PK1", "APCA-API-SECRET-KEY": "no"}
    for bad in (wrong, {"Authorization": "Bearer token"}, {"Authorization": "Basic !!"}):
        status, headers, content = http.raw("GET", "/v2/account", headers=bad)
        assert (status, orjson.loads(content)["code"]) == (401, 40110000)
    basic = base64.b64encode(":".join(http.sim.keys).encode()).decode()
    assert http.raw("GET", "/v2/account", headers={"Authorization": f"Basic {basic}"})[0] == 200


def test_every_answer_has_its_own_request_id(http: Http) -> None:
    """X-Request-ID on good and bad answers alike, never the same twice."""
    answers = [http.raw("GET", "/v2/clock"), http.raw("GET", "/v2/nowhere"), http.raw("GET", "/v2/clock", headers={})]
    ids = {headers["x-request-id"] for _, headers, _ in answers}
    assert len(ids) == 3


@pytest.mark.parametrize("headers_on_429", [True, False])
def test_the_rate_limit_counts_virtual_minutes(headers_on_429: bool) -> None:
    """Three a minute: the fourth is 429; the next virtual minute starts anew; data has its own count."""
    switches = Switches(rate_limit=3, headers_on_429=headers_on_429)
    with running_simulator(make_sim(switches=switches)) as running:
        http = Http(running)
        left = [http.raw("GET", "/v2/clock")[1]["x-ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        status, headers, content = http.raw("GET", "/v2/clock")
        assert (status, orjson.loads(content)) == (429, {"code": 42910000, "message": "rate limit exceeded"})
        assert ("x-ratelimit-reset" in headers) is headers_on_429
        assert http.raw("GET", "/v2/stocks/bars/latest?symbols=XYZ")[0] == 200
        run_to(running.sim, OPEN + timedelta(minutes=1))
        status, headers, _ = http.raw("GET", "/v2/clock")
        assert (status, headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == (200, "3", "2")
        assert int(headers["x-ratelimit-reset"]) == int((OPEN + timedelta(minutes=2)).timestamp())
        http.close()


def test_a_queued_order_is_accepted_when_the_market_is_closed(http: Http) -> None:
    """200 with status accepted, expiring at the next session's close."""
    run_to(http.sim, CLOSE + timedelta(hours=1))
    placed = http("POST", "/v2/orders", order("buy", "limit", "1", limit_price="90"))[1]
    assert (placed["status"], placed["expires_at"]) == ("accepted", "2026-11-23T21:00:00Z")
    run_to(http.sim, NEXT_OPEN + timedelta(seconds=1))
    assert http("GET", f"/v2/orders/{placed['id']}")[1]["status"] == "new"


class BrokenMarket(TinyMarket):
    """A tape that cannot be read."""

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """Fails, as a damaged file would."""
        raise OSError(f"no tape for {symbol} at {at}")


def test_a_fault_of_our_own_is_a_500_with_the_envelope_and_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Never silent, never an answer that looks like a refusal; the next connection is served."""
    sim = Simulator(BrokenMarket({"XYZ": tape("XYZ", *FLAT)}), seed=1, start=OPEN, switches=CALM)
    with running_simulator(sim) as running:
        http = Http(running)
        status, body = http("POST", "/v2/orders", order("buy", "stop", "1", stop_price="101"))
        assert (status, body) == (500, {"code": 50010000, "message": "internal server error occurred"})
        http.close()
        following = Http(running)
        assert following("GET", "/v2/clock")[0] == 200
        following.close()
    assert "no tape for XYZ" in caplog.text
