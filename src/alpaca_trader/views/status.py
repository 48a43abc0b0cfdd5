"""What the engine last published, in a terminal.

Reads nothing but the status file and imports little, so that a look takes no longer than it must.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alpaca_trader.core.models import Mode
from alpaca_trader.views.words import (
    MODE_STYLE,
    NOTHING,
    clock,
    clock_s,
    colour,
    day_of,
    day_words,
    duration,
    fixed,
    label,
    price,
    printable,
    shares,
    signed,
)

STALE_S = 150.0
"""An engine at work publishes every minute; after two and a half somebody should look."""
FIRST_READS = frozenset({"no_config", "account_unread"})
"""What stops entries in an engine that has only just begun."""
HALT_ENDS = {
    "daily_loss": "until the next session",
    "daily_loss_flatten": "until the next session",
    "loss_streak": "until its pause is over",
    "not_armed": "until a human arms live trading",
}
"""Halts that end by themselves; every other one that was latched stays until a human resumes."""
BAD_STATES = frozenset({"unprotected", "arming"})


def print_status(console: Console, status: Mapping[str, Any], now: datetime | None = None) -> None:
    """``status.json`` for people. ``now`` is the present where staleness matters: live, not in a finished simulation."""
    at = datetime.fromisoformat(status["timestamp"])
    console.print(_header(status, at), soft_wrap=True)
    if now is not None and (age := (now - at).total_seconds()) > STALE_S:
        text = f"published {duration(age)} ago: no engine is at work here, or it hangs"
        console.print(Text(text, style="bold red"))
    console.print()
    console.print(_figures(status))
    if status["positions"]:
        console.print()
        print_positions(console, status)


def _header(status: Mapping[str, Any], at: datetime) -> Text:
    mode = Mode(status["mode"])
    head = Text(f" {mode.value} ", style=MODE_STYLE[mode])
    return head.append(f"  {day_words(day_of(at))} {clock_s(at)} New York", style="bold not reverse default on default")


def _figures(status: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    account, pnl = status["account"], status["daily_pnl"]
    money = f"{fixed(account['portfolio_value'])} USD, cash {fixed(account['cash'])}"
    grid.add_row("Account", f"{money}, buying power {fixed(account['buying_power'])}")
    today = Text(f"{signed(pnl)} USD ({signed(status['daily_pnl_pct'])} %)", style=colour(pnl))
    grid.add_row("Today", today.append(f", {status['trades_today']} trades closed", style="default"))
    grid.add_row("Market", _market(status["session"]))
    grid.add_row("Entries", _entries(status))
    grid.add_row("Protected", _protected(status))
    grid.add_row("Orders", f"{status['orders_open']} open")
    grid.add_row("Settings", _settings(status["config"]))
    grid.add_row("Health", _health(status["health"]))
    for warning in status.get("warnings", ()):  # absent in what an older engine published
        grid.add_row("Warning", Text(printable(warning["text"], 400), style="yellow"))
    return grid


def _protected(status: Mapping[str, Any]) -> Text:
    if not status["protected"]:
        return Text("NO, a position has no stop", style="bold red")
    return Text("yes, every position has its stop", style="green") if status["positions"] else Text("nothing held")


def _market(session: Mapping[str, Any] | None) -> str:
    if session is None:
        return "no session yet"
    opens, closes = (clock(datetime.fromisoformat(session[key])) for key in ("open", "close"))
    state = "open" if session["is_open"] else "closed"
    return f"{state}; session {session['date']}, {opens} to {closes}"


def _entries(status: Mapping[str, Any]) -> Text:
    halt = status["halt"]
    if halt is not None:
        is_fresh = status["account"]["portfolio_value"] is None and status["config"]["state"] == "active"
        if is_fresh and halt["code"] in FIRST_READS:
            return Text("starting: none before settings and account are read")
        codes = [halt["code"], *(code for code in halt["latched"] if code != halt["code"])]
        ends = "; ".join(f"{label(code)}, {_halt_end(code, halt['latched'])}" for code in codes)
        return Text(f"HALTED: {ends}", style="bold red")
    refusals = ", ".join(f"{label(code)} {count}" for code, count in status["refusals_today"].items())
    text = f"{status['entries_today']} today by {', '.join(label(name) for name in status['strategies_active']) or NOTHING}"
    return Text(f"{text}; refused: {refusals}" if refusals else text)


def _halt_end(code: str, latched: Sequence[str]) -> str:
    return HALT_ENDS.get(code, "until a human resumes") if code in latched else "until that is mended"


def _settings(config: Mapping[str, Any]) -> Text:
    active = f"{config['active_rev'] or 'none'} in force"
    if config["state"] == "active":
        return Text(active)
    return Text(
        f"{active}; the file as it lies there was REFUSED: {printable(str(config['detail']), 400)}", style="red"
    )


def _health(health: Mapping[str, Any]) -> Text:
    lost = [label(name) for name, is_up in health["streams"].items() if not is_up]
    troubles = [f"stream lost: {', '.join(lost)}"] if lost else []
    troubles += [f"{name} {health[name]}" for name in ("journal", "log") if health.get(name, "ok") != "ok"]
    alarms = health.get("alarms", {})
    if alarms.get("undelivered"):
        troubles.append(f"{alarms['undelivered']} alarms reached nobody ({printable(str(alarms['trouble']))})")
    age = health["account_age_s"]
    read = "account not read yet" if age is None else f"account read {age:.0f} s before"
    if troubles:
        return Text("; ".join(troubles), style="bold red")
    return Text(f"good; {read}, clock {signed(health['clock_skew_s'], 3)} s from the broker's")


def print_positions(console: Console, status: Mapping[str, Any]) -> None:
    """The open positions as last published; one line where there is none."""
    if not status["positions"]:
        console.print("No position is open.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("Symbol", "State", "Strategy"):
        table.add_column(title)
    for title in ("Shares", "Entry", "Stop", "Unrealized"):
        table.add_column(title, justify="right", no_wrap=True)
    for position in status["positions"]:
        state, gain = position["state"] or NOTHING, position["unrealized_pnl"]
        table.add_row(
            Text(printable(position["symbol"])),
            Text(label(state), style="bold red" if state in BAD_STATES else ""),
            label(position["strategy"]),
            shares(position["qty"]),
            price(position["entry_price"]),
            price(position["stop_price"]),
            Text(signed(gain), style=colour(gain)),
        )
    console.print(table)
