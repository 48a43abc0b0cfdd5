"""The settings on disk: read safely, accepted or refused as a whole, at the second look that finds the same."""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core.config import config_hash, parse_config
from alpaca_trader.core.config_view import Change
from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.strict_json import MAX_BYTES
from alpaca_trader.edge.config_store import (
    ConfigChange,
    ConfigRefused,
    ConfigStore,
    MissingFile,
    read_file,
    write_config,
)

REPO = Path(__file__).resolve().parents[2]
OWNERS = (REPO / "config" / "strategy.json").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A config folder with the shipped files."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "strategy.json").write_bytes(OWNERS)
    (config / "policy.json").write_bytes((REPO / "config" / "policy.json").read_bytes())
    return config


def put(folder: Path, **risk: object) -> bytes:
    """Write the owner's settings with some of the risk section changed; gives the bytes."""
    data: dict[str, Any] = json.loads(OWNERS)
    data["risk"] |= risk
    raw = json.dumps(data).encode()
    (folder / "strategy.json").write_bytes(raw)
    return raw


def started(folder: Path) -> ConfigStore:
    """A store that has loaded."""
    store = ConfigStore(folder)
    store.load()
    return store


def looks(store: ConfigStore, times: int) -> list[ConfigChange | ConfigRefused]:
    """What that many looks report."""
    return [found for _ in range(times) if (found := store.check()) is not None]


def refused(store: ConfigStore) -> ConfigRefused:
    """The one refusal that five looks report."""
    (found,) = looks(store, 5)
    assert isinstance(found, ConfigRefused)
    return found


def test_a_start_reads_both_files(folder: Path) -> None:
    """The settings, the policy and the ids of both are there from the first moment."""
    store = ConfigStore(folder)
    config, policy, revision = store.load()
    assert config == parse_config(OWNERS, "s")
    assert policy == Policy()
    assert revision.config_rev == config_hash(config)
    assert looks(store, 3) == []
    state = store.state()
    assert (state.state, state.active_rev, state.code) == ("active", revision.config_rev, None)
    assert state.active_hash == state.file_hash == revision.file_hash


def test_a_start_with_a_wrong_file_says_so_and_may_be_tried_again(folder: Path) -> None:
    """There is nothing to fall back to at a start, so the error is raised; once mended, the same store loads."""
    store = ConfigStore(folder)
    put(folder, max_positions=99)
    with pytest.raises(BadInput, match=r"^config/strategy.json: risk.max_positions is 99; "):
        store.load()
    put(folder, max_positions=9)
    assert store.load()[0].risk.max_positions == 9


@pytest.mark.parametrize("name", ["strategy.json", "policy.json"])
def test_a_start_without_a_file_names_it(folder: Path, name: str) -> None:
    """A missing file is named, with the command that writes one."""
    (folder / name).unlink()
    with pytest.raises(MissingFile, match=rf"^config/{name} is missing; alpaca-trader init writes one$"):
        ConfigStore(folder).load()


def test_a_start_outside_the_policy_is_refused(folder: Path) -> None:
    """The policy binds the first settings as it binds every edit."""
    (folder / "policy.json").write_text('{"max_watchlist": 1}')
    with pytest.raises(BadInput, match="the policy allows 1"):
        ConfigStore(folder).load()


def test_an_edit_is_accepted_at_the_second_look(folder: Path) -> None:
    """The first look only notices; the second finds the same bytes and takes them."""
    store = ConfigStore(folder)
    _, _, before = store.load()
    raw = put(folder, max_positions=4)
    assert store.check() is None
    assert store.state().state == "pending"
    change = store.check()
    assert isinstance(change, ConfigChange)
    assert change.before == before
    assert change.after.config_rev == config_hash(change.config) == config_hash(parse_config(raw, "s"))
    assert change.changes == (Change("risk.max_positions", 5, 4, "tighter"),)
    assert looks(store, 3) == []
    assert store.state().active_rev == change.after.config_rev
    assert store.state().state == "active"


def test_a_file_that_changes_between_looks_is_left_alone(folder: Path) -> None:
    """As long as every look finds something else, nothing is judged; then the last version counts."""
    store = started(folder)
    for positions in (1, 2, 3, 4):
        put(folder, max_positions=positions)
        assert store.check() is None
    change = store.check()
    assert isinstance(change, ConfigChange)
    assert change.config.risk.max_positions == 4


def test_an_edit_taken_back_before_the_second_look_never_was(folder: Path) -> None:
    """A look at the file in force ends the waiting for another."""
    store = started(folder)
    put(folder, max_positions=4)
    assert store.check() is None
    (folder / "strategy.json").write_bytes(OWNERS)
    assert looks(store, 3) == []
    put(folder, max_positions=4)
    assert store.check() is None
    assert isinstance(store.check(), ConfigChange)


