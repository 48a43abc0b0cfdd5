"""The market-data REST API: what is over is visible and nothing else, pages join, refusals are the broker's."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from alpaca_trader.simulator import GeneratedMarket, RecordedMarket, Simulator, Switches
from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.faults.bars import BarFaults
from alpaca_trader.simulator.faults.board import FaultBoard
from alpaca_trader.simulator.feeds.view import FeedViews
from alpaca_trader.simulator.market.calendar import NEW_YORK, new_york_midnight
from alpaca_trader.simulator.market.generator import Halt
from alpaca_trader.simulator.market.model import Auction, BarRow, Cross, MarketBar
from alpaca_trader.simulator.rest.bar_series import bars_between, parse_timeframe
from alpaca_trader.simulator.rest.data import routes

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MARKET = GeneratedMarket(7, ("SPY", "AAPL", "NVDA"), DAY, history_days=25)
VIEW = FeedViews(MARKET, 1, Switches(), BarFaults(FaultBoard(1, lambda: OPEN), 1))["sip"]
Get = Callable[..., Any]


def simulator(at: datetime, **switches: Any) -> Simulator:
    """The broker with nobody's rate limit at the given time."""
    plain: dict[str, Any] = {"rate_limit": None, "iex_volume": "full"}
    return Simulator(MARKET, seed=1, start=at, switches=Switches(**{**plain, **switches}))


def get_from(sim: Simulator) -> Get:
    """GET with the account's keys; answers (status, body)."""
    key, secret = sim.keys
    client = TestClient(build_app(sim), headers={"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret})

    def get(path: str, **query: Any) -> tuple[int, Any]:
        answer = client.get(path, params=query)
        return answer.status_code, answer.json()

    return get


@pytest.fixture(scope="module")
def get() -> Get:
    """The API at 10:30:30 New York time: sixty minutes are over, the sixty-first is running."""
    return get_from(simulator(OPEN + 60 * MINUTE + timedelta(seconds=30)))


def bars(get: Get, **query: Any) -> list[dict[str, Any]]:
    """All pages of one symbol's bars."""
    found: list[dict[str, Any]] = []
    token = None
    while True:
        status, body = get("/v2/stocks/AAPL/bars", **query, **({"page_token": token} if token else {}))
        assert status == 200, body
        found += body["bars"]
        token = body["next_page_token"]
        if token is None:
            return found


def test_a_bar_is_visible_once_its_minute_is_over() -> None:
    """At the last microsecond of a minute its bar is unknown, at the next it is there."""
    end = OPEN + 5 * MINUTE
    early = bars(get_from(simulator(end - timedelta(microseconds=1))), timeframe="1Min")
    on_time = bars(get_from(simulator(end)), timeframe="1Min")
    assert [bar["t"] for bar in on_time][:-1] == [bar["t"] for bar in early]
    assert on_time[-1]["t"] == "2026-01-05T14:34:00Z"


def test_a_bar_has_all_eight_keys_as_numbers(get: Get) -> None:
    """Prices are numbers, volume and count integers, the time is the left edge in UTC."""
    first = bars(get, timeframe="1Min")[0]
    market_bar = MARKET.bars("AAPL", OPEN, OPEN + MINUTE)[0]
    assert first == {
        "t": "2026-01-05T14:30:00Z",
        "o": float(market_bar.open),
        "h": float(market_bar.high),
        "l": float(market_bar.low),
        "c": float(market_bar.close),
        "v": market_bar.volume,
        "n": market_bar.trade_count,
        "vw": float(market_bar.vwap),
    }
    assert type(first["v"]) is int
    assert type(first["n"]) is int


def test_without_start_the_answer_begins_with_the_current_day(get: Get) -> None:
    """Sixty minutes are over, and none of an earlier day is sent."""
    assert len(bars(get, timeframe="1Min")) == 60


def test_start_and_end_are_inclusive(get: Get) -> None:
    """Both edges belong to the answer, whatever way the time is written."""
    found = bars(get, timeframe="1Min", start="2026-01-05T09:40:00-05:00", end="2026-01-05T14:42:00.000000000Z")
    assert [bar["t"][11:16] for bar in found] == ["14:40", "14:41", "14:42"]


def test_a_bare_date_is_a_whole_new_york_day(get: Get) -> None:
    """From its midnight as start, to its last minute as end."""
    found = bars(get, timeframe="1Min", start="2026-01-02", end="2026-01-02", limit=10_000)
    assert (len(found), found[0]["t"], found[-1]["t"]) == (390, "2026-01-02T14:30:00Z", "2026-01-02T20:59:00Z")


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 59, 60, 61, 180])
def test_pages_over_several_symbols_join_to_the_whole(get: Get, limit: int, sort: str) -> None:
    """The limit counts bars of all symbols; symbol by symbol, in time order or reversed, none lost or repeated."""
    query = {"symbols": "SPY,AAPL", "timeframe": "1Min", "start": (OPEN + 30 * MINUTE).isoformat(), "sort": sort}
    whole = get("/v2/stocks/bars", **query)[1]["bars"]
    joined: dict[str, list[Any]] = {}
    token = None
    for _page in range(200):
        body = get("/v2/stocks/bars", **query, limit=limit, **({"page_token": token} if token else {}))[1]
        assert 0 < sum(map(len, body["bars"].values())) <= limit
        for symbol, page in body["bars"].items():
            joined.setdefault(symbol, []).extend(page)
        token = body["next_page_token"]
        if token is None:
            break
    assert joined == whole
    assert list(joined) == ["AAPL", "SPY"]
    assert [bar["t"] for bar in whole["SPY"]] == sorted((bar["t"] for bar in whole["SPY"]), reverse=sort == "desc")


