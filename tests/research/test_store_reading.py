"""The same bars, however they are written, are read as the same arrays, and the simulator replays them."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.research.bars import BarFile
from alpaca_trader.research.store import read_bars
from alpaca_trader.simulator.market.recorded import RecordedMarket
from tests.research.made_bars import HEADER, OPEN, nudged, session_table, table_csv, table_parquet, write_csv

CALENDAR = SessionCalendar()
RECORDED = {
    "ninjatrader_spy_2011_01": (14180, 1, 20, date(2011, 1, 3), date(2011, 1, 31)),
    "google_2016_04": (16380, 2, 21, date(2016, 4, 15), date(2016, 5, 13)),
    "alphavantage_2019_02": (40287, 21, 5, date(2019, 2, 11), date(2019, 2, 15)),
    "tda_spy_2020_12": (1564, 1, 4, date(2020, 12, 15), date(2020, 12, 18)),
    "yahoo_2025_05": (7775, 4, 6, date(2025, 5, 9), date(2025, 5, 16)),
    "ibkr_aapl_2025_09_26": (960, 1, 1, date(2025, 9, 26), date(2025, 9, 26)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_real_files_are_read_whole_and_can_be_replayed(shared: Path, name: str) -> None:
    """Every row of the manifest arrives, none is refused, and the simulator takes the arrays as they are."""
    rows, symbols, sessions, first, last = RECORDED[name]
    bars = read_bars(shared / "data" / "bars_1min" / f"{name}.parquet", calendar=CALENDAR)
    assert sum(len(frame["start"]) for frame in bars.frames.values()) == rows
    assert (len(bars.frames), len(bars.days)) == (symbols, sessions)
    assert (bars.days[0], bars.days[-1]) == (first, last)
    assert list(bars.frames) == sorted(bars.frames)
    assert {finding.severity for finding in bars.problems} <= {"warning", "note"}
    RecordedMarket(bars.frames, day=first)


@pytest.mark.parametrize("name", ["tda_spy_2020_12", "ibkr_aapl_2025_09_26"])
def test_csv_and_parquet_of_the_same_bars_have_one_fingerprint(shared: Path, name: str) -> None:
    """A run is the same run whichever twin it was given."""
    folder = shared / "data" / "bars_1min"
    one, other = (read_bars(folder / f"{name}.{kind}", calendar=CALENDAR) for kind in ("csv", "parquet"))
    assert one.fingerprint == other.fingerprint
    assert [each.code for each in one.problems] == [each.code for each in other.problems]


def test_known_defects_of_real_files_are_reported(shared: Path) -> None:
    """The reference data's notes name partial days, zero volume and thin names: so do the findings."""
    folder = shared / "data" / "bars_1min"
    codes = {
        name: {each.code for each in read_bars(folder / f"{name}.parquet", calendar=CALENDAR).problems}
        for name in RECORDED
    }
    assert codes["yahoo_2025_05"] == {"gap", "thin", "zero_volume"}
    assert codes["alphavantage_2019_02"] == {"thin", "zero_volume"}
    assert codes["ninjatrader_spy_2011_01"] == set()


def arrays_of(bars: BarFile, symbol: str = "AAPL") -> dict[str, list[float]]:
    """A frame as lists."""
    return {name: values.tolist() for name, values in bars.frames[symbol].items()}


def test_a_row_becomes_the_numbers_it_says(tmp_path: Path) -> None:
    """Exact prices, seconds since 1970, unknown vwap as NaN and unknown trade count as -1."""
    path = write_csv(tmp_path, f"{HEADER}\nBRK.B,2019-02-11T14:30:00Z,200.07,201.1,199.3,200.4499,17,,,regular\n")
    frame = read_bars(path, calendar=CALENDAR).frames["BRK.B"]
    assert frame["start"].tolist() == [1549895400]
    assert [frame[name].item() for name in ("open", "high", "low", "close")] == [200.07, 201.1, 199.3, 200.4499]
    assert (frame["volume"].item(), frame["trade_count"].item()) == (17.0, -1)
    assert np.isnan(frame["vwap"].item())
    assert {name: str(values.dtype) for name, values in frame.items()} == {
        "start": "int64", **dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), "float64"),
        "trade_count": "int64",
    }  # fmt: skip


