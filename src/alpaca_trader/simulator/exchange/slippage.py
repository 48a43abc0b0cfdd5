"""What a marketable order pays beyond the quote: small, replaceable objects (`Simulator(slippage=...)`)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Protocol

from alpaca_trader.simulator.exchange.orders import ZERO

_STEP: Final = Decimal("0.0001")
_PER_BP: Final = Decimal("0.0001")


class Slippage(Protocol):
    """How much worse than the quote an execution is."""

    def per_share(self, price: Decimal, qty: Decimal, quoted: Decimal) -> Decimal:
        """Dollars a share, 0 or more, for `qty` shares against a quote of `quoted` shares at `price`."""
        ...


@dataclass(frozen=True, slots=True)
class NoSlippage:
    """The quote as it stands: the spread is the cost."""

    def per_share(self, price: Decimal, qty: Decimal, quoted: Decimal) -> Decimal:
        """Nothing."""
        return ZERO


@dataclass(frozen=True, slots=True)
class BasisPoints:
    """A fixed part of the price, in basis points (1 bp is 0.01 %)."""

    bp: Decimal

    def per_share(self, price: Decimal, qty: Decimal, quoted: Decimal) -> Decimal:
        """`bp` of the price."""
        return price * self.bp * _PER_BP


@dataclass(frozen=True, slots=True)
class SquareRootImpact:
    """Grows with the square root of the part of the quoted size that is taken: `bp_at_full` basis points for all of it."""

    bp_at_full: Decimal

    def per_share(self, price: Decimal, qty: Decimal, quoted: Decimal) -> Decimal:
        """`bp_at_full` x sqrt(qty / quoted) of the price."""
        part = qty / quoted if quoted > ZERO else Decimal(1)
        return price * self.bp_at_full * _PER_BP * part.sqrt()


def slipped(side: str, price: Decimal, against: Decimal, limit: Decimal | None) -> Decimal:
    """`price` made worse by `against` dollars, to a hundredth of a cent in the market's favour, never beyond the `limit`."""
    if against <= ZERO:
        return price
    if side == "buy":
        paid = (price + against).quantize(_STEP, ROUND_CEILING)
        return paid if limit is None else min(paid, max(limit, price))
    got = max((price - against).quantize(_STEP, ROUND_FLOOR), _STEP)
    return got if limit is None else max(got, min(limit, price))