def test_a_page_token_is_the_documented_one(get: Get) -> None:
    """base64 of symbol, M and the last bar's time with nanoseconds."""
    body = get("/v2/stocks/bars", symbols="AAPL", timeframe="1Min", limit=2)[1]
    assert base64.b64decode(body["next_page_token"]) == b"AAPL|M|2026-01-05T14:31:00.000000000Z"


def test_five_minute_bars_are_made_of_their_minutes(get: Get) -> None:
    """Aligned to the clock hour; first open, last close, extremes, sums, volume-weighted vwap."""
    minutes = bars(get, timeframe="1Min")
    fives = bars(get, timeframe="5Min")
    assert [bar["t"][11:16] for bar in fives][:3] == ["14:30", "14:35", "14:40"]
    for index, five in enumerate(fives):
        part = minutes[5 * index : 5 * index + 5]
        assert (five["o"], five["c"]) == (part[0]["o"], part[-1]["c"])
        assert (five["h"], five["l"]) == (max(bar["h"] for bar in part), min(bar["l"] for bar in part))
        assert (five["v"], five["n"]) == (sum(bar["v"] for bar in part), sum(bar["n"] for bar in part))
        assert five["vw"] == pytest.approx(sum(bar["vw"] * bar["v"] for bar in part) / five["v"], abs=1e-6)


@pytest.mark.parametrize("spelling", ["1Hour", "1H"])
def test_hour_bars_are_aligned_to_the_full_hour(get: Get, spelling: str) -> None:
    """The first bar of the day is the 14 o'clock hour in UTC, from 9:30 New York time on."""
    assert [bar["t"] for bar in bars(get, timeframe=spelling)] == ["2026-01-05T14:00:00Z", "2026-01-05T15:00:00Z"]


def test_daily_bars_carry_new_york_midnight_and_the_running_day(get: Get) -> None:
    """Twenty-five sessions of history and today so far; the stamp is midnight in New York."""
    days = bars(get, timeframe="1Day", start="2025-11-01")
    minutes = bars(get, timeframe="1Min")
    assert len(days) == 26
    assert days[-1]["t"] == "2026-01-05T05:00:00Z"
    assert days[-1]["v"] == sum(bar["v"] for bar in minutes)
    assert days[-1]["c"] == minutes[-1]["c"]
    close = MARKET.previous_close("AAPL", DAY)
    assert close is not None
    assert days[-2]["c"] == float(close)


