"""``why``, ``why-not``, ``report``: the journal's answers."""

from datetime import date
from pathlib import Path

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
)


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
