"""A scripted session on the direct wiring with the shipped journal on disk: engines come and go, the exchange stays.

``Scene(folder)`` begins shortly before the open of a half day. ``begin`` opens the journal and starts an engine as
``main`` does, ``play`` goes on until something is true, ``kill`` ends the process with nothing closed or written back.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pandas import DataFrame

from alpaca_trader.core import events as ev
from alpaca_trader.core.config import PluginParams, RiskConfig, StrategyConfig, StrategySettings
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.models import Mode, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.lost import Opened, open_journal, what_is_lost
from alpaca_trader.edge.session_trigger import SessionTrigger, watch_ends
from alpaca_trader.edge.simulated_feed import DriverClock, SimulatedFeed
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches

DAY = date(2026, 11, 27)
SYMBOLS = ("NVDA", "SPY")
CALENDAR = SessionCalendar()
NEW_YORK_IS_BEHIND = timedelta(hours=5)
PLAN: Mapping[tuple[str, str], Any] = {
    ("NVDA", "09:32"): "buy",
    ("SPY", "09:33"): "buy",
    ("SPY", "09:37"): "sell",
    ("SPY", "09:40"): "buy",
}
"""What the strategy wants after which New York minute: NVDA is bought and held, SPY comes, goes and would come again."""


class Planned:
    """A strategy that follows ``PLAN``."""

    name = "planned"
    enabled = True

    def __init__(self, watchlist: list[str]) -> None:
        self._watchlist = watchlist

    def get_watchlist(self) -> list[str]:
        """All of them."""
        return self._watchlist

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """What the plan says for this minute."""
        minute = (bars.index[-1] - NEW_YORK_IS_BEHIND).strftime("%H:%M")
        side = PLAN.get((symbol, minute))
        return TradeSignal(symbol, side, self.name, 0.5, reason="planned") if side else None


@lru_cache(maxsize=1)
def market() -> GeneratedMarket:
    """The tape everybody plays on."""
    return GeneratedMarket(7, SYMBOLS, DAY, history_days=1)


def settings() -> StrategyConfig:
    """Stops far enough away that the plan, and not the market, ends a position."""
    raw = {
        "enabled": True,
        "watchlist": SYMBOLS,
        "params": PluginParams(no_entry_open_min=1, cooldown_min=0),
        "class": "proofs.scene:Planned",
    }
    risk = RiskConfig(stop_loss_pct=0.05, take_profit_pct=0.05, trailing_stop_activation=None)
    return StrategyConfig(risk=risk, strategies={"planned": StrategySettings.model_validate(raw)})


class Scene:
    """One exchange and the engines that trade on it, one after the other, from one home folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trades.db"
        session = CALENDAR.session_on(DAY)
        assert session is not None
        self.session = session
        start = session.open - timedelta(minutes=6)
        self.sim = Simulator(market(), seed=7, start=start, switches=Switches(rate_limit=None))
        self.broker = SimBroker(self.sim)
        self.told: list[ev.Action] = []
        self.commands: list[ev.Command] = []
        self._lives = 0
        self._events: Iterator[ev.Event] = iter(())

    def tell(self, action: ev.Action) -> None:
        """Hear every action (``Recorder``)."""
        self.told.append(action)

    def begin(self, reserve_bytes: int = 0) -> ev.JournalLost | None:
        """Start an engine on the journal as it lies there; what had to be read from the broker because of it."""
        self.opened: Opened = open_journal(self.path, Mode.SIM, "1", self.sim.now, reserve_bytes)
        self.journal = self.opened.journal
        lost = what_is_lost(self.opened, self.broker, self.sim.now, is_new_home=not self._lives)
        self._lives += 1
        manager = StrategyManager(lambda path: settings(), {"proofs.scene:Planned": Planned}.__getitem__)
        manager.configure(settings())
        self.engine = Engine(manager, self.opened.belief)
        self._streams = DirectStreams(self.sim)
        feed = SimulatedFeed(
            self.sim,
            SessionTrigger(CALENDAR),
            self.engine.next_wakeup,
            self._streams.received,
            until=watch_ends(self.session),
            real=SystemClock(),
        )
        self._streams.start(feed.put)
        self.executor = OrderExecutor(self.engine, self.broker, self.journal, DriverClock(self.sim), self)
        self._events = self._script(lost, feed)
        return lost

    def _script(self, lost: ev.JournalLost | None, feed: SimulatedFeed) -> Iterator[ev.Event]:
        yield ev.ConfigAccepted(self.sim.now, "rev", settings(), Policy())
        if lost is not None:
            yield lost
        yield ev.Command(self.sim.now, "started", "engine", "")
        for event in feed:
            while self.commands:
                yield self.commands.pop(0)
            yield event

    def play(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Go on until ``is_over`` after an event, or to the end of the session."""
        for event in self._events:
            drain(self.engine, event, self.executor, self.journal)
            if is_over():
                return

    def play_until(self, at: datetime) -> None:
        """Go on until the exchange's clock shows this."""
        self.play(lambda: self.sim.now >= at)

    def backup(self, target: Path) -> None:
        """Copy the journal as SQLite means it to be copied."""
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)

    def kill(self) -> None:
        """End the process here: what SQLite would still do on closing is undone."""
        self._streams.stop()
        aside = self.path.parent / "aside"
        aside.mkdir()
        files = sorted(self.path.parent.glob(f"{self.path.name}*"))
        for file in files:
            shutil.copy2(file, aside)
        self.journal.close()
        for file in files:
            shutil.move(aside / file.name, file)
        aside.rmdir()

    def stop(self) -> None:
        """End the process in good order."""
        self._streams.stop()
        self.journal.close()

    # ------------------------------------------------------------ what is true at the exchange

    def held(self) -> dict[str, float]:
        """Shares by symbol."""
        return {position.symbol: float(position.qty) for position in self.broker.get_positions()}

    def open_orders(self) -> list[tuple[str, str, float]]:
        """Symbol, type and quantity of what rests."""
        return [(order.symbol, order.type, float(order.qty or 0)) for order in self.broker.get_open_orders()]

    def at(self, minute: str) -> datetime:
        """The instant of a New York minute of the day, such as ``09:45``."""
        hours, minutes = map(int, minute.split(":"))
        return self.session.open.replace(hour=hours, minute=minutes) + NEW_YORK_IS_BEHIND
