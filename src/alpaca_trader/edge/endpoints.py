"""Where the broker lives in each mode: four addresses that belong together, and no others are ever contacted.

Source of the hosts: alpaca-contract section 1. Live and paper share the market-data hosts.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Mode

PAPER_TRADING = "https://paper-api.alpaca.markets"
LIVE_TRADING = "https://api.alpaca.markets"
MARKET_DATA = "https://data.alpaca.markets"
MARKET_DATA_STREAM = "wss://stream.data.alpaca.markets"
FEEDS = ("iex", "sip")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_YES, _NO = {"1", "true", "t", "yes", "on"}, {"0", "false", "f", "no", "off"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of an address: what an allowlist compares."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of ``url``; raises ``BadInput`` where it has no known scheme, no host, a bad port or a user part."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
            raise BadInput("an endpoint must look like https://host, http://host:port, wss://host/path")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])

    def is_loopback(self) -> bool:
        """Whether the host is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The broker's four addresses in one mode. REST addresses carry no ``/v2``; stream addresses are complete."""

    mode: Mode
    trading_url: str
    data_url: str
    trading_stream_url: str
    data_stream_url: str
    feed: str = "iex"

    @classmethod
    def paper(cls, feed: str = "iex") -> "Endpoints":
        """Alpaca's paper trading."""
        return cls._hosted(Mode.PAPER, PAPER_TRADING, feed)

    @classmethod
    def live(cls, feed: str = "iex") -> "Endpoints":
        """Alpaca's live trading: real money."""
        return cls._hosted(Mode.LIVE, LIVE_TRADING, feed)

    @classmethod
    def _hosted(cls, mode: Mode, trading: str, feed: str) -> "Endpoints":
        stream = trading.replace("https://", "wss://") + "/stream"
        return cls(mode, trading, MARKET_DATA, stream, f"{MARKET_DATA_STREAM}/v2/{feed}", feed)

    @classmethod
    def simulated(cls, url: str, ws_url: str, feed: str = "iex") -> "Endpoints":
        """A simulator on this machine that serves all four at one address (``http://127.0.0.1:port``, ``ws://...``)."""
        url, ws_url = url.rstrip("/"), ws_url.rstrip("/")
        return cls(Mode.SIM, url, url, f"{ws_url}/stream", f"{ws_url}/v2/{feed}", feed)

    def __post_init__(self) -> None:
        if self.feed not in FEEDS:
            raise BadInput(f"feed {self.feed!r} is not one of {', '.join(FEEDS)}")
        urls = (self.trading_url, self.data_url, self.trading_stream_url, self.data_stream_url)
        origins = [Origin.of(url) for url in urls]
        if self.mode is Mode.SIM:
            if not all(origin.is_loopback() for origin in origins):
                raise BadInput("the simulated mode talks to this machine only: give http://127.0.0.1:PORT")
            return
        trading = Origin.of(LIVE_TRADING if self.mode is Mode.LIVE else PAPER_TRADING)
        wanted = [trading, Origin.of(MARKET_DATA), Origin("wss", trading.host, 443), Origin.of(MARKET_DATA_STREAM)]
        if origins != wanted:
            raise BadInput(f"the {self.mode} mode talks to {trading.host} and Alpaca's market data only")


def check_environment(mode: Mode, environ: Mapping[str, str]) -> None:
    """Raise ``BadInput`` where APCA_API_BASE_URL or ALPACA_PAPER_TRADE names another environment than ``mode``.

    Both are names other Alpaca tools read. They never choose the mode here (paper is the default, live needs two
    keys); a contradiction means that the human believes something else than what would happen. The simulated mode
    contacts neither environment and ignores them.
    """
    if mode is Mode.SIM:
        return
    base = environ.get("APCA_API_BASE_URL", "").strip().rstrip("/").removesuffix("/v2")
    wanted = LIVE_TRADING if mode is Mode.LIVE else PAPER_TRADING
    if base and base != wanted:
        raise BadInput(f"APCA_API_BASE_URL does not name the {mode} environment: unset it or set it to {wanted}")
    flag = environ.get("ALPACA_PAPER_TRADE", "").strip().lower()
    if flag and flag not in _YES | _NO:
        raise BadInput("ALPACA_PAPER_TRADE must be true or false, or be unset")
    if flag and (flag in _YES) is not (mode is Mode.PAPER):
        meant = "paper" if flag in _YES else "live"
        raise BadInput(f"ALPACA_PAPER_TRADE says {meant}, but this is {mode}: unset it, or run the mode you mean")
