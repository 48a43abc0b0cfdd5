"""Every order's story, kept in a ledger of its own: one intent an id, one exchange order, no share counted twice."""

from dataclasses import dataclass, field
from decimal import Decimal

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import ZERO, Order, OrderIntent, OrderRole, Trade
from alpaca_trader.views.audit.finding import Check, many

CENT = Decimal("0.01")


@dataclass(slots=True)
class Line:
    """What the journal tells of one order. Shares and USD."""

    seq: int
    episode_id: str
    symbol: str
    side: str
    qty: Decimal
    intent: OrderIntent | None
    broker_id: str | None = None
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    executions: dict[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)


class Ledger:
    """The orders of one journal; other checks read it after it has seen the same entry."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.held: dict[str, Decimal] = {}
        """Shares our orders bought and did not sell, by symbol; zero where we once traded."""
        self.cash = ZERO
        """What our fills have moved so far, in USD; buys are negative."""
        self.fills = 0
        self.by_others: set[str] = set()
        """Episodes of which somebody else sold shares."""
        self.rows: dict[str, tuple[int, Trade]] = {}
        self._by_episode: dict[str, list[Line]] = {}
        self._entries: dict[str, str] = {}
        self._check = Check(
            "orders",
            "INV-2 INV-4 INV-6",
            "compare these orders with the broker's own list; keep the home as it is and do not resume before that",
        )

    def see(self, seq: int, entry: ev.Event | ev.Action) -> None:
        """Keep the book."""
        match entry:
            case ev.Approved(intent=intent):
                self._intend(seq, intent)
            case ev.Resend(intent=intent):
                self._repeat(seq, intent)
            case ev.ExecutionReport(order=order):
                self._hear(seq, order, entry)
            case ev.OpenOrdersSeen(orders=orders):
                for order in orders:
                    self._hear(seq, order, None)
            case ev.JournalLost(orders=orders):
                for order in orders:
                    self._find(seq, order)
            case ev.Adopted(episode_id=episode_id):
                self.by_others.add(episode_id)
            case ev.TradeChanged(trade=trade):
                self.rows[trade.episode_id] = (seq, trade)
            case _:
                pass

    def finish(self) -> Check:
        """Hold the trades against the fills."""
        for seq, trade in self.rows.values():
            self._compare(seq, trade)
        executions = sum(len(line.executions) for line in self.lines.values())
        self._check.looked_at = ", ".join(
            (many(len(self.lines), "order"), many(executions, "execution"), many(len(self.rows), "trade"))
        )
        return self._check

    def is_ours(self, order: Order) -> bool:
        """Whether the journal knows the order."""
        return order.client_order_id in self.lines

    def _intend(self, seq: int, intent: OrderIntent) -> None:
        key = intent.client_order_id
        if key in self.lines:
            self._check.report(seq, f"a second intent under the id {key}")
            return
        if intent.role is OrderRole.ENTRY:
            first = self._entries.setdefault(intent.episode_id, key)
            if first != key:
                self._check.report(seq, f"{key} enters the position that {first} entered")
        self._open(key, Line(seq, intent.episode_id, intent.symbol, intent.side, intent.qty, intent))

    def _open(self, key: str, line: Line) -> None:
        self.lines[key] = line
        self._by_episode.setdefault(line.episode_id, []).append(line)
        self.held.setdefault(line.symbol, ZERO)

    def _repeat(self, seq: int, intent: OrderIntent) -> None:
        line = self.lines.get(intent.client_order_id)
        if line is None or line.intent not in (None, intent):
            self._check.report(seq, f"{intent.client_order_id} was sent again, and not as it was first decided")
        elif intent.role is OrderRole.ENTRY:
            self._check.report(seq, f"{intent.client_order_id}: an entry was sent again")

    def _find(self, seq: int, order: Order) -> None:
        """An order that the broker told of because the journal was lost; whose it is its id says."""
        episode_id, is_role, role = order.client_order_id.rpartition("-")
        is_ours = bool(is_role) and role.rstrip("0123456789") in ("entry", "stop", "exit")
        if order.client_order_id not in self.lines and is_ours and order.qty is not None:
            self._open(order.client_order_id, Line(seq, episode_id, order.symbol, order.side, order.qty, None))
        self._hear(seq, order, None)

    def _hear(self, seq: int, order: Order, report: ev.ExecutionReport | None) -> None:
        line = self.lines.get(order.client_order_id)
        if line is None:
            return
        key = order.client_order_id
        line.broker_id = line.broker_id or order.broker_order_id
        if line.broker_id != order.broker_order_id:
            self._check.report(seq, f"{key} is two orders at the broker: {line.broker_id} and {order.broker_order_id}")
        if order.filled_qty > line.qty:
            self._check.report(seq, f"{key} filled {order.filled_qty} of {line.qty}")
        if report is not None and report.execution_id is not None:
            told = (report.last_qty, report.last_price)
            if line.executions.setdefault(report.execution_id, told) != told:
                self._check.report(seq, f"{key}: execution {report.execution_id} is told twice and differently")
        if order.filled_qty > line.filled and order.filled_avg_price is not None:
            notional, sign = order.filled_qty * order.filled_avg_price, 1 if line.side == "buy" else -1
            self.cash -= sign * (notional - line.notional)
            self.held[line.symbol] += sign * (order.filled_qty - line.filled)
            self.fills += 1
            line.filled, line.notional = order.filled_qty, notional
        executed = sum((qty for qty, _ in line.executions.values() if qty is not None), ZERO)
        if executed > line.qty:
            self._check.report(seq, f"{key}: its executions add up to {executed} of {line.qty}")

    def _compare(self, seq: int, trade: Trade) -> None:
        lines = self._by_episode.get(trade.episode_id, [])
        bought = sum((line.filled for line in lines if line.side == "buy"), ZERO)
        sold = sum((line.filled for line in lines if line.side == "sell"), ZERO)
        if sold > bought:
            self._check.report(seq, f"{trade.episode_id}: sold {sold} of {bought} bought")
        if trade.qty != bought:
            self._check.report(seq, f"{trade.episode_id}: the trade says {trade.qty} bought, the fills {bought}")
        if trade.status != "closed" or trade.episode_id in self.by_others:
            return
        if sold < bought:
            self._check.report(seq, f"{trade.episode_id}: the trade is closed, and {bought - sold} were not sold")
        gross = sum((line.notional if line.side == "sell" else -line.notional for line in lines), ZERO)
        if trade.pnl is not None and abs(gross - trade.fees - trade.pnl) > CENT:
            told = f"{trade.pnl} USD, the fills {gross - trade.fees}"
            self._check.report(seq, f"{trade.episode_id}: the trade made {told}")
