"""``sim``: the embedded Alpaca on its own, for any Alpaca client."""

from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import IsoDate

if TYPE_CHECKING:
    from alpaca_trader.simulator import RunningSimulator
    from alpaca_trader.simulator.impersonation import Doors

DEFAULT_PORT = 8765
DEFAULT_TLS_PORT = 8443
DEFAULT_PROXY_PORT = 8444
LEAD = timedelta(minutes=1)


@click.group()
def sim() -> None:
    """The embedded Alpaca on its own."""


@sim.command()
@click.option("--profile", default="live467", show_default=True, help="The kind of account (live467, paper100k).")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option(
    "--bars", type=click.Path(path_type=Path), help="Play what was recorded: bars, trades, quotes (a file or a folder)."
)
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="What fixes the market.")
@click.option("--date", "day", type=IsoDate(), help="The first session.")
@click.option("--days", type=click.IntRange(1, 250), default=1, show_default=True, help="Sessions with a market.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1, show_default=True, help="Times real time.")
@click.option("--tls", type=click.Path(path_type=Path), help="Play the broker's hosts; the certificate is kept here.")
@click.option(
    "--tls-port", type=click.IntRange(0, 65535), default=DEFAULT_TLS_PORT, show_default=True, help="With --tls."
)
@click.option(
    "--proxy-port", type=click.IntRange(0, 65535), default=DEFAULT_PROXY_PORT, show_default=True, help="With --tls."
)
def serve(
    profile: str,
    port: int,
    bars: Path | None,
    seed: int,
    day: date | None,
    days: int,
    speed: float,
    tls: Path | None,
    tls_port: int,
    proxy_port: int,
) -> None:
    """Serve an account on a market that begins a minute before the open, until Ctrl-C.

    REST and both streams of the trading and the data API, on this machine only. Nothing is kept.
    """
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.edge.calendar import SessionCalendar
    from alpaca_trader.edge.clock import SystemClock
    from alpaca_trader.main import SimOptions, sessions_from, simulated_market
    from alpaca_trader.simulator import Simulator
    from alpaca_trader.simulator import serve as serve_simulator
    from alpaca_trader.simulator.impersonation import impersonating
    from alpaca_trader.simulator.tls import identity_in

    options = SimOptions(Path(), seed, bars, day, days, speed, profile)
    calendar, clock = SessionCalendar(), SystemClock()
    market, identity = simulated_market(options, (), calendar)
    first = sessions_from(calendar, date.fromisoformat(identity.date), days)[0]
    try:
        simulator = Simulator(market, seed=seed, start=first.open - LEAD, profile=profile)
        certificate = identity_in(tls) if tls else None
    except ValueError as error:
        raise BadInput(str(error)) from error

    with ExitStack() as doors:

        def announce(running: "RunningSimulator") -> None:
            opened = None
            if certificate:
                opened = doors.enter_context(impersonating(running.port, certificate, tls_port, proxy_port))
            click.echo(_welcome(running, opened, f"{identity.date}, {profile}, {speed:g} x real time"))

        serve_simulator(simulator, port, speed, clock.monotonic, clock.sleep, lambda: False, announce)
    click.echo("ended")


def _welcome(running: "RunningSimulator", doors: "Doors | None", what: str) -> str:
    tls = f"TLS      {doors.tls_url}\nproxy    {doors.proxy_url}\ntrust    {doors.authority}\n" if doors else ""
    return f"""SIM  {what}
REST     {running.url}
streams  {running.ws_url}/stream  {running.ws_url}/v2/iex
{tls}key id   {running.key}
secret   {running.secret}

TradingClient("{running.key}", "{running.secret}", url_override="{running.url}")
Ctrl-C ends it."""
