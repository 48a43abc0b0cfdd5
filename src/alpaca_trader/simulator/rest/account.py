"""The account and its configuration (alpaca-contract 2.2 and 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry
from alpaca_trader.simulator.simulator import Simulator


def _account(sim: Simulator, call: Call) -> Answer:
    desk = call.desk
    exchange, view = desk.exchange, desk.exchange.account()
    created, suspended = bodies.account_created(desk.opened_at), exchange.configuration.suspend_trade
    body = bodies.account_body(view, desk.profile, desk.id, created, suspended)
    body["trading_blocked"] = exchange.is_blocked
    if sim.switches.pdt_mode == "legacy":
        body |= bodies.day_trading_fields(view)
    if shape := sim.faults.strikes("account.fields", account=desk.keys[0]):
        missing = frozenset(shape.get("drop", ()))
        body = {key: value for key, value in body.items() if key not in missing} | dict(shape.get("add", {}))
    return 200, body


def _configurations(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.configuration_body(call.desk.exchange.configuration)


def _configure(_sim: Simulator, call: Call) -> Answer:
    return 200, bodies.configuration_body(call.desk.exchange.configure(call.fields))


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/account", _account),
    ("GET", "/v2/account/configurations", _configurations),
    ("PATCH", "/v2/account/configurations", _configure),
)
