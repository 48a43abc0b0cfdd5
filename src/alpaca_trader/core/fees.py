"""Regulatory fees on US equity trades, as a dated table (domain 7.3).

A broker accrues them during the day and charges each kind at the end of it on the day's cumulative total, rounded up
to the cent. So fees are a property of the day; ``allocate`` spreads them over the day's trades by sale notional.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from alpaca_trader.core.models import ZERO

CENT = Decimal("0.01")


class FeeRates(NamedTuple):
    """Rates in force from ``since`` on: USD per USD sold, USD per share sold (with a cap per sale), USD per share traded."""

    since: date
    sec_per_usd_sold: Decimal
    taf_per_share_sold: Decimal
    taf_cap: Decimal
    cat_per_share: Decimal


RATES = (
    FeeRates(date.min, Decimal(0), Decimal("0.000195"), Decimal("9.79"), Decimal("0.000003")),
    FeeRates(date(2026, 4, 4), Decimal("0.0000206"), Decimal("0.000195"), Decimal("9.79"), Decimal("0.000003")),
)
"""SEC Section 31 ($20.60 per million sold from 2026-04-04, 0 before), FINRA TAF, CAT."""


def rates_on(day: date) -> FeeRates:
    """The rates in force on ``day``."""
    return next(rates for rates in reversed(RATES) if rates.since <= day)


@dataclass(slots=True)
class FeeAccrual:
    """One day's fees so far, per kind, in unrounded USD."""

    sec: Decimal = ZERO
    taf: Decimal = ZERO
    cat: Decimal = ZERO

    def add(self, day: date, side: str, qty: Decimal, price: Decimal) -> Decimal:
        """Accrue one fill of ``qty`` shares at ``price``; returns what it added."""
        rates = rates_on(day)
        before = self.sec + self.taf + self.cat
        self.cat += rates.cat_per_share * qty
        if side == "sell":
            self.sec += rates.sec_per_usd_sold * qty * price
            self.taf += min(rates.taf_per_share_sold * qty, rates.taf_cap)
        return self.sec + self.taf + self.cat - before

    def charged(self) -> Decimal:
        """What the day will cost: each kind rounded up to the cent."""
        return sum((kind.quantize(CENT, ROUND_CEILING) for kind in (self.sec, self.taf, self.cat)), ZERO)


def allocate(total: Decimal, sold: Sequence[Decimal]) -> list[Decimal]:
    """Spread ``total`` USD over sales pro rata to their notional; the parts add up to it exactly."""
    whole = sum(sold, ZERO)
    if not whole:
        return [ZERO for _ in sold]
    parts = [(total * share / whole).quantize(Decimal("0.00000001")) for share in sold]
    parts[-1] += total - sum(parts, ZERO)
    return parts
