"""The generated market: repeatable everywhere, shaped like a stock market, and full of things a strategy looks for."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from alpaca_trader.simulator.market.generator import GeneratedMarket, Halt
from alpaca_trader.simulator.market.model import MarketBar, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.market.symbols import profile_of

SYMBOLS = ("SPY", "QQQ", "AAPL", "MSFT", "NVDA")
DAY = date(2026, 1, 5)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def market() -> GeneratedMarket:
    """The default symbols on an ordinary Monday."""
    return GeneratedMarket(7, SYMBOLS, DAY)


def day_bars(market: GeneratedMarket, symbol: str, day: date = DAY) -> Sequence[MarketBar]:
    """The regular bars of one session."""
    hours = market.session(day)
    assert hours is not None
    return market.bars(symbol, hours.open, hours.close)


def test_the_same_arguments_make_the_same_market_in_another_process(market: GeneratedMarket) -> None:
    """Nothing depends on the process, its hash seed or what was generated before."""
    code = (
        "from datetime import date\n"
        "from alpaca_trader.simulator.market.generator import GeneratedMarket\n"
        f"print(GeneratedMarket(7, {SYMBOLS!r}, date(2026, 1, 5)).fingerprint)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    assert told == market.fingerprint


def test_seeds_differ(market: GeneratedMarket) -> None:
    """Another seed is another market."""
    assert GeneratedMarket(8, SYMBOLS, DAY).fingerprint != market.fingerprint


def test_another_symbol_or_more_history_changes_nothing_else(market: GeneratedMarket) -> None:
    """A symbol's session is its own: company, order, and length of history leave it as it was."""
    wider = GeneratedMarket(7, ("ZZZZ", "NVDA", "AAPL"), DAY, history_days=30)
    assert day_bars(wider, "AAPL") == day_bars(market, "AAPL")
    assert day_bars(wider, "NVDA") == day_bars(market, "NVDA")


@pytest.mark.parametrize("symbol", [*SYMBOLS, "ZZZZ", "THIN"])
def test_bars_are_possible(symbol: str) -> None:
    """low <= open, close, vwap <= high in whole cents, positive volume, one bar a minute at most, inside sessions."""
    market = GeneratedMarket(3, (symbol,), DAY, days=2, history_days=3)
    hours = market.sessions(DAY - timedelta(days=10), DAY + timedelta(days=10))
    bars = market.bars(symbol, hours[0].open, hours[-1].close)
    assert len(bars) > 5 * 300
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close, bar.vwap)
        assert bar.high >= max(bar.open, bar.close, bar.vwap)
        assert all(price == price.quantize(Decimal("0.01")) for price in (bar.open, bar.high, bar.low, bar.close))
        assert bar.volume > 0
        assert bar.trade_count > 0
        assert any(session.open <= bar.start < session.close for session in hours)
    starts = [bar.start for bar in bars]
    assert starts == sorted(set(starts))


def test_liquid_names_trade_every_minute_and_thin_ones_do_not() -> None:
    """Known symbols have 390 bars; a thin unknown one misses some."""
    thin = next(name for name in (f"T{k}" for k in range(100)) if profile_of(name).silence > 0.1)
    market = GeneratedMarket(3, ("AAPL", thin), DAY, history_days=0)
    assert len(day_bars(market, "AAPL")) == 390
    assert 300 < len(day_bars(market, thin)) < 388


def test_half_days_are_short() -> None:
    """The session after Thanksgiving has 210 minutes."""
    assert (
        len(day_bars(GeneratedMarket(3, ("SPY",), date(2026, 11, 27), history_days=1), "SPY", date(2026, 11, 27)))
        == 210
    )


@pytest.mark.parametrize(("symbol", "level"), [("SPY", 668), ("QQQ", 600), ("AAPL", 185), ("MSFT", 420), ("NVDA", 140)])
def test_prices_start_near_their_level(market: GeneratedMarket, symbol: str, level: int) -> None:
    """The close before the first traded day is the level, within a few percent."""
    close = market.previous_close(symbol, DAY)
    assert close is not None
    assert abs(float(close) / level - 1) < 0.08


