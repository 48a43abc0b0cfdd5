"""The programme: an engine that is killed again and again through the mornings and closings of several sessions.

Time runs as real time does while anything is under way (a start, a request, news), and many times faster while nothing is:
so the seconds in which a position may be without a stop are real seconds of a real process. On a machine that others use
too they are as much longer as the process has to wait for its part.
"""

import hashlib
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

from alpaca_trader.core.models import Mode, Session
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.clock import SystemClock
from alpaca_trader.edge.config_store import ConfigStore
from alpaca_trader.edge.secret import Secret
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.trials.believed import believed
from alpaca_trader.trials.judge import Judge
from alpaca_trader.trials.terms import Believed, Hours, Limits
from alpaca_trader.views.audit.home import audit, lines
from proofs.hosted import Engine, note_rest
from proofs.kills.life import Death, Life
from proofs.kills.remains import Remains
from proofs.kills.result import Result
from proofs.kills.witness import Witness, WitnessedServer
from proofs.paced import Pace, SharedNumber, SharedTime
from proofs.restless import SYMBOLS, restless_home

FIRST_DAY = date(2026, 11, 20)
KILLS_A_SESSION = 8
"""Fewer than a session sees, so that the market has days enough."""
NIGHTS_SLEPT_THROUGH, SECOND_ENGINES = 0.25, 0.1
"""In how many sessions nobody comes back before the next morning; in how many lives another engine is started too."""
KILLS_AT_A_CLOSE = 10
"""So few need no morning."""
CALM = 200.0
"""Virtual seconds per real second while nothing is under way."""
RECOVER_WITHIN_S = 30.0
MORNING = (timedelta(seconds=-30), timedelta(minutes=12, seconds=40))
CLOSING = (timedelta(minutes=-12), timedelta(seconds=40))
LAST_KILL = timedelta(seconds=150)
"""No kill later than this before a window ends: what was in doubt is over by then, and belief must be truth."""


