"""What the client asks, and what it makes of every kind of answer."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest

from alpaca_trader.core.errors import (
    AuthRefused,
    BadInput,
    OrderRefused,
    OutcomeUnknown,
    RefusalKind,
    Retryable,
    TraderError,
)
from alpaca_trader.core.events import Resend
from alpaca_trader.core.models import OrderRole, OrderType
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.clock import VirtualClock
from alpaca_trader.edge.transport import Timeouts
from tests.edge.canned import (
    NOW,
    ORDER_ID,
    Asked,
    Cut,
    Trick,
    approved,
    canned_server,
    client_of,
    error,
    intent,
    order_body,
    reply,
    sockets,
    stop_of,
    targets,
)
from tests.edge.real_time import StandInRealTime
from tests.edge.test_broker_json import ACCOUNT, BAR, FLOW, POSITION

GONE = error(404, 40410000, "order not found for x")


def query(asked: Asked) -> dict[str, str]:
    """The query of a request."""
    return {name: values[0] for name, values in parse_qs(asked.target.partition("?")[2]).items()}


# ---------------------------------------------------------------- submitting


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({}, {"qty": "0.251752021", "limit_price": "185.60", "type": "limit"}),
        ({"qty": Decimal("1E-9")}, {"qty": "0.000000001", "limit_price": "185.60", "type": "limit"}),
        ({"type": OrderType.MARKET, "limit_price": None}, {"qty": "0.251752021", "type": "market"}),
        (
            {"type": OrderType.STOP, "limit_price": None, "stop_price": Decimal("182.72")},
            {"qty": "0.251752021", "stop_price": "182.72", "type": "stop"},
        ),
    ],
)
def test_an_order_leaves_as_it_was_decided(changes: dict[str, object], numbers: dict[str, str]) -> None:
    """All digits as text, no exponent, no float; DAY, our id, nothing else."""
    with canned_server(reply(200, order_body())) as server, client_of(server) as client:
        order = client.submit_order(approved(**changes))
        (asked,) = server.asked
        assert (asked.method, asked.target) == ("POST", "/v2/orders")
        common = {"symbol": "AAPL", "side": "buy", "time_in_force": "day", "client_order_id": "m-AAPL-1"}
        assert json.loads(asked.body) == {**common, **numbers}
        assert (order.broker_order_id, order.status) == (ORDER_ID, "pending_new")


def test_a_resend_says_the_same_again() -> None:
    """Same id, same body; the broker's refusal of the double is the proof that it has it."""
    answers = (reply(200, order_body()), error(422, 40010001, "client_order_id must be unique"))
    with canned_server(*answers) as server, client_of(server) as client:
        client.submit_order(approved())
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(Resend(NOW, intent()))
        assert caught.value.kind is RefusalKind.DUPLICATE_ID
        assert server.asked[0].body == server.asked[1].body


