"""The last step before the socket holds: time-outs, one host, keys that stay unseen."""

from pathlib import Path

import pytest
import requests

from alpaca_trader.core.errors import Fatal
from alpaca_trader.edge.endpoints import Origin
from alpaca_trader.edge.transport import ForeignHost, Timeouts, guard
from tests.edge.canned import CREDENTIALS, KEY, SECRET, Cut, Trick, canned_server, error, reply


def guarded(url: str, timeouts: Timeouts = Timeouts(1.0, 5.0)) -> requests.Session:  # noqa: B008 - an immutable value
    """A session that may reach ``url`` only."""
    session = requests.Session()
    guard(session, Origin.of(url), CREDENTIALS, timeouts)
    return session


def test_a_mute_server_is_given_up() -> None:
    """The SDK alone would wait for ever; the mounted read time-out ends it, whatever the caller asks for."""
    with canned_server(Trick.MUTE) as server, guarded(server.url, Timeouts(1.0, 0.05)) as session:
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(f"{server.url}/v2/account", timeout=60)
        assert len(server.asked) == 1


def test_a_head_that_is_cut_short_is_not_talked_about(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """F49: the library below warns of each with a traceback; a night of them would fill the supervisor's files."""
    with canned_server(Cut(b"HTTP/1.1 200 OK\r\nContent-Len")) as server, guarded(server.url) as session:
        assert session.get(f"{server.url}/v2/account").content == b""
    assert (caplog.records, capfd.readouterr().err) == ([], "")


def test_the_keys_are_added_at_the_last_moment() -> None:
    """They reach the server, and neither the request the caller holds nor the session knows them."""
    with canned_server(reply(200, {})) as server, guarded(server.url) as session:
        answer = session.get(f"{server.url}/v2/account")
        (asked,) = server.asked
        assert (asked.headers["apca-api-key-id"], asked.headers["apca-api-secret-key"]) == (KEY, SECRET)
        assert not {KEY, SECRET} & {*answer.request.headers.values(), *session.headers.values()}


def test_words_that_quote_the_keys_are_censored() -> None:
    """A proxy that explains a refusal with the headers it saw must not write our keys into our log."""
    with canned_server(error(401, 40110000, f"{KEY}:{SECRET} is unknown")) as server, guarded(server.url) as session:
        assert session.get(f"{server.url}/v2/account").json()["message"] == "(hidden):(hidden) is unknown"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/v2/account",
        "http://127.0.0.1:9/v2/account",
        "https://127.0.0.1:{port}/v2/account",
        "https://api.alpaca.markets/v2/account",
        "http://127.0.0.1:{port}.example.com/v2/account",
    ],
)
def test_no_other_host_is_reached(url: str) -> None:
    """Not another name, port or scheme of the same machine either: nothing leaves, and it stops trading."""
    with canned_server() as server, guarded(server.url) as session:
        with pytest.raises((ForeignHost, requests.exceptions.InvalidURL)) as caught:
            session.get(url.format(port=server.port))
        assert isinstance(caught.value, Fatal | ValueError)
        assert server.asked == []


def test_a_redirect_elsewhere_is_not_followed() -> None:
    """Even a session that follows redirects stops at the first foreign address."""
    elsewhere = reply(302, "", {"Location": "http://127.0.0.1:9/v2/account"})
    with canned_server(elsewhere) as server, guarded(server.url) as session:
        with pytest.raises(ForeignHost, match="not sent"):
            session.get(f"{server.url}/v2/account")
        assert len(server.asked) == 1


def test_settings_of_the_environment_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable would send every order to somebody else first, a .netrc would sign it with other keys."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with canned_server(reply(200, {"reached": "directly"})) as server, guarded(server.url) as session:
        assert session.get(f"{server.url}/v2/account").json() == {"reached": "directly"}
        assert "authorization" not in server.asked[0].headers


def test_a_failed_connection_is_not_tried_twice() -> None:
    """Whether to say something again is decided above, never by the transport."""
    with canned_server(Trick.HANG_UP, reply(200, {})) as server, guarded(server.url) as session:
        with pytest.raises(requests.exceptions.ConnectionError):
            session.post(f"{server.url}/v2/orders", json={})
        assert len(server.asked) == 1
