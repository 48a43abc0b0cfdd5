"""``arm``: a human's word that live trading may go on, also while the engine runs."""

import sys
from pathlib import Path

import click

from alpaca_trader.cli.common import RefusedByPolicy, home_option, require_home


@click.command()
@home_option
def arm(home: Path) -> None:
    """Arm live trading for thirty days. For a human on a terminal, who types the end of the account's number.

    A running engine takes note before its next minute, unless the policy has changed since it began.
    """
    require_home(home)
    if not sys.stdin.isatty():
        raise RefusedByPolicy("arm: no human on a terminal; arming is a human's decision")
    from importlib.metadata import version

    from alpaca_trader.cli.hosted import hosted_broker
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge import arming
    from alpaca_trader.edge.clock import SystemClock
    from alpaca_trader.edge.config_store import ConfigStore
    from alpaca_trader.edge.home import Home

    place, clock = Home(home), SystemClock()
    policy = ConfigStore(place.config).load()[1]
    arming.check_mode(policy)
    with hosted_broker(Mode.LIVE, clock) as broker:
        number = broker.get_account().account_number
    arming.check_account(policy, number)
    arms = arming.Arming(place.data / "armed.json", policy, number, version("alpaca-trader"))
    arms.arm(clock.now(), lambda question: click.prompt(question, prompt_suffix="", default="", show_default=False))
    click.echo(f"armed for {arming.ARMED_FOR.days} days")
