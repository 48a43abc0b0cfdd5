"""Every file that must not be traded on gets one clear error: the file, the row, the field, what would be right."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.store import check_bars, read_bars
from tests.research.made_bars import OPEN, rows_csv, session_table, table_csv, table_parquet, write_csv

ROW = "AAPL,2019-02-11T14:30:00Z,100,101,99,100.5,1000,100,12,regular"
NEXT = "AAPL,2019-02-11T14:31:00Z,100,101,99,100.5,1000,100,12,regular"


def with_cell(column: int, value: str) -> str:
    """A good row with one bad cell."""
    cells = ROW.split(",")
    cells[column] = value
    return ",".join(cells)


CELLS = [
    (2, "", "line 3: AAPL 2019-02-11T14:30Z: open is missing; every bar has its open"),
    (5, "nan", "close is missing; every bar has its close"),
    (3, "inf", "high is inf; a price is a number from 0.0001 on"),
    (4, "-1", "low is -1.0; a price is a number from 0.0001 on"),
    (4, "0", "low is 0.0; a price is a number"),
    (6, "", "volume is missing"),
    (6, "-5", "volume is -5.0; shares traded are a number from 0 on"),
    (6, "inf", "volume is inf"),
    (7, "-100", "vwap is -100.0; a price"),
    (8, "-3", "trade_count is -3.0; it is a whole number from 0 on"),
    (8, "1.5", "trade_count is 1.5"),
    (3, "100.2", "open is 100.0, high is 100.2, close is 100.5; a bar's high is at least, its low at most"),
    (4, "100.1", "open is 100.0, low is 100.1, close is 100.5"),
    (2, "1,0", "is no regular CSV: Expected 10 fields in line 3, saw 11"),
    (2, "abc", "line 3: open 'abc' is no number; write it like 170.97"),
    (0, "", "line 3: symbol '' is no symbol; write it in capitals like AAPL or BRK.B"),
    (0, "aapl", "line 3: symbol 'aapl' is no symbol"),
    (0, "../../X", "symbol '../../X' is no symbol"),
    (1, "", "line 3: timestamp '' has no zone while others have one"),
    (1, "yesterdayZ", "line 3: timestamp 'yesterdayZ' is no time; write it like 2019-02-11T14:30:00Z"),
    (1, "2019-02-11 14:30:00", "timestamp '2019-02-11 14:30:00' has no zone while others have one; write all of them"),
    (1, "2019-02-11T14:30:30Z", "is no whole minute; a bar is one minute and starts at its second 0"),
    (1, "1970-01-18T22:31:35Z", "is not between 1990 and 2099"),
]


@pytest.mark.parametrize(("column", "value", "said"), CELLS)
def test_a_bad_cell_is_named(tmp_path: Path, column: int, value: str, said: str) -> None:
    """File, line, field and value stand in the error."""
    path = rows_csv(tmp_path, NEXT, with_cell(column, value))
    with pytest.raises(BadInput) as refused:
        read_bars(path)
    assert str(refused.value).startswith(f"{path}")
    assert said in str(refused.value)


@pytest.mark.parametrize("count", [1, 3])
def test_the_first_of_many_is_shown_and_the_rest_counted(tmp_path: Path, count: int) -> None:
    """One error a kind, with the number of bars it concerns."""
    rows = [with_cell(2, "-1").replace("14:30", f"14:3{minute}") for minute in range(count)]
    with pytest.raises(BadInput) as refused:
        read_bars(rows_csv(tmp_path, *rows))
    assert ("3 such bars" in str(refused.value)) == (count == 3)
    assert ("data check lists them" in str(refused.value)) == (count == 1) or count == 3


TEXTS = [
    ("", "is empty; it should hold bars with the columns symbol, timestamp"),
    ("symbol,timestamp,open,high,low,close,volume\n", "has columns but no bars"),
    ("symbol,timestamp,open,high,low,close\nA,2019-02-11T14:30:00Z,1,1,1,1\n", "column 'volume' is missing; the file has"),
    ("symbol,timestamp,open,high,low,close,volum\n", "column 'volume' is missing (is 'volum' meant?)"),
    ("timestamp,open,high,low,close,volume\n", "a file about one symbol needs symbol=..."),
    ("symbol,timestamp,t,open,high,low,close,volume\n", "columns 'timestamp' and 't' are both timestamp; keep one"),
    ("symbol;timestamp;open;high;low;close;volume\n", "columns are separated by ';'; separate them by commas"),
    ('{"bars": {}}\n', "is neither Parquet nor plain CSV text; unpack or convert it"),
    ("symbol,timestamp,open,high,low,close,volume\n\nAAPL,2019-02-11T14:30:00Z,1,1,1,1,1\n", "line 2: line '' is empty; take the empty line out"),
    ("symbol,timestamp,open,high,low,close,volume\nAAPL,2019-02-11T14:30:00Z,1,1\n", "line 2 breaks off: it has 4 fields, the header has 7"),
    ("symbol,timestamp,open,high,low,close,volume\nAAPL,2019-02-11 14:30,1,1,1,1,1\n",
     "timestamp '2019-02-11 14:30:00' has no zone and is not guessed; say it: zone=UTC or zone=America/New_York"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), TEXTS)
def test_a_text_that_is_no_table_of_bars_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Headers, separators, empty and cut-off lines each get their own words."""
    path = write_csv(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        read_bars(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def truncated(folder: Path) -> Path:
    """A Parquet file without its end."""
    path = table_parquet(folder, session_table())
    path.write_bytes(path.read_bytes()[:-100])
    return path


def damaged(folder: Path) -> Path:
    """A Parquet file with its two marks and rubbish between."""
    path = folder / "bars.parquet"
    path.write_bytes(b"PAR1" + b"\x07" * 200 + b"PAR1")
    return path


def named_parquet(folder: Path) -> Path:
    """Text under the name of a Parquet file."""
    return write_csv(folder, "symbol,timestamp\n", "bars.parquet")


def latin(folder: Path) -> Path:
    """Text that is not UTF-8."""
    path = folder / "bars.csv"
    path.write_bytes("symbol,timestamp,open,high,low,close,volume,é\n".encode("latin-1"))
    return path


def late_latin(folder: Path) -> Path:
    """Text whose last line is not UTF-8."""
    path = table_csv(folder, session_table(count=30))
    path.write_bytes(path.read_bytes() + b"\xe9,2019-02-11T15:30:00Z,1,1,1,1,1,1,1\n")
    return path


def flipped(folder: Path) -> Path:
    """A Parquet file with checksums, in which bytes have changed on the disk."""
    path = folder / "bars.parquet"
    pq.write_table(pa.Table.from_pandas(session_table()), path, compression="none", write_page_checksum=True)
    content = bytearray(path.read_bytes())
    for place in range(3000, 3040):
        content[place] ^= 255
    path.write_bytes(bytes(content))
    return path


def text_prices(folder: Path) -> Path:
    """Prices as text."""
    return table_parquet(folder, session_table(count=5).astype({"open": str}))


def dates_only(folder: Path) -> Path:
    """Dates where minutes should stand."""
    table = session_table(count=5)
    return table_parquet(folder, table.assign(timestamp=table["timestamp"].dt.date))


def naive(folder: Path) -> Path:
    """Times without a zone."""
    table = session_table(count=5)
    return table_parquet(folder, table.assign(timestamp=table["timestamp"].dt.tz_localize(None)))


def no_time(folder: Path) -> Path:
    """A time that is missing."""
    table = session_table(count=5)
    table.loc[2, "timestamp"] = pd.NaT
    return table_parquet(folder, table)


def no_symbol(folder: Path) -> Path:
    """A symbol that is missing."""
    table = session_table(count=5).astype({"symbol": object})
    table.loc[3, "symbol"] = None
    return table_parquet(folder, table)


def number_symbols(folder: Path) -> Path:
    """Numbers where symbols should stand."""
    return table_parquet(folder, session_table(count=5).assign(symbol=7))


FILES: list[tuple[Callable[[Path], Path], str]] = [
    (lambda folder: folder / "absent.csv", "cannot be read (No such file or directory); name a Parquet or CSV file"),
    (lambda folder: folder, "is a folder; name a Parquet or CSV file of bars"),
    (truncated, "the Parquet file is cut off (its end is missing); fetch or write it again"),
    (damaged, "the Parquet file is damaged ("),
    (flipped, "the Parquet file is damaged ("),
    (late_latin, "is no UTF-8 text ("),
    (named_parquet, "is neither Parquet nor plain CSV text"),
    (latin, "is no UTF-8 text ("),
    (text_prices, "column 'open' is large_string; it should be a number"),
    (dates_only, "column 'timestamp' is date32[day]; it should be a timestamp in UTC"),
    (naive, "row 1: timestamp '2019-02-11 14:30:00' has no zone and is not guessed; say it: zone=UTC"),
    (no_time, "row 3: timestamp 'NaT' is missing; every bar has a time like 2019-02-11T14:30:00Z"),
    (no_symbol, "row 4: symbol '' is no symbol"),
    (number_symbols, "column 'symbol' is int64; it should be text"),
]


@pytest.mark.parametrize(("make", "said"), FILES)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    """Missing, cut off, damaged, of another format or with columns of another kind."""
    path = make(tmp_path)
    with pytest.raises(BadInput) as refused:
        read_bars(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


OPTIONS = [
    ({"zone": "Mars/Olympus"}, "zone 'Mars/Olympus' is unknown; use a name like UTC or America/New_York"),
    ({"label": "middle"}, "label 'middle' is unknown; a bar is labelled by its start or by its end"),
    ({"symbol": "AAPL"}, "has a symbol column of its own; leave out symbol=AAPL"),
    ({"symbol": "a b"}, "symbol 'a b' is no symbol"),
]


@pytest.mark.parametrize(("options", "said"), OPTIONS)
def test_an_option_that_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, str], said: str) -> None:
    """An option is never ignored in silence."""
    with pytest.raises(BadInput) as refused:
        read_bars(table_csv(tmp_path, session_table(count=5)), **options)  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_a_zone_for_times_that_have_another_is_refused(tmp_path: Path) -> None:
    """Offsets of their own count; a zone given beside them would contradict them, in text and in Parquet."""
    table = session_table(count=5)
    table["timestamp"] = table["timestamp"].dt.tz_convert("America/New_York")
    for path in (table_csv(tmp_path, table), table_parquet(tmp_path, table)):
        with pytest.raises(BadInput, match="leave out zone=America/Chicago"):
            read_bars(path, zone="America/Chicago")
        assert len(read_bars(path).frames["AAPL"]["start"]) == 5


@pytest.mark.parametrize("clock", ["2019-03-10 02:30:00", "2019-11-03 01:30:00"])
def test_a_wall_clock_time_that_never_or_twice_was_is_refused(tmp_path: Path, clock: str) -> None:
    """At a change of clocks the zone cannot be right."""
    path = rows_csv(tmp_path, f"AAPL,{clock},1,1,1,1,1,1,1,pre")
    with pytest.raises(BadInput, match=r"does not exist in America/New_York, or twice \(clock change\)"):
        read_bars(path, zone="America/New_York")


def test_two_rows_of_one_minute_that_differ_are_refused(tmp_path: Path) -> None:
    """Which of two prices is right is nothing to guess."""
    path = rows_csv(tmp_path, ROW, NEXT, with_cell(5, "100.25"))
    with pytest.raises(BadInput) as refused:
        read_bars(path)
    assert "line 4: AAPL 2019-02-11T14:30Z: is there twice with close 100.5 and 100.25" in str(refused.value)


def shifted(hours: int) -> pd.DataFrame:
    """Two sessions whose clock is wrong by hours."""
    tables = [session_table("AAPL"), session_table("AAPL", OPEN + pd.Timedelta(days=1))]
    return pd.concat(tables).assign(timestamp=lambda table: table["timestamp"] + pd.Timedelta(hours=hours))


WRONG_CLOCKS = [
    (-5, "100% would if the times were +5 hours; say the zone they are written in (zone=America/New_York"),
    (+9, "100% would if the times were -9 hours; say the zone they are written in (zone=America/New_York"),
    (-1, "this day lies an hour beside regular hours, as when a fixed offset was used through a change of clocks"),
    (+1, "2 such days"),
]


@pytest.mark.parametrize(("hours", "said"), WRONG_CLOCKS)
def test_a_wrong_zone_is_found_by_the_hours_traded(tmp_path: Path, hours: int, said: str) -> None:
    """New York's wall clock taken for UTC would trade pre-market noise as the session."""
    path = table_csv(tmp_path, shifted(hours))
    with pytest.raises(BadInput) as refused:
        read_bars(path)
    assert said in str(refused.value)
    findings = check_bars(path, zone="UTC")
    assert [each.code for each in findings if each.severity == "error"] == []
    assert "wrong_zone" in {each.code for each in findings if each.severity == "warning"}


def test_a_zone_said_by_hand_overrules_a_wrong_utc(tmp_path: Path) -> None:
    """The digits are New York's: read so, the bars are those of the right file."""
    wrong, right = table_csv(tmp_path, shifted(-5)), table_csv(tmp_path, shifted(0), "right.csv")
    assert read_bars(wrong, zone="America/New_York").fingerprint == read_bars(right).fingerprint


def test_bars_labelled_by_their_end_are_found_out(tmp_path: Path) -> None:
    """Read as starts they would show each minute before it happened; label=end reads them right."""
    right = session_table()
    ends = table_csv(tmp_path, right.assign(timestamp=right["timestamp"] + pd.Timedelta(minutes=1)))
    with pytest.raises(BadInput, match=r"1 of 1 sessions have no 09:30 bar but one at the close.*say label=end"):
        read_bars(ends)
    assert read_bars(ends, label="end").fingerprint == read_bars(table_csv(tmp_path, right, "r.csv")).fingerprint
    assert [each.code for each in read_bars(ends, label="start").problems] == ["wrong_label"]


def test_bars_labelled_by_their_start_are_not_read_as_ends(tmp_path: Path) -> None:
    """The opposite mistake would leak the future: it is an error even though it was asked for."""
    with pytest.raises(BadInput, match=r"begin at 09:29 and lack their last minute.*say label=start"):
        read_bars(table_csv(tmp_path, session_table()), label="end")


@pytest.mark.parametrize(("step", "said"), [(5, "5 minutes apart"), (1440, "1440 minutes apart")])
def test_bars_of_another_length_are_refused(tmp_path: Path, step: int, said: str) -> None:
    """Five-minute or daily bars taken for minutes would make every indicator wrong."""
    with pytest.raises(BadInput, match=said):
        read_bars(table_csv(tmp_path, session_table(count=30, step_min=step)))


def test_a_slipped_decimal_point_is_refused(tmp_path: Path) -> None:
    """One close at a tenth of its neighbours would stop out every position."""
    table = session_table()
    table.loc[100, ["open", "high", "low", "close"]] /= np.float64(10)
    with pytest.raises(BadInput, match=r"2019-02-11T16:10Z: closes at 10\.\d+ between .*a slipped decimal point"):
        read_bars(table_csv(tmp_path, table))


def test_without_pyarrow_csv_reads_and_parquet_says_what_to_install(tmp_path: Path) -> None:
    """The extra `data` is optional; the error names it, for a file and for the store."""
    table_csv(tmp_path, session_table())
    table_parquet(tmp_path, session_table())
    program = """
import sys
sys.modules["pyarrow"] = None
from pathlib import Path
from alpaca_trader.core.errors import BadInput
from alpaca_trader.research.store import BarStore, read_bars
print(len(read_bars(Path("bars.csv")).frames["AAPL"]["start"]))
for act in (lambda: read_bars(Path("bars.parquet")), BarStore(Path("store")).ls,
            lambda: BarStore(Path("store")).import_file(Path("bars.csv"))):
    try:
        act()
    except BadInput as refused:
        print(refused)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    count, *refusals = done.stdout.splitlines()
    assert count == "390"
    assert len(refusals) == 3
    assert all("pip install 'alpaca-trader[data]'" in each for each in refusals)
