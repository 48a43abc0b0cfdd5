"""The routes of the trading host: what each file of this room answers, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from alpaca_trader.simulator.rest import account, activities, assets, calendar, orders, positions
from alpaca_trader.simulator.rest.call import Entry

TABLE: Final[Sequence[Entry]] = (
    *account.TABLE,
    *activities.TABLE,
    *calendar.TABLE,
    *assets.TABLE,
    *orders.TABLE,
    *positions.TABLE,
    ("GET", "/v2/corporate_actions/announcements", lambda _sim, _call: (200, [])),
)
