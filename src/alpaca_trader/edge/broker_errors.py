"""What the broker's failures mean: one table from (status, code, text) to the errors of ``core/errors.py``.

Source: alpaca-contract 3.17 and safety F1-F9. The code alone does not tell: 40310000 means at least eight things, so
the text decides; but the text may change, so what is not recognised falls to the careful reading.

A write is *refused* only where the broker said so in its own envelope (403, 404 or 422 with a code). Anything else
after a write left - timeout, reset, 429, 5xx, 400 (documented to have accompanied an accepted order), a page of HTML,
an empty or cut-off body - means that the outcome is unknown. That includes a connection refused before anything was
sent: the order certainly does not exist then, but one path for every doubt is safer than a clever exception to it, and
the look-up by client order id settles it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alpaca_trader.core.errors import AuthRefused, OrderRefused, OutcomeUnknown, RefusalKind, Retryable, TraderError

Write = Literal["submit", "replace", "cancel"]
MAX_TEXT = 300
NOT_FOUND_CODE = 40410000
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_REFUSAL_STATUSES = (403, 404, 422)

# Searched in order in the text, lower case; the first hit names the kind.
TEXTS: tuple[tuple[str, RefusalKind], ...] = (
    (r"client.?order.?id must be unique", RefusalKind.DUPLICATE_ID),
    (r"insufficient day ?trading buying power|pattern day trad", RefusalKind.DAY_TRADE),
    (r"insufficient buying power", RefusalKind.INSUFFICIENT_BUYING_POWER),
    # For an engine that is only ever long, a refused short is a sale of more than is there.
    (r"insufficient qty available|sold short|not allowed to short", RefusalKind.INSUFFICIENT_QTY),
    (r"wash trade|cannot open a (long|short) (buy|sell) while", RefusalKind.WASH_TRADE),
    (r"stop.?price must be (less|greater|<|>)", RefusalKind.STOP_THROUGH_MARKET),
    (r"not fractionable", RefusalKind.NOT_FRACTIONABLE),
    (r"order (is )?already replaced|cannot replace order|chain not fully replaced", RefusalKind.NOT_REPLACEABLE),
    (r"parameters are not changed|qty must be > filled_qty|cannot be replaced", RefusalKind.NOT_REPLACEABLE),
    (r"order is already in|already (filled|canceled|cancelled|expired)", RefusalKind.ALREADY_DONE),
    (r"order not found", RefusalKind.NOT_FOUND),
    (r"account is (not authorized|restricted)|orders not allowed for account", RefusalKind.BLOCKED),
    (r"account.*(blocked|suspended)|trading.*suspended", RefusalKind.BLOCKED),
)
CODES: Mapping[int, RefusalKind] = {40310100: RefusalKind.DAY_TRADE}


class Transient(Retryable):
    """A read failed in a way that may be over a moment later: worth a second try inside the same call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer that is not a success."""

    status: int
    body: str
    request_id: str = ""
    retry_after: str = ""

    def envelope(self) -> tuple[int | None, str, Mapping[str, object]]:
        """Code, text and all fields of the broker's error object; (None, "", {}) where the body is no such object."""
        try:
            fields = json.loads(self.body)
        except ValueError:
            return None, "", {}
        if not isinstance(fields, dict) or not isinstance(fields.get("message"), str):
            return None, "", {}
        code = fields.get("code")
        return (code if isinstance(code, int) else None), tame(fields["message"]), fields

    def __str__(self) -> str:
        code, text, _ = self.envelope()
        said = f"code {code} {text!r}" if text else ("an empty body" if not self.body.strip() else "no readable body")
        support = f", request id {self.request_id}" if self.request_id else ""
        return f"HTTP {self.status}, {said}{support}"


def tame(text: str, limit: int = MAX_TEXT) -> str:
    """Foreign words fit to be stored: no control characters, no terminal escapes, not longer than ``limit``."""
    unescaped = _TERMINAL_ESCAPE.sub(" ", text[: 4 * limit])
    printable = "".join(letter if letter.isprintable() else " " for letter in unescaped)
    return " ".join(printable.split())[:limit]


def is_auth(answer: Answer) -> bool:
    """Whether the broker does not accept the keys at all (401; 403 without a code, such as ``forbidden.``)."""
    code, text, _ = answer.envelope()
    if answer.status == 401:
        return True
    return answer.status == 403 and code is None and "subscription" not in text.lower()


def auth_refused(answer: Answer, mode: str) -> AuthRefused:
    """The error for keys that are not accepted, with what to check."""
    return AuthRefused(f"Alpaca does not accept the keys for {mode} ({answer}): paper and live have different keys")


def read_failure(answer: Answer, what: str) -> Retryable:
    """The error of a read: ``Transient`` where a second try makes sense."""
    if answer.status == 429:
        return Retryable(f"{what}: {answer}")  # not at once: the gate stays shut until the broker's window is over
    if answer.status >= 500 or answer.status == 408 or not answer.envelope()[1]:
        return Transient(f"{what}: {answer}")
    return Retryable(f"{what}: {answer}")


def write_failure(answer: Answer, verb: Write) -> TraderError:
    """The error of a write: refused in so many words, or else unknown."""
    code, text, fields = answer.envelope()
    if answer.status not in _REFUSAL_STATUSES or code is None:
        return OutcomeUnknown(f"{verb}: {answer}")
    existing = fields.get("existing_order_id")
    related = fields.get("related_orders")
    if existing is None and isinstance(related, list) and related:
        existing = related[0]
    kind = classify(code, text)
    return OrderRefused(kind, answer.status, code, text, tame(existing, 64) if isinstance(existing, str) else None)


def classify(code: int, text: str) -> RefusalKind:
    """The kind of a refusal by code and text; ``OTHER`` for words nobody has seen yet."""
    if code in CODES:
        return CODES[code]
    lowered = text.lower()
    return next((kind for pattern, kind in TEXTS if re.search(pattern, lowered)), RefusalKind.OTHER)


def is_missing(answer: Answer) -> bool:
    """Whether a 404 is the broker's own word that the order or asset asked for does not exist.

    A wrong path ("endpoint not found."), a proxy's page or an empty 404 is no evidence of anything.
    """
    code, text, _ = answer.envelope()
    return answer.status == 404 and code == NOT_FOUND_CODE and "endpoint" not in text.lower()
