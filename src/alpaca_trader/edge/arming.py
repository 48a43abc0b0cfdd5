"""The second key to live trading: a human, at a terminal, naming the account (safety 6).

The first key is the policy (``mode`` live and the account's number). Arming is stored with the policy's hash, the code
version and an end; when any of them changes, or time runs out, entries need a new arming.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from alpaca_trader.core.errors import TraderError
from alpaca_trader.core.events import BarLifted, EntriesBarred
from alpaca_trader.core.policy import Policy, policy_hash
from alpaca_trader.edge.whole_file import write_whole

ARMED_FOR = timedelta(days=30)
DIGITS = 4
CODE = "not_armed"


class NotArmed(TraderError):
    """Live trading is not allowed; the text says which key is missing."""


def check_mode(policy: Policy) -> None:
    """The first half of the first key, known before anybody is asked for credentials. Raises NotArmed."""
    if policy.mode != "live":
        raise NotArmed('config/policy.json: mode is "paper"; a human who wants live trading sets it to "live"')


def check_account(policy: Policy, account_number: str) -> None:
    """The second half: the policy names the account of these keys. Raises NotArmed."""
    if policy.live_account != account_number:
        raise NotArmed(
            f"config/policy.json: live_account does not name the account of these keys (...{account_number[-DIGITS:]})"
        )


class Arming:
    """What a human's answer on a terminal stands for: this account, policy and version, for thirty days."""

    def __init__(self, file: Path, policy: Policy, account_number: str, code_version: str) -> None:
        """``file`` keeps the answer; making the object touches nothing."""
        self._file = file
        self._account_number = account_number
        self._stands_for = {"account": account_number, "policy": policy_hash(policy), "code": code_version}

    def holds(self, at: datetime) -> bool:
        """Whether a human armed exactly this account, policy and version, not too long ago."""
        try:
            armed = json.loads(self._file.read_text())
            until = datetime.fromisoformat(armed["until"])
            return at < until and {name: armed.get(name) for name in self._stands_for} == self._stands_for
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def news(self, at: datetime, is_barred: bool) -> Iterator[EntriesBarred | BarLifted]:
        """What the engine has to hear, when for want of arming its entries are barred or not."""
        holds = self.holds(at)
        if not holds and not is_barred:
            yield EntriesBarred(at, CODE, "a human arms live trading: `alpaca-trader arm` on a terminal")
        elif holds and is_barred:
            yield BarLifted(at, CODE)

    def arm(self, at: datetime, ask: Callable[[str], str]) -> None:
        """Ask the human for the account's last digits and store the answer's consequence. Raises NotArmed."""
        answer = ask(f"LIVE trading with real money. Type the last {DIGITS} characters of the account number: ")
        if answer.strip() != self._account_number[-DIGITS:]:
            raise NotArmed("that is not how this account's number ends; nothing was armed")
        content = {**self._stands_for, "until": (at + ARMED_FOR).isoformat()}
        write_whole(self._file, f"{json.dumps(content, indent=2)}\n".encode())
