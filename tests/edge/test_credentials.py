"""Keys come from the environment, else from 1Password; what goes wrong is said without saying a key."""

import os
import stat
import sys
import traceback
from pathlib import Path

import pytest

from alpaca_trader.core.errors import BadInput, Retryable, TraderError
from alpaca_trader.edge.credentials import load_credentials
from tests.edge.canned import KEY, SECRET

ITEM = "op://Private/Alpaca Trading"
posix_only = pytest.mark.skipif(os.name != "posix", reason="the stand-in for `op` is a shell script")


def fake_op(folder: Path, script: str) -> dict[str, str]:
    """An environment whose PATH holds an `op` that runs ``script`` (a shell script; the reference is $3)."""
    folder.mkdir(exist_ok=True)
    op = folder / "op"
    op.write_text(f"#!/bin/sh\n{script}\n")
    op.chmod(op.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "ALPACA_TRADER_OP_KEY": ITEM}


ANSWERS = f"""
[ "$1" = read ] && [ "$2" = --no-newline ] || exit 9
case "$3" in
  "{ITEM}/API Key") printf %s {KEY};;
  "{ITEM}/API Secret") printf %s {SECRET};;
  op://Other/Item/word) printf '%s\\n' other-secret;;
  *) exit 8;;
esac"""


@pytest.mark.parametrize(
    "environ",
    [
        {"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET},
        {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET},
        {"ALPACA_API_KEY": f" {KEY}\n", "ALPACA_API_SECRET": SECRET},
        {"APCA_API_KEY_ID": KEY, "ALPACA_API_KEY": KEY, "APCA_API_SECRET_KEY": SECRET, "ALPACA_SECRET_KEY": SECRET},
        {"APCA_API_KEY_ID": "", "ALPACA_API_KEY": KEY, "APCA_API_SECRET_KEY": SECRET},
    ],
)
def test_the_environment_is_asked_first(environ: dict[str, str]) -> None:
    """Every documented name is accepted, several with one value too; an empty variable counts as not set."""
    found = load_credentials(environ)
    assert (found.key.reveal(), found.secret.reveal(), found.source) == (KEY, SECRET, "environment")
    assert KEY[:8] not in repr(found)
    assert SECRET[:8] not in repr(found)


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({}, "set APCA_API_KEY_ID and APCA_API_SECRET_KEY, or name the 1Password item in ALPACA_TRADER_OP_KEY"),
        ({"APCA_API_KEY_ID": KEY}, "set APCA_API_SECRET_KEY or ALPACA_SECRET_KEY"),
        ({"ALPACA_SECRET_KEY": SECRET}, "set APCA_API_KEY_ID or ALPACA_API_KEY"),
        (
            {"APCA_API_KEY_ID": KEY, "ALPACA_API_KEY": "PKOTHER"},
            "APCA_API_KEY_ID and ALPACA_API_KEY hold different values",
        ),
        ({"APCA_API_KEY_ID": f"{KEY} {KEY}", "APCA_API_SECRET_KEY": SECRET}, "APCA_API_KEY_ID holds a space"),
        ({"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": f"{SECRET}\r\nX: y"}, "APCA_API_SECRET_KEY holds a space"),
        ({"ALPACA_TRADER_OP_SECRET": f"{ITEM}/x"}, "ALPACA_TRADER_OP_SECRET alone is not enough"),
        ({"ALPACA_TRADER_OP_KEY": "Private/Alpaca"}, "must look like op://VAULT/ITEM"),
        ({"ALPACA_TRADER_OP_KEY": "op://Private"}, "must look like op://VAULT/ITEM"),
        ({"ALPACA_TRADER_OP_KEY": "op://a//b"}, "must look like op://VAULT/ITEM"),
        ({"ALPACA_TRADER_OP_KEY": ITEM, "PATH": ""}, "no `op` command on PATH"),
    ],
)
def test_what_is_missing_or_contradictory_is_named(environ: dict[str, str], complaint: str) -> None:
    """The message says which variable to set or unset, and holds no part of a key."""
    with pytest.raises(BadInput) as caught:
        load_credentials(environ)
    assert complaint in str(caught.value)
    assert KEY[:8] not in str(caught.value)
    assert SECRET[:8] not in str(caught.value)


