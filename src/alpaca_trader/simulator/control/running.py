"""A simulator that is being served, with everything a test or a person turns in one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date as Date  # noqa: N812 - `date` is the keyword callers know
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from alpaca_trader.simulator.control.pace import Pace
from alpaca_trader.simulator.desk import AccountOrder
from alpaca_trader.simulator.doors.server import SimulatorServer
from alpaca_trader.simulator.faults.board import Fault
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.market.scenarios import find_scenario
from alpaca_trader.simulator.market.scenarios import scenario as scenario_market
from alpaca_trader.simulator.profiles import DEFAULT_SWITCHES, Switches
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import new_york_time

DEFAULT_DATE = Date(2026, 11, 20)
DEFAULT_SYMBOLS = ("AAPL", "AMZN", "KO", "MSFT", "NVDA", "QQQ", "SPY", "TSLA")
LEAD = timedelta(minutes=1)
"""From the start of virtual time to the open of the first session."""
_AFTER = timedelta(minutes=10)
_SEARCH = timedelta(days=400)


class RunningSimulator:
    """What a client needs to reach the broker, its clock and its faults."""

    def __init__(self, sim: Simulator, server: SimulatorServer, clock: Pace) -> None:
        self.sim = sim
        self.clock = clock
        self._server = server

    @property
    def url(self) -> str:
        """Base address of both REST APIs, without a path."""
        return self._server.url

    @property
    def ws_url(self) -> str:
        """Base address of the streams: add `/stream` or `/v2/iex`."""
        return self._server.ws_url

    @property
    def port(self) -> int:
        """The loopback port all of it is on."""
        return self._server.port

    @property
    def key(self) -> str:
        """Key id of the first account."""
        return self.sim.keys[0]

    @property
    def secret(self) -> str:
        """Secret of the first account."""
        return self.sim.keys[1]

    @property
    def now(self) -> datetime:
        """Virtual time, aware UTC."""
        return self.sim.now

    @property
    def trading_client(self) -> Mapping[str, Any]:
        """Arguments for alpaca-py: `TradingClient(**broker.trading_client)`."""
        return {"api_key": self.key, "secret_key": self.secret, "url_override": self.url}

    @property
    def data_client(self) -> Mapping[str, Any]:
        """Arguments for alpaca-py: `StockHistoricalDataClient(**broker.data_client)`."""
        return self.trading_client

    @property
    def trading_stream(self) -> Mapping[str, Any]:
        """Arguments for alpaca-py: `TradingStream(**broker.trading_stream)`."""
        return {**self.trading_client, "url_override": f"{self.ws_url}/stream"}

    @property
    def data_stream(self) -> Mapping[str, Any]:
        """Arguments for alpaca-py: `StockDataStream(**broker.data_stream)`."""
        return {**self.trading_client, "url_override": f"{self.ws_url}/v2/iex"}

    @property
    def environment(self) -> Mapping[str, str]:
        """What older clients and tools read from the environment."""
        return {
            "APCA_API_KEY_ID": self.key,
            "APCA_API_SECRET_KEY": self.secret,
            "APCA_API_BASE_URL": self.url,
            "APCA_API_DATA_URL": self.url,
        }

    def fault(self, name: str, **given: object) -> Fault:
        """Order a fault of the catalogue: `broker.fault("http.accept_then", answer="504", times=1)`.

        `for_` stands for the parameter `for`. Raises ValueError for what makes no sense.
        """
        if "for_" in given:
            given["for"] = given.pop("for_")
        return self.sim.order_fault(name, **given)

    def clear(self, number: int | None = None) -> int:
        """Lift one fault, or all; returns how many were in force."""
        return self.sim.lift_faults(number)

    def load(self, sim: Simulator, end: datetime | None = None) -> None:
        """Play another simulator on the same ports: new accounts, time standing still, stream clients closed (1012)."""
        self.clock.drive(sim, end)
        old, self.sim = self.sim, sim
        self._server.show(sim)
        old.close()


def simulator_on(
    market: Market, first: Date, days: int, *, at: str | None = None, **given: Any
) -> tuple[Simulator, datetime]:
    """A simulator that begins on `first` at the New York time `at` (HH:MM; None: a minute before the open), and the time at
    which `days` sessions are over.

    `given` are the arguments of `Simulator`. Raises ValueError for a day without a session or a time that is none, and
    what `Simulator` raises.
    """
    sessions = market.sessions(first, first + _SEARCH)[:days]
    if not sessions or sessions[0].date != first:
        following = f"; the next session is {sessions[0].date}" if sessions else ""
        raise ValueError(f"{first}: the exchange is closed{following}")
    start = sessions[0].open - LEAD if at is None else _time_on(first, at)
    return Simulator(market, start=start, **given), sessions[-1].close + _AFTER


def _time_on(day: Date, at: str) -> datetime:
    try:
        clock = time.fromisoformat(at)
    except ValueError:
        raise ValueError(f"{at!r} is no time of day; write it as 04:00 or 15:30 (New York)") from None
    return new_york_time(day, clock.hour, clock.minute)


@contextmanager
def running_simulator(
    sim: Simulator | None = None,
    port: int = 0,
    *,
    profile: str | None = None,
    seed: int | None = None,
    symbols: Sequence[str] | None = None,
    scenario: str | None = None,
    market: Market | None = None,
    date: Date | None = None,
    days: int | None = None,
    at: str | None = None,
    speed: float | str | None = None,
    switches: Switches | None = None,
    accounts: Sequence[AccountOrder] | None = None,
    data: Path | None = None,
) -> Iterator[RunningSimulator]:
    """Serve a broker while the block runs: `sim`, or one made of the other arguments (all have a default).

    Without `speed` virtual time moves only when `clock.step`, `clock.run_until` or `sim.advance` is called; with a number
    it moves so many times as fast as real time, with "max" as fast as the stream clients take it. `market` is one to play
    on, `scenario` one by name, else one is generated for `symbols`, with pre-market and after-hours. `at` is the New York
    time (HH:MM) to begin at, a minute before the open unless given. `data` keeps the state across restarts.
    Raises ValueError for what cannot be played, and for a `sim` beside arguments that describe another.
    """
    plan = {
        "profile": profile, "seed": seed, "symbols": symbols, "scenario": scenario, "market": market, "date": date,
        "days": days, "at": at, "switches": switches, "accounts": accounts, "data": data,
    }  # fmt: skip
    given = {name: value for name, value in plan.items() if value is not None}
    if sim is not None and given:
        raise ValueError(f"give a simulator or {', '.join(given)}, not both")
    made, end = (sim, None) if sim is not None else _made(given)
    with ExitStack() as ending:
        if sim is None:
            ending.callback(made.close)
        yield ending.enter_context(serving(made, port, speed, end))


def _made(given: Mapping[str, Any]) -> tuple[Simulator, datetime]:
    seed, name = given.get("seed", 7), given.get("scenario")
    if "market" in given and given.keys() & {"symbols", "scenario"}:
        raise ValueError("give a market, or a scenario or symbols to make one of")
    known = None if name is None else find_scenario(name)
    if known is not None and given.keys() & {"date", "days"}:
        raise ValueError(f"scenario {name!r} has a date of its own")
    day = known.day if known else given.get("date", DEFAULT_DATE)
    days = known.days if known else given.get("days", 1)
    market = given.get("market")
    if market is None and known is not None:
        market = scenario_market(known.name, seed, given.get("symbols"), extended=True)
    if market is None:
        market = GeneratedMarket(seed, list(given.get("symbols", DEFAULT_SYMBOLS)), day, days=days, extended=True)
    return simulator_on(
        market,
        day,
        days,
        at=given.get("at"),
        seed=seed,
        profile=given.get("profile", "live467"),
        switches=given.get("switches", DEFAULT_SWITCHES),
        accounts=given.get("accounts", ()),
        state_dir=given.get("data"),
    )


@contextmanager
def serving(
    sim: Simulator, port: int = 0, speed: float | str | None = None, end: datetime | None = None
) -> Iterator[RunningSimulator]:
    """Serve `sim`, which stays the caller's to close. Raises RuntimeError at the end when it broke while time ran."""
    server = SimulatorServer(sim, port)
    clock = Pace(sim, server.backlog, speed_of(speed), end)
    server.start()
    clock.start()
    running = RunningSimulator(sim, server, clock)
    try:
        yield running
    finally:
        try:
            clock.stop()
        finally:
            server.stop()


def speed_of(speed: float | str | None) -> float | None:
    """A speed as people write it: a number, "max", or nothing. Raises ValueError for anything else."""
    if speed is None or isinstance(speed, int | float):
        return speed
    try:
        return float("inf") if speed == "max" else float(speed)
    except ValueError:
        raise ValueError(f"speed {speed!r}: give a number above 0 (times real time), or max") from None


Build = Callable[[Mapping[str, Any]], tuple[Simulator, datetime]]
"""Makes the simulator that somebody described (scenario, bars, date, days, seed), and says when its market ends."""
