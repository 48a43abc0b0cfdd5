"""Looks at the exchange at every instant, and knows the rules, not the engine (INV-2, 6, 7, 8, 10)."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.simulator import Simulator
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.exchange.orders import SimOrder

SLACK = Decimal("1.001")
ARM_WITHIN = timedelta(seconds=5)
GUARDING = {"new", "accepted", "partially_filled", "pending_new", "pending_replace"}


class Broken(AssertionError):
    """A rule that must always hold did not."""


class Judge:
    """``look`` at every instant; ``begin`` and ``end`` say between which instants somebody is alive."""

    def __init__(
        self, sim: Simulator, said: Collection[str], cap: float, most: int, is_session: Callable[[datetime], bool]
    ) -> None:
        """``said``: every client order id that was said to the broker; ``cap`` and ``most``: the limits of the settings."""
        self._sim, self._said, self._cap, self._most = sim, said, Decimal(str(cap)), most
        self._is_session = is_session
        self._highest = Decimal(0)
        self._naked: dict[str, timedelta] = {}
        self._is_alive = False
        self._looked = sim.now
        self._orders_read = 0
        self.longest_naked = timedelta(0)
        self.cap_was_near = False

    @property
    def held(self) -> dict[str, Decimal]:
        """Shares by symbol."""
        with self._sim.lock:
            return {view.asset.symbol: view.qty for view in self._sim.exchange.positions()}

    @property
    def open_ids(self) -> list[str]:
        """Client order ids of all open orders."""
        with self._sim.lock:
            return sorted(order.client_order_id for order in self._sim.exchange.book.open_orders())

    def begin(self) -> None:
        """Somebody is alive from now on."""
        self.look()
        self._is_alive = True

    def end(self) -> None:
        """Nobody is alive any more."""
        self.look()
        self._is_alive = False

    def look(self) -> None:
        """Every rule that holds at every instant. Raises Broken."""
        with self._sim.lock:
            now, before = self._sim.now, self._looked
            self._looked = now
            self._read_new_orders()
            self._highest = max(self._highest, self._sim.exchange.account().equity)
            held = {view.asset.symbol: (view.qty, view.cost) for view in self._sim.exchange.positions()}
            in_use = set(held)
            for symbol in sorted({order.symbol for order in self._sim.exchange.book.open_orders()} | set(held)):
                qty, cost = held.get(symbol, (Decimal(0), Decimal(0)))
                orders = self._sim.exchange.book.open_orders(symbol)
                in_use |= {order.symbol for order in orders if order.side == "buy"}
                covered = self._check_symbol(symbol, qty, cost, orders)
                self._watch(symbol, qty > covered, now - before if self._is_alive else timedelta(0))
            self._require(len(in_use) <= self._most, f"{sorted(in_use)}: more than {self._most} positions")
            for symbol in set(self._naked) - set(held):
                del self._naked[symbol]

    def _read_new_orders(self) -> None:
        book = self._sim.exchange.book
        if len(book) > self._orders_read:
            for order in book.find(OrderFilter(status="all", limit=len(book))):
                self._require(order.client_order_id in self._said, f"{order.client_order_id} is nobody's")
            self._orders_read = len(book)

    def _check_symbol(self, symbol: str, qty: Decimal, cost: Decimal, orders: list[SimOrder]) -> Decimal:
        """The rules of one symbol; returns how many of its shares open sells speak for, all where a buy still works."""
        buys = [order for order in orders if order.side == "buy"]
        sells = [order for order in orders if order.side == "sell"]
        self._require(qty >= 0, f"{symbol}: {qty} held")
        self._require(self._sim.exchange.book.held_shares(symbol) <= qty, f"{symbol}: open sells exceed the {qty} held")
        self._require(not (buys and sells), f"{symbol}: a buy while a sell rests")
        self._require(sum(order.type != "stop" for order in sells) <= 1, f"{symbol}: two exits at once")
        worst, cap = cost + sum((order.reserved_cash for order in buys), Decimal(0)), self._cap * self._highest * SLACK
        self._require(worst <= cap, f"{symbol}: exposure {worst} over the cap {cap}")
        self.cap_was_near |= worst > cap * Decimal("0.98")
        covered = sum((order.held_shares for order in sells if order.status in GUARDING), Decimal(0))
        return qty if buys else covered

    def _watch(self, symbol: str, is_naked: bool, lived: timedelta) -> None:
        """INV-7: without a stop for five seconds of somebody's life at most, however many lives these were."""
        if not is_naked or not self._is_session(self._sim.now):
            self._naked.pop(symbol, None)
            return
        self._naked[symbol] = self._naked[symbol] + lived if symbol in self._naked else timedelta(0)
        self.longest_naked = max(self.longest_naked, self._naked[symbol])
        self._require(self._naked[symbol] <= ARM_WITHIN, f"{symbol}: without a stop for {self._naked[symbol]} of life")

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Broken(f"{self._sim.now}: {otherwise}")