@posix_only
@pytest.mark.parametrize(
    ("more", "secret"),
    [
        ({}, SECRET),
        ({"ALPACA_TRADER_OP_KEY": f"{ITEM}/API Key"}, SECRET),
        ({"ALPACA_TRADER_OP_SECRET": f"{ITEM}/API Secret"}, SECRET),
        ({"ALPACA_TRADER_OP_SECRET": "op://Other/Item/word"}, "other-secret"),
    ],
)
def test_op_is_asked_for_the_documented_fields(tmp_path: Path, more: dict[str, str], secret: str) -> None:
    """One variable that names the item is enough; fields and a second item can be named."""
    found = load_credentials({**fake_op(tmp_path, ANSWERS), **more})
    assert (found.key.reveal(), found.secret.reveal(), found.source) == (KEY, secret, "1Password (op)")


@posix_only
@pytest.mark.parametrize(
    ("script", "kind", "complaint"),
    [
        (f'echo "{KEY} {SECRET} locked" >&2; exit 1', Retryable, "exit 1"),
        ('echo "[ERROR] could not find item Alpaca in vault Private" >&2; exit 1', BadInput, "has nothing at op://"),
        ("exit 0", BadInput, "is empty"),
        (f'printf "%s %s" {KEY} {SECRET}', BadInput, "holds a space"),
        ("sleep 60 & wait", Retryable, "no answer"),
        ("read answer; sleep 60", Retryable, "no answer"),
    ],
)
def test_a_failing_op_is_reported_without_its_words(
    tmp_path: Path, script: str, kind: type[TraderError], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Locked or hanging is worth another try later, a wrong name is not; what op wrote reaches no message or screen.

    A child that op leaves behind neither holds the call nor survives it.
    """
    with pytest.raises(kind) as caught:
        load_credentials(fake_op(tmp_path, script), op_timeout_s=0.3)
    shown = "".join(traceback.format_exception(caught.value)) + str(capfd.readouterr())
    assert complaint in str(caught.value)
    assert ITEM in shown
    assert KEY[:8] not in shown
    assert SECRET[:8] not in shown


@posix_only
def test_an_op_that_cannot_start_is_worth_another_try(tmp_path: Path) -> None:
    """An executable file of no known format is found on PATH and refuses to run."""
    environ = fake_op(tmp_path, "")
    (tmp_path / "op").write_bytes(b"\x00\x01\x02")
    with pytest.raises(Retryable, match="could not be started"):
        load_credentials(environ)


SDK = """
class Secrets:
    async def resolve(self, reference):
        if reference.startswith("op://Locked"):
            raise Exception("the token TOKEN-CANARY is not valid")
        return {"API Key": "%s", "API Secret": "%s"}[reference.split("/")[-1]]

class Client:
    @classmethod
    async def authenticate(cls, auth, integration_name, integration_version):
        assert (auth, integration_name) == ("TOKEN-CANARY", "alpaca-trader") and integration_version
        client = cls()
        client.secrets = Secrets()
        return client
"""


@pytest.mark.parametrize("vault", ["Private", "Locked"])
def test_the_sdk_is_asked_where_there_is_no_op(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vault: str) -> None:
    """A stand-in with the interface of onepassword-sdk 0.4: found, it answers; refusing, its words are not passed on."""
    (tmp_path / "onepassword").mkdir()
    (tmp_path / "onepassword" / "__init__.py").touch()
    (tmp_path / "onepassword" / "client.py").write_text(SDK % (KEY, SECRET))
    monkeypatch.syspath_prepend(tmp_path)
    environ = {"PATH": "", "ALPACA_TRADER_OP_KEY": f"op://{vault}/Alpaca", "OP_SERVICE_ACCOUNT_TOKEN": "TOKEN-CANARY"}
    try:
        if vault == "Private":
            found = load_credentials(environ)
            assert (found.key.reveal(), found.secret.reveal(), found.source) == (KEY, SECRET, "1Password (SDK)")
        else:
            with pytest.raises(Retryable) as caught:
                load_credentials(environ)
            assert "CANARY" not in "".join(traceback.format_exception(caught.value))
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "onepassword"]:
            del sys.modules[name]
