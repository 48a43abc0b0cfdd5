"""Sessions, bars and configs for the tests of the strategies: made from a seed, by hand, or from the shared data."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from alpaca_trader.core.config import (
    MeanReversionParams,
    MomentumParams,
    PluginParams,
    RiskConfig,
    StrategyConfig,
    StrategySettings,
)
from alpaca_trader.core.models import MINUTE, Bar, Evaluation, Session
from alpaca_trader.core.strategy_manager import StrategyManager

SYMBOL = "AAPL"
FIRST_DAY = date(2026, 1, 5)


def session(index: int, minutes: int = 390) -> Session:
    """The session of the ``index``-th weekday from Monday 2026-01-05, in winter time."""
    day = FIRST_DAY + timedelta(days=index // 5 * 7 + index % 5)
    opens = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    return Session(day, opens, opens + minutes * MINUTE)


def bar(
    at: Session,
    minute: int,
    ohlc: tuple[float, float, float, float],
    volume: float = 1000.0,
    vwap: float | None = None,
    symbol: str = SYMBOL,
) -> Bar:
    """One bar, ``minute`` minutes after the open."""
    return Bar(symbol, at.open + minute * MINUTE, *ohlc, volume, vwap)


def flat(at: Session, minute: int, price: float, volume: float = 1000.0) -> Bar:
    """A bar with one price."""
    return bar(at, minute, (price, price, price, price), volume)


def closes_as_bars(at: Session, closes: Iterable[float]) -> list[Bar]:
    """One flat bar a minute, from the open."""
    return [flat(at, minute, close) for minute, close in enumerate(closes)]


def random_day(
    rng: random.Random, at: Session, price: float = 100.0, sigma: float = 0.001, missing: float = 0.05
) -> list[Bar]:
    """A driftless session: some minutes missing, some without volume, prices in cents, volume in whole shares."""
    bars = []
    for minute in range((at.close - at.open) // MINUTE):
        begin, price = price, max(1.0, round(price * (1.0 + rng.gauss(0.0, sigma)), 2))
        if rng.random() < missing:
            continue
        high = round(max(begin, price) * (1.0 + rng.random() * sigma), 2)
        low = round(min(begin, price) * (1.0 - rng.random() * sigma), 2)
        volume = 0.0 if rng.random() < 0.02 else float(rng.randint(100, 4000))
        bars.append(
            bar(at, minute, (begin, max(high, begin, price), min(low, begin, price), price), volume, (high + low) / 2)
        )
    return bars


def random_days(seed: int, sessions: Sequence[Session], missing: float = 0.05) -> list[Bar]:
    """Sessions one after the other, each opening with a gap."""
    rng = random.Random(seed)
    bars: list[Bar] = []
    for at in sessions:
        last = bars[-1].close if bars else 100.0
        bars += random_day(rng, at, round(last * (1.0 + rng.gauss(0.0, 0.005)), 2), missing=missing)
    return bars


def frame_of(bars: Sequence[Bar]) -> pd.DataFrame:
    """Bars as the frame a strategy is shown."""
    columns: dict[str, list[Any]] = {
        name: [getattr(each, name) for each in bars] for name in ("open", "high", "low", "close", "volume", "vwap")
    }
    index = pd.DatetimeIndex([each.start for each in bars])
    return pd.DataFrame(columns, index=index if len(bars) else pd.DatetimeIndex([], tz="UTC"))


def config_of(
    momentum: MomentumParams | None = None,
    reversion: MeanReversionParams | None = None,
    watchlist: Sequence[str] = (SYMBOL,),
    risk: RiskConfig | None = None,
    plugins: Mapping[str, StrategySettings] | None = None,
) -> StrategyConfig:
    """A config that runs the strategies given."""
    strategies: dict[str, StrategySettings] = dict(plugins or {})
    built_in = {"momentum_breakout": momentum, "mean_reversion": reversion}
    for name, params in built_in.items():
        if params is not None:
            strategies[name] = StrategySettings(enabled=True, watchlist=tuple(watchlist), params=params)
    return StrategyConfig(risk=risk or RiskConfig(), strategies=strategies)


def plugin_settings(watchlist: Sequence[str] = (SYMBOL,), **own: float | str | bool) -> StrategySettings:
    """Settings of a plug-in; the tests resolve its class by hand."""
    params = PluginParams(**own)  # type: ignore[arg-type]
    return StrategySettings(enabled=True, watchlist=tuple(watchlist), params=params, class_path="somebody.pack:Thing")


def manager_of(config: StrategyConfig, kind: type = object) -> StrategyManager:
    """A manager that runs ``config``; every plug-in in it is of class ``kind``."""
    manager = StrategyManager(lambda _: config, lambda _: kind)
    manager.load_strategies(Path("config/strategy.json"))
    return manager


def stream(manager: StrategyManager, bars: Iterable[Bar], sessions: Sequence[Session]) -> list[Evaluation]:
    """Open each session in turn and show its bars one by one; every evaluation that comes of it."""
    by_day = {at.day: at for at in sessions}
    opened: Session | None = None
    for each in bars:
        at = by_day[each.start.date()]
        if at is not opened:
            manager.open_session(at)
            opened = at
        manager.observe(each)
    return manager.take_evaluations()


def recorded(shared: Path, name: str, symbol: str) -> tuple[list[Bar], list[Session]]:
    """The regular bars of one symbol of a shared recording, and the sessions they lie in."""
    wanted = [("symbol", "=", symbol), ("session", "=", "regular")]
    rows = pq.read_table(shared / "data" / "bars_1min" / f"{name}.parquet", filters=wanted).to_pylist()
    fields = ("open", "high", "low", "close", "volume", "vwap")
    bars = [Bar(symbol, row["timestamp"].astimezone(UTC), *(row[field] for field in fields)) for row in rows]
    opens = {day: _new_york_open(day) for day in sorted({each.start.date() for each in bars})}
    return bars, [Session(day, at, at + 390 * MINUTE) for day, at in opens.items()]


def _new_york_open(day: date) -> datetime:
    return pd.Timestamp(f"{day} 09:30", tz="America/New_York").tz_convert("UTC").to_pydatetime()
