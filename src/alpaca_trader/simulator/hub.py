"""The hub between the exchange and the stream clients: who listens, and how many messages each stream was handed.

The exchange publishes under the simulator's lock, from whatever thread moves time. A listener belongs to one socket
and passes what it is offered to its own event loop. While the hub is held (during an advance), messages wait in an
outbox, so that no client sees an event that the command log does not hold yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from alpaca_trader.simulator.market.model import MarketBar

Carry = Callable[[object, object, Callable[[], int]], int]
"""Has a message handed to a listener by the function given, or sees to it that something goes wrong; returns how many were handed."""

Message = TypeVar("Message")
Message_contra = TypeVar("Message_contra", contravariant=True)

TradeUpdate = Mapping[str, Any]
"""The `data` object of a trade_updates message (alpaca-contract 3.13), numbers and times already in wire form."""


@dataclass(frozen=True, slots=True)
class BarBatch:
    """The minute bars published at one instant (`at`: minute end plus the publication lag), sorted by symbol."""

    at: datetime
    bars: Sequence[MarketBar]


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


class Channel(Generic[Message]):
    """The listeners of one stream, in the order they joined."""

    def __init__(self) -> None:
        self._listeners: list[Listener[Message]] = []
        self._outbox: list[tuple[Listener[Message], Message]] = []
        self._holding = False
        self.carry: Carry = lambda _listener, _message, hand: hand()
        """Stands between the channel and its listeners; the faults of the streams put themselves here."""
        self.sent = 0
        """Messages handed to listeners since the simulator was made."""

    def join(self, listener: Listener[Message]) -> None:
        """Add a connection; it is offered messages while `is_listening` is true."""
        self._listeners.append(listener)

    def leave(self, listener: Listener[Message]) -> None:
        """Remove a connection; unknown ones are ignored."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def listeners(self) -> Sequence[Listener[Message]]:
        """The connections that would be offered a message now."""
        return [listener for listener in self._listeners if listener.is_listening]

    def publish(self, message: Message) -> int:
        """Offer `message` to every listener; returns the number of messages handed out (counted at once, even while held)."""
        handed = 0
        for listener in self.listeners():
            handed += self.carry(listener, message, partial(self._hand, listener, message))
        return handed

    def _hand(self, listener: Listener[Message], message: Message) -> int:
        count = listener.wants(message)
        if count == 0:
            return 0
        self.sent += count
        if self._holding:
            self._outbox.append((listener, message))
        else:
            listener.offer(message)
        return count

    def hold(self) -> None:
        """Keep messages back until `release`."""
        self._holding = True

    def release(self) -> None:
        """Hand out what was kept back, in order."""
        self._holding = False
        waiting, self._outbox = self._outbox, []
        for listener, message in waiting:
            listener.offer(message)


class StreamHub:
    """The streams of the broker: one of trade updates for every account, and the market data that all of them share."""

    def __init__(self) -> None:
        self.updates: list[Channel[TradeUpdate]] = [Channel()]
        self.market_data: Channel[BarBatch] = Channel()
        self.events: list[Channel[Any]] = []
        """The server-sent event streams of every account, which nobody counts."""

    @property
    def trade_updates(self) -> Channel[TradeUpdate]:
        """The trade updates of the first account."""
        return self.updates[0]

    def open_updates(self, number: int) -> Channel[TradeUpdate]:
        """The trade updates of account `number`, which count up from 0."""
        if number == len(self.updates):
            self.updates.append(Channel())
        return self.updates[number]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Messages published inside the block go out when it ends."""
        channels: list[Channel[Any]] = [*self.updates, self.market_data, *self.events]
        for channel in channels:
            channel.hold()
        try:
            yield
        finally:
            for channel in channels:
                channel.release()

    def sent(self) -> Mapping[str, int]:
        """Messages handed to stream clients so far, by stream."""
        return {
            "trade_updates": sum(channel.sent for channel in self.updates),
            "market_data": self.market_data.sent,
        }

    def connected(self) -> Mapping[str, int]:
        """Authenticated and subscribed clients, by stream."""
        return {
            "trade_updates": sum(len(channel.listeners()) for channel in self.updates),
            "market_data": len(self.market_data.listeners()),
        }
