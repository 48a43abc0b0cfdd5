"""What a client is played in: a freshly started simulator process, and an environment that leads to it and nowhere else."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alpaca_trader.simulator.doors.tls import HOSTS
from clients.catalogue import Client

SMALL: Final = ("PKSIMULATEDACCOUNT01", "simulated-secret-key-of-no-account-at-all")
LARGE: Final = ("PKMATRIXPAPER0000001", "matrix-secret-of-a-paper-account-of-no-one")
_SERVE: Final = ("--seed", "7", "--speed", "60", "--port", "0", "--control-port", "0", "--profile", "live467")
# A venue's 80 to 150 ms, a minute passing in a second: else a fill is told before the answer to its order is read.
_LATENCY: Final = ("--switch", "latency_ms=4800,9000")
_LABEL_WIDTH: Final = 9
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1


@contextmanager
def simulator(client: Client) -> Iterator[Mapping[str, str]]:
    """Run `sim serve` in a process of its own; yields the environment variables the client's script is given."""
    with tempfile.TemporaryDirectory() as folder:
        account = ":".join((*LARGE, "paper100k"))
        tls_port = "443" if client.reach == "hosts" else "0"
        doors = ("--tls", folder, "--tls-port", tls_port, "--proxy-port", "0")
        command = [
            str(Path(sys.executable).with_name("alpaca-trader")),
            "sim",
            "serve",
            *_SERVE,
            *_LATENCY,
            "--account",
            account,
        ]
        process = subprocess.Popen([*command, *doors], stdout=subprocess.PIPE, text=True)
        try:
            yield _environment(client, _welcome(process))
        finally:
            process.terminate()
            process.communicate()


def _welcome(process: subprocess.Popen[str]) -> Mapping[str, str]:
    """What the process says of itself once it is served: label to value."""
    assert process.stdout is not None, "asked for above"
    said: dict[str, str] = {}
    for line in process.stdout:
        if line.startswith("Ctrl-C"):
            return said
        said[line[:_LABEL_WIDTH].strip()] = line[_LABEL_WIDTH:].strip()
    raise OSError(f"the simulator did not start (exit {process.wait()})")


def _environment(client: Client, said: Mapping[str, str]) -> dict[str, str]:
    """A small environment of its own: the user's proxies, certificates and keys stay outside."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    told = {
        "SMALL_KEY": SMALL[0],
        "SMALL_SECRET": SMALL[1],
        "LARGE_KEY": LARGE[0],
        "LARGE_SECRET": LARGE[1],
        "CONTROL_URL": said["control"],
        "PYTHONPATH": str(Path(__file__).parent / "shared"),
        "NODE_PATH": str(Path(__file__).parent.parent / ".clients" / client.folder / "node_modules"),
    }
    if client.reach in ("address", "address and TLS"):
        url = said["REST"]
        told |= {"SIM_URL": url, "SIM_WS_URL": url.replace("http", "ws", 1)}
        told |= {"APCA_API_DATA_URL": url, "APCA_API_STREAM_URL": url}
    if client.reach == "address and TLS":
        told |= {"TLS_URL": said["TLS"], "NODE_EXTRA_CA_CERTS": said["trust"]}
    if client.reach in ("proxy", "hosts"):
        told |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), said["trust"])
    if client.reach == "proxy":
        told["HTTPS_PROXY"] = said["proxy"]
    return inherited | told


def namespace_command() -> list[str]:
    """What runs a command in mount and network namespaces of its own: nothing outside of them changes."""
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", "--net", *as_root]


def furnish_namespace() -> None:
    """Inside such namespaces: bring the loopback up and let the broker's hosts be this machine. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as hosts:
        hosts.write(f"127.0.0.1 localhost {' '.join(HOSTS)}\n")
        hosts.flush()
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
