"""Bugs in what stops an entry: gates, limits, halts, and what is reserved."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from alpaca_trader.core import events as ev
from alpaca_trader.core import gate, limits, sizing
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.config import RiskConfig, StrategyConfig
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.entry_gates import EntryGates
from alpaca_trader.core.models import Account, Gate, TradeSignal
from proofs.bugs.planting import Bug, Swap

Gates = Callable[[EntryGates, TradeSignal, datetime], Sequence[Gate]]


def _passing(*names: str) -> Callable[[Gates], Gates]:
    """Gates of these names are open."""

    def opened(check: Gates) -> Gates:
        def measure(self: EntryGates, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
            return [each._replace(passed=each.passed or each.name in names) for each in check(self, signal, at)]

        return measure

    return opened


def _held_alone(check: Gates) -> Gates:
    def measure(self: EntryGates, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        held = sum(episode.qty > 0 for episode in self._belief.episodes.values())
        return [
            each._replace(passed=held < self._config.max_positions) if each.name == "max_positions" else each
            for each in check(self, signal, at)
        ]

    return measure


def _ours_alone(check: Gates) -> Gates:
    def measure(self: EntryGates, signal: TradeSignal, at: datetime) -> Sequence[Gate]:
        ours = len(self._belief.episodes)
        return [
            each._replace(passed=ours < self._config.max_positions) if each.name == "max_positions" else each
            for each in check(self, signal, at)
        ]

    return measure


def _any_clock(standing: Callable[[Belief, datetime], str | None]) -> Any:
    def halt(belief: Belief, at: datetime) -> str | None:
        reason = standing(belief, at)
        return None if reason == "clock_skew" else reason

    return halt


def _latched_is_nothing(standing: Callable[[Belief, datetime], str | None]) -> Any:
    def halt(belief: Belief, at: datetime) -> str | None:
        return None if belief.risk.latched else standing(belief, at)

    return halt


def _resume(_: Any) -> Any:
    def releases(belief: Belief, at: datetime) -> Iterator[ev.HaltReleased]:
        for code in belief.risk.latched:
            yield ev.HaltReleased(at, code, "engine")

    return releases


def _no_pause(due: Any) -> Any:
    def releases(belief: Belief, at: datetime) -> Iterator[ev.HaltReleased]:
        timed = [code for code, halt in belief.risk.latched.items() if halt.release == "time"]
        yield from (ev.HaltReleased(at, code, "engine") for code in timed)
        yield from (each for each in due(belief, at) if each.code not in timed)

    return releases


def _never_lost(breaches: Any) -> Any:
    def found(belief: Belief, account: Account, at: datetime) -> Iterator[ev.HaltLatched]:
        return (halt for halt in breaches(belief, account, at) if not halt.code.startswith("daily_loss"))

    return found


def _all_day(params: Any) -> Any:
    def window(self: EntryGates, strategy: str) -> Any:
        found = params(self, strategy)
        return None if found is None else found.model_copy(update={"no_entry_open_min": 0, "no_entry_close_min": 0})

    return window


def _twice(size_of: Any) -> Any:
    def size(belief: Belief, signal: TradeSignal, account: Account, *rest: Any) -> Any:
        return size_of(belief, signal, replace(account, equity=2 * account.equity), *rest)

    return size


def _defaults_instead(fold: Any) -> Any:
    def take(self: Belief, event: ev.Event) -> None:
        fold(self, event)
        if isinstance(event, ev.ConfigRefused) and self.config is not None:
            self.config = StrategyConfig(risk=RiskConfig(), strategies=self.config.strategies)

    return take


def _never_right_again(fold: Any) -> Any:
    def take(self: Belief, event: ev.Event) -> None:
        before = self.clock_skew
        fold(self, event)
        self.clock_skew = max(self.clock_skew, before, key=abs)

    return take


def _unheard(_: Any) -> Any:
    def strangers(self: Engine, at: datetime) -> None:
        """Nobody else is there."""

    return strangers


def _inside(_: Any) -> Any:
    def collar(*_measured: Any) -> bool:
        return True

    return collar


def _no_count(_: Any) -> Any:
    def rate(*_measured: Any) -> None:
        return None

    return rate


BUGS = (
    Bug(
        "in-flight buys not counted",
        "a symbol that is being bought takes up no position",
        ("INV-10",),
        (Swap(EntryGates, "_portfolio_gates", _held_alone),),
    ),
    Bug(
        "others' positions not counted",
        "what somebody else holds takes up no position",
        ("INV-9", "INV-10"),
        (Swap(EntryGates, "_portfolio_gates", _ours_alone),),
        needs=("broker.manual_order",),
    ),
    Bug(
        "cap doubled",
        "a position may be twice as large as the settings say",
        ("INV-10",),
        (Swap(sizing, "size_of", _twice),),
    ),
    Bug(
        "halt ignored",
        "entries go on while a halt stands",
        ("INV-12",),
        (Swap(limits, "standing_halt", _latched_is_nothing),),
    ),
    Bug(
        "resumes by itself",
        "every halt ends with the minute",
        ("INV-12",),
        (Swap(limits, "due_releases", _resume),),
    ),
    Bug(
        "pause cut short",
        "the pause after losses ends with the minute",
        ("INV-12",),
        (Swap(limits, "due_releases", _no_pause),),
    ),
    Bug(
        "daily loss unseen",
        "the day's loss halts nothing",
        ("INV-12",),
        (Swap(limits, "breaches", _never_lost),),
    ),
    Bug(
        "entry window ignored",
        "entries are made from the open to the close",
        ("INV-14",),
        (Swap(EntryGates, "params", _all_day),),
    ),
    Bug(
        "spike bought",
        "a quote needs no second witness",
        ("INV-11",),
        (Swap(gate, "_inside_collar", _inside),),
        needs=("quote.spike", "bars.spike"),
    ),
    Bug(
        "entries not counted",
        "neither a minute nor a day nor a symbol has its most",
        ("INV-11",),
        (Swap(gate, "_refuse_rate", _no_count), Swap(EntryGates, "_portfolio_gates", _passing("max_entries"))),
    ),
    Bug(
        "cool-down forgotten",
        "a symbol is bought again at once when a stop has sold it",
        ("INV-11",),
        (Swap(EntryGates, "_portfolio_gates", _passing("cooldown")),),
    ),
    Bug(
        "clock trusted",
        "entries go on while the clocks differ",
        ("INV-13",),
        (Swap(limits, "standing_halt", _any_clock),),
        needs=("clock.skew",),
    ),
    Bug(
        "clock never right again",
        "the largest difference of the clocks is remembered, not the last",
        ("INV-31",),
        (Swap(Belief, "on_event", _never_right_again),),
        needs=("clock.skew",),
    ),
    Bug(
        "second engine ignored",
        "an order under an id of our making that we never sent is no matter",
        ("INV-9",),
        (Swap(Engine, "_report_strangers", _unheard),),
        needs=("second_engine",),
    ),
    Bug(
        "refused settings applied",
        "settings that cannot be read put the defaults in force",
        ("INV-10", "INV-20"),
        (Swap(Belief, "on_event", _defaults_instead),),
        needs=("config.torn",),
    ),
)
