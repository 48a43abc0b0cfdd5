"""Nonsense in every command of the exchange: one refusal, no other exception, and nothing has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpaca_trader.simulator import BrokerError, Simulator
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.rest.bodies import order_body
from tests.simulator.tiny import OPEN, bought, order, run_to, simulator

FLAT = ("100.00",) * 24


def world() -> Simulator:
    """A paper account with a position, a resting buy, a bracket that waits and a trailing stop."""
    sim = simulator(*FLAT, profile="paper100k")
    bought(sim, "10")
    sim.exchange.submit(order("buy", "limit", "1", limit_price="90"))
    exits = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "80"}}
    sim.exchange.submit(order("buy", "limit", "1", limit_price="91", order_class="bracket", **exits))
    sim.exchange.submit(order("sell", "trailing_stop", "1", trail_price="5"))
    run_to(sim, OPEN + timedelta(seconds=4))
    return sim


def visible(sim: Simulator) -> object:
    """Everything a client can see of the account."""
    exchange = sim.exchange
    orders = exchange.book.find(OrderFilter("all", limit=500))
    return (
        [order_body(placed, nested=True) for placed in orders],
        list(exchange.positions()),
        exchange.account(),
        list(exchange.activities()),
        list(exchange.ledger()),
        exchange.configuration,
    )


SCALARS: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.decimals(),
    st.text(max_size=6),
    st.sampled_from(
        ["", " ", "1", "0", "-0", "-1", "0.0000000001", "1e-9", "1e15", "9" * 28, "9" * 40, "NaN", "Infinity", "0x10"]
    ),
    st.sampled_from(["buy", "sell", "market", "limit", "stop", "stop_limit", "trailing_stop", "day", "gtc", "opg"]),
    st.sampled_from(["XYZ", "xyz", "bracket", "oto", "oco", "mleg", "sell_to_open", "buy_to_close", "100", "99.999"]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.sampled_from(["limit_price", "stop_price"]), SCALARS)
)
FIELDS = (
    *("symbol", "side", "type", "time_in_force", "qty", "notional", "limit_price", "stop_price", "trail_price"),
    *("trail_percent", "extended_hours", "order_class", "take_profit", "stop_loss", "client_order_id"),
    *("position_intent", "legs", "trail", "advanced_instructions"),
)
NONSENSE = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4)
BASES = [
    order("buy", "market"),
    order("sell", "limit", "1", limit_price="110"),
    order("buy", "stop_limit", "1", stop_price="105", limit_price="106"),
    order("sell", "limit", "1", order_class="oco", take_profit={"limit_price": "110"}, stop_loss={"stop_price": "90"}),
    order("sell", "trailing_stop", "1", trail_percent="1"),
]


@settings(max_examples=150)
@given(base=st.sampled_from(BASES), nonsense=NONSENSE)
def test_nonsense_in_an_order(base: dict[str, object], nonsense: dict[str, object]) -> None:
    """Taken or refused; refused means that nothing is to be seen of it."""
    sim = world()
    before = visible(sim)
    try:
        sim.exchange.submit({**base, **nonsense})
    except BrokerError:
        assert visible(sim) == before
    else:
        run_to(sim, sim.now + timedelta(seconds=1))
        assert sim.exchange.account().cash >= 0


@settings(max_examples=100)
@given(number=st.integers(0, 6), nonsense=NONSENSE)
def test_nonsense_in_a_replacement(number: int, nonsense: dict[str, object]) -> None:
    """The same for every order of the account, filled, held, resting or trailing."""
    sim = world()
    orders = sim.exchange.book.find(OrderFilter("all", is_ascending=True))
    before = visible(sim)
    try:
        sim.exchange.replace(orders[number % len(orders)].id, nonsense)
    except BrokerError:
        assert visible(sim) == before
    else:
        run_to(sim, sim.now + timedelta(seconds=1))
        assert sim.exchange.position("XYZ").qty == 10


Command = Callable[[Simulator], object]
COMMANDS: dict[str, Command] = {
    "submit nothing": lambda sim: sim.exchange.submit({}),
    "replace nobody": lambda sim: sim.exchange.replace("nobody", {"qty": "1"}),
    "replace with nothing": lambda sim: sim.exchange.replace(sim.exchange.book.open_orders()[0].id, {}),
    "cancel nobody": lambda sim: sim.exchange.cancel(""),
    "cancel the filled": lambda sim: sim.exchange.cancel(sim.exchange.book.find(OrderFilter("closed"))[0].id),
    "close an unknown symbol": lambda sim: sim.exchange.close_position("NOPE"),
    "close with both": lambda sim: sim.exchange.close_position("XYZ", "1", "1"),
    "close not a number": lambda sim: sim.exchange.close_position("XYZ", ["1"]),
    "close NaN": lambda sim: sim.exchange.close_position("XYZ", None, Decimal("NaN")),
    "close next to nothing": lambda sim: sim.exchange.close_position("XYZ", None, "0.000000001"),
    "close too much": lambda sim: sim.exchange.close_position("XYZ", "11"),
    "configure a multiplier": lambda sim: sim.exchange.configure({"max_margin_multiplier": "3"}),
    "configure a flag": lambda sim: sim.exchange.configure({"no_shorting": "perhaps"}),
    "configure a good and a bad value": lambda sim: sim.exchange.configure({"suspend_trade": True, "no_shorting": 7}),
    "configure a level": lambda sim: sim.exchange.configure({"max_options_trading_level": 4}),
    "transfer a word": lambda sim: sim.exchange.transfer("much"),
    "transfer nothing": lambda sim: sim.exchange.transfer("0"),
    "transfer a fraction of a cent": lambda sim: sim.exchange.transfer("0.001"),
    "transfer infinity": lambda sim: sim.exchange.transfer(Decimal("Infinity")),
    "withdraw too much": lambda sim: sim.exchange.transfer("-100000.01"),
    "an unknown action": lambda sim: _act(sim, "merger", "XYZ"),
    "an action of nobody": lambda sim: _act(sim, "split", "NOPE"),
    "a split into nothing": lambda sim: _act(sim, "split", "XYZ", new_rate="0"),
    "a split of nothing": lambda sim: _act(sim, "split", "XYZ", old_rate="0"),
    "a split of a word": lambda sim: _act(sim, "split", "XYZ", old_rate="two"),
    "a negative dividend": lambda sim: _act(sim, "cash_dividend", "XYZ", cash="-1"),
    "a dividend of a word": lambda sim: _act(sim, "cash_dividend", "XYZ", cash="a lot"),
    "a name that nobody has": lambda sim: _act(sim, "rename", "XYZ", new_symbol="NOPE"),
    "no name": lambda sim: _act(sim, "rename", "XYZ"),
}


def _act(sim: Simulator, kind: Any, symbol: str, **given: str) -> None:
    sim.exchange.corporate_action(kind, symbol, **given)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_and_changes_nothing(name: str) -> None:
    """A BrokerError, and the account looks as before."""
    sim = world()
    before = visible(sim)
    with pytest.raises(BrokerError):
        COMMANDS[name](sim)
    assert visible(sim) == before


def test_liquidating_what_is_not_held_does_nothing() -> None:
    """No position, no order, no refusal."""
    sim = world()
    before = visible(sim)
    assert sim.exchange.liquidate("NOPE") == []
    assert visible(sim) == before
