"""The store keeps bars by symbol and month, never mixes feeds, and changes all or nothing."""

import fcntl
import os
import stat
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.research.bar_import import BarImport, Incoming
from alpaca_trader.research.bars_rows import Reading
from alpaca_trader.research.store import BarStore, StoredSymbol, read_bars
from tests.research.made_bars import OPEN, nudged, on, session_table, table_csv, table_parquet

CALENDAR = SessionCalendar()
MONDAY, TUESDAY = date(2019, 2, 11), date(2019, 2, 12)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    """An empty store."""
    return BarStore(tmp_path / "home" / "data" / "bars", CALENDAR)


def two_days(symbol: str = "AAPL") -> pd.DataFrame:
    """Monday and Tuesday."""
    return pd.concat([session_table(symbol), session_table(symbol, OPEN + timedelta(days=1))], ignore_index=True)


def tree(root: Path) -> dict[str, bytes]:
    """Everything that lies in a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_real_bars_come_back_as_they_went_in(shared: Path, store: BarStore) -> None:
    """All files of the reference data, through the store: the same bars by fingerprint, day by day and together."""
    folder = shared / "data" / "bars_1min"
    for name in ("google_2016_04", "alphavantage_2019_02", "yahoo_2025_05"):
        path = folder / f"{name}.parquet"
        read = read_bars(path, calendar=CALENDAR)
        store.import_file(path, feed="sip")
        loaded = store.load(list(read.frames), read.days[0], read.days[-1])
        assert (loaded.fingerprint, loaded.days, loaded.feed) == (read.fingerprint, read.days, "sip")
    held = {each.symbol: each for each in store.ls()}
    assert held["AAPL"] == StoredSymbol("AAPL", "sip", "unknown", date(2016, 4, 15), date(2025, 5, 16), 32, 12078)
    assert len(held) == 22
    assert [each for each in store.check() if each.severity == "error"] == []


def test_a_session_stays_in_one_month(store: BarStore, tmp_path: Path) -> None:
    """The evening of 31 January in New York is 1 February in UTC; its bars belong to January's file."""
    evening = session_table(first=on(date(2019, 2, 1), 0, 30), count=20)
    store.import_file(table_csv(tmp_path, evening))
    assert [path.relative_to(store.root).as_posix() for path in store.root.rglob("*.parquet")] == [
        "symbol=AAPL/2019-01.parquet"
    ]
    assert (store.ls()[0].first, store.ls()[0].days) == (date(2019, 1, 31), 0)


def test_stored_files_say_what_they_are_and_can_be_read_as_bars(store: BarStore, tmp_path: Path) -> None:
    """Feed and adjustment stand in the footer, so a stored file is an ordinary file of bars."""
    store.import_file(table_csv(tmp_path, two_days()), feed="iex", adjustment="split")
    read = read_bars(store.root / "symbol=AAPL" / "2019-02.parquet", calendar=CALENDAR)
    assert (read.feed, read.adjustment, read.problems) == ("iex", "split", ())
    assert read.fingerprint == store.load().fingerprint


def test_importing_twice_changes_nothing(store: BarStore, tmp_path: Path) -> None:
    """The second time every bar is known and no file is touched."""
    path = table_csv(tmp_path, two_days())
    first = store.import_file(path)
    before = tree(store.root)
    again = store.import_file(path)
    assert (first.added, first.known, first.days) == (780, 0, [MONDAY, TUESDAY])
    assert (again.added, again.known, again.replaced) == (0, 780, 0)
    assert tree(store.root) == before


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 780), max_size=4), seed=st.integers(0, 99))
def test_pieces_in_any_order_make_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], seed: int
) -> None:
    """However a history is cut, overlapping or not, and in whatever order it arrives, the bars are the same."""
    folder = tmp_path_factory.mktemp("pieces")
    whole = two_days()
    edges = sorted({0, *cuts, 780})
    pieces = [whole[max(0, first - 3) : last] for first, last in pairwise(edges)]
    Random(seed).shuffle(pieces)
    store = BarStore(folder / "bars", CALENDAR)
    for number, piece in enumerate(pieces):
        store.import_file(table_csv(folder, piece, f"{number}.csv"))
    assert store.load().fingerprint == read_bars(table_csv(folder, whole), calendar=CALENDAR).fingerprint
    assert store.ls() == [StoredSymbol("AAPL", "unknown", "unknown", MONDAY, TUESDAY, 2, 780)]


