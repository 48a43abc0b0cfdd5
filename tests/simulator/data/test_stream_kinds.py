"""Every kind of message on the data streams, and what happens to clients that behave badly."""

import asyncio
from collections.abc import MutableMapping
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import msgpack
import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches
from alpaca_trader.simulator.market.scenarios import scenario
from alpaca_trader.simulator.streams import market_data, trade_updates
from alpaca_trader.simulator.streams.market_data import routes

DAY = date(2026, 1, 5)
OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MARKET = GeneratedMarket(7, ("AAPL", "NVDA", "SPY"), DAY, history_days=1)
EVERYTHING: dict[str, list[str]] = {name: ["*"] for name in ("trades", "updatedBars", "dailyBars", "statuses", "lulds")}
Messages = list[dict[str, Any]]


def simulator(at: datetime = OPEN, **switches: Any) -> Simulator:
    """The broker, with the whole tape on IEX."""
    return Simulator(MARKET, seed=1, start=at, switches=Switches(**{"iex_volume": "full", **switches}))


def client_of(sim: Simulator, **limits: Any) -> TestClient:
    """A client of the data streams alone."""
    return TestClient(Starlette(routes=routes(sim, **limits)))


def receive(socket: WebSocketTestSession) -> Messages:
    """One JSON frame."""
    frame = orjson.loads(socket.receive_text())
    assert isinstance(frame, list)
    return frame


def say(socket: WebSocketTestSession, **message: Any) -> Messages:
    """Send a message and read one frame."""
    socket.send_text(orjson.dumps(message).decode())
    return receive(socket)


def greet(socket: WebSocketTestSession, sim: Simulator) -> Messages:
    """Connect and authenticate; the answer."""
    assert receive(socket) == [{"T": "success", "msg": "connected"}]
    return say(socket, action="auth", key=sim.keys[0], secret=sim.keys[1])


def heard(sim: Simulator, feed: str, until: datetime, **wanted: list[str]) -> list[tuple[datetime, dict[str, Any]]]:
    """What a client hears with these subscriptions: the virtual time of each message, and the message."""
    found = []
    with client_of(sim).websocket_connect(f"/v2/{feed}") as socket:
        greet(socket, sim)
        say(socket, action="subscribe", **wanted)
        while sim.now < until:
            before = sim.sent()["market_data"]
            sim.advance(until)
            due = sim.sent()["market_data"] - before
            while due:
                frame = receive(socket)
                due -= len(frame)
                found += [(sim.now, message) for message in frame]
    return found


def test_late_and_wrong_prints_are_told_half_a_minute_after_their_minute() -> None:
    """A late trade comes with a `u`, a canceled one as `x` with a `u`, a corrected one as `c` with a `u`."""
    sim = simulator(data_entitlement="paid")
    incidents = sim.feeds["sip"].incidents
    incidents.order("SPY", OPEN + MINUTE, "canceled")
    incidents.order("AAPL", OPEN + MINUTE, "corrected")
    incidents.order("NVDA", OPEN + 2 * MINUTE, "late")
    told = heard(sim, "sip", OPEN + 5 * MINUTE, **EVERYTHING)
    restated = [(at, message) for at, message in told if message["T"] in "ucx"]
    assert {message["T"] for _, message in restated} == {"u", "c", "x"}
    assert {at.second for at, _ in restated} == {30}
    updates = [(at, message) for at, message in restated if message["T"] == "u"]
    assert all(at == datetime.fromisoformat(message["t"]) + MINUTE + 30 * SECOND for at, message in updates)
    late = [m for at, m in told if m["T"] == "t" and at - datetime.fromisoformat(m["t"]) > 29 * SECOND]
    assert late
    by_id = {(m["S"], m["i"]): m for _, m in told if m["T"] == "t"}
    for _, message in restated:
        if message["T"] == "x":
            trade = by_id[message["S"], message["i"]]
            assert (message["p"], message["s"], message["a"]) == (trade["p"], trade["s"], "C")
        if message["T"] == "c":
            trade = by_id[message["S"], message["oi"]]
            assert (message["op"], message["os"], message["oc"]) == (trade["p"], trade["s"], trade["c"])
            assert message["cp"] != message["op"]


