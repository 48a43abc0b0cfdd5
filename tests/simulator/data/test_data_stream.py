"""The market-data stream: greeting, authentication, subscriptions, errors by number, bars when their minute is over."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgpack
import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.streams.market_data import routes

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MARKET = GeneratedMarket(7, ("AAPL", "NVDA", "SPY"), DAY, history_days=1)
EMPTY: dict[str, list[str]] = {
    name: []
    for name in (
        "trades",
        "quotes",
        "bars",
        "updatedBars",
        "dailyBars",
        "statuses",
        "lulds",
        "corrections",
        "cancelErrors",
    )
}


def simulator(at: datetime = OPEN, **switches: Any) -> Simulator:
    """The broker at the given time."""
    plain: dict[str, Any] = {"iex_volume": "full", "stream_connections": None}
    return Simulator(MARKET, seed=1, start=at, switches=Switches(**{**plain, **switches}))


def client_of(sim: Simulator, **limits: Any) -> TestClient:
    """A client of the stream alone."""
    return TestClient(Starlette(routes=routes(sim, **limits)))


def receive(socket: WebSocketTestSession) -> Any:
    """One JSON frame: an array."""
    frame = orjson.loads(socket.receive_text())
    assert isinstance(frame, list)
    return frame


def say(socket: WebSocketTestSession, action: str, **rest: Any) -> Any:
    """Send a message and read one frame."""
    socket.send_text(orjson.dumps({"action": action, **rest}).decode())
    return receive(socket)


def greeted(socket: WebSocketTestSession, sim: Simulator) -> None:
    """Connected and authenticated."""
    assert receive(socket) == [{"T": "success", "msg": "connected"}]
    key, secret = sim.keys
    assert say(socket, "auth", key=key, secret=secret) == [{"T": "success", "msg": "authenticated"}]


def error(code: int, msg: str) -> Sequence[dict[str, Any]]:
    """An error frame."""
    return [{"T": "error", "code": code, "msg": msg}]


def test_bars_arrive_when_their_minute_is_over_and_are_counted() -> None:
    """Advancing stops at the publication, 0.4 s after the minute; the bars asked for are sent and counted singly."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        assert sim.connected()["market_data"] == 0
        assert say(socket, "subscribe", bars=["SPY", "AAPL"]) == [
            {"T": "subscription", **EMPTY, "bars": ["AAPL", "SPY"]}
        ]
        assert sim.connected()["market_data"] == 1
        reached = sim.advance(OPEN + 10 * MINUTE)
        assert reached == OPEN + MINUTE + timedelta(milliseconds=400)
        assert sim.sent()["market_data"] == 2
        bars = MARKET.bars("AAPL", OPEN, OPEN + MINUTE) + MARKET.bars("SPY", OPEN, OPEN + MINUTE)  # type: ignore[operator]
        assert receive(socket) == [
            {
                "T": "b",
                "S": bar.symbol,
                "o": float(bar.open),
                "h": float(bar.high),
                "l": float(bar.low),
                "c": float(bar.close),
                "v": bar.volume,
                "n": bar.trade_count,
                "vw": float(bar.vwap),
                "t": "2026-01-05T14:30:00Z",
            }
            for bar in bars
        ]
    assert sim.connected()["market_data"] == 0