def in_seconds(table: pd.DataFrame) -> "pd.Series[int]":
    """Epoch seconds."""
    return (table["timestamp"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)


ALPACA = {
    "symbol": "S", "timestamp": "t", "open": "o", "high": "h", "low": "l", "close": "c",
    "volume": "v", "vwap": "vw", "trade_count": "n",
}  # fmt: skip
SPELLINGS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any]]] = {
    "alpaca's letters": (lambda table: table.rename(columns=ALPACA), {}),
    "capitals": (lambda table: table.rename(columns=str.capitalize), {}),
    "no symbol column": (lambda table: table.drop(columns="symbol"), {"symbol": "AAPL"}),
    "end of the minute": (lambda table: table.assign(timestamp=table["timestamp"] + timedelta(minutes=1)), {"label": "end"}),
    "New York with offset": (lambda table: table.assign(timestamp=table["timestamp"].dt.tz_convert("America/New_York")), {}),
    "New York without": (
        lambda table: table.assign(timestamp=table["timestamp"].dt.tz_convert("America/New_York").dt.tz_localize(None)),
        {"zone": "America/New_York"},
    ),
    "UTC without": (lambda table: table.assign(timestamp=table["timestamp"].dt.tz_localize(None)), {"zone": "UTC"}),
    "epoch seconds": (lambda table: table.assign(timestamp=in_seconds(table)), {}),
    "epoch milliseconds": (lambda table: table.assign(timestamp=in_seconds(table) * 1000), {}),
    "epoch nanoseconds": (lambda table: table.assign(timestamp=in_seconds(table) * 10**9), {}),
    "text": (lambda table: table.assign(timestamp=table["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S+00:00")), {}),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("write", [table_csv, table_parquet])
def test_vendors_spellings_mean_the_same_bars(
    tmp_path: Path, spelling: str, write: Callable[[Path, pd.DataFrame], Path]
) -> None:
    """Names, zones, labels and units differ; the bars do not."""
    respell, options = SPELLINGS[spelling]
    expected = read_bars(table_csv(tmp_path, session_table(), "plain.csv"), calendar=CALENDAR)
    read = read_bars(write(tmp_path, respell(session_table())), calendar=CALENDAR, **options)
    assert read.fingerprint == expected.fingerprint
    assert read.problems == ()
    assert read.days == [date(2019, 2, 11)]


def test_optional_columns_may_be_absent(tmp_path: Path) -> None:
    """Only symbol, time, prices and volume are needed."""
    bars = read_bars(table_csv(tmp_path, session_table().drop(columns=["vwap", "trade_count"])), calendar=CALENDAR)
    frame = bars.frames["AAPL"]
    assert np.isnan(frame["vwap"]).all()
    assert (frame["trade_count"] == -1).all()


def test_tickers_that_look_like_other_things_stay_tickers(tmp_path: Path) -> None:
    """NA, TRUE and NAN are listed symbols, not missing or true."""
    tables = [session_table(symbol, count=20) for symbol in ("NA", "TRUE", "NAN", "INF", "NULL")]
    table = pd.concat(tables)
    for path in (table_csv(tmp_path, table), table_parquet(tmp_path, table)):
        assert list(read_bars(path, calendar=CALENDAR).frames) == ["INF", "NA", "NAN", "NULL", "TRUE"]


def test_the_footer_names_feed_and_adjustment(tmp_path: Path) -> None:
    """What a Parquet file says of itself is passed on; otherwise it is unknown."""
    said = read_bars(table_parquet(tmp_path, session_table(), feed="iex", adjustment="split"), calendar=CALENDAR)
    silent = read_bars(table_csv(tmp_path, session_table()), calendar=CALENDAR)
    assert (said.feed, said.adjustment) == ("iex", "split")
    assert (silent.feed, silent.adjustment) == ("unknown", "unknown")


def test_empty_lines_at_the_end_are_no_harm(tmp_path: Path) -> None:
    """Editors leave them; a header with nothing but them has no bars."""
    text = table_csv(tmp_path, session_table(count=20)).read_text()
    assert len(read_bars(write_csv(tmp_path, f"{text}\n\n\n"), calendar=CALENDAR).frames["AAPL"]["start"]) == 20


def test_days_are_the_sessions_with_regular_bars(tmp_path: Path) -> None:
    """Bars before the open alone make no session, nor does a Saturday."""
    early = session_table(first=OPEN - timedelta(hours=2), count=20)
    saturday = session_table(first=OPEN + timedelta(days=5), count=20)
    regular = session_table(first=OPEN + timedelta(days=1), count=20)
    bars = read_bars(table_csv(tmp_path, pd.concat([early, regular, saturday])), calendar=CALENDAR)
    assert bars.days == [date(2019, 2, 12)]
    assert len(bars.frames["AAPL"]["start"]) == 60


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Fewer bars than a judgement of their spacing needs: possible bars of one to three symbols at odd minutes, with odd digits and unknowns."""
    parts = []
    for symbol in draw(st.lists(st.sampled_from(["A", "BRK.B", "TRUE", "ZZZ"]), min_size=1, max_size=3, unique=True)):
        offsets = draw(st.lists(st.integers(0, 3000), min_size=1, max_size=4, unique=True))
        count = len(offsets)
        four = (
            np.sort(np.array(draw(arrays(np.int64, (count, 4), elements=st.integers(1_000_000, 4_000_000)))), axis=1)
            / 1e4
        )
        table = session_table(symbol, count=count).assign(
            timestamp=[OPEN + timedelta(minutes=each) for each in sorted(offsets)],
            low=four[:, 0], open=four[:, 1], close=four[:, 2], high=four[:, 3],
            volume=draw(arrays(np.float64, count, elements=st.floats(0, 1e9))),
            vwap=draw(arrays(np.float64, count, elements=st.one_of(st.just(np.nan), st.floats(1, 1e6)))),
            trade_count=draw(arrays(np.float64, count, elements=st.one_of(st.just(np.nan), st.integers(0, 10**6)))),
        )  # fmt: skip
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


@settings(max_examples=40)
@given(table=tables(), seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame, seed: int
) -> None:
    """Any bars, as CSV, as Parquet, in any order and twice over, are the same bars to the last digit."""
    folder = tmp_path_factory.mktemp("round")
    shuffled = pd.concat([table, table]).sample(frac=1.0, random_state=seed % 2**31)
    files = [table_csv(folder, table), table_parquet(folder, table), table_csv(folder, shuffled, "shuffled.csv")]
    read = [read_bars(path, calendar=CALENDAR) for path in files]
    assert len({bars.fingerprint for bars in read}) == 1
    first = read[0]
    for symbol, frame in first.frames.items():
        rows = table[table["symbol"] == symbol]
        for name in ("open", "high", "low", "close", "volume", "vwap"):
            np.testing.assert_array_equal(frame[name], rows[name].to_numpy())
        np.testing.assert_array_equal(frame["trade_count"], rows["trade_count"].fillna(-1).to_numpy().astype(np.int64))


@settings(max_examples=25)
@given(
    changed=st.sampled_from(["open", "high", "low", "close", "volume", "vwap", "trade_count"]), row=st.integers(0, 19)
)
def test_any_change_changes_the_fingerprint(tmp_path_factory: pytest.TempPathFactory, changed: str, row: int) -> None:
    """The fingerprint stands for every number of every bar."""
    folder = tmp_path_factory.mktemp("changed")
    table = session_table(count=20)
    table[["high", "low"]] += [0.5, -0.5]
    other = nudged(table, row, changed, 0.01 if changed != "trade_count" else 1)
    one, two = (
        read_bars(table_csv(folder, each, f"{n}.csv"), calendar=CALENDAR) for n, each in enumerate((table, other))
    )
    assert one.fingerprint != two.fingerprint
