"""schemathesis against the running server: valid and broken input of its own invention, for every operation of both files."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from alpaca_trader.simulator import Simulator, Switches, running_simulator
from conformance import specs
from conformance.client import CHEAP, MORNING
from conformance.session import market

SEED: Final = 467
EXAMPLES: Final = 25
"""Fuzzed requests per operation, beside those schemathesis derives from each constraint of the file."""
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
_A_MOMENT: Final = timedelta(seconds=20)
_ENDLESS: Final = "/events/"
"""Streams of server-sent events have no end to wait for; the session asks them for spans that have one."""


def attack(host: str, spec: specs.Spec, profile: str, folder: Path = specs.FOLDER) -> tuple[int, str]:
    """Run schemathesis for one file against a simulator with holdings; returns its exit code and what it printed."""
    program = specs.python()
    described = folder / f"amended-{host}.json"
    described.write_text(json.dumps(spec), encoding="utf-8")
    sim = Simulator(market(), seed=7, start=MORNING, profile=profile, switches=Switches(rate_limit=1_000_000))
    _invest(sim)
    with running_simulator(sim) as running:
        command = [
            *(program, "-m", "schemathesis.cli", "run", str(described), "--url", running.url),
            *("--header", f"APCA-API-KEY-ID: {running.key}", "--header", f"APCA-API-SECRET-KEY: {running.secret}"),
            *("--checks", ",".join(_CHECKS), "--mode", "all", "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED), "--exclude-path-regex", _ENDLESS),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-color", "--continue-on-failure"),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def _invest(sim: Simulator) -> None:
    """A position, resting orders and closed ones, so that there is something to answer."""
    day: Mapping[str, object] = {"time_in_force": "day"}
    sim.exchange.submit({**day, "symbol": CHEAP, "qty": "2.5", "side": "buy", "type": "market"})
    sim.exchange.submit({**day, "symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "limit_price": "100"})
    sim.advance(sim.now + _A_MOMENT)
    sim.exchange.submit({**day, "symbol": CHEAP, "qty": "1", "side": "sell", "type": "limit", "limit_price": "60"})


def summary(printed: str) -> str:
    """The end of what schemathesis printed: how much it asked and how it ended."""
    found = re.search(r"=+ SUMMARY =+\n(.*)", printed, re.DOTALL)
    return found.group(1).strip() if found else printed.strip()
