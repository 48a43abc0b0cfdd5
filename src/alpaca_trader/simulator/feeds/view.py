"""One feed as its readers see it at an instant: what is over, and what is known of it by then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from alpaca_trader.simulator.faults.bars import BarFaults
from alpaca_trader.simulator.feeds.iex import IexSource
from alpaca_trader.simulator.feeds.incidents import KNOWN_AFTER, Incident, Incidents, Source, told
from alpaca_trader.simulator.market.model import MINUTE, BarRow, Market, MarketQuote, MarketTrade, Tick
from alpaca_trader.simulator.profiles import Switches

SIP_DELAY: Final = timedelta(minutes=15)
"""How old consolidated data must be for the free plan, and how late the delayed feed is."""

Feed = Literal["iex", "sip", "delayed_sip", "otc", "boats", "overnight", "test"]
Update = Literal["", "canceled", "incorrect", "corrected"]
_MICROSECOND: Final = timedelta(microseconds=1)


class Told(NamedTuple):
    """A tick of history; `update` says what became of a print."""

    tick: Tick
    update: Update


class FeedView:
    """What a feed shows. `market` answers for what is no feed's own: sessions, statuses, corporate actions."""

    def __init__(self, market: Market, source: Source, incidents: Incidents, faults: BarFaults) -> None:
        self.market = market
        self.incidents = incidents
        self.faults = faults
        self._source = source

    def rows(self, symbol: str, start: datetime, end: datetime, now: datetime) -> Sequence[BarRow]:
        """Minutes with start <= row.start < end, as they are known at `now`; oldest first."""
        return self._shown(self._source.rows(symbol, start, end), now)

    def minute_rows(self, start: datetime, now: datetime) -> Sequence[BarRow]:
        """One minute of every symbol, as it is known at `now`, sorted by symbol."""
        return self._shown(self._source.minute_rows(start), now)

    def _shown(self, rows: Sequence[BarRow], now: datetime) -> Sequence[BarRow]:
        rows = list(told(self.incidents, rows, now)) if self.incidents.may_happen else rows
        return list(self.faults.shown(rows, now)) if self.faults.may_strike else rows

    def late_rows(self, start: datetime, delay: timedelta, now: datetime) -> Sequence[BarRow]:
        """The bars of a minute that a fault lets come with this delay."""
        return list(self.faults.late(self._source.minute_rows(start), delay, now))

    def revisions_of(self, start: datetime, delay: timedelta, now: datetime) -> Sequence[Incident]:
        """The bars of a minute that a fault corrects with this delay."""
        return [
            Incident("revised", MarketTrade(row.symbol, row.start, Decimal(0), 0, 0), now, None, row, row)
            for row in self.faults.revised(self._source.minute_rows(start), delay, now)
        ]

    def incidents_of(self, start: datetime) -> Sequence[Incident]:
        """What befell the prints of one minute, by symbol."""
        if not self.incidents.may_happen:
            return ()
        found = (self.incidents.of(row) for row in self._source.minute_rows(start))
        return [incident for incident in found if incident]

    def live(self, symbol: str, after: datetime, until: datetime) -> Sequence[Tick]:
        """Ticks with after < at <= until that were told when they happened, in time order."""
        ticks = [self._told(tick) for tick in self._source.ticks(symbol, after, until) if _is_shown(tick)]
        late = self._late(symbol, after, until)
        return [tick for tick in ticks if tick not in late] if late else ticks

    def history(self, symbol: str, after: datetime, until: datetime, now: datetime) -> Iterator[Told]:
        """Ticks with after < at <= until as they are known at `now`, in time order."""
        befallen = {incident.trade: incident for incident in self._incidents(symbol, after, until)}
        for tick in self._source.ticks(symbol, after, until):
            incident = befallen.get(tick) if isinstance(tick, MarketTrade) else None
            if incident is None:
                if _is_shown(tick):
                    yield Told(self._told(tick), "")
            elif incident.kind == "late":
                if incident.known_at <= now:
                    yield Told(tick, "")
            elif incident.known_at > now:
                yield Told(tick, "")
            elif incident.corrected is None:
                yield Told(tick, "canceled")
            else:
                yield Told(tick, "incorrect")
                yield Told(incident.corrected, "corrected")

    def quote(self, symbol: str, at: datetime) -> MarketQuote | None:
        """The quote standing at `at`."""
        found = self.market.quote(symbol, at)
        return self.faults.quote(found) if found is not None and self.faults.may_strike else found

    def _told(self, tick: Tick) -> Tick:
        return self.faults.quote(tick) if isinstance(tick, MarketQuote) and self.faults.may_strike else tick

    def last_trade(self, symbol: str, at: datetime) -> MarketTrade | None:
        """The last print at or before `at`."""
        return self._source.last_trade(symbol, at)

    def _late(self, symbol: str, after: datetime, until: datetime) -> Sequence[MarketTrade]:
        return [incident.trade for incident in self._incidents(symbol, after, until) if incident.kind == "late"]

    def _incidents(self, symbol: str, after: datetime, until: datetime) -> Sequence[Incident]:
        if not self.incidents.may_happen:
            return ()
        rows = self._source.rows(symbol, (after + _MICROSECOND).replace(second=0, microsecond=0), until + _MICROSECOND)
        return [incident for row in rows if (incident := self.incidents.of(row))]


class FeedViews:
    """The views of one simulation, by feed. Overnight venues and OTC have no trading here: their views are empty."""

    def __init__(self, market: Market, seed: int, switches: Switches, faults: BarFaults) -> None:
        whole = FeedView(market, market, Incidents(market, seed, switches), faults)
        source = IexSource(market, seed) if switches.iex_volume == "share" else market
        iex = FeedView(market, source, Incidents(source, seed, switches), faults)
        nothing = _Nothing()
        empty = FeedView(market, nothing, Incidents(nothing, seed, Switches()), faults)
        self._views: Mapping[str, FeedView] = {
            "iex": iex,
            **dict.fromkeys(("sip", "delayed_sip", "test"), whole),
            **dict.fromkeys(("otc", "boats", "overnight"), empty),
        }

    def __getitem__(self, feed: str) -> FeedView:
        """The view of a feed; KeyError for an unknown one."""
        return self._views[feed]


class _Nothing:
    """A venue on which none of the market's symbols trade."""

    def rows(self, _symbol: str, _start: datetime, _end: datetime) -> Sequence[BarRow]:
        return ()

    def minute_rows(self, _start: datetime) -> Sequence[BarRow]:
        return ()

    def ticks(self, _symbol: str, _after: datetime, _until: datetime) -> Sequence[Tick]:
        return ()

    def last_trade(self, _symbol: str, _at: datetime) -> MarketTrade | None:
        return None


def is_over(row: BarRow, now: datetime) -> bool:
    """Whether a minute has ended."""
    return row.start + MINUTE <= now


def known_minute(moment: datetime) -> datetime | None:
    """The minute whose incidents are told at `moment`; None when it is no such instant."""
    start = moment - KNOWN_AFTER - MINUTE
    return start if not start.second and not start.microsecond else None


def _is_shown(tick: Tick) -> bool:
    """A print of size 0 only carries a price into the exchange; the tape proper has no such thing."""
    return isinstance(tick, MarketQuote) or tick.size > 0
