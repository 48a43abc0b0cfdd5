"""Assets: the market's symbols as the broker lists them (alpaca-contract 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.rest import bodies
from alpaca_trader.simulator.rest.call import Answer, Call, Entry, choice, csv, wrong
from alpaca_trader.simulator.rest.orders import ASSET_CLASSES
from alpaca_trader.simulator.simulator import Simulator

_EXCHANGES: Final = frozenset({"AMEX", "ARCA", "BATS", "NYSE", "NASDAQ", "NYSEARCA", "OTC", "CRYPTO"})
_ATTRIBUTES: Final = frozenset(
    {
        *("ptp_no_exception", "ptp_with_exception", "ipo", "has_options", "options_late_close"),
        *("fractional_eh_enabled", "overnight_tradable", "overnight_halted"),
    }
)


def _assets(sim: Simulator, call: Call) -> Answer:
    status = choice(call, "status", {"active", "inactive"}, "")
    asset_class = choice(call, "asset_class", ASSET_CLASSES, "us_equity")
    exchange = (call.query.get("exchange") or "").upper()
    if exchange and exchange not in _EXCHANGES:
        raise wrong("exchange", call.query["exchange"])
    attributes = csv(call.query.get("attributes"))
    if unknown := attributes - _ATTRIBUTES:
        raise wrong("attributes", min(unknown))
    found = [
        bodies.asset_body(asset, sim.switches)
        for asset in sorted(
            sim.market.assets_on(new_york_date(sim.now)), key=lambda asset: (asset.exchange, asset.symbol)
        )
        if exchange in {"", asset.exchange}
    ]
    return 200, [
        asset
        for asset in found
        if asset["class"] == asset_class
        and status in {"", asset["status"]}
        and (not attributes or attributes & set(asset["attributes"]))
    ]


def _asset(sim: Simulator, call: Call) -> Answer:
    return 200, bodies.asset_body(call.desk.exchange.asset(call.path["symbol_or_asset_id"]), sim.switches)


TABLE: Final[Sequence[Entry]] = (
    ("GET", "/v2/assets", _assets),
    ("GET", "/v2/assets/{symbol_or_asset_id}", _asset),
)