def test_other_spacing_and_comments_change_nothing(folder: Path) -> None:
    """The same settings in other bytes are the same revision; the state follows the file."""
    store = started(folder)
    rev = store.state().active_rev
    (folder / "strategy.json").write_bytes(b'{"_note": "x",' + OWNERS[1:] + b"\n\n")
    assert looks(store, 3) == []
    state = store.state()
    assert (state.state, state.active_rev) == ("active", rev)
    raw = (folder / "strategy.json").read_bytes()
    assert state.file_hash == state.active_hash == hashlib.sha256(raw).hexdigest()[:12]


def test_a_refused_edit_is_reported_once_and_changes_nothing(folder: Path) -> None:
    """The last good revision stays, the file is not touched, the state says why."""
    store = started(folder)
    rev = store.state().active_rev
    raw = put(folder, max_positons=4, max_position_pct="0.1")
    refusal = refused(store)
    assert refusal.code == "invalid"
    assert refusal.paths == ("risk.max_position_pct", "risk.max_positons")
    assert refusal.active.config_rev == rev
    assert (folder / "strategy.json").read_bytes() == raw
    state = store.state()
    assert (state.state, state.active_rev, state.code, state.detail) == ("rejected", rev, "invalid", refusal.detail)
    assert state.file_hash == refusal.file_hash != state.active_hash


def test_an_edit_outside_the_policy_is_refused(folder: Path) -> None:
    """What is valid in itself and not allowed has its own code."""
    store = started(folder)
    put(folder, max_daily_loss_pct=0.04)
    refusal = refused(store)
    assert refusal.code == "outside_policy"
    assert refusal.detail == "config/strategy.json: risk.max_daily_loss_pct is 0.04; the policy allows 0.005 to 0.03"


def test_back_to_the_good_file_after_a_refusal(folder: Path) -> None:
    """Restoring the settings in force needs no announcement, and the next bad edit is reported again."""
    store = started(folder)
    put(folder, max_positions=0)
    refused(store)
    (folder / "strategy.json").write_bytes(OWNERS)
    assert looks(store, 3) == []
    assert store.state().state == "active"
    put(folder, max_positions=0)
    refused(store)


def test_the_policy_is_that_of_the_start(folder: Path) -> None:
    """Editing the policy while running opens nothing."""
    store = started(folder)
    (folder / "policy.json").write_text('{"ranges": {"risk.max_daily_loss_pct": [0.001, 0.05]}}')
    put(folder, max_daily_loss_pct=0.04)
    assert refused(store).code == "outside_policy"


def a_link(file: Path) -> None:
    """A symbolic link to a perfectly good file."""
    good = file.with_name("good.json")
    file.rename(good)
    file.symlink_to(good)


def a_pipe(file: Path) -> None:
    """A named pipe, at which a careless reader waits for ever."""
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    """A folder of that name."""
    file.unlink()
    file.mkdir()


def everyones(file: Path) -> None:
    """A file that every user may write."""
    file.chmod(0o666)


def huge(file: Path) -> None:
    """One byte too many."""
    file.write_bytes(OWNERS + b" " * (MAX_BYTES + 1 - len(OWNERS)))


BROKEN_FILES: list[tuple[Callable[[Path], None], str, str]] = [
    (Path.unlink, "missing", "is missing; alpaca-trader init writes one"),
    (a_link, "unreadable", "is a symbolic link; it must be a regular file"),
    (a_pipe, "unreadable", "is no regular file; it must be one"),
    (a_folder, "unreadable", "is no regular file; it must be one"),
    (everyones, "unreadable", "may be written by everyone; take that right away (chmod o-w)"),
    (huge, "unreadable", f"is larger than {MAX_BYTES} bytes"),
]


@pytest.mark.parametrize(("spoil", "code", "why"), BROKEN_FILES, ids=lambda value: getattr(value, "__name__", None))
def test_what_cannot_be_read_is_reported_once(folder: Path, spoil: Callable[[Path], None], code: str, why: str) -> None:
    """The engine goes on with the last good revision, warns once, and picks the file up when it is back."""
    store = started(folder)
    file = folder / "strategy.json"
    spoil(file)
    refusal = refused(store)
    assert (refusal.code, refusal.file_hash, refusal.paths) == (code, None, ("",))
    assert refusal.detail == f"config/strategy.json {why}"
    assert store.state().file_hash is None
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    assert store.check() is None
    put(folder, max_positions=4)
    file.chmod(0o644)
    (change,) = looks(store, 3)
    assert isinstance(change, ConfigChange)


