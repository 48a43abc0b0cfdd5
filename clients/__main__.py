"""``python -m clients [CLIENT...]``: play the clients named, or all of them, and fail unless every step passes.

All of them: the table in docs/simulator.md is written anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from alpaca_trader.edge.clock import SystemClock
from clients import table
from clients.catalogue import CLIENTS, Client
from clients.environments import NotInstalledError, python_of, ready
from clients.table import Result
from clients.world import furnish_namespace, namespace_command, simulator

_INSIDE = "--inside-namespaces"
_PATIENCE_S = 300
_HERE = Path(__file__).parent


def main(words: list[str]) -> int:
    """Exit code 0 when every step of every client played has passed, 1 when not, 2 for a client nobody knows."""
    if words[:1] == [_INSIDE]:
        return _inside(words[1])
    named = {client.folder: client for client in CLIENTS}
    if not set(words) <= set(named):
        sys.stderr.write(f"usage: python -m clients [{' '.join(named)}]\n")
        return 2
    clock = SystemClock()
    begun = clock.monotonic()
    results = []
    for client in CLIENTS:
        if client.folder in (words or named):
            started = clock.monotonic()
            results.append(_result(client))
            _say(f"{client.package} {client.version}: {clock.monotonic() - started:.1f} s")
    _say(f"\n{table.render(results)}\n\nall: {clock.monotonic() - begun:.1f} s")
    if not words:
        table.write(results)
    return 0 if all(result.has_passed for result in results) else 1


def _result(client: Client) -> Result:
    """Install and play one client, in namespaces of its own if it has to find the broker's hosts here."""
    try:
        ready(client)
        if client.reach != "hosts":
            return Result(client, *_played(client))
        again = [*namespace_command(), sys.executable, "-m", "clients", _INSIDE, client.folder]
        done = subprocess.run(again, capture_output=True, text=True, check=False, cwd=_HERE.parent)
        if done.returncode:
            return Result(client, {}, f"no namespaces for the hosts: {_last_line(done.stderr)}")
        return Result(client, *json.loads(done.stdout))
    except (NotInstalledError, OSError) as error:
        return Result(client, {}, _last_line(str(error)))


def _inside(folder: str) -> int:
    """In namespaces of our own already: play the client, and hand the result to the process outside."""
    furnish_namespace()
    [client] = [client for client in CLIENTS if client.folder == folder]
    sys.stdout.write(json.dumps(_played(client)))
    return 0


def _played(client: Client) -> tuple[Mapping[str, str], str]:
    """Each step the script came to with its error, and what stopped it before the last one."""
    home = ready(client)
    script = _HERE / client.folder / ("play.js" if client.registry == "npm" else "play.py")
    program = "node" if client.registry == "npm" else python_of(home)
    with simulator(client) as environment:
        command = [program, str(script)]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=home
            )
            said, complained, code = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as late:
            said, complained, code = str(late.stdout or ""), f"no end within {_PATIENCE_S} s", 1
    steps = [json.loads(line) for line in said.splitlines() if line.startswith('{"step":')]
    obstacle = f"the script broke off: {_last_line(complained)}" if code else ""
    return {step["step"]: step["error"] for step in steps}, obstacle


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1].replace("|", "/")[:300]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
