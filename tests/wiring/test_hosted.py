"""The live wiring, threads and all, on the simulated broker whose time a driver thread moves."""

import json
import resource
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import Mode, OrderRole, Session
from alpaca_trader.edge.arming import ARMED_FOR, Arming
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.defaults import write_defaults
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.home import Home
from alpaca_trader.edge.inbox import leave
from alpaca_trader.edge.journal.reader import JournalReader
from alpaca_trader.edge.journal.sqlite import Journal
from alpaca_trader.edge.notify import OutOfBand
from alpaca_trader.edge.secret import Secret
from alpaca_trader.main.hosted import trade_hosted
from alpaca_trader.main.trader import RESERVE_BYTES, RunEnd
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from alpaca_trader.simulator.profiles import PROFILES

DAY = date(2026, 11, 20)
SYMBOLS = ("AAPL", "MSFT", "NVDA", "QQQ", "SPY")
STEP = timedelta(seconds=2)


class Driver(threading.Thread):
    """Moves the broker's time in small steps while the loop keeps up, and calls ``at`` hooks on its way."""

    def __init__(self, sim: Simulator, until: datetime, hooks: dict[datetime, Callable[[], object]]) -> None:
        super().__init__(daemon=True)
        self.sim, self.until, self.hooks = sim, until, hooks
        self.heard = threading.Semaphore(0)
        self.ended = threading.Event()

    def hear(self, action: ev.Action) -> None:
        """The loop has published a minute."""
        if isinstance(action, ev.PublishStatus):
            self.heard.release()

    def run(self) -> None:
        """To the end, then ask the process to stop."""
        waited: datetime | None = None
        while self.sim.now < self.until and not self.ended.is_set():
            self.sim.advance(self.sim.now + STEP)
            for at in [at for at in self.hooks if at <= self.sim.now]:
                self.hooks.pop(at)()
            minute = self.sim.now.replace(second=0, microsecond=0)
            if self.sim.now.second >= 3 and minute != waited and self.sim.exchange.is_open:
                waited = minute
                self.heard.acquire(timeout=5)  # the tick of this minute has been dealt with
        signal.raise_signal(signal.SIGTERM)


def play(
    home: Home,
    sim: Simulator,
    until: datetime,
    hooks: dict[datetime, Callable[[], object]],
    mode: Mode = Mode.SIM,
    **more: Any,
) -> RunEnd:
    """The live wiring from the simulator's present to ``until``."""
    with running_simulator(sim) as served:
        driver = Driver(sim, until, hooks)
        credentials = Credentials(Secret(served.key), Secret(served.secret), "test")
        endpoints = Endpoints.simulated(served.url, served.ws_url)
        clock = SystemClock(lambda: sim.now)
        driver.start()
        try:
            return trade_hosted(home, mode, credentials, endpoints, clock, driver.hear, heartbeat_s=0.02, **more)
        finally:
            driver.ended.set()
            driver.join()


def morning(tmp_path: Path) -> tuple[Home, Simulator, Session]:
    """A new home, and a broker two minutes before the open of a day on which something is soon bought."""
    home = Home(tmp_path / "home")
    home.create()
    write_defaults(home)
    session = SessionCalendar().session_on(DAY)
    assert session is not None
    market = GeneratedMarket(2, SYMBOLS, DAY)
    start = session.open - timedelta(minutes=2)
    return home, Simulator(market, seed=2, start=start, switches=Switches(iex_volume="full")), session


