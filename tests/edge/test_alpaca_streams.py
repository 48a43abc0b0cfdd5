"""Both streams on the simulator as it is, and on servers that behave badly."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection

from alpaca_trader.core.events import BarClosed, BarRevised, Event, ExecutionReport, StreamChanged
from alpaca_trader.core.models import Mode, OrderType
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.alpaca_streams import (
    LIVE_PATIENCE,
    VIRTUAL_PATIENCE,
    AlpacaStreams,
    StreamPatience,
)
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.edge.stream_link import AUTH_PAUSE_S
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from tests.edge.canned import CREDENTIALS, KEY, NOW, SECRET, approved, canned_server, order_body, reply, sockets
from tests.edge.canned_socket import Script, canned_socket

PATIENCE = StreamPatience(ping_s=None, silence_s=None, handshake_s=5.0)
THREADS = 4
"""Two streams, and the two servers of the test."""
IMPATIENCE = StreamPatience(ping_s=None, silence_s=None, handshake_s=0.2)


class Heard:
    """What a pair of streams said, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.notes: list[str] = []
        self._changed = threading.Condition()

    def put(self, event: Event) -> None:
        """Take an event."""
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def tell(self, note: str) -> None:
        """Take a note."""
        with self._changed:
            self.notes.append(note)
            self._changed.notify_all()

    def until(self, is_there: Callable[["Heard"], bool]) -> None:
        """Return as soon as it is there; fail after ten seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_there(self), 10), (self.events, self.notes)

    def states(self, stream: str) -> list[bool]:
        """The connects and losses of one stream."""
        return [e.connected for e in self.events if isinstance(e, StreamChanged) and e.stream == stream]

    def reports(self) -> list[ExecutionReport]:
        """News of orders."""
        return [event for event in self.events if isinstance(event, ExecutionReport)]

    def bars(self) -> list[BarClosed | BarRevised]:
        """News of the market."""
        return [event for event in self.events if isinstance(event, BarClosed | BarRevised)]


# ---------------------------------------------------------------- on the simulator


@contextmanager
def on_simulator(
    symbols: list[str], switches: Switches | None = None
) -> Iterator[tuple[Simulator, AlpacaClient, AlpacaStreams, Heard]]:
    """A simulated broker at 10:00 New York, a client and both streams, connected."""
    market = GeneratedMarket(seed=7, symbols=["AAPL", "KO", "SPY"], day=date(2026, 11, 20), history_days=1)
    start = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
    sim = Simulator(
        market, seed=7, start=start, switches=switches or Switches(partial_fills="never", iex_volume="full")
    )
    with running_simulator(sim) as running:
        keys = Credentials(Secret(running.key), Secret(running.secret), "test")
        where, clock, heard = Endpoints.simulated(running.url, running.ws_url), DriverClock(sim), Heard()
        client = AlpacaClient(keys, endpoints=where, clock=clock)
        streams = AlpacaStreams(
            keys,
            endpoints=where,
            symbols=symbols,
            clock=clock,
            put=heard.put,
            on_bad=heard.tell,
            patience=VIRTUAL_PATIENCE,
        )
        streams.start()
        try:
            assert streams.wait_connected(10)
            yield sim, client, streams, heard
        finally:
            streams.stop()
            client.close()


def play(sim: Simulator, streams: AlpacaStreams, heard: Heard, seconds: float) -> None:
    """Let virtual time pass; return when all that was sent has been received."""
    target = sim.now + timedelta(seconds=seconds)
    while sim.now < target:
        sim.advance(target)
        heard.until(lambda _: streams.received() == sim.sent())


@pytest.mark.parametrize("frames", ["binary", "text"])
def test_an_order_is_followed_to_its_fill(frames: Any) -> None:
    """Paper's binary frames and live's text frames alike: new, then fill with its execution, at the moment of virtual time."""
    with on_simulator(["AAPL"], Switches(partial_fills="never", trading_frames=frames)) as (
        sim,
        client,
        streams,
        heard,
    ):
        client.submit_order(approved(type=OrderType.MARKET, limit_price=None))
        play(sim, streams, heard, 1)
        new, fill = heard.reports()
        assert (new.event, new.source, new.at) == ("new", "stream", new.order.updated_at)
        assert (fill.event, fill.order.status, fill.order.filled_qty) == ("fill", "filled", Decimal("0.251752021"))
        assert (fill.last_qty, fill.last_price) == (fill.order.filled_qty, fill.order.filled_avg_price)
        assert fill.execution_id
        assert heard.notes == []


def test_bars_come_for_the_symbols_watched() -> None:
    """One closed bar a minute and symbol, equal to what REST says of the same minute."""
    with on_simulator(["AAPL", "SPY"]) as (sim, client, streams, heard):
        play(sim, streams, heard, 61)
        assert [(type(event), event.bar.symbol) for event in heard.bars()] == [
            (BarClosed, "AAPL"),
            (BarClosed, "SPY"),
        ] * 2
        start = heard.bars()[0].bar.start
        by_rest = client.get_minute_bars(["AAPL", "SPY"], start, start + timedelta(minutes=2))
        assert sorted((event.bar for event in heard.bars()), key=lambda bar: (bar.symbol, bar.start)) == by_rest
        assert heard.bars()[0].at == start + timedelta(seconds=60, milliseconds=400)


def test_the_symbols_watched_can_change() -> None:
    """The call returns when the broker has confirmed, so that the next minute is the new one."""
    with on_simulator(["AAPL", "SPY"]) as (sim, _, streams, heard):
        assert streams.watch(["KO", "SPY"])
        assert streams.watch(["SPY", "KO"])
        play(sim, streams, heard, 59)
        assert [event.bar.symbol for event in heard.bars()] == ["KO", "SPY"]


def test_both_streams_say_once_that_they_are_up() -> None:
    """And nothing when we close them ourselves; the threads are gone then."""
    with on_simulator(["AAPL"]) as (sim, _, streams, heard):
        assert sim.connected() == {"trade_updates": 1, "market_data": 1}
        streams.stop()
        assert (heard.states("trade_updates"), heard.states("market_data")) == ([True], [True])
        assert {thread.name for thread in threading.enumerate()} & {"trade_updates", "market_data"} == set()


def test_a_stream_that_never_started_can_be_stopped() -> None:
    """A start that failed half-way is cleaned up like any other."""
    heard = Heard()
    streams = of_script("ws://127.0.0.1:9", "ws://127.0.0.1:9", heard)
    streams.stop()
    assert heard.events == []


# ---------------------------------------------------------------- on servers that behave badly


def of_script(
    trading: str,
    data: str,
    heard: Heard,
    patience: StreamPatience = PATIENCE,
    expects_data: Callable[[], bool] = lambda: True,
) -> AlpacaStreams:
    """Streams pointed at two scripted servers."""
    where = Endpoints(Mode.SIM, "http://127.0.0.1:9", "http://127.0.0.1:9", trading, data)
    return AlpacaStreams(
        CREDENTIALS,
        endpoints=where,
        symbols=["KO"],
        clock=VirtualClock(NOW),
        put=heard.put,
        on_bad=heard.tell,
        patience=patience,
        expects_data=expects_data,
    )


@contextmanager
def scripted(
    trading: Script, data: Script, patience: StreamPatience = PATIENCE, expects_data: Callable[[], bool] = lambda: True
) -> Iterator[tuple[AlpacaStreams, Heard]]:
    """Streams running against two scripts."""
    heard = Heard()
    with canned_socket(trading) as trading_url, canned_socket(data) as data_url:
        streams = of_script(trading_url, data_url, heard, patience, expects_data)
        streams.start()
        try:
            yield streams, heard
        finally:
            streams.stop()


async def mute(connection: ServerConnection) -> None:
    """Open, and nothing more."""


async def greet_trading(connection: ServerConnection) -> None:
    """Authorize and confirm, as alpaca-contract 5.2 has it."""
    asked = json.loads(await connection.recv())
    assert asked == {"action": "authenticate", "data": {"key_id": KEY, "secret_key": SECRET}}
    await connection.send(b'{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}')
    await connection.recv()
    await connection.send('{"stream":"listening","data":{"streams":["trade_updates"]}}')


async def greet_data(connection: ServerConnection) -> None:
    """Greet, authenticate and confirm, as alpaca-contract 5.1 has it."""
    await connection.send(packed({"T": "success", "msg": "connected"}))
    assert msgpack.unpackb(await connection.recv()) == {"action": "auth", "key": KEY, "secret": SECRET}
    await connection.send(packed({"T": "success", "msg": "authenticated"}))
    asked = msgpack.unpackb(await connection.recv())
    await connection.send(packed({"T": "subscription", "bars": asked["bars"], "trades": []}))


def packed(*messages: object) -> bytes:
    """A frame of the data stream."""
    frame: bytes = msgpack.packb(list(messages))
    return frame


def speaking(greet: Script, *frames: str | bytes) -> Script:
    """Greets, then says the frames."""

    async def script(connection: ServerConnection) -> None:
        await greet(connection)
        for frame in frames:
            await connection.send(frame)

    return script


def test_a_mute_server_is_left_and_tried_again() -> None:
    """F18: open but never greeting holds the SDK for ever; our deadline ends each attempt, and stop is prompt."""
    with scripted(mute, mute, IMPATIENCE) as (streams, heard):
        heard.until(lambda heard: len(heard.notes) >= 4)
        assert not streams.wait_connected(0)
    assert heard.events == []
    assert {note.partition(":")[0] for note in heard.notes} == {"trade_updates", "market_data"}


def test_a_subscription_that_is_never_confirmed_is_no_connection() -> None:
    """Authenticated but deaf looks healthy from below."""

    async def deaf_trading(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"stream":"authorization","data":{"status":"authorized"}}')

    async def deaf_data(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        await connection.send(packed({"T": "success", "msg": "authenticated"}))

    with scripted(deaf_trading, deaf_data, IMPATIENCE) as (_, heard):
        heard.until(lambda heard: len({note.partition(":")[0] for note in heard.notes}) == 2)
    assert heard.events == []


def test_a_lost_connection_is_told_and_made_again() -> None:
    """Every loss and every return: between them the engine has to ask by REST."""
    calls = {"trading": 0, "data": 0}

    def once_lost(greet: Script, name: str) -> Script:
        async def script(connection: ServerConnection) -> None:
            await greet(connection)
            calls[name] += 1
            if calls[name] == 1:
                await connection.close()

        return script

    with scripted(once_lost(greet_trading, "trading"), once_lost(greet_data, "data")) as (_, heard):
        for stream in ("trade_updates", "market_data"):
            heard.until(lambda heard, stream=stream: heard.states(stream) == [True, False, True])  # type: ignore[misc]


def test_reconnecting_leaves_no_thread_and_no_socket_behind() -> None:
    """INV-25: after each stream was lost twice, closed and broken, there are as many as before the first."""
    made = {"trading": 0, "data": 0}

    def lost(greet: Script, name: str) -> Script:
        async def script(connection: ServerConnection) -> None:
            await greet(connection)
            made[name] += 1
            if made[name] == 1:
                await connection.close()
            elif made[name] == 2:
                connection.transport.abort()

        return script

    before = threading.active_count(), sockets()
    with scripted(lost(greet_trading, "trading"), lost(greet_data, "data"), IMPATIENCE) as (_, heard):
        for stream in ("trade_updates", "market_data"):
            heard.until(lambda heard, stream=stream: heard.states(stream) == [True, False, True, False, True])  # type: ignore[misc]
        assert threading.active_count() <= before[0] + THREADS
    assert made == {"trading": 3, "data": 3}
    assert (threading.active_count(), sockets()) == before


def test_what_comes_before_the_confirmation_is_not_lost() -> None:
    """A fill may overtake the server's "listening", a bar the list of subscriptions."""
    update = json.dumps({"stream": "trade_updates", "data": {"event": "new", "order": order_body()}})

    async def early_trading(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"stream":"authorization","data":{"status":"authorized"}}')
        await connection.recv()
        await connection.send(update)
        await connection.send('{"stream":"listening","data":{"streams":["trade_updates"]}}')

    async def early_data(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        await connection.send(packed({"T": "success", "msg": "authenticated"}))
        await connection.recv()
        await connection.send(packed(bar(), {"T": "subscription", "bars": ["KO"]}))

    with scripted(early_trading, early_data) as (streams, heard):
        assert streams.wait_connected(10)
        assert len(heard.reports()) == 1
        assert len(heard.bars()) == 1


def bar(**changes: object) -> dict[str, object]:
    """A bar message with a MessagePack timestamp."""
    start = msgpack.Timestamp.from_datetime(NOW - timedelta(minutes=1))
    body = {"T": "b", "S": "KO", "o": 1.0, "h": 2.0, "l": 0.5, "c": 1.5, "v": 100, "n": 3, "vw": 1.2, "t": start}
    return {**body, **changes}


def without(body: dict[str, object], name: str) -> dict[str, object]:
    """The body lacking a field."""
    return {key: value for key, value in body.items() if key != name}


def test_no_message_breaks_the_market_data_stream() -> None:
    """Unknown kinds, missing and unusable fields are left out and told; whatever was sent is counted; the rest arrives."""
    frames = [
        packed(
            {"T": "zz", "S": "KO"}, bar(o="x"), without(bar(), "t"), without(bar(), "S"), bar(S=7), bar(c=float("nan"))
        ),
        packed(without(without(bar(), "n"), "vw"), bar(T="u", brand_new={"x": 1}), bar(t="2026-11-20T15:13:00Z")),
        packed({"T": "error", "code": 405, "msg": "symbol limit exceeded"}),
        b"\xc1 no msgpack",
        packed("no object"),
        packed(7),
        b"",
        packed(bar(v=999)),
    ]
    with scripted(greet_trading, speaking(greet_data, *frames)) as (streams, heard):
        heard.until(lambda heard: any(event.bar.volume == 999 for event in heard.bars()))
        heard.until(lambda _: streams.received()["market_data"] == 9)
        assert [type(event) for event in heard.bars()] == [BarClosed, BarRevised, BarClosed, BarClosed]
        assert heard.bars()[0].bar.start == NOW - timedelta(minutes=1)
        assert heard.bars()[0].bar.vwap is None
        assert heard.bars()[0].at == NOW
        assert heard.states("market_data") == [True]
        assert sum("left out" in note for note in heard.notes) == 4
        assert any("405 symbol limit exceeded" in note for note in heard.notes)


def trade_update(**changes: object) -> str:
    """A trade_updates message with some fields of its data changed."""
    data = {"event": "fill", "execution_id": "e1", "price": "190.1", "qty": "0.5", "order": order_body(), **changes}
    return json.dumps({"stream": "trade_updates", "data": data})


def test_no_message_breaks_the_trading_stream() -> None:
    """New events and states pass as words; an update without its order is told; garbage is survived."""
    frames = [
        trade_update(event="trade_teleported", order=order_body(status="quantum"), at=None),
        trade_update(order=None),
        trade_update(order=order_body(id=None)),
        trade_update(price="NaN"),
        trade_update(event=None),
        json.dumps({"stream": "trade_updates"}),
        json.dumps({"stream": "account_updates", "data": {}}),
        json.dumps({"action": "error", "data": {"error_message": f"who is {KEY}?"}}),
        "garbage {",
        "[]",
        trade_update(event="canceled", price=None, qty=None, execution_id=None),
        trade_update(execution_id="last"),
    ]
    with scripted(speaking(greet_trading, *frames), greet_data) as (streams, heard):
        heard.until(lambda heard: any(report.execution_id == "last" for report in heard.reports()))
        heard.until(lambda _: streams.received()["trade_updates"] == 8)
        strange, canceled, last = heard.reports()
        assert (strange.event, strange.order.status) == ("trade_teleported", "quantum")
        assert (canceled.execution_id, canceled.last_qty, canceled.last_price) == (None, None, None)
        assert (last.last_qty, last.last_price, last.at) == (Decimal("0.5"), Decimal("190.1"), NOW)
        assert heard.states("trade_updates") == [True]
        assert sum("left out" in note for note in heard.notes) == 5
        assert any("who is (hidden)?" in note for note in heard.notes)


def test_a_receiver_that_fails_does_not_deafen_the_stream() -> None:
    """Whatever ``put`` raises, the next message is heard, and both are counted."""
    heard, failures = Heard(), [ValueError("full")]

    def put(event: Event) -> None:
        if isinstance(event, ExecutionReport) and failures:
            raise failures.pop()
        heard.put(event)

    with (
        canned_socket(speaking(greet_trading, trade_update(), trade_update())) as url,
        canned_socket(greet_data) as data,
    ):
        where = Endpoints(Mode.SIM, "http://127.0.0.1:9", "http://127.0.0.1:9", url, data)
        streams = AlpacaStreams(
            CREDENTIALS,
            endpoints=where,
            symbols=["KO"],
            clock=VirtualClock(NOW),
            put=put,
            on_bad=heard.tell,
            patience=PATIENCE,
        )
        streams.start()
        heard.until(lambda heard: len(heard.reports()) == 1)
        heard.until(lambda _: streams.received()["trade_updates"] == 2)
        streams.stop()
    assert heard.notes == ["trade_updates: a message was left out: ValueError"]


def refuse_trading(said: list[float]) -> Script:
    """Refuses the keys and keeps when it was asked."""

    async def script(connection: ServerConnection) -> None:
        await connection.recv()
        said.append(asyncio.get_running_loop().time())
        await connection.send('{"stream":"authorization","data":{"status":"unauthorized","action":"authenticate"}}')

    return script


def test_refused_keys_are_tried_once_a_minute() -> None:
    """F9, on both streams; and stop does not wait for the minute."""
    tried: list[float] = []

    async def refuse_data(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        tried.append(asyncio.get_running_loop().time())
        await connection.send(packed({"T": "error", "code": 402, "msg": "auth failed"}))

    with scripted(refuse_trading(tried), refuse_data) as (streams, heard):
        heard.until(lambda heard: len(heard.notes) == 2)
        for link in streams._links:
            assert link.pause_s(1.0) == AUTH_PAUSE_S
    assert len(tried) == 2
    assert sorted(heard.notes) == [
        "market_data: error during websocket communication: auth failed",
        "trade_updates: error during websocket communication: failed to authenticate",
    ]


def test_a_connection_limit_is_tried_with_growing_pauses() -> None:
    """F19: 406 until the broker has noticed that our last connection is dead; the usual pauses, not a minute."""
    refusals = [packed({"T": "error", "code": 406, "msg": "connection limit exceeded"})]

    async def script(connection: ServerConnection) -> None:
        if refusals:
            await connection.send(packed({"T": "success", "msg": "connected"}))
            await connection.recv()
            await connection.send(refusals.pop())
        else:
            await greet_data(connection)

    with scripted(greet_trading, script) as (_, heard):
        heard.until(lambda heard: heard.states("market_data") == [True])
    assert heard.notes == ["market_data: error during websocket communication: connection limit exceeded"]


def test_a_feed_without_right_is_told_and_not_hammered() -> None:
    """The SDK gives up for good; we say so and begin anew a minute later."""

    async def script(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        await connection.send(packed({"T": "error", "code": 409, "msg": "insufficient subscription"}))

    with scripted(greet_trading, script) as (_, heard):
        heard.until(lambda heard: any("begun anew in 60 s" in note for note in heard.notes))
    assert any("insufficient subscription" in note for note in heard.notes)


def test_the_keys_do_not_follow_a_redirect() -> None:
    """F52: a server that sends us to another address gets no keys there."""
    received: list[object] = []

    async def thief(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        received.append(await connection.recv())

    with canned_socket(thief) as elsewhere, redirecting(elsewhere) as door:
        heard = Heard()
        streams = of_script(door, door, heard)
        streams.start()
        heard.until(lambda heard: sum("keys were not sent" in note for note in heard.notes) >= 2)
        streams.stop()
    assert received == []


@contextmanager
def redirecting(target: str) -> Iterator[str]:
    """A server that answers every handshake with a redirect to ``target``."""
    with canned_server(*[reply(302, "", {"Location": target})] * 20) as server:
        yield server.url.replace("http", "ws")


def test_silence_counts_while_data_is_expected() -> None:
    """Open but without data: left alone while none is due; connected anew after ``silence_s`` once it is."""
    expected = threading.Event()

    async def quiet(connection: ServerConnection) -> None:
        await greet_data(connection)
        await asyncio.to_thread(expected.wait)
        await connection.send(packed({"T": "success", "msg": "no data, but it lets the client look at its clock"}))

    patience = StreamPatience(ping_s=None, silence_s=0.05, handshake_s=5.0)
    with scripted(greet_trading, quiet, patience, expected.is_set) as (streams, heard):
        assert streams.wait_connected(10)
        assert heard.states("market_data") == [True]
        expected.set()
        heard.until(lambda heard: heard.states("market_data")[:3] == [True, False, True])
        assert heard.states("trade_updates") == [True]
        assert "no data received on data stream" in heard.notes[0]


def test_the_night_does_not_count_as_silence() -> None:
    """At the open the last bar is seventeen hours old; patience begins when the next is due, and data renews it."""

    async def at_the_open() -> list[float | None]:
        is_open: list[bool] = []
        stream = of_script(
            "ws://127.0.0.1:9", "ws://127.0.0.1:9", Heard(), LIVE_PATIENCE, lambda: bool(is_open)
        )._market
        stream._heard_at_s = asyncio.get_running_loop().time() - 17 * 3600
        allowed = [stream._data_timeout]
        is_open.append(True)
        allowed.append(stream._data_timeout)
        await stream._dispatch(bar())
        allowed.append(stream._data_timeout)
        is_open.clear()
        return [*allowed, stream._data_timeout]

    night, at_open, after_a_bar, next_night = asyncio.run(at_the_open())
    assert (night, next_night) == (None, None)
    assert at_open == pytest.approx(17 * 3600 + 180, abs=5)
    assert after_a_bar == 180


def test_watching_without_a_connection_waits_for_the_next() -> None:
    """The symbols are remembered; a change that the broker does not confirm is said not to be."""
    asked: list[Any] = []
    go = threading.Event()

    async def script(connection: ServerConnection) -> None:
        await connection.send(packed({"T": "success", "msg": "connected"}))
        await connection.recv()
        if not go.is_set():
            return
        await connection.send(packed({"T": "success", "msg": "authenticated"}))
        asked.append(msgpack.unpackb(await connection.recv()))
        await connection.send(packed({"T": "subscription", "bars": asked[-1]["bars"]}))

    with scripted(greet_trading, script, IMPATIENCE) as (streams, heard):
        assert streams.watch(["SPY", "QQQ"])
        go.set()
        heard.until(lambda heard: heard.states("market_data") == [True])
        assert asked == [{"action": "subscribe", "bars": ["QQQ", "SPY"], "updatedBars": ["QQQ", "SPY"]}]
        assert not streams.watch(["KO"])
        assert any("not confirmed" in note for note in heard.notes)


def test_the_sdks_own_log_stays_away(capfd: pytest.CaptureFixture[str]) -> None:
    """Refused connections wrote 13 GB a day through it; with everything at DEBUG nothing of it reaches log or screen."""
    records: list[logging.LogRecord] = []
    root = logging.getLogger()

    class Watcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    watcher = Watcher()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(watcher)
    try:
        with scripted(speaking(greet_trading, "garbage {"), mute, IMPATIENCE) as (_, heard):
            heard.until(lambda heard: len(heard.notes) >= 2)
    finally:
        root.removeHandler(watcher)
        root.setLevel(before)
    assert [record.name for record in records if record.name.startswith(("alpaca", "websockets"))] == []
    assert "websocket" not in "".join(capfd.readouterr())
