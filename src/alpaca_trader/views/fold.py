"""The journal folded again, session by session: what was believed after each entry.

Pages take states from the same belief that the engine trades on, so that "protected" or "filled" means one thing. Only
the kinds of entries that orders, positions and the account follow from are read; bars and decisions are most of a
journal and change neither.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple, cast, get_args

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import Session
from alpaca_trader.edge.journal.reader import JournalReader, Recorded

FOLDED = (
    *("AccountSeen", "BrokerRefused", "Command", "ExecutionReport", "LookUpMissed", "OpenOrdersSeen"),
    *("OutcomeNotKnown", "SessionClosed", "SessionOpened", "Tick"),
    *("Abandoned", "Adopted", "Alarm", "Approved", "CancelOrder", "Checkpoint", "EpisodeOpened", "ExitDecided"),
    *("ExitPostponed", "HaltLatched", "HaltReleased", "Resend", "TradeChanged"),
)
COUNTED = (*FOLDED, "Decided")
"""With the decisions, which a day's counts of signals and refusals follow from."""

_ACTIONS = get_args(ev.Action)


class Span(NamedTuple):
    """One session in the journal: its first entry's number, and the next session's (None: it is the last)."""

    session: Session
    first: int
    end: int | None


class Step(NamedTuple):
    """An entry and the belief right after it was taken in; the belief is one object that goes on changing."""

    recorded: Recorded
    belief: Belief

    @property
    def is_event(self) -> bool:
        """Whether something happened, rather than that we decided something."""
        return not isinstance(self.recorded.entry, _ACTIONS)


def spans(reader: JournalReader) -> Sequence[Span]:
    """The sessions the journal tells of, oldest first; an engine that started again in a session continues it."""
    starts: list[tuple[Session, int]] = []
    for seq, entry in reader.entries(("SessionOpened",)):
        if isinstance(entry, ev.SessionOpened) and (not starts or starts[-1][0].day != entry.session.day):
            starts.append((entry.session, seq))
    ends = (seq for _, seq in starts[1:])
    return [Span(session, seq, end) for (session, seq), end in zip_longest(starts, ends)]


def follow(reader: JournalReader, span: Span, kinds: Sequence[str] = FOLDED) -> Iterator[Step]:
    """Fold one session from the checkpoint it began with."""
    belief = Belief()
    for recorded in reader.entries(kinds, after=span.first - 1):
        if span.end is not None and recorded.seq >= span.end:
            return
        entry = recorded.entry
        if isinstance(entry, ev.Checkpoint):
            belief = Belief.from_checkpoint(entry.state)
        elif isinstance(entry, _ACTIONS):
            belief.on_action(cast("ev.Action", entry))
        else:
            belief.on_event(cast("ev.Event", entry))
        yield Step(recorded, belief)
