"""Both built-in strategies over one minute of the whole market, against the same indicators by pandas groupby."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alpaca_trader.core.config import (
    MeanReversionParams,
    MomentumParams,
    RiskConfig,
    StrategyConfig,
    StrategySettings,
)
from alpaca_trader.core.models import Bar, Session
from alpaca_trader.core.strategy_manager import StrategyManager
from benchmarks.measure import Result, median_s, seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SYMBOLS = 11_000
BEHIND = 380
MINUTES = 3
LOOKBACK = 14
VOLUME_BARS = 20
ROUNDS = 3
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
SESSION = Session(date(2026, 11, 20), OPEN, OPEN + timedelta(minutes=390))
STARTS = [OPEN + timedelta(minutes=minute) for minute in range(390)]


def run() -> Iterator[Result]:
    """380 bars of today behind each symbol; then one more minute of all of them. Takes minutes to warm up."""
    names = tuple("S" + "".join(chr(65 + int(digit)) for digit in f"{number:05d}") for number in range(SYMBOLS))
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(7).normal(0, 0.001, (SYMBOLS, BEHIND + MINUTES + 1)), axis=1))
    volumes = np.random.default_rng(8).integers(100, 9000, closes.shape)
    manager = _manager(names)
    warm_up = seconds(lambda: _warm_up(manager, names, closes, volumes))
    some = names[: SYMBOLS // 10]
    bars_per_s = (
        len(some) * BEHIND / seconds(lambda: [_past(row, name, closes, volumes) for row, name in enumerate(some)])
    )
    minutes = iter(range(BEHIND, BEHIND + MINUTES + 1))
    frame = _frame(names, closes, volumes)
    pandas_s = median_s(lambda: _by_pandas(frame), ROUNDS)

    def minute() -> None:
        for bar in bars[next(minutes)]:
            manager.observe(bar)
        evaluated.append(len(manager.take_evaluations()))

    evaluated: list[int] = []
    bars = {number: _minute(names, closes, volumes, number) for number in range(BEHIND, BEHIND + MINUTES + 1)}
    ours = median_s(minute, MINUTES)
    assert set(evaluated) == {2 * SYMBOLS}, "a symbol was not evaluated by both strategies"
    yield Result(f"both strategies, one minute of {SYMBOLS:,} symbols", ours, "pandas groupby, 380 bars", pandas_s)
    yield Result("warming them up, bars", SYMBOLS * BEHIND / warm_up, "making the bars alone", bars_per_s, "/s")


def _manager(names: Sequence[str]) -> StrategyManager:
    # The rolling baseline, so that every gate is measured: the other one needs 20 earlier sessions.
    params: dict[str, MomentumParams | MeanReversionParams] = {
        "momentum_breakout": MomentumParams(volume_baseline="rolling"),
        "mean_reversion": MeanReversionParams(lookback_period=LOOKBACK),
    }
    settings = {
        name: StrategySettings(enabled=True, watchlist=tuple(names), params=each, class_path=None)
        for name, each in params.items()
    }
    config = StrategyConfig(risk=RiskConfig(), strategies=settings)
    manager = StrategyManager(lambda path: config, lambda name: type(None))
    manager.configure(config)
    manager.open_session(SESSION)
    return manager


def _bar(symbol: str, minute: int, close: float, volume: float) -> Bar:
    return Bar(symbol, STARTS[minute], close, close * 1.0005, close * 0.9995, close, volume, None)


def _past(row: int, name: str, closes: Floats, volumes: Ints) -> list[Bar]:
    """One symbol's bars of today, up to the minute to be measured."""
    numbers = zip(closes[row, :BEHIND].tolist(), volumes[row, :BEHIND].tolist(), strict=True)
    return [_bar(name, minute, close, volume) for minute, (close, volume) in enumerate(numbers)]


def _warm_up(manager: StrategyManager, names: Sequence[str], closes: Floats, volumes: Ints) -> None:
    for row, name in enumerate(names):
        manager.warm_up(_past(row, name, closes, volumes), [SESSION])


def _minute(
    names: Sequence[str],
    closes: Floats,
    volumes: Ints,
    minute: int,
) -> list[Bar]:
    numbers = zip(names, closes[:, minute].tolist(), volumes[:, minute].tolist(), strict=True)
    return [_bar(name, minute, close, volume) for name, close, volume in numbers]


def _frame(
    names: Sequence[str],
    closes: Floats,
    volumes: Ints,
) -> pd.DataFrame:
    """The same bars as one frame, sorted by symbol and time."""
    return pd.DataFrame(
        {
            "symbol": np.repeat(np.arange(len(names)), BEHIND + 1),
            "close": closes[:, : BEHIND + 1].ravel(),
            "volume": volumes[:, : BEHIND + 1].ravel().astype(np.float64),
        }
    )


def _by_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """Session VWAP, Wilder's RSI and relative volume of every symbol's last bar, as one would write it at first."""
    groups = frame["symbol"]
    by_symbol = frame.groupby(groups)
    money = (frame["close"] * frame["volume"]).groupby(groups).cumsum()
    change = by_symbol["close"].diff()
    rises, falls = change.clip(lower=0), -change.clip(upper=0)
    averages = [side.groupby(groups).ewm(alpha=1 / LOOKBACK, adjust=False).mean() for side in (rises, falls)]
    usual = by_symbol["volume"].rolling(VOLUME_BARS).mean()
    last = np.arange(BEHIND, len(frame), BEHIND + 1)
    up, down = (average.to_numpy()[last] for average in averages)
    return pd.DataFrame(
        {
            "vwap": (money / by_symbol["volume"].cumsum()).to_numpy()[last],
            "rsi": 100 - 100 / (1 + up / down),
            "relative_volume": frame["volume"].to_numpy()[last] / usual.to_numpy()[last],
        }
    )