def test_a_minute_stored_with_other_numbers_is_refused_unless_replaced(store: BarStore, tmp_path: Path) -> None:
    """A correction has to be meant; then the file wins, minute by minute."""
    store.import_file(table_csv(tmp_path, two_days()))
    before = tree(store.root)
    table = nudged(two_days()[:20], 3, "high", 1.0)
    path = table_csv(tmp_path, table, "correction.csv")
    with pytest.raises(BadInput, match=r"AAPL 2019-02-11T14:33Z: high is 101\.\d+, stored is 100\.\d+ \(1 such bars"):
        store.import_file(path)
    assert tree(store.root) == before
    done = store.import_file(path, replaces=True)
    assert (done.added, done.known, done.replaced) == (0, 19, 1)
    frame = store.load().frames["AAPL"]
    assert len(frame["start"]) == 780
    assert frame["high"][3] == table["high"].iloc[3]


def test_nothing_is_changed_when_one_symbol_of_many_is_refused(store: BarStore, tmp_path: Path) -> None:
    """All or nothing: symbols before the refused one are not imported either, and no piece is left lying."""
    store.import_file(table_csv(tmp_path, session_table("MSFT")))
    before = tree(store.root)
    changed = session_table("MSFT").assign(volume=7.0)
    with pytest.raises(BadInput, match="MSFT"):
        store.import_file(table_csv(tmp_path, pd.concat([session_table("AAPL"), changed])))
    assert tree(store.root) == before
    assert [each.symbol for each in store.ls()] == ["MSFT"]


MISMATCHES = [
    ({"feed": "iex"}, {"feed": "sip"}, "AAPL is stored with feed iex and these bars have feed sip"),
    ({"feed": "iex"}, {}, "these bars have feed unknown; they are never mixed. Say feed=iex if"),
    ({"adjustment": "raw"}, {"adjustment": "split"}, "stored with adjustment raw and these bars have adjustment split"),
]


@pytest.mark.parametrize(("first", "second", "said"), MISMATCHES)
def test_feeds_are_never_mixed(
    store: BarStore, tmp_path: Path, first: dict[str, str], second: dict[str, str], said: str
) -> None:
    """IEX volume is a few percent of the tape's: in one series it would fake a breakout."""
    store.import_file(table_csv(tmp_path, session_table()), **first)  # type: ignore[arg-type]
    later = table_csv(tmp_path, session_table(first=OPEN + timedelta(days=22)), "later.csv")
    before = tree(store.root)
    with pytest.raises(BadInput) as refused:
        store.import_file(later, **second)  # type: ignore[arg-type]
    assert str(refused.value).startswith("E_FEED_MISMATCH")
    assert said in str(refused.value)
    assert tree(store.root) == before


def test_a_file_that_says_its_feed_is_believed_before_the_option(store: BarStore, tmp_path: Path) -> None:
    """Contradicting the file is refused; agreeing with it is not."""
    path = table_parquet(tmp_path, session_table(), feed="iex")
    with pytest.raises(BadInput, match=r"E_FEED_MISMATCH: .*says feed iex; leave out feed=sip"):
        store.import_file(path, feed="sip")
    assert store.import_file(path, feed="iex").feed == "iex"


def test_symbols_of_different_feeds_are_not_loaded_together(store: BarStore, tmp_path: Path) -> None:
    """Each alone is fine; `check` warns of the odd one."""
    for symbol, feed in (("AAPL", "sip"), ("MSFT", "iex"), ("SPY", "sip")):
        store.import_file(table_csv(tmp_path, session_table(symbol)), feed=feed)
    with pytest.raises(BadInput, match=r"E_FEED_MISMATCH: .*AAPL has sip, MSFT has iex; load them apart"):
        store.load()
    assert store.load(["SPY", "AAPL"]).feed == "sip"
    assert [(each.code, each.symbol) for each in store.check()] == [("feed_differs", "MSFT")]


