"""``sim serve``: an Alpaca for any client, until Ctrl-C."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alpaca.trading.client import TradingClient
from alpaca.trading.models import Clock, TradeAccount

from tests.cli.conftest import call, start

pytestmark = pytest.mark.timeout(120)


def test_the_printed_line_is_a_client_that_works(tmp_path: Path) -> None:
    """What is printed connects alpaca-py: the account's dollars, a clock a minute before the open; Ctrl-C ends it with 0."""
    process = start("sim", "serve", "--port", "0", "--speed", "0.01", "--date", "2026-11-27", cwd=tmp_path)
    assert process.stdout is not None
    said: list[str] = []
    while not said or not said[-1].startswith("Ctrl-C"):
        said.append(next(process.stdout))
    assert said[0] == "SIM  2026-11-27, seed 7, live467, 0.01 x real time\n"
    [line] = [each for each in said if each.startswith("TradingClient(")]
    key, secret, url = line.split('"')[1::2]
    client = TradingClient(key, secret, url_override=url)
    account, clock = client.get_account(), client.get_clock()
    assert isinstance(account, TradeAccount)
    assert isinstance(clock, Clock)
    assert account.equity == "467"
    assert clock.is_open is False
    assert f"{clock.timestamp:%Y-%m-%d %H:%M}" == "2026-11-27 09:29"
    client._session.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "ended\n", "")
    assert list(tmp_path.iterdir()) == []


WATCH = """
import gc, os, signal, sys, threading
def watch():
    while not gc.get_freeze_count():
        threading.Event().wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=watch, daemon=True).start()
from alpaca_trader.cli import main
sys.argv[1:] = ["sim", "serve", "--port", "0", "--control-port", "0"]
try:
    main()
finally:
    print("frozen", gc.get_freeze_count())
"""


def test_the_market_is_kept_out_of_the_garbage_collectors_rounds(tmp_path: Path) -> None:
    """Frozen while it serves, and given back at the end: who waits for that ends it with Ctrl-C."""
    command = [sys.executable, "-c", WATCH]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[-2:], done.stderr) == (0, ["ended", "frozen 0"], "")


BAD = [
    (("--speed", "0"), 2, "'0' is no speed; give a number above 0"),
    (("--speed", "2e6"), 2, "'2e6' is beyond 1,000,000 times real time; use max"),
    (("--port", "70000"), 2, "70000 is not in the range 0<=x<=65535."),
    (("--profile", "rich"), 1, "profile 'rich' is unknown; use one of live467, paper100k"),
    (("--date", "2026-11-26"), 1, "--date 2026-11-26: the exchange is closed; the next session is 2026-11-27"),
    (("--bars", "none.csv"), 1, "none.csv cannot be read"),
]


@pytest.mark.parametrize(("words", "code", "text"), BAD, ids=[" ".join(words) for words, _, _ in BAD])
def test_bad_input_is_told_in_one_line(words: tuple[str, ...], code: int, text: str) -> None:
    """What is wrong, and the documented exit code; nothing is served."""
    result = call("sim", "serve", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert text in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_in_use_is_told() -> None:
    """Which port, and that another one would do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = call("sim", "serve", "--port", port)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"alpaca-trader: cannot listen on 127.0.0.1:{port}: Address already in use; choose another port\n"
    )


def test_with_tls_the_brokers_own_hosts_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The printed doors lead in: an unmodified paper client, told only a proxy and whom to trust, reads this account."""
    process = start("sim", "serve", "--port", "0", "--tls", "tls", "--tls-port", "0", "--proxy-port", "0", cwd=tmp_path)
    assert process.stdout is not None
    said: list[str] = []
    while not said or not said[-1].startswith("Ctrl-C"):
        said.append(next(process.stdout))
    found = {line[:9].strip(): line[9:].strip() for line in said}
    monkeypatch.setenv("HTTPS_PROXY", found["proxy"])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / found["trust"]))
    client = TradingClient(found["key id"], found["secret"], paper=True)
    account = client.get_account()
    assert isinstance(account, TradeAccount)
    assert account.account_number == "467SIMULATED"
    client._session.close()
    assert found["TLS"].startswith("https://localhost:")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "ended\n", "")