def test_weeks_begin_on_monday_and_months_on_the_first(get: Get) -> None:
    """Stamps in New York's midnight of those days."""
    weeks = bars(get, timeframe="1Week", start="2025-11-01")
    assert {datetime.fromisoformat(bar["t"]).astimezone(NEW_YORK).weekday() for bar in weeks} == {0}
    months = bars(get, timeframe="1Month", start="2025-11-01")
    assert [bar["t"] for bar in months] == ["2025-11-01T04:00:00Z", "2025-12-01T05:00:00Z", "2026-01-01T05:00:00Z"]


@given(
    first=st.integers(-500, 90),
    length=st.integers(0, 300),
    text=st.sampled_from(["1Min", "7Min", "15T", "1Hour", "2H", "1Day", "1Week", "2Month"]),
)
def test_reversed_bars_are_the_same_bars(first: int, length: int, text: str) -> None:
    """Any range in any timeframe reads the same backwards."""
    timeframe = parse_timeframe(text)
    assert timeframe is not None
    start, end, now = OPEN + first * MINUTE, OPEN + (first + length) * MINUTE, OPEN + 77 * MINUTE
    forwards = list(bars_between(VIEW, "NVDA", timeframe, start, end, now=now))
    backwards = list(bars_between(VIEW, "NVDA", timeframe, start, end, now=now, descending=True))
    assert forwards == backwards[::-1]
    assert all(start <= bar.start <= end for bar in forwards)


def test_days_are_made_of_regular_hours_and_minutes_of_all() -> None:
    """Pre-market, closing auction and a vendor's weekend row are minute bars, but no part of a daily bar."""
    starts = [OPEN - timedelta(days=1), OPEN - MINUTE, OPEN, OPEN + 389 * MINUTE, OPEN + 390 * MINUTE]
    prices = np.array([40.0, 60.0, 50.0, 51.0, 70.0])
    frame = {
        "start": np.array([int(start.timestamp()) for start in starts]),
        **dict.fromkeys(("open", "high", "low", "close"), prices),
        "volume": np.array([1, 2, 4, 8, 16]),
        "vwap": prices,
        "trade_count": np.ones(5),
    }
    sim = Simulator(
        RecordedMarket({"AAPL": frame}, day=DAY),
        seed=1,
        start=OPEN + 600 * MINUTE,
        switches=Switches(iex_volume="full"),
    )
    get = get_from(sim)
    assert [bar["v"] for bar in bars(get, timeframe="1Min", start="2026-01-01")] == [1, 2, 4, 8, 16]
    assert [bar["v"] for bar in bars(get, timeframe="1Hour", start="2026-01-05")] == [6, 8, 16]
    (day,) = bars(get, timeframe="1Day", start="2026-01-01")
    assert (day["o"], day["h"], day["l"], day["c"], day["v"]) == (50, 51, 50, 51, 12)


def test_symbols_without_data_are_left_out(get: Get) -> None:
    """Unknown but well-formed symbols give 200 and no entry; the single form an empty list."""
    assert get("/v2/stocks/bars", symbols="AAPL,NOPE", timeframe="1Min", limit=1)[1]["bars"].keys() == {"AAPL"}
    expected: dict[str, Any] = {"symbol": "NOPE", "bars": [], "next_page_token": None}
    assert get("/v2/stocks/NOPE/bars", timeframe="1Min") == (200, expected)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"symbols": "XX!", "timeframe": "1Min"}, "invalid symbol: XX!"),
        ({"symbols": "", "timeframe": "1Min"}, "symbols parameter is required"),
        ({"symbols": "SPY", "timeframe": "60Min"}, "invalid timeframe: 60Min"),
        ({"symbols": "SPY", "timeframe": "5Month"}, "invalid timeframe: 5Month"),
        ({"symbols": "SPY"}, "invalid timeframe: "),
        ({"symbols": "SPY", "timeframe": "1Min", "limit": "10001"}, "larger than the allowed maximum of 10000"),
        ({"symbols": "SPY", "timeframe": "1Min", "limit": "0"}, "invalid limit: 0"),
        ({"symbols": "SPY", "timeframe": "1Min", "limit": "many"}, "invalid limit: many"),
        ({"symbols": "SPY", "timeframe": "1Min", "start": "soon"}, "invalid start: soon"),
        ({"symbols": "SPY", "timeframe": "1Min", "start": "0001-01-01T00:00:00+14:00"}, "invalid start: 0001"),
        ({"symbols": "SPY", "timeframe": "1Min", "end": "9999-12-31"}, "invalid end: 9999-12-31"),
        (
            {"symbols": "SPY", "timeframe": "1Min", "start": "2026-01-03", "end": "2026-01-02"},
            "end should not be before",
        ),
        ({"symbols": "SPY", "timeframe": "1Min", "sort": "up"}, "invalid sort: up"),
        ({"symbols": "SPY", "timeframe": "1Min", "feed": "delayed_sip"}, "invalid feed: delayed_sip"),
        ({"symbols": "SPY", "timeframe": "1Min", "adjustment": "none"}, "invalid adjustment: none"),
        ({"symbols": "SPY", "timeframe": "1Min", "asof": "once"}, "invalid asof: once"),
        ({"symbols": "SPY", "timeframe": "1Min", "page_token": "!"}, "invalid page_token: !"),
        ({"symbols": "SPY", "timeframe": "1Min", "page_token": "QUFQTA=="}, "invalid page_token: QUFQTA=="),
        ({"symbols": "SPY", "timeframe": "1Min", "page_token": "é"}, "invalid page_token: é"),
    ],
)
def test_bad_requests_are_named(get: Get, query: dict[str, str], message: str) -> None:
    """Status 400 and a message that names parameter and value."""
    status, body = get("/v2/stocks/bars", **query)
    assert status == 400
    assert message in body["message"]


