"""Each client installed from its registry into an environment of its own, kept between runs under `.clients/`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import bootstrap
from clients.catalogue import Client

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".clients"
_STAMP = "alpaca-trader.stamp"


class NotInstalledError(Exception):
    """The environment could not be made; the text is what the installer said."""


def ready(client: Client) -> Path:
    """The client's environment, made when it is missing or its pins changed. Raises NotInstalledError."""
    folder = HOME / client.folder
    pins = pins_of(client)
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / _STAMP
    if not (stamp.exists() and stamp.read_text(encoding="ascii") == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            _install_node(folder, pins) if client.registry == "npm" else _install_python(folder, pins)
        except (bootstrap.SetupError, OSError) as error:
            raise NotInstalledError(str(error)) from error
        stamp.write_text(wanted, encoding="ascii")
    found = _version(client, folder)
    if found != client.version:
        raise NotInstalledError(f"{client.package} {found} is installed, {client.version} is wanted")
    return folder


def pins_of(client: Client) -> Path:
    """The file that says what is installed for this client."""
    return Path(__file__).parent / client.folder / ("package.json" if client.registry == "npm" else "requirements.txt")


def python_of(folder: Path) -> str:
    """The Python of a client's environment."""
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def _install_python(folder: Path, pins: Path) -> None:
    bootstrap.run([sys.executable, "-m", "venv", str(folder)])
    python = python_of(folder)
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    try:
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--no-config"]
        bootstrap.run([*uv, "--python", python, "-r", str(pins)], bootstrap.uv_environment(pip))
    except (bootstrap.SetupError, OSError):
        # As the project's own set-up does: some indexes are set up for pip alone.
        bootstrap.run([*pip, "install", "--quiet", "-r", str(pins)])


def _install_node(folder: Path, pins: Path) -> None:
    shutil.copy(pins, folder)
    npm = shutil.which("npm")
    if npm is None:
        raise bootstrap.SetupError("npm is not on PATH; Node 20 or newer is needed")
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    bootstrap.run([npm, "install", "--prefix", str(folder), *quiet])


def _version(client: Client, folder: Path) -> str:
    if client.registry == "npm":
        package = folder / "node_modules" / client.package / "package.json"
        return str(json.loads(package.read_text(encoding="utf-8"))["version"])
    ask = f"import importlib.metadata as m; print(m.version({client.package!r}))"
    return bootstrap.run([python_of(folder), "-c", ask]).strip()
