"""``halt``, ``resume``, ``flatten``: a word to the engine, left in the home's inbox."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from alpaca_trader.cli.common import (
    EXIT_ERROR,
    RefusedByPolicy,
    Unreachable,
    engine_process,
    home_option,
    is_engine_running,
    mode_option,
    read_status,
    require_home,
    simulated_run,
)

TAKEN_WITHIN_S = 3.0
LOOK_EVERY_S = 0.05

reason_option = click.option("--reason", default="", help="Why; kept in the journal.")


@click.command()
@reason_option
@home_option
def halt(reason: str, home: Path) -> None:
    """Stop new entries. Stops and exits go on; only a human's `resume` ends it."""
    require_home(home)
    _leave(home, "halt", reason)


@click.command()
@reason_option
@home_option
def resume(reason: str, home: Path) -> None:
    """Let entries through again. For a human on a terminal, who types the word."""
    require_home(home)
    _require_typed("resume", "Every halt ends, and entries go through again.", "resume is a human's decision")
    _leave(home, "resume", reason)


@click.command()
@reason_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--all", "everything", is_flag=True, help="Without an engine: sell what other tools hold, too.")
@mode_option
@home_option
@click.pass_context
def flatten(ctx: click.Context, reason: str, yes: bool, everything: bool, mode: str | None, home: Path) -> None:
    """Close every position of ours, and halt.

    A running engine is told. Without one, on paper and live, this command speaks to the broker itself: it needs neither
    journal nor a disk that can be written, and saying it twice is harmless.
    """
    is_running = is_engine_running(home)
    mode = _mode(home, mode)
    if not yes:
        _require_typed(
            "flatten", f"{mode}: every position is sold at market.", "give --yes to do it without being asked"
        )
    if is_running or mode == "SIM":
        require_home(home)
        _leave(home, "flatten", reason)
        return
    if not _flatten_now(home, mode, everything, reason):
        ctx.exit(EXIT_ERROR)


def _mode(home: Path, mode: str | None) -> str:
    """The mode named, else the one the engine last ran in."""
    if mode is not None:
        return mode.upper()
    status = read_status(home)
    if status is None:
        raise click.UsageError(
            f"--home {home}: no engine has run here; name the account with --mode paper or --mode live"
        )
    return status.mode


def _require_typed(word: str, consequence: str, otherwise: str) -> None:
    """Raises RefusedByPolicy unless a human on a terminal types ``word``."""
    if not sys.stdin.isatty():
        raise RefusedByPolicy(f"{word}: no human on a terminal; {otherwise}")
    if click.prompt(f"{consequence} Type {word} to do it", default="", show_default=False).strip() != word:
        raise RefusedByPolicy(f"{word}: not typed; nothing was done")


def _leave(home: Path, verb: str, reason: str) -> None:
    """Leave the command and tell whether it is heard. Raises Unreachable where an engine does not, or never will.

    Where the disk takes no file, a running engine is told by a signal.
    """
    from alpaca_trader.edge import inbox
    from alpaca_trader.edge.clock import SystemClock

    simulated = simulated_run(home)
    # The next simulated run begins with an empty inbox.
    if not is_engine_running(home) and simulated is not None and simulated["finished"]:
        raise Unreachable(f"{verb}: no engine runs in {home}, and its simulated run is over")
    clock = SystemClock()
    try:
        left = inbox.leave(home / "data" / "inbox", verb, _actor(), reason, clock.now())
    except OSError as error:
        _signal(home, verb, error)
        return
    process = engine_process(home)
    if process is None:
        click.echo(f"{verb}: no engine runs in {home}; it is honoured at the next start")
        return
    until = clock.monotonic() + TAKEN_WITHIN_S
    while left.exists() and clock.monotonic() < until:
        clock.sleep(LOOK_EVERY_S)
    if left.exists():
        raise Unreachable(
            f"{verb}: left in the inbox, but the engine has not taken it within {TAKEN_WITHIN_S:g} s: it is busy, or it hangs."
            f" A hung engine ends itself within two minutes; `kill -9 {process}` ends it at once, stops stay at the broker"
        )
    click.echo(f"{verb}: taken by the engine")


def _signal(home: Path, verb: str, error: OSError) -> None:
    """Tell a running engine without a file. Raises ``error`` where there is none, or no signal for this."""
    from alpaca_trader.edge.signals import ORDERS

    number = next((number for number, meant in ORDERS.items() if meant == verb), None)
    process = engine_process(home)
    if number is None or not process:
        raise error
    os.kill(process, number)
    click.echo(
        f"{verb}: the inbox takes no file ({error.strerror}); the engine, process {process}, was told by {number.name}"
    )


def _actor() -> str:
    """Who says it, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()}"


def _held_by_the_journal(home: Path, mode: str) -> set[str]:
    """Symbols of the journal's open trades; none where it cannot be read, which stops nothing."""
    import sqlite3
    from contextlib import closing

    from alpaca_trader.core.errors import TraderError
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.home import Home
    from alpaca_trader.edge.journal.reader import JournalReader

    database = Home(home).database(Mode(mode))
    try:
        if not database.exists():
            return set()
        with closing(JournalReader(database)) as reader:
            return {row.trade.symbol for row in reader.trades() if row.trade.status in ("open", "closing")}
    except (TraderError, OSError, sqlite3.Error) as failure:
        click.echo(
            f"the journal cannot say what is ours ({failure}); --all closes what has no order of ours, too", err=True
        )
        return set()


def _flatten_now(home: Path, mode: str, everything: bool, reason: str) -> bool:
    """Speak to the broker without an engine; whether nothing of ours is left."""
    from alpaca_trader.cli.hosted import hosted_broker
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.clock import SystemClock
    from alpaca_trader.edge.emergency import flatten_now

    clock, known = SystemClock(), _held_by_the_journal(home, mode)
    with hosted_broker(Mode(mode), clock) as broker:
        try:
            require_home(home)
            _leave(home, "halt", reason or "flattened without the engine")
        except (click.ClickException, OSError) as error:
            click.echo(f"an engine that starts here will trade: it could not be told to halt ({error})", err=True)
        done = []
        with _keeping_engines_out(home):
            for each in flatten_now(broker, clock, everything, known):
                done.append(each)
                click.echo(f"{mode}  {each.text}")
        if not done:
            click.echo(f"{mode}  nothing is held and nothing is open")
    return not any(each.is_left for each in done)


@contextmanager
def _keeping_engines_out(home: Path) -> Iterator[None]:
    """A supervisor's restart in the middle would protect what is being sold. Without a writable disk there is no lock,
    and no engine either. Raises BadInput where one has started meanwhile."""
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.edge.home import EngineLock, Home

    try:
        lock = EngineLock(Home(home))
    except BadInput:
        if is_engine_running(home):
            raise
        yield
        return
    try:
        yield
    finally:
        lock.release()
