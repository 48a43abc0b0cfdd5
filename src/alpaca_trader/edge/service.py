"""The service manager's file: a launchd property list or a systemd user unit that keeps the engine running.

Restarted after a failure only, 30 s later and without end (a crash loop buys nothing, but somebody has to guard what is
held): an engine that was stopped stays stopped. Neither file holds a credential.
"""

import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["launchd", "systemd"]

LABEL = "com.openclaw.alpaca-trader"
RESTART_AFTER_S = 30
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where ``op`` is looked for; a service inherits no shell's PATH. On a Mac Homebrew's folder comes first."""
OUT, ERR = "stdout.log", "stderr.log"


@dataclass(frozen=True, slots=True)
class Service:
    """What is to be kept running: the interpreter and the home as absolute paths, ``mode`` paper or live."""

    python: Path
    home: Path
    mode: Literal["paper", "live"]
    references: tuple[tuple[str, str], ...] = ()
    """Names and values of variables that say where 1Password keeps the keys; never the keys."""

    @property
    def command(self) -> Sequence[str]:
        """The engine's command line."""
        return [str(self.python), "-m", "alpaca_trader", "run", f"--{self.mode}", "--home", str(self.home)]


def render(kind: Kind, service: Service) -> str:
    """The file's text. Raises ValueError for a path or reference with a line break, which no unit can hold."""
    for part in [*service.command, *(value for _, value in service.references)]:
        if not part.isprintable():
            raise ValueError(f"{part!r} has unprintable characters; a service cannot hold it")
    return _launchd(service) if kind == "launchd" else _systemd(service)


def install_path(kind: Kind, user_home: Path) -> Path:
    """Where the user's service manager looks for the file."""
    if kind == "launchd":
        return user_home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    return user_home / ".config" / "systemd" / "user" / "alpaca-trader.service"


def load_commands(kind: Kind, path: Path) -> list[list[str]]:
    """What starts the installed service, now and at every login."""
    if kind == "launchd":
        return [["launchctl", "load", "-w", str(path)]]
    return [["systemctl", "--user", "daemon-reload"], ["systemctl", "--user", "enable", "--now", path.name]]


def unload_commands(kind: Kind, path: Path) -> list[list[str]]:
    """What stops the installed service for good."""
    if kind == "launchd":
        return [["launchctl", "unload", "-w", str(path)]]
    return [["systemctl", "--user", "disable", "--now", path.name]]


def _launchd(service: Service) -> str:
    logs = service.home / "logs"
    content = {
        "Label": LABEL,
        "ProgramArguments": list(service.command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_AFTER_S,
        "StandardOutPath": str(logs / OUT),
        "StandardErrorPath": str(logs / ERR),
        "EnvironmentVariables": {"PATH": f"/opt/homebrew/bin:{SEARCH_PATH}", **dict(service.references)},
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def _systemd(service: Service) -> str:
    logs = service.home / "logs"
    command = " ".join(_quoted(part).replace("$", "$$") for part in service.command)
    variables = " ".join(_quoted(f"{name}={value}") for name, value in (("PATH", SEARCH_PATH), *service.references))
    return f"""[Unit]
Description=alpaca-trader ({service.mode})
StartLimitIntervalSec=0

[Service]
ExecStart={command}
Restart=on-failure
RestartSec={RESTART_AFTER_S}
RestartPreventExitStatus=2 3
StandardOutput=append:{_escaped(str(logs / OUT))}
StandardError=append:{_escaped(str(logs / ERR))}
Environment={variables}

[Install]
WantedBy=default.target
"""


def _escaped(text: str) -> str:
    """``%`` begins a specifier everywhere in a unit."""
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of a unit's line (systemd.syntax, "Quoting"); in a command ``$`` has to be doubled too."""
    return '"' + _escaped(word).replace("\\", "\\\\").replace('"', '\\"') + '"'
