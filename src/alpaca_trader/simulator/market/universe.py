"""A list of assets as long as the real one: plausible names with the properties that real names have.

About nine in ten are listed and tradable. The rest are what an account meets sooner or later: inactive names, over-the-counter
shares, names that cannot be sold short or are hard to borrow, that have no margin or no fractions, and leveraged funds
with their higher margin. The well-known names are always among them, as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

from alpaca_trader.simulator.market.model import AssetInfo, asset_id
from alpaca_trader.simulator.market.symbols import asset_info, known_symbols

_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZJQ"
_FIRST = (
    "Acadia", "Alder", "Amber", "Arcturus", "Beacon", "Birch", "Blue Harbor", "Cascade", "Cedar", "Copper Ridge",
    "Crescent", "Delta", "Eastfield", "Evergreen", "Falcon", "First Prairie", "Foxglove", "Granite", "Great Basin",
    "Harbor", "Heron", "Highland", "Ironwood", "Juniper", "Keystone", "Lakeside", "Laurel", "Lodestar", "Magnolia",
    "Meridian", "Northgate", "Oakmont", "Old Mill", "Orchard", "Palisade", "Pinnacle", "Quarry", "Redwood", "Ridgeline",
    "Sable", "Saltmarsh", "Sierra", "Silver Lake", "Stonebridge", "Summit", "Tamarack", "Union", "Vantage", "Westwind",
    "Willow",
)  # fmt: skip
_SECOND = (
    "Bancorp", "Biosciences", "Brands", "Capital", "Communications", "Devices", "Energy", "Entertainment", "Financial",
    "Foods", "Health", "Holdings", "Industries", "Insurance", "Logistics", "Materials", "Medical", "Mining", "Motors",
    "Networks", "Pharmaceuticals", "Properties", "Realty", "Resources", "Robotics", "Semiconductor", "Software",
    "Steel", "Systems", "Technologies", "Therapeutics", "Utilities", "Water",
)  # fmt: skip
_KINDS = ("Inc. Common Stock", "Corp. Common Stock", "Inc. Class A Common Stock", "plc Ordinary Shares", "Ltd. ADS")
_FUNDS = ("Equity ETF", "Treasury Bond ETF", "Dividend ETF", "Small-Cap ETF", "Total Market Index Fund")
_EXCHANGES = ((0.42, "NASDAQ"), (0.68, "NYSE"), (0.82, "ARCA"), (0.90, "BATS"), (0.93, "AMEX"), (1.0, "OTC"))
_LENGTHS = ((0.04, 2), (0.34, 3), (1.0, 4))
_DRAWS = 12
Value = TypeVar("Value", str, int)


def universe(count: int, seed: int = 0) -> Sequence[AssetInfo]:
    """`count` assets sorted by symbol, the well-known names first to be taken in; the same for the same arguments.

    Raises ValueError for a count below 1 or above 20,000.
    """
    if not 1 <= count <= 20_000:
        raise ValueError(f"count {count} must be 1 to 20000 assets")
    found = {symbol: asset_info(symbol) for symbol in known_symbols()[:count]}
    names = _symbols(seed)
    while len(found) < count:
        symbol, draws = next(names)
        if symbol not in found:
            found[symbol] = _asset(symbol, draws)
    return [found[symbol] for symbol in sorted(found)]


def _symbols(seed: int) -> Iterator[tuple[str, Sequence[float]]]:
    """Symbols by running number, and the draws that decide what each is."""
    number = 0
    while True:
        digest = hashlib.blake2b(f"{seed}|asset|{number}".encode(), digest_size=4 * _DRAWS).digest()
        draws = [int.from_bytes(digest[4 * k : 4 * k + 4], "big") / 2**32 for k in range(_DRAWS)]
        number += 1
        exchange = _picked(_EXCHANGES, draws[0])
        length = 4 if exchange == "OTC" else _picked(_LENGTHS, draws[1])
        # Bent, so that some letters are more frequent than others.
        letters = "".join(_LETTERS[int(len(_LETTERS) * draws[2 + k] ** 1.3)] for k in range(length))
        # Over the counter, the fifth letter tells foreign shares (F) from receipts (Y).
        yield letters + ("" if exchange != "OTC" else "FY"[draws[6] < 0.5]), draws


def _asset(symbol: str, draws: Sequence[float]) -> AssetInfo:
    exchange = _picked(_EXCHANGES, draws[0])
    is_fund = exchange in ("ARCA", "BATS")
    is_listed = exchange != "OTC"
    is_active = draws[7] >= 0.04
    leverage = 0 if not is_fund or draws[8] >= 0.08 else 2 if draws[8] < 0.05 else 3
    is_marginable = is_listed and draws[9] < 0.93
    is_shortable = is_marginable and draws[10] < 0.88
    is_fractionable = is_listed and draws[11] < 0.80
    has_options = is_listed and draws[11] < 0.45
    margin = 100 if not is_marginable else {0: 30, 2: 50, 3: 75}[leverage]
    words = {
        "fractional_eh_enabled": is_fractionable and draws[11] < 0.6,
        "has_options": has_options,
        "overnight_tradable": is_listed and draws[11] < 0.55,
        "ptp_no_exception": is_listed and draws[8] > 0.99,
    }
    return AssetInfo(
        symbol=symbol,
        id=asset_id(symbol),
        name=_name(draws, leverage, is_fund=is_fund),
        exchange=exchange,
        fractionable=is_fractionable,
        tradable=is_listed and is_active,
        marginable=is_marginable,
        shortable=is_shortable,
        status="active" if is_active else "inactive",
        easy_to_borrow=is_shortable and draws[10] < 0.78,
        maintenance_margin_pct=margin,
        margin_long_pct=margin,
        margin_short_pct=100 if not is_shortable else max(margin, 30),
        attributes=tuple(word for word, holds in words.items() if holds),
    )


def _name(draws: Sequence[float], leverage: int, *, is_fund: bool) -> str:
    first, second = _of(_FIRST, draws[3]), _of(_SECOND, draws[4])
    if leverage:
        return f"{first} Daily {second} Bull {leverage}X Shares"
    return f"{first} {_of(_FUNDS, draws[5])}" if is_fund else f"{first} {second} {_of(_KINDS, draws[5])}"


def _of(words: Sequence[str], draw: float) -> str:
    # The draw's low digits, since its high ones have chosen a letter of the symbol.
    return words[int(draw * 2**32) % len(words)]


def _picked(table: Sequence[tuple[float, Value]], draw: float) -> Value:
    return next(value for edge, value in table if draw < edge)
