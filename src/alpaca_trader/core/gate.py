"""The last gate: every order passes it next to the socket, whoever asked for it (safety 1.8, INV-11).

It trusts nobody upstream. An entry must lie inside the human's policy, near the last good quote, in regular hours and
under the rate limits; a sale must only reduce what is held and what no other sale of ours claims.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.limits import standing_halt
from alpaca_trader.core.models import ZERO, OrderIntent, OrderRole, dec
from alpaca_trader.core.policy import Policy
from alpaca_trader.core.risk_manager import ENTRY_LIMIT_ABOVE_ASK
from alpaca_trader.core.sizing import CENT, order_cap


def refuse(belief: Belief, intent: OrderIntent, at: datetime) -> str | None:
    """The name of the rule this order breaks, or None. The order itself is already in the belief."""
    if intent.role is not OrderRole.ENTRY:
        return _refuse_sale(belief, intent)
    if intent.side != "buy":
        return "entries_buy"
    policy, account = belief.policy, belief.account
    if policy is None or account is None:
        return "no_policy"
    if standing_halt(belief, at) is not None:
        return "halted"
    if not belief.is_open(at):
        return "regular_hours"
    if policy.symbols is not None and intent.symbol not in policy.symbols:
        return "symbol_not_allowed"
    if intent.qty > policy.max_order_shares:
        return "max_order_shares"
    reference = _reference(belief, intent, at)
    if reference is None:
        return "no_price"
    # A marketable limit lies at most 0.05 % and one increment above the ask the size was cut to.
    if intent.qty * (reference - CENT) > order_cap(policy, account) * ENTRY_LIMIT_ABOVE_ASK:
        return "max_order_notional"
    if not _inside_collar(belief, intent, reference, policy):
        return "price_collar"
    return _refuse_rate(belief, policy, at)


def _refuse_sale(belief: Belief, intent: OrderIntent) -> str | None:
    if intent.side != "sell":
        return "exits_sell"
    episode = belief.episodes.get(intent.symbol)
    if episode is None or episode.plan.episode_id != intent.episode_id:
        return "reduces_only"
    order = belief.book.get(intent.client_order_id)
    others = belief.book.claimed(intent.symbol, besides=intent.replaces) - (order.leaves_qty if order else ZERO)
    return "reduces_only" if intent.qty + others > episode.qty else None


def _reference(belief: Belief, intent: OrderIntent, at: datetime) -> Decimal | None:
    """What one share costs at worst before the broker's own collar: the limit, else the ask; None without a fresh quote."""
    quote = belief.fresh_quote(intent.symbol, at)
    return None if quote is None else intent.limit_price or quote.ask


def _inside_collar(belief: Belief, intent: OrderIntent, reference: Decimal, policy: Policy) -> bool:
    """Two sources must agree on the price: the newest bar's close, and the limit or fresh ask that would be paid."""
    bar = belief.bars.get(intent.symbol)
    if bar is None:
        return False
    close = dec(bar.close)
    return abs(reference - close) <= close * dec(policy.price_collar_pct)


def _refuse_rate(belief: Belief, policy: Policy, at: datetime) -> str | None:
    times = belief.risk.entry_times
    if sum(1 for sent in times if sent > at - timedelta(minutes=1)) > policy.max_entries_per_minute:
        return "entries_per_minute"
    if len(times) > policy.max_entries_per_day:
        return "entries_per_day"
    if sum(1 for _ in belief.book.open()) > policy.max_open_orders:
        return "max_open_orders"
    return None
