"""``verify``: does what a home tells of its days keep the rules? Offline, read-only, beside a running engine or after it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import EXIT_ERROR, json_option, print_json

if TYPE_CHECKING:
    from alpaca_trader.edge.secret import Secret

KEYS = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "OP_SERVICE_ACCOUNT_TOKEN")
"""Credentials of the environment: no piece of one may lie in the home."""


@click.command()
@click.argument(
    "home", type=click.Path(path_type=Path, exists=True, file_okay=False), envvar="ALPACA_TRADER_HOME", default=Path()
)
@json_option
@click.pass_context
def verify(ctx: click.Context, home: Path, as_json: bool) -> None:
    """Check the journal, logs, status and settings in HOME (default: the current folder) against the rules.

    Ends with 1 where something is wrong, and says where and what to do.
    """
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.views.audit.home import audit, lines

    try:
        checks = audit(home, _known())
    except BadInput as error:
        raise click.UsageError(str(error)) from error
    is_good = all(check.is_good for check in checks)
    if as_json:
        found = [
            {
                "name": check.name,
                "keeps": check.keeps.split(),
                "ok": check.is_good,
                "looked_at": check.looked_at,
                "problems": [problem._asdict() for problem in check.problems],
                "what_to_do": None if check.is_good else check.advice,
            }
            for check in checks
        ]
        print_json({"home": str(home), "ok": is_good, "checks": found})
    else:
        for line in lines(checks):
            click.echo(line)
        bad = sum(not check.is_good for check in checks)
        click.echo("everything holds" if is_good else f"{bad} of {len(checks)} checks found something wrong")
    if not is_good:
        ctx.exit(EXIT_ERROR)


def _known() -> "tuple[Secret, ...]":
    from alpaca_trader.edge.secret import Secret

    return tuple(Secret(os.environ[name]) for name in KEYS if os.environ.get(name))
