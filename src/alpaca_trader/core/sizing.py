"""How much may be bought: the least of every cap, rounded so that none is exceeded (domain 4). USD and shares."""

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from alpaca_trader.core.belief import Belief
from alpaca_trader.core.models import ZERO, Account, OrderRole, TradeSignal, dec
from alpaca_trader.core.orders import TrackedOrder
from alpaca_trader.core.policy import Policy

CENT = Decimal("0.01")
NINE_DECIMALS = Decimal("0.000000001")
BUYING_POWER_USED = Decimal("0.99")
MARKET_BUY_ALLOWANCE = Decimal("1.04")
"""What a market buy is reserved at: the broker's own collar for stop-elected buys below $50 (contract 3.7)."""


class Size(NamedTuple):
    """Shares, what they cost at the reference price, and the cap that bound them with the USD it leaves.

    Caps are ``position``, ``risk``, ``buying_power`` and ``policy``; ``asked`` where somebody wanted fewer shares.
    """

    qty: Decimal
    notional: Decimal
    binding: str
    budget: Decimal


def floor_cents(value: Decimal) -> Decimal:
    """Round down to whole cents."""
    return value.quantize(CENT, ROUND_FLOOR)


def size_of(
    belief: Belief, signal: TradeSignal, account: Account, at: datetime, at_most: Decimal | None = None
) -> Size:
    """Shares to buy: the least of position cap, risk cap and buying power, rounded down (domain 4)."""
    assert belief.config is not None, "a config is accepted before anything is decided"
    config, symbol = belief.config.risk, signal.symbol
    quote = belief.fresh_quote(symbol, at)
    assert quote is not None, "the gates let nothing through without a fresh quote"
    assert quote.ask is not None, "a fresh quote has both sides"
    price = quote.ask
    caps = {"position": dec(config.max_position_pct) * account.equity - _committed(belief, symbol, price)}
    if config.risk_per_trade_pct is not None:
        caps["risk"] = dec(config.risk_per_trade_pct) * account.equity / dec(config.stop_loss_pct)
    caps["buying_power"] = (account.buying_power - _reserved(belief)) * BUYING_POWER_USED
    assert belief.policy is not None, "every config comes with a policy"
    caps["policy"] = order_cap(belief.policy, account)
    binding = min(caps, key=lambda name: caps[name])
    budget = floor_cents(max(caps[binding], ZERO))
    qty = budget / price
    if at_most is not None and at_most < qty:
        qty, binding = max(at_most, ZERO), "asked"
    asset = belief.assets.get(symbol)
    qty = qty.quantize(NINE_DECIMALS if asset is None or asset.fractionable else Decimal(1), ROUND_FLOOR)
    return Size(qty, qty * price, binding, budget)


def signal_price(belief: Belief, signal: TradeSignal) -> Decimal:
    """The price the signal was made at: its own word, else the newest close."""
    if signal.entry_price is not None:
        return dec(signal.entry_price)
    return dec(belief.bars[signal.symbol].close)


def _committed(belief: Belief, symbol: str, price: Decimal) -> Decimal:
    """What the symbol already uses of its cap: held (ours and foreign), ordered (ours and foreign). USD."""
    position = belief.positions.get(symbol)
    held = max(belief.portfolio.qty(symbol), position.qty if position is not None else ZERO)
    foreign = sum(
        ((order.qty or ZERO) - order.filled_qty) * (order.limit_price or price)
        for order in belief.book.foreign_open(symbol, "buy")
    )
    return held * price + open_buys(belief, symbol) + foreign


def open_buys(belief: Belief, symbol: str | None = None) -> Decimal:
    """What our open buys can still cost, USD."""
    return sum((_worst_cost(belief, order) for order in belief.book.open(symbol, OrderRole.ENTRY)), ZERO)


def _worst_cost(belief: Belief, order: TrackedOrder) -> Decimal:
    """What a buy can still cost, USD: its limit, or for a market order the highest price we know with the collar."""
    price = order.intent.limit_price
    if price is None:
        symbol = order.intent.symbol
        episode, quote, bar = belief.episodes.get(symbol), belief.quotes.get(symbol), belief.bars.get(symbol)
        known = [
            episode.plan.signal_price if episode is not None else None,
            quote.ask if quote is not None else None,
            dec(bar.close) if bar is not None else None,
        ]
        price = max(filter(None, known), default=ZERO) * MARKET_BUY_ALLOWANCE
    return order.leaves_qty * price


def _reserved(belief: Belief) -> Decimal:
    """Buys the broker's buying power cannot know yet: unanswered, or spoken since the account was read. USD."""
    total = ZERO
    for order in belief.book.orders.values():
        unseen = belief.account_at is None or (order.spoken_at is not None and order.spoken_at >= belief.account_at)
        if order.intent.role is OrderRole.ENTRY and (unseen or not order.is_settled):
            total += order.filled_notional + _worst_cost(belief, order)
    return total


def order_cap(policy: Policy, account: Account) -> Decimal:
    """The largest entry order the human allows, USD."""
    cap = dec(policy.max_order_notional_pct) * account.equity
    return cap if policy.max_order_notional_usd is None else min(cap, dec(policy.max_order_notional_usd))
