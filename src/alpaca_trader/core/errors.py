"""Two families of errors: what may be tried again, and what must stop trading.

    TraderError
    ├── BadInput            a file, field or value of the user's: says what is wrong and what would be right
    ├── Retryable           the broker cannot be reached now: try later, same id
    │   └── OutcomeUnknown  a write left and no answer came: the order may or may not exist
    ├── OrderRefused        the broker said no; carries the classified kind
    └── Fatal               journal unwritable, books do not balance, wrong account: stop adding risk
        └── AuthRefused     the broker does not accept our keys

What the business expects (a refused signal, a rejected order) is a value inside the engine; these exceptions live
between the edge and the executor.
"""

from enum import StrEnum


class TraderError(Exception):
    """Base of every error this package raises on purpose."""


class BadInput(TraderError):
    """The user's input is wrong; the text names the file, the field, the value and what would be right."""


class Retryable(TraderError):
    """Nothing was decided; the same call may be made later."""


class OutcomeUnknown(Retryable):
    """A write was sent and its outcome is not known: ask by client order id, never send another id."""


class RefusalKind(StrEnum):
    """Why the broker refused, classified by status, code and text (alpaca-contract 3.17)."""

    DUPLICATE_ID = "duplicate_id"
    INSUFFICIENT_BUYING_POWER = "insufficient_buying_power"
    INSUFFICIENT_QTY = "insufficient_qty"
    WASH_TRADE = "wash_trade"
    STOP_THROUGH_MARKET = "stop_through_market"
    NOT_FRACTIONABLE = "not_fractionable"
    NOT_REPLACEABLE = "not_replaceable"
    ALREADY_DONE = "already_done"
    NOT_FOUND = "not_found"
    DAY_TRADE = "day_trade"
    BLOCKED = "blocked"
    KEYS = "keys_refused"
    """The broker does not accept our keys: nothing was looked at, and nothing was done."""
    POLICY = "policy"
    """Not the broker: our own last gate before the socket."""
    OTHER = "other"


class OrderRefused(TraderError):
    """The broker refused an order, a replacement or a cancel; nothing changed there."""

    def __init__(
        self, kind: RefusalKind, status: int, code: int | None, text: str, existing_order_id: str | None = None
    ) -> None:
        super().__init__(f"{kind}: HTTP {status} code {code}")
        self.kind = kind
        self.status = status
        self.code = code
        self.text = text
        """The broker's own words: untrusted, length-capped by the edge."""
        self.existing_order_id = existing_order_id


class Fatal(TraderError):
    """Adding risk must stop now."""


class AuthRefused(Fatal):
    """The broker does not accept the credentials (401, 403)."""
