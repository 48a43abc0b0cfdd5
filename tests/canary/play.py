"""The live wiring on a simulated broker whose keys are the canaries: some minutes of trading, and how they may end."""

import json
import os
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from pandas import DataFrame

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode, TradeSignal
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.credentials import load_credentials
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.home import Home
from alpaca_trader.main.hosted import trade_hosted
from alpaca_trader.main.trader import RunEnd
from alpaca_trader.simulator import GeneratedMarket, Simulator, running_simulator
from tests.canary.canaries import KEY, SECRET

DAY = date(2026, 11, 20)
SYMBOLS = ("AAPL", "KO")
OPEN = datetime.fromisoformat("2026-11-20T14:30:00+00:00")


class Talkative:
    """A plug-in that buys one symbol, and breaks at the other with words that quote the keys it found."""

    name = "talkative"
    enabled = True

    def get_watchlist(self) -> list[str]:
        """Both."""
        return list(SYMBOLS)

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """A purchase, or an exception."""
        if symbol == SYMBOLS[1]:
            raise RuntimeError(f"no answer for {os.environ['APCA_API_KEY_ID']}:{os.environ['APCA_API_SECRET_KEY']}")
        return TradeSignal(symbol, "buy", self.name, 0.5, reason="talkative")


def write_home(folder: Path) -> Home:
    """A home whose settings name the plug-in."""
    home = Home(folder)
    home.create()
    write_defaults(home)
    policy = json.loads(home.policy_file.read_text())
    name = f"{Talkative.__module__}:{Talkative.__name__}"
    home.policy_file.write_text(json.dumps({**policy, "plugin_classes": [name]}))
    params = {"no_entry_open_min": 1, "cooldown_min": 0}
    settings = {"enabled": True, "watchlist": list(SYMBOLS), "class": name, "params": params}
    home.strategy_file.write_text(json.dumps({"risk": {}, "strategies": {"talkative": settings}}))
    return home


@lru_cache
def _market() -> GeneratedMarket:
    return GeneratedMarket(2, SYMBOLS, DAY)


def broker() -> Simulator:
    """A broker that knows the canaries, two minutes before the open."""
    return Simulator(_market(), seed=2, start=OPEN - timedelta(minutes=2), keys=(KEY, SECRET))


class _Driver(threading.Thread):
    """Moves the broker's time while the loop keeps up with its minutes; at the end asks the process to stop."""

    def __init__(self, sim: Simulator, until: datetime) -> None:
        super().__init__(daemon=True)
        self.sim, self.until = sim, until
        self.heard = threading.Semaphore(0)
        self.ended = threading.Event()

    def run(self) -> None:
        """To the end, or until the loop has ended by itself."""
        waited: datetime | None = None
        while self.sim.now < self.until and not self.ended.is_set():
            self.sim.advance(self.sim.now + timedelta(seconds=2))
            minute = self.sim.now.replace(second=0, microsecond=0)
            if self.sim.now.second >= 3 and minute != waited and self.sim.exchange.is_open:
                waited = minute
                self.heard.acquire(timeout=5)
        if not self.ended.is_set():
            signal.raise_signal(signal.SIGTERM)


def play(
    home: Home,
    sim: Simulator,
    minutes: int = 5,
    watch: Callable[[ev.Action], None] = lambda action: None,
    clock: SystemClock | None = None,
) -> RunEnd:
    """Trade from the simulator's present to so many minutes after the open, with the keys of the environment."""
    with running_simulator(sim) as served:
        driver = _Driver(sim, OPEN + timedelta(minutes=minutes))

        def hear(action: ev.Action) -> None:
            if isinstance(action, ev.PublishStatus):
                driver.heard.release()
            watch(action)

        credentials, endpoints = load_credentials(os.environ), Endpoints.simulated(served.url, served.ws_url)
        clock = clock or SystemClock(lambda: sim.now)
        driver.start()
        try:
            return trade_hosted(home, Mode.SIM, credentials, endpoints, clock, hear, heartbeat_s=0.02)
        finally:
            driver.ended.set()
            driver.join()
