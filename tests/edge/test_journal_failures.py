"""The journal on a bad day: locked, full, failing, damaged, foreign or newer. One clear error, nothing half written."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import BadInput, Fatal, TraderError
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal import database, sqlite
from alpaca_trader.edge.journal.database import (
    assert_durable,
    migrate,
    migrations,
    open_for_reading,
    open_for_writing,
    require_sqlite,
)
from alpaca_trader.edge.journal.errors import JournalUnreadable, JournalUnwritable
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.reserve import Reserve
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.journal.verify import verify
from tests.edge.journal_entries import START, intent, numbered

ENTRIES = 60


def opened(path: Path, reserve_bytes: int = 0) -> Journal:
    """The journal at ``path``."""
    return Journal.open(path, Mode.SIM, None, "1", reserve_bytes=reserve_bytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a day's worth of entries, closed."""
    path = tmp_path / "trades.db"
    with closing(opened(path)) as journal:
        for n in range(ENTRIES):
            journal.record(numbered(n))
        journal.commit()
    return path


# ---------------------------------------------------------------- locked


@pytest.fixture
def intruder(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else with the database open."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_a_locked_journal_says_so_and_loses_nothing(path: Path, intruder: sqlite3.Connection) -> None:
    """F36: commit fails in clear words, keeps the entries, and writes all of them in order once the lock is gone."""
    with closing(opened(path)) as journal:
        journal._wait_for_locks(False)  # the wait itself is SQLite's, and a test does not sleep
        intruder.execute("BEGIN EXCLUSIVE")
        for n in range(ENTRIES, ENTRIES + 2):
            journal.record(numbered(n))
            with pytest.raises(JournalUnwritable, match=r"trades\.db is locked by another program"):
                journal.commit()
        intruder.execute("ROLLBACK")
        journal.record(numbered(ENTRIES + 2))
        journal.commit()
        assert journal._connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    with closing(JournalReader(path)) as reader:
        assert [found.entry for found in reader.entries()] == [numbered(n) for n in range(ENTRIES + 3)]
    assert verify(path) == []


def test_after_one_wait_for_a_lock_the_next_commit_does_not_wait(path: Path, intruder: sqlite3.Connection) -> None:
    """Exits must not queue behind a lock: five seconds once, then none until the file was written again."""
    with closing(opened(path)) as journal:
        assert journal._connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
        journal._connection.execute("PRAGMA busy_timeout = 1")
        intruder.execute("BEGIN EXCLUSIVE")
        journal.record(numbered(ENTRIES))
        with pytest.raises(JournalUnwritable):
            journal.commit()
        assert journal._connection.execute("PRAGMA busy_timeout").fetchone() == (0,)


def test_a_commit_with_nothing_to_write_needs_no_lock(path: Path, intruder: sqlite3.Connection) -> None:
    """Quiet events do not trouble the disk."""
    with closing(opened(path)) as journal:
        intruder.execute("BEGIN EXCLUSIVE")
        journal.commit()


def test_a_journal_that_never_gets_its_lock_back_gives_up(
    path: Path, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INV-25: what waits in memory is bounded; beyond it every commit fails until a restart."""
    monkeypatch.setattr(sqlite, "PENDING_LIMIT", 10)
    with closing(opened(path)) as journal:
        journal._wait_for_locks(False)
        intruder.execute("BEGIN EXCLUSIVE")
        for _ in range(11):
            journal.record(ev.Timer(START))
        with pytest.raises(JournalUnwritable, match="locked"):
            journal.commit()
        intruder.execute("ROLLBACK")
        head = journal.head()
        journal.record(numbered(1))
        assert journal.head() == head
        with pytest.raises(JournalUnwritable, match="locked"):
            journal.commit()
    with closing(opened(path)) as journal:
        assert journal.head() == MemoryJournal([numbered(n) for n in range(ENTRIES)]).head()


def test_a_journal_that_is_locked_at_the_start_is_named(
    path: Path, intruder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that left the database open for writing is told from a damaged file."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 1)
    intruder.execute("PRAGMA locking_mode = EXCLUSIVE")
    intruder.execute("BEGIN EXCLUSIVE")
    intruder.execute("CREATE TABLE scribble (x)")
    with pytest.raises(JournalUnwritable, match="locked by another program"):
        opened(path)


# ---------------------------------------------------------------- full and failing disks

FILL = """
import os, resource, sys
from pathlib import Path
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.errors import JournalUnwritable
from alpaca_trader.edge.journal.sqlite import Journal
from tests.edge.journal_entries import numbered

path, limit, reserve = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
journal = Journal.open(path, Mode.SIM, None, "1", reserve_bytes=reserve)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
durable, outcome = 0, []
for n in range(20_000):
    journal.record(numbered(n))
    try:
        journal.commit()
        durable = n + 1
        if outcome:
            outcome.append("again")
            break
    except JournalUnwritable as error:
        outcome.append(str(error))
        if len(outcome) == 3:
            break
print(durable)
print("\\n".join(outcome))
os._exit(0)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_an_io_error_ends_the_journal_until_a_restart(tmp_path: Path) -> None:
    """After a failed write nobody knows what the disk holds: no later commit may promise anything (F35, INV-18)."""
    path = tmp_path / "trades.db"
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path), "400000", "0"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    durable, *outcome = done.stdout.splitlines()
    assert len(outcome) == 3
    assert all("cannot be written (disk I/O error)" in text for text in outcome)
    assert verify(path) == []
    with closing(opened(path)) as journal:
        assert journal.head() == MemoryJournal([numbered(n) for n in range(int(durable))]).head()


def test_a_full_disk_frees_the_reserve_and_keeps_what_waits(tmp_path: Path) -> None:
    """The same as on a real small disk below, by SQLite's own limit: first the error, then everything is written."""
    path = tmp_path / "trades.db"
    with closing(opened(path, reserve_bytes=1000)) as journal:
        (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        for n in range(ENTRIES):
            journal.record(numbered(n))
        with pytest.raises(JournalUnwritable, match=r"cannot be written \(database or disk is full\)"):
            journal.commit()
        assert not path.with_name("trades.db.reserve").exists()
        assert list(journal.since_checkpoint()) == []
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        journal.commit()
        assert list(journal.since_checkpoint()) == [numbered(n) for n in range(49, ENTRIES)]
    assert verify(path) == []


@pytest.fixture
def on_tiny_disk(tmp_path: Path) -> Callable[[str], list[str]]:
    """Runs a shell line on a 1 MB disk, in a namespace of its own, with the scripts; skips where that is not allowed.

    ``fill BYTES`` fills the journal on it beside a reserve of so many bytes, ``check`` verifies the journal.
    """
    disk, fill, check = tmp_path / "disk", tmp_path / "fill.py", tmp_path / "check.py"
    disk.mkdir()
    fill.write_text(FILL)
    check.write_text(
        "import sys\nfrom pathlib import Path\nfrom alpaca_trader.edge.journal.verify import verify\n"
        "print(verify(Path(sys.argv[1])))\n"
    )
    prefix = [shutil.which("unshare") or "false", "--mount", "--map-root-user", "sh", "-ec"]
    mount = f"mount -t tmpfs -o size=1m tmpfs {disk}\n"
    if subprocess.run([*prefix, mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    mount += f"fill() {{ {sys.executable} {fill} {disk}/trades.db 0 $1; }}\n"
    mount += f"check() {{ {sys.executable} {check} {disk}/trades.db; }}\ncd {disk}\n"

    def run(line: str) -> list[str]:
        done = subprocess.run([*prefix, mount + line], env=ENVIRONMENT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    return run


def test_a_full_disk_fails_the_commit_and_the_reserve_lets_exits_through(
    on_tiny_disk: Callable[[str], list[str]],
) -> None:
    """F35: the commit that hits the full disk raises; the reserve is freed and the next one writes all that waited."""
    durable, full, again, *files, verdict = on_tiny_disk("fill 200000; ls; check")
    assert int(durable) > 10
    assert "cannot be written (database or disk is full)" in full
    assert again == "again"
    assert "trades.db.reserve" not in files
    assert verdict == "[]"


def test_a_full_disk_without_a_reserve_keeps_failing(on_tiny_disk: Callable[[str], list[str]]) -> None:
    """What was durable stays whole, and each further commit says that the disk is full."""
    durable, *outcome, verdict = on_tiny_disk("fill 0; check")
    assert int(durable) > 10
    assert ["disk is full" in line for line in outcome] == [True, True, True]
    assert verdict == "[]"


def test_no_room_for_the_reserve_is_said_at_the_start(on_tiny_disk: Callable[[str], list[str]]) -> None:
    """A disk too small for bad days is refused before the day, and the attempt leaves no reserve behind."""
    error, *files = on_tiny_disk("fill 5000000 2>&1 | tail -1; ls")
    assert "trades.db.reserve cannot be made (No space left on device): free at least 5,000,000 bytes" in error
    assert "trades.db.reserve" not in files


REOPEN = """
import sys
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from alpaca_trader.core.events import EpisodeOpened
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.journal.lost import open_journal
from tests.edge.journal_entries import numbered

path, now = Path("trades.db"), datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
journal = open_journal(path, Mode.SIM, "1", now, 200_000).journal
plan = ("m-AAPL-20261120T1500", "AAPL", "m", D(185), D("0.01"), D("0.02"), None, D("0.01"), "trail", False, "rev")
journal.record(EpisodeOpened(now, *plan))
journal.commit()
journal.close()
with open("fill", "wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)):
            pass
    except OSError as error:
        print(error.strerror)
for _ in range(2):
    opened = open_journal(path, Mode.SIM, "1", now, 200_000)
    print(opened.unwritable)
    opened.journal.record(numbered(1))
    opened.journal.commit()
    opened.journal.close()
"""


def test_a_full_disk_lets_a_start_through_that_buys_nothing(
    tmp_path: Path, on_tiny_disk: Callable[[str], list[str]]
) -> None:
    """F35: what is held needs somebody alive: the reserve is given up for the start, and there is room for exits again."""
    (tmp_path / "reopen.py").write_text(REOPEN)
    full, first, second, *files, verdict = on_tiny_disk(f"{sys.executable} {tmp_path / 'reopen.py'}; ls; check")
    assert full == "No space left on device"
    assert "trades.db cannot be written (" in first
    assert "trades.db.reserve cannot be made (No space left on device)" in second
    assert "trades.db.reserve" not in files
    assert verdict == "[]"


READ_ONLY = """
import os
import subprocess
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from alpaca_trader.core.events import EpisodeOpened
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import EngineLock, Home
from alpaca_trader.edge.journal.lost import open_journal
from alpaca_trader.edge.starts import note_start

home, now = Home(Path.cwd()), datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
home.create()
EngineLock(home).release()
if not (life := os.fork()):
    journal = open_journal(home.database(Mode.LIVE), Mode.LIVE, "1", now, 200_000).journal
    plan = ("m-AAPL-20261120T1500", "AAPL", "m", D(185), D("0.01"), D("0.02"), None, D("0.01"), "trail", False, "rev")
    journal.record(EpisodeOpened(now, *plan))
    journal.commit()
    os._exit(0)
os.waitpid(life, 0)
subprocess.run(["mount", "-o", "remount,ro", str(home.path)], check=True)
home.create()
EngineLock(home)
print(note_start(home.data / "starts.json", now).bar.detail)
opened = open_journal(home.database(Mode.LIVE), Mode.LIVE, "1", now, 200_000)
print(opened.unwritable)
print(*opened.belief.episodes)
"""


def test_a_read_only_disk_lets_a_start_through_that_buys_nothing(
    tmp_path: Path, on_tiny_disk: Callable[[str], list[str]]
) -> None:
    """F35: a disk that was remounted read-only after an error keeps nobody from guarding what the journal tells of."""
    (tmp_path / "read_only.py").write_text(READ_ONLY)
    starts, journal, held = on_tiny_disk(f"{sys.executable} {tmp_path / 'read_only.py'} 2>&1")
    assert starts == "starts cannot be counted: starts.json: Read-only file system"
    assert "trades.db cannot be written (" in journal
    assert held == "AAPL"


def test_the_reserve_is_made_once(tmp_path: Path) -> None:
    """It has its size, is private, and is left alone at the next start."""
    path = tmp_path / "trades.db"
    opened(path, reserve_bytes=1_500_000).close()
    reserve = tmp_path / "trades.db.reserve"
    assert reserve.stat().st_size == 1_500_000
    assert reserve.stat().st_mode & 0o777 == 0o600
    made = reserve.stat().st_mtime_ns
    opened(path, reserve_bytes=1_500_000).close()
    assert reserve.stat().st_mtime_ns == made
    Reserve(path, 1_500_000).free()
    assert not reserve.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing data folder is an error with its cause."""
    with pytest.raises(JournalUnwritable, match=r"trades\.db cannot be made: No such file or directory"):
        opened(tmp_path / "nowhere" / "trades.db")


def test_something_else_in_its_place_is_named(tmp_path: Path) -> None:
    """A folder with the journal's name is no damaged journal."""
    (tmp_path / "trades.db").mkdir()
    with pytest.raises(JournalUnwritable, match=r"cannot be written \(unable to open database file\)"):
        opened(tmp_path / "trades.db")


# ---------------------------------------------------------------- damaged files


def overwritten(path: Path, start: int, text: bytes) -> None:
    """Change bytes in the middle of the file."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(text)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is damaged (it is empty)"),
    "no database": (lambda path: path.write_bytes(b"hello " * 1000), "is damaged (file is not a database)"),
    "header": (lambda path: overwritten(path, 0, b"\0" * 16), "is damaged (file is not a database)"),
    "short": (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
    "page": (lambda path: overwritten(path, 3 * 4096, b"\xff" * 4096), "is damaged"),
    "stub": (lambda path: os.truncate(path, 100), "is damaged"),
    "foreign": (lambda path: edited(path, "PRAGMA application_id = 7"), "is a SQLite file of another program"),
    "newer": (lambda path: edited(path, "PRAGMA user_version = 99"), "was written by a newer version (schema 99"),
    "tables gone": (lambda path: edited(path, "DROP TABLE entries"), "is damaged (no such table: entries)"),
}


def edited(path: Path, sql: str) -> None:
    """Change the database as any SQLite tool can."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


@pytest.mark.parametrize("name", DAMAGE)
def test_a_file_that_cannot_be_trusted_is_refused_and_kept(path: Path, name: str) -> None:
    """F37: writer and reader refuse it in words that say what to do, and not one byte of the evidence changes."""
    harm, text = DAMAGE[name]
    harm(path)
    evidence = path.read_bytes()
    with pytest.raises(JournalUnreadable) as refused:
        opened(path)
    assert text in str(refused.value)
    assert path.read_bytes() == evidence

    if name not in ("short", "page"):  # these a reader sees only where it looks
        with pytest.raises(JournalUnreadable), closing(JournalReader(path)) as reader:
            list(reader.entries())


@pytest.mark.parametrize("name", ["short", "page", "stub"])
def test_verify_tells_a_damaged_file(path: Path, name: str) -> None:
    """Whatever part of the file is gone, ``verify`` reports it instead of failing."""
    DAMAGE[name][0](path)
    try:
        problems = verify(path)
    except JournalUnreadable as error:
        problems = [str(error)]
    assert problems != []


def test_a_write_ahead_log_without_its_database_is_not_overwritten(path: Path) -> None:
    """Somebody deleted the database while the engine was down; the log may hold the last trades."""
    wal = path.with_name("trades.db-wal")
    path.unlink()
    wal.write_bytes(b"frames")
    with pytest.raises(JournalUnreadable, match=r"trades\.db is gone while trades\.db-wal is still there"):
        opened(path)
    assert not path.exists()
    assert wal.read_bytes() == b"frames"
    wal.write_bytes(b"")
    opened(path).close()


def test_a_half_made_database_is_made_again(path: Path) -> None:
    """A crash while the first database was being built leaves a file aside, which the next start replaces."""
    path.unlink()
    path.with_name("trades.db.new").write_bytes(b"half")
    opened(path).close()
    assert verify(path) == []
    assert not path.with_name("trades.db.new").exists()


ALTERED = {
    "payload": "UPDATE entries SET payload = replace(payload, 'AAPL', 'MSFT') WHERE seq = 52",
    "payload that is no text": "UPDATE entries SET payload = CAST(x'ff' AS TEXT) WHERE seq = 52",
    "kind": "UPDATE entries SET kind = 'Timer' WHERE seq = 52",
    "deleted": "DELETE FROM entries WHERE seq = 52",
    "last deleted and numbered anew": "UPDATE entries SET seq = seq + 1 WHERE seq = 60",
}


@pytest.mark.parametrize("sql", ALTERED.values(), ids=ALTERED.keys())
def test_an_altered_entry_breaks_the_chain(path: Path, sql: str) -> None:
    """INV-21: a changed, missing or moved entry is found by recovery and by ``verify``."""
    edited(path, sql)
    assert verify(path) != []
    with closing(opened(path)) as journal, pytest.raises(JournalUnreadable, match=r"trades\.db is damaged"):
        list(journal.since_checkpoint())


def test_an_entry_before_the_checkpoint_is_found_by_verify(path: Path) -> None:
    """Recovery does not read old days; the verifier does, and names the entry."""
    edited(path, "UPDATE entries SET payload = '{}' WHERE seq = 3")
    with closing(opened(path)) as journal:
        assert len(list(journal.since_checkpoint())) == ENTRIES - 49
    assert verify(path) == ["entry 3 (Decided) or its digest was altered"]


def test_a_forged_chain_with_an_entry_that_cannot_be_read_is_found(path: Path) -> None:
    """Whoever forges the digest too still has to write an entry that means something."""
    with closing(opened(path)) as journal:
        head = bytes.fromhex(journal.head())
    chain = hashlib.sha256(head + b"Timer" + b"{}").digest()
    with closing(sqlite3.connect(path)) as connection, connection:
        values = (ENTRIES + 1, "2026", "Timer", "{}", chain)
        connection.execute("INSERT INTO entries (seq, at, kind, payload, chain) VALUES (?, ?, ?, ?, ?)", values)
    assert verify(path)[0].startswith(f"entry {ENTRIES + 1}: a journalled Timer cannot be read")


@pytest.mark.parametrize(
    ("table", "sql"),
    [
        ("trades", "UPDATE trades SET pnl = 1000"),
        ("intents", "DELETE FROM intents"),
        ("decisions", "UPDATE decisions SET verdict = 'approved' WHERE seq = 3"),
        ("config_history", "UPDATE config_history SET rev = 'mine'"),
        ("days", "UPDATE days SET summary = '{}'"),
        ("equity", "UPDATE equity SET equity = 1000000"),
    ],
)
def test_an_altered_table_is_found(path: Path, table: str, sql: str) -> None:
    """A prettier trade record does not follow from the entries, and ``verify`` says so."""
    edited(path, sql)
    assert verify(path) == [f"table {table} does not follow from the entries: it was altered"]


def test_a_database_that_breaks_while_it_is_used_is_reported(path: Path) -> None:
    """A table that vanishes under the running engine is one clear error from every method, and nothing is promised."""
    with closing(opened(path)) as journal:
        edited(path, "DROP TABLE intents")
        edited(path, "DROP TABLE trades")
        with pytest.raises(JournalUnreadable, match="no such table: intents"):
            journal.record(ev.Approved(START, intent(999)))
        journal.record(numbered(5))
        for _ in range(2):
            with pytest.raises(JournalUnreadable, match="no such table: trades"):
                journal.commit()
        edited(path, "CREATE TABLE free (x)")  # the failed transaction let go of its lock
    with closing(JournalReader(path)) as reader:
        assert len(list(reader.entries())) == ENTRIES
    assert verify(path)[0].startswith("the file is damaged: no such table")


# ---------------------------------------------------------------- versions

SECOND_STEP = (
    "CREATE TABLE notes (text TEXT NOT NULL) STRICT; INSERT INTO notes SELECT kind FROM entries WHERE seq = 7;"
)


def test_an_old_journal_is_brought_up_to_date(path: Path) -> None:
    """F53: a new step runs on the old data, once; the entries stay, and older programs then refuse the file."""
    steps = [*migrations(), SECOND_STEP]
    for _ in range(2):
        with closing(open_for_writing(path, steps)) as connection:
            assert connection.execute("SELECT * FROM notes").fetchall() == [("AccountSeen",)]
            assert connection.execute("SELECT count(*) FROM entries").fetchone() == (ENTRIES,)
    with pytest.raises(JournalUnreadable, match=r"written by a newer version \(schema 2, this one knows 1\)"):
        opened(path)


def test_a_step_that_fails_leaves_the_old_journal(path: Path) -> None:
    """A migration is whole or not at all."""
    steps = [*migrations(), "CREATE TABLE notes (text TEXT); SELECT nonsense FROM nowhere;"]
    with pytest.raises(JournalUnreadable, match="no such table: nowhere"):
        open_for_writing(path, steps)
    assert verify(path) == []
    opened(path).close()


def test_a_reader_does_not_upgrade(path: Path) -> None:
    """Reading changes nothing: an old journal waits for the next run."""
    with pytest.raises(BadInput, match="has schema 1, this program reads 2; a run upgrades it"):
        open_for_reading(path, [*migrations(), SECOND_STEP])


def test_steps_are_numbered_without_a_gap() -> None:
    """The schema version is the number of steps, so their names count from 0001."""
    folder = resources.files("alpaca_trader.edge.journal") / "migrations"
    names = sorted(step.name for step in folder.iterdir() if step.name.endswith(".sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(migrations()) + 1))


def test_an_old_sqlite_is_refused() -> None:
    """Without STRICT tables a text could stand where a number belongs."""
    require_sqlite((3, 37, 0))
    with pytest.raises(BadInput, match=r"SQLite 3\.36\.0; the journal needs 3\.37\.0"):
        require_sqlite((3, 36, 0))


def test_a_file_system_that_cannot_be_durable_is_refused() -> None:
    """Where SQLite does not take a setting (network disks refuse WAL), trading does not start."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, migrations())
        with pytest.raises(JournalUnwritable, match="journal_mode is memory, not wal"):
            assert_durable(connection, Path("trades.db"))


def test_every_error_stops_new_risk() -> None:
    """The executor halts on Fatal; each of the journal's errors is one."""
    assert issubclass(JournalUnwritable, Fatal)
    assert issubclass(JournalUnreadable, Fatal)
    assert issubclass(Fatal, TraderError)
