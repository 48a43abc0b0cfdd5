"""The client matrix, as far as the suite can play it: what is installed here anyway, and what the documents say of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clients import table
from clients.__main__ import main
from clients.catalogue import CLIENTS, STEPS, Client
from clients.environments import pins_of
from clients.table import Result
from clients.world import simulator
from tests.cli.conftest import start

REPO = Path(__file__).resolve().parents[2]
[README_SCRIPT] = re.findall(r"```python\n(.*?)```", (REPO / "README.md").read_text(encoding="utf-8"), re.DOTALL)
DOCUMENT = (REPO / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_script_of_the_readme_buys_half_a_share(tmp_path: Path) -> None:
    """Against the command shown above it, the text itself prints updates up to the fill of 0.5 AAPL, and ends."""
    command = ("sim", "serve", "--profile", "live467", "--seed", "7", "--speed", "60")
    assert f"$ alpaca-trader {' '.join(command)}\n" in (REPO / "README.md").read_text(encoding="utf-8")
    server = start(*command, "--port", "0", cwd=tmp_path)
    assert server.stdout is not None
    url = next(line.split()[1] for line in server.stdout if line.startswith("REST"))
    script = README_SCRIPT.replace("127.0.0.1:8765", url.removeprefix("http://"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=50)
    server.terminate()
    server.communicate()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("fill 0.5 of 0.5 AAPL ")


@pytest.mark.timeout(120)
def test_alpaca_py_plays_the_whole_scenario() -> None:
    """The script of the matrix, as `make clients` plays it, with the alpaca-py that is installed here."""
    client = next(client for client in CLIENTS if client.folder == "alpaca_py")
    with simulator(client) as environment:
        command = [sys.executable, str(REPO / "clients" / client.folder / "play.py")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=110)
    played = {line["step"]: line["error"] for line in map(json.loads, done.stdout.splitlines())}
    assert played == dict.fromkeys(STEPS, ""), done.stderr


def test_the_table_in_the_document_is_of_these_clients() -> None:
    """Each client of the catalogue has its row with its version, and none failed when it was generated."""
    shown = DOCUMENT.partition(table.BEGIN)[2].partition(table.END)[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in shown.splitlines() if "` (" in line]
    said = [row[:3] for row in rows if row[0].startswith("`")]
    assert said == [[f"`{each.package}` ({each.registry})", each.version, each.reach] for each in CLIENTS]
    assert "failed" not in shown


@pytest.mark.parametrize("client", CLIENTS, ids=[client.folder for client in CLIENTS])
def test_what_is_pinned_is_what_the_table_names(client: Client) -> None:
    """The pins ask for the catalogue's package and version exactly, and name no host."""
    pins = pins_of(client).read_text(encoding="utf-8")
    if client.registry == "npm":
        assert json.loads(pins)["dependencies"] == {client.package: client.version}
    else:
        assert pins.splitlines()[0] == f"{client.package}=={client.version}"
    assert "://" not in pins


def result(client: Client, **errors: str) -> Result:
    """A client that passed everything but these."""
    return Result(client, {step: errors.get(step, "") for step in STEPS if step not in client.absent})


def test_only_a_clean_result_passes() -> None:
    """A failed step, a step never reached and a client that could not be played each fail; what is absent does not."""
    for client in CLIENTS:
        assert result(client).has_passed
        assert not result(client, stop="it was refused").has_passed
        assert not Result(client, {"account": ""}).has_passed
        assert not Result(client, result(client).steps, "the script broke off").has_passed
        assert not Result(client, {}, "not installed").has_passed


def test_the_table_shows_every_failure_as_one() -> None:
    """Passed, failed with its reason, absent with its reason: three different cells."""
    mcp = CLIENTS[-1]
    shown = table.render([result(mcp, stop="it was refused")])
    row = next(line for line in shown.splitlines() if mcp.package in line)
    assert row.count("**failed**") == 1
    assert row.count("–") == len(mcp.absent)
    assert row.count("passed") == len(STEPS) - 1 - len(mcp.absent)
    assert "failed, stop: place, replace, cancel: it was refused" in shown
    assert "not installed" in table.render([Result(mcp, {}, "not installed")])


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    """What stands around it stays; a part of the clients or a page without marks is refused."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}old{table.END}\nafter\n", encoding="utf-8")
    results = [result(client) for client in CLIENTS]
    table.write(results, page)
    table.write(results, page)
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"before\n{table.BEGIN}\n\n| client |")
    assert written.endswith(f"\n\n{table.END}\nafter\n")
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        table.write(results, page)


def test_an_unknown_client_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The usage names those that exist."""
    assert main(["js_5"]) == 2
    assert "alpaca_py alpaca_trade_api js_3" in capsys.readouterr().err
