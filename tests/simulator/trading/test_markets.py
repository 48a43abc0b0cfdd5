"""Clock and calendar of both versions, and the announcements of corporate actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from alpaca_trader.simulator import Simulator, running_simulator
from alpaca_trader.simulator.market.model import CorporateAction
from tests.simulator.tiny import CALM, OPEN, TinyMarket, run_to, tape
from tests.simulator.trading.test_rest import FLAT, Http

ACTIONS = (
    CorporateAction("split-1", "split", "XYZ", date(2026, 11, 23), date(2026, 11, 23), new_rate=Decimal(4)),
    CorporateAction("div-1", "cash_dividend", "ABC", date(2026, 11, 24), date(2026, 12, 10), cash=Decimal("0.25")),
    CorporateAction("split-2", "split", "ABC", date(2026, 12, 1), date(2026, 12, 1), old_rate=Decimal(10)),
    CorporateAction("name-1", "rename", "ABC", date(2026, 12, 2), date(2026, 12, 2), new_symbol="ABD"),
    CorporateAction("end-1", "delisting", "XYZ", date(2026, 12, 3), date(2026, 12, 3), cash=Decimal(3)),
    CorporateAction("div-2", "stock_dividend", "XYZ", date(2026, 12, 4), date(2026, 12, 4), new_rate=Decimal("1.05")),
)


class ActiveMarket(TinyMarket):
    """The companies of the tiny market do something."""

    def corporate_actions(self, first: date, last: date) -> Sequence[CorporateAction]:
        """Those of the table."""
        return [action for action in ACTIONS if first <= action.ex_date <= last]


@pytest.fixture
def http() -> Iterator[Http]:
    """A served simulator, one second before the open of Friday, 20 November 2026."""
    market = ActiveMarket({"XYZ": tape("XYZ", *FLAT), "ABC": tape("ABC", *FLAT)})
    with running_simulator(Simulator(market, seed=5, start=OPEN - timedelta(seconds=1), switches=CALM)) as running:
        client = Http(running)
        yield client
        client.close()


@pytest.mark.parametrize(
    ("time", "phase", "until"),
    [
        ("2026-11-20T08:59:59.5Z", "closed", "2026-11-20T04:00:00-05:00"),
        ("2026-11-20T09:00:00Z", "pre", "2026-11-20T09:30:00-05:00"),
        ("2026-11-20T09:30:00-05:00", "core", "2026-11-20T16:00:00-05:00"),
        ("2026-11-20T21:00:00Z", "post", "2026-11-20T20:00:00-05:00"),
        ("2026-11-21T01:00:00Z", "closed", "2026-11-23T04:00:00-05:00"),
        ("2026-11-27T18:00:00Z", "post", "2026-11-27T17:00:00-05:00"),
        ("2026-07-03T16:00:00Z", "closed", "2026-07-06T04:00:00-04:00"),
    ],
)
def test_the_newer_clock_knows_the_phases(http: Http, time: str, phase: str, until: str) -> None:
    """Each phase ends where the next begins; half days, weekends and holidays too."""
    status, body = http("GET", f"/v3/clock?markets=XNYS&time={time}")
    (clock,) = body["clocks"]
    assert (status, clock["phase"], clock["phase_until"]) == (200, phase, until)
    assert clock["market"] == {
        "acronym": "NYSE",
        "name": "New York Stock Exchange",
        "timezone": "America/New_York",
        "mic": "XNYS",
    }


def test_the_newer_clock_tells_now_for_every_market(http: Http) -> None:
    """Without parameters: this very moment, all markets served, the next open and close."""
    status, body = http("GET", "/v3/clock")
    assert [clock["market"]["acronym"] for clock in body["clocks"]] == ["NYSE", "NASDAQ", "IEX", "OTC"]
    assert {key: value for key, value in body["clocks"][0].items() if key != "market"} == {
        "timestamp": "2026-11-20T09:29:59-05:00",
        "is_market_day": True,
        "next_market_open": "2026-11-20T09:30:00-05:00",
        "next_market_close": "2026-11-20T16:00:00-05:00",
        "phase": "pre",
        "phase_until": "2026-11-20T09:30:00-05:00",
    }
    run_to(http.sim, OPEN)
    assert http("GET", "/v3/clock?markets=NASDAQ,xnas")[1]["clocks"][0]["next_market_open"] == (
        "2026-11-23T09:30:00-05:00"
    )
    assert status == 200


def test_the_newer_calendar_gives_every_phase_with_its_offset(http: Http) -> None:
    """A half day after Thanksgiving, in New York's time and in UTC; a week from today by default."""
    status, body = http("GET", "/v3/calendar/NYSE?start=2026-11-26&end=2026-11-27")
    assert (status, body["market"]["mic"]) == (200, "XNYS")
    assert body["calendar"] == [
        {
            "date": "2026-11-27",
            "settlement_date": "2026-11-30",
            "pre_start": "2026-11-27T04:00:00-05:00",
            "pre_end": "2026-11-27T09:30:00-05:00",
            "core_start": "2026-11-27T09:30:00-05:00",
            "core_end": "2026-11-27T13:00:00-05:00",
            "post_start": "2026-11-27T13:00:00-05:00",
            "post_end": "2026-11-27T17:00:00-05:00",
        }
    ]
    in_utc = http("GET", "/v3/calendar/XNAS?start=2026-11-27&end=2026-11-27&timezone=UTC")[1]
    assert in_utc["calendar"][0]["core_end"] == "2026-11-27T18:00:00+00:00"
    week = [found["date"] for found in http("GET", "/v3/calendar/OTC")[1]["calendar"]]
    assert week == ["2026-11-20", "2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"]
    assert http("GET", "/v3/calendar/OTC?start=2026-11-27&end=2026-11-20")[1]["calendar"] == []
    assert http("GET", "/v3/calendar/OTC?start=9999-12-31")[1]["calendar"] == []
    assert http("GET", "/v3/calendar/OTC?start=2029-12-31&end=9999-12-31")[1]["calendar"][0]["date"] == "2029-12-31"


