"""One account at the broker: whose it is, its exchange, and the stream that tells of its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alpaca_trader.simulator.event_history import ActivityEvents, TradeEvents
from alpaca_trader.simulator.exchange.exchange import Exchange
from alpaca_trader.simulator.exchange.watchlists import Watchlists
from alpaca_trader.simulator.hub import Channel, TradeUpdate
from alpaca_trader.simulator.profiles import Profile

Keys = tuple[str, str]
"""Key id and secret."""


@dataclass(frozen=True, slots=True)
class AccountOrder:
    """An account to open: its keys and the profile it begins with."""

    keys: Keys
    profile: str = "live467"


@dataclass(frozen=True, slots=True)
class Desk:
    """An open account. `number` counts accounts from 0 in the order they were opened."""

    number: int
    id: str
    keys: Keys
    profile: Profile
    opened_at: datetime
    exchange: Exchange
    watchlists: Watchlists
    updates: Channel[TradeUpdate]
    trade_events: TradeEvents
    activity_events: ActivityEvents

    def command(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Carry out a recorded command again; raises ValueError for one this version does not know."""
        known = {
            "submit": self.exchange.submit,
            "replace": self.exchange.replace,
            "cancel": self.exchange.cancel,
            "cancel_all": self.exchange.cancel_all,
            "close_position": self.exchange.close_position,
            "close_all": self.exchange.close_all,
            "configure": self.exchange.configure,
            "transfer": self.exchange.transfer,
            "liquidate": self.exchange.liquidate,
            "corporate_action": self.exchange.corporate_action,
            "create_watchlist": self.watchlists.create,
            "change_watchlist": self.watchlists.change,
            "append_to_watchlist": self.watchlists.append,
            "remove_from_watchlist": self.watchlists.remove,
            "delete_watchlist": self.watchlists.delete,
        }
        if name not in known:
            raise ValueError(f"{name!r} is not a command of this version")
        known[name](**arguments)  # type: ignore[operator]  # every command takes its recorded arguments
