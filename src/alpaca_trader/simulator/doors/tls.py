"""The certificate the simulator shows when it plays the broker's hosts: a private authority, made once in a folder."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOSTS: Final = ("api.alpaca.markets", "paper-api.alpaca.markets", "data.alpaca.markets", "stream.data.alpaca.markets")
"""The hosts of the broker that real clients speak to (alpaca-contract section 1)."""

_LOCAL_NAMES: Final = ("localhost", "127.0.0.1")
_SERVER_FILE: Final = "server.pem"
_AUTHORITY_FILE: Final = "ca.pem"
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the authority's certificate lies, which clients are told to trust, and the server's ready TLS context."""

    authority: Path
    context: ssl.SSLContext


def identity_in(folder: Path) -> Identity:
    """The identity kept in `folder`, made on first use; the folder is created.

    `server.pem` holds the server's key and certificates, readable by its owner alone; `ca.pem` is public. The key of
    the authority itself is thrown away, so that whoever trusts `ca.pem` trusts this one certificate and no other.
    Raises ValueError when the extra `tls` is not installed or `server.pem` cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    secret, public = folder / _SERVER_FILE, folder / _AUTHORITY_FILE
    if not secret.exists():
        _make(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(secret)
    except ssl.SSLError as error:
        raise ValueError(f"{secret} is no usable certificate ({error.reason}); remove it and start again") from error
    authority = _CERTIFICATE.findall(secret.read_text(encoding="ascii"))[-1]
    _aside(public, authority, 0o644).replace(public)
    return Identity(public, context)


def _make(secret: Path) -> None:
    try:
        import trustme  # noqa: PLC0415 -- an optional extra, needed once
    except ImportError as error:
        raise ValueError("TLS needs the extra `tls`: pip install 'alpaca-trader[tls]'") from error
    authority = trustme.CA(organization_name="alpaca-trader simulator")
    server = authority.issue_cert(*_LOCAL_NAMES, *HOSTS)
    text = server.private_key_and_cert_chain_pem.bytes() + authority.cert_pem.bytes()
    aside = _aside(secret, text.decode("ascii"), 0o600)
    # Another process may have made one meanwhile: then that one stands.
    with contextlib.suppress(FileExistsError):
        secret.hardlink_to(aside)
    aside.unlink()


def _aside(path: Path, text: str, mode: int) -> Path:
    """Write the text to a file of this process beside `path`, to be moved there whole."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="ascii") as file:
        file.write(text)
    return aside