def test_the_bar_and_its_update_differ_by_the_late_print() -> None:
    """`b` lacks the shares that `u` has, and the trade told with the `u` is the difference."""
    sim = simulator(late_prints="some")
    told = [m for _, m in heard(sim, "iex", OPEN + 60 * MINUTE, bars=["*"], updatedBars=["*"], trades=["SPY"])]
    first = {(m["S"], m["t"]): m for m in told if m["T"] == "b"}
    updated = [m for m in told if m["T"] == "u"]
    assert updated
    for bar in updated:
        assert first[bar["S"], bar["t"]]["v"] < bar["v"]


def test_messages_come_in_time_order_each_at_its_own_instant() -> None:
    """Trades carry the instant they are sent at, bars are 0.4 s behind their minute."""
    for at, message in heard(simulator(), "iex", OPEN + 3 * MINUTE, trades=["SPY"], quotes=["SPY"], bars=["SPY"]):
        moment = datetime.fromisoformat(message["t"])
        assert at == (moment + MINUTE + timedelta(milliseconds=400) if message["T"] == "b" else moment)


def test_a_halt_is_told_when_it_begins_and_ends() -> None:
    """Statuses of the market at their instants, with code, reason and their texts; price bands as they change."""
    market = scenario("halt_and_gap", 7)
    hours = market.sessions(date(2025, 1, 1), date(2027, 12, 31))
    statuses = market.statuses(hours[0].open, hours[-1].close)
    start = statuses[0].at - 2 * MINUTE
    sim = Simulator(market, seed=1, start=start, switches=Switches(iex_volume="full"))
    told = heard(sim, "iex", statuses[-1].at + MINUTE, statuses=["*"], lulds=["*"])
    spoken = [(at, m["S"], m["sc"], m["rc"]) for at, m in told if m["T"] == "s"]
    assert spoken == [(status.at, status.symbol, status.code, status.reason) for status in statuses]
    bands = [m for _, m in told if m["T"] == "l"]
    assert bands
    assert all(0 < m["d"] < m["u"] for m in bands)


def test_the_delayed_feed_is_the_consolidated_one_a_quarter_of_an_hour_late() -> None:
    """The same messages as on sip, each 15 minutes later."""
    wanted = {"bars": ["SPY"], "trades": ["SPY"]}
    at_once = heard(simulator(data_entitlement="paid"), "sip", OPEN + 2 * MINUTE, **wanted)
    late = heard(simulator(OPEN), "delayed_sip", OPEN + 17 * MINUTE, **wanted)
    shift = 15 * MINUTE
    assert at_once
    assert [(at - shift, m) for at, m in late if at > OPEN + shift] == at_once


def test_iex_bars_on_the_stream_are_those_of_history() -> None:
    """The share of the tape, the same over both ways."""
    sim = simulator(iex_volume="share")
    told = [m for _, m in heard(sim, "iex", OPEN + 10 * MINUTE + SECOND, bars=["AAPL"])]
    rows = sim.feeds["iex"].rows("AAPL", OPEN, OPEN + 10 * MINUTE, sim.now)
    assert [(m["c"], m["v"], m["n"]) for m in told] == [(row.close, row.volume, row.trade_count) for row in rows]
    assert sum(m["v"] for m in told) < 0.05 * sum(r.volume for r in MARKET.rows("AAPL", OPEN, OPEN + 10 * MINUTE))


