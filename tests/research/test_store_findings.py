"""What is mended or doubtful is told, by symbol, minute and count, and does not stop anybody."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.research.store import check_bars, read_bars
from tests.research.made_bars import OPEN, on, session_table, table_csv

CALENDAR = SessionCalendar()
Change = Callable[[pd.DataFrame], pd.DataFrame]


def without(first: int, last: int) -> Change:
    """A session without its minutes from ``first`` to before ``last``."""
    return lambda table: table.drop(index=range(first, last))


def with_row(row: int, **values: float) -> Change:
    """A session with other numbers in one row."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        for name, value in values.items():
            table.loc[row, name] = value
        return table

    return change


def next_to(first: datetime, price: float = 100.0, count: int = 390) -> Change:
    """Another session behind it."""
    return lambda table: pd.concat([table, session_table(first=first, price=price, count=count)])


TUESDAY, THURSDAY = OPEN + timedelta(days=1), OPEN + timedelta(days=3)
CASES: list[tuple[str, Change, str, int, str]] = [
    ("unsorted", lambda table: table.iloc[::-1], "warning", 389, "comes after a later minute of its symbol; the rows were sorted"),
    ("duplicate", lambda table: pd.concat([table, table[5:8]]).sort_values("timestamp"), "warning", 3, "with the same numbers; one was kept"),
    ("zero_volume", with_row(7, volume=0.0), "warning", 1, "2019-02-11T14:37Z: has volume 0"),
    ("vwap_zero", with_row(7, vwap=0.0), "warning", 1, "14:37Z: vwap 0 is read as unknown"),
    ("vwap_outside", with_row(7, vwap=300.0), "warning", 1, "has its vwap outside low and high"),
    ("gap", without(100, 115), "warning", 1, "2019-02-11T16:25Z: lies beside a hole of 15 minutes, 2019-02-11T16:10Z to 2019-02-11T16:25Z"),
    ("gap", without(0, 12), "warning", 1, "a hole of 12 minutes, 2019-02-11T14:30Z to 2019-02-11T14:42Z"),
    ("gap", without(375, 390), "warning", 1, "a hole of 15 minutes, 2019-02-11T20:45Z to 2019-02-11T21:00Z"),
    ("thin", lambda table: table[table.index % 8 != 3], "note", 1, "87.4% of the minutes of its 1 sessions have a bar"),
    ("missing_session", next_to(THURSDAY), "warning", 1, "2019-02-14T14:30Z: follows sessions without bars: 2 in all, the first on 2019-02-12"),
    ("outlier", with_row(50, open=110, high=110.2, low=109.9, close=110, vwap=110), "warning", 1, "2019-02-11T15:20Z: closes far away for one minute"),
    ("wick", with_row(50, high=110), "warning", 1, "2019-02-11T15:20Z: has a wick far from the prices around it"),
    ("wick", with_row(0, low=80), "warning", 1, "2019-02-11T14:30Z: has a wick"),
    ("split", next_to(TUESDAY, price=50.0), "warning", 1, "a split of 2 to 1? History must be split-adjusted"),
    ("no_session", next_to(OPEN + timedelta(days=5), count=20), "warning", 20, "2019-02-16T14:30Z: lies on a day on which the exchange is closed"),
    ("session_differs", lambda table: table.assign(session="pre"), "warning", 390, "session says pre, by the exchange calendar it is regular"),
    ("unknown_column", lambda table: table.assign(colour="red"), "warning", 1, "columns colour mean nothing here and are not read"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "change", "severity", "count", "said"), CASES)
def test_each_doubt_is_told_and_the_file_stays_usable(
    tmp_path: Path, code: str, change: Change, severity: str, count: int, said: str
) -> None:
    """One finding with its minute and number; nothing else about these bars."""
    path = table_csv(tmp_path, change(session_table()))
    findings = read_bars(path, calendar=CALENDAR).problems
    mine = [each for each in findings if each.code == code]
    assert [(each.severity, each.count) for each in mine] == [(severity, count)]
    assert said in mine[0].text
    assert str(path) in mine[0].text
    assert {each.code for each in findings} == {code}
    assert list(findings) == check_bars(path, calendar=CALENDAR)


def test_a_quiet_session_has_no_findings(tmp_path: Path) -> None:
    """A finding means something: ordinary bars have none, with pre- and post-market around them or without."""
    assert check_bars(table_csv(tmp_path, session_table()), calendar=CALENDAR) == []
    whole = session_table(first=OPEN - timedelta(hours=5), count=16 * 60)
    assert check_bars(table_csv(tmp_path, whole), calendar=CALENDAR) == []


def test_a_closing_auction_row_is_no_wrong_label(tmp_path: Path) -> None:
    """391 rows from 09:30 to 16:00: the last is the auction, not a sign of labels at the end."""
    assert check_bars(table_csv(tmp_path, session_table(count=391)), calendar=CALENDAR) == []


def test_a_file_of_weekend_bars_has_no_sessions(tmp_path: Path) -> None:
    """Saturday and Sunday alone: nothing to trade, and nothing breaks."""
    bars = read_bars(table_csv(tmp_path, session_table(first=OPEN + timedelta(days=5), count=30)), calendar=CALENDAR)
    assert bars.days == []
    assert [each.code for each in bars.problems] == ["no_session"]


def test_a_half_day_is_whole_at_13_00(tmp_path: Path) -> None:
    """The day after Thanksgiving ends early: 210 minutes are all of it, and a note says so."""
    path = table_csv(tmp_path, session_table(first=on(date(2019, 11, 29), 14, 30), count=210))
    findings = check_bars(path, calendar=CALENDAR)
    assert [(each.code, each.severity, each.minute) for each in findings] == [
        ("half_day", "note", datetime(2019, 11, 29, 14, 30, tzinfo=UTC))
    ]
    assert "closes 18:00Z" in findings[0].text


def test_every_error_is_listed_and_the_gravest_stand_first(tmp_path: Path) -> None:
    """`data check` shows all that is wrong at once, not one error a run."""
    table = session_table()
    table.loc[3, "close"] = float("nan")
    table.loc[5, "low"] = -1.0
    table.loc[9, "volume"] = 0.0
    findings = check_bars(table_csv(tmp_path, table), calendar=CALENDAR)
    assert [each.code for each in findings] == ["missing_value", "bad_price", "zero_volume"]
    assert findings[0].symbol == "AAPL"
    assert findings[0].minute == OPEN + timedelta(minutes=3)


def test_findings_are_told_once_a_symbol(tmp_path: Path) -> None:
    """A file of many symbols with many doubts is still readable."""
    tables = [session_table(symbol).assign(volume=0.0) for symbol in ("BB", "AA")]
    findings = check_bars(table_csv(tmp_path, pd.concat(tables)), calendar=CALENDAR)
    assert [(each.code, each.symbol, each.count) for each in findings] == [
        ("zero_volume", "AA", 390), ("zero_volume", "BB", 390)
    ]  # fmt: skip
