"""HTTP with a bounded head: a client that never ends its headers costs no more memory than one that does."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD: Final = 65_536
"""Bytes a request line and its headers may have together, roughly (counted by what arrives at once)."""


class BoundedHttp(HttpToolsProtocol):
    """Uvicorn's protocol, which by itself keeps whatever headers it is sent."""

    _is_in_head = False
    _head = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head, self._head = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._is_in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head has grown too long: then 400, and the connection ends."""
        super().data_received(data)
        if not self._is_in_head:
            return
        self._head += len(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("Request header too large.")
