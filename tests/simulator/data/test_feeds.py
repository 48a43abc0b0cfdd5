"""What a feed shows: the IEX share of the tape, late and wrong prints, days that grow, companies that split or change names."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpaca_trader.simulator import GeneratedMarket, Switches
from alpaca_trader.simulator.faults.bars import BarFaults
from alpaca_trader.simulator.faults.board import FaultBoard
from alpaca_trader.simulator.feeds.company import CompanyView
from alpaca_trader.simulator.feeds.days import RunningDays
from alpaca_trader.simulator.feeds.iex import thinned
from alpaca_trader.simulator.feeds.incidents import Incident
from alpaca_trader.simulator.feeds.view import FeedView, FeedViews
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import BarRow, CorporateAction, MarketTrade
from alpaca_trader.simulator.rest.bar_series import Timeframe, bars_between, merged

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 1, 5, 21, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LATER = CLOSE + timedelta(hours=1)
MARKET = GeneratedMarket(7, ("AAPL", "NVDA", "SPY", "ZZTHN"), DAY, history_days=2)
NO_FAULTS = BarFaults(FaultBoard(1, lambda: OPEN), 1)


def views(**switches: Any) -> FeedViews:
    """All feeds of the small market."""
    return FeedViews(MARKET, 1, Switches(**switches), NO_FAULTS)


def day_of(view: FeedView, symbol: str) -> Sequence[BarRow]:
    """A whole session, as it is known in the evening."""
    return view.rows(symbol, OPEN, CLOSE, LATER)


def test_iex_shows_its_share_of_a_busy_stock() -> None:
    """2 to 3 % of the shares, a bar in every minute, the tape's close in about half of them, never a price outside its range."""
    iex, tape = day_of(views()["iex"], "AAPL"), day_of(views()["sip"], "AAPL")
    assert [row.start for row in iex] == [row.start for row in tape]
    share = sum(row.volume for row in iex) / sum(row.volume for row in tape)
    assert 0.02 < share < 0.03
    agreeing = sum(mine.close == whole.close for mine, whole in zip(iex, tape, strict=True)) / len(tape)
    assert 0.4 < agreeing < 0.6
    assert all(whole.low <= mine.low <= mine.high <= whole.high for mine, whole in zip(iex, tape, strict=True))


def test_iex_is_silent_in_most_minutes_of_a_thin_stock() -> None:
    """Where the tape has a handful of trades a minute, IEX has a bar now and then."""
    row = day_of(views()["sip"], "AAPL")[0]
    shown = [thinned(row._replace(start=OPEN + k * MINUTE, volume=400, trade_count=4), 1) for k in range(390)]
    assert 10 < sum(bar is not None for bar in shown) < 80


PRICES = st.floats(0.01, 900.0).map(lambda value: round(value, 4))


@given(
    low=PRICES, width=st.floats(0, 5), volume=st.integers(0, 10**7), trades=st.integers(0, 10**5), seed=st.integers()
)
def test_any_bar_stays_a_bar_on_iex(low: float, width: float, volume: int, trades: int, seed: int) -> None:
    """Prices inside the tape's and in order, at least one share a trade, and the same answer twice."""
    high = round(low + width, 4)
    row = BarRow("XYZ", OPEN, low, high, low, high, volume, trades, low)
    thin = thinned(row, seed)
    assert thin == thinned(row, seed)
    if thin is not None:
        assert low <= thin.low <= min(thin.open, thin.close) <= max(thin.open, thin.close) <= thin.high <= high
        assert thin.low <= thin.vwap <= thin.high
        assert thin.volume >= thin.trade_count > 0


def test_prints_on_iex_make_up_its_bars() -> None:
    """Sizes add up to the volume, first and last are open and close; the last trade is the last print."""
    view = views()["iex"]
    for row in day_of(view, "NVDA")[:40]:
        ticks = view.live("NVDA", row.start - MICROSECOND, row.start + MINUTE - MICROSECOND)
        prints = [tick for tick in ticks if isinstance(tick, MarketTrade)]
        assert sum(trade.size for trade in prints) == row.volume
        assert (float(prints[0].price), float(prints[-1].price)) == (row.open, row.close)
        assert view.last_trade("NVDA", row.start + MINUTE - MICROSECOND) == prints[-1]


def found(view: FeedView, kind: str) -> Incident:
    """The first incident of a kind in the session."""
    minutes = (OPEN + k * MINUTE for k in range(390))
    return next(i for minute in minutes for i in view.incidents_of(minute) if i.kind == kind)


