"""Corporate actions: how they are written down, what makes a list of them impossible, and what they do to a tape.

A tape keeps the prices that were printed. A split therefore shows as a drop in the tape, a renamed symbol's tape ends and
goes on under the new name, a delisted symbol's tape ends.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from alpaca_trader.simulator.market.calendar import new_york_midnight, session_on
from alpaca_trader.simulator.market.model import ActionKind, AssetInfo, CorporateAction, asset_id
from alpaca_trader.simulator.market.tape import Columns

_RANK: dict[ActionKind, int] = {
    "split": 0,
    "stock_dividend": 1,
    "cash_dividend": 2,
    "rename": 3,
    "delisting": 4,
}


def split(symbol: str, ex_date: date, *, new: int, old: int = 1) -> CorporateAction:
    """`old` shares become `new` ones: new=4 is a forward split, new=1 with old=8 a reverse one."""
    return CorporateAction(_id("split", symbol, ex_date), "split", symbol, ex_date, ex_date, Decimal(old), Decimal(new))


def stock_dividend(symbol: str, ex_date: date, rate: Decimal, payable_date: date | None = None) -> CorporateAction:
    """Each share brings `rate` further shares: 0.05 turns 100 shares into 105."""
    paid = payable_date or ex_date
    return CorporateAction(
        _id("stock_dividend", symbol, ex_date), "stock_dividend", symbol, ex_date, paid, new_rate=1 + rate
    )


def cash_dividend(symbol: str, ex_date: date, cash: Decimal, payable_date: date | None = None) -> CorporateAction:
    """Each share held before `ex_date` is paid `cash` dollars on `payable_date` (the ex-date unless given)."""
    paid = payable_date or ex_date
    return CorporateAction(_id("cash_dividend", symbol, ex_date), "cash_dividend", symbol, ex_date, paid, cash=cash)


def rename(symbol: str, ex_date: date, new_symbol: str) -> CorporateAction:
    """From `ex_date` on the shares trade as `new_symbol`."""
    return CorporateAction(_id("rename", symbol, ex_date), "rename", symbol, ex_date, ex_date, new_symbol=new_symbol)


def delisting(symbol: str, ex_date: date, cash: Decimal = Decimal(0)) -> CorporateAction:
    """From `ex_date` on the symbol does not trade; its shares are gone for `cash` dollars each."""
    return CorporateAction(_id("delisting", symbol, ex_date), "delisting", symbol, ex_date, ex_date, cash=cash)


def in_order(actions: Sequence[CorporateAction], symbols: Sequence[str]) -> Sequence[CorporateAction]:
    """The actions by ex-date, then symbol; what ends a name comes last. Raises ValueError for one that cannot be, saying what is wrong."""
    alive = set(symbols)
    ordered = sorted(actions, key=lambda action: (action.ex_date, action.symbol, _RANK[action.kind]))
    ids = [action.id for action in ordered]
    for number, action in enumerate(ordered):
        what = f"{action.kind} of {action.symbol} on {action.ex_date}"
        if action.symbol not in alive:
            raise ValueError(f"{what}: the market has no such symbol on that day; it has {', '.join(sorted(alive))}")
        if session_on(action.ex_date) is None:
            raise ValueError(f"{what}: the ex-date must be a trading day")
        if action.id in ids[:number]:
            raise ValueError(f"{what}: the id {action.id} is used twice; give each action its own")
        if action.old_rate <= 0 or action.new_rate <= 0 or action.cash < 0:
            raise ValueError(f"{what}: rates must be above 0 and cash not below 0")
        if action.kind == "cash_dividend" and action.cash == 0:
            raise ValueError(f"{what}: cash must be above 0 dollars a share")
        if action.kind == "rename":
            if not action.new_symbol or action.new_symbol in alive:
                raise ValueError(f"{what}: new_symbol {action.new_symbol!r} must be a symbol that is free")
            alive.add(action.new_symbol)
        if action.kind in ("rename", "delisting"):
            alive.remove(action.symbol)
    return ordered


def first_names(actions: Sequence[CorporateAction]) -> dict[str, str]:
    """To each name that a rename gave, the name its tape began with; `actions` in order."""
    found: dict[str, str] = {}
    for action in actions:
        if action.new_symbol is not None:
            found[action.new_symbol] = found.get(action.symbol, action.symbol)
    return found


def price_factor(action: CorporateAction, price_before: float) -> float:
    """What the action alone makes of a price of `price_before` dollars. Raises ValueError for a dividend above the price."""
    if action.kind == "cash_dividend":
        if float(action.cash) >= price_before:
            raise ValueError(
                f"a cash dividend of {action.cash} for {action.symbol} exceeds its price {price_before:.2f}"
            )
        return 1 - float(action.cash) / price_before
    return float(action.old_rate / action.new_rate)


def applied(columns: Mapping[str, Columns], actions: Sequence[CorporateAction]) -> dict[str, Columns]:
    """The tapes cut at renames and delistings; the part after a rename under the new name."""
    found = dict(columns)
    for action in actions:
        if action.kind in ("rename", "delisting"):
            whole = found[action.symbol]
            row = int(whole.start.searchsorted(_ex_s(action)))
            found[action.symbol] = whole.rows(0, row)
            if action.new_symbol is not None:
                found[action.new_symbol] = whole.rows(row, len(whole.start))
    return found


def with_new_names(assets: Mapping[str, AssetInfo], actions: Sequence[CorporateAction]) -> dict[str, AssetInfo]:
    """The assets, and for each rename the old name's record under the new one."""
    found = dict(assets)
    for action in actions:
        if action.new_symbol is not None:
            found[action.new_symbol] = replace(
                found[action.symbol], symbol=action.new_symbol, id=asset_id(action.new_symbol)
            )
    return found


def assets_on(assets: Sequence[AssetInfo], actions: Sequence[CorporateAction], day: date) -> Sequence[AssetInfo]:
    """The assets as they stand on a New York date: ended names and names to come are inactive and not tradable."""
    ended = {a.symbol for a in actions if a.kind in ("rename", "delisting") and a.ex_date <= day}
    to_come = {a.new_symbol for a in actions if a.kind == "rename" and a.ex_date > day}
    return [
        replace(asset, status="inactive", tradable=False) if asset.symbol in ended | to_come else asset
        for asset in assets
    ]


def _ex_s(action: CorporateAction) -> int:
    return int(new_york_midnight(action.ex_date).timestamp())


def _id(kind: ActionKind, symbol: str, ex_date: date) -> str:
    digest = hashlib.sha256(f"action:{kind}:{symbol}:{ex_date}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