@pytest.mark.parametrize("named", ["SPY,KO", "SPY%20", "spy"])
def test_a_path_names_one_symbol(get: Get, named: str) -> None:
    """A list, or one with blanks, is refused there: what was found could not be told from nothing."""
    status, body = get(f"/v2/stocks/{named}/bars", timeframe="1Min")
    assert (status, body["message"]) == (400, f"invalid symbol: {named.replace('%20', ' ')}")


def test_accepted_options_change_nothing_on_an_unadjusted_tape(get: Get) -> None:
    """There are no splits, dividends or renamings here; the parameters are understood."""
    plain = bars(get, timeframe="1Min")
    assert bars(get, timeframe="1Min", adjustment="split,dividend", asof="-", feed="iex", currency="USD") == plain
    assert bars(get, timeframe="1Min", adjustment="all", asof="2026-01-05") == plain


RECENT_SIP = (403, {"code": 42210000, "message": "subscription does not permit querying recent SIP data"})


def test_the_free_plan_sees_consolidated_data_fifteen_minutes_late(get: Get) -> None:
    """SIP with a recent end is refused, without an end it stops a quarter of an hour ago; latest SIP is refused."""
    assert get("/v2/stocks/bars", symbols="SPY", timeframe="1Min", feed="sip", end="2026-01-05T15:20:00Z") == RECENT_SIP
    assert bars(get, timeframe="1Min", feed="sip", end="2026-01-05T15:10:00Z")[-1]["t"][11:16] == "15:10"
    assert bars(get, timeframe="1Min", feed="sip")[-1]["t"][11:16] == "15:14"
    for path in ("bars/latest", "quotes/latest", "trades/latest", "snapshots"):
        assert get(f"/v2/stocks/{path}", symbols="SPY", feed="sip") == RECENT_SIP
    late = get("/v2/stocks/bars/latest", symbols="SPY", feed="delayed_sip")[1]["bars"]["SPY"]
    assert late["t"] == "2026-01-05T15:14:00Z"


def test_the_paid_plan_sees_everything_at_once() -> None:
    """SIP is the default there, and current."""
    get = get_from(simulator(OPEN + 5 * MINUTE, data_entitlement="paid"))
    assert get("/v2/stocks/bars/latest", symbols="SPY", feed="sip")[1]["bars"]["SPY"]["t"] == "2026-01-05T14:34:00Z"
    assert len(bars(get, timeframe="1Min")) == 5


