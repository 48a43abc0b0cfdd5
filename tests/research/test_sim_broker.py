"""The broker port by direct calls says what the same exchange says over the wire."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from alpaca_trader.edge.alpaca_client import AlpacaClient
from alpaca_trader.edge.credentials import Credentials
from alpaca_trader.edge.endpoints import Endpoints
from alpaca_trader.edge.secret import Secret
from alpaca_trader.edge.simulated_feed import DriverClock
from alpaca_trader.research.sim_broker import SimBroker
from alpaca_trader.simulator import GeneratedMarket, Simulator, running_simulator

START = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def test_deposits_and_withdrawals_are_flows_of_their_day() -> None:
    """$100 in and $20 out today are 80 of flows, over the wire too; tomorrow they are history."""
    sim = Simulator(GeneratedMarket(7, ["AAPL"], date(2026, 11, 20), days=2, history_days=1), seed=7, start=START)
    sim.exchange.transfer(Decimal(100))
    sim.exchange.transfer(Decimal(-20))
    direct = SimBroker(sim).get_account()
    assert (direct.net_flows, direct.flows_on, direct.cash) == (Decimal(80), date(2026, 11, 20), Decimal(547))
    with running_simulator(sim) as running:
        keys = Credentials(Secret(running.key), Secret(running.secret), "test")
        endpoints = Endpoints.simulated(running.url, running.ws_url)
        client = AlpacaClient(keys, endpoints=endpoints, clock=DriverClock(sim))
        wired = client.get_account()
        client.close()
    assert (wired.net_flows, wired.flows_on, wired.cash) == (direct.net_flows, direct.flows_on, direct.cash)
    assert wired.intraday_adjustments == 80
    while sim.now < START + timedelta(days=3):
        sim.advance(START + timedelta(days=3))
    assert SimBroker(sim).get_account().net_flows == 0
