"""The simulator as a service: a wall-clock driver, a whole generated day, and where time may not go."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from alpaca_trader.simulator import GeneratedMarket, Simulator, SimulatorServer, Switches, running_simulator
from alpaca_trader.simulator.exchange.orders import SimOrder
from tests.simulator.tiny import OPEN, run_to
from tests.simulator.trading.test_rest import make_sim

SYMBOLS = ["AAPL", "KO", "MSFT", "QQQ", "SPY"]
END = datetime(2026, 11, 20, 21, 5, tzinfo=UTC)


def test_a_taken_port_is_one_clear_error() -> None:
    """It names the address and what to do."""
    server = SimulatorServer(make_sim())
    server.start()
    try:
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{server.port}.*choose another port"):
            SimulatorServer(make_sim(), server.port)
    finally:
        server.stop()


@pytest.mark.parametrize("path", ["/v2/events/trades", "/v2beta1/events/activities"])
def test_a_server_that_ends_while_somebody_listens_has_nothing_to_complain_about(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Event streams never end by themselves, and a client may not read: both are cut off, and nobody reports an error."""
    with running_simulator(make_sim()) as running:
        keys = {"APCA-API-KEY-ID": running.key, "APCA-API-SECRET-KEY": running.secret}
        answer = requests.get(running.url + path, headers=keys, stream=True, timeout=5)
        assert answer.status_code == 200
    answer.close()
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_time_never_goes_back_and_needs_a_zone() -> None:
    """advance to the past stays where it is; a naive time is refused, as is an unknown profile."""
    sim = make_sim()
    assert sim.advance(OPEN) == OPEN + timedelta(seconds=1)
    with pytest.raises(ValueError, match="has no time zone"):
        sim.advance(datetime(2026, 11, 20, 15, 0))  # noqa: DTZ001  # naive on purpose
    with pytest.raises(ValueError, match="has no time zone"):
        make_sim(start=datetime(2026, 11, 20, 15, 0))  # noqa: DTZ001  # naive on purpose
    with pytest.raises(ValueError, match="profile 'gold' is unknown; use one of live467, paper100k"):
        make_sim(profile="gold")


def whole_day(folder: Path | None) -> Simulator:
    """Buy five symbols at a generated open, protect each with a stop, re-arm what is stopped out, and let the day end."""
    market = GeneratedMarket(seed=21, symbols=SYMBOLS, day=date(2026, 11, 20), history_days=2)
    start = datetime(2026, 11, 20, 14, 29, tzinfo=UTC)
    sim = Simulator(market, seed=21, start=start, switches=Switches(rate_limit=None), state_dir=folder)
    stops: dict[str, SimOrder] = {}
    while sim.now < END:
        run_to(sim, min(sim.now + timedelta(minutes=5), END))
        for view in sim.exchange.positions():
            if sim.exchange.is_open and view.qty_available > 0:
                price = (view.price * Decimal("0.997")).quantize(Decimal("0.01"))
                fields = {"type": "stop", "side": "sell", "time_in_force": "day", "stop_price": price}
                symbol = view.asset.symbol
                stops[symbol] = sim.exchange.submit({"symbol": symbol, "qty": view.qty_available, **fields})
        for symbol in SYMBOLS if sim.exchange.is_open else []:
            if not sim.exchange.book.open_orders(symbol):
                sim.exchange.submit(
                    {"symbol": symbol, "notional": "40", "side": "buy", "type": "market", "time_in_force": "day"}
                )
    return sim


def test_a_generated_day_is_traded_and_replayed_to_the_same_end(tmp_path: Path) -> None:
    """Fills, stops and fees of a whole day add up, twice alike, and once more from the command log."""
    first, second = whole_day(tmp_path), whole_day(None)
    fills = first.exchange.activities()
    assert len(fills) > 50
    assert list(fills) == list(second.exchange.activities())
    view = first.exchange.account()
    assert view == second.exchange.account()
    assert abs(view.equity - view.cash - sum(p.qty * p.price for p in first.exchange.positions())) == 0
    first.close()
    market, switches = first.market, Switches(rate_limit=None)
    replayed = Simulator(market, seed=21, start=first.start, switches=switches, state_dir=tmp_path)
    assert replayed.now == first.now
    assert list(replayed.exchange.activities()) == list(fills)
    assert replayed.exchange.account() == view
    replayed.close()
