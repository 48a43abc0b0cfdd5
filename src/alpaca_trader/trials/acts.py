"""What others do during a trial, and what happens to the machine: each act once, at an instant drawn from the seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from alpaca_trader.core import events as ev
from alpaca_trader.core.policy import Policy
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.trials import restless
from alpaca_trader.trials.plan import ACTS, Plan

if TYPE_CHECKING:
    from alpaca_trader.trials.world import World

_AFTER_OPEN = timedelta(minutes=2)
_LAST_MINUTES = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens at ``at``."""

    at: datetime
    name: str
    do: Callable[["World", Random], None]
    is_certain: bool = False
    """Whether it happens whatever the plan says."""


def acts_of(plan: Plan, seed: int, opens: datetime, calm_from: datetime) -> list[Act]:
    """The day's acts in the order of time, all over when faults end."""
    found: list[Act] = []
    for name in ACTS:
        rng = Random(f"{seed} {name} {opens:%Y%m%d}")
        rate = plan.rates.get(name, 1.0 if name in plan.exactly else 0.0)
        count = int(rate) + (rng.random() < rate % 1)
        if name in plan.exactly:
            count = max(plan.exactly[name])
        span = calm_from - _LAST_MINUTES - opens - _AFTER_OPEN
        found += [Act(opens + _AFTER_OPEN + span * rng.random(), name, _DO[name]) for _ in range(count)]
    return sorted(found, key=lambda act: (act.at, act.name))


def act_at(name: str, at: datetime) -> Act:
    """This act at this instant, whatever the plan says."""
    return Act(at, name, _DO[name], is_certain=True)


def _for(world: "World", rng: Random, longest_s: float) -> float:
    """Seconds that something lasts: never beyond the end of the faults."""
    left = (world.hours.calm_from - world.now).total_seconds()
    return max(1.0, min(rng.uniform(1, longest_s), left))


def _symbol(world: "World", rng: Random) -> str:
    return rng.choice(world.config.watchlist())


def _block(world: "World", rng: Random) -> None:
    world.sim.order_fault("account.blocked", **{"for": _for(world, rng, 600)})


def _lag(world: "World", rng: Random) -> None:
    world.sim.order_fault("account.bp_lag", seconds=5, **{"for": _for(world, rng, 1800)})


def _trade_by_hand(world: "World", rng: Random) -> None:
    """A human buys a little, sells a part or all of what is there."""
    symbol = _symbol(world, rng)
    held = {view.asset.symbol: view for view in world.sim.exchange.positions()}
    fields: dict[str, object] = {"symbol": symbol, "side": "buy", "type": "market", "time_in_force": "day"}
    view = held.get(symbol)
    if view is not None and view.qty_available > 0 and rng.random() < 0.6:
        part = view.qty_available * Decimal(rng.choice(("1", "0.5")))
        fields |= {"side": "sell", "qty": round(part, 9)}
    else:
        fields |= {"notional": Decimal(rng.choice(("2", "10", "40")))}
    world.judge.note_flow()
    try:
        world.sim.exchange.submit(fields)
    except BrokerError:
        return  # too little money, or an order of the engine's in the way: the human leaves it


def _liquidate(world: "World", rng: Random) -> None:
    world.judge.note_flow()
    try:
        world.sim.exchange.liquidate(_symbol(world, rng) if rng.random() < 0.5 else None)
    except BrokerError:
        return  # nothing there to sell
    world.judge.forget_cancelled_strangers()


def _halt_symbol(world: "World", rng: Random) -> None:
    seconds = _for(world, rng, 900)
    world.sim.order_fault("market.halt", symbol=_symbol(world, rng), seconds=seconds, pct=round(rng.uniform(-4, 4), 2))


def _gap(world: "World", rng: Random) -> None:
    world.sim.order_fault(
        "market.gap", symbol=_symbol(world, rng), pct=round(rng.choice((-1, 1)) * rng.uniform(0.3, 6), 2)
    )


def _skew(world: "World", rng: Random) -> None:
    seconds = round(rng.choice((-1, 1)) * rng.uniform(1, 90), 1)
    world.sim.order_fault("clock.skew", seconds=seconds, **{"for": _for(world, rng, 1800)})


def _sleep(world: "World", rng: Random) -> None:
    world.sleep(timedelta(seconds=_for(world, rng, rng.choice((100, 1200)))))


def _dividend(world: "World", rng: Random) -> None:
    world.judge.note_flow()
    world.sim.order_fault("corp.dividend", symbol=_symbol(world, rng), cash=round(rng.uniform(0.1, 2), 2))


def _split(world: "World", rng: Random) -> None:
    symbol, ratio = _symbol(world, rng), rng.choice(("0.5", "0.25", "2"))
    world.judge.note_flow()
    world.sim.order_fault("corp.split", symbol=symbol, ratio=ratio)
    world.judge.note_split(symbol, Decimal(ratio))


def _edit(world: "World", rng: Random) -> None:
    world.edit += 1
    world.config = restless.settings(world.seed, world.edit)
    world.say(ev.ConfigAccepted(world.now, f"rev{world.edit}", world.config, Policy()))


def _tear(world: "World", rng: Random) -> None:
    world.say(ev.ConfigRefused(world.now, "torn", "config/strategy.json: line 3: is not JSON"))


def _second_engine(world: "World", rng: Random) -> None:
    """Another engine on the account rests a buy far below the market; later a human says that entries may go on."""
    symbol = _symbol(world, rng)
    quote = world.sim.market.quote(symbol, world.now)
    key = f"momentum_breakout-{symbol}-{world.now:%Y%m%dT%H%M}-entry"
    if quote is None or not quote.bid or world.sim.exchange.book.has_client_id(key):
        return
    fields = {"symbol": symbol, "side": "buy", "type": "limit", "time_in_force": "day", "client_order_id": key}
    world.judge.expect_stranger(key)
    try:
        world.sim.exchange.submit({**fields, "qty": Decimal("0.1"), "limit_price": round(quote.bid / 2, 2)})
    except BrokerError:
        world.judge.forget_stranger(key)
        return
    world.judge.note_flow()
    _resume_later(world, rng)


def _operator_halt(world: "World", rng: Random) -> None:
    world.say(ev.Command(world.now, "halt", "human", "drill"))
    _resume_later(world, rng)


def _operator_flatten(world: "World", rng: Random) -> None:
    world.say(ev.Command(world.now, "flatten", "human", "drill"))
    _resume_later(world, rng)


def _resume(world: "World", _: Random) -> None:
    world.say(ev.Command(world.now, "resume", "human", "drill"))


def _resume_later(world: "World", rng: Random) -> None:
    at = world.now + timedelta(seconds=_for(world, rng, 1500))
    world.plan_act(Act(at, "resume", _resume, is_certain=True))


_DO: Mapping[str, Callable[["World", Random], None]] = {
    "account.blocked": _block,
    "account.bp_lag": _lag,
    "broker.manual_order": _trade_by_hand,
    "broker.liquidate": _liquidate,
    "market.halt": _halt_symbol,
    "market.gap": _gap,
    "clock.skew": _skew,
    "clock.sleep": _sleep,
    "corp.dividend": _dividend,
    "corp.split": _split,
    "config.edit": _edit,
    "config.torn": _tear,
    "second_engine": _second_engine,
    "operator.halt": _operator_halt,
    "operator.flatten": _operator_flatten,
}
assert _DO.keys() == ACTS.keys(), "every act of the plan is one that can be done"
