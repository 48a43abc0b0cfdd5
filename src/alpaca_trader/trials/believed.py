"""What an engine believes, in the judge's terms."""

from datetime import datetime
from decimal import Decimal

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.limits import standing_halt
from alpaca_trader.core.models import OrderRole, OrderStatus
from alpaca_trader.trials.terms import Believed


def believed(belief: Belief, now: datetime, cash_before: Decimal) -> Believed:
    """``cash_before``: USD in the account before the books of this belief began."""
    tracked = belief.book.open()
    watched = {
        order.intent.client_order_id
        for order in tracked
        if order.intent.role is OrderRole.ENTRY and order.status is OrderStatus.UNKNOWN
    }
    return Believed(
        {symbol: episode.qty for symbol, episode in belief.episodes.items() if episode.qty},
        {order.intent.client_order_id for order in tracked},
        watched,
        standing_halt(belief, now),
        belief.risk.latched.keys(),
        cash_before + belief.portfolio.cash_moved,
        belief.portfolio.fees.charged(),
    )
