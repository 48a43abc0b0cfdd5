"""``verify``: a played day holds, each flipped byte that matters is found, and bad input is told in one line."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.rows import DERIVED
from alpaca_trader.edge.journal.sqlite import Journal
from proofs.lost_journal import cut, edited
from proofs.scene import Scene
from tests.cli.conftest import Played, call

CHECKS = ["journal trades.db", "orders", "halts", "origins", "cash", "logs", "status", "settings", "secrets"]
PAGE = 4096
WHOLE = pytest.mark.timeout(240)
"""The day may have to be played first, and that takes its time on a busy machine."""


@WHOLE
def test_a_played_day_holds(played: Played) -> None:
    """Every check looked at something, found nothing, and wrote nothing into the home."""
    before = {path: path.stat().st_mtime_ns for path in played.home.rglob("*") if not path.name.endswith("-shm")}
    result = call("verify", played.home)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line[6:26].rstrip() for line in lines[:-1]] == CHECKS
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == "everything holds"
    after = {path: path.stat().st_mtime_ns for path in played.home.rglob("*") if not path.name.endswith("-shm")}
    assert after == before

    found = json.loads(call("verify", "--json", played.home).stdout)
    assert found["ok"] is True
    assert [check["name"] for check in found["checks"]] == CHECKS
    (orders,) = [check for check in found["checks"] if check["name"] == "orders"]
    assert orders["looked_at"].startswith(f"{played.result['orders_sent']} orders")


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a morning's journal, all of it in the main file, with two free pages."""
    home = tmp_path_factory.mktemp("morning") / "home"
    assert call("init", "--home", home).exit_code == 0
    scene = Scene(home / "data")
    scene.begin()
    scene.play_until(scene.at("09:41"))
    scene.stop()
    with closing(sqlite3.connect(home / "data" / "trades.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE gone (x)")
        connection.execute("INSERT INTO gone VALUES (zeroblob(9000))")
        connection.execute("DROP TABLE gone")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert call("verify", home).exit_code == 0
    return home


@pytest.fixture
def home(morning: Path, tmp_path: Path) -> Path:
    """A copy of it to be harmed."""
    return Path(shutil.copytree(morning, tmp_path / "home"))


def flip(database: Path, at: int) -> None:
    """Turn one bit of one byte round."""
    content = bytearray(database.read_bytes())
    content[at] ^= 0x04
    database.write_bytes(content)


def place_of(sql: str) -> Callable[[Path], int]:
    """Where in the file the bytes stand that the statement selects."""

    def find(database: Path) -> int:
        with closing(sqlite3.connect(database)) as connection:
            (value,) = connection.execute(sql).fetchone()
        wanted = value if isinstance(value, bytes) else str(value).encode()
        at = database.read_bytes().find(wanted[:60])
        assert at > 0
        return at + len(wanted[:60]) // 2

    return find


def root_page(table: str) -> Callable[[Path], int]:
    """The first byte of a table's root page: what kind of page it is."""

    def find(database: Path) -> int:
        with closing(sqlite3.connect(database)) as connection:
            (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        return int((page - 1) * PAGE)

    return find


def freelist(database: Path) -> int:
    """The count of leaves in the first page of the list of free pages."""
    trunk = int.from_bytes(database.read_bytes()[32:36], "big")
    assert trunk > 0
    return (trunk - 1) * PAGE + 7


FLIPS: dict[str, tuple[Callable[[Path], int], str, str]] = {
    "payload": (
        place_of("SELECT payload FROM entries WHERE kind = 'Approved' LIMIT 1"),
        "(Approved) or its digest was altered",
        "keep the home, trust the broker's records",
    ),
    "chain": (
        place_of("SELECT chain FROM entries WHERE seq = 100"),
        "entry 100 (",
        "keep the home, trust the broker's records",
    ),
    "time beside the payload": (
        place_of("SELECT at || kind FROM entries WHERE kind = 'EpisodeOpened'"),
        "(EpisodeOpened): its time or order id beside the payload was altered",
        "keep the home, trust the broker's records",
    ),
    "derived table": (
        place_of("SELECT symbol || side FROM trades WHERE id = 1"),
        "does not follow from the entries",
        "keep the home, trust the broker's records",
    ),
    "page header": (root_page("decisions"), "trades.db: ", "keeps a journal that it cannot read aside"),
    "freelist": (freelist, "reelist", "keeps a journal that it cannot read aside"),
    "file header": (lambda database: 1, "is damaged (file is not a database)", "it cannot read aside"),
}


@pytest.mark.parametrize("name", FLIPS)
def test_a_flipped_byte_is_found(home: Path, name: str) -> None:
    """INV-15, INV-21: where it lies decides what it breaks; the words say what, where, and what to do."""
    place, what, advice = FLIPS[name]
    database = home / "data" / "trades.db"
    flip(database, place(database))
    result = call("verify", home)
    assert result.exit_code == 1
    assert result.output.startswith("FAIL  journal trades.db ")
    assert what in result.output
    assert advice in result.output
    assert result.output.endswith("checks found something wrong\n")


def content(database: Path) -> Any:
    """Everything the journal says, or that it says nothing any more."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            tables = ("entries", *DERIVED)
            return [connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables]  # noqa: S608
    except sqlite3.Error as error:
        return str(error)


def test_any_flipped_byte_is_found_or_changes_nothing(home: Path) -> None:
    """Bytes anywhere in the file: either a check fails, or every entry and every row is what it was."""
    from alpaca_trader.edge.journal.errors import JournalUnreadable
    from alpaca_trader.edge.journal.verify import verify

    database = home / "data" / "trades.db"
    good, told = database.read_bytes(), content(database)
    chance, found = random.Random(37), 0
    for _ in range(40):
        database.write_bytes(good)
        flip(database, chance.randrange(len(good)))
        try:
            problems = verify(database)
        except JournalUnreadable as error:
            problems = [str(error)]
        found += bool(problems)
        assert problems or content(database) == told
    assert found > 20


def test_the_other_files_are_looked_at(home: Path) -> None:
    """A torn log, a broken page, settings that would be refused and a key in a file: each fails its own check."""
    (home / "logs" / "2026-11-27.jsonl").write_text('{"timestamp": "2026\n')
    (home / "logs" / "status.json").write_text("{")
    (home / "config" / "strategy.json").write_text("{")
    (home / "data" / "notes.txt").write_text("PK7Q2X9ABCDEFGH44ZWQ")
    found = json.loads(call("verify", "--json", home).stdout)
    assert [check["name"] for check in found["checks"] if not check["ok"]] == CHECKS[5:]
    assert all(check["what_to_do"] for check in found["checks"] if not check["ok"])


@WHOLE
def test_a_backup_put_back_is_told_from_the_log(copied: Path) -> None:
    """F37: half of the day's entries are whole in themselves; the log knows of orders that they lack."""
    database = copied / "data" / "trades.db"
    with closing(JournalReader(database)) as reader:
        entries = [recorded.entry for recorded in reader.entries()]
    for file in database.parent.glob("trades.db*"):
        file.unlink()
    with closing(Journal.open(database, Mode.SIM, None, "1")) as journal:
        for entry in entries[: len(entries) // 2]:
            journal.record(entry)
        journal.commit()
    result = call("verify", copied)
    assert result.exit_code == 1
    assert result.output.startswith("ok    journal trades.db ")
    assert "which the journal lacks: is it an old copy?" in result.output
    assert "the journal never was in the state in which this run ended" in result.output


HARM: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "truncated": (lambda path: cut(path, 0.5), 1, "FAIL  journal trades.db "),
    "emptied": (lambda path: path.write_bytes(b""), 1, "is damaged (it is empty)"),
    "newer": (lambda path: edited(path, "PRAGMA user_version = 99"), 1, "start that version again"),
    "deleted": (lambda path: path.unlink(), 2, "there is no journal in"),
}


@pytest.mark.parametrize("name", HARM)
def test_a_journal_that_cannot_be_read_is_told(home: Path, name: str) -> None:
    """F37: never a traceback; the other files are looked at all the same."""
    harm, code, text = HARM[name]
    harm(home / "data" / "trades.db")
    result = call("verify", home)
    assert result.exit_code == code
    assert text in result.output
    assert code == 2 or "ok    settings" in result.output


BAD = [
    (("no-such-folder",), "Directory 'no-such-folder' does not exist"),
    ((".",), "there is no journal in data; name the home of an engine that has run"),
    (("--what",), "No such option"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD)
def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str) -> None:
    """Exit code 2, one line, nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    result = call("verify", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
