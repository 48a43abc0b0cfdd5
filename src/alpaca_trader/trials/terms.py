"""The plain terms in which a judge is told what was said, believed and allowed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple


class Said(NamedTuple):
    """A submission or replacement as it is said to the broker."""

    client_order_id: str
    symbol: str
    side: str
    qty: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    replaces: str | None
    is_resend: bool


class Believed(NamedTuple):
    """What the engine believes: shares by symbol, open orders by id, what stops entries."""

    shares: Mapping[str, Decimal]
    open_ids: Collection[str]
    watched: Collection[str]
    """Those of ``open_ids`` that are entries of which nothing is known yet."""
    doubt: str | None
    """The first reason for which no entry may be sent, None where there is none."""
    latched: Collection[str]
    cash: Decimal
    """Cash by our own books, before today's fees."""
    fees: Decimal
    """Fees that are charged when the session ends."""


class Hours(NamedTuple):
    """The session judged now, and the part of it in which entries may be made. Faults end at ``calm_from``."""

    open: datetime
    close: datetime
    entries_from: datetime
    entries_until: datetime
    calm_from: datetime


class Broken(AssertionError):
    """A rule was broken: which, and how."""

    def __init__(self, rule: str, at: datetime, what: str) -> None:
        super().__init__(f"{rule} at {at:%Y-%m-%d %H:%M:%S}Z: {what}")
        self.rule, self.at = rule, at


@dataclass(slots=True)
class Limits:
    """What the settings allow at most."""

    position_pct: Decimal
    positions: int
    is_priced: bool
    """Whether entries name their worst price. A market order has none, and may cost more than it seemed to."""
    symbols: Collection[str]
    """What may be bought."""
    daily_loss_pct: Decimal = Decimal(1)
    """Fraction of the equity of the evening before after whose loss nothing is bought."""
    entries_per_symbol: int = 30
    """A day."""
    pause_after_stop: timedelta = timedelta(0)
    """How long a symbol is not bought after a stop sold it."""
    leaves_before_close: timedelta = timedelta(0)
    """When positions begin to be sold."""
