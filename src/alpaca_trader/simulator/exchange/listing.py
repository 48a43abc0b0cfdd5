"""The assets of the market as they stand today: renamed and delisted ones are inactive."""

from __future__ import annotations

from alpaca_trader.simulator.market.calendar import new_york_date
from alpaca_trader.simulator.market.model import AssetInfo, Market
from alpaca_trader.simulator.timeline import Timeline


class Listing:
    """Finds assets by symbol or id, and reads them afresh every day."""

    def __init__(self, market: Market, timeline: Timeline) -> None:
        self._market = market
        self._clock = timeline
        self.read()

    def read(self) -> None:
        """Read the assets now."""
        self._day = new_york_date(self._clock.now)
        assets = self._market.assets_on(self._day)
        self._by_symbol = {asset.symbol: asset for asset in assets}
        self._by_id = {asset.id: asset for asset in assets}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._by_symbol

    def find(self, symbol_or_id: str) -> AssetInfo | None:
        """The asset of today; None for one the market does not know."""
        if new_york_date(self._clock.now) != self._day:
            self.read()
        return self._by_symbol.get(symbol_or_id.upper()) or self._by_id.get(symbol_or_id.lower())
