"""F37 on whole mornings: the journal damaged, gone, newer or old while positions are held and their stops rest."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.edge.journal.verify import verify
from proofs.scene import Scene

WAL = "trades.db-wal"
BEFORE, BOTH_HELD, SPY_SOLD, BOUGHT_AGAIN = "09:31", "09:36", "09:39", "09:42"


def flip(path: Path, at: int) -> None:
    """Turn one bit round."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def deleted(*paths: Path) -> None:
    """Remove all of them."""
    for path in paths:
        path.unlink()


def checkpoint(path: Path) -> None:
    """Move the write-ahead log into the database, as a clean end would."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def misled(path: Path, by: int) -> None:
    """Let the index of kinds say that the last checkpoint is another entry."""
    with closing(sqlite3.connect(path)) as connection:
        (seq,) = connection.execute("SELECT max(seq) FROM entries WHERE kind = 'Checkpoint'").fetchone()
    content = path.read_bytes()
    indexed = b"Checkpoint" + bytes([seq])
    assert content.count(indexed) == 1
    path.write_bytes(content.replace(indexed, b"Checkpoint" + bytes([seq + by])))


def edited(path: Path, sql: str) -> None:
    """Change the database as any SQLite tool can."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


def checkpointed_and(harm: Callable[[Path], object]) -> Callable[[Path], None]:
    """``harm`` done to a database that has everything in its main file."""

    def both(path: Path) -> None:
        checkpoint(path)
        harm(path)

    return both


def restore_backup(path: Path) -> None:
    """Put back what was copied before the positions were opened."""
    path.with_name(WAL).unlink()
    path.with_name("trades.db-shm").unlink()
    shutil.copy2(path.parent / "backup", path)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "file deleted": lambda path: path.unlink(),
    "log deleted": lambda path: path.with_name(WAL).unlink(),
    "both deleted": lambda path: deleted(path, path.with_name(WAL)),
    "everything deleted": lambda path: deleted(*path.parent.glob("trades.db*")),
    "emptied": checkpointed_and(lambda path: path.write_bytes(b"")),
    "truncated": checkpointed_and(lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])),
    "log truncated": lambda path: path.with_name(WAL).write_bytes(path.with_name(WAL).read_bytes()[:100_000]),
    "bit in the header": checkpointed_and(lambda path: flip(path, 1)),
    "bit in the application's name": checkpointed_and(lambda path: flip(path, 69)),
    "bit in a page's header": checkpointed_and(lambda path: flip(path, 2 * 4096)),
    "bit in the log's first frame": lambda path: flip(path.with_name(WAL), 32 + 24 + 100),
    "entry altered": lambda path: edited(
        path, "UPDATE entries SET payload = replace(payload, '1', '2') WHERE seq = 60"
    ),
    "entry removed": lambda path: edited(path, "DELETE FROM entries WHERE seq = 60"),
    "index of another entry": checkpointed_and(lambda path: misled(path, -1)),
    "index of no entry": checkpointed_and(lambda path: misled(path, 100)),
    "newer schema": lambda path: edited(path, "PRAGMA user_version = 99"),
    "backup restored": restore_backup,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_positions_are_guarded_and_nothing_is_bought_until_a_human_resumes(tmp_path: Path, name: str) -> None:
    """Belief comes from the broker, the bad file stays, exits and stops go on, an entry is refused, `resume` ends it."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BEFORE))
    scene.backup(tmp_path / "backup")
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    resting = scene.open_orders()
    assert [kind for _, kind, _ in resting] == ["stop", "stop"]
    DAMAGE[name](scene.path)
    evidence = [file.read_bytes() for file in tmp_path.glob("trades.db*") if not file.name.endswith("-shm")]

    lost = scene.begin()
    assert lost is not None
    kept = {file.name: file.read_bytes() for file in tmp_path.glob("trades.db.bad-*")}
    if "lacks" in lost.detail:
        assert not kept, "what could be read stays in use"
    else:
        assert all(name in lost.detail for name in kept)
        if not name.startswith(("entry", "index")):  # these were opened before their content told
            assert [content in kept.values() for content in evidence] == [True] * len(evidence)
    scene.play_until(scene.at(BOTH_HELD).replace(second=30))
    assert scene.engine.position_states() == {"NVDA": "protected", "SPY": "protected"}
    assert scene.open_orders() == resting, "nothing that guards was touched"

    scene.play_until(scene.at(SPY_SOLD))
    assert list(scene.held()) == ["NVDA"], "the exit that the strategy asked for went through"
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert list(scene.held()) == ["NVDA"]
    refused = [told for told in scene.told if isinstance(told, ev.Decided) and told.verdict == "halted"]
    assert [told.evaluation.symbol for told in refused] == ["SPY"]
    assert refused[0].gates[-1].value == "journal_lost"
    assert scene.engine.status(scene.sim.now)["halt"] == {"code": "journal_lost", "latched": ["journal_lost"]}

    scene.commands.append(ev.Command(scene.sim.now, "resume", "a human", "compared"))
    scene.play_until(scene.at("09:43"))
    assert scene.engine.belief.risk.latched == {}
    ids = [order.client_order_id for order in scene.broker.get_orders_since(scene.session.open)]
    assert len(ids) == len(set(ids))
    scene.stop()
    assert verify(scene.path) == []
    assert scene.begin() is None, "once compared it is not said again"


def test_a_crash_while_the_loss_is_noted_is_a_loss_again(tmp_path: Path) -> None:
    """The process dies after the bad file was set aside and before the new journal says so: the next start says so."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    edited(scene.path, "PRAGMA user_version = 99")
    assert scene.begin() is not None
    scene.kill()
    lost = scene.begin()
    assert lost is not None
    assert "was set aside as trades.db.bad-20261127T143600Z" in lost.detail
    scene.play_until(scene.at(SPY_SOLD))
    assert scene.engine.position_states() == {"NVDA": "protected"}
    scene.play()
    assert (scene.held(), scene.open_orders()) == ({}, []), "flat by the close"


@pytest.mark.parametrize("name", ["trades.db", WAL])
def test_a_file_that_goes_while_the_engine_runs_stops_entries(tmp_path: Path, name: str) -> None:
    """SQLite would write on into a file without a name; the next word shows it, exits go on, and a restart starts anew."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    (tmp_path / name).rename(tmp_path / "elsewhere")
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert scene.engine.belief.journal_failed
    assert list(scene.held()) == ["NVDA"]
    scene.stop()
    lost = scene.begin()
    assert lost is not None
    scene.play_until(scene.at("09:43"))
    assert scene.engine.position_states() == {"NVDA": "protected"}


def test_a_crash_alone_is_no_loss(tmp_path: Path) -> None:
    """Killed with positions held and nothing done to its files, the engine goes on and buys again."""
    scene = Scene(tmp_path)
    scene.begin()
    scene.play_until(scene.at(BOTH_HELD))
    scene.kill()
    assert scene.begin() is None
    scene.play_until(scene.at(BOUGHT_AGAIN))
    assert sorted(scene.held()) == ["NVDA", "SPY"]


def test_nothing_of_ours_at_the_broker_and_no_journal_is_a_first_start(tmp_path: Path) -> None:
    """A new home on an account with somebody else's orders and positions begins without a halt."""
    scene = Scene(tmp_path)
    scene.sim.advance(scene.session.open)
    scene.sim.exchange.submit({"symbol": "SPY", "side": "buy", "qty": "0.1", "type": "market", "time_in_force": "day"})
    assert scene.begin() is None
