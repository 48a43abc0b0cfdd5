"""Start and crash recovery are one path: fold the journal, then ask the broker what became of everything open.

``rebuild`` gives the belief as it stood at the last committed entry. The ``started`` command then turns every unanswered
intent into a question, and the same protection that runs all day looks up, adopts, re-sends and re-arms.
"""

from collections.abc import Iterable
from typing import get_args

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief

_ACTIONS = frozenset(get_args(ev.Action))


def rebuild(entries: Iterable[ev.Event | ev.Action]) -> Belief:
    """The belief the journal's entries stand for; they begin with a checkpoint or at the beginning of time."""
    belief = Belief()
    for entry in entries:
        if isinstance(entry, ev.Checkpoint):
            belief = Belief.from_checkpoint(entry.state)
        else:
            fold = belief.on_action if type(entry) in _ACTIONS else belief.on_event
            fold(entry)  # type: ignore[arg-type]  # as its kind demands
    return belief
