"""The market-data REST API beyond bars and ticks: auctions, meta, screener, corporate actions, feeds and their plans."""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.market.model import CorporateAction, MarketQuote, MarketTrade
from alpaca_trader.simulator.rest.data_actions import cusip_of
from tests.simulator.tiny import TinyMarket

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def action(number: int, kind: Any, symbol: str, **fields: Any) -> CorporateAction:
    """A corporate action of the day after the session."""
    return CorporateAction(f"ca-{number}", kind, symbol, date(2026, 1, 6), date(2026, 1, 20), **fields)


ACTIONS = [
    action(1, "split", "AAPL", new_rate=Decimal(4)),
    action(2, "split", "NVDA", old_rate=Decimal(10)),
    action(3, "cash_dividend", "SPY", cash=Decimal("1.75")),
    action(4, "stock_dividend", "KO", old_rate=Decimal(100), new_rate=Decimal(105)),
    action(5, "rename", "OLDN", new_symbol="NEWN"),
    action(6, "delisting", "PAID", cash=Decimal(12)),
    action(7, "delisting", "GONE"),
]
SYMBOLS = ("AAPL", "GONE", "KO", "NVDA", "OLDN", "PAID", "SPY")
MARKET = GeneratedMarket(7, SYMBOLS, DAY, days=3, history_days=3, actions=ACTIONS)
Get = Callable[..., tuple[int, Any]]


