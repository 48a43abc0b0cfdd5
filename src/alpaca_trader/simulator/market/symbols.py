"""What a generated symbol is like: price level, volatility, beta, volume. Known names are set, others follow from a hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from alpaca_trader.simulator.market.luld import Tier
from alpaca_trader.simulator.market.model import AssetInfo, asset_id


@dataclass(frozen=True, slots=True)
class SymbolProfile:
    """Price in dollars; `sigma` the standard deviation of a session's log return; volume in shares a minute at midday.

    `silence` is the chance of a minute without a trade when it would have been a quiet one; 0 for liquid names.
    """

    symbol: str
    price: float
    sigma: float
    own_sigma: float
    beta: float
    minute_volume: int
    silence: float


_KNOWN: dict[str, tuple[str, str, float, float, float, float, int]] = {
    # symbol: name, exchange, price, sigma, own sigma, beta, shares a minute at midday
    "AAPL": ("Apple Inc. Common Stock", "NASDAQ", 185.0, 0.017, 0.014, 1.1, 90_000),
    "AMZN": ("Amazon.com, Inc. Common Stock", "NASDAQ", 225.0, 0.018, 0.015, 1.2, 80_000),
    "GOOGL": ("Alphabet Inc. Class A Common Stock", "NASDAQ", 190.0, 0.017, 0.014, 1.1, 55_000),
    "IWM": ("iShares Russell 2000 ETF", "ARCA", 240.0, 0.012, 0.007, 1.2, 60_000),
    "JPM": ("JPMorgan Chase & Co. Common Stock", "NYSE", 300.0, 0.014, 0.012, 0.9, 18_000),
    "META": ("Meta Platforms, Inc. Class A Common Stock", "NASDAQ", 480.0, 0.020, 0.017, 1.2, 30_000),
    "MSFT": ("Microsoft Corporation Common Stock", "NASDAQ", 420.0, 0.014, 0.011, 1.0, 45_000),
    "NVDA": ("NVIDIA Corporation Common Stock", "NASDAQ", 140.0, 0.026, 0.022, 1.6, 400_000),
    "QQQ": ("Invesco QQQ Trust, Series 1", "NASDAQ", 600.0, 0.010, 0.003, 1.25, 75_000),
    "SPY": ("SPDR S&P 500 ETF Trust", "ARCA", 668.0, 0.008, 0.001, 1.0, 110_000),
    "TSLA": ("Tesla, Inc. Common Stock", "NASDAQ", 340.0, 0.030, 0.026, 1.7, 180_000),
}


_LATE_OPTIONS = frozenset({"IWM", "QQQ", "SPY"})
_ATTRIBUTES = ("fractional_eh_enabled", "has_options", "overnight_tradable")


def asset_info(symbol: str) -> AssetInfo:
    """Asset record: known names as they are, any other symbol an active, fractionable NASDAQ stock without attributes."""
    name, exchange = _KNOWN[symbol][:2] if symbol in _KNOWN else (f"{symbol} Common Stock", "NASDAQ")
    late = ("options_late_close",) if symbol in _LATE_OPTIONS else ()
    return AssetInfo(
        symbol=symbol,
        id=asset_id(symbol),
        name=name,
        exchange=exchange,
        fractionable=True,
        tradable=True,
        marginable=True,
        shortable=True,
        attributes=tuple(sorted((*_ATTRIBUTES, *late))) if symbol in _KNOWN else (),
    )


def known_symbols() -> list[str]:
    """The well-known names, sorted."""
    return sorted(_KNOWN)


def luld_tier(symbol: str) -> Tier:
    """The tier of its limit-up/limit-down bands: 1 for the well-known names (all in the Russell 1000 or tier-1 ETFs), else 2."""
    return 1 if symbol in _KNOWN else 2


def profile_of(symbol: str) -> SymbolProfile:
    """The symbol's profile. An unknown symbol gets, by hash, $20 to $400, 1.2 to 3.2 % and 300 to 30,000 shares a minute."""
    if symbol in _KNOWN:
        _, _, price, sigma, own_sigma, beta, volume = _KNOWN[symbol]
        return SymbolProfile(symbol, price, sigma, own_sigma, beta, volume, silence=0.0)
    digest = hashlib.sha256(f"profile:{symbol}".encode()).digest()
    a, b, c = (int.from_bytes(digest[k : k + 4], "big") / 2**32 for k in (0, 4, 8))
    volume = round(300 * 100**c)
    return SymbolProfile(
        symbol=symbol,
        price=round(20 * 20**a, 2),
        sigma=0.012 + 0.02 * b,
        own_sigma=0.010 + 0.018 * b,
        beta=0.7 + 0.8 * b,
        minute_volume=volume,
        silence=0.3 if volume < 1_500 else 0.03 if volume < 5_000 else 0.0,
    )
