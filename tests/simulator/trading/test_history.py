"""Portfolio history over HTTP: windows, values, bases, cash flows, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alpaca_trader.simulator import Simulator, Switches, running_simulator
from tests.simulator.tiny import CALM, CLOSE, NEXT_OPEN, OPEN, TinyMarket, before, bought, order, run_to, tape
from tests.simulator.trading.test_rest import Http

PATH = "/v2/account/portfolio/history"
PRICES = [f"{100 + number // 12}" for number in range(120)]
"""A dollar more every minute, for ten minutes from the open."""


def made(**switches: Any) -> Simulator:
    """XYZ at 98 the day before, then rising by a dollar a minute from 100 to 109; back at 120 on Monday."""
    ticks = [*before("XYZ", "98"), *tape("XYZ", *PRICES), *tape("XYZ", *["120"] * 12, start=NEXT_OPEN)]
    kept = {"partial_fills": CALM.partial_fills, "rate_limit": None, **switches}
    return Simulator(TinyMarket({"XYZ": ticks}), seed=5, start=OPEN, switches=Switches(**kept))


@pytest.fixture
def http() -> Iterator[Http]:
    """A served simulator at the open of Friday, 20 November 2026."""
    with running_simulator(made()) as running:
        client = Http(running)
        yield client
        client.close()


def asked(http: Http, query: str) -> dict[str, Any]:
    """The history for a query."""
    status, body = http("GET", f"{PATH}?{query}")
    assert status == 200, body
    assert body.keys() >= {"timestamp", "equity", "profit_loss", "profit_loss_pct", "base_value", "timeframe"}
    lengths = {len(body[name]) for name in ("timestamp", "equity", "profit_loss", "profit_loss_pct")}
    assert len(lengths) == 1
    return dict(body)


def times(body: dict[str, Any]) -> list[str]:
    """The labels in UTC."""
    return [datetime.fromtimestamp(label, UTC).strftime("%d %H:%M") for label in body["timestamp"]]


def test_minutes_show_the_equity_at_their_end(http: Http) -> None:
    """Two shares bought at 100.01 within the first minute; each minute's end is worth two dollars more."""
    bought(http.sim, "2")
    run_to(http.sim, OPEN + timedelta(minutes=4, seconds=30))
    body = asked(http, "period=1D&timeframe=1Min")
    assert times(body) == ["20 14:30", "20 14:31", "20 14:32", "20 14:33", "20 14:34"]
    assert body["equity"] == [468.98, 470.98, 472.98, 474.98, 474.98]
    assert body["profit_loss"] == [1.98, 3.98, 5.98, 7.98, 7.98]
    assert body["profit_loss_pct"][0] == round(1.98 / 467, 6)
    assert (body["base_value"], body["base_value_asof"], body["timeframe"]) == (467, "2026-11-19", "1Min")
    assert body["equity"][-1] == float(http("GET", "/v2/account")[1]["equity"])


def test_a_whole_session_is_labelled_from_open_to_close(http: Http) -> None:
    """27 quarter hours from 9:30 to 16:00; extended hours from 4:00 to 20:00; 1H from the open on."""
    run_to(http.sim, CLOSE + timedelta(hours=5))
    quarters = asked(http, "period=1D&timeframe=15Min")
    assert (len(quarters["timestamp"]), times(quarters)[0], times(quarters)[-1]) == (27, "20 14:30", "20 21:00")
    long = asked(http, "period=1D&timeframe=15Min&intraday_reporting=extended_hours")
    assert (len(long["timestamp"]), times(long)[0], times(long)[-1]) == (65, "20 09:00", "21 01:00")
    assert asked(http, "period=1D&timeframe=15Min&extended_hours=true") == long
    assert times(asked(http, "period=1D&timeframe=1H"))[:2] == ["20 14:30", "20 15:30"]


def test_continuous_points_never_stop(http: Http) -> None:
    """Round the clock, aligned to the timeframe, to the minute that runs."""
    body = asked(http, "period=1D&timeframe=1H&intraday_reporting=continuous")
    assert (len(body["timestamp"]), times(body)[0], times(body)[-1]) == (25, "19 14:00", "20 14:00")


