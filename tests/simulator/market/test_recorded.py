"""Recorded bars replay as they are: history before the day, fills in regular hours only, defects of vendors tamed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpaca_trader.simulator.market.calendar import NEW_YORK
from alpaca_trader.simulator.market.recorded import RecordedMarket

Frame = dict[str, Any]
DAY = date(2026, 1, 5)
OPEN = int(datetime(2026, 1, 5, 14, 30, tzinfo=UTC).timestamp())
MINUTE = timedelta(minutes=1)


def frame(starts: list[int], price: float = 50.0, **columns: Any) -> Frame:
    """Flat bars of 100 shares at the given times, with columns replaced."""
    n = len(starts)
    plain: Frame = {
        "start": np.array(starts, dtype=np.int64),
        **{name: np.full(n, price) for name in ("open", "high", "low", "close")},
        "volume": np.full(n, 100, dtype=np.int64),
        "vwap": np.full(n, np.nan),
        "trade_count": np.full(n, -1, dtype=np.int64),
    }
    return plain | {name: np.array(values) for name, values in columns.items()}


def at(minutes: int) -> datetime:
    """Minutes after the open of DAY."""
    return datetime.fromtimestamp(OPEN, UTC) + minutes * MINUTE


def test_extended_hours_are_bars_without_ticks() -> None:
    """Pre-market, the 16:00 auction row and after-hours are served as bars, but nothing can fill on them."""
    market = RecordedMarket({"ABC": frame([OPEN - 600, OPEN, OPEN + 389 * 60, OPEN + 390 * 60])}, day=DAY)
    assert [bar.start for bar in market.bars("ABC", at(-60), at(600))] == [at(-10), at(0), at(389), at(390)]
    minutes = {tick.at.replace(second=0) for tick in market.ticks("ABC", at(-60), at(600))}
    assert minutes == {at(0), at(389)}
    assert market.last_trade("ABC", at(-1)) is None


def test_what_vendors_leave_out_is_filled_in_as_documented() -> None:
    """Unknown vwap is the typical price, an impossible one is brought into the range, an unknown count is 0."""
    given = frame([OPEN, OPEN + 60], open=[50, 50], high=[53, 53], low=[50, 50], close=[50, 50], vwap=[np.nan, 60.0])
    first, second = RecordedMarket({"ABC": given}, day=DAY).bars("ABC", at(0), at(5))
    assert (first.vwap, second.vwap, first.trade_count) == (Decimal(51), Decimal(53), 0)


def test_prices_keep_four_decimals() -> None:
    """Float noise of a vendor disappears, a real fourth decimal stays."""
    given = frame([OPEN, OPEN + 60])
    for name in ("open", "high", "low", "close"):
        given[name] = np.array([201.57000732, 50.1234])
    bars = RecordedMarket({"ABC": given}, day=DAY).bars("ABC", at(0), at(5))
    assert [str(bar.open) for bar in bars] == ["201.57", "50.1234"]


def test_later_sessions_are_left_out_and_earlier_ones_are_history() -> None:
    """The tape ends with the last traded session; what came before is there to look back on."""
    day_s = 24 * 3600
    given = frame([OPEN - 3 * day_s, OPEN, OPEN + day_s, OPEN + 2 * day_s])
    market = RecordedMarket({"ABC": given}, day=DAY, days=2)
    assert [bar.start for bar in market.bars("ABC", at(-(10**5)), at(10**5))] == [at(-3 * 1440), at(0), at(1440)]
    assert market.previous_close("ABC", DAY) == Decimal(50)
    assert market.last_day == date(2026, 1, 6)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"start": np.array([OPEN])}, "ABC: column 'open' is missing"),
        (frame([OPEN + 60, OPEN]), "ABC: column 'start' must be whole minutes in strictly increasing order"),
        (frame([OPEN, OPEN]), "ABC: column 'start' must be whole minutes in strictly increasing order"),
        (frame([OPEN + 1]), "ABC: column 'start' must be whole minutes in strictly increasing order"),
        (frame([OPEN], volume=[1, 2]), "ABC: columns differ in length"),
    ],
)
def test_unusable_columns_are_named(given: Mapping[str, Any], complaint: str) -> None:
    """One clear error with symbol and column."""
    with pytest.raises(ValueError, match=complaint):
        RecordedMarket({"ABC": given}, day=DAY)


def test_a_day_without_session_is_refused() -> None:
    """The message names the next session."""
    with pytest.raises(ValueError, match="the next one is 2026-01-05"):
        RecordedMarket({"ABC": frame([OPEN])}, day=date(2026, 1, 4))


def test_an_empty_symbol_is_an_empty_tape() -> None:
    """No rows are no bars, not an error."""
    market = RecordedMarket({"ABC": frame([])}, day=DAY)
    assert market.bars("ABC", at(0), at(390)) == []
    assert market.quote("ABC", at(1)) is None


def read(path: Path) -> dict[str, Frame]:
    """A reference file as frames by symbol."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra `data`)")
    table = parquet.read_table(path)
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    frames = {}
    for symbol in sorted(set(columns["symbol"])):
        rows = columns["symbol"] == symbol
        frames[str(symbol)] = {
            "start": columns["timestamp"][rows].astype("datetime64[s]").astype(np.int64),
            **{name: columns[name][rows].astype(np.float64) for name in ("open", "high", "low", "close", "vwap")},
            "volume": columns["volume"][rows].astype(np.int64),
            "trade_count": np.nan_to_num(columns["trade_count"][rows].astype(np.float64), nan=-1).astype(np.int64),
            "session": columns["session"][rows],
        }
    return frames


FILES = [
    "alphavantage_2019_02",
    "google_2016_04",
    "ibkr_aapl_2025_09_26",
    "ninjatrader_spy_2011_01",
    "tda_spy_2020_12",
    "yahoo_2025_05",
]


@pytest.mark.parametrize("name", FILES)
def test_reference_bars_replay_exactly(shared: Path, name: str) -> None:
    """Every reference bar comes back with its prices and volume, and the ticks of the last day are its regular bars."""
    frames = read(shared / "data" / "bars_1min" / f"{name}.parquet")
    last = max(int(given["start"][-1]) for given in frames.values())
    day = datetime.fromtimestamp(last, UTC).astimezone(NEW_YORK).date()
    market = RecordedMarket(frames, day=day)
    hours = market.session(day)
    assert hours is not None
    for symbol, given in frames.items():
        bars = market.bars(symbol, datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
        assert [int(bar.start.timestamp()) for bar in bars] == given["start"].tolist()
        assert [bar.volume for bar in bars] == given["volume"].tolist()
        np.testing.assert_allclose([float(bar.close) for bar in bars], given["close"], atol=5.1e-5)
        traded = [bar for bar in bars if hours.open <= bar.start < hours.close]
        ticks = market.ticks(symbol, hours.open - MINUTE, hours.close + 300 * MINUTE)
        regular = given["start"][(given["session"] == "regular") & (given["start"] >= hours.open.timestamp())]
        assert [int(bar.start.timestamp()) for bar in traded] == regular.tolist()
        assert {tick.at.replace(second=0) for tick in ticks} == {bar.start for bar in traded}
