"""Each scenario is measured for what its name says, over several seeds."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alpaca_trader.simulator.market.calendar import SessionHours, new_york_date
from alpaca_trader.simulator.market.model import MarketBar, MarketTrade
from alpaca_trader.simulator.market.scenarios import SCENARIOS, find_scenario, scenario
from alpaca_trader.simulator.market.tape_market import TapeMarket

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
SEEDS = (1, 2, 3)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def session_of(market: TapeMarket, number: int = 0) -> SessionHours:
    """The hours of a traded session."""
    return market.sessions(market.day, market.last_day)[number]


def bars_of(market: TapeMarket, symbol: str, number: int = 0) -> Sequence[MarketBar]:
    """The regular bars of a traded session."""
    hours = session_of(market, number)
    return market.bars(symbol, hours.open, hours.close)


def closes(bars: Sequence[MarketBar]) -> NDArray[np.float64]:
    """Closing prices as floats."""
    return np.array([float(bar.close) for bar in bars])


def variance_ratio(prices: NDArray[np.float64], minutes: int) -> float:
    """Variance of returns over `minutes` relative to that of a random walk: 1 for a walk, below for reversion."""
    log = np.log(prices)
    return float(np.var(log[minutes:] - log[:-minutes]) / (minutes * np.var(np.diff(log))))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trend_day_trends(seed: int) -> None:
    """Every symbol ends near one end of its range, all in the same direction, a usual day's move or more away."""
    market = scenario("trend_day", seed)
    moves = []
    for symbol in market.symbols:
        bars = bars_of(market, symbol)
        travelled = float(bars[-1].close - bars[0].open)
        assert abs(travelled) / float(max(b.high for b in bars) - min(b.low for b in bars)) > 0.75
        moves.append(travelled / float(bars[0].open))
    assert len(set(np.sign(moves))) == 1
    assert min(np.abs(moves)) > 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_chop_returns_to_where_it_was(seed: int) -> None:
    """Half-hour returns vary far less than thirty independent minutes would, and the day leads nowhere."""
    market = scenario("chop", seed)
    for symbol in market.symbols:
        bars = bars_of(market, symbol)
        prices = closes(bars)
        assert variance_ratio(prices, 30) < 0.5
        ends = np.abs(prices[-30:].mean() - prices[:30].mean())
        assert ends < 0.6 * (prices.max() - prices.min())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crash_falls_far_fast_on_volume(seed: int) -> None:
    """Within 45 minutes at least 8 % is lost, on several times the volume of the hour before."""
    market = scenario("crash", seed)
    for symbol in market.symbols:
        bars = bars_of(market, symbol)
        prices, volume = closes(bars), np.array([bar.volume for bar in bars])
        fall = np.array([prices[k : k + 45].min() / prices[k] - 1 for k in range(len(prices))])
        assert fall.min() < -0.08
        low = int(np.argmin(prices))
        assert prices[-1] > prices[low] * 1.005
        began = int(np.argmin(fall))
        assert volume[began : began + 30].mean() > 2 * volume[max(began - 60, 20) : began].mean()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("symbols", [None, ("KO", "SPY")])
def test_halt_and_gap_halts_pauses_and_gaps(seed: int, symbols: Sequence[str] | None) -> None:
    """A T1 halt with a reopening at least 5 % away, a LUDP pause of five minutes, and bands around every print."""
    market = scenario("halt_and_gap", seed, symbols)
    hours = session_of(market)
    told = market.statuses(hours.open, hours.close)
    first = told[0].symbol
    assert {status.symbol for status in told} == {market.symbols[0] if symbols is None else "KO"}
    assert [(s.code, s.reason) for s in told[:2]] == [("H", "T1"), ("T", "T1")]
    assert ("P", "LUDP") in [(s.code, s.reason) for s in told[2:]]
    stopped, resumed = told[0].at, told[1].at
    before, after = market.bars(first, stopped - MINUTE, resumed + MINUTE)
    assert abs(float(after.open / before.close) - 1) > 0.05
    assert after.start == resumed
    opening = next(t for t in market.ticks(first, resumed - SECOND, resumed) if isinstance(t, MarketTrade))
    assert opening.price == after.open
    for bar in market.bars(first, hours.open, hours.close):
        bands = market.bands(first, bar.start)
        assert bands is not None
        assert bands.lower <= bar.low <= bar.high <= bands.upper


def test_a_half_day_ends_at_one() -> None:
    """210 minutes, the last bar begins at 12:59 in New York."""
    market = scenario("half_day", 1)
    assert session_of(market).close == datetime(2026, 11, 27, 18, tzinfo=UTC)
    bars = bars_of(market, "SPY")
    assert (len(bars), bars[-1].start) == (210, datetime(2026, 11, 27, 17, 59, tzinfo=UTC))
    assert market.bars("SPY", datetime(2026, 11, 27, 18, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)) == []


