"""What happens inside a minute: one bar becomes twelve instants of quotes and trades that reproduce it exactly.

The instants are :00, :05, ... :55. The first trade is the bar's open, the last its close; high and low are reached
once each, in an order and at instants fixed by (seed, symbol, minute). The tape is condensed: a dozen prints carry the
minute's whole volume, so the number of prints is not the bar's trade count.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from alpaca_trader.simulator.market.model import MarketBar, MarketQuote, MarketTrade, Tick

INSTANTS = 12
INSTANT_S = 5
UNITS_PER_DOLLAR = 10_000
"""Prices are computed in integers of 1/100 cent: the finest increment a US stock price has (below $1)."""
DEFAULT_SPREAD_BP = 2
_THIN = ((10_000, 20), (100_000, 8))
"""Below so many dollars traded in the minute the spread is at least so many basis points."""
_WIDEST = 500
_RANGE_SHARE = 10
"""The spread is at least a tenth of the minute's range: whoever quotes in a fast market asks for more."""
EXTENDED_SPREAD_BP = 20
"""Before the open and after the close few stand ready to trade: ten times the spread of regular hours."""
_CENT = 100
_A_CENT, _A_UNIT = Decimal("0.01"), Decimal("0.0001")
_OFFSETS = tuple(timedelta(seconds=INSTANT_S * k) for k in range(INSTANTS))


@dataclass(frozen=True, slots=True)
class MinutePath:
    """The inside of one minute: twelve quotes, the trades in time order (each at the instant of a quote), and both together."""

    quotes: tuple[MarketQuote, ...]
    trades: tuple[MarketTrade, ...]
    ticks: tuple[Tick, ...]


@lru_cache(maxsize=1 << 17)
def price_of(units: int) -> Decimal:
    """Decimal dollars for a price in 1/10000 dollar: two decimals where they suffice, else four."""
    cents, rest = divmod(units, _CENT)
    return units * _A_UNIT if rest else cents * _A_CENT


def units_of(price: Decimal) -> int:
    """A price in integers of 1/10000 dollar; anything finer is cut off."""
    return int(price * UNITS_PER_DOLLAR)


def spread_bp(bar: MarketBar, at_least: int = DEFAULT_SPREAD_BP) -> int:
    """The spread in a minute, in basis points: wider where little trades and where the price runs. Ours, to be no kinder than a market."""
    traded = bar.vwap * bar.volume
    thin = next((width for dollars, width in _THIN if traded < dollars), 0)
    moved = int((bar.high - bar.low) * 10_000 / (bar.low * _RANGE_SHARE))
    return min(max(at_least, thin, moved), _WIDEST)


def minute_path(bar: MarketBar, seed: int, at_least_bp: int = DEFAULT_SPREAD_BP) -> MinutePath:
    """Unfold a bar into quotes and trades.

    The trades' first, highest, lowest and last prices are the bar's, and their sizes add up to its volume. A print of
    size 0 appears only where the bar has fewer shares than prices to show (vendors lose volume, not prices). The spread
    is that of `spread_bp`, rounded to the increment and at least one, and holds the print's price; the sizes quoted in
    the minute add up to no more than was traded in it, at least one share each.
    """
    width_bp, most = spread_bp(bar, at_least_bp), max(1, bar.volume // INSTANTS)
    digest = hashlib.blake2b(f"{seed}|{bar.symbol}|{bar.start.isoformat()}".encode(), digest_size=64).digest()
    prices, carriers = _prices(bar, digest)
    sizes = _sizes(bar.volume, carriers, digest)
    first_id = int(bar.start.timestamp()) // 60 * 16
    quotes: list[MarketQuote] = []
    trades: list[MarketTrade] = []
    ticks: list[Tick] = []
    for k, units in enumerate(prices):
        at = bar.start + _OFFSETS[k]
        bid, ask = _spread(units, width_bp, odd_cent_below=bool(digest[k] & 64))
        shown = _quoted_sizes(digest[40 + k], most)
        quotes.append(MarketQuote(bar.symbol, at, price_of(bid), price_of(ask), *shown))
        ticks.append(quotes[-1])
        if sizes[k] or k in carriers:
            trades.append(MarketTrade(bar.symbol, at, price_of(units), sizes[k], first_id + k))
            ticks.append(trades[-1])
    return MinutePath(tuple(quotes), tuple(trades), tuple(ticks))


def _prices(bar: MarketBar, digest: bytes) -> tuple[list[int], tuple[int, ...]]:
    """The twelve prices in units, and the instants that carry open, close, high and low."""
    opened, high, low, closed = (units_of(p) for p in (bar.open, bar.high, bar.low, bar.close))
    last = INSTANTS - 1
    if high == low:
        return [opened] * INSTANTS, (0,)
    anchors = {0: opened, last: closed}
    missing = [extreme for extreme in (high, low) if extreme not in (opened, closed)]
    if digest[0] & 1:
        missing.reverse()
    early = 1 + digest[1] % (last - len(missing)) if missing else 0
    late = early + 1 + digest[2] % (last - 1 - early) if len(missing) == 2 else 0
    anchors |= dict(zip((early, late), missing, strict=False))
    tick = _CENT if low >= UNITS_PER_DOLLAR else 1
    margin = tick if high - low >= 2 * tick else 0
    prices: list[int] = []
    stops = sorted(anchors)
    for left, right in pairwise(stops):
        for k in range(left, right):
            straight = anchors[left] + (anchors[right] - anchors[left]) * (k - left) / (right - left)
            noisy = straight + (digest[4 + k] - 127.5) / 127.5 * 0.15 * (high - low)
            inside = min(max(round(noisy / tick) * tick, low + margin), high - margin)
            prices.append(anchors.get(k, inside))
    return [*prices, closed], tuple(dict.fromkeys((0, last, *stops)))


def _sizes(volume: int, carriers: tuple[int, ...], digest: bytes) -> list[int]:
    """Split the volume over the instants: one share to each carrier while it lasts, the rest by seeded weights."""
    sizes = [0] * INSTANTS
    for k in carriers[:volume]:
        sizes[k] = 1
    rest = volume - sum(sizes)
    weights = [32 + digest[20 + k] for k in range(INSTANTS)]
    total = sum(weights)
    for k in range(INSTANTS):
        sizes[k] += rest * weights[k] // total
    sizes[0] += volume - sum(sizes)
    return sizes


def _spread(units: int, width_bp: int, *, odd_cent_below: bool) -> tuple[int, int]:
    """Bid and ask in units around a print; an odd increment goes to one side by a seeded coin."""
    tick = _CENT if units >= UNITS_PER_DOLLAR else 1
    width = max(1, round(units * width_bp / 10_000 / tick))
    below = (width + odd_cent_below) // 2
    bid = max((units // tick - below) * tick, 0)
    ask = max(bid + width * tick, -(-units // tick) * tick)
    return bid, ask if ask < UNITS_PER_DOLLAR else -(-ask // _CENT) * _CENT


def _quoted_sizes(byte: int, most: int) -> tuple[int, int]:
    """Bid and ask size: 1 to 8 round lots each, at most `most` shares."""
    return min(100 * (1 + byte % 8), most), min(100 * (1 + byte // 8 % 8), most)
