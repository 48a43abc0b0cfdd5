"""The judge sees what must not be: each rule broken by hand at the exchange, without any engine."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from alpaca_trader.trials.plan import Plan
from alpaca_trader.trials.terms import Believed, Broken, Said
from alpaca_trader.trials.trial import Trial
from alpaca_trader.trials.world import World

SYMBOL = "NVDA"
QTY = Decimal("0.2")


@pytest.fixture
def world() -> World:
    """Half an hour after the open, with the minute's bars there, of a day on which things may go wrong; every intent is taken for committed."""
    world = Trial(1, plan=Plan()).world()
    world.judge.disturb()
    world.judge.is_committed = lambda key: True
    pass_time(world, world.hours.open + timedelta(minutes=30, seconds=2) - world.now)
    return world


def pass_time(world: World, span: timedelta) -> None:
    """The exchange alone, the judge looking on."""
    until = world.now + span
    while world.now < until:
        world.sim.advance(until)
        world.judge.look()


def say(world: World, role: str, side: str, qty: Decimal, symbol: str = SYMBOL) -> None:
    """A market order under an id of ours, as an engine would say it that has read the account."""
    world.line.get_account()
    world.line.get_positions()
    key = f"mean_reversion-{symbol}-{world.now:%Y%m%dT%H%M}-{role}"
    world.judge.hear(Said(key, symbol, side, qty, None, None, None, False))
    fields = {"symbol": symbol, "side": side, "type": "market", "time_in_force": "day", "qty": qty}
    world.sim.exchange.submit({**fields, "client_order_id": key})
    pass_time(world, timedelta(seconds=1))


def buy(world: World) -> None:
    """We hold something without a stop."""
    say(world, "entry", "buy", QTY)
    assert world.judge.holds


def buy_again(world: World) -> None:
    """Another entry in what is held."""
    buy(world)
    pass_time(world, timedelta(minutes=1))
    say(world, "entry", "buy", QTY)


def buy_what_is_on_no_list(world: World) -> None:
    """A symbol that no settings name."""
    say(world, "entry", "buy", QTY, "TSLA")


def sell_what_is_not_ours(world: World) -> None:
    """A human bought the same: our exit sells all of it."""
    buy(world)
    world.sim.exchange.submit(
        {"symbol": SYMBOL, "side": "buy", "type": "market", "time_in_force": "day", "qty": Decimal("0.1")}
    )
    pass_time(world, timedelta(seconds=1))
    say(world, "exit", "sell", QTY + Decimal("0.1"))


def stand_naked(world: World) -> None:
    """A position without a stop for minutes in which every call would have been answered."""
    buy(world)
    pass_time(world, timedelta(minutes=6))


def stand_naked_beside_a_human(world: World) -> None:
    """The human's sale claims the human's own shares: it excuses nothing."""
    buy(world)
    human = {"symbol": SYMBOL, "time_in_force": "day", "qty": QTY}
    world.sim.exchange.submit({**human, "side": "buy", "type": "market"})
    pass_time(world, timedelta(seconds=1))
    world.sim.exchange.submit({**human, "side": "sell", "type": "limit", "limit_price": Decimal(900)})
    pass_time(world, timedelta(minutes=6))


def forget_a_halt(world: World) -> None:
    """It was told, the step was over, and the journal of the dead process has none."""
    world.judge.halt("daily_loss")
    world.judge.end_step()
    world.judge.restart(())


def watch_an_entry_for_ever(world: World) -> None:
    """An entry that never arrived, faults long over: it is neither open nor given up."""
    world.line.get_account()
    world.line.get_positions()
    key = f"mean_reversion-{SYMBOL}-{world.now:%Y%m%dT%H%M}-entry"
    world.judge.hear(Said(key, SYMBOL, "buy", QTY, None, None, None, False))
    cash = world.sim.exchange.account().cash
    believed = Believed({}, {key}, {key}, None, (), cash, Decimal(0))
    pass_time(world, world.hours.calm_from + timedelta(minutes=5) - world.now)
    world.judge.compare(believed)
    pass_time(world, timedelta(minutes=6))
    world.judge.compare(believed)


@pytest.mark.parametrize(
    ("do", "rule"),
    [
        (buy_again, "INV-10"),
        (buy_what_is_on_no_list, "INV-11"),
        (sell_what_is_not_ours, "INV-9"),
        (stand_naked, "INV-7"),
        (stand_naked_beside_a_human, "INV-7"),
        (forget_a_halt, "INV-12"),
        (watch_an_entry_for_ever, "INV-17"),
    ],
)
def test_what_must_not_be_is_seen(world: World, do: Callable[[World], None], rule: str) -> None:
    """The rule that is named, no other."""
    with pytest.raises(Broken) as broken:
        do(world)
    assert broken.value.rule == rule


def test_what_is_excused(world: World) -> None:
    """A word that failed meanwhile begins the minutes anew; a halt of the step in which the process died may be gone."""
    buy(world)
    for _ in range(3):
        pass_time(world, timedelta(minutes=4))
        world.judge.note_trouble()
    world.judge.halt("daily_loss")
    world.judge.restart(())