@pytest.mark.parametrize("path", ["/v1beta1/overnight", "/v1beta1/boats"])
def test_venues_without_trading_speak_and_stay_silent(path: str) -> None:
    """Authentication and subscriptions as everywhere; nothing trades there."""
    sim = simulator(data_entitlement="paid")
    with client_of(sim).websocket_connect(path) as socket:
        assert greet(socket, sim) == [{"T": "success", "msg": "authenticated"}]
        assert say(socket, action="subscribe", bars=["*"])[0]["bars"] == ["*"]
        sim.advance(OPEN + 5 * MINUTE)
        assert sim.sent()["market_data"] == 0


def test_the_news_stream_speaks() -> None:
    """It has one channel of its own and knows no others."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v1beta1/news") as socket:
        greet(socket, sim)
        assert say(socket, action="subscribe", news=["*", "AAPL"]) == [{"T": "subscription", "news": ["*", "AAPL"]}]
        assert say(socket, action="unsubscribe", news=["*"]) == [{"T": "subscription", "news": ["AAPL"]}]
        assert say(socket, action="subscribe", bars=["SPY"])[0]["code"] == 410


@pytest.mark.parametrize(("is_on", "answer"), [(True, "authenticated"), (False, None)])
def test_keys_in_the_handshake_authenticate(is_on: bool, answer: str | None) -> None:
    """With the switch on, "authenticated" follows "connected" by itself; off, the headers mean nothing."""
    sim = simulator(stream_header_auth=is_on)
    headers = {"APCA-API-KEY-ID": sim.keys[0], "APCA-API-SECRET-KEY": sim.keys[1]}
    with client_of(sim).websocket_connect("/v2/iex", headers=headers) as socket:
        receive(socket)
        if answer:
            assert receive(socket) == [{"T": "success", "msg": answer}]
        code = say(socket, action="auth", key=sim.keys[0], secret="wrong")[0]["code"]
        assert code == (403 if is_on else 402)


def test_wrong_keys_in_the_handshake_are_refused_and_forgiven() -> None:
    """402, and a message may still authenticate."""
    sim = simulator()
    headers = {"APCA-API-KEY-ID": "nobody", "APCA-API-SECRET-KEY": "nothing"}
    with client_of(sim).websocket_connect("/v2/iex", headers=headers) as socket:
        receive(socket)
        assert receive(socket)[0]["code"] == 402
        assert say(socket, action="auth", key=sim.keys[0], secret=sim.keys[1])[0]["T"] == "success"


def test_a_heartbeat_is_not_answered() -> None:
    """The one-byte frame of the JavaScript client is no message."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greet(socket, sim)
        socket.send_bytes(b"\x01")
        assert say(socket, action="subscribe", bars=[])[0]["T"] == "subscription"


