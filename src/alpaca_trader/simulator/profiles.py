"""What kind of account and broker the simulator plays: profiles and switches (alpaca-contract section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as the broker opened it: cash in dollars, margin multiplier, regulatory fees, short sales, cash dividends."""

    name: str
    account_number: str
    cash: Decimal
    multiplier: int
    has_fees: bool
    may_short: bool
    has_dividends: bool


PROFILES: Mapping[str, Profile] = {
    "live467": Profile(
        "live467", "467SIMULATED", Decimal("467.00"), 1, has_fees=True, may_short=False, has_dividends=True
    ),
    "paper100k": Profile(
        "paper100k", "PA3SIMULATED", Decimal(100_000), 4, has_fees=False, may_short=True, has_dividends=False
    ),
}
"""`live467` is a small live account (below $2,000: no margin, no shorting); `paper100k` is the default paper account."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Behaviour the broker's documents leave open or that a test wants otherwise; the defaults are those of the contract.

    The sentence under a switch is what `sim switches` prints; it ends with "Unverified." where the contract says so.
    """

    fractional_types: Literal["all", "market"] = "all"
    """Which order types take fractional quantities: market, limit, stop and stop_limit, or (old rules) market alone."""
    send_easy_to_borrow: bool = True
    """Whether assets carry the deprecated `easy_to_borrow`, which alpaca-py 0.44 requires."""
    trading_frames: Literal["binary", "text"] = "binary"
    """Frame kind of /stream: paper sends binary frames, live sends text."""
    emit_accepted: bool = True
    """Whether an order queued while the market is closed is announced with an `accepted` event."""
    day_order_at_close: Literal["expired", "canceled"] = "expired"
    """How an unfilled DAY order ends. Unverified."""
    post_status: Literal["pending_new", "accepted", "new"] = "pending_new"
    """Status in the answer to a POST in market hours. Unverified."""
    partial_fills: Literal["ten_percent", "never", "always"] = "ten_percent"
    """Random partial fills: one evaluation in ten, never, or once on every order that can be split."""
    pdt_mode: Literal["off", "legacy"] = "off"
    """`legacy`: the day-trading fields the broker removed on 2026-07-06, and the fourth day trade refused below $25,000."""
    sl_cancel_event: Literal["sent", "suppressed"] = "sent"
    """Whether the stream tells that a stop-loss was canceled because the take-profit filled (alpaca-py issue 198)."""
    legs_after_partial: Literal["canceled", "activated"] = "canceled"
    """What becomes of the legs when their entry ends partly filled: canceled (the position is naked), or for the filled part. Unverified."""
    paper_dividends: bool = False
    """Whether `paper100k` is paid cash dividends too; the paper service pays none."""
    auction_rest: Literal["canceled", "expired"] = "canceled"
    """How the part of an `opg` or `cls` order ends that the auction left."""
    bp_price: Literal["nbbo", "collar"] = "nbbo"
    """What a market buy costs against buying power: the ask, or the ask plus 4 % (2.5 % from $50). Unverified."""
    rate_limit: int | None = 200
    """Requests per virtual minute, counted separately for trading and data; None switches the limit off."""
    rate_window: Literal["fixed", "rolling"] = "fixed"
    """What a minute of the rate limit is: a minute of the clock, or the last sixty seconds. Unverified."""
    headers_on_429: bool = True
    """Whether the 429 answer itself carries the rate-limit headers. Unverified."""
    history_nulls: bool = False
    """Whether the portfolio history has null instead of numbers for the time before the simulation began."""
    data_entitlement: Literal["free", "paid"] = "free"
    """Market-data plan: free sees IEX live and SIP after 15 minutes."""
    iex_volume: Literal["share", "full"] = "share"
    """What the IEX feed shows: about 2.5 % of the shares, in the minutes in which IEX trades; or the whole tape."""
    late_prints: Literal["never", "some"] = "never"
    """Whether one bar in fifty lacks a print at first and is published again, whole, half a minute later."""
    print_errors: Literal["never", "some"] = "never"
    """Whether one bar in a hundred holds a print that is canceled or corrected half a minute later."""
    stream_connections: int | None = 1
    """Data-stream connections of one account to one feed at a time; None: any number. More are refused with 406."""
    dead_client_s: int = 0
    """Virtual seconds for which a data stream that was lost without a close frame keeps its place."""
    stream_header_auth: bool = True
    """Whether keys in the headers of the data stream's handshake authenticate it."""
    latency_ms: tuple[int, int] = (80, 150)
    """From the POST until a marketable order can execute: drawn per order between these bounds (milliseconds)."""


DEFAULT_SWITCHES: Final = Switches()
