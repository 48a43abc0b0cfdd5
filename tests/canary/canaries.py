"""Known credentials, and a search that finds any piece of them in any bytes, however they were written.

The search is an oracle of its own: it shares nothing with ``edge/redaction.py``, whose work it judges.
"""

import base64
import html
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np

KEY, SECRET = "PK7Q2X9CANARYKEY44ZW", "wJ8qZ3vT5nR7kY2mXb6cLd9fHs4gPa1eQuVtNi0o"
TOKEN = "ops_eyJDYW5hcnkiOiJmb3IgMVBhc3N3b3JkIn0xR9"
ODD_SECRET = 'q/7+W"x9\\Zt&4%Lp<2>Vb=6#Rk8{Nn}3^Ds5~Gh'
"""A secret whose characters JSON, URLs and HTML all write differently."""
WEBHOOK = "T02AB9CDE-B07XKLMNOPQ-wRt5YuI8oPzXcVbNm3Kj"
CANARIES = {"key id": KEY, "secret": SECRET, "1Password token": TOKEN, "odd secret": ODD_SECRET, "webhook": WEBHOOK}

ENVIRONMENT: Mapping[str, str | None] = {
    "APCA_API_KEY_ID": KEY,
    "APCA_API_SECRET_KEY": SECRET,
    "OP_SERVICE_ACCOUNT_TOKEN": TOKEN,
    "ALPACA_TRADER_ALARM_WEBHOOK": f"https://127.0.0.1:9/services/{WEBHOOK}",
    "ALPACA_TRADER_OP_KEY": "op://Vault/Item",
    **dict.fromkeys(("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_API_SECRET", "ALPACA_TRADER_OP_SECRET")),
    **dict.fromkeys(("ALPACA_TRADER_HOME", "APCA_API_BASE_URL", "ALPACA_PAPER_TRADE")),
}
"""Where the engine looks for keys, filled with canaries; None: not set."""

PIECE = 8
"""Characters of a credential that may not stand together anywhere (INV-26)."""


def environment(**more: str) -> dict[str, str]:
    """The process's own environment with the canaries in it."""
    merged = {**os.environ, **ENVIRONMENT, **more}
    return {name: value for name, value in merged.items() if value is not None}


def _windows(text: bytes, length: int = PIECE) -> Iterator[bytes]:
    return (text[start : start + length] for start in range(len(text) - length + 1))


def _base64(raw: bytes) -> Iterator[bytes]:
    """As it stands inside a longer text, which moves it to any of three places in a group of base64."""
    for shift in range(3):
        for code in (base64.b64encode, base64.urlsafe_b64encode):
            whole = code(bytes(shift) + raw + bytes(3))
            yield whole[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]


def _forms(text: str) -> Iterator[tuple[str, Iterable[bytes]]]:
    raw = text.encode()
    yield "reversed", _windows(raw[::-1])
    yield "JSON", _windows(json.dumps(text)[1:-1].encode())
    yield "repr", _windows(repr(text)[1:-1].encode())
    yield "URL", _windows(quote(text, safe="").encode())
    yield "HTML", _windows(html.escape(text).encode())
    yield "base64", (piece for whole in _base64(raw) for piece in _windows(whole))
    # Eight characters of hexadecimal are four of the key, and happen by chance.
    yield "hex", (piece for whole in (raw.hex(), raw.hex().upper()) for piece in _windows(whole.encode(), 2 * PIECE))
    yield "UTF-16", _windows(text.encode("utf-16-le"), 2 * PIECE)
    yield "plain", _windows(raw)  # last: a piece is told under the last of its names


class Search:
    """Finds pieces of texts in bytes: about fifty megabytes a second."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._pieces = {
            piece: f"{form} of the {name}"
            for name, text in texts.items()
            for form, pieces in _forms(text)
            for piece in pieces
        }
        heads = np.frombuffer(b"".join({piece[:PIECE] for piece in self._pieces}), "<u8")
        self._heads = np.sort(heads)
        self._maybe = np.zeros(2**16, bool)
        self._maybe[self._heads & 0xFFFF] = True

    def find(self, content: bytes) -> list[str]:
        """What of which text stands in ``content``, with the place; never the piece itself."""
        found = []
        for shift in range(min(PIECE, len(content))):
            words = np.frombuffer(content, "<u8", (len(content) - shift) // PIECE, shift)
            (at,) = np.nonzero(self._maybe[words & 0xFFFF])
            nearest = self._heads[np.searchsorted(self._heads[:-1], words[at])]
            for place in at[nearest == words[at]] * PIECE + shift:
                found += [
                    f"{self._pieces[piece]} at {place}"
                    for length in (PIECE, 2 * PIECE)
                    if (piece := content[place : place + length]) in self._pieces
                ]
        return found

    def below(self, folder: Path) -> dict[str, list[str]]:
        """Files below ``folder``, also binary ones, and names of files and folders that hold a piece: where, and what."""
        hits = {}
        for path in sorted(folder.rglob("*")):
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found = self.find(os.fsencode(path.relative_to(folder)) + b"\0" + content)
            if found:
                hits[str(path.relative_to(folder))] = found
        return hits


SEARCH = Search(CANARIES)


def assert_clean(*told: str | bytes, folder: Path | None = None) -> None:
    """No piece of a canary in what was told, nor in any file below ``folder``."""
    for number, each in enumerate(told):
        found = SEARCH.find(each if isinstance(each, bytes) else each.encode("utf-8", "surrogateescape"))
        assert not found, f"output {number}: {len(found)} pieces of keys, such as {found[0]}"
    hits = SEARCH.below(folder) if folder is not None else {}
    assert not hits, f"pieces of keys in { ({name: found[0] for name, found in hits.items()}) }"
