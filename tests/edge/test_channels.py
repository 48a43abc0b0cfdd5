"""Each way out of the house: what is taken counts as taken, everything else says why, in bounded time, without secrets."""

import json
import os
import sys
from pathlib import Path

import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.policy import Policy
from alpaca_trader.edge.channels import WEBHOOK, CommandChannel, Undelivered, WebhookChannel, channels
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import Timeouts
from tests.edge.canned import KEY, SECRET, Trick, canned_server, reply

TOKEN = "hooks-b0Zq8Xw3Lk"
IMPATIENT = Timeouts(1.0, 0.2)

REFUSALS: dict[str, tuple[bytes | Trick, str]] = {
    "an error of the server": (reply(500, "no"), "HTTP 500"),
    "a wrong token": (reply(404, ""), "HTTP 404"),
    "a redirect is not followed": (reply(302, "", {"Location": "http://127.0.0.1:9/elsewhere"}), "HTTP 302"),
    "nothing comes": (Trick.MUTE, "ReadTimeout"),
    "the connection breaks": (Trick.RESET, "ConnectionError"),
    "a hang-up": (Trick.HANG_UP, "ConnectionError"),
    "no HTTP": (b"nonsense\r\n\r\n", "ConnectionError"),
}


def test_a_webhook_takes_json() -> None:
    """One POST with the text; 2xx is taken."""
    with canned_server(reply(204, "")) as server:
        WebhookChannel(Secret(f"{server.url}/{TOKEN}"), IMPATIENT).deliver("two\nlines")
    (asked,) = server.asked
    assert (asked.method, asked.target, json.loads(asked.body)) == ("POST", f"/{TOKEN}", {"text": "two\nlines"})


@pytest.mark.parametrize(("answer", "why"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_webhook_that_does_not_take_it(answer: bytes | Trick, why: str) -> None:
    """Said in a word, asked once, and the address, which may be a credential, is in no part of the error."""
    with canned_server(answer) as server, pytest.raises(Undelivered) as failure:
        WebhookChannel(Secret(f"{server.url}/{TOKEN}"), IMPATIENT).deliver("text")
    assert str(failure.value) == why
    assert failure.value.__suppress_context__ or failure.value.__context__ is None
    assert len(server.asked) == 1


def test_a_webhook_where_nobody_listens() -> None:
    """Refused connections are no exception of another kind."""
    with canned_server() as server:
        address = f"{server.url}/{TOKEN}"
    with pytest.raises(Undelivered, match=r"^ConnectionError$"):
        WebhookChannel(Secret(address), IMPATIENT).deliver("text")


@pytest.mark.parametrize("address", ["hooks.example.com/x", "ftp://example.com/x", "https://", "http://example.com/x"])
def test_an_address_that_is_none_is_refused_without_telling_it(address: str) -> None:
    """A start says which variable is wrong, and not what it holds."""
    with pytest.raises(BadInput, match=WEBHOOK) as refused:
        channels(Policy(), {WEBHOOK: address})
    assert "example" not in str(refused.value)


def script(folder: Path, text: str) -> list[str]:
    """A command line that runs this Python text."""
    file = folder / "channel.py"
    file.write_text(text)
    return [sys.executable, str(file)]


def test_a_command_gets_the_text_and_not_the_keys(tmp_path: Path) -> None:
    """On its standard input, in an environment without anything that opens the account or the webhook."""
    policy = Policy(
        alarm_command=tuple(
            script(
                tmp_path,
                "import os, sys, pathlib, json\n"
                "pathlib.Path(sys.argv[0] + '.out').write_text(json.dumps([sys.stdin.read(), dict(os.environ)]))",
            )
        )
    )
    secrets = {
        "APCA_API_KEY_ID": KEY,
        "ALPACA_SECRET_KEY": SECRET,
        "OP_SERVICE_ACCOUNT_TOKEN": "ops",
        "OP_SESSION_x": "y",
    }
    (command, webhook) = channels(policy, {**os.environ, **secrets, WEBHOOK: f"https://example.com/{TOKEN}"})
    assert (command.name, webhook.name) == ("command", "webhook")
    command.deliver("über\ntwo")
    said, environ = json.loads((tmp_path / "channel.py.out").read_text())
    assert said == "über\ntwo\n"
    assert environ["PATH"] == os.environ["PATH"]
    assert not {*secrets, WEBHOOK} & set(environ)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise SystemExit(3)", "the program ended with 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "the program ended with -15"),
        ("import threading; threading.Event().wait()", "the program did not end within 0.5 s"),
    ],
    ids=["refuses", "dies", "hangs"],
)
def test_a_command_that_does_not_take_it(tmp_path: Path, text: str, why: str) -> None:
    """An exit code, a signal, or no end at all."""
    command = CommandChannel(script(tmp_path, text), os.environ, within_s=0.5 if "wait" in text else 20)
    with pytest.raises(Undelivered, match=f"^{why}$"):
        command.deliver("text")


def test_a_command_that_reads_nothing_has_taken_it() -> None:
    """A program may know enough by being called."""
    CommandChannel(["true"], os.environ).deliver("x" * 200_000)


@pytest.mark.parametrize("words", [["/no/such/program"], [""], ["nul\0"]])
def test_a_command_that_cannot_be_started(words: list[str]) -> None:
    """Missing or impossible, it is one more channel that is down."""
    with pytest.raises(Undelivered, match="could not be started"):
        CommandChannel(words, os.environ).deliver("text")


def test_nothing_configured_is_no_channel() -> None:
    """An empty variable counts as not set."""
    assert channels(Policy(), {WEBHOOK: " "}) == []
