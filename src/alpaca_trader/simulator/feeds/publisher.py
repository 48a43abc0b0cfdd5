"""What a data feed publishes, and when: ticks at their instants, bars a moment after their minute, corrections later.

Everything of a feed lies `delay` behind the market. Nothing is built that nobody has subscribed to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from alpaca_trader.simulator.feeds.days import RunningDays
from alpaca_trader.simulator.feeds.incidents import KNOWN_AFTER
from alpaca_trader.simulator.feeds.view import FeedView, known_minute
from alpaca_trader.simulator.hub import ALL, DataChannel, DataMoment
from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import MINUTE, PriceBands, Tick, TradingStatus
from alpaca_trader.simulator.timeline import Timeline
from alpaca_trader.simulator.wire import minute_floor

BAR_LAG: Final = timedelta(milliseconds=400)
"""From the end of a minute until its bar is published on the data stream."""
_MICROSECOND: Final = timedelta(microseconds=1)
_PRINT_CHANNELS: Final = ("trades", "updatedBars", "corrections", "cancelErrors")


class DataFeed:
    """One feed's part in the timeline: it has instants only for what somebody listens to."""

    def __init__(
        self, view: FeedView, timeline: Timeline, channel: DataChannel, delay: timedelta = timedelta(0)
    ) -> None:
        self._view = view
        self._timeline = timeline
        self._channel = channel
        self._delay = delay
        self._days = RunningDays(view)
        self._ticks = _TickReader(view)
        self._bands: dict[str, PriceBands] = {}

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The next publication in (after, until]."""
        if not self._channel.listeners():
            return None
        after, until = after - self._delay, until - self._delay
        found: datetime | None = None
        for moment in (
            self._next_minute(after),
            self._next_incident(after),
            self._next_bands(after),
            self._next_faulty(after),
        ):
            if moment is not None and moment <= until:
                found, until = moment, moment
        statuses = self._statuses(after, until)
        if statuses:
            found, until = statuses[0].at, statuses[0].at
        tick_at = self._ticks.next_at(self._tick_symbols(), after, until)
        found = tick_at or found
        return None if found is None else found + self._delay

    def process(self, moment: datetime) -> None:
        """Publish what the feed has to tell at this instant of the timeline, if anything."""
        if not self._channel.listeners():
            return
        at = moment - self._delay
        minute = self._minute_of(at)
        ticks = self._ticks.at(self._tick_symbols(), at)
        incidents = self._view.incidents_of(known) if (known := self._incident_minute(at)) else ()
        statuses = self._statuses(at - _MICROSECOND, at)
        bands = self._new_bands(at) if at == minute_floor(at) else ()
        if minute or ticks or incidents or statuses or bands:
            news = DataMoment(
                moment,
                minute=minute,
                make_bars=lambda: self._view.minute_rows(minute, at) if minute else (),
                make_days=lambda: self._days.after(news.bars, self._channel.wanted("dailyBars"), at),
                ticks=ticks,
                incidents=incidents,
                statuses=statuses,
                bands=bands,
            )
            self._timeline.tell(self._channel.publish(news))
        for delay in self._delays():
            self._publish_faulty(moment, at, delay)

    # Bars that faults let come later, or once more

    def _delays(self) -> Sequence[timedelta]:
        faults = self._view.faults
        is_wanted = faults.may_strike and any(map(self._channel.wanted, ("bars", "updatedBars")))
        return faults.delays() if is_wanted else ()

    def _next_faulty(self, after: datetime) -> datetime | None:
        found = [_next_with(after, BAR_LAG + delay) for delay in self._delays()]
        return min(found, default=None)

    def _publish_faulty(self, moment: datetime, at: datetime, delay: timedelta) -> None:
        start = at - BAR_LAG - delay - MINUTE
        if start != minute_floor(start):
            return
        late, revised = self._view.late_rows(start, delay, at), self._view.revisions_of(start, delay, at)
        if late or revised:
            news = DataMoment(moment, minute=start if late else None, make_bars=lambda: late, incidents=revised)
            self._timeline.tell(self._channel.publish(news))

    # Bars

    def _next_minute(self, after: datetime) -> datetime | None:
        return _next_with(after, BAR_LAG) if self._are_bars_wanted() else None

    def _are_bars_wanted(self) -> bool:
        return bool(self._channel.wanted("bars") or self._channel.wanted("dailyBars"))

    def _minute_of(self, at: datetime) -> datetime | None:
        """The minute whose bars are published at this instant."""
        start = at - BAR_LAG - MINUTE
        return start if start == minute_floor(start) and self._are_bars_wanted() else None

    # Late, withdrawn and corrected prints

    def _next_incident(self, after: datetime) -> datetime | None:
        if not self._view.incidents.may_happen or not any(map(self._channel.wanted, _PRINT_CHANNELS)):
            return None
        known = minute_floor(after) + KNOWN_AFTER
        return known if known > after else known + MINUTE

    def _incident_minute(self, at: datetime) -> datetime | None:
        return known_minute(at) if self._view.incidents.may_happen else None

    # Halts and price bands

    def _statuses(self, after: datetime, until: datetime) -> Sequence[TradingStatus]:
        return self._view.market.statuses(after, until) if self._channel.wanted("statuses") else ()

    def _next_bands(self, after: datetime) -> datetime | None:
        return minute_floor(after) + MINUTE if self._channel.wanted("lulds") else None

    def _new_bands(self, at: datetime) -> Sequence[PriceBands]:
        """The bands that are others than a minute ago."""
        found = []
        for symbol in _named(self._view, self._channel.wanted("lulds")):
            bands = self._view.market.bands(symbol, at)
            known = self._bands.get(symbol)
            if bands is not None and (known is None or (known.lower, known.upper) != (bands.lower, bands.upper)):
                self._bands[symbol] = bands
                found.append(bands)
        return found

    # Ticks

    def _tick_symbols(self) -> frozenset[str]:
        trades, quotes = self._channel.wanted("trades"), self._channel.wanted("quotes")
        return trades | quotes if trades and quotes else trades or quotes


class DataFeeds:
    """All data feeds as one publisher of the timeline: those that nobody reads are not even asked."""

    def __init__(self, feeds: Sequence[tuple[DataChannel, DataFeed]]) -> None:
        self._feeds = feeds

    def next_at(self, after: datetime, until: datetime) -> datetime | None:
        """The next publication of any feed in (after, until]."""
        found = None
        for channel, feed in self._feeds:
            if not channel.is_empty and (moment := feed.next_at(after, until)) is not None:
                found = until = moment
        return found

    def process(self, moment: datetime) -> None:
        """Let each feed publish what it has to tell."""
        for channel, feed in self._feeds:
            if not channel.is_empty:
                feed.process(moment)


class _TickReader:
    """The ticks of the symbols somebody follows, read a minute at a time."""

    def __init__(self, view: FeedView) -> None:
        self._view = view
        self._symbols: frozenset[str] = frozenset()
        self._start: datetime | None = None
        self._changes = 0
        self._by_time: Mapping[datetime, list[Tick]] = {}

    def next_at(self, symbols: frozenset[str], after: datetime, until: datetime) -> datetime | None:
        """The next instant with a tick in (after, until]."""
        if not symbols:
            return None
        start = minute_floor(after + _MICROSECOND)
        while start <= until:
            self._read(symbols, start)
            for moment in self._by_time:
                if moment > after:
                    return moment if moment <= until else None
            start = self._next_trading_minute(start)
        return None

    def at(self, symbols: frozenset[str], moment: datetime) -> Sequence[Tick]:
        """The ticks at exactly this instant, by symbol, quotes before prints."""
        if not symbols:
            return ()
        self._read(symbols, minute_floor(moment))
        return self._by_time.get(moment, ())

    def _read(self, symbols: frozenset[str], start: datetime) -> None:
        changes = self._view.faults.changes
        if start == self._start and symbols == self._symbols and changes == self._changes:
            return
        self._start, self._symbols, self._changes = start, symbols, changes
        found: dict[datetime, list[Tick]] = {}
        for symbol in _named(self._view, symbols):
            for tick in self._view.live(symbol, start - _MICROSECOND, start + MINUTE - _MICROSECOND):
                found.setdefault(tick.at, []).append(tick)
        self._by_time = dict(sorted(found.items()))

    def _next_trading_minute(self, start: datetime) -> datetime:
        """The minute after `start`, or the first of the next pre-market where the day's trading is over."""
        following = start + MINUTE
        day = new_york_date(following)
        hours = self._view.market.session(day)
        if hours is not None and hours.pre_open <= following <= hours.post_close:
            return following
        if hours is not None and following < hours.pre_open:
            return hours.pre_open
        later = self._view.market.sessions(day + timedelta(days=1), day + timedelta(days=7))
        return later[0].pre_open if later else following + timedelta(days=7)


def _named(view: FeedView, symbols: frozenset[str]) -> Sequence[str]:
    """The symbols in order, with `*` spelled out."""
    return [asset.symbol for asset in view.market.assets()] if ALL in symbols else sorted(symbols)


def _next_with(after: datetime, lag: timedelta) -> datetime:
    """The next instant, after `after`, that lies `lag` behind the end of a minute."""
    publication = minute_floor(after - lag) + lag
    return publication if publication > after else publication + MINUTE
