"""``run``: the engine, in one of its wirings."""

from datetime import date
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import (
    EXIT_INTERRUPTED,
    IsoDate,
    Speed,
    home_option,
    json_option,
    page_console,
    print_json,
)

if TYPE_CHECKING:
    from alpaca_trader.main.trader import RunEnd

SIM_ONLY = ("bars", "day", "days", "seed", "speed", "profile", "fresh")


@click.command()
@click.option("--sim", is_flag=True, help="On the embedded Alpaca: no keys, no network, no real money.")
@click.option("--paper", is_flag=True, help="On Alpaca paper trading (the default).")
@click.option("--live", is_flag=True, help="With real money; needs the policy and a human's arming.")
@click.option(
    "--bars",
    type=click.Path(path_type=Path),
    help="sim: play what was recorded: bars, trades, quotes (file or folder).",
)
@click.option("--date", "day", type=IsoDate(), help="sim: the first session to play.")
@click.option("--days", type=click.IntRange(1, 250), default=1, show_default=True, help="sim: sessions to play.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="sim: what fixes the market.")
@click.option("--speed", type=Speed(), default="max", show_default=True, help="sim: times real time, or max.")
@click.option("--profile", default="live467", show_default=True, help="sim: the kind of account (live467, paper100k).")
@click.option("--fresh", is_flag=True, help="sim: set an interrupted run aside instead of going on with it.")
@home_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    sim: bool,
    paper: bool,
    live: bool,
    bars: Path | None,
    day: date | None,
    days: int,
    seed: int,
    speed: float,
    profile: str,
    fresh: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Trade until the simulated days are over, or, on paper and live, until stopped (Ctrl-C, SIGTERM)."""
    asked = [name for name, is_asked in (("SIM", sim), ("PAPER", paper), ("LIVE", live)) if is_asked]
    if len(asked) > 1:
        raise click.UsageError("give one of --sim, --paper, --live")
    mode = asked[0] if asked else "PAPER"
    given = [name for name in SIM_ONLY if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if mode != "SIM" and given:
        names = ", ".join("--date" if name == "day" else f"--{name}" for name in given)
        raise click.UsageError(f"{names}: only for simulated runs; add --sim, or leave it out")

    from alpaca_trader.cli.progress import Progress
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.clock import SystemClock
    from alpaca_trader.main.hosted import run_hosted
    from alpaca_trader.main.simulated import SimOptions, run_simulated
    from alpaca_trader.views.words import day_of

    started = SystemClock().now()
    with Progress(Mode(mode), home, is_quiet=as_json) as progress:
        if mode == "SIM":
            options = SimOptions(home, seed, bars, day, days, None if isinf(speed) else speed, profile, fresh)
            end = run_simulated(options, progress.watch, progress.begin)
        else:
            end = run_hosted(Mode(mode), home, progress.watch)
    # A journal on paper or live holds months: told is what this process did.
    _tell_end(end, None if mode == "SIM" else day_of(started), as_json)
    if mode == "SIM" and end.is_interrupted:
        click.echo("interrupted; the same command goes on with this run, --fresh begins anew", err=True)
        ctx.exit(EXIT_INTERRUPTED)


def _tell_end(end: "RunEnd", first: date | None, as_json: bool) -> None:
    """Print what the run did since ``first``, from its journal, and write the picture of it."""
    from alpaca_trader.cli.explain import REPORT, write_picture
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.edge.journal.reader import JournalReader
    from alpaca_trader.views.day import print_account, run_account, to_json

    reader = JournalReader(end.home.database(end.mode))
    try:
        target = end.home.path / REPORT
        account = run_account(reader, end.home, seed=end.seed, report=target, first=first)
        write_picture(target, reader, account)
    except BadInput as error:
        click.echo(f"no picture: {error}", err=True)
        account = run_account(reader, end.home, seed=end.seed, first=first)
    finally:
        reader.close()
    if as_json:
        print_json(to_json(account))
    else:
        print_account(page_console(), account)