def at(moment: datetime, market: Any = MARKET, **switches: Any) -> Get:
    """GET from the broker at this time."""
    sim = Simulator(market, seed=1, start=moment, switches=Switches(rate_limit=None, **switches))
    headers = {"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]}
    client = TestClient(build_app(sim), headers=headers)

    def get(path: str, **query: Any) -> tuple[int, Any]:
        answer = client.get(path, params=query)
        return answer.status_code, answer.json()

    return get


@pytest.fixture(scope="module")
def get() -> Get:
    """Half past ten in New York."""
    return at(OPEN + 60 * MINUTE)


# ------------------------------------------------------------------ auctions


def test_auctions_show_both_crosses_of_each_day_that_had_them(get: Get) -> None:
    """Today's opening cross alone, both of the days before; the print and the official price of each."""
    status, body = get("/v2/stocks/auctions", symbols="SPY", start="2026-01-02", end="2026-01-05T15:00:00Z")
    assert status == 200
    friday, monday = body["auctions"]["SPY"]
    assert (friday["d"], monday["d"]) == ("2026-01-02", "2026-01-05")
    assert (len(friday["c"]), monday["c"]) == (2, [])
    assert [each["c"] for each in friday["o"] + friday["c"]] == ["O", "Q", "6", "M"]
    cross = MARKET.auction("SPY", date(2026, 1, 2), "close")
    assert cross is not None
    assert {each["p"] for each in friday["c"]} == {float(cross.price)}
    assert {each["x"] for each in friday["c"]} == {"P"}


def test_auctions_page_by_day(get: Get) -> None:
    """One day a page, forwards and backwards; the pages join."""
    for sort in ("asc", "desc"):
        query = {"start": "2025-12-30", "end": "2026-01-05T15:00:00Z", "sort": sort}
        whole = get("/v2/stocks/SPY/auctions", **query)[1]["auctions"]
        joined: list[Any] = []
        token: str | None = None
        for _page in whole:
            body = get("/v2/stocks/SPY/auctions", **query, limit=1, **({"page_token": token} if token else {}))[1]
            joined += body["auctions"]
            token = body["next_page_token"]
        assert token is None
        assert joined == whole
        assert len(whole) == 4


# ------------------------------------------------------------------ meta, screener, news


@pytest.mark.parametrize(
    ("path", "query", "key", "value"),
    [
        ("/v2/stocks/meta/exchanges", {}, "V", "IEX"),
        ("/v2/stocks/meta/conditions/trade", {"tape": "C"}, "I", "Odd Lot Trade"),
        ("/v2/stocks/meta/conditions/trade", {"tape": "A"}, "E", "Automatic Execution"),
        ("/v2/stocks/meta/conditions/quote", {"tape": "B"}, "R", "Regular Two Sided Open"),
    ],
)
def test_letters_have_names(get: Get, path: str, query: dict[str, str], key: str, value: str) -> None:
    """What quotes and trades carry can be looked up."""
    status, body = get(path, **query)
    assert (status, body[key]) == (200, value)


def test_the_most_active_are_those_with_most_volume(get: Get) -> None:
    """Sums over the minutes of today that are over, on the whole tape; by trades as well."""
    body = get("/v1beta1/screener/stocks/most-actives", top=3)[1]
    volumes = {s: sum(bar.volume for bar in MARKET.bars(s, OPEN, OPEN + 60 * MINUTE)) for s in SYMBOLS}
    ranked = sorted(volumes.items(), key=lambda entry: -entry[1])[:3]
    assert [(each["symbol"], each["volume"]) for each in body["most_actives"]] == ranked
    assert body["last_updated"] == "2026-01-05T15:30:00Z"
    by_trades = get("/v1beta1/screener/stocks/most-actives", by="trades")[1]["most_actives"]
    counts = [each["trade_count"] for each in by_trades]
    assert counts == sorted(counts, reverse=True)


def test_movers_are_measured_from_the_close_before(get: Get) -> None:
    """Gainers above, losers below, nobody in both; crypto has none."""
    body = get("/v1beta1/screener/stocks/movers", top=50)[1]
    assert len(body["gainers"]) + len(body["losers"]) == len(SYMBOLS)
    for mover in body["gainers"] + body["losers"]:
        before = MARKET.previous_close(mover["symbol"], DAY)
        assert before is not None
        assert mover["change"] == pytest.approx(mover["price"] - float(before), abs=0.006)
    assert [m["percent_change"] for m in body["losers"]] == sorted(m["percent_change"] for m in body["losers"])
    assert get("/v1beta1/screener/crypto/movers")[1]["gainers"] == []


def test_before_the_open_the_screener_shows_the_last_session() -> None:
    """On Monday at nine it is Friday's evening."""
    body = at(OPEN - 30 * MINUTE)("/v1beta1/screener/stocks/most-actives")[1]
    assert body["last_updated"] == "2026-01-02T21:00:00Z"


# ------------------------------------------------------------------ corporate actions


def actions(get: Get, **query: Any) -> dict[str, list[dict[str, Any]]]:
    """The corporate actions of the sixth of January."""
    status, body = get("/v1/corporate-actions", start="2026-01-01", end="2026-01-31", **query)
    assert status == 200, body
    found: dict[str, list[dict[str, Any]]] = body["corporate_actions"]
    return found


def test_corporate_actions_are_grouped_by_kind(get: Get) -> None:
    """The market's actions under the broker's names, with their rates."""
    found = actions(get)
    assert {kind: each[0]["id"] for kind, each in found.items()} == {
        "forward_splits": "ca-1",
        "reverse_splits": "ca-2",
        "cash_dividends": "ca-3",
        "stock_dividends": "ca-4",
        "name_changes": "ca-5",
        "cash_mergers": "ca-6",
        "worthless_removals": "ca-7",
    }
    assert (found["forward_splits"][0]["old_rate"], found["forward_splits"][0]["new_rate"]) == (1, 4)
    assert found["cash_dividends"][0]["rate"] == 1.75
    assert found["stock_dividends"][0]["rate"] == 0.05
    assert (found["name_changes"][0]["old_symbol"], found["name_changes"][0]["new_symbol"]) == ("OLDN", "NEWN")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"symbols": "NEWN"}, {"ca-5"}),
        ({"types": "cash_dividend,name_change"}, {"ca-3", "ca-5"}),
        ({"cusips": cusip_of("AAPL")}, {"ca-1"}),
        ({"region": "non_us"}, set()),
    ],
)
def test_corporate_actions_can_be_filtered(get: Get, query: dict[str, str], ids: set[str]) -> None:
    """By symbol under either name, by kind, by CUSIP, by region."""
    assert {each["id"] for kind in actions(get, **query).values() for each in kind} == ids


def test_corporate_actions_page(get: Get) -> None:
    """Two at a time; together they are all, once each."""
    seen, token = [], None
    while True:
        query = {"start": "2026-01-01", "end": "2026-01-31", "limit": 2, **({"page_token": token} if token else {})}
        body = get("/v1/corporate-actions", **query)[1]
        seen += [each["id"] for kind in body["corporate_actions"].values() for each in kind]
        token = body["next_page_token"]
        if token is None:
            break
    assert sorted(seen) == [f"ca-{k}" for k in range(1, 8)]
    assert get("/v1/corporate-actions", ids="ca-3")[1]["corporate_actions"]["cash_dividends"][0]["id"] == "ca-3"


