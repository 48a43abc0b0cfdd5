"""What a check found: how much it looked at, what is wrong and where, and what a human does about it."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from alpaca_trader.core.events import Action, Event


class Problem(NamedTuple):
    """One thing that is wrong. ``where`` names an entry of the journal or a file and its line."""

    where: str
    what: str


@dataclass(slots=True)
class Check:
    """One check with its outcome. ``keeps`` are the rules it is about, ``advice`` is for when something is wrong."""

    name: str
    keeps: str
    advice: str
    looked_at: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def report(self, seq: int, what: str) -> None:
        """Entry ``seq`` breaks a rule."""
        self.problems.append(Problem(f"entry {seq}", what))


class EntryCheck(Protocol):
    """Follows the journal entry by entry."""

    def see(self, seq: int, entry: Event | Action) -> None:
        """The next entry."""

    def finish(self) -> Check:
        """There are no more."""


def many(count: int, one: str) -> str:
    """``1 order``, ``2 orders``."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
