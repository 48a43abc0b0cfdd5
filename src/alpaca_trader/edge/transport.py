"""The last step before the socket: timeouts the SDK does not set, keys it never sees, hosts it may not leave.

The SDK keeps a ``requests.Session`` without any timeout; a mute server would hold a call for ever. ``guard`` takes the
session over: one adapter for every address, which refuses all but the configured origin, adds the keys to a copy of
the request (so that no exception, log or debugger finds them on the request the caller holds) and sends it with
connect and read timeouts. Proxies, ``.netrc`` and other settings of the environment are ignored: an order goes to the
configured host or nowhere.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple

import requests
from requests.adapters import HTTPAdapter

from alpaca_trader.core.errors import Fatal
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Origin
from alpaca_trader.edge.redaction import Redactor
from alpaca_trader.edge.silence import silent_logger

KEYLESS = "sent-by-transport"
"""What the SDK is given instead of each key."""


class Timeouts(NamedTuple):
    """Seconds to wait for a connection, and for each next byte of an answer (safety section 2)."""

    connect_s: float = 3.0
    read_s: float = 10.0


TIMEOUTS = Timeouts()


class ForeignHost(Fatal):
    """A request was about to leave for a host that is not the configured broker."""


class GuardedAdapter(HTTPAdapter):
    """Sends to one origin only, with timeouts, and never by itself a second time."""

    def __init__(self, origin: Origin, credentials: Credentials, timeouts: Timeouts) -> None:
        super().__init__(pool_connections=1, pool_maxsize=2, max_retries=0)
        self._origin = origin
        self._credentials = credentials
        self._redactor = Redactor(credentials.key, credentials.secret)
        self._timeouts = timeouts

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """As ``HTTPAdapter.send``; the caller's timeout and proxies are not used. Raises ``ForeignHost``.

        To a write a redirection is no answer (``requests.ConnectionError``), though the SDK would take it for a success.
        """
        if Origin.of(request.url or "") != self._origin:
            raise ForeignHost(f"a request left the configured broker {self._origin.host}; it was not sent")
        signed = request.copy()
        signed.headers["APCA-API-KEY-ID"] = self._credentials.key.reveal()
        signed.headers["APCA-API-SECRET-KEY"] = self._credentials.secret.reveal()
        response = super().send(signed, stream=stream, timeout=self._timeouts, verify=verify, cert=cert, proxies=None)
        response.request = request
        if request.method != "GET" and 300 <= response.status_code < 400:
            raise requests.ConnectionError("redirected: whether anybody acted on it is not known")
        # Guessing the encoding of a body without one reads all of it many times over.
        response.encoding = response.encoding or "utf-8"
        self._censor(response)
        return response

    def _censor(self, response: requests.Response) -> None:
        """Words that end in logs and in the journal: where they quote our keys back, whole or in pieces, they are cut out.

        A success is long and seldom told of; whatever is not understood in it is quoted whole or not at all.
        """
        if response.ok:
            response._content = self._redactor.hide_whole(response.content)
            return
        response._content = self._redactor.clean(self._redactor.hide_whole(response.content))
        for name, value in response.headers.items():
            response.headers[name] = self._redactor.hide(value)


def guard(session: requests.Session, origin: Origin, credentials: Credentials, timeouts: Timeouts) -> None:
    """Make ``session`` send through a ``GuardedAdapter`` only, and the library below it say nothing by itself."""
    # It warns, with a traceback, of every answer whose head is cut short; nobody is to hear of that (F49).
    silent_logger("urllib3").setLevel(logging.CRITICAL)
    adapter = GuardedAdapter(origin, credentials, timeouts)
    session.trust_env = False
    session.adapters.clear()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