def test_days_are_labelled_with_their_evening(http: Http) -> None:
    """One point a session, today's while it runs; against the base value, the close before the first."""
    bought(http.sim, "2")
    run_to(http.sim, OPEN + timedelta(minutes=5))
    body = asked(http, "period=1W&timeframe=1D")
    assert times(body) == ["17 01:00", "18 01:00", "19 01:00", "20 01:00", "21 01:00"]
    assert body["equity"] == [467, 467, 467, 467, 476.98]
    assert (body["base_value"], body["base_value_asof"]) == (467, "2026-11-13")
    run_to(http.sim, NEXT_OPEN + timedelta(minutes=2))
    last_equity = float(http("GET", "/v2/account")[1]["last_equity"])
    body = asked(http, "period=4D&timeframe=1D")
    assert times(body) == ["21 01:00", "24 01:00"]
    assert body["equity"][0] == last_equity
    assert body["profit_loss"] == [round(equity - 467, 2) for equity in body["equity"]]


def test_gains_start_anew_each_day_or_never(http: Http) -> None:
    """per_day measures Monday against Friday's close, no_reset against Thursday's."""
    bought(http.sim, "2")
    run_to(http.sim, NEXT_OPEN + timedelta(minutes=1))
    daily = asked(http, "period=4D&timeframe=15Min")
    overall = asked(http, "period=4D&timeframe=15Min&pnl_reset=no_reset")
    assert times(daily)[-1] == "23 14:30"
    friday = float(http("GET", "/v2/account")[1]["last_equity"])
    assert daily["equity"] == overall["equity"]
    assert daily["profit_loss"][-1] == round(daily["equity"][-1] - friday, 2)
    assert overall["profit_loss"][-1] == round(daily["equity"][-1] - 467, 2)


@pytest.mark.parametrize(
    ("query", "timeframe", "first", "last", "count"),
    [
        ("", "1D", "22 00:00", "21 01:00", 23),
        ("period=6D", "1Min", "16 14:30", "20 14:40", 4 * 391 + 11),
        ("period=1W", "15Min", "16 14:30", "20 14:30", 4 * 27 + 1),
        ("period=1M&timeframe=1D", "1D", "22 00:00", "21 01:00", 23),
        ("period=1A", "1D", "22 01:00", "21 01:00", 251),
        ("period=9999A", "1D", "21 01:00", "21 01:00", 252),
        ("start=2026-11-19&end=2026-11-20", "1Min", "19 14:30", "19 21:00", 391),
        ("start=1795098600&end=1795100400&timeframe=5Min", "5Min", "19 14:30", "19 15:00", 7),
        ("start=2026-11-19T15:02:30Z&period=1D&timeframe=5Min", "5Min", "19 15:00", "20 14:40", 73 + 3),
        ("start=2026-11-18&end=2026-11-18T23:00:00-05:00&timeframe=1D", "1D", "18 01:00", "19 01:00", 2),
        ("end=2026-11-18T16:00:00-05:00&period=2D&timeframe=1D", "1D", "18 01:00", "19 01:00", 2),
        ("end=2027-01-01&period=1D&timeframe=1D", "1D", "21 01:00", "21 01:00", 1),
        ("date_start=2026-11-18&date_end=2026-11-19&timeframe=1D", "1D", "19 01:00", "20 01:00", 2),
        ("date_end=2026-11-19&period=1D&timeframe=1H", "1H", "19 14:30", "19 20:30", 7),
        ("start=2026-11-22&end=2026-11-22&timeframe=1D", "1D", None, None, 0),
        ("date_start=9999-12-31", "1D", None, None, 0),
    ],
)
def test_spans_and_defaults(
    http: Http, query: str, timeframe: str, first: str | None, last: str | None, count: int
) -> None:
    """Any two of start, end and period; the timeframe follows the span; nothing lies after now or before the account."""
    run_to(http.sim, OPEN + timedelta(minutes=10))
    body = asked(http, query)
    labels = times(body)
    assert (body["timeframe"], len(labels)) == (timeframe, count)
    if labels:
        assert (labels[0], labels[-1]) == (first, last)


