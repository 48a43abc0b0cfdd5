"""The hub between the exchange and the stream clients: who listens, and how many messages each stream was handed.

The exchange publishes under the simulator's lock, from whatever thread moves time. A listener belongs to one socket
and passes what it is offered to its own event loop. While the hub is held (during an advance), messages wait in an
outbox, so that no client sees an event that the command log does not hold yet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from alpaca_trader.simulator.feeds.incidents import Incident
from alpaca_trader.simulator.market.model import BarRow, PriceBands, Tick, TradingStatus

Carry = Callable[["Listener[Any]", Any, Callable[[], int]], int]
"""Has a message handed to a listener by the function given, or sees to it that something goes wrong; returns how many were handed."""

Message = TypeVar("Message")
Message_contra = TypeVar("Message_contra", contravariant=True)

FEEDS: Final[Mapping[str, str]] = {
    **{feed: f"/v2/{feed}" for feed in ("iex", "sip", "delayed_sip", "test")},
    **{feed: f"/v1beta1/{feed}" for feed in ("boats", "overnight")},
}
"""The data feeds with a stream of their own, and its path."""
ALL: Final = "*"
"""The subscription to every symbol."""

TradeUpdate = Mapping[str, Any]
"""The `data` object of a trade_updates message (alpaca-contract 3.13), numbers and times already in wire form."""


class DataMoment:
    """What one data feed has to tell at the instant `at`.

    `minute` is the minute whose bars come out now: `bars`, and with them the running days, are made when a reader asks.
    The rest became known at this very instant; `incidents` are prints that were late or wrong, told with their new bars.
    """

    def __init__(
        self,
        at: datetime,
        *,
        minute: datetime | None = None,
        make_bars: Callable[[], Sequence[BarRow]] = tuple,
        make_days: Callable[[], Sequence[BarRow]] = tuple,
        ticks: Sequence[Tick] = (),
        incidents: Sequence[Incident] = (),
        statuses: Sequence[TradingStatus] = (),
        bands: Sequence[PriceBands] = (),
    ) -> None:
        self.at = at
        self.minute = minute
        self.ticks = ticks
        self.incidents = incidents
        self.statuses = statuses
        self.bands = bands
        self.encoded: dict[Hashable, Any] = {}
        """What stream rooms keep here, so that clients who want the same get the same bytes."""
        self._make_bars = make_bars
        self._make_days = make_days

    @cached_property
    def bars(self) -> Sequence[BarRow]:
        """The minute's bars, sorted by symbol."""
        return self._make_bars()

    @cached_property
    def days(self) -> Sequence[BarRow]:
        """The running daily bars of the symbols with a bar in this minute."""
        return self._make_days()


class Listener(Protocol[Message_contra]):
    """One authenticated stream client."""

    @property
    def is_listening(self) -> bool:
        """True once the client is authenticated and subscribed to something."""
        ...

    def wants(self, message: Message_contra) -> int:
        """How many messages the client will get for this one: bars are counted singly; 0 when it subscribed to none."""
        ...

    def offer(self, message: Message_contra) -> None:
        """Hand the message over, in order; called from any thread, must return at once (call_soon_threadsafe)."""
        ...

    def end(self, code: int) -> None:
        """Be put out with this close code (1006: without one) after what was offered; called as `offer` is."""
        ...


class DataListener(Listener[DataMoment], Protocol):
    """A client of the market data."""

    @property
    def subscriptions(self) -> Mapping[str, frozenset[str]]:
        """By channel (trades, quotes, bars ...) the symbols asked for; `*` stands for all of them."""
        ...


