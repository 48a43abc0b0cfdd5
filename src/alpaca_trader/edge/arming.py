"""The second key to live trading: a human, at a terminal, naming the account (safety 6).

The first key is the policy (``mode`` live and the account's number). Arming is stored with the policy's hash, the code
version and an end; when any of them changes, or time runs out, entries need a new arming.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from alpaca_trader.core.errors import TraderError
from alpaca_trader.core.policy import Policy, policy_hash
from alpaca_trader.edge.home import PRIVATE_FILE

ARMED_FOR = timedelta(days=30)
DIGITS = 4


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


def is_armed(file: Path, policy: Policy, account_number: str, code_version: str, at: datetime) -> bool:
    """Whether a human armed exactly this account, policy and code, not too long ago."""
    try:
        armed = json.loads(file.read_text())
        until = datetime.fromisoformat(armed["until"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    stands_for = {"account": account_number, "policy": policy_hash(policy), "code": code_version}
    return at < until and {name: armed.get(name) for name in stands_for} == stands_for


def arm(
    file: Path, policy: Policy, account_number: str, code_version: str, at: datetime, ask: Callable[[str], str]
) -> None:
    """Ask the human for the account's last digits and store the answer's consequence. Raises NotArmed."""
    answer = ask(f"LIVE trading with real money. Type the last {DIGITS} characters of the account number: ")
    if answer.strip() != account_number[-DIGITS:]:
        raise NotArmed("that is not how this account's number ends; nothing was armed")
    until = (at + ARMED_FOR).isoformat()
    content = {"account": account_number, "policy": policy_hash(policy), "code": code_version, "until": until}
    file.touch(mode=PRIVATE_FILE)
    file.write_text(json.dumps(content, indent=2) + "\n")
