"""The client's contract, held against the simulated broker over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from alpaca_trader.core.errors import AuthRefused, OrderRefused, RefusalKind
from alpaca_trader.core.models import Order, OrderRole, OrderType
from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.simulator import GeneratedMarket, Simulator, Switches, running_simulator
from tests.edge.canned import approved, stop_of

DAY = date(2026, 11, 20)
OPEN = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


@contextmanager
def broker(
    start: datetime = OPEN + timedelta(minutes=30),
    switches: Switches | None = None,
    secret: str = "",
) -> Iterator[tuple[Simulator, AlpacaClient]]:
    """A simulated account of $467 and a client of it."""
    market = GeneratedMarket(seed=7, symbols=["AAPL", "KO"], day=DAY, history_days=2)
    sim = Simulator(
        market, seed=7, start=start, switches=switches or Switches(partial_fills="never", iex_volume="full")
    )
    with running_simulator(sim) as running:
        keys = Credentials(Secret(running.key), Secret(secret or running.secret), "test")
        where = Endpoints.simulated(running.url, running.ws_url)
        client = AlpacaClient(keys, endpoints=where, clock=DriverClock(sim))
        try:
            yield sim, client
        finally:
            client.close()


def play(sim: Simulator, seconds: float) -> None:
    """Let virtual time pass."""
    target = sim.now + timedelta(seconds=seconds)
    while sim.now < target:
        sim.advance(target)


def bought(sim: Simulator, client: AlpacaClient) -> Order:
    """A filled market buy of a quarter share."""
    client.submit_order(approved(type=OrderType.MARKET, limit_price=None))
    play(sim, 1)
    order = client.get_order_by_client_id("m-AAPL-1")
    assert order is not None
    return order


def stop_below(client: AlpacaClient, pct: int) -> Decimal:
    """A whole-cent price so many percent below the bid."""
    (quote,) = client.get_latest_quotes(["AAPL"])
    assert quote.bid is not None
    return (quote.bid * (100 - pct) / 100).quantize(Decimal("0.01"))


def refusal_of(client: AlpacaClient, **changes: object) -> RefusalKind:
    """How the broker refuses an order."""
    with pytest.raises(OrderRefused) as caught:
        client.submit_order(approved(**{"client_order_id": "second", **changes}))
    return caught.value.kind


def test_a_position_is_bought_and_protected() -> None:
    """Buy, fill, stop, move the stop, cancel it: what is believed of each step is what the broker says."""
    with broker() as (sim, client):
        entry = bought(sim, client)
        assert (entry.status, entry.filled_qty) == ("filled", Decimal("0.251752021"))
        (position,) = client.get_positions()
        assert (position.symbol, position.qty_available) == ("AAPL", entry.filled_qty)
        assert position.avg_entry_price == entry.filled_avg_price
        first = client.submit_order(stop_of(stop_price=stop_below(client, 5)))
        play(sim, 1)
        assert client.get_positions()[0].qty_available == 0
        moved = client.submit_order(
            stop_of(client_order_id="moved", replaces="m-AAPL-1-stop", stop_price=stop_below(client, 4))
        )
        play(sim, 1)
        assert moved.replaces == first.broker_order_id
        assert moved.broker_order_id != first.broker_order_id
        old = client.get_order_by_client_id("m-AAPL-1-stop")
        assert old is not None
        assert (old.status, old.replaced_by) == ("replaced", moved.broker_order_id)
        (resting,) = client.get_open_orders()
        assert (resting.client_order_id, resting.stop_price, resting.qty) == (
            "moved",
            moved.stop_price,
            entry.filled_qty,
        )
        client.cancel_order(moved.broker_order_id)
        play(sim, 1)
        assert client.get_open_orders() == []
        with pytest.raises(OrderRefused) as caught:
            client.cancel_order(moved.broker_order_id)
        assert caught.value.kind is RefusalKind.ALREADY_DONE


def test_the_brokers_refusals_arrive_as_their_kinds() -> None:
    """Each of them provoked at the broker, not written by us."""
    with broker() as (sim, client):
        bought(sim, client)
        below, above = stop_below(client, 5), stop_below(client, -5)
        assert refusal_of(client, client_order_id="m-AAPL-1") is RefusalKind.DUPLICATE_ID
        assert refusal_of(client, qty=Decimal(50)) is RefusalKind.INSUFFICIENT_BUYING_POWER
        sell = {"side": "sell", "role": OrderRole.STOP, "type": OrderType.STOP, "limit_price": None}
        assert refusal_of(client, **sell, stop_price=above) is RefusalKind.STOP_THROUGH_MARKET
        client.submit_order(stop_of(stop_price=below))
        play(sim, 1)
        assert refusal_of(client, **sell, stop_price=below) is RefusalKind.INSUFFICIENT_QTY
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(approved(client_order_id="more"))
        resting = client.get_order_by_client_id("m-AAPL-1-stop")
        assert resting is not None
        assert (caught.value.kind, caught.value.existing_order_id) == (RefusalKind.WASH_TRADE, resting.broker_order_id)
        assert refusal_of(client, symbol="NOSUCH") is RefusalKind.OTHER
        with pytest.raises(OrderRefused) as caught:
            client.cancel_order("8b1f0d0e-55c8-4c1f-b3a3-0c0a8d4c7e21")
        assert caught.value.kind is RefusalKind.NOT_FOUND
        unchanged = stop_of(client_order_id="same", replaces="m-AAPL-1-stop", stop_price=below)
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(unchanged)
        assert caught.value.kind is RefusalKind.NOT_REPLACEABLE


def test_an_order_nobody_sent_is_missing() -> None:
    """The broker's own 404, and for a replacement the same."""
    with broker() as (_, client):
        assert client.get_order_by_client_id("never-sent") is None
        with pytest.raises(OrderRefused) as caught:
            client.submit_order(stop_of(replaces="never-sent"))
        assert caught.value.kind is RefusalKind.NOT_FOUND