def test_subscriptions_add_up_and_are_answered_in_full() -> None:
    """subscribe adds, unsubscribe removes, corrections and cancelErrors follow trades, `*` is every symbol's bars."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        assert say(socket, "subscribe", bars=["SPY"], trades=["AAPL"]) == [
            {
                "T": "subscription",
                **EMPTY,
                "bars": ["SPY"],
                "trades": ["AAPL"],
                "corrections": ["AAPL"],
                "cancelErrors": ["AAPL"],
            }
        ]
        assert say(socket, "unsubscribe", trades=["AAPL"])[0] == {"T": "subscription", **EMPTY, "bars": ["SPY"]}
        assert say(socket, "subscribe", bars=["*"])[0]["bars"] == ["*", "SPY"]
        sim.advance(OPEN + 2 * MINUTE)
        assert [bar["S"] for bar in receive(socket)] == ["AAPL", "NVDA", "SPY"]
        assert say(socket, "unsubscribe", bars=["*", "SPY"])[0] == {"T": "subscription", **EMPTY}
        assert sim.connected()["market_data"] == 0


def played(sim: Simulator, socket: WebSocketTestSession, until: datetime) -> list[dict[str, Any]]:
    """Every message of one client up to an instant; the answer to an unknown action marks the end."""
    while sim.now < until:
        sim.advance(until)
    socket.send_text('{"action":"end"}')
    found: list[dict[str, Any]] = []
    while True:
        frame = receive(socket)
        if frame == error(400, "invalid syntax"):
            return found
        found += frame


def test_ticks_go_at_their_own_instants_to_those_who_asked() -> None:
    """Each instant with ticks is a stop of its own, in time order; nobody else gets them."""
    sim = simulator(OPEN + timedelta(seconds=30))
    client = client_of(sim)
    with client.websocket_connect("/v2/iex") as ticks, client.websocket_connect("/v2/iex") as plain:
        greeted(ticks, sim)
        greeted(plain, sim)
        say(ticks, "subscribe", trades=["SPY"], quotes=["SPY", "AAPL"], bars=["SPY"])
        say(plain, "subscribe", bars=["SPY"])
        assert sim.advance(OPEN + MINUTE) == OPEN + timedelta(seconds=35)
        first = receive(ticks)
        assert {message["t"] for message in first} == {"2026-01-05T14:30:35Z"}
        end = OPEN + MINUTE + timedelta(milliseconds=400)
        messages = first + played(sim, ticks, end)
        expected = sorted(
            (
                (tick.at, tick.symbol, type(tick).__name__)
                for symbol in ("AAPL", "SPY")
                for tick in MARKET.ticks(symbol, OPEN + timedelta(seconds=30), end)
                if symbol == "SPY" or type(tick).__name__ == "MarketQuote"
            ),
        )
        names = {"q": "MarketQuote", "t": "MarketTrade"}
        heard = [(datetime.fromisoformat(m["t"]), m["S"], names[m["T"]]) for m in messages if m["T"] in names]
        assert heard == expected
        assert [message["T"] for message in messages][-1] == "b"
        assert [message["T"] for message in played(sim, plain, end)] == ["b"]
        assert sim.sent()["market_data"] == len(messages) + 1


def test_ticks_flow_from_their_subscription_on() -> None:
    """A symbol added later brings nothing from before, nor does one taken up again after a silence."""
    sim = simulator(OPEN + timedelta(seconds=2))
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        say(socket, "subscribe", quotes=["SPY"])
        early = played(sim, socket, OPEN + timedelta(seconds=32))
        assert {quote["S"] for quote in early} == {"SPY"}
        say(socket, "subscribe", quotes=["AAPL"])
        frame = early + played(sim, socket, OPEN + 2 * MINUTE)
        first = {symbol: next(quote["t"] for quote in frame if quote["S"] == symbol) for symbol in ("AAPL", "SPY")}
        assert first == {"AAPL": "2026-01-05T14:30:35Z", "SPY": "2026-01-05T14:30:05Z"}
        say(socket, "unsubscribe", quotes=["SPY", "AAPL"])
        assert sim.advance(OPEN + 20 * MINUTE) == OPEN + 20 * MINUTE
        say(socket, "subscribe", quotes=["SPY"])
        assert played(sim, socket, OPEN + 21 * MINUTE)[0]["t"] == "2026-01-05T14:50:05Z"


def test_a_running_daily_bar_can_be_followed() -> None:
    """`d` is the day so far: the first minute alone is the first daily bar."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        say(socket, "subscribe", dailyBars=["SPY"])
        sim.advance(OPEN + 2 * MINUTE)
        (first,) = receive(socket)
        sim.advance(OPEN + 3 * MINUTE)
        (second,) = receive(socket)
        assert (first["T"], first["t"], second["t"]) == ("d", "2026-01-05T05:00:00Z", "2026-01-05T05:00:00Z")
        volumes = [bar.volume for bar in MARKET.bars("SPY", OPEN, OPEN + 2 * MINUTE)]
        assert (first["v"], second["v"]) == (volumes[0], sum(volumes))