def test_volume_is_u_shaped() -> None:
    """Over many sessions the open and the close trade more than noon."""
    market = GeneratedMarket(5, ("AAPL",), DAY, days=10, history_days=0)
    sessions = market.sessions(DAY, market.last_day)
    volume = np.mean([[bar.volume for bar in day_bars(market, "AAPL", hours.date)] for hours in sessions], axis=0)
    noon = volume[150:240].mean()
    assert volume[:15].mean() > 1.7 * noon
    assert volume[-15:].mean() > 1.3 * noon


def test_an_ordinary_day_gives_both_strategies_something_to_do() -> None:
    """Over twenty seeds the five symbols cross VWAP on volume, fall through RSI 30 and travel 2 %, within bounds a day."""
    crosses, dips, ranges = [], [], []
    for seed in range(20):
        market = GeneratedMarket(seed, SYMBOLS, DAY, history_days=1)
        crosses.append(sum(vwap_crosses(day_bars(market, symbol)) for symbol in SYMBOLS))
        dips.append(sum(rsi_crosses(day_bars(market, symbol)) for symbol in SYMBOLS))
        ranges += [travel(day_bars(market, symbol)) for symbol in ("AAPL", "NVDA", "MSFT")]
    assert 10 < np.mean(crosses) < 35
    assert 10 < np.mean(dips) < 45
    assert min(crosses) > 3
    assert min(dips) > 3
    assert 0.3 < np.mean(np.array(ranges) > 0.025) < 0.98


def vwap_crosses(bars: Sequence[MarketBar]) -> int:
    """Upward crosses of 0.1 % above session VWAP after a close below VWAP."""
    close = np.array([float(bar.close) for bar in bars])
    typical = np.array([float(bar.high + bar.low + bar.close) / 3 for bar in bars])
    volume = np.array([bar.volume for bar in bars])
    vwap = np.cumsum(typical * volume) / np.cumsum(volume)
    armed, count = False, 0
    for k in range(1, len(bars)):
        armed = armed or close[k] <= vwap[k]
        if armed and close[k] > 1.001 * vwap[k] and close[k - 1] <= 1.001 * vwap[k - 1]:
            armed, count = False, count + 1
    return count


def rsi_crosses(bars: Sequence[MarketBar]) -> int:
    """Upward crosses of 30 by Wilder's RSI(14) of one session's closes."""
    change = np.diff([float(bar.close) for bar in bars])
    gain, loss = max(change[:14].clip(0).mean(), 1e-9), max((-change[:14]).clip(0).mean(), 1e-9)
    count, before = 0, 50.0
    for step in change[14:]:
        gain, loss = (13 * gain + max(step, 0)) / 14, (13 * loss + max(-step, 0)) / 14
        now = 100 * gain / (gain + loss)
        count += before <= 30 < now
        before = now
    return count


def travel(bars: Sequence[MarketBar]) -> float:
    """The session's range relative to its low."""
    return float(max(bar.high for bar in bars) / min(bar.low for bar in bars)) - 1


def test_symbols_move_together_through_the_market_factor() -> None:
    """SPY and QQQ are correlated minute by minute, far above two unrelated series."""
    market = GeneratedMarket(11, ("SPY", "QQQ"), DAY, days=5, history_days=0)
    returns = [
        np.concatenate(
            [
                np.diff(np.log([float(bar.close) for bar in day_bars(market, symbol, hours.date)]))
                for hours in market.sessions(DAY, market.last_day)
            ]
        )
        for symbol in ("SPY", "QQQ")
    ]
    assert np.corrcoef(returns[0], returns[1])[0, 1] > 0.4


def test_a_halt_stops_trading_and_reopens_with_a_gap() -> None:
    """No bars and no priced quote while halted, a jump of about the gap after it, other symbols untouched."""
    hours = GeneratedMarket(7, ("SPY",), DAY, history_days=0).session(DAY)
    assert hours is not None
    start = hours.open + timedelta(minutes=100)
    halt = Halt("NVDA", start, minutes=12, gap_pct=-6.0)
    market, calm = GeneratedMarket(7, SYMBOLS, DAY, halts=[halt]), GeneratedMarket(7, SYMBOLS, DAY)
    end = start + timedelta(minutes=12)
    assert market.bars("NVDA", start, end) == []
    assert market.is_halted("NVDA", start)
    assert not market.is_halted("NVDA", start - SECOND)
    assert not market.is_halted("NVDA", end)
    assert not market.is_halted("AAPL", start)
    withdrawn = market.quote("NVDA", start + SECOND)
    assert withdrawn is not None
    assert (withdrawn.bid, withdrawn.ask, withdrawn.at) == (Decimal(0), Decimal(0), start)
    assert market.ticks("NVDA", start - SECOND, end - SECOND) == [withdrawn]
    before, after = market.bars("NVDA", start - timedelta(minutes=1), end + timedelta(minutes=1))
    assert -0.07 < float(after.open / before.close) - 1 < -0.05
    assert day_bars(market, "AAPL") == day_bars(calm, "AAPL")
    assert market.fingerprint != calm.fingerprint


