"""The routes of the trading host: what each file of this room answers, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.rest import (
    account,
    activities,
    announcements,
    assets,
    calendar,
    history,
    markets,
    orders,
    positions,
    watchlists,
)
from alpaca_trader.simulator.rest.call import Entry

TABLE: Final[Sequence[Entry]] = (
    *account.TABLE,
    *activities.TABLE,
    *history.TABLE,
    *calendar.TABLE,
    *markets.TABLE,
    *assets.TABLE,
    *orders.TABLE,
    *positions.TABLE,
    *watchlists.TABLE,
    *announcements.TABLE,
)