def test_a_range_of_days_is_cut_at_new_york_midnights(store: BarStore, tmp_path: Path) -> None:
    """Both ends are inclusive."""
    store.import_file(table_csv(tmp_path, two_days()))
    assert store.load(["AAPL"], MONDAY, MONDAY).days == [MONDAY]
    assert store.load(["AAPL"], TUESDAY).days == [TUESDAY]
    assert store.load(["AAPL"], None, MONDAY).days == [MONDAY]
    assert len(store.load(["AAPL"], MONDAY, TUESDAY).frames["AAPL"]["start"]) == 780


QUESTIONS = [
    (["APPL"], None, None, "holds no bars of 'APPL'; is AAPL meant?"),
    (["ZZ"], None, None, "holds no bars of 'ZZ'; it holds 1 symbols (data ls)"),
    (None, date(2020, 1, 1), None, "AAPL has no bars from 2020-01-01 to the end; data ls shows what is stored"),
    (None, date(2019, 2, 13), date(2019, 2, 13), "AAPL has no bars from 2019-02-13 to 2019-02-13"),
    (None, TUESDAY, MONDAY, "first 2019-02-12 lies after last 2019-02-11"),
]


@pytest.mark.parametrize(("symbols", "first", "last", "said"), QUESTIONS)
def test_a_question_without_an_answer_is_refused(
    store: BarStore, tmp_path: Path, symbols: list[str] | None, first: date | None, last: date | None, said: str
) -> None:
    """Loading never returns fewer symbols than were asked for, nor an empty series."""
    days = [session_table(first=OPEN + timedelta(days=each)) for each in (0, 1, 3)]
    store.import_file(table_csv(tmp_path, pd.concat(days)))
    with pytest.raises(BadInput) as refused:
        store.load(symbols, first, last)
    assert said in str(refused.value)


def test_an_empty_store_says_so(store: BarStore) -> None:
    """Listing and checking nothing is fine; loading nothing is not."""
    assert store.ls() == []
    assert store.check() == []
    with pytest.raises(BadInput, match="holds no bars; import a file first"):
        store.load()
    assert not store.root.exists()


OPTIONS = [({"feed": "SIP feed"}, "feed 'SIP feed' is no feed"), ({"adjustment": "x"}, "adjustment 'x' is unknown")]


@pytest.mark.parametrize(("options", "said"), OPTIONS)
def test_words_are_checked(store: BarStore, tmp_path: Path, options: dict[str, str], said: str) -> None:
    """A slip of the finger would make a feed of its own that matches nothing."""
    with pytest.raises(BadInput, match=said):
        store.import_file(table_csv(tmp_path, session_table()), **options)  # type: ignore[arg-type]


def test_check_reports_gaps_half_days_mixed_feeds_and_damage(store: BarStore, tmp_path: Path) -> None:
    """What was changed by hand is found: a copied file of another feed, a cut-off file, a file in a wrong folder."""
    store.import_file(table_csv(tmp_path, session_table("AA").drop(index=range(50, 80))), feed="sip")
    store.import_file(table_csv(tmp_path, session_table("AA", on(date(2019, 11, 29), 14, 30), 210)), feed="sip")
    for symbol in ("BB", "CC", "DD"):
        store.import_file(table_csv(tmp_path, two_days(symbol)), feed="sip")
    other = BarStore(tmp_path / "other", CALENDAR)
    other.import_file(table_csv(tmp_path, session_table("BB", OPEN + timedelta(days=22))), feed="iex")
    other_file = other.root / "symbol=BB" / "2019-03.parquet"
    (store.root / "symbol=BB" / "2019-03.parquet").write_bytes(other_file.read_bytes())
    cut = store.root / "symbol=CC" / "2019-02.parquet"
    cut.write_bytes(cut.read_bytes()[:-50])
    stray = store.root / "symbol=DD" / "2019-02.parquet"
    stray.write_bytes((store.root / "symbol=BB" / "2019-02.parquet").read_bytes())
    found = [(each.severity, each.code, each.symbol) for each in store.check()]
    assert found[:3] == [("error", "feed_mismatch", "BB"), ("error", "damaged", "CC"), ("error", "damaged", "DD")]
    assert ("warning", "gap", "AA") in found
    assert ("note", "half_day", None) in found
    with pytest.raises(BadInput, match=r"2019-02\.parquet: the Parquet file is cut off"):
        store.load(["CC"])
    with pytest.raises(BadInput, match="bars of BB lie in the wrong folder"):
        store.load(["DD"])
    with pytest.raises(BadInput, match="E_FEED_MISMATCH"):
        store.load(["BB"])


