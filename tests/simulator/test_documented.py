"""docs/simulator.md says what the simulator is: every route, profile and switch, no other, and its examples run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from alpaca_trader.simulator import (
    PROFILES,
    GeneratedMarket,
    Simulator,
    Switches,
    running_simulator,
)
from alpaca_trader.simulator.control.client import ControlClient
from alpaca_trader.simulator.control.server import controlled
from alpaca_trader.simulator.doors.server import build_app
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.parse import parse_order
from alpaca_trader.simulator.faults.catalogue import CATALOGUE
from alpaca_trader.simulator.rest import data, events, others, trading
from alpaca_trader.simulator.streams import market_data, trade_updates

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
IDLE = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)


def section(heading: str) -> str:
    """What stands under a second-level heading."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(heading: str) -> dict[str, list[str]]:
    """The tables of a section: first cell without its backticks, to the other cells."""
    lines = [line for line in section(heading).splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def simulator() -> Simulator:
    """A generated morning without a rate limit."""
    market = GeneratedMarket(7, ["AAPL", "SPY"], date(2026, 11, 20), history_days=1)
    return Simulator(market, seed=7, start=IDLE, switches=Switches(rate_limit=None))


def served_routes() -> set[str]:
    """Method and path of everything the simulator answers."""
    sim = simulator()
    found = {f"{method} {path}" for method, path, _ in trading.TABLE}
    doors = (data.routes, others.routes, events.routes, trade_updates.routes, market_data.routes)
    for route in (route for door in doors for route in door(sim)):
        assert isinstance(route, Route | WebSocketRoute)
        methods = (route.methods or set()) - {"HEAD"} if isinstance(route, Route) else {"WS"}
        found |= {f"{method} {route.path}" for method in methods}
    return found


def test_every_route_is_documented_and_every_documented_route_is_served() -> None:
    """The table of routes is the router's."""
    assert set(rows("Routes")) == served_routes()


def test_what_is_said_not_to_be_served_is_not() -> None:
    """Each path named as absent answers 404 in the broker's envelope."""
    paths = re.findall(r"`GET (/[^`]+)`", section("Routes").partition("Not served")[2])
    sim = simulator()
    client = TestClient(build_app(sim))
    headers = {"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]}
    assert paths
    for path in paths:
        answer = client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (404, "endpoint not found."), path


def test_options_are_refused() -> None:
    """The one kind of order that is not for US equities is refused, and the page says so."""
    assert "`mleg`" in section("Orders")
    order = {
        "symbol": "SPY",
        "side": "buy",
        "type": "market",
        "time_in_force": "day",
        "qty": "1",
        "order_class": "mleg",
    }
    with pytest.raises(BrokerError, match="mleg") as refusal:
        parse_order(order)
    assert refusal.value.status == 422


def test_every_profile_is_documented_with_its_numbers() -> None:
    """Cash, multiplier, fees and account number are those of the code."""
    said = {
        name: [
            f"{profile.cash}",
            f"{profile.multiplier}",
            *("yes" if each else "no" for each in (profile.has_fees, profile.may_short, profile.has_dividends)),
            profile.account_number,
        ]
        for name, profile in PROFILES.items()
    }
    assert rows("Profiles") == said


def test_every_switch_is_documented_with_its_default() -> None:
    """A new switch, or a default that changed, has to be written down."""
    said = {name: ast.literal_eval(cells[0].strip("`")) for name, cells in rows("Switches").items()}
    defaults = Switches()
    assert said == {field.name: getattr(defaults, field.name) for field in fields(Switches)}


@pytest.mark.parametrize("name", [field.name for field in fields(Switches)])
def test_every_choice_of_a_switch_is_documented(name: str) -> None:
    """What a switch may be set to beside its default stands in its row."""
    kind = str(Switches.__annotations__[name])
    choices = re.findall(r'"\w+"', kind) + (["`None`"] if "None" in kind else [])
    assert [choice for choice in choices if choice not in " ".join(rows("Switches")[name])] == []


def test_every_fault_is_documented_with_its_parameters() -> None:
    """The table is the catalogue: names, parameters with their defaults, what each heeds."""
    table = rows("Faults")
    assert set(table) == {kind.name for kind in CATALOGUE.values() if kind.kind != "client"}
    for kind in (each for each in CATALOGUE.values() if each.kind != "client"):
        _, _, parameters, heeds = table[kind.name]
        said = dict(re.findall(r"`(\w+)=([^`]*)`", parameters))
        assert said == {
            each.name: "" if each.is_optional else "…" if each.default is None else str(each.default)
            for each in kind.parameters
        }, kind.name
        choices = [choice for each in kind.parameters for choice in each.choices]
        assert [choice for choice in choices if choice not in parameters] == [], kind.name
        assert re.findall(r"\w+", heeds) == [*sorted(kind.filters), *kind.limits], kind.name
    for kind in (each for each in CATALOGUE.values() if each.kind == "client"):
        assert f"`{kind.name}`" in section("Faults")


def test_every_route_of_the_control_is_documented() -> None:
    """The table is what `GET /` lists."""
    with running_simulator(simulator()) as running, controlled(running, 0) as url:
        routes = ControlClient(int(url.rpartition(":")[2])).get("/")["routes"]
    assert set(rows("Control")) == set(routes)


EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=[f"example-{number}" for number in range(1, len(EXAMPLES) + 1)])
def test_the_examples_run(code: str) -> None:
    """A reader can paste each: with a port to reach, they end without an error or a warning."""
    with running_simulator(simulator()) as running:
        text = code.replace("http://127.0.0.1:8765", running.url)
        command = [sys.executable, "-c", text]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
