"""The simulator's REST door: round trips a second through `requests`, against a server that only answers."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import requests

from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from benchmarks.day import DAY, SEED, SYMBOLS
from benchmarks.measure import Result, median_s

ROUNDS = 1500
NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def run() -> Iterator[Result]:
    """GET /v2/account, one connection, one call after the other."""
    market = GeneratedMarket(SEED, SYMBOLS, DAY, history_days=1)
    sim = Simulator(market, seed=SEED, start=NOON, switches=Switches(rate_limit=None))
    with running_simulator(sim) as running, requests.Session() as client:
        client.headers.update({"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret})
        answer = client.get(f"{running.url}/v2/account")
        answer.raise_for_status()
        figure = median_s(lambda: client.get(f"{running.url}/v2/account"), ROUNDS)
    with plain_server(answer.content) as url, requests.Session() as client:
        against = median_s(lambda: client.get(url), ROUNDS)
    yield Result(
        "simulator: GET /v2/account", 1 / figure, "the same bytes from a bare asyncio server", 1 / against, "/s"
    )


@contextmanager
def plain_server(body: bytes) -> Iterator[str]:
    """A loopback server in a thread that sends ``body`` to whoever asks anything."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    reply = head.encode() + body

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(reply)
        writer.close()

    ready = threading.Event()
    found: list[tuple[int, asyncio.AbstractEventLoop, Callable[[], object]]] = []

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        done = asyncio.Event()
        found.append((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), done.set))
        ready.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait()
    port, loop, finish = found[0]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        loop.call_soon_threadsafe(finish)
        thread.join()