def test_messagepack_when_the_handshake_asks_for_it() -> None:
    """Binary frames, and times as the Timestamp extension."""
    sim = simulator()
    headers = {"Content-Type": "application/msgpack"}
    with client_of(sim).websocket_connect("/v2/iex", headers=headers) as socket:
        assert msgpack.unpackb(socket.receive_bytes()) == [{"T": "success", "msg": "connected"}]
        key, secret = sim.keys
        socket.send_bytes(msgpack.packb({"action": "auth", "key": key, "secret": secret}))
        assert msgpack.unpackb(socket.receive_bytes()) == [{"T": "success", "msg": "authenticated"}]
        socket.send_bytes(b"\xc1")
        assert msgpack.unpackb(socket.receive_bytes()) == error(400, "invalid syntax")
        socket.send_bytes(msgpack.packb({"action": "subscribe", "bars": ["SPY"]}))
        socket.receive_bytes()
        sim.advance(OPEN + 2 * MINUTE)
        (bar,) = msgpack.unpackb(socket.receive_bytes())
        assert isinstance(bar["t"], msgpack.Timestamp)
        assert bar["t"].to_datetime() == OPEN


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("{", error(400, "invalid syntax")),
        ("[]", error(400, "invalid syntax")),
        ('{"action":"dance"}', error(400, "invalid syntax")),
        ('{"action":"subscribe","bars":"SPY"}', error(400, "invalid syntax")),
        ('{"action":"subscribe","bars":[1]}', error(400, "invalid syntax")),
        ('{"action":"auth","key":"x","secret":"y"}', error(403, "already authenticated")),
        ('{"action":"subscribe","orderbooks":["SPY"]}', error(410, "invalid subscribe action for this feed")),
        ('{"action":"subscribe","quotes":["*"]}', error(405, "symbol limit exceeded")),
    ],
)
def test_mistakes_are_answered_and_forgiven(message: str, answer: Any) -> None:
    """An error has its number, the connection stays, and the subscriptions are as before."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        say(socket, "subscribe", bars=["SPY"])
        socket.send_text(message)
        assert receive(socket) == answer
        assert say(socket, "subscribe", bars=[])[0] == {"T": "subscription", **EMPTY, "bars": ["SPY"]}


def test_the_free_plan_follows_thirty_symbols_tick_by_tick() -> None:
    """Thirty trades and quotes subscriptions are in order, one more is refused; the paid plan has no such limit."""
    names = [f"S{k}" for k in range(30)]
    free, paid = simulator(), simulator(data_entitlement="paid")
    with client_of(free).websocket_connect("/v2/iex") as socket:
        greeted(socket, free)
        assert len(say(socket, "subscribe", quotes=names)[0]["quotes"]) == 30
        assert say(socket, "subscribe", trades=["SPY"]) == error(405, "symbol limit exceeded")
        assert say(socket, "subscribe", bars=["*"])[0]["bars"] == ["*"]
    with client_of(paid).websocket_connect("/v2/sip") as socket:
        greeted(socket, paid)
        assert say(socket, "subscribe", trades=["*"])[0]["trades"] == ["*"]


def test_nothing_without_authentication() -> None:
    """Subscribing first is 401, wrong keys are 402, and the right ones still work afterwards."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        assert receive(socket) == [{"T": "success", "msg": "connected"}]
        assert say(socket, "subscribe", bars=["SPY"]) == error(401, "not authenticated")
        assert say(socket, "auth", key=sim.keys[0], secret="wrong") == error(402, "auth failed")
        assert say(socket, "auth", key="wrong") == error(402, "auth failed")
        assert say(socket, "auth", key=sim.keys[0], secret=sim.keys[1]) == [{"T": "success", "msg": "authenticated"}]


def test_who_says_nothing_is_put_out() -> None:
    """Without authentication in time the server says 404 and closes."""
    sim = simulator()
    with client_of(sim, auth_timeout_s=0.05).websocket_connect("/v2/iex") as socket:
        receive(socket)
        assert receive(socket) == error(404, "auth timeout")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


@pytest.mark.parametrize("feed", ["v2/sip", "v1beta1/boats"])
def test_feeds_outside_the_plan_are_refused_at_authentication(feed: str) -> None:
    """Error 409 and no session."""
    sim = simulator()
    with client_of(sim).websocket_connect(f"/{feed}") as socket:
        receive(socket)
        key, secret = sim.keys
        assert say(socket, "auth", key=key, secret=secret) == error(409, "insufficient subscription")
        assert say(socket, "subscribe", bars=["SPY"]) == error(401, "not authenticated")


def test_an_unknown_feed_is_no_stream() -> None:
    """The handshake is refused."""
    with pytest.raises(WebSocketDisconnect), client_of(simulator()).websocket_connect("/v2/nope"):
        pass


def test_a_connection_limit_frees_its_place_when_a_client_leaves() -> None:
    """The second client gets 406 and may try again; once the first is gone it succeeds."""
    sim = simulator(stream_connections=1)
    client = client_of(sim)
    key, secret = sim.keys
    with client.websocket_connect("/v2/iex") as second:
        receive(second)
        with client.websocket_connect("/v2/iex") as first:
            greeted(first, sim)
            assert say(second, "auth", key=key, secret=secret) == error(406, "connection limit exceeded")
        assert say(second, "auth", key=key, secret=secret) == [{"T": "success", "msg": "authenticated"}]


def test_a_lost_client_is_forgotten() -> None:
    """After a disconnect time moves on without stopping for it."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greeted(socket, sim)
        say(socket, "subscribe", bars=["SPY"])
    assert sim.advance(OPEN + 5 * MINUTE) == OPEN + 5 * MINUTE