@pytest.mark.parametrize("feed", ["sip", "iex"])
def test_a_late_print_is_missing_until_it_is_told(feed: str) -> None:
    """The first bar lacks its shares; half a minute later the bar is whole and history has the print."""
    view = views(late_prints="some")[feed]
    incident = found(view, "late")
    symbol, start = incident.trade.symbol, incident.final.start
    assert incident.known_at == start + MINUTE + timedelta(seconds=30)
    (early,) = view.rows(symbol, start, start + MINUTE, incident.known_at - MICROSECOND)
    (whole,) = view.rows(symbol, start, start + MINUTE, incident.known_at)
    assert whole == views()[feed].rows(symbol, start, start + MINUTE, LATER)[0]
    assert early.volume == whole.volume - incident.trade.size
    span = (symbol, start - MICROSECOND, start + MINUTE - MICROSECOND)
    assert incident.trade not in view.live(*span)
    assert incident.trade not in [tick for tick, _ in view.history(*span, incident.known_at - MICROSECOND)]
    assert incident.trade in [tick for tick, _ in view.history(*span, incident.known_at)]


def test_a_canceled_print_leaves_the_bar_and_stays_in_history() -> None:
    """Afterwards the bar lacks its shares, and history shows it as canceled."""
    view = views(print_errors="some")["sip"]
    incident = found(view, "canceled")
    trade, start = incident.trade, incident.final.start
    (after,) = view.rows(trade.symbol, start, start + MINUTE, incident.known_at)
    assert after.volume == incident.first.volume - trade.size
    span = (trade.symbol, start - MICROSECOND, start + MINUTE - MICROSECOND)
    assert trade in view.live(*span)
    assert {update for tick, update in view.history(*span, LATER) if tick == trade} == {"canceled"}
    assert {update for tick, update in view.history(*span, start + MINUTE) if tick == trade} == {""}


def test_a_corrected_print_is_there_twice() -> None:
    """The wrong one as incorrect, the right one as corrected; the bar keeps its shares and gets the right prices."""
    view = views(print_errors="some")["sip"]
    incident = found(view, "corrected")
    start = incident.final.start
    span = (incident.trade.symbol, start - MICROSECOND, start + MINUTE - MICROSECOND)
    told = {update: tick for tick, update in view.history(*span, LATER) if update}
    assert told == {"incorrect": incident.trade, "corrected": incident.corrected}
    assert incident.final.volume == incident.first.volume
    prices = [
        float(tick.price)
        for tick, u in view.history(*span, LATER)
        if isinstance(tick, MarketTrade) and u != "incorrect"
    ]
    assert (incident.final.open, incident.final.close) == (prices[0], prices[-1])
    assert (incident.final.high, incident.final.low) == (max(prices), min(prices))


def test_incidents_are_rare_and_never_happen_unasked() -> None:
    """About one bar in fifty is late and one in a hundred wrong; none by default."""
    many = views(late_prints="some", print_errors="some")["sip"]
    kinds = [i.kind for k in range(390) for i in many.incidents_of(OPEN + k * MINUTE)]
    assert 10 < kinds.count("late") < 60
    assert 2 < len(kinds) - kinds.count("late") < 35
    assert not any(views()["sip"].incidents_of(OPEN + k * MINUTE) for k in range(390))


def test_an_incident_can_be_ordered_for_a_minute() -> None:
    """A test that wants a busted print in a certain minute gets it there and nowhere else."""
    view = views()["sip"]
    view.incidents.order("SPY", OPEN + MINUTE, "canceled")
    assert [i.trade.symbol for k in range(5) for i in view.incidents_of(OPEN + k * MINUTE)] == ["SPY"]


def test_a_day_that_grows_equals_the_day_that_is_read() -> None:
    """Minute by minute the running bar is the daily bar of REST at that time, also where a minute was skipped."""
    view = views()["sip"]
    days = RunningDays(view)
    for k in (0, 1, 2, 3, 10, 11):
        start, now = OPEN + k * MINUTE, OPEN + (k + 1) * MINUTE
        (grown,) = days.after(view.minute_rows(start, now), frozenset({"SPY"}), now)
        (read,) = bars_between(view, "SPY", Timeframe(1, "D"), OPEN - timedelta(hours=12), now, now=now)
        assert grown._replace(vwap=0) == read._replace(vwap=0)
        assert grown.vwap == pytest.approx(read.vwap, abs=2e-6)


