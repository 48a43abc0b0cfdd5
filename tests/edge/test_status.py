"""The status file is whole at every instant, private, and keeps its old content when it cannot be replaced."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from alpaca_trader.edge.status import write_status

STATUS = {
    "timestamp": datetime(2026, 2, 2, 15, 30, tzinfo=UTC),
    "account": {"portfolio_value": Decimal("467.00"), "cash": Decimal("50.00")},
    "daily_pnl_pct": 1.0,
    "strategies_active": ("momentum_breakout",),
    "halt": None,
}


def test_values_are_the_owners(tmp_path: Path) -> None:
    """Money is a number, time ends in Z, the file is private and nothing else is left beside it."""
    path = tmp_path / "status.json"
    write_status(path, STATUS)
    assert json.loads(path.read_text()) == {
        "timestamp": "2026-02-02T15:30:00Z",
        "account": {"portfolio_value": 467.0, "cash": 50.0},
        "daily_pnl_pct": 1.0,
        "strategies_active": ["momentum_breakout"],
        "halt": None,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """INV-19: read in a tight loop while it is replaced, it parses each time, and time does not go back."""
    path = tmp_path / "status.json"
    write_status(path, {"n": 0})
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(json.loads(path.read_text())["n"])

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 200):
        write_status(path, {"n": n, "padding": "x" * (n % 7) * 1000})
    done.set()
    reader.join()
    assert seen == sorted(seen)
    assert len(seen) > 1


def test_the_old_file_stays_when_the_disk_is_full(tmp_path: Path) -> None:
    """F35: a rewrite in place would leave zero bytes; here the last good status stays and shows its age."""
    path = tmp_path / "status.json"
    write_status(path, {"n": 1})
    program = (
        "import resource, sys; from pathlib import Path; from alpaca_trader.edge.status import write_status\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))\n"
        "try: write_status(Path(sys.argv[1]), {'n': 2, 'padding': ['x' * 1000] * 20})\n"
        "except OSError as error: print(error.strerror)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "File too large\n"
    assert json.loads(path.read_text()) == {"n": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["status.json"]


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    """The caller hears of it and decides; nothing is swallowed."""
    with pytest.raises(FileNotFoundError):
        write_status(tmp_path / "logs" / "status.json", STATUS)