def test_bytes_that_changed_on_the_disk_are_found(store: BarStore, tmp_path: Path) -> None:
    """Stored months carry checksums: a flipped bit is an error, not another price."""
    store.import_file(table_csv(tmp_path, two_days()))
    path = store.root / "symbol=AAPL" / "2019-02.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(BadInput, match=r"a stored month is damaged \(.*data check names its symbol"):
        store.load()
    assert [(each.code, each.symbol) for each in store.check()] == [("damaged", "AAPL")]


def test_a_foreign_parquet_file_in_the_store_is_named(store: BarStore, tmp_path: Path) -> None:
    """A file without our footer was not written by an import."""
    store.import_file(table_csv(tmp_path, session_table()))
    pq.write_table(
        pq.read_table(table_parquet(tmp_path, session_table())), store.root / "symbol=AAPL" / "2019-03.parquet"
    )
    with pytest.raises(BadInput, match=r"2019-03\.parquet is damaged or not written by data import"):
        store.ls()


def test_a_file_too_large_for_memory_is_imported_by_groups(store: BarStore, tmp_path: Path) -> None:
    """Groups of symbols give the same store as all at once."""
    symbols = ["AA", "BB", "CC", "DD", "EE"]
    path = table_parquet(tmp_path, pd.concat([two_days(symbol) for symbol in symbols]).sample(frac=1.0, random_state=1))
    store.root.mkdir(parents=True)
    done = BarImport(store.root, CALENDAR, Incoming(path, Reading(), None, None, False)).run(batch_rows=1600)
    assert (done.symbols, done.added, done.days) == (tuple(symbols), 3900, [MONDAY, TUESDAY])
    assert store.load().fingerprint == read_bars(path, calendar=CALENDAR).fingerprint


def test_pieces_of_an_import_that_died_are_never_read(store: BarStore, tmp_path: Path) -> None:
    """Whatever lies beside the months in another name is ignored, and overwritten by the next import."""
    store.import_file(table_csv(tmp_path, session_table()))
    expected = store.load().fingerprint
    leftover = store.root / "symbol=AAPL" / ".2019-02.parquet.partial"
    leftover.write_bytes(b"half")
    (store.root / "symbol=MSFT").mkdir()
    assert store.load().fingerprint == expected
    assert [each.symbol for each in store.ls()] == ["AAPL"]
    store.import_file(table_csv(tmp_path, two_days()))
    assert not leftover.exists()


def test_two_imports_at_once_are_one_too_many(store: BarStore, tmp_path: Path) -> None:
    """The second is refused, not interleaved."""
    path = table_csv(tmp_path, session_table())
    store.import_file(path)
    descriptor = os.open(store.root / ".lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with pytest.raises(BadInput, match="another import is running; wait until it has ended"):
            store.import_file(path)
    finally:
        os.close(descriptor)
    assert store.import_file(path).known == 390


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the store should be, and what to do."""
    (tmp_path / "bars").write_text("in the way")
    with pytest.raises(BadInput, match=r"bars cannot be written \(.*nothing was imported; name a home that you may"):
        BarStore(tmp_path / "bars", CALENDAR).import_file(table_csv(tmp_path, session_table()))


def test_the_store_is_private(store: BarStore, tmp_path: Path) -> None:
    """Bought data is nobody else's: folders are readable by their owner alone."""
    store.import_file(table_csv(tmp_path, session_table()))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (store.root, store.root / "symbol=AAPL")}
    assert modes == {0o700}
