"""The journal of a run that nobody will recover from disk: backtests, sweeps, fault runs in one process."""

from collections.abc import Iterator, Sequence

from alpaca_trader.core.errors import Fatal
from alpaca_trader.core.events import Action, Approved, Checkpoint, Event, PublishStatus
from alpaca_trader.edge.journal.chain import GENESIS, link
from alpaca_trader.edge.journal.codec import encode


class MemoryJournal:
    """Implements ``core.ports.Journal`` in a list, with the order, the prefix and the digest of the one on disk.

    Entries are kept, not encoded, so ``record`` costs next to nothing; the digest is worked out when asked for, and an
    entry that cannot be encoded shows only there. ``MemoryJournal(crashed.committed)`` is the journal after a crash.
    """

    def __init__(self, entries: Sequence[Event | Action] = ()) -> None:
        self._entries: list[Event | Action] = []
        self._intents: set[str] = set()
        for entry in entries:
            self.record(entry)
        self._committed = len(self._entries)

    @property
    def entries(self) -> Sequence[Event | Action]:
        """Everything recorded."""
        return tuple(self._entries)

    @property
    def committed(self) -> Sequence[Event | Action]:
        """What a crash would leave."""
        return tuple(self._entries[: self._committed])

    def committed_from(self, number: int) -> Sequence[Event | Action]:
        """What a crash would leave, without the first ``number`` entries."""
        return self._entries[number : self._committed]

    def record(self, entry: Event | Action) -> None:
        """Append. Raises Fatal for a second intent under one client order id."""
        if isinstance(entry, PublishStatus):
            return
        if isinstance(entry, Approved):
            order_id = entry.intent.client_order_id
            if order_id in self._intents:
                raise Fatal(f"a second intent under the client order id {order_id}: one intent, one id, for ever")
            self._intents.add(order_id)
        self._entries.append(entry)

    def commit(self) -> None:
        """Everything recorded so far survives a crash from here on."""
        self._committed = len(self._entries)

    def since_checkpoint(self) -> Iterator[Event | Action]:
        """Every committed entry from the last ``Checkpoint`` (inclusive) on; all of them where there is none."""
        start = next((n for n in reversed(range(self._committed)) if isinstance(self._entries[n], Checkpoint)), 0)
        yield from self._entries[start : self._committed]

    def head(self) -> str:
        """The digest that the journal on disk would have after the same entries, as hex."""
        digest = GENESIS
        for entry in self._entries:
            digest = link(digest, type(entry).__name__, encode(entry))
        return digest.hex()
