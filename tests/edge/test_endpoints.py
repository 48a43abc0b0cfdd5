"""Four addresses that belong together, and nobody else's."""

import pytest

from alpaca_trader.core.errors import BadInput
from alpaca_trader.core.models import Mode
from alpaca_trader.edge.endpoints import Endpoints, Origin, check_environment


def test_paper_and_live_have_their_own_trading_hosts_and_one_market() -> None:
    """The addresses of alpaca-contract section 1."""
    paper, live = Endpoints.paper(), Endpoints.live("sip")
    assert (paper.trading_url, paper.trading_stream_url) == (
        "https://paper-api.alpaca.markets",
        "wss://paper-api.alpaca.markets/stream",
    )
    assert (live.trading_url, live.trading_stream_url) == (
        "https://api.alpaca.markets",
        "wss://api.alpaca.markets/stream",
    )
    assert paper.data_url == live.data_url == "https://data.alpaca.markets"
    assert paper.data_stream_url == "wss://stream.data.alpaca.markets/v2/iex"
    assert live.data_stream_url == "wss://stream.data.alpaca.markets/v2/sip"
    assert (paper.mode, live.mode) == (Mode.PAPER, Mode.LIVE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1.2.3"])
def test_a_simulator_lives_on_this_machine(host: str) -> None:
    """Loopback in any spelling is simulated trading."""
    made = Endpoints.simulated(f"http://{host}:8080/", f"ws://{host}:8080/")
    assert made.data_stream_url == f"ws://{host}:8080/v2/iex"
    assert made.mode is Mode.SIM


@pytest.mark.parametrize("url", ["http://example.com:80", "http://10.0.0.1:80", "https://api.alpaca.markets"])
def test_a_simulator_elsewhere_is_refused(url: str) -> None:
    """A simulated run must not reach a broker or a stranger."""
    with pytest.raises(BadInput, match="this machine only"):
        Endpoints.simulated(url, url.replace("http", "ws"))


@pytest.mark.parametrize(
    ("mode", "trading"),
    [
        (Mode.PAPER, "https://api.alpaca.markets"),
        (Mode.LIVE, "https://paper-api.alpaca.markets"),
        (Mode.LIVE, "http://api.alpaca.markets"),
        (Mode.LIVE, "https://api.alpaca.markets.example.com"),
    ],
)
def test_a_mode_never_has_another_modes_host(mode: Mode, trading: str) -> None:
    """Paper with the live host, live with the paper host, without TLS or with a look-alike is refused."""
    good = Endpoints.live()
    with pytest.raises(BadInput, match="mode talks to"):
        Endpoints(mode, trading, good.data_url, good.trading_stream_url, good.data_stream_url)


@pytest.mark.parametrize(
    "url", ["", "api.alpaca.markets", "ftp://x", "https://", "https://user@host", "https://host:99999", "https://[::1"]
)
def test_what_is_no_address_is_refused_in_one_sentence(url: str) -> None:
    """An origin needs a scheme we speak, a host, a possible port and no user part."""
    with pytest.raises(BadInput, match="must look like"):
        Origin.of(url)


def test_an_unknown_feed_is_refused() -> None:
    """A typing error in the feed would silently subscribe to nothing."""
    with pytest.raises(BadInput, match="'ixe' is not one of iex, sip"):
        Endpoints.paper("ixe")


@pytest.mark.parametrize(
    ("mode", "environ", "complaint"),
    [
        (Mode.PAPER, {}, None),
        (Mode.PAPER, {"APCA_API_BASE_URL": "https://paper-api.alpaca.markets/v2/"}, None),
        (Mode.PAPER, {"APCA_API_BASE_URL": "https://api.alpaca.markets"}, "APCA_API_BASE_URL"),
        (Mode.LIVE, {"APCA_API_BASE_URL": "https://api.alpaca.markets"}, None),
        (Mode.LIVE, {"APCA_API_BASE_URL": "https://paper-api.alpaca.markets"}, "set it to https://api"),
        (Mode.LIVE, {"APCA_API_BASE_URL": "https://elsewhere.example"}, "does not name the LIVE"),
        (Mode.SIM, {"APCA_API_BASE_URL": "https://elsewhere.example", "ALPACA_PAPER_TRADE": "?"}, None),
        (Mode.PAPER, {"ALPACA_PAPER_TRADE": "True"}, None),
        (Mode.LIVE, {"ALPACA_PAPER_TRADE": "false"}, None),
        (Mode.LIVE, {"ALPACA_PAPER_TRADE": "true"}, "says paper, but this is LIVE"),
        (Mode.PAPER, {"ALPACA_PAPER_TRADE": "0"}, "says live, but this is PAPER"),
        (Mode.PAPER, {"ALPACA_PAPER_TRADE": "perhaps"}, "must be true or false"),
    ],
)
def test_the_environment_may_agree_but_not_contradict(
    mode: Mode, environ: dict[str, str], complaint: str | None
) -> None:
    """Names that other Alpaca tools read never choose the mode here; a contradiction stops the start."""
    if complaint is None:
        check_environment(mode, environ)
    else:
        with pytest.raises(BadInput, match=complaint):
            check_environment(mode, environ)
