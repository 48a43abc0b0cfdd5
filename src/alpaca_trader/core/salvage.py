"""Our positions as the broker alone knows them, for when the journal that knew them is gone (safety F37).

An order's client id says which strategy it served, in which position and as what. With the fills this gives back what is
held and how it is guarded; only the exit plan has to come from the settings now in force, except for the stop, whose
price the broker knows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from alpaca_trader.core.config import StrategyConfig, StrategyParams
from alpaca_trader.core.events import EpisodeOpened
from alpaca_trader.core.models import ZERO, Order, OrderIntent, OrderRole, OrderType, Position, dec
from alpaca_trader.core.orders import OPEN, REPORTED

OUR_ID = re.compile(
    r"^(?P<episode>(?P<strategy>[a-z0-9_]{1,20})-(?P<symbol>[A-Z0-9.]{1,10})-\d{8}T\d{4})-"
    r"(?:(?P<entry>entry)|(?P<sale>stop|exit)(?P<number>\d+))$"
)
"""Client order ids of our making: strategy, symbol, minute (UTC), role and count."""

PCT_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """One position of ours: its plan, and its orders as intents beside what the broker says of them, oldest first."""

    plan: EpisodeOpened
    orders: tuple[tuple[OrderIntent, Order], ...]

    def sent(self, role: OrderRole) -> int:
        """The highest number that an order of this role bears: the next one must be new to the broker."""
        numbers = [number_of(intent.client_order_id) for intent, _ in self.orders if intent.role is role]
        return max(numbers, default=0)

    def stops(self) -> list[Order]:
        """The stops that were ever sent, oldest first."""
        return [order for intent, order in self.orders if intent.role is OrderRole.STOP]


def is_ours(order: Order) -> bool:
    """Whether the order's id is of our making."""
    return OUR_ID.match(order.client_order_id) is not None


def number_of(client_order_id: str) -> int:
    """The count in the id of a stop or an exit; 0 for an entry."""
    found = OUR_ID.match(client_order_id)
    return int(found["number"] or 0) if found is not None else 0


def salvage(
    orders: Sequence[Order], positions: Sequence[Position], config: StrategyConfig, rev: str, at: datetime
) -> list[Salvaged]:
    """What is ours of the account, by symbol: the newest position episode that is still held or still being bought.

    ``orders`` are all that were sent lately, ours and others', ended ones too. An entry that is not among them makes
    no position of ours: what it bought counts as somebody else's.
    """
    by_episode: dict[tuple[str, str], list[Order]] = {}
    for order in sorted(orders, key=lambda order: (order.submitted_at or at, number_of(order.client_order_id))):
        found = OUR_ID.match(order.client_order_id)
        if found is not None and order.qty is not None:
            by_episode.setdefault((found["symbol"], found["episode"]), []).append(order)
    held = {position.symbol for position in positions if position.qty > 0}
    newest: dict[str, Salvaged] = {}
    for (symbol, episode), theirs in by_episode.items():
        entry = next((order for order in theirs if order.client_order_id == f"{episode}-entry"), None)
        if entry is not None and (_is_open(entry) or (symbol in held and _left(entry, theirs) > 0)):
            newest[symbol] = _salvaged(episode, entry, theirs, config, rev, at)
    return [newest[symbol] for symbol in sorted(newest)]


def _is_open(order: Order) -> bool:
    return REPORTED.get(order.status) in OPEN


def _left(entry: Order, orders: Sequence[Order]) -> Decimal:
    """Shares of the entry that no order of the same episode has sold."""
    return entry.filled_qty - sum((order.filled_qty for order in orders if order.side == "sell"), ZERO)


def _salvaged(
    episode: str, entry: Order, orders: Sequence[Order], config: StrategyConfig, rev: str, at: datetime
) -> Salvaged:
    found = OUR_ID.match(entry.client_order_id)
    assert found is not None, "only orders with our ids are salvaged"
    strategy = next((name for name in config.strategies if name[:20] == found["strategy"]), found["strategy"])
    settings, risk = config.strategies.get(strategy), config.risk
    params = settings.params if settings is not None else StrategyParams()
    stops = [order.stop_price for order in orders if order.stop_price is not None]
    paid = entry.filled_avg_price or entry.limit_price or ZERO
    activation = risk.trailing_stop_activation
    plan = EpisodeOpened(
        at=entry.submitted_at or at,
        episode_id=episode,
        symbol=entry.symbol,
        strategy=strategy,
        signal_price=paid,
        stop_pct=_distance(paid, stops[0]) if stops and paid else dec(risk.stop_loss_pct),
        take_profit_pct=dec(risk.take_profit_pct),
        trailing_activation_pct=dec(activation) if activation is not None else None,
        trail_distance_pct=dec(risk.trail_distance_pct),
        on_target=params.on_target,
        hold_overnight=params.hold_overnight,
        config_rev=rev,
    )
    ours = {order.broker_order_id: order.client_order_id for order in orders}
    return Salvaged(plan, tuple((intent_of(plan, order, ours.get(order.replaces or "")), order) for order in orders))


def _distance(paid: Decimal, stop: Decimal) -> Decimal:
    """The fraction below ``paid`` at which the stop lies, so that rounding up to a price gives the stop again."""
    return ((paid - stop) / paid).quantize(PCT_STEP, ROUND_CEILING)


def intent_of(plan: EpisodeOpened, order: Order, replaces: str | None) -> OrderIntent:
    """The intent that an order of this position must have had; ``replaces`` is the client order id it replaces."""
    found = OUR_ID.match(order.client_order_id)
    assert found is not None, "only orders with our ids are salvaged"
    assert order.qty is not None, "our orders name shares"
    return OrderIntent(
        client_order_id=order.client_order_id,
        episode_id=plan.episode_id,
        role=OrderRole(found["entry"] or found["sale"]),
        symbol=plan.symbol,
        side=order.side,
        qty=order.qty,
        type=OrderType(order.type) if order.type in set(OrderType) else OrderType.MARKET,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        strategy=plan.strategy,
        reason="salvaged",
        decided_at=order.submitted_at or plan.at,
        config_rev=plan.config_rev,
        replaces=replaces,
    )
