"""Ids and draws that depend on the seed alone, so that two runs name and decide everything alike."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DRAWS = 2.0**56


def uuid_for(seed: int, kind: str, number: int) -> str:
    """A version-4 shaped UUID for the `number`-th thing of a kind."""
    text = hashlib.sha256(f"{seed}:{kind}:{number}".encode()).hexdigest()
    # The digits in which version and variant stand, put in by hand: uuid.UUID takes five times as long.
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def seed_for(seed: int, kind: str, number: int) -> int:
    """The seed of the `number`-th thing of a kind: the simulation's own for the first, others derived from it."""
    if number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}:{kind}-seed:{number}".encode()).digest()[:6])


def ulid_for(seed: int, moment: datetime, number: int) -> str:
    """A 26-character ULID that sorts by (virtual time, number); `number` is the event's running number."""
    elapsed = moment - _EPOCH
    millis = (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
    tail = hashlib.sha256(f"{seed}:event:{number}".encode()).digest()[:5]
    value = (millis << 80) | ((number & 0xFFFFFFFFFF) << 40) | int.from_bytes(tail)
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -5, -5))


def draw(seed: int, what: str, *parts: int) -> float:
    """A number in [0, 1) fixed by the seed and by what it is for."""
    text = f"{seed}:{what}:{parts[0]}" if len(parts) == 1 else ":".join((str(seed), what, *map(str, parts)))
    return int(hashlib.sha256(text.encode()).hexdigest()[:14], 16) / _DRAWS