def test_quotes_and_trades_agree_with_the_ticks(market: GeneratedMarket) -> None:
    """quote() and last_trade() at an instant are the last ticks at or before it; nothing comes from later."""
    hours = market.session(DAY)
    assert hours is not None
    ticks = market.ticks("AAPL", hours.open - SECOND, hours.open + timedelta(minutes=4))
    assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)
    for offset_s in (0, 3, 5, 59, 60, 61, 119, 200):
        at = hours.open + timedelta(seconds=offset_s)
        past = [tick for tick in ticks if tick.at <= at]
        assert market.quote("AAPL", at) == [tick for tick in past if isinstance(tick, MarketQuote)][-1]
        assert market.last_trade("AAPL", at) == [tick for tick in past if isinstance(tick, MarketTrade)][-1]


def test_windows_of_ticks_join_without_gap_or_repeat(market: GeneratedMarket) -> None:
    """Any partition of time reads every tick once, the quote before the trade of the same instant."""
    hours = market.session(DAY)
    assert hours is not None
    start, end = hours.open - SECOND, hours.open + timedelta(minutes=3)
    whole = list(market.ticks("SPY", start, end))
    pieces: list[Tick] = []
    at = start
    for step_ms in (1, 999, 4_000, 5_000, 61_000, 200_000):
        until = min(at + timedelta(milliseconds=step_ms), end)
        pieces += market.ticks("SPY", at, until)
        at = until
    assert pieces == whole
    assert all(isinstance(first, MarketQuote) for first, second in pairwise(whole) if first.at == second.at)


def test_outside_the_session_there_is_no_quote_but_the_last_trade_stays(market: GeneratedMarket) -> None:
    """Before the open and after the close nothing is quoted; the last print is that of the session before."""
    hours = market.session(DAY)
    assert hours is not None
    assert market.quote("AAPL", hours.open - SECOND) is None
    assert market.quote("AAPL", hours.close + SECOND) is None
    early = market.last_trade("AAPL", hours.open - SECOND)
    assert early is not None
    assert early.price == market.previous_close("AAPL", DAY)
    late = market.last_trade("AAPL", hours.close + timedelta(days=2))
    assert late is not None
    assert late.price == day_bars(market, "AAPL")[-1].close


def test_unknown_symbols_are_empty_not_errors(market: GeneratedMarket) -> None:
    """Every question about a symbol that is not on the tape has an empty answer."""
    hours = market.session(DAY)
    assert hours is not None
    assert market.bars("NOPE", hours.open, hours.close) == []
    assert market.ticks("NOPE", hours.open, hours.close) == []
    assert market.quote("NOPE", hours.open) is None
    assert market.last_trade("NOPE", hours.open) is None
    assert market.previous_close("NOPE", DAY) is None
    assert not market.is_halted("NOPE", hours.open)


def test_assets_are_sorted_and_named_by_symbol_alone(market: GeneratedMarket) -> None:
    """The asset id is the same in every market that has the symbol."""
    assets = market.assets()
    assert [asset.symbol for asset in assets] == sorted(SYMBOLS)
    other = GeneratedMarket(99, ("AAPL",), DAY, history_days=0).assets()[0]
    assert other in assets


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"day": date(2026, 11, 26)}, "day 2026-11-26 is not a trading session; the next one is 2026-11-27"),
        ({"days": 0}, "days 0 must be at least 1"),
        ({"history_days": -1}, "history_days -1 at least 0"),
    ],
)
def test_impossible_arguments_are_named(arguments: dict[str, object], complaint: str) -> None:
    """One clear error with the value and what would be right."""
    with pytest.raises(ValueError, match=complaint):
        GeneratedMarket(1, ("SPY",), **({"day": DAY} | arguments))  # type: ignore[arg-type]
