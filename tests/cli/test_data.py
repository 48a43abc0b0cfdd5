"""``data``: bars into the home and out of it, by command."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import answer, call

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
COLUMNS = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "vwap", "trade_count", "session")


def write_bars(file: Path, symbol: str = "KO", minutes: int = 390, twice: bool = False) -> Path:
    """A session of one symbol that drifts up by a hundredth a minute; ``twice``: the third minute contradicts itself."""
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(COLUMNS)
        for minute in range(minutes):
            price = 60 + minute / 100
            at = (OPEN + timedelta(minutes=minute)).isoformat()
            row = [symbol, at, price, price + 0.02, price - 0.02, price + 0.01, 1000, price, 10, "regular"]
            rows.writerow(row)
            if twice and minute == 2:
                rows.writerow([*row[:5], price + 0.015, *row[6:]])
    return file


def test_bars_are_imported_listed_and_checked(home: Path, tmp_path: Path) -> None:
    """In, once; the same file again changes nothing; the list and the check tell the same."""
    file = write_bars(tmp_path / "ko.csv")
    done = call("data", "import", file, "--feed", "iex", "--home", home)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:2] == [
        f"{file}: 1 symbols, 1 sessions (2026-11-20 to 2026-11-20), feed iex",
        "390 bars added, 0 replaced, 0 were there",
    ]
    assert answer("data", "import", file, "--feed", "iex", "--home", home)["known"] == 390
    [row] = answer("data", "ls", "--home", home)["symbols"]
    assert (row["symbol"], row["feed"], row["first"], row["days"], row["bars"]) == ("KO", "iex", "2026-11-20", 1, 390)
    assert call("data", "ls", "--home", home).stdout.startswith(
        "KO       2026-11-20 to 2026-11-20      1 days       390"
    )
    assert answer("data", "check", "KO", "--home", home) == {"findings": []}
    assert call("data", "check", "--home", home).stdout == "nothing to object to\n"


def test_a_file_is_checked_without_being_imported(home: Path, tmp_path: Path) -> None:
    """A minute that contradicts itself is an error: exit code 1, and nothing is stored."""
    file = write_bars(tmp_path / "ko.csv", twice=True)
    result = call("data", "check", file, "--home", home)
    assert result.exit_code == 1
    assert result.stdout.startswith("error   ")
    assert "KO" in result.stdout
    findings = json.loads(call("data", "check", file, "--json", "--home", home).stdout)["findings"]
    assert [found["severity"] for found in findings].count("error") == 1
    refused = call("data", "import", file, "--home", home)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("alpaca-trader: ")
    for words in ("ls", "check"):
        told = call("data", words, "--home", home)
        assert (told.exit_code, told.stdout) == (0, f"no bars in {home}/data/bars; alpaca-trader data import FILE\n")


def test_a_short_session_is_told_and_not_refused(home: Path, tmp_path: Path) -> None:
    """What is merely odd is a warning or a note: exit code 0."""
    file = write_bars(tmp_path / "ko.csv", minutes=100)
    result = call("data", "check", file, "--home", home)
    assert result.exit_code == 0
    assert result.stdout != "nothing to object to\n"


BAD = [
    (("import", "none.csv"), 1, "none.csv cannot be read (No such file or directory)"),
    (("import", "ko.csv", "--zone", "Mars/Olympus"), 1, "Mars/Olympus"),
    (("import", "ko.csv", "--feed", "IEX!"), 1, "feed 'IEX!' is no feed"),
    (("import", "ko.csv", "--label", "middle"), 2, "'middle' is not one of 'start', 'end'"),
    (("import",), 2, "Missing argument 'FILE'"),
    (("check", "ZZZ"), 1, "holds no bars of 'ZZZ'"),
    (("check", "none.parquet"), 1, "none.parquet cannot be read"),
    (("check", "one.csv"), 1, "a file about one symbol needs --symbol; the file has"),
    (("import", "one.csv"), 1, "a file about one symbol needs --symbol; the file has"),
    (("check", "ko.csv", "--symbol", "KO"), 1, "leave out --symbol KO"),
]


@pytest.mark.parametrize(("words", "code", "text"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_told_in_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int, text: str
) -> None:
    """What is wrong, and the documented exit code."""
    monkeypatch.chdir(tmp_path)
    write_bars(tmp_path / "ko.csv")
    (tmp_path / "one.csv").write_text("timestamp,open,high,low,close,volume\n")
    result = call("data", *words, "--home", home)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_stored_bars_can_be_played(home: Path, shared: Path) -> None:
    """Real bars: a file of a week is judged good enough to be played."""
    file = shared / "data" / "bars_1min" / "alphavantage_2019_02.parquet"
    result = call("data", "check", file, "--home", home)
    assert result.exit_code == 0, result.output
