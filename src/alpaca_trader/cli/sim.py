"""``sim``: the embedded Alpaca on its own, for any Alpaca client."""

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from alpaca_trader.cli.common import IsoDate, Speed, json_option, print_json
from alpaca_trader.cli.sim_control import COMMANDS

if TYPE_CHECKING:
    from alpaca_trader.simulator import RunningSimulator
    from alpaca_trader.simulator.doors.impersonation import Doors

DEFAULT_PORT, DEFAULT_TLS_PORT, DEFAULT_PROXY_PORT = 8765, 8443, 8444
_LOOK_S = 0.5
_LOG_EVERY = timedelta(seconds=1)


@click.group()
def sim() -> None:
    """The embedded Alpaca on its own."""


for command in COMMANDS:
    sim.add_command(command)


@sim.command()
@click.option("--profile", default="live467", show_default=True, help="The kind of account (live467, paper100k).")
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free one.")
@click.option("--control-port", type=click.IntRange(0, 65535), help="Of its controls; 8766, else a free one.")
@click.option(
    "--bars", type=click.Path(path_type=Path), help="Play what was recorded: bars, trades, quotes (a file or a folder)."
)
@click.option("--scenario", help="Play this scenario.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="What fixes the market.")
@click.option("--date", "day", type=IsoDate(), help="The first session.")
@click.option("--days", type=click.IntRange(1, 250), default=1, show_default=True, help="Sessions with a market.")
@click.option("--at", metavar="HH:MM", help="New York time to begin at.  [default: a minute before the open]")
@click.option("--speed", type=Speed(), default="1", show_default=True, help="Times real time, or max.")
@click.option("--account", "accounts", multiple=True, metavar="KEY:SECRET[:PROFILE]", help="A further account.")
@click.option("--switch", "switches", multiple=True, metavar="NAME=VALUE", help="See `sim switches`.")
@click.option("--data", type=click.Path(path_type=Path), help="Keep the state in this folder, and go on from it.")
@click.option("--tls", type=click.Path(path_type=Path), help="Play the broker's hosts; the certificate is kept here.")
@click.option(
    "--tls-port", type=click.IntRange(0, 65535), default=DEFAULT_TLS_PORT, show_default=True, help="With --tls."
)
@click.option(
    "--proxy-port", type=click.IntRange(0, 65535), default=DEFAULT_PROXY_PORT, show_default=True, help="With --tls."
)
@click.pass_context
def serve(
    context: click.Context,
    /,
    port: int,
    control_port: int | None,
    speed: float,
    data: Path | None,
    tls: Path | None,
    tls_port: int,
    proxy_port: int,
    **described: Any,
) -> None:
    """Serve accounts on a market with pre-market and after-hours, from a minute before the open on, until Ctrl-C.

    REST and both streams of the trading and the data API, on this machine only. Nothing is kept without --data.
    """
    from alpaca_trader.cli.sim_plan import SimPlan, claimed
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.simulator.control.running import serving
    from alpaca_trader.simulator.control.server import controlled
    from alpaca_trader.simulator.doors.impersonation import impersonating
    from alpaca_trader.simulator.doors.tls import identity_in

    given = {name for name in described if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    plan = SimPlan.of(described).kept_in(data, given) if data else SimPlan.of(described)
    try:
        certificate = identity_in(tls) if tls else None
    except ValueError as error:
        raise BadInput(str(error)) from error
    with ExitStack() as doors:
        if data:
            doors.enter_context(claimed(data))
        simulator, end = plan.simulator(data)
        simulator.log_every = _LOG_EVERY
        doors.callback(simulator.close)
        running = doors.enter_context(serving(simulator, port, speed, end))
        build = None if data else plan.build
        control = doors.enter_context(controlled(running, control_port, build))
        hosts = (
            doors.enter_context(impersonating(running.port, certificate, tls_port, proxy_port)) if certificate else None
        )
        click.echo(_welcome(running, control, hosts, f"{running.now:%Y-%m-%d}, {plan.what()}, {_pace(speed)}"))
        with _until_stopped() as stopped:
            # Looking for garbage among the bars of 11,000 symbols, which are none, would stop the world for a second.
            gc.freeze()
            doors.callback(gc.unfreeze)
            while not stopped.wait(_LOOK_S):
                running.clock.check()
    click.echo("ended")


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """Set by Ctrl-C and SIGTERM; the handlers that were there come back."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@sim.command()
@json_option
def switches(as_json: bool) -> None:
    """Every switch of the simulator: default, alternatives, meaning; * marks what the real broker's documents leave open."""
    from alpaca_trader.simulator.control.tables import shown, switch_table

    table = switch_table()
    if as_json:
        print_json({"switches": table})
        return
    for each in table:
        choices = " | ".join([f"[{shown(each['default'])}]", *map(shown, each["alternatives"])])
        click.echo(f"{each['name']}{' *' if each['unverified'] else ''}\n    {choices}\n    {each['meaning']}")
    click.echo("\n[default]  * unverified: the broker's documents do not say; the default is the cautious reading")


def _pace(speed: float) -> str:
    return "as fast as clients take it, from the first one on" if speed == float("inf") else f"{speed:g} x real time"


def _welcome(running: "RunningSimulator", control: str, doors: "Doors | None", what: str) -> str:
    tls = f"TLS      {doors.tls_url}\nproxy    {doors.proxy_url}\ntrust    {doors.authority}\n" if doors else ""
    keys = "".join(
        f"key id   {desk.keys[0]}  ({desk.profile.name})\nsecret   {desk.keys[1]}\n" for desk in running.sim.desks[1:]
    )
    return f"""SIM  {what}
REST     {running.url}
streams  {running.ws_url}/stream  {running.ws_url}/v2/iex
control  {control}
{tls}key id   {running.key}
secret   {running.secret}
{keys}
TradingClient("{running.key}", "{running.secret}", url_override="{running.url}")
Ctrl-C ends it."""
