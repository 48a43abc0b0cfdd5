"""The command ``alpaca-trader``: one small file per family of commands. Reads options, calls one thing, prints.

Each family is imported only when it is used, so that ``status`` and ``--help`` start at once.
"""

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from alpaca_trader.cli.common import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, problem_of

FAMILIES = {
    "init": ("start", "Write the settings files a new home needs."),
    "doctor": ("doctor", "Check this machine, home and account; says what to mend."),
    "run": ("run", "Trade: simulated, on paper, or live."),
    "status": ("look", "What the engine last published."),
    "positions": ("look", "Open positions with their stops."),
    "orders": ("look", "Orders the engine sent, newest last."),
    "trades": ("look", "One row per position, entry to exit."),
    "why": ("explain", "Why a trade happened and what became of it."),
    "why-not": ("explain", "Why a symbol was not bought at a minute."),
    "report": ("explain", "Write the day's picture as one HTML file."),
    "verify": ("verify", "Check journal, logs and status against the rules, offline."),
    "halt": ("control", "Stop new entries; stops and exits go on."),
    "resume": ("control", "Let entries through again (a human's decision)."),
    "arm": ("arm", "Arm live trading for thirty days (a human's decision)."),
    "flatten": ("control", "Close every position of ours, and halt."),
    "config": ("config", "Show, check, list and roll back settings."),
    "data": ("data", "Import, list and check minute bars."),
    "sim": ("sim", "The embedded Alpaca on its own."),
    "simulate": ("simulate", "Days on which everything fails, judged at every instant."),
    "service": ("service", "Run as a service: launchd or systemd."),
}
"""Command to (module in this package, one line of help)."""


class LazyGroup(click.Group):
    """Knows every command by name and help line, and imports its module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order a newcomer needs them."""
        return list(FAMILIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where there is none of this name."""
        if cmd_name not in FAMILIES:
            return None
        module = import_module(f"alpaca_trader.cli.{FAMILIES[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of the first word. Raises UsageError for none of ours, with the nearest where one is near."""
        near = get_close_matches(args[0], FAMILIES, 1)
        if near and args[0] not in FAMILIES and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in FAMILIES.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command and exit: an error is told in one line, with the exit code that is documented for it."""
        try:
            sys.exit(super().main(*args, **{**extra, "standalone_mode": False}))
        except click.exceptions.Abort as stopped:
            sys.exit(EXIT_INTERRUPTED if isinstance(stopped.__cause__, KeyboardInterrupt) else EXIT_ERROR)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(EXIT_USAGE)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            click.echo(f"alpaca-trader: {problem.text}", err=True)
            sys.exit(problem.exit_code)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="alpaca-trader", message="alpaca-trader %(version)s")
def root() -> None:
    """Automated trading on Alpaca, with an embedded Alpaca to try it on."""


main = root
"""Entry point."""
