"""Credentials by value: no piece of one leaves through a sink that cleans its bytes (INV-26)."""

import base64
from collections.abc import Iterator

from alpaca_trader.edge.secret import Secret

PIECE = 8
"""Characters of a credential, or of its base64 form, that may not appear anywhere."""
MASK = ord("*")


class Redactor:
    """Masks every registered credential, each of its 8-character pieces, and those of its base64 forms."""

    def __init__(self) -> None:
        self._pieces: tuple[bytes, ...] = ()

    def register(self, secret: Secret) -> None:
        """From now on this credential is masked. One shorter than 8 characters is masked as a whole."""
        self._pieces = tuple(sorted({*self._pieces, *_pieces(secret.reveal().encode())}))

    def clean(self, text: bytes) -> bytes:
        """``text`` with stars in place of credentials: same length, so that JSON stays JSON."""
        found = [piece for piece in self._pieces if piece in text]
        if not found:
            return text
        masked = bytearray(text)
        for piece in found:
            start = text.find(piece)
            while start >= 0:
                masked[start : start + len(piece)] = bytes([MASK]) * len(piece)
                start = text.find(piece, start + 1)
        return bytes(masked)


def _pieces(raw: bytes) -> Iterator[bytes]:
    if 0 < len(raw) < PIECE:
        yield raw
    yield from _windows(raw)
    for shift in range(3):
        # Inside a longer text the credential starts at any of three places of a base64 group; the characters that
        # also carry its neighbours' bits differ each time and are left out.
        coded = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        whole = coded[(shift * 8 + 5) // 6 : len(coded) - ((shift + len(raw)) % 3 != 0)]
        yield from _windows(whole)
        yield from _windows(whole.translate(bytes.maketrans(b"+/", b"-_")))


def _windows(text: bytes) -> Iterator[bytes]:
    return (text[start : start + PIECE] for start in range(len(text) - PIECE + 1))
