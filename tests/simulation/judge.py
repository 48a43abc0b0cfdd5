"""An independent judge: looks at the exchange itself and knows the rules, not the engine (safety 3).

Of the engine it uses two things: which intents its journal had committed, and, where belief is compared with the truth,
what it believes.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.core import events as ev
from alpaca_trader.core.engine import Engine
from alpaca_trader.core.models import OrderRole, OrderStatus, Session
from alpaca_trader.edge.journal.memory import MemoryJournal
from alpaca_trader.simulator.exchange.book import OrderFilter
from alpaca_trader.simulator.simulator import Simulator

SLACK = Decimal("1.001")
ARM_WITHIN = timedelta(seconds=5)
FLAT_WITHIN = timedelta(seconds=60)
RECONCILED_WITHIN = timedelta(minutes=2)
GUARDING = {"new", "accepted", "partially_filled", "pending_new", "pending_replace"}


class Judge:
    """``look`` after every instant, ``compare`` at every tick, ``close`` at the end. Raises AssertionError."""

    def __init__(
        self, sim: Simulator, session: Session, max_position_pct: float, max_positions: int, calm_from: datetime | None
    ) -> None:
        """``calm_from``: when faults end; None for a day without any."""
        self._sim, self._session = sim, session
        self._cap, self._most = Decimal(str(max_position_pct)), max_positions
        self._calm_from = calm_from
        self._highest = sim.exchange.account().equity
        self._naked: dict[str, datetime] = {}
        self._said: set[str] = set()
        self._orders_read = 0
        self._compared_from = (calm_from or session.open) + RECONCILED_WITHIN
        self.longest_naked = timedelta(0)
        self.cap_was_near = False
        self.most_held = 0

    def follow(self, journal: MemoryJournal, engine: Engine) -> None:
        """The engine that is alive now, and its journal."""
        self._journal, self._engine = journal, engine

    def hear_submit(self, key: str, *, is_resend: bool) -> None:
        """INV-1, INV-3, INV-4 of the rules: committed before it is said; an entry is said once, the rest under its id."""
        committed = {
            entry.intent.client_order_id for entry in self._journal.committed if isinstance(entry, ev.Approved)
        }
        assert key in committed, f"{key} was said before its intent was committed"
        assert is_resend or key not in self._said, f"{key} was said twice as if it were new"
        assert not (is_resend and key.endswith("-entry")), f"{key}: an entry is never sent again"
        self._said.add(key)

    def look(self) -> None:
        """Every rule that holds at every instant."""
        exchange, now = self._sim.exchange, self._sim.now
        if len(exchange.book) > self._orders_read:
            for order in exchange.book.find(OrderFilter(status="all", limit=len(exchange.book))):
                assert order.client_order_id in self._said, f"{order.client_order_id} is nobody's"
            self._orders_read = len(exchange.book)
        cap = self._cap * self._highest * SLACK
        held = {view.asset.symbol: view for view in exchange.positions()}
        self.most_held = max(self.most_held, len(held))
        in_use = set(held)
        for symbol in sorted({order.symbol for order in exchange.book.open_orders()} | set(held)):
            orders = exchange.book.open_orders(symbol)
            buys = [order for order in orders if order.side == "buy"]
            sells = [order for order in orders if order.side == "sell"]
            qty = held[symbol].qty if symbol in held else Decimal(0)
            assert qty >= 0, f"{symbol}: {qty} held"
            assert exchange.book.held_shares(symbol) <= qty, f"{symbol}: open sells exceed the {qty} held"
            assert not (buys and sells), f"{symbol}: a buy while a sell rests"
            exits = [order for order in sells if order.type != "stop"]
            assert len(exits) <= 1, f"{symbol}: two exits at once"
            if buys:
                in_use.add(symbol)
            worst = (held[symbol].cost if symbol in held else Decimal(0)) + sum(
                (order.reserved_cash for order in buys), Decimal(0)
            )
            assert worst <= cap, f"{symbol}: exposure {worst} over the cap {cap}"
            self.cap_was_near |= worst > cap * Decimal("0.98")
            covered = sum((order.held_shares for order in sells if order.status in GUARDING), Decimal(0))
            self._watch(symbol, qty > covered and not buys, now)
        assert len(in_use) <= self._most, f"{sorted(in_use)}: more than {self._most} positions"
        for symbol in set(self._naked) - set(held):
            self._watch(symbol, False, now)

    def _watch(self, symbol: str, is_naked: bool, now: datetime) -> None:
        """INV-7: naked for five seconds at most; a minute once faults have ended."""
        since = self._naked.get(symbol)
        if since is not None:
            self.longest_naked = max(self.longest_naked, now - since)
        if not is_naked or not self._session.open <= now < self._session.close:
            self._naked.pop(symbol, None)
            return
        since = self._naked.setdefault(symbol, now)
        if self._calm_from is None:
            assert now - since <= ARM_WITHIN, f"{symbol}: without a stop since {since}"
        elif now >= self._calm_from:
            assert now - max(since, self._calm_from) <= FLAT_WITHIN, f"{symbol}: without a stop since {since}"

    def excuse(self, now: datetime) -> None:
        """Nobody was there until now: who is without a stop has five seconds from here."""
        self._naked = dict.fromkeys(self._naked, now)

    def compare(self) -> None:
        """INV-17: when nothing disturbs, belief and truth are the same at every tick. Entries are sized here and now."""
        self._highest = max(self._highest, self._sim.exchange.account().equity)
        if self._sim.now < self._compared_from or self._sim.now >= self._session.close:
            return
        exchange, belief = self._sim.exchange, self._engine.belief
        truth = {view.asset.symbol: view.qty for view in exchange.positions()}
        believed = {symbol: episode.qty for symbol, episode in belief.episodes.items() if episode.qty}
        assert believed == truth, f"{self._sim.now}: believed {believed}, held {truth}"
        open_ids = sorted(order.client_order_id for order in exchange.book.open_orders())
        believed_ids = sorted(
            order.intent.client_order_id
            for order in belief.book.open()
            if not (order.intent.role is OrderRole.ENTRY and order.status is OrderStatus.UNKNOWN)  # watched for 180 s
        )
        assert believed_ids == open_ids, f"{self._sim.now}: believed {believed_ids}, open {open_ids}"

    def close(self) -> None:
        """Flat, nothing open, and everything believed so."""
        exchange, belief = self._sim.exchange, self._engine.belief
        left = [view.asset.symbol for view in exchange.positions()]
        assert not left, f"{left} still held"
        unsold = [order.client_order_id for order in exchange.book.open_orders()]
        assert not unsold, f"{unsold} still open"
        assert not belief.episodes, f"believed open: {sorted(belief.episodes)}"
        waiting = [order.intent.client_order_id for order in belief.book.open()]
        assert not waiting, f"believed open: {waiting}"
        assert not belief.strangers, f"strangers {belief.strangers}"