def test_live_wiring_trades_halts_and_stops_on_signals(tmp_path: Path) -> None:
    """APScheduler, both streams, watchers and watchdog carry a morning; a halt left as a file is obeyed; SIGTERM ends it."""
    home, sim, session = morning(tmp_path)
    halt_at = session.open + timedelta(minutes=12)
    hooks: dict[datetime, Callable[[], object]] = {
        halt_at: lambda: leave(home.inbox, "halt", "test", "enough", sim.now)
    }

    end = play(home, sim, session.open + timedelta(minutes=15), hooks)

    assert end.is_interrupted
    reader = JournalReader(home.database(Mode.SIM))
    assert sum(1 for _ in reader.entries(["Tick"])) >= 12
    halts = [found.entry for found in reader.entries(["HaltLatched"])]
    assert [halt.code for halt in halts if isinstance(halt, ev.HaltLatched)] == ["operator"]
    entries = [intent for intent in reader.intents() if intent.role is OrderRole.ENTRY]
    assert entries, "the seed brings an entry before the halt"
    assert all(intent.decided_at <= halt_at + timedelta(seconds=70) for intent in entries)
    status = json.loads(home.status_file.read_text())
    assert status["halt"]["code"] == "operator"
    assert {view.asset.symbol for view in sim.exchange.positions()} == {p["symbol"] for p in status["positions"]}


def test_an_arming_that_lapses_stops_entries_and_nothing_else(tmp_path: Path) -> None:
    """Run out in the middle of the session: from the next minute on nothing is bought, until it stands again."""
    home, sim, session = morning(tmp_path)
    number = PROFILES["live467"].account_number
    policy = {**json.loads(home.policy_file.read_text()), "mode": "live", "live_account": number}
    home.policy_file.write_text(json.dumps(policy))
    code = version("alpaca-trader")
    arms = Arming(home.data / "armed.json", ConfigStore(home.config).load()[1], number, code)
    lapses, stands_again = (
        session.open + timedelta(minutes=9, seconds=30),
        session.open + timedelta(minutes=11, seconds=30),
    )
    arms.arm(lapses - ARMED_FOR, lambda _: number[-4:])
    hooks: dict[datetime, Callable[[], object]] = {stands_again: lambda: arms.arm(sim.now, lambda _: number[-4:])}

    play(home, sim, session.open + timedelta(minutes=13), hooks, Mode.LIVE)

    reader = JournalReader(home.database(Mode.LIVE))
    (barred, lifted) = (found.entry for found in reader.entries(["HaltLatched", "HaltReleased"]))
    assert isinstance(barred, ev.HaltLatched)
    assert isinstance(lifted, ev.HaltReleased)
    assert (barred.code, lifted.code, lifted.actor) == ("not_armed", "not_armed", "engine")
    assert lapses <= barred.at < stands_again <= lifted.at
    meanwhile = [intent.role for intent in reader.intents() if barred.at <= intent.decided_at < lifted.at]
    assert OrderRole.STOP in meanwhile
    assert OrderRole.ENTRY not in meanwhile


def test_a_signal_flattens_without_a_disk(tmp_path: Path) -> None:
    """SIGUSR2 in the middle of the morning: what is held is sold, nothing is bought any more, and it is told once."""
    home, sim, session = morning(tmp_path)
    at = session.open + timedelta(minutes=10, seconds=30)
    held: list[str] = []

    def flatten() -> None:
        held.extend(view.asset.symbol for view in sim.exchange.positions())
        signal.raise_signal(signal.SIGUSR2)

    play(home, sim, session.open + timedelta(minutes=15), {at: flatten})

    assert held == ["NVDA"]
    assert list(sim.exchange.positions()) == []
    reader = JournalReader(home.database(Mode.SIM))
    (halt,) = (found.entry for found in reader.entries(["HaltLatched"]))
    assert isinstance(halt, ev.HaltLatched)
    assert (halt.code, halt.detail) == ("operator_flatten", "signal: SIGUSR2")
    assert [row.trade.status for row in reader.trades()] == ["closed"]


