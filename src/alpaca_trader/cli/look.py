"""``status``, ``positions``, ``orders``, ``trades``: what the engine published and what it journalled."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alpaca_trader.cli.common import (
    IsoDate,
    Status,
    Unreachable,
    home_option,
    is_engine_running,
    journal,
    json_option,
    mode_option,
    page_console,
    print_json,
    read_status,
)

if TYPE_CHECKING:
    from alpaca_trader.edge.journal.reader import TradeRow

day_option = click.option("--date", "day", type=IsoDate(), help="Of this session; default: see above.")


@click.command()
@home_option
@json_option
def status(home: Path, as_json: bool) -> None:
    """What the engine last published, and whether it runs."""
    found, is_running = _published(home), is_engine_running(home)
    age_s = _age_s(found)
    if as_json:
        print_json({**found.page, "running": is_running, "age_s": age_s})
        return
    from alpaca_trader.views.status import print_status

    # The time by which an engine at work is late means something while a market is open, and nothing in a simulation.
    now = _now() if age_s is not None and is_running and (found.page.get("session") or {}).get("is_open") else None
    print_status(page_console(), found.page, now)
    click.echo(f"\n{_engine_line(is_running, age_s)}  {home}")


@click.command()
@home_option
@json_option
def positions(home: Path, as_json: bool) -> None:
    """Open positions with their stops, as last published."""
    found, is_running = _published(home), is_engine_running(home)
    page = found.page
    if as_json:
        shown = {key: page[key] for key in ("mode", "timestamp", "protected", "positions")}
        print_json({**shown, "running": is_running})
        return
    click.echo(f"{found.mode}  {page['timestamp']}  {_engine_line(is_running, _age_s(found))}")
    from alpaca_trader.views.status import print_positions

    print_positions(page_console(), page)


@click.command()
@day_option
@mode_option
@home_option
@json_option
def orders(day: date | None, mode: str | None, home: Path, as_json: bool) -> None:
    """Orders the engine sent in a session (default: the last), newest last."""
    from alpaca_trader.views.orders import orders_json, orders_of_day, print_orders

    with journal(home, mode) as (reader, found):
        stories = orders_of_day(reader, day)
    if as_json:
        print_json({"mode": found, "orders": orders_json(stories)})
        return
    click.echo(f"{found}  {home}")
    print_orders(page_console(), stories)


@click.command()
@day_option
@mode_option
@home_option
@json_option
def trades(day: date | None, mode: str | None, home: Path, as_json: bool) -> None:
    """One row per position, entry to exit (default: all), newest last."""
    from alpaca_trader.views.day import trade_json
    from alpaca_trader.views.trade_table import print_trades
    from alpaca_trader.views.words import day_of

    with journal(home, mode) as (reader, found):
        rows: list[TradeRow] = [row for row in reader.trades() if day in (None, day_of(row.trade.timestamp))]
    if as_json:
        print_json({"mode": found, "trades": [trade_json(row) for row in rows]})
        return
    click.echo(f"{found}  {home}")
    print_trades(page_console(), rows)


def _published(home: Path) -> Status:
    found = read_status(home)
    if found is None:
        raise Unreachable(
            f"--home {home}: no engine has published anything in {home / 'logs'}; `alpaca-trader run` starts one"
        )
    return found


def _age_s(found: Status) -> float | None:
    """Seconds since it was published; None in a simulation, whose time is its own."""
    if found.mode == "SIM":
        return None
    return round((_now() - datetime.fromisoformat(found.page["timestamp"])).total_seconds(), 1)


def _now() -> datetime:
    from alpaca_trader.edge.clock import SystemClock

    return SystemClock().now()


def _engine_line(is_running: bool, age_s: float | None) -> str:
    age = "" if age_s is None else f", published {age_s:.0f} s ago"
    return f"engine {'running' if is_running else 'not running'}{age}"
