"""The command log: a simulator that is dropped at any moment stands up again exactly where it stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from alpaca_trader.simulator import BrokerError, Simulator, Switches
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.rest.bodies import activity_body, order_body, position_body
from tests.simulator.exchange.test_money import ACTIONS, Action, act
from tests.simulator.tiny import OPEN, Ear, TinyMarket, before, order, run_to, tape

PRICES = ("100.00", "99.00", "98.00", "101.00", "97.00", "100.00", "103.00", "99.00", "96.00", "100.00")
MARKET = TinyMarket({"XYZ": [*before("XYZ", "100"), *tape("XYZ", *PRICES, size=2)]})


Make = Callable[..., Simulator]


def made(folder: Path | None, **changes: Any) -> Simulator:
    """A simulator with its log in `folder`."""
    values: dict[str, Any] = {"seed": 3, "start": OPEN + timedelta(seconds=1), "switches": Switches(), **changes}
    return Simulator(MARKET, state_dir=folder, **values)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes simulators on the test's own log, and closes their files when the test is over, not before."""
    alive: list[Simulator] = []

    def one(**changes: Any) -> Simulator:
        alive.append(made(tmp_path, **changes))
        return alive[-1]

    yield one
    for sim in alive:
        sim.close()


def state(sim: Simulator) -> dict[str, object]:
    """Everything a client could ask for, field by field."""
    exchange = sim.exchange
    return {
        "now": sim.now,
        "account": exchange.account(),
        "orders": [order_body(placed) for placed in exchange.book.find(OrderFilter(status="all", limit=500))],
        "positions": [position_body(view) for view in exchange.positions()],
        "activities": [activity_body(entry) for entry in exchange.activities()],
        "configuration": exchange.configuration,
    }


def lived(sim: Simulator) -> None:
    """A little history with fills, a refusal, a replace, a cancel and a stop."""
    exchange = sim.exchange
    exchange.submit(order("buy", "market", "1.5", client_order_id="first"))
    sim.advance(sim.now + timedelta(seconds=6))
    with pytest.raises(BrokerError):
        exchange.submit(order("buy", "market", "1", client_order_id="first"))
    stop = exchange.submit(order("sell", "stop", "0.5", stop_price="90"))
    sim.advance(sim.now + timedelta(seconds=1))
    exchange.replace(stop.id, {"stop_price": "97.5"})
    limit = exchange.submit(order("sell", "limit", "1", limit_price="120"))
    run_to(sim, sim.now + timedelta(seconds=2))
    exchange.cancel(limit.id)
    exchange.configure({"trade_confirm_email": "none"})
    run_to(sim, sim.now + timedelta(seconds=20))


def test_a_dropped_simulator_stands_up_where_it_stood(make: Make) -> None:
    """Same ids, fills, money and time; and both go on alike."""
    first = make()
    lived(first)
    second = make()
    assert state(second) == state(first)
    assert len(first.exchange.activities()) >= 2
    ears = Ear(first), Ear(second)
    for sim in (first, second):
        sim.exchange.submit(order("buy", "market", "0.3"))
        run_to(sim, OPEN + timedelta(minutes=1))
    assert state(second) == state(first)
    assert ears[0].heard == ears[1].heard != []


def test_a_torn_last_line_is_dropped(make: Make, tmp_path: Path) -> None:
    """A kill in the middle of a write loses that command alone, and the file goes on cleanly."""
    first = make()
    lived(first)
    first.close()
    log = tmp_path / "exchange.jsonl"
    expected = state(first)
    log.write_bytes(log.read_bytes() + b'{"at":"2026-11-20T14:31:00+00:00","do":"sub')
    second = make()
    assert state(second) == expected
    second.exchange.submit(order("buy", "market", "0.1"))
    assert state(make()) == state(second)


def test_every_prefix_of_the_log_is_a_state_it_has_been_in(make: Make, tmp_path: Path) -> None:
    """Cut the file at every line: the replay never fails and never invents an order."""
    first = make()
    lived(first)
    first.close()
    log = tmp_path / "exchange.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    everything = {body["id"] for body in _orders(first)}
    for count in range(1, len(lines) + 1):
        log.write_bytes(b"".join(lines[:count]))
        sim = make()
        assert {body["id"] for body in _orders(sim)} <= everything
        sim.close()
    assert state(make()) == state(first)


def _orders(sim: Simulator) -> list[dict[str, Any]]:
    return [order_body(placed) for placed in sim.exchange.book.find(OrderFilter(status="all", limit=500))]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seed": 4}, "seed"),
        ({"profile": "paper100k"}, "profile"),
        ({"start": OPEN + timedelta(seconds=2)}, "start"),
        ({"switches": Switches(partial_fills="never")}, "switches"),
    ],
)
def test_a_log_of_another_simulation_is_refused(make: Make, changes: dict[str, Any], name: str) -> None:
    """The error names the file and the field that differs."""
    make().close()
    with pytest.raises(ValueError, match=rf"exchange\.jsonl belongs to another simulation: {name} is"):
        make(**changes)


def test_a_log_of_another_market_is_refused(make: Make, tmp_path: Path) -> None:
    """The market is known by its assets and its first session's bars."""
    make().close()
    other = TinyMarket({"XYZ": tape("XYZ", "100.00", "100.00")})
    with pytest.raises(ValueError, match="market is"):
        Simulator(other, seed=3, start=OPEN + timedelta(seconds=1), state_dir=tmp_path)


@pytest.mark.parametrize("damage", [b"{broken\n", b"[1]\n", b'{"do":"submit"}\n', b'{"at":"never","do":"submit"}\n'])
def test_damage_inside_the_log_is_an_error(make: Make, tmp_path: Path, damage: bytes) -> None:
    """Only the last line may be torn; anything else names file and line."""
    make().close()
    log = tmp_path / "exchange.jsonl"
    log.write_bytes(log.read_bytes() + damage)
    with pytest.raises(ValueError, match=r"exchange\.jsonl line 2 is"):
        make()


@settings(max_examples=40)
@given(actions=ACTIONS)
def test_two_runs_and_a_replay_are_one_history(tmp_path_factory: pytest.TempPathFactory, actions: list[Action]) -> None:
    """Any sequence of commands gives the same state twice, with or without a listener, and again from the log."""
    folder = tmp_path_factory.mktemp("log")
    first, second = made(folder), made(None)
    Ear(second)
    for action in actions:
        act(first, action)
    until = first.now
    for action in actions:
        if action[0] == "wait":
            run_to(second, second.now + timedelta(seconds=float(action[2])))
        else:
            act(second, action)
    assert second.now == until
    assert state(second) == state(first)
    first.close()
    replayed = made(folder)
    assert state(replayed) == state(first)
    replayed.close()
