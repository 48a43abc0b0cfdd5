"""The doors for clients that insist on the broker's hosts: TLS under a private authority, and a proxy that knows them."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests
import websockets.sync.client

from alpaca_trader.cli.sim import DEFAULT_PROXY_PORT, DEFAULT_TLS_PORT
from alpaca_trader.simulator import GeneratedMarket, RunningSimulator, Simulator, running_simulator
from alpaca_trader.simulator.doors.impersonation import Doors, impersonating
from alpaca_trader.simulator.doors.tls import HOSTS, identity_in

OPEN = datetime(2026, 11, 20, 14, 45, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    """A served simulator on a generated morning."""
    market = GeneratedMarket(7, ["AAPL", "SPY"], date(2026, 11, 20), history_days=1)
    with running_simulator(Simulator(market, seed=7, start=OPEN)) as running:
        yield running


@pytest.fixture(scope="module")
def doors(running: RunningSimulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Both doors to it."""
    with impersonating(running.port, identity_in(tmp_path_factory.mktemp("tls"))) as doors:
        yield doors


def session(running: RunningSimulator, doors: Doors) -> requests.Session:
    """A client as its user would set it up: the broker's keys, the authority, the proxy; nothing else is changed."""
    made = requests.Session()
    made.trust_env = False
    made.headers.update({"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret})
    made.verify = str(doors.authority)
    made.proxies = {"https": doors.proxy_url}
    return made


@pytest.mark.parametrize("host", HOSTS)
def test_each_host_of_the_broker_is_the_simulator(running: RunningSimulator, doors: Doors, host: str) -> None:
    """Through the proxy the broker's own names lead here, with a certificate that is valid for them."""
    with session(running, doors) as client:
        assert client.get(f"https://{host}/v2/account", timeout=10).json()["account_number"] == "467SIMULATED"


def test_the_tls_door_needs_no_proxy(running: RunningSimulator, doors: Doors) -> None:
    """Localhost is on the certificate too, and the streams are behind the same door."""
    with session(running, doors) as client:
        client.proxies = {}
        assert client.get(f"{doors.tls_url}/v2/clock", timeout=10).json()["is_open"] is True
    context = ssl.create_default_context(cafile=doors.authority)
    address = f"wss://localhost:{doors.tls_port}/v2/iex"
    with websockets.sync.client.connect(address, ssl=context, proxy=None, close_timeout=1) as stream:
        assert stream.recv(timeout=10) == '[{"T":"success","msg":"connected"}]'


def test_a_stranger_to_the_authority_is_not_served(doors: Doors) -> None:
    """Who does not trust `ca.pem` ends in the handshake, and the door stays open for the others."""
    plain = socket.create_connection(("127.0.0.1", doors.tls_port), timeout=10)
    with plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="api.alpaca.markets")
    with requests.Session() as client:
        client.trust_env = False
        assert client.get(f"{doors.tls_url}/v2/account", verify=str(doors.authority), timeout=10).status_code == 401


REFUSED = {
    "another host": b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
    "another port": b"CONNECT api.alpaca.markets:22 HTTP/1.1\r\n\r\n",
    "a name that only ends so": b"CONNECT evil-api.alpaca.markets:443 HTTP/1.1\r\n\r\n",
    "a plain request": b"GET http://api.alpaca.markets/ HTTP/1.1\r\n\r\n",
    "no request at all": b"\x16\x03\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_proxy_leads_nowhere_else(doors: Doors, name: str) -> None:
    """Only CONNECT to the broker's hosts passes; everything else is refused with a reason."""
    with socket.create_connection(("127.0.0.1", doors.proxy_port), timeout=10) as client:
        client.sendall(REFUSED[name])
        with client.makefile("rb") as answer:
            said = answer.read()
    assert said.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"api.alpaca.markets" in said


def test_an_endless_head_is_cut_off(doors: Doors) -> None:
    """A client that never comes to the point costs eight kilobytes, not memory without bound."""
    client = socket.create_connection(("127.0.0.1", doors.proxy_port), timeout=10)
    with client, pytest.raises(ConnectionError):
        client.sendall(b"x" * 64_000_000)


def test_the_identity_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The second call reads what the first wrote; the key is its owner's alone; the authority's own key is nowhere."""
    folder = tmp_path / "new" / "tls"
    first = identity_in(folder)
    kept = (folder / "server.pem").read_text(encoding="ascii")
    assert identity_in(folder).authority == first.authority == folder / "ca.pem"
    assert (folder / "server.pem").read_text(encoding="ascii") == kept
    assert kept.count("PRIVATE KEY-----") == 2, "one key: the server's"
    assert "PRIVATE" not in first.authority.read_text(encoding="ascii")
    assert stat.S_IMODE((folder / "server.pem").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "server.pem"]


def test_a_lost_authority_is_written_again(tmp_path: Path) -> None:
    """`ca.pem` follows from `server.pem`: deleted or stale, it is made good."""
    authority = identity_in(tmp_path).authority
    text = authority.read_text(encoding="ascii")
    authority.write_text("stale", encoding="ascii")
    assert identity_in(tmp_path).authority.read_text(encoding="ascii") == text


def test_a_damaged_certificate_is_one_clear_error(tmp_path: Path) -> None:
    """It is not replaced behind the user's back: clients may trust its authority."""
    (tmp_path / "server.pem").write_text("no certificate", encoding="ascii")
    with pytest.raises(ValueError, match=r"server\.pem is no usable certificate .*; remove it and start again"):
        identity_in(tmp_path)


def test_a_taken_port_is_named(running: RunningSimulator, tmp_path: Path) -> None:
    """The error says which address cannot be had, and what to do."""
    port = running.port
    doors = impersonating(port, identity_in(tmp_path), proxy_port=port)
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: .*; choose another port"), doors:
        pass


def test_the_document_names_the_ports_of_the_command() -> None:
    """What a reader copies is where the doors are unless told otherwise."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    assert f"`https://localhost:{DEFAULT_TLS_PORT}`" in page
    assert f"`export HTTPS_PROXY=http://127.0.0.1:{DEFAULT_PROXY_PORT}`" in page


def test_closing_the_doors_on_open_connections_is_no_error(
    running: RunningSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that is kept alive when the doors close ends with them, and nothing complains."""
    with impersonating(running.port, identity_in(tmp_path)) as own, session(running, own) as client:
        assert client.get("https://api.alpaca.markets/v2/clock", timeout=10).status_code == 200
        client.proxies = {}
        assert client.get(f"{own.tls_url}/v2/clock", timeout=10).status_code == 200
        waiting = socket.create_connection(("127.0.0.1", own.proxy_port), timeout=10)
        client.get(f"{own.tls_url}/v2/clock", timeout=10)  # the waiting one was accepted before this one is answered
    waiting.close()
    assert caplog.messages == []
