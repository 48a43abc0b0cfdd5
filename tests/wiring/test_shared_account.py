"""An account that is not ours alone: a second engine, and the human's own hands (safety F40, F41, INV-9).

Both play on one simulated exchange by direct calls. Two engines keep journals of their own and know nothing of each other.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random

import pytest

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.engine import Engine, drain
from alpaca_trader.core.models import Order, TradeSignal
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.strategy_manager import StrategyManager
from alpaca_trader.edge.calendar import SessionCalendar
from alpaca_trader.edge.executor import OrderExecutor
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.edge.session_trigger import SessionTrigger, SessionWatch
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.research.direct import DirectStreams
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.market.generator import GeneratedMarket
from alpaca_trader.simulator.simulator import Simulator
from tests.core.desk import HALF_DAY, STRATEGY, SYMBOLS, Wishes, ny, settings

NANO = Decimal("1e-9")
CALENDAR = SessionCalendar()
MARKET = GeneratedMarket(3, SYMBOLS, HALF_DAY, history_days=1)
START, CLOSE = ny("12:20:30", HALF_DAY), ny("13:00", HALF_DAY)
"""The last forty minutes of a half day; positions are sold five minutes before the close."""


class Line(SimBroker):
    """The exchange; while it lags, open orders are those of a moment ago: none (safety F20)."""

    lags = False

    def get_open_orders(self) -> Sequence[Order]:
        """Every open order, or none yet."""
        return [] if self.lags else super().get_open_orders()


class Trader:
    """One engine on the exchange, with its own journal, streams and wishes."""

    def __init__(self, sim: Simulator) -> None:
        self.sim, self.wishes, self.told = sim, Wishes(), list[ev.Action]()
        self.line = Line(sim)
        self._waiting: list[ev.Event] = []
        self._watch = SessionWatch(CALENDAR)
        self._journal = MemoryJournal()
        config = settings(stop_loss_pct=0.02)
        manager = StrategyManager(lambda path: config, lambda path: lambda: self.wishes)  # type: ignore[arg-type, return-value]
        self.engine = Engine(manager, Belief())
        self._executor = OrderExecutor(self.engine, self.line, self._journal, DriverClock(sim), self)
        DirectStreams(sim).start(self._waiting.append)
        self._feed(ev.ConfigAccepted(sim.now, "rev", config, Policy()))
        self._feed(ev.Command(sim.now, "started", "engine", ""))

    def tell(self, action: ev.Action) -> None:
        """Hear every action (``Recorder``)."""
        self.told.append(action)

    def _feed(self, event: ev.Event) -> None:
        drain(self.engine, event, self._executor, self._journal)

    def act(self) -> None:
        """Deal with everything that has happened up to now."""
        for event in self._due():
            self._feed(event)

    def _due(self) -> Iterator[ev.Event]:
        while self._waiting and not self.line.lags:
            yield self._waiting.pop(0)
        yield from self._watch.events(self.sim.now)
        wanted = self.engine.next_wakeup()
        if wanted is not None and wanted <= self.sim.now:
            yield ev.Timer(self.sim.now)

    def wish(self, side: str, symbol: str) -> None:
        """What the strategy will say at the next bar."""
        self.wishes.wanted[symbol] = TradeSignal(symbol, side, STRATEGY, 0.8, reason="wished")  # type: ignore[arg-type]

    @property
    def keys(self) -> set[str]:
        """The ids of all orders this engine decided to send."""
        return {action.intent.client_order_id for action in self.told if isinstance(action, ev.Approved)}

    @property
    def verdicts(self) -> list[str]:
        """What became of every wish to buy."""
        decided = [action for action in self.told if isinstance(action, ev.Decided)]
        return [each.verdict for each in decided if each.evaluation.signal and each.evaluation.signal.side == "buy"]

    @property
    def alarms(self) -> list[str]:
        """Codes of the alarms so far, without infos."""
        return [action.code for action in self.told if isinstance(action, ev.Alarm) and action.level != "info"]


class Floor:
    """A half day with some engines at one exchange."""

    def __init__(self, engines: int) -> None:
        self.sim = Simulator(MARKET, seed=3, start=START)
        self.traders = [Trader(self.sim) for _ in range(engines)]
        self._trigger = SessionTrigger(CALENDAR)

    def play(self, until: datetime) -> None:
        """Move time; at every instant each engine acts in turn."""
        while self.sim.now < until:
            for trader in self.traders:
                trader.act()
            wanted = [trader.engine.next_wakeup() for trader in self.traders]
            due = [at for at in wanted if at is not None and at > self.sim.now]
            self.sim.advance(min([until, self._trigger.next_event(self.sim.now).at, *due]))
        for trader in self.traders:
            trader.act()

    def orders(self) -> Sequence[SimOrder]:
        """Every order the exchange has seen, oldest first."""
        return list(self.sim.exchange.book.find(OrderFilter(status="all", limit=500, is_ascending=True)))

    def held(self) -> dict[str, Decimal]:
        """What the account holds."""
        return {view.asset.symbol: view.qty for view in self.sim.exchange.positions()}


def minute(number: int) -> datetime:
    """So many minutes after the beginning, the tick being over."""
    return START + timedelta(minutes=number)


def play_to_the_end(floor: Floor) -> None:
    """The close, and that nobody cancelled an order of another's."""
    floor.play(CLOSE + timedelta(seconds=5))
    for trader in floor.traders:
        cancelled = {action.client_order_id for action in trader.told if isinstance(action, ev.CancelOrder)}
        assert cancelled <= trader.keys
        assert not trader.engine.belief.episodes
        assert "invariant" not in trader.engine.belief.risk.latched