@pytest.mark.parametrize(
    "path",
    [
        "/v3/clock?markets=XLON",
        "/v3/clock?time=soon",
        "/v3/clock?time=0001-01-01T00:00:00Z",
        "/v3/clock?time=9999-12-31T23:59:59Z",
        "/v3/calendar/LSE",
        "/v3/calendar/NYSE?start=soon",
        "/v3/calendar/NYSE?timezone=CET",
        "/v2/calendar?end=soon",
        "/v2/calendar?date_type=BOTH",
    ],
)
def test_a_wrong_question_to_clock_or_calendar_is_a_bad_request(http: Http, path: str) -> None:
    """400, as their documentation says, in the broker's envelope."""
    status, body = http("GET", path)
    assert (status, body["code"], body["message"].partition(" ")[0]) == (400, 40010000, "invalid")


def test_the_calendar_can_be_asked_by_settlement_date(http: Http) -> None:
    """What is traded on the day before Thanksgiving settles on the day after it."""
    found = http("GET", "/v2/calendar?date_type=SETTLEMENT&start=2026-11-27&end=2026-11-27")[1]
    assert [(day["date"], day["settlement_date"]) for day in found] == [("2026-11-25", "2026-11-27")]
    ends = (
        http("GET", "/v2/calendar?start=0001-01-01&end=1971-01-05")[1] + http("GET", "/v2/calendar?start=2029-12-31")[1]
    )
    assert [day["date"] for day in ends] == ["1971-01-04", "1971-01-05", "2029-12-31"]


def test_announcements_tell_what_companies_do(http: Http) -> None:
    """By type in either spelling, by symbol, by ex-date or payment; one of them by its id."""
    path = "/v2/corporate_actions/announcements"
    everything = "ca_types=Dividend,Split,Merger,Spinoff,Reorg&since=2026-11-20&until=2026-12-31"
    status, found = http("GET", f"{path}?{everything}")
    assert (status, [item["corporate_action_id"] for item in found]) == (200, [action.id for action in ACTIONS])
    assert [(item["ca_type"], item["ca_sub_type"]) for item in found] == [
        ("Split", "stock_split"),
        ("Dividend", "cash"),
        ("Split", "reverse_split"),
        ("Reorg", "recapitalization"),
        ("Merger", "merger_completion"),
        ("Dividend", "stock"),
    ]
    assert {str(UUID(item["id"])) for item in found} == {item["id"] for item in found}
    dividends = "ca_types=dividend&since=2026-12-10&until=2026-12-10&date_type=payable_date"
    (paid,) = http("GET", f"{path}?{dividends}&symbol=abc")[1]
    assert (paid["ca_type"], paid["cash"], paid["ex_date"]) == ("dividend", "0.25", "2026-11-24")
    assert http("GET", f"{path}?{dividends}&symbol=XYZ")[1] == []
    assert http("GET", f"{path}/{found[0]['id']}") == (200, found[0])
    assert http("GET", f"{path}/{found[0]['id'][::-1]}")[0] == 404


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("since=2026-11-20&until=2026-12-31", "ca_types is required"),
        ("ca_types=split&until=2026-12-31", "since is required"),
        ("ca_types=split&since=2026-12-31", "until is required"),
        ("ca_types=nap&since=2026-11-20&until=2026-12-31", "invalid ca_types: nap"),
        ("ca_types=split&since=2026-01-01&until=2026-12-31", "invalid until: the date range is limited to 90 days"),
        ("ca_types=split&since=2026-11-20&until=2026-12-31&date_type=x", "invalid date_type: x"),
    ],
)
def test_a_wrong_search_for_announcements_is_refused(http: Http, query: str, text: str) -> None:
    """422 with what is wrong."""
    status, body = http("GET", f"/v2/corporate_actions/announcements?{query}")
    assert (status, body["message"]) == (422, text)
