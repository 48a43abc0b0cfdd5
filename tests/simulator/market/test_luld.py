"""Limit-up/limit-down bands: the plan's percentages, the five-minute reference, and pauses where a price runs into them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from alpaca_trader.simulator.market.draws import STEPS, DayShape
from alpaca_trader.simulator.market.generator import GeneratedMarket, Halt
from alpaca_trader.simulator.market.luld import Minutes, Tier, band_at, bands_of
from alpaca_trader.simulator.market.model import MarketTrade

DAY = date(2026, 11, 20)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("price", "previous", "tier", "late", "lower", "upper"),
    [
        (100.00, 100.00, 1, False, 95.00, 105.00),
        (100.00, 100.00, 2, False, 90.00, 110.00),
        (100.00, 100.00, 1, True, 90.00, 110.00),
        (100.00, 100.00, 2, True, 90.00, 110.00),
        (2.00, 2.00, 1, False, 1.60, 2.40),
        (2.00, 3.00, 2, True, 1.20, 2.80),
        (0.50, 0.50, 2, False, 0.35, 0.65),
        (0.10, 0.10, 2, False, 0.02, 0.18),
        (0.50, 0.50, 1, True, 0.20, 0.80),
        (3.01, 3.01, 2, False, 2.71, 3.31),
    ],
)
def test_the_width_follows_tier_price_and_hour(
    price: float, previous: float, tier: Tier, late: bool, lower: float, upper: float
) -> None:
    """The table of the plan's appendix A, rounded to the cent."""
    found = band_at(round(price * 10_000), round(previous * 10_000), tier, is_last_25_minutes=late)
    assert found == (round(lower * 10_000), round(upper * 10_000))


def minutes(*prices: float) -> Minutes:
    """One bar a minute from second 0 on, flat at these prices."""
    units = np.array([round(price * 10_000) for price in prices], dtype=np.int64)
    return Minutes(60 * np.arange(len(prices), dtype=np.int64), units, units * 100, np.ones(len(prices), np.int64))


def test_the_reference_moves_on_by_one_percent_at_least() -> None:
    """A mean of the last five minutes that has moved by less leaves the bands where they are."""
    calm = bands_of(minutes(100, 100.9, 100.9, 100.9, 100.9, 100.9, 100.9), 1_000_000, 1, 390 * 60, ())
    assert [band.start for band in calm] == [0, 365 * 60]
    moved = bands_of(minutes(100, 102, 102, 102, 102, 102), 1_000_000, 1, 390 * 60, ())
    assert moved[1] == (120, 959_500, 1_060_500)
    assert bands_of(minutes(), 1_000_000, 1, 390 * 60, ()) == []


def test_the_reference_begins_anew_with_the_reopening() -> None:
    """After a resumption the first price is the reference; what was before it does not count."""
    found = bands_of(minutes(100, 100, 100, 80, 80), 1_000_000, 1, 390 * 60, [180])
    assert found[1] == (180, 760_000, 840_000)


@pytest.fixture(scope="module")
def burst() -> GeneratedMarket:
    """AAPL falls by 8 % in the minutes after 12:00."""
    path = np.zeros(390 * STEPS)
    path[150 * STEPS :] = np.log(0.92)
    path[150 * STEPS : 153 * STEPS] = np.linspace(0, np.log(0.92), 3 * STEPS)
    shape = DayShape(noise=0.5, path=path)
    return GeneratedMarket(7, ("AAPL", "SPY"), DAY, history_days=1, shapes={("AAPL", DAY): shape})


def test_a_price_that_runs_into_its_band_is_paused(burst: GeneratedMarket) -> None:
    """The pause is announced with P and LUDP, lasts five minutes without prints, and ends with T."""
    hours = burst.session(DAY)
    assert hours is not None
    told = burst.statuses(hours.open, hours.close)
    assert len(told) >= 2
    assert len(told) % 2 == 0
    for began, ended in zip(told[::2], told[1::2], strict=True):
        assert (began.symbol, began.code, began.reason) == ("AAPL", "P", "LUDP")
        assert (ended.code, ended.reason, ended.at - began.at) == ("T", "LUDP", 5 * MINUTE)
        assert burst.bars("AAPL", began.at, ended.at) == []
        assert burst.is_halted("AAPL", began.at)
        assert not burst.is_halted("AAPL", ended.at)
        assert burst.bands("AAPL", began.at) is None
        last, first = burst.bars("AAPL", began.at - MINUTE, ended.at + MINUTE)
        in_force = burst.bands("AAPL", began.at - SECOND)
        assert in_force is not None
        assert last.low == in_force.lower
        assert first.open < last.close
        assert first.volume > last.volume


