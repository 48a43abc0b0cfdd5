"""The settings files on disk: read safely, taken as a whole or not at all, the last good revision kept.

A file is judged by its content, never by its time stamp, and only once two looks in a row have found the same bytes:
a writer may be half way through. What cannot be read or is refused is reported once and changes nothing.
"""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from alpaca_trader.core.config import StrategyConfig, config_hash, parse_config
from alpaca_trader.core.config_schema import file_text
from alpaca_trader.core.config_view import Change, diff
from alpaca_trader.core.policy import Policy, bound, parse_policy, policy_hash
from alpaca_trader.core.strict_json import MAX_BYTES, BadSettings, Problem

STRATEGY_FILE = "strategy.json"
POLICY_FILE = "policy.json"

RefusalCode = Literal["missing", "unreadable", "invalid", "outside_policy"]


@dataclass(frozen=True, slots=True)
class Revision:
    """Which settings are in force: ids of the settings, of the bytes they were read from, and of the policy."""

    config_rev: str
    file_hash: str
    policy_rev: str


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """An edit was accepted: ``config`` is in force from now on."""

    before: Revision
    after: Revision
    config: StrategyConfig
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ConfigRefused:
    """An edit was refused as a whole; ``active`` stays in force. ``detail`` has one line for each of ``paths``."""

    active: Revision
    code: RefusalCode
    file_hash: str | None
    detail: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigState:
    """The ``config`` section of ``status.json``; ``file_hash`` is None where the file cannot be read."""

    active_rev: str
    active_hash: str
    file_hash: str | None
    state: Literal["active", "pending", "rejected"]
    code: RefusalCode | None
    detail: str | None


class MissingFile(BadSettings):
    """A settings file is not there."""


class _Look(NamedTuple):
    """What one look at the file found: its bytes, or why there are none."""

    key: str
    raw: bytes | None
    code: RefusalCode | None
    error: BadSettings | None


class ConfigStore:
    """``strategy.json`` and ``policy.json`` in ``config_dir``. Never writes either."""

    def __init__(self, config_dir: Path) -> None:
        self._folder = config_dir
        self._source = _source(config_dir, STRATEGY_FILE)
        self._policy = Policy()
        self._active: tuple[StrategyConfig, Revision] | None = None
        self._refused: ConfigRefused | None = None
        self._settled = ""
        self._pending: str | None = None

    def load(self) -> tuple[StrategyConfig, Policy, Revision]:
        """Both files as they are now, for a start: the bounded settings, the policy, and their ids.

        Raises BadInput naming every offending path of the first file that is wrong (the policy is read first). May be
        called again until it succeeds.
        """
        policy = parse_policy(read_file(self._folder, POLICY_FILE), _source(self._folder, POLICY_FILE))
        raw = read_file(self._folder, STRATEGY_FILE)
        config = bound(parse_config(raw, self._source), policy, self._source)
        revision = Revision(config_hash(config), _hash(raw), policy_hash(policy))
        self._policy, self._active = policy, (config, revision)
        self._settled, self._pending, self._refused = revision.file_hash, None, None
        return config, policy, revision

    def go_on_with(self, config: StrategyConfig, policy: Policy) -> None:
        """Begin with settings that were in force before, where ``load`` cannot: what lies there is judged by ``check``."""
        self._policy, self._active = policy, (config, Revision(config_hash(config), "", policy_hash(policy)))
        self._settled, self._pending, self._refused = "", None, None

    def check(self) -> ConfigChange | ConfigRefused | None:
        """One look at ``strategy.json``; something is returned once per edit, at the second look that finds the same.

        Needs a ``load`` that succeeded. Never raises for what a file may hold or be.
        """
        look = self._look()
        if look.key == self._settled:
            self._pending = None
            return None
        if look.key != self._pending:
            self._pending = look.key
            return None
        self._pending, self._settled = None, look.key
        return self._judge(look)

    def state(self) -> ConfigState:
        """What is in force and what the file is, for ``status.json``. Needs a ``load`` that succeeded."""
        _, active = self._in_force()
        refused = self._refused
        if self._pending is not None:
            file_hash = None if self._pending.startswith("error:") else self._pending
            return ConfigState(active.config_rev, active.file_hash, file_hash, "pending", None, None)
        if refused is not None:
            file_hash, code, detail = refused.file_hash, refused.code, refused.detail
            return ConfigState(active.config_rev, active.file_hash, file_hash, "rejected", code, detail)
        return ConfigState(active.config_rev, active.file_hash, active.file_hash, "active", None, None)

    def _in_force(self) -> tuple[StrategyConfig, Revision]:
        assert self._active is not None, "load() comes first"
        return self._active

    def _look(self) -> _Look:
        try:
            raw = read_file(self._folder, STRATEGY_FILE)
        except BadSettings as error:
            code: RefusalCode = "missing" if isinstance(error, MissingFile) else "unreadable"
            return _Look(f"error:{error}", None, code, error)
        return _Look(_hash(raw), raw, None, None)

    def _judge(self, look: _Look) -> ConfigChange | ConfigRefused | None:
        old, before = self._in_force()
        code: RefusalCode = look.code or "invalid"
        try:
            if look.raw is None:
                assert look.error is not None
                raise look.error
            parsed = parse_config(look.raw, self._source)
            code = "outside_policy"
            config = bound(parsed, self._policy, self._source)
        except BadSettings as error:
            paths = tuple(problem.path for problem in error.problems)
            file_hash = None if look.raw is None else look.key
            self._refused = ConfigRefused(before, code, file_hash, str(error), paths)
            return self._refused
        after = replace(before, config_rev=config_hash(config), file_hash=look.key)
        self._active, self._refused = (config, after), None
        # Other spacing, other comments, or back to what is in force after a refusal: nothing to announce.
        if after.config_rev == before.config_rev:
            return None
        return ConfigChange(before, after, config, diff(old, config))