def test_latest_values_are_those_of_this_instant(get: Get) -> None:
    """At 10:30:30 the newest bar is 10:29's, the quote and the trade those of the instant at hand."""
    now = OPEN + 60 * MINUTE + timedelta(seconds=30)
    quote, trade = MARKET.quote("AAPL", now), MARKET.last_trade("AAPL", now)
    assert quote is not None
    assert trade is not None
    assert get("/v2/stocks/bars/latest", symbols="AAPL")[1]["bars"]["AAPL"]["t"] == "2026-01-05T15:29:00Z"
    assert get("/v2/stocks/quotes/latest", symbols="AAPL")[1]["quotes"]["AAPL"] == {
        "t": quote.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "bx": "V",
        "bp": float(quote.bid),
        "bs": quote.bid_size,
        "ax": "V",
        "ap": float(quote.ask),
        "as": quote.ask_size,
        "c": ["R"],
        "z": "C",
    }
    answered = get("/v2/stocks/AAPL/trades/latest")[1]
    assert answered["symbol"] == "AAPL"
    assert (answered["trade"]["p"], answered["trade"]["i"]) == (float(trade.price), trade.trade_id)
    assert get("/v2/stocks/AAPL/bars/latest")[1]["bar"]["t"] == "2026-01-05T15:29:00Z"
    assert get("/v2/stocks/NOPE/quotes/latest") == (404, {"message": "no quote found for NOPE"})
    assert get("/v2/stocks/quotes/latest", symbols="NOPE") == (200, {"quotes": {}})


def test_before_the_open_the_last_session_still_answers() -> None:
    """On Monday at 9:00 the latest bar, quote and trade are Friday's last."""
    get = get_from(simulator(OPEN - 30 * MINUTE))
    assert get("/v2/stocks/SPY/bars/latest")[1]["bar"]["t"] == "2026-01-02T20:59:00Z"
    assert get("/v2/stocks/SPY/quotes/latest")[1]["quote"]["t"] == "2026-01-02T20:59:55Z"
    assert get("/v2/stocks/SPY/trades/latest")[1]["trade"]["t"] == "2026-01-02T20:59:55Z"
    snapshot = get("/v2/stocks/snapshots", symbols="SPY")[1]["SPY"]
    assert (snapshot["dailyBar"]["t"], snapshot["prevDailyBar"]["t"]) == (
        "2026-01-02T05:00:00Z",
        "2025-12-31T05:00:00Z",
    )


def test_snapshots_are_keyed_by_symbol(get: Get) -> None:
    """Five parts each, the running day and the day before; the single form carries its symbol, unknown ones are left out."""
    found = get("/v2/stocks/snapshots", symbols="SPY,AAPL,NOPE")[1]
    assert list(found) == ["AAPL", "SPY"]
    assert list(found["SPY"]) == ["latestTrade", "latestQuote", "minuteBar", "dailyBar", "prevDailyBar"]
    assert found["SPY"]["dailyBar"]["t"] == "2026-01-05T05:00:00Z"
    assert found["SPY"]["prevDailyBar"]["t"] == "2026-01-02T05:00:00Z"
    assert get("/v2/stocks/SPY/snapshot")[1] == {"symbol": "SPY", **found["SPY"]}
    assert get("/v2/stocks/NOPE/snapshot")[0] == 404


@pytest.mark.parametrize("kind", ["quotes", "trades"])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_ticks_of_the_session_page_like_bars(get: Get, kind: str, sort: str) -> None:
    """Everything from the open to this second, in pages that join; nothing after now."""
    path, query = f"/v2/stocks/{kind}", {"symbols": "SPY,NVDA", "start": "2026-01-05T15:25:00Z", "sort": sort}
    whole = get(path, **query)[1][kind]
    joined: dict[str, list[Any]] = {}
    token = None
    for _page in range(100):
        body = get(path, **query, limit=13, **({"page_token": token} if token else {}))[1]
        for symbol, page in body[kind].items():
            joined.setdefault(symbol, []).extend(page)
        token = body["next_page_token"]
        if token is None:
            break
    assert joined == whole
    times = [tick["t"] for tick in whole["SPY"]]
    assert times == sorted(times, reverse=sort == "desc")
    assert (min(times), max(times)) == ("2026-01-05T15:25:00Z", "2026-01-05T15:30:30Z")
    assert len(times) == 5 * 12 + 7
    assert get(f"/v2/stocks/SPY/{kind}", start="2026-01-05T15:25:00Z", sort=sort)[1][kind] == whole["SPY"]


