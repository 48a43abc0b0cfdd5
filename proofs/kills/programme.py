"""The programme: an engine that is killed again and again through the mornings and closings of several sessions.

Time runs as real time does while anything is under way (a start, a request, news), and many times faster while nothing is:
so the seconds in which a position may be without a stop are real seconds of a real process.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Literal

from alpaca_trader.core.models import Mode, OrderRole, OrderStatus, Session
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from proofs.hosted import OUTPUT, Engine, note_rest
from proofs.kills.judge import Broken, Judge
from proofs.kills.remains import Remains
from proofs.kills.witness import Witness, WitnessedServer
from proofs.paced import Pace, SharedNumber, SharedTime
from proofs.restless import SYMBOLS, restless_home

FIRST_DAY = date(2026, 11, 20)
KILLS_A_SESSION = 15
"""Fewer than a session sees, so that the market has days enough."""
KILLS_AT_A_CLOSE = 10
"""So few need no morning."""
CALM = 200.0
"""Virtual seconds per real second while nothing is under way."""
SETTLE_S = 0.01
"""Real seconds for which the loop must have rested, without a word or news, for nothing to be under way."""
RECOVER_WITHIN_S = 30.0
READ_CLOCK = "GET /v2/clock"
MORNING = (timedelta(seconds=-30), timedelta(minutes=12, seconds=40))
CLOSING = (timedelta(minutes=-12), timedelta(seconds=40))
LAST_KILL = timedelta(seconds=150)
"""No kill later than this before a window ends: what was in doubt is over by then, and belief must be truth."""

Moment = Literal["any", "start", "before_word", "after_word"]


@dataclass
class Tally:
    """What a run has seen."""

    seed: int
    kills: int = 0
    starts: int = 0
    sessions: int = 0
    kills_in_recovery: int = 0
    kills_holding: int = 0
    kills_at_a_word: int = 0
    orders: int = 0
    entries: int = 0
    fills: int = 0
    naked_s: float = 0.0
    """The longest that any position was without a stop while an engine lived."""
    real_s: float = 0.0

    def __str__(self) -> str:
        """One line."""
        return ", ".join(f"{field.name.replace('_', ' ')} {getattr(self, field.name):g}" for field in fields(self))


@dataclass(frozen=True)
class Death:
    """When a life ends: so long ``after`` its start (``start``) or its recovery (all others), or at its next word to the
    broker if that is sooner."""

    moment: Moment
    after: timedelta
    downtime: timedelta

    @classmethod
    def drawn(cls, rng: Random) -> "Death":
        """Anywhere in a life, or in its first moments, or at a word; sometimes nobody comes for a while."""
        kinds: tuple[Moment, ...] = ("any", "start", "before_word", "after_word")
        moment = rng.choices(kinds, (4, 2, 2, 2))[0]
        after_s = {"any": rng.uniform(0, 60), "start": rng.uniform(0, 0.4)}.get(moment, 75.0)
        downtime_s = rng.choices((0.0, rng.uniform(1, 60), rng.uniform(60, 240)), (16, 3, 1))[0]
        return cls(moment, timedelta(seconds=after_s), timedelta(seconds=downtime_s))


class Programme:
    """One home, one exchange, many lives."""

    def __init__(self, kills: int, seed: int, folder: Path, before: Sequence[Callable[[], None]] = ()) -> None:
        """``folder`` is empty and will hold everything; ``before`` is called first in every engine's process."""
        self.tally = Tally(seed)
        self.home = restless_home(folder / "home", seed, buys_pct=60, sells_pct=20)
        self._kills, self._rng, self._real = kills, Random(seed), SystemClock()
        days = kills // KILLS_A_SESSION + 1
        self._sessions = SessionCalendar().sessions(FIRST_DAY, FIRST_DAY + timedelta(days=2 * days + 7))[:days]
        self._sim = Simulator(
            GeneratedMarket(seed, SYMBOLS, FIRST_DAY, days=days, history_days=1),
            seed=seed,
            start=self._sessions[0].open + MORNING[0],
            switches=Switches(
                iex_volume="full", rate_limit=None, partial_fills="always" if seed % 2 else "ten_percent"
            ),
        )
        self._witness = Witness(self.home.database(Mode.SIM), self._real)
        self._remains = Remains(self.home, folder)
        risk = ConfigStore(self.home.config).load()[0].risk
        self._judge = Judge(
            self._sim, self._witness.said, risk.max_position_pct, risk.max_positions, self._is_in_session
        )
        self._server = WitnessedServer(self._sim, self._witness)
        self._engine = Engine(
            home=self.home.path,
            url=self._server.url,
            ws_url=self._server.ws_url,
            key=self._sim.keys[0],
            secret=self._sim.keys[1],
            time=folder / "time",
            speed=CALM,
            before=(self._remains.note_commits, partial(note_rest, folder / "rests"), *before),
        )
        self._rests = SharedNumber(folder / "rests")
        self._pace = Pace(self._sim, SharedTime(self._engine.time).tell, self._judge.look)

    def _is_in_session(self, now: datetime) -> bool:
        return any(session.open <= now < session.close for session in self._sessions)

    def run(self) -> Tally:
        """All of it. Raises Broken."""
        tally, began_s = self.tally, self._real.monotonic()
        self._server.start()
        try:
            for session in self._sessions:
                if tally.kills < self._kills:
                    self._play(session)
            _require(tally.kills == self._kills, f"the sessions were over after {tally.kills} kills")
        finally:
            self._server.stop()
            self._sim.close()
            tally.orders = len(self._sim.exchange.book)
            tally.entries = sum(key.endswith("-entry") for key in self._witness.said)
            tally.fills = sum(each.type == "FILL" for each in self._sim.exchange.activities())
            tally.naked_s = self._judge.longest_naked.total_seconds()
            tally.real_s = self._real.monotonic() - began_s
        return tally

    def _play(self, session: Session) -> None:
        """Its morning and its closing, with nobody there in between, whatever is held; then everything is sold and over."""
        if self._kills - self.tally.kills > KILLS_AT_A_CLOSE:
            self._live_through(session.open + MORNING[0], session.open + MORNING[1])
        self._live_through(session.close + CLOSING[0], session.close + CLOSING[1])
        self.tally.sessions += 1
        _require(not self._judge.held, f"still held after the close: {self._judge.held}")
        _require(not self._judge.open_ids, f"still open after the close: {self._judge.open_ids}")
        self._remains.verify()

    def _live_through(self, first: datetime, last: datetime) -> None:
        """Life after life from ``first`` to ``last``; the last one sees every doubt end, and is compared with the truth."""
        self._pace.leap(first)
        while self.tally.kills < self._kills and self._sim.now < last - LAST_KILL:
            death = Death.drawn(self._rng)
            self._live(death, last - LAST_KILL)
            self._pace.leap(min(self._sim.now + death.downtime, last - LAST_KILL))
        self._live(None, last)
        self._compare()

    def _live(self, death: Death | None, until: datetime) -> None:
        """One life, to its death or to ``until``, where it is killed too, or asked to stop where no death was meant."""
        process = self._engine.start()
        life = _Life(process, self._sim, self._witness, self._rests, self._real)
        self.tally.starts += 1
        self._judge.begin()
        if death is not None and death.moment in ("before_word", "after_word"):
            setattr(self._witness, death.moment, life.kill)
        while not life.is_killed and self._sim.now < until:
            if self._pace.turn(CALM if life.is_calm() else 1.0, until):
                life.touched()
            self._check(life)
            since = life.began if death is not None and death.moment == "start" else life.recovered
            if death is not None and since is not None and self._sim.now >= since + death.after:
                break
        self._witness.before_word = self._witness.after_word = None
        self._end(life, is_killed=death is not None)

    def _check(self, life: "_Life") -> None:
        _require(not self._witness.problems, "; ".join(self._witness.problems))
        _require(life.is_alive() or life.is_killed, f"it ended by itself with {life.process.exitcode}")
        _require(
            life.recovered is not None or life.age_s() < RECOVER_WITHIN_S, f"not recovered in {RECOVER_WITHIN_S} s"
        )

    def _end(self, life: "_Life", *, is_killed: bool) -> None:
        tally = self.tally
        if is_killed:
            tally.kills += 1
            tally.kills_at_a_word += life.is_killed
            tally.kills_in_recovery += life.recovered is None
            tally.kills_holding += bool(self._judge.held)
            life.kill()
        else:
            life.stop()
        life.process.join()
        self._judge.end()
        expected = -signal.SIGKILL if is_killed else 0
        _require(life.process.exitcode == expected, f"it ended with {life.process.exitcode}, not {expected}")
        self._remains.check(self._witness.said)

    def _compare(self) -> None:
        """INV-17: what the next engine would believe is what the exchange has."""
        belief = self._remains.belief()
        believed = {symbol: episode.qty for symbol, episode in belief.episodes.items() if episode.qty}
        _require(believed == self._judge.held, f"believed {believed}, held {self._judge.held}")
        believed_ids = sorted(
            order.intent.client_order_id
            for order in belief.book.open()
            if not (order.intent.role is OrderRole.ENTRY and order.status is OrderStatus.UNKNOWN)  # watched for 180 s
        )
        _require(not belief.risk.latched, f"entries are halted: {sorted(belief.risk.latched)}")
        _require(believed_ids == self._judge.open_ids, f"believed {believed_ids}, open {self._judge.open_ids}")


