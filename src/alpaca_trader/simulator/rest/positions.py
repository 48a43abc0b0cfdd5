"""Positions: list, look up, close (alpaca-contract 2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.exchange.orders import SimOrder
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, flag
from alpaca_trader.simulator.simulator import Simulator


def _positions(_sim: Simulator, call: Call) -> Answer:
    return 200, [bodies.position_body(view) for view in call.desk.exchange.positions()]


def _position(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.position_body(call.desk.exchange.position(call.path["symbol_or_asset_id"]))


def _close_position(_sim: Simulator, call: Call) -> Answer:
    query = call.query
    order = call.desk.exchange.close_position(
        call.path["symbol_or_asset_id"], qty=query.get("qty") or None, percentage=query.get("percentage") or None
    )
    return 200, bodies.order_body(order)


def _close_all(_sim: Simulator, call: Call) -> Answer:
    cancel_orders = flag(call, "cancel_orders")
    items: list[dict[str, object]] = []
    for symbol, result in call.desk.exchange.close_all(cancel_orders=cancel_orders):
        if isinstance(result, SimOrder):
            items.append({"symbol": symbol, "status": 200, "body": bodies.order_body(result)})
        else:
            items.append({"symbol": symbol, "status": result.status, "body": result.body()})
    return 207, items


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/positions", _positions),
    ("DELETE", "/v2/positions", _close_all),
    ("GET", "/v2/positions/{symbol_or_asset_id}", _position),
    ("DELETE", "/v2/positions/{symbol_or_asset_id}", _close_position),
)