def test_a_pending_look_at_nothing_has_no_hash(folder: Path) -> None:
    """While a file is missing for one look only, the state names no hash for it."""
    store = started(folder)
    (folder / "strategy.json").unlink()
    assert store.check() is None
    assert (store.state().state, store.state().file_hash) == ("pending", None)


def test_a_file_of_another_user_is_refused(folder: Path) -> None:
    """Only the user of the engine, the folder's owner and root may say how to trade."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(folder / "strategy.json", 12345, 12345)
    with pytest.raises(BadInput, match="belongs to user 12345; it must belong to you or to its folder's owner"):
        read_file(folder, "strategy.json")
    os.chown(folder, 12345, 12345)
    assert read_file(folder, "strategy.json") == OWNERS


def test_an_unreadable_folder_names_the_reason(tmp_path: Path) -> None:
    """What the operating system says is passed on."""
    (tmp_path / "config").write_text("a file where the folder should be")
    with pytest.raises(BadInput, match=r"^config/strategy.json cannot be read: Not a directory$"):
        read_file(tmp_path / "config", "strategy.json")


def test_a_file_that_is_not_as_long_as_it_says_is_refused() -> None:
    """A file still growing, or one that the system makes up as it is read, is not taken for whole."""
    made_up = Path("/proc/self")
    if not (made_up / "status").is_file():
        pytest.skip("no /proc on this system")
    with pytest.raises(BadInput, match="is being written at this moment; replace it as a whole"):
        read_file(made_up, "status")


def test_a_file_of_exactly_the_limit_is_read(folder: Path) -> None:
    """The limit belongs to what is allowed."""
    (folder / "strategy.json").write_bytes(OWNERS + b" " * (MAX_BYTES - len(OWNERS)))
    assert ConfigStore(folder).load()[0] == parse_config(OWNERS, "s")


def test_a_writer_tearing_the_file_is_never_believed_half_way(folder: Path) -> None:
    """Against a writer that empties and rewrites the file in a tight loop, only whole versions are ever taken."""
    store = started(folder)
    file = folder / "strategy.json"
    versions = [put(folder, max_positions=positions, take_profit_pct=0.02 + positions / 1000) for positions in (3, 4)]
    good = {config_hash(parse_config(raw, "s")) for raw in [*versions, OWNERS]}
    stop = threading.Event()

    def tear() -> None:
        turn = 0
        while not stop.is_set():
            raw = versions[turn % 2]
            turn += 1
            with file.open("wb") as writer:
                for start in range(0, len(raw), 100):
                    writer.write(raw[start : start + 100])
                    writer.flush()

    writer = threading.Thread(target=tear)
    writer.start()
    try:
        for _ in range(3000):
            found = store.check()
            assert store.state().active_rev in good
            if isinstance(found, ConfigChange):
                assert config_hash(found.config) in good
    finally:
        stop.set()
        writer.join()
    put(folder, max_positions=2)
    last = looks(store, 2)[-1]
    assert isinstance(last, ConfigChange)
    assert last.config.risk.max_positions == 2


def test_a_file_replaced_in_a_tight_loop_is_always_readable(folder: Path) -> None:
    """What we write ourselves is never seen half-written, by anyone."""
    path = folder / "strategy.json"
    configs = [parse_config(put(folder, max_positions=positions), "s") for positions in (3, 4)]
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for config in configs:
                write_config(config, path)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(500):
            assert parse_config(path.read_bytes(), "s") in configs
    finally:
        stop.set()
        writer.join()
    assert [found.name for found in sorted(folder.iterdir())] == ["policy.json", "strategy.json"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_writing_keeps_the_permissions(folder: Path, mode: int) -> None:
    """A rollback takes no right away from the agent and gives none."""
    path = folder / "strategy.json"
    path.chmod(mode)
    write_config(parse_config(OWNERS, "s"), path)
    assert path.stat().st_mode & 0o777 == mode


def test_a_fresh_home_gets_both_files(tmp_path: Path) -> None:
    """What init writes is what a start reads."""
    folder = tmp_path / "config"
    folder.mkdir()
    config = parse_config(OWNERS, "s")
    write_config(config, folder / "strategy.json")
    write_config(Policy(), folder / "policy.json")
    assert ConfigStore(folder).load()[:2] == (config, Policy())
    assert (folder / "strategy.json").stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file_alone(folder: Path) -> None:
    """Where the new file cannot be put in place, nothing of it remains."""
    path = folder / "strategy.json"
    path.unlink()
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError, match="directory"):
        write_config(parse_config(OWNERS, "s"), path)
    assert [found.name for found in sorted(folder.iterdir())] == ["policy.json", "strategy.json"]
