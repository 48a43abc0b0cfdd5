"""Ways to reach a human who is not looking: a program of the human's choice, and an HTTP webhook.

The program is named in the policy (``alarm_command``), the webhook's address in the environment, because such an address
is often a credential by itself. Neither gets the broker's keys.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import requests

from alpaca_trader.core.errors import BadInput, TraderError
from alpaca_trader.core.policy import Policy
from alpaca_trader.edge.credentials import without_keys
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.transport import TIMEOUTS, Timeouts

WEBHOOK = "ALPACA_TRADER_ALARM_WEBHOOK"
COMMAND_WITHIN_S = 15.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Undelivered(TraderError):
    """A channel did not take the message; the text says why, without address or content."""


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """The channel in a word."""

    def deliver(self, text: str) -> None:
        """Returns when the text was taken; raises Undelivered where it was not, after a bounded time."""


def channels(policy: Policy, environ: Mapping[str, str]) -> list[Channel]:
    """The channels a human has configured, the first to be tried first. Raises BadInput for an address that is none."""
    found: list[Channel] = []
    if policy.alarm_command:
        found.append(CommandChannel(policy.alarm_command, without_keys(environ)))
    if environ.get(WEBHOOK, "").strip():
        found.append(WebhookChannel(Secret(environ[WEBHOOK].strip())))
    return found


class CommandChannel:
    """A program that gets the text on its standard input; exit code 0 means taken."""

    name = "command"

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], within_s: float = COMMAND_WITHIN_S) -> None:
        """``words``: program and arguments, no shell. It is killed, with what it started, after ``within_s`` seconds."""
        self._words = list(words)
        self._environ = {name: value for name, value in environ.items() if name != WEBHOOK}
        self._within_s = within_s

    def deliver(self, text: str) -> None:
        """Run the program."""
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            raise Undelivered(f"the program could not be started ({type(error).__name__})") from None
        try:
            process.communicate(f"{text}\n".encode(), timeout=self._within_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Undelivered(f"the program did not end within {self._within_s:g} s") from None
        if process.returncode:
            raise Undelivered(f"the program ended with {process.returncode}")


class WebhookChannel:
    """An address that takes ``{"text": ...}`` by POST; any 2xx means taken. Redirects are not followed."""

    name = "webhook"

    def __init__(self, address: Secret, timeouts: Timeouts = TIMEOUTS) -> None:
        """Raises BadInput unless the address is ``https://...`` (``http://`` on this machine)."""
        parts = urlsplit(address.reveal())
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise BadInput(f"{WEBHOOK} is no address; it must begin with https://")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise BadInput(f"{WEBHOOK} would send alarms unencrypted; it must begin with https://")
        self._address = address
        self._timeouts = timeouts

    def deliver(self, text: str) -> None:
        """Post it."""
        with requests.Session() as session:
            session.trust_env = False
            try:
                # Only the status is of interest: of a long answer nothing more is read.
                with session.post(
                    self._address.reveal(),
                    json={"text": text},
                    timeout=self._timeouts,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    status = answer.status_code
            except (requests.RequestException, ValueError) as error:
                raise Undelivered(type(error).__name__) from None  # its own words quote the address
        if not 200 <= status < 300:
            raise Undelivered(f"HTTP {status}")
