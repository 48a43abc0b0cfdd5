"""Starts are counted where nothing else works, and the sixth in ten minutes buys nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alpaca_trader.core.events import EntriesBarred
from alpaca_trader.edge.starts import note_start

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def starts(file: Path, *minutes: float) -> list[bool]:
    """Whether entries were barred at each of the starts, told in minutes."""
    return [note_start(file, NOON + minute * MINUTE).bar is not None for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "barred"),
    [
        ((0, 1, 2, 3, 4), 0),
        ((0, 1, 2, 3, 4, 5), 1),
        ((0, 1, 2, 3, 4, 9.9), 1),
        ((0, 1, 2, 3, 4, 10), 0),
        ((0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), 3),
        ((0, 3, 6, 9, 12, 15, 18, 21), 0),
        ((60, 61, 62, 63, 64, 30), 0),
    ],
    ids=["five", "six", "just within", "just outside", "each further one", "one in three minutes", "clock set back"],
)
def test_the_sixth_start_in_ten_minutes_is_barred(tmp_path: Path, minutes: tuple[float, ...], barred: int) -> None:
    """Five are let through; what lies ten minutes back, or in the future, counts no more."""
    found = starts(tmp_path / "starts.json", *minutes)
    assert found == [False] * (len(minutes) - barred) + [True] * barred


@pytest.mark.parametrize("content", ["", "{", "3", '{"a": 1}', '["noon"]', "[3]", '["2020-11-20T17:00:00"]'])
def test_a_broken_count_is_begun_anew(tmp_path: Path, content: str) -> None:
    """A torn or foreign file stops no start, and the next ones are counted again."""
    file = tmp_path / "starts.json"
    file.write_text(content)
    assert starts(file, 0, 1, 2, 3, 4, 5) == [False] * 5 + [True]


def test_starts_that_cannot_be_counted_are_too_many(tmp_path: Path) -> None:
    """Not knowing is a doubt, and every doubt stops entries only."""
    bar, is_told = note_start(tmp_path / "no folder" / "starts.json", NOON)
    assert bar == EntriesBarred(NOON, "crash_loop", "starts cannot be counted: starts.json: No such file or directory")
    assert is_told


def test_a_loop_is_told_once(tmp_path: Path) -> None:
    """A start every thirty seconds all night is no message every thirty seconds; an hour later a start is news again."""
    found = [note_start(tmp_path / "starts.json", NOON + n * MINUTE / 2).is_told for n in range(30)]
    assert found == [True] * 6 + [False] * 24
    assert note_start(tmp_path / "starts.json", NOON + 40 * MINUTE).is_told