def test_dst_moves_the_open_in_utc() -> None:
    """Friday opens at 14:30 UTC, Monday at 13:30 UTC, both at 09:30 in New York, 390 minutes each."""
    market = scenario("dst", 1)
    for number, opened in enumerate(
        (datetime(2026, 3, 6, 14, 30, tzinfo=UTC), datetime(2026, 3, 9, 13, 30, tzinfo=UTC))
    ):
        bars = bars_of(market, "SPY", number)
        assert (bars[0].start, len(bars)) == (opened, 390)
    assert new_york_date(datetime(2026, 3, 9, 13, 30, tzinfo=UTC)) == market.last_day


@pytest.mark.parametrize("seed", range(8))
def test_a_split_while_holding_divides_the_price(seed: int) -> None:
    """The second open is the first close by the listed ratio, a usual night's gap aside."""
    market = scenario("split_while_holding", seed)
    (action,) = market.corporate_actions(market.day, market.last_day)
    symbol = "AAPL"
    assert (action.symbol, action.kind, action.ex_date) == (symbol, "split", market.last_day)
    close, opened = bars_of(market, symbol)[-1].close, bars_of(market, symbol, 1)[0].open
    assert abs(float(opened / close * action.new_rate / action.old_rate) - 1) < 0.05
    assert abs(float(opened / close) - 1) > 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_thin_name_is_missing_most_minutes(seed: int) -> None:
    """Fewer than half the minutes have a bar, and those are small."""
    market = scenario("thin_name", seed)
    for symbol in market.symbols:
        bars = bars_of(market, symbol)
        assert 40 < len(bars) < 195
        assert np.median([bar.volume for bar in bars]) < 1000


@pytest.mark.parametrize("seed", SEEDS)
def test_an_earnings_gap_opens_away_on_volume(seed: int) -> None:
    """The first symbol opens at least 4 % from its close on a multiple of the volume; after hours trade; others do not gap."""
    market = scenario("earnings_gap", seed)
    gaps = {s: abs(float(bars_of(market, s, 1)[0].open / bars_of(market, s)[-1].close) - 1) for s in market.symbols}
    assert gaps.pop("AAPL") > 0.04
    assert max(gaps.values()) < 0.04
    volumes = [sum(bar.volume for bar in bars_of(market, "AAPL", number)[:60]) for number in (0, 1)]
    assert volumes[1] > 2 * volumes[0]
    hours = session_of(market)
    assert len(market.bars("AAPL", hours.close, hours.post_close)) > 50


def test_every_scenario_is_the_same_in_another_process() -> None:
    """Neither the process nor PYTHONHASHSEED decides anything."""
    code = (
        "from alpaca_trader.simulator.market.scenarios import SCENARIOS, scenario\n"
        "print(*(scenario(name, 5).fingerprint for name in SCENARIOS))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONHASHSEED": "77"}
    )
    assert told.stdout.split() == [scenario(name, 5).fingerprint for name in SCENARIOS]


def test_seeds_and_extended_hours_make_different_markets() -> None:
    """The seed decides the details, and extended hours can be asked for."""
    plain, other, longer = (scenario("trend_day", *what) for what in ((1,), (2,), (1, ("SPY",))))
    assert len({plain.fingerprint, other.fingerprint, longer.fingerprint}) == 3
    extended = scenario("trend_day", 1, extended=True)
    hours = session_of(extended)
    assert extended.bars("SPY", hours.pre_open, hours.open)
    assert bars_of(extended, "SPY") == bars_of(plain, "SPY")


def test_unknown_names_are_answered_with_the_nearest() -> None:
    """A typing error is met with the name that was meant, an empty list of symbols with what is missing."""
    with pytest.raises(ValueError, match="scenario 'trend-day' is unknown; did you mean 'trend_day'"):
        scenario("trend-day", 1)
    with pytest.raises(ValueError, match=r"scenario 'xyzzy' is unknown \(there are chop, crash"):
        scenario("xyzzy", 1)
    with pytest.raises(ValueError, match="needs at least one symbol"):
        scenario("chop", 1, ())


def test_the_table_says_when_and_what() -> None:
    """Each scenario begins on its day, lasts its days, and stands in the document."""
    for name in SCENARIOS:
        known = find_scenario(name)
        market = scenario(name, 1)
        assert market.day == known.day
        assert len(market.sessions(market.day, market.last_day)) == known.days
        assert f"| `{name}` | {known.day} | {known.days} | {known.description} |" in DOCUMENT
