"""Credentials by value: no piece of one leaves through a door that cleans its bytes (INV-26)."""

import base64
import json
from collections.abc import Iterator

from alpaca_trader.edge.secret import Secret

PIECE = 8
"""Characters of a credential, or of another form of it, that may not appear anywhere."""
MASK = ord("*")
HIDDEN = b"(hidden)"


class Redactor:
    """Masks every registered credential, each of its 8-character pieces, and those of its base64 and JSON forms."""

    def __init__(self, *secrets: Secret) -> None:
        self._secrets: tuple[Secret, ...] = ()
        self._pieces: tuple[bytes, ...] = ()
        for secret in secrets:
            self.register(secret)

    def register(self, secret: Secret) -> None:
        """From now on this credential is masked. One shorter than 8 characters is masked as a whole."""
        if secret.reveal():
            self._secrets = (*self._secrets, secret)
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

    def hide_whole(self, text: bytes) -> bytes:
        """``text`` with ``(hidden)`` in place of whole credentials: quick, for long answers of a broker that is well."""
        for secret in self._secrets:
            text = text.replace(secret.reveal().encode(), HIDDEN)
        return text

    def hide(self, text: str) -> str:
        """Words for people: ``(hidden)`` in place of a whole credential, stars in place of what else is left of one."""
        return self.clean(self.hide_whole(text.encode("utf-8", "surrogatepass"))).decode("utf-8", "surrogatepass")


def _pieces(raw: bytes) -> Iterator[bytes]:
    if len(raw) < PIECE:
        yield raw
    yield from _windows(raw)
    yield from _windows(json.dumps(raw.decode())[1:-1].encode())
    for shift in range(3):
        # Inside a longer text the credential starts at any of three places of a base64 group; the characters that
        # also carry its neighbours' bits differ each time and are left out.
        coded = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
        whole = coded[(shift * 8 + 5) // 6 : len(coded) - ((shift + len(raw)) % 3 != 0)]
        yield from _windows(whole)
        yield from _windows(whole.translate(bytes.maketrans(b"+/", b"-_")))


def _windows(text: bytes) -> Iterator[bytes]:
    return (text[start : start + PIECE] for start in range(len(text) - PIECE + 1))
