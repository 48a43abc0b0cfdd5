"""``init``: a new home."""

from pathlib import Path

import click

from alpaca_trader.cli.common import home_option

PAPER_STEPS = """
Next, on paper:
  1. keys of an Alpaca paper account: export APCA_API_KEY_ID and APCA_API_SECRET_KEY,
     or name the 1Password item: export ALPACA_TRADER_OP_KEY=op://VAULT/ITEM
  2. alpaca-trader doctor --home {home} --online
  3. alpaca-trader run --paper --home {home}
Without keys: alpaca-trader run --sim --home {home}-sim"""
LIVE_STEPS = """
Next, live, with real money; both keys are a human's:
  1. keys of the live account: export APCA_API_KEY_ID and APCA_API_SECRET_KEY
  2. in {home}/config/policy.json: "mode": "live", "live_account": the account number,
     and to begin with "max_order_notional_usd": 25
  3. alpaca-trader run --live --home {home}, on a terminal: it asks for the end of the account number"""


@click.command()
@click.option("--live", is_flag=True, help="Tell the steps to live trading. Changes no setting: that is a human's.")
@home_option
def init(live: bool, home: Path) -> None:
    """Make a home: config/, data/, logs/ and the settings files. What lies there is never overwritten."""
    from alpaca_trader.edge.defaults import write_defaults
    from alpaca_trader.edge.home import Home

    place = Home(home)
    place.create()
    written = write_defaults(place)
    for file in (place.strategy_file, place.policy_file):
        click.echo(f"{'wrote' if file.name in written else 'kept '} {file}")
    click.echo((LIVE_STEPS if live else PAPER_STEPS).format(home=home))
