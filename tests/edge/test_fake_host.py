"""F52: somebody who answers for the broker's names, but is not the broker, gets not a word with a key in it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from alpaca_trader.core.errors import OutcomeUnknown, Retryable
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.alpaca_streams import AlpacaStreams
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.endpoints import LIVE_TRADING, MARKET_DATA, MARKET_DATA_STREAM, PAPER_TRADING, Endpoints, Origin
from alpaca_trader.simulator.doors.tls import identity_in
from tests.edge.canned import CREDENTIALS, NOW, approved
from tests.edge.test_alpaca_streams import IMPATIENCE, Heard

BROKER = {Origin.of(url).host for url in (LIVE_TRADING, PAPER_TRADING, MARKET_DATA, MARKET_DATA_STREAM)}


class Impostor:
    """A TLS server with a certificate for the broker's names that no public authority signed."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.heard: list[bytes] = []
        self.refused = 0
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self.heard.append(secured.recv(4096))
        except (ssl.SSLError, ConnectionError):
            self.refused += 1

    def stop(self) -> None:
        """Close the door."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@contextmanager
def impostor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Impostor]:
    """Every name of the broker leads to it, as after a poisoned resolver."""
    fake = Impostor(identity_in(folder).context)
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        return ask("127.0.0.1", fake.port, *more, **named) if host in BROKER else ask(host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    try:
        yield fake
    finally:
        fake.stop()


@pytest.mark.parametrize("endpoints", [Endpoints.paper(), Endpoints.live()], ids=["paper", "live"])
def test_an_impostor_hears_no_request(endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a read nor an order nor data: the connection ends with the certificate, and the outcome is unknown."""
    # Where a person's tools trust a certificate of their own, the broker's client does not.
    with impostor(tmp_path, monkeypatch) as fake:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
        client = AlpacaClient(CREDENTIALS, endpoints=endpoints, clock=VirtualClock(NOW))
        with pytest.raises(Retryable, match="SSLError"):
            client.get_account()
        with pytest.raises(OutcomeUnknown, match="SSLError"):
            client.submit_order(approved())
        with pytest.raises(Retryable, match="SSLError"):
            client.get_minute_bars(["KO"], NOW, NOW)
        client.close()
    assert (fake.heard, fake.refused) == ([], 3)


def test_an_impostor_hears_no_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both streams come as far as the certificate, and say so."""
    with impostor(tmp_path, monkeypatch) as fake:
        heard = Heard()
        streams = AlpacaStreams(
            CREDENTIALS,
            endpoints=Endpoints.paper(),
            symbols=["KO"],
            clock=VirtualClock(NOW),
            put=heard.put,
            on_bad=heard.tell,
            patience=IMPATIENCE,
        )
        streams.start()
        heard.until(lambda heard: len({note.partition(":")[0] for note in heard.notes if "CERTIFICATE" in note}) == 2)
        streams.stop()
    assert fake.heard == []