def test_a_crash_loop_guards_and_sells_and_buys_nothing(tmp_path: Path) -> None:
    """F47: the sixth start in ten minutes carries what is held on, and takes no signal; a human hears of it."""
    home, sim, session = morning(tmp_path)
    play(home, sim, session.open + timedelta(minutes=10, seconds=30), {})
    assert [view.asset.symbol for view in sim.exchange.positions()] == ["NVDA"]
    bar = ev.EntriesBarred(sim.now, "crash_loop", "over 5 starts in 10 minutes")
    told: list[str] = []

    class Wall:
        name = "wall"

        def deliver(self, text: str) -> None:
            told.append(text)

    notifier = OutOfBand([Wall()], SystemClock(), "test")
    play(home, sim, session.open + timedelta(minutes=16), {}, bar=bar, notifier=notifier)
    notifier.close(20)

    reader = JournalReader(home.database(Mode.SIM))
    later = [intent.role for intent in reader.intents() if intent.decided_at > bar.at]
    assert OrderRole.EXIT in later
    assert OrderRole.ENTRY not in later
    assert list(sim.exchange.positions()) == []
    assert any("halted: crash_loop, until human: over 5 starts in 10 minutes" in text for text in told)


def test_the_first_start_of_another_version_says_so(tmp_path: Path) -> None:
    """F53: in the journal, whose entries are that version's from here on; as at every start no reading is fresh any more."""
    home, sim, session = morning(tmp_path)
    Journal.open(home.database(Mode.SIM), Mode.SIM, None, "0.0.1").close()
    play(home, sim, session.open + timedelta(minutes=1), {})
    reader = JournalReader(home.database(Mode.SIM))
    (started, *_) = (found.entry for found in reader.entries(["Command"]))
    assert isinstance(started, ev.Command)
    assert (started.verb, started.reason) == ("started", f"upgraded from 0.0.1 to {version('alpaca-trader')}")
    assert reader.versions() == [(1, version("alpaca-trader"))]


def test_a_start_without_room_for_bad_days_sells_and_buys_nothing(tmp_path: Path) -> None:
    """F35: where the disk has no room for the journal's reserve what is held is guarded and sold, and entries stop."""
    home, sim, session = morning(tmp_path)
    play(home, sim, session.open + timedelta(minutes=10, seconds=30), {}, Mode.PAPER)
    assert [view.asset.symbol for view in sim.exchange.positions()] == ["NVDA"]
    home.database(Mode.PAPER).with_name("paper.db.reserve").unlink()
    restarted, before = sim.now, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (RESERVE_BYTES // 2, before[1]))
    try:
        play(home, sim, session.open + timedelta(minutes=16), {}, Mode.PAPER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    reader = JournalReader(home.database(Mode.PAPER))
    alarms = [found.entry for found in reader.entries(["Alarm"])]
    (failed,) = (alarm for alarm in alarms if isinstance(alarm, ev.Alarm) and alarm.code == "journal_failed")
    assert "paper.db.reserve cannot be made (File too large)" in str(failed.untrusted_text)
    later = {intent.role for intent in reader.intents() if intent.decided_at > restarted}
    assert OrderRole.ENTRY not in later
    assert list(sim.exchange.positions()) == []
    assert json.loads(home.status_file.read_text())["halt"]["code"] == "journal"


def test_settings_that_break_keep_no_engine_from_what_it_holds(tmp_path: Path) -> None:
    """F38: an edit that no start would accept, and then a start: what was good last is in force, the position is sold."""
    home, sim, session = morning(tmp_path)
    play(home, sim, session.open + timedelta(minutes=10, seconds=30), {})
    assert [view.asset.symbol for view in sim.exchange.positions()] == ["NVDA"]
    home.strategy_file.write_text('{"risk": ')
    told: list[str] = []

    class Wall:
        name = "wall"

        def deliver(self, text: str) -> None:
            told.append(text)

    notifier = OutOfBand([Wall()], SystemClock(), "test")
    play(home, sim, session.open + timedelta(minutes=16), {}, notifier=notifier)
    notifier.close(20)
    assert list(sim.exchange.positions()) == []
    assert "settings_broken: config/strategy.json ends too early" in told[0]
    assert json.loads(home.status_file.read_text())["config"]["state"] == "rejected"
    reader = JournalReader(home.database(Mode.SIM))
    first, second = (each.entry for each in reader.entries(["ConfigAccepted"]))
    assert isinstance(first, ev.ConfigAccepted)
    assert isinstance(second, ev.ConfigAccepted)
    assert (first.rev, first.config, first.policy) == (second.rev, second.config, second.policy)