@pytest.mark.parametrize("content", [b"\xc1", b"\x91", msgpack.packb([1]), b"\xff" * 100, b"\x81" * 3000])
def test_broken_messagepack_is_a_syntax_error(content: bytes) -> None:
    """Error 400 in MessagePack, and the connection stays."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex", headers={"Content-Type": "application/msgpack"}) as socket:
        socket.receive_bytes()
        socket.send_bytes(content)
        assert msgpack.unpackb(socket.receive_bytes())[0]["code"] == 400


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"bars": [f"S{k}" for k in range(50_001)]}, 405),
        ({"bars": ["A" * 33]}, 400),
        ({"bars": [None]}, 400),
        ({"bars": {"SPY": 1}}, 400),
        ({"lulds": ["*"], "imbalances": ["*"]}, 410),
    ],
)
def test_absurd_subscriptions_change_nothing(wanted: dict[str, Any], code: int) -> None:
    """Too many, too long, of the wrong type, unknown: the error of each, and the old subscriptions stay."""
    sim = simulator()
    with client_of(sim).websocket_connect("/v2/iex") as socket:
        greet(socket, sim)
        say(socket, action="subscribe", bars=["SPY"])
        assert say(socket, action="subscribe", **wanted)[0]["code"] == code
        assert say(socket, action="subscribe")[0]["bars"] == ["SPY"]


def test_a_lost_client_keeps_its_place_when_the_switch_says_so() -> None:
    """406 until the virtual time of the switch is over; a client that said goodbye frees its place at once."""
    sim = simulator(dead_client_s=90)
    client = client_of(sim)
    with client.websocket_connect("/v2/iex") as lost:
        greet(lost, sim)
        lost.send({"type": "websocket.disconnect", "code": 1005})
    with client.websocket_connect("/v2/iex") as second:
        assert greet(second, sim)[0]["code"] == 406
        sim.advance(OPEN + 91 * SECOND)
        assert say(second, action="auth", key=sim.keys[0], secret=sim.keys[1])[0]["T"] == "success"
        second.close(1000)
    with client.websocket_connect("/v2/iex") as third:
        assert greet(third, sim)[0]["T"] == "success"


def test_places_are_counted_by_account_and_feed() -> None:
    """One connection to each feed, and another account has its own."""
    sim = simulator()
    client = client_of(sim)
    with client.websocket_connect("/v2/iex") as one, client.websocket_connect("/v2/test") as other:
        assert greet(one, sim)[0]["T"] == "success"
        assert greet(other, sim)[0]["T"] == "success"
        with client.websocket_connect("/v2/iex") as more:
            assert greet(more, sim) == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]


def test_a_client_that_lets_too_much_pile_up_is_told_and_put_out() -> None:
    """407, then the connection ends; the bars go on for the others and nobody waits."""
    sim = simulator(stream_connections=None)
    client = client_of(sim, most_waiting=2000)
    with client.websocket_connect("/v2/iex") as slow, client.websocket_connect("/v2/iex") as quick:
        greet(slow, sim)
        greet(quick, sim)
        say(slow, action="subscribe", bars=[f"S{k}" for k in range(300)], trades=[])
        while (last := receive(slow))[0]["T"] == "subscription":
            pass
        assert last == [{"T": "error", "code": 407, "msg": "slow client"}]
        with pytest.raises(WebSocketDisconnect):
            receive(slow)
        say(quick, action="subscribe", bars=["SPY"])
        sim.advance(OPEN + 2 * MINUTE)
        assert receive(quick)[0]["S"] == "SPY"
        assert sim.connected()["market_data"] == 1


@pytest.mark.parametrize(
    ("kind", "path", "asked"),
    [
        (market_data, "/v1beta1/{feed}", {"action": "subscribe", "bars": ["AAPL"]}),
        (market_data, "/v2/{feed}", {"action": "nonsense"}),
        (trade_updates, "/stream", {"action": "listen", "data": {"streams": []}}),
    ],
)
def test_a_client_that_asks_without_pause_leaves_the_others_their_turns(
    kind: ModuleType, path: str, asked: dict[str, Any]
) -> None:
    """Hundred questions that lie ready are answered one by one: whoever shares the loop is not kept waiting for the last."""
    sim = simulator()
    questions = [orjson.dumps(asked).decode()] * 100
    serve = next(route.endpoint for route in kind.routes(sim) if route.path == path)

    async def play() -> int:
        turns = 0
        coming: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        coming += [{"type": "websocket.receive", "text": question} for question in questions]
        coming += [{"type": "websocket.disconnect", "code": 1000, "reason": ""}]

        async def receive_frame() -> dict[str, Any]:
            return coming.pop(0)

        async def take_frame(_frame: MutableMapping[str, Any]) -> None:
            """Reads what comes."""

        scope = {
            "type": "websocket",
            "path": path,
            "headers": [],
            "path_params": {"feed": "iex" if "v2" in path else "boats"},
        }
        session = asyncio.create_task(serve(WebSocket(scope, receive_frame, take_frame)))
        while not session.done():
            turns += 1
            await asyncio.sleep(0)
        await session
        return turns

    assert asyncio.run(play()) > len(questions)
