"""The data stream's speed: a minute of the whole market to one client, and a day of fifty symbols over the wire.

Server and client share this process, so the figures hold the client's reading and decoding too. Garbage of the market's
own making is frozen first, as in any server that has built its market before it serves.
"""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Literal

import msgpack
import numpy as np
import orjson
from websockets.sync.client import ClientConnection, connect

from alpaca_trader.simulator import (
    GeneratedMarket,
    RecordedMarket,
    RunningSimulator,
    Simulator,
    Switches,
    running_simulator,
)
from alpaca_trader.simulator.market.model import Market
from benchmarks.day import DAY, SEED
from benchmarks.measure import REAL, Result

OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LAG = timedelta(seconds=1)
LISTED = 11_000
MINUTES = 5
FOLLOWED = 50
SESSION = 390
MINUTE_BUDGET_S, DAY_BUDGET_S = 1.0, 10.0
Codec = Literal["json", "msgpack"]


def run() -> Iterator[Result]:
    """From the advance of time until the last byte is read and decoded."""
    market = whole_market()
    for codec in ("json", "msgpack"):
        for volume in ("full", "share"):
            name = f"stream: a minute of {LISTED:,} symbols, {codec}, IEX {volume}"
            yield Result(name, minute_s(market, codec, volume), "the budget", MINUTE_BUDGET_S)
    few = GeneratedMarket(SEED, [f"SYM{number:02d}" for number in range(FOLLOWED)], DAY, history_days=1)
    yield Result(f"stream: {SESSION} minutes of {FOLLOWED} symbols", day_s(few), "the budget", DAY_BUDGET_S)


def whole_market() -> Market:
    """As many symbols as are listed in the United States, for a few minutes."""
    start = int(OPEN.timestamp()) + 60 * np.arange(MINUTES)
    frames = {}
    for number in range(LISTED):
        price = np.full(MINUTES, 5.0 + number % 500)
        frames[f"S{number:05d}"] = {
            "start": start,
            "open": price,
            "high": price + 0.11,
            "low": price - 0.07,
            "close": price + 0.02,
            "volume": np.full(MINUTES, 1000 + number),
            "vwap": price + 0.013,
            "trade_count": np.full(MINUTES, 50),
        }
    return RecordedMarket(frames, day=DAY)


def minute_s(market: Market, codec: Codec, volume: Any) -> float:
    """The median over the market's minutes."""
    sim = Simulator(market, seed=SEED, start=OPEN, switches=Switches(iex_volume=volume))
    gc.collect()
    gc.freeze()
    took = []
    with running_simulator(sim) as running, client_of(running, codec) as socket:
        for _minute in range(MINUTES):
            before, began = sim.sent()["market_data"], REAL.monotonic()
            sim.advance(sim.now + MINUTE + LAG)
            read(socket, codec, sim.sent()["market_data"] - before)
            took.append(REAL.monotonic() - began)
    gc.unfreeze()
    return median(took)


def day_s(market: Market) -> float:
    """A whole session as fast as it goes: every minute is read before the next begins."""
    sim = Simulator(market, seed=SEED, start=OPEN, switches=Switches(iex_volume="full"))
    end = OPEN + SESSION * MINUTE + LAG
    with running_simulator(sim) as running, client_of(running, "msgpack") as socket:
        began, received = REAL.monotonic(), 0
        while sim.now < end:
            sim.advance(end)
            received += read(socket, "msgpack", sim.sent()["market_data"] - received)
        return REAL.monotonic() - began


def client_of(running: RunningSimulator, codec: Codec) -> ClientConnection:
    """A client that has subscribed to all bars."""
    headers = {"Content-Type": "application/msgpack"} if codec == "msgpack" else {}
    encode: Callable[[Any], bytes | str] = msgpack.packb if codec == "msgpack" else lambda m: orjson.dumps(m).decode()
    socket = connect(f"{running.ws_url}/v2/iex", additional_headers=headers)
    for message in (
        {"action": "auth", "key": running.key, "secret": running.secret},
        {"action": "subscribe", "bars": ["*"]},
    ):
        socket.recv()
        socket.send(encode(message))
    socket.recv()
    return socket


def read(socket: ClientConnection, codec: Codec, count: int) -> int:
    """Receive and decode that many messages."""
    left = count
    while left > 0:
        frame = socket.recv(timeout=60)
        left -= len(msgpack.unpackb(frame) if codec == "msgpack" else orjson.loads(frame))
    return count
