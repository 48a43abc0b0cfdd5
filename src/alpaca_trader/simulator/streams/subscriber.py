"""What one client of the data stream has subscribed to, and the messages each published minute means for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alpaca_trader.simulator.hub import BarBatch
from alpaca_trader.simulator.market.model import Market, MarketBar, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.rest.bar_series import latest_days
from alpaca_trader.simulator.rest.data_wire import bar_fields, quote_fields, tape_of, trade_fields

CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds", "corrections", "cancelErrors")
Message = dict[str, Any]
_ALL = "*"


class Subscriber:
    """One client's subscriptions, as the hub sees them: a Listener of bar batches."""

    def __init__(self, market: Market, send: Callable[[Sequence[Message]], None]) -> None:
        """`send` takes one frame's messages; it is called from the thread that moves time."""
        self.subscriptions: Mapping[str, frozenset[str]] = {channel: frozenset() for channel in CHANNELS}
        self._market = market
        self._send = send
        self._tapes = {asset.symbol: tape_of(asset.exchange) for asset in market.assets()}
        self._since: Mapping[tuple[str, str], datetime] = {}
        self._ticks_after: datetime | None = None
        self._prepared: deque[Sequence[Message]] = deque()

    @property
    def is_listening(self) -> bool:
        """True while anything is subscribed."""
        return any(self.subscriptions.values())

    def subscribe(self, wanted: Mapping[str, frozenset[str]], now: datetime) -> None:
        """Replace the subscriptions; what is new among trades and quotes flows from `now` on."""
        if not self.is_listening:
            self._ticks_after = now
        self._since = {
            (channel, name): self._since.get((channel, name), now)
            for channel in ("trades", "quotes")
            for name in sorted(wanted[channel])
        }
        self.subscriptions = wanted

    def wants(self, batch: BarBatch) -> int:
        """How many messages the batch means for this client. They are made here, and kept for `offer`."""
        messages = [*self._tick_messages(batch.at), *self._bar_messages(batch)]
        if messages:
            self._prepared.append(messages)
        return len(messages)

    def offer(self, _batch: BarBatch) -> None:
        """Send what `wants` has counted; batches are offered in the order they were counted."""
        self._send(self._prepared.popleft())

    def _bar_messages(self, batch: BarBatch) -> Iterable[Message]:
        for bar in batch.bars:
            if self._has("bars", bar.symbol):
                yield _bar_message("b", bar)
        for bar in batch.bars:
            if self._has("dailyBars", bar.symbol):
                yield from (_bar_message("d", day) for day in latest_days(self._market, bar.symbol, batch.at, 1))

    def _has(self, channel: str, symbol: str) -> bool:
        return symbol in self.subscriptions[channel] or _ALL in self.subscriptions[channel]

    def _tick_messages(self, until: datetime) -> Iterable[Message]:
        """Trades and quotes since the last batch, over all symbols in time order."""
        after, self._ticks_after = self._ticks_after, until
        found: list[Tick] = []
        for symbol in self._tapes:
            if after and (self._has("trades", symbol) or self._has("quotes", symbol)):
                found += [tick for tick in self._market.ticks(symbol, after, until) if self._follows(tick)]
        for tick in sorted(found, key=lambda tick: tick.at):
            tape = self._tapes[tick.symbol]
            if isinstance(tick, MarketQuote):
                yield {"T": "q", "S": tick.symbol, **quote_fields(tick, tape), "t": tick.at}
            else:
                yield {"T": "t", "S": tick.symbol, **trade_fields(tick, tape), "t": tick.at}

    def _follows(self, tick: Tick) -> bool:
        """Whether the tick was subscribed when it happened. A print of size 0 is a price for the exchange, not a trade."""
        if isinstance(tick, MarketTrade) and tick.size == 0:
            return False
        channel = "quotes" if isinstance(tick, MarketQuote) else "trades"
        begun = (self._since.get((channel, name)) for name in (tick.symbol, _ALL))
        return any(since is not None and since < tick.at for since in begun)


def _bar_message(kind: str, bar: MarketBar) -> Message:
    return {"T": kind, "S": bar.symbol, **bar_fields(bar), "t": bar.start}
