"""``data``: minute bars of the home, in data/bars."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from alpaca_trader.cli.common import EXIT_ERROR, home_option, json_option, print_json
from alpaca_trader.core.errors import BadInput

if TYPE_CHECKING:
    from alpaca_trader.research.bars import Finding

SHOWN = 20
"""Findings of each severity that are listed; --json lists all."""

label_option = click.option(
    "--label", type=click.Choice(["start", "end"]), help="Whether a time is its minute's start (default) or end."
)
zone_option = click.option("--zone", help="Zone of times that name none, such as UTC or America/New_York.")
symbol_option = click.option("--symbol", help="The symbol of a file that has no such column.")


@click.group()
def data() -> None:
    """Import, list and check minute bars."""


@data.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@label_option
@zone_option
@symbol_option
@click.option("--feed", help="Where the bars come from, such as iex or sip; feeds are never mixed.")
@click.option("--adjustment", help="How prices were adjusted: raw, split, dividend, all.")
@click.option("--replace", is_flag=True, help="A stored minute with other numbers gives way.")
@home_option
@json_option
def import_command(
    file: Path,
    label: Literal["start", "end"] | None,
    zone: str | None,
    symbol: str | None,
    feed: str | None,
    adjustment: str | None,
    replace: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Add the bars of a Parquet or CSV file, all or none.

    FILE: columns symbol, timestamp, open, high, low, close, volume, or Alpaca's own letters.
    """
    from alpaca_trader.research.store import BarStore

    with _in_options():
        done = BarStore(home / "data" / "bars").import_file(
            file, label=label, zone=zone, symbol=symbol, feed=feed, adjustment=adjustment, replaces=replace
        )
    if as_json:
        print_json(asdict(done) | {"problems": [_finding_json(found) for found in done.problems]})
        return
    days = f"{done.days[0]} to {done.days[-1]}" if done.days else "no session"
    click.echo(f"{file}: {len(done.symbols)} symbols, {len(done.days)} sessions ({days}), feed {done.feed}")
    click.echo(f"{done.added} bars added, {done.replaced} replaced, {done.known} were there")
    _print_findings(done.problems)


@data.command()
@home_option
@json_option
def ls(home: Path, as_json: bool) -> None:
    """List the stored symbols."""
    from alpaca_trader.research.store import BarStore

    rows = BarStore(home / "data" / "bars").ls()
    if as_json:
        print_json({"symbols": [asdict(row) for row in rows]})
        return
    if not rows:
        _tell_nothing_stored(home)
    for row in rows:
        click.echo(
            f"{row.symbol:<8} {row.first} to {row.last}  {row.days:>5} days {row.bars:>9} bars  {row.feed}, {row.adjustment}"
        )


@data.command()
@click.argument("what", nargs=-1, metavar="[FILE|SYMBOL]...")
@label_option
@zone_option
@symbol_option
@home_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    what: tuple[str, ...],
    label: Literal["start", "end"] | None,
    zone: str | None,
    symbol: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Gaps, duplicates, outliers, wrong clocks.

    FILE: a file of bars. SYMBOL: stored bars; default: all that are stored. Exit code 1 where something is an error.
    """
    from alpaca_trader.research.store import BarStore, check_bars

    files = [Path(each) for each in what if _is_file(each)]
    symbols = [each for each in what if not _is_file(each)]
    store = BarStore(home / "data" / "bars")
    with _in_options():
        findings = [found for file in files for found in check_bars(file, label=label, zone=zone, symbol=symbol)]
    if symbols or not files:
        findings += store.check(symbols or None)
    if as_json:
        print_json({"findings": [_finding_json(found) for found in findings]})
    elif not what and not findings and not store.ls():
        _tell_nothing_stored(home)
    else:
        _print_findings(findings)
    if any(found.severity == "error" for found in findings):
        ctx.exit(EXIT_ERROR)


def _tell_nothing_stored(home: Path) -> None:
    click.echo(f"no bars in {home / 'data' / 'bars'}; alpaca-trader data import FILE")


def _finding_json(found: "Finding") -> dict[str, Any]:
    return asdict(found) | {"text": _optioned(found.text)}


def _optioned(text: str) -> str:
    """What the reader of bars calls its parameters, as the options of these commands."""
    named = re.sub(r"(?<=[ (])(label|zone|symbol)=\.\.\.", r"--\1", text)
    return re.sub(r"(?<=[ (])(label|zone|symbol)=", r"--\1 ", named)  # not in the name of a stored symbol's folder


@contextmanager
def _in_options() -> Iterator[None]:
    """An error about how to read a file names the options."""
    try:
        yield
    except BadInput as error:
        raise BadInput(_optioned(str(error))) from error


def _is_file(word: str) -> bool:
    """A word with a dot or a slash in it names a file, unless it can only be a symbol such as BRK.B."""
    return Path(word).exists() or "/" in word or Path(word).suffix.lower() in (".parquet", ".csv", ".gz")


def _print_findings(findings: "Sequence[Finding]") -> None:
    if not findings:
        click.echo("nothing to object to")
    for severity in ("error", "warning", "note"):
        ours = [found for found in findings if found.severity == severity]
        for found in ours[:SHOWN]:
            click.echo(f"{severity:<8}{_optioned(found.text)}")
        if len(ours) > SHOWN:
            click.echo(f"{severity:<8}and {len(ours) - SHOWN} more (--json lists all)")
