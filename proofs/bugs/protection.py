"""Bugs in how positions are guarded and closed, and in what a restart remembers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from alpaca_trader.core import protection, recovery
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.episode import ONE, Episode, round_down, round_up
from alpaca_trader.core.limits import FLATTEN_CODES
from alpaca_trader.core.models import Bar, OrderStatus, dec
from alpaca_trader.core.protection import Protection
from alpaca_trader.core.risk_manager import RiskManager
from proofs.bugs.planting import Bug, Swap

Step = Callable[[Protection, Episode, datetime], None]


def _unless(is_left_alone: Callable[[Protection, Episode], bool]) -> Callable[[Step], Step]:
    """The step is not taken where ``is_left_alone``."""

    def careless(step: Step) -> Step:
        def take(self: Protection, episode: Episode, at: datetime) -> None:
            if not is_left_alone(self, episode):
                step(self, episode, at)

        return take

    return careless


def _had_a_stop(of: Protection, episode: Episode) -> bool:
    return episode.stops_sent > 0


def _is_all_there_is(_: Protection, __: Episode) -> bool:
    return True


def _flatten_alone(decide: Step) -> Step:
    def decide_exit(self: Protection, episode: Episode, at: datetime) -> None:
        if FLATTEN_CODES & self._belief.risk.latched.keys():
            decide(self, episode, at)

    return decide_exit


def _half(approve: Any) -> Any:
    def stop(self: RiskManager, episode: Episode, qty: Decimal, at: datetime, replaces: Any) -> Any:
        half = (qty / 2).quantize(Decimal("0.000000001"), ROUND_DOWN)
        return approve(self, episode, half or qty, at, replaces)

    return stop


def _take_over(_: Any) -> Any:
    def tighten(self: Episode, stop_pct: Decimal) -> None:
        self.tightened_stop_pct = stop_pct
        if self.entry_price is not None:
            self.stop_price = round_up(self.entry_price * (ONE - stop_pct))

    return tighten


def _follow_down(take: Any) -> Any:
    def follow(self: Episode, bar: Bar) -> None:
        take(self, bar)
        if self.is_trailing:
            self.stop_price = round_down(dec(bar.high) * (ONE - self.plan.trail_distance_pct))

    return follow


def _after_start(harm: Callable[[Belief], None]) -> Callable[[Any], Any]:
    """A start does this as well."""

    def made(restarted: Any) -> Any:
        def start(self: Belief, at: datetime) -> None:
            restarted(self, at)
            harm(self)

        return start

    return made


def _lift(belief: Belief) -> None:
    belief.risk.latched.clear()


def _forget_unanswered(belief: Belief) -> None:
    for order in belief.book.open():
        if order.status is OrderStatus.UNKNOWN:
            del belief.book.orders[order.intent.client_order_id]
    belief.book._list_open()


def _forget_the_day(belief: Belief) -> None:
    belief.risk.entries_by_symbol.clear()
    belief.risk.entry_times.clear()


def _from_nothing(_: Any) -> Any:
    def rebuild(_entries: Any) -> Belief:
        return Belief()

    return rebuild


def _restart(name: str, does: str, rules: tuple[str, ...], harm: Callable[[Belief], None]) -> Bug:
    return Bug(name, does, rules, (Swap(Belief, "_restarted", _after_start(harm)),), ("crash.at_io",))


BUGS = (
    Bug(
        "stop not re-armed",
        "a stop that ended is not followed by another",
        ("INV-7",),
        (Swap(Protection, "_arm", _unless(_had_a_stop)),),
        needs=("order.reject_later", "order.expire_early"),
    ),
    Bug("half a stop", "the stop is for half of what is held", ("INV-7",), (Swap(RiskManager, "approve_stop", _half),)),
    Bug(
        "unprotected never alarmed",
        "nobody looks at how long a position is without a stop",
        ("INV-7",),
        (Swap(Protection, "_watch_exposure", _unless(_is_all_there_is)),),
        needs=("order.reject_later", "order.expire_early", "http.401", "http.5xx"),
    ),
    Bug(
        "unprotected never sold",
        "a position that gets no stop is kept",
        ("INV-7",),
        (Swap(protection, "UNPROTECTED_FOR", lambda _: timedelta(days=1)),),
        needs=("order.reject_later", "http.401", "http.5xx"),
    ),
    Bug(
        "not flat at the close",
        "positions are kept over the close",
        ("INV-7",),
        (Swap(Protection, "_decide_exit", _flatten_alone),),
    ),
    Bug(
        "flatten ignored",
        "a human's order to sell everything only halts",
        ("INV-12",),
        (Swap(protection, "FLATTEN_CODES", lambda _: frozenset()),),
        needs=("operator.flatten",),
    ),
    Bug(
        "stop widened by a reload",
        "the stop of an open position follows the settings down",
        ("INV-20",),
        (Swap(Episode, "tighten", _take_over),),
        needs=("config.edit",),
    ),
    Bug(
        "trail follows down",
        "the trailing stop hangs on the last bar, not on the highest",
        ("INV-20",),
        (Swap(Episode, "take_bar", _follow_down),),
    ),
    _restart("halt lifted by a restart", "a new process knows of no halt", ("INV-12",), _lift),
    _restart(
        "open intents forgotten", "a new process drops what was not answered", ("INV-2", "INV-17"), _forget_unanswered
    ),
    _restart("day's entries forgotten", "a new process begins to count anew", ("INV-11",), _forget_the_day),
    Bug(
        "journal unread",
        "a new process begins with nothing",
        ("INV-1", "INV-2", "INV-12", "INV-17"),
        (Swap(recovery, "rebuild", _from_nothing, is_wired=True),),
        needs=("crash.at_io",),
    ),
)