LOST: list[bytes | Trick] = [
    Trick.HANG_UP,
    Trick.RESET,
    Trick.MUTE,
    reply(504, {"code": 50410000, "message": "request timed out"}),
    reply(504, "<html>504 Gateway Time-out</html>"),
    reply(500, ""),
    reply(502, "<html>"),
    error(429, 42910000, "rate limit exceeded"),
    reply(400, {"code": 40010000, "message": "failed to decode request body"}),
    reply(404, "<html>nginx</html>"),
    reply(301, "", {"Location": "/elsewhere"}),
    reply(200, ""),
    reply(200, "<html>hello</html>"),
    reply(200, b'{"id": "8b1f0d0e", "client_or'),
    reply(200, []),
    reply(200, {}),
    reply(200, order_body(status=None)),
    reply(200, order_body(qty="NaN")),
    reply(200, order_body(client_order_id="somebody-elses")),
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    b"nonsense\r\n\r\n",
    reply(200, b"[" * 100_000),
    reply(200, b'{"id": ' + b"9" * 5000 + b"}"),
    reply(200, b"\xff\xfe\x00"),
    Cut(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Len"),
    Cut(b"HTTP/1.1 20"),
    Cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n[{"),
]


def _is_json(answer: bytes) -> bool:
    """Whether its body, where it has one, can be read."""
    body = answer.partition(b"\r\n\r\n")[2]
    try:
        return not body or isinstance(json.loads(body), list | dict)
    except (ValueError, RecursionError):
        return False


def write_all() -> dict[str, Callable[[AlpacaClient], object]]:
    """Every word that creates, replaces or cancels; what is replaced was looked up before."""
    moved = stop_of(client_order_id="new", replaces="old", stop_price=Decimal("183.10"))
    return {
        "submit": lambda client: client.submit_order(approved()),
        "stop": lambda client: client.submit_order(stop_of()),
        "resend": lambda client: client.submit_order(Resend(NOW, intent())),
        "replace": lambda client: client.submit_order(moved),
        "cancel": lambda client: client.cancel_order(ORDER_ID),
    }


TAKEN = [answer for answer in LOST if isinstance(answer, bytes) and answer[9:12] == b"200" and _is_json(answer)]
"""What says nothing of use about an order, and yet that a cancel was taken: its answer needs no body."""
WORDS = [(verb, answer) for verb in write_all() for answer in LOST if not (verb == "cancel" and answer in TAKEN)]


@pytest.mark.parametrize(("verb", "answer"), WORDS, ids=lambda value: str(value)[:60])
def test_a_write_without_a_clear_answer_is_unknown_and_said_once(verb: str, answer: bytes | Trick) -> None:
    """F1, F4-F6: time-out, reset, 5xx, 429, a page of HTML, cut-off or alien JSON: the order may exist, or be gone."""
    before = [reply(200, order_body(client_order_id="old"))] if verb == "replace" else []
    with canned_server(*before, answer) as server, client_of(server, timeouts=Timeouts(1.0, 0.2)) as client:
        if before:
            client.get_order_by_client_id("old")
        with pytest.raises(OutcomeUnknown):
            write_all()[verb](client)
        assert len(server.asked) == len(before) + 1


def test_nobody_there_is_unknown_too() -> None:
    """A refused connection certainly sent nothing; one path for every doubt is safer than an exception to it."""
    with canned_server() as server, client_of(server) as client:
        pass
    with pytest.raises(OutcomeUnknown):
        client.submit_order(approved())


def test_four_times_504_is_one_post() -> None:
    """F4: the SDK alone would have sent four."""
    with canned_server(*[reply(504, "")] * 4) as server, client_of(server) as client:
        with pytest.raises(OutcomeUnknown):
            client.submit_order(approved())
        assert targets(server.asked) == ["POST /v2/orders"]


def test_a_refusal_is_classified_and_names_what_is_in_the_way() -> None:
    """F10: the body's other fields are read, the text is kept as the broker's."""
    body = error(403, 40310000, "insufficient qty available for order (requested: 0.6)", related_orders=["abc"])
    with canned_server(body) as server, client_of(server) as client:
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(stop_of())
        refusal = caught.value
        assert (refusal.kind, refusal.status, refusal.code) == (RefusalKind.INSUFFICIENT_QTY, 403, 40310000)
        assert refusal.existing_order_id == "abc"


@pytest.mark.parametrize(
    "answer",
    [
        error(401, 40110000, "request is not authorized"),
        reply(401, "<html>"),
        reply(401, {"message": "unauthorized."}),
        reply(403, {"message": "forbidden."}),
    ],
)
def test_refused_keys_stop_everything_for_a_minute(answer: bytes) -> None:
    """F9: not a refusal of the order; and one try a minute, not one a tick."""
    clock = VirtualClock(NOW)
    with canned_server(answer, reply(200, [])) as server, client_of(server, clock) as client:
        with pytest.raises(AuthRefused, match="does not accept the keys for SIM"):
            client.submit_order(approved())
        with pytest.raises(AuthRefused):
            client.get_positions()
        assert len(server.asked) == 1
        clock.advance_to(NOW + timedelta(seconds=61))
        assert client.get_positions() == []


# ---------------------------------------------------------------- replacing, cancelling, looking up


def test_a_replacement_changes_the_stop_price_alone() -> None:
    """PATCH of the remembered order; the answer is the new order."""
    new = order_body(id="new-id", client_order_id="m-AAPL-1-stop-2", replaces=ORDER_ID)
    with canned_server(reply(200, order_body(client_order_id="m-AAPL-1-stop")), reply(200, new)) as server:
        with client_of(server) as client:
            client.submit_order(stop_of())
            moved = client.submit_order(
                stop_of(client_order_id="m-AAPL-1-stop-2", replaces="m-AAPL-1-stop", stop_price=Decimal("183.10"))
            )
        assert targets(server.asked) == ["POST /v2/orders", f"PATCH /v2/orders/{ORDER_ID}"]
        assert json.loads(server.asked[1].body) == {"stop_price": "183.10", "client_order_id": "m-AAPL-1-stop-2"}
        assert (moved.broker_order_id, moved.replaces) == ("new-id", ORDER_ID)


def test_after_a_restart_the_replaced_order_is_looked_up() -> None:
    """A new process remembers nothing, so it asks by our id first."""
    old, new = order_body(client_order_id="old"), order_body(id="new-id", client_order_id="new")
    with canned_server(reply(200, old), reply(200, new)) as server, client_of(server) as client:
        client.submit_order(stop_of(client_order_id="new", replaces="old"))
        assert targets(server.asked) == ["GET /v2/orders:by_client_order_id", f"PATCH /v2/orders/{ORDER_ID}"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(GONE, RefusalKind.NOT_FOUND), (reply(503, ""), RefusalKind.POLICY), (Trick.RESET, RefusalKind.POLICY)],
)
def test_a_replacement_without_its_order_is_not_sent(answer: bytes | Trick, kind: RefusalKind) -> None:
    """Nothing left, so nothing is unknown: the old stop stands."""
    with canned_server(answer) as server, client_of(server) as client:
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(stop_of(client_order_id="new", replaces="old"))
        assert caught.value.kind is kind
        assert targets(server.asked) == ["GET /v2/orders:by_client_order_id"]


def test_a_lost_replacement_is_unknown() -> None:
    """F16: replaced or not, only a look-up tells."""
    with (
        canned_server(reply(200, order_body(client_order_id="old")), Trick.HANG_UP) as server,
        client_of(server) as client,
    ):
        client.get_order_by_client_id("old")
        with pytest.raises(OutcomeUnknown, match="replace"):
            client.submit_order(stop_of(client_order_id="new", replaces="old"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(204, b""), None),
        (reply(200, order_body()), None),
        (error(422, 42210000, "order pending cancel"), None),
        (error(422, 42210000, 'order is already in "filled" state'), RefusalKind.ALREADY_DONE),
        (GONE, RefusalKind.NOT_FOUND),
    ],
)
def test_a_cancel_is_a_request(answer: bytes, kind: RefusalKind | None) -> None:
    """Taken (or already pending) returns; nothing left to cancel is a refusal of a kind."""
    with canned_server(answer) as server, client_of(server) as client:
        if kind is None:
            client.cancel_order(ORDER_ID)
        else:
            with pytest.raises(OrderRefused) as caught:
                client.cancel_order(ORDER_ID)
            assert caught.value.kind is kind
        assert targets(server.asked) == [f"DELETE /v2/orders/{ORDER_ID}"]


def test_an_odd_order_id_stays_inside_its_path() -> None:
    """An id is data: it cannot name another endpoint."""
    with canned_server(reply(204, b"")) as server, client_of(server) as client:
        client.cancel_order("../positions?cancel_orders=true")
        assert targets(server.asked) == ["DELETE /v2/orders/..%2Fpositions%3Fcancel_orders%3Dtrue"]


def test_a_look_up_finds_or_misses() -> None:
    """None only where the broker says so itself."""
    with canned_server(reply(200, order_body()), GONE) as server, client_of(server) as client:
        found = client.get_order_by_client_id("m-AAPL-1")
        assert found is not None
        assert found.broker_order_id == ORDER_ID
        assert query(server.asked[0]) == {"client_order_id": "m-AAPL-1"}
        assert client.get_order_by_client_id("m-AAPL-1") is None


@pytest.mark.parametrize(
    "answer",
    [*LOST, error(404, 40410000, "endpoint not found."), reply(404, ""), reply(503, "")],
    ids=lambda answer: str(answer)[:60],
)
def test_a_doubtful_look_up_is_no_evidence(answer: bytes | Trick) -> None:
    """INV-3 counts misses through a healthy connection; these are none."""
    impatient = Timeouts(1.0, 0.2)
    with canned_server(answer) as server, client_of(server, timeouts=impatient) as client, pytest.raises(Retryable):
        client.get_order_by_client_id("m-AAPL-1")


# ---------------------------------------------------------------- reading


def read_all() -> dict[str, Callable[[AlpacaClient], object]]:
    """Every read of the port."""
    start = NOW - timedelta(minutes=5)
    return {
        "account": lambda client: client.get_account(),
        "positions": lambda client: client.get_positions(),
        "orders": lambda client: client.get_open_orders(),
        "clock": lambda client: client.get_clock(),
        "calendar": lambda client: client.get_calendar(date(2026, 11, 20), date(2026, 11, 20)),
        "assets": lambda client: client.get_assets(["AAPL"]),
        "many assets": lambda client: client.get_assets([f"S{n}" for n in range(30)]),
        "quotes": lambda client: client.get_latest_quotes(["AAPL"]),
        "bars": lambda client: client.get_minute_bars(["AAPL"], start, NOW),
        "frame": lambda client: client.get_bars("AAPL", "1Min", 5),
    }


UNUSABLE = [*LOST[:8], *LOST[10:16], *LOST[19:], reply(200, "null"), reply(200, {"code": 1})]
LISTS = ("positions", "orders", "calendar", "many assets")
UNUSABLE_READS = [
    (what, answer) for what in read_all() for answer in UNUSABLE if not (what in LISTS and answer == reply(200, []))
]


@pytest.mark.parametrize(("what", "answer"), UNUSABLE_READS, ids=lambda value: str(value)[:60])
def test_a_read_without_a_usable_answer_may_be_made_again(what: str, answer: bytes | Trick) -> None:
    """F6-F8: never a wrong value, never another exception. In virtual time it is asked once."""
    with canned_server(answer) as server, client_of(server, timeouts=Timeouts(1.0, 0.2)) as client:
        with pytest.raises(Retryable):
            read_all()[what](client)
        assert len(server.asked) == 1


def test_a_read_is_tried_three_times_live() -> None:
    """With a clock that passes, a short outage is invisible above; pauses lie in between."""
    clock = StandInRealTime(NOW)
    with canned_server(reply(503, ""), Trick.RESET, reply(200, [])) as server:
        with client_of(server, clock, clock.sleep) as client:
            assert client.get_positions() == []
            assert client.exchanges() == 3
        assert len(server.asked) == 3
        assert clock.monotonic() > 0.5


def test_a_429_shuts_the_gate_for_reads() -> None:
    """F7: Retry-After is honoured without asking; a stop still leaves."""
    clock = VirtualClock(NOW)
    limited = reply(429, {"code": 42910000, "message": "rate limit exceeded"}, {"Retry-After": "20"})
    stop = reply(200, order_body(client_order_id="m-AAPL-1-stop"))
    with canned_server(limited, stop, reply(200, [])) as server, client_of(server, clock) as client:
        with pytest.raises(Retryable, match="429"):
            client.get_positions()
        with pytest.raises(Retryable, match="not asked"):
            client.get_positions()
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(approved())
        assert caught.value.kind is RefusalKind.POLICY
        client.submit_order(stop_of())
        assert targets(server.asked) == ["GET /v2/positions", "POST /v2/orders"]
        clock.advance_to(NOW + timedelta(seconds=20))
        assert client.get_positions() == []


def test_the_account_comes_with_todays_flows() -> None:
    """All external transfers of the New York date, over pages, each once, the cancelled ones without weight."""
    first = [{**FLOW, "id": f"f{n}", "net_amount": "1"} for n in range(99)] + [
        {**FLOW, "id": "z", "status": "canceled"}
    ]
    second = [{**FLOW, "id": "z", "status": "canceled"}, {**FLOW, "id": "last", "net_amount": "-50.5"}]
    late = VirtualClock(datetime(2026, 11, 21, 2, 0, tzinfo=UTC))  # still Friday evening in New York
    answers = (reply(200, ACCOUNT), reply(200, first), reply(200, second))
    with canned_server(*answers) as server, client_of(server, late) as client:
        assert client.get_account().net_flows == Decimal("48.5")
        assert query(server.asked[1]) == {
            "activity_types": "CSD,CSW,JNLC,JNLS,ACATC,ACATS,FOPT",
            "date": "2026-11-20",
            "page_size": "100",
        }
        assert query(server.asked[2])["page_token"] == "z"


@pytest.mark.parametrize(
    "answer", [reply(500, ""), reply(404, "<html>"), reply(200, {}), reply(200, [{**FLOW, "net_amount": "?"}])]
)
def test_without_flows_there_is_no_account(answer: bytes) -> None:
    """To pretend 0 would turn a deposit into a profit and a withdrawal into a loss."""
    with canned_server(reply(200, ACCOUNT), answer) as server, client_of(server) as client, pytest.raises(Retryable):
        client.get_account()


def test_one_unusable_position_fails_the_read() -> None:
    """A position left out of the list would be a position without a stop."""
    with canned_server(reply(200, [POSITION])) as server, client_of(server) as client:
        assert client.get_positions()[0].symbol == "AAPL"
        server.say(reply(200, [POSITION, {**POSITION, "qty": None}]))
        with pytest.raises(Retryable, match="positions: the answer cannot be used, field 'qty'"):
            client.get_positions()


def test_open_orders_are_read_to_the_end() -> None:
    """Full pages go on from a microsecond before the last order, so that equal times are not lost, and none counts twice."""

    def page(first: int, count: int) -> bytes:
        orders = [
            order_body(id=f"o{n}", client_order_id=f"c{n}", submitted_at="2026-11-20T15:00:00.000001Z")
            for n in range(first, first + count)
        ]
        return reply(200, orders)

    with canned_server(page(0, 500), page(499, 3)) as server, client_of(server) as client:
        orders = client.get_open_orders()
        assert [order.broker_order_id for order in orders] == [f"o{n}" for n in range(502)]
        assert query(server.asked[0]) == {"status": "open", "limit": "500", "direction": "asc", "nested": "false"}
        assert query(server.asked[1])["after"] == "2026-11-20T15:00:00+00:00"
        server.say(page(0, 500), page(0, 500))
        with pytest.raises(Retryable, match="does not end"):
            client.get_open_orders()


def test_orders_since_are_those_that_ended_too() -> None:
    """What a journal is compared with: every state, from an instant on."""
    with canned_server(reply(200, [order_body(status="canceled")])) as server, client_of(server) as client:
        assert [order.status for order in client.get_orders_since(NOW)] == ["canceled"]
        asked = query(server.asked[0])
        assert (asked["status"], asked["after"]) == ("all", NOW.isoformat())


def test_an_order_that_makes_no_sense_is_left_out_of_history_and_told() -> None:
    """Somebody's odd order of last week must not keep the engine from starting; among open orders it is no answer at all."""
    told: list[str] = []
    page = reply(200, [order_body(), order_body(filled_qty="1", filled_avg_price=None)])
    with canned_server(page, page) as server, client_of(server, notes=told) as client:
        assert len(client.get_orders_since(NOW)) == 1
        assert len(told) == 1
        with pytest.raises(Retryable):
            client.get_open_orders()


def test_assets_are_asked_singly_or_in_one_list() -> None:
    """A few by name, where an unknown one is left out; many in one list, in the order asked."""
    apple = {"symbol": "AAPL", "tradable": True, "fractionable": True, "status": "active"}
    coke = {"symbol": "KO", "tradable": False, "status": "inactive"}
    with canned_server(reply(200, apple), GONE) as server, client_of(server) as client:
        assert [asset.symbol for asset in client.get_assets(["AAPL", "NO/PE"])] == ["AAPL"]
        assert targets(server.asked) == ["GET /v2/assets/AAPL", "GET /v2/assets/NO%2FPE"]
    with canned_server(reply(200, [apple, {"symbol": 7}, coke])) as server, client_of(server) as client:
        found = client.get_assets(["KO", *[f"S{n}" for n in range(30)], "AAPL"])
        assert [(asset.symbol, asset.tradable, asset.active) for asset in found] == [
            ("KO", False, False),
            ("AAPL", True, True),
        ]


# ---------------------------------------------------------------- market data


def bars_page(token: str | None, **bars: list[dict[str, object]]) -> bytes:
    """One page of bars by symbol."""
    return reply(200, {"bars": bars, "next_page_token": token})


def minute(text: str, **changes: object) -> dict[str, object]:
    """A bar that starts at this time of the day."""
    return {**BAR, "t": f"2026-11-20T{text}:00Z", "vw": 190.2, **changes}


def test_bars_come_in_pages_of_any_length() -> None:
    """Pages are joined, sorted by symbol and time; a symbol without bars and a null map are no trouble."""
    notes: list[str] = []
    pages = [
        bars_page("t1", KO=[minute("14:31")]),
        reply(200, {"bars": None, "next_page_token": "t2"}),
        bars_page("t3", AAPL=[minute("14:30"), minute("14:31", o=None)]),
        bars_page(None, AAPL=[minute("14:32")], KO=[minute("14:30")]),
    ]
    with canned_server(*pages) as server, client_of(server, notes=notes) as client:
        bars = client.get_minute_bars(["AAPL", "KO", "ZZZ"], NOW - timedelta(hours=1), NOW)
        assert [(bar.symbol, bar.start.minute) for bar in bars] == [("AAPL", 30), ("AAPL", 32), ("KO", 30), ("KO", 31)]
        asked = query(server.asked[0])
        assert (asked["symbols"], asked["timeframe"], asked["feed"], asked["limit"]) == (
            "AAPL,KO,ZZZ",
            "1Min",
            "iex",
            "10000",
        )
        assert [query(one).get("page_token") for one in server.asked] == [None, "t1", "t2", "t3"]
    assert len(notes) == 1
    assert "bar of AAPL" in notes[0]


def test_the_running_minute_is_not_a_bar_yet() -> None:
    """At 15:15:00 the bar of 15:14 is the last; the interval's end is excluded, its start included."""
    rows = [minute("15:11"), minute("15:12"), minute("15:13"), minute("15:14"), minute("15:15")]
    with canned_server(bars_page(None, KO=rows), bars_page(None, KO=rows)) as server, client_of(server) as client:
        ends = NOW + timedelta(minutes=9)
        assert [bar.start.minute for bar in client.get_minute_bars(["KO"], NOW - timedelta(minutes=3), ends)] == [
            12,
            13,
            14,
        ]
        ends = NOW - timedelta(minutes=2)
        assert [bar.start.minute for bar in client.get_minute_bars(["KO"], NOW - timedelta(minutes=3), ends)] == [12]


def test_many_symbols_are_asked_in_hundreds() -> None:
    """An address has its limits."""
    symbols = [f"S{n:03}" for n in range(250)]
    with canned_server(*[bars_page(None)] * 3) as server, client_of(server) as client:
        assert client.get_minute_bars(symbols, NOW - timedelta(hours=1), NOW) == []
        assert [len(query(one)["symbols"].split(",")) for one in server.asked] == [100, 100, 50]


def test_pages_without_end_are_given_up() -> None:
    """A server that always names a next page does not hold the loop for ever: the budget ends it."""
    with canned_server(*[bars_page("again", KO=[minute("14:30")])] * 60) as server, client_of(server) as client:
        with pytest.raises(Retryable, match="not asked"):
            client.get_minute_bars(["KO"], NOW - timedelta(hours=1), NOW)
        assert len(server.asked) < 60


def test_a_day_of_a_hundred_symbols_is_read_quickly() -> None:
    """39,000 bars, four pages: seconds of processor time would be minutes of a trading day."""
    starts = [NOW - timedelta(minutes=n) for n in range(400, 10, -1)]
    per_symbol = [{**BAR, "t": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "vw": 190.2} for start in starts]
    symbols = [f"S{n:03}" for n in range(100)]
    pages = [
        bars_page(None if last == 100 else "next", **dict.fromkeys(symbols[first:last], per_symbol))
        for first, last in ((0, 25), (25, 50), (50, 75), (75, 100))
    ]
    with canned_server(*pages) as server, client_of(server) as client:
        assert len(client.get_minute_bars(symbols, starts[0], NOW)) == 39_000


def test_a_frame_holds_the_last_complete_bars() -> None:
    """The owner's ``get_bars``: newest bars asked first, oldest row first, the running bar left out."""
    rows = [minute("15:15"), minute("15:10"), minute("15:05"), minute("15:00")]
    with canned_server(bars_page("more", KO=rows)) as server, client_of(server) as client:
        frame = client.get_bars("KO", "5Min", 4)
        asked = query(server.asked[0])
        assert (asked["timeframe"], asked["sort"], asked["limit"], asked["end"]) == (
            "5Min",
            "desc",
            "4",
            "2026-11-20T15:10:00+00:00",
        )
        assert [stamp.minute for stamp in frame.index] == [0, 5, 10]
        assert list(frame.columns) == ["open", "high", "low", "close", "volume", "trade_count", "vwap"]
        assert [stamp.tzname() for stamp in frame.index] == ["UTC"] * 3
        assert frame["close"].iloc[-1] == 190.31


@pytest.mark.parametrize("timeframe", ["", "1", "0Min", "60Min", "24Hour", "2Day", "1Week", "1min", "Min", "-1Min"])
def test_an_impossible_time_frame_is_refused_before_asking(timeframe: str) -> None:
    """The broker would answer with an error that says less."""
    with canned_server() as server, client_of(server) as client:
        with pytest.raises(BadInput, match="1Min to 59Min"):
            client.get_bars("KO", timeframe, 10)
        with pytest.raises(BadInput, match="limit 0"):
            client.get_bars("KO", "1Hour", 0)
        assert server.asked == []


def test_quotes_come_in_the_order_asked() -> None:
    """A symbol without a quote is absent, an unusable quote is told, the others arrive."""
    notes: list[str] = []
    good = {"t": "2026-11-20T15:14:59Z", "bp": 10, "ap": 10.01}
    answer = {"quotes": {"KO": good, "AAPL": good, "BAD": {"bp": 1}}}
    with canned_server(reply(200, answer)) as server, client_of(server, notes=notes) as client:
        quotes = client.get_latest_quotes(["AAPL", "BAD", "KO", "ZZZ"])
        assert [(quote.symbol, quote.bid, quote.ask) for quote in quotes] == [
            ("AAPL", Decimal(10), Decimal("10.01")),
            ("KO", Decimal(10), Decimal("10.01")),
        ]
        assert query(server.asked[0])["feed"] == "iex"
    assert notes == ["field 't' is None"]


def test_a_missing_entitlement_is_explained_in_the_brokers_words() -> None:
    """A 403 about the subscription is no matter of keys."""
    answer = error(403, 42210000, "subscription does not permit querying recent SIP data")
    with canned_server(answer) as server, client_of(server) as client:
        with pytest.raises(Retryable, match="recent SIP data"):
            client.get_latest_quotes(["KO"])
        server.say(reply(200, {"quotes": {}}))
        assert client.get_latest_quotes(["KO"]) == []


def test_exits_have_priority_over_entries() -> None:
    """The role decides: an entry meets the budget's floor, a stop does not."""
    answers = [reply(200, order_body())] * 50 + [reply(200, order_body(client_order_id="m-AAPL-1-stop"))]
    with canned_server(*answers) as server, client_of(server) as client:
        for _ in range(50):
            client.submit_order(approved())
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(approved())
        assert caught.value.kind is RefusalKind.POLICY
        assert client.submit_order(stop_of(role=OrderRole.EXIT)).client_order_id == "m-AAPL-1-stop"
        assert len(server.asked) == 51


def test_lost_answers_leave_no_socket_behind() -> None:
    """INV-25: however twenty connections end, none is open after the client is closed."""
    before = sockets()
    clock = VirtualClock(NOW)
    endings: list[bytes | Trick] = [Trick.RESET, Trick.HANG_UP, reply(503, ""), reply(200, "{")]
    with canned_server(*endings * 5) as server, client_of(server, clock=clock) as client:
        for _ in range(20):
            with pytest.raises(TraderError):
                client.get_clock()
            clock.advance_to(clock.now() + timedelta(minutes=1))
        assert len(server.asked) == 20
    assert sockets() == before