def test_trades_of_a_minute_add_up_to_its_bar(get: Get) -> None:
    """Sizes sum to the bar's volume, the first is its open."""
    query = {"start": "2026-01-05T15:00:00Z", "end": "2026-01-05T15:00:59Z"}
    trades = get("/v2/stocks/NVDA/trades", **query)[1]["trades"]
    (bar,) = get("/v2/stocks/NVDA/bars", timeframe="1Min", **query)[1]["bars"]
    assert sum(trade["s"] for trade in trades) == bar["v"]
    assert (trades[0]["p"], trades[-1]["p"]) == (bar["o"], bar["c"])


def test_a_range_of_half_a_century_costs_no_more_than_its_bars(get: Get) -> None:
    """A start long before the tape begins is answered like one at its beginning."""
    assert get("/v2/stocks/AAPL/quotes", start="1975-01-01", limit=1)[1]["quotes"][0]["t"] == "2025-11-26T14:30:00Z"
    assert len(bars(get, timeframe="1Day", start="1975-01-01", limit=10_000)) == 26


class Watched(GeneratedMarket):
    """Notes how far back it is asked."""

    earliest = datetime.max.replace(tzinfo=UTC)

    def rows(self, symbol: str, start: datetime, end: datetime) -> Sequence[BarRow]:
        """Bars as rows."""
        self.earliest = min(self.earliest, start)
        return super().rows(symbol, start, end)

    def bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[MarketBar]:
        """Bars."""
        self.earliest = min(self.earliest, start)
        return super().bars(symbol, start, end)

    def auction(self, symbol: str, day: date, cross: Cross) -> Auction | None:
        """A cross."""
        self.earliest = min(self.earliest, new_york_midnight(day))
        return super().auction(symbol, day, cross)


@pytest.mark.parametrize(
    "route", ["bars?timeframe=1Min", "bars?timeframe=12Month", "trades?limit=9", "quotes?limit=9", "auctions?limit=9"]
)
def test_no_year_before_the_market_s_first_is_read(route: str) -> None:
    """Whoever asks from 1971 on, for names that do not exist too, has the same answer, and nobody waits for empty decades."""
    market = Watched(7, ["AAPL"], date(2026, 11, 20), history_days=2)
    ask = get_from(Simulator(market, seed=7, start=datetime(2026, 11, 20, 16, tzinfo=UTC)))
    path, _, query = route.partition("?")
    asked = dict(part.split("=") for part in query.split("&"))
    status, found = ask(f"/v2/stocks/{path}", symbols="AAPL,NONE,ZZZZ", start="1971-01-05", **asked)
    assert status == 200
    assert list(found[path]) == ["AAPL"]
    assert found == ask(f"/v2/stocks/{path}", symbols="AAPL", start="2026-01-01", **asked)[1]
    assert market.earliest >= market.begins() - timedelta(days=367)


def test_a_halted_symbol_shows_a_quote_without_prices() -> None:
    """Price 0 means no quote on that side."""
    halted = GeneratedMarket(7, ("NVDA",), DAY, history_days=1, halts=[Halt("NVDA", OPEN + 10 * MINUTE, 5, 3.0)])
    sim = Simulator(halted, seed=1, start=OPEN + 12 * MINUTE)
    quote = get_from(sim)("/v2/stocks/NVDA/quotes/latest")[1]["quote"]
    assert (quote["bp"], quote["ap"], quote["bs"], quote["as"]) == (0, 0, 0, 0)
    assert quote["t"] == "2026-01-05T14:40:00Z"


def test_what_does_not_happen_here_is_empty_not_missing(get: Get) -> None:
    """News and corporate actions answer 200 with an empty, well-formed body."""
    assert get("/v1beta1/news") == (200, {"news": [], "next_page_token": None})
    assert get("/v1/corporate-actions") == (200, {"corporate_actions": {}, "next_page_token": None})


def test_every_route_is_a_get() -> None:
    """The data API changes nothing."""
    assert all(route.methods == {"GET", "HEAD"} for route in routes(simulator(OPEN)))  # type: ignore[attr-defined]
