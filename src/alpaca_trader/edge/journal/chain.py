"""The hash chain: every entry's digest covers all entries before it, so that rewriting one shows in the last."""

import hashlib

GENESIS = bytes(32)
"""The digest before the first entry."""


def link(before: bytes, kind: str, payload: bytes) -> bytes:
    """The digest of an entry: SHA-256 over the digest before it, its kind and its canonical payload."""
    return hashlib.sha256(before + kind.encode() + payload).digest()
