"""Everything of ours is closed without engine or journal, and saying it twice changes nothing."""

import threading
from contextlib import closing, suppress
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.errors import Retryable
from alpaca_trader.core.models import OrderIntent, OrderRole, OrderType
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.emergency import flatten_now
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import Timeouts
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from alpaca_trader.simulator.exchange.activities import FillActivity

DAY = date(2026, 11, 20)
D = Decimal
ORDERS = "/v2/orders"


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
    broker.submit_order(ev.Approved(clock.now(), stop_of("momentum_breakout-AAPL-20261120T1530", clock.now())))
    clock.sleep(1)


def stop_of(stem: str, at: datetime) -> OrderIntent:
    """The stop of a position of ours."""
    return OrderIntent(
        f"{stem}-stop1", stem, OrderRole.STOP, "AAPL", "sell", D("0.2"), OrderType.STOP, None, D("1.00"), "x", "x",
        at, "",
    )  # fmt: skip


def test_ours_is_closed_and_others_are_left_alone(sim: Simulator) -> None:
    """The stop is cancelled, its end awaited, the shares sold; a position nobody of us guards stays."""
    prepare(sim)
    lines = [done.text for done in flatten_now(SimBroker(sim), SimTime(sim), everything=False)]
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


def sold(sim: Simulator) -> Decimal:
    """All shares of AAPL ever sold."""
    fills = (fill for fill in sim.exchange.activities() if isinstance(fill, FillActivity) and fill.symbol == "AAPL")
    return sum((fill.qty for fill in fills if fill.side == "sell"), D(0))


FAULTS: dict[str, list[tuple[str, dict[str, object]]]] = {
    "the sale arrives and its answer is lost": [("http.accept_then", {"answer": "reset", "route": ORDERS, "times": 1})],
    "the sale arrives and the broker says 504": [("http.accept_then", {"answer": "504", "route": ORDERS, "times": 2})],
    "the sale arrives and the broker says 400": [("http.accept_then", {"answer": "400", "route": ORDERS, "times": 1})],
    "the sale never arrives": [("http.drop", {"route": ORDERS, "times": 2})],
    "the sale arrives late": [("http.delay_apply", {"seconds": 20, "route": ORDERS, "times": 1})],
    "half an answer": [("http.truncate", {"route": ORDERS, "times": 2})],
    "no read is answered for a while": [("http.5xx", {"status": "503", "times": 5})],
    "positions cannot be read for a while": [("http.5xx", {"status": "503", "route": "/v2/positions", "times": 12})],
    "reads lag behind": [("http.stale_read", {"seconds": 10, "times": 12})],
    "the first cancel does nothing": [("cancel.ignored", {"times": 1})],
    "an order stands still": [("order.stuck", {"times": 1})],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_the_broker_does_ours_is_sold_once(
    sim: Simulator, faults: list[tuple[str, dict[str, object]]]
) -> None:
    """Over HTTP, said up to three times as a human would: all of ours is gone in the end, not a share more was sold."""
    prepare(sim)
    clock = SimTime(sim)
    with running_simulator(sim) as served:
        endpoints = Endpoints.simulated(served.url, served.ws_url)
        client = AlpacaClient(
            Credentials(Secret(served.key), Secret(served.secret), "test"),
            endpoints=endpoints,
            clock=clock,
            sleep=clock.sleep,
            timeouts=Timeouts(1.0, 0.5),
        )
        with closing(client):
            for name, given in faults:
                served.fault(name, **given)
            done = []
            for _ in range(3):
                with suppress(Retryable):  # nothing was done yet
                    done = list(flatten_now(client, clock, everything=False, known={"AAPL"}))
                clock.sleep(30)
                if done and not any(each.is_left for each in done):
                    break
    assert held(sim) == {"KO": D("0.2")}, done
    assert sold(sim) == D("0.2")


def test_an_entry_that_fills_while_it_is_cancelled_is_sold_too(sim: Simulator) -> None:
    """The positions are read after the cancels have worked, not before."""
    clock, broker = SimTime(sim), SimBroker(sim)
    stem = "momentum_breakout-AAPL-20261120T1530"
    entry = OrderIntent(
        f"{stem}-entry", stem, OrderRole.ENTRY, "AAPL", "buy", D("0.2"), OrderType.MARKET, None, None, "x", "x",
        clock.now(), "",
    )  # fmt: skip
    sim.order_fault("cancel.loses_race", times=1)
    broker.submit_order(ev.Approved(clock.now(), entry))
    list(flatten_now(broker, clock, everything=False))
    clock.sleep(5)
    assert held(sim) == {}
    assert sold(sim) == D("0.2")


def test_what_cannot_be_sold_now_is_told_and_not_sold_twice(sim: Simulator) -> None:
    """In a trading halt the sale waits at the broker; said again it is made anew, and sells once when trading goes on."""
    prepare(sim)
    clock, broker = SimTime(sim), SimBroker(sim)
    sim.order_fault("market.halt", symbol="AAPL", seconds=600)
    first, second = (list(flatten_now(broker, clock, everything=False)) for _ in range(2))
    assert [each.text for each in first if each.is_left] == [
        "AAPL: 0.2 still held; look at the broker, or say it again"
    ]
    assert any("as flatten-AAPL-20261120-2 " in each.text for each in second)
    clock.sleep(1200)
    assert held(sim) == {"KO": D("0.2")}
    assert sold(sim) == D("0.2")


def test_a_position_bought_again_is_sold_again(sim: Simulator) -> None:
    """The second sale of a day has an id of its own."""
    clock, broker = SimTime(sim), SimBroker(sim)
    for number in (1, 2):
        prepare_again(sim, number)
        lines = [done.text for done in flatten_now(broker, clock, everything=False)]
        assert any(f"as flatten-AAPL-20261120-{number} " in line for line in lines), lines
    assert held(sim) == {}
    assert sold(sim) == D("0.4")


def prepare_again(sim: Simulator, number: int) -> None:
    """AAPL bought and stopped by us, for the ``number``-th time."""
    clock, broker = SimTime(sim), SimBroker(sim)
    sim.exchange.submit({"symbol": "AAPL", "qty": "0.2", "side": "buy", "type": "market", "time_in_force": "day"})
    clock.sleep(5)
    broker.submit_order(ev.Approved(clock.now(), stop_of(f"momentum_breakout-AAPL-20261120T153{number}", clock.now())))
    clock.sleep(1)
