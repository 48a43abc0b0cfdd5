"""Orders as stories: what was sent, what the broker said, what filled, and where each stands."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alpaca_trader.core import events as ev
from alpaca_trader.core.models import ZERO, OrderIntent, OrderStatus
from alpaca_trader.core.orders import Fill, TrackedOrder
from alpaca_trader.edge.journal.reader import JournalReader, Recorded
from alpaca_trader.edge.plain import plain
from alpaca_trader.views.fold import Span, Step, follow, spans
from alpaca_trader.views.words import NOTHING, clock_s, label, price, printable, shares


class Moment(NamedTuple):
    """Something that became known of an order: an instant, a word, what belongs to it; ``seq`` is the entry's number."""

    seq: int
    at: datetime
    what: str
    detail: str


@dataclass(slots=True)
class OrderStory:
    """One order, from the intent on. ``status`` is as the engine believed it at the end of what was read."""

    intent: OrderIntent
    status: OrderStatus = OrderStatus.INTENDED
    broker_order_id: str | None = None
    filled_qty: Decimal = ZERO
    avg_price: Decimal | None = None
    fills: list[Fill] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Which order of its position it is: ``entry``, ``stop2``, ``exit1``."""
        return self.intent.client_order_id.removeprefix(f"{self.intent.episode_id}-")


def orders_of_day(reader: JournalReader, day: date | None = None) -> list[OrderStory]:
    """The orders sent in the session of ``day`` (default: the last one), oldest first; none where there is none."""
    found = [span for span in spans(reader) if day in (None, span.session.day)]
    return tell(reader, found[-1:], lambda intent: True)


def tell(reader: JournalReader, during: Iterable[Span], wanted: Callable[[OrderIntent], bool]) -> list[OrderStory]:
    """The stories of the ``wanted`` orders sent during these sessions, in the order they were sent."""
    found: dict[str, OrderStory] = {}
    known: dict[str, tuple[Decimal, Decimal]] = {}
    for span in during:
        for step in follow(reader, span):
            entry = step.recorded.entry
            if isinstance(entry, ev.Approved) and wanted(entry.intent):
                found[entry.intent.client_order_id] = OrderStory(entry.intent)
            _note_words(step.recorded, found)
            for key, story in found.items():
                order = step.belief.book.get(key)
                if order is not None:
                    _note_changes(story, order, step, known)
    return list(found.values())


def _note_words(recorded: Recorded, found: dict[str, OrderStory]) -> None:
    """What the entry itself says of one of our orders."""
    seq, entry = recorded
    match entry:
        case ev.Approved(at=at, intent=intent) if intent.client_order_id in found:
            found[intent.client_order_id].moments.append(Moment(seq, at, "sent", order_words(intent)))
        case ev.Resend(at=at, intent=intent) if intent.client_order_id in found:
            found[intent.client_order_id].moments.append(Moment(seq, at, "sent again", "under the same id"))
        case ev.CancelOrder(at=at, client_order_id=key, reason=reason) if key in found:
            found[key].moments.append(Moment(seq, at, "cancel asked", label(reason)))
        case ev.BrokerRefused(at=at, client_order_id=key, verb=verb) if key in found:
            what = "refused" if verb == "submit" else f"{verb} refused"
            found[key].moments.append(Moment(seq, at, what, f"{label(entry.kind)}: {printable(entry.text)}"))
        case ev.OutcomeNotKnown(at=at, client_order_id=key, verb=verb, detail=detail) if key in found:
            found[key].moments.append(Moment(seq, at, "no answer", f"to {verb}: {printable(detail)}"))
        case ev.LookUpMissed(at=at, client_order_id=key) if key in found:
            found[key].moments.append(Moment(seq, at, "looked up", "the broker does not know it"))
        case _:
            pass


def _note_changes(
    story: OrderStory, order: TrackedOrder, step: Step, known: dict[str, tuple[Decimal, Decimal]]
) -> None:
    """What the belief now holds of the order and did not before: a fill, another state."""
    key, seq, at = story.intent.client_order_id, step.recorded.seq, step.recorded.entry.at
    if key not in known and order.heard_at is not None:
        known[key] = _carried_over(order, step)
    qty, notional = known.get(key, (ZERO, ZERO))
    if order.cum_qty > qty:
        fill_price = (order.filled_notional - notional) / (order.cum_qty - qty)
        fill = Fill(key, story.intent.symbol, story.intent.side, order.cum_qty - qty, fill_price, at)
        story.fills.append(fill)
        story.moments.append(Moment(seq, at, "filled", f"{shares(fill.qty)} at {price(fill.price)}"))
        known[key] = order.cum_qty, order.filled_notional
    if order.status is not story.status and order.status not in (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED):
        story.moments.append(Moment(seq, at, label(order.status), ""))
    story.status, story.broker_order_id = order.status, order.broker_order_id
    story.filled_qty, story.avg_price = order.cum_qty, order.avg_price


def _carried_over(order: TrackedOrder, step: Step) -> tuple[Decimal, Decimal]:
    """Shares and USD that an order took over from the one it replaced: they are no fills of its own."""
    before, entry = step.belief.book.get(order.intent.replaces), step.recorded.entry
    if before is None:
        return ZERO, ZERO
    if isinstance(entry, ev.ExecutionReport) and entry.source == "reply":
        return order.cum_qty, order.filled_notional
    carried = min(before.cum_qty, order.cum_qty)
    return carried, carried * (before.avg_price or ZERO)


def order_words(intent: OrderIntent) -> str:
    """``buy 0.2515 AAPL, limit 178.63``."""
    level = intent.limit_price if intent.limit_price is not None else intent.stop_price
    at = intent.type.value if level is None else f"{intent.type.value} {price(level)}"
    return f"{intent.side} {shares(intent.qty)} {printable(intent.symbol)}, {at}"


def order_json(story: OrderStory) -> dict[str, Any]:
    """One order as JSON: the intent, where it stands, its fills and its moments."""
    return {
        **plain(story.intent),
        "status": story.status.value,
        "broker_order_id": story.broker_order_id,
        "filled_qty": plain(story.filled_qty),
        "avg_price": plain(story.avg_price),
        "fills": [{"at": plain(fill.at), "qty": plain(fill.qty), "price": plain(fill.price)} for fill in story.fills],
        "moments": [plain(moment._asdict()) for moment in story.moments],
    }


def orders_json(stories: Sequence[OrderStory]) -> list[dict[str, Any]]:
    """All of them, in the order they were sent."""
    return [order_json(story) for story in stories]


_ENDED_BADLY = frozenset({OrderStatus.REJECTED, OrderStatus.UNKNOWN, OrderStatus.ABANDONED})


def print_orders(console: Console, orders: Sequence[OrderStory]) -> None:
    """Orders we sent, oldest first, with where each stands; one line where there is none."""
    if not orders:
        console.print("No order was sent.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("Sent", no_wrap=True)
    table.add_column("For", no_wrap=True)
    table.add_column("Order", overflow="fold")
    table.add_column("State", no_wrap=True)
    table.add_column("Filled", justify="right", no_wrap=True)
    for order in orders:
        filled = NOTHING if order.avg_price is None else f"{shares(order.filled_qty)} at {price(order.avg_price)}"
        style = "bold red" if order.status in _ENDED_BADLY else ""
        words = Text(order_words(order.intent))
        table.add_row(
            clock_s(order.intent.decided_at), order.name, words, Text(label(order.status), style=style), filled
        )
    console.print(table)
