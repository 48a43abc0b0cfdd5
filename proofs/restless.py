"""A strategy that trades often, as a plug-in, and the settings of a home in which its limits bind."""

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandas import DataFrame

from alpaca_trader.core.models import TradeSignal
from alpaca_trader.edge.home import Home

CLASS = "proofs.restless:Restless"
SYMBOLS = ("NVDA", "QQQ", "SPY")


class Restless:
    """Buys and sells by the roll of a die that shows the same for the same seed, symbol and minute."""

    name = "restless"
    enabled = True

    def __init__(self, watchlist: list[str], params: Mapping[str, Any]) -> None:
        self._watchlist = watchlist
        self._seed, self._buys, self._sells = params["seed"], params["buys_pct"], params["sells_pct"]

    def get_watchlist(self) -> list[str]:
        """All of them."""
        return self._watchlist

    def analyze(self, symbol: str, bars: DataFrame) -> TradeSignal | None:
        """A buy in ``buys_pct`` of the minutes, a sale in ``sells_pct``."""
        die = zlib.crc32(f"{self._seed}|{symbol}|{bars.index[-1]}".encode()) % 100
        if die < self._buys:
            return TradeSignal(symbol, "buy", self.name, die / 100)
        if die < self._buys + self._sells:
            return TradeSignal(symbol, "sell", self.name, 0.5, reason="restless")
        return None


def restless_home(
    path: Path, seed: int, symbols: Sequence[str] = SYMBOLS, *, buys_pct: int = 40, sells_pct: int = 15
) -> Home:
    """A new home at ``path`` in which ``Restless`` trades: two symbols at a time, stops and targets a few ticks away."""
    home = Home(path)
    home.create()
    risk = {
        "max_positions": 2,
        "stop_loss_pct": 0.003,
        "take_profit_pct": 0.004,
        "trailing_stop_activation": 0.003,
        "trail_distance_pct": 0.002,
        "max_daily_loss_pct": 0.05,
        "max_consecutive_losses": 20,
    }
    params = {
        "seed": seed,
        "buys_pct": buys_pct,
        "sells_pct": sells_pct,
        "no_entry_open_min": 1,
        "no_entry_close_min": 6,
        "cooldown_min": 0,
        "cooldown_after_stop_min": 0,
        "max_entries_per_symbol_day": 20,
        "on_target": "close" if seed % 3 == 0 else "trail",
    }
    strategy = {"enabled": True, "watchlist": list(symbols), "params": params, "class": CLASS}
    policy = {
        "plugin_classes": [CLASS],
        "ranges": {"risk.max_daily_loss_pct": [0.005, 0.05]},
    }
    home.strategy_file.write_text(json.dumps({"risk": risk, "strategies": {"restless": strategy}}))
    home.policy_file.write_text(json.dumps(policy))
    return home
