"""``why``, ``why-not``, ``report``: the journal's answers."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import (
    IsoDate,
    NotFound,
    home_option,
    journal,
    json_option,
    mode_option,
    page_console,
    print_json,
    simulated_run,
)

if TYPE_CHECKING:
    from alpaca_trader.edge.journal.reader import JournalReader
    from alpaca_trader.views.account import RunAccount

REPORT = "report.html"


@click.command()
@click.argument("trade_id", type=click.IntRange(1))
@mode_option
@home_option
@json_option
def why(trade_id: int, mode: str | None, home: Path, as_json: bool) -> None:
    """Why a trade happened and what became of it.

    TRADE_ID: the number `alpaca-trader trades` shows.
    """
    from alpaca_trader.views.why import NotRecorded, print_why, why_json
    from alpaca_trader.views.why import why as why_story

    with journal(home, mode) as (reader, found):
        try:
            story = why_story(reader, trade_id)
        except NotRecorded as error:
            raise NotFound(str(error)) from error
    if as_json:
        print_json({"mode": found, **why_json(story)})
        return
    click.echo(f"{found}  {home}")
    print_why(page_console(), story)


@click.command("why-not")
@click.argument("symbol")
@click.argument("minute", metavar="HH:MM")
@click.option("--date", "day", type=IsoDate(), help="The session; default: the last one in the journal.")
@mode_option
@home_option
@json_option
def why_not(symbol: str, minute: str, day: date | None, mode: str | None, home: Path, as_json: bool) -> None:
    """Why a symbol was not bought at a minute.

    SYMBOL: one that was watched. HH:MM: New York time at which the bar closed.
    """
    from alpaca_trader.views.why import NotRecorded
    from alpaca_trader.views.why_not import print_why_not, why_not_json
    from alpaca_trader.views.why_not import why_not as why_not_story

    with journal(home, mode) as (reader, found):
        try:
            story = why_not_story(reader, symbol, f"{day} {minute}" if day else minute)
        except NotRecorded as error:
            raise NotFound(str(error)) from error
    if as_json:
        print_json({"mode": found, **why_not_json(story)})
        return
    click.echo(f"{found}  {home}")
    print_why_not(page_console(), story)


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to; default: report.html of the home."
)
@click.option("--date", "day", type=IsoDate(), help="Only this session; default: all in the journal.")
@mode_option
@home_option
def report(out: Path | None, day: date | None, mode: str | None, home: Path) -> None:
    """Write the picture of the days as one HTML file.

    Equity, the busiest symbol with entries, exits and stops, trades, refusals, protection. It needs no network.
    """
    from alpaca_trader.edge.home import Home
    from alpaca_trader.views.day import run_account

    target = out or home / REPORT
    simulated = simulated_run(home)
    seed = simulated["seed"] if simulated else None
    with journal(home, mode) as (reader, found):
        account = run_account(reader, Home(home), seed=seed, report=target, first=day, last=day)
        if not account.days:
            raise NotFound(
                f"--date {day}: the journal has no such session" if day else "the journal has no session yet"
            )
        write_picture(target, reader, account)
    click.echo(f"{found}  wrote {target} ({', '.join(each.isoformat() for each in account.dates)})")


def write_picture(target: Path, reader: "JournalReader", account: "RunAccount") -> None:
    """Write the page to ``target``. Raises BadInput, which says why there is none."""
    from alpaca_trader.core.errors import BadInput

    try:
        from alpaca_trader.views.report import write_report
    except ModuleNotFoundError as missing:
        raise BadInput(f"the picture needs {missing.name}: pip install 'alpaca-trader[report]'") from missing
    try:
        write_report(target, reader, account)
    except OSError as error:
        raise BadInput(f"{target} cannot be written ({error.strerror}); name another file with --out") from error