# ---------------------------------------------------------------- companies


def action(kind: Any, symbol: str, day: date, **fields: Any) -> CorporateAction:
    """A corporate action whose ex-date is a session."""
    return CorporateAction(f"{kind}-{symbol}", kind, symbol, day, day, **fields)


EX = date(2026, 1, 6)
ACTING = GeneratedMarket(
    7,
    ("AAPL", "NVDA", "OLDN"),
    DAY,
    days=3,
    history_days=2,
    actions=[
        action("split", "NVDA", EX, new_rate=Decimal(4)),
        action("cash_dividend", "AAPL", EX, cash=Decimal("1.50")),
        action("rename", "OLDN", EX, new_symbol="NEWN"),
    ],
)
EX_OPEN = OPEN + timedelta(days=1)
EVENING = EX_OPEN + timedelta(hours=8)


def company(adjustments: Sequence[str] = (), asof: date | None = EX, today: date = EX) -> CompanyView:
    """The consolidated feed with companies and adjustments."""
    return CompanyView(FeedViews(ACTING, 1, Switches(), NO_FAULTS)["sip"], asof, adjustments, today)


def rows_of(view: CompanyView, symbol: str) -> Sequence[BarRow]:
    """Both days, before and from the ex-date on."""
    return view.rows(symbol, OPEN, EVENING, EVENING)


@pytest.mark.parametrize("adjustments", [("split",), ("all",), ("spin-off", "split")])
def test_a_split_divides_old_prices_and_multiplies_old_volume(adjustments: Sequence[str]) -> None:
    """Four for one: before the ex-date a quarter of the price and four times the shares; afterwards nothing."""
    raw, adjusted = rows_of(company(), "NVDA"), rows_of(company(adjustments), "NVDA")
    for before, after in zip(raw, adjusted, strict=True):
        factor = 4 if new_york_date(before.start) < EX else 1
        assert after.close == pytest.approx(before.close / factor, abs=1e-4)
        assert after.volume == before.volume * factor


@pytest.mark.parametrize("adjustments", [(), ("raw",), ("dividend",), ("spin-off",)])
def test_other_adjustments_leave_a_split_alone(adjustments: Sequence[str]) -> None:
    """Nothing but split and all divides."""
    assert rows_of(company(adjustments), "NVDA") == rows_of(company(), "NVDA")


def test_a_split_that_has_not_happened_is_not_known() -> None:
    """On the evening before, adjusted history is the raw one."""
    assert rows_of(company(("split",), asof=DAY, today=DAY), "NVDA") == rows_of(company(), "NVDA")


def test_a_dividend_takes_its_part_of_the_close_before_off_old_prices() -> None:
    """The factor is 1 - cash / close; the volume stays."""
    close = ACTING.previous_close("AAPL", EX)
    assert close is not None
    raw, adjusted = rows_of(company(), "AAPL"), rows_of(company(("dividend",)), "AAPL")
    assert adjusted[0].close == pytest.approx(raw[0].close * float(1 - Decimal("1.50") / close), abs=1e-4)
    assert adjusted[0].volume == raw[0].volume
    assert adjusted[-1] == raw[-1]


@pytest.mark.parametrize(
    ("symbol", "asof", "days"),
    [
        ("NEWN", EX, {DAY, EX}),
        ("OLDN", DAY, {DAY, EX}),
        ("OLDN", EX, {DAY}),
        ("NEWN", DAY, {EX}),
        ("NEWN", None, {EX}),
        ("OLDN", None, {DAY}),
        ("AAPL", EX, {DAY, EX}),
    ],
)
def test_symbols_stand_for_companies_as_of_a_date(symbol: str, asof: date | None, days: set[date]) -> None:
    """The new name brings the old one's data, the old name on an old date what follows; without mapping each its own."""
    rows = rows_of(company(asof=asof), symbol)
    assert {new_york_date(row.start) for row in rows} == days
    assert {row.symbol for row in rows} <= {symbol}
    assert [row.start for row in rows] == sorted(row.start for row in rows)


def test_longer_bars_are_made_of_adjusted_minutes() -> None:
    """A week that holds the split has one price level."""
    view = company(("split",))
    (week,) = bars_between(view, "NVDA", Timeframe(1, "W"), OPEN - timedelta(days=3), EVENING, now=EVENING)
    whole = merged(rows_of(view, "NVDA"), week.start)
    assert (week.high, week.low, week.volume) == (whole.high, whole.low, whole.volume)
    assert week.high / week.low < 1.5
