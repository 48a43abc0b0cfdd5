"""Watchlists, by id and by name (alpaca-contract 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.desk import Desk
from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.watchlists import Watchlist
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry
from alpaca_trader.simulator.simulator import Simulator
from alpaca_trader.simulator.wire import timestamp


def _list(_sim: Simulator, call: Call) -> Answer:
    return 200, [_head(call.desk, watchlist) for watchlist in call.desk.watchlists.all()]


def _create(sim: Simulator, call: Call) -> Answer:
    return 200, _body(sim, call, call.desk.watchlists.create(call.fields))


def _get(sim: Simulator, call: Call) -> Answer:
    return 200, _body(sim, call, call.desk.watchlists.get(_id(call)))


def _change(sim: Simulator, call: Call) -> Answer:
    return 200, _body(sim, call, call.desk.watchlists.change(_id(call), call.fields))


def _append(sim: Simulator, call: Call) -> Answer:
    return 200, _body(sim, call, call.desk.watchlists.append(_id(call), call.fields))


def _remove(sim: Simulator, call: Call) -> Answer:
    return 200, _body(sim, call, call.desk.watchlists.remove(_id(call), call.path["symbol"]))


def _delete(_sim: Simulator, call: Call) -> Answer:
    call.desk.watchlists.delete(_id(call))
    return 204, None


def _id(call: Call) -> str:
    """The list's id, from the path or by the name in the query; raises BrokerError 404 for an unknown name."""
    if "watchlist_id" in call.path:
        return call.path["watchlist_id"]
    name = call.query.get("name")
    if not name:
        raise BrokerError("missing_field", field="name")
    return call.desk.watchlists.by_name(name).id


def _head(desk: Desk, watchlist: Watchlist) -> bodies.Body:
    return {
        "id": watchlist.id,
        "account_id": desk.id,
        "created_at": timestamp(watchlist.created_at),
        "updated_at": timestamp(watchlist.updated_at),
        "name": watchlist.name,
    }


def _body(sim: Simulator, call: Call, watchlist: Watchlist) -> bodies.Body:
    assets = [bodies.asset_body(call.desk.exchange.asset(symbol), sim.switches) for symbol in watchlist.symbols]
    return {**_head(call.desk, watchlist), "assets": assets}


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/watchlists", _list),
    ("POST", "/v2/watchlists", _create),
    *(
        (method, path, handler)
        for path in ("/v2/watchlists/{watchlist_id}", "/v2/watchlists:by_name")
        for method, handler in (("GET", _get), ("PUT", _change), ("POST", _append), ("DELETE", _delete))
    ),
    ("DELETE", "/v2/watchlists/{watchlist_id}/{symbol}", _remove),
)
