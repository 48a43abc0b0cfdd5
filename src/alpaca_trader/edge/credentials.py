"""Where the broker's keys come from: the environment, else 1Password's ``op`` command, else its SDK.

Order and names: docs in ``load_credentials``. Nothing found here is ever printed, not even on failure: messages name
the variable or the reference, never the value, and never what ``op`` wrote.
"""

import asyncio
import importlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec

from alpaca_trader.core.errors import BadInput, Retryable
from alpaca_trader.edge.secret import Secret

KEY_NAMES = ("APCA_API_KEY_ID", "ALPACA_API_KEY")
SECRET_NAMES = ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY", "ALPACA_API_SECRET")
OP_KEY, OP_SECRET = "ALPACA_TRADER_OP_KEY", "ALPACA_TRADER_OP_SECRET"
OP_SERVICE = "OP_SERVICE_ACCOUNT_TOKEN"
KEY_FIELD, SECRET_FIELD = "API Key", "API Secret"
HOW = (
    f"set {KEY_NAMES[0]} and {SECRET_NAMES[0]}, or name the 1Password item in "
    f"{OP_KEY}=op://VAULT/ITEM (fields '{KEY_FIELD}' and '{SECRET_FIELD}')"
)
# What `op` says when the reference is wrong rather than the vault locked; trying again would not help.
_NO_SUCH_ITEM = re.compile(
    r"isn't an? (item|vault|field|section)|could not find|invalid secret reference", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key pair of one Alpaca account and where it was found."""

    key: Secret
    secret: Secret
    source: str


def load_credentials(environ: Mapping[str, str], *, op_timeout_s: float = 20.0) -> Credentials:
    """The keys, from the first of these that has them.

    1. The environment: ``APCA_API_KEY_ID`` / ``APCA_API_SECRET_KEY``, or ``ALPACA_API_KEY`` / ``ALPACA_SECRET_KEY``
       (also ``ALPACA_API_SECRET``). Two names with different values are an error, not a choice.
    2. ``op read``, where ``ALPACA_TRADER_OP_KEY`` names the item (``op://VAULT/ITEM``, field "API Key") or the field
       (``op://VAULT/ITEM/FIELD``). ``ALPACA_TRADER_OP_SECRET`` likewise; by default the same item's "API Secret".
    3. The extra ``onepassword`` with ``OP_SERVICE_ACCOUNT_TOKEN``, for the same references, where there is no ``op``.

    Raises ``BadInput`` where nothing, half a pair or a contradiction is configured (says what to set), ``Retryable``
    where 1Password is locked, slow or unreachable: ask again later, slowly.
    """
    key, secret = _from_environment(environ, KEY_NAMES), _from_environment(environ, SECRET_NAMES)
    if key and secret:
        return Credentials(key, secret, "environment")
    if key or secret:
        missing = SECRET_NAMES if key else KEY_NAMES
        raise BadInput(f"half of the Alpaca key pair is missing: set {' or '.join(missing)}")
    references = _references(environ)
    if shutil.which("op", path=environ.get("PATH")):
        values = [_op_read(reference, environ, op_timeout_s) for reference in references]
        return Credentials(values[0], values[1], "1Password (op)")
    token = environ.get(OP_SERVICE, "")
    if token and find_spec("onepassword"):
        values = _sdk_read(references, Secret(token), op_timeout_s)
        return Credentials(values[0], values[1], "1Password (SDK)")
    raise BadInput(
        f"{OP_KEY} is set but there is no `op` command on PATH: install it from 1Password, "
        f"or install alpaca-trader[onepassword] and set {OP_SERVICE}"
    )


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for programs that have no business with the keys, nor with what opens 1Password."""
    hidden = {*KEY_NAMES, *SECRET_NAMES, OP_SERVICE}
    return {name: value for name, value in environ.items() if name not in hidden and not name.startswith("OP_SESSION")}


def _from_environment(environ: Mapping[str, str], names: Sequence[str]) -> Secret | None:
    """The value under the first of ``names`` that is set; all that are set must agree."""
    found = {name: Secret(environ[name].strip()) for name in names if environ.get(name, "").strip()}
    if len(set(found.values())) > 1:
        raise BadInput(f"{' and '.join(found)} hold different values: unset all but one")
    for name, secret in found.items():
        return _checked(secret, name)
    return None


def _checked(secret: Secret, where: str) -> Secret:
    """The secret without its last line break, if a key can look like that; ``BadInput`` otherwise."""
    flaw = _flaw(secret.reveal().strip())
    if flaw:
        raise BadInput(f"{where} {flaw}")
    return Secret(secret.reveal().strip())


def _flaw(text: str) -> str | None:
    """A key is sent as an HTTP header: anything but visible ASCII would break it or smuggle a second header in."""
    if not text:
        return "is empty"
    if not all("!" <= letter <= "~" for letter in text):
        return "holds a space, line break or other character that no Alpaca key has"
    return None


def op_variables(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Which of the two variables that point into 1Password are set, and what they say.

    Raises BadInput where one is no reference: it might be a key, and nobody may write that down.
    """
    found = tuple((name, environ[name].strip()) for name in (OP_KEY, OP_SECRET) if environ.get(name, "").strip())
    for name, text in found:
        _reference(text, "", name)
    return found


def _references(environ: Mapping[str, str]) -> tuple[str, str]:
    """The two ``op://`` references; a reference without a field gets the default one."""
    key = environ.get(OP_KEY, "").strip()
    if not key:
        extra = f" ({OP_SECRET} alone is not enough)" if environ.get(OP_SECRET, "").strip() else ""
        raise BadInput(f"no Alpaca keys found: {HOW}{extra}")
    secret = environ.get(OP_SECRET, "").strip() or "/".join(key.split("/")[:4])
    return _reference(key, KEY_FIELD, OP_KEY), _reference(secret, SECRET_FIELD, OP_SECRET)


def _reference(text: str, field: str, name: str) -> str:
    parts = text.removeprefix("op://").split("/")
    if not text.startswith("op://") or not 2 <= len(parts) <= 4 or not all(parts) or not text.isprintable():
        raise BadInput(f"{name} must look like op://VAULT/ITEM or op://VAULT/ITEM/FIELD")
    return text if len(parts) > 2 else f"{text}/{field}"


def _op_read(reference: str, environ: Mapping[str, str], timeout_s: float) -> Secret:
    """One ``op read``; raises ``Retryable`` or ``BadInput``. What ``op`` wrote leaves here only as a checked secret."""
    code, out, err = _run_op(reference, environ, timeout_s)
    if code == 0:
        return _checked(out, reference)
    if code is None:
        raise Retryable(f"`op read` gave no answer for {reference} within {timeout_s:g} s: unlock 1Password")
    if _NO_SUCH_ITEM.search(err.reveal()):
        raise BadInput(f"1Password has nothing at {reference}: check vault, item and field names in {OP_KEY}")
    raise Retryable(f"`op read` failed (exit {code}) for {reference}: unlock 1Password or run `op signin`")


def _run_op(reference: str, environ: Mapping[str, str], timeout_s: float) -> tuple[int | None, Secret, Secret]:
    """Exit code (None: no answer in time), output and messages. It gets no stdin: nobody is there to type a password."""
    try:
        process = subprocess.Popen(
            ["op", "read", "--no-newline", reference],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environ),
            # Its own group, so that what it started dies with it; not its own session, which would lose the
            # terminal's 1Password approval.
            process_group=0 if os.name == "posix" else None,
        )
    except OSError as error:
        raise Retryable(f"`op` could not be started ({type(error).__name__})") from None
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()
        return None, Secret(""), Secret("")
    return process.returncode, Secret(out.decode("utf-8", "replace")), Secret(err.decode("utf-8", "replace"))


def _sdk_read(references: Sequence[str], token: Secret, timeout_s: float) -> list[Secret]:
    """The same references through 1Password's SDK (an optional extra, so it is imported when it is needed)."""
    client_class = importlib.import_module("onepassword.client").Client

    async def resolve() -> list[Secret]:
        client = await client_class.authenticate(
            auth=token.reveal(), integration_name="alpaca-trader", integration_version=version("alpaca-trader")
        )
        return [Secret(await client.secrets.resolve(reference)) for reference in references]

    try:
        found = asyncio.run(asyncio.wait_for(resolve(), timeout_s))
    except Exception as error:  # noqa: BLE001 - the SDK raises bare Exceptions, whose texts are not ours to print
        failure = Retryable(f"the 1Password SDK failed ({type(error).__name__}) for {references[0]}: is it reachable?")
    else:
        return [_checked(secret, reference) for secret, reference in zip(found, references, strict=True)]
    raise failure  # outside the handler, so that the SDK's own words are not chained to it
