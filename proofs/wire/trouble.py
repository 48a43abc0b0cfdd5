"""What goes wrong on the wire, and how often on each kind of day.

| trouble | from its onset on |
|---|---|
| ``latency`` | every piece waits first, for a drawn time |
| ``slice`` | every piece goes on as many small ones |
| ``mute`` | its direction is swallowed; the connection stays open |
| ``black_hole`` | both directions are swallowed; the connection stays open |
| ``truncate`` | the connection is closed after the bytes that were let through |
| ``half_close`` | its direction ends; the other goes on |
| ``reset`` | both ends see a TCP reset |

A handshake that is never answered is a ``mute`` from the first byte on (HTTP), or from the end of the upgrade on (a stream's
authentication).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Kind = Literal["latency", "slice", "mute", "black_hole", "truncate", "half_close", "reset"]
Port = Literal["trading", "data", "trade_updates", "market_data"]
"""What a client connects to: two hosts for REST, two for streams."""
UPGRADE = 129
"""Bytes of the simulator's answer to a WebSocket handshake; what follows is the authentication."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with one direction of a connection; ``up`` is towards the server.

    Its onset is the first byte beyond ``after``, counted from the client's piece on that starts with ``on``; with ``life_s``
    so many real seconds after the connection instead. ``latency_s``: least and most. ``size``: of a slice, at most.
    """

    kind: Kind
    up: bool = False
    after: int = 0
    on: bytes = b""
    life_s: float | None = None
    latency_s: tuple[float, float] = (0.0, 0.0)
    size: int = 1


@dataclass(frozen=True, slots=True)
class Chance:
    """A trouble that a connection may have: its ``share`` of connections, and an onset of up to ``within`` more bytes."""

    share: float
    trouble: Trouble
    within: int = 0
    life_s: float | None = None
    """The mean of an exponential life in real seconds, where it ends by time and not by bytes."""

    def drawn(self, rng: Random) -> Trouble | None:
        """The trouble of one connection, or none."""
        if rng.random() >= self.share:
            return None
        life_s = None if self.life_s is None else rng.expovariate(1 / self.life_s)
        return replace(self.trouble, after=self.trouble.after + rng.randint(0, self.within), life_s=life_s)


@dataclass(frozen=True, slots=True)
class Mix:
    """One kind of day: what may happen to the connections of each port, and for which share of minutes streams are refused."""

    chances: Mapping[Port, Sequence[Chance]]
    refused_share: float = 0.0

    def draw(self, port: Port, seed: int, number: int) -> Sequence[Trouble]:
        """The troubles of the port's n-th connection."""
        rng = Random(f"{seed}|{port}|{number}")
        drawn = [chance.drawn(rng) for chance in self.chances.get(port, ())]
        return [trouble for trouble in drawn if trouble is not None]


POST, PATCH, DELETE = b"POST", b"PATCH", b"DELETE"
LAG = Chance(0.5, Trouble("latency", latency_s=(0.0, 0.01)))
STREAMS: Sequence[Port] = ("trade_updates", "market_data")

MIXES: Mapping[str, Mix] = {
    "storm": Mix(
        dict.fromkeys(
            STREAMS, (Chance(1.0, Trouble("reset"), life_s=0.3), Chance(0.5, Trouble("truncate"), life_s=0.1))
        )
        | {"trading": (LAG,)},
        refused_share=0.2,
    ),
    "black_hole": Mix(
        {
            "trading": (
                Chance(1.0, Trouble("black_hole"), within=30_000),
                Chance(0.3, Trouble("mute", up=True), within=10_000),
                Chance(0.3, Trouble("mute", on=POST)),
                Chance(0.2, Trouble("mute", on=DELETE)),
                Chance(0.05, Trouble("black_hole", up=True)),
            ),
            "data": (Chance(1.0, Trouble("black_hole"), within=20_000),),
            "trade_updates": (Chance(1.0, Trouble("black_hole"), within=20_000),),
        }
    ),
    "reset": Mix(
        {
            "trading": (
                Chance(1.0, Trouble("reset"), within=6_000),
                Chance(0.4, Trouble("reset", up=True), within=6_000),
                Chance(0.3, Trouble("reset", on=POST)),
                Chance(0.2, Trouble("reset", up=True, on=POST), within=300),
                Chance(0.3, Trouble("reset", on=DELETE)),
                Chance(0.3, Trouble("reset", on=PATCH)),
            ),
            "data": (Chance(1.0, Trouble("reset"), within=10_000),),
            "trade_updates": (Chance(1.0, Trouble("reset"), within=10_000),),
            "market_data": (Chance(1.0, Trouble("reset"), within=4_000),),
        }
    ),
    "pieces": Mix(
        {
            "trading": (
                Chance(0.7, Trouble("slice", size=64)),
                Chance(0.7, Trouble("slice", up=True, size=64)),
                Chance(1.0, Trouble("truncate"), within=6_000),
                Chance(0.4, Trouble("truncate", on=POST), within=600),
                Chance(0.4, Trouble("half_close", up=True), within=10_000),
                Chance(0.3, Trouble("half_close", on=POST), within=300),
            ),
            "data": (Chance(0.5, Trouble("slice", size=512)), Chance(1.0, Trouble("truncate"), within=10_000)),
            "trade_updates": (
                Chance(0.7, Trouble("slice", size=16)),
                Chance(1.0, Trouble("half_close"), within=10_000),
            ),
            "market_data": (Chance(0.7, Trouble("slice", size=16)), Chance(1.0, Trouble("truncate"), within=4_000)),
        }
    ),
    "mute": Mix(
        {
            **dict.fromkeys(
                STREAMS,
                (
                    Chance(1.0, Trouble("mute"), within=4_000),
                    Chance(0.15, Trouble("mute")),
                    Chance(0.15, Trouble("mute", after=UPGRADE)),
                    Chance(0.3, Trouble("black_hole"), within=4_000),
                ),
            ),
            "trading": (LAG, Chance(1.0, Trouble("reset"), within=20_000)),
            "data": (LAG,),
        }
    ),
}
"""The five kinds of day."""