class _Life:
    """One engine's process, from its start."""

    def __init__(
        self, process: BaseProcess, sim: Simulator, witness: Witness, rests: SharedNumber, real: SystemClock
    ) -> None:
        self.process = process
        self.is_killed = False
        self.began = sim.now
        self.recovered: datetime | None = None
        """When it had asked the broker everything that a start has to ask; the clock is the last of it."""
        self._sim, self._witness, self._rests, self._real = sim, witness, rests, real
        self._began_s = self._touched_s = real.monotonic()
        self._clock_reads = witness.requests[READ_CLOCK]

    def age_s(self) -> float:
        """Real seconds since its start."""
        return self._real.monotonic() - self._began_s

    def is_alive(self) -> bool:
        """Whether the process exists."""
        return self.process.is_alive()

    def touched(self) -> None:
        """It was told something."""
        self._touched_s = self._real.monotonic()

    def is_calm(self) -> bool:
        """Whether nothing is under way; to be asked often."""
        now_s = self._real.monotonic()
        if self.recovered is None and self._witness.requests[READ_CLOCK] > self._clock_reads:
            self.recovered = self._sim.now
        if not self._rests.read() or self.recovered is None:
            self._touched_s = now_s
        return now_s - max(self._touched_s, self._witness.heard_s) > SETTLE_S

    def kill(self) -> None:
        """``kill -9``; from any thread."""
        if not self.is_killed:
            self.is_killed = True
            os.kill(self._pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop."""
        os.kill(self._pid, signal.SIGTERM)

    @property
    def _pid(self) -> int:
        assert self.process.pid is not None, "it was started"
        return self.process.pid


def run(kills: int, seed: int, before: Sequence[Callable[[], None]] = ()) -> Tally:
    """Kill ``kills`` times. Raises Broken, naming the seed and the folder that is kept, at the first broken rule."""
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    programme = Programme(kills, seed, folder, before)
    try:
        tally = programme.run()
    except Exception as error:
        output = programme.home.path / OUTPUT
        said = output.read_text()[-2000:] if output.exists() else ""
        raise Broken(f"{error} ({programme.tally}; everything is kept in {folder})\n{said}") from error
    shutil.rmtree(folder)
    return tally


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)
