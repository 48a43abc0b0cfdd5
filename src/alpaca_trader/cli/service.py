"""``service``: the engine under launchd or systemd."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import click

from alpaca_trader.cli.common import NotFound, home_option, require_home
from alpaca_trader.core.errors import BadInput
from alpaca_trader.edge.credentials import OP_KEY, op_variables
from alpaca_trader.edge.service import Kind, Service, install_path, load_commands, render, unload_commands

kind_option = click.option(
    "--kind",
    type=click.Choice(["launchd", "systemd"]),
    default="launchd" if sys.platform == "darwin" else "systemd",
    show_default="launchd on macOS, else systemd",
    help="The service manager.",
)
service_mode_option = click.option(
    "--mode",
    type=click.Choice(["paper", "live"]),
    default="paper",
    show_default=True,
    help="What the service trades.",
)
load_option = click.option("--load", is_flag=True, help="Run the service manager's commands too, not only show them.")


@click.group()
def service() -> None:
    """Run as a service: launchd or systemd."""


@service.command("render")
@kind_option
@service_mode_option
@home_option
def render_command(kind: Kind, mode: Literal["paper", "live"], home: Path) -> None:
    """Print the service manager's file for this installation and home."""
    click.echo(_text(kind, mode, home), nl=False)


@service.command("install")
@kind_option
@service_mode_option
@load_option
@home_option
def install_command(kind: Kind, mode: Literal["paper", "live"], load: bool, home: Path) -> None:
    """Write the file where the service manager looks, and show (or, with --load, run) what starts it."""
    require_home(home)
    text = _text(kind, mode, home)
    target = install_path(kind, Path.home())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    click.echo(f"wrote {target}")
    if mode == "live":
        click.echo("live: a human says `alpaca-trader arm` on a terminal first")
    if not op_variables(os.environ):
        click.echo(f"keys: {OP_KEY} is not set here, so the service must get them from its manager (docs/commands.md)")
    _run_or_show(load_commands(kind, target), load, "start it")


@service.command("uninstall")
@kind_option
@load_option
def uninstall_command(kind: Kind, load: bool) -> None:
    """Stop the service (with --load; else show how) and remove its file."""
    target = install_path(kind, Path.home())
    if not target.exists():
        raise NotFound(f"{target}: there is no such file; the service is not installed")
    _run_or_show(unload_commands(kind, target), load, "stop it")
    target.unlink()
    click.echo(f"removed {target}")


def _text(kind: Kind, mode: Literal["paper", "live"], home: Path) -> str:
    # A service inherits no variable of this shell, so it is told where 1Password keeps the keys.
    try:
        # The interpreter is not resolved: in a virtual environment it is a link, and the link knows the environment.
        return render(kind, Service(Path(sys.executable).absolute(), home.absolute(), mode, op_variables(os.environ)))
    except ValueError as error:
        raise BadInput(str(error)) from error


def _run_or_show(commands: list[list[str]], run: bool, purpose: str) -> None:
    """Raises BadInput where the service manager is missing or refuses."""
    for command in commands:
        line = " ".join(command)
        if not run:
            click.echo(f"{purpose}: {line}")
            continue
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BadInput(f"`{line}` failed ({error}); the file stays, run it by hand") from error
        click.echo(f"done: {line}")
