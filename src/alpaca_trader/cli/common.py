"""What the commands share: options, JSON output, exit codes, errors in one line, the home's journal."""

import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from alpaca_trader.edge.journal.reader import JournalReader

EXIT_ERROR, EXIT_USAGE, EXIT_REFUSED, EXIT_NOT_FOUND, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 130
"""1 error, 2 usage, 3 refused by policy, 4 not found, 5 engine unreachable, 130 stopped by Ctrl-C; 0 is ok."""
MODES = ("SIM", "PAPER", "LIVE")

Command = TypeVar("Command", bound=Callable[..., Any])


class NotFound(click.ClickException):
    """What was asked for does not exist."""

    exit_code = EXIT_NOT_FOUND


class Unreachable(click.ClickException):
    """No engine has published anything in this home."""

    exit_code = EXIT_UNREACHABLE


class RefusedByPolicy(click.ClickException):
    """The human's policy, or the need for a human, stands against it."""

    exit_code = EXIT_REFUSED


class Problem(NamedTuple):
    """An error as the command line tells it."""

    text: str
    exit_code: int


class Status(NamedTuple):
    """``logs/status.json`` as it lies there."""

    page: dict[str, Any]
    mode: str


def home_option(command: Command) -> Command:
    """``--home``: the folder with config/, data/ and logs/."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        envvar="ALPACA_TRADER_HOME",
        default=Path(),
        show_default="current folder",
        help="Folder that holds config/, data/ and logs/.",
    )(command)


def json_option(command: Command) -> Command:
    """``--json``: one JSON object on standard output instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def mode_option(command: Command) -> Command:
    """``--mode``: whose journal is read."""
    return click.option(
        "--mode",
        type=click.Choice([mode.lower() for mode in MODES], case_sensitive=False),
        help="Whose journal to read; default: the mode of logs/status.json.",
    )(command)


def print_json(content: object) -> None:
    """One JSON object, keys as given."""
    click.echo(json.dumps(content, indent=2, default=_plain))


def page_console() -> "Console":
    """Where pages are printed: as wide as the terminal, 120 columns where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def problem_of(error: BaseException) -> Problem | None:
    """An error that is no bug, in words and with its exit code; None for a bug, whose traceback is worth reading."""
    from alpaca_trader.core.errors import TraderError

    if isinstance(error, click.UsageError):
        path = error.ctx.command_path.partition(" ")[2] if error.ctx else ""
        hint = f"alpaca-trader {path} --help".replace("  ", " ")
        return Problem(f"{error.format_message()} ({hint})", EXIT_USAGE)
    if isinstance(error, click.ClickException):
        return Problem(error.format_message(), error.exit_code)
    if isinstance(error, TraderError):
        # Told by name, not by class: edge/arming.py would be imported by every command that fails.
        return Problem(str(error), EXIT_REFUSED if type(error).__name__ == "NotArmed" else EXIT_ERROR)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Problem(f"{where}{error.strerror or error}", EXIT_ERROR)
    return None


def read_status(home: Path) -> Status | None:
    """What the engine last published; None where there is nothing. Raises BadInput where it is no status page."""
    from alpaca_trader.core.errors import BadInput

    file = home / "logs" / "status.json"
    try:
        page = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        page = None
    if not isinstance(page, dict) or page.get("mode") not in MODES or not isinstance(page.get("timestamp"), str):
        raise BadInput(f"{file} is not a status page of this program; remove it, a running engine writes it anew")
    return Status(page, page["mode"])


@contextmanager
def journal(home: Path, mode: str | None) -> "Iterator[tuple[JournalReader, str]]":
    """The journal of ``mode`` (None: that of the status page, else the only one there is), and its mode.

    Raises NotFound where there is none, and what ``JournalReader`` raises.
    """
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.home import Home
    from alpaca_trader.edge.journal.reader import JournalReader

    if mode is None:
        status = read_status(home)
        mode = status.mode if status else None
    wanted = [Mode(mode.upper())] if mode else list(Mode)
    files = dict.fromkeys(Home(home).database(each) for each in wanted)
    there = [file for file in files if file.exists()]
    if not there:
        asked = f"{wanted[0]} journal" if mode else "journal"
        raise NotFound(f"--home {home}: there is no {asked} in {home / 'data'}; `alpaca-trader run` begins one")
    reader = JournalReader(there[0])
    try:
        found = reader.meta()["mode"]
        if mode and found != wanted[0].value:
            raise NotFound(f"{there[0]} is the journal of {found}, not of {wanted[0]}")
        yield reader, found
    finally:
        reader.close()


def simulated_run(home: Path) -> dict[str, Any] | None:
    """What fixes the simulated run that lies in the home (seed, date ...), and whether it is ``finished``; or None."""
    try:
        content: dict[str, Any] = json.loads((home / "data" / "simulator" / "run.json").read_bytes())
    except FileNotFoundError:
        return None
    return content


def is_engine_running(home: Path) -> bool:
    """Whether a process holds the home's engine lock."""
    return engine_process(home) is not None


def engine_process(home: Path) -> int | None:
    """The process that holds the home's engine lock, 0 where it has not said which; None where there is none.

    Asks with a shared lock: two that ask do not see each other.
    """
    try:
        descriptor = os.open(home / "data" / "engine.lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.pread(descriptor, 20, 0).strip()
        return int(said) if said.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


def require_home(home: Path) -> None:
    """Raises NotFound where ``home`` is no home of this program."""
    if not (home / "config").is_dir():
        raise NotFound(f"--home {home}: is no home of alpaca-trader; `alpaca-trader init --home {home}` makes one")


class IsoDate(click.ParamType[date]):
    """A day, written 2026-11-20."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date; a usage error says how it is written."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"'{value}' is no date; write it as 2026-11-20", param, ctx)


class Speed(click.ParamType[float]):
    """Times real time, or max: as fast as the machine goes (None)."""

    name = "N|max"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The factor; infinity for max. A usage error says what is right."""
        if value == "max":
            return float("inf")
        try:
            speed = float(value)
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"'{value}' is no speed; give a number above 0 (times real time), or max", param, ctx)
        from alpaca_trader.simulator.control.pace import FASTEST

        if speed > FASTEST:
            self.fail(f"'{value}' is beyond {FASTEST:,} times real time; use max", param, ctx)
        return speed


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
