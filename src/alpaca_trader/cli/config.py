"""``config``: the settings, what they mean in dollars, what they were, and the way back."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from alpaca_trader.cli.common import (
    EXIT_ERROR,
    NotFound,
    RefusedByPolicy,
    Status,
    home_option,
    is_engine_running,
    journal,
    json_option,
    mode_option,
    print_json,
    read_status,
    require_home,
)

if TYPE_CHECKING:
    from alpaca_trader.core.config import StrategyConfig
    from alpaca_trader.core.config_view import Change, ConfigWarning
    from alpaca_trader.core.strict_json import Problem
    from alpaca_trader.edge.journal.reader import ConfigRevision

REFERENCE_EQUITY = Decimal(467)
"""The account the owner's design speaks of; shown where no engine has read another."""
RECENT = timedelta(minutes=10)


@click.group()
def config() -> None:
    """Show, check, list and roll back settings."""


class _InForce(NamedTuple):
    """Settings to show: which, from where, and what the file on disk is to them."""

    settings: "StrategyConfig"
    rev: str
    state: str
    detail: str | None


@config.command()
@home_option
@json_option
def show(home: Path, as_json: bool) -> None:
    """The settings, limits in this account's dollars."""
    from alpaca_trader.core.config_view import in_dollars, warnings

    require_home(home)
    status = read_status(home)
    found = _in_force(home, status)
    equity, source = _equity(status)
    limits = in_dollars(found.settings, equity)
    warned = warnings(found.settings, _prices(home, status))
    if as_json:
        print_json(
            {
                "mode": status.mode if status else None,
                "config_rev": found.rev,
                "state": found.state,
                "detail": found.detail,
                "equity": equity,
                "equity_source": source,
                "config": found.settings.model_dump(mode="json", by_alias=True),
                "limits": [limit._asdict() for limit in limits],
                "warnings": [warning._asdict() for warning in warned],
            }
        )
        return
    click.echo(f"{status.mode if status else '(no engine has run)'}  {home}")
    click.echo(f"revision {found.rev}: {found.state}")
    if found.detail:
        click.echo(found.detail)
    _print_settings(found.settings)
    click.echo(f"\nlimits at {equity:.2f} $ ({source})")
    _print_rows([(each.setting, each.percent, f"{each.dollars:.2f} $", each.explanation) for each in limits])
    _print_warnings(warned)


@config.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@home_option
@json_option
@click.pass_context
def check(ctx: click.Context, file: Path | None, home: Path, as_json: bool) -> None:
    """Read settings as the engine would: all problems.

    FILE: what to read; default: the home's config/strategy.json. Nothing is written.
    """
    from alpaca_trader.core.config import config_hash, parse_config
    from alpaca_trader.core.policy import bound, parse_policy
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.config_store import POLICY_FILE, STRATEGY_FILE, read_file

    folder = home / "config"
    target = file or folder / STRATEGY_FILE
    rev, problems, bad = None, [], target
    try:
        policy = parse_policy(read_file(folder, POLICY_FILE), str(folder / POLICY_FILE))
        raw = read_file(target.parent, target.name)
        rev = config_hash(bound(parse_config(raw, str(target)), policy, str(target)))
    except BadSettings as error:
        problems, bad = list(error.problems), Path(error.source)
    if as_json:
        found = [{"path": each.path, "text": each.text} for each in problems]
        print_json({"ok": not problems, "file": str(bad), "config_rev": rev, "problems": found})
    elif not problems:
        click.echo(f"{target}: good, revision {rev}")
    for problem in () if as_json else problems:
        click.echo(_problem_line(bad, problem), err=True)
    if problems:
        ctx.exit(EXIT_ERROR)


@config.command()
@mode_option
@home_option
@json_option
def history(mode: str | None, home: Path, as_json: bool) -> None:
    """The revisions that were in force, newest last."""
    with journal(home, mode) as (reader, found):
        revisions = reader.config_history()
    steps = [(revision, _changes(revisions, place)) for place, revision in enumerate(revisions)]
    if as_json:
        print_json(
            {
                "mode": found,
                "revisions": [
                    {
                        "rev": revision.rev,
                        "at": revision.at,
                        "parent": revision.parent,
                        "changes": [change._asdict() for change in changes],
                    }
                    for revision, changes in steps
                ],
            }
        )
        return
    click.echo(f"{found}  {home}")
    for revision, changes in steps:
        click.echo(
            f"{revision.rev}  {revision.at:%Y-%m-%d %H:%M:%S}Z  {'' if revision.parent else 'the first'}".rstrip()
        )
        for change in changes:
            click.echo(f"    {change.path}: {_value(change.before)} -> {_value(change.after)} ({change.risk})")


