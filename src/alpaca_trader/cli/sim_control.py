"""``sim clock``, ``fault``, ``load``, ``accounts``: turn a running ``sim serve`` over its control port."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from alpaca_trader.cli.common import IsoDate, NotFound, Unreachable, json_option, print_json

DEFAULT_CONTROL_PORT = 8766
_UNITS = {
    "s": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
}

Command = TypeVar("Command", bound=Callable[..., Any])


def control_option(command: Command) -> Command:
    """``--control-port``: where the running simulator is turned."""
    return click.option(
        "--control-port",
        type=click.IntRange(1, 65535),
        default=DEFAULT_CONTROL_PORT,
        show_default=True,
        help="Control port of the running `sim serve`.",
    )(command)


def _send(port: int, method: str, path: str, body: Mapping[str, object] | None = None) -> Mapping[str, Any]:
    """One request to the control API; its refusals as errors of the command line."""
    from alpaca_trader.simulator.control.client import ControlClient, ControlError, NotRunning

    try:
        return ControlClient(port).send(method, path, body)
    except ControlError as refusal:
        raise click.ClickException(str(refusal)) from refusal
    except NotRunning as absent:
        raise Unreachable(str(absent)) from absent


@click.command()
@click.argument("what", type=click.Choice(["status", "pause", "step", "run", "speed"]), default="status")
@click.argument("words", nargs=-1, metavar="[AMOUNT]")
@click.option("--until", help="With run: 15:55 (New York), or a timestamp.")
@control_option
@json_option
def clock(what: str, words: tuple[str, ...], until: str | None, control_port: int, as_json: bool) -> None:
    """Virtual time of a running simulator: status, pause, step [N minutes|seconds], run [--until], speed N|max."""
    if words and what not in ("step", "speed"):
        raise click.UsageError(f"{what} takes no {words[0]!r}")
    if until is not None and what != "run":
        raise click.UsageError("--until goes with run")
    body: dict[str, object] = {}
    if what == "step":
        body = {"seconds": _seconds(words)}
    elif what == "speed":
        if len(words) != 1:
            raise click.UsageError("give one speed: a number (times real time), or max")
        body = {"speed": words[0]}
    elif until is not None:
        body = {"until": until}
    if what == "status":
        state = _send(control_port, "GET", "/clock")
    else:
        state = _send(control_port, "POST", f"/clock/{what}", body)
    if as_json:
        print_json(state)
        return
    click.echo(_clock_line(state))


def _seconds(words: Sequence[str]) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", " ".join(words) or "1 minute")
    if found is None or (found[2] or "minutes") not in _UNITS:
        raise click.UsageError(f"{' '.join(words)!r}: write 5, 5 minutes, 30 seconds or 1 hour")
    return float(found[1]) * _UNITS[found[2] or "minutes"]


def _clock_line(state: Mapping[str, Any]) -> str:
    pace = "as fast as it goes" if state["speed"] == "max" else f"{state['speed']:g} x real time"
    if state["waits_for_client"]:
        doing = f"waits for the first stream client, then {pace}"
    elif state["running"]:
        doing = f"running, {pace}" + (f", until {state['until']}" if state["until"] else "")
    else:
        doing = f"paused ({pace} when it runs)"
    return f"{state['new_york']} New York  {state['now']}  {doing}"


@click.command()
@click.argument("what", default="show", metavar="[NAME]")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--symbol", help="Strike this symbol alone.")
@click.option("--route", help="Strike paths that begin so, e.g. /v2/orders; of streams /stream or /v2.")
@click.option("--account", help="Strike this account alone: its number, id or key id.")
@click.option("--probability", type=click.FloatRange(0, 1), help="Of each chance to strike.")
@click.option("--times", type=click.IntRange(1), help="Strike at most so often.")
@click.option("--for", "lasting", type=click.FloatRange(0, min_open=True), help="In force for so many virtual seconds.")
@click.option("--after", type=click.FloatRange(0), help="In force after so many virtual seconds.")
@control_option
@json_option
def fault(
    what: str, settings: tuple[str, ...], lasting: float | None, control_port: int, as_json: bool, **given: object
) -> None:
    """Order a fault by NAME, or list the catalogue, show what is in force, clear [N] one or all of them."""
    if what == "list":
        _show_catalogue(settings, as_json)
        return
    if what == "show":
        found = _send(control_port, "GET", "/faults")
        lines = [_fault_line(each) for each in found["in_force"]] or ["no fault is in force"]
    elif what == "clear":
        number = f"/{_number(settings)}" if settings else ""
        found = _send(control_port, "DELETE", f"/faults{number}")
        lines = [f"{found['lifted']} lifted"]
    else:
        wanted = {name: value for name, value in {**given, "for": lasting}.items() if value is not None}
        found = _send(control_port, "POST", "/faults", {"name": what, **wanted, **_settings(settings)})
        lines = [_fault_line(found)]
    if as_json:
        print_json(found)
        return
    for line in lines:
        click.echo(line)


def _number(words: Sequence[str]) -> int:
    if len(words) != 1 or not words[0].isdecimal():
        raise click.UsageError("clear takes one number, as `sim fault show` prints it")
    return int(words[0])


def _settings(words: Sequence[str]) -> Mapping[str, str]:
    pairs = [word.partition("=") for word in words]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise click.UsageError(f"{name!r}: parameters are written key=value")
    return {name: value for name, _, value in pairs}


def _fault_line(found: Mapping[str, Any]) -> str:
    shown = {name: found[name] for name in ("symbol", "route", "account", "times", "since", "until")}
    if found["probability"] != 1:
        shown["probability"] = found["probability"]
    words = " ".join(f"{name}={value}" for name, value in {**shown, **found["parameters"]}.items() if value is not None)
    return f"{found['number']:>3}  {found['name']}  {words}  struck {found['struck']} of {found['asked']}"


def _show_catalogue(words: Sequence[str], as_json: bool) -> None:
    from alpaca_trader.simulator.control.tables import catalogue_table

    table = [each for each in catalogue_table() if not words or each["name"].startswith(tuple(words))]
    if not table:
        raise NotFound(f"no fault begins with {words[0]!r}; `sim fault list` has all of them")
    if as_json:
        print_json({"faults": table})
        return
    for each in table:
        click.echo(f"{each['name']}  ({each['strikes']}) {each['does']}")
        for one in each["parameters"]:
            default = "required" if one["required"] else "optional" if one["default"] is None else one["default"]
            choices = f"  {' | '.join(one['choices'])}" if one["choices"] else ""
            click.echo(
                f"    {one['name']} = {default} {'' if one['choices'] else one['unit']}{choices}  {one['meaning']}"
            )
        heeds = ", ".join(each["heeds"]) or ("nothing" if each["orderable"] else "cannot be ordered here")
        click.echo(f"    heeds: {heeds}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--scenario", help="Play this scenario.")
@click.option("--date", "day", type=IsoDate(), help="The first session.")
@click.option("--days", type=click.IntRange(1, 250), help="Sessions with a market.")
@click.option("--at", metavar="HH:MM", help="New York time to begin at; else a minute before the open.")
@click.option("--seed", type=click.IntRange(0), help="What fixes the market.")
@control_option
@json_option
def load(control_port: int, as_json: bool, file: Path | None, day: object, **given: object) -> None:
    """Play another market in a running simulator: FILE, a scenario, or another generated one. Accounts begin anew."""
    body = {name: value for name, value in given.items() if value is not None}
    if file is not None:
        body["bars"] = str(file.absolute())
    if day is not None:
        body["date"] = str(day)
    state = _send(control_port, "POST", "/market", body)
    if as_json:
        print_json(state)
        return
    click.echo(_clock_line(state))


@click.command()
@click.argument("what", type=click.Choice(["list", "open", "deposit", "withdraw"]), default="list")
@click.argument("words", nargs=-1, metavar="[VALUE]")
@click.option("--account", type=click.IntRange(0), default=0, show_default=True, help="The number of the account.")
@control_option
@json_option
def accounts(what: str, words: tuple[str, ...], account: int, control_port: int, as_json: bool) -> None:
    """Accounts of a running simulator: list, open KEY:SECRET[:PROFILE], deposit AMOUNT, withdraw AMOUNT."""
    if len(words) != (what != "list"):
        raise click.UsageError(f"{what} takes {'nothing' if what == 'list' else 'one value'}")
    if what == "open":
        key, secret, profile = account_words(words[0])
        _send(control_port, "POST", "/accounts", {"key": key, "secret": secret, "profile": profile})
    elif what != "list":
        amount = words[0] if what == "deposit" else f"-{words[0]}"
        _send(control_port, "POST", f"/accounts/{account}/transfer", {"amount": amount})
    found = _send(control_port, "GET", "/accounts")
    if as_json:
        print_json(found)
        return
    for each in found["accounts"]:
        click.echo(
            f"{each['number']:>3}  {each['key']}  {each['profile']}  cash {each['cash']}  equity {each['equity']}"
            f"  {each['positions']} positions  {each['open_orders']} open orders"
        )


def account_words(text: str) -> tuple[str, str, str]:
    """Key, secret and profile as one word. Raises UsageError for anything else."""
    key, secret, profile = (*text.split(":"), "live467")[:3] if text.count(":") in (1, 2) else ("", "", "")
    if not (key and secret and profile):
        raise click.UsageError("an account is written KEY:SECRET or KEY:SECRET:PROFILE")
    return key, secret, profile


COMMANDS = (clock, fault, load, accounts)
