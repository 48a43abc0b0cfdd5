"""Which clients are played, how each reaches the simulator, and the steps every one of them has to go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

STEPS: Final[Mapping[str, str]] = {
    "account": "account, clock, asset",
    "fraction": "buy 0.5 AAPL, see the fill",
    "stop": "stop: place, replace, cancel",
    "close": "close the position",
    "bracket": "bracket: one exit fills, the other is cancelled",
    "history": "bars, quote, snapshot by REST",
    "live": "bars, trades, quotes by stream",
    "reconnect": "both streams after a drop",
    "special": "what is special to it",
}
"""Name in the scripts, and what the table calls it. "special" is said in the client's own words."""

Reach = Literal["address", "address and TLS", "proxy", "hosts"]


@dataclass(frozen=True, slots=True)
class Client:
    """A client: the folder of its script and pins, its package, and how it reaches the simulator.

    `absent` says of a step why this client cannot have it: shown as such, never as passed.
    """

    folder: str
    package: str
    registry: Literal["PyPI", "npm"]
    version: str
    reach: Reach
    special: str
    absent: Mapping[str, str] = field(default_factory=dict)


CLIENTS: Final = (
    Client(
        "alpaca_py",
        "alpaca-py",
        "PyPI",
        "0.44.0",
        "address",
        "`url_override`; nested orders; a refusal's code and text",
    ),
    Client(
        "alpaca_trade_api",
        "alpaca-trade-api",
        "PyPI",
        "3.2.0",
        "address",
        "base address and `APCA_API_*` variables; `/stream/`; portfolio history by `date_end`; watchlists",
    ),
    Client(
        "js_3",
        "@alpacahq/alpaca-trade-api",
        "npm",
        "3.1.3",
        "address and TLS",
        "its data stream insists on `wss`; portfolio history, watchlists",
    ),
    Client(
        "js_4",
        "@alpacahq/alpaca-trade-api",
        "npm",
        "4.0.2",
        "hosts",
        "`submitAndWait`, pages of activities, typed errors with rate limit and request id",
    ),
    Client(
        "lumibot",
        "lumibot",
        "PyPI",
        "4.4.62",
        "hosts",
        "its Alpaca broker, orders followed by the stream; a strategy of its own that buys and is told of the fill; a refusal",
        {"live": "it streams no market data"},
    ),
    Client(
        "mcp_server",
        "alpaca-mcp-server",
        "PyPI",
        "2.4.0",
        "proxy",
        "over stdio: the tools are listed; watchlist, history, calendar, activities, a refusal",
        {"live": "it has no streams", "reconnect": "it has no streams"},
    ),
)
