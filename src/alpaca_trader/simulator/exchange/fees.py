"""Regulatory fees: accrued per execution, charged per type at the end of the day on the day's total, rounded up to the cent.

Rates are dated, because they change: SEC Section 31 per dollar sold, FINRA TAF per share sold with a cap per execution,
CAT per share bought or sold (domain 7.3, alpaca-contract 3.15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal

from alpaca_trader.simulator.exchange.orders import ZERO
from alpaca_trader.simulator.wire import CENT


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Rates in force from a trading date on."""

    since: date
    sec_per_dollar_sold: Decimal
    taf_per_share_sold: Decimal
    taf_cap: Decimal
    cat_per_share: Decimal


FEE_TABLE: Sequence[FeeRates] = (
    FeeRates(date.min, ZERO, Decimal("0.000195"), Decimal("9.79"), Decimal("0.000003")),
    FeeRates(date(2026, 4, 4), Decimal("0.0000206"), Decimal("0.000195"), Decimal("9.79"), Decimal("0.000003")),
)
"""Oldest first. Only the SEC rate has a dated change on record; the TAF and CAT rates are used for every date."""

FEE_TYPES: Sequence[str] = ("REG", "TAF", "CAT")
"""The broker's sub-types of a FEE activity; REG is the SEC's Section 31 fee."""


def rates_on(day: date) -> FeeRates:
    """The rates in force on a trading date."""
    return [rates for rates in FEE_TABLE if rates.since <= day][-1]


class FeeAccrual:
    """What one trading day has accrued so far, by fee type, unrounded dollars."""

    def __init__(self) -> None:
        self.totals: dict[str, Decimal] = dict.fromkeys(FEE_TYPES, ZERO)

    def add(self, day: date, side: str, qty: Decimal, price: Decimal) -> None:
        """Accrue the fees of one execution."""
        rates = rates_on(day)
        self.totals["CAT"] += qty * rates.cat_per_share
        if side == "sell":
            self.totals["REG"] += qty * price * rates.sec_per_dollar_sold
            self.totals["TAF"] += min(qty * rates.taf_per_share_sold, rates.taf_cap)

    def due(self) -> dict[str, Decimal]:
        """Dollars each type will be charged at the end of the day, whole cents, types without a charge left out."""
        return {kind: total.quantize(CENT, ROUND_UP) for kind, total in self.totals.items() if total > ZERO}
