"""All checks on one home, in a fixed order."""

from collections.abc import Container, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from alpaca_trader.core.errors import BadInput, TraderError
from alpaca_trader.core.events import JournalLost
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.verify import inspect
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.secret import Secret
from alpaca_trader.views.audit.files import check_logs, check_secrets, check_settings, check_status, read_logs
from alpaca_trader.views.audit.finding import Check, EntryCheck, Problem
from alpaca_trader.views.audit.orders import Ledger
from alpaca_trader.views.audit.rules import Cash, Halts, Origins

DAMAGED = "start the engine: it keeps a journal that it cannot read aside, reads the broker and buys nothing until a human resumes"
ALTERED = (
    "the journal was altered after it was written: keep the home, trust the broker's records, and find out by whom"
)

MOST_SHOWN = 20


class Journals(NamedTuple):
    """What the journals of a home gave.

    ``ends`` are the places in the chain where runs ended, ``orders`` the ids of all orders; ``is_whole`` is false where
    one could not be read to its end, or was lost before.
    """

    checks: list[Check]
    modes: list[str]
    ends: dict[str, int]
    orders: set[str]
    is_whole: bool


def audit(folder: Path, secrets: tuple[Secret, ...]) -> list[Check]:
    """Every check on the home. Raises BadInput where the folder holds no journal."""
    home = Home(folder)
    there = [file for file in dict.fromkeys(home.database(mode) for mode in Mode) if file.exists()]
    if not there:
        raise BadInput(f"{folder}: there is no journal in {home.data}; name the home of an engine that has run")
    found = Journals([], [], {}, set(), not list(home.data.glob("*.bad-*")))
    told = read_logs(home)
    for file in there:
        found = _journal(file, told.digests(), found)
    logs = check_logs(told, found.ends, found.orders, found.is_whole)
    modes = found.modes or [mode.value for mode in Mode]
    rest = (
        logs,
        check_status(home, modes),
        check_settings(home),
        check_secrets(home, Redactor(*secrets), len(secrets)),
    )
    return [*found.checks, *rest]


def _journal(file: Path, digests: Container[str], found: Journals) -> Journals:
    """What the journal in ``file`` adds."""
    whole = Check(f"journal {file.name}", "INV-15", DAMAGED)
    try:
        seen = inspect(file)
        whole.looked_at = f"file, numbering, chain and tables of {seen.entries:,} entries"
        for advice, problems in ((ALTERED, [*seen.chain, *seen.tables]), (DAMAGED, seen.file)):
            if problems:
                whole.advice = advice
            whole.problems += [Problem(file.name, problem) for problem in problems]
        with closing(JournalReader(file)) as reader:
            ends = {**found.ends, **reader.places(digests)}
            return _entries(reader, seen.entries, found._replace(ends=ends), whole)
    except TraderError as error:
        whole.looked_at = whole.looked_at or "the file"
        if not whole.problems:
            whole.problems.append(Problem(file.name, str(error)))
        return found._replace(checks=[*found.checks, whole], is_whole=False)


def _entries(reader: JournalReader, whole_until: int, found: Journals, whole: Check) -> Journals:
    """Follow every entry up to the first that is not whole."""
    ledger = Ledger()
    checks: list[EntryCheck] = [ledger, Halts(), Origins(reader.versions()), Cash(ledger)]
    is_whole = found.is_whole and whole.is_good
    for seq, entry in reader.entries():
        if seq > whole_until:
            break
        is_whole &= not isinstance(entry, JournalLost)
        for check in checks:
            check.see(seq, entry)
    outcomes = [whole, *(check.finish() for check in checks)]
    modes = [*found.modes, reader.meta().get("mode", "")]
    return Journals([*found.checks, *outcomes], modes, found.ends, found.orders | ledger.lines.keys(), is_whole)


def lines(checks: list[Check]) -> Iterator[str]:
    """The outcome for people: one line a check, then what is wrong with it and what to do."""
    for check in checks:
        verdict = "ok  " if check.is_good else "FAIL"
        yield f"{verdict}  {check.name:<20} {check.keeps:<18} {check.looked_at}"
        for where, what in check.problems[:MOST_SHOWN]:
            yield f"        {where}: {what}"
        if len(check.problems) > MOST_SHOWN:
            yield f"        and {len(check.problems) - MOST_SHOWN:,} more (--json lists all)"
        if check.problems:
            yield f"        what to do: {check.advice}"
