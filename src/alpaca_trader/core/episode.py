"""One position, from the approved signal to flat: its fixed exit plan, what filled, and where its stop belongs.

Prices of protection follow domain 5.3 and 5.5: the stop is anchored to the fill, rounds up (never more risk than
configured), follows the high-water mark once the target is reached, and never moves down.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from alpaca_trader.core.events import EpisodeOpened
from alpaca_trader.core.models import ZERO, Bar, dec
from alpaca_trader.core.orders import Fill

ONE = Decimal(1)


class PositionState(StrEnum):
    """Where a position stands on its way; UNPROTECTED may follow any of them."""

    ENTERING = "entering"
    ARMING = "arming"
    PROTECTED = "protected"
    REPLACING = "replacing"
    EXITING = "exiting"
    UNPROTECTED = "unprotected"
    FLAT = "flat"


def increment(price: Decimal) -> Decimal:
    """The smallest price step: a cent from $1 on, a hundredth of a cent below (alpaca-contract 3.3)."""
    return Decimal("0.01") if price >= 1 else Decimal("0.0001")


def round_up(price: Decimal) -> Decimal:
    """The next price at or above, in USD."""
    return price.quantize(increment(price), ROUND_CEILING)


def round_down(price: Decimal) -> Decimal:
    """The next price at or below, in USD."""
    return price.quantize(increment(price), ROUND_FLOOR)


@dataclass(slots=True)
class Episode:
    """A position episode and everything its protection needs to know. USD, shares, UTC."""

    plan: EpisodeOpened
    entry_id: str | None = None
    entry_qty: Decimal = ZERO
    entry_notional: Decimal = ZERO
    exit_qty: Decimal = ZERO
    exit_notional: Decimal = ZERO
    fees: Decimal = ZERO
    opened_at: datetime | None = None
    last_entry_fill_at: datetime | None = None
    last_fill_at: datetime | None = None
    closed_at: datetime | None = None
    stop_price: Decimal | None = None
    """Where the stop belongs now; it only ever rises."""
    initial_stop: Decimal | None = None
    is_trailing: bool = False
    hwm: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    exit_reason: str | None = None
    exit_decided_at: datetime | None = None
    exit_reference: Decimal | None = None
    """The price the exit was decided at: the newest bar's close, or the stop price where the stop filled."""
    exit_postponed_until: datetime | None = None
    exits_by_market: bool = False
    stops_sent: int = 0
    exits_sent: int = 0
    stop_failures: int = 0
    exit_failures: int = 0
    last_failure_at: datetime | None = None
    last_refusal: str | None = None
    stop_raised_at: datetime | None = None
    exposed_since: datetime | None = None
    seconds_exposed: float = 0.0
    alarmed: bool = False
    nights: int = 0
    tightened_stop_pct: Decimal | None = None

    @property
    def qty(self) -> Decimal:
        """Shares held now."""
        return self.entry_qty - self.exit_qty

    @property
    def entry_price(self) -> Decimal | None:
        """Average price of the entry fills."""
        return self.entry_notional / self.entry_qty if self.entry_qty else None

    @property
    def exit_price(self) -> Decimal | None:
        """Average price of the exit fills."""
        return self.exit_notional / self.exit_qty if self.exit_qty else None

    @property
    def target_price(self) -> Decimal | None:
        """The profit target, rounded down to a tradable price; None until something is held."""
        entry = self.entry_price
        return None if entry is None else round_down(entry * (ONE + self.plan.take_profit_pct))

    @property
    def trails(self) -> bool:
        """Whether reaching the target starts a trailing stop instead of a sale (domain 5.5)."""
        return self.plan.on_target == "trail" and self.plan.trailing_activation_pct is not None

    def take_fill(self, fill: Fill, fee: Decimal) -> None:
        """Apply one fill of this episode's orders; ``fee`` is what it accrued."""
        self.fees += fee
        self.last_fill_at = fill.at
        if fill.side == "buy":
            self.entry_qty += fill.qty
            self.entry_notional += fill.qty * fill.price
            self.opened_at = self.opened_at or fill.at
            self.last_entry_fill_at = fill.at
            self.anchor_stop()
        else:
            self.exit_qty += fill.qty
            self.exit_notional += fill.qty * fill.price
        assert self.qty >= 0, f"{self.plan.episode_id}: sold more than was bought"

    def rescale(self, new: int, old: int, qty: Decimal) -> None:
        """Every ``old`` shares became ``new``, which leaves ``qty``: quantities and prices change, dollars do not."""
        self.exit_qty = self.exit_qty * new / old
        self.entry_qty = self.exit_qty + qty

        def per_share(price: Decimal) -> Decimal:
            return price * old / new

        assert self.stop_price is not None, "only what was bought can be split"
        self.stop_price = round_up(per_share(self.stop_price))
        for name in ("initial_stop", "hwm", "high", "low", "exit_reference"):
            price = getattr(self, name)
            setattr(self, name, None if price is None else per_share(price))
        self.plan = replace(self.plan, signal_price=per_share(self.plan.signal_price))

    def anchor_stop(self) -> None:
        """Put the stop where the fills so far say; once one was sent, or the trail has begun, it only moves up."""
        entry = self.entry_price
        assert entry is not None, "a stop is anchored to a fill"
        pct = self.plan.stop_pct
        if self.tightened_stop_pct is not None:
            pct = min(pct, self.tightened_stop_pct)
        anchored = round_up(entry * (ONE - pct))
        if not self.stops_sent:
            self.initial_stop = anchored
        if self.stop_price is not None and (self.stops_sent or self.is_trailing):
            anchored = max(anchored, self.stop_price)
        self.stop_price = anchored

    def tighten(self, stop_pct: Decimal) -> None:
        """Take over a smaller stop distance from a config edit; a larger one changes nothing (INV-20)."""
        current = self.tightened_stop_pct or self.plan.stop_pct
        if stop_pct < current:
            self.tightened_stop_pct = stop_pct
            if self.entry_qty:
                self.anchor_stop()

    def take_bar(self, bar: Bar) -> None:
        """Follow one closed bar: high-water mark, trailing stop, extremes. Bars that began before the fill say nothing."""
        if not self.qty or self.last_entry_fill_at is None or bar.start < self.last_entry_fill_at:
            return
        high, low = dec(bar.high), dec(bar.low)
        self.high = high if self.high is None else max(self.high, high)
        self.low = low if self.low is None else min(self.low, low)
        self.hwm = high if self.hwm is None else max(self.hwm, high)
        entry, activation = self.entry_price, self.plan.trailing_activation_pct
        if not self.trails or entry is None or activation is None:
            return
        if self.hwm >= entry * (ONE + activation):
            self.is_trailing = True
            trailed = round_down(self.hwm * (ONE - self.plan.trail_distance_pct))
            assert self.stop_price is not None
            self.stop_price = max(self.stop_price, trailed)

    def wait_from(self, at: datetime) -> None:
        """Nothing failed and no stop was raised later than ``at``: a clock that has been put right says so."""
        for name in ("last_failure_at", "stop_raised_at"):
            done_at = getattr(self, name)
            setattr(self, name, None if done_at is None else min(done_at, at))

    def expose(self, at: datetime, is_exposed: bool) -> None:
        """Keep the account of time held without a working stop and without an exit under way."""
        if is_exposed and self.exposed_since is None:
            self.exposed_since = at
        elif not is_exposed and self.exposed_since is not None:
            self.seconds_exposed += (at - self.exposed_since).total_seconds()
            self.exposed_since = None
