"""The two OpenAPI files inside the wheel of alpaca-mcp-server: fetched into an ignored folder, never part of the project."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

REPO: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = REPO / ".conformance"
ENVIRONMENT: Final = FOLDER / "venv"
PACKAGE: Final = "alpaca-mcp-server==2.4.0"
HASHES: Final[Mapping[str, tuple[str, str]]] = {
    "trading": ("trading-api.json", "e67cf32d58cd5f918c593925e966bf737eff1e0f03f15c7c0ba467368eaa6d42"),
    "data": ("market-data-api.json", "957d447060484f59ca98d4d75a3e7cef92c8fea73eeae9ae31a6fb710504c128"),
}
"""Host, to the file that describes it and its SHA-256 (alpaca-contract section 0)."""

Spec = dict[str, Any]


class SpecError(Exception):
    """The files are not there or are not the ones we know; the text says what to do."""


def fetch(folder: Path = FOLDER) -> None:
    """Get the wheel with the pip of the conformance environment and keep its two files; nothing when they are there."""
    if not missing(folder):
        return
    _run([python(), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE])
    wheels = sorted(folder.glob("alpaca_mcp_server-2.4.0-*.whl"))
    if not wheels:
        raise SpecError(f"pip brought no wheel of {PACKAGE}; the specifications are only in the wheel")
    with zipfile.ZipFile(wheels[0]) as wheel:
        for name, _ in HASHES.values():
            (folder / name).write_bytes(wheel.read(f"alpaca_mcp_server/specs/{name}"))


def missing(folder: Path = FOLDER) -> list[str]:
    """Names of the files that are not in `folder`."""
    return [name for name, _ in HASHES.values() if not (folder / name).is_file()]


def load(folder: Path = FOLDER) -> dict[str, Spec]:
    """Both files by host. Raises SpecError when one is missing or is not byte for byte the one the contract names."""
    if missing(folder):
        raise SpecError(f"{', '.join(missing(folder))} not in {folder}; `make conformance` fetches them")
    found = {}
    for host, (name, expected) in HASHES.items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            raise SpecError(f"{folder / name} has another SHA-256 than the contract names; delete it and fetch again")
        found[host] = json.loads(content)
    return found


def python() -> str:
    """The Python of the environment that holds schemathesis, made from its lock at the first call."""
    program = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    lock = REPO / "requirements" / "conformance.txt"
    stamp = ENVIRONMENT / "lock.sha256"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != digest:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        _run([str(program), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(lock)])
        stamp.write_text(digest, encoding="ascii")
    return str(program)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SpecError(f"{' '.join(command)}\nfailed (exit {done.returncode}):\n{done.stdout}{done.stderr}".strip())
