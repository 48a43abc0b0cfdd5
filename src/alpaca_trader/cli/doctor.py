"""``doctor``: what is in order, what is not, and what to do about it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click

from alpaca_trader.cli.common import (
    EXIT_ERROR,
    NotFound,
    home_option,
    is_engine_running,
    journal,
    json_option,
    print_json,
)

OLDEST_PYTHON = (3, 11)
LEAST_BYTES, ENOUGH_BYTES = 100 * 2**20, 1024 * 2**20
"""A year of journal, logs and reports of one account is well below the second."""

Grade = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One thing looked at: how it is, and what to do where it is not good."""

    name: str
    grade: Grade
    text: str


@click.command()
@click.option("--online", is_flag=True, help="Ask the broker too, with the keys found.")
@click.option(
    "--mode",
    type=click.Choice(["paper", "live"]),
    default="paper",
    show_default=True,
    help="Which broker --online asks.",
)
@click.option("--alarm", is_flag=True, help="Send a test message through every alarm channel.")
@home_option
@json_option
@click.pass_context
def doctor(ctx: click.Context, online: bool, mode: str, alarm: bool, home: Path, as_json: bool) -> None:
    """Check this machine, home and account; exit code 1 where something must be mended."""
    findings = list(_findings(home, mode, online, alarm))
    if as_json:
        print_json({"home": str(home), "findings": [each._asdict() for each in findings]})
    else:
        for each in findings:
            click.echo(f"{each.grade:<5} {each.name:<12} {each.text}")
    if any(each.grade == "fail" for each in findings):
        ctx.exit(EXIT_ERROR)


def _findings(home: Path, mode: str, online: bool, alarm: bool) -> Iterator[Finding]:
    yield _python()
    yield _zones()
    yield _home(home)
    yield _disk(home)
    yield _engine(home)
    yield _settings(home)
    yield _journal(home)
    yield _credentials()
    yield from _alarms(home, alarm)
    if online:
        yield _broker(mode)


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", "fail", f"{version}; 3.11 or newer is needed")
    return Finding("python", "ok", version)


def _zones() -> Finding:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Finding("time zones", "fail", "no data for America/New_York; pip install tzdata")
    return Finding("time zones", "ok", "America/New_York is known")


def _home(home: Path) -> Finding:
    if not home.is_dir():
        return Finding("home", "fail", f"{home} is no folder; alpaca-trader init --home {home}")
    for folder in (home, home / "config", home / "data", home / "logs"):
        if not folder.is_dir():
            return Finding("home", "fail", f"{folder} is missing; alpaca-trader init --home {home}")
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            return Finding(
                "home", "fail", f"{folder} cannot be written ({error.strerror}); own it, or name another home"
            )
    if home.stat().st_mode & 0o022:
        return Finding("home", "warn", f"{home} may be written by others; chmod go-w {home}")
    return Finding("home", "ok", str(home.absolute()))


def _disk(home: Path) -> Finding:
    if not home.is_dir():
        return Finding("disk", "warn", "not looked at, there is no home")
    free = shutil.disk_usage(home).free
    text = f"{free / 2**30:.1f} GB free"
    if free < LEAST_BYTES:
        return Finding("disk", "fail", f"{text}; the journal needs room, free some")
    return Finding("disk", "ok" if free >= ENOUGH_BYTES else "warn", text)


def _engine(home: Path) -> Finding:
    return Finding("engine", "ok", "running" if is_engine_running(home) else "not running")


def _settings(home: Path) -> Finding:
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.config_store import ConfigStore

    try:
        config, policy, revision = ConfigStore(home / "config").load()
    except BadSettings as error:
        more = f" (and {len(error.problems) - 1} more: alpaca-trader config check)" if len(error.problems) > 1 else ""
        return Finding("settings", "fail", f"{str(error).splitlines()[0]}{more}")
    if not config.watchlist():
        return Finding("settings", "warn", "no enabled strategy watches a symbol: nothing will be traded")
    return Finding("settings", "ok", f"revision {revision.config_rev}, policy {policy.mode}")


def _journal(home: Path) -> Finding:
    from alpaca_trader.core.errors import TraderError

    try:
        with journal(home, None) as (reader, mode):
            return Finding("journal", "ok", f"{mode}, opened {reader.meta().get('opened', '0')} time(s)")
    except NotFound:
        return Finding("journal", "ok", "none yet; the first run begins one")
    except TraderError as error:
        return Finding("journal", "fail", str(error))


def _credentials() -> Finding:
    from alpaca_trader.core.errors import TraderError
    from alpaca_trader.edge.credentials import load_credentials

    try:
        found = load_credentials(os.environ)
    except TraderError as error:
        return Finding("credentials", "warn", f"{error} (not needed for --sim)")
    return Finding("credentials", "ok", f"found in: {found.source}")


def _alarms(home: Path, is_tried: bool) -> Iterator[Finding]:
    from alpaca_trader.core.errors import BadInput
    from alpaca_trader.core.strict_json import BadSettings
    from alpaca_trader.edge.channels import WEBHOOK, Undelivered, channels
    from alpaca_trader.edge.config_store import ConfigStore

    try:
        found = channels(ConfigStore(home / "config").load()[1], os.environ)
    except BadSettings:
        yield Finding("alarms", "warn", "not looked at, the settings are broken")
        return
    except BadInput as error:
        yield Finding("alarms", "fail", str(error))
        return
    if not found:
        text = f"nobody is told; name alarm_command in config/policy.json, or set {WEBHOOK}"
        yield Finding("alarms", "warn", text)
    for channel in found:
        try:
            if is_tried:
                channel.deliver("alpaca-trader doctor: this is a test, nothing is wrong")
        except Undelivered as failure:
            yield Finding("alarms", "fail", f"{channel.name}: {failure}")
        else:
            yield Finding("alarms", "ok", f"{channel.name}{': took a test message' if is_tried else ''}")


def _broker(mode: str) -> Finding:
    from alpaca_trader.cli.hosted import hosted_broker
    from alpaca_trader.core.errors import TraderError
    from alpaca_trader.core.models import Mode
    from alpaca_trader.edge.clock import SystemClock

    clock = SystemClock()
    try:
        with hosted_broker(Mode(mode.upper()), clock) as broker:
            account, theirs = broker.get_account(), broker.get_clock()
    except TraderError as error:
        return Finding("broker", "fail", f"{mode}: {error}")
    skew = abs((theirs.timestamp - clock.now()).total_seconds())
    text = f"{mode}: account ...{account.account_number[-4:]} {account.status}, equity {account.equity} $"
    if skew > 2:
        return Finding("broker", "warn", f"{text}; this machine's clock is {skew:.0f} s off, switch time sync on")
    return Finding("broker", "ok", text)
