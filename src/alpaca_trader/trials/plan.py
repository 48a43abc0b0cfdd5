"""What goes wrong in a trial: faults by the catalogue's names, how often each, or exactly when.

Written as ``http.drop=0.1,market.halt=2,ws.dup@3+17``: a rate is a share of the occasions on which the fault could strike,
for an act the number of times a day; after ``@`` stand the very occasions, counted from 1 within a life of the world.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Final

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.settings import did_you_mean

LINE: Final[Mapping[str, str]] = {
    "http.drop": "a request never arrives",
    "http.accept_then": "a request is carried out and its answer lost",
    "http.delay_apply": "a request arrives up to 90 s late",
    "http.slow": "an answer takes seconds",
    "http.429": "too many requests",
    "http.5xx": "the broker is out for up to a minute, or for up to an hour",
    "http.401": "the keys are not accepted for a while",
    "http.truncate": "an answer breaks off",
    "http.stale_read": "a reading shows the state of up to 5 s ago",
    "http.refuse_cancel": "a cancel is refused although the order is open",
    "ws.drop": "news of an order is lost",
    "ws.dup": "news of an order comes twice",
    "ws.reorder": "news of orders come in the wrong order",
    "ws.delay": "news of an order comes up to 20 s late",
    "ws.mute": "the stream says nothing for a while and looks alive",
    "ws.close": "the stream breaks and is connected again",
    "bars.missing": "a bar is not published",
    "bars.late": "a bar is published up to 90 s late",
    "bars.stale": "no bars are published for minutes",
    "bars.revise": "a bar comes again with another close",
    "bars.spike": "a bar shows a price 20 % off",
    "bars.mutate": "a bar says something impossible",
    "bars.zero_volume": "a bar without volume",
    "quote.spike": "a quote 20 % off, or crossed, or without a side",
    "disk.enospc": "the journal's disk is full for a while",
    "disk.eio": "the journal's disk fails until the process is started again",
    "crash.at_io": "the process dies at an input or output",
}
"""Drawn at each occasion, between engine and world."""

EXCHANGE: Final[Mapping[str, str]] = {
    "fill.partial": "only a part of what could fill fills",
    "fill.before_ack": "the fill is told before the order is acknowledged",
    "fill.late": "the order reaches the market late",
    "cancel.ignored": "a cancel is answered and does nothing",
    "cancel.loses_race": "the order fills before its cancel takes effect",
    "replace.loses_race": "the order fills before it is replaced",
    "replace.error_but_applied": "a replace is answered with an error and carried out",
    "order.stuck": "an order is never acknowledged",
    "order.reject_later": "an order is accepted and then rejected",
    "order.expire_early": "an order expires before its time",
}
"""Drawn at each occasion, inside the simulated exchange."""

ACTS: Final[Mapping[str, str]] = {
    "account.blocked": "the broker takes no orders for minutes",
    "account.bp_lag": "buying power does not count young orders",
    "broker.manual_order": "a human trades in the account",
    "broker.liquidate": "the broker sells everything",
    "market.halt": "trading in a symbol stops and goes on at another price",
    "market.gap": "a price jumps",
    "clock.skew": "the broker's clock and ours differ",
    "clock.sleep": "the machine sleeps and wakes later",
    "corp.dividend": "a dividend is due",
    "corp.split": "every share becomes several",
    "config.edit": "the settings are changed to others",
    "config.torn": "the settings cannot be read",
    "second_engine": "another engine orders in the account",
    "operator.halt": "a human halts the engine, and resumes later",
    "operator.flatten": "a human has everything sold, and resumes later",
}
"""Happen so many times a day, at instants drawn from the seed."""

NAMES: Final[Mapping[str, str]] = MappingProxyType({**LINE, **EXCHANGE, **ACTS})
_ENTRY: Final = re.compile(r"([a-z_]+\.?[a-z0-9_]*)(?:=([0-9.]+)|@([0-9]+(?:\+[0-9]+)*))")
_MOST_A_DAY: Final = 50
_PICKED: Final = 0.22
"""How likely a fault is in a swarm's plan: most are absent, so that those that are there go far (safety 5)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Rates by name, and exact occasions by name; a name is in one of the two."""

    rates: Mapping[str, float] = field(default_factory=dict)
    exactly: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def swarm(cls, seed: int) -> "Plan":
        """What the seed draws: a fifth of all kinds, seldom ones and frequent ones."""
        rng = Random(f"plan {seed}")
        rates: dict[str, float] = {}
        for name in NAMES:
            is_in, strength = rng.random() < _PICKED, rng.random()
            if is_in:
                rates[name] = round(0.5 + 2 * strength, 2) if name in ACTS else _rate(name, strength)
        return cls(rates)

    @classmethod
    def parse(cls, text: str, seed: int) -> "Plan":
        """``swarm``, ``none``, or entries with commas between. Raises BadInput that names the entry that is wrong."""
        if text == "swarm":
            return cls.swarm(seed)
        rates: dict[str, float] = {}
        exactly: dict[str, tuple[int, ...]] = {}
        for entry in () if text in ("none", "") else text.split(","):
            found = _ENTRY.fullmatch(entry.strip())
            if found is None:
                raise BadInput(
                    f'--faults: "{entry}": write name=rate or name@occasion, e.g. http.drop=0.1 or ws.dup@3+17'
                )
            name, rate, occasions = found.groups()
            if name not in NAMES:
                raise BadInput(f'--faults: there is no fault "{name}"{did_you_mean(name, NAMES)}')
            if occasions and name in EXCHANGE:
                raise BadInput(f'--faults: "{entry}": the exchange draws {name} itself; give a rate')
            if occasions:
                exactly[name] = tuple(sorted(map(int, occasions.split("+"))))
                continue
            most = _MOST_A_DAY if name in ACTS else 1
            try:
                rates[name] = float(rate)
            except ValueError:
                raise BadInput(f'--faults: "{entry}": {rate} is no number') from None
            if not 0 <= rates[name] <= most:
                raise BadInput(f'--faults: "{entry}": give a number from 0 to {most}')
        return cls(rates, exactly)

    def __str__(self) -> str:
        """As ``parse`` reads it."""
        entries = [f"{name}={rate:g}" for name, rate in self.rates.items()]
        entries += [f"{name}@{'+'.join(map(str, each))}" for name, each in self.exactly.items() if each]
        return ",".join(entries) or "none"

    def without(self, name: str) -> "Plan":
        """The plan without this fault."""
        return Plan(
            {each: rate for each, rate in self.rates.items() if each != name},
            {each: times for each, times in self.exactly.items() if each != name},
        )

    def fixed(self, occasions: Mapping[str, tuple[int, ...]]) -> "Plan":
        """The plan in which what is drawn per occasion strikes exactly at ``occasions``."""
        kept = {name: rate for name, rate in self.rates.items() if name in EXCHANGE}
        return Plan(kept, {name: times for name, times in occasions.items() if name not in EXCHANGE and times})


_RARE: Final[Mapping[str, float]] = {
    "crash.at_io": 0.0006,
    "disk.enospc": 0.002,
    "disk.eio": 0.0005,
    "http.5xx": 0.004,
    "http.401": 0.002,
    "http.429": 0.03,
    "ws.mute": 0.03,
    "ws.close": 0.03,
    "bars.stale": 0.01,
}


def _rate(name: str, strength: float) -> float:
    """From 2 % to 30 % of the occasions; far less where one strike is a spell of trouble."""
    return round(_RARE[name] * (0.2 + strength), 6) if name in _RARE else round(0.02 + 0.28 * strength, 4)
