"""A feed with somebody at its side: between events, look whether the config was edited or a command waits.

The same for every wiring: it wraps the live queue and the simulated market alike. An edit needs two looks that agree, at
least a second apart; bars come before the tick that uses them, so an edit is in force at the next tick.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import StrategyConfig
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.ports import Clock, Feed
from alpaca_trader.edge.config_store import ConfigChange, ConfigRefused, ConfigStore
from alpaca_trader.edge.inbox import Inbox

LOOK_EVERY = timedelta(seconds=1)
Before = Callable[[ev.SessionOpened | ev.Tick], Iterable[ev.Event]]
"""What has to be looked at before a session and before each of its minutes, and what came of it."""


class AttendedFeed:
    """Yields the start of the run, then the wrapped feed's events, with edits and commands in between."""

    def __init__(
        self,
        feed: Feed,
        store: ConfigStore,
        policy: Policy,
        opening: Sequence[ev.Event],
        clock: Clock,
        inbox: Inbox,
        on_config: Callable[[StrategyConfig], object],
        before: Before,
    ) -> None:
        """``opening`` is what the run begins with; ``policy`` is in force for all of it; ``on_config`` hears of every edit.

        ``before`` is called on the engine's thread.
        """
        self._feed = feed
        self._store = store
        self._policy = policy
        self._opening = opening
        self._clock = clock
        self._inbox = inbox
        self._on_config = on_config
        self._before = before
        self._looked_at: datetime | None = None

    def __iter__(self) -> Iterator[ev.Event]:
        """The run's events in their final order."""
        yield from self._opening
        for event in self._feed:
            yield from self._look()
            if isinstance(event, ev.SessionOpened | ev.Tick):
                yield from self._before(event)
            yield event
        yield ev.Command(self._clock.now(), "stopping", "engine", "end")

    def _look(self) -> Iterator[ev.Event]:
        now = self._clock.now()
        if self._looked_at is not None and now < self._looked_at + LOOK_EVERY:
            return
        self._looked_at = now
        match self._store.check():
            case ConfigChange(config=config, after=after):
                self._on_config(config)
                yield ev.ConfigAccepted(now, after.config_rev, config, self._policy)
            case ConfigRefused(file_hash=file_hash, detail=detail):
                yield ev.ConfigRefused(now, file_hash or "", detail)
            case None:
                pass
        yield from self._inbox.take(now)