@config.command()
@click.argument("rev", required=False)
@mode_option
@home_option
def rollback(rev: str | None, mode: str | None, home: Path) -> None:
    """Write an earlier revision to strategy.json.

    REV: as `config history` shows it, or its beginning; default: the last one in force that the file does not hold.
    """
    from alpaca_trader.core.config import config_hash
    from alpaca_trader.core.policy import bound, parse_policy
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.config_store import POLICY_FILE, STRATEGY_FILE, read_file, write_config

    folder = home / "config"
    with journal(home, mode) as (reader, _):
        wanted = _wanted(reader.config_history(), rev, _rev_on_disk(folder), home)
    policy = parse_policy(read_file(folder, POLICY_FILE), str(folder / POLICY_FILE))
    try:
        settings = bound(wanted.config, policy, f"revision {wanted.rev}")
    except BadSettings as error:
        raise RefusedByPolicy(f"{error}; {folder / STRATEGY_FILE} is unchanged") from error
    write_config(settings, folder / STRATEGY_FILE)
    when = "the next tick" if is_engine_running(home) else "the next start"
    click.echo(f"wrote revision {config_hash(settings)} to {folder / STRATEGY_FILE}; in force at {when}")


def _in_force(home: Path, status: Status | None) -> _InForce:
    """What the file says where it may be used, else what the engine last used. Raises BadSettings without either."""
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.config_store import ConfigStore

    active = status.page.get("config", {}).get("active_rev") if status and is_engine_running(home) else None
    try:
        settings, _, revision = ConfigStore(home / "config").load()
    except BadSettings as error:
        try:
            with journal(home, None) as (reader, _):
                last = reader.config_history()[-1]
        except (NotFound, IndexError):
            raise error from None
        return _InForce(last.config, last.rev, "the last good one; the file on disk is refused", str(error))
    if active is None:
        state = "as in the file; no engine runs"
    elif active == revision.config_rev:
        state = "in force"
    else:
        state = f"as in the file; {active} is in force until the next tick"
    return _InForce(settings, revision.config_rev, state, None)


def _equity(status: Status | None) -> tuple[Decimal, str]:
    value = status.page.get("account", {}).get("portfolio_value") if status else None
    if value is None:
        return REFERENCE_EQUITY, "the reference account; no engine has read another"
    return Decimal(str(value)), "logs/status.json"


def _prices(home: Path, status: Status | None) -> Mapping[str, float]:
    """The last close of each symbol the engine saw shortly before it last published."""
    from alpaca_trader.core.events import BarClosed

    if status is None:
        return {}
    since = datetime.fromisoformat(status.page["timestamp"]) - RECENT
    try:
        with journal(home, status.mode) as (reader, _):
            bars = [
                found.entry.bar
                for found in reader.entries(("BarClosed",), since=since)
                if isinstance(found.entry, BarClosed)
            ]
    except NotFound:
        return {}
    return {bar.symbol: bar.close for bar in bars}


def _rev_on_disk(folder: Path) -> str | None:
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.config_store import ConfigStore

    try:
        return ConfigStore(folder).load()[2].config_rev
    except BadSettings:
        return None


def _wanted(
    revisions: "Sequence[ConfigRevision]", rev: str | None, on_disk: str | None, home: Path
) -> "ConfigRevision":
    if rev is None:
        earlier = [each for each in revisions if each.rev != on_disk]
        if not earlier:
            raise NotFound(f"--home {home}: no earlier revision was ever in force")
        return earlier[-1]
    found = {each.rev: each for each in revisions if each.rev.startswith(rev)}
    if len(found) != 1:
        known = ", ".join(dict.fromkeys(each.rev for each in revisions))
        why = "is no revision" if not found else "is the beginning of several revisions"
        raise NotFound(f"'{rev}' {why} of this home; it has {known}")
    return next(iter(found.values()))


def _changes(revisions: "Sequence[ConfigRevision]", place: int) -> "Sequence[Change]":
    from alpaca_trader.core.config_view import diff

    return diff(revisions[place - 1].config, revisions[place].config) if place else ()


def _problem_line(file: Path, problem: "Problem") -> str:
    return f"{file}: {problem.path} {problem.text}" if problem.path else f"{file} {problem.text}"


def _print_settings(settings: "StrategyConfig") -> None:
    content = settings.model_dump(mode="json", by_alias=True)
    click.echo("\nrisk")
    _print_rows([(f"  {name}", _value(value)) for name, value in content["risk"].items()])
    for name, strategy in content["strategies"].items():
        click.echo(
            f"\n{name}: {'enabled' if strategy['enabled'] else 'disabled'}, watches {_value(strategy['watchlist'])}"
        )
        _print_rows([(f"  {key}", _value(value)) for key, value in strategy["params"].items()])


def _print_warnings(warned: "Sequence[ConfigWarning]") -> None:
    for warning in warned:
        click.echo(f"\n{warning.code} {warning.path}: {warning.text}")


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        click.echo("  ".join([*cells, row[-1]]))


def _value(value: Any) -> str:
    from alpaca_trader.core.settings import number

    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    return " ".join(str(each) for each in value) or "nothing" if isinstance(value, list | tuple) else str(value)