def test_two_engines_that_buy_at_once_stop_each_other_from_adding_risk() -> None:
    """Each sees orders that look like its own and are not: both halt, guard and close what is theirs, and nothing else."""
    floor = Floor(2)
    one, two = floor.traders
    one.wish("buy", "AAPL")
    two.wish("buy", "MSFT")
    floor.play(minute(1) - timedelta(seconds=29))
    two.line.lags = True  # it decides in the same instant and has not heard of the other's order
    floor.play(minute(1))
    two.line.lags = False
    floor.play(minute(2))
    assert one.keys
    assert two.keys
    one.wish("buy", "MSFT")
    two.wish("buy", "AAPL")
    floor.play(minute(4))
    for trader in (one, two):
        assert list(trader.engine.belief.risk.latched) == ["unknown_own_order"]
        assert "unknown_own_order" in trader.alarms
        assert trader.verdicts == ["approved", "halted"]
        assert set(trader.engine.position_states().values()) <= {"protected"}  # what had not filled was cancelled
    assert not one.keys & two.keys
    play_to_the_end(floor)
    assert floor.held() == {}
    assert {order.client_order_id for order in floor.orders()} == one.keys | two.keys


def test_the_engine_that_comes_second_buys_nothing() -> None:
    """Who sees the other's orders first stays out; the first one, who sees nothing of the second, trades on."""
    floor = Floor(2)
    one, two = floor.traders
    one.wish("buy", "AAPL")
    floor.play(minute(2))
    two.wish("buy", "MSFT")
    floor.play(minute(3))
    one.wish("buy", "MSFT")
    floor.play(minute(4))
    assert (one.verdicts, two.verdicts) == (["approved", "approved"], ["halted"])
    assert list(two.engine.belief.risk.latched) == ["unknown_own_order"]
    play_to_the_end(floor)
    assert floor.held() == {}


def test_two_engines_that_want_the_same_thing_at_once_buy_it_once() -> None:
    """Ids are derived from what an order is for, so the exchange refuses the copy; its engine halts, and all ends flat."""
    floor = Floor(2)
    one, two = floor.traders
    for trader in (one, two):
        trader.wish("buy", "AAPL")
    floor.play(minute(2))
    entries = [order for order in floor.orders() if order.side == "buy"]
    assert len(entries) == 1
    assert floor.held() == {"AAPL": entries[0].filled_qty}
    assert [list(trader.engine.belief.risk.latched) for trader in (one, two)] == [[], ["unknown_own_order"]]
    play_to_the_end(floor)
    assert floor.held() == {}


class Human:
    """Trades by hand whatever comes to mind, at any moment, on the same account."""

    def __init__(self, floor: Floor, seed: int) -> None:
        self._sim, self._rng = floor.sim, Random(seed)
        self.did: list[str] = []

    def act(self) -> None:
        """Buy, or sell a part or all of what is held, quicker than anybody hears of it; what is refused is refused."""
        symbol, what = self._rng.choice(SYMBOLS), self._rng.choice(("buy", "sell a part", "sell all", "liquidate"))
        try:
            if what == "buy":
                self._send(symbol, "buy", Decimal("0.05"))
            elif what == "liquidate":
                self._sim.exchange.liquidate(symbol)
            else:
                for order in self._sim.exchange.book.open_orders(symbol):
                    self._sim.exchange.cancel(order.id)
                self._sim.advance(self._sim.now + timedelta(seconds=0.5))
                held = {view.asset.symbol: view for view in self._sim.exchange.positions()}[symbol]
                self._send(symbol, "sell", held.qty_available / (2 if what == "sell a part" else 1))
        except (BrokerError, KeyError):
            return
        self.did.append(what)

    def _send(self, symbol: str, side: str, qty: Decimal) -> None:
        fields = {"symbol": symbol, "side": side, "qty": str(qty.quantize(NANO, ROUND_DOWN)), "type": "market"}
        self._sim.exchange.submit({**fields, "time_in_force": "day"})


def filled(orders: Sequence[SimOrder], symbol: str, side: str) -> Decimal:
    """Shares of these orders that were bought or sold."""
    return sum((o.filled_qty for o in orders if o.symbol == symbol and o.side == side), Decimal(0))


@pytest.mark.parametrize("seed", range(6))
def test_the_humans_own_trades_are_counted_and_never_touched(seed: int) -> None:
    """Bought, sold, cancelled by hand at any moment: we never sell more than we bought, and end without a share of ours."""
    floor = Floor(1)
    (ours,), human, rng = floor.traders, Human(floor, seed), Random(seed)
    floor.play(minute(1))
    while floor.sim.now < CLOSE - timedelta(minutes=2):
        for symbol in SYMBOLS:
            ours.wish("buy" if rng.random() < 0.7 else "sell", symbol)
        floor.play(floor.sim.now + timedelta(seconds=rng.uniform(1, 100)))
        if rng.random() < 0.5:
            human.act()
        for symbol in SYMBOLS:
            mine = [order for order in floor.orders() if order.client_order_id in ours.keys]
            assert filled(mine, symbol, "sell") <= filled(mine, symbol, "buy"), f"seed {seed}: {human.did}"
    play_to_the_end(floor)
    assert human.did
    left = floor.held()
    theirs = [order for order in floor.orders() if order.client_order_id not in ours.keys]
    for symbol in SYMBOLS:
        net = filled(theirs, symbol, "buy") - filled(theirs, symbol, "sell")
        assert left.get(symbol, Decimal(0)) >= max(net, Decimal(0)), f"seed {seed}: {human.did}"