def test_no_print_lies_outside_the_bands(burst: GeneratedMarket) -> None:
    """Every trade of the session, of the falling and of the calm symbol, is within the bands of its instant."""
    hours = burst.session(DAY)
    assert hours is not None
    for symbol in burst.symbols:
        for tick in burst.ticks(symbol, hours.open - SECOND, hours.close):
            if isinstance(tick, MarketTrade):
                bands = burst.bands(symbol, tick.at)
                assert bands is not None
                assert bands.lower <= tick.price <= bands.upper
                assert bands.at <= tick.at


def test_many_seeds_keep_their_bands() -> None:
    """Ordinary days too: no bar of twenty seeds of the wildest name leaves its bands."""
    for seed in [*range(20), 30]:
        market = GeneratedMarket(seed, ("TSLA",), DAY, history_days=0)
        hours = market.session(DAY)
        assert hours is not None
        for bar in market.bars("TSLA", hours.open, hours.close):
            bands = market.bands("TSLA", bar.start)
            assert bands is not None
            assert bands.lower <= bar.low
            assert bar.high <= bands.upper


def test_bands_exist_in_regular_hours_alone(burst: GeneratedMarket) -> None:
    """Before the open, at the close and for an unknown symbol there are none."""
    hours = burst.session(DAY)
    assert hours is not None
    assert burst.bands("AAPL", hours.open - SECOND) is None
    assert burst.bands("AAPL", hours.close) is None
    assert burst.bands("NOPE", hours.open) is None
    assert burst.bands("AAPL", datetime(2026, 11, 21, 15, tzinfo=UTC)) is None


def test_several_halts_with_their_reasons() -> None:
    """Two halts of one symbol and one of another: statuses in time order, quote withdrawn, gaps where asked for."""
    opened = GeneratedMarket(7, ("SPY",), DAY, history_days=0).session(DAY)
    assert opened is not None
    first, second, other = (opened.open + offset * MINUTE for offset in (30, 120, 60))
    halts = [Halt("NVDA", second, 10, 4.0, "T12"), Halt("NVDA", first, 20, -6.0), Halt("AAPL", other, 5, 2.0, "H10")]
    market = GeneratedMarket(7, ("AAPL", "NVDA"), DAY, history_days=1, halts=halts)
    told = [(s.symbol, s.at, s.code, s.reason) for s in market.statuses(opened.open, opened.close)]
    assert told == [
        ("NVDA", first, "H", "T1"),
        ("NVDA", first + 20 * MINUTE, "T", "T1"),
        ("AAPL", other, "H", "H10"),
        ("AAPL", other + 5 * MINUTE, "T", "H10"),
        ("NVDA", second, "H", "T12"),
        ("NVDA", second + 10 * MINUTE, "T", "T12"),
    ]
    assert market.statuses(first, second - SECOND)[0].at == first + 20 * MINUTE
    for halt in halts:
        end = halt.start + halt.minutes * MINUTE
        quote = market.quote(halt.symbol, end - SECOND)
        assert quote is not None
        assert (quote.bid, quote.ask, quote.at) == (Decimal(0), Decimal(0), halt.start)
        before, after = market.bars(halt.symbol, halt.start - MINUTE, end + MINUTE)
        assert abs((float(after.open / before.close) - 1) * 100 - halt.gap_pct) < 1


@pytest.mark.parametrize(
    ("halts", "complaint"),
    [
        ([Halt("NOPE", datetime(2026, 11, 20, 15, tzinfo=UTC), 5, 1)], "must name a generated symbol"),
        ([Halt("SPY", datetime(2026, 11, 20, 22, tzinfo=UTC), 5, 1)], "a time inside a generated session"),
        ([Halt("SPY", datetime(2026, 11, 20, 15, tzinfo=UTC), 5, -100)], "a gap above -100 percent"),
        ([Halt("SPY", datetime(2026, 11, 20, 15, k, tzinfo=UTC), 5, 1) for k in (0, 3)], "another halt of SPY lasts"),
    ],
)
def test_impossible_halts_are_named(halts: list[Halt], complaint: str) -> None:
    """One clear error that shows the halt."""
    with pytest.raises(ValueError, match=complaint):
        GeneratedMarket(1, ("SPY",), DAY, history_days=0, halts=halts)
