"""INV-26: known keys go through every way a call can fail, and no piece of them comes out anywhere."""

import base64
import json
import logging
import os
import stat
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from alpaca_trader.core.errors import TraderError
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.credentials import Credentials, load_credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import Timeouts
from tests.edge.canned import KEY, NOW, SECRET, Trick, approved, canned_server, client_of, error, order_body, reply
from tests.edge.test_alpaca_streams import IMPATIENCE, packed, scripted


def pieces() -> list[str]:
    """Every eight letters in a row of the keys, of their base64, and of the pair as HTTP Basic would send it."""
    wholes = [KEY, SECRET, *(base64.b64encode(text.encode()).decode() for text in (KEY, SECRET, f"{KEY}:{SECRET}"))]
    return [whole[at : at + 8] for whole in wholes for at in range(len(whole) - 7)]


PIECES = pieces()


def assert_clean(text: str) -> None:
    """No piece of a key in it."""
    found = [piece for piece in PIECES if piece in text]
    assert not found, f"{len(found)} pieces of a key, such as {found[0]!r}"


class Everything(logging.Handler):
    """Keeps all that is logged, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Format and keep."""
        self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Everything]:
    """All of the process's log, at its most talkative."""
    everything, root = Everything(), logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(everything)
    yield everything
    root.removeHandler(everything)
    root.setLevel(before)


def told(error: BaseException) -> str:
    """All that a talkative crash reporter would write of an error: its chain, every frame, every local variable."""
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next  # the test's own frame holds the server, which was sent the keys
    text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return text + repr(error) + repr(vars(error)) + repr(error.__context__)


FAILURES: dict[str, bytes | Trick] = {
    "401 that quotes them": error(401, 40110000, f"no account for {KEY} / {SECRET}"),
    "403 that quotes them": reply(403, {"message": f"forbidden. {KEY}"}),
    "422 that quotes them": error(422, 42210000, f"bad {SECRET}", existing_order_id=KEY),
    "403 that quotes pieces": error(403, 40310000, f"{KEY[:12]}... may not, nor {SECRET[-10:]}"),
    "422 that quotes base64": error(422, 42210000, base64.b64encode(f"Basic {KEY}:{SECRET}".encode()).decode()),
    "429 that quotes them in a header": reply(429, {}, {"X-Request-ID": f"for-{KEY}", "Retry-After": SECRET}),
    "a debugging proxy": reply(200, {"headers": {"Apca-Api-Key-Id": KEY, "Apca-Api-Secret-Key": SECRET}}),
    "a list of them": reply(200, [SECRET, KEY]),
    "an order that is a key": reply(200, order_body(symbol=KEY, qty=SECRET)),
    "500 that quotes them": reply(500, f"<html>APCA-API-KEY-ID: {KEY}\nAPCA-API-SECRET-KEY: {SECRET}</html>"),
    "timeout": Trick.MUTE,
    "reset": Trick.RESET,
    "hang up": Trick.HANG_UP,
    "bad json": reply(200, "{"),
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "no http": b"nonsense\r\n\r\n",
    "redirect": reply(302, "", {"Location": "http://example.com/"}),
    "alien": reply(200, order_body(id=None)),
}


