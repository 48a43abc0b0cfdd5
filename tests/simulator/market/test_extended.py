"""Pre-market and after hours: thin, wide, with gaps, and without moving the regular session."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from alpaca_trader.simulator.market.generator import GeneratedMarket, Halt
from alpaca_trader.simulator.market.model import MarketQuote, MarketTrade
from alpaca_trader.simulator.market.recorded import RecordedMarket
from alpaca_trader.simulator.market.symbols import profile_of

DAY = date(2026, 11, 20)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
RARE = next(name for name in (f"R{k}" for k in range(100)) if profile_of(name).minute_volume < 400)
SYMBOLS = ("AAPL", RARE, "SPY", "THIN")
PINNED = ["177.60 177.60 177.50 177.50 234951 2610 177.545000", "181.08 181.13 180.99 181.03 155970 1733 181.060000"]


@pytest.fixture(scope="module")
def plain() -> GeneratedMarket:
    """Regular hours alone."""
    return GeneratedMarket(7, SYMBOLS, DAY, days=2, history_days=2)


@pytest.fixture(scope="module")
def market() -> GeneratedMarket:
    """The same seed with extended hours."""
    return GeneratedMarket(7, SYMBOLS, DAY, days=2, history_days=2, extended=True)


def test_regular_minutes_of_a_seed_stay_as_they_are(plain: GeneratedMarket, market: GeneratedMarket) -> None:
    """Bars, ticks and closes of regular hours do not know whether there are extended hours."""
    for hours in plain.sessions(date(2026, 11, 18), plain.last_day):
        for symbol in SYMBOLS:
            assert market.bars(symbol, hours.open, hours.close) == plain.bars(symbol, hours.open, hours.close)
            assert market.previous_close(symbol, hours.date) == plain.previous_close(symbol, hours.date)
        early = (hours.open - SECOND, hours.open + 5 * MINUTE)
        assert market.ticks("AAPL", *early)[-60:] == plain.ticks("AAPL", *early)[-60:]


def test_a_known_seed_is_pinned(plain: GeneratedMarket) -> None:
    """The first and the last regular bar of a seed, as they have always been."""
    hours = plain.session(DAY)
    assert hours is not None
    bars = GeneratedMarket(7, ("AAPL",), DAY).bars("AAPL", hours.open, hours.close)
    told = [(bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trade_count, bar.vwap) for bar in bars]
    assert [" ".join(map(str, told[k])) for k in (0, 389)] == PINNED


def test_extended_minutes_are_thin_small_and_apart(market: GeneratedMarket) -> None:
    """A liquid name misses some minutes, a thin one most; volumes are a small part of regular ones."""
    hours = market.session(DAY)
    assert hours is not None
    regular = np.mean([bar.volume for bar in market.bars("AAPL", hours.open, hours.close)])
    for first, last, most in ((hours.pre_open, hours.open, 330), (hours.close, hours.post_close, 240)):
        liquid, thin = (market.bars(symbol, first, last) for symbol in ("AAPL", "THIN"))
        assert most * 0.5 < len(liquid) <= most
        assert 0 < len(thin) < most * 0.5
        assert np.mean([bar.volume for bar in liquid]) < regular / 10


def test_nothing_trades_at_night(market: GeneratedMarket) -> None:
    """Between 20:00 and 04:00 there are no bars, no quotes and no ticks."""
    hours, following = market.sessions(DAY, market.last_day)
    assert market.bars("AAPL", hours.post_close, following.pre_open) == []
    assert market.ticks("AAPL", hours.post_close, following.pre_open - SECOND) == []
    assert market.quote("AAPL", hours.post_close + SECOND) is None
    assert market.quote("AAPL", following.pre_open - SECOND) is None


def test_the_spread_is_wider_outside_regular_hours(market: GeneratedMarket) -> None:
    """About ten times wider, by the mean of each phase."""
    hours = market.session(DAY)
    assert hours is not None

    def spread(first: datetime, last: datetime) -> float:
        quotes = [tick for tick in market.ticks("AAPL", first, last) if isinstance(tick, MarketQuote)]
        return float(np.mean([float(quote.ask - quote.bid) for quote in quotes]))

    inside = spread(hours.open, hours.close - SECOND)
    assert spread(hours.pre_open, hours.open - SECOND) > 5 * inside
    assert spread(hours.close, hours.post_close) > 5 * inside


def test_a_quote_belongs_to_its_phase(market: GeneratedMarket) -> None:
    """Each phase begins without a quote of the one before; inside it, the quote is the last tick's."""
    hours = market.session(DAY)
    assert hours is not None
    for begin, end in ((hours.pre_open, hours.open), (hours.open, hours.close), (hours.close, hours.post_close)):
        ticks = market.ticks(RARE, begin - timedelta(microseconds=1), end - SECOND)
        first = next(tick for tick in ticks if isinstance(tick, MarketQuote))
        if begin != hours.open:
            assert market.quote(RARE, begin + SECOND) is None
        for offset in range(0, int((end - first.at) / SECOND), 997):
            at = first.at + offset * SECOND
            assert market.quote(RARE, at) == [t for t in ticks if isinstance(t, MarketQuote) and t.at <= at][-1]


