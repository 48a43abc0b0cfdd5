"""The search for canaries finds them, else nothing that is clean means anything."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest

from tests.canary.canaries import CANARIES, SEARCH, assert_clean

WAYS: Mapping[str, Callable[[str], bytes]] = {
    "whole": lambda text: text.encode(),
    "eight characters": lambda text: text[5:13].encode(),
    "backwards": lambda text: text[::-1].encode(),
    "halves exchanged": lambda text: (text[len(text) // 2 :] + text[: len(text) // 2]).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one place on": lambda text: base64.b64encode(b"x" + text.encode() + b":y"),
    "base64, two places on": lambda text: base64.b64encode(b"xy" + text.encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper().encode(),
    "in JSON": lambda text: json.dumps({"a": text}).encode(),
    "in a URL": lambda text: f"https://example.com/?a={quote(text, safe='')}".encode(),
    "in HTML": lambda text: html.escape(text).encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "bytes shown": lambda text: repr(text.encode()).encode(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CANARIES)
def test_every_way_of_writing_a_key_is_found(name: str, way: str) -> None:
    """Wherever it stands in a text, and in whatever form."""
    for before in range(9):
        content = bytes(before) + WAYS[way](CANARIES[name]) + b"\n"
        assert any(f"of the {name}" in found for found in SEARCH.find(content))


def test_files_and_their_names_are_searched(tmp_path: Path) -> None:
    """Binary, hidden, deep below; in the content or in the name."""
    (tmp_path / "a" / ".b").mkdir(parents=True)
    (tmp_path / "a" / ".b" / "c.db").write_bytes(bytes(range(256)) + CANARIES["secret"][3:11].encode())
    (tmp_path / CANARIES["key id"]).write_bytes(b"")
    assert set(SEARCH.below(tmp_path)) == {"a/.b/c.db", CANARIES["key id"]}
    with pytest.raises(AssertionError, match="plain of the secret"):
        assert_clean(folder=tmp_path)


def test_what_is_no_key_is_not_found() -> None:
    """Two megabytes of noise, and the digests and words our files are full of."""
    rng = Random(1)
    noise = rng.randbytes(2**20) + rng.randbytes(2**19).hex().encode() + base64.b64encode(rng.randbytes(2**19))
    assert_clean(noise, "APCA-API-KEY-ID", "op://Vault/Item", "", "short")