def read_file(folder: Path, name: str) -> bytes:
    """The bytes of a settings file, at most 256 kB.

    Raises BadSettings where it is missing (MissingFile), a link, no regular file, too large, owned by a stranger,
    writable by everyone, unreadable, or being written at this moment. The message never holds its content.
    """
    source = _source(folder, name)
    try:
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Non-blocking: opening a named pipe would otherwise wait for a writer for ever.
            file_fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder_fd)
            try:
                return _read_open(file_fd, os.fstat(folder_fd).st_uid, source)
            finally:
                os.close(file_fd)
        finally:
            os.close(folder_fd)
    except FileNotFoundError:
        raise MissingFile(source, [Problem("", "is missing; alpaca-trader init writes one")]) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refuse(source, "is a symbolic link; it must be a regular file") from None
        raise _refuse(source, f"cannot be read: {error.strerror}") from None


def _read_open(file_fd: int, folder_owner: int, source: str) -> bytes:
    before = os.fstat(file_fd)
    if not stat.S_ISREG(before.st_mode):
        raise _refuse(source, "is no regular file; it must be one")
    if before.st_uid not in (os.geteuid(), folder_owner, 0):
        raise _refuse(source, f"belongs to user {before.st_uid}; it must belong to you or to its folder's owner")
    if before.st_mode & stat.S_IWOTH:
        raise _refuse(source, "may be written by everyone; take that right away (chmod o-w)")
    if before.st_size > MAX_BYTES:
        raise _refuse(source, f"is larger than {MAX_BYTES} bytes")
    raw = os.read(file_fd, MAX_BYTES + 1)
    after = os.fstat(file_fd)
    if (len(raw), after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
        raise _refuse(source, "is being written at this moment; replace it as a whole")
    return raw


def write_config(settings: StrategyConfig | Policy, path: Path) -> None:
    """Replace ``path`` by ``settings``, so that every reader finds the old file or the new one, even after a crash.

    Keeps the permissions of the file it replaces. Raises OSError where the disk refuses; ``path`` is then unchanged.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    aside.unlink(missing_ok=True)
    try:
        file_fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(file_fd, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(file_text(settings))
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    folder_fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder_fd)
    finally:
        os.close(folder_fd)


def _refuse(source: str, why: str) -> BadSettings:
    return BadSettings(source, [Problem("", why)])


def _source(folder: Path, name: str) -> str:
    return str(Path(folder.name) / name)


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:12]
