"""Everything of ours is closed without engine or journal, and saying it twice changes nothing."""

import threading
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import OrderIntent, OrderRole, OrderType
from alpaca_trader.edge.emergency import flatten_now
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.exchange.activities import FillActivity

DAY = date(2026, 11, 20)
D = Decimal


class SimTime:
    """The simulator's clock; waiting moves it."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def now(self) -> datetime:
        """Virtual time."""
        return self._sim.now

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._sim.now.timestamp()

    def sleep(self, seconds: float) -> None:
        """Time passes at the broker."""
        self.to(self._sim.now + timedelta(seconds=seconds))

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """As sleep."""
        self.sleep(seconds)

    def to(self, when: datetime) -> None:
        """Move to ``when``."""
        while self._sim.now < when:
            self._sim.advance(when)


@pytest.fixture
def sim() -> Simulator:
    """An hour into a session."""
    market = GeneratedMarket(7, ("AAPL", "KO"), DAY, history_days=1)
    hours = market.session(DAY)
    assert hours is not None
    return Simulator(market, seed=7, start=hours.open + timedelta(hours=1), switches=Switches(partial_fills="never"))


def held(sim: Simulator) -> dict[str, Decimal]:
    """What the broker holds."""
    return {view.asset.symbol: view.qty for view in sim.exchange.positions()}


def prepare(sim: Simulator) -> None:
    """AAPL bought and stopped by us, KO bought by somebody else."""
    clock, broker = SimTime(sim), SimBroker(sim)
    for symbol in ("AAPL", "KO"):
        sim.exchange.submit({"symbol": symbol, "qty": "0.2", "side": "buy", "type": "market", "time_in_force": "day"})
    clock.sleep(5)
    stem = "momentum_breakout-AAPL-20261120T1530"
    stop = OrderIntent(
        f"{stem}-stop1", stem, OrderRole.STOP, "AAPL", "sell", D("0.2"), OrderType.STOP, None, D("1.00"), "x", "x",
        clock.now(), "",
    )  # fmt: skip
    broker.submit_order(ev.Approved(clock.now(), stop))
    clock.sleep(1)


def test_ours_is_closed_and_others_are_left_alone(sim: Simulator) -> None:
    """The stop is cancelled, its end awaited, the shares sold; a position nobody of us guards stays."""
    prepare(sim)
    lines = list(flatten_now(SimBroker(sim), SimTime(sim), everything=False))
    SimTime(sim).sleep(5)
    assert held(sim) == {"KO": D("0.2")}
    assert any("flatten-AAPL-20261120-1" in line for line in lines)
    assert any(line.startswith("KO:") and "left alone" in line for line in lines)


def test_a_position_whose_stop_is_gone_is_ours_by_the_journal(sim: Simulator) -> None:
    """The most dangerous one: nothing at the broker says that it is ours, the journal does."""
    prepare(sim)
    (stop,) = sim.exchange.book.open_orders("AAPL")
    sim.exchange.cancel(stop.id)
    SimTime(sim).sleep(1)
    list(flatten_now(SimBroker(sim), SimTime(sim), everything=False))
    SimTime(sim).sleep(5)
    assert held(sim) == {"AAPL": D("0.2"), "KO": D("0.2")}
    list(flatten_now(SimBroker(sim), SimTime(sim), everything=False, known={"AAPL"}))
    SimTime(sim).sleep(5)
    assert held(sim) == {"KO": D("0.2")}


def test_said_twice_it_sells_once(sim: Simulator) -> None:
    """The second time there is nothing left to sell, and the first copy's id is taken."""
    prepare(sim)
    for _ in range(2):
        list(flatten_now(SimBroker(sim), SimTime(sim), everything=True))
    SimTime(sim).sleep(5)
    assert held(sim) == {}
    sold = [fill.qty for fill in sim.exchange.activities() if isinstance(fill, FillActivity) and fill.side == "sell"]
    assert sum(sold, D(0)) == D("0.4")
