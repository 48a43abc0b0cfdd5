"""For how long positions were held, and what stood between them and a loss meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.episode import Episode
from alpaca_trader.core.models import OrderRole
from alpaca_trader.views.fold import Step

Guard = Literal["stop", "exit", "entering", "unprotected"]
GUARDS: tuple[Guard, ...] = ("stop", "exit", "entering", "unprotected")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Seconds in regular hours that positions were held, by what guarded them; several positions add up.

    ``stop``: a stop works at the broker. ``exit``: a closing sale is under way. ``entering``: shares of an entry that
    still fills; the engine watches the stop level until it may place the stop. ``unprotected``: none of these.
    """

    stop_s: float = 0.0
    exit_s: float = 0.0
    entering_s: float = 0.0
    unprotected_s: float = 0.0

    @property
    def held_s(self) -> float:
        """Seconds held, all positions together."""
        return self.stop_s + self.exit_s + self.entering_s + self.unprotected_s

    @property
    def share(self) -> float | None:
        """The part of the time held with a working stop or an exit under way, 0 to 1; None where nothing was held."""
        return (self.stop_s + self.exit_s) / self.held_s if self.held_s else None

    def plus(self, other: "Coverage") -> "Coverage":
        """Both together."""
        return Coverage(
            self.stop_s + other.stop_s,
            self.exit_s + other.exit_s,
            self.entering_s + other.entering_s,
            self.unprotected_s + other.unprotected_s,
        )


class CoverageClock:
    """Adds up the time between events. As the engine counts: a state holds from the event that showed it to the next."""

    def __init__(self) -> None:
        self._seconds: dict[Guard, float] = dict.fromkeys(GUARDS, 0.0)
        self._since: datetime | None = None
        self._held: Mapping[str, Guard] = {}

    def take(self, step: Step) -> None:
        """Follow one step of the fold."""
        if not step.is_event:
            return
        at, belief = step.recorded.entry.at, step.belief
        if self._since is not None:
            for guard in self._held.values():
                self._seconds[guard] += (at - self._since).total_seconds()
        self._since = at
        open_now = belief.is_open(at)
        self._held = {
            symbol: _guard(belief, episode) for symbol, episode in belief.episodes.items() if episode.qty and open_now
        }

    def read(self) -> Coverage:
        """What was added up so far."""
        return Coverage(*(self._seconds[guard] for guard in GUARDS))


def _guard(belief: Belief, episode: Episode) -> Guard:
    entry = belief.book.get(episode.entry_id)
    if belief.is_naked(episode):
        return "entering" if entry is not None and entry.is_open else "unprotected"
    exits = belief.book.open(episode.plan.symbol, OrderRole.EXIT)
    return "exit" if any(True for _ in exits) else "stop"
