"""Close everything without the daemon: no engine, no journal, no writable disk needed (safety 6, INV-18).

Ids derive from the symbol and the date, so saying it twice is harmless: the broker refuses the second copy.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.core.errors import OrderRefused, RefusalKind, TraderError
from alpaca_trader.core.events import Approved
from alpaca_trader.core.models import OrderIntent, OrderRole, OrderType, Position
from alpaca_trader.core.ports import Broker
from alpaca_trader.core.salvage import is_ours
from alpaca_trader.edge.live_feed import LiveClock

WAIT = timedelta(seconds=30)
ASK_EVERY_S = 1.0
MOST_TRIES = 3


def flatten_now(
    broker: Broker, clock: LiveClock, everything: bool, known: Collection[str] = frozenset()
) -> Iterator[str]:
    """Cancel the open orders of each position and sell it at market; yields what was done, line by line.

    Without ``everything`` a symbol is closed when an open order of it is ours or when it is ``known`` to be (an open
    trade of the journal: its stop may be gone); positions of other tools stay. In a symbol of ours every order and
    share is taken to be ours. Raises Retryable or AuthRefused where the broker cannot be spoken to at all.
    """
    orders = broker.get_open_orders()
    ours = {order.symbol for order in orders if is_ours(order)} | set(known)
    for order in orders:
        if order.symbol in ours or everything:
            yield _cancel(broker, order.broker_order_id, order.symbol)
    for position in broker.get_positions():
        if position.qty > 0 and (everything or position.symbol in ours):
            yield from _close(broker, clock, position)
        elif position.qty > 0:
            yield f"{position.symbol}: {position.qty} left alone, no order of ours protects it (--all closes it too)"


def _cancel(broker: Broker, broker_order_id: str, symbol: str) -> str:
    try:
        broker.cancel_order(broker_order_id)
    except TraderError as failure:
        return f"{symbol}: cancel of {broker_order_id} not taken ({failure})"
    return f"{symbol}: cancel of {broker_order_id} asked for"


def _close(broker: Broker, clock: LiveClock, position: Position) -> Iterator[str]:
    symbol = position.symbol
    qty = _wait_until_free(broker, clock, symbol)
    if not qty:
        yield f"{symbol}: nothing may be sold, its shares are held by orders that do not end; try again"
        return
    for number in range(1, MOST_TRIES + 1):
        key = f"flatten-{symbol}-{clock.now():%Y%m%d}-{number}"
        try:
            order = broker.submit_order(Approved(clock.now(), _intent(key, symbol, qty, clock.now())))
        except OrderRefused as no:
            if no.kind is RefusalKind.DUPLICATE_ID:
                yield f"{symbol}: {key} was sent before"
                continue
            yield f"{symbol}: sale refused ({no.text})"
            return
        yield f"{symbol}: {qty} sold at market as {key} ({order.status})"
        return


def _wait_until_free(broker: Broker, clock: LiveClock, symbol: str) -> Decimal:
    """The quantity that may be sold once the cancels have worked; 0 where they do not within half a minute."""
    deadline = clock.now() + WAIT
    while True:
        held = next((each for each in broker.get_positions() if each.symbol == symbol), None)
        if held is None:
            return Decimal(0)
        if held.qty_available == held.qty or clock.now() >= deadline:
            return held.qty_available
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
