"""Makes orders out of requests: ids, expiry, the price they are counted at, and the legs of linked ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from alpaca_trader.simulator.exchange import linked
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.exchange.matching import collar
from alpaca_trader.simulator.exchange.orders import ZERO, OrderRequest, SimOrder
from alpaca_trader.simulator.exchange.venue import Venue
from alpaca_trader.simulator.market.model import Market
from alpaca_trader.simulator.profiles import Switches
from alpaca_trader.simulator.timeline import Timeline

_SHORT_MARKUP: Final = Decimal("1.03")
"""An opening short is counted at this much of the ask, or at its limit if that is higher (alpaca-contract 3.8)."""


class OrderMaker:
    """Makes one account's orders; they are not on the books yet."""

    def __init__(self, market: Market, timeline: Timeline, switches: Switches, seed: int, venue: Venue) -> None:
        self._market = market
        self._clock = timeline
        self._switches = switches
        self._seed = seed
        self._venue = venue

    def make(
        self,
        request: OrderRequest,
        asset_id: str,
        intent: str,
        client_order_id: str | None,
        reserve_price: Decimal,
        *,
        ahead: int = 0,
    ) -> SimOrder:
        """An order that is not on the books yet, `ahead` places after the next one."""
        seq, now = len(self._venue.book) + ahead, self._clock.now
        extended, tif = request.extended_hours, request.time_in_force
        return SimOrder(
            id=uuid_for(self._seed, "order", seq),
            seq=seq,
            client_order_id=client_order_id or uuid_for(self._seed, "client-order", seq),
            asset_id=asset_id,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=tif,
            qty=request.qty,
            notional=request.notional,
            limit_price=request.limit_price,
            stop_price=request.stop_price,
            position_intent=intent,
            status=self._switches.post_status if self._venue.trades_now(extended=extended, tif=tif) else "accepted",
            created_at=now,
            updated_at=now,
            submitted_at=now,
            expires_at=self._venue.expiry(tif, extended=extended),
            reserve_price=reserve_price,
            trail_price=request.trail_price,
            trail_percent=request.trail_percent,
            extended_hours=extended,
            order_class=request.order_class,
        )

    def add_legs(self, order: SimOrder, request: OrderRequest) -> None:
        """Make the further members of a linked order: held until the entry is filled, at work at once in an OCO."""
        order.group_role = linked.first_role(order.order_class)
        if order.group_role is None:
            return
        order.group_id = uuid_for(self._seed, "group", order.seq)
        intent = linked.leg_intent(order.position_intent)
        for ahead, (role, terms) in enumerate(linked.leg_requests(request), start=1):
            bound = terms.limit_price or terms.stop_price
            assert bound is not None, "a leg is a limit or a stop"
            leg = self.make(terms, order.asset_id, intent, None, bound, ahead=ahead)
            leg.group_id, leg.group_role, leg.parent = order.group_id, role, order
            if order.order_class != "oco":
                leg.status = "held"
            order.legs.append(leg)

    def reserve_price(self, request: OrderRequest, intent: str) -> Decimal:
        """Dollars per share the order is counted at: its limit, a buy stop's collar, else the far side of the quote.

        Source: alpaca-contract 3.8; with the market closed, the last trade. An opening short: its limit or 103 % of the ask.
        """
        if intent == "sell_to_open":
            asked = self._quoted("buy", request.symbol) * _SHORT_MARKUP
            return max(asked, request.limit_price or ZERO)
        if request.limit_price is not None:
            return request.limit_price
        if request.stop_price is not None:
            return collar(request.stop_price) if request.side == "buy" else request.stop_price
        reference = self._quoted(request.side, request.symbol)
        if request.side == "buy" and request.qty is not None and self._switches.bp_price == "collar":
            return collar(reference)
        return reference

    def _quoted(self, side: str, symbol: str) -> Decimal:
        """What a buy would pay or a sell get now; the last trade where nobody quotes, the first one of the day where nobody has traded."""
        quote = self._market.quote(symbol, self._clock.now)
        far_side = ZERO if quote is None else quote.ask if side == "buy" else quote.bid
        reference = far_side if far_side > ZERO else self._venue.price(symbol) or self._venue.opening_price(symbol)
        if reference is None:
            raise BrokerError("asset_not_tradable", symbol=symbol)
        return reference
