"""What the data stream publishes, and when: the bars of each minute a moment after it has ended."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from alpaca_trader.simulator.hub import BarBatch, Channel
from alpaca_trader.simulator.market.model import MINUTE, Market
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import minute_floor

BAR_LAG: Final = timedelta(milliseconds=400)
"""From the end of a minute until its bar is published on the data stream."""


class DataFeed:
    """A publisher of the timeline: has instants only while somebody listens."""

    def __init__(self, market: Market, timeline: Timeline, channel: Channel[BarBatch]) -> None:
        self._market = market
        self._timeline = timeline
        self._channel = channel

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The next publication in (after, until]."""
        if not self._channel.listeners():
            return None
        publication = _next_publication(after)
        return publication if publication <= until else None

    def process(self, moment: datetime) -> None:
        """Publish the bars of the minute that has just ended, where `moment` is a publication."""
        start = moment - BAR_LAG - MINUTE
        if start != minute_floor(start) or not self._channel.listeners():
            return
        bars = self._market.minute(start)
        if bars:
            self._timeline.tell(self._channel.publish(BarBatch(moment, bars)))


def _next_publication(now: datetime) -> datetime:
    """The next instant, after `now`, at which the bars of a minute are published."""
    publication = minute_floor(now) + BAR_LAG
    return publication if publication > now else publication + MINUTE