@pytest.mark.parametrize("name", sorted(FAILURES))
@pytest.mark.parametrize("verb", ["submit", "cancel", "read", "bars"])
def test_no_failed_call_tells_the_keys(
    name: str, verb: str, log: Everything, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exceptions with all their frames, the log at DEBUG, the screen, and what a debugger sees of the client."""
    with canned_server(FAILURES[name]) as server, client_of(server, timeouts=Timeouts(1.0, 0.1)) as client:
        text = failing(client, verb)
        text += "".join(repr(vars(part)) for part in parts_of(client))
        assert server.asked[0].headers["apca-api-secret-key"] == SECRET, "the canary was not sent"
    assert_clean(text + "\n".join(log.lines) + str(capfd.readouterr()))


def failing(client: AlpacaClient, verb: str) -> str:
    """Make a call that fails; all that can be told of it ("" where it happens to succeed)."""
    try:
        match verb:
            case "submit":
                client.submit_order(approved())
            case "cancel":
                client.cancel_order("some-order")
            case "read":
                client.get_account()
            case _:
                client.get_minute_bars(["KO"], NOW, NOW)
    except TraderError as failure:
        return told(failure)
    return ""


def parts_of(client: AlpacaClient) -> list[object]:
    """The client and what it is made of, down to the adapter that knows the keys."""
    hosts = [client._trading, client._data]
    sdk = [host._client for host in hosts]
    sessions = [one._session for one in sdk]
    adapters = [adapter for session in sessions for adapter in session.adapters.values()]
    return [client, *hosts, *sdk, *sessions, *adapters]


def test_nobody_there_tells_no_keys(log: Everything) -> None:
    """A refused connection is the failure whose library exception holds the most."""
    with canned_server() as server, client_of(server) as client:
        pass
    assert_clean(failing(client, "submit") + failing(client, "read") + "\n".join(log.lines))


@pytest.mark.parametrize("tail", ["\r\nX-Evil: 1", "ü€"])
def test_a_key_that_breaks_the_header_is_not_quoted(tail: str, log: Everything) -> None:
    """http.client quotes a header value it refuses; such a key is refused earlier, and told by nobody even here."""
    with canned_server() as server:
        client = AlpacaClient(
            Credentials(Secret(KEY), Secret(SECRET + tail), "test"),
            endpoints=Endpoints.simulated(server.url, server.url.replace("http", "ws")),
            clock=VirtualClock(NOW),
        )
        text = failing(client, "submit") + failing(client, "read")
        client.close()
        assert server.asked == []
    assert "OutcomeUnknown" in text
    assert_clean(text + "\n".join(log.lines))


def test_the_streams_tell_no_keys(log: Everything, capfd: pytest.CaptureFixture[str]) -> None:
    """Refused with the keys in the reason, then mute: notes, log at DEBUG and screen stay clean."""

    async def trading(connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        assert asked["data"]["secret_key"] == SECRET
        await connection.send(json.dumps({"action": "error", "data": f"{KEY} {SECRET[:20]}"}))

    async def data(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        await connection.send(
            packed({"T": "error", "code": 402, "msg": f"who is {KEY} with {SECRET} or {SECRET[9:30]}?"})
        )

    with scripted(trading, data, IMPATIENCE) as (streams, heard):
        heard.until(lambda heard: len({note.partition(":")[0] for note in heard.notes}) == 2)
        seen = [repr(vars(part)) for part in (streams, *streams._links, streams._market, *streams._runners)]
    assert any("who is (hidden) with (hidden) or *********************?" in note for note in heard.notes)
    assert_clean("\n".join(heard.notes + log.lines + seen) + str(capfd.readouterr()))


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for `op` is a shell script")
@pytest.mark.parametrize("script", ["exit 1", "sleep 60", "exit 0"])
def test_a_failing_op_tells_no_keys(
    tmp_path: Path, script: str, log: Everything, capfd: pytest.CaptureFixture[str]
) -> None:
    """What op wrote before it failed, hung or answered with two words is in no frame of the error."""
    op = tmp_path / "op"
    op.write_text(f'#!/bin/sh\necho "{KEY} {SECRET}"; echo "{KEY} {SECRET}" >&2; {script}\n')
    op.chmod(op.stat().st_mode | stat.S_IXUSR)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "ALPACA_TRADER_OP_KEY": "op://Vault/Item"}
    try:
        load_credentials(environ, op_timeout_s=0.3)
        text = ""
    except TraderError as failure:
        text = told(failure)
    assert text
    assert_clean(text + "\n".join(log.lines) + str(capfd.readouterr()))


def test_the_canary_can_be_found() -> None:
    """The search itself works: whole, a piece, and base64."""
    for text in (f"key={KEY}", f"...{SECRET[5:13]}", base64.b64encode(SECRET.encode()).decode()):
        with pytest.raises(AssertionError, match="pieces of a key"):
            assert_clean(text)