class Programme:
    """One home, one exchange, many lives."""

    def __init__(self, kills: int, seed: int, folder: Path, before: Sequence[Callable[[], None]] = ()) -> None:
        """``folder`` is empty and will hold everything; ``before`` is called first in every engine's process."""
        self.result = Result(seed)
        self.home = restless_home(folder / "home", seed, buys_pct=60, sells_pct=20)
        self._kills, self._rng, self._real = kills, Random(seed), SystemClock()
        days = kills // KILLS_A_SESSION + 2
        self._sessions = SessionCalendar().sessions(FIRST_DAY, FIRST_DAY + timedelta(days=2 * days + 7))[:days]
        self._sim = Simulator(
            GeneratedMarket(seed, SYMBOLS, FIRST_DAY, days=days, history_days=1),
            seed=seed,
            start=self._sessions[0].open + MORNING[0],
            keys=_keys(seed),
            switches=Switches(
                iex_volume="full", rate_limit=None, partial_fills="always" if seed % 2 else "ten_percent"
            ),
        )
        config = ConfigStore(self.home.config).load()[0]
        self._params = [settings.params for settings in config.strategies.values()]
        risk = config.risk
        limits = Limits(Decimal(str(risk.max_position_pct)), risk.max_positions, True, config.watchlist())
        self._judge = Judge(self._sim, limits, self._hours_of(self._sessions[0]), is_calm=True)
        self._witness = Witness(self._sim, self._judge, self.home.database(Mode.SIM), self._real)
        self._remains = Remains(self.home, folder)
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
        self._cash_before = Decimal(0)
        self._secrets = (Secret(self._sim.keys[0]), Secret(self._sim.keys[1]))
        self._rests = SharedNumber(folder / "rests")
        self._pace = Pace(self._sim, SharedTime(self._engine.time).tell, self._look)

    def _hours_of(self, session: Session) -> Hours:
        first = session.open + timedelta(minutes=min(each.no_entry_open_min for each in self._params))
        last = session.close - timedelta(minutes=min(each.no_entry_close_min for each in self._params))
        return Hours(session.open, session.close, first, last, calm_from=session.close)

    def _look(self) -> None:
        with self._sim.lock:
            self._judge.note_equity()
            self._judge.look()

    def run(self) -> None:
        """All of it; what was seen is in ``result``. Raises AssertionError."""
        result, began_s = self.result, self._real.monotonic()
        self._server.start()
        try:
            for session in self._sessions:
                if result.kills < self._kills:
                    self._play(session)
            _require(result.kills == self._kills, f"the sessions were over after {result.kills} kills")
        finally:
            self._server.stop()
            self._sim.close()
            result.orders = len(self._sim.exchange.book)
            result.entries = sum(key.endswith("-entry") for key in self._witness.said)
            result.fills = sum(each.type == "FILL" for each in self._sim.exchange.activities())
            result.longest_naked_s = round(self._judge.longest_naked.total_seconds(), 2)
            result.real_s = round(self._real.monotonic() - began_s, 1)

    def _play(self, session: Session) -> None:
        """Its morning and its closing, with nobody there in between, whatever is held; then everything is sold and over.

        Sometimes nobody comes for the closing, and what is held is held over night.
        """
        self._judge.begin_day(self._hours_of(session))
        self._pace.leap(session.open + MORNING[0])
        self._cash_before = self._sim.exchange.account().cash
        if self._kills - self.result.kills > KILLS_AT_A_CLOSE:
            self._live_through(session.open + MORNING[1])
            self._judge.compare(self._believed())
            if self._rng.random() < NIGHTS_SLEPT_THROUGH and session != self._sessions[-1]:
                self.result.nights += self._judge.holds
                return
        self._pace.leap(session.close + CLOSING[0])
        self._live_through(session.close + CLOSING[1])
        self._judge.close(self._believed())
        self.result.sessions += 1
        found = [check for check in audit(self.home.path, self._secrets) if not check.is_good]
        _require(not found, "; ".join(lines(found)))

    def _live_through(self, last: datetime) -> None:
        """Life after life until ``last``; the last one sees every doubt end."""
        while self.result.kills < self._kills and self._sim.now < last - LAST_KILL:
            death = Death.drawn(self._rng)
            self._live(death, last - LAST_KILL)
            self._pace.leap(min(self._sim.now + death.downtime, last - LAST_KILL))
        self._live(None, last)

    def _live(self, death: Death | None, until: datetime) -> None:
        """One life, to its death or to ``until``, where it is killed too, or asked to stop where no death was meant."""
        life = Life(self._engine.start(), self._sim, self._witness, self._rests, self._real)
        starts_second = death is not None and death.moment == "any" and self._rng.random() < SECOND_ENGINES
        self.result.starts += 1
        self._judge.excuse()  # who has no stop has five seconds of this life from here
        if death is not None and death.moment in ("before_word", "after_word"):
            setattr(self._witness, death.moment, life.kill)
        while not life.is_killed and self._sim.now < until:
            if self._pace.turn(CALM if life.is_calm() else life.real_time, until):
                life.touched()
            self._check(life)
            if starts_second and life.recovered is not None:
                starts_second = False
                self._start_second()
            if death is not None and life.is_due(death):
                break
        self._witness.before_word = self._witness.after_word = None
        self._end(life, is_killed=death is not None)

    def _start_second(self) -> None:
        """INV-22: another engine in the same home ends at once, by itself."""
        second = replace(self._engine, before=()).start()
        second.join(RECOVER_WITHIN_S)
        _require(second.exitcode == 1, f"a second engine in the home ended with {second.exitcode}, not 1")
        self.result.second_engines += 1

    def _check(self, life: Life) -> None:
        _require(not self._witness.problems, "; ".join(self._witness.problems))
        _require(life.is_alive() or life.is_killed, f"it ended by itself with {life.process.exitcode}")
        _require(
            life.recovered is not None or life.age_s() < RECOVER_WITHIN_S, f"not recovered in {RECOVER_WITHIN_S} s"
        )

    def _end(self, life: Life, *, is_killed: bool) -> None:
        result = self.result
        if is_killed:
            result.kills += 1
            result.kills_at_a_word += life.is_killed
            result.kills_in_recovery += life.recovered is None
            result.kills_holding += self._judge.holds
            life.kill()
        else:
            life.stop()
        life.process.join()
        expected = -signal.SIGKILL if is_killed else 0
        _require(life.process.exitcode == expected, f"it ended with {life.process.exitcode}, not {expected}")
        self._remains.check(self._witness.said)

    def _believed(self) -> Believed:
        """What the next engine would believe."""
        belief = self._remains.belief()
        _require(not belief.risk.latched, f"entries are halted: {sorted(belief.risk.latched)}")
        return believed(belief, self._sim.now, self._cash_before)._replace(doubt=None)


def _keys(seed: int) -> tuple[str, str]:
    """Keys as the broker makes them: no piece of them is a word that stands anywhere else."""
    digits = hashlib.sha256(f"keys {seed}".encode()).hexdigest()
    return f"PK{digits[:18].upper()}", digits[18:58]


class Wrong(AssertionError):
    """An engine did what it must not do."""


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)
