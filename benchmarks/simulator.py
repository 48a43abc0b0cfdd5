"""The simulator's speed: REST round trips on one connection, and the same mix of calls made directly.

The mix, over and over: account, positions, open orders, a new limit order, that order by its id, its cancellation. The
server has a process of its own, whose virtual time runs as the wall's; the client is a bare socket. Where the machine has
several cores, server and client get one each. ``python -m benchmarks.simulator`` prints these figures alone.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple, NoReturn

from alpaca_trader.simulator import GeneratedMarket, Simulator, SimulatorServer, Switches
from alpaca_trader.simulator.exchange.book import OrderFilter
from benchmarks import streams
from benchmarks.day import DAY, SEED, SYMBOLS
from benchmarks.measure import REAL, Result, machine, median_s
from benchmarks.rest import plain_server

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
ROUNDS = 400
"""Rounds of the mix between two looks at the clock."""
REPEATS = 5
CALLS = 6
"""Calls in one round of the mix."""
TICK = timedelta(milliseconds=20)
ORDER = {"symbol": "AAPL", "side": "buy", "type": "limit", "qty": "1", "limit_price": "50", "time_in_force": "day"}
SERVE, BARE = "serve", "bare"


def run() -> Iterator[Result]:
    """Round trips and direct calls a second, by the clock and by processor time."""
    with _process(SERVE) as (pid, words):
        port, key, secret = words
        client = Client(int(port), f"APCA-API-KEY-ID: {key}\r\nAPCA-API-SECRET-KEY: {secret}\r\n")
        before = cpu_of(pid)
        took = median_s(partial(client.rounds, ROUNDS), REPEATS)
        used = cpu_of(pid) - before
        client.close()
    with _process(BARE) as (_, words):
        client = Client(int(words[0]), "")
        against = median_s(lambda: [client.ask("GET", "/") for _ in range(ROUNDS * CALLS)], REPEATS)
        client.close()
    rest, made_directly = ROUNDS * CALLS / took, direct()
    bare = ROUNDS * CALLS / against
    yield Result("simulator: REST round trips, mixed", rest, "a bare asyncio server's", bare, "/s")
    yield Result("simulator: the same mix by direct calls", made_directly.by_clock, "over REST", rest, "/s")
    if used:
        served = ROUNDS * CALLS * (REPEATS + 1) / used
        yield Result("the two by processor time: direct calls", made_directly.by_processor, "over REST", served, "/s")
    yield from streams.run()


@contextmanager
def _process(word: str) -> Iterator[tuple[int, list[str]]]:
    """A server in a process and, where possible, on a core of its own; yields its id and what it announces."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.simulator", word], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None, "asked for"
    pin(process.pid, 0)
    pin(os.getpid(), -1)
    try:
        yield process.pid, process.stdout.readline().split()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


class Speed(NamedTuple):
    """Calls a second: as the clock saw it, and per second of processor time."""

    by_clock: float
    by_processor: float


def made() -> Simulator:
    """A paper account at noon that holds three symbols."""
    market = GeneratedMarket(SEED, SYMBOLS, DAY, history_days=1)
    switches = Switches(rate_limit=None, partial_fills="never")
    sim = Simulator(market, seed=SEED, start=NOON, profile="paper100k", switches=switches)
    for symbol in SYMBOLS[:3]:
        sim.exchange.submit({"symbol": symbol, "side": "buy", "type": "market", "qty": "2", "time_in_force": "day"})
    while sim.now < NOON + timedelta(minutes=1):
        sim.advance(NOON + timedelta(minutes=1))
    assert len(sim.exchange.positions()) == 3, "all three were bought"
    return sim


def direct() -> Speed:
    """Direct calls; virtual time passes 20 ms every twenty rounds, so that cancellations take effect."""
    sim = made()
    exchange, wanted = sim.exchange, OrderFilter()

    def rounds() -> None:
        for number in range(ROUNDS * 5):
            exchange.account()
            exchange.positions()
            exchange.book.find(wanted)
            placed = exchange.submit(ORDER)
            exchange.book.get(placed.id)
            exchange.cancel(placed.id)
            if number % 20 == 0:
                sim.advance(sim.now + TICK)

    before = sum(os.times()[:2])
    took = median_s(rounds, REPEATS)
    used = sum(os.times()[:2]) - before
    calls = ROUNDS * 5 * CALLS
    return Speed(calls / took, calls * (REPEATS + 1) / used)


class Client:
    """One keep-alive connection that reads no more of an answer than it has to."""

    def __init__(self, port: int, headers: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = f"Host: 127.0.0.1\r\n{headers}"

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of an answer that must be a success."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{self._headers}{length}\r\n".encode() + body)
        head, _, content = self._socket.recv(65_536).partition(b"\r\n\r\n")
        assert head[9:10] == b"2", head
        _, named, rest = head.partition(b"content-length: ")
        while named and len(content) < int(rest.partition(b"\r")[0]):
            content += self._socket.recv(65_536)
        return content

    def rounds(self, count: int) -> None:
        """The mix, `count` times."""
        for _ in range(count):
            self.ask("GET", "/v2/account")
            self.ask("GET", "/v2/positions")
            self.ask("GET", "/v2/orders")
            placed = json.loads(self.ask("POST", "/v2/orders", json.dumps(ORDER).encode()))["id"]
            self.ask("GET", f"/v2/orders/{placed}")
            self.ask("DELETE", f"/v2/orders/{placed}")

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def cpu_of(pid: int) -> float:
    """Processor seconds a process has used; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            used = file.read().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def pin(pid: int, core: int) -> None:
    """Give a process one core, the first or (-1) the last, where the system lets us."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {sorted(os.sched_getaffinity(0) | {0})[core]})


def main(words: list[str]) -> int:
    """Print the figures as a table, or be the server that `run` starts."""
    if words == [SERVE]:
        _serve()
    if words == [BARE]:
        with plain_server(b"x" * 1000) as url:
            sys.stdout.write(f"{url.strip('/').rpartition(':')[2]}\n")
            sys.stdout.flush()
            REAL.sleep(3600)
    if words:
        sys.stderr.write("usage: python -m benchmarks.simulator\n")
        return 2
    sys.stdout.write(f"{machine()}\n\n| what | figure | baseline | ratio |\n|---|---|---|---|\n")
    for result in run():
        sys.stdout.write(f"{result.row()}\n")
        sys.stdout.flush()
    return 0


def _serve() -> NoReturn:
    """Announce the address and let virtual time pass as the wall's does, until somebody ends the process."""
    sim = made()
    server = SimulatorServer(sim)
    server.start()
    sys.stdout.write(f"{server.port} {' '.join(sim.keys)}\n")
    sys.stdout.flush()
    started, origin = REAL.monotonic(), sim.now
    while True:
        target = origin + timedelta(seconds=REAL.monotonic() - started)
        while sim.now < target:
            sim.advance(target)
        REAL.sleep(TICK.total_seconds())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