def test_the_close_is_quoted_until_after_hours_begin(market: GeneratedMarket, plain: GeneratedMarket) -> None:
    """At 16:00:00 the regular quote stands unless one of after hours stands there; without extended hours it does."""
    hours = plain.session(DAY)
    assert hours is not None
    last = plain.quote("AAPL", hours.close)
    assert last is not None
    assert last.at == hours.close - 5 * SECOND
    late = market.quote("AAPL", hours.close)
    assert late is not None
    assert late.at == (hours.close if market.bars("AAPL", hours.close, hours.close + MINUTE) else last.at)
    assert plain.quote("AAPL", hours.close + SECOND) is None
    assert plain.quote("AAPL", hours.open - SECOND) is None


def test_last_trade_knows_the_extended_print_and_the_close_does_not(market: GeneratedMarket) -> None:
    """In the evening the last trade is one of after hours, while the previous close stays the regular one."""
    hours, following = market.sessions(DAY, market.last_day)
    late = market.last_trade("AAPL", hours.post_close)
    assert late is not None
    assert late.at >= hours.close
    assert market.previous_close("AAPL", following.date) == market.bars("AAPL", hours.open, hours.close)[-1].close


def test_prices_lead_from_session_to_session(market: GeneratedMarket) -> None:
    """No jump where a phase begins: after hours begin near the close, pre-market ends near the open."""
    hours, following = market.sessions(DAY, market.last_day)
    close = market.bars("SPY", hours.open, hours.close)[-1].close
    evening = market.bars("SPY", hours.close, hours.post_close)
    morning = market.bars("SPY", following.pre_open, following.open)
    opening = market.bars("SPY", following.open, following.close)[0].open
    assert abs(float(evening[0].open / close) - 1) < 0.003
    assert abs(float(morning[0].open / evening[-1].close) - 1) < 0.003
    assert abs(float(morning[-1].close / opening) - 1) < 0.003


def test_a_halt_ends_with_the_session_or_lasts_into_the_evening() -> None:
    """A halt that outlasts the close leaves no prints in after hours either."""
    hours = GeneratedMarket(7, ("AAPL",), DAY, history_days=0).session(DAY)
    assert hours is not None
    halt = Halt("AAPL", hours.close - 10 * MINUTE, 60, -3.0)
    market = GeneratedMarket(7, ("AAPL",), DAY, history_days=0, halts=[halt], extended=True)
    assert market.bars("AAPL", hours.close - 10 * MINUTE, hours.close + 50 * MINUTE) == []
    assert market.auction("AAPL", DAY, "close") is None


def test_recorded_extended_bars_have_ticks_only_when_asked() -> None:
    """Recorded pre-market bars are bars either way, and trade with extended=True."""
    opened = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
    starts = np.array([int((opened + offset * MINUTE).timestamp()) for offset in (-400, -10, 0, 400)], dtype=np.int64)
    frame = {
        "start": starts,
        **{name: np.full(4, 50.0) for name in ("open", "high", "low", "close")},
        "volume": np.full(4, 100),
        "vwap": np.full(4, np.nan),
        "trade_count": np.full(4, -1),
    }
    quiet, awake = (RecordedMarket({"ABC": frame}, day=DAY, extended=extended) for extended in (False, True))
    span = (opened - 500 * MINUTE, opened + 500 * MINUTE)
    assert quiet.bars("ABC", *span) == awake.bars("ABC", *span)
    for market, minutes in ((quiet, {0}), (awake, {-10, 0, 400})):
        trades = [tick for tick in market.ticks("ABC", *span) if isinstance(tick, MarketTrade)]
        assert {(trade.at.replace(second=0) - opened) // MINUTE for trade in trades} == minutes
    assert quiet.fingerprint != awake.fingerprint
