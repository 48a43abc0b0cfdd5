"""``simulate``: whole days on which everything fails, judged at every instant."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import EXIT_ERROR, json_option, print_json
from alpaca_trader.core.errors import BadInput

if TYPE_CHECKING:
    from alpaca_trader.trials.batch import Tally
    from alpaca_trader.trials.trial import Outcome, Trial

MOST_DAYS = 260
MOST_SEEDS = 10_000_000


@click.command()
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="What everything is drawn from.")
@click.option("--seeds", type=click.IntRange(1, MOST_SEEDS), default=1, help="Play so many seeds, from --seed on.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=1, show_default=True, help="Sessions a seed.")
@click.option(
    "--faults",
    default="swarm",
    show_default=True,
    help="swarm (drawn per seed), none, or a plan: http.drop=0.1,market.halt=2,ws.dup@3+17 (share of occasions, times a day, very occasions).",
)
@click.option("--until", help="Stop at this instant (UTC, 2026-11-24T15:40:00Z).")
@click.option("--trace", is_flag=True, help="Print every event and action; the same for the same seed, always.")
@click.option("--shrink", is_flag=True, help="Where it fails, look for the shortest run that still does.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option("--list", "as_list", is_flag=True, help="List the faults and what they do.")
@json_option
def simulate(
    seed: int,
    seeds: int,
    days: int,
    faults: str,
    until: str | None,
    trace: bool,
    shrink: bool,
    workers: int,
    as_list: bool,
    as_json: bool,
) -> None:
    """Play days of the engine on the simulated exchange, with faults, and hold every instant to the rules.

    Exits with 1 where a rule is broken, and prints the command that plays it again.
    """
    from alpaca_trader.trials.batch import play_all
    from alpaca_trader.trials.plan import NAMES, Plan
    from alpaca_trader.trials.trial import Trial

    if as_list:
        for name, does in NAMES.items():
            click.echo(f"{name:28} {does}")
        return
    plan = None if faults == "swarm" else Plan.parse(faults, seed)
    trials = [Trial(number, days, plan, _instant(until)) for number in range(seed, seed + seeds)]
    if trace:
        _trace(trials)
        return
    tally = play_all(trials, min(workers, seeds), _tell if seeds > 1 and not as_json else lambda tally: None)
    if as_json:
        print_json(tally.facts())
    else:
        for line in tally.lines():
            click.echo(line)
    if tally.broken:
        if shrink:
            _shrink(tally.broken[0])
        raise SystemExit(EXIT_ERROR)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput(f'--until "{text}": write an instant as 2026-11-24T15:40:00Z')
    return at.astimezone(UTC)


def _tell(tally: "Tally") -> None:
    click.echo(f"\r{tally.days} days, {len(tally.broken)} violations ", err=True, nl=False)


def _trace(trials: "list[Trial]") -> None:
    """Everything the journals of all lives hold, line by line, then how it ended."""
    from alpaca_trader.trials.trial import trace_of

    for trial in trials:
        for line in trace_of(trial):
            click.echo(line)


def _shrink(failed: "Outcome") -> None:
    from alpaca_trader.trials.shrink import shrink

    def watch(outcome: "Outcome") -> None:
        click.echo(f"\r  still fails: {outcome.trial.command()[:150]} ", err=True, nl=False)

    smallest = shrink(failed, watch)
    click.echo("", err=True)
    click.echo(f"shortest: {smallest.broken}")
    click.echo(f"  {smallest.trial.command()}")
