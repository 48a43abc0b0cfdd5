"""What lies in a home beside the journal: logs, the status page, settings, and whether anything holds a credential."""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.views.audit.finding import Check, Problem, many

SECRETS = {
    "an Alpaca key id": re.compile(rb"\b[PAC]K(?=[A-Z0-9]*[0-9])(?:[A-Z0-9]{24}|[A-Z0-9]{18})\b"),
    "a broker's secret": re.compile(rb"(?i)apca[-_]api[-_]secret[-_]key[\"' ]*[:=][\"' ]*[A-Za-z0-9/+]{20}"),
    "a 1Password token": re.compile(rb"\bops_[A-Za-z0-9_-]{24}"),
    "an authorization": re.compile(rb"(?i)authorization[\"' ]*[:=][\"' ]*(?:basic|bearer) [A-Za-z0-9/+=._-]{12}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
"""What credentials look like, by what they are."""
EXCHANGE = "simulator"
"""The simulated exchange keeps the made-up keys of its own accounts there."""


class Line(NamedTuple):
    """One line of a log; ``told`` is None where it is none."""

    where: str
    told: tuple[datetime, str, dict[str, object]] | None


class Logs(NamedTuple):
    """Every line of every log, oldest first."""

    lines: Sequence[Line]

    def digests(self) -> frozenset[str]:
        """The journal's digests at the ends of runs."""
        return frozenset(digest for line in self.lines if (digest := _end_of(line)) is not None)


def read_logs(home: Home) -> Logs:
    """The home's logs."""
    files = sorted(home.logs.glob("*.jsonl"))
    found = [(file, number, text) for file in files for number, text in enumerate(file.read_bytes().splitlines(), 1)]
    return Logs([Line(f"logs/{file.name} line {number}", _parsed(text)) for file, number, text in found])


def check_logs(logs: Logs, ends: Mapping[str, int], orders: Container[str], is_whole: bool) -> Check:
    """Every line is a line, time does not run back within a run, and the journal knows of all that the log tells.

    ``ends`` gives the number of the entry after which the journal had a digest, ``orders`` the ids it knows. ``is_whole``
    is false where an earlier journal was lost, of which this one cannot know.
    """
    check = Check("logs", "INV-19 INV-21", "a torn line is what a power cut leaves; anything else was altered by hand")
    runs = stops = reached = 0
    last: datetime | None = None
    for line in logs.lines:
        if line.told is None:
            check.problems.append(Problem(line.where, "is no log line"))
            continue
        at, event, _ = line.told
        if event == "started":
            runs, last = runs + 1, None
        if last is not None and at < last:
            check.problems.append(Problem(line.where, f"is of {at:%H:%M:%S}, the line before of {last:%H:%M:%S} UTC"))
        last = at
        digest = _end_of(line)
        if digest is None:
            continue
        stops += 1
        seq = ends.get(digest)
        if seq is None and is_whole:
            check.problems.append(Problem(line.where, "the journal never was in the state in which this run ended"))
        elif seq is not None and seq < reached:
            check.problems.append(Problem(line.where, f"ended at entry {seq}, a run before it at {reached}"))
        reached = max(reached, seq or 0)
    if is_whole:
        check.problems += _unknown_orders(logs, orders)
    check.looked_at = f"{many(len(logs.lines), 'line')}, {many(runs, 'run')}, {stops} ended in good order"
    return check


def _unknown_orders(logs: Logs, orders: Container[str]) -> Iterator[Problem]:
    """Orders the log tells of and the journal does not: it was put back from a backup, or its end is gone.

    A run's last order may be one: killed between the log's line and the journal's commit it never left.
    """
    waiting: Problem | None = None
    for line in logs.lines:
        event, data = line.told[1:] if line.told is not None else ("", {})
        if event == "started":
            waiting = None
        if event != "order_sent":
            continue
        if waiting is not None:
            yield waiting
            waiting = None
        if str(data.get("order")) not in orders:
            waiting = Problem(line.where, f"tells of {data.get('order')}, which the journal lacks: is it an old copy?")


def _end_of(line: Line) -> str | None:
    """The journal's digest at the end of a run, in the line that tells of it."""
    if line.told is None or line.told[1] != "stopped":
        return None
    digest = line.told[2].get("journal_sha256")
    return digest if isinstance(digest, str) else None


def _parsed(line: bytes) -> tuple[datetime, str, dict[str, object]] | None:
    try:
        told = json.loads(line)
        at, event, data = datetime.fromisoformat(told["timestamp"]), told["event"], told["data"]
    except (ValueError, KeyError, TypeError):
        return None
    if at.tzinfo is None or not isinstance(event, str) or not isinstance(data, dict):
        return None
    return at, event, data


def check_status(home: Home, modes: Sequence[str]) -> Check:
    """The status page parses, is of a mode that has a journal here, and has a time."""
    check = Check("status", "INV-19", "remove it; a running engine writes it anew")
    file = home.status_file
    if not file.exists():
        check.looked_at = "none was published"
        return check
    check.looked_at = "logs/status.json"
    try:
        page = json.loads(file.read_bytes())
        at, mode = datetime.fromisoformat(page["timestamp"]), page["mode"]
    except (ValueError, KeyError, TypeError) as error:
        check.problems.append(Problem("logs/status.json", f"is no status page ({type(error).__name__})"))
        return check
    if at.tzinfo is None:
        check.problems.append(Problem("logs/status.json", "its timestamp has no time zone"))
    if mode not in modes:
        check.problems.append(Problem("logs/status.json", f"is of {mode}, the journal of {' and '.join(modes)}"))
    return check


def check_settings(home: Home) -> Check:
    """Both files of settings are such as a start would take."""
    check = Check("settings", "INV-20", "`alpaca-trader config check` says what to mend; what was in force stays so")
    check.looked_at = "config/strategy.json, config/policy.json"
    try:
        ConfigStore(home.config).load()
    except BadInput as error:
        check.problems += [Problem("config", line) for line in str(error).splitlines()]
    return check


def check_secrets(home: Home, redactor: Redactor, known: int) -> Check:
    """No file but the settings holds what looks like a credential, nor a piece of one of those ``redactor`` knows."""
    check = Check("secrets", "INV-26", "take the credential back at the broker, then remove the file")
    files = size = 0
    for file in _files(home.path):
        content = file.read_bytes()
        files, size = files + 1, size + len(content)
        name = str(file.relative_to(home.path))
        held = [what for what, pattern in SECRETS.items() if pattern.search(content)]
        if redactor.clean(content) != content:
            held.append("a piece of one of this machine's credentials")
        check.problems += [Problem(name, f"holds {what}") for what in held]
    check.looked_at = (
        f"{many(files, 'file')}, {size:,} bytes, {len(SECRETS)} patterns, {many(known, 'known credential')}"
    )
    return check


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name != EXCHANGE:
                yield from _files(path)
        elif path.is_file() and not path.name.endswith((".reserve", "-shm")):
            yield path