# ------------------------------------------------------------------ adjustment, names, currency, feeds


def test_bars_are_adjusted_once_the_split_has_happened() -> None:
    """The day before the ex-date raw, on it divided by four."""
    query: dict[str, Any] = {"timeframe": "1Day", "start": "2026-01-05", "end": "2026-01-05"}
    later = at(datetime(2026, 1, 6, 16, 0, tzinfo=UTC), iex_volume="full")
    raw = later("/v2/stocks/AAPL/bars", **query)[1]["bars"][0]
    split = later("/v2/stocks/AAPL/bars", **query, adjustment="split")[1]["bars"][0]
    assert split["c"] == pytest.approx(raw["c"] / 4, abs=1e-4)
    assert split["v"] == 4 * raw["v"]
    early = at(datetime(2026, 1, 6, 1, 0, tzinfo=UTC), iex_volume="full")
    assert early("/v2/stocks/AAPL/bars", **query, adjustment="all")[1]["bars"][0]["c"] == raw["c"]


def test_a_new_name_brings_its_past_along() -> None:
    """Bars, quotes and trades of the old symbol under the new one; none of it with `asof=-`."""
    later = at(datetime(2026, 1, 7, 16, 0, tzinfo=UTC), iex_volume="full")
    query: dict[str, Any] = {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T15:01:00Z"}
    for kind in ("trades", "quotes"):
        assert later(f"/v2/stocks/NEWN/{kind}", **query)[1][kind]
        assert later(f"/v2/stocks/NEWN/{kind}", **query, asof="-")[1][kind] == []
    bars: dict[str, Any] = {"timeframe": "1Day", "start": "2026-01-05", "end": "2026-01-06"}
    assert len(later("/v2/stocks/NEWN/bars", **bars)[1]["bars"]) == 2
    assert len(later("/v2/stocks/OLDN/bars", **bars, asof="2026-01-05")[1]["bars"]) == 2
    assert len(later("/v2/stocks/OLDN/bars", **bars)[1]["bars"]) == 1


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("/v2/stocks/SPY/bars", {"timeframe": "1Min", "currency": "EUR"}, 400, "invalid currency: EUR"),
        ("/v2/stocks/SPY/snapshot", {"currency": "EUR"}, 400, "invalid currency: EUR"),
        ("/v2/stocks/SPY/bars", {"timeframe": "1Min", "feed": "otc"}, 403, "does not permit querying OTC data"),
        ("/v2/stocks/SPY/quotes", {"feed": "boats"}, 403, "does not permit querying BOATS data"),
        ("/v2/stocks/auctions", {"symbols": "SPY", "feed": "iex"}, 400, "invalid feed: iex"),
        ("/v2/stocks/auctions", {"symbols": "SPY", "end": "2026-01-05T15:29:00Z"}, 403, "recent SIP data"),
        ("/v2/stocks/meta/conditions/dance", {"tape": "A"}, 400, "invalid ticktype: dance"),
        ("/v2/stocks/meta/conditions/trade", {}, 400, "invalid tape: "),
        ("/v1beta1/screener/stocks/most-actives", {"by": "love"}, 400, "invalid by: love"),
        (
            "/v1beta1/screener/stocks/most-actives",
            {"top": 101},
            400,
            "invalid top: larger than the allowed maximum of 100",
        ),
        ("/v1beta1/screener/bonds/movers", {}, 400, "invalid market_type: bonds"),
        ("/v1beta1/screener/stocks/movers", {"top": 51}, 400, "invalid top"),
        ("/v1beta1/news", {"limit": 51}, 400, "invalid limit"),
        ("/v1beta1/news", {"sort": "new"}, 400, "invalid sort: new"),
        ("/v1beta1/news", {"start": "then"}, 400, "invalid start: then"),
        ("/v1/corporate-actions", {"types": "picnic"}, 400, "invalid types: picnic"),
        ("/v1/corporate-actions", {"start": "soon"}, 400, "invalid start: soon"),
        ("/v1/corporate-actions", {"region": "moon"}, 400, "invalid region: moon"),
        ("/v1/corporate-actions", {"ids": "a", "symbols": "SPY"}, 400, "ids cannot be combined"),
        ("/v1/corporate-actions", {"limit": 1001}, 400, "invalid limit"),
        ("/v1/corporate-actions", {"page_token": "QUFQTA=="}, 400, "invalid page_token"),
        ("/v1/corporate-actions", {"start": "2026-01-09", "end": "2026-01-08"}, 400, "end should not be before"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    get: Get, path: str, query: dict[str, Any], status: int, message: str
) -> None:
    """The parameter and its value are named; nothing is a 500."""
    answered, body = get(path, **query)
    assert (answered, message in body["message"]) == (status, True), body


def test_a_named_currency_is_answered_with_its_name(get: Get) -> None:
    """Where it was asked for, and nowhere else."""
    assert get("/v2/stocks/SPY/bars", timeframe="1Min", currency="USD", limit=1)[1]["currency"] == "USD"
    assert "currency" not in get("/v2/stocks/SPY/bars", timeframe="1Min", limit=1)[1]


def test_feeds_differ_in_volume_and_agree_in_price_range(get: Get) -> None:
    """On the free plan iex is the default: a fortieth of the shares of the sip bar of the same minute."""
    query: dict[str, Any] = {"timeframe": "1Hour", "start": "2026-01-02T15:00:00Z", "end": "2026-01-02T15:00:00Z"}
    (iex,), (sip,) = (get("/v2/stocks/AAPL/bars", **query, **feed)[1]["bars"] for feed in ({}, {"feed": "sip"}))
    assert 0.015 < iex["v"] / sip["v"] < 0.035
    assert sip["l"] <= iex["l"] <= iex["h"] <= sip["h"]
    trade = get("/v2/stocks/AAPL/trades/latest")[1]["trade"]
    assert trade["s"] < 10_000


def test_overnight_has_no_data_yet_answers(get: Get) -> None:
    """200 and nothing for many symbols, 404 for one."""
    assert get("/v2/stocks/bars/latest", symbols="SPY", feed="overnight") == (200, {"bars": {}})
    assert get("/v2/stocks/snapshots", symbols="SPY", feed="overnight") == (200, {})
    assert get("/v2/stocks/SPY/quotes/latest", feed="overnight")[0] == 404


def test_pages_split_trades_of_one_instant() -> None:
    """Five trades in one microsecond come two a page, none twice and none lost, in both directions."""
    moment = OPEN + MINUTE
    ticks = [MarketQuote("XYZ", moment, Decimal(9), Decimal(11), 100, 100)]
    trades = [MarketTrade("XYZ", moment, Decimal(10), 100 + k, k + 1) for k in range(5)]
    late = MarketTrade("XYZ", moment + MINUTE, Decimal(10), 300, 9)
    tiny = at(OPEN + 10 * MINUTE, TinyMarket({"XYZ": [*ticks, *trades, late]}), iex_volume="full")
    for sort, expected in (("asc", [1, 2, 3, 4, 5, 9]), ("desc", [9, 5, 4, 3, 2, 1])):
        seen, token = [], None
        for _page in range(5):
            query = {"limit": 2, "sort": sort, **({"page_token": token} if token else {})}
            body = tiny("/v2/stocks/XYZ/trades", **query)[1]
            assert len(body["trades"]) <= 2
            seen += [trade["i"] for trade in body["trades"]]
            token = body["next_page_token"]
            if token is None:
                break
            assert base64.b64decode(token).startswith(b"XYZ|2026-01-05T14:3")
        assert seen == expected


def test_canceled_and_corrected_prints_say_so_in_history() -> None:
    """`u` once it is known, and not before."""
    sim = Simulator(MARKET, seed=1, start=OPEN + 10 * MINUTE, switches=Switches(rate_limit=None))
    sim.feeds["iex"].incidents.order("SPY", OPEN + MINUTE, "canceled")
    sim.feeds["iex"].incidents.order("SPY", OPEN + 2 * MINUTE, "corrected")
    headers = {"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]}
    client = TestClient(build_app(sim), headers=headers)
    trades = client.get("/v2/stocks/SPY/trades", params={"start": OPEN.isoformat()}).json()["trades"]
    assert [trade["u"] for trade in trades if "u" in trade] == ["canceled", "incorrect", "corrected"]