class Channel(Generic[Message]):
    """The listeners of one stream, in the order they joined."""

    def __init__(self) -> None:
        self._listeners: list[Listener[Message]] = []
        self._backlogs: dict[object, Callable[[], int]] = {}
        self._outbox: list[Callable[[], None]] = []
        self._holding = False
        self.carry: Carry = lambda _listener, _message, hand: hand()
        """Stands between the channel and its listeners; the faults of the streams put themselves here."""
        self.sent = 0
        """Messages handed to listeners since the simulator was made."""

    def join(self, listener: Listener[Message], backlog: Callable[[], int] = lambda: 0) -> None:
        """Add a connection; it is offered messages while `is_listening` is true. `backlog` counts what it has not sent yet."""
        self._listeners.append(listener)
        self._backlogs[listener] = backlog

    def leave(self, listener: Listener[Message]) -> None:
        """Remove a connection; unknown ones are ignored."""
        if listener in self._listeners:
            self._listeners.remove(listener)
            self._backlogs.pop(listener, None)

    @property
    def is_empty(self) -> bool:
        """True while nobody is connected."""
        return not self._listeners

    def listeners(self) -> Sequence[Listener[Message]]:
        """The connections that would be offered a message now."""
        return [listener for listener in self._listeners if listener.is_listening] if self._listeners else ()

    def backlog(self) -> int:
        """What waits for the clients' sockets to take it."""
        return sum(waiting() for waiting in list(self._backlogs.values()))

    def publish(self, message: Message) -> int:
        """Offer `message` to every listener; returns the number of messages handed out (counted at once, even while held)."""
        handed = 0
        for listener in self.listeners():
            handed += self.carry(listener, message, partial(self._hand, listener, message))
        return handed

    def end(self, listener: Listener[Message], code: int) -> None:
        """Put a connection out, after what it was offered so far; it is offered nothing more."""
        self.leave(listener)
        self._do(partial(listener.end, code))

    def _hand(self, listener: Listener[Message], message: Message) -> int:
        count = listener.wants(message) if listener in self._listeners and listener.is_listening else 0
        if count == 0:
            return 0
        self.sent += count
        self._do(partial(listener.offer, message))
        return count

    def _do(self, action: Callable[[], None]) -> None:
        if self._holding:
            self._outbox.append(action)
        else:
            action()

    def hold(self) -> None:
        """Keep messages back until `release`."""
        self._holding = True

    def release(self) -> None:
        """Hand out what was kept back, in order."""
        self._holding = False
        waiting, self._outbox = self._outbox, []
        for action in waiting:
            action()


class DataChannel(Channel[DataMoment]):
    """The listeners of one data feed, all of them DataListeners, and what they want between them."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted: dict[str, frozenset[str]] | None = None

    def join(self, listener: Listener[DataMoment], backlog: Callable[[], int] = lambda: 0) -> None:
        """Add a connection."""
        super().join(listener, backlog)
        self._wanted = None

    def leave(self, listener: Listener[DataMoment]) -> None:
        """Remove a connection; unknown ones are ignored."""
        super().leave(listener)
        self._wanted = None

    def changed(self) -> None:
        """Say that a listener's subscriptions are others now."""
        self._wanted = None

    def wanted(self, channel: str) -> frozenset[str]:
        """The symbols that any listener has subscribed on a channel."""
        if self._wanted is None:
            found: dict[str, frozenset[str]] = {}
            for listener in self.listeners():
                for name, symbols in cast("DataListener", listener).subscriptions.items():
                    found[name] = found.get(name, frozenset()) | symbols
            self._wanted = found
        return self._wanted.get(channel, frozenset())


class StreamHub:
    """The streams of the broker: one of trade updates for every account, and the data feeds that all of them share."""

    def __init__(self) -> None:
        self.updates: list[Channel[TradeUpdate]] = [Channel()]
        self.feeds: Mapping[str, DataChannel] = {feed: DataChannel() for feed in FEEDS}
        self.events: list[Channel[Any]] = []
        """The server-sent event streams of every account, which nobody counts."""

    @property
    def market_data(self) -> DataChannel:
        """The whole market at once: the sip feed."""
        return self.feeds["sip"]

    @property
    def trade_updates(self) -> Channel[TradeUpdate]:
        """The trade updates of the first account."""
        return self.updates[0]

    def open_updates(self, number: int) -> Channel[TradeUpdate]:
        """The trade updates of account `number`, which count up from 0."""
        if number == len(self.updates):
            self.updates.append(Channel())
        return self.updates[number]

    def hold(self) -> Sequence[Channel[Any]]:
        """Keep messages back, and say on which channels: they go out when those are released."""
        channels: tuple[Channel[Any], ...] = (*self.updates, *self.feeds.values(), *self.events)
        held = [channel for channel in channels if not channel.is_empty]
        for channel in held:
            channel.hold()
        return held

    def sent(self) -> Mapping[str, int]:
        """Messages handed to stream clients so far, by stream."""
        return {
            "trade_updates": sum(channel.sent for channel in self.updates),
            "market_data": sum(channel.sent for channel in self.feeds.values()),
        }

    def backlog(self) -> int:
        """What waits for a client to take it; for the thread that owns the sockets."""
        channels: list[Channel[Any]] = [*self.updates, *self.feeds.values()]
        return sum(channel.backlog() for channel in channels)

    def connected(self) -> Mapping[str, int]:
        """Authenticated and subscribed clients, by stream."""
        return {
            "trade_updates": sum(len(channel.listeners()) for channel in self.updates),
            "market_data": sum(len(channel.listeners()) for channel in self.feeds.values()),
        }