def test_before_the_open_the_last_session_is_the_day(http: Http) -> None:
    """On Monday morning one day is Friday, unless the pre-market is asked for."""
    run_to(http.sim, NEXT_OPEN - timedelta(hours=1))
    assert {label[:2] for label in times(asked(http, "period=1D&timeframe=1H"))} == {"20"}
    early = asked(http, "period=1D&timeframe=1H&intraday_reporting=extended_hours")
    assert {label[:2] for label in times(early)} == {"23"}


def test_cash_flows_are_told_in_their_windows(http: Http) -> None:
    """A deposit and a withdrawal by the minute; types that were asked for and did not occur are zeros."""
    run_to(http.sim, OPEN + timedelta(minutes=1, seconds=30))
    http.sim.exchange.transfer("100")
    run_to(http.sim, OPEN + timedelta(minutes=2, seconds=30))
    http.sim.exchange.transfer("-30")
    run_to(http.sim, OPEN + timedelta(minutes=3, seconds=30))
    everything = asked(http, "period=1D&timeframe=1Min&cashflow_types=ALL")
    assert everything["cashflow"] == {"CSD": [0, 100, 0, 0], "CSW": [0, 0, -30, 0]}
    assert everything["equity"] == [467, 567, 537, 537]
    assert asked(http, "period=1D&timeframe=1Min&cashflow_types=CSW,DIV")["cashflow"] == {
        "CSW": [0, 0, -30, 0],
        "DIV": [0, 0, 0, 0],
    }
    assert "cashflow" not in asked(http, "period=1D&cashflow_types=NONE")
    assert "cashflow" not in asked(http, "period=1D")


def test_nulls_come_by_switch_only() -> None:
    """Days before the simulation began are null with `history_nulls`, the opening cash without."""
    with running_simulator(made(history_nulls=True)) as running:
        http = Http(running)
        body = asked(http, "period=2D&timeframe=1D")
        assert (body["equity"], body["profit_loss"], body["profit_loss_pct"]) == ([None, 467], [None, 0], [None, 0])
        http.close()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("period=1D&start=2026-11-01&end=2026-11-02", "period cannot be combined with both start and end"),
        ("period=1D&date_start=2026-11-01&end=2026-11-02", "period cannot be combined with both start and end"),
        ("period=0D", "invalid period: 0D"),
        ("period=1Y", "invalid period: 1Y"),
        ("period=99999D", "invalid period: 99999D"),
        ("timeframe=2Min", "invalid timeframe: 2Min"),
        ("timeframe=1H&period=2M", "invalid timeframe: 1H: only 1D is accepted for more than 30 days"),
        ("timeframe=1H&start=2026-01-01&end=2026-03-01", "invalid timeframe: 1H: only 1D is accepted"),
        ("start=2026-11-02&end=2026-11-01", "invalid start: must not be after end"),
        ("start=soon", "invalid start: soon"),
        ("end=0001-01-01", "invalid end: 0001-01-01"),
        ("start=9999999999", "invalid start: 9999999999"),
        ("intraday_reporting=never", "invalid intraday_reporting: never"),
        ("pnl_reset=weekly", "invalid pnl_reset: weekly"),
        ("cashflow_types=GIFT", "invalid cashflow_types: GIFT"),
        ("extended_hours=perhaps", "invalid extended_hours: perhaps"),
    ],
)
def test_a_wrong_question_is_refused(http: Http, query: str, text: str) -> None:
    """422 that names the parameter."""
    status, body = http("GET", f"{PATH}?{query}")
    assert (status, body["code"]) == (422, 40010001)
    assert body["message"].startswith(text)


def test_a_short_position_lowers_the_equity() -> None:
    """What is owed is worth less than nothing: history and account agree while short."""
    ticks = [*before("XYZ", "98"), *tape("XYZ", *PRICES)]
    sim = Simulator(TinyMarket({"XYZ": ticks}), seed=5, start=OPEN, profile="paper100k", switches=CALM)
    with running_simulator(sim) as running:
        http = Http(running)
        assert http("POST", "/v2/orders", order("sell", "market", "3"))[0] == 200
        run_to(sim, OPEN + timedelta(minutes=5, seconds=2))
        body = asked(http, "period=1D&timeframe=1Min")
        assert body["equity"][-1] == float(http("GET", "/v2/account")[1]["equity"]) < 100_000
        http.close()
