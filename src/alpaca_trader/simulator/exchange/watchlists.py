"""Watchlists: named, ordered lists of assets that belong to the account (alpaca-contract 2.10).

Every change is recorded before it is applied, as the exchange's commands are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alpaca_trader.simulator.exchange.errors import BrokerError
from alpaca_trader.simulator.exchange.ids import uuid_for
from alpaca_trader.simulator.market.model import AssetInfo

MAX_NAME: Final = 64
"""Characters a name may have."""

Record = Callable[[str, Mapping[str, object]], None]
FindAsset = Callable[[str], AssetInfo]


@dataclass(slots=True, eq=False)
class Watchlist:
    """One list; `symbols` in the order the client gave them."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    symbols: list[str]


class Watchlists:
    """An account's watchlists. `asset` finds an asset by symbol or id and raises BrokerError 404 for an unknown one."""

    def __init__(self, seed: int, now: Callable[[], datetime], asset: FindAsset, record: Record) -> None:
        self._seed = seed
        self._now = now
        self._asset = asset
        self._record = record
        self._made = 0
        self._lists: dict[str, Watchlist] = {}

    def all(self) -> Sequence[Watchlist]:
        """Every list, the oldest first."""
        return list(self._lists.values())

    def get(self, watchlist_id: str) -> Watchlist:
        """The list with this id; raises BrokerError 404 when there is none."""
        found = self._lists.get(watchlist_id)
        if found is None:
            raise BrokerError("no_watchlist", what=watchlist_id)
        return found

    def by_name(self, name: str) -> Watchlist:
        """The list of this name; raises BrokerError 404 when there is none."""
        for watchlist in self._lists.values():
            if watchlist.name == name:
                return watchlist
        raise BrokerError("no_watchlist", what=name)

    def create(self, fields: Mapping[str, object]) -> Watchlist:
        """A new list from `name` and, optionally, `symbols`; raises BrokerError 422 for a name that is taken or not one."""
        self._record("create_watchlist", {"fields": dict(fields)})
        if fields.get("name") is None:
            raise BrokerError("missing_field", field="name")
        name, symbols = self._name(fields["name"]), self._symbols(fields.get("symbols"))
        created = self._now()
        watchlist = Watchlist(uuid_for(self._seed, "watchlist", self._made), name, created, created, symbols or [])
        self._made += 1
        self._lists[watchlist.id] = watchlist
        return watchlist

    def change(self, watchlist_id: str, fields: Mapping[str, object]) -> Watchlist:
        """Another `name`, other `symbols`, or both."""
        self._record("change_watchlist", {"watchlist_id": watchlist_id, "fields": dict(fields)})
        watchlist = self.get(watchlist_id)
        given = fields.get("name"), self._symbols(fields.get("symbols"))
        if given == (None, None):
            raise BrokerError("missing_field", field="name or symbols")
        name = watchlist.name if given[0] is None else self._name(given[0], watchlist)
        watchlist.name, watchlist.updated_at = name, self._now()
        watchlist.symbols = watchlist.symbols if given[1] is None else given[1]
        return watchlist

    def append(self, watchlist_id: str, fields: Mapping[str, object]) -> Watchlist:
        """Put the asset `symbol` at the end of the list; one that is there already stays where it is."""
        self._record("append_to_watchlist", {"watchlist_id": watchlist_id, "fields": dict(fields)})
        watchlist = self.get(watchlist_id)
        given = fields.get("symbol")
        if not isinstance(given, str) or not given:
            raise BrokerError("missing_field", field="symbol")
        symbol = self._known(given)
        if symbol not in watchlist.symbols:
            watchlist.symbols.append(symbol)
        watchlist.updated_at = self._now()
        return watchlist

    def remove(self, watchlist_id: str, symbol: str) -> Watchlist:
        """Take an asset off the list; raises BrokerError 404 when it is not on it."""
        self._record("remove_from_watchlist", {"watchlist_id": watchlist_id, "symbol": symbol})
        watchlist = self.get(watchlist_id)
        listed = self._asset(symbol).symbol
        if listed not in watchlist.symbols:
            raise BrokerError("no_asset", symbol=symbol)
        watchlist.symbols.remove(listed)
        watchlist.updated_at = self._now()
        return watchlist

    def delete(self, watchlist_id: str) -> None:
        """Forget the whole list."""
        self._record("delete_watchlist", {"watchlist_id": watchlist_id})
        del self._lists[self.get(watchlist_id).id]

    def _name(self, given: object, own: Watchlist | None = None) -> str:
        if not isinstance(given, str) or not 1 <= len(given) <= MAX_NAME:
            raise BrokerError("invalid_field", field="name")
        if any(watchlist.name == given and watchlist is not own for watchlist in self._lists.values()):
            raise BrokerError("duplicate_watchlist")
        return given

    def _symbols(self, given: object) -> list[str] | None:
        """Known symbols, each once; None when none were given."""
        if given is None:
            return None
        if not isinstance(given, list) or not all(isinstance(symbol, str) for symbol in given):
            raise BrokerError("invalid_field", field="symbols")
        return list(dict.fromkeys(self._known(symbol) for symbol in given))

    def _known(self, symbol: str) -> str:
        try:
            return self._asset(symbol).symbol
        except BrokerError:
            raise BrokerError("unknown_asset", symbol=symbol) from None
