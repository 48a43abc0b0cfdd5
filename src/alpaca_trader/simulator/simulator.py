"""The embedded Alpaca: clock, market, exchange, streams and command log under one lock.

Everything is a function of the market, the seed, the profile and switches, and the sequence of commands with their
virtual times. Time moves through `advance` alone; a command takes no time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from alpaca_trader.simulator.bodies import update_body
from alpaca_trader.simulator.clock import SimClock
from alpaca_trader.simulator.command_log import ADVANCE, FORMAT, CommandLog, Entry, market_fingerprint, replayed
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.exchange import Exchange
from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.exchange.venue import OrderEvent
from alpaca_trader.simulator.hub import BarBatch, StreamHub
from alpaca_trader.simulator.market.model import MINUTE, Market, MarketBar
from alpaca_trader.simulator.profiles import DEFAULT_SWITCHES, PROFILES, Switches
from alpaca_trader.simulator.wire import minute_floor

BAR_LAG: Final = timedelta(milliseconds=400)
"""From the end of a minute until its bar is published on the data stream."""
DEFAULT_KEYS: Final = ("PKSIMULATEDACCOUNT01", "simulated-secret-key-of-no-account-at-all")


class Simulator:
    """One simulated broker account on one market. `lock` guards everything; the REST handlers take it too."""

    def __init__(
        self,
        market: Market,
        *,
        seed: int,
        start: datetime,
        profile: str = "live467",
        switches: Switches = DEFAULT_SWITCHES,
        state_dir: Path | None = None,
        keys: tuple[str, str] = DEFAULT_KEYS,
    ) -> None:
        """Open the account at virtual time `start` (aware), or continue from the command log in `state_dir`.

        Raises ValueError for an unknown profile, a start without time zone, or a log of another simulation.
        """
        if profile not in PROFILES:
            raise ValueError(f"profile {profile!r} is unknown; use one of {', '.join(sorted(PROFILES))}")
        self.market = market
        self.seed = seed
        self.profile = PROFILES[profile]
        self.switches = switches
        self.keys = keys
        self.lock = threading.RLock()
        self.hub = StreamHub()
        self._clock = SimClock(start)
        self.start = self._clock.now
        self.account_id = uuid_for(seed, "account", 0)
        self._log: CommandLog | None = None
        self._is_replaying = False
        self.exchange = Exchange(
            market, self._clock, self.profile, switches, seed, record=self._record, publish=self._publish
        )
        if state_dir is not None:
            self._continue_from(state_dir)

    # Time

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self._clock.now

    def advance(self, limit: datetime) -> datetime:
        """Move virtual time towards `limit`, processing market and exchange in time order, and return the time reached.

        Stops right after the first instant at which a message went to a connected stream client; never past `limit`,
        never back. Thread-safe.
        """
        if limit.tzinfo is None:
            raise ValueError(f"limit {limit.isoformat()} has no time zone; give an aware time")
        limit = limit.astimezone(UTC)
        with self.lock, self.hub.held():
            before = self.now
            while self.now < limit:
                if self._step(limit):
                    break
            if self._log is not None and self.now > before:
                self._log.append(self.now, ADVANCE, {})
            return self.now

    def sent(self) -> Mapping[str, int]:
        """Messages handed to stream clients so far: {"trade_updates": n, "market_data": n}; bars count singly."""
        with self.lock:
            return self.hub.sent()

    def connected(self) -> Mapping[str, int]:
        """Authenticated and subscribed clients per stream."""
        with self.lock:
            return self.hub.connected()

    def close(self) -> None:
        """Close the command log."""
        if self._log is not None:
            self._log.close()

    def _step(self, limit: datetime) -> bool:
        """One stretch of time, at most to the next publication of bars; True when a client was told something."""
        if not self.hub.market_data.listeners():
            return self.exchange.run(limit)
        publication = _next_publication(self.now)
        if self.exchange.run(min(limit, publication)):
            return True
        return self.now == publication and self._publish_bars(publication)

    def _publish_bars(self, at: datetime) -> bool:
        """Publish the bars of the minute that has just ended; True when a client got one."""
        start = at - BAR_LAG - MINUTE
        bars: list[MarketBar] = []
        for asset in self.market.assets():
            bars.extend(self.market.bars(asset.symbol, start, start + MINUTE))
        return bool(bars) and self.hub.market_data.publish(BarBatch(at, bars)) > 0

    # What the exchange reports

    def _publish(self, news: OrderEvent) -> int:
        if not self.hub.trade_updates.listeners():
            return 0
        return self.hub.trade_updates.publish(update_body(self.seed, news))

    def _record(self, name: str, arguments: Mapping[str, object]) -> None:
        if self._log is not None and not self._is_replaying:
            self._log.append(self.now, name, arguments)

    # Replay

    def _continue_from(self, state_dir: Path) -> None:
        identity = {
            "format": FORMAT,
            "seed": self.seed,
            "profile": self.profile.name,
            "start": self.start.isoformat(),
            "market": market_fingerprint(self.market, self.start),
            "switches": asdict(self.switches),
        }
        log = CommandLog(state_dir, identity)
        self._is_replaying = True
        try:
            for entry in replayed(log.entries):
                self._replay(entry)
        except ValueError:
            log.close()
            raise
        self._is_replaying = False
        self._log = log

    def _replay(self, entry: Entry) -> None:
        self.exchange.run(entry.at)
        if entry.name == ADVANCE:
            return
        commands: Mapping[str, Callable[..., Any]] = {
            "submit": self.exchange.submit,
            "replace": self.exchange.replace,
            "cancel": self.exchange.cancel,
            "cancel_all": self.exchange.cancel_all,
            "close_position": self.exchange.close_position,
            "close_all": self.exchange.close_all,
            "configure": self.exchange.configure,
        }
        if entry.name not in commands:
            raise ValueError(f"command log: {entry.name!r} at {entry.at.isoformat()} is not a command of this version")
        try:
            commands[entry.name](**entry.arguments)
        except BrokerError:
            # It was refused when it was recorded, and is refused again: nothing changed then or now.
            return


def _next_publication(now: datetime) -> datetime:
    """The next instant, after `now`, at which the bars of a minute are published."""
    publication = minute_floor(now) + BAR_LAG
    return publication if publication > now else publication + MINUTE