def test_a_day_order_ends_with_its_day() -> None:
    """A stop left at the close expires; the position stays."""
    with broker(CLOSE - timedelta(minutes=10)) as (sim, client):
        bought(sim, client)
        client.submit_order(stop_of(stop_price=stop_below(client, 8)))
        play(sim, 700)
        stop = client.get_order_by_client_id("m-AAPL-1-stop")
        assert stop is not None
        assert stop.status == "expired"
        assert not client.get_clock().is_open
        assert len(client.get_positions()) == 1


def test_account_clock_and_calendar() -> None:
    """$467 and what a purchase leaves of it; the half day after Thanksgiving."""
    with broker() as (sim, client):
        before = client.get_account()
        assert (before.equity, before.cash, before.multiplier) == (Decimal(467), Decimal(467), "1")
        assert (before.net_flows, before.pattern_day_trader) == (Decimal(0), None)
        entry = bought(sim, client)
        after = client.get_account()
        assert entry.filled_avg_price is not None
        assert abs(before.cash - after.cash - entry.filled_qty * entry.filled_avg_price) < Decimal("0.01")
        assert after.buying_power <= after.cash < before.cash
        clock = client.get_clock()
        assert (clock.timestamp, clock.is_open, clock.next_close) == (sim.now, True, CLOSE)
        days = client.get_calendar(date(2026, 11, 25), date(2026, 11, 30))
        assert [(session.day.day, (session.close - session.open).seconds / 3600) for session in days] == [
            (25, 6.5),
            (27, 3.5),
            (30, 6.5),
        ]


def test_bars_quotes_and_assets_are_the_markets() -> None:
    """Every price as the tape has it; symbols nobody knows are left out."""
    with broker() as (sim, client):
        bars = client.get_minute_bars(["KO", "NOSUCH", "AAPL"], OPEN, sim.now)
        tape = [bar for symbol in ("AAPL", "KO") for bar in sim.market.bars(symbol, OPEN, sim.now)]
        assert len(bars) == len(tape) > 50
        assert [(bar.symbol, bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars] == [
            (bar.symbol, bar.start, *(float(price) for price in (bar.open, bar.high, bar.low, bar.close)), bar.volume)
            for bar in tape
        ]
        quote = sim.market.quote("KO", sim.now)
        assert quote is not None
        assert [(seen.symbol, seen.bid, seen.ask) for seen in client.get_latest_quotes(["NOSUCH", "KO"])] == [
            ("KO", quote.bid, quote.ask)
        ]
        assert [asset.symbol for asset in client.get_assets(["KO", "NOSUCH"])] == ["KO"]
        assert [asset.symbol for asset in client.get_assets(["KO", *[f"S{n}" for n in range(25)], "AAPL"])] == [
            "KO",
            "AAPL",
        ]
        frame = client.get_bars("KO", "1Min", 10)
        assert list(frame["close"]) == [bar.close for bar in bars if bar.symbol == "KO"][-10:]
        assert frame.index[-1] == bars[-1].start


def test_a_history_of_many_pages_is_whole() -> None:
    """More bars than a page holds: none lost, none twice, none from the future."""
    with broker() as (sim, client):
        first = OPEN - timedelta(days=5)
        bars = client.get_minute_bars(["AAPL", "KO"], first, sim.now + timedelta(days=1))
        assert len(bars) == len({(bar.symbol, bar.start) for bar in bars}) > 1500
        assert max(bar.closed_at for bar in bars) == sim.now


def test_wrong_keys_are_refused_as_such() -> None:
    """Whatever is asked first, and without asking again at once."""
    with broker(secret="wrong-secret") as (_, client):
        for _ in range(2):
            with pytest.raises(AuthRefused, match="paper and live have different keys"):
                client.get_account()


def test_the_same_questions_give_the_same_answers() -> None:
    """Two brokers of one seed, asked the same over HTTP, agree to the last id and cent."""

    def story() -> list[object]:
        with broker() as (sim, client):
            entry = bought(sim, client)
            stop = client.submit_order(stop_of(stop_price=stop_below(client, 5)))
            play(sim, 3600)
            return [entry, stop, client.get_account(), client.get_positions(), client.get_open_orders()]

    assert story() == story()
