"""Close everything without the daemon: no engine, no journal, no writable disk needed (safety 6, INV-18).

Ids derive from the symbol and the date, so saying it twice is harmless: the broker refuses the second copy, and never more
is sold than it says is free.
"""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple, TypeVar

from alpaca_trader.core.errors import OrderRefused, RefusalKind, Retryable, TraderError
from alpaca_trader.core.events import Approved
from alpaca_trader.core.models import Order, OrderIntent, OrderRole, OrderType, Position
from alpaca_trader.core.ports import Broker
from alpaca_trader.core.salvage import is_ours
from alpaca_trader.edge.live_feed import LiveClock

SALE_ID = re.compile(r"^flatten-[A-Z0-9.]{1,10}-\d{8}-\d+$")
WAIT = timedelta(seconds=30)
INSIST = timedelta(minutes=5)
"""How long a read is repeated: once stops are cancelled, giving up would leave positions naked."""
ASK_EVERY_S = 1.0
MOST_SALES = 20
"""Sales of one symbol in a day."""
MOST_TRIES = 5
"""Times the same sale is said, under its same id, until its fate is known."""

Answer = TypeVar("Answer")


class Done(NamedTuple):
    """One thing that was done, in words; ``is_left``: something of ours stays and needs a human or another try."""

    text: str
    is_left: bool = False


def flatten_now(
    broker: Broker, clock: LiveClock, everything: bool, known: Collection[str] = frozenset()
) -> Iterator[Done]:
    """Cancel the open orders of each position and sell it at market; yields what was done, line by line.

    Without ``everything`` a symbol is closed when an open order of it is ours or when it is ``known`` to be (an open
    trade of the journal: its stop may be gone); positions of other tools stay. In a symbol of ours every order and
    share is taken to be ours. Raises Retryable or AuthRefused where the broker cannot be spoken to at all.
    """
    orders = broker.get_open_orders()  # as long as nothing was cancelled, giving up does no harm
    ours = {order.symbol for order in orders if is_ours(order) or SALE_ID.match(order.client_order_id)} | set(known)
    in_the_way = [order for order in orders if order.symbol in ours or everything]
    for order in in_the_way:
        yield _cancel(broker, order)
    _await_ends(broker, clock, {order.broker_order_id for order in in_the_way})
    sold = set()
    for position in _insist(broker.get_positions, clock):
        if position.qty > 0 and (everything or position.symbol in ours):
            sold.add(position.symbol)
            yield _sell(broker, clock, position)
        elif position.qty > 0:
            text = f"{position.symbol}: {position.qty} left alone, no order of ours protects it (--all closes it too)"
            yield Done(text)
    for position in _await_sales(broker, clock, sold):
        yield Done(f"{position.symbol}: {position.qty} still held; look at the broker, or say it again", is_left=True)


def _insist(read: Callable[[], Answer], clock: LiveClock) -> Answer:
    """``read()``, again and again for a while where the broker does not answer."""
    deadline = clock.now() + INSIST
    while True:
        try:
            return read()
        except Retryable:
            if clock.now() >= deadline:
                raise
            clock.sleep(ASK_EVERY_S)


def _cancel(broker: Broker, order: Order) -> Done:
    try:
        broker.cancel_order(order.broker_order_id)
    except TraderError as failure:
        return Done(f"{order.symbol}: cancel of {order.broker_order_id} not taken ({failure})")
    return Done(f"{order.symbol}: cancel of {order.broker_order_id} asked for")


def _await_ends(broker: Broker, clock: LiveClock, ids: set[str]) -> None:
    """Return when none of these orders is open any more, at the latest after half a minute: an entry may fill until then."""
    deadline = clock.now() + WAIT
    while clock.now() < deadline and any(
        order.broker_order_id in ids for order in _insist(broker.get_open_orders, clock)
    ):
        clock.sleep(ASK_EVERY_S)


def _sell(broker: Broker, clock: LiveClock, position: Position) -> Done:
    """Sell what is free of the position, once, whatever becomes of the replies."""
    symbol, qty = position.symbol, position.qty_available
    if qty <= 0:
        return Done(f"{symbol}: nothing is free to be sold, an open order holds its shares")
    for number in range(1, MOST_SALES + 1):
        key = f"flatten-{symbol}-{clock.now():%Y%m%d}-{number}"
        if _insist(partial(broker.get_order_by_client_id, key), clock) is None:
            return _say(broker, clock, _intent(key, symbol, qty, clock.now()))
    return Done(f"{symbol}: sold {MOST_SALES} times today already; sell it at the broker", is_left=True)


def _say(broker: Broker, clock: LiveClock, intent: OrderIntent) -> Done:
    """The sale under its one id, until the broker has it or refuses it (safety rule 4)."""
    key, symbol = intent.client_order_id, intent.symbol
    for _ in range(MOST_TRIES):
        try:
            order = broker.submit_order(Approved(clock.now(), intent))
        except OrderRefused as no:
            if no.kind is RefusalKind.DUPLICATE_ID:
                return Done(f"{symbol}: {key} has arrived before")
            return Done(f"{symbol}: sale refused ({no.text})", is_left=True)
        except Retryable:
            clock.sleep(ASK_EVERY_S)
        else:
            return Done(f"{symbol}: {intent.qty} sold at market as {key} ({order.status})")
    return Done(f"{symbol}: it is not known whether {key} has arrived; say it again", is_left=True)


def _await_sales(broker: Broker, clock: LiveClock, symbols: set[str]) -> list[Position]:
    """What is still held of ``symbols`` once the sales had half a minute to fill."""
    deadline = clock.now() + WAIT
    while True:
        held = [each for each in _insist(broker.get_positions, clock) if each.symbol in symbols and each.qty > 0]
        if not held or clock.now() >= deadline:
            return held
        clock.sleep(ASK_EVERY_S)


def _intent(key: str, symbol: str, qty: Decimal, at: datetime) -> OrderIntent:
    return OrderIntent(
        client_order_id=key,
        episode_id=key,
        role=OrderRole.EXIT,
        symbol=symbol,
        side="sell",
        qty=qty,
        type=OrderType.MARKET,
        limit_price=None,
        stop_price=None,
        strategy="flatten",
        reason="operator_flatten",
        decided_at=at,
        config_rev="",
    )
