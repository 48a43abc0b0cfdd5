"""F49: what a service prints is bounded, though its manager bounds nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alpaca_trader.edge.service_logs import turn_over


@contextmanager
def stderr_into(path: Path, flags: int = os.O_APPEND) -> Iterator[None]:
    """Standard error of this process goes to a file, as under a service manager."""
    before = os.dup(2)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def test_a_long_file_is_turned_over(tmp_path: Path) -> None:
    """A storm of lines leaves two files of a bounded size, the newest lines last, none torn."""
    log, older = tmp_path / "stderr.log", tmp_path / "stderr.log.1"
    with stderr_into(log):
        for number in range(1000):
            os.write(2, f"line {number:04}\n".encode())
            turn_over(tmp_path, most_bytes=200)
    assert log.stat().st_size <= 210
    assert older.stat().st_size <= 210
    lines = (older.read_text() + log.read_text()).splitlines()
    assert lines == [f"line {number:04}" for number in range(1000 - len(lines), 1000)]


@pytest.mark.parametrize("case", ["elsewhere", "not appended", "short"])
def test_nothing_else_is_touched(tmp_path: Path, case: str) -> None:
    """A file of another name or folder, one that is not appended to, and one that is short stay as they are."""
    log = tmp_path / ("other.log" if case == "elsewhere" else "stderr.log")
    with stderr_into(log, 0 if case == "not appended" else os.O_APPEND):
        os.write(2, b"x" * 500)
        turn_over(tmp_path, most_bytes=1000 if case == "short" else 200)
    assert log.read_bytes() == b"x" * 500
    assert list(tmp_path.iterdir()) == [log]


def test_where_no_copy_can_be_made_it_begins_anew(tmp_path: Path) -> None:
    """What fills the disk must not grow on because the disk is full."""
    (tmp_path / "stderr.log.1").mkdir()
    with stderr_into(tmp_path / "stderr.log"):
        os.write(2, b"x" * 500)
        turn_over(tmp_path, most_bytes=200)
    assert (tmp_path / "stderr.log").stat().st_size == 0
