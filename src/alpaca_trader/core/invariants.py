"""What must be true whatever happened: checked after every step, and kept on in production (safety 3, column E).

A broken rule is a bug of ours, or an answer nobody expected. The process lives on, because positions need somebody: the
engine latches the halt ``invariant``, says ``invariant_broken`` with the rule and its values, and goes on protecting and
selling. Nothing is taken from what the rest of the core concluded: claims, caps and times are added up here once more, and
only what the event or the action could have changed.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from alpaca_trader.core import events as ev
from alpaca_trader.core.belief import Belief
from alpaca_trader.core.episode import Episode
from alpaca_trader.core.models import ZERO, Order, OrderIntent, OrderRole, Scalar, dec
from alpaca_trader.core.orders import TrackedOrder

ALARM_WITHIN = timedelta(seconds=6)
SOLD_WITHIN = timedelta(seconds=62)
"""The grace of INV-7, 5 s and 60 s, and a moment in which the loop may be busy."""
ENTRY_MISSES = 3
ENTRY_WATCHED_FOR = timedelta(seconds=180)
ROOM = Decimal("1.0005")
CENT = Decimal("0.01")
"""A marketable limit lies this much above the ask an entry was cut to: 0.05 % and a cent a share."""
HOLDS_TIME_TO_ACT = frozenset({ev.Timer, ev.Tick, ev.ExecutionReport, ev.PositionsSeen})
TELLING = HOLDS_TIME_TO_ACT | {ev.OpenOrdersSeen, ev.AccountSeen, ev.ConfigAccepted, ev.BarClosed}
"""Events after which ``of_event`` has anything to look at."""


class Broken(NamedTuple):
    """A rule that does not hold, where, and the values that show it."""

    rule: str
    symbol: str | None
    numbers: Mapping[str, Scalar]


class Invariants:
    """Looks at the belief. Remembers only what a belief alone cannot show: that something fell, or lasts too long."""

    def __init__(self, belief: Belief) -> None:
        self._belief = belief
        self._cumulative: dict[str, Decimal] = {}
        self._stops: dict[str, Decimal] = {}
        self._naked: dict[str, datetime] = {}

    def forget_ended(self) -> None:
        """Remember nothing of orders and positions that the belief knows no more."""
        known = {episode.plan.episode_id for episode in self._belief.episodes.values()}
        self._cumulative = {key: qty for key, qty in self._cumulative.items() if key in self._belief.book.orders}
        self._stops = {key: stop for key, stop in self._stops.items() if key in known}

    # ------------------------------------------------------------ after an action

    def of_action(self, action: ev.Action) -> Iterator[Broken]:
        """What an action of ours breaks, once it is folded."""
        match action:
            case ev.Approved(intent=intent):
                wrong = list(_no_money(intent.symbol, (intent.qty, intent.limit_price, intent.stop_price)))
                yield from wrong or (self._buy(intent) if intent.role is OrderRole.ENTRY else self._sale(intent))
            case ev.Resend(intent=OrderIntent(role=OrderRole.ENTRY, symbol=symbol, client_order_id=key)):
                yield Broken("INV-3", symbol, {"order": key, "resent": True})
            case ev.Abandoned(client_order_id=key):
                order = self._belief.book.orders[key]
                first, last = order.first_miss_at or action.at, order.last_miss_at or action.at
                if order.misses < ENTRY_MISSES or last - first < ENTRY_WATCHED_FOR:
                    watched = {"misses": order.misses, "seconds": (last - first).total_seconds()}
                    yield Broken("INV-3", order.intent.symbol, {"order": key, **watched})
            case ev.Rescaled(episode_id=key):
                self._stops.pop(key, None)
            case _:
                pass

    def _buy(self, intent: OrderIntent) -> Iterator[Broken]:
        belief, symbol = self._belief, intent.symbol
        if belief.risk.latched or belief.journal_failed:
            yield Broken("INV-12", symbol, {"halt": min(belief.risk.latched, default="journal")})
        others = [o for o in belief.book.open(symbol) if o.intent.client_order_id != intent.client_order_id]
        foreign = [o.client_order_id for o in belief.book.foreign_open(symbol, "sell")]
        for key in [o.intent.client_order_id for o in others if o.intent.side == "sell"] + foreign:
            yield Broken("INV-8", symbol, {"buy": intent.client_order_id, "resting": key})
        for key, twin in belief.book.orders.items():
            is_entry = twin.intent.role is OrderRole.ENTRY and twin.intent.episode_id == intent.episode_id
            if is_entry and key != intent.client_order_id:
                yield Broken("INV-2", symbol, {"id": intent.client_order_id, "other": key})
        yield from self._exposure(intent)

    def _exposure(self, intent: OrderIntent) -> Iterator[Broken]:
        """INV-10: held, in flight and unknown, ours and others', at the price this entry may pay."""
        belief, symbol = self._belief, intent.symbol
        assert belief.account is not None
        assert belief.config is not None
        quote = belief.quotes.get(symbol)
        price = intent.limit_price or (quote.ask if quote is not None else None)
        if price is None:
            yield Broken("INV-13", symbol, {"order": intent.client_order_id, "quote": None})
            return
        position = belief.positions.get(symbol)
        shares = max(belief.portfolio.qty(symbol), position.qty if position is not None else ZERO)
        ordered = ZERO
        for order in belief.book.open(symbol, OrderRole.ENTRY):
            shares += order.leaves_qty
            ordered += order.leaves_qty * max(ZERO, (order.intent.limit_price or price) - price)
        for theirs in belief.book.foreign_open(symbol, "buy"):
            shares += (theirs.qty or ZERO) - theirs.filled_qty
        worst = shares * price + ordered
        cap = dec(belief.config.risk.max_position_pct) * belief.account.equity * ROOM + CENT * shares
        if worst > cap:
            yield Broken("INV-10", symbol, {"exposure": float(worst), "cap": float(cap)})
        in_use = {name for name, held in belief.positions.items() if held.qty} | set(belief.episodes)
        in_use |= {order.symbol for order in belief.book.foreign_open(side="buy")}
        if len(in_use) > belief.config.risk.max_positions:
            yield Broken(
                "INV-10", symbol, {"positions": len(in_use), "max_positions": belief.config.risk.max_positions}
            )

    def _sale(self, intent: OrderIntent) -> Iterator[Broken]:
        belief, symbol = self._belief, intent.symbol
        held, claimed = belief.portfolio.qty(symbol), belief.book.claimed(symbol, besides=intent.replaces)
        if claimed > held:
            yield Broken("INV-6", symbol, {"held": float(held), "claimed": float(claimed)})
        if intent.role is OrderRole.EXIT:
            exits = [order.intent.client_order_id for order in belief.book.open(symbol, OrderRole.EXIT)]
            if len(exits) > 1:
                yield Broken("INV-8", symbol, {"exits": ",".join(exits)})
        if intent.stop_price is not None:
            yield from self._stop_falls(intent.episode_id, symbol, intent.stop_price)

    def _stop_falls(self, episode_id: str, symbol: str, stop: Decimal) -> Iterator[Broken]:
        highest = self._stops.get(episode_id, stop)
        if stop < highest:
            yield Broken("INV-20", symbol, {"stop": float(stop), "was": float(highest)})
        self._stops[episode_id] = max(stop, highest)

    # ------------------------------------------------------------ after an event

    def of_event(self, event: ev.Event) -> Iterator[Broken]:
        """What does not hold after an event and everything it led to."""
        match event:
            case ev.ExecutionReport(order=said):
                yield from self._order(said)
            case ev.OpenOrdersSeen(orders=orders):
                for said in orders:
                    yield from self._order(said)
            case ev.AccountSeen(account=account):
                yield from _no_money(None, (account.equity, account.cash, account.buying_power, account.last_equity))
            case ev.ConfigAccepted():
                yield from self._stops_of(self._belief.episodes.values())
            case ev.BarClosed(bar=bar):
                yield from self._stops_of(filter(None, [self._belief.episodes.get(bar.symbol)]))
            case _:
                pass
        if type(event) in HOLDS_TIME_TO_ACT:
            yield from self._protection(event.at)

    def _stops_of(self, episodes: Iterable[Episode]) -> Iterator[Broken]:
        for episode in episodes:
            if episode.stops_sent and episode.stop_price is not None:
                yield from self._stop_falls(episode.plan.episode_id, episode.plan.symbol, episode.stop_price)

    def _order(self, said: Order) -> Iterator[Broken]:
        belief, order = self._belief, self._belief.book.get(said.client_order_id)
        if order is None:
            return
        key, symbol = order.intent.client_order_id, order.intent.symbol
        if not _are_money((order.cum_qty, order.filled_notional, belief.portfolio.cash_moved)):
            yield Broken("INV-24", symbol, {"order": key, "cum_qty": str(order.cum_qty)})
            return
        if said.broker_order_id != order.broker_order_id:
            yield Broken("INV-2", symbol, {"order": key, "is": said.broker_order_id, "was": order.broker_order_id})
        before = self._cumulative.get(key, ZERO)
        if not before <= order.cum_qty <= order.intent.qty:
            filled = {"cum_qty": float(order.cum_qty), "was": float(before), "qty": float(order.intent.qty)}
            yield Broken("INV-4", symbol, {"order": key, **filled})
        self._cumulative[key] = max(before, order.cum_qty)
        episode = belief.episodes.get(symbol)
        held, believed = belief.portfolio.qty(symbol), episode.qty if episode is not None else ZERO
        if held != believed or held < 0:
            yield Broken("INV-6", symbol, {"held": float(held), "believed": float(believed)})

    def _protection(self, at: datetime) -> Iterator[Broken]:
        """INV-7: who holds without a working stop has been alarmed, and after a minute is being sold."""
        belief = self._belief
        assert belief.config is not None
        naked = {symbol for symbol, episode in belief.episodes.items() if belief.is_open(at) and self._is_bare(episode)}
        self._naked = {symbol: self._naked.get(symbol, at) for symbol in sorted(naked)}
        for symbol, since in self._naked.items():
            episode = belief.episodes[symbol]
            waits = at - max(since, episode.exposed_since or since)  # an exit that was refused at once began it anew
            late = waits >= SOLD_WITHIN and episode.exit_reason is None
            if (waits >= ALARM_WITHIN and not episode.alarmed) or (
                late and belief.config.risk.on_unprotected == "flatten"
            ):
                yield Broken("INV-7", symbol, {"seconds": waits.total_seconds(), "alarmed": episode.alarmed})

    def _is_bare(self, episode: Episode) -> bool:
        orders = self._belief.book.open(episode.plan.symbol)
        return episode.qty > 0 and not any(_is_entry_or_exit(order) or order.guards for order in orders)


def _is_entry_or_exit(order: TrackedOrder) -> bool:
    return order.intent.role is not OrderRole.STOP


def _no_money(symbol: str | None, values: Iterable[Decimal | None]) -> Iterator[Broken]:
    if not _are_money(given := [value for value in values if value is not None]):
        yield Broken("INV-24", symbol, {"values": ", ".join(map(str, given))})


def _are_money(values: Iterable[object]) -> bool:
    """Whether each is a finite Decimal (INV-24)."""
    return all(isinstance(value, Decimal) and value.is_finite() for value in values)
