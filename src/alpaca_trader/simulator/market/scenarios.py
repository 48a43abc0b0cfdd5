"""Markets by name: a generated market in which something particular is sure to happen, the same for the same seed.

A scenario bends what the seed draws and leaves the rest of the market ordinary. Where it is about one company (a halt, a
split, an earnings report) that is the first of the symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from alpaca_trader.simulator.market.actions import split
from alpaca_trader.simulator.market.calendar import SessionHours, sessions_from
from alpaca_trader.simulator.market.draws import STEPS, DayShape, Floats, stream
from alpaca_trader.simulator.market.generator import GeneratedMarket, Halt
from alpaca_trader.simulator.market.symbols import luld_tier, profile_of

DEFAULT_SYMBOLS = ("AAPL", "MSFT", "NVDA", "QQQ", "SPY")
_THIN_SYMBOLS = ("RARE", "THIN")
_SPLITS = ((2, 1), (3, 2), (4, 1), (10, 1), (1, 8))
_MINUTE = timedelta(minutes=1)


class _Case(NamedTuple):
    """What a scenario is built from: the seed, the symbols, the traded sessions."""

    seed: int
    symbols: Sequence[str]
    sessions: Sequence[SessionHours]

    def rng(self, *what: object) -> np.random.Generator:
        """A random stream of the scenario's own."""
        return stream(self.seed, "scenario", *what)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named market: `days` sessions from `day` on. `build` gives the arguments of GeneratedMarket that make it so."""

    name: str
    description: str
    day: date
    build: Callable[[_Case], Mapping[str, Any]]
    days: int = 1
    symbols: Sequence[str] = DEFAULT_SYMBOLS


def scenario(name: str, seed: int, symbols: Sequence[str] | None = None, *, extended: bool = False) -> GeneratedMarket:
    """The market of a scenario, with `symbols` in place of its own; `extended` adds extended hours where it has none.

    Raises ValueError for an unknown name (it names the nearest one) or an empty list of symbols.
    """
    known = find_scenario(name)
    chosen = tuple(known.symbols if symbols is None else symbols)
    if not chosen:
        raise ValueError(f"scenario {name!r} needs at least one symbol")
    arguments = dict(known.build(_Case(seed, chosen, sessions_from(known.day, known.days))))
    arguments["extended"] = extended or arguments.get("extended", False)
    return GeneratedMarket(seed, chosen, known.day, days=known.days, **arguments)


def find_scenario(name: str) -> Scenario:
    """The scenario of that name. Raises ValueError for an unknown one."""
    if name not in SCENARIOS:
        near = get_close_matches(name, SCENARIOS, 1, 0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"scenario {name!r} is unknown{hint} (there are {', '.join(sorted(SCENARIOS))})")
    return SCENARIOS[name]


def _trend_day(case: _Case) -> Mapping[str, Any]:
    hours = case.sessions[0]
    direction = case.rng("trend").choice((-1.0, 1.0))
    shapes = {}
    for symbol in case.symbols:
        move = profile_of(symbol).sigma * case.rng("trend", symbol).uniform(1.8, 2.6)
        shapes[symbol, hours.date] = DayShape(noise=0.2, path=direction * np.linspace(0, move, hours.minutes * STEPS))
    return {"shapes": shapes}


def _chop(case: _Case) -> Mapping[str, Any]:
    hours = case.sessions[0]
    shapes = {}
    for symbol in case.symbols:
        path = _returning(case.rng("chop", symbol), hours.minutes * STEPS, memory=4 * STEPS)
        shapes[symbol, hours.date] = DayShape(noise=0.1, path=0.35 * profile_of(symbol).sigma * path)
    return {"shapes": shapes}


def _returning(rng: np.random.Generator, steps: int, memory: int) -> Floats:
    """A path of standard deviation 1 that is drawn back to zero within about `memory` steps."""
    keep = 1 - 1 / memory
    shocks = rng.standard_normal(steps) * np.sqrt(1 - keep**2)
    path = np.zeros(steps)
    for step in range(1, steps):
        path[step] = keep * path[step - 1] + shocks[step]
    return path


def _crash(case: _Case) -> Mapping[str, Any]:
    hours = case.sessions[0]
    rng = case.rng("crash")
    at, depth = int(rng.integers(90, 180)), rng.uniform(0.10, 0.14)
    t = np.arange(hours.minutes * STEPS) / STEPS
    fall = 1 - np.exp(-np.maximum(t - at, 0) / 9)
    rebound = 0.3 * (1 - np.exp(-np.maximum(t - at - 45, 0) / 60))
    loud = 1 + 6 * np.exp(-np.maximum(np.arange(hours.minutes) - at, 0) / 30) * (np.arange(hours.minutes) >= at)
    shape = DayShape(noise=0.6, path=np.log1p(-depth) * fall * (1 - rebound), volume=loud)
    return {"shapes": {(symbol, hours.date): shape for symbol in case.symbols}}


def _halt_and_gap(case: _Case) -> Mapping[str, Any]:
    hours, symbol = case.sessions[0], case.symbols[0]
    rng = case.rng("halt")
    gap_pct = float(rng.choice((-1.0, 1.0)) * rng.uniform(6, 12))
    halt = Halt(symbol, hours.open + int(rng.integers(60, 120)) * _MINUTE, int(rng.integers(15, 34)), gap_pct)
    burst_at = int(rng.integers(220, 300)) * STEPS
    burst = float(rng.choice((-1.0, 1.0))) * (0.09 if luld_tier(symbol) == 1 else 0.15)
    path = np.zeros(hours.minutes * STEPS)
    path[burst_at:] = np.log1p(burst)
    path[burst_at : burst_at + 2 * STEPS] = np.linspace(0, np.log1p(burst), 2 * STEPS)
    return {"halts": [halt], "shapes": {(symbol, hours.date): DayShape(noise=0.6, path=path)}}


def _half_day(case: _Case) -> Mapping[str, Any]:
    day = case.sessions[0].date
    return {"shapes": {(symbol, day): DayShape(volume=0.5) for symbol in case.symbols}}


def _dst(_case: _Case) -> Mapping[str, Any]:
    return {}


def _split_while_holding(case: _Case) -> Mapping[str, Any]:
    new, old = _SPLITS[int(case.rng("split").integers(len(_SPLITS)))]
    return {"actions": [split(case.symbols[0], case.sessions[1].date, new=new, old=old)]}


def _thin_name(case: _Case) -> Mapping[str, Any]:
    day = case.sessions[0].date
    return {"shapes": {(symbol, day): DayShape(volume=0.02, silence=0.7) for symbol in case.symbols}}


def _earnings_gap(case: _Case) -> Mapping[str, Any]:
    after = case.sessions[1]
    rng = case.rng("earnings")
    gap = float(rng.choice((-1.0, 1.0)) * rng.uniform(0.06, 0.11))
    loud = 2 + 3 * np.exp(-np.arange(after.minutes) / 45)
    shape = DayShape(noise=0.8, gap=np.log1p(gap), path=np.zeros(after.minutes * STEPS), volume=loud)
    return {"shapes": {(case.symbols[0], after.date): shape}, "extended": True}


_FRIDAY, _THURSDAY = date(2026, 11, 20), date(2026, 11, 19)
SCENARIOS: Mapping[str, Scenario] = {
    each.name: each
    for each in (
        Scenario("trend_day", "all symbols go one way from the open to the close", _FRIDAY, _trend_day),
        Scenario("chop", "prices keep returning to where they began", _FRIDAY, _chop),
        Scenario(
            "crash",
            "a fall of 10 to 14 % within half an hour on heavy volume, then a partial recovery",
            _FRIDAY,
            _crash,
        ),
        Scenario(
            "halt_and_gap",
            "the first symbol is halted for news (T1) and reopens 6 to 12 % away; later a burst runs into its price band (LUDP)",
            _FRIDAY,
            _halt_and_gap,
        ),
        Scenario("half_day", "the day after Thanksgiving: 13:00 close, half the volume", date(2026, 11, 27), _half_day),
        Scenario(
            "dst",
            "the Friday before and the Monday after the change to daylight saving time",
            date(2026, 3, 6),
            _dst,
            2,
        ),
        Scenario(
            "split_while_holding",
            "the first symbol splits before the open of the second day",
            _THURSDAY,
            _split_while_holding,
            2,
        ),
        Scenario("thin_name", "most minutes pass without a trade", _FRIDAY, _thin_name, symbols=_THIN_SYMBOLS),
        Scenario(
            "earnings_gap",
            "the first symbol opens the second day 6 to 11 % away on several times its volume; extended hours trade",
            _THURSDAY,
            _earnings_gap,
            2,
        ),
    )
}
